"""The filters that a user may choose between, by name, and the choice of a cutoff."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from scipy.linalg import solveh_banded
from scipy.signal import savgol_filter

from mocap.core.errors import InputError
from mocap.core.types import FloatArray, Points3D
from mocap.fit.butterworth import runs, smooth

# Order of the polynomial of Savitzky and Golay: keeps the curvature of a peak.
POLYNOMIAL_ORDER = 2
# The spline needs so many samples; shorter runs stay as they are.
SPLINE_MIN = 5
# Smoothness tried, in frames^3 per m^2: a cutoff from about a third of the rate down to a thousandth.
SPLINE_SMOOTHNESS = np.logspace(-2.0, 8.0, 41)
# How much One-Euro opens with speed, 1/m: at 1 m/s by 5 Hz, so that a fast hand lags little.
ONE_EURO_BETA = 5.0
# Cutoff of its speed, Hz (Casiez, Roussel and Vogel 2012).
ONE_EURO_SPEED_HZ = 1.0
# How hard points speed up and slow down: spectral density of the acceleration, m^2/s^3. Wrists and ankles reach
# 10 m/s^2 rms in a band of some 5 Hz (density = variance / (2 band)).
POINT_DENSITY = 10.0
# Cutoffs tried by the residual analysis, Hz: below the first nothing human is left, above the last all is noise.
LEAST_CUTOFF_HZ, MOST_CUTOFF_HZ, CUTOFF_STEP_HZ = 1.0, 20.0, 0.25


@dataclass(frozen=True)
class FilterSettings:
    """Which filter, and how much it takes off.

    Attributes
    ----------
    kind : str
        A name of ``FILTERS``.
    cutoff_hz : float
        Where the amplitude has fallen to 1/sqrt(2), Hz. The Kalman smoother and the spline find out for
        themselves: from the points' covariance, and by generalised cross-validation.
    order : int
        Of the Butterworth filter.
    """

    kind: str = "butterworth"
    cutoff_hz: float = 6.0
    order: int = 4


def filtered(points: Points3D, rate_hz: float, settings: FilterSettings) -> Points3D:
    """Filter the way of every keypoint; runs between gaps by themselves. The covariance stays (see ``smooth``)."""
    if settings.kind not in FILTERS:
        raise InputError(f"There is no filter '{settings.kind}'.", f"Choose one of: {', '.join(sorted(FILTERS))}.")
    if not rate_hz > 0.0 or not 0.0 < settings.cutoff_hz < rate_hz / 2.0:
        raise InputError(
            f"A low-pass at {settings.cutoff_hz:g} Hz is impossible at {rate_hz:g} frames per second.",
            f"Choose a cutoff between 0 and {rate_hz / 2.0:g} Hz, or no filter.",
        )
    return FILTERS[settings.kind](points, rate_hz, settings)


def _unfiltered(points: Points3D, rate_hz: float, settings: FilterSettings) -> Points3D:
    return points


def _butterworth(points: Points3D, rate_hz: float, settings: FilterSettings) -> Points3D:
    return smooth(points, rate_hz, settings.cutoff_hz, settings.order)


def _savitzky_golay(points: Points3D, rate_hz: float, settings: FilterSettings) -> Points3D:
    """Fit polynomials to a moving window (Savitzky and Golay 1964, Anal. Chem. 36:1627).

    The half width M for a cutoff f, as a share of half the rate, follows Schafer (2011, IEEE Signal Processing
    Magazine 28(4):111, eq. 12): f = (N + 1) / (3.2 M - 4.6) for polynomials of order N.
    """
    half = round(((POLYNOMIAL_ORDER + 1) * rate_hz / (2.0 * settings.cutoff_hz) + 4.6) / 3.2)

    def fit(values: FloatArray, variance: FloatArray) -> FloatArray:
        window = min(2 * half + 1, len(values) - (len(values) + 1) % 2)
        if window <= POLYNOMIAL_ORDER:
            return values
        return np.asarray(savgol_filter(values, window, POLYNOMIAL_ORDER, axis=0))

    return _by_runs(points, fit)


def _gcv_spline(points: Points3D, rate_hz: float, settings: FilterSettings) -> Points3D:
    """Lay smoothing splines whose smoothness generalised cross-validation finds, one for each keypoint.

    Woltring 1986 (Adv. Eng. Software 8:104), with natural cubic splines (Green and Silverman 1994, Nonparametric
    Regression, section 2.3). Cross-validation takes errors for independent from frame to frame. Those of a
    detector are not, so that it smooths less than would be good.
    """

    def fit(values: FloatArray, variance: FloatArray) -> FloatArray:
        if len(values) < SPLINE_MIN:
            return values
        best, score = values, np.full(values.shape[1], np.inf)
        for smoothness in SPLINE_SMOOTHNESS:
            off = _spline_residual(values, smoothness)
            left = len(values) - _spline_freedom(len(values), smoothness)
            cross_validated = np.sum(np.square(off), axis=(0, 2)) / left**2
            better = cross_validated < score
            score = np.where(better, cross_validated, score)
            best = np.where(better[:, None], values - off, best)
        return best

    return _by_runs(points, fit)


def _spline_residual(values: FloatArray, smoothness: float) -> FloatArray:
    """What a natural cubic smoothing spline at unit steps leaves over of values (L, S, 3).

    Reinsch's equations (R + a Q'Q) g = Q'y, residual a Q g, with second differences Q' and the band R.
    """
    inner = len(values) - 2
    band = np.zeros((3, inner))
    band[0] = 2.0 / 3.0 + 6.0 * smoothness
    band[1, :-1] = 1.0 / 6.0 - 4.0 * smoothness
    band[2, :-2] = smoothness
    bend = np.diff(values, n=2, axis=0)
    curve = solveh_banded(band, bend.reshape(inner, -1), lower=True).reshape(bend.shape)
    padded = np.pad(curve, [(2, 2), (0, 0), (0, 0)])
    return np.asarray(smoothness * np.diff(padded, n=2, axis=0))


def _spline_freedom(count: int, smoothness: float) -> float:
    """Degrees of freedom of the spline: the trace of what maps values to it.

    Its eigenvalues are 1 twice (lines are kept) and else, to the first order in 1 / count, those of a wave of
    k - 1.5 half periods.
    """
    wave = np.pi * (np.arange(3, count + 1) - 1.5) / count
    stiff = np.square(2.0 - 2.0 * np.cos(wave)) / ((2.0 + np.cos(wave)) / 3.0)
    return float(2.0 + np.sum(1.0 / (1.0 + smoothness * stiff)))


def _kalman(points: Points3D, rate_hz: float, settings: FilterSettings) -> Points3D:
    """Smooth by a Kalman filter and its backward pass (Rauch, Tung and Striebel 1965, AIAA Journal 3:1445).

    The state is position and velocity under white acceleration of ``POINT_DENSITY``; each sample counts by its own
    covariance, the same in all directions.
    """
    dt = 1.0 / rate_hz
    move = np.array([[1.0, dt], [0.0, 1.0]])
    driven = POINT_DENSITY * np.array([[dt**3 / 3.0, dt**2 / 2.0], [dt**2 / 2.0, dt]])

    def fit(values: FloatArray, variance: FloatArray) -> FloatArray:
        frames, series = variance.shape
        mean, cov = np.empty((frames, series, 2, 3)), np.empty((frames, series, 2, 2))
        ahead_mean, ahead_cov = np.empty_like(mean), np.empty_like(cov)
        m = np.stack([values[0], np.zeros_like(values[0])], axis=1)
        # The speed at the start is that of a quick movement, 10 m/s.
        p = np.broadcast_to(np.diag([0.0, 100.0]), (series, 2, 2)).copy()
        p[:, 0, 0] = variance[0]
        for t in range(frames):
            if t:
                m, p = move @ m, move @ p @ move.T + driven
            ahead_mean[t], ahead_cov[t] = m, p
            if t:
                gain = p[:, :, 0] / (p[:, 0, 0] + variance[t])[:, None]
                m = m + gain[:, :, None] * (values[t] - m[:, 0])[:, None]
                p = p - gain[:, :, None] * p[:, :1]
            mean[t], cov[t] = m, p
        out = np.empty_like(values)
        out[-1] = m[:, 0]
        for t in range(frames - 2, -1, -1):
            gain = cov[t] @ move.T @ np.linalg.inv(ahead_cov[t + 1])
            m = mean[t] + gain @ (m - ahead_mean[t + 1])
            out[t] = m[:, 0]
        return out

    return _by_runs(points, fit)


@dataclass(frozen=True)
class OneEuroState:
    """Filtered places and speeds (..., 3) of the frame before, m and m/s."""

    value: FloatArray
    speed: FloatArray


def one_euro_step(
    state: OneEuroState | None, value: FloatArray, dt: float, cutoff_hz: float
) -> tuple[OneEuroState, FloatArray]:
    """Filter the next sample of moving points, for live use (Casiez, Roussel and Vogel 2012, CHI, algorithm 1).

    The cutoff opens with speed: ``cutoff_hz + ONE_EURO_BETA * speed``. A point that was missing starts anew.

    Parameters
    ----------
    value : (..., 3)
        m; NaN where missing.

    Returns
    -------
    OneEuroState
    (..., 3)
        Filtered, m.
    """
    if state is None:
        return OneEuroState(value, np.zeros_like(value)), value
    anew = ~np.isfinite(state.value)
    moved = np.where(anew, 0.0, value - state.value) / dt
    share = _one_euro_share(np.array(ONE_EURO_SPEED_HZ), dt)
    speed = np.where(anew, 0.0, state.speed + share * (moved - np.nan_to_num(state.speed)))
    opened = cutoff_hz + ONE_EURO_BETA * np.linalg.norm(speed, axis=-1, keepdims=True)
    out = np.where(anew, value, state.value + _one_euro_share(opened, dt) * (value - state.value))
    return OneEuroState(out, np.where(np.isfinite(out), speed, np.nan)), out


def _one_euro_share(cutoff_hz: FloatArray, dt: float) -> FloatArray:
    """Weight of the new sample in a low-pass of first order."""
    return np.asarray(1.0 / (1.0 + 1.0 / (2.0 * np.pi * cutoff_hz * dt)))


def _one_euro(points: Points3D, rate_hz: float, settings: FilterSettings) -> Points3D:
    """Filter as a live view does: nothing of the future is used, so that it lags."""

    def fit(values: FloatArray, variance: FloatArray) -> FloatArray:
        out = np.empty_like(values)
        state = None
        for t, value in enumerate(values):
            state, out[t] = one_euro_step(state, value, 1.0 / rate_hz, settings.cutoff_hz)
        return out

    return _by_runs(points, fit)


def _by_runs(points: Points3D, fit: Callable[[FloatArray, FloatArray], FloatArray]) -> Points3D:
    """Filter each run without gaps by itself: ``fit`` gets places (L, S, 3) and variances (L, S)."""
    frames = points.xyz.shape[0]
    xyz = points.xyz.reshape(frames, -1, 3).copy()
    variance = np.trace(points.cov, axis1=-2, axis2=-1).reshape(frames, -1) / 3.0
    for (start, stop), series in runs(np.asarray(np.isfinite(xyz).all(axis=-1))).items():
        if stop - start > 1:
            xyz[start:stop, series] = fit(xyz[start:stop, series], variance[start:stop, series])
    return replace(points, xyz=xyz.reshape(points.xyz.shape))


FILTERS: Mapping[str, Callable[[Points3D, float, FilterSettings], Points3D]] = MappingProxyType(
    {
        "none": _unfiltered,
        "butterworth": _butterworth,
        "kalman": _kalman,
        "one_euro": _one_euro,
        "savitzky_golay": _savitzky_golay,
        "gcv_spline": _gcv_spline,
    }
)


def residual_cutoff(points: Points3D, rate_hz: float, order: int = 4) -> float:
    """Cutoff by residual analysis, Hz (Winter, Biomechanics and Motor Control, 4th ed., 2.2.4.4).

    What a low-pass takes off, rms, falls with its cutoff; where only noise is left it falls along a line. The
    line, laid through the upper half of the cutoffs and drawn on to 0 Hz, is the noise; the cutoff is where the
    low-pass takes off as much. Returned is the median over the core keypoints that can be told.
    """
    most = min(MOST_CUTOFF_HZ, 0.45 * rate_hz)
    tried = np.arange(LEAST_CUTOFF_HZ, most, CUTOFF_STEP_HZ)
    core = points.xyz[:, :, points.skeleton.core_index]
    residual = np.full((len(tried), *core.shape[1:3]), np.nan)
    for i, cutoff_hz in enumerate(tried):
        off = smooth(points, rate_hz, float(cutoff_hz), order).xyz[:, :, points.skeleton.core_index] - core
        squared = np.sum(np.square(off), axis=-1)
        count = np.isfinite(squared).sum(axis=0)
        residual[i] = np.where(count > 0, np.sqrt(np.nansum(squared, axis=0) / np.maximum(count, 1)), np.nan)
    found = []
    upper = tried >= 0.5 * (tried[0] + most)
    for curve in residual.reshape(len(tried), -1).T:
        if np.isfinite(curve).all() and np.ptp(curve) > 0.0:
            _, noise = np.polyfit(tried[upper], curve[upper], 1)
            below = np.flatnonzero(curve <= noise)
            found.append(tried[below[0]] if below.size else most)
    if not found:
        raise InputError(
            "No cutoff can be told from the points: none of the main keypoints was seen.",
            "Give a cutoff; 6 Hz is usual for walking.",
        )
    return float(np.median(found))
