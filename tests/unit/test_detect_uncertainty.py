"""Stated sigmas fit errors that are known, cover others like them, and follow the score and the crop."""

import numpy as np
import pytest

from mocap.core.errors import InputError
from mocap.core.types import FloatArray, IntArray
from mocap.detect.specs import Uncertainty
from mocap.detect.uncertainty import LEAST_SCORE, coverage, fit_uncertainty, sigma_of

KEYPOINTS = 6
PARTNER: IntArray = np.array([0, 2, 1, 4, 3, 5])
TRUE = Uncertainty(keypoint_px=(1.0, 2.0, 2.0, 0.8, 0.8, 1.5), unseen_px=1.7, unseen_power=0.3)


def drawn(seed: int, count: int, swapped: float = 0.0) -> tuple[FloatArray, FloatArray]:
    """Errors of scores from all over the range; a share of them is of limbs taken for others."""
    rng = np.random.default_rng(seed)
    score = np.where(rng.random((count, KEYPOINTS)) < 0.7, rng.uniform(0.95, 1.0, (count, KEYPOINTS)), 0.0)
    score = np.where(score == 0.0, rng.uniform(0.02, 0.9, score.shape), score)
    error = rng.normal(size=(count, KEYPOINTS, 2)) * sigma_of(score, TRUE)[..., None]
    error[rng.random(score.shape) < swapped] *= 10.0
    return error, score


def test_sigma_falls_with_the_score_to_what_a_seen_keypoint_has() -> None:
    score = np.array([[0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.3] * 6, [0.9] * 6, [1.0] * 6])
    sigma = sigma_of(score, TRUE)
    assert (np.diff(sigma, axis=0) < 0).all()
    np.testing.assert_allclose(sigma[-1], TRUE.keypoint_px)
    np.testing.assert_allclose(sigma[0], sigma_of(np.full(6, LEAST_SCORE), TRUE))
    assert np.isnan(sigma_of(np.full(6, np.nan), TRUE)).all()
    np.testing.assert_allclose(sigma_of(np.ones(6), Uncertainty(floor_px=3.0)), 3.0)


@pytest.mark.parametrize("swapped", [0.0, 0.02])
def test_fit_finds_what_errors_were_drawn_with(swapped: float) -> None:
    error, score = drawn(1, 3000, swapped)
    fitted = fit_uncertainty(error, score, PARTNER, Uncertainty(person_score=0.4))
    np.testing.assert_allclose(fitted.keypoint_px, TRUE.keypoint_px, rtol=0.12)
    low = np.full(6, 0.1)
    np.testing.assert_allclose(sigma_of(low, fitted), sigma_of(low, TRUE), rtol=0.12)
    assert fitted.person_score == 0.4  # what is not fitted is kept
    other, other_score = drawn(2, 2000, swapped)
    found = coverage(other, sigma_of(other_score, fitted))
    assert found.one == pytest.approx(0.683, abs=0.03)
    assert found.two == pytest.approx(0.954, abs=0.02)
    assert found.count == 2000 * KEYPOINTS


def test_both_sides_share_and_a_keypoint_without_truth_takes_the_usual() -> None:
    error, score = drawn(3, 500)
    error[:, 5] = np.nan
    fitted = fit_uncertainty(error, score, PARTNER)
    seen = fitted.keypoint_px
    assert seen[1] == seen[2]
    assert seen[3] == seen[4]
    assert seen[5] == pytest.approx(np.median(seen[:5]), abs=0.011)


def test_a_wrong_sigma_shows_in_its_coverage() -> None:
    error, score = drawn(4, 2000)
    half, double = (coverage(error, f * sigma_of(score, TRUE)) for f in (0.5, 2.0))
    assert half.one < 0.42
    assert double.one > 0.93


def test_too_little_is_refused() -> None:
    error, score = drawn(5, 5)
    with pytest.raises(InputError, match="too few"):
        fit_uncertainty(error, score, PARTNER)
    with pytest.raises(InputError, match="no keypoint"):
        coverage(np.full((3, 2, 2), np.nan), np.ones((3, 2)))
