"""Which model of the pictures' times is chosen, and what the jitter of time stamps is found to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration import CalibrationError
from calibration.bundle import BundleSettings, Timed, adjust, adjust_with_times
from calibration.bundle.lens import lens_vector
from calibration.bundle.synthetic import Recording, Scene, disturb, record
from calibration.bundle.timing import JITTER_SIGMA_S, MODELS
from calibration.errors import CancelledError

# As programs record webcams: a picture every 67 ms, stamped when it arrives.
SCENE = Scene(cameras=3, instants=80, corners=(5, 4), square_m=0.1, fps=15.0)
JITTER_S = 0.008


@pytest.fixture(scope="module")
def jittery() -> Recording:
    return record(replace(SCENE, jitter_s=JITTER_S, clock_offset_s=(0.0, 0.03, -0.02)), 3)


@pytest.fixture(scope="module")
def timed(jittery: Recording) -> Timed:
    return adjust_with_times(jittery.sightings, *disturb(jittery, 4, amount=0.5))


def test_jitter_is_chosen_and_found(jittery: Recording, timed: Timed) -> None:
    result = timed.result
    plain, clocks, jitter = (tried.hidden_px for tried in timed.tried)
    assert plain > clocks > 2 * jitter
    assert result.converged
    assert result.noise_px == pytest.approx(0.2, rel=0.05)
    taken = np.isfinite(result.jitter_s)
    assert taken.sum() > 150
    # What all cameras share at an instant only shifts the board on its path.
    found, true = (np.where(taken, s, np.nan) for s in (result.jitter_s, jittery.late_s))
    apart = [s - np.nanmean(s, axis=1, keepdims=True) for s in (found, true)]
    both = taken.sum(axis=1) == 3
    assert np.corrcoef(apart[0][both].ravel(), apart[1][both].ravel())[0, 1] > 0.95
    for index, offset in ((1, 0.03), (2, -0.02)):
        sigma = result.sigmas[index].clock_offset_s
        assert sigma > 0.1 * JITTER_S / np.sqrt(len(taken))
        assert abs(result.clock_offset_s[index] - offset) < 4 * sigma


def test_any_order_of_the_instants_gives_the_same(jittery: Recording, timed: Timed) -> None:
    rig, boards = disturb(jittery, 4, amount=0.5)
    order = np.random.default_rng(0).permutation(len(boards))
    settings = BundleSettings(clocks="estimated", jitter_sigma_s=JITTER_SIGMA_S)
    found = adjust(jittery.sightings.at(order), rig, boards[order], settings)
    for camera, other, sigma in zip(found.rig.cameras, timed.result.rig.cameras, timed.result.sigmas, strict=True):
        assert (np.abs(camera.centre - other.centre) <= 0.2 * sigma.centre_m + 1e-12).all()
    np.testing.assert_allclose(found.jitter_s, timed.result.jitter_s[order], atol=3e-4)


def test_gross_errors_are_not_taken_for_jitter(jittery: Recording, timed: Timed) -> None:
    scene = replace(SCENE, jitter_s=JITTER_S, clock_offset_s=(0.0, 0.03, -0.02), outlier_share=0.1)
    settings = BundleSettings(clocks="estimated", jitter_sigma_s=JITTER_SIGMA_S)
    found = adjust(record(scene, 3).sightings, *disturb(jittery, 4, amount=0.5), settings)
    assert found.kept_share == pytest.approx(0.9, abs=0.03)
    for camera, other, sigma in zip(found.rig.cameras, timed.result.rig.cameras, found.sigmas, strict=True):
        assert (np.abs(camera.centre - other.centre) <= 1.5 * sigma.centre_m + 1e-12).all()


def test_jitter_taken_for_noise_spoils_the_cameras(jittery: Recording, timed: Timed) -> None:
    without = adjust(
        jittery.sightings, *disturb(jittery, 4, amount=0.5), BundleSettings(clocks="estimated", jitter_sigma_s=0.0)
    )
    assert without.noise_px > 1.5 * timed.result.noise_px

    def away(rig: object) -> float:
        cameras = rig.cameras  # type: ignore[attr-defined]
        return float(
            np.mean(
                [np.linalg.norm(a.centre - b.centre) for a, b in zip(cameras, jittery.rig.cameras, strict=True)]
            )
        )

    assert away(timed.result.rig) < 0.7 * away(without.rig)


def test_stated_sigmas_cover_the_truth_with_jitter() -> None:
    scores = []
    for seed in range(4):
        recording = record(replace(SCENE, jitter_s=JITTER_S, instants=60), 20 + seed)
        settings = BundleSettings(clocks="estimated", jitter_sigma_s=JITTER_SIGMA_S)
        found = adjust(recording.sightings, *disturb(recording, 40 + seed, amount=0.3), settings)
        for camera, true, sigma in zip(found.rig.cameras, recording.rig.cameras, found.sigmas, strict=True):
            error = lens_vector(camera.intrinsics) - lens_vector(true.intrinsics)
            scores.append(error / np.array(list(sigma.lens.values())))
        for camera, true, sigma in zip(
            found.rig.cameras[1:], recording.rig.cameras[1:], found.sigmas[1:], strict=True
        ):
            scores.append((camera.centre - true.centre) / sigma.centre_m)
    z = np.concatenate(scores)
    assert np.mean(z**2) == pytest.approx(1.0, abs=0.5)
    assert np.abs(z).max() < 4.5


def test_simultaneous_pictures_stay_simultaneous() -> None:
    # Four corners in a picture: what is shown fits much better with each more unknown.
    recording = record(replace(SCENE, corners=(2, 2), square_m=0.3), 5)
    guess = disturb(recording, 6, amount=0.5)
    timed = adjust_with_times(recording.sightings, *guess)
    assert not timed.result.clock_offset_s.any()
    assert not np.nan_to_num(timed.result.jitter_s).any()
    alone = adjust(recording.sightings, *guess)
    np.testing.assert_array_equal(timed.result.rig.cam_from_world, alone.rig.cam_from_world)
    # The richer models explain what they are shown, not what they are not.
    hidden = [tried.hidden_px for tried in timed.tried]
    assert hidden[2] > 1.01 * hidden[0]


def test_a_model_that_cannot_gain_is_not_solved() -> None:
    recording = record(replace(SCENE, instants=40), 5)
    timed = adjust_with_times(recording.sightings, *disturb(recording, 6, amount=0.5))
    assert np.isnan(timed.tried[2].hidden_px)
    assert np.isfinite([tried.hidden_px for tried in timed.tried[:2]]).all()


def test_a_fixed_camera_that_saw_nothing_and_a_single_camera(jittery: Recording) -> None:
    xy = jittery.sightings.xy.copy()
    xy[:, 1] = np.nan
    rig, boards = disturb(jittery, 4, amount=0.3)
    settings = BundleSettings(fixed_poses=frozenset({"cam_2"}))
    for clocks, sigma in (MODELS[0], MODELS[2]):
        model = replace(settings, clocks=clocks, jitter_sigma_s=sigma)
        found = adjust(replace(jittery.sightings, xy=xy), rig, boards, model)
        assert found.converged
        np.testing.assert_allclose(found.rig.cameras[1].cam_from_world, rig.cameras[1].cam_from_world, atol=1e-12)
        assert np.isnan(found.jitter_s[:, 1]).all()
    seen = jittery.sightings
    alone = replace(
        seen,
        cameras=("cam_1",),
        sizes_wh=seen.sizes_wh[:1],
        xy=seen.xy[:, :1],
        t_s=seen.t_s[:, :1],
        frame_index=seen.frame_index[:, :1],
    )
    # Nothing tells the times of a single camera's pictures.
    assert not np.nan_to_num(adjust_with_times(alone, rig.select(("cam_1",)), boards).result.jitter_s).any()


def test_steady_clocks_get_no_jitter() -> None:
    recording = record(replace(SCENE, clock_offset_s=(0.0, 0.05, -0.03)), 7)
    timed = adjust_with_times(recording.sightings, *disturb(recording, 8, amount=0.5))
    assert not np.nan_to_num(timed.result.jitter_s).any()
    np.testing.assert_allclose(timed.result.clock_offset_s, [0.0, 0.05, -0.03], atol=1e-3)


def test_pictures_far_apart_are_simultaneous_or_refused_for_their_own_reason() -> None:
    recording = record(replace(SCENE, instants=30, fps=1.0), 9)
    guess = disturb(recording, 10, amount=0.5)
    timed = adjust_with_times(recording.sightings, *guess)
    assert not timed.result.clock_offset_s.any()
    assert np.isnan([tried.hidden_px for tried in timed.tried[1:]]).all()
    xy = recording.sightings.xy.copy()
    xy[::2, 2], xy[1::2, :2] = np.nan, np.nan
    with pytest.raises(CalibrationError, match="cam_3"):
        adjust_with_times(replace(recording.sightings, xy=xy), *guess)
    with pytest.raises(CancelledError):
        adjust_with_times(recording.sightings, *guess, cancelled=lambda: True)
