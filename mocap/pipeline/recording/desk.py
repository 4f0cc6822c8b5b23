"""The recording desk: cameras that are open and looked at, takes that are started and stopped; for windows.

Everything that takes time happens in threads of the desk's; whoever subscribes is told in one of them.
"""

from __future__ import annotations

import queue
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from mocap.capture.addresses import SourceWishes, open_sources
from mocap.capture.backlog import Timed
from mocap.capture.beside import Beside, turned
from mocap.capture.events import CameraState, CameraStatus, Note, RecorderState, Status
from mocap.capture.feed import CameraPlan
from mocap.capture.recorder import Recorder
from mocap.capture.source import CameraSource, Picture
from mocap.capture.track import Quality
from mocap.core.errors import ExplainedError, InputError
from mocap.core.events import Subscribers
from mocap.core.types import ImageArray
from mocap.pipeline.recording.record import POLL_S, STUDIO, Recorded, known_rig, place, register, studio_folder

# Pictures to look at are no wider than this and come no more often: enough for a pane of a window.
PREVIEW_PX, PREVIEW_HZ = 960, 15.0

# After so long the size of what comes in tells how long the disk will last, s.
FLOW_S = 2.0

MakeSources = Callable[[Sequence[str], SourceWishes], Mapping[str, CameraSource]]


class DeskState(str, Enum):
    """Where the desk stands."""

    CLOSED = "closed"
    OPENING = "opening"
    READY = "ready"
    """Cameras are open and can be looked at; a take may begin."""
    COUNTDOWN = "countdown"
    RECORDING = "recording"
    SAVING = "saving"
    FAILED = "failed"
    """Cameras could not be opened; ``error`` says why, and ``open`` tries again."""


@dataclass(frozen=True)
class DeskSetup:
    """Which cameras, and how they are to be recorded.

    Attributes
    ----------
    sources : tuple of str
        As for ``mocap record``; videos, and ``studio:sample``, are played over and over.
    folder : Path
        Where takes will go, as far as it is known: its disk is watched.
    preroll_s : float
        How far takes reach back before their start, s.
    wishes : SourceWishes
    quality : Quality
    rotations_deg : mapping of str to int
        Quarter turns clockwise by camera, degrees.
    controls : mapping of str to (mapping of str to float)
        By camera what to set when it is opened; see ``capture.source.CONTROLS``.
    """

    sources: tuple[str, ...]
    folder: Path
    preroll_s: float = 0.0
    wishes: SourceWishes = field(default_factory=SourceWishes)
    quality: Quality = Quality.AUTO
    rotations_deg: Mapping[str, int] = field(default_factory=dict)
    controls: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class DeskStatus:
    """How it goes; told four times a second, and whenever the state changes.

    Attributes
    ----------
    cameras : tuple of CameraStatus
        Empty until they are open.
    countdown_s : float
        Until the take begins, s; 0 but during the countdown.
    elapsed_s : float
        Since the take began, s; 0 where there is none.
    free_bytes : int
    minutes_left : float
        Until the disk is full, min; NaN before the rate is known.
    apart_s : float
        How far apart in time the cameras take the pictures that belong together, s; NaN before it is known.
    error : ExplainedError or None
        What went wrong last, until the next take or attempt.
    """

    state: DeskState
    cameras: tuple[CameraStatus, ...] = ()
    countdown_s: float = 0.0
    elapsed_s: float = 0.0
    free_bytes: int = 0
    minutes_left: float = float("nan")
    apart_s: float = float("nan")
    error: ExplainedError | None = None


DeskEvent = Note | DeskStatus | Recorded
"""What happens, how it goes, and each take that is done."""


@dataclass(frozen=True)
class _Order:
    """A take that was asked for."""

    out: Path
    duration_s: float | None
    countdown_s: float
    calibration: Path | None


