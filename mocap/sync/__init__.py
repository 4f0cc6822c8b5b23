"""Time stamps and clocks of several cameras -> ``SyncTable``, and tracks brought to its instants.

Cameras that started on their own: ``sound``, ``light``, ``motion``, ``geometry``, ``board`` and
``timecode`` say how far the
clocks of two cameras are apart, each with its error; ``fuse`` joins what they say.
"""

from mocap.sync.board import BoardSolved, solve_board
from mocap.sync.clocks import Clocks, Link, Method, Silence
from mocap.sync.files import SYNC_FILE, Told, read_clocks, read_told, write_clocks
from mocap.sync.fuse import CRYSTAL, Fusion, fuse, tied
from mocap.sync.geometry import Solved, solve_geometry
from mocap.sync.instants import at_instants
from mocap.sync.light import Changes, find_changes, match_changes
from mocap.sync.listen import Sound, read_sound
from mocap.sync.motion import Moved, compare_motion
from mocap.sync.seen import Seen
from mocap.sync.sound import Heard, compare_sounds
from mocap.sync.table import from_frame_times
from mocap.sync.timecode import compare_stamps, read_stamp
from mocap.sync.timestamps import TIMESTAMPS_FILE, read_timestamps_csv, written_times

__all__ = [
    "CRYSTAL",
    "SYNC_FILE",
    "TIMESTAMPS_FILE",
    "BoardSolved",
    "Changes",
    "Clocks",
    "Fusion",
    "Heard",
    "Link",
    "Method",
    "Moved",
    "Seen",
    "Silence",
    "Solved",
    "Sound",
    "Told",
    "at_instants",
    "compare_motion",
    "compare_sounds",
    "compare_stamps",
    "find_changes",
    "from_frame_times",
    "fuse",
    "match_changes",
    "read_clocks",
    "read_sound",
    "read_stamp",
    "read_timestamps_csv",
    "read_told",
    "solve_board",
    "solve_geometry",
    "tied",
    "write_clocks",
    "written_times",
]
