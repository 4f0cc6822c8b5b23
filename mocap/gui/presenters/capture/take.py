"""One recording of the capture page, from the order to the disk."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import date

from calibration import CalibrationError
from calibration.formats import load_rig
from mocap.capture.events import Note, RecorderState, Status
from mocap.capture.remote import RemoteControl, Switch
from mocap.core.errors import ExplainedError
from mocap.gui.presenters.capture.sources import Ears
from mocap.gui.presenters.capture.words import CameraEntry, Said, Take, TakeDone, TakeFailed, Tiding
from mocap.gui.presenters.words import Trouble, trouble_of
from mocap.pipeline.recording.desk import CaptureDesk, DeskEvent, DeskState, DeskStatus
from mocap.pipeline.recording.presence import LOOK_HZ, Presence
from mocap.pipeline.recording.record import PresenceWish, Recorded
from mocap.pipeline.run import MakeDetector
from mocap.session import SessionFolder, SessionManifest, TrialFolder, write_manifest


class Taker:
    """Follows one recording from the order to the disk.

    Parameters
    ----------
    tell : callable
    lost : callable
        Why cameras send nothing, by their names.
    ears : Ears
        Where the pictures come from in which people are looked for.
    make_detector : MakeDetector
        Makes what finds people, where they start and stop the recording.
    """

    def __init__(
        self,
        tell: Callable[[Tiding], None],
        lost: Callable[[], Mapping[str, Trouble]],
        ears: Ears,
        make_detector: MakeDetector,
    ) -> None:
        self._tell, self._lost, self._ears, self._make_detector = tell, lost, ears, make_detector
        self._presence: Presence | None = None
        self._desk: CaptureDesk | None = None
        self._order: Take | None = None
        self._switch, self._beside = Switch(), contextlib.ExitStack()
        self._started = self._recording = False
        self._lock = threading.RLock()
        self.where = ""

    @property
    def busy(self) -> bool:
        """Whether a recording was ordered and is not over."""
        return self._order is not None

    @property
    def waits(self) -> bool:
        """Whether it waits for somebody, or for another program."""
        order = self._order
        return order is not None and not self._started and (order.on_entry or bool(order.remote))

    def follow(self, desk: CaptureDesk) -> None:
        """Hear what this desk tells."""
        self._desk = desk
        desk.events.subscribe(self._hear)

    def begin(self, order: Take, desk: CaptureDesk | None, cameras: Sequence[CameraEntry]) -> None:
        """Take an order; it begins once the cameras are ready."""
        if desk is None or self.busy:
            self._tell(Said("A recording goes on already, or there is no camera.", "order"))
            return
        with self._lock:
            self._switch, self._beside, self.where = Switch(), contextlib.ExitStack(), ""
            self._started = self._recording = False
            self._order = order
            try:
                _register(SessionFolder(order.session), order.participant)
                if order.remote:
                    control = self._beside.enter_context(
                        RemoteControl(order.remote, self._switch, lambda: _for_remote(desk.status))
                    )
                    token = f", with the token {control.token}" if control.token else ""
                    self.where = f"POST {control.url}/start and {control.url}/stop{token}"
                if order.on_entry or order.on_exit:
                    self._look_for_people(order, cameras)
            except (ExplainedError, CalibrationError, OSError) as error:
                self._over(TakeFailed(trouble_of(error)))

    def _look_for_people(self, order: Take, cameras: Sequence[CameraEntry]) -> None:
        """Let people who come and go start and stop the recording."""
        session = SessionFolder(order.session)
        path = session.rig if session.rig.is_file() else order.calibration
        rig = load_rig(path) if path is not None and len(cameras) > 1 else None
        views, switch = self._ears.look(cameras, LOOK_HZ), self._switch
        self._beside.callback(self._ears.leave, views)

        def left() -> None:
            if presence.error is not None or (order.on_exit and self._started):
                switch.stop()

        wish = PresenceWish(order.on_entry, order.on_exit)
        entered = switch.start if order.on_entry else lambda: None
        presence = self._presence = Presence(views, wish, rig, entered, left, self._make_detector)
        self._beside.callback(presence.close)
        presence.start()

    def stop(self) -> None:
        """End the recording, or call it off."""
        with self._lock:
            if self._order is None:
                return
            if self._started and self._desk is not None:
                self._desk.stop()
            else:
                self._over(TakeFailed(None))

    def tick(self) -> None:
        """Begin when it is time; end when another program says so."""
        with self._lock:
            order, desk = self._order, self._desk
            if order is None or desk is None:
                return
            state = desk.status.state
            if self._switch.stopped:
                self._stop_by_others()
            elif not self._started and state in (DeskState.READY, DeskState.FAILED) and (why := self._why_not()):
                self._over(TakeFailed(why))
            elif not self._started and state is DeskState.READY and self._is_time(order):
                self._started = True
                trial = order.session / "trials" / order.trial
                desk.start(trial, order.duration_s, order.countdown_s, order.calibration)

    def _stop_by_others(self) -> None:
        error = self._presence.error if self._presence is not None else None
        if not self._started and error is not None:
            self._over(TakeFailed(trouble_of(error)))
        else:
            self.stop()

    def _why_not(self) -> Trouble | None:
        """What stands in the way of a recording."""
        error = self._desk.status.error if self._desk is not None else None
        for name, trouble in self._lost().items():
            remedy = "Bring it back, or take it off the list."
            return Trouble(f"Nothing comes from camera '{name}': {trouble.what}", remedy)
        failed = self._desk is not None and self._desk.status.state is DeskState.FAILED
        return trouble_of(error) if failed and error is not None else None

    def _is_time(self, order: Take) -> bool:
        return not (order.remote or order.on_entry) or self._switch.started

    def _hear(self, event: DeskEvent) -> None:
        with self._lock:
            order = self._order
            if order is None or not self._started or isinstance(event, Note):
                return
            if isinstance(event, Recorded):
                self._over(done(event))
            elif event.state in (DeskState.COUNTDOWN, DeskState.RECORDING, DeskState.SAVING):
                self._recording = True
            elif self._recording:  # it was on its way, and is not any more
                trial = SessionFolder(order.session).trial(order.trial)
                kept = trial.root if _has_pictures(trial) else None
                _clear(trial)
                trouble = trouble_of(event.error) if event.error is not None else None
                self._over(TakeFailed(trouble, kept))

    def _over(self, tiding: TakeDone | TakeFailed) -> None:
        self._order, self.where, self._presence = None, "", None
        beside, self._beside = self._beside, contextlib.ExitStack()
        # Not by this thread: the server, or who looks for people, may be waiting for it.
        threading.Thread(target=beside.close, name="take ends", daemon=True).start()
        self._tell(tiding)

    def close(self) -> None:
        """Begin nothing any more."""
        with self._lock:
            if self._order is not None and not self._started:
                self._over(TakeFailed(None))


def _for_remote(status: DeskStatus) -> Status:
    """The desk's state as a recorder tells it."""
    state = RecorderState.RECORDING if status.state is DeskState.RECORDING else RecorderState.READY
    return Status(state, status.elapsed_s, status.cameras, status.free_bytes, status.minutes_left, status.apart_s)


