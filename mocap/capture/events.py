"""What a recording tells whoever listens: states, figures and sentences. No window is known here."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum


class CameraState(str, Enum):
    """Where a camera stands."""

    OPENING = "opening"
    READY = "ready"
    RECORDING = "recording"
    STALLED = "stalled"
    LOST = "lost"
    ENDED = "ended"


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
    """

    state: RecorderState
    elapsed_s: float
    cameras: tuple[CameraStatus, ...]
    free_bytes: int
    minutes_left: float


Listener = Callable[[Note | Status], None]


@dataclass(frozen=True)
class Events:
    """Hands notes and states to subscribers, in a thread of the recorder's."""

    _listeners: list[Listener] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with everything to come; returns what ends that."""
        with self._lock:
            self._listeners.append(listener)

        def leave() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return leave

    def emit(self, item: Note | Status) -> None:
        """Tell everybody; a listener that fails is not asked again, and the recording goes on."""
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            try:
                listener(item)
            except Exception:
                logging.getLogger(__name__).exception("A listener of the recorder failed and is left out.")
                with self._lock:
                    if listener in self._listeners:  # another thread may have met the same failure
                        self._listeners.remove(listener)
