"""From presentation times to the table of which frames belong together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mocap.core.errors import InputError
from mocap.core.types import FloatArray, IntArray, SyncTable
from mocap.sync.clocks import Clocks

# A camera slower than this share of the median rate does not set the pace: one failing camera must not
# throw away most frames of all the others. It takes part where it has a frame.
SLOWEST_PACE = 0.49

# Clocks of cameras and containers round their times to a millisecond at worst; a frame exactly half a
# period away from two instants must go to one of them, not to none.
ROUNDING_SLACK = 1e-6


def frame_rate_hz(t_s: FloatArray) -> float:
    """Frame rate (Hz) from times (T,) s, robust to dropped frames and to times rounded to a millisecond.

    The median step tells how many periods each step spans; periods over duration is the rate.
    """
    steps = np.diff(t_s)
    periods = np.maximum(np.rint(steps / np.median(steps)), 1.0)
    return float(periods.sum() / (t_s[-1] - t_s[0]))


def from_frame_times(
    cameras: tuple[str, ...],
    t_s: Sequence[FloatArray],
    *,
    shared_clock: bool = False,
    clocks: Clocks | None = None,
) -> SyncTable:
    """Join cameras that were started together, or whose clocks are known.

    The common clock ticks evenly at the rate of the slowest camera. At a faster pace the slower cameras
    would have no frame at some instants, and since cameras never agree to the last millimetre, points
    would jump back and forth as views come and go; resampling faster cameras to the pace of the slowest
    avoids that at the price of some of their frames. Each instant takes the nearest frame of each camera
    within half a period, so that no frame is used twice and a dropped one stays missing.

    Parameters
    ----------
    cameras : tuple of str
    t_s : sequence of (T_c,)
        Times of the frames of each camera on its own clock, ascending, s.
    shared_clock : bool
        The times are on one clock already; otherwise the first frames are taken as simultaneous.
    clocks : Clocks, optional
        What was found of the clocks that the times are on. The table's standard error of an offset is then that
        of the camera's time halfway through the table.

    Raises
    ------
    InputError
        If a camera has fewer than two frames, or the cameras never overlap.
    """
    for name, times in zip(cameras, t_s, strict=True):
        if times.shape[0] < 2:
            raise InputError(
                f"Camera '{name}' has {times.shape[0]} frames; a recording needs two at least.",
                "Leave this camera out, or record again.",
            )
        if not (np.isfinite(times).all() and (np.diff(times) > 0).all()):
            raise InputError(
                f"The frame times of camera '{name}' do not ascend.", "Convert the video again, or leave it out."
            )
    if clocks is not None:
        offset_s = clocks.offset_s
        relative = [clocks.to_common(c, times) for c, times in enumerate(t_s)]
    else:
        start = np.array([times[0] for times in t_s])
        offset_s = np.zeros(len(cameras)) if shared_clock else start
        relative = [times - offset for times, offset in zip(t_s, offset_s, strict=True)]

    rates = np.array([frame_rate_hz(times) for times in relative])
    rate_hz = rates[rates >= SLOWEST_PACE * np.median(rates)].min()
    first = min(times[0] for times in relative)
    last = max(times[-1] for times in relative)
    common = first + np.arange(int(np.floor((last - first) * rate_hz + 0.5)) + 1) / rate_hz

    half_period = (0.5 + ROUNDING_SLACK) / rate_hz
    frame_index = np.stack([_nearest(times, common, half_period) for times in relative], axis=1)
    if not ((frame_index >= 0).sum(axis=1) >= min(2, len(cameras))).any():
        raise InputError(
            "No two cameras were recording at the same time.", "Check that these videos belong together."
        )
    taken = np.stack(
        [times[np.maximum(index, 0)] for times, index in zip(relative, frame_index.T, strict=True)], 1
    )
    lag_s = np.where(frame_index >= 0, taken - common[:, None], np.nan)
    unknown = np.full(len(cameras), np.nan)
    rate, offset_sigma, rate_sigma = np.ones(len(cameras)), unknown, unknown
    if clocks is not None:
        middle = np.array([0.5 * (common[0] + common[-1])])
        rate, rate_sigma = clocks.rate, clocks.rate_sigma
        offset_sigma = np.array([float(clocks.sigma_at(c, middle)[0]) for c in range(len(cameras))])
    return SyncTable(cameras, common, frame_index, offset_s, offset_sigma, rate, rate_sigma, lag_s, unknown)


def _nearest(times: FloatArray, instants: FloatArray, tolerance_s: float) -> IntArray:
    """Index of the frame nearest to each instant (T,); -1 where none is within the tolerance."""
    right = np.clip(np.searchsorted(times, instants), 1, times.shape[0] - 1)
    nearest = np.where(instants - times[right - 1] <= times[right] - instants, right - 1, right)
    return np.where(np.abs(times[nearest] - instants) <= tolerance_s, nearest, -1).astype(np.int64)
