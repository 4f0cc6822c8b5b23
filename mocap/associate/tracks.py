"""People in space, followed from frame to frame: the state goes in and comes out.

Who is known is looked for in every view by their expected keypoints in space (Chen et al., "Cross-view tracking
for multi-human 3D pose estimation at over 100 FPS", CVPR 2020), one assignment per view, so that the cost is
linear in cameras; who is left over may be new (`births`). A body moves with its keypoints' own speeds while they are
seen, and with the speed of the whole while not.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from mocap.associate.births import Birth, find_new, same_place
from mocap.associate.plan import PARTS, BodyPlan, BoolArray
from mocap.associate.rays import Sightings, agreement, misses, solve_points
from mocap.associate.settings import AssociationSettings
from mocap.associate.sides import keypoints_swapped, swap, swapped_parts
from mocap.core.types import FloatArray, IntArray

# Standard deviation of where a keypoint is expected, at once and per second since it was last seen, m and m/s:
# limbs swing at up to 10 m/s, but a step from frame to frame is known from the steps before.
PRIOR_M, PRIOR_M_S, WIDEST_PRIOR_M = 0.05, 3.0, 0.5
# The search widens by this speed while nobody sees a person, up to the last figure.
SEARCH_M_S, WIDEST_SEARCH_M = 1.0, 0.3
# Time over which a speed is averaged, and in which an unseen person comes to rest, s.
SPEED_TIME_S, REST_TIME_S = 0.12, 1.0
# No hand or foot is faster, m/s; and no keypoint jumps by less than this by mistake, m.
FASTEST_M_S, LEAST_JUMP_M = 12.0, 0.25
# In the assignment a person who has been there longer is worth this much more agreement than one who is just
# turning up, and so is a detection that the view itself numbered as the person of the frame before.
PROVEN_BONUS, SAME_NUMBER_BONUS = 0.1, 0.05
# Somebody is proven after as long, s.
PROVEN_S = 0.3
# Followed on without two views together for so long, s: proven and not.
COAST_S, UNPROVEN_COAST_S = 0.5, 0.15
# A single view holds on to a person for longer than none.
LONE_VIEW_FACTOR = 0.25
# Views' votes on which side is left are summed up to this many seconds of unanimity.
VOTE_S = 0.4
# Evidence of less than this (half squared standard errors) is no vote.
VOTE_EVIDENCE = 2.0
# A keypoint is taken from another detection of the view only where it fits this much better than it must.
BORROW_SHARE = 0.5
# Weight of one frame in a bone's mean length once that settled.
BONE_WINDOW = 300


@dataclass(frozen=True)
class People:
    """N people as they are known after a frame; the memory of association.

    Attributes
    ----------
    uid : (N,) int
        Number of the track.
    points, speed : (N, K, 3)
        Keypoints, m, and their speeds, m/s; NaN where never seen.
    unseen_s : (N, K)
        Time since each keypoint was last measured, s.
    number : (N, C) int
        The view's own number of the person, -1 where unknown.
    lost_s, support_s : (N,)
        Time since two views showed the person together, and how long they did in all, s.
    vote_s : (N, F)
        Seconds of unanimous votes that the parts' left and right are as named.
    bone_m, bone_count : (N, B)
        Mean length of each bone, m, and from how many frames.
    next_uid : int
    """

    uid: IntArray
    points: FloatArray
    speed: FloatArray
    unseen_s: FloatArray
    number: IntArray
    lost_s: FloatArray
    support_s: FloatArray
    vote_s: FloatArray
    bone_m: FloatArray
    bone_count: FloatArray
    next_uid: int

    def take(self, chosen: BoolArray) -> People:
        """Some of the people."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in _arrays()})


@cache
def _arrays() -> tuple[str, ...]:
    """Names of the fields of `People` that have a row for each person."""
    return tuple(f.name for f in fields(People) if f.name != "next_uid")


@dataclass(frozen=True)
class Step:
    """What one frame showed of the people, N of them as in the state that goes with it.

    Attributes
    ----------
    source : (N, C, K) int
        Where each keypoint comes from: slot times K plus the keypoint's place there; -1 where from nowhere.
    views : (N,) int
        Views that show the person.
    flipped : (N, F) bool
        Parts whose left and right were found to have been exchanged all along.
    """

    source: IntArray
    views: IntArray
    flipped: BoolArray


