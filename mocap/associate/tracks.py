"""People in space, followed from frame to frame: the state goes in and comes out.

Who is known is looked for in every view by their expected keypoints in space (Chen et al., "Cross-view tracking
for multi-human 3D pose estimation at over 100 FPS", CVPR 2020), one assignment per view, so that the cost is
linear in cameras; who is left over may be new (`births`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from mocap.associate.births import Birth, find_new, same_place
from mocap.associate.measure import measure
from mocap.associate.plan import BodyPlan, BoolArray
from mocap.associate.rays import Sightings, agreement, misses
from mocap.associate.settings import AssociationSettings
from mocap.associate.state import People, Step, nobody, rows
from mocap.core.types import FloatArray, IntArray

# The search widens by this speed while nobody sees a person, and by that of a runner where the speed is not known
# yet, up to the last figure.
SEARCH_M_S, RUN_M_S, WIDEST_SEARCH_M = 1.0, 7.0, 0.3
# In the assignment a person who has been there longer is worth this much more agreement than one who is just
# turning up, and so is a detection that the view itself numbered as the person of the frame before.
PROVEN_BONUS, SAME_NUMBER_BONUS = 0.1, 0.05
# A detection that fits somebody else by so much better is not this person, even if those have another already.
MUCH_BETTER = 0.2
# Somebody is proven after as long, s.
PROVEN_S = 0.3
# Followed on without two views together for so long, s: proven and not.
COAST_S, UNPROVEN_COAST_S = 0.5, 0.15


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
    member = _assign(people, expected, seen, dt, cameras, plan, settings)
    used = np.zeros(seen.camera.shape[0], dtype=np.bool_)
    used[member[member >= 0]] = True
    after, step = measure(people, expected, member, seen, dt, plan, settings)
    keep = _goes_on(after, plan, settings)
    if not keep.all():
        after = after.take(keep)
        step = Step(step.source[keep], step.views[keep], step.miss_m[keep], step.flipped[keep])
    if np.unique(seen.camera[~used]).size < 2:
        return after, step
    left = np.flatnonzero(~used & ~_explained(after, seen, plan, settings))
    if np.unique(seen.camera[left]).size < 2:
        return after, step
    found = find_new(seen.take(left), cameras, after.points, after.noise_m, plan, settings)
    if not found:
        return after, step
    new, first = _begin(found, left, seen, after, dt, plan, settings)
    return _join(after, new), Step(
        np.concatenate([step.source, first.source]),
        np.concatenate([step.views, first.views]),
        np.concatenate([step.miss_m, first.miss_m]),
        np.concatenate([step.flipped, first.flipped]),
    )


def _assign(
    people: People,
    expected: FloatArray,
    seen: Sightings,
    dt: float,
    cameras: int,
    plan: BodyPlan,
    settings: AssociationSettings,
) -> IntArray:
    """The sighting of each person in each view (N, C), -1 where none."""
    member = np.full((people.uid.shape[0], cameras), -1, dtype=np.int64)
    if people.uid.size == 0 or seen.camera.size == 0:
        return member
    wider = SEARCH_M_S * people.lost_s + np.where(people.support_s < PROVEN_S, RUN_M_S * dt, 0.0)
    width = settings.reach_m + np.minimum(wider, WIDEST_SEARCH_M)
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
    # A second detection of somebody in front must not be taken for the one who is hidden behind them.
    fits &= mean >= mean.max(axis=0) - MUCH_BETTER
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
    old: People,
    dt: float,
    plan: BodyPlan,
    settings: AssociationSettings,
) -> tuple[People, Step]:
    """The state of people who are new, as if they had been expected where they were found, at rest."""
    points = np.stack([birth.points for birth in births])
    member = np.stack([np.where(b.member >= 0, left[np.maximum(b.member, 0)], -1) for b in births])
    number, rest = np.full(member.shape, -1, dtype=np.int64), np.where(np.isfinite(points), 0.0, np.nan)
    row = [(len(births), *getattr(nobody(plan, member.shape[1]), name).shape[1:]) for name in rows()]
    blank: dict[str, Any] = {name: np.zeros(shape) for name, shape in zip(rows(), row, strict=True)}
    new = {"uid": old.next_uid + np.arange(len(births)), "points": points, "speed": rest, "number": number}
    start = replace(
        nobody(plan, member.shape[1]), **{**blank, **new}, noise_m=old.noise_m, next_uid=old.next_uid + len(births)
    )
    after, step = measure(start, points, member, seen, dt, plan, settings)
    return replace(after, speed=np.where(np.isfinite(after.points), 0.0, np.nan)), step


def _join(old: People, new: People) -> People:
    joined: dict[str, Any] = {n: np.concatenate([getattr(old, n), getattr(new, n)]) for n in rows()}
    return replace(new, **joined)
