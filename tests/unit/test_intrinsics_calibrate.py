"""Intrinsics against known lenses, and refusals of pictures that do not determine one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration import CalibrationError, CameraRig, Intrinsics
from calibration.errors import CancelledError
from calibration.extrinsics.pose import nearest_rotation
from calibration.intrinsics import (
    IntrinsicsSettings,
    calibrate_camera,
    calibrate_intrinsics,
)
from calibration.intrinsics.models import FISHEYE, PLAIN_MODELS, RATIONAL
from calibration.sightings import Sightings
from tests.boards import board_points, lens, look_at, make_scene

ONE_MODEL = IntrinsicsSettings(models=(PLAIN_MODELS[1],))
PLACE = np.array([1.2, 0.0, 0.3])


def sightings_of(intrinsics: Intrinsics, distance: float = 1.0, **how) -> Sightings:
    """What one camera before a waved board of 4x6 corners sees."""
    camera = look_at("left", PLACE * distance, np.zeros(3), intrinsics)
    how = {"frames": 45, "points": board_points(4, 6), "facing": PLACE, **how}
    return make_scene(CameraRig((camera,)), **how).sightings


def errors_in_sigmas(result, truth: Intrinsics) -> dict[str, float]:
    fx, fy, cx, cy = truth.K[[0, 1, 0, 1], [0, 1, 2, 2]]
    found = result.intrinsics.K
    errors = {
        "f": found[0, 0] - fx,
        "aspect": found[1, 1] / found[0, 0] - fy / fx,
        "cx": found[0, 2] - cx,
        "cy": found[1, 2] - cy,
    }
    return {name: error / result.sigma[name] for name, error in errors.items()}


def unit_rays(intrinsics: Intrinsics, pixels: np.ndarray) -> np.ndarray:
    rays = np.concatenate([intrinsics.undistort(pixels), np.ones((len(pixels), 1))], axis=1)
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def webcam():
    """A usual lens with k1, k2 and a little p1, p2, calibrated with all models."""
    truth = lens()
    sightings = sightings_of(truth, frames=80)
    return truth, sightings, calibrate_camera(sightings, 0)


def test_lens_is_found_within_its_sigmas(webcam) -> None:
    truth, _, result = webcam
    assert max(map(abs, errors_in_sigmas(result, truth).values())) < 3.0
    assert abs(result.intrinsics.K[0, 0] / truth.K[0, 0] - 1) < 0.004
    # The lens as a whole: rays of the picture's pixels, up to a turn of the camera that no picture can tell.
    grid = np.stack(np.meshgrid(np.linspace(100, 1180, 9), np.linspace(80, 640, 7)), axis=-1).reshape(-1, 2)
    true, found = unit_rays(truth, grid), unit_rays(result.intrinsics, grid)
    turned = found @ nearest_rotation(found.T @ true)
    assert np.rad2deg(np.sqrt(np.mean(np.sum((turned - true) ** 2, axis=1)))) < 0.1
    assert result.noise_px == pytest.approx(0.2, rel=0.05)
    assert result.heldout_px == pytest.approx(0.2 * np.sqrt(2), rel=0.1)
    assert result.model.kind == "pinhole"
    assert "k2" in result.model.free
    assert not result.held_by_prior
    assert not result.warnings
    assert len(result.pictures) + len(result.rejected) <= 60 < result.pictures_seen + 1
    assert set(result.heldout_by_model) == {*(model.name for model in PLAIN_MODELS), FISHEYE.name}
    assert result.coverage.share > 0.7


def test_order_of_pictures_does_not_matter(webcam) -> None:
    _, sightings, _ = webcam
    order = np.random.default_rng(3).permutation(len(sightings.xy))
    shuffled = calibrate_camera(sightings.at(order), 0, ONE_MODEL)
    straight = calibrate_camera(sightings, 0, ONE_MODEL)
    difference = abs(shuffled.intrinsics.focal_px - straight.intrinsics.focal_px)
    assert difference < 0.2 * straight.sigma["f"]


def test_gross_outliers_do_not_move_the_lens() -> None:
    truth = lens()
    result = calibrate_camera(sightings_of(truth, outliers=0.1, missing=0.1), 0, ONE_MODEL)
    assert max(map(abs, errors_in_sigmas(result, truth).values())) < 3.5
    assert result.noise_px == pytest.approx(0.2, rel=0.1)


def test_pictures_that_do_not_fit_are_rejected() -> None:
    sightings = sightings_of(lens())
    xy = sightings.xy.copy()
    # A bent board: corners shift by some px, smoothly, in two pictures that saw it whole.
    whole = np.flatnonzero(sightings.corners_seen[:, 0] == 24)[[3, 11]]
    xy[whole] += 6.0 * np.sin(np.arange(24) / 3.0)[:, None]
    result = calibrate_camera(replace(sightings, xy=xy), 0, ONE_MODEL)
    assert set(whole) <= set(result.rejected)
    assert not set(whole) & set(result.pictures)
    assert result.noise_px == pytest.approx(0.2, rel=0.1)


def test_stated_sigmas_cover_the_truth() -> None:
    truth = lens(dist=(-0.2, 0.06, 0.0, 0.0, 0.0))
    errors = []
    for seed in range(16):
        result = calibrate_camera(sightings_of(truth, frames=24, seed=seed), 0, ONE_MODEL)
        errors.append(list(errors_in_sigmas(result, truth).values()))
    squares = np.array(errors) ** 2
    # 64 normal deviates; their mean square is 1 with a sigma of 0.18, and more as they depend on each other.
    assert 0.4 < squares.mean() < 1.8
    assert np.mean(squares < 1.0) > 0.5
    assert np.mean(squares < 4.0) > 0.85


def test_fisheye_is_recognised_by_held_out_error() -> None:
    truth = lens(520.0, dist=(0.05, -0.02, 0.005, -0.002), fisheye=True)
    result = calibrate_camera(sightings_of(truth, frames=90, reach_m=0.9), 0)
    assert result.model == FISHEYE
    assert result.heldout_by_model[FISHEYE.name] < 0.8 * result.heldout_by_model[PLAIN_MODELS[-1].name]
    assert result.intrinsics.focal_px == pytest.approx(520.0, rel=0.01)


def test_rational_model_on_request() -> None:
    result = calibrate_camera(sightings_of(lens()), 0, IntrinsicsSettings(models=(RATIONAL,)))
    assert result.intrinsics.dist.shape == (8,)
    assert result.intrinsics.focal_px == pytest.approx(900.0, rel=0.01)
    assert any("k6" in name for name in result.held_by_prior)


def test_stretched_video_is_told() -> None:
    square = lens()
    K = square.K.copy()
    K[1, 1] *= 1.0667
    result = calibrate_camera(sightings_of(replace(square, K=K)), 0, ONE_MODEL)
    assert result.intrinsics.K[1, 1] / result.intrinsics.K[0, 0] == pytest.approx(1.0667, abs=0.003)
    assert any("not square" in text for text in result.warnings)


def test_what_pictures_do_not_determine_is_held_and_said() -> None:
    # A long lens: a shift of its principal point looks like a turn of the camera.
    sightings = sightings_of(lens(5000.0, dist=(-0.3, 0.0, 0.0, 0.0, 0.0)), distance=5.0, reach_m=0.25)
    result = calibrate_camera(sightings, 0, ONE_MODEL)
    assert {"cx", "cy"} <= set(result.held_by_prior)
    assert any("principal point across (held near the picture's middle" in text for text in result.warnings)
    assert result.intrinsics.focal_px == pytest.approx(5000.0, rel=0.03)
    assert "k1" not in result.held_by_prior


def test_facing_board_is_refused_with_the_reason() -> None:
    with pytest.raises(CalibrationError, match=r"'left'.*focal length.*faced it.*degrees") as caught:
        calibrate_camera(sightings_of(lens(), tilt_rad=0.03), 0)
    assert "tilted by 20 to 45 degrees" in caught.value.remedy


def test_corners_of_another_board_are_refused() -> None:
    sightings = sightings_of(lens())
    wrong = np.random.default_rng(0).permutation(24)
    with pytest.raises(CalibrationError, match=r"'left' showed.*"):
        calibrate_camera(replace(sightings, xy=sightings.xy[:, :, wrong]), 0)
    nonsense = np.random.default_rng(0).uniform(0, 700, sightings.xy.shape)
    with pytest.raises(CalibrationError, match=r"fit no lens .* as of another board"):
        calibrate_camera(replace(sightings, xy=nonsense), 0)


def test_every_camera_that_saw_too_little_is_named() -> None:
    scene = make_scene(frames=40).sightings
    xy = scene.xy.copy()
    xy[2:, 1] = np.nan
    xy[:, 3] = np.nan
    with pytest.raises(CalibrationError) as caught:
        calibrate_intrinsics(replace(scene, xy=xy), ONE_MODEL)
    assert "'cam_1'" in caught.value.what
    assert "only 2 pictures" in caught.value.what
    assert "'cam_3'" in caught.value.what
    assert "'cam_0'" not in caught.value.what


def test_progress_counts_cameras_and_cancel_stops() -> None:
    scene = make_scene(frames=20).sightings
    calls: list[tuple[str, int, int]] = []
    with pytest.raises(CancelledError):
        calibrate_intrinsics(
            scene,
            ONE_MODEL,
            progress=lambda stage, done, total: calls.append((stage, done, total)),
            cancelled=lambda: len(calls) == 2,
        )
    assert calls == [("intrinsics", 0, 4), ("intrinsics", 1, 4)]


def test_solid_target_is_refused() -> None:
    scene = make_scene(frames=8).sightings
    points = scene.points.copy()
    points[3, 2] = 0.1
    with pytest.raises(CalibrationError, match="not flat"):
        calibrate_camera(replace(scene, points=points), 0)


def test_priors_for_the_bundle_lock_what_the_model_does_not_have(webcam) -> None:
    _, _, result = webcam
    plain = calibrate_camera(sightings_of(lens()), 0, IntrinsicsSettings(models=(PLAIN_MODELS[0],)))
    assert plain.bundle_prior.radial[0] > 0
    assert plain.bundle_prior.radial[1:] == (0.0, 0.0, 0.0)
    assert plain.bundle_prior.tangential == 0.0
    assert plain.measured_prior.radial == (plain.sigma["k1"], 0.0, 0.0, 0.0)
    assert result.measured_prior.focal == pytest.approx(result.sigma["f"] / result.intrinsics.focal_px)
