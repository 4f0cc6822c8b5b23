"""What live capture tells whoever listens: frames, figures and sentences. No window is known here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mocap.capture.events import CameraState
from mocap.core.events import Subscribers
from mocap.core.live import LiveFrame


class LiveState(str, Enum):
    """Where live capture stands."""

    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"
    """Fewer than two cameras send pictures; three dimensions need two."""
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(frozen=True)
class LiveNote:
    """Something that happened, in a sentence.

    Attributes
    ----------
    t_s : float
        When, on the computer's monotonic clock, s.
    camera : str or None
    kind : str
        ``camera``, ``look``, ``size``, ``pace``, ``body``, ``stream`` or ``detector``.
    text : str
    """

    t_s: float
    camera: str | None
    kind: str
    text: str


@dataclass(frozen=True)
class StageTimes:
    """How long a stage takes, s: median, and what 95 and 99 of 100 frames stay within."""

    name: str
    p50_s: float
    p95_s: float
    p99_s: float


@dataclass(frozen=True)
class LiveCamera:
    """How one camera is doing.

    Attributes
    ----------
    rate_hz : float
        Pictures per second that come, Hz; NaN while unknown.
    arrived, used : int
        Pictures that came, and those that a pose was made of; the rest was passed over for newer ones.
    problems : tuple of str
        What is wrong with it at this moment, in sentences.
    """

    name: str
    state: CameraState
    rate_hz: float
    arrived: int
    used: int
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class LiveStatus:
    """How live capture is doing, about once a second.

    Attributes
    ----------
    rate_hz : float
        Poses per second over the last second, Hz.
    model : str
        The network in use, as the settings name it.
    every : int
        One instant in so many of the cameras' is looked at.
    stages : tuple of StageTimes
        Of the last seconds; the last one, ``glass to pose``, is the whole.
    """

    state: LiveState
    rate_hz: float
    model: str
    every: int
    cameras: tuple[LiveCamera, ...]
    stages: tuple[StageTimes, ...]


@dataclass(frozen=True)
class FeedbackEvent:
    """A target that was met, left or counted.

    Attributes
    ----------
    t_ns : int
        Instant of the frame, ns.
    angle : str
    kind : str
        ``entered``, ``left`` or ``repetition``.
    value_deg : float
        The angle, or how far the repetition went, degrees.
    count : int
        How often it happened so far.
    """

    t_ns: int
    angle: str
    kind: str
    value_deg: float
    count: int


LiveEvent = LiveFrame | LiveNote | LiveStatus | FeedbackEvent


class LiveEvents(Subscribers[LiveEvent]):
    """Hands events to subscribers, in a thread of live capture's; they must return at once."""
