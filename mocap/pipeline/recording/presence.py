"""Notices that somebody enters the volume, and that everybody has left it: to start and stop recordings."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from calibration import CameraRig
from calibration.rays import midpoint, world_rays
from mocap.capture.backlog import Timed
from mocap.capture.beside import Beside, turned
from mocap.capture.recorder import Recorder
from mocap.capture.remote import Switch
from mocap.core.errors import ExplainedError, InputError
from mocap.core.progress import CancelToken, silent
from mocap.core.types import FloatArray, ImageArray, IntArray
from mocap.detect import Detector, ViewPoses
from mocap.pipeline.live.views import Views, chosen_rig
from mocap.pipeline.recording.record import LEAVE_S, PresenceWish
from mocap.pipeline.run import MakeDetector, default_detector
from mocap.pipeline.settings import load_settings

# Looks a second: somebody who walks in at 1.5 m/s has come half a metre between two.
LOOK_HZ = 3.0

# Looks in a row that must agree: a network sees somebody in a coat on a hook once in a while.
LOOKS = 2

# Keypoints below this are guesses; somebody of whom less than this share of the core is seen is not looked at.
LEAST_SCORE, LEAST_CORE = 0.5, 0.5

# Two views show the same person where the points between their rays miss both by less than this share of the
# person's size in the picture, by the median keypoint: a hand's breadth on a body.
SAME_SHARE = 0.06


# A picture older than this is of a camera that has stalled, s.
STALE_S = 2.0


@dataclass
class Turnstile:
    """From looks to the two words: somebody entered, everybody has left.

    Attributes
    ----------
    leave_s : float
    inside : bool
        Whether somebody is taken to be inside.
    """

    leave_s: float = LEAVE_S
    inside: bool = False
    _agreeing: int = 0
    _armed: bool = False
    _seen_s: float = field(default=-np.inf)

    def look(self, somebody: bool, t_s: float) -> str | None:
        """Take a look's answer: ``entered``, ``left`` or None. Who is there from the start must leave first."""
        if somebody:
            self._seen_s = t_s
        if self.inside:
            if t_s - self._seen_s > self.leave_s:
                self.inside, self._agreeing, self._armed = False, 0, True
                return "left"
            return None
        self._agreeing = self._agreeing + 1 if somebody == self._armed else 0
        if self._agreeing < LOOKS:
            return None
        self._agreeing = 0
        if not self._armed:
            self._armed = True
            return None
        self.inside = True
        return "entered"


def somebody_inside(views: Sequence[ViewPoses], rig: CameraRig | None, core: IntArray) -> bool:
    """Whether somebody is in view; with a rig, whether two of its cameras see the same person where rays meet.

    Parameters
    ----------
    views : sequence of ViewPoses
        In the order of the rig.
    rig : CameraRig or None
    core : (M,) int
        Keypoints of the trunk.
    """
    people = [_people(view, core) for view in views]
    if rig is None:
        return any(len(found) for found in people)
    for a, b in itertools.combinations(range(len(people)), 2):
        if (
            len(people[a])
            and len(people[b])
            and _same(people[a], people[b], rig.select((rig.names[a], rig.names[b])))
        ):
            return True
    return False


def _people(view: ViewPoses, core: IntArray) -> FloatArray:
    """Core keypoints (N, M, 2) of those who are seen well enough, px; NaN where guessed."""
    sure = (view.score[:, core] >= LEAST_SCORE) & np.isfinite(view.xy[:, core]).all(axis=-1)
    seen = sure.mean(axis=1) >= LEAST_CORE
    chosen: FloatArray = np.where(sure[..., None], view.xy[:, core], np.nan)[seen]
    return chosen


def _same(first: FloatArray, second: FloatArray, pair: CameraRig) -> bool:
    """Whether somebody (N, M, 2) of the first camera is somebody of the second; all at once."""
    xy = np.broadcast_arrays(first[:, None], second[None])
    origins, rays = world_rays(pair, pair.undistort(np.stack(xy), axis=0), axis=0)
    points = midpoint(origins[0], rays[0], origins[1], rays[1])
    projected, _ = pair.project(points)
    # Points behind a camera are NaN, and so is what nobody saw.
    off = np.linalg.norm(projected - np.stack(xy), axis=-1)
    size = np.stack([np.nanmax(one, axis=-2) - np.nanmin(one, axis=-2) for one in xy]).max(axis=-1)
    known = np.isfinite(off).all(axis=0).sum(axis=-1) >= LEAST_CORE * off.shape[-1]
    with np.errstate(invalid="ignore"):
        near = np.median(np.where(np.isfinite(off), off, np.inf), axis=-1) < SAME_SHARE * size
    return bool((near.all(axis=0) & known).any())


