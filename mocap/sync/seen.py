"""Points that one camera saw over time, and where they were between its pictures.

Between pictures, and against the detector's jitter, a parabola is fitted to the samples around each instant, the
nearer ones counting more (local quadratic regression: Cleveland, JASA 74, 1979). Its weights follow the clock, not
the count of pictures, so that cameras of different and of uneven rates are smoothed alike: a lag that smoothing
causes is the same in all of them, and cancels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mocap.core.types import FloatArray, IntArray

# Standard deviation of the weights over time, s: half of what passes lies below 5 Hz or so, as does most of human
# motion (Winter, Biomechanics and Motor Control, 2009).
WIDTH_S = 0.04
# The weights end at so many widths.
REACH = 3.0
# A parabola needs three samples; one with more than this share of its weight in one sample is no fit.
LEAST_SAMPLES = 3


@dataclass(frozen=True)
class Seen:
    """Points of one camera, frame by frame.

    Attributes
    ----------
    camera : str
    t_s : (F,)
        Times of the frames on the camera's clock, ascending, s.
    xy : (F, P, K, 2)
        Points of each candidate, px; NaN where missing.
    track : (F, P) int
        Number of the candidate within the view; -1 where there is none.
    """

    camera: str
    t_s: FloatArray
    xy: FloatArray
    track: IntArray

    def __post_init__(self) -> None:
        if self.xy.shape[:2] != self.track.shape or self.xy.shape[0] != self.t_s.shape[0]:
            raise ValueError(f"Seen: {self.xy.shape}, {self.track.shape} and {self.t_s.shape} do not fit together")

    @property
    def span_s(self) -> float:
        """Time from the first to the last frame, s."""
        return float(self.t_s[-1] - self.t_s[0])


def at_times(seen: Seen, wanted_s: FloatArray, width_s: float = WIDTH_S) -> tuple[FloatArray, FloatArray]:
    """Places and velocities of a camera's points at any times of its clock.

    Parameters
    ----------
    wanted_s : (T,)
        Times, s.
    width_s : float
        Standard deviation of the weights, s.

    Returns
    -------
    xy, velocity : (T, P, K, 2)
        In the units of ``seen.xy``, and those per second; NaN where the point was not seen on both sides of the
        time, or the slot passed from one candidate to another.
    """
    t = seen.t_s
    step = float(np.median(np.diff(t)))
    width = max(width_s, 0.8 * step)
    reach = int(np.ceil(REACH * width / step))
    nearest = np.clip(np.searchsorted(t, wanted_s), 0, t.shape[0] - 1)
    here = np.clip(nearest, 1, t.shape[0] - 1)
    here = np.where(wanted_s - t[here - 1] <= t[here] - wanted_s, here - 1, here)
    sums = np.zeros((5, *wanted_s.shape, *seen.xy.shape[1:3]))
    moments = np.zeros((3, *wanted_s.shape, *seen.xy.shape[1:]))
    before, after = (np.zeros(sums.shape[1:], dtype=bool) for _ in range(2))
    owner = seen.track[here]
    count = np.zeros(sums.shape[1:], dtype=np.int64)
    for offset in range(-reach, reach + 1):
        row = here + offset
        inside = (row >= 0) & (row < t.shape[0])
        row = np.clip(row, 0, t.shape[0] - 1)
        # In widths, so that the sums are of one size.
        lag = (t[row] - wanted_s) / width
        inside &= np.abs(lag) <= REACH
        same = inside[:, None] & (seen.track[row] == owner) & (owner >= 0)
        value = seen.xy[row]
        known = same[..., None] & np.isfinite(value).all(axis=-1)
        weight = np.where(known, np.exp(-0.5 * lag**2)[:, None, None], 0.0)
        value = np.where(known[..., None], value, 0.0)
        power = lag[:, None, None]
        for n in range(5):
            sums[n] += weight * power**n
        for n in range(3):
            moments[n] += (weight * power**n)[..., None] * value
        before |= known & (power <= 0)
        after |= known & (power >= 0)
        count += known
    s0, s1, s2, s3, s4 = sums
    # Cramer's rule for the parabola's value and slope at the instant.
    minors = (s2 * s4 - s3**2, s2 * s3 - s1 * s4, s1 * s3 - s2**2, s0 * s4 - s2**2, s1 * s2 - s0 * s3)
    determinant = s0 * minors[0] + s1 * minors[1] + s2 * minors[2]
    good = before & after & (count >= LEAST_SAMPLES) & (determinant > 1e-6 * np.maximum(s0, 1e-30) ** 3)
    safe = np.where(good, determinant, np.nan)[..., None]
    m0, m1, m2 = moments
    place = (minors[0][..., None] * m0 + minors[1][..., None] * m1 + minors[2][..., None] * m2) / safe
    slope = (minors[1][..., None] * m0 + minors[3][..., None] * m1 + minors[4][..., None] * m2) / safe
    return place, slope / width
