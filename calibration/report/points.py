"""Corners in 3D and board poses, from a rig that is taken as given.

These serve to judge a rig, so they favour no camera: views are left out only where they miss the others
grossly, and how many were is told.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.camera import CameraRig
from calibration.sightings import Sightings
from calibration.transforms import FloatArray, apply, from_rvec_tvec, invert

GAUSS_NEWTON_STEPS = 5
# A view is left out of a corner when it misses by more than this, px, and by more than this many times the
# noise that the corners show: a corner taken for another one, not an inaccurate one.
GROSS_PX = 4.0
GROSS_TIMES_NOISE = 6.0
# Corners triangulated at once: bounds the memory.
CORNERS_AT_ONCE = 20_000

# A board pose has six unknowns; four corners over-determine it.
LEAST_CORNERS = 4
# Cameras whose own view of the board is tried as a start of its pose.
STARTS = 3
# Instants solved at once: bounds the memory.
INSTANTS_AT_ONCE = 64
# Steps of a pose, with the Cauchy scale of each, px: wide first, so that a bad start comes home.
POSE_CAUCHY_PX = (50.0, 20.0, 8.0, 4.0, 3.0, 3.0)


@dataclass(frozen=True)
class Triangulated:
    """Corners in 3D.

    Attributes
    ----------
    points : (N, 3)
        m; NaN where fewer than two views agree.
    used : (N, C) bool
        Which views count.
    """

    points: FloatArray
    used: NDArray[np.bool_]


def triangulate(rig: CameraRig, xy: FloatArray) -> Triangulated:
    """Triangulate points by least squares of the reprojection error, without grossly wrong views.

    Parameters
    ----------
    xy : (N, C, 2)
        px; NaN where not seen.
    """
    parts = [_triangulate(rig, xy[i : i + CORNERS_AT_ONCE]) for i in range(0, xy.shape[0], CORNERS_AT_ONCE)]
    if not parts:
        return Triangulated(np.zeros((0, 3)), np.zeros((0, len(rig.cameras)), dtype=bool))
    return Triangulated(np.concatenate([p.points for p in parts]), np.concatenate([p.used for p in parts]))


def _triangulate(rig: CameraRig, xy: FloatArray) -> Triangulated:
    rays = rig.undistort(xy)
    used = np.asarray(np.isfinite(rays).all(axis=-1))
    points = _least_squares(rig, rays, used)
    error = _errors_px(rig, rays, points)
    known = error[used & np.asarray(np.isfinite(points).all(axis=1))[:, None]]
    noise = float(np.median(known)) if known.size else 0.0
    gate = max(GROSS_PX, GROSS_TIMES_NOISE * noise)
    for _ in range(len(rig.cameras) - 2):
        error = np.where(used, _errors_px(rig, rays, points), 0.0)
        bad = np.flatnonzero((used.sum(axis=1) > 2) & ~(error.max(axis=1) <= gate))
        if bad.size == 0:
            break
        # The view whose absence leaves the others most at one goes; not the one that misses most, which
        # may be a good one drawn away by the bad.
        least = np.full(bad.size, np.inf)
        without = used[bad].copy()
        for view in range(len(rig.cameras)):
            trial = used[bad].copy()
            trial[:, view] = False
            left = np.where(trial, _errors_px(rig, rays[bad], _least_squares(rig, rays[bad], trial)), 0.0)
            total = np.where(used[bad, view], np.sum(left**2, axis=1), np.inf)
            better = total < least
            least = np.where(better, total, least)
            without[better] = trial[better]
        used[bad] = without
        points[bad] = _least_squares(rig, rays[bad], used[bad])
    # Two views that do not meet, or meet behind a camera, give no point.
    worst = np.where(used, _errors_px(rig, rays, points), 0.0).max(axis=1)
    found = (used.sum(axis=1) >= 2) & (worst <= gate)
    return Triangulated(np.where(found[:, None], points, np.nan), used & found[:, None])


def _least_squares(rig: CameraRig, rays: FloatArray, used: NDArray[np.bool_]) -> FloatArray:
    """Points (N, 3) from normalised coordinates (N, C, 2): linear start, then Gauss-Newton; NaN if singular.

    Linear start: Hartley and Sturm, "Triangulation", CVIU 1997, section 5.1, inhomogeneous.
    """
    pose = rig.cam_from_world[:, :3]
    weight = np.where(used, rig.focals_px, 0.0)
    seen = np.where(used[..., None], rays, 0.0)
    rows = (seen[..., None] * pose[:, None, 2] - pose[:, :2]) * weight[..., None, None]
    points = _solve(rows[..., :3].reshape(len(rays), -1, 3), -rows[..., 3].reshape(len(rays), -1))
    for _ in range(GAUSS_NEWTON_STEPS):
        local = apply(rig.cam_from_world, points[:, None])
        depth = np.where(np.abs(local[..., 2]) > 1e-6, local[..., 2], np.nan)[..., None]
        ray = local[..., :2] / depth
        jacobian = (pose[:, :2, :3] - ray[..., None] * pose[:, None, 2, :3]) / depth[..., None]
        scale = weight[..., None]
        residual = np.where(used[..., None], (seen - ray) * scale, 0.0)
        jacobian = np.where(used[..., None, None], jacobian * scale[..., None], 0.0)
        points = points + _solve(jacobian.reshape(len(rays), -1, 3), residual.reshape(len(rays), -1))
    return points


def _solve(rows: FloatArray, right: FloatArray) -> FloatArray:
    """Least squares of (N, M, 3) rows against (N, M); NaN where singular or not finite."""
    normal = np.einsum("nmi,nmj->nij", rows, rows)
    vector = np.einsum("nmi,nm->ni", rows, right)
    size = np.trace(normal, axis1=1, axis2=2)
    with np.errstate(invalid="ignore"):
        sound = np.isfinite(normal).all(axis=(1, 2)) & np.isfinite(vector).all(axis=1)
        sound &= np.linalg.det(np.where(sound[:, None, None], normal, 0.0)) > 1e-12 * size**3
    safe = np.where(sound[:, None, None], normal, np.eye(3))
    solved = np.linalg.solve(safe, np.where(sound[:, None], vector, 0.0)[..., None])[..., 0]
    return np.where(sound[:, None], solved, np.nan)


def _errors_px(rig: CameraRig, rays: FloatArray, points: FloatArray) -> FloatArray:
    """Reprojection error (N, C) in normalised coordinates times the focal length; infinite behind a camera."""
    local = apply(rig.cam_from_world, points[:, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.linalg.norm(local[..., :2] / local[..., 2:] - rays, axis=-1) * rig.focals_px
    return np.where((local[..., 2] > 0) & np.isfinite(error), error, np.inf)


def fit_board_poses(rig: CameraRig, sightings: Sightings) -> FloatArray:
    """Pose of the target at each instant, robustly, from all cameras together.

    Starts from the best single view (planar pose by Collins and Bartoli, IJCV 2014, both solutions tried
    against all cameras), then Gauss-Newton with Cauchy weights on all.

    Returns
    -------
    world_from_board : (T, 4, 4)
        NaN where no camera saw four corners.
    """
    poses = np.full((sightings.xy.shape[0], 4, 4), np.nan)
    known = np.flatnonzero(sightings.corners_seen.max(axis=1, initial=0) >= LEAST_CORNERS)
    for first in range(0, known.size, INSTANTS_AT_ONCE):
        some = known[first : first + INSTANTS_AT_ONCE]
        part = sightings.at(some)
        poses[some] = _refine_poses(rig, part.points, part.xy, _start_poses(rig, part))
    return poses


def board_residuals(rig: CameraRig, sightings: Sightings, world_from_board: FloatArray) -> FloatArray:
    """Seen minus projected corners (T, C, K, 2), px; NaN where not seen or no pose is known."""
    corners = apply(world_from_board[:, None], sightings.points)
    projected, _ = rig.project(corners)
    return np.asarray(sightings.xy - np.moveaxis(projected, 0, 1))


def _start_poses(rig: CameraRig, sightings: Sightings) -> FloatArray:
    """The best of the poses that single views suggest (T, 4, 4); NaN where none does."""
    counts = sightings.corners_seen
    candidates = np.full((len(counts), 2 * STARTS, 4, 4), np.nan)
    rays = rig.undistort(sightings.xy)
    world_from_cam = invert(rig.cam_from_world)
    for t, cameras in enumerate(np.argsort(-counts, axis=1, kind="stable")[:, :STARTS]):
        found: list[FloatArray] = []
        for c in cameras:
            if counts[t, c] >= LEAST_CORNERS:
                reach = GROSS_PX / rig.cameras[c].intrinsics.focal_px
                found += [world_from_cam[c] @ pose for pose in _view_poses(sightings.points, rays[t, c], reach)]
        if found:
            candidates[t, : len(found)] = found
    seen = sightings.seen
    cost = np.full(candidates.shape[:2], np.inf)
    for i in range(2 * STARTS):
        length = np.linalg.norm(board_residuals(rig, sightings, candidates[:, i]), axis=-1)
        # A corner that cannot be projected costs as much as one far off.
        squared = np.where(np.isfinite(length), length**2, 1e12)
        robust = np.where(seen, np.log1p(squared / POSE_CAUCHY_PX[0] ** 2), 0.0).sum(axis=(1, 2))
        cost[:, i] = np.where(np.isfinite(candidates[:, i, 0, 0]), robust, np.inf)
    return np.asarray(candidates[np.arange(len(counts)), np.argmin(cost, axis=1)])


def _view_poses(points: FloatArray, rays: FloatArray, reach: float) -> list[FloatArray]:
    """Poses cam_from_board that one view (K, 2) suggests: two for a flat board, none if it cannot tell."""
    flat = bool(np.ptp(points[:, 2]) < 1e-9)
    ok = np.asarray(np.isfinite(rays).all(axis=1))
    if flat and ok.sum() > LEAST_CORNERS:
        # Without corners taken for others, which would turn the start over.
        _, good = cv2.findHomography(points[ok, :2], rays[ok], cv2.RANSAC, reach)
        if good is not None and good.sum() >= LEAST_CORNERS:
            ok[ok] = good[:, 0] > 0
    corners = points[ok]
    # Corners on one line have no pose.
    if len(corners) < LEAST_CORNERS or np.linalg.svd(corners - corners.mean(axis=0), compute_uv=False)[1] < 1e-6:
        return []
    method = cv2.SOLVEPNP_IPPE if flat else cv2.SOLVEPNP_SQPNP
    _, rvecs, tvecs, _ = cv2.solvePnPGeneric(corners, rays[ok][:, None], np.eye(3), None, flags=method)
    poses = [from_rvec_tvec(rvec, tvec) for rvec, tvec in zip(rvecs, tvecs, strict=True)]
    return [pose for pose in poses if np.isfinite(pose).all()]


def _refine_poses(rig: CameraRig, points: FloatArray, xy: FloatArray, poses: FloatArray) -> FloatArray:
    """Gauss-Newton on the poses (T, 4, 4) of boards seen at xy (T, C, K, 2)."""
    poses = poses.copy()
    for width in POSE_CAUCHY_PX:
        corners = apply(poses[:, None], points)
        lever = corners - poses[:, None, :3, 3]
        normal, vector = np.zeros((len(poses), 6, 6)), np.zeros((len(poses), 6))
        used = np.zeros(len(poses), dtype=np.int64)
        for c, camera in enumerate(rig.cameras):
            projected, valid = camera.project(corners)
            residual = xy[:, c] - projected
            use = valid & np.isfinite(residual).all(axis=-1)
            by_point = camera.project_jacobian(corners)
            # Turning by w about the board's origin moves a corner by w x lever.
            jacobian = np.concatenate([-np.cross(by_point, lever[..., None, :]), by_point], axis=-1)
            jacobian = np.where(use[..., None, None], jacobian, 0.0)
            residual = np.where(use[..., None], residual, 0.0)
            weight = 1.0 / (1.0 + np.sum(residual**2, axis=-1) / width**2)
            weighted = (jacobian * weight[..., None, None]).reshape(len(poses), -1, 6)
            rows = jacobian.reshape(len(poses), -1, 6)
            normal += np.swapaxes(weighted, 1, 2) @ rows
            vector += np.einsum("tni,tn->ti", weighted, residual.reshape(len(poses), -1))
            used += use.sum(axis=1)
        # A hint of damping keeps corners nearly on one line from throwing the pose away.
        normal += (1e-9 * np.trace(normal, axis1=1, axis2=2) + 1e-12)[:, None, None] * np.eye(6)
        step = np.linalg.solve(normal, vector[..., None])[..., 0]
        for t in range(len(poses)):
            poses[t, :3, :3] = from_rvec_tvec(step[t, :3], np.zeros(3))[:3, :3] @ poses[t, :3, :3]
        poses[:, :3, 3] += step[:, 3:]
        poses[used < LEAST_CORNERS] = np.nan
    return poses