def nobody(plan: BodyPlan, cameras: int) -> People:
    """The state before the first frame."""
    k, b, f = plan.mirror.shape[0], plan.bones.shape[0], len(PARTS)
    return People(
        uid=np.zeros(0, dtype=np.int64),
        points=np.zeros((0, k, 3)),
        speed=np.zeros((0, k, 3)),
        unseen_s=np.zeros((0, k)),
        number=np.zeros((0, cameras), dtype=np.int64),
        lost_s=np.zeros(0),
        support_s=np.zeros(0),
        vote_s=np.zeros((0, f)),
        bone_m=np.zeros((0, b)),
        bone_count=np.zeros((0, b)),
        next_uid=0,
    )


def follow(
    people: People, seen: Sightings, dt: float, cameras: int, plan: BodyPlan, settings: AssociationSettings
) -> tuple[People, Step]:
    """Take the people of the frame before to this one.

    Parameters
    ----------
    people : People
    seen : Sightings
        What the views show.
    dt : float
        Time since the frame before, s.

    Returns
    -------
    (People, Step)
        Those who are followed on and those who are new. Who was dropped is missing.
    """
    expected = people.points + people.speed * dt
    member = _assign(people, expected, seen, cameras, plan, settings)
    used = np.zeros(seen.camera.shape[0], dtype=np.bool_)
    used[member[member >= 0]] = True
    after, step = _measure(people, expected, member, seen, dt, plan, settings)
    keep = _goes_on(after, plan, settings)
    if not keep.all():
        after = after.take(keep)
        step = Step(step.source[keep], step.views[keep], step.flipped[keep])
    if np.unique(seen.camera[~used]).size < 2:
        return after, step
    left = np.flatnonzero(~used & ~_explained(after, seen, plan, settings))
    if np.unique(seen.camera[left]).size < 2:
        return after, step
    found = find_new(seen.take(left), cameras, after.points, plan, settings)
    if not found:
        return after, step
    new, first = _begin(found, left, seen, after.next_uid, dt, plan, settings)
    return _join(after, new), Step(
        np.concatenate([step.source, first.source]),
        np.concatenate([step.views, first.views]),
        np.concatenate([step.flipped, first.flipped]),
    )


def _assign(
    people: People,
    expected: FloatArray,
    seen: Sightings,
    cameras: int,
    plan: BodyPlan,
    settings: AssociationSettings,
) -> IntArray:
    """The sighting of each person in each view (N, C), -1 where none."""
    member = np.full((people.uid.shape[0], cameras), -1, dtype=np.int64)
    if people.uid.size == 0 or seen.camera.size == 0:
        return member
    width = settings.reach_m + np.minimum(SEARCH_M_S * people.lost_s, WIDEST_SEARCH_M)
    core = expected[:, None, plan.core]
    straight, mirrored = (
        agreement(misses(core, seen.origin, seen.ray[:, k]), width[:, None, None])
        for k in (plan.core, plan.core_mirror)
    )
    value = np.maximum(straight @ plan.core_of_part, mirrored @ plan.core_of_part).sum(axis=-1)
    known = np.isfinite(core[..., 0]) & np.isfinite(seen.ray[None, :, plan.core, 0])
    common = known.sum(axis=-1)
    mean = value / np.maximum(common, 1)
    fits = (common >= settings.min_keypoints) & (mean >= settings.min_agreement)
    # Whole bodies are preferred to halves of them.
    gain = mean * np.sqrt(common / plan.core.shape[0])
    gain += PROVEN_BONUS * (people.support_s >= PROVEN_S)[:, None]
    gain += SAME_NUMBER_BONUS * ((people.number[:, seen.camera] == seen.number) & (seen.number >= 0))
    gain = np.where(fits, gain, 0.0)
    for c in range(cameras):
        there = np.flatnonzero(seen.camera == c)
        if there.size:
            rows, columns = linear_sum_assignment(gain[:, there], maximize=True)
            chosen = there[columns]
            good = fits[rows, chosen]
            member[rows[good], c] = chosen[good]
    return member


