"""Live capture as one thing to start, listen to and stop; windows and commands stand on this."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from calibration import Camera, CameraRig
from mocap.capture.events import CameraState
from mocap.core.errors import ExplainedError, InputError
from mocap.core.live import LiveFrame
from mocap.core.progress import CancelToken, silent
from mocap.core.types import Frame, ImageArray
from mocap.detect import Detector, ViewState
from mocap.pipeline.live.budget import WHOLE, Budget
from mocap.pipeline.live.events import LiveEvents, LiveNote, LiveState, LiveStatus
from mocap.pipeline.live.feedback import Coach, Target
from mocap.pipeline.live.ladder import first_rung, next_rung
from mocap.pipeline.live.newest import Newest
from mocap.pipeline.live.reconstruct import Reconstruction, angle_names, timed
from mocap.pipeline.live.seek import Seeker
from mocap.pipeline.live.selfcheck import SelfCheck
from mocap.pipeline.live.source import Grabber, LiveSource, Tap
from mocap.pipeline.live.views import Views, chosen_rig
from mocap.pipeline.run import MakeDetector, default_detector
from mocap.pipeline.settings import PipelineSettings
from mocap.stream import Sink, open_sink

LOG = logging.getLogger(__name__)

MIN_CAMERAS = 2
# How long the cameras may take until two of them send pictures, s: USB cameras take some seconds each.
START_S = 20.0
# Wait for pictures at most so long before looking whether to stop, s.
POLL_S = 0.1
# Between two states that are told, s.
STATUS_S = 1.0
# Frames of which the work is judged, the least of them, and the share that it must stay within.
JUDGED_FRAMES, LEAST_JUDGED, JUDGED_SHARE = 45, 6, 80.0
# What a thread may take to end, s; one that hangs in a driver is left behind.
LEAVE_S = 2.0


@dataclass(frozen=True)
class LiveSetup:
    """What live capture is to do.

    Attributes
    ----------
    rig : CameraRig
        The calibration; it may have more cameras than there are sources.
    settings : PipelineSettings
        ``detect.landmarks`` are the networks to choose from, the best first.
    streams : tuple of str
        Addresses of ``mocap.stream``.
    targets : tuple of Target
    tap : callable or None
        Takes every picture of every camera: a recorder's hook.
    make_detector : MakeDetector
    before : callable
        Called when all is loaded, before the first picture is taken: a recording begins there.
    observe : bool
        Whether to look for lenses that are covered or out of focus; a recorder of the same cameras does so itself.
    """

    rig: CameraRig
    settings: PipelineSettings
    streams: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    tap: Tap | None = None
    make_detector: MakeDetector = default_detector
    before: Callable[[], None] = lambda: None
    observe: bool = True


@dataclass
class _Look:
    """The detector in use, what it remembers of the views, and the next one while it is loaded."""

    detector: Detector
    states: list[ViewState]
    seeker: Seeker
    coming: Future[tuple[Detector, tuple[str, ...]]] | None = None
    work_s: deque[float] = field(default_factory=lambda: deque(maxlen=JUDGED_FRAMES))


class LiveSession:
    """Live capture; ``events`` tells frames, states and notes to whoever subscribes.

    Parameters
    ----------
    setup : LiveSetup
    sources : sequence of LiveSource

    Raises
    ------
    InputError
        If there are fewer than two sources.
    CalibrationError
        If a source has no camera in the calibration.
    """

    def __init__(self, setup: LiveSetup, sources: Sequence[LiveSource]) -> None:
        if len(sources) < MIN_CAMERAS:
            raise InputError(
                f"There is {len(sources)} camera." if len(sources) == 1 else "There is no camera.",
                "Three dimensions need at least two cameras.",
            )
        self.events, self.budget = LiveEvents(), Budget()
        self._setup, self._sources = setup, tuple(sources)
        names = tuple(source.name for source in sources)
        self._views = Views(chosen_rig(setup.rig, names))
        self._newest = Newest(names)
        self._check = SelfCheck(self._views.rig, self.events.emit, setup.observe)
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)
        self.state, self.error = LiveState.STARTING, None
        self.coach = Coach(setup.targets)
        self._rung = first_rung(time.monotonic())
        self._frame_times: deque[float] = deque(maxlen=JUDGED_FRAMES)

    error: Exception | None

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Ask for the end; ``wait`` waits for it."""
        self._leave.set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until all cameras have ended or somebody stopped it; returns whether that is so.

        Raises
        ------
        Exception
            What ended live capture, if it failed: an ``ExplainedError``, unless it is a defect.
        """
        self._thread.join(timeout_s)
        if self.error is not None:
            raise self.error
        return not self._thread.is_alive()

    def status(self) -> LiveStatus:
        """How it is doing."""
        recent = [t for t in self._frame_times if time.monotonic() - t <= 2.0 * STATUS_S]
        rate = (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 else 0.0
        cameras = tuple(replace(c, problems=self._check.problems(c.name)) for c in self._newest.cameras())
        models = self._setup.settings.detect.landmarks
        window = max(1, round(10.0 * rate))
        return LiveStatus(
            self.state, rate, models[self._rung.model], self._rung.every, cameras, self.budget.times(window)
        )

    # The thread of poses.

    def _run(self) -> None:
        sinks: list[Sink] = []
        grabbers: list[Grabber] = []
        with ThreadPoolExecutor(1, thread_name_prefix="beside") as worker:
            try:
                self._live(worker, sinks, grabbers)
                self.state = LiveState.FINISHED
            except Exception as error:  # whoever waits gets it; an explained one or a defect
                self.error, self.state = error, LiveState.FAILED
            finally:
                for grabber in grabbers:
                    grabber.stop()
                for grabber in grabbers:
                    grabber.join(LEAVE_S)
                for sink in sinks:
                    sink.close()
        self._tell()

    def _live(self, worker: Executor, sinks: list[Sink], grabbers: list[Grabber]) -> None:
        wanted = self._setup
        detector, notes = self._load(0)
        for sentence in notes:
            self._note("detector", sentence)
        fresh = [detector.initial_state() for _ in self._sources]
        look = _Look(detector, fresh, Seeker(len(fresh)))
        # Networks are set up by their first picture, which takes a second: that shall not be anybody's.
        detector.detect([_blank(camera) for camera in self._views.rig.cameras], fresh)
        skeleton = detector.skeleton
        names = angle_names(skeleton)
        for target in wanted.targets:
            if target.angle not in names:
                raise InputError(
                    f"There is no joint angle '{target.angle}'.", f"Choose among: {', '.join(names)}."
                )
        sinks += [open_sink(address, skeleton, names) for address in wanted.streams]
        making = Reconstruction(self._views.rig, skeleton, detector.max_people, wanted.settings, worker)
        grabbers += [Grabber(source, self._newest, self.events.emit, wanted.tap) for source in self._sources]
        wanted.before()
        for grabber in grabbers:
            grabber.start()
        self._rung = first_rung(time.monotonic())
        began = told = time.monotonic()
        last_ns, number = 0, 0
        while not self._leave.is_set() and self._goes_on(began):
            due_ns = last_ns + round((self._rung.every - 0.5) * 1e9 * self._newest.interval_s())
            frames = self._fitting(self._newest.take(due_ns, POLL_S), making)
            if sum(frame is not None for frame in frames) >= MIN_CAMERAS:
                last_ns = max(frame.t_ns for frame in frames if frame is not None)
                live = self._look(number, frames, look, making)
                self._publish(live, sinks, look)
                self._check.look(frames, making.seen, making.tracks, worker)
                number += 1
                self._choose_rung(look, worker)
            if (now := time.monotonic()) - told >= STATUS_S:
                told = now
                self._watch()
                self._tell()

    def _load(self, model: int) -> tuple[Detector, tuple[str, ...]]:
        detect = self._setup.settings.detect
        detect = detect.model_copy(update={"landmarks": detect.landmarks[model:]})
        return self._setup.make_detector(detect, silent, CancelToken())

    def _goes_on(self, began_s: float) -> bool:
        """Whether two cameras send pictures or may do so again."""
        cameras = self._newest.cameras()
        if self.state is LiveState.STARTING and time.monotonic() - began_s > START_S:
            silent_ones = [c.name for c in cameras if c.arrived == 0]
            raise InputError(
                f"Fewer than two cameras send pictures; nothing came from: {', '.join(silent_ones)}.",
                "Check their cables and addresses, and that no other program uses them.",
            )
        over = [c for c in cameras if c.state is CameraState.ENDED]
        return len(cameras) - len(over) >= MIN_CAMERAS

    def _fitting(self, frames: tuple[Frame | None, ...], making: Reconstruction) -> tuple[Frame | None, ...]:
        """Leave out pictures that the calibration does not fit, and follow sizes that change."""
        fitting: list[Frame | None] = []
        for frame in frames:
            if frame is None:
                fitting.append(None)
                continue
            size = (frame.image.shape[1], frame.image.shape[0])
            if not self._views.fits(frame.camera, size):
                if (said := self._views.change(frame.camera, size)) is not None:
                    self._note("size", said, frame.camera)
                making.set_rig(self._views.rig)
                self._check.set_rig(self._views.rig)
            fitting.append(None if frame.camera in self._views.refused else frame)
        return tuple(fitting)

    def _look(
        self, number: int, frames: tuple[Frame | None, ...], look: _Look, making: Reconstruction
    ) -> LiveFrame:
        """Make a pose of the pictures of one instant."""
        begin_ns = time.monotonic_ns()
        t_ns = np.array([np.nan if frame is None else float(frame.t_ns) for frame in frames])
        # Differences from the oldest: the times themselves have more digits than a float.
        oldest = min(frame.t_ns for frame in frames if frame is not None)
        instant_ns = round(oldest + float(np.nanmean(t_ns - oldest)))
        t_s = np.array([np.nan if f is None else f.t_ns / 1e9 for f in frames])
        seconds = {"wait": (begin_ns - oldest) / 1e9}
        with timed("detect", seconds):
            images = [None if frame is None else frame.image for frame in frames]
            views, states = look.detector.detect(images, look.states)
            look.states = look.seeker.reminded(states, instant_ns / 1e9)
        made = making.step(views, t_s, instant_ns / 1e9)
        latency_s = (time.monotonic_ns() - oldest) / 1e9
        return LiveFrame(
            number,
            instant_ns,
            look.detector.skeleton,
            self._views.rig.names,
            tuple(frame is not None for frame in frames),
            made.people,
            made.subject,
            {**seconds, **made.seconds},
            made.busy_s,
            latency_s,
        )

    def _publish(self, live: LiveFrame, sinks: list[Sink], look: _Look) -> None:
        """Tell listeners and streams; a stream that breaks is left out, and said."""
        look.work_s.append(live.latency_s - live.seconds["wait"])
        self._frame_times.append(time.monotonic())
        self.budget.note(live)
        self.state = LiveState.RUNNING
        self.events.emit(live)
        for event in self.coach.look(live.subject_person, live.t_ns):
            self.events.emit(event)
        for sink in tuple(sinks):
            try:
                sink.send(live)
            except OSError as error:
                self._note("stream", f"The stream {sink.address} broke and is left out: {error}.")
                sinks.remove(sink)
                sink.close()

    def _tell(self) -> None:
        """Tell how it is doing, to listeners and to the log."""
        status = self.status()
        times = "; ".join(
            f"{s.name} {1e3 * s.p50_s:.1f}/{1e3 * s.p95_s:.1f}/{1e3 * s.p99_s:.1f}" for s in status.stages
        )
        LOG.info("%.1f poses/s, %s, one of %d; ms: %s", status.rate_hz, status.model, status.every, times)
        self.events.emit(status)

    def _watch(self) -> None:
        """Say when pictures stop coming, and when they come again."""
        sending = sum(camera.state is CameraState.READY for camera in self._newest.cameras())
        if self.state is LiveState.RUNNING and sending < MIN_CAMERAS:
            self.state = LiveState.WAITING
            self._note("camera", "Fewer than two cameras send pictures; poses wait for them.")

    def _choose_rung(self, look: _Look, worker: Executor) -> None:
        """Choose rate and network anew if the machine asks for it, and say so."""
        if look.coming is not None:
            if look.coming.done():
                self._take_over(look)
            return
        if len(look.work_s) < LEAST_JUDGED:
            return
        work_s = float(np.percentile(look.work_s, JUDGED_SHARE))
        models, interval_s = self._setup.settings.detect.landmarks, self._newest.interval_s()
        chosen = next_rung(self._rung, len(models), work_s, interval_s, time.monotonic())
        if chosen is self._rung:
            return
        before, self._rung = self._rung, chosen
        took = f"a pose takes {1e3 * work_s:.0f} ms, cameras send every {1e3 * interval_s:.0f} ms"
        if chosen.model != before.model:
            word = "lighter" if chosen.model > before.model else "better"
            self._note("pace", f"Changing to the {word} network {models[chosen.model]}: {took}.")
            look.coming = worker.submit(self._load, chosen.model)
        else:
            rate = 1.0 / (chosen.every * interval_s)
            self._note("pace", f"Now {rate:.3g} poses a second, one of {chosen.every} instants: {took}.")
        look.work_s.clear()

    def _take_over(self, look: _Look) -> None:
        """Go on with the network that has been loaded, where the other one was."""
        assert look.coming is not None
        try:
            detector, _ = look.coming.result()
        except ExplainedError as error:
            self._note("detector", f"The network in use stays: {error.what}")
        else:
            if detector.skeleton.keypoints == look.detector.skeleton.keypoints:
                look.detector = detector
            else:
                self._note("detector", "The network in use stays: the other one finds other keypoints.")
        look.coming = None
        look.work_s.clear()

    def _note(self, kind: str, text: str, camera: str | None = None) -> None:
        self.events.emit(LiveNote(time.monotonic(), camera, kind, text))


def _blank(camera: Camera) -> ImageArray:
    """A picture of nothing in a camera's size."""
    width, height = camera.intrinsics.size_wh
    return np.zeros((height, width, 3), dtype=np.uint8)


__all__ = ["WHOLE", "LiveSession", "LiveSetup"]
