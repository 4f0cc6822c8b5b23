"""New people: bodies that the views agree on though nobody was expected there.

Each pair of detections from two views is a hypothesis of a body, where their rays meet. It is rated by how well
the two, and the best detection of each other view, fit this one body. So whoever is found together agrees all
round, not only in pairs: the cycle consistency of Dong et al., "Fast and robust multi-person 3D pose estimation
from multiple views" (CVPR 2019), had from a body in space as in Tanke and Gall, "Iterative greedy matching for 3D
human pose tracking from multiple views" (GCPR 2019). The best is taken, its detections are spent, and so on. Pairs
are made of detections that no known person explains only, so that the cost stays linear in cameras while people
stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.rays import midpoint
from mocap.associate.plan import BodyPlan, BoolArray
from mocap.associate.rays import Sightings, agreement, misses, solve_points
from mocap.associate.settings import AssociationSettings
from mocap.associate.sides import facing, keypoints_swapped, swap, swapped_parts
from mocap.core.types import FloatArray, IntArray

# Pairs of detections that are looked at closely: many times as many as there can be people.
PAIRS_KEPT = 64
# Rays of a pair that meet at less than this determine no depth.
MIN_PAIR_SINE = float(np.sin(np.deg2rad(5.0)))
# Lengths of a body's bones, from a small child's forearm to a tall man's trunk, with room for noise, m; and the
# share of them that must be so. Bodies made of two people are stretched or squashed.
BONE_RANGE_M = (0.07, 0.75)
MIN_PLAUSIBLE_SHARE = 0.75
# A hypothesis of other bones comes after the others; two views alone make no such body, three do.
ODD_WEIGHT = 0.5
# A body of two views only must besides have sides alike: the median left bone within this factor of the right.
MAX_SIDE_RATIO = 1.6
# Facing counts where the mean cosine is beyond this.
SURE_FACING = 0.3
# The prior of a body just found is as wide as the reach of its first two views.
FIRST_PRIOR_M = 0.5


@dataclass(frozen=True)
class Birth:
    """A new body: keypoints (K, 3) m, and the sighting that shows it in each camera (C,), -1 where none."""

    points: FloatArray
    member: IntArray


def find_new(
    seen: Sightings,
    cameras: int,
    known: FloatArray,
    noise_m: float,
    plan: BodyPlan,
    settings: AssociationSettings,
) -> list[Birth]:
    """Find new people among sightings that belong to nobody.

    Parameters
    ----------
    known : (N, K, 3)
        People who are there already: a new one in the very same place is a doubled detection.
    noise_m : float
        What views miss people by, m.

    Returns
    -------
    list of Birth
        With members as indices into ``seen``.
    """
    pair_a, pair_b = _pairs(seen, plan, settings)
    if pair_a.size == 0:
        return []
    body, own = _meet(seen, pair_a, pair_b, plan, settings)
    own *= np.where(plausible(body, plan), 1.0, ODD_WEIGHT)
    keep = np.argsort(-own, kind="stable")[:PAIRS_KEPT]
    keep = keep[own[keep] > 0]
    body, pair_a, pair_b = body[keep], pair_a[keep], pair_b[keep]
    fit = _fit(body, seen, plan, settings)
    weight = np.where(plausible(body, plan), 1.0, ODD_WEIGHT)
    free = np.ones(seen.camera.shape[0], dtype=np.bool_)
    births: list[Birth] = []
    while True:
        open_pair = free[pair_a] & free[pair_b]
        if not open_pair.any():
            return births
        total, member = _best_members(np.where(free, fit, 0.0), seen.camera, cameras)
        # A hypothesis must be confirmed by the two that it is made of.
        best = int(np.argmax(np.where(open_pair, weight * total, -1.0)))
        free_before = free.copy()
        birth = _settle(body[best], member[best], seen, noise_m, plan, settings)
        free[[pair_a[best], pair_b[best]]] = False
        if birth is None or _is_known(birth.points, known, births, plan, settings):
            continue
        free[birth.member[birth.member >= 0]] = False
        doubled = _fit(birth.points[None, plan.core], seen, plan, settings)[0] >= 0.5 * (
            1 + settings.min_agreement
        )
        free &= free_before & ~doubled
        births.append(birth)


def _pairs(seen: Sightings, plan: BodyPlan, settings: AssociationSettings) -> tuple[IntArray, IntArray]:
    """Pairs of sightings from two views that can be compared."""
    a, b = np.triu_indices(seen.camera.shape[0], 1)
    there = np.isfinite(seen.ray[:, plan.core, 0])
    common = (there[a] & there[b]).sum(axis=1) >= settings.min_keypoints
    chosen = (seen.camera[a] != seen.camera[b]) & common
    return a[chosen], b[chosen]


def _meet(
    seen: Sightings, a: IntArray, b: IntArray, plan: BodyPlan, settings: AssociationSettings
) -> tuple[FloatArray, FloatArray]:
    """Bodies (H, Q, 3) where the rays of pairs meet, left and right as in ``a``, and their ratings (H,)."""
    origin_a, origin_b = seen.origin[a], seen.origin[b]
    ray_a = seen.ray[a][:, plan.core]
    both = []
    for partner in (plan.core, plan.core_mirror):
        ray_b = seen.ray[b][:, partner]
        point = midpoint(origin_a[:, None], ray_a, origin_b[:, None], ray_b)
        sine = np.linalg.norm(np.cross(ray_a, ray_b), axis=-1)
        point[~(sine >= MIN_PAIR_SINE)] = np.nan
        both.append((point, misses(point, origin_a, ray_a)))
    (point, miss), (other_point, other_miss) = both
    swapped, _ = swapped_parts(miss, other_miss, plan)
    chosen = keypoints_swapped(swapped, plan)[:, plan.core]
    point = np.where(chosen[..., None], other_point, point)
    miss = np.where(chosen, other_miss, miss)
    common = np.isfinite(miss).sum(axis=1)
    # A miss is half of the gap between two rays.
    value = agreement(miss, 0.5 * settings.reach_m).sum(axis=1)
    mean = value / np.maximum(common, 1)
    good = (common >= settings.min_keypoints) & (mean >= settings.min_agreement)
    return point, np.where(good, value, 0.0)


def plausible(core: FloatArray, plan: BodyPlan) -> BoolArray:
    """Whether bodies (H, Q, 3) have the bones of people."""
    place = np.full(plan.mirror.shape[0], -1)
    place[plan.core] = np.arange(plan.core.shape[0])
    length = np.linalg.norm(core[:, place[plan.bones[:, 0]]] - core[:, place[plan.bones[:, 1]]], axis=-1)
    known = np.isfinite(length)
    right = known & (length >= BONE_RANGE_M[0]) & (length <= BONE_RANGE_M[1])
    return np.asarray(right.sum(axis=1) >= MIN_PLAUSIBLE_SHARE * known.sum(axis=1))


def _even_sided(points: FloatArray, plan: BodyPlan) -> bool:
    """Whether the left bones of a body (K, 3) are about as long as the right ones."""
    a, b = plan.bones[:, 0], plan.bones[:, 1]
    length = np.linalg.norm(points[a] - points[b], axis=-1)
    partner = np.linalg.norm(points[plan.mirror[a]] - points[plan.mirror[b]], axis=-1)
    sided = (plan.mirror[a] != b) & np.isfinite(length) & np.isfinite(partner)
    if not sided.any():
        return True
    ratio = np.abs(np.log(np.maximum(length[sided], 1e-3) / np.maximum(partner[sided], 1e-3)))
    return bool(np.median(ratio) <= np.log(MAX_SIDE_RATIO))


def _fit(body: FloatArray, seen: Sightings, plan: BodyPlan, settings: AssociationSettings) -> FloatArray:
    """How well each sighting fits each body (H, Q, 3): mean agreement (H, U); 0 where it does not."""
    straight, mirrored = (
        agreement(misses(body[:, None], seen.origin, seen.ray[:, partner]), settings.reach_m)
        for partner in (plan.core, plan.core_mirror)
    )
    value = np.maximum(straight @ plan.core_of_part, mirrored @ plan.core_of_part).sum(axis=-1)
    known = np.isfinite(body[:, None, :, 0]) & np.isfinite(seen.ray[None, :, plan.core, 0])
    common = known.sum(axis=-1)
    mean = value / np.maximum(common, 1)
    return np.where((common >= settings.min_keypoints) & (mean >= settings.min_agreement), mean, 0.0)


def _best_members(fit: FloatArray, camera: IntArray, cameras: int) -> tuple[FloatArray, IntArray]:
    """Best sighting of each body in each camera (H, C), -1 where none fits, and the sum of their fits (H,)."""
    member = np.full((fit.shape[0], cameras), -1, dtype=np.int64)
    total = np.zeros(fit.shape[0])
    for c in np.unique(camera):
        there = np.flatnonzero(camera == c)
        best = there[np.argmax(fit[:, there], axis=1)]
        value = fit[np.arange(fit.shape[0]), best]
        member[:, c] = np.where(value > 0, best, -1)
        total += value
    return total, member


def _settle(
    core: FloatArray,
    member: IntArray,
    seen: Sightings,
    noise_m: float,
    plan: BodyPlan,
    settings: AssociationSettings,
) -> Birth | None:
    """The body of some sightings, left and right put right, without those that do not fit it after all."""
    points = np.full((plan.mirror.shape[0], 3), np.nan)
    points[plan.core] = core
    for _ in range(2):
        views = np.flatnonzero(member >= 0)
        if views.size < 2:
            return None
        some = seen.take(member[views])
        points, swapped = _solve(points, some, noise_m, plan)
        fit = _fit(points[None, plan.core], some, plan, settings)[0]
        member = member.copy()
        member[views[fit < settings.min_agreement]] = -1
    count = np.count_nonzero(member >= 0)
    if count < 2 or (count == 2 and not (_is_body(points, plan) and _even_sided(points, plan))):
        return None
    majority = swapped.mean(axis=0)
    points = swap(points, majority > 0.5, plan)
    turned = facing(points, plan)
    if turned < -SURE_FACING and (np.abs(majority - 0.5) < 0.25).mean() > 0.5:
        # The views are divided: then the body itself must say.
        points = points[plan.mirror]
    return Birth(points, member)


def _solve(points: FloatArray, some: Sightings, noise_m: float, plan: BodyPlan) -> tuple[FloatArray, BoolArray]:
    """Label the parts of each view by a body (K, 3) and solve it again from all of them."""
    miss = [misses(points[plan.core][None], some.origin, some.ray[:, k]) for k in (plan.core, plan.core_mirror)]
    swapped, _ = swapped_parts(miss[0], miss[1], plan)
    ray = swap(some.ray, swapped, plan)
    prior_sigma = np.full(points.shape[0], FIRST_PRIOR_M)
    solved = solve_points(
        some.origin[None], ray[None], some.spread[None], points[None], prior_sigma[None], noise_m
    )[0]
    lone = np.isfinite(ray[..., 0]).sum(axis=0) < 2
    solved[lone] = np.nan
    return solved, swapped


def _is_body(points: FloatArray, plan: BodyPlan) -> bool:
    return bool(plausible(points[None, plan.core], plan)[0])


def _is_known(
    points: FloatArray, known: FloatArray, births: list[Birth], plan: BodyPlan, settings: AssociationSettings
) -> bool:
    """Whether a body lies in the very place of another."""
    others = np.concatenate([known, *(birth.points[None] for birth in births)])
    return bool(same_place(points, others, plan, settings).any())


def same_place(points: FloatArray, others: FloatArray, plan: BodyPlan, settings: AssociationSettings) -> BoolArray:
    """Whether others (N, K, 3) lie where a body (K, 3) does, whatever they call left and right.

    Most of the joints are then no further apart than half the reach.
    """
    gaps = [np.linalg.norm(others[:, k] - points[plan.core], axis=-1) for k in (plan.core, plan.core_mirror)]
    gap = np.minimum(np.nan_to_num(gaps[0], nan=np.inf), np.nan_to_num(gaps[1], nan=np.inf))
    gap = np.where(np.isfinite(gap), gap, np.nan)
    count = np.isfinite(gap).sum(axis=1)
    near = (gap < 0.5 * settings.reach_m).sum(axis=1)
    return np.asarray((count > 0) & (near > 0.5 * count))