class CaptureDesk:
    """Cameras, previews, settings and takes as one thing to open, listen to and close.

    ``events`` tells ``Note``, ``DeskStatus`` and ``Recorded``, from threads of the desk's. No method here waits.

    Parameters
    ----------
    setup : DeskSetup
    make_sources : callable
        Stands in for the real cameras in tests.
    """

    def __init__(self, setup: DeskSetup, make_sources: MakeSources = open_sources) -> None:
        self.events: Subscribers[DeskEvent] = Subscribers()
        self.setup = setup
        self._make = make_sources
        self._state, self._error = DeskState.CLOSED, None
        self._begins_s = 0.0
        self._heard: Status | None = None
        self._flow: dict[str, _Flow] = {}
        self._rate: float = float("nan")
        self._recorder: Recorder | None = None
        self._views: dict[str, Beside] = {}
        self._orders: queue.SimpleQueue[_Order] = queue.SimpleQueue()
        self._stop, self._leave = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._controls: dict[str, dict[str, float]] = {name: dict(c) for name, c in setup.controls.items()}

    _error: ExplainedError | None

    # What a window calls; none of it waits.

    def open(self) -> None:
        """Open the cameras; what is open already stays so."""
        if self._thread is not None and self._thread.is_alive() and not self._leave.is_set():
            return
        self._leave = threading.Event()
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, args=(self._leave,), name="desk", daemon=True)
        self._thread.start()

    def start(
        self, out: Path, duration_s: float | None = None, countdown_s: float = 0.0, calibration: Path | None = None
    ) -> None:
        """Begin a take.

        Parameters
        ----------
        out : Path
            ``SESSION/TRIAL``; the session is made if it is not there.
        duration_s : float, optional
            Length, s; until ``stop`` if not given.
        countdown_s : float
            Wait so long before it begins, s.
        calibration : Path, optional
            Rig for the session, if it has none.
        """
        if self._state is DeskState.READY:
            self._stop.clear()
            self._orders.put(_Order(out, duration_s, countdown_s, calibration))

    def stop(self) -> None:
        """End the take, or the countdown to it."""
        self._stop.set()

    def set_control(self, camera: str, name: str, value: float) -> None:
        """Set exposure, gain, white balance or focus of a camera; NaN lets the camera choose again.

        What came of it ``CameraStatus.held`` says, NaN where the camera refuses. It holds for later takes, too.
        """
        self._controls.setdefault(camera, {})[name] = value
        recorder = self._recorder
        if recorder is not None:
            recorder.set_controls(camera, {name: value})

    def preview(self, camera: str) -> Picture | None:
        """Newest picture of a camera to be looked at: BGR, upright, up to 15 a second; None before the first.

        It is the same object until there is a newer one.
        """
        newest = view.newest if (view := self._views.get(camera)) is not None else None
        return newest.picture if newest is not None else None

    def close(self, timeout_s: float | None = 10.0) -> None:
        """End the take, if there is one, and let go of the cameras; waits up to ``timeout_s`` (0: not at all)."""
        self._leave.set()
        if self._thread is not None and timeout_s != 0 and threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)

    @property
    def status(self) -> DeskStatus:
        """How it goes at this moment."""
        heard, state = self._heard, self._state
        left = max(0.0, self._begins_s - time.monotonic()) if state is DeskState.COUNTDOWN else 0.0
        try:
            free = shutil.disk_usage(_existing(self.setup.folder)).free
        except OSError:  # a drive that was pulled out
            free = 0
        if heard is None:
            return DeskStatus(state, countdown_s=left, free_bytes=free, error=self._error)
        minutes = heard.minutes_left
        if not np.isfinite(minutes):
            minutes = free / self._bytes_per_s() / 60.0
        elapsed = heard.elapsed_s if state in (DeskState.RECORDING, DeskState.SAVING) else 0.0
        return DeskStatus(state, heard.cameras, left, elapsed, free, minutes, heard.apart_s, self._error)

    # The thread of the desk.

    def _run(self, leave: threading.Event) -> None:
        try:
            while not leave.is_set():
                self._serve(leave)
        except ExplainedError as error:
            self._fail(error)
        except Exception as error:  # a driver's own
            self._fail(InputError(f"The cameras' software failed: {error!r}.", "Restart the cameras."))
        else:
            self._tell(DeskState.CLOSED)
        finally:
            leave.set()

    def _fail(self, error: ExplainedError) -> None:
        self._error, self._heard = error, None
        self._tell(DeskState.FAILED)

    def _serve(self, leave: threading.Event) -> None:
        """Open the cameras and record takes, until the cameras have to be opened anew."""
        self._heard = None
        self._tell(DeskState.OPENING)
        recorder = Recorder(self._plans(), None, self.setup.preroll_s)
        stop_hearing = recorder.events.subscribe(self._hear)
        self._look(recorder)
        try:
            with recorder:
                self._recorder, self._heard = recorder, recorder.status()
                self._tell(DeskState.READY)
                while not leave.is_set():
                    order = self._next_order()
                    if order is not None and self._record(recorder, order, leave):
                        return
        finally:
            stop_hearing()
            self._recorder = None
            for view in self._views.values():
                view.close()

    def _plans(self) -> list[CameraPlan]:
        setup = self.setup
        wishes = replace(setup.wishes, looped=True)
        if setup.quality is not Quality.AUTO:
            wishes = replace(wishes, decoded=True)
        addresses = [studio_folder() if source == STUDIO else source for source in setup.sources]
        return [
            CameraPlan(name, source, setup.rotations_deg.get(name, 0), setup.quality, self._controls.get(name, {}))
            for name, source in self._make(addresses, wishes).items()
        ]

    def _look(self, recorder: Recorder) -> None:
        """Have pictures decoded for those who look, and what comes in counted."""
        views, self._flow = {}, {}
        for plan in recorder.plans:
            turned = partial(_dressed, quarters=plan.rotation_deg // 90)
            views[plan.name] = Beside(plan.name, PREVIEW_HZ, turned)
            self._flow[plan.name] = _Flow()
            recorder.look_through(plan.name, views[plan.name])
            recorder.tap(plan.name, self._flow[plan.name].count)
        self._views = views

    def _next_order(self) -> _Order | None:
        try:
            return self._orders.get(timeout=POLL_S)
        except queue.Empty:
            return None

    def _record(self, recorder: Recorder, order: _Order, leave: threading.Event) -> bool:
        """Record a take; returns whether the cameras must be opened anew."""
        self._error = None
        self._begins_s = time.monotonic() + order.countdown_s
        self._tell(DeskState.COUNTDOWN)
        while time.monotonic() < self._begins_s:
            if leave.is_set() or self._stop.is_set():
                self._tell(DeskState.READY)
                return False
            time.sleep(POLL_S)
        try:
            session, trial = place(order.out)
            register(session, order.calibration or known_rig(self.setup.sources))
            recorder.start(order.duration_s, trial.raw)
        except ExplainedError as error:
            self._error = error
            self._tell(DeskState.READY)
            return False
        self._tell(DeskState.RECORDING)
        while not (recorder.done or self._stop.is_set() or leave.is_set()):
            time.sleep(POLL_S)
        self._tell(DeskState.SAVING)
        try:
            self.events.emit(Recorded(trial.root, recorder.stop(keep_open=True)))
        except ExplainedError as error:
            self._error = error
            return True
        self._heard = recorder.status()
        self._tell(DeskState.READY)
        return any(camera.state is CameraState.ENDED for camera in self._heard.cameras)

    def _hear(self, item: Note | Status) -> None:
        if isinstance(item, Note):
            self.events.emit(item)
            return
        self._heard = item
        if item.state is RecorderState.RECORDING and item.elapsed_s > FLOW_S and np.isfinite(item.minutes_left):
            self._rate = item.free_bytes / max(item.minutes_left * 60.0, 1e-9)
        self.events.emit(self.status)

    def _tell(self, state: DeskState) -> None:
        self._state = state
        self.events.emit(self.status)

    def _bytes_per_s(self) -> float:
        """What a take would write, bytes/s: as the last one did, or what comes in where that is copied."""
        if np.isfinite(self._rate) or self.setup.quality is not Quality.AUTO:
            return self._rate
        rates = [flow.bytes_per_s for flow in self._flow.values()]
        return sum(rates) if rates and all(rate > 0 for rate in rates) else float("nan")


class _Flow:
    """Counts the bytes that a camera sends coded."""

    def __init__(self) -> None:
        self._began_s: float | None = None
        self._bytes = 0

    def count(self, timed: Timed) -> None:
        picture = timed.picture
        if self._began_s is None:
            self._began_s = time.monotonic()
        self._bytes += picture.coded.packet.size if picture.coded is not None else 0

    @property
    def bytes_per_s(self) -> float:
        passed = time.monotonic() - self._began_s if self._began_s is not None else 0.0
        return self._bytes / passed if passed > FLOW_S and self._bytes else float("nan")


def _dressed(image: ImageArray, quarters: int) -> ImageArray:
    """Picture made small enough to be looked at, and upright: turned clockwise by so many quarters."""
    height, width = image.shape[:2]
    share = PREVIEW_PX / max(height, width)
    if share < 1.0:
        small = (round(width * share), round(height * share))
        image = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return turned(image, quarters)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    path = folder.expanduser().absolute()
    return next((p for p in (path, *path.parents) if p.exists()), path)