def _measure(
    people: People,
    expected: FloatArray,
    member: IntArray,
    seen: Sightings,
    dt: float,
    plan: BodyPlan,
    settings: AssociationSettings,
) -> tuple[People, Step]:
    """Where the people are by the views that show them."""
    there = member >= 0
    count = plan.mirror.shape[0]
    if not there.any():
        return _coast(people, expected, dt), _empty_step(member.shape, count)
    origin, ray, spread = _gather(member, seen)
    core = expected[:, None, plan.core]
    straight = misses(core, origin, ray[:, :, plan.core])
    mirrored = misses(core, origin, ray[:, :, plan.core_mirror])
    swapped, evidence = swapped_parts(straight, mirrored, plan)
    swapped &= there[..., None]
    vote_s, flipped = _vote(people.vote_s, swapped, evidence, there, dt)
    ray = swap(ray, swapped, plan)
    prior_sigma = np.minimum(PRIOR_M + PRIOR_M_S * (people.unseen_s + dt), WIDEST_PRIOR_M)
    points = solve_points(origin, ray, spread, expected, prior_sigma)
    miss = misses(points[:, None], origin, ray)
    accepted: BoolArray = np.asarray(miss <= settings.keypoint_gate_m)
    measured = accepted.sum(axis=1) >= 2
    jump = np.linalg.norm(points - expected, axis=-1)
    wild = jump > LEAST_JUMP_M + FASTEST_M_S * (people.unseen_s + dt)
    accepted &= ~wild[:, None]
    measured &= ~wild
    source = _sources(member, seen, swapped, accepted, plan)
    source = _borrow(source, points, measured, member, seen, settings)
    views = there.sum(axis=1)
    moved = _moved(people, expected, points, measured, accepted.any(axis=1), dt)
    number = np.where(there, seen.number[np.maximum(member, 0)], people.number)
    # Two views that share no keypoint show no body together.
    together = (views >= 2) & (measured[:, plan.core].sum(axis=1) >= settings.min_keypoints)
    lost_s = np.where(together, 0.0, people.lost_s + np.where(views > 0, LONE_VIEW_FACTOR, 1.0) * dt)
    bone_m, bone_count = _bones(people, moved[0], measured, plan)
    after = People(
        uid=people.uid,
        points=moved[0],
        speed=moved[1],
        unseen_s=np.where(measured, 0.0, people.unseen_s + dt),
        number=number,
        lost_s=lost_s,
        support_s=people.support_s + dt * together,
        vote_s=vote_s,
        bone_m=bone_m,
        bone_count=bone_count,
        next_uid=people.next_uid,
    )
    if flipped.any():
        after, source = _flip(after, source, flipped, plan)
    return after, Step(source, views, flipped)


