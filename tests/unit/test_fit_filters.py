from dataclasses import replace

import numpy as np
import pytest

from mocap.core.errors import InputError
from mocap.core.types import FloatArray, Points3D
from mocap.fit.filters import FILTERS, FilterSettings, filtered, one_euro_step, residual_cutoff
from mocap.fit.spikes import remove_spikes
from tests.factories import make_motion, points_of, with_gap

RATE_HZ = 100.0
NOISE_M = 0.01


def clean(frames: int = 300) -> Points3D:
    points = points_of(make_motion(frames, RATE_HZ))
    return replace(points, cov=np.broadcast_to(NOISE_M**2 * np.eye(3), points.cov.shape))


def noisy(points: Points3D) -> Points3D:
    return replace(points, xyz=points.xyz + np.random.default_rng(3).normal(scale=NOISE_M, size=points.xyz.shape))


def rms(values: FloatArray) -> float:
    return float(np.sqrt(np.nanmean(np.square(values))))


@pytest.mark.parametrize(
    ("kind", "left"), [("butterworth", 0.5), ("kalman", 0.55), ("savitzky_golay", 0.5), ("gcv_spline", 0.55)]
)
def test_noise_goes_and_motion_stays(kind: str, left: float) -> None:
    truth = clean()
    settings = FilterSettings(kind)
    assert rms(filtered(noisy(truth), RATE_HZ, settings).xyz - truth.xyz) < left * NOISE_M
    # What is smooth already is hardly changed.
    assert rms(filtered(truth, RATE_HZ, settings).xyz - truth.xyz) < 0.2 * NOISE_M


def test_one_euro_uses_nothing_of_the_future() -> None:
    points = noisy(clean())
    whole = filtered(points, RATE_HZ, FilterSettings("one_euro", 2.0)).xyz
    later = points.xyz.copy()
    later[150:] += 1.0
    again = filtered(replace(points, xyz=later), RATE_HZ, FilterSettings("one_euro", 2.0)).xyz
    assert np.array_equal(whole[:150], again[:150])
    assert rms(np.diff(whole, axis=0)) < 0.65 * rms(np.diff(points.xyz, axis=0))


def test_one_euro_starts_anew_after_a_gap() -> None:
    there = np.zeros((1, 3))
    state, _ = one_euro_step(None, there, 0.01, 2.0)
    state, gone = one_euro_step(state, np.full((1, 3), np.nan), 0.01, 2.0)
    assert np.isnan(gone).all()
    _, back = one_euro_step(state, there + 1.0, 0.01, 2.0)
    assert np.array_equal(back, there + 1.0)


@pytest.mark.parametrize("kind", sorted(FILTERS))
def test_gaps_stay_gaps_and_runs_do_not_mix(kind: str) -> None:
    points = with_gap(noisy(clean(120)), "left_wrist", slice(50, 70))
    wrist = points.skeleton.index("left_wrist")[0]
    out = filtered(points, RATE_HZ, FilterSettings(kind)).xyz
    assert np.array_equal(np.isnan(out), np.isnan(points.xyz))
    moved = points.xyz.copy()
    moved[70:, :, wrist] += 1.0
    again = filtered(replace(points, xyz=moved), RATE_HZ, FilterSettings(kind)).xyz
    assert np.allclose(out[:50, :, wrist], again[:50, :, wrist], atol=1e-12)


@pytest.mark.parametrize("kind", sorted(FILTERS))
@pytest.mark.parametrize("frames", [1, 2, 4, 7])
def test_short_runs_are_no_obstacle(kind: str, frames: int) -> None:
    assert np.isfinite(filtered(clean(frames), RATE_HZ, FilterSettings(kind)).xyz).all()


def test_the_savitzky_golay_window_has_the_cutoff_asked_for() -> None:
    points = clean(1000)
    t = np.arange(1000) / RATE_HZ
    wave = np.sin(2 * np.pi * 6.0 * t)[:, None, None, None] * np.ones_like(points.xyz)
    out = filtered(replace(points, xyz=wave), RATE_HZ, FilterSettings("savitzky_golay", 6.0)).xyz
    assert rms(out[200:800]) / rms(wave[200:800]) == pytest.approx(np.sqrt(0.5), abs=0.1)


def test_residual_analysis_finds_where_motion_ends() -> None:
    points = clean(500)
    rng = np.random.default_rng(0)
    t = np.arange(500) / RATE_HZ
    slow, fast = (
        sum(np.sin(2 * np.pi * f * t + rng.uniform(0, 6)) / f for f in np.arange(0.5, top, 0.5))
        for top in (3.0, 9.0)
    )

    def cutoff(way: FloatArray) -> float:
        xyz = 0.2 * way[:, None, None, None] * np.ones_like(points.xyz)
        return residual_cutoff(noisy(replace(points, xyz=xyz)), RATE_HZ)

    assert 2.0 < cutoff(slow) < 6.0
    assert cutoff(slow) + 2.0 < cutoff(fast) < 14.0


def test_spikes_become_gaps_and_all_else_stays() -> None:
    points = noisy(clean())
    xyz = points.xyz.copy()
    knee = points.skeleton.index("left_knee")[0]
    xyz[[40, 90, 91], 0, knee] += 0.3
    out = remove_spikes(replace(points, xyz=xyz), RATE_HZ, 0.05)
    gone = np.isnan(out.xyz[..., 0])
    assert gone[[40, 90, 91], 0, knee].all()
    assert np.isnan(out.cov[40, 0, knee]).all()
    assert out.n_views[40, 0, knee] == 0
    assert gone.mean() < 0.02
    assert np.array_equal(out.xyz[~gone], xyz[~gone])


def test_no_window_removes_nothing() -> None:
    points = noisy(clean(20))
    assert remove_spikes(points, RATE_HZ, 0.0) is points


def test_what_is_impossible_is_explained() -> None:
    with pytest.raises(InputError, match="no filter 'magic'"):
        filtered(clean(3), RATE_HZ, FilterSettings("magic"))
    with pytest.raises(InputError, match="impossible"):
        filtered(clean(3), RATE_HZ, FilterSettings("kalman", 60.0))
    with pytest.raises(InputError, match="window"):
        remove_spikes(clean(3), RATE_HZ, -1.0)
    with pytest.raises(InputError, match="none of the main keypoints"):
        residual_cutoff(replace(clean(9), xyz=np.full_like(clean(9).xyz, np.nan)), RATE_HZ)