def done(event: Recorded) -> TakeDone:
    """What came of a recording, for the page."""
    cameras = event.recording.cameras
    lines = tuple(
        f"{c.name}: {c.recorded} pictures at {c.rate_hz:.2f} Hz, {c.missing} missing, "
        + (", ".join(f"{count} dropped ({why})" for why, count in c.dropped.items()) or "none dropped")
        for c in cameras
    )
    seconds = max((c.last_s - c.first_s for c in cameras if c.recorded), default=0.0)
    return TakeDone(
        event.trial,
        seconds,
        sum(c.recorded for c in cameras),
        sum(sum(c.dropped.values()) for c in cameras),
        sum(c.missing for c in cameras),
        (*lines, *event.recording.notes),
    )


def _register(session: SessionFolder, participant: str) -> None:
    """Make the session if it is not there, with whom it is about; the desk gives it its calibration."""
    if not session.manifest.is_file():
        today = date.today()
        told = SessionManifest(id=session.root.name, participant=participant, recorded_on=today)
        write_manifest(session.manifest, told)


def _has_pictures(trial: TrialFolder) -> bool:
    return any(path.stat().st_size > 0 for path in trial.raw.glob("*.mp4")) if trial.raw.is_dir() else False


def _clear(trial: TrialFolder) -> None:
    """Take away the empty folders of a trial that did not come about; what holds anything stays."""
    for folder in (trial.raw, trial.root):
        with contextlib.suppress(OSError):
            folder.rmdir()
