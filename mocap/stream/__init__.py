"""Live poses sent to other programs, while they happen."""

from mocap.stream.sink import KINDS, Sink, open_sink

__all__ = ["KINDS", "Sink", "open_sink"]
