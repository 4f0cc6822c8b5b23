"""Pictures are passed over only while motion can be foreseen, and what lies between is put where it was."""

import numpy as np
import pytest

from mocap.core.types import Poses2D
from mocap.detect.between import fill_between
from mocap.detect.pace import MIDDLE_SHARE, Pacing, next_pace, surprise
from mocap.presets import load_skeleton

SKELETON = load_skeleton("blazepose33")


def test_the_tolerance_is_what_a_straight_line_misses() -> None:
    # A joint that accelerates steadily: x = a t^2 / 2, looked at every h frames.
    acceleration, h = 0.3, 4
    x = 0.5 * acceleration * np.arange(-h, h + 1.0) ** 2
    foreseen = x[h] + (x[h] - x[0])
    missed = (x[h] + x[2 * h]) / 2 - x[h + h // 2]
    assert MIDDLE_SHARE * abs(x[2 * h] - foreseen) == pytest.approx(missed)


@pytest.mark.parametrize(
    ("pace", "off", "expected"),
    [
        (1, 0.9, 2),
        (2, 1.0, 4),
        (2, 1.5, 3),
        (3, 0.5, 4),
        (4, 0.5, 4),
        (2, 2.5, 2),
        (4, 5.0, 2),
        (1, 9.0, 1),
        (3, np.inf, 1),
    ],
)
def test_the_pace_follows_how_well_motion_is_foreseen(pace: int, off: float, expected: int) -> None:
    assert next_pace(pace, off, Pacing(4)) == expected


def test_a_look_that_came_late_does_not_stretch_the_next_gap() -> None:
    assert next_pace(9, 0.01, Pacing(4)) == 4
    assert next_pace(9, 50.0, Pacing(4)) == 2
    assert next_pace(5, 0.0, Pacing(1)) == 1
    assert next_pace(4, 4.8, Pacing(6, tolerance_sigma=1.0)) == 5


def test_one_misread_joint_is_no_surprise_and_a_moving_arm_is() -> None:
    sigma, still = np.full(12, 2.0), np.zeros((12, 2))
    one, arm = still.copy(), still.copy()
    one[3], arm[3:6] = 100.0, 100.0
    assert surprise(one, still, sigma) < 10.0
    assert surprise(arm, still, sigma) > 10.0
    half = np.full((12, 2), np.nan)
    assert surprise(half, still, sigma) == np.inf
    half[:6] = 0.0
    assert surprise(half, still, sigma) == 0.0


def poses(xy: np.ndarray, track: np.ndarray) -> Poses2D:
    t = xy.shape[0]
    sigma, score = np.full((t, 1, 1, 33), 2.0), np.full((t, 1, 1, 33), 0.9)
    seen = track[:, None, None] >= 0
    full = np.broadcast_to(xy[:, None, None, None], (t, 1, 1, 33, 2))
    return Poses2D(
        ("a",), SKELETON, np.where(seen[..., None, None], full, np.nan), sigma, score, track[:, None, None]
    )


def test_what_is_between_two_looks_lies_on_a_smooth_line() -> None:
    t = np.arange(13.0)
    true = np.column_stack([3.0 * t - 0.2 * t**2, 100 + 0.3 * t**2])
    looked = np.zeros((13, 1, 1), dtype=bool)
    looked[::3] = True
    foreseen = true + np.where(looked[:, 0], 0.0, 25.0)
    given = poses(foreseen, np.zeros(13, dtype=np.int64))
    filled = fill_between(given, looked)
    # A parabola is met exactly where neighbours give the slopes, and straight at the ends.
    np.testing.assert_allclose(filled.xy[3:10, 0, 0, 0], true[3:10], atol=1e-9)
    assert np.abs(filled.xy[:, 0, 0, 0] - true).max() < 1.0
    bend = np.linalg.norm(true[4] - (2 * true[3] + true[6]) / 3)
    np.testing.assert_allclose(filled.sigma_px[4, 0, 0], np.hypot(2.0, bend))
    np.testing.assert_allclose(filled.sigma_px[3, 0, 0], 2.0)
    np.testing.assert_array_equal(given.xy[:, 0, 0, 0], foreseen)  # what came in is left alone


def test_who_is_not_found_again_is_missing_from_the_last_look_on() -> None:
    track = np.array([0, 0, 0, 0, 0, -1, 1, 1, 1])
    looked = np.array([1, 0, 0, 1, 0, 0, 1, 0, 1], dtype=bool)
    filled = fill_between(poses(np.arange(18.0).reshape(9, 2), track), looked[:, None, None])
    assert filled.track[:, 0, 0].tolist() == [0, 0, 0, 0, -1, -1, 1, 1, 1]
    missing = np.isnan(filled.xy[:, 0, 0, 0, 0])
    assert missing.tolist() == [False] * 4 + [True] * 2 + [False] * 3
    np.testing.assert_allclose(filled.xy[7, 0, 0, 0], [14.0, 15.0])  # not pulled towards another person


def test_everybody_looked_at_is_left_as_found() -> None:
    given = poses(np.random.default_rng(0).normal(size=(5, 2)), np.zeros(5, dtype=np.int64))
    filled = fill_between(given, np.ones((5, 1, 1), dtype=bool))
    np.testing.assert_array_equal(filled.xy, given.xy)
    np.testing.assert_array_equal(filled.sigma_px, given.sigma_px)
