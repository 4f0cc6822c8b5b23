"""How far two cameras' clocks are apart, by how fast the people in their pictures move.

This needs no calibration, and is coarse.

A person who starts, stops or swings does so in all views at once, though each view sees another part of it. The
speeds of all points, as shares of the body's height in the picture, are summed and correlated over the shift.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mocap.core.errors import InputError
from mocap.core.types import FloatArray
from mocap.sync.clocks import Link
from mocap.sync.seen import Seen, at_times

# Steps of the shift, s: the correlation is as wide as a movement lasts, some tenths of a second.
STEP_S = 1.0 / 60.0
# Both cameras must see somebody for so long, s.
LEAST_OVERLAP_S = 4.0
# Movements are this fast at most, Hz: twice as many samples a second are independent.
BAND_HZ = 3.0
# The best shift must win by so many standard errors of Fisher's z against all that are not its neighbours, s.
CLEAR = 3.0
NEIGHBOURS_S = 0.25
# And no other shift may correlate by more than this share of the best: walking repeats itself at every step.
ALIKE = 0.75
# Views of one movement from two sides do not agree in their speeds better than this, s: a frame of 30.
VIEW_S = 1.0 / 30.0
# A body that moves by less than this share of its height a second stands; the detector's jitter is as much.
STANDING = 0.05


@dataclass(frozen=True)
class Moved:
    """What correlating two cameras' speeds found: the statement, and correlation (S,) over the shift (S,), s."""

    link: Link
    shift_s: FloatArray
    correlation: FloatArray


def compare_motion(first: Seen, second: Seen) -> Moved:
    """Find the offset of the second clock against the first.

    Raises
    ------
    InputError
        If nobody moves, or if other shifts fit as well.
    """
    one, two = _speed(first), _speed(second)
    a, b = one[1], two[1]
    least = round(LEAST_OVERLAP_S / STEP_S)
    if min(a.shape[0], b.shape[0]) < least:
        raise InputError(
            f"'{first.camera}' and '{second.camera}' do not both see somebody for {LEAST_OVERLAP_S:.0f} s.",
            "Record longer, or sync by sound or light.",
        )
    lags = np.arange(-(a.shape[0] - least), b.shape[0] - least + 1)
    correlation, count = np.full(lags.shape, np.nan), np.zeros(lags.shape)
    for n, lag in enumerate(lags.tolist()):
        here = a[max(0, -lag) : b.shape[0] - lag]
        there = b[max(0, lag) : max(0, lag) + here.shape[0]]
        here = here[: there.shape[0]]
        known = np.isfinite(here) & np.isfinite(there)
        if np.count_nonzero(known) >= least:
            correlation[n], count[n] = _pearson(here[known], there[known]), np.count_nonzero(known)
    shift = lags * STEP_S + two[0] - one[0]
    return Moved(_judge(first.camera, second.camera, shift, correlation, count, one), shift, correlation)


def _speed(seen: Seen) -> tuple[float, FloatArray]:
    """Start, s, and speed (S,) of all points in heights of a body a second; NaN where nobody is seen."""
    t = np.arange(seen.t_s[0], seen.t_s[-1], STEP_S)
    xy, velocity = at_times(seen, t)
    with np.errstate(invalid="ignore"):
        high = np.where(np.isnan(xy[..., 1]), -np.inf, xy[..., 1]).max(axis=-1)
        low = np.where(np.isnan(xy[..., 1]), np.inf, xy[..., 1]).min(axis=-1)
        height = high - low
    height = height[np.isfinite(height) & (height > 0)]
    length = np.linalg.norm(velocity, axis=-1)
    known = np.isfinite(length)
    if not height.size or not known.any():
        raise InputError(f"Nobody is seen by '{seen.camera}'.", "Leave it out, or sync by sound or light.")
    mean = np.where(known, length, 0.0).sum(axis=(1, 2)) / np.maximum(known.sum(axis=(1, 2)), 1)
    speed = np.where(known.any(axis=(1, 2)), mean / float(np.median(height)), np.nan)
    if float(np.nanstd(speed)) < STANDING:
        raise InputError(
            f"The people that '{seen.camera}' sees hardly move, or move evenly: motion cannot tell the time.",
            "Let somebody walk about or wave, or sync by sound or light.",
        )
    return float(t[0]), speed


def _pearson(a: FloatArray, b: FloatArray) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0 else 0.0


def _judge(
    first: str,
    second: str,
    shift: FloatArray,
    correlation: FloatArray,
    count: FloatArray,
    one: tuple[float, FloatArray],
) -> Link:
    """Return the best shift if it is clearly so; the evidence of each shift counts by what overlaps there."""
    free = np.maximum(count * STEP_S * 2.0 * BAND_HZ - 3.0, 0.0)
    evidence = np.where(
        np.isnan(correlation), -np.inf, np.arctanh(np.clip(correlation, -0.999, 0.999)) * np.sqrt(free)
    )
    best = int(evidence.argmax())
    others = np.abs(shift - shift[best]) > NEIGHBOURS_S
    rival = float(evidence[others].max(initial=-np.inf))
    # Two shifts' errors add up.
    lead = (float(evidence[best]) - rival) / math.sqrt(2.0) if math.isfinite(rival) else float(evidence[best])
    # Views from several sides differ by more than chance: a shift that fits nearly as well may be the right one.
    alike = float(np.nanmax(correlation[others], initial=0.0)) > ALIKE * float(correlation[best])
    if alike or lead < CLEAR or float(evidence[best]) < 2.0 * CLEAR:
        raise InputError(
            f"The speeds that '{first}' and '{second}' see fit at several shifts of their clocks: the motion "
            "repeats itself, or they see different people.",
            "Give a calibration, let somebody start and stop, or sync by sound or light.",
        )
    part = 0.0
    if 0 < best < shift.shape[0] - 1:
        before, peak, after = correlation[best - 1 : best + 2]
        bend = before - 2.0 * peak + after
        part = 0.5 * float(before - after) / float(bend) if np.isfinite(bend) and bend < 0 else 0.0
    r = float(np.clip(correlation[best], 0.05, 0.999))
    # Quazi, IEEE TASSP 29, 1981: the bound of a delay's error for a flat band.
    bound = math.sqrt(3.0 * (1.0 / r**2 - 1.0) / float(free[best])) / (2.0 * math.pi * BAND_HZ)
    middle = one[0] + 0.5 * one[1].shape[0] * STEP_S
    return Link(
        "motion",
        first,
        second,
        middle,
        float(shift[best]) + part * STEP_S,
        math.hypot(bound, VIEW_S),
        basis=f"speeds correlate by {r:.2f}",
    )
