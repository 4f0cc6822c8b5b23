"""Differences, what of them is chance, and how far a motion goes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mocap.core.measures import Measure
from mocap.core.types import JointAngles, MassCentre
from mocap.kinematics.compare import Estimate, difference, estimate_of
from mocap.kinematics.extremes import angle_extremes, mass_centre_estimates, repeated_angles, repetition_cycles


def test_of_stated_equal_errors_the_least_difference_is_the_minimal_detectable_change() -> None:
    first, second = Estimate(62.0, 2.0, "deg"), Estimate(50.0, 2.0, "deg")
    found = difference(first, second)
    assert found.value == 12.0
    assert found.detectable == pytest.approx(1.959964 * math.sqrt(2) * 2.0, rel=1e-5)
    assert found.beyond_chance is True
    assert difference(first, Estimate(59.0, 2.0, "deg")).beyond_chance is False


def test_means_are_compared_as_welch_does() -> None:
    from scipy.stats import ttest_ind

    rng = np.random.default_rng(4)
    left, right = rng.normal(1.0, 0.05, 6), rng.normal(1.1, 0.12, 4)
    found = difference(
        estimate_of(Measure("step_length", "left", "m", left)),
        estimate_of(Measure("step_length", "right", "m", right)),
    )
    theirs = ttest_ind(left, right, equal_var=False).confidence_interval(0.95)
    assert found.value == pytest.approx((theirs.low + theirs.high) / 2)
    assert found.detectable == pytest.approx((theirs.high - theirs.low) / 2)


def test_chance_is_taken_for_a_difference_once_in_twenty() -> None:
    rng = np.random.default_rng(1)
    wrong = 0
    for _ in range(2000):
        one, other = (estimate_of(Measure("x", None, "m", rng.normal(size=4))) for _ in range(2))
        wrong += difference(one, other).beyond_chance is True
    assert 0.03 < wrong / 2000 < 0.06


def test_a_value_without_an_error_gives_no_verdict() -> None:
    once = estimate_of(Measure("stride_length", "left", "m", np.array([1.2])))
    assert math.isnan(once.sigma)
    found = difference(once, Estimate(1.0, 0.01, "m"))
    assert found.beyond_chance is None
    assert math.isnan(difference(Estimate(float("nan"), 0.1, "m"), once).value)


def test_times_from_pictures_are_no_better_than_the_pictures() -> None:
    same = Measure("step_time", "left", "s", np.full(5, 0.5333))
    assert estimate_of(same).sigma == pytest.approx(0.0, abs=1e-12)
    assert estimate_of(same, 0.02).sigma == 0.02


def test_symmetry_is_left_out_where_signs_differ() -> None:
    assert difference(Estimate(1.1, 0.1, "m"), Estimate(0.9, 0.1, "m")).symmetry == pytest.approx(20.0)
    assert math.isnan(difference(Estimate(2.0, 1.0, "deg"), Estimate(-2.0, 1.0, "deg")).symmetry)
    with pytest.raises(ValueError, match="cannot be compared"):
        difference(Estimate(1.0, 0.1, "m"), Estimate(1.0, 0.1, "s"))


def bending(times: int = 3, missing: int = 0) -> tuple[JointAngles, np.ndarray]:
    t = np.linspace(0.0, 2.0 * times, 60 * times)
    left = np.radians(30.0 - 30.0 * np.cos(np.pi * t))
    value = np.stack([left, np.full_like(left, 0.1), 0.5 * left], axis=-1)[:, None]
    value[:missing] = np.nan
    return JointAngles(
        ("left_knee_flexion", "right_knee_flexion", "trunk_lean"), value, np.full_like(value, 0.02)
    ), t


def test_extremes_carry_the_error_of_both_ends() -> None:
    angles, _ = bending(missing=5)
    knee = angle_extremes(angles, 0)[0]
    assert (knee.name, knee.side) == ("knee_flexion", "left")
    assert knee.greatest.value == pytest.approx(60.0, abs=0.1)
    assert knee.extent.sigma == pytest.approx(math.degrees(0.02) * math.sqrt(2))


def test_the_centre_of_mass_goes_along_its_line() -> None:
    t = np.linspace(0.0, 1.0, 50)
    way = np.stack([t, t, 1.0 + 0.02 * np.sin(6 * t)], axis=-1)[:, None]
    cov = np.broadcast_to(np.diag([1e-4, 1e-4, 4e-4]), (50, 1, 3, 3)).copy()
    found = dict(mass_centre_estimates(MassCentre(way, cov), 0))
    assert found["mass_centre_horizontal_range"].value == pytest.approx(math.sqrt(2))
    assert found["mass_centre_horizontal_range"].sigma == pytest.approx(0.01 * math.sqrt(2))
    assert found["mass_centre_vertical_range"].sigma == pytest.approx(0.02 * math.sqrt(2))
    gone = MassCentre(np.full((50, 1, 3), np.nan), cov)
    assert mass_centre_estimates(gone, 0) == ()


def test_repetitions_become_cycles_and_still_joints_do_not() -> None:
    angles, t = bending()
    assert repeated_angles(angles, 0, t, 20.0)[0] == "knee_flexion"
    left, right, trunk = (next(c for c in cut if c.name == n) if any(c.name == n for c in cut) else None
                          for cut in [repetition_cycles(angles, 0, "knee_flexion", t, 20.0)]
                          for n in angles.names)  # fmt: skip
    assert left is not None
    assert left.values.shape == (3, 101)
    assert np.argmax(left.values[1]) == pytest.approx(50, abs=1)
    assert right is None  # its side did not repeat
    assert trunk is not None  # goes by the side that did
    # An angle that is known no better than it swings does not repeat.
    blurred = JointAngles(angles.names, angles.value, np.full_like(angles.value, 0.4))
    assert repeated_angles(blurred, 0, t, 20.0) == ()