def _gather(member: IntArray, seen: Sightings) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Origins (N, C, 3), rays (N, C, K, 3) and spreads (N, C, K) of the members; NaN rays where there is none."""
    index = np.maximum(member, 0)
    ray = np.where((member >= 0)[..., None, None], seen.ray[index], np.nan)
    return seen.origin[index], ray, seen.spread[index]


def _vote(
    vote_s: FloatArray, swapped: BoolArray, evidence: FloatArray, there: BoolArray, dt: float
) -> tuple[FloatArray, BoolArray]:
    """Sum up how many of the views (N, C, F) call left what the track calls left; negative sums turn it round."""
    counted = there[..., None] & (np.abs(evidence) > VOTE_EVIDENCE)
    ballot = np.where(counted, np.where(swapped, -1.0, 1.0), 0.0).sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
    vote_s = np.minimum(vote_s + dt * ballot, VOTE_S)
    # The sum starts at 0 with a track, so that its first frames decide; rounding must not.
    flipped = vote_s < -1e-9
    return np.where(flipped, -vote_s, vote_s), flipped


def _flip(people: People, source: IntArray, flipped: BoolArray, plan: BodyPlan) -> tuple[People, IntArray]:
    """Exchange left and right of the parts of people whose views say so."""
    turned = replace(
        people,
        points=swap(people.points, flipped, plan),
        speed=swap(people.speed, flipped, plan),
        unseen_s=swap(people.unseen_s[..., None], flipped, plan)[..., 0],
    )
    return turned, swap(source[..., None], flipped[:, None], plan)[..., 0]


def _sources(
    member: IntArray, seen: Sightings, swapped: BoolArray, accepted: BoolArray, plan: BodyPlan
) -> IntArray:
    """Where the accepted keypoints (N, C, K) come from."""
    count = plan.mirror.shape[0]
    keypoint = np.where(keypoints_swapped(swapped, plan), plan.mirror, np.arange(count))
    slot = seen.slot[np.maximum(member, 0)][..., None]
    return np.asarray(np.where(accepted, slot * count + keypoint, -1))


def _borrow(
    source: IntArray,
    points: FloatArray,
    measured: BoolArray,
    member: IntArray,
    seen: Sightings,
    settings: AssociationSettings,
) -> IntArray:
    """Fill a view's missing keypoints of a person from other detections that have them in the right place.

    A detector may give a person in two halves, or give a limb of theirs to somebody else. A keypoint that its own
    person has no use for, and that lies where two other views put ours, is ours.
    """
    count = source.shape[2]
    taken = np.zeros((seen.camera.shape[0], count), dtype=np.bool_)
    person, camera, keypoint = np.nonzero(source >= 0)
    taken[member[person, camera], source[person, camera, keypoint] % count] = True
    free = np.isfinite(seen.ray[..., 0]) & ~taken
    owners = np.zeros(seen.camera.shape[0], dtype=np.bool_)
    owners[member[member >= 0]] = True
    # The common case: nothing is left over in any detection.
    if not free.any():
        return source
    u, k = np.nonzero(free)
    miss = misses(points[:, k][:, :, None], seen.origin[u], seen.ray[u, k][:, None])[..., 0]
    wanted = (source[:, seen.camera[u], k] < 0) & measured[:, k]
    value = np.where(wanted & (miss < BORROW_SHARE * settings.keypoint_gate_m), miss, np.inf)
    if not np.isfinite(value).any():
        return source
    source = source.copy()
    best = np.argmin(value, axis=0)
    fits = np.isfinite(value[best, np.arange(u.size)])
    source[best[fits], seen.camera[u[fits]], k[fits]] = seen.slot[u[fits]] * count + k[fits]
    return source


def _moved(
    people: People, expected: FloatArray, points: FloatArray, measured: BoolArray, touched: BoolArray, dt: float
) -> tuple[FloatArray, FloatArray]:
    """Keypoints and speeds (N, K, 3) after a measurement; what was not measured goes with the rest."""
    off = points - expected
    with_body = np.where((touched & np.isfinite(off[..., 0]))[..., None], off, 0.0)
    number = np.maximum((touched & np.isfinite(off[..., 0])).sum(axis=1), 1)
    drift = with_body.sum(axis=1) / number[:, None]
    new = ~np.isfinite(expected[..., 0])
    place = np.where(measured[..., None], points, expected + drift[:, None])
    gain = dt / (dt + SPEED_TIME_S)
    own = people.speed + gain * off / max(dt, 1e-6)
    known = measured & np.isfinite(own[..., 0])
    body = np.where(known[..., None], own, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)[:, None]
    rest = np.where(known.any(axis=1)[:, None], body, mean_speed(people.speed) * np.exp(-dt / REST_TIME_S))
    speed = np.where(known[..., None], own, rest[:, None])
    speed = np.where((new & ~measured)[..., None], np.nan, speed)
    return place, speed


def mean_speed(speed: FloatArray) -> FloatArray:
    """Speed of the whole (N, 3)."""
    known = np.isfinite(speed[..., :1])
    return np.asarray(np.where(known, speed, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))


def _coast(people: People, expected: FloatArray, dt: float) -> People:
    """People whom no view shows go on as they went, ever slower."""
    rest = mean_speed(people.speed)[:, None] * np.exp(-dt / REST_TIME_S)
    return replace(
        people,
        points=expected,
        speed=np.where(np.isfinite(expected), rest, np.nan),
        unseen_s=people.unseen_s + dt,
        lost_s=people.lost_s + dt,
    )


def _bones(
    people: People, points: FloatArray, measured: BoolArray, plan: BodyPlan
) -> tuple[FloatArray, FloatArray]:
    """Mean lengths of bones (N, B) with this frame's, and their counts."""
    a, b = plan.bones[:, 0], plan.bones[:, 1]
    length = np.linalg.norm(points[:, a] - points[:, b], axis=-1)
    known = measured[:, a] & measured[:, b] & np.isfinite(length)
    count = people.bone_count + known
    step = np.where(known, length - people.bone_m, 0.0) / np.clip(count, 1.0, BONE_WINDOW)
    return people.bone_m + step, count


