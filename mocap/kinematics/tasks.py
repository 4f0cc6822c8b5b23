"""Repetitions, ranges, and the tests that clinics and trainers time: sit-to-stand, squat, jump.

All thresholds are degrees that the user names, shares of a thigh or of a movement's own range, or follow from
gravity. A repetition, a rise or a jump that a gap hides is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks, peak_widths

from mocap.core.measures import Measure, Side
from mocap.core.types import FloatArray, JointAngles

# A repetition goes from a tenth of its way out to a tenth of its way back: the ends of a movement are slow.
WIDTH_AT = 0.9
# Somebody sits below this share of the way up, and stands above the other.
SEATED, STANDING = 0.1, 0.9
# Nobody stood up who rose by less than this share of a thigh: seats are about as high as a knee.
MIN_RISE_THIGHS = 0.5
# Hips that come down by less than this share of what the bend of the knees would give are not squatting.
MIN_DEPTH = 0.5
# Nor do knees of which one bends so much farther than both do at once.
MOST_UNEVEN = 1.5
# The five rises of the test (Guralnik et al., J. Gerontology 1994, 49:M85).
RISES = 5
GRAVITY_M_S2 = 9.81
# Feet higher than the first are off the ground; how fast they pass both says when they left it. Above the noise of
# a fitted foot, below any jump.
LEVELS_M = (0.02, 0.06)
# Shorter, feet only skipped: 1 cm of height. Longer, 1.2 m: nobody.
FLIGHT_S = (0.09, 1.0)


@dataclass(frozen=True)
class Repetitions:
    """Repetitions of a movement, in order.

    Attributes
    ----------
    start_s, peak_s, stop_s : (R,)
        When each begins, is farthest, and is back, s.
    peak : (R,)
        How far it goes, in the unit of the angle.
    size : (R,)
        How far that is from where it began or ended, whichever is nearer.
    """

    start_s: FloatArray
    peak_s: FloatArray
    stop_s: FloatArray
    peak: FloatArray
    size: FloatArray


def repetitions(signal: FloatArray, t_s: FloatArray, prominence: float) -> Repetitions:
    """Count how often a signal goes up by ``prominence`` and down by as much again.

    Smaller swings in between, such as a shiver at the turn, do not count: up and down are hysteresis.

    Parameters
    ----------
    signal : (T,)
        NaN where missing.
    t_s : (T,)
    prominence : float
        In the signal's unit.
    """
    rows: list[FloatArray] = []
    for start, stop in stretches(np.isfinite(signal)):
        part, when = signal[start:stop], t_s[start:stop]
        if part.shape[0] < 3:
            continue
        peaks, found = find_peaks(part, prominence=prominence)
        size = found["prominences"]
        _, _, left, right = peak_widths(
            part, peaks, WIDTH_AT, prominence_data=(size, found["left_bases"], found["right_bases"])
        )
        index = np.arange(part.shape[0])
        times = [np.interp(at, index, when) for at in (left, peaks, right)]
        rows.append(np.stack([*times, part[peaks], size], axis=-1))
    table = np.concatenate([np.empty((0, 5)), *rows])
    return Repetitions(*table.T)


def repetition_measures(
    angles: JointAngles, person: int, name: str, t_s: FloatArray, prominence_deg: float
) -> tuple[Measure, ...]:
    """Repetitions of a joint angle by its name: how many, how long each takes, how far each goes.

    Raises
    ------
    ValueError
        If there is no such angle.
    """
    signal = np.degrees(angles.value[:, person, angles.names.index(name)])
    found = repetitions(signal, t_s, prominence_deg)
    side, rest = split_side(name)
    return (
        _count(f"{rest}_repetitions", found.peak.shape[0], side),
        Measure(f"{rest}_repetition_time", side, "s", found.stop_s - found.start_s),
        Measure(f"{rest}_repetition_peak", side, "deg", found.peak),
    )


def range_of_motion(angles: JointAngles, person: int) -> tuple[Measure, ...]:
    """Greatest minus least value of each angle that is known anywhere."""
    measures = []
    for a, name in enumerate(angles.names):
        value = np.degrees(angles.value[:, person, a])
        known = value[np.isfinite(value)]
        if known.size > 1:
            side, rest = split_side(name)
            measures.append(Measure(f"{rest}_range", side, "deg", np.array([float(np.ptp(known))])))
    return tuple(measures)


def sit_to_stand(hip_height: FloatArray, t_s: FloatArray, thigh_m: float) -> tuple[Measure, ...]:
    """Rises from a seat: how many, how long each takes, and the time of five.

    Five are timed from the first leaving of the seat to the fifth stand, as in the Short Physical Performance
    Battery; tests that end on the seat take longer.

    Parameters
    ----------
    hip_height : (T,)
        Height of the middle of the hips, m; NaN where missing.
    t_s : (T,)
    thigh_m : float
        Length of a thigh, m.
    """
    known = hip_height[np.isfinite(hip_height)]
    if known.size < 2 or not np.isfinite(thigh_m):
        return ()
    low, high = float(known.min()), float(known.max())
    if high - low < MIN_RISE_THIGHS * thigh_m:
        return (_count("sit_to_stand_count", 0),)
    share = (hip_height - low) / (high - low)
    starts: list[FloatArray] = []
    stops: list[FloatArray] = []
    for first, last in stretches(np.isfinite(share)):
        part, when = share[first:last], t_s[first:last]
        state = np.where(part <= SEATED, -1, np.where(part >= STANDING, 1, 0))
        settled = np.flatnonzero(state)
        rise = np.flatnonzero((state[settled][:-1] == -1) & (state[settled][1:] == 1))
        left, up = settled[rise], settled[rise + 1]
        starts.append(_crossing(part, when, left, SEATED))
        stops.append(_crossing(part, when, up - 1, STANDING))
    start, stop = np.concatenate([np.empty(0), *starts]), np.concatenate([np.empty(0), *stops])
    measures = [_count("sit_to_stand_count", start.shape[0])]
    if start.size:
        measures.append(Measure("sit_to_stand_time", None, "s", stop - start))
    if start.size >= RISES:
        measures.append(Measure("five_times_sit_to_stand_time", None, "s", stop[RISES - 1 : RISES] - start[:1]))
    return tuple(measures)


def squats(
    knee_flexion: FloatArray, hip_height: FloatArray, leg_m: float, t_s: FloatArray, prominence_deg: float
) -> tuple[Measure, ...]:
    """Squats: how many, how long, how deep in metres the hips go and how far the knees bend.

    Both knees bend together, and the hips come down to the feet: who marches bends one knee after the other, and
    who jumps with bent legs takes the feet along.

    Parameters
    ----------
    knee_flexion : (T, 2)
        Of both knees, rad.
    hip_height : (T,)
        Of the middle of the hips above the lower ankle, m.
    leg_m : float
        Length of thigh and shank together, m.
    """
    found = repetitions(np.degrees(knee_flexion.min(axis=1)), t_s, prominence_deg)
    most = np.array(
        [
            np.degrees(knee_flexion[(t_s >= start) & (t_s <= stop)].max())
            for start, stop in zip(found.start_s, found.stop_s, strict=True)
        ]
    )
    depth = np.array(
        [_depth(hip_height, t_s, *times) for times in zip(found.start_s, found.peak_s, found.stop_s, strict=True)]
    ).reshape(-1)
    # Of a thigh and a shank of one length, which bend to both sides of the line from hip to ankle.
    folded = leg_m * (1.0 - np.cos(0.5 * np.radians(found.peak)))
    kept = (depth >= MIN_DEPTH * folded) & (most <= MOST_UNEVEN * found.peak)
    return (
        _count("squat_count", int(kept.sum())),
        Measure("squat_time", None, "s", (found.stop_s - found.start_s)[kept]),
        Measure("squat_depth", None, "m", depth[kept]),
        Measure("squat_knee_flexion", None, "deg", found.peak[kept]),
    )


def _depth(height: FloatArray, t_s: FloatArray, start: float, peak: float, stop: float) -> float:
    """How far the hips go down in one repetition, m; NaN beside a gap."""
    inside = height[(t_s >= start) & (t_s <= stop)]
    # Before it began the hips were as high as they stand; the way down is not yet the height of standing.
    before = height[(t_s >= start - (peak - start)) & (t_s <= peak)]
    if not inside.size or not np.isfinite(inside).all() or not np.isfinite(before).all():
        return float("nan")
    return float(before.max() - inside.min())


def jumps(foot_height: FloatArray, mass_height: FloatArray, t_s: FloatArray) -> tuple[Measure, ...]:
    """Jumps and their height, measured in two ways that agree where landing is like taking off.

    ``jump_height_flight_time`` is g t^2 / 8 of the time off the ground (Bosco et al., Eur. J. Appl. Physiol. 1983,
    50:273). ``jump_height_mass_centre`` is how far the centre of mass rises above its place at take-off.

    Parameters
    ----------
    foot_height : (T,)
        Of the lowest of heels and toes, m; NaN where missing.
    mass_height : (T,)
        Of the centre of mass, m.
    t_s : (T,)
    """
    known = foot_height[np.isfinite(foot_height)]
    if not known.size:
        return ()
    # Somebody who jumps stands for most of the time, or for half of it at least.
    above = foot_height - np.median(known)
    flight, rise = [], []
    for start, stop in stretches(above > LEVELS_M[0]):
        if start == 0 or stop == above.shape[0] or not np.isfinite(above[[start - 1, stop]]).all():
            continue
        top = start + int(np.argmax(above[start:stop]))
        if above[top] <= LEVELS_M[1]:
            continue
        up = _ground_time(above[start - 1 : top + 1], t_s[start - 1 : top + 1])
        down = _ground_time(above[top : stop + 1][::-1], t_s[top : stop + 1][::-1])
        if not FLIGHT_S[0] <= down - up <= FLIGHT_S[1]:
            continue
        flight.append(down - up)
        aloft = mass_height[start:stop]
        rise.append(float(aloft.max()) - float(np.interp(up, t_s, mass_height)))
    risen = np.array(rise)
    if not flight:
        return (_count("jump_count", 0),)
    return (
        _count("jump_count", len(flight)),
        Measure("jump_height_flight_time", None, "m", GRAVITY_M_S2 * np.array(flight) ** 2 / 8.0),
        Measure("jump_height_mass_centre", None, "m", risen[np.isfinite(risen)]),
    )


def split_side(name: str) -> tuple[Side | None, str]:
    """Split ``left_knee_flexion`` into ``left`` and ``knee_flexion``."""
    sides: tuple[Side, ...] = ("left", "right")
    for side in sides:
        if name.startswith(f"{side}_"):
            return side, name[len(side) + 1 :]
    return None, name


def stretches(known: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Stretches [start, stop) of frames (T,) that are True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], known.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _count(name: str, times: int, side: Side | None = None) -> Measure:
    return Measure(name, side, "times", np.array([float(times)]))


def _crossing(share: FloatArray, t_s: FloatArray, at: NDArray[np.intp], level: float) -> FloatArray:
    """When a rise passes a level between frames ``at`` and the next, s."""
    before, after = share[at], share[at + 1]
    part = np.clip((level - before) / np.where(after > before, after - before, 1.0), 0.0, 1.0)
    return np.asarray(t_s[at] + part * (t_s[at + 1] - t_s[at]))


def _ground_time(above: FloatArray, t_s: FloatArray) -> float:
    """When feet that pass both levels left the ground, s: back along the parabola that gravity makes.

    Its speed w at the lower level follows from both: z2 - z1 = w d - g d^2 / 2 over the time d between them.
    """
    passed = [int(np.argmax(above > level)) for level in LEVELS_M]
    low, high = (
        float(_crossing(above, t_s, np.array([at - 1]), level)[0])
        for at, level in zip(passed, LEVELS_M, strict=True)
    )
    apart = abs(high - low)
    speed = (LEVELS_M[1] - LEVELS_M[0]) / apart + 0.5 * GRAVITY_M_S2 * apart
    since = (np.sqrt(speed**2 + 2 * GRAVITY_M_S2 * LEVELS_M[0]) - speed) / GRAVITY_M_S2
    return float(low - np.sign(high - low) * since)
