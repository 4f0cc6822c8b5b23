"""Zero-lag Butterworth low-pass, the usual smoothing of movement data."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from mocap.core.errors import InputError
from mocap.core.types import FloatArray, Points3D

# Periods of the cutoff by which a run is continued at its ends before filtering. A Butterworth filter of
# low order has forgotten its start by then, to less than a thousandth.
PADDING_PERIODS = 2.0


def smooth(points: Points3D, rate_hz: float, cutoff_hz: float, order: int) -> Points3D:
    """Low-pass the way of every keypoint, forwards and backwards, so that nothing is delayed.

    Each run without gaps is filtered by itself: what lies beyond a gap does not leak over it. A run is
    continued at both ends by its point reflection about the end sample, for two periods of the cutoff; one
    that is shorter is reflected again and again, so that two samples become a straight line. A single
    sample between two gaps stays as it is, since nothing is known about its neighbourhood.

    The covariance stays as it is. A detector's errors persist from frame to frame: on the studio's sample they
    correlate by 0.86 over one frame and 0.52 over four, and filtering takes 0.4 % off their rms. To divide them
    by the filter's gain for white noise would claim certainty that is not there.

    Parameters
    ----------
    rate_hz : float
        Frame rate, Hz.
    cutoff_hz : float
        Where the amplitude has fallen to 1/sqrt(2) after both passes, Hz.
    order : int
        Order of the two passes together; 4 is the custom in gait analysis.

    Raises
    ------
    InputError
        If the cutoff is not between 0 and half the frame rate, or the order is not even and positive.
    """
    sos = design(rate_hz, cutoff_hz, order)
    padding = int(np.ceil(PADDING_PERIODS * rate_hz / cutoff_hz))
    frames = points.xyz.shape[0]
    xyz = points.xyz.reshape(frames, -1, 3).copy()
    for (start, stop), series in runs(np.asarray(np.isfinite(xyz).all(axis=-1))).items():
        if stop - start > 1:
            xyz[start:stop, series] = _filter(sos, xyz[start:stop, series], padding)
    return replace(points, xyz=xyz.reshape(points.xyz.shape))


def design(rate_hz: float, cutoff_hz: float, order: int) -> FloatArray:
    """Second-order sections of one pass, such that two passes fall to 1/sqrt(2) at the cutoff.

    Each pass may lose only the fourth root of 1/2 there, so its own cutoff is higher by
    1 / (sqrt(2) - 1)^(1 / order) (Winter, Biomechanics and Motor Control of Human Movement, 4th ed., 2.2.4),
    taken on the frequency axis of the bilinear transform, tan(pi f / rate), where this is exact.
    """
    if not 0.0 < cutoff_hz < rate_hz / 2.0:
        raise InputError(
            f"A low-pass at {cutoff_hz:g} Hz is impossible at {rate_hz:g} frames per second.",
            f"Choose a cutoff between 0 and {rate_hz / 2.0:g} Hz, or no filter.",
        )
    if order < 2 or order % 2:
        raise InputError(
            f"A zero-lag filter of order {order} is impossible: it makes two passes of half the order.",
            "Choose an even order; 4 is usual.",
        )
    warped = np.tan(np.pi * cutoff_hz / rate_hz) / (np.sqrt(2.0) - 1.0) ** (1.0 / order)
    once_hz = np.arctan(warped) * rate_hz / np.pi
    return np.asarray(butter(order // 2, once_hz, fs=rate_hz, output="sos"))


def runs(seen: NDArray[np.bool_]) -> dict[tuple[int, int], list[int]]:
    """Runs without gaps, [start, stop), and the series of ``seen`` (T, S) that have them."""
    border = np.zeros((1, seen.shape[1]), dtype=np.int8)
    steps = np.diff(np.concatenate([border, seen.astype(np.int8), border]), axis=0)
    series, starts = np.nonzero(steps.T == 1)
    _, stops = np.nonzero(steps.T == -1)
    found: dict[tuple[int, int], list[int]] = defaultdict(list)
    for start, stop, which in zip(starts.tolist(), stops.tolist(), series.tolist(), strict=True):
        found[start, stop].append(which)
    return dict(found)


def _filter(sos: FloatArray, values: FloatArray, padding: int) -> FloatArray:
    """Filter a run (L, S, D) along its first axis, continued at both ends by its point reflection.

    scipy's own padding ends with the run, which leaves a short one at the mercy of the filter's start.
    """
    widths = [(padding, padding), (0, 0), (0, 0)]
    padded = np.pad(values, widths, mode="reflect", reflect_type="odd")
    return np.asarray(sosfiltfilt(sos, padded, axis=0, padtype=None)[padding:-padding])
