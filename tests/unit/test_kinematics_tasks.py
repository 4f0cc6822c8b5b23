"""Repetitions, sit-to-stand, squats and jumps with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from mocap.core.measures import Measure
from mocap.core.types import FloatArray, JointAngles
from mocap.kinematics import tasks

RATE = 60.0
G = tasks.GRAVITY_M_S2


def by_name(measures: tuple[Measure, ...]) -> dict[str, FloatArray]:
    return {measure.name: measure.values for measure in measures}


def clock(seconds: float) -> FloatArray:
    return np.arange(round(seconds * RATE)) / RATE + 3.0


def bends(t: FloatArray, times: int, seconds: float, size: float) -> FloatArray:
    """``times`` bends of a cosine's shape, one after the other, from the first second on."""
    phase = np.clip((t - t[0] - 1.0) / seconds, 0.0, times)
    return np.asarray(0.5 * size * (1.0 - np.cos(2 * np.pi * phase)))


def test_repetitions_are_counted_with_their_times_and_a_shiver_is_none() -> None:
    t = clock(12.0)
    clean = bends(t, 4, 2.0, 90.0)
    shiver = clean + 3.0 * np.sin(2 * np.pi * 9.0 * t)
    found = tasks.repetitions(clean, t, 20.0)
    np.testing.assert_allclose(found.peak, 90.0, atol=0.1)
    np.testing.assert_allclose(found.peak_s - t[0], [2.0, 4.0, 6.0, 8.0], atol=0.02)
    # A cosine's bend passes a tenth of its height at arccos(0.8) of a turn.
    outside = 2 * np.arccos(0.8) / (2 * np.pi) * 2.0
    np.testing.assert_allclose(found.stop_s - found.start_s, 2.0 - outside, atol=0.02)
    assert tasks.repetitions(shiver, t, 20.0).peak.shape == (4,)
    assert tasks.repetitions(shiver, t, 1.0).peak.shape[0] > 4  # without hysteresis each shiver counts
    assert tasks.repetitions(clean, t, 91.0).peak.shape == (0,)


def test_a_repetition_in_a_gap_does_not_count() -> None:
    t = clock(12.0)
    signal = bends(t, 4, 2.0, 90.0)
    signal[(t - t[0] > 3.8) & (t - t[0] < 4.2)] = np.nan
    assert tasks.repetitions(signal, t, 20.0).peak.shape == (3,)


def test_measures_of_repetitions_bear_the_side() -> None:
    t = clock(12.0)
    value = np.radians(bends(t, 4, 2.0, 90.0))[:, None, None]
    angles = JointAngles(("left_knee_flexion",), value, np.zeros_like(value))
    measures = tasks.repetition_measures(angles, 0, "left_knee_flexion", t, 20.0)
    assert {(m.name, m.side, m.values.size) for m in measures} == {
        ("knee_flexion_repetitions", "left", 1),
        ("knee_flexion_repetition_time", "left", 4),
        ("knee_flexion_repetition_peak", "left", 4),
    }
    (range_,) = tasks.range_of_motion(angles, 0)
    assert (range_.name, range_.side, range_.unit) == ("knee_flexion_range", "left", "deg")
    assert range_.mean == pytest.approx(90.0, abs=0.1)


@pytest.mark.parametrize("rises", [3, 5, 6])
def test_rises_from_a_seat(rises: int) -> None:
    t = clock(2.0 + 2.5 * rises)
    height = 0.5 + bends(t, rises, 2.5, 0.42)
    found = by_name(tasks.sit_to_stand(height, t, thigh_m=0.42))
    assert found["sit_to_stand_count"].tolist() == [rises]
    # From a tenth to nine tenths of a cosine's rise.
    one = (np.arccos(-0.8) - np.arccos(0.8)) / (2 * np.pi) * 2.5
    np.testing.assert_allclose(found["sit_to_stand_time"], one, atol=0.01)
    if rises < 5:
        assert "five_times_sit_to_stand_time" not in found
    else:
        np.testing.assert_allclose(found["five_times_sit_to_stand_time"], 4 * 2.5 + one, atol=0.01)


def test_who_only_leans_does_not_stand_up() -> None:
    t = clock(10.0)
    (count,) = tasks.sit_to_stand(0.5 + bends(t, 3, 2.0, 0.15), t, thigh_m=0.42)
    assert count.values.tolist() == [0]
    assert tasks.sit_to_stand(np.full_like(t, np.nan), t, thigh_m=0.42) == ()


def test_depth_of_squats() -> None:
    t = clock(8.0)
    bend = np.radians(bends(t, 3, 2.0, 100.0))
    height = 0.84 * np.cos(0.5 * bend)  # thigh and shank of 0.42 m, ankles that stay
    found = by_name(tasks.squats(np.stack([bend, 1.1 * bend], axis=-1), height, 0.84, t, 30.0))
    assert found["squat_count"].tolist() == [3]
    np.testing.assert_allclose(found["squat_depth"], 0.84 * (1 - np.cos(np.radians(50.0))), atol=1e-3)
    np.testing.assert_allclose(found["squat_knee_flexion"], 100.0, atol=0.2)


def test_knees_that_bend_in_the_air_do_not_squat() -> None:
    t = clock(8.0)
    bend = np.radians(bends(t, 3, 2.0, 100.0))
    found = by_name(tasks.squats(np.stack([bend, bend], axis=-1), np.full_like(t, 0.84), 0.84, t, 30.0))
    assert found["squat_count"].tolist() == [0]
    assert found["squat_depth"].shape == (0,)


def test_who_marches_does_not_squat() -> None:
    """One knee after the other; in between both are bent by 45 degrees, and the hips are lower."""
    t = clock(8.0)
    knees = np.radians(45.0 * (1.0 + np.stack([np.sin(6 * t), -np.sin(6 * t)], axis=-1)))
    height = 0.84 * np.cos(0.5 * knees.min(axis=1))
    assert by_name(tasks.squats(knees, height, 0.84, t, 20.0))["squat_count"].tolist() == [0]


@pytest.mark.parametrize("rate", [60.0, 120.0])
@pytest.mark.parametrize("height", [0.1, 0.3])
def test_height_of_jumps_in_both_ways(rate: float, height: float) -> None:
    t = np.arange(round(6.0 * rate)) / rate
    speed = np.sqrt(2 * G * height)
    up, mass = np.zeros_like(t), np.ones_like(t)
    for start in (1.003, 3.507):
        since = t - start
        thrown = speed * since - 0.5 * G * since**2
        up = np.maximum(up, thrown)
        # The mass is on its way up before the feet leave the ground, and still goes down after they are back.
        mass = np.where(thrown > -0.2, 1.2 + thrown, mass)
    rng = np.random.default_rng(4)
    feet = 0.03 + up + rng.normal(0, 0.001, t.shape)
    found = by_name(tasks.jumps(feet, mass, t))
    assert found["jump_count"].tolist() == [2]
    np.testing.assert_allclose(found["jump_height_flight_time"], height, atol=0.02 * height + 0.003)
    np.testing.assert_allclose(found["jump_height_mass_centre"], height, atol=0.05 * height)


def test_a_step_is_no_jump() -> None:
    t = clock(4.0)
    half = np.where(t - t[0] < 3.7, 0.03, 0.2)  # up at the end of the recording: nobody saw the landing
    for feet in (0.03 + bends(t, 1, 0.5, 0.015), half):
        (count,) = tasks.jumps(feet, np.ones_like(t), t)
        assert (count.name, count.values.tolist()) == ("jump_count", [0])
    assert tasks.jumps(np.full_like(t, np.nan), np.ones_like(t), t) == ()
