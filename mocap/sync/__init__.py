"""Time stamps and clocks of several cameras -> ``SyncTable``, and tracks brought to its instants."""

from mocap.sync.instants import at_instants
from mocap.sync.table import from_frame_times
from mocap.sync.timestamps import TIMESTAMPS_FILE, read_timestamps_csv, written_times

__all__ = ["TIMESTAMPS_FILE", "at_instants", "from_frame_times", "read_timestamps_csv", "written_times"]
