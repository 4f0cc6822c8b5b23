"""Robust triangulation of many points at once.

A weighted linear start (inhomogeneous DLT on undistorted rays, reweighted by depth: Hartley and Sturm,
"Triangulation", CVIU 1997, "Iterative-LS"), Gauss-Newton on the reprojection error with Cauchy weights,
then greedy removal: while a point's views disagree, the view whose absence helps most is left out. The
noise that the views really show, miscalibration included, is estimated from all points together and scales
both the gate and the stated covariance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from calibration.camera import CameraRig
from calibration.rays import world_rays
from mocap.core.types import FloatArray, Points3D, Tracks2D

BoolArray = NDArray[np.bool_]

LINEAR_STEPS = 2
GAUSS_NEWTON_STEPS = 6
# Cauchy weights start wide and close in, so that a bad view does not drag the first steps (graduated
# non-convexity); in units of the stated noise.
CAUCHY_WIDTHS = (20.0, 8.0, 4.0, 3.0, 3.0, 3.0)
# Frames solved in one go: bounds the memory and keeps the arrays in the cache.
FRAMES_AT_ONCE = 512
# Frames that the noise is estimated from, evenly spread: its median is then known to about a percent.
NOISE_FRAMES = 500


@dataclass(frozen=True)
class TriangulationSettings:
    """When a view counts and when a point does.

    Attributes
    ----------
    min_score : float
        Detections below take no part.
    gate : float
        A view may miss the point by this many standard deviations of the noise that the data show.
    min_angle_rad : float
        The widest angle between two of the point's rays must reach this.
    max_sigma_m : float
        A point known worse than this is missing.
    """

    min_score: float = 0.3
    gate: float = 3.5
    min_angle_rad: float = float(np.deg2rad(3.0))
    max_sigma_m: float = 0.15


@dataclass(frozen=True)
class _Problem:
    """M points in C views: rays (M, C, 2), weights (M, C) 1/sigma^2, projections (C, 3, 4)."""

    rays: FloatArray
    weight: FloatArray
    projection: FloatArray


def _solve3(matrix: FloatArray, vector: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Solve symmetric 3x3 systems (M, 3, 3) by cofactors; returns solution (M, 3) and inverse; NaN if singular."""
    a, b, c = matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 0, 2]
    d, e, f = matrix[:, 1, 1], matrix[:, 1, 2], matrix[:, 2, 2]
    c00, c01, c02 = d * f - e * e, c * e - b * f, b * e - c * d
    c11, c12, c22 = a * f - c * c, b * c - a * e, a * d - b * b
    det = a * c00 + b * c01 + c * c02
    # Rounding leaves a determinant of about 1e-16 of the trace cubed where the system is singular.
    det = np.where(det > 1e-13 * (a + d + f) ** 3, det, np.nan)
    rows = ((c00, c01, c02), (c01, c11, c12), (c02, c12, c22))
    inverse = np.stack([np.stack(row, axis=-1) for row in rows], axis=-2) / det[:, None, None]
    return np.einsum("mij,mj->mi", inverse, vector), inverse


def _homogeneous(points: FloatArray) -> FloatArray:
    return np.concatenate([points, np.ones_like(points[..., :1])], axis=-1)


def _linear(problem: _Problem) -> FloatArray:
    """Weighted linear start (M, 3); the weights follow the depth so that errors count in the image."""
    u, v = problem.rays[..., 0:1], problem.rays[..., 1:2]
    p0, p1, p2 = problem.projection[:, 0], problem.projection[:, 1], problem.projection[:, 2]
    # A detection that does not count has weight 0; its NaN must not spread.
    rows = np.nan_to_num(np.stack([u * p2 - p0, v * p2 - p1], axis=2))
    weight = problem.weight
    points = np.full((rows.shape[0], 3), np.nan)
    for _ in range(LINEAR_STEPS):
        scaled = (rows * np.sqrt(weight)[..., None, None]).reshape(rows.shape[0], -1, 4)
        normal = np.swapaxes(scaled, 1, 2) @ scaled
        points, _ = _solve3(normal[:, :3, :3], -normal[:, :3, 3])
        depth = np.einsum("cj,mj->mc", p2, _homogeneous(points))
        weight = problem.weight / np.maximum(depth * depth, 1e-4)
        weight = np.where(np.isfinite(weight), weight, 0.0)
    return points


