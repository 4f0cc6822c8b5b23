"""How evenly pictures come, and how far apart in time several cameras take those that belong together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mocap.core.types import IntArray

# Pictures that tell a pace.
LEAST_PICTURES = 5

# The median of absolute deviations of a normal distribution is this share of its standard deviation.
MAD_SHARE = 0.6745


def jitter_s(times_ns: Sequence[int]) -> float:
    """How far times stray from an even pace, s: one standard deviation, robustly, as some pictures may be missing.

    Steps between pictures carry the error of two times, hence the root of two.
    """
    if len(times_ns) < LEAST_PICTURES:
        return float("nan")
    steps = np.diff(np.sort(np.array(times_ns))) / 1e9
    return float(np.median(np.abs(steps - np.median(steps))) / MAD_SHARE / np.sqrt(2.0))


def apart_s(times_ns: Sequence[Sequence[int]]) -> float:
    """How far apart in time the cameras take the pictures that belong together, s; NaN where it is not known.

    For each of the newest pictures of the camera that is farthest behind, those of the others that are nearest in
    time belong to it; of how far these lie apart, the median.

    Parameters
    ----------
    times_ns : sequence of sequences of int
        Of each camera, when its newest pictures were taken, ns.
    """
    known = [np.sort(np.array(times)) for times in times_ns if len(times) >= LEAST_PICTURES]
    if len(known) < 2:
        return float("nan")
    begin, end = max(int(times[0]) for times in known), min(int(times[-1]) for times in known)
    behind = min(known, key=lambda times: int(times[-1]))
    at = behind[(behind >= begin) & (behind <= end)]
    if at.size < LEAST_PICTURES:
        return float("nan")
    off = np.stack([_nearest(times, at) for times in known])
    return float(np.median(np.ptp(off, axis=0)) / 1e9)


def _nearest(times: IntArray, at: IntArray) -> IntArray:
    """Of each instant (M,), how far the nearest of the times (T,) is from it, ns."""
    after = np.clip(np.searchsorted(times, at), 1, len(times) - 1)
    before_off, after_off = times[after - 1] - at, times[after] - at
    nearest: IntArray = np.where(np.abs(before_off) < np.abs(after_off), before_off, after_off)
    return nearest
