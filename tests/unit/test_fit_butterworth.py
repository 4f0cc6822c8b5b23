from dataclasses import replace

import numpy as np
import pytest

from mocap.core.errors import InputError
from mocap.core.types import FloatArray, Points3D
from mocap.fit.butterworth import smooth
from tests.factories import SIGMA_M, make_motion, points_of, with_gap

RATE, CUTOFF = 100.0, 6.0


def points_with(x: FloatArray) -> Points3D:
    """Points that all follow ``x`` (T,) along the first axis."""
    points = points_of(make_motion(len(x), RATE))
    xyz = np.zeros_like(points.xyz)
    xyz[..., 0] = x[:, None, None]
    return replace(points, xyz=xyz)


def amplitude(frequency_hz: float, order: int = 4) -> complex:
    """Gain and phase of the filter for a sine, well away from the ends."""
    t = np.arange(1000) / RATE
    wave = np.exp(2j * np.pi * frequency_hz * t)
    out = smooth(points_with(np.sin(2 * np.pi * frequency_hz * t)), RATE, CUTOFF, order).xyz[200:800, 0, 0, 0]
    return complex(2j * np.mean(out * wave[200:800].conj()))


@pytest.mark.parametrize("order", [2, 4, 6])
def test_the_cutoff_holds_for_both_passes_together_and_nothing_is_delayed(order: int) -> None:
    at_cutoff = amplitude(CUTOFF, order)
    assert abs(at_cutoff) == pytest.approx(np.sqrt(0.5), abs=1e-4)
    assert np.angle(at_cutoff) == pytest.approx(0.0, abs=1e-4)
    assert abs(amplitude(1.0, order)) > 0.95
    assert abs(amplitude(20.0, order)) < 0.3 / order


def test_each_run_is_filtered_by_itself_and_gaps_stay_gaps() -> None:
    x = np.concatenate([np.zeros(50), np.ones(50)])
    holed = with_gap(points_with(x), "nose", slice(45, 55))
    out = smooth(holed, RATE, CUTOFF, 4)
    assert np.isnan(out.xyz[45:55, 0, 0]).all()
    assert np.allclose(out.xyz[:45, 0, 0, 0], 0.0, atol=1e-12)  # the step leaks over where there is no gap
    assert np.allclose(out.xyz[55:, 0, 0, 0], 1.0, atol=1e-12)
    assert np.abs(out.xyz[:45, 0, 1, 0]).max() > 0.01


def test_a_long_way_is_the_same_filtered_alone_or_beside_others() -> None:
    rng = np.random.default_rng(3)
    points = points_of(make_motion(80, RATE))
    points = replace(points, xyz=points.xyz + rng.normal(scale=0.01, size=points.xyz.shape))
    whole = smooth(points, RATE, CUTOFF, 4).xyz
    assert np.array_equal(
        smooth(with_gap(points, "nose", slice(30, 40)), RATE, CUTOFF, 4).xyz[:, :, 1:], whole[:, :, 1:]
    )


@pytest.mark.parametrize("length", [1, 2, 3, 5, 9, 10, 24])
def test_short_runs_survive(length: int) -> None:
    x = np.linspace(0.0, 0.3, length)
    out = smooth(points_with(x), RATE, CUTOFF, 4)
    assert np.allclose(out.xyz[:, 0, 0, 0], x, atol=1e-3)  # a straight way is no noise
    assert (np.linalg.eigvalsh(out.cov) > 0.0).all()


def test_persistent_errors_keep_their_covariance() -> None:
    rng = np.random.default_rng(4)
    points = points_of(make_motion(300, RATE, people=20))
    # Errors as a detector makes them: correlated by 0.86 from one frame at 30 Hz to the next.
    step = 0.86 ** (30.0 / RATE)
    error = rng.normal(scale=SIGMA_M, size=points.xyz.shape)
    for t in range(1, 300):
        error[t] = step * error[t - 1] + np.sqrt(1 - step**2) * error[t]
    out = smooth(replace(points, xyz=error), RATE, CUTOFF, 4)
    np.testing.assert_array_equal(out.cov, points.cov)
    assert 0.8 < out.xyz.std() / out.sigma.mean() < 1.05


@pytest.mark.parametrize(("cutoff", "order"), [(50.0, 4), (80.0, 4), (0.0, 4), (-1.0, 4), (6.0, 3), (6.0, 0)])
def test_impossible_filters_are_explained(cutoff: float, order: int) -> None:
    with pytest.raises(InputError):
        smooth(points_with(np.zeros(20)), RATE, cutoff, order)
