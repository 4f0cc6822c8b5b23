"""Quality figures: what they say of a rig that is right, scaled, bent, or badly synchronised."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration import CameraRig
from calibration.alignment import move_rig
from calibration.report.points import board_residuals, fit_board_poses, triangulate
from calibration.report.quality import (
    at_common_times,
    choose_heldout,
    length_errors,
    measure_heldout,
    rigidity,
)
from calibration.sightings import Sightings
from calibration.transforms import FloatArray, apply, from_rvec_tvec
from tests.conftest import ring_rig

SQUARE_M = 0.06
BOARD = np.stack([*np.meshgrid(np.arange(6) * SQUARE_M, np.arange(4) * SQUARE_M), np.zeros((4, 6))], -1).reshape(
    -1, 3
)


def board_path(times_s: FloatArray) -> FloatArray:
    """Poses (T, 4, 4) of a board that is carried about and turned."""
    poses = []
    for t in times_s:
        turn = [1.6 + 0.5 * np.sin(0.9 * t), 0.6 * np.sin(0.7 * t + 1), 2.5 * np.sin(0.31 * t)]
        place = [0.6 * np.sin(0.5 * t), 0.6 * np.cos(0.37 * t), 1.1 + 0.4 * np.sin(0.43 * t)]
        poses.append(from_rvec_tvec(turn, place))
    return np.stack(poses)


def make_sightings(
    rig: CameraRig, instants: int = 60, noise_px: float = 0.2, seed: int = 0, offsets_s: FloatArray | None = None
) -> Sightings:
    """What the cameras see of the board; cameras see both of its sides."""
    rng = np.random.default_rng(seed)
    t_s = np.repeat(np.arange(instants)[:, None] / 10.0, len(rig.cameras), axis=1)
    xy = np.full((instants, len(rig.cameras), len(BOARD), 2), np.nan)
    for c, camera in enumerate(rig.cameras):
        shift = 0.0 if offsets_s is None else offsets_s[c]
        pixels, _ = camera.project(apply(board_path(t_s[:, c] + shift)[:, None], BOARD))
        inside = ((pixels > 0) & (pixels < np.array(camera.intrinsics.size_wh) - 1)).all(axis=-1)
        xy[:, c] = np.where(inside[..., None], pixels, np.nan)
    xy += rng.normal(0, noise_px, xy.shape)
    sizes = np.array([camera.intrinsics.size_wh for camera in rig.cameras], dtype=np.int64)
    index = np.repeat(np.arange(instants, dtype=np.int64)[:, None], len(rig.cameras), axis=1)
    return Sightings(rig.names, sizes, BOARD, xy, t_s, index)


def test_corners_come_out_where_they_are(rig: CameraRig) -> None:
    points = np.random.default_rng(0).uniform([-1, -1, 0.3], [1, 1, 1.8], (200, 3))
    xy = np.moveaxis(rig.project(points)[0], 0, 1)
    found = triangulate(rig, xy)
    ok = np.isfinite(found.points).all(axis=1)
    assert ok.mean() > 0.9
    np.testing.assert_allclose(found.points[ok], points[ok], atol=1e-6)


def test_a_wrong_view_is_left_out(rig: CameraRig) -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform([-0.5, -0.5, 0.7], [0.5, 0.5, 1.4], (300, 3))
    xy = np.moveaxis(rig.project(points)[0], 0, 1) + rng.normal(0, 0.2, (300, 4, 2))
    wrong = rng.integers(0, 4, 60)
    xy[np.arange(60), wrong] += rng.choice([-1.0, 1.0], (60, 2)) * rng.uniform(15, 60, (60, 2))
    found = triangulate(rig, xy)
    assert np.nanmax(np.linalg.norm(found.points - points, axis=1)) < 0.01
    assert np.isfinite(found.points).all(axis=1).mean() > 0.99
    assert not found.used[np.arange(60), wrong].any()
    assert found.used[60:].all()


def test_one_view_or_two_that_do_not_meet_give_no_point(rig: CameraRig) -> None:
    xy = np.moveaxis(rig.project(np.array([[0.0, 0, 1], [0, 0, 1], [0, 0, 1]]))[0], 0, 1)
    xy[0, 1:] = np.nan
    xy[1, 2:] = np.nan
    xy[1, 0] += [0, 90]
    found = triangulate(rig, xy)
    assert np.isnan(found.points[:2]).all()
    assert not found.used[:2].any()
    np.testing.assert_allclose(found.points[2], [0, 0, 1], atol=1e-6)


def test_board_poses_stand_up_to_wrong_corners(rig: CameraRig) -> None:
    sightings = make_sightings(rig)
    rng = np.random.default_rng(2)
    xy = sightings.xy.copy()
    wrong = rng.random(xy.shape[:3]) < 0.1
    xy[wrong] += rng.normal(0, 60, (np.count_nonzero(wrong), 2))
    poses = fit_board_poses(rig, replace(sightings, xy=xy))
    truth = board_path(sightings.t_s[:, 0])
    off = np.linalg.norm(apply(poses[:, None], BOARD) - apply(truth[:, None], BOARD), axis=-1)
    assert np.isfinite(poses).all()
    assert np.median(off) < 0.002
    assert off.max() < 0.02


def test_one_camera_gives_board_poses_too(rig: CameraRig) -> None:
    alone = rig.select(("cam_1",))
    sightings = make_sightings(alone)
    poses = fit_board_poses(alone, sightings)
    residual = board_residuals(alone, sightings, poses)
    assert np.sqrt(np.nanmean(residual**2)) < 0.25


def test_a_board_unseen_has_no_pose(rig: CameraRig) -> None:
    sightings = make_sightings(rig, 4)
    xy = sightings.xy.copy()
    xy[1] = np.nan
    xy[2, :, 3:] = np.nan
    poses = fit_board_poses(rig, replace(sightings, xy=xy))
    assert np.isnan(poses[[1, 2]]).all()
    assert np.isfinite(poses[[0, 3]]).all()


def test_a_right_rig_measures_right(rig: CameraRig) -> None:
    sightings = make_sightings(rig)
    found = measure_heldout(rig, sightings)
    assert found.instants == 60
    assert found.rmse_px == pytest.approx(0.2 * np.sqrt(2), rel=0.05)
    assert 0.2 < found.lengths.rms_mm < 2.0
    assert found.lengths.median_mm < found.lengths.rms_mm < found.lengths.p95_mm
    assert abs(found.lengths.scale_error) < 1e-3
    assert found.rigidity.rms_mm < 2.0
    assert found.lengths.left_out_share < 0.001
    assert sum(found.lengths.histogram.counts) == found.lengths.count


def test_a_wrong_scale_shows_in_lengths_and_not_in_pixels(rig: CameraRig) -> None:
    large = np.diag([1.03, 1.03, 1.03, 1.0])
    lengths = measure_heldout(move_rig(rig, large, {}), make_sightings(rig)).lengths
    assert lengths.scale_error == pytest.approx(0.03, abs=0.001)
    assert lengths.bias_mm > 2.0


def test_a_bumped_camera_shows_in_its_pixels(rig: CameraRig) -> None:
    cameras = list(rig.cameras)
    cameras[2] = replace(
        cameras[2], cam_from_world=from_rvec_tvec([0, 0.012, 0], [0, 0, 0]) @ cameras[2].cam_from_world
    )
    found = measure_heldout(CameraRig(tuple(cameras)), make_sightings(rig))
    worst = max(found.rmse_px_per_camera, key=lambda name: found.rmse_px_per_camera[name])
    assert worst == "cam_3"
    assert found.rmse_px_per_camera["cam_3"] > 3.0


def test_rigidity_counts_what_bends_and_not_where_it_is() -> None:
    rng = np.random.default_rng(3)
    corners = apply(board_path(np.arange(40.0))[:, None], BOARD)
    assert rigidity(corners, BOARD).rms_mm < 1e-9
    bent = corners + rng.normal(0, 0.002, corners.shape)
    bent[:, 5] = np.nan
    # Three of the numbers' sum, less six unknowns of 23 corners.
    assert rigidity(bent, BOARD).rms_mm == pytest.approx(2 * np.sqrt(3 * (1 - 6 / 69)), rel=0.05)
    mirrored = corners * [1, 1, -1]
    assert rigidity(mirrored, BOARD).rms_mm < 1e-9  # a flat board's mirror image is itself
    solid = np.concatenate([BOARD, np.add(BOARD[:2], [0.0, 0.0, 0.1])])
    assert rigidity(solid[None], solid).rms_mm < 1e-9
    assert rigidity(solid[None] * [1, 1, -1], solid).rms_mm > 10  # but a solid's is another thing
    assert np.isnan(rigidity(np.full_like(corners, np.nan), BOARD).rms_mm)


def test_nothing_measured_is_not_zero() -> None:
    errors = length_errors(np.full((5, 24, 3), np.nan), BOARD, float("nan"))
    assert errors.count == 0
    assert np.isnan(errors.median_mm)


def test_heldout_is_in_blocks_and_the_same_for_a_seed(rig: CameraRig) -> None:
    sightings = make_sightings(rig, 200)
    one, two, other = (choose_heldout(sightings, 0.2, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()
    assert 0.15 < one.mean() <= 0.2
    assert np.count_nonzero(np.diff(one.astype(int)) == 1) <= 5


def test_heldout_never_cuts_a_camera_off(rig: CameraRig) -> None:
    sightings = make_sightings(rig, 100)
    xy = sightings.xy.copy()
    xy[:, 3] = np.nan
    xy[40:46, 3] = make_sightings(rig, 100).xy[40:46, 3]
    few = replace(sightings, xy=xy)
    for seed in range(8):
        held = choose_heldout(few, 0.3, seed)
        assert np.count_nonzero(held[40:46]) <= 2
        assert held.sum() > 10


def test_nothing_is_held_out_of_what_nobody_shares(rig: CameraRig) -> None:
    alone = rig.select(("cam_1",))
    assert not choose_heldout(make_sightings(alone), 0.3).any()


def test_clocks_that_differ_are_brought_together() -> None:
    rig = ring_rig()
    offsets = np.array([0.0, 0.035, -0.05, 0.02])
    sightings = make_sightings(rig, 120, noise_px=0.0, offsets_s=offsets)
    before = measure_heldout(rig, sightings)
    after = measure_heldout(rig, at_common_times(sightings, sightings.t_s + offsets))
    # Straight lines between pictures a tenth of a second apart leave 0.1 px.
    assert before.rmse_px > 5 * after.rmse_px
    assert after.lengths.rms_mm < 0.5 * before.lengths.rms_mm
    assert after.instants >= 115


def test_no_corner_is_invented_over_a_gap() -> None:
    rig = ring_rig()
    sightings = make_sightings(rig, 30, noise_px=0.0)
    t_s, xy = sightings.t_s.copy(), sightings.xy.copy()
    t_s[10:15, 1], xy[10:15, 1] = np.nan, np.nan
    true = t_s + np.array([0.0, 0.04, 0.0, 0.0])
    moved = at_common_times(replace(sightings, xy=xy, t_s=t_s), true)
    assert np.isnan(moved.xy[10:15, 1]).all()
    assert np.isfinite(moved.xy[18, 1]).any()
    same = at_common_times(sightings, sightings.t_s)
    np.testing.assert_array_equal(same.xy, sightings.xy)
