"""Records several cameras at once: opens them, writes them, watches them, and says how it went."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType

import tomli_w

from calibration.files import atomic_write
from mocap.capture.backlog import Timed
from mocap.capture.beside import Beside
from mocap.capture.events import CameraState, CameraStatus, Events, Note, RecorderState, Status
from mocap.capture.feed import CameraPlan, Feed
from mocap.capture.observer import Observer
from mocap.capture.pace import apart_s, jitter_s
from mocap.capture.recording import Recording, recording_of
from mocap.capture.resilient import TimesFile
from mocap.capture.source import Picture
from mocap.capture.track import hardware_encoder
from mocap.core.errors import CameraError, ExplainedError, InputError, StorageError

# Where the recorder writes what it knows, beside the videos.
RECORDING_FILE = "recording.toml"
TIMES_FILE = "timestamps.csv"

# How often states are told, views looked at, and the file of the recording written, s.
STATUS_S, LOOK_S, STORE_S = 0.25, 0.5, 2.0

# With less than this left on the disk it is said, min; and no recording is begun with less than this, bytes.
SCARCE_MIN = 5.0
LEAST_FREE_BYTES = 50_000_000

# Streams settle and lenses open their irises in this time, s.
WARM_UP_S = 1.0

# Network cameras send a picture that needs no other every 1 to 10 s; a recording can begin with none but these.
LONGEST_KEY_S = 12.0

# After the end, a camera that is late gets so long to deliver its last pictures, s.
GRACE_S = 2.0

FOREVER_NS = 2**62


class Recorder:
    """Records several cameras into one folder.

    A context manager: entering opens the cameras, leaving lets go of them. Between, ``start`` and ``stop``.

    Parameters
    ----------
    plans : sequence of CameraPlan
    folder : Path or None
        Where the videos go; it must not hold any. None if ``start`` says so: cameras are looked at before.
    preroll_s : float
        How far the recording reaches back before ``start``, s.
    """

    def __init__(self, plans: Sequence[CameraPlan], folder: Path | None, preroll_s: float = 0.0) -> None:
        names = [plan.name.casefold() for plan in plans]
        if len(set(names)) != len(names):
            raise InputError("Two cameras have the same name.", "Give each a name of its own: left=usb:0.")
        self.events, self.folder, self.plans = Events(), folder, tuple(plans)
        self.state = RecorderState.OPENING
        self._notes: list[Note] = []
        self._lock, self._storing = threading.Lock(), threading.Lock()
        self._failure: ExplainedError | None = None
        self._feeds = tuple(Feed(plan, preroll_s, self._note, self._fail) for plan in plans)
        self._observers = {feed.plan.name: Observer(feed.plan.name) for feed in self._feeds}
        self._views: dict[str, Beside] = {}
        self._times: TimesFile | None = None
        self._began: tuple[datetime, int] | None = None
        self._ended_ns: int | None = None
        self._end_ns = FOREVER_NS
        self._rate_of_disk: tuple[int, int] | None = None
        self._quiet: dict[str, bool] = {}
        self._scarce = False
        self._over = threading.Event()
        self._monitor = threading.Thread(target=self._watch, name="recorder", daemon=True)

    def __enter__(self) -> Recorder:
        """Open the cameras, all at once.

        Raises
        ------
        CameraError
            If one cannot be opened.
        """
        if self.folder is not None:
            _make_room(self.folder)
        for feed in self._feeds:
            feed.start()
        try:
            hardware_encoder()  # tried here once, not by each camera while its first pictures wait
            for feed in self._feeds:
                self._await_opened(feed)
            self._warm_up()
        except BaseException:
            self._let_go()
            raise
        self.state = RecorderState.READY
        self._monitor.start()
        return self

    def _warm_up(self) -> None:
        """Let live cameras settle, and wait until each has sent a picture that a recording can begin with."""
        live = [feed for feed in self._feeds if feed.plan.source.live]
        began = time.monotonic()
        while live and (passed := time.monotonic() - began) < LONGEST_KEY_S:
            if passed >= WARM_UP_S and all(feed.latest_key is not None for feed in live):
                return
            time.sleep(0.02)

    def _await_opened(self, feed: Feed) -> None:
        while not feed.opened.wait(timeout=STATUS_S):
            if feed.error is not None:
                break
        if feed.error is not None:
            raise CameraError(f"Camera '{feed.plan.name}': {feed.error.what}", feed.error.remedy, feed.error.path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.state is RecorderState.RECORDING:
            self.stop()
        self._let_go()

    def _let_go(self) -> None:
        self._over.set()
        for feed in self._feeds:
            feed.stop()
        if self._monitor.is_alive():
            self._monitor.join()

    def start(self, duration_s: float | None = None, folder: Path | None = None) -> None:
        """Begin to record; ``done`` tells when ``duration_s`` has passed.

        Parameters
        ----------
        duration_s : float, optional
            Length, s; until stopped if not given.
        folder : Path, optional
            Where the videos go, if that was not said before.

        Raises
        ------
        StorageError
            If the disk refuses, or is all but full.
        """
        if folder is not None:
            _make_room(folder)
            self.folder = folder
        if self.folder is None:
            raise InputError("No folder was given for the recording.", "Give one.")
        if shutil.disk_usage(self.folder).free < LEAST_FREE_BYTES:
            raise StorageError(
                "The disk is all but full.", "Free some space, or choose another disk.", self.folder
            )
        self._times = TimesFile(self.folder / TIMES_FILE)
        now_ns = time.monotonic_ns()
        self._began = (datetime.now(timezone.utc), now_ns)
        self._end_ns = end_ns = FOREVER_NS if duration_s is None else now_ns + round(duration_s * 1e9)
        self.state = RecorderState.RECORDING
        self._note(Note(now_ns / 1e9, None, "state", "The recording began."))
        for feed in self._feeds:
            feed.record(self.folder, self._times, now_ns, end_ns)
        self._store(finished=False)

    @property
    def done(self) -> bool:
        """Whether every camera has delivered all that is wanted, has ended, or the recording failed."""
        late = time.monotonic_ns() > self._end_ns + GRACE_S * 1e9  # who is silent now will not come to the end
        return self._failure is not None or all(feed.done or (late and feed.silent) for feed in self._feeds)

    def stop(self, keep_open: bool = False) -> Recording:
        """End the recording: what was taken until now is written.

        Parameters
        ----------
        keep_open : bool
            Go on looking at the cameras; ``start`` may follow, with another folder.

        Raises
        ------
        StorageError, CameraError
            If the disk refused or a picture could not be encoded; what was written before is whole.
        """
        now_ns = time.monotonic_ns()
        for feed in self._feeds:
            feed.end_at(now_ns)
        until = time.monotonic() + GRACE_S
        while not all(feed.done or feed.silent for feed in self._feeds) and time.monotonic() < until:
            if self._failure is not None:
                break
            time.sleep(0.02)
        self._ended_ns = now_ns
        for feed in self._feeds:
            if keep_open:
                feed.finish()
        if not keep_open or self._failure is not None:
            self._let_go()
        if self._times is not None:
            self._times.close()
        with self._storing, contextlib.suppress(StorageError):  # the disk is full; an earlier file stays
            self.state = RecorderState.FINISHED if self._failure is None else RecorderState.FAILED
            self._store(finished=self._failure is None)
        self.events.emit(self.status())
        if self._failure is not None:
            raise self._failure
        done = self.recording(finished=True)
        if keep_open:
            self._begin_anew()
        return done

    def _begin_anew(self) -> None:
        """Be as before the start, with the cameras as they are."""
        for feed in self._feeds:
            feed.again()
        with self._lock:
            self._notes.clear()
        self._began, self._ended_ns, self._end_ns = None, None, FOREVER_NS
        self.folder, self._times, self._scarce = None, None, False
        self.state = RecorderState.READY

    def latest(self, camera: str) -> Picture | None:
        """Newest picture of a camera, as it came; for live views."""
        return self._feed(camera).latest

    def look_through(self, camera: str, view: Beside) -> None:
        """Have a camera's pictures decoded for somebody else, and look at them, too, whether the lens is clear."""
        self._views[camera] = view
        self.tap(camera, view.put)

    def tap(self, camera: str, take: Callable[[Timed], None]) -> None:
        """Hand every picture of a camera to somebody else, too; ``take`` must return at once."""
        feed = self._feed(camera)
        feed.taps = (*feed.taps, take)

    def set_controls(self, camera: str, wanted: Mapping[str, float]) -> None:
        """Set a camera's exposure, gain, white balance or focus; what came of it ``CameraStatus.held`` says."""
        self._feed(camera).set_controls(wanted)

    def _feed(self, camera: str) -> Feed:
        return next(feed for feed in self._feeds if feed.plan.name == camera)

    def status(self) -> Status:
        """How it is going at this moment."""
        cameras = tuple(self._status_of(feed) for feed in self._feeds)
        free = self._free_bytes()
        written = sum(feed.n_bytes for feed in self._feeds)
        elapsed_s, minutes = 0.0, float("nan")
        if self._began is not None:
            elapsed_s = ((self._ended_ns or time.monotonic_ns()) - self._began[1]) / 1e9
            if written and elapsed_s > 1.0:
                minutes = free / (written / elapsed_s) / 60.0
        apart = apart_s([tuple(feed.times_ns) for feed in self._feeds])
        return Status(self.state, elapsed_s, cameras, free, minutes, apart)

    def _free_bytes(self) -> int:
        if self.folder is None:
            return 0
        try:
            return shutil.disk_usage(self.folder).free
        except OSError:  # a drive that was pulled out
            return 0

    def _status_of(self, feed: Feed) -> CameraStatus:
        look = self._observers[feed.plan.name]
        runs = feed.state in (CameraState.READY, CameraState.RECORDING)
        moving = feed.plan.source.live or feed.state is CameraState.RECORDING
        stalled = runs and moving and feed.silent and not feed.done
        return CameraStatus(
            name=feed.plan.name,
            state=CameraState.STALLED if stalled else feed.state,
            size_wh=feed.format.size_wh if feed.format is not None else None,
            rate_hz=feed.rate_hz,
            recorded=feed.recorded,
            dropped=dict(feed.dropped),
            missing=feed.missing,
            waiting=feed.waiting,
            sharpness=look.sharpness,
            brightness=look.brightness,
            problems=look.problems,
            stamp=feed.plan.source.stamp,
            jitter_s=jitter_s(tuple(feed.times_ns)),
            held=dict(feed.held),
        )

    def recording(self, finished: bool) -> Recording:
        """What has been recorded so far."""
        began, began_ns = self._began or (datetime.now(timezone.utc), time.monotonic_ns())
        with self._lock:
            notes = tuple(f"{note.t_s - began_ns / 1e9:+.1f} s: {note.text}" for note in self._notes)
        cameras = tuple(recording_of(feed) for feed in self._feeds)
        return Recording(
            self.folder or Path(),
            began.isoformat(timespec="milliseconds"),
            began_ns / 1e9,
            finished,
            cameras,
            notes,
        )

    def _store(self, finished: bool) -> None:
        assert self.folder is not None
        table = asdict(self.recording(finished))
        table.pop("folder")
        text = tomli_w.dumps({"schema_version": 1, **table})
        with atomic_write(self.folder / RECORDING_FILE) as draft:
            draft.write_text(text, encoding="utf-8")

    def _note(self, note: Note) -> None:
        with self._lock:
            self._notes.append(note)
        self.events.emit(note)

    def _fail(self, error: ExplainedError) -> None:
        """End the recording; called by the threads of the cameras."""
        with self._lock:
            first, self._failure = self._failure is None, self._failure or error
        if first:
            self._note(
                Note(time.monotonic(), None, "disk" if isinstance(error, StorageError) else "state", str(error))
            )

    def _watch(self) -> None:
        """Tell states, look at views, and write down how it goes; in a thread of its own."""
        looked = stored = time.monotonic()
        while not self._over.wait(STATUS_S):
            now = time.monotonic()
            if now - looked >= LOOK_S:
                looked = now
                for feed in self._feeds:
                    view = self._views.get(feed.plan.name)
                    # Cameras send a picture that needs no other each second, or each ten.
                    seen = view.newest.picture if view is not None and view.newest is not None else feed.latest_key
                    for sentence in self._observers[feed.plan.name].look(seen):
                        self._note(Note(now, feed.plan.name, "look", sentence))
            status = self.status()
            self._tell_changes(status)
            self.events.emit(status)
            if now - stored >= STORE_S:
                stored = now
                with self._storing, contextlib.suppress(StorageError):  # the writers meet the full disk themselves
                    if self.state is RecorderState.RECORDING:
                        self._store(finished=False)

    def _tell_changes(self, status: Status) -> None:
        for camera in status.cameras:
            quiet = camera.state is CameraState.STALLED
            if quiet != self._quiet.get(camera.name, False):
                self._quiet[camera.name] = quiet
                words = "sends nothing" if quiet else "sends pictures again"
                self._note(Note(time.monotonic(), camera.name, "stalled", f"Camera '{camera.name}' {words}."))
        if not self._scarce and status.minutes_left < SCARCE_MIN:
            self._scarce = True
            text = f"The disk will be full in {status.minutes_left:.0f} minutes."
            self._note(Note(time.monotonic(), None, "disk", text))


def _make_room(folder: Path) -> None:
    """Make the folder of a recording; one that holds videos is not written into."""
    if folder.is_dir() and any(folder.glob("*.mp4")):
        raise InputError("This folder holds a recording already.", "Choose another name.", folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError("The folder cannot be made.", "Choose another place.", folder) from error
