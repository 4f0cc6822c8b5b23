"""Live 3D from the cameras of the page: set up, told in numbers, ended."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from mocap.capture.beside import Beside
from mocap.core.live import LiveFrame
from mocap.core.skeleton import Skeleton
from mocap.gui.presenters.capture.sources import Ears
from mocap.gui.presenters.capture.words import (
    CameraEntry,
    Live,
    LiveBegins,
    LiveNow,
    LiveOver,
    LivePose,
    Reached,
    Said,
    Tiding,
)
from mocap.gui.presenters.words import trouble_of
from mocap.pipeline.live import (
    FeedbackEvent,
    LiveEvent,
    LiveNote,
    LiveSession,
    LiveSetup,
    LiveStatus,
    WatchedSource,
    parse_target,
)
from mocap.pipeline.live.budget import WHOLE
from mocap.pipeline.live.selfcheck import MOVED
from mocap.pipeline.run import MakeDetector

LEFT, RIGHT, MIDDLE = 0, 1, 2
# Poses told to the page a second; a screen shows no more.
SHOWN_HZ = 30.0
# Live 3D gets a third of the processor where all of it is wanted, as the kernel weighs this niceness.
NICE = 5
# What live 3D may take to end, s.
LEAVE_S = 6.0


class Liver:
    """Follows people in the cameras of the page.

    Parameters
    ----------
    tell : callable
    ears : Ears
        Where pictures come from.
    make_detector : MakeDetector
    """

    def __init__(self, tell: Callable[[Tiding], None], ears: Ears, make_detector: MakeDetector) -> None:
        self._tell, self._ears, self._make_detector = tell, ears, make_detector
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self._session: LiveSession | None = None
        self._views: dict[str, Beside] = {}
        self._begun = False
        self._told_s = 0.0

    @property
    def busy(self) -> bool:
        """Whether it follows people."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, order: Live, cameras: Sequence[CameraEntry]) -> None:
        """Begin; loading the networks takes some seconds."""
        if self.busy:
            return
        self._over, self._begun, self._told_s = threading.Event(), False, 0.0
        self._views = self._ears.look(cameras)
        self._thread = threading.Thread(target=self._run, args=(order,), name="live page", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask for the end."""
        self._over.set()
        if self._session is not None:
            self._session.stop()

    def join(self) -> None:
        """Wait for the end."""
        if self._thread is not None:
            self._thread.join(LEAVE_S)

    def _run(self, order: Live) -> None:
        _give_way()
        try:
            session = self._session = self._set_up(order)
            session.start()
            session.wait()
        except Exception as error:  # whatever it is, the page must be told
            self._tell(LiveOver(trouble_of(error)))
        else:
            self._tell(LiveOver())
        finally:
            self._session = None
            views, self._views = self._views, {}
            self._ears.leave(views)

    def _set_up(self, order: Live) -> LiveSession:
        from calibration.formats import load_rig
        from mocap.pipeline.settings import load_settings

        setup = LiveSetup(
            load_rig(order.calibration),
            load_settings(order.preset),
            targets=tuple(parse_target(text) for text in order.targets),
            make_detector=self._make_detector,
            observe=False,  # the desk does
        )
        sources = [WatchedSource(name, view, self._over.is_set) for name, view in self._views.items()]
        session = LiveSession(setup, sources)
        session.events.subscribe(self._hear)
        return session

    def _hear(self, event: LiveEvent) -> None:
        if isinstance(event, LiveFrame):
            self._hear_frame(event)
        elif isinstance(event, LiveStatus):
            whole = next((stage for stage in event.stages if stage.name == WHOLE), None)
            times = (1e3 * whole.p50_s, 1e3 * whole.p95_s) if whole is not None else ()
            moved = tuple(c.name for c in event.cameras if MOVED.format(name=c.name) in c.problems)
            now = LiveNow(event.state.value, event.rate_hz, event.model, event.every, *times)
            self._tell(replace(now, moved=moved))
        elif isinstance(event, LiveNote):
            self._tell(Said(event.text, f"live {event.kind}", event.camera))
        elif isinstance(event, FeedbackEvent):
            self._tell(Reached(event.angle, event.kind, event.value_deg, event.count))

    def _hear_frame(self, frame: LiveFrame) -> None:
        now, subject = time.monotonic(), frame.subject_person
        if not self._begun and frame.people:
            self._begun = True
            bones, sides = bones_of(frame.skeleton)
            self._tell(LiveBegins(bones, sides, tuple(frame.people[0].angles.names)))
        if now - self._told_s < 1.0 / SHOWN_HZ:
            return
        self._told_s = now
        count = len(frame.skeleton.keypoints)
        xyz = np.stack([one.xyz for one in frame.people]) if frame.people else np.zeros((0, count, 3))
        angles = np.degrees(subject.angles.value[0, 0]).tolist() if subject is not None else ()
        self._tell(LivePose(frame.number, xyz.astype(np.float32).astype(float), tuple(angles)))


def _give_way() -> None:
    """Let recording and window go first, where threads have a priority; those that this one starts inherit it."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


def bones_of(skeleton: Skeleton) -> tuple[tuple[tuple[int, int], ...], tuple[int, ...]]:
    """Keypoints that are joined by lines, and the side of each: 0 left, 1 right, 2 middle."""
    names = skeleton.keypoints

    def side(name: str) -> int:
        return LEFT if name.startswith("left_") else RIGHT if name.startswith("right_") else MIDDLE

    bones = tuple((int(a), int(b)) for a, b in skeleton.bone_index)
    sides = tuple(side(names[a]) if side(names[a]) == side(names[b]) else MIDDLE for a, b in bones)
    return bones, sides
