"""Which way somebody walks."""

from __future__ import annotations

import numpy as np

from mocap.core.types import FloatArray

# The way of a pelvis sways within a stride, which takes about a second: the direction is that of a second's way.
WINDOW_S = 1.0
# Slower than this nobody walks anywhere: half the speed of frail patients.
MIN_SPEED_M_S = 0.25


def heading(root_xyz: FloatArray, rate_hz: float) -> FloatArray:
    """World frames turned to the direction of walking.

    Parameters
    ----------
    root_xyz : (T, N, 3)
        Way of the pelvis, m; z up.
    rate_hz : float

    Returns
    -------
    (T, N, 3, 3)
        Columns ahead, left, up; NaN where nobody walks, or nobody was seen.
    """
    half = max(1, round(0.5 * WINDOW_S * rate_hz))
    velocity = np.full((*root_xyz.shape[:2], 2), np.nan)
    for person in range(root_xyz.shape[1]):
        way = root_xyz[:, person, :2]
        seen = np.flatnonzero(np.isfinite(way).all(axis=-1))
        if seen.size < 2:
            continue
        # Between the first and the last sight of somebody; windows are shorter at both ends.
        index = np.arange(seen[0], seen[-1] + 1)
        whole = np.stack([np.interp(index, seen, way[seen, axis]) for axis in range(2)], axis=-1)
        before, after = np.maximum(index - half, seen[0]), np.minimum(index + half, seen[-1])
        span = (after - before)[:, None] / rate_hz
        velocity[index, person] = (whole[after - seen[0]] - whole[before - seen[0]]) / span
    velocity[~np.isfinite(root_xyz).all(axis=-1)] = np.nan
    speed = np.linalg.norm(velocity, axis=-1, keepdims=True)
    ahead = velocity / np.where(speed >= MIN_SPEED_M_S, speed, np.nan)
    return _frame(ahead)


def own_heading(axes: FloatArray) -> FloatArray:
    """World frames turned to where a segment looks.

    Parameters
    ----------
    axes : (..., 3, 3)
        Anatomical axes of a segment: forwards, left, proximal.

    Returns
    -------
    (..., 3, 3)
        Columns ahead, left, up, its left being the segment's own as seen from above: so that a lean forwards,
        however far, changes nothing.
    """
    left = axes[..., :2, 1]
    left = left / np.linalg.norm(left, axis=-1, keepdims=True)
    return _frame(np.stack([left[..., 1], -left[..., 0]], axis=-1))


def _frame(ahead: FloatArray) -> FloatArray:
    """Frames (..., 3, 3) from unit directions (..., 2) in the ground."""
    zero = np.zeros_like(ahead[..., 0])
    forwards = np.stack([ahead[..., 0], ahead[..., 1], zero], axis=-1)
    left = np.stack([-ahead[..., 1], ahead[..., 0], zero], axis=-1)
    up = np.stack([zero, zero, np.where(np.isnan(ahead[..., 0]), np.nan, 1.0)], axis=-1)
    return np.stack([forwards, left, up], axis=-1)
