"""Feet on the ground: where they stand they neither slide nor sink.

A heel or a toe stands where it is slow and low. Over each such stretch of time it is held to one place, the mean
of where the fit had it, and nothing goes below the lowest place that a foot stood on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mocap.core.types import FloatArray
from mocap.fit.chain import BoolArray, Chain, IndexArray, Placed, Pose
from mocap.fit.evidence import Pull
from mocap.fit.gaps import neighbours

# A foot's keypoint stands while it moves slower than this, m/s: a walker's swinging foot passes 3 m/s, one that
# stands shows the noise of the fit, some 0.1.
STANDS_BELOW_M_S = 0.2
# (between instants this long before and after, s, so that noise of 5 mm counts for no more than 0.07 m/s)
SPEED_OVER_S = 0.05
# ... lies no higher than this above the lowest place it stood on, m: a heel that rises is off by then, ...
STANDS_WITHIN_M = 0.06
# ... stays within this of one place, m: feet that shuffle do not stand, ...
STANDS_AT_M = 0.02
# ... and all that for so long, s: half of the shortest stance in running.
STANDS_FOR_S = 0.1
# What counts as the lowest height, percent: a few that are lower are noise.
LOW_PERCENT = 5.0
# How exactly a foot stays where it stands (skin and sole give a little), and how far its keypoint sinks, m.
SLIDES_SIGMA_M = 0.005
SINKS_SIGMA_M = 0.01


@dataclass(frozen=True)
class Contact:
    """Where keypoints of the feet stand.

    Attributes
    ----------
    stands : (T, M) bool
    anchor : (T, M, 3)
        Where, m; anything where they do not.
    floor : (M,)
        Height below which a keypoint does not go, m; -inf for those that have none.
    """

    stands: BoolArray
    anchor: FloatArray
    floor: FloatArray

    def part(self, frames: IndexArray) -> Contact:
        """Return some of the frames."""
        return replace(self, stands=self.stands[frames], anchor=self.anchor[frames])


def find_contact(chain: Chain, pose: Pose, placed: Placed, shown: BoolArray, dt: float) -> Contact:
    """Find when the ground keypoints of the skeleton stand.

    Parameters
    ----------
    shown : (T, M) bool
        Where the keypoints are known; nothing stands unseen.
    """
    ground = np.isin(chain.keypoint, chain.skeleton.index(*chain.skeleton.ground))
    xyz = placed.points + pose.place[:, None]
    frames, count = xyz.shape[:2]
    none = Contact(np.zeros((frames, count), dtype=np.bool_), np.zeros_like(xyz), np.full(count, -np.inf))
    if frames < 3 or not ground.any():
        return none
    number, lag = np.arange(frames), max(1, round(SPEED_OVER_S / dt))
    late, early = np.minimum(number + lag, frames - 1), np.maximum(number - lag, 0)
    speed = np.linalg.norm(xyz[late] - xyz[early], axis=-1) / ((late - early) * dt)[:, None]
    slow = speed < STANDS_BELOW_M_S
    slow &= shown & ground
    floor = np.full(count, -np.inf)
    # Left and right stand on one floor, heels and toes at heights of their own.
    for kind in {_kind(chain, int(m)) for m in np.flatnonzero(ground)}:
        same = np.array([g and _kind(chain, m) == kind for m, g in enumerate(ground)])
        slowly, known = xyz[:, same, 2][slow[:, same]], xyz[:, same, 2][shown[:, same]]
        if slowly.size:
            # A foot that was only slow in the air tells nothing of the floor; one that goes lower does.
            floor[same] = min(np.percentile(slowly, LOW_PERCENT), np.percentile(known, LOW_PERCENT))
    low = xyz[..., 2] < np.where(np.isfinite(floor), floor, np.inf) + STANDS_WITHIN_M
    stands = slow & low
    anchor = np.zeros_like(xyz)
    for m in np.flatnonzero(stands.any(axis=0)):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], stands[:, m].astype(np.int8), [0]])))
        for start, stop in edges.reshape(-1, 2):
            anchor[start:stop, m] = np.median(xyz[start:stop, m], axis=0)
    stands &= np.linalg.norm(xyz - anchor, axis=-1) < STANDS_AT_M
    before, after = neighbours(~stands)
    stands &= (after - before - 1) * dt >= STANDS_FOR_S
    return Contact(stands, anchor, floor)


def _kind(chain: Chain, attached: int) -> str:
    """Name of an attached keypoint without its side."""
    name: str = chain.skeleton.keypoints[int(chain.keypoint[attached])]
    return name.split("_", 1)[-1]


def add_contact(contact: Contact, pose: Pose, placed: Placed, pull: Pull) -> Pull:
    """Hold what stands to its place, and lift what sinks."""
    xyz = placed.points + pose.place[:, None]
    held = contact.stands[..., None] / SLIDES_SIGMA_M**2 * (xyz - contact.anchor)
    below = np.minimum(xyz[..., 2] - contact.floor, 0.0)
    sinks = (below < 0.0) / SINKS_SIGMA_M**2
    weight = pull.weight + (contact.stands / SLIDES_SIGMA_M**2)[..., None, None] * np.eye(3)
    weight[..., 2, 2] += sinks
    force = pull.force + held
    force[..., 2] += sinks * below
    cost = np.sum(held * (xyz - contact.anchor), axis=(1, 2)) + np.sum(sinks * np.square(below), axis=1)
    return Pull(weight, force, pull.cost + cost)
