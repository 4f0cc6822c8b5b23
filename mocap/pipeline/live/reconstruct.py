"""From the keypoints of all views at one instant to people in 3D, their bodies and angles, at once."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from calibration import CameraRig
from mocap.associate import AssociationSettings, associate_frame, initial_state
from mocap.core.live import LivePerson
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, JointAngles, Motion, Points3D, Poses2D, Tracks2D
from mocap.detect import ViewPoses
from mocap.fit import BodySettings
from mocap.kinematics.clinical import DEFINITIONS, clinical_angles, has_clinical_angles
from mocap.pipeline.live.instant import at_one_instant, nothing_seen
from mocap.pipeline.live.person import Followed
from mocap.pipeline.live.who import Who
from mocap.pipeline.settings import PipelineSettings
from mocap.triangulate import Noise, Triangulator

# One-Euro's cutoff at rest where the settings leave it to residual analysis, which needs the whole recording, Hz.
USUAL_CUTOFF_HZ = 3.0
# How often the noise is estimated anew, s, and from how many of the newest frames of the subject.
NOISE_EVERY_S, NOISE_FRAMES = 5.0, 45
# People who are gone for longer than this are forgotten, s; association remembers who they were.
FORGET_S = 5.0


@dataclass(frozen=True)
class Reconstructed:
    """Everybody at one instant, the subject's number, and the time of each stage: clock and processor, s."""

    people: tuple[LivePerson, ...]
    subject: int | None
    seconds: dict[str, float]
    busy_s: dict[str, float]


def angle_names(skeleton: Skeleton) -> tuple[str, ...]:
    """Names of the angles that live capture states of a skeleton; none where it has not the joints for them."""
    if not has_clinical_angles(skeleton):
        return ()
    return tuple(name for definition in DEFINITIONS for name in definition.names if name)


