"""What association knows of people, and what one frame shows of them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cache

import numpy as np

from mocap.associate.plan import PARTS, BodyPlan, BoolArray
from mocap.core.types import FloatArray, IntArray

# Before anything is known: an error of a good detector, in a good rig.
FIRST_NOISE_M = 0.015


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
    noise_m : float
        What the views miss people by, m: the median where three and more show a keypoint.
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
    noise_m: float
    next_uid: int

    def take(self, chosen: BoolArray) -> People:
        """Some of the people."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in rows()})


@cache
def rows() -> tuple[str, ...]:
    """Names of the fields of `People` that have a row for each person."""
    return tuple(f.name for f in fields(People) if f.name not in ("noise_m", "next_uid"))


@dataclass(frozen=True)
class Step:
    """What one frame showed of the people, N of them as in the state that goes with it.

    Attributes
    ----------
    source : (N, C, K) int
        Where each keypoint comes from: slot times K plus the keypoint's place there; -1 where from nowhere.
    views : (N,) int
        Views that show the person.
    miss_m : (N,)
        Median miss of their keypoints, m; NaN where nothing was measured.
    flipped : (N, F) bool
        Parts whose left and right were found to have been exchanged all along.
    """

    source: IntArray
    views: IntArray
    miss_m: FloatArray
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
        noise_m=FIRST_NOISE_M,
        next_uid=0,
    )


def mean_speed(speed: FloatArray) -> FloatArray:
    """Speed of the whole (N, 3)."""
    known = np.isfinite(speed[..., :1])
    return np.asarray(np.where(known, speed, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))
