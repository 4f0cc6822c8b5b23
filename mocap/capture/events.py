"""What a recording tells whoever listens: states, figures and sentences. No window is known here."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from mocap.capture.source import Stamp
from mocap.core.events import Subscribers


class CameraState(str, Enum):
    """Where a camera stands, whether it is recorded, looked at, or both."""

    OPENING = "opening"
    READY = "ready"
    """It is open; all but files send pictures."""
    RECORDING = "recording"
    STALLED = "stalled"
    """It is open, and sends nothing."""
    LOST = "lost"
    """It was unplugged, or cannot be reached; it is asked again."""
    ENDED = "ended"
    REFUSED = "refused"
    """It sends pictures of a shape that its calibration does not fit."""


class RecorderState(str, Enum):
    """Where a recording stands."""

    OPENING = "opening"
    READY = "ready"
    RECORDING = "recording"
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(frozen=True)
class Note:
    """Something that happened, in a sentence.

    Attributes
    ----------
    t_s : float
        When, on the computer's monotonic clock, s.
    camera : str or None
    kind : str
        ``lost``, ``back``, ``stalled``, ``size``, ``clock``, ``dropped``, ``control``, ``look``, ``disk`` or
        ``state``.
    text : str
    """

    t_s: float
    camera: str | None
    kind: str
    text: str


@dataclass(frozen=True)
class CameraStatus:
    """How one camera is doing.

    Attributes
    ----------
    rate_hz : float
        Pictures per second over the last seconds, Hz; NaN where too few came.
    recorded : int
        Pictures written.
    dropped : dict of str to int
        Pictures that came and were not written, by reason.
    missing : int
        Pictures that never came, by the gaps between time stamps.
    waiting : float
        Share of the queue to the disk that is full.
    sharpness : float
        Against the start of the recording, 1 where nothing changed; NaN before it is known.
    brightness : float
        Mean grey level, 0 to 1; NaN before it is known.
    problems : tuple of str
        What is wrong with the view at this moment, in sentences.
    stamp : Stamp
        Who says when its pictures are taken.
    jitter_s : float
        How far the times of its pictures stray from an even pace, s, one standard deviation; NaN where unknown.
    held : dict of str to float
        What was set of ``source.CONTROLS``, and what the driver made of it; NaN where it refuses.
    """

    name: str
    state: CameraState
    size_wh: tuple[int, int] | None
    rate_hz: float
    recorded: int
    dropped: dict[str, int]
    missing: int
    waiting: float
    sharpness: float
    brightness: float
    problems: tuple[str, ...]
    stamp: Stamp = Stamp.ARRIVAL
    jitter_s: float = float("nan")
    held: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Status:
    """How a recording is doing.

    Attributes
    ----------
    elapsed_s : float
        Since the start of the recording, s; 0 before.
    free_bytes : int
        On the disk that takes the recording.
    minutes_left : float
        Until that disk is full at the present rate, min; NaN before the rate is known.
    apart_s : float
        How far apart in time the cameras take the pictures that belong together, s; NaN before it is known.
    """

    state: RecorderState
    elapsed_s: float
    cameras: tuple[CameraStatus, ...]
    free_bytes: int
    minutes_left: float
    apart_s: float = float("nan")


class Events(Subscribers[Note | Status]):
    """Hands notes and states to subscribers, in a thread of the recorder's."""