def _goes_on(people: People, plan: BodyPlan, settings: AssociationSettings) -> BoolArray:
    """Who is followed on (N,): not who was lost too long, nor the younger of two in the same place."""
    proven = people.support_s >= PROVEN_S
    keep = people.lost_s <= np.where(proven, COAST_S, UNPROVEN_COAST_S)
    centre = np.nanmean(people.points, axis=1) if people.uid.size else people.points[:, 0]
    gap = np.linalg.norm(centre[:, None] - centre[None], axis=-1)
    for first, second in zip(*np.nonzero(np.triu(gap < 0.5 * settings.reach_m, 1)), strict=True):
        if same_place(people.points[first], people.points[second : second + 1], plan, settings)[0]:
            weaker = first if people.support_s[first] < people.support_s[second] else second
            keep[weaker] = False
    return np.asarray(keep)


def _explained(people: People, seen: Sightings, plan: BodyPlan, settings: AssociationSettings) -> BoolArray:
    """Sightings (U,) that show somebody known: doubled detections make no new people."""
    if people.uid.size == 0:
        return np.zeros(seen.camera.shape[0], dtype=np.bool_)
    core = people.points[:, None, plan.core]
    miss = [misses(core, seen.origin, seen.ray[:, k]) for k in (plan.core, plan.core_mirror)]
    near = np.fmin(miss[0], miss[1]) < 0.5 * settings.reach_m
    common = (np.isfinite(core[..., 0]) & np.isfinite(seen.ray[None, :, plan.core, 0])).sum(axis=-1)
    share = near.sum(axis=-1) / np.maximum(common, 1)
    return np.asarray(((share > 0.8) & (common >= settings.min_keypoints)).any(axis=0))


def _begin(
    births: list[Birth],
    left: IntArray,
    seen: Sightings,
    uid: int,
    dt: float,
    plan: BodyPlan,
    settings: AssociationSettings,
) -> tuple[People, Step]:
    """The state of people who are new, as if they had been expected where they were found, at rest."""
    points = np.stack([birth.points for birth in births])
    member = np.stack([np.where(b.member >= 0, left[np.maximum(b.member, 0)], -1) for b in births])
    number, rest = np.full(member.shape, -1, dtype=np.int64), np.where(np.isfinite(points), 0.0, np.nan)
    row = [(len(births), *getattr(nobody(plan, member.shape[1]), name).shape[1:]) for name in _arrays()]
    blank: dict[str, Any] = {name: np.zeros(shape) for name, shape in zip(_arrays(), row, strict=True)}
    new = {"uid": uid + np.arange(len(births)), "points": points, "speed": rest, "number": number}
    start = replace(nobody(plan, member.shape[1]), **{**blank, **new}, next_uid=uid + len(births))
    after, step = _measure(start, points, member, seen, dt, plan, settings)
    return replace(after, speed=np.where(np.isfinite(after.points), 0.0, np.nan)), step


def _join(old: People, new: People) -> People:
    joined: dict[str, Any] = {n: np.concatenate([getattr(old, n), getattr(new, n)]) for n in _arrays()}
    return replace(new, **joined)


def _empty_step(shape: tuple[int, ...], keypoints: int) -> Step:
    return Step(
        np.full((*shape, keypoints), -1, dtype=np.int64),
        np.zeros(shape[0], dtype=np.int64),
        np.zeros((shape[0], len(PARTS)), dtype=np.bool_),
    )
