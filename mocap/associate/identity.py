"""The same person before and after they were hidden: joining pieces of tracks.

Pieces are joined by where a motion at constant speed leads, from both sides, and by the lengths of bones, which
nobody changes; all at once by the cheapest assignment (Hungarian method), as in Huang, Wu and Nevatia, "Robust
object tracking by hierarchical association of detection responses" (ECCV 2008).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from mocap.core.types import FloatArray, IntArray

# Where somebody comes out again is as uncertain as this at once and per second, m and m/s: people stop and turn.
PLACE_M, PLACE_M_S = 0.25, 0.8
# Nobody walks further than this meanwhile; runners as fast as they ran before.
WALK_M_S, SLACK_M = 2.5, 0.5
# Logarithm of a bone's length: what a pose and its noise change of the mean, and what they change of one frame.
BONE_MEAN_SIGMA, BONE_FRAME_SIGMA = 0.04, 0.25
# Weight of the bones' mean squared error beside the squared error of the place (in standard errors).
BONE_WEIGHT = 4.0
# Pieces that are less alike are of different people: three standard errors in place, or two in all bones.
MAX_COST = 14.0


@dataclass(frozen=True)
class Ends:
    """Ends of pieces of tracks, all first or all last; E of them.

    Attributes
    ----------
    t_s : (E,)
    centre, speed : (E, 3)
        Middle of the body, m, and its speed, m/s.
    bone_m, bone_count : (E, B)
        Mean lengths of bones over the whole piece, and from how many frames.
    """

    t_s: FloatArray
    centre: FloatArray
    speed: FloatArray
    bone_m: FloatArray
    bone_count: FloatArray


def joins(last: Ends, first: Ends, hidden_s: float) -> tuple[IntArray, IntArray]:
    """Which pieces go on as which others.

    Parameters
    ----------
    last, first : Ends
        Where pieces end, and where pieces begin.
    hidden_s : float
        Pieces further apart are not joined.

    Returns
    -------
    before, after : (M,) int
        Piece ``before`` goes on as piece ``after``.
    """
    empty = np.zeros(0, dtype=np.int64)
    if last.t_s.size == 0 or first.t_s.size == 0:
        return empty, empty
    cost = join_cost(last, first, hidden_s)
    gain = np.where(cost < MAX_COST, MAX_COST - cost, 0.0)
    before, after = linear_sum_assignment(gain, maximize=True)
    good = gain[before, after] > 0
    return before[good].astype(np.int64), after[good].astype(np.int64)


def join_cost(last: Ends, first: Ends, hidden_s: float) -> FloatArray:
    """Squared error, in standard errors, of each piece going on as each other (E, E'); infinite if it cannot."""
    gap = first.t_s[None] - last.t_s[:, None]
    away = first.centre[None] - last.centre[:, None]
    # They slow down as likely as they go on: half of the way that the speeds lead, forwards and backwards alike.
    led = 0.5 * (last.speed[:, None] + first.speed[None]) * gap[..., None]
    off = np.minimum(np.linalg.norm(away - led, axis=-1), np.linalg.norm(away - 0.5 * led, axis=-1))
    pace = np.maximum(np.linalg.norm(last.speed, axis=-1)[:, None], np.linalg.norm(first.speed, axis=-1)[None])
    possible = (gap > 0) & (gap <= hidden_s)
    possible &= np.linalg.norm(away, axis=-1) <= SLACK_M + np.maximum(WALK_M_S, 1.5 * pace) * gap
    place = np.square(off / (PLACE_M + PLACE_M_S * np.maximum(gap, 0.0)))
    return np.asarray(np.where(possible, place + BONE_WEIGHT * _bone_error(last, first), np.inf))


def _bone_error(last: Ends, first: Ends) -> FloatArray:
    """Mean squared error of the bones in standard errors (E, E'); 0 where there is nothing to compare."""
    count = np.minimum(last.bone_count[:, None], first.bone_count[None])
    both = count > 0
    logarithm = [np.log(np.maximum(np.where(e.bone_count > 0, e.bone_m, 1.0), 1e-3)) for e in (last, first)]
    off = logarithm[0][:, None] - logarithm[1][None]
    variance = BONE_MEAN_SIGMA**2 + BONE_FRAME_SIGMA**2 / np.maximum(count, 1.0)
    error = np.where(both, np.square(off) / variance, 0.0)
    return np.asarray(error.sum(axis=-1) / np.maximum(both.sum(axis=-1), 1))
