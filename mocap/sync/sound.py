"""How far two cameras' clocks are apart, by what their microphones hear.

The generalised cross-correlation with phase transform (Knapp and Carter, IEEE TASSP 24, 1976) makes every
frequency count alike, so that the echo and colour of a room hardly move its peak. Windows of the first sound are
looked up in all of the second: each gives an offset of its own, and a line through those that agree gives the
drift.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

from mocap.core.errors import InputError
from mocap.core.types import FloatArray
from mocap.sync.clocks import Link
from mocap.sync.listen import RATE_HZ, Sound

# Below is the hum of mains and rooms, above is what codecs throw away first.
BAND_HZ = (200.0, 6000.0)
# Crystals 100 millionths apart lose 0.4 ms over this, s: a period of the middle of the band.
WINDOW_S = 4.0
# More windows than this add time, not knowledge.
MOST_WINDOWS = 12
# A sound that lasts less than this cannot be told from a click of the recorder itself, s.
SHORTEST_S = 0.5
# Noise alone would show such a peak once in a million recordings.
FALSE_ALARM = 1e-6
# No clock of a microphone is worse than this; windows whose offsets ask for more heard different things.
WORST_DRIFT = 5e-4
# How far offsets of windows may scatter: a person who claps or talks walks by some metres, s.
SCATTER_S = 0.01
# Peaks of one window that are looked at, and the samples about a peak that belong to it: 20 ms, for echoes.
MOST_PEAKS = 6
ONE_PEAK = RATE_HZ // 50
# Another lag may get this share of the votes of the best, no more.
ALIKE = 0.75
# Spectral lines this much weaker than the strongest hold rounding errors only.
NOTHING = 1e-9
# Samples of the correlation over which its noise is taken as even: half a second.
NOISE_STRETCH = RATE_HZ // 2
# Samples by which the moment of a clap is told: 25 ms.
MOMENT = RATE_HZ // 40
# Samples of the correlation on either side of the peak that are kept for a picture: 50 ms.
CURVE_REACH = RATE_HZ // 20
# Somebody who talks while walking to and fro comes nearer to one microphone than to the other, s.
WALKING_S = 3e-3


@dataclass(frozen=True)
class Heard:
    """What correlating two sounds found.

    Attributes
    ----------
    link : Link
    at_s, offset_s, sigma_s : (W,)
        Of the windows that count: their middle on the first clock, offset, and standard error, s.
    lag_s, curve : (L,)
        Correlation about the peak, over the offset, for a picture; in standard deviations of its noise.
    """

    link: Link
    at_s: FloatArray
    offset_s: FloatArray
    sigma_s: FloatArray
    lag_s: FloatArray
    curve: FloatArray


@dataclass(frozen=True)
class _Peak:
    """A peak of the correlation.

    ``at_s`` is when the first microphone heard what made it, ``height`` is in standard deviations of the noise,
    and ``curve`` (L,) is the correlation over ``lags_s`` around it.
    """

    at_s: float
    lag_s: float
    sigma_s: float
    height: float
    lags_s: FloatArray
    curve: FloatArray


@dataclass(frozen=True)
class _Spectrum:
    """A sound and its spectrum, padded to ``size`` samples so that no lag wraps around."""

    samples: FloatArray
    values: NDArray[np.complex128]
    size: int

    @classmethod
    def of(cls, samples: FloatArray, longest_partner: int) -> _Spectrum:
        size = next_fast_len(samples.shape[0] + longest_partner, real=True)
        return cls(samples, np.asarray(rfft(samples, size)), size)


def compare_sounds(first: Sound, second: Sound) -> Heard:
    """Find the offset and, where several windows hear the same, the drift of the second clock against the first.

    Raises
    ------
    InputError
        If the two do not clearly hear the same.
    """
    shortest = min(first.seconds, second.seconds)
    if shortest < SHORTEST_S:
        short = first if first.seconds <= second.seconds else second
        raise InputError(
            f"The sound of '{short.camera}' lasts {shortest:.1f} s only.",
            "Record sound from beginning to end.",
        )
    there = _Spectrum.of(second.samples, first.samples.shape[0])
    length = max(1, round(min(WINDOW_S, first.seconds) * RATE_HZ))
    count = max(1, min(MOST_WINDOWS, first.samples.shape[0] // length))
    starts = np.unique(np.linspace(0, first.samples.shape[0] - length, count).round().astype(np.int64))
    found = [peaks for start in starts.tolist() if (peaks := _look_up(first, start, length, there))]
    if not found:  # what the windows are too short to tell, all of it may
        whole = _look_up(first, 0, first.samples.shape[0], there)
        if not whole:
            raise InputError(
                f"The microphones of '{first.camera}' and '{second.camera}' do not clearly hear the same.",
                "Clap where all microphones hear it, or sync by light or motion.",
            )
        found = [whole]
    shift = second.start_s - first.start_s
    chosen, rest = _agreeing(found, first.camera, second.camera)
    best = max(chosen, key=lambda peak: peak.height)
    at, offset = np.array([peak.at_s for peak in chosen]), np.array([peak.lag_s + shift for peak in chosen])
    sigma = np.array([peak.sigma_s for peak in chosen])
    _require_steady(first.camera, second.camera, chosen, rest)
    link = _line(first.camera, second.camera, at, offset, sigma, best.height)
    return Heard(link, at, offset, sigma, best.lags_s + shift, best.curve)


def _look_up(first: Sound, start: int, length: int, there: _Spectrum) -> list[_Peak]:
    """Look a window of the first sound up in all of the second: peaks that no noise makes, highest first.

    Each is placed to a part of a sample by a parabola. Its standard error is the half width of the main lobe over
    its height in sigmas, but not less than half a sample: echoes move a peak by as much.
    """
    window = first.samples[start : start + length]
    # Lags, from the window's last sample on the second's first to its first on the second's last.
    lags = np.arange(-(start + length) + 1, there.samples.shape[0] - start)
    correlation = _phat(window, there)[(lags + start) % there.size]
    scaled = correlation / _noise(correlation)
    threshold = math.sqrt(2.0 * math.log(lags.shape[0] / FALSE_ALARM))
    left = scaled.copy()
    left[[0, -1]] = -np.inf
    found: list[_Peak] = []
    while len(found) < MOST_PEAKS:
        n = int(np.argmax(left))
        height = float(left[n])
        if height < threshold:
            break
        left[max(0, n - ONE_PEAK) : n + ONE_PEAK + 1] = -np.inf
        before, after = float(scaled[n - 1]), float(scaled[n + 1])
        bend = before - 2.0 * height + after
        part = 0.5 * (before - after) / bend if bend < 0 else 0.0
        half_width = 0.5 / (BAND_HZ[1] - BAND_HZ[0])
        reach = slice(max(0, n - CURVE_REACH), n + CURVE_REACH + 1)
        found.append(
            _Peak(
                first.start_s + (start + _moment(window, start + int(lags[n]), there)) / RATE_HZ,
                (float(lags[n]) + part) / RATE_HZ,
                max(half_width / height, 0.5 / RATE_HZ),
                height,
                lags[reach] / RATE_HZ,
                scaled[reach],
            )
        )
    return found


def _phat(window: FloatArray, there: _Spectrum) -> FloatArray:
    """Correlation (size,) of a window with the other sound: entry n is of a lag of n samples, circular."""
    cross = there.values * np.conj(np.asarray(rfft(window, there.size)))
    frequency = rfftfreq(there.size, 1.0 / RATE_HZ)
    inside = (frequency >= BAND_HZ[0]) & (frequency <= BAND_HZ[1])
    strength = np.abs(cross)
    # Where a codec left nothing there is no phase to transform.
    counts = inside & (strength > NOTHING * float(strength[inside].max(initial=0.0)))
    whitened = np.divide(cross, strength, out=np.zeros_like(cross), where=counts)
    return np.asarray(irfft(whitened, there.size))


def _noise(correlation: FloatArray) -> FloatArray:
    """Standard deviation (L,) of the correlation's noise, in stretches: it is less where less overlaps.

    From the median of the absolute values, so that the peak does not raise what it is measured by.
    """
    stretches = np.array_split(np.abs(correlation), max(1, correlation.shape[0] // NOISE_STRETCH))
    levels = np.array([float(np.median(part)) / 0.6745 for part in stretches])
    # Where hardly anything overlaps there is nothing to find.
    levels = np.maximum(levels, 0.1 * float(levels.max()))
    levels = np.where(levels > 0, levels, np.inf)
    return np.repeat(levels, [part.shape[0] for part in stretches])


def _moment(window: FloatArray, shifted: int, there: _Spectrum) -> float:
    """Sample of the window about which both sounds are loud together."""
    taken = np.arange(window.shape[0]) + shifted
    inside = (taken >= 0) & (taken < there.samples.shape[0])
    both = np.where(inside, window * there.samples[np.clip(taken, 0, there.samples.shape[0] - 1)], 0.0)
    pieces = np.array_split(both, max(1, both.shape[0] // MOMENT))
    weight = np.array([max(float(piece.sum()), 0.0) ** 2 for piece in pieces])
    middle = np.cumsum([piece.shape[0] for piece in pieces]) - 0.5 * np.array([piece.shape[0] for piece in pieces])
    return float(weight @ middle / weight.sum()) if weight.sum() > 0 else 0.5 * window.shape[0]


def _agreeing(found: list[list[_Peak]], first: str, second: str) -> tuple[list[_Peak], list[_Peak]]:
    """Peaks of different windows that agree about one clock, and the highest peaks of the other windows.

    A window may fit at several lags, where sounds repeat themselves; the lag that most windows share, by the
    heights of their peaks, is taken.

    Raises
    ------
    InputError
        If windows share another lag nearly as well.
    """
    window = np.array([n for n, peaks in enumerate(found) for _ in peaks])
    peaks = [peak for each in found for peak in each]
    at, lag = np.array([peak.at_s for peak in peaks]), np.array([peak.lag_s for peak in peaks])
    height = np.array([peak.height for peak in peaks])
    apart = np.abs(lag[:, None] - lag) <= SCATTER_S + WORST_DRIFT * np.abs(at[:, None] - at)
    # Of each window the highest peak of a party counts.
    votes = np.stack([np.where(apart & (window == n), height, 0.0).max(axis=1) for n in range(len(found))])
    total = votes.sum(axis=0)
    best = int(total.argmax())
    rival = float(total[~apart[best] & (np.abs(lag - lag[best]) > SCATTER_S)].max(initial=0.0))
    party = [n for n in np.flatnonzero(apart[best]).tolist() if height[n] == votes[window[n], best]]
    lone = [peaks[0] for n, peaks in enumerate(found) if votes[n, best] == 0.0]
    if rival > ALIKE * total[best] and not _beside([peaks[n] for n in party], lone):
        raise InputError(
            f"What the microphones of '{first}' and '{second}' hear repeats itself, and fits at several shifts.",
            "Clap in an uneven rhythm, or sync by light or motion.",
        )
    return [peaks[n] for n in party], lone


def _beside(party: list[_Peak], rest: list[_Peak]) -> bool:
    """Whether the rest lies on one side of the party and agrees with itself: then a clock has jumped."""
    if len(rest) < 2:
        return False
    at, lag = np.array([peak.at_s for peak in rest]), np.array([peak.lag_s for peak in rest])
    inside = np.array([peak.at_s for peak in party])
    even = bool(np.ptp(lag) <= SCATTER_S + WORST_DRIFT * np.ptp(at))
    return even and bool(at.min() > inside.max() or at.max() < inside.min())


def _require_steady(first: str, second: str, party: list[_Peak], rest: list[_Peak]) -> None:
    """Refuse a clock that jumps: windows on one side of an instant agree with each other, not with the others."""
    if not _beside(party, rest):
        return
    jump = float(np.median([peak.lag_s for peak in rest]) - np.median([peak.lag_s for peak in party]))
    sides = sorted([(peak.at_s, n) for n, group in enumerate((party, rest)) for peak in group])
    edge = next(at for (at, n), (_, after) in pairwise(sides) if n != after)
    raise InputError(
        f"The clock of '{first}' or '{second}' jumps by {abs(jump):.3f} s about {edge:.0f} s after the start.",
        "Cut the recording there, and process the parts one by one.",
    )


def _line(first: str, second: str, at: FloatArray, offset: FloatArray, sigma: FloatArray, height: float) -> Link:
    """Fit offset and drift to the windows; the errors grow to what the windows' scatter asks for."""
    weight = sigma**-2.0
    middle = float(np.sum(weight * at) / weight.sum())
    value = float(np.sum(weight * offset) / weight.sum())
    error = float(weight.sum() ** -0.5)
    words = f"{at.shape[0]} stretches of sound, peak {height:.0f} times the noise"
    if at.shape[0] < 3:
        return Link("sound", first, second, middle, value, error, basis=words)
    lever = at - middle
    drift = float(np.sum(weight * lever * (offset - value)) / np.sum(weight * lever**2))
    drift_error = float(np.sum(weight * lever**2) ** -0.5)
    misfit = np.sum(weight * (offset - value - drift * lever) ** 2) / (at.shape[0] - 2)
    wider = math.sqrt(max(1.0, float(misfit)))
    drift_error = math.hypot(wider * drift_error, WALKING_S / float(np.ptp(at)))
    return Link("sound", first, second, middle, value, wider * error, drift, drift_error, words)
