"""Left and right of arms and legs that a network took for each other, found in time within one view.

A limb goes on as it moved and cannot jump to where the other one was: of all ways to call the two sides in each
picture, the one in which they surprise the least is taken (shortest path through the states of two pictures,
Viterbi 1967). Their way alone would not do: limbs that pass each other travel less if they are exchanged.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, IntArray, Poses2D
from mocap.detect.protocol import BoolArray

# Words in the names of a limb's keypoints. Feet have an index too: legs come first.
LIMBS = (
    ("hip", "knee", "ankle", "heel", "foot", "toe"),
    ("shoulder", "elbow", "wrist", "hand", "pinky", "index", "thumb"),
)
# A jump beyond this, in standard deviations, counts no more than this: one lost keypoint must not decide. It is
# about the breadth of a stride: a pose that is read the wrong way round is read badly, too, and does not fall onto
# the other limb.
LARGEST_JUMP = 50.0
# What it costs to contradict the network in one picture, in standard deviations. Limbs that pass each other may
# be exchanged by noise of about one; the rest of a walk after that must cost more, and a real swap of a limb's
# width, ten or more, still be mended over some seconds.
DOUBT = 0.05


def steady_sides(poses: Poses2D, looked: BoolArray) -> Poses2D:
    """Swap left and right where a limb else jumps to the other one's place and back.

    Parameters
    ----------
    poses : Poses2D
    looked : (T, C, P) bool
        False where keypoints are foreseen; those are left alone.
    """
    limbs = [pairs for pairs in (_pairs(poses.skeleton, words) for words in LIMBS) if pairs.size]
    xy, sigma, score = poses.xy.copy(), poses.sigma_px.copy(), poses.score.copy()
    for c in range(poses.track.shape[1]):
        for p in range(poses.track.shape[2]):
            track = poses.track[:, c, p]
            for person in np.unique(track[track >= 0]):
                looks = np.flatnonzero((track == person) & looked[:, c, p])
                for pairs in limbs:
                    seen = poses.xy[looks, c, p][:, pairs], poses.sigma_px[looks, c, p][:, pairs]
                    wrong = looks[swapped(*seen, looks)]
                    for values in (xy, sigma, score):
                        part = values[wrong, c, p]
                        part[:, pairs] = part[:, pairs[:, ::-1]]
                        values[wrong, c, p] = part
    return replace(poses, xy=xy, sigma_px=sigma, score=score)


def _pairs(skeleton: Skeleton, words: tuple[str, ...]) -> NDArray[np.intp]:
    """Left and right keypoint (N, 2) of each pair of a limb."""
    mine, others = words, LIMBS[0] if words != LIMBS[0] else ()
    named = [
        skeleton.index(left, right)
        for left, right in skeleton.mirror
        if any(w in left for w in mine) and not any(w in left for w in others)
    ]
    return np.array(named, dtype=np.intp).reshape(-1, 2)


def swapped(xy: FloatArray, sigma_px: FloatArray, frames: IntArray) -> BoolArray:
    """Pictures (T,) in which the two sides of one limb are called the wrong way round.

    Parameters
    ----------
    xy : (T, N, 2, 2)
        Pairs of keypoints, left then right, px.
    sigma_px : (T, N, 2)
    frames : (T,) int
        When the pictures were taken, ascending.
    """
    count = xy.shape[0]
    if count < 3:
        return np.zeros(count, dtype=np.bool_)
    # By whether the picture two before, and the one before, call the sides otherwise than the picture itself.
    off = [[_surprise(xy, sigma_px, frames, two, one) for one in (False, True)] for two in (False, True)]
    steps = np.array(off).transpose(2, 0, 1).tolist()
    # Four numbers a step: arrays would only slow this down. cost[before][now], each straight (0) or swapped (1).
    cost = [[0.0, DOUBT], [DOUBT, 2 * DOUBT]]
    came_from = []
    for step in steps:
        ways = [
            [[cost[two][one] + step[two ^ now][one ^ now] + DOUBT * now for two in (0, 1)] for now in (0, 1)]
            for one in (0, 1)
        ]
        came_from.append([[int(way[1] < way[0]) for way in row] for row in ways])
        cost = [[min(way) for way in row] for row in ways]
    one, now = min(((a, b) for a in (0, 1) for b in (0, 1)), key=lambda ends: cost[ends[0]][ends[1]])
    path = [now, one]
    for back in reversed(came_from):
        one, now = back[one][now], one
        path.append(one)
    return np.array(path[::-1], dtype=np.bool_)


def _surprise(
    xy: FloatArray, sigma_px: FloatArray, frames: IntArray, two_swapped: bool, one_swapped: bool
) -> FloatArray:
    """How far a limb is from where it was going (T - 2,), in standard deviations, mean over its keypoints."""
    two = xy[:-2, :, ::-1] if two_swapped else xy[:-2]
    one = xy[1:-1, :, ::-1] if one_swapped else xy[1:-1]
    ratio = ((frames[2:] - frames[1:-1]) / (frames[1:-1] - frames[:-2]))[:, None, None, None]
    off = np.linalg.norm(xy[2:] - one - ratio * (one - two), axis=-1) / sigma_px[2:]
    off = np.where(np.isfinite(off), np.minimum(off, LARGEST_JUMP), 0.0)
    return np.asarray(off.mean(axis=(1, 2)))
