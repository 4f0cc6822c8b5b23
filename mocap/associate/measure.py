"""Where people are, by the views that show them: sides put right, keypoints of others left out.

A body moves with its keypoints' own speeds while they are seen, and with the speed of the whole while not.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mocap.associate.plan import PARTS, BodyPlan, BoolArray
from mocap.associate.rays import Sightings, misses, solve_points
from mocap.associate.settings import AssociationSettings
from mocap.associate.sides import keypoints_swapped, swap, swapped_parts
from mocap.associate.state import People, Step, mean_speed
from mocap.core.types import FloatArray, IntArray

# Standard deviation of where a keypoint is expected, at once and per second since it was last seen, m and m/s:
# limbs swing at up to 10 m/s, but a step from frame to frame is known from the steps before.
PRIOR_M, PRIOR_M_S, WIDEST_PRIOR_M = 0.05, 3.0, 0.5
# Time over which a speed is averaged, and in which an unseen person comes to rest, s.
SPEED_TIME_S, REST_TIME_S = 0.12, 1.0
# No hand or foot is faster, m/s; and no keypoint jumps by less than this by mistake, m.
FASTEST_M_S, LEAST_JUMP_M = 12.0, 0.25
# A single view holds on to a person for longer than none.
LONE_VIEW_FACTOR = 0.25
# Views' votes on which side is left are summed up to this many seconds of unanimity.
VOTE_S = 0.4
# Evidence of less than this (half squared standard errors) is no vote.
VOTE_EVIDENCE = 2.0
# A keypoint is taken from another detection of the view only where it fits this much better than it must.
BORROW_SHARE = 0.5
# A keypoint may miss by so many times what views miss people by, where that is more than the gate.
WIDEST_NOISE = 6.0
# Time over which that is averaged, s.
NOISE_TIME_S = 1.0
# Weight of one frame in a bone's mean length once that settled.
BONE_WINDOW = 300


def measure(
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
    points = solve_points(origin, ray, spread, expected, prior_sigma, people.noise_m)
    miss = misses(points[:, None], origin, ray)
    gate = min(max(settings.keypoint_gate_m, WIDEST_NOISE * people.noise_m), settings.reach_m)
    accepted: BoolArray = np.asarray(miss <= gate)
    measured = accepted.sum(axis=1) >= 2
    jump = np.linalg.norm(points - expected, axis=-1)
    wild = jump > LEAST_JUMP_M + FASTEST_M_S * (people.unseen_s + dt)
    accepted &= ~wild[:, None]
    measured &= ~wild
    source = _sources(member, seen, swapped, accepted, plan)
    source = _borrow(source, points, measured, member, seen, settings)
    miss_m, noise_m = _noise(np.where(accepted, miss, np.nan), people.noise_m, dt)
    views = there.sum(axis=1)
    moved = _moved(people, expected, points, measured, np.asarray(accepted.any(axis=1)), dt)
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
        noise_m=noise_m,
        next_uid=people.next_uid,
    )
    if flipped.any():
        after, source = _flip(after, source, flipped, plan)
    return after, Step(source, views, miss_m, flipped)


def _noise(miss: FloatArray, noise_m: float, dt: float) -> tuple[FloatArray, float]:
    """Median miss of each person (N,) from those of their keypoints (N, C, K), and what views miss people by."""
    flat = np.sort(miss.reshape(miss.shape[0], -1), axis=1)  # NaN at the end
    count = np.isfinite(flat).sum(axis=1)
    middle = flat[np.arange(flat.shape[0]), np.maximum(count - 1, 0) // 2]
    crowded = np.isfinite(miss).sum(axis=1) >= 3
    some = np.moveaxis(miss, 1, 2)[crowded]
    some = some[np.isfinite(some)]
    if some.size == 0:
        return middle, noise_m
    return middle, noise_m + dt / (dt + NOISE_TIME_S) * (float(np.median(some)) - noise_m)


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
    # The common case: nothing is left over in any detection.
    if not free.any():
        return source
    u, k = np.nonzero(free)
    miss = misses(points[:, k][:, :, None], seen.origin[u], seen.ray[u, k][:, None])[..., 0]
    miss = np.where(np.isfinite(miss), miss, np.inf)
    # Whoever it fits best; those who have one already keep the others from taking it.
    best = np.argmin(miss, axis=0)
    column = np.arange(u.size)
    fits = miss[best, column] < BORROW_SHARE * settings.keypoint_gate_m
    fits &= (source[best, seen.camera[u], k] < 0) & measured[best, k]
    source = source.copy()
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
    new: BoolArray = np.asarray(~np.isfinite(expected[..., 0]))
    place = np.where(measured[..., None], points, expected + drift[:, None])
    # Speeds begin as means and go on as moving means.
    gain = (dt / (dt + np.minimum(people.support_s, SPEED_TIME_S)))[:, None, None]
    own = people.speed + gain * off / max(dt, 1e-6)
    known: BoolArray = np.asarray(measured & np.isfinite(own[..., 0]))
    body = np.where(known[..., None], own, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)[:, None]
    some: BoolArray = np.asarray(known.any(axis=1))
    rest = np.where(some[:, None], body, mean_speed(people.speed) * np.exp(-dt / REST_TIME_S))
    speed = np.where(known[..., None], own, rest[:, None])
    speed = np.where((new & ~measured)[..., None], np.nan, speed)
    return place, speed


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


def _empty_step(shape: tuple[int, ...], keypoints: int) -> Step:
    return Step(
        np.full((*shape, keypoints), -1, dtype=np.int64),
        np.zeros(shape[0], dtype=np.int64),
        np.full(shape[0], np.nan),
        np.zeros((shape[0], len(PARTS)), dtype=np.bool_),
    )
