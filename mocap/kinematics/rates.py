"""How fast angles change."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from scipy.ndimage import correlate1d
from scipy.signal import savgol_coeffs

from mocap.core.types import FloatArray, JointAngles

# Joints of people move at less than this (Winter, Biomechanics and Motor Control of Human Movement, chapter 3);
# what is faster is noise, which differences magnify.
CUTOFF_HZ = 6.0
ORDER = 3
# Samples of a spectrum, more than any window has frames by far.
SPECTRUM = 4096


def with_rates(angles: JointAngles, rate_hz: float, cutoff_hz: float = CUTOFF_HZ) -> JointAngles:
    """Add angular velocities: the slope of a cubic laid through the neighbours of each frame.

    Smoothing and differences are one filter (Savitzky and Golay, Anal. Chem. 1964, 36:1627), its width from the
    cutoff (Schafer, IEEE Signal Processing Magazine 2011, 28(4):111, eq. 12). A turn through half a circle counts
    as small.

    Parameters
    ----------
    rate_hz : float
        Frame rate, Hz.
    cutoff_hz : float
        Where the filter has lost half of the power, Hz.

    Returns
    -------
    JointAngles
        With ``rate`` and ``rate_sigma``, NaN within half a width of a gap or an end. The sigma is an upper bound:
        nobody knows how long errors last, see ``gain``.
    """
    half = half_width(rate_hz, cutoff_hz)
    slope = np.asarray(savgol_coeffs(2 * half + 1, ORDER, deriv=1, delta=1.0 / rate_hz, use="dot"))
    # The same by differences of neighbours, which a jump from +180 to -180 degrees does not trouble:
    # sum_m c_m x_m = sum_j (x_{j+1} - x_j) sum_{m > j} c_m, as the c sum to 0.
    steps = np.diff(angles.value, axis=0, append=np.nan)
    steps = (steps + np.pi) % (2 * np.pi) - np.pi
    behind = np.cumsum(slope[::-1])[::-1]
    weights = np.concatenate([behind[1:], [0.0]])
    rate = _windows(steps, weights)
    share = slope**2 / np.sum(slope**2)
    variance = _windows(angles.sigma**2, share)
    return replace(angles, rate=rate, rate_sigma=gain(slope) * np.sqrt(variance))


def gain(slope: FloatArray) -> float:
    """How far a filter magnifies errors at most, whose spectrum is flat up to some frequency.

    Errors that are independent from frame to frame are flat up to half the frame rate; those of a smooth fit
    only up to a few Hz, which a filter lets through: that is worse for the same standard deviation.

    Parameters
    ----------
    slope : (2 M + 1,)
        Coefficients of the filter.
    """
    power = np.abs(np.fft.rfft(slope, SPECTRUM)) ** 2
    return float(np.sqrt(np.max(np.cumsum(power) / np.arange(1, power.shape[0] + 1))))


def half_width(rate_hz: float, cutoff_hz: float) -> int:
    """Frames on either side of the middle one; as many as a cubic needs at least."""
    share = cutoff_hz / (0.5 * rate_hz)
    return max(ORDER - 1, math.ceil(((ORDER + 1) / share + 4.6) / 3.2))


def _windows(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted sums over windows along the first axis; NaN where a window holds one, or goes beyond an end."""
    used = weights != 0.0
    known = np.isfinite(values)
    sums = correlate1d(np.where(known, values, 0.0), weights, axis=0, mode="constant", cval=0.0)
    whole = correlate1d(known.astype(np.float64), used.astype(np.float64), axis=0, mode="constant", cval=0.0)
    return np.asarray(np.where(whole > used.sum() - 0.5, sums, np.nan))
