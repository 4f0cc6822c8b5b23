"""Short gaps are bridged, long ones stay gaps; nothing is invented beyond the ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from mocap.core.errors import InputError
from mocap.core.types import FloatArray, IntArray, Points3D

# How hard a point may be speeding up or slowing down unseen: about 1 g, what wrists and ankles reach in
# walking and reaching. A bridge over h seconds is off by up to a h^2 / 8 in its middle at acceleration a.
UNSEEN_ACCELERATION_M_S2 = 10.0


def fill_gaps(points: Points3D, rate_hz: float, max_gap_s: float) -> Points3D:
    """Bridge the gaps of every keypoint that are no longer than ``max_gap_s``.

    The bridge is a piecewise cubic that never overshoots (PCHIP; Fritsch and Butland 1984, SIAM J. Sci.
    Stat. Comput. 5:300): each coordinate stays between its two neighbours. A smooth cubic spline would be
    closer on clean data, but takes the slopes at the edge of a gap from the two points where an occlusion
    begins and ends, the noisiest there are, and swings out with them.

    The covariance of a filled sample is that of its less certain neighbour (errors around an occlusion
    last for several frames, so two neighbours do not average out) plus, in every direction, the square of
    ``UNSEEN_ACCELERATION_M_S2 * t * (h - t) / 2``, with h the time between the neighbours and t that since
    the first: how far a point of that acceleration gets from a straight line that it leaves and meets.

    Parameters
    ----------
    rate_hz : float
        Frame rate, Hz.
    max_gap_s : float
        Longest gap to fill, s; a gap of m frames lasts m / rate_hz.

    Returns
    -------
    Points3D
        With gaps filled; ``n_views`` is 0 at filled samples and the columns of the cameras are unchanged,
        so that a filled point can be told from a measured one.
    """
    if rate_hz <= 0 or max_gap_s < 0:
        raise InputError(
            f"Gaps cannot be filled with a frame rate of {rate_hz:g} Hz and a longest gap of {max_gap_s:g} s.",
            "Give a positive frame rate, and 0 s to fill nothing.",
        )
    frames = points.xyz.shape[0]
    xyz = points.xyz.reshape(frames, -1, 3).copy()
    cov = points.cov.reshape(frames, -1, 3, 3).copy()
    seen = np.asarray(np.isfinite(xyz).all(axis=-1))
    before, after = neighbours(seen)
    # The slack keeps the rounding of the product from deciding.
    bridged = ~seen & (before >= 0) & (after < frames) & (after - before - 1 <= max_gap_s * rate_hz + 1e-6)
    for series in np.flatnonzero(bridged.any(axis=0)):
        at = np.flatnonzero(seen[:, series])
        gap = np.flatnonzero(bridged[:, series])
        xyz[gap, series] = PchipInterpolator(at, xyz[at, series], axis=0)(gap)
    frame, column = np.nonzero(bridged)
    first, last = before[frame, column], after[frame, column]
    cov[frame, column] = _bridge_covariance(
        cov[first, column], cov[last, column], frame - first, last - frame, rate_hz
    )
    filled = bridged.reshape(points.n_views.shape)
    return replace(
        points,
        xyz=xyz.reshape(points.xyz.shape),
        cov=cov.reshape(points.cov.shape),
        n_views=np.where(filled, 0, points.n_views),
    )


def neighbours(seen: NDArray[np.bool_]) -> tuple[IntArray, IntArray]:
    """Frame of the last sample seen up to, and of the first from, each frame on.

    Parameters
    ----------
    seen : (T, S) bool

    Returns
    -------
    before, after : (T, S) int
        -1 and T where there is none.
    """
    frames = seen.shape[0]
    number = np.arange(frames)[:, None]
    before = np.maximum.accumulate(np.where(seen, number, -1), axis=0)
    after = np.minimum.accumulate(np.where(seen, number, frames)[::-1], axis=0)[::-1]
    return before.astype(np.int64), after.astype(np.int64)


def _bridge_covariance(
    first: FloatArray, last: FloatArray, since: IntArray, until: IntArray, rate_hz: float
) -> FloatArray:
    """Covariance (M, 3, 3), m^2, of samples ``since`` and ``until`` frames from neighbours (M, 3, 3)."""
    firsts, lasts = np.trace(first, axis1=-2, axis2=-1), np.trace(last, axis1=-2, axis2=-1)
    worse = np.where((firsts >= lasts)[:, None, None], first, last)
    sigma = UNSEEN_ACCELERATION_M_S2 * since * until / (2.0 * rate_hz**2)
    return np.asarray(worse + np.square(sigma)[:, None, None] * np.eye(3))
