"""Corners that cannot belong to the target, found picture by picture before any camera is known."""

from __future__ import annotations

import numpy as np

from calibration.extrinsics.pose import BoolArray, homographies, well_spread
from calibration.transforms import FloatArray

# Lens distortion bends a board that fills the picture of a wide lens by some per cent of its size. A corner
# farther off than this share of the board's apparent size was taken for another.
GROSS_SHARE = 0.1
SMALLEST_GROSS_PX = 4.0

# Sets of four corners tried in a picture: with one corner in three wrong, one set in five is right, and
# 40 sets miss with a probability of 1e-4.
TRIALS = 40
SEED = 20
PICTURES_AT_ONCE = 200

# Fewer good corners than this and chance decides which four agree.
FEWEST_AGREEING = 6


def gross_errors(points: FloatArray, xy: FloatArray, seen: BoolArray) -> BoolArray:
    """Corners that no homography puts near where they were seen.

    Random sample consensus (Fischler and Bolles, CACM 1981) with homographies, only in pictures whose
    corners do not agree as they are. Distortion and noise are left to the fits that follow.

    Parameters
    ----------
    points : (K, 3)
        Corners with z = 0, m.
    xy : (N, K, 2)
        Pixels; NaN where not seen.
    seen : (N, K)

    Returns
    -------
    (N, K) True where the corner is wrong. Pictures with too few corners to tell have none.
    """
    wrong = np.zeros(seen.shape, dtype=bool)
    check = np.flatnonzero(well_spread(points, seen) & (np.count_nonzero(seen, axis=1) >= FEWEST_AGREEING))
    if not len(check):
        return wrong
    limit = _limit(xy[check], seen[check])
    flat = np.broadcast_to(points[:, :2], (len(check), *points[:, :2].shape))
    filled = np.where(seen[..., None], xy, 0.0)
    distance = _distance(homographies(flat, filled[check], seen[check]), points, filled[check])
    suspect = check[(seen[check] & (distance > limit[:, None])).any(axis=1)]
    rng = np.random.default_rng(SEED)
    for first in range(0, len(suspect), PICTURES_AT_ONCE):
        these = suspect[first : first + PICTURES_AT_ONCE]
        wrong[these] = _consensus(points, filled[these], seen[these], rng)
    return wrong


def _consensus(points: FloatArray, xy: FloatArray, seen: BoolArray, rng: np.random.Generator) -> BoolArray:
    """Corners off the homography that most corners of a picture agree with."""
    count, corners = seen.shape
    order = np.argsort(np.where(seen[:, None], rng.random((count, TRIALS, corners)), 2.0), axis=2)[..., :4]
    chosen = np.zeros((count, TRIALS, corners), dtype=bool)
    np.put_along_axis(chosen, order, True, axis=2)
    tried = chosen.reshape(-1, corners)
    repeated_xy = np.repeat(xy, TRIALS, axis=0)
    fit_here = np.flatnonzero(well_spread(points, tried))
    flat = np.broadcast_to(points[:, :2], (len(fit_here), corners, 2))
    flat_distance = np.full(tried.shape, np.inf)
    flat_distance[fit_here] = _distance(
        homographies(flat, repeated_xy[fit_here], tried[fit_here]), points, repeated_xy[fit_here]
    )
    distance = flat_distance.reshape(count, TRIALS, corners)
    # The limit follows the corners that agree: the first guess of the board's size holds the wrong ones.
    limit = _limit(xy, seen)
    inside = seen[:, None] & (distance < limit[:, None, None])
    best = inside.sum(axis=2).argmax(axis=1)
    good = inside[np.arange(count), best]
    for _ in range(2):
        good = np.where((np.count_nonzero(good, axis=1) >= FEWEST_AGREEING)[:, None], good, seen)
        spread = well_spread(points, good)
        good = np.where(spread[:, None], good, seen)
        flat = np.broadcast_to(points[:, :2], (count, corners, 2))
        distance_now = _distance(homographies(flat, xy, good), points, xy)
        good = seen & (distance_now < _limit(xy, good)[:, None])
    settled = np.count_nonzero(good, axis=1) >= FEWEST_AGREEING
    return np.asarray(seen & ~good & settled[:, None])


def _limit(xy: FloatArray, seen: BoolArray) -> FloatArray:
    """How far off a corner may be (N,), px: a share of the board's apparent size, by medians."""
    values = np.where(seen[..., None], xy, np.nan)
    middle = np.nanmedian(values, axis=1, keepdims=True)
    size = np.nanmedian(np.linalg.norm(values - middle, axis=2), axis=1)
    return np.asarray(np.maximum(2.0 * GROSS_SHARE * size, SMALLEST_GROSS_PX))


def _distance(found: FloatArray, points: FloatArray, xy: FloatArray) -> FloatArray:
    """Distance (N, K), px, of corners from where homographies (N, 3, 3) put them."""
    local = np.concatenate([points[:, :2], np.ones((len(points), 1))], axis=1)
    mapped = np.einsum("nij,kj->nki", found, local)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.linalg.norm(mapped[..., :2] / mapped[..., 2:] - xy, axis=2)
    return np.where(np.isfinite(distance), distance, np.inf)
