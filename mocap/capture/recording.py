"""What came of a recording: pictures written, missing and dropped of each camera, and all that happened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mocap.capture.feed import Feed


@dataclass(frozen=True)
class CameraRecording:
    """What was recorded of one camera.

    Attributes
    ----------
    video : str
        File name; empty where no picture was written.
    stamp : str
        Who says when the pictures were taken; see ``Stamp``.
    recorded, missing : int
        Pictures written, and pictures that never came, by the gaps between their times. Where ``stamp`` is
        ``arrival`` only the gaps that a lost connection left are known.
    dropped : dict of str to int
        Pictures that came and were not written: ``late`` (the disk or the encoder did not keep up), ``size``
        (of another size than the first), ``repeated`` (not later than the one before), ``undecodable`` (before
        the first that needs no other).
    clock_jumps : int
    first_s, last_s : float
        Times of the first and the last picture on the computer's monotonic clock, s; NaN where there is none.
    rate_hz : float
        Mean rate between them, Hz; NaN for fewer than two pictures.
    """

    name: str
    address: str
    video: str
    size_wh: tuple[int, int]
    rotation_deg: int
    codec: str
    stamp: str
    recorded: int
    missing: int
    dropped: dict[str, int]
    clock_jumps: int
    first_s: float
    last_s: float
    rate_hz: float


@dataclass(frozen=True)
class Recording:
    """What came of a recording; ``recording.toml`` holds the same.

    Attributes
    ----------
    folder : Path
        Holds the videos and ``timestamps.csv``.
    began : str
        When, by the calendar, ISO 8601, UTC.
    began_s : float
        The same on the computer's monotonic clock, that of ``timestamps.csv``, s.
    finished : bool
        Whether it was ended in good order.
    notes : tuple of str
        What happened meanwhile, with seconds since the start.
    """

    folder: Path
    began: str
    began_s: float
    finished: bool
    cameras: tuple[CameraRecording, ...]
    notes: tuple[str, ...]


def recording_of(feed: Feed) -> CameraRecording:
    """What was recorded of one camera so far."""
    written, count = feed.writer, feed.recorded
    first_ns, last_ns = (written.first_ns, written.last_ns) if written is not None else (None, None)
    lasted_s = (last_ns - first_ns) / 1e9 if first_ns is not None and last_ns is not None else 0.0
    return CameraRecording(
        name=feed.plan.name,
        address=feed.plan.source.address,
        video=feed.path.name if count else "",
        size_wh=feed.format.size_wh if feed.format is not None else (0, 0),
        rotation_deg=feed.plan.rotation_deg,
        codec=written.codec if written is not None else "",
        stamp=feed.plan.source.stamp.value,
        recorded=count,
        missing=feed.missing,
        dropped=dict(feed.dropped),
        clock_jumps=feed.clock.jumps,
        first_s=first_ns / 1e9 if first_ns is not None else float("nan"),
        last_s=last_ns / 1e9 if last_ns is not None else float("nan"),
        rate_hz=(count - 1) / lasted_s if lasted_s > 0 else float("nan"),
    )
