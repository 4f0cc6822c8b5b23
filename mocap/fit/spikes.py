"""Single samples that jump out of the way of their keypoint."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from mocap.core.errors import InputError
from mocap.core.types import FloatArray, Points3D

# A sample farther from the median of its neighbours than so many standard deviations is a spike (Pearson 2002,
# IEEE Trans. Control Systems Technology 10:55, names 3 the usual choice of the Hampel filter).
SPIKE_SIGMAS = 3.0
# Standard deviation of normal errors over their median absolute deviation.
MAD_TO_SIGMA = 1.4826
# Frames looked at in one go, which bounds the memory.
FRAMES_AT_ONCE = 2048


def remove_spikes(
    points: Points3D, rate_hz: float, window_s: float, trusted: NDArray[np.bool_] | None = None
) -> Points3D:
    """Remove samples that are far from the median of their neighbours (Hampel filter), so that they become gaps.

    Far is measured by the median distance of the neighbours themselves from that median, which grows where the
    keypoint moves fast, and by the sample's own standard deviation, so that a still keypoint keeps its noise.

    Parameters
    ----------
    window_s : float
        How long before and after a sample its neighbours reach, s; at least two frames. 0 removes nothing.
    trusted : (T, N, K) bool, optional
        Samples that stay, as somebody set them by hand.
    """
    if rate_hz <= 0.0 or window_s < 0.0:
        raise InputError(
            f"Spikes cannot be found with a window of {window_s:g} s at {rate_hz:g} Hz.",
            "Give a positive frame rate, and 0 s to remove nothing.",
        )
    if window_s == 0.0:
        return points
    half = max(2, round(window_s * rate_hz))
    frames = points.xyz.shape[0]
    xyz = points.xyz.reshape(frames, -1, 3)
    padded = np.pad(xyz, [(half, half), (0, 0), (0, 0)], constant_values=np.nan)
    spread = points.sigma.reshape(frames, -1)
    spike = np.zeros(xyz.shape[:2], dtype=np.bool_)
    for start in range(0, frames, FRAMES_AT_ONCE):
        stop = min(start + FRAMES_AT_ONCE, frames)
        near = np.moveaxis(sliding_window_view(padded[start : stop + 2 * half], 2 * half + 1, axis=0), -1, 0)
        middle = _median(near)
        typical = MAD_TO_SIGMA * _median(np.linalg.norm(near - middle, axis=-1))
        off = np.linalg.norm(xyz[start:stop] - middle, axis=-1)
        spike[start:stop] = off > SPIKE_SIGMAS * np.fmax(typical, spread[start:stop])
    gone = spike.reshape(points.n_views.shape)
    if trusted is not None:
        gone &= ~trusted
    return replace(
        points,
        xyz=np.where(gone[..., None], np.nan, points.xyz),
        cov=np.where(gone[..., None, None], np.nan, points.cov),
        n_views=np.where(gone, 0, points.n_views),
    )


def _median(values: FloatArray) -> FloatArray:
    """Median of what is there along the first axis; NaN where nothing is."""
    ranked = np.sort(values, axis=0)  # NaN sorts last
    count = np.isfinite(values).sum(axis=0)
    low = np.take_along_axis(ranked, np.maximum((count - 1) // 2, 0)[None], axis=0)[0]
    high = np.take_along_axis(ranked, np.minimum(count // 2, np.maximum(count - 1, 0))[None], axis=0)[0]
    return np.asarray(0.5 * (low + high))
