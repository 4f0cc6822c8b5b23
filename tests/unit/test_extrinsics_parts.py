"""Parts of the extrinsics: planar pose, gross errors, robust averages."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from calibration.bundle.rotations import exp, log
from calibration.extrinsics.average import Edges, average, components, median_point, median_rotation
from calibration.extrinsics.clean import gross_errors
from calibration.extrinsics.pose import both_poses, homographies, moved, pose_jacobian, solve_poses, well_spread
from calibration.transforms import apply, from_rotation, invert, to_rvec_tvec
from tests.boards import board_points, lens

POINTS = board_points(4, 3, 0.05)


def poses(count: int, seed: int = 0) -> np.ndarray:
    """Boards about 1 m before a camera, tilted by up to 50 degrees."""
    rng = np.random.default_rng(seed)
    turn = exp(rng.uniform(-0.8, 0.8, (count, 3)))
    place = rng.uniform([-0.3, -0.2, 0.7], [0.2, 0.1, 1.3], (count, 3))
    return np.stack([from_rotation(r, t) for r, t in zip(turn, place, strict=True)])


def test_exact_rays_give_the_pose_back_as_one_of_two() -> None:
    true = poses(40)
    local = apply(true[:, None], POINTS)
    rays = local[..., :2] / local[..., 2:]
    seen = np.ones(rays.shape[:2], dtype=bool)
    seen[::3, :4] = False
    pair = both_poses(POINTS, np.where(seen[..., None], rays, np.nan), seen)
    error = np.abs(pair - true[:, None]).max(axis=(2, 3))
    assert error.min(axis=1).max() < 1e-7
    assert (error.max(axis=1) > 0.01).mean() > 0.9
    assert np.allclose(np.linalg.det(pair[..., :3, :3]), 1.0)


def test_both_solutions_agree_with_opencv() -> None:
    true, intrinsics = poses(12, seed=3), lens(dist=(0.0,) * 5)
    local = apply(true[:, None], POINTS)
    rays = local[..., :2] / local[..., 2:] + np.random.default_rng(0).normal(0, 5e-4, (12, 12, 2))
    ours = both_poses(POINTS, rays, np.ones(rays.shape[:2], dtype=bool))
    for pose, points in zip(ours, intrinsics.distort(rays), strict=True):
        _, rvecs, tvecs, _ = cv2.solvePnPGeneric(POINTS, points, intrinsics.K, None, flags=cv2.SOLVEPNP_IPPE)
        for rvec, tvec in zip(rvecs, tvecs, strict=True):
            known = from_rotation(cv2.Rodrigues(rvec)[0], tvec)
            assert np.abs(pose - known).max(axis=(1, 2)).min() < 0.02


def test_homography_maps_corners() -> None:
    true = poses(5, seed=1)
    local = apply(true[:, None], POINTS)
    rays = local[..., :2] / local[..., 2:]
    flat = np.broadcast_to(POINTS[:, :2], rays.shape)
    H = homographies(flat, rays, np.ones(rays.shape[:2], dtype=bool))
    mapped = np.einsum("nij,nkj->nki", H, np.concatenate([flat, np.ones_like(flat[..., :1])], axis=-1))
    assert np.abs(mapped[..., :2] / mapped[..., 2:] - rays).max() < 1e-6


def test_jacobian_is_the_slope() -> None:
    intrinsics, start = lens(), poses(4, seed=2)
    _, jacobian, _, _ = pose_jacobian(intrinsics, POINTS, start)
    for parameter in range(6):
        step = np.zeros((4, 6))
        step[:, parameter] = 1e-6
        after, _, _, _ = pose_jacobian(intrinsics, POINTS, moved(start, step))
        before, _, _, _ = pose_jacobian(intrinsics, POINTS, moved(start, -step))
        assert np.abs((after - before) / 2e-6 - jacobian[..., parameter]).max() < 1e-3


def test_refined_pose_agrees_with_opencv() -> None:
    intrinsics, true = lens(), poses(6, seed=4)
    pixels, _, _, _ = pose_jacobian(intrinsics, POINTS, true)
    xy = pixels + np.random.default_rng(1).normal(0.0, 0.3, pixels.shape)
    better, worse = solve_poses(intrinsics, POINTS, xy, np.ones(xy.shape[:2], dtype=bool))
    assert (better.rms_px <= worse.rms_px).all()
    for pose, points in zip(better.cam_from_board, xy, strict=True):
        rvec, tvec = to_rvec_tvec(pose)
        criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-12)
        rvec, tvec = cv2.solvePnPRefineLM(POINTS, points, intrinsics.K, intrinsics.dist, rvec, tvec, criteria)
        assert np.abs(from_rotation(cv2.Rodrigues(rvec)[0], tvec) - pose).max() < 1e-5


def test_corners_on_a_line_have_no_pose() -> None:
    seen = np.zeros((3, 12), dtype=bool)
    seen[0, :4] = True  # a row
    seen[1, [0, 1, 4, 5]] = True
    seen[2, [0, 1, 4]] = True
    assert well_spread(POINTS, seen).tolist() == [False, True, False]


def test_gross_errors_are_found_and_nothing_else() -> None:
    rng = np.random.default_rng(5)
    points = board_points(5, 7)
    pixels, _, _, _ = pose_jacobian(lens(dist=(-0.3, 0.1, 0.0, 0.0, 0.0)), points, poses(30, seed=6))
    xy = pixels + rng.normal(0.0, 0.3, pixels.shape)
    seen = rng.random(xy.shape[:2]) > 0.2
    wrong = seen & (rng.random(seen.shape) < 0.15)
    xy[wrong] += rng.choice([-1, 1], (wrong.sum(), 2)) * rng.uniform(60, 300, (wrong.sum(), 2))
    xy[~seen] = np.nan
    found = gross_errors(points, xy, seen)
    assert (found & wrong).sum() > 0.99 * wrong.sum()
    assert (found & ~wrong).sum() < 0.005 * seen.sum()
    assert not gross_errors(points, np.where(wrong[..., None], pixels, xy), seen).any()


def test_median_rotation_withstands_a_third_of_nonsense() -> None:
    rng = np.random.default_rng(7)
    true = exp(np.array([0.5, -1.0, 2.0]))
    rotation = exp(rng.normal(0.0, 0.01, (60, 3))) @ true
    rotation[:20] = exp(rng.uniform(-2, 2, (20, 3)))
    found = median_rotation(rotation, np.ones(60), rotation[40])
    assert np.linalg.norm(log(found @ true.T)) < 0.01
    point = median_point(
        np.vstack([rng.normal(1.0, 0.01, (40, 3)), rng.uniform(-5, 5, (20, 3))]), np.ones(60), true[0]
    )
    assert np.linalg.norm(point - 1.0) < 0.02


def test_one_wrong_pair_does_not_bend_the_rig() -> None:
    true = poses(5, seed=8)
    true = true @ invert(true[0])
    a, b = np.array([(i, j) for i in range(5) for j in range(i + 1, 5)]).T
    between = true[a] @ invert(true[b])
    noise = np.random.default_rng(9).normal(0.0, 1e-3, (len(a), 6))
    between[:, :3, :3] = exp(noise[:, :3]) @ between[:, :3, :3]
    between[:, :3, 3] += noise[:, 3:]
    between[5] = from_rotation(exp(np.array([0.6, 0.0, 0.3])), [0.3, 0.1, 0.0]) @ between[5]
    edges = Edges(a, b, between, np.full(10, 1e-3), np.full(10, 1e-3))
    found = average(edges, 5)
    assert np.abs(found - true).max() < 0.004


def test_groups_of_linked_cameras() -> None:
    edges = Edges(
        np.array([0, 2]), np.array([3, 4]), np.broadcast_to(np.eye(4), (2, 4, 4)), np.ones(2), np.ones(2)
    )
    group = components(edges, 5)
    assert group[0] == group[3]
    assert group[2] == group[4]
    assert len({group[0], group[1], group[2]}) == 3


@pytest.mark.parametrize("count", [1, 2])
def test_small_graphs(count: int) -> None:
    pose = from_rotation(exp(np.array([0.1, 0.2, 0.3])), [1.0, 2.0, 3.0])
    edges = Edges(
        np.arange(count - 1), np.arange(1, count), pose[None][: count - 1], np.ones(count - 1), np.ones(count - 1)
    )
    found = average(edges, count)
    assert np.allclose(found[0], np.eye(4))
    if count == 2:
        assert np.allclose(found[0] @ invert(found[1]), pose)