class Presence:
    """Looks through running cameras for somebody, in a thread of its own, and gives the two words.

    While nobody is seen it looks through one camera after the other, which costs least.

    Parameters
    ----------
    views : mapping of str to Beside
        The cameras to look through.
    wish : PresenceWish
    rig : CameraRig or None
        With one, somebody counts who is where two of its cameras see them.
    entered, left : callable
        Called in that thread, ``left`` also when looking fails, as nobody would give that word any more.
    make_detector : MakeDetector
    """

    def __init__(
        self,
        views: Mapping[str, Beside],
        wish: PresenceWish,
        rig: CameraRig | None,
        entered: Callable[[], None],
        left: Callable[[], None],
        make_detector: MakeDetector = default_detector,
    ) -> None:
        if unknown := sorted(set(wish.cameras) - set(views)):
            raise InputError(f"There is no camera '{unknown[0]}'.", f"Choose among: {', '.join(views)}.")
        self._views = {name: view for name, view in views.items() if not wish.cameras or name in wish.cameras}
        if rig is not None and len(self._views) < 2:
            raise InputError(
                "One camera does not tell who is inside the volume.",
                "Look through two cameras or more, or leave the calibration out.",
            )
        self._rig = Views(chosen_rig(rig, tuple(self._views))) if rig is not None else None
        self._turnstile = Turnstile(wish.leave_s)
        self._entered, self._left, self._make = entered, left, make_detector
        self.error: ExplainedError | None = None
        self._order = list(self._views)
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._leave.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()

    @property
    def inside(self) -> bool:
        """Whether somebody is taken to be inside."""
        return self._turnstile.inside

    def _run(self) -> None:
        try:
            detect = load_settings("live").detect
            # The lightest of the networks; nothing is remembered from look to look, so each one searches.
            detector, _ = self._make(
                detect.model_copy(update={"landmarks": detect.landmarks[-1:]}), silent, CancelToken()
            )
            while not self._leave.wait(1.0 / LOOK_HZ):
                word = self._turnstile.look(self._somebody(detector), time.monotonic())
                if word == "entered":
                    self._entered()
                elif word == "left":
                    self._left()
        except ExplainedError as error:
            self.error = error
            self._left()

    def _somebody(self, detector: Detector) -> bool:
        """Look through one camera, and through the others if that one's answer asks for it."""
        core = detector.skeleton.core_index
        pictures = {name: timed for name, view in self._views.items() if (timed := self._fresh(view)) is not None}
        looked: dict[str, ViewPoses] = {}
        for name in [name for name in self._order if name in pictures]:
            view = self._look(detector, name, pictures[name])
            if view is None:
                continue
            looked[name] = view
            seen = len(_people(looked[name], core)) > 0
            if not (seen or self._turnstile.inside or len(looked) > 1):
                self._order = [*(n for n in self._order if n != name), name]
                return False
            if somebody_inside(tuple(looked.values()), self._rig_of(tuple(looked)), core):
                # Next time those first who see somebody now.
                self._order = [name, *(n for n in self._order if n != name)]
                return True
        return False

    @staticmethod
    def _fresh(view: Beside) -> Timed | None:
        """Newest picture of a camera that still sends some."""
        timed = view.newest
        old = timed is not None and time.monotonic_ns() - timed.picture.arrival_ns > STALE_S * 1e9
        return None if old else timed

    def _rig_of(self, names: tuple[str, ...]) -> CameraRig | None:
        return self._rig.rig.select(names) if self._rig is not None else None

    def _look(self, detector: Detector, name: str, timed: Timed) -> ViewPoses | None:
        """People in a picture; None where it has not the shape that its camera was calibrated at."""
        image: ImageArray | None = timed.picture.image
        assert image is not None
        size = (image.shape[1], image.shape[0])
        if self._rig is not None and not self._rig.fits(name, size):
            self._rig.change(name, size)
            if name in self._rig.refused:
                return None
        (view,), _ = detector.detect([image], [detector.initial_state()])
        return view


@contextlib.contextmanager
def looking_for_people(
    recorder: Recorder, wish: PresenceWish, rig: CameraRig | None, switch: Switch, make_detector: MakeDetector
) -> Iterator[Presence]:
    """Let people who enter and leave start and stop a recording by its switch."""
    views = {
        plan.name: Beside(plan.name, LOOK_HZ, partial(turned, quarters=plan.rotation_deg // 90))
        for plan in recorder.plans
    }
    for name, view in views.items():
        recorder.tap(name, view.put)

    def left() -> None:
        if presence.error is not None or (wish.stop and switch.started):
            switch.stop()

    presence = Presence(views, wish, rig, switch.start if wish.start else lambda: None, left, make_detector)
    presence.start()
    try:
        yield presence
    finally:
        presence.close()
        for view in views.values():
            view.close()
