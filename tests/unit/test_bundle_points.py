"""Calibration refined from free points: made-up people with known truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration import CalibrationError, CameraRig
from calibration.bundle import LOCKED_LENS, BundleSettings, KnownLength, LensPrior, refine_from_points, rotations
from calibration.bundle.synthetic import Scene, ring

NOISE_PX = 1.5
STICK_M = 0.4


def person(rig: CameraRig, seed: int, noise_px: float = NOISE_PX) -> tuple[np.ndarray, np.ndarray]:
    """Twelve joints that walk about: pixels (T, C, K, 2) and points (T, K, 3); joints 0 and 1 span a stick."""
    rng = np.random.default_rng(seed)
    t = np.arange(80)[:, None]
    body = rng.uniform(-0.4, 0.4, (12, 3)) * [1, 1, 2]
    points = body + np.stack([0.8 * np.sin(t / 13), 0.8 * np.cos(t / 17), 1.0 + 0.05 * np.sin(t)], axis=-1)
    points = points + rng.normal(0, 0.1, points.shape)
    along = rng.normal(size=(80, 3))
    points[:, 1] = points[:, 0] + STICK_M * along / np.linalg.norm(along, axis=1, keepdims=True)
    pixels, valid = rig.project(points)
    pixels[~valid] = np.nan
    pixels += rng.normal(0, noise_px, pixels.shape)
    return np.moveaxis(pixels, 0, 1), points


def bumped(rig: CameraRig, camera: int, turn_rad: float, shift_m: float) -> CameraRig:
    pose = rig.cameras[camera].cam_from_world.copy()
    pose[:3] = rotations.exp(np.array([turn_rad, -turn_rad, 0.5 * turn_rad])) @ pose[:3]
    pose[:3, 3] += shift_m
    cameras = list(rig.cameras)
    cameras[camera] = replace(cameras[camera], cam_from_world=pose)
    return replace(rig, cameras=tuple(cameras))


@pytest.fixture(scope="module")
def rig() -> CameraRig:
    return ring(Scene(cameras=4))


def test_repairs_a_bumped_camera_and_leaves_the_fixed_ones(rig: CameraRig) -> None:
    xy, points = person(rig, 1)
    settings = BundleSettings(lens=LOCKED_LENS, fixed_poses=frozenset({"cam_1", "cam_2", "cam_4"}))
    found = refine_from_points(xy, bumped(rig, 2, 0.08, 0.1), settings)
    assert found.noise == pytest.approx(NOISE_PX, rel=0.05)
    away = found.rig.cameras[2].centre - rig.cameras[2].centre
    assert (np.abs(away) < 4 * found.sigmas[2].centre_m).all()
    assert np.linalg.norm(away) < 0.02
    for index in (0, 1, 3):
        np.testing.assert_allclose(
            found.rig.cameras[index].cam_from_world, rig.cameras[index].cam_from_world, atol=1e-12
        )
    error = found.points - points
    sigma = np.sqrt(np.diagonal(found.points_covariance, axis1=2, axis2=3))
    assert np.nanmean((error / sigma) ** 2) == pytest.approx(1.0, abs=0.15)


def test_keeps_the_size_of_the_rig_or_takes_it_from_a_known_length(rig: CameraRig) -> None:
    xy, _ = person(rig, 2)
    start = bumped(bumped(rig, 1, 0.02, 0.02), 3, -0.03, -0.03)

    def size(of: CameraRig) -> float:
        return float(np.sum([np.linalg.norm(camera.centre - of.cameras[0].centre) for camera in of.cameras]))

    kept = refine_from_points(xy, start)
    assert size(kept.rig) == pytest.approx(size(start), rel=1e-9)
    assert (kept.scale, kept.scale_sigma) == (1.0, 0.0)
    known = refine_from_points(xy, start, lengths=(KnownLength(0, 1, STICK_M, 0.001),))
    stick = np.median(np.linalg.norm(known.points[:, 0] - known.points[:, 1], axis=1))
    assert stick == pytest.approx(STICK_M, rel=1e-9)
    assert abs(size(known.rig) / size(rig) - 1) < 4 * known.scale_sigma
    for big, small in zip(known.sigmas[1:], kept.sigmas[1:], strict=True):
        assert (big.centre_m > known.scale * small.centre_m).all()
    exact = refine_from_points(xy, start, lengths=(KnownLength(0, 1, 2 * STICK_M),))
    assert exact.scale == pytest.approx(2 * known.scale)
    for covariance, result in ((exact.covariance, exact), (kept.covariance, kept)):
        # The summed distance from the reference is as sure as the scale.
        along = np.zeros(len(covariance.matrix))
        for camera, columns in zip(result.rig.cameras, covariance.layout.cameras, strict=True):
            if columns.pose_is_free:
                away = camera.centre - result.rig.cameras[0].centre
                along[columns.columns][3:6] = -camera.cam_from_world[:3, :3] @ away / np.linalg.norm(away)
        sigma = np.sqrt(along @ covariance.matrix @ along) / size(result.rig)
        assert sigma == pytest.approx(result.scale_sigma, rel=0.01, abs=1e-5)
    without_scale = np.sqrt(exact.sigmas[2].rotation_rad), np.sqrt(kept.sigmas[2].rotation_rad)
    np.testing.assert_allclose(*without_scale, rtol=1e-6)
    # Resizing moves no pixel.
    np.testing.assert_allclose(known.residual_px, kept.residual_px, atol=1e-9)
    pixels, _ = known.rig.project(known.points)
    np.testing.assert_allclose(np.moveaxis(pixels, 0, 1) - xy, known.residual_px, atol=1e-6)


def test_stated_sigmas_cover_the_truth() -> None:
    rig = ring(Scene(cameras=4))
    squares = []
    for seed in range(6):
        xy, _ = person(rig, 10 + seed)
        # From the truth itself, so that the size that is kept is the true one.
        found = refine_from_points(xy, rig)
        for camera, true, sigma in zip(found.rig.cameras[1:], rig.cameras[1:], found.sigmas[1:], strict=True):
            squares.append(((camera.centre - true.centre) / sigma.centre_m) ** 2)
    assert np.mean(squares) == pytest.approx(1.0, abs=0.5)


def test_gross_errors_and_sigmas(rig: CameraRig) -> None:
    xy, _ = person(rig, 3)
    rng = np.random.default_rng(4)
    wrong = rng.random(xy.shape[:3]) < 0.1
    dirty = xy + wrong[..., None] * rng.uniform(30, 120, xy.shape)
    # A quarter of the joints is twice as noisy, and says so.
    sigma = np.full(xy.shape[:3], NOISE_PX)
    sigma[:, :, ::4] = 2 * NOISE_PX
    dirty[:, :, ::4] += rng.normal(0, np.sqrt(3) * NOISE_PX, dirty[:, :, ::4].shape)
    found = refine_from_points(dirty, bumped(rig, 1, 0.02, 0.05), sigma_px=sigma)
    assert found.noise == pytest.approx(1.0, rel=0.06)
    assert found.inlier[wrong].mean() < 0.02
    assert found.inlier[~wrong].mean() > 0.97
    assert np.isfinite(found.points).all(axis=-1).mean() > 0.95


def test_points_without_parallax_or_behind_a_camera_take_no_part(rig: CameraRig) -> None:
    xy, _ = person(rig, 5)
    # Two cameras side by side that alone see joint 5: no depth.
    twin = replace(rig.cameras[0], name="twin")
    pose = twin.cam_from_world.copy()
    pose[:3, 3] += [0.01, 0, 0]
    pair = replace(rig, cameras=(*rig.cameras, replace(twin, cam_from_world=pose)))
    xy = np.concatenate([xy, xy[:, :1]], axis=1)
    xy[:, 1:4, 5] = np.nan
    # Joint 6 is seen where it would lie behind the fourth camera.
    xy[:, 3, 6] = np.array([1e5, 1e5])
    found = refine_from_points(xy, pair, BundleSettings(lens=LOCKED_LENS))
    assert found.reason == "converged"
    assert np.isnan(found.points[:, 5]).all()
    assert not found.inlier[:, 3, 6].any()
    assert np.isfinite(found.points[:, 6]).all()


def test_points_without_parallax_do_not_stall_the_search(rig: CameraRig) -> None:
    # Two cameras side by side and one across; a third of the points is seen by the pair alone, most of them far.
    pair = CameraRig(
        (rig.cameras[0], replace(bumped(rig, 0, 0.0, 0.02).cameras[0], name="beside"), rig.cameras[2])
    )
    rng = np.random.default_rng(8)
    xy, _ = person(pair, 8, noise_px=0.4)
    forward = rig.cameras[0].cam_from_world[2, :3]
    far = rig.cameras[0].centre + forward * rng.uniform(5, 400, (80, 6, 1)) + rng.normal(0, 1.0, (80, 6, 3))
    pixels, valid = pair.project(far)
    pixels[~valid] = np.nan
    pixels[2] = np.nan
    seen = np.moveaxis(pixels, 0, 1) + rng.normal(0, 0.4, (80, 3, 6, 2))
    start = bumped(pair, 2, 0.03, 0.05)
    alone = refine_from_points(xy, start)
    found = refine_from_points(np.concatenate([xy, seen], axis=2), start)
    assert found.reason == "converged"
    assert found.iterations <= alone.iterations + 2
    assert found.noise == pytest.approx(alone.noise, rel=1e-9)
    assert np.isnan(found.points[:, 12:]).all()
    np.testing.assert_allclose(found.rig.cam_from_world, alone.rig.cam_from_world, atol=1e-9)


def test_finds_focal_lengths(rig: CameraRig) -> None:
    xy, _ = person(rig, 6, noise_px=0.4)
    lens = LensPrior(np.inf, 0.0, 0.0, (np.inf, 0.0, 0.0, 0.0), 0.0, 0.0)
    cameras = []
    for index, camera in enumerate(rig.cameras):
        K = camera.intrinsics.K.copy()
        K[0, 0] *= 1 + 0.02 * (-1) ** index
        K[1, 1] *= 1 + 0.02 * (-1) ** index
        cameras.append(replace(camera, intrinsics=replace(camera.intrinsics, K=K)))
    found = refine_from_points(xy, CameraRig(tuple(cameras)), BundleSettings(lens=lens))
    for camera, true, sigma in zip(found.rig.cameras, rig.cameras, found.sigmas, strict=True):
        assert abs(camera.intrinsics.focal_px - true.intrinsics.focal_px) < 4 * sigma.lens["f"]
        assert sigma.lens["f"] < 10


def test_refusals(rig: CameraRig) -> None:
    xy, _ = person(rig, 7)
    blind = xy.copy()
    blind[:, 2] = np.nan
    blind[:5, 2, 0] = xy[:5, 2, 0]
    with pytest.raises(CalibrationError, match=r"cam_3 \(5\)"):
        refine_from_points(blind, rig)
    fixed = BundleSettings(fixed_poses=frozenset({"cam_2"}))
    with pytest.raises(CalibrationError, match="size is given twice"):
        refine_from_points(xy, rig, fixed, lengths=(KnownLength(0, 1, 0.4),))
    blind = xy.copy()
    blind[:, :, 0] = np.nan
    with pytest.raises(CalibrationError, match="never found together"):
        refine_from_points(blind, rig, lengths=(KnownLength(0, 1, 0.4),))
