"""One camera while it is being recorded: a thread that takes its pictures and decides what becomes of them."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mocap.capture.backlog import CAPACITY_BYTES, WAITING_BYTES, Preroll, Timed
from mocap.capture.clock import CameraClock
from mocap.capture.events import CameraState, Note
from mocap.capture.resilient import TimesFile
from mocap.capture.source import CameraSource, Picture, Stamp, StreamFormat
from mocap.capture.track import Quality
from mocap.capture.writer import Writer, explained
from mocap.core.errors import ExplainedError

# Waits between attempts to find a lost camera again, s.
RETRY_S = (0.25, 0.5, 1.0, 2.0)

# A camera is silent when nothing has come for this long, and for this many of its periods.
STALL_S = 1.0
STALL_PERIODS = 10.0

# A step between time stamps of more than this many periods means that pictures are missing in between.
GAP_PERIODS = 1.6

# Steps that tell the period (their median) and the rate that is shown.
STEPS = 61

# How often a thread that waits looks whether it is to end, s.
LONGEST_WAIT_S = 0.1

# A driver that hangs while it is being read must not hold up the end of the recording for longer, s.
HANG_S = 2.0


@dataclass(frozen=True)
class CameraPlan:
    """How one camera is recorded.

    Attributes
    ----------
    name : str
    source : CameraSource
    rotation_deg : int
        Quarter turns clockwise to turn its pictures by, degrees.
    quality : Quality
    controls : mapping of str to float
        What to fix whenever it is opened; see ``source.CONTROLS``.
    """

    name: str
    source: CameraSource
    rotation_deg: int = 0
    quality: Quality = Quality.AUTO
    controls: Mapping[str, float] = field(default_factory=dict)


class Feed:
    """Takes the pictures of one camera and has them written.

    Parameters
    ----------
    plan : CameraPlan
    preroll_s : float
        How far the recording reaches back before its start, s.
    note : callable
        Takes what happens.
    failed : callable
        Takes what ends the whole recording: a full disk, a picture that cannot be encoded.
    """

    def __init__(
        self,
        plan: CameraPlan,
        preroll_s: float,
        note: Callable[[Note], None],
        failed: Callable[[ExplainedError], None],
    ) -> None:
        self.plan, self.path = plan, Path(f"{plan.name}.mp4")
        self._note, self._failed, self._preroll_ns = note, failed, round(preroll_s * 1e9)
        self.state = CameraState.OPENING
        self.format: StreamFormat | None = None
        self.clock = CameraClock(plan.source.stamp)
        self.missing, self.dropped = 0, Counter[str]()
        self.latest: Picture | None = None
        self.latest_key: Picture | None = None
        self.error: ExplainedError | None = None
        self.writer: Writer | None = None
        self._before = Preroll(self._preroll_ns)
        self._steps: deque[int] = deque(maxlen=STEPS)
        self._last_decode_ns: int | None = None
        self._size: tuple[int, int] | None = None
        self._waits_for_key = False
        self._arrived_ns = time.monotonic_ns()
        self._window: tuple[int, int] | None = None
        self._reached_ns = 0
        self.times_ns: deque[int] = deque(maxlen=STEPS)
        self.taps: tuple[Callable[[Timed], None], ...] = ()
        self.held: dict[str, float] = {}
        self._controls = dict(plan.controls)
        self._asked: deque[Mapping[str, float]] = deque()
        self._refusal_told = False
        self._sorting = threading.Lock()
        self._begun = self._leave = self._passed_end = self._was_away = False
        self.opened, self._go = threading.Event(), threading.Event()
        self._taker = threading.Thread(target=self._take, name=f"camera {plan.name}", daemon=True)

    def start(self) -> None:
        """Open the camera and, if it runs by itself, begin to look."""
        self._taker.start()

    def record(self, folder: Path, times: TimesFile, start_ns: int, end_ns: int) -> None:
        """Write the pictures taken from ``start_ns`` less the preroll until ``end_ns`` into a folder."""
        self.path = folder / self.path.name
        rate_hz = self.format.rate_hz if self.format is not None else np.nan
        capacity = CAPACITY_BYTES if self.plan.source.live else WAITING_BYTES
        plan = self.plan
        self.writer = Writer(
            plan.name, self.path, times, rate_hz, plan.quality, plan.rotation_deg, capacity, self._failed
        )
        self._window = (start_ns - self._preroll_ns, end_ns)
        if self.state is CameraState.READY:
            self.state = CameraState.RECORDING
        self._go.set()

    def set_controls(self, wanted: Mapping[str, float]) -> None:
        """Fix these from the next picture on, and whenever the camera is opened again; see ``source.CONTROLS``."""
        self._controls |= wanted
        self._asked.append(wanted)

    def end_at(self, end_ns: int) -> None:
        """Take no picture after ``end_ns``."""
        if self._window is not None:
            self._window = (self._window[0], min(self._window[1], end_ns))

    @property
    def done(self) -> bool:
        """Whether no more pictures will be written."""
        return self._passed_end or self.state is CameraState.ENDED

    def stop(self) -> None:
        """End both threads; what waits is written first."""
        self._leave = True
        self._go.set()
        if self._taker.is_alive():
            self._taker.join(timeout=HANG_S)
        self.finish()

    def finish(self) -> None:
        """Write what waits and end the file; the camera goes on."""
        if self.writer is not None:
            self.writer.close()

    def again(self) -> None:
        """Begin anew, as if nothing had been recorded yet."""
        with self._sorting:
            self.writer, self._window, self._size = None, None, None
            self.missing, self.dropped, self.clock.jumps = 0, Counter(), 0
            self._begun = self._passed_end = self._waits_for_key = False
            self._reached_ns, self._before = 0, Preroll(self._preroll_ns)
            if self.state is CameraState.RECORDING:
                self.state = CameraState.READY

    @property
    def rate_hz(self) -> float:
        """Pictures per second over the last steps, Hz; NaN where too few came, 0 where the camera is silent."""
        steps = tuple(self._steps)
        if len(steps) < 2:
            return np.nan
        return 0.0 if self.silent else 1e9 * len(steps) / sum(steps)

    @property
    def silent(self) -> bool:
        """Whether nothing has come for longer than the camera ever takes."""
        usual_s = float(np.median(tuple(self._steps))) / 1e9 if self._steps else 0.0
        waited_s = (time.monotonic_ns() - self._arrived_ns) / 1e9
        return waited_s > max(STALL_S, STALL_PERIODS * usual_s)

    @property
    def waiting(self) -> float:
        """Share of the queue to the disk that is full."""
        return self.writer.backlog.full if self.writer is not None else 0.0

    @property
    def recorded(self) -> int:
        """Pictures written."""
        return self.writer.recorded if self.writer is not None else 0

    @property
    def n_bytes(self) -> int:
        """Bytes written."""
        return self.writer.n_bytes if self.writer is not None else 0

    # The thread that takes pictures.

    def _take(self) -> None:
        tries, lost_ns = 0, 0
        while not self._leave:
            try:
                self.format = self.plan.source.open()
                self.clock.stamp = self.plan.source.stamp  # known once it is open
                self.clock.come_back()
                self._asked.appendleft(dict(self._controls))
                self._set_controls()
                self._arrived_ns = time.monotonic_ns()
                self._waits_for_key = True
                if lost_ns:
                    self._was_away = True
                    away_s = (self._arrived_ns - lost_ns) / 1e9
                    self._say("back", f"Camera '{self.plan.name}' is back after {away_s:.1f} s.")
                    lost_ns = 0
                self.state = CameraState.RECORDING if self._window else CameraState.READY
                self.error = None
                self.opened.set()
                if not self.plan.source.live:
                    self._go.wait()
                    self.state = CameraState.RECORDING
                for_good, tries = self._take_pictures(), 0
            except Exception as error:  # of whatever kind: a driver's fault must not end the thread unseen
                self.error = explained(error)
                if not lost_ns:
                    lost_ns = time.monotonic_ns()
                    self._say("lost", f"Camera '{self.plan.name}': {self.error}")
                self.state = CameraState.LOST
                for_good = not self.plan.source.live
            finally:
                self.plan.source.close()
            if for_good:
                self.state = CameraState.ENDED
                break
            self._pause(RETRY_S[min(tries, len(RETRY_S) - 1)])
            tries += 1
        self.opened.set()
        if self.writer is not None:
            self.writer.backlog.close()

    def _set_controls(self) -> None:
        """Fix what was asked for since the last picture, and say once what the driver refuses."""
        asked: dict[str, float] = {}
        while self._asked:
            asked |= self._asked.popleft()
        if not asked:
            return
        held = self.plan.source.control(asked)
        self.held = {**self.held, **held}
        refused = [name.replace("_", " ") for name, value in held.items() if np.isnan(value)]
        if refused and not self._refusal_told:
            self._refusal_told = True
            self._say("control", f"Camera '{self.plan.name}' does not let these be set: {', '.join(refused)}.")

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._leave and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, LONGEST_WAIT_S))

    def _take_pictures(self) -> bool:
        """Take pictures until there are no more, for ever (True) or for now."""
        while not self._leave:
            picture = self.plan.source.read()
            if picture is None:
                return True
            self._arrived_ns = time.monotonic_ns()
            jumps = self.clock.jumps
            t_ns = self.clock.time_ns(picture.camera_ns, picture.arrival_ns)
            if self.clock.jumps > jumps and jumps == 0:
                self._say("clock", f"The clock of camera '{self.plan.name}' jumped; its times go on by ours.")
            self.times_ns.append(t_ns)
            self._show(Timed(picture, t_ns))
            with self._sorting:
                self._sort(Timed(picture, t_ns))
            self._set_controls()
            if self.done and not self.plan.source.live:
                return True
        return True

    def _show(self, timed: Timed) -> None:
        self.latest = timed.picture
        if timed.is_key:
            self.latest_key = timed.picture
        for tap in self.taps:
            tap(timed)

    def _sort(self, timed: Timed) -> None:
        """Decide what becomes of a picture: kept for later, written, or dropped and counted."""
        if self._window is None:
            self._pace(timed, counts=False)
            self._before.add(timed)
            return
        start_ns, end_ns = self._window
        if not self._begun:
            self._begun, self._last_decode_ns = True, None
            before = self._before.take(start_ns)
            reach_s = (start_ns + self._preroll_ns - before[0].t_ns) / 1e9 if before else 0.0
            if self._before.cut and reach_s < self._preroll_ns / 1e9:
                self._say(
                    "dropped", f"Camera '{self.plan.name}': no more than {reach_s:.1f} s before the start fit."
                )
            for earlier in before:
                self._hand_over(earlier, forced=True)
        if timed.t_ns < start_ns and timed.picture.coded is None:
            return
        # Pictures that are shown before one that was taken already complete it, even if they come after the end.
        if timed.decode_ns < end_ns or timed.t_ns < self._reached_ns:
            self._reached_ns = max(self._reached_ns, timed.t_ns)
            self._hand_over(timed)
        else:
            self._passed_end = True

    def _hand_over(self, timed: Timed, forced: bool = False) -> None:
        reason = self._objection(timed)
        if reason is None:
            self._pace(timed, counts=True)
            waits = forced or not self.plan.source.live
            if self.writer is not None and not self.writer.backlog.put(timed, wait=waits):
                reason, self._waits_for_key = "late", True
                if self.dropped["late"] == 0:
                    self._say(
                        "dropped", f"Pictures of camera '{self.plan.name}' come faster than they are written."
                    )
        if reason is not None:
            self.dropped[reason] += 1

    def _objection(self, timed: Timed) -> str | None:
        """Why a picture cannot be written; None if it can."""
        if self._size is None:
            self._size = timed.picture.size_wh
        if timed.picture.size_wh != self._size:
            if self.dropped["size"] == 0:
                now, first = timed.picture.size_wh, self._size
                self._say(
                    "size",
                    f"Camera '{self.plan.name}' changed its pictures from {first[0]}x{first[1]} to "
                    f"{now[0]}x{now[1]} px; they are left out until it changes back.",
                )
            self._waits_for_key = True
            return "size"
        if self._last_decode_ns is not None and timed.decode_ns <= self._last_decode_ns:
            return "repeated"
        if self._waits_for_key and not timed.is_key:
            return "undecodable"
        self._waits_for_key = False
        return None

    def _pace(self, timed: Timed, counts: bool) -> None:
        """Note the step since the last picture, and what is missing in between."""
        if self._last_decode_ns is not None:
            step = timed.decode_ns - self._last_decode_ns
            if step <= 0:
                return
            if counts and len(self._steps) >= 2:
                period = float(np.median(tuple(self._steps)))
                # Arrivals are late in turns; only the gap that a lost camera leaves is known to be one.
                tells = self.plan.source.stamp is not Stamp.ARRIVAL or self._was_away
                if tells and step > GAP_PERIODS * period:
                    self.missing += round(step / period) - 1
            self._was_away = False
            self._steps.append(step)
        self._last_decode_ns = timed.decode_ns

    def _say(self, kind: str, text: str) -> None:
        self._note(Note(time.monotonic(), self.plan.name, kind, text))
