"""Measures of position, each against a case worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mocap.evaluate import MISS_M, acceleration_error, align, mpjpe, n_mpjpe, pa_mpjpe, pck, per_axis_rms

RNG = np.random.default_rng(3)
NOTHING = np.full(3, np.nan)


def poses(count: int = 5) -> np.ndarray:
    return RNG.uniform(-1, 1, size=(count, 7, 3))


def turned(points: np.ndarray, scale: float = 1.0) -> np.ndarray:
    c, s = np.cos(0.7), np.sin(0.7)
    return scale * points @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T + [1.0, -2.0, 0.5]


def test_mpjpe_is_the_mean_distance() -> None:
    truth = poses()
    found = truth + np.array([0.03, 0.0, 0.04])
    score = mpjpe(found, truth)
    assert score.mean_m == pytest.approx(0.05)
    np.testing.assert_allclose(score.per_joint_m, 0.05)
    np.testing.assert_allclose(per_axis_rms(found, truth), np.tile([0.03, 0.0, 0.04], (7, 1)), atol=1e-12)


def test_a_missing_joint_counts_as_a_miss_and_not_as_nothing() -> None:
    truth, found = np.zeros((1, 4, 3)), np.zeros((1, 4, 3))
    found[0, 0] = NOTHING
    found[0, 1, 0] = 0.1
    score = mpjpe(found, truth)
    assert score.missing_share == 0.25
    assert score.mean_m == pytest.approx((MISS_M + 0.1) / 4)
    assert score.found_m == pytest.approx(0.1 / 3)
    assert pck(found, truth, 0.05) == 0.5


def test_what_the_truth_does_not_know_is_not_judged() -> None:
    truth, found = np.zeros((2, 2, 3)), np.ones((2, 2, 3))
    truth[:, 1] = NOTHING
    score = mpjpe(found, truth)
    assert score.mean_m == pytest.approx(np.sqrt(3))
    assert np.isnan(score.per_joint_m[1])


def test_procrustes_takes_out_motion_and_scale_and_never_mirrors() -> None:
    truth = poses()
    assert pa_mpjpe(turned(truth, 1.3), truth).mean_m == pytest.approx(0.0, abs=1e-9)
    rigid = align(turned(truth, 1.3), truth, scale=False)
    assert mpjpe(rigid, truth).mean_m > 0.05
    assert mpjpe(align(turned(truth), truth, scale=False), truth).mean_m == pytest.approx(0.0, abs=1e-9)
    mirrored = truth * [-1.0, 1.0, 1.0]
    assert pa_mpjpe(mirrored, truth).mean_m > 0.1


def test_procrustes_agrees_with_scipy() -> None:
    from scipy.spatial import procrustes

    truth = poses(1)
    found = truth + RNG.normal(size=truth.shape) * 0.1
    left = align(found, truth)[0] - truth[0]
    _, _, disparity = procrustes(truth[0], found[0])
    assert np.sum(left**2) / np.sum((truth[0] - truth[0].mean(0)) ** 2) == pytest.approx(disparity, rel=1e-6)


def test_a_pose_of_two_joints_cannot_be_aligned() -> None:
    truth = poses(1)
    found = truth.copy()
    found[0, 2:] = NOTHING
    score = pa_mpjpe(found, truth)
    assert score.missing_share == 1.0
    assert score.mean_m == pytest.approx(MISS_M)


def test_n_mpjpe_takes_out_place_and_scale_but_not_rotation() -> None:
    truth = poses()
    assert n_mpjpe(2.0 * truth + 3.0, truth).mean_m == pytest.approx(0.0, abs=1e-9)
    assert n_mpjpe(turned(truth), truth).mean_m > 0.05


def test_pck_takes_a_threshold_for_each_pose_and_any_number_of_axes() -> None:
    truth, found = np.zeros((2, 3, 2)), np.zeros((2, 3, 2))
    found[..., 0] = [1.0, 2.0, 3.0]
    assert pck(found, truth, np.array([1.5, 2.5])) == pytest.approx(0.5)


def test_acceleration_error_is_of_second_differences() -> None:
    t = np.arange(50)[:, None, None] / 100.0
    truth = np.zeros((50, 2, 3))
    found = truth + 0.5 * 3.0 * t**2 * np.array([1.0, 0.0, 0.0])
    error, missing = acceleration_error(found, truth, 100.0)
    assert error == pytest.approx(3.0)
    assert missing == 0.0
    found[10, 0] = np.nan
    assert acceleration_error(found, truth, 100.0)[1] == pytest.approx(3 / (48 * 2))
