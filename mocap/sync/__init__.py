"""From the frames' own clocks to one common clock."""

from mocap.sync.table import from_frame_times, read_timestamps_csv

__all__ = ["from_frame_times", "read_timestamps_csv"]
