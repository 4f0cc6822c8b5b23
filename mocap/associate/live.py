"""Association one frame at a time: what is known goes in and comes out.

Nobody is reported before they are proven, and nobody is renumbered afterwards: a number once given stays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from calibration.camera import CameraRig
from mocap.associate.identity import Ends, joins
from mocap.associate.people import LONE_STEP_S, check_cameras, pick
from mocap.associate.plan import BodyPlan, plan_of
from mocap.associate.rays import ray_block
from mocap.associate.settings import AssociationSettings
from mocap.associate.state import People, Step, mean_speed, nobody
from mocap.associate.tracks import PROVEN_S, follow
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, IntArray, Poses2D, Tracks2D


@dataclass(frozen=True)
class LiveState:
    """What association remembers between frames.

    Attributes
    ----------
    people : People
    t_s : float
        Time of the last frame; NaN before the first.
    identity : (N,) int
        Number of each of the people, -1 while they are not proven.
    born : Ends
        Where each of the people turned up.
    gone : Ends
        Where people who are hidden were last.
    gone_identity : (G,) int
    next_identity : int
    """

    people: People
    t_s: float
    identity: IntArray
    born: Ends
    gone: Ends
    gone_identity: IntArray
    next_identity: int


def initial_state(skeleton: Skeleton, rig: CameraRig) -> LiveState:
    """State before the first frame."""
    plan = plan_of(skeleton)
    none = np.zeros(0, dtype=np.int64)
    people = nobody(plan, len(rig.cameras))
    ends = _ends(people, np.nan, plan)
    return LiveState(people, np.nan, none, ends, ends, none, 0)


def associate_frame(
    state: LiveState, poses: Poses2D, rig: CameraRig, t_s: float, settings: AssociationSettings | None = None
) -> tuple[LiveState, Tracks2D]:
    """Find out who is who in one frame.

    Parameters
    ----------
    state : LiveState
        From the frame before.
    poses : Poses2D
        With T = 1; cameras in the order of the rig.
    t_s : float
        Time of the frame, s; later than that of the frame before.

    Returns
    -------
    (LiveState, Tracks2D)
        The state for the next frame, and the people who are proven.
    """
    settings = settings or AssociationSettings()
    check_cameras(poses, rig)
    if poses.score.shape[0] != 1 or t_s <= state.t_s:
        raise ValueError("one frame is taken at a time, later than the one before")
    plan = plan_of(poses.skeleton)
    dt = LONE_STEP_S if np.isnan(state.t_s) else t_s - state.t_s
    seen = ray_block(poses, rig, slice(0, 1), settings.min_score, settings.min_keypoints, plan).at(0)
    people, step = follow(state.people, seen, dt, len(rig.cameras), plan, settings)
    state = _remember(state, people, t_s, plan, settings)
    state = _identify(state, t_s, plan, settings)
    return state, _report(state, step, poses)


def _ends(people: People, t_s: float, plan: BodyPlan) -> Ends:
    count = people.uid.shape[0]
    core = people.points[:, plan.core]
    known = np.isfinite(core[..., :1])
    centre = np.where(known, core, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return Ends(np.full(count, t_s), centre, mean_speed(people.speed), people.bone_m, people.bone_count)


def _remember(
    state: LiveState, people: People, t_s: float, plan: BodyPlan, settings: AssociationSettings
) -> LiveState:
    """Keep the proven ones who are not followed any more, and forget those hidden for too long."""
    before, now = state.people.uid, people.uid
    dropped = ~np.isin(before, now) & (state.identity >= 0)
    last = _ends(state.people, state.t_s, plan)
    # They were last seen together a while before they were given up.
    last = replace(last, t_s=last.t_s - state.people.lost_s)
    gone = _join(state.gone, _take(last, dropped))
    gone_identity = np.concatenate([state.gone_identity, state.identity[dropped]])
    fresh = t_s - gone.t_s <= settings.hidden_s
    kept = np.isin(before, now)
    new = ~np.isin(now, before)
    born = _join(_take(state.born, kept), _take(_ends(people, t_s, plan), new))
    identity = np.concatenate([state.identity[kept], np.full(int(new.sum()), -1)])
    return replace(
        state,
        people=people,
        t_s=t_s,
        identity=identity,
        born=born,
        gone=_take(gone, fresh),
        gone_identity=gone_identity[fresh],
    )


def _identify(state: LiveState, t_s: float, plan: BodyPlan, settings: AssociationSettings) -> LiveState:
    """Number those who are proven by now: as somebody who was hidden, or as somebody new."""
    proven = np.flatnonzero((state.identity < 0) & (state.people.support_s >= PROVEN_S))
    if proven.size == 0:
        return state
    now = _ends(state.people, t_s, plan)
    # By now the bones and the speed are known better than when they turned up.
    first = Ends(state.born.t_s, state.born.centre, now.speed, now.bone_m, now.bone_count)
    before, after = joins(state.gone, _take(first, proven), settings.hidden_s)
    identity = state.identity.copy()
    identity[proven[after]] = state.gone_identity[before]
    new = proven[identity[proven] < 0]
    identity[new] = state.next_identity + np.arange(new.size)
    still = np.ones(state.gone_identity.size, dtype=np.bool_)
    still[before] = False
    return replace(
        state,
        identity=identity,
        gone=_take(state.gone, still),
        gone_identity=state.gone_identity[still],
        next_identity=state.next_identity + int(new.size),
    )


def _report(state: LiveState, step: Step, poses: Poses2D) -> Tracks2D:
    """The proven people of this frame, in the order of their numbers."""
    shown = np.flatnonzero((state.identity >= 0) & (step.views > 0))
    shown = shown[np.argsort(state.identity[shown], kind="stable")]
    return pick(poses, [step.source[n][None] for n in shown], state.identity[shown])


def _take(ends: Ends, chosen: np.ndarray) -> Ends:
    return Ends(
        ends.t_s[chosen], ends.centre[chosen], ends.speed[chosen], ends.bone_m[chosen], ends.bone_count[chosen]
    )


def _join(a: Ends, b: Ends) -> Ends:
    def both(first: FloatArray, second: FloatArray) -> FloatArray:
        return np.concatenate([first, second])

    return Ends(
        both(a.t_s, b.t_s),
        both(a.centre, b.centre),
        both(a.speed, b.speed),
        both(a.bone_m, b.bone_m),
        both(a.bone_count, b.bone_count),
    )
