"""Gait events and what follows from them.

Events after Zeni, Richards and Higginson, "Two simple methods for determining gait events during treadmill and
overground walking using kinematic data" (Gait & Posture 2008, 27:710): a foot strikes when its heel is farthest
ahead of the hips and leaves the ground when its toe is farthest behind. The second method is the vertical velocity
of the foot (O'Connor et al., Gait & Posture 2007, 25:469). Against force plates the first is within 10 ms for foot
offs but 30 to 40 ms early for strikes, the second within 16 ms for strikes; so each decides what it is better at,
and the other is the cross-check.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, find_peaks, sosfiltfilt

from mocap.core.measures import Cycles, Event, Measure, Side
from mocap.core.types import FloatArray, JointAngles
from mocap.kinematics.heading import heading

# Feet move at less than this; what is faster is noise (Zeni et al. use 7 Hz).
CUTOFF_HZ = 7.0
# A foot that swings less far to and fro than this against the hips makes no step, m.
MIN_SWING_M = 0.12
# Nobody takes two strides with one foot faster than this, s.
MIN_STRIDE_S = 0.45
# Longer, and somebody stood in between, s.
MAX_STRIDE_S = 3.0
# The velocity method is asked this long before and after what the first one says, s; an event that it does not see
# there is doubtful.
SEARCH_S = (0.05, 0.15)
POINTS = 101


@dataclass(frozen=True)
class Feet:
    """What gait is read from, in the world, m; NaN where missing.

    Attributes
    ----------
    mid_hip : (T, 3)
    heel, toe : mapping of side to (T, 3)
    """

    mid_hip: FloatArray
    heel: dict[Side, FloatArray]
    toe: dict[Side, FloatArray]


def gait_events(feet: Feet, t_s: FloatArray, rate_hz: float) -> tuple[Event, ...]:
    """Find foot strikes and foot offs of both sides, in order of time.

    The stated uncertainty of an event is the difference of the two methods.

    Parameters
    ----------
    feet : Feet
    t_s : (T,)
        Evenly spaced instants, s.
    rate_hz : float
    """
    events: list[Event] = []
    ahead = heading(feet.mid_hip[:, None], rate_hz)[:, 0, :, 0]
    sides: tuple[Side, ...] = ("left", "right")
    for side in sides:
        middle = 0.5 * (feet.heel[side] + feet.toe[side])[:, 2]
        for kind, foot, sign in (("foot_strike", feet.heel[side], 1.0), ("foot_off", feet.toe[side], -1.0)):
            reach = sign * np.sum((foot - feet.mid_hip) * ahead, axis=-1)
            for start, stop in _stretches(reach, rate_hz):
                turning = _velocity_events(middle[start:stop], sign, rate_hz)
                for reached in _peaks(reach[start:stop], rate_hz):
                    at, difference = _decide(reached, turning, rate_hz, by_velocity=kind == "foot_strike")
                    when = float(np.interp(start + at, np.arange(t_s.shape[0]), t_s))
                    events.append(Event(kind, side, when, difference, bool(np.isnan(difference))))
    return tuple(sorted(events, key=lambda event: event.t_s))


def _stretches(signal: FloatArray, rate_hz: float) -> list[tuple[int, int]]:
    """Stretches of frames without a gap that are long enough for a stride."""
    known = np.concatenate([[False], np.isfinite(signal), [False]])
    edges = np.flatnonzero(np.diff(known.astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2) if b - a >= MIN_STRIDE_S * rate_hz]


def _smooth(signal: FloatArray, rate_hz: float) -> FloatArray:
    """Zero-lag low-pass, where the rate leaves anything to take off."""
    if rate_hz <= 2.5 * CUTOFF_HZ:
        return signal
    sos = butter(2, CUTOFF_HZ, fs=rate_hz, output="sos")
    return np.asarray(sosfiltfilt(sos, signal, padlen=min(signal.shape[0] - 1, int(rate_hz))))


def _peaks(reach: FloatArray, rate_hz: float) -> FloatArray:
    """Times of the farthest reaches, in frames, between frames by a parabola.

    A peak at the very end is none: the foot may go on.
    """
    smooth = _smooth(reach, rate_hz)
    found, _ = find_peaks(smooth, prominence=MIN_SWING_M, distance=max(1, int(MIN_STRIDE_S * rate_hz)))
    before, at, after = smooth[found - 1], smooth[found], smooth[found + 1]
    bend = before - 2 * at + after
    return np.asarray(found + np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, -1.0), 0.0))


def _decide(reached: float, turning: FloatArray, rate_hz: float, by_velocity: bool) -> tuple[float, float]:
    """Frame of an event, and how far the two methods are apart, s; NaN where the second does not see it."""
    before, after = (seconds * rate_hz for seconds in SEARCH_S)
    near = turning[(turning >= reached - before) & (turning <= reached + after)]
    if near.size == 0:
        return reached, float("nan")
    other = float(near[np.argmin(np.abs(near - reached))])
    return other if by_velocity else reached, abs(other - reached) / rate_hz


def _velocity_events(height: FloatArray, sign: float, rate_hz: float) -> FloatArray:
    """Frames at which the middle of a foot falls fastest (strike) or rises fastest (off)."""
    if not np.isfinite(height).all():
        return np.empty(0)
    velocity = -sign * np.gradient(_smooth(height, rate_hz)) * rate_hz
    found, _ = find_peaks(velocity)
    return np.asarray(found, dtype=np.float64)


def gait_measures(events: Sequence[Event], feet: Feet, t_s: FloatArray) -> tuple[Measure, ...]:
    """Steps and strides in figures.

    Step length is the way of one heel beyond the other at its strike, along the stride; step width is across
    it. Stance is from strike to off, swing from off to strike, double support both together; shares are of the
    stride.
    """
    sides: tuple[Side, ...] = ("left", "right")
    other: dict[Side, Side] = {"left": "right", "right": "left"}
    rows: dict[tuple[str, Side], list[float]] = {}

    def note(name: str, side: Side, value: float) -> None:
        if np.isfinite(value):
            rows.setdefault((name, side), []).append(value)

    for side in sides:
        strikes = _times(events, "foot_strike", side)
        offs = _times(events, "foot_off", side)
        for start, stop in itertools.pairwise(strikes):
            if stop - start > MAX_STRIDE_S:
                continue
            way = (_at(feet.heel[side], t_s, stop) - _at(feet.heel[side], t_s, start))[:2]
            length = float(np.linalg.norm(way))
            note("stride_time", side, stop - start)
            note("stride_length", side, length)
            note("walking_speed", side, length / (stop - start))
            off = offs[(offs > start) & (offs < stop)]
            if off.size == 1:
                note("stance_share", side, 100 * (float(off[0]) - start) / (stop - start))
                note("swing_share", side, 100 * (stop - float(off[0])) / (stop - start))
                # The other foot leaves the ground after this one's strike, and strikes before this one's off.
                theirs_off = _times(events, "foot_off", other[side])
                theirs = _times(events, "foot_strike", other[side])
                first = theirs_off[(theirs_off >= start) & (theirs_off < off[0])]
                second = theirs[(theirs > start) & (theirs <= off[0])]
                if first.size == 1 and second.size == 1:
                    both = float(first[0]) - start + float(off[0]) - float(second[0])
                    note("double_support_share", side, 100 * both / (stop - start))
            inside = _times(events, "foot_strike", other[side])
            for strike in inside[(inside > start) & (inside < stop)]:
                ahead = way / length if length > 0 else np.full(2, np.nan)
                ours = _at(feet.heel[side], t_s, stop)[:2] - _at(feet.heel[other[side]], t_s, float(strike))[:2]
                note("step_time", side, stop - float(strike))
                note("step_length", side, float(ours @ ahead))
                note("step_width", side, abs(float(ours[0] * ahead[1] - ours[1] * ahead[0])))
                note("cadence", side, 60.0 / (stop - float(strike)))
    return tuple(Measure(name, side, UNITS[name], np.array(values)) for (name, side), values in rows.items())


UNITS = {
    "stride_time": "s", "stride_length": "m", "walking_speed": "m/s", "stance_share": "%", "swing_share": "%",
    "double_support_share": "%", "step_time": "s", "step_length": "m", "step_width": "m", "cadence": "steps/min",
}  # fmt: skip


def symmetry(measures: Sequence[Measure]) -> tuple[Measure, ...]:
    """Difference of left and right over their mean, percent; 0 is even, positive where left is larger.

    The symmetry index of Robinson, Herzog and Nigg (J. Manip. Physiol. Ther. 1987, 10:172).
    """
    by_name: dict[str, dict[Side | None, float]] = {}
    for measure in measures:
        by_name.setdefault(measure.name, {})[measure.side] = measure.mean
    found = []
    for name, sides in by_name.items():
        left, right = sides.get("left", np.nan), sides.get("right", np.nan)
        if np.isfinite(left) and np.isfinite(right) and left + right != 0:
            index = 200 * (left - right) / (left + right)
            found.append(Measure(f"{name}_symmetry", None, "%", np.array([index])))
    return tuple(found)


def cycles(angles: JointAngles, person: int, events: Sequence[Event], t_s: FloatArray) -> tuple[Cycles, ...]:
    """Cut the angles of one person into strides of 101 points, from strike to strike.

    Angles of a side go by that side's strikes, others by the left ones.
    """
    found = []
    sides: tuple[Side, ...] = ("left", "right")
    for a, name in enumerate(angles.names):
        side: Side = next((s for s in sides if name.startswith(f"{s}_")), "left")
        strikes = _times(events, "foot_strike", side)
        strides = [
            np.interp(np.linspace(start, stop, POINTS), t_s, angles.value[:, person, a])
            for start, stop in itertools.pairwise(strikes)
            if stop - start <= MAX_STRIDE_S
        ]
        if strides:
            found.append(Cycles(name, side, np.stack(strides)))
    return tuple(found)


def _times(events: Sequence[Event], kind: str, side: Side) -> FloatArray:
    return np.array([event.t_s for event in events if event.kind == kind and event.side == side])


def _at(path: FloatArray, t_s: FloatArray, when: float) -> FloatArray:
    """Point (3,) of a path (T, 3) at an instant; NaN beside a gap."""
    return np.array([np.interp(when, t_s, path[:, axis]) for axis in range(3)])