class Reconstruction:
    """Follows people from frame to frame; one thread uses it.

    Parameters
    ----------
    rig : CameraRig
    skeleton : Skeleton
    slots : int
        People that the detector finds in a view.
    settings : PipelineSettings
    worker : Executor
        Where bones and noise are estimated beside the frames.

    Attributes
    ----------
    seen : Poses2D or None
        Everybody in all views at the last instant, T = 1.
    tracks : Tracks2D or None
        The subject in all views at the last instant, T = N = 1; None where not in view.
    """

    def __init__(
        self, rig: CameraRig, skeleton: Skeleton, slots: int, settings: PipelineSettings, worker: Executor
    ) -> None:
        self._skeleton, self._slots, self._worker = skeleton, slots, worker
        self._settings = settings
        self._association = AssociationSettings(min_score=settings.triangulate.min_score)
        self._body = BodySettings(settings.fit.max_gap_s, contact=False)
        cutoff = settings.fit.cutoff_hz
        self._cutoff_hz = USUAL_CUTOFF_HZ if cutoff == "auto" else cutoff
        self._names = angle_names(skeleton)
        self._no_angles = np.full((1, 1, len(self._names)), np.nan)
        self._noise, self._noise_due_s = Noise(), -np.inf
        self._estimating: Future[Noise] | None = None
        self._recent: deque[Tracks2D] = deque(maxlen=NOISE_FRAMES)
        self._followed: dict[int, Followed] = {}
        self._last_s: dict[int, float] = {}
        self._subject: int | None = None
        self.seen: Poses2D | None = None
        self.tracks: Tracks2D | None = None
        self.set_rig(rig)
        self._state, self._who = initial_state(skeleton, rig), Who()
        self._seen = nothing_seen(len(rig.cameras), slots, len(skeleton.keypoints))

    def set_rig(self, rig: CameraRig) -> None:
        """Go on with other lenses of the same cameras: the size of some pictures has changed."""
        self._rig = rig
        self._triangulator = Triangulator.of(rig, self._settings.triangulate.as_stage())
        self._recent.clear()

    def step(self, views: Sequence[ViewPoses], t_s: FloatArray, instant_s: float) -> Reconstructed:
        """Find out where everybody is.

        Parameters
        ----------
        views : sequence of ViewPoses
            In the order of the rig.
        t_s : (C,)
            When each picture was taken, s; NaN where there is none.
        instant_s : float
            Later than that of the step before, s.
        """
        seconds: dict[str, float] = {}
        busy_s: dict[str, float] = {}
        with timed("associate", seconds, busy_s):
            poses, self._seen = at_one_instant(views, t_s, instant_s, self._seen, self._rig.names, self._skeleton)
            self.seen = poses
            self._state, tracks = associate_frame(self._state, poses, self._rig, instant_s, self._association)
            tracks = self._named(tracks, instant_s)
            self._choose_subject(tracks.person_ids.tolist(), instant_s)
            tracks = self._wanted(tracks)
            numbers: list[int] = tracks.person_ids.tolist()
        with timed("triangulate", seconds, busy_s):
            points = self._triangulator.points(tracks, self._noise)
        with timed("body", seconds, busy_s):
            motion = self._move(numbers, points, instant_s)
        with timed("filter", seconds, busy_s):
            xyz = [self._of(n).filter(instant_s, points.xyz[0, i], self._cutoff_hz) for i, n in enumerate(numbers)]
        with timed("angles", seconds, busy_s):
            angles = self._angles(motion)
        self._estimate_noise(tracks, instant_s)
        sigma = points.sigma[0]
        nothing = JointAngles(self._names, self._no_angles, self._no_angles)
        people = tuple(
            LivePerson(
                n, xyz[i], sigma[i], motion if n == self._subject else None,
                angles if n == self._subject else nothing,
            )
            for i, n in enumerate(numbers)
        )  # fmt: skip
        return Reconstructed(people, self._subject, seconds, busy_s)

    def _of(self, number: int) -> Followed:
        if number not in self._followed:
            empty = np.full((len(self._skeleton.keypoints), 3), np.nan)
            self._followed[number] = Followed(self._skeleton, self._body, empty)
        return self._followed[number]

    def _named(self, tracks: Tracks2D, instant_s: float) -> Tracks2D:
        """Give people their lasting numbers, and leave out those who are there twice."""
        people, core = self._state.people, self._skeleton.core_index
        row = [int(np.flatnonzero(self._state.identity == n)[0]) for n in tracks.person_ids]
        points = people.points[row][:, core]
        known = np.isfinite(points)
        # Somebody is reported only while some of the core is known.
        places = np.where(known, points, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        named = self._who.name(tracks.person_ids.tolist(), places, instant_s)
        kept = np.array([number is not None for number in named], dtype=np.bool_)
        lasting = np.array([number for number in named if number is not None], dtype=np.int64)
        return replace(_columns(tracks, kept), person_ids=lasting)

    def _choose_subject(self, numbers: list[int], instant_s: float) -> None:
        """Keep the subject while they are remembered; then whoever has been in view for longest."""
        self._last_s |= dict.fromkeys(numbers, instant_s)
        for number in [n for n, last in self._last_s.items() if instant_s - last > FORGET_S]:
            del self._last_s[number]
            self._followed.pop(number, None)
        if self._subject not in self._last_s:
            self._subject = min(numbers, default=None)

    def _wanted(self, tracks: Tracks2D) -> Tracks2D:
        """Only the subject, unless everybody is asked for."""
        if self._settings.associate.people == "all":
            return tracks
        return _columns(tracks, tracks.person_ids == (-1 if self._subject is None else self._subject))

    def _move(self, numbers: list[int], points: Points3D, instant_s: float) -> Motion | None:
        """Body of the subject; while unseen it goes on as foreseen, until its joints are given up."""
        if self._subject is None:
            return None
        one = self._of(self._subject)
        if self._subject in numbers:
            i = numbers.index(self._subject)
            motion = one.move(instant_s, points.xyz[0, i], points.cov[0, i])
            one.learn(self._worker)
            return motion
        return None

    def _angles(self, motion: Motion | None) -> JointAngles:
        if motion is None or not self._names:
            return JointAngles(self._names, self._no_angles, self._no_angles)
        # The way of walking needs more than one frame: the angles against it are NaN, whatever the rate.
        return clinical_angles(motion, 1.0)

    def _estimate_noise(self, tracks: Tracks2D, instant_s: float) -> None:
        """Estimate beside the frames how much larger errors are than stated."""
        if self._estimating is not None and self._estimating.done():
            self._noise, self._estimating = self._estimating.result(), None
        mine = tracks.person_ids == (-1 if self._subject is None else self._subject)
        self.tracks = _columns(tracks, mine) if mine.any() else None
        if self.tracks is not None:
            self._recent.append(self.tracks)
        due = instant_s >= self._noise_due_s and len(self._recent) == NOISE_FRAMES
        if due and self._estimating is None:
            self._noise_due_s = instant_s + NOISE_EVERY_S
            self._estimating = self._worker.submit(self._triangulator.noise, _joined(list(self._recent)))


@contextmanager
def timed(stage: str, seconds: dict[str, float], busy_s: dict[str, float] | None = None) -> Iterator[None]:
    """Note how long a stage takes by the clock, and what it takes of the processor in this thread, s."""
    start, begun = time.perf_counter(), time.thread_time()
    yield
    seconds[stage] = time.perf_counter() - start
    if busy_s is not None:
        busy_s[stage] = time.thread_time() - begun


def _columns(tracks: Tracks2D, chosen: np.ndarray) -> Tracks2D:
    """Some of the people."""
    return replace(
        tracks,
        xy=tracks.xy[:, :, chosen],
        sigma_px=tracks.sigma_px[:, :, chosen],
        score=tracks.score[:, :, chosen],
        person_ids=tracks.person_ids[chosen],
    )


def _joined(frames: list[Tracks2D]) -> Tracks2D:
    """Frames of one person as one piece, whatever number they had."""
    return replace(
        frames[-1],
        xy=np.concatenate([one.xy for one in frames]),
        sigma_px=np.concatenate([one.sigma_px for one in frames]),
        score=np.concatenate([one.score for one in frames]),
    )