def _residuals(problem: _Problem, points: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Residuals (M, C, 2), their Jacobian by the point (M, C, 2, 3), and depths (M, C)."""
    local = np.einsum("cij,mj->mci", problem.projection, _homogeneous(points))
    depth = local[..., 2]
    safe = np.where(np.abs(depth) > 1e-6, depth, np.nan)
    projected = local[..., :2] / safe[..., None]
    rotation = problem.projection[:, :, :3]
    jacobian = (rotation[None, :, :2] - projected[..., None] * rotation[None, :, 2:3]) / safe[..., None, None]
    return projected - problem.rays, jacobian, depth


def _refine(problem: _Problem, start: FloatArray, noise: float) -> FloatArray:
    """Gauss-Newton with Cauchy weights from ``start`` (M, 3); ``noise`` scales the stated sigmas."""
    points = start
    counted = problem.weight > 0
    for width in CAUCHY_WIDTHS[:GAUSS_NEWTON_STEPS]:
        residual, jacobian, _ = _residuals(problem, points)
        chi_sq = problem.weight * np.sum(residual**2, axis=-1)
        robust = problem.weight / (1.0 + chi_sq / (width * noise) ** 2)
        ok = counted & np.isfinite(robust)
        robust = np.where(ok, robust, 0.0)
        jacobian = np.where(ok[..., None, None], jacobian, 0.0)
        residual = np.where(ok[..., None], residual, 0.0)
        weighted = jacobian * robust[..., None, None]
        normal = np.einsum("mcki,mckj->mij", weighted, jacobian)
        step, _ = _solve3(normal, np.einsum("mcki,mck->mi", weighted, residual))
        moved = points - step
        points = np.where(np.isfinite(moved), moved, points)
    return points


def _chi_sq(problem: _Problem, points: FloatArray) -> FloatArray:
    """Squared error of each view in units of its stated noise (M, C); 0 where it does not count.

    A point behind a camera that counts is infinitely wrong.
    """
    residual, _, depth = _residuals(problem, points)
    chi_sq = problem.weight * np.sum(residual**2, axis=-1)
    chi_sq = np.where(depth > 0, chi_sq, np.inf)
    chi_sq = np.where(np.isnan(chi_sq), np.inf, chi_sq)
    return np.asarray(np.where(problem.weight > 0, chi_sq, 0.0))


def _solve(problem: _Problem, noise: float) -> FloatArray:
    return _refine(problem, _linear(problem), noise)


def noise_factor(problem: _Problem, points: FloatArray) -> float:
    """How much larger the errors are than the stated sigmas say, from the median point; at least 1.

    A point seen in n views has 2n - 3 degrees of freedom; medians of squared errors are compared with the
    median of the chi-squared distribution, so that outliers have no say.
    """
    freedom = 2 * np.count_nonzero(problem.weight, axis=1) - 3
    total = np.sum(_chi_sq(problem, points), axis=1)
    known = (freedom > 0) & np.isfinite(total)
    if not known.any():
        return 1.0
    return max(1.0, float(np.sqrt(np.median(total[known] / chi2.ppf(0.5, freedom[known])))))


def _drop_worst_views(
    problem: _Problem, points: FloatArray, limit: float, noise: float
) -> tuple[_Problem, FloatArray]:
    """Leave out views one by one until all that remain agree within ``limit``; cost linear in the views."""
    weight = problem.weight.copy()
    points = points.copy()
    for _ in range(weight.shape[1] - 2):
        current = _Problem(problem.rays, weight, problem.projection)
        worst = np.max(_chi_sq(current, points), axis=1)
        bad = np.flatnonzero((np.count_nonzero(weight, axis=1) > 2) & ~(worst <= limit))
        if bad.size == 0:
            break
        best_cost = np.full(bad.size, np.inf)
        best_weight, best_points = weight[bad].copy(), points[bad].copy()
        for view in range(weight.shape[1]):
            trial_weight = weight[bad].copy()
            trial_weight[:, view] = 0.0
            trial = _Problem(problem.rays[bad], trial_weight, problem.projection)
            found = _solve(trial, noise)
            cost = np.where(weight[bad, view] > 0, np.sum(_chi_sq(trial, found), axis=1), np.inf)
            better = cost < best_cost
            best_cost = np.where(better, cost, best_cost)
            best_weight[better], best_points[better] = trial_weight[better], found[better]
        unsolved = ~np.isfinite(best_cost)
        best_weight[unsolved] = 0.0
        weight[bad], points[bad] = best_weight, best_points
    return _Problem(problem.rays, weight, problem.projection), points


def _widest_angle(rig: CameraRig, problem: _Problem) -> FloatArray:
    """Widest angle between two rays that count (M,), rad."""
    _, direction = world_rays(rig, problem.rays)
    cosine = np.einsum("mci,mdi->mcd", direction, direction)
    counted = problem.weight > 0
    both = counted[:, :, None] & counted[:, None, :]
    least: FloatArray = np.min(np.where(both, cosine, 1.0), axis=(1, 2))
    return np.arccos(np.clip(least, -1.0, 1.0))


def triangulate(tracks: Tracks2D, rig: CameraRig, settings: TriangulationSettings | None = None) -> Points3D:
    """Triangulate people seen by several cameras.

    Parameters
    ----------
    tracks : Tracks2D
        The same person in every view; cameras in the order of the rig.
    rig : CameraRig
    settings : TriangulationSettings, optional

    Returns
    -------
    Points3D
        NaN where fewer than two views agree, where the rays are nearly parallel, or where the point is
        known too badly. ``cov`` follows from the geometry, the stated sigmas and the noise that the data
        show.

    Raises
    ------
    ValueError
        If the cameras of ``tracks`` and ``rig`` differ.
    """
    settings = settings or TriangulationSettings()
    if tracks.cameras != rig.names:
        raise ValueError(f"tracks are of cameras {tracks.cameras}, the rig has {rig.names}")
    t, c, n, k = tracks.score.shape
    sample = np.unique(np.linspace(0, t - 1, min(t, NOISE_FRAMES)).astype(np.intp))
    noise = noise_factor(some := _problem(tracks, rig, settings, sample), _solve(some, 1.0))
    xyz, cov = np.empty((t, n, k, 3)), np.empty((t, n, k, 3, 3))
    used, reproj = np.empty((t, c, n, k), dtype=np.bool_), np.empty((t, c, n, k))
    for start in range(0, t, FRAMES_AT_ONCE):
        frames = np.arange(start, min(start + FRAMES_AT_ONCE, t))
        points, covariance, taken = _settle(_problem(tracks, rig, settings, frames), rig, noise, settings)
        xyz[frames] = points.reshape(-1, n, k, 3)
        cov[frames] = covariance.reshape(-1, n, k, 3, 3)
        used[frames] = np.moveaxis(taken.reshape(-1, n, k, c), 3, 1)
        pixels, _ = rig.project(xyz[frames])
        reproj[frames] = np.linalg.norm(np.moveaxis(pixels, 0, 1) - tracks.xy[frames], axis=-1)
    n_views = np.count_nonzero(used, axis=1).astype(np.int64)
    return Points3D(tracks.skeleton, xyz, cov, n_views, reproj, used)


def _problem(
    tracks: Tracks2D, rig: CameraRig, settings: TriangulationSettings, frames: NDArray[np.intp]
) -> _Problem:
    """Rays and weights of all points in some frames."""
    rays, sigma, score = rig.undistort(tracks.xy[frames]), tracks.sigma_px[frames], tracks.score[frames]
    counts = np.isfinite(rays).all(axis=-1) & (sigma > 0) & (score >= settings.min_score)
    focal = rig.focals_px[None, :, None, None]
    weight = np.where(counts, (focal / np.where(counts, sigma, 1.0)) ** 2, 0.0)
    cameras = rays.shape[1]
    return _Problem(
        np.moveaxis(rays, 1, 3).reshape(-1, cameras, 2),
        np.moveaxis(weight, 1, 3).reshape(-1, cameras),
        rig.cam_from_world[:, :3, :],
    )


def _settle(
    problem: _Problem, rig: CameraRig, noise: float, settings: TriangulationSettings
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Final points (M, 3), covariances (M, 3, 3) and views used (M, C) for a known noise factor."""
    limit = (settings.gate * noise) ** 2
    points = _solve(problem, noise)
    problem, points = _drop_worst_views(problem, points, limit, noise)
    used = problem.weight > 0
    _, jacobian, _ = _residuals(problem, points)
    jacobian = np.where(used[..., None, None], jacobian, 0.0)
    information = np.einsum("mcki,mckj->mij", jacobian * problem.weight[..., None, None], jacobian)
    _, inverse = _solve3(information, points)
    cov = inverse * noise**2
    good = (
        (np.count_nonzero(used, axis=1) >= 2)
        & (np.max(_chi_sq(problem, points), axis=1) <= limit)
        & (_widest_angle(rig, problem) >= settings.min_angle_rad)
        & (np.trace(cov, axis1=1, axis2=2) <= 3.0 * settings.max_sigma_m**2)
    )
    return (
        np.where(good[:, None], points, np.nan),
        np.where(good[:, None, None], cov, np.nan),
        used & good[:, None],
    )
