"""Bundle adjustment without a board: refine a calibration from keypoints of people or the ends of a wand."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.bundle.parameters import CameraState, Layout, make_layout, reference_index, rigid_rig
from calibration.bundle.points import MIN_VIEWS, PointProblem, PointState, Views, total_distance
from calibration.bundle.result import CameraCovariance, CameraSigma
from calibration.bundle.schur import covariance
from calibration.bundle.search import Cancelled, Progress, never, search, silent
from calibration.bundle.settings import LOCKED_LENS, BundleSettings
from calibration.camera import Camera, CameraRig
from calibration.errors import CalibrationError
from calibration.rays import world_rays
from calibration.transforms import FloatArray, apply

# The widest angle between a point's rays must reach this: below it the depth is not known, and the point
# would only slow the search (it wanders off along its rays).
MIN_PARALLAX_RAD = float(np.deg2rad(2.0))
# A camera's pose has six unknowns; fewer points than this leave it to chance.
MIN_POINTS = 12
START_STEPS = 4
# Precision of the scale's constraint against that of the data when the covariance is made.
RIGID_SCALE = 1e8


@dataclass(frozen=True)
class KnownLength:
    """Two points whose distance is known: the ends of a wand, or of a bone.

    Attributes
    ----------
    first, second : int
        Indices among the K points.
    length_m : float
    sigma_m : float
        How well it is known.
    """

    first: int
    second: int
    length_m: float
    sigma_m: float = 0.0


@dataclass(frozen=True)
class PointsResult:
    """What ``refine_from_points`` found; see ``BundleResult`` for what is not explained here.

    Attributes
    ----------
    points : (T, K, 3)
        m; NaN where too few cameras saw one.
    points_covariance : (T, K, 3, 3)
    residual_px : (T, C, K, 2)
    inlier : (T, C, K)
    noise : float
        Sigma of one coordinate of an inlier: px, or relative to the given sigmas.
    scale, scale_sigma : float
        By what the rig was resized to fit the known lengths, and how well this is known, relative; 1 and 0
        where the cameras' distances were kept. The cameras' sigmas contain it, the points' do not.
    """

    rig: CameraRig
    points: FloatArray
    points_covariance: FloatArray
    residual_px: FloatArray
    inlier: NDArray[np.bool_]
    noise: float
    covariance: CameraCovariance
    sigmas: tuple[CameraSigma, ...]
    scale: float
    scale_sigma: float
    costs: tuple[float, ...]
    iterations: int
    reason: str


def refine_from_points(
    xy: FloatArray,
    rig: CameraRig,
    settings: BundleSettings | None = None,
    sigma_px: FloatArray | None = None,
    lengths: tuple[KnownLength, ...] = (),
    progress: Progress = silent,
    cancelled: Cancelled = never,
) -> PointsResult:
    """Refine cameras from points that move freely, such as a person's joints.

    Points tell nothing about the size of the rig: it comes from ``lengths``, or from cameras that
    ``settings.fixed_poses`` holds, or else the cameras keep the mean distance that they had from the
    reference camera.

    Parameters
    ----------
    xy : (T, C, K, 2)
        Where each point was seen, px; NaN where it was not.
    rig : CameraRig
        First guess.
    settings : BundleSettings or None
        None locks the lenses: keypoints are systematically off by more than most lenses are.
    sigma_px : (T, C, K) or None
        Noise of each, also relative.

    Raises
    ------
    CalibrationError
        If a camera shares too few points with the others.
    """
    settings = settings or BundleSettings(lens=LOCKED_LENS)
    reference = reference_index(rig, settings)
    cameras = CameraState(rigid_rig(rig), np.zeros((len(rig.cameras), 2)))
    sigma = np.ones(xy.shape[:3]) if sigma_px is None else sigma_px
    finite = np.isfinite(xy).all(axis=-1) & np.isfinite(sigma) & (sigma > 0)
    start, seen = _triangulate(cameras.rig, np.where(finite[..., None], xy, np.nan), sigma)
    _check_views(seen, rig)
    used = np.argwhere(seen.sum(axis=1) > 0)
    number = np.full(start.shape[:2], -1)
    number[used[:, 0], used[:, 1]] = np.arange(len(used))
    views = []
    for camera in range(len(rig.cameras)):
        t, k = np.nonzero(seen[:, camera])
        views.append(Views(number[t, k].astype(np.intp), xy[t, camera, k], sigma[t, camera, k]))
    held = len(settings.fixed_poses | {rig.names[reference]}) > 1
    if held and lengths:
        raise CalibrationError(
            "The rig's size is given twice: by known lengths and by more than one camera that must not move.",
            "Leave out either.",
        )
    size = None if held else total_distance(cameras.rig, reference)
    layout = make_layout(cameras, replace(settings, clocks="simultaneous"), reference)
    problem = PointProblem(layout, tuple(views), len(used), size, reference)
    state = PointState(cameras, start[used[:, 0], used[:, 1]])
    found = search(problem, state, settings, progress, cancelled)

    state, normal = found.state, found.normal
    if size is not None:
        row = problem.scale_row(state.cameras.rig)
        tight = RIGID_SCALE * np.abs(np.diag(normal.shared)).max() * np.outer(row, row) / max(row @ row, 1e-300)
        normal = replace(normal, shared=normal.shared + tight)
    shared, local = covariance(normal)
    if size is not None:
        state = _resized(state, reference, size / total_distance(state.cameras.rig, reference))
    supported = np.zeros(len(used), dtype=bool)
    residual, inlier = np.full(xy.shape, np.nan), np.zeros(xy.shape[:3], dtype=bool)
    for camera, (view, use) in enumerate(zip(problem.views, found.use, strict=True)):
        t, k = used[view.point].T
        residual[t, camera, k] = problem.residuals(state, camera)
        inlier[t, camera, k] = use
        supported[view.point[use]] = True
    points, points_covariance = np.full(start.shape, np.nan), np.full((*start.shape, 3), np.nan)
    t, k = used[supported].T
    points[t, k], points_covariance[t, k] = state.points[supported], found.noise**2 * local[supported]
    scale, scale_sigma = _scale(points, lengths)
    state = _resized(state, reference, scale)
    spread = found.noise**2 * shared
    resized = _resized_covariance(layout, spread, state.cameras.rig, reference, scale, scale_sigma)
    matrix = CameraCovariance(layout, resized)
    home = rig.cameras[reference].centre
    return PointsResult(
        state.cameras.rig,
        home + scale * (points - home),
        scale**2 * points_covariance,
        residual,
        inlier,
        found.noise,
        matrix,
        matrix.sigmas(state.cameras),
        scale,
        scale_sigma,
        found.costs,
        found.iterations,
        found.reason,
    )


def _check_views(seen: NDArray[np.bool_], rig: CameraRig) -> None:
    """Refuse cameras that see too few points together with others."""
    counts = seen.sum(axis=(0, 2))
    lost = [f"{name} ({count})" for name, count in zip(rig.names, counts, strict=True) if count < MIN_POINTS]
    if lost:
        raise CalibrationError(
            f"Too few points seen together with another camera, from apart enough: {', '.join(lost)}; "
            f"{MIN_POINTS} are needed.",
            "Record where the views overlap, or leave these cameras out.",
        )


def _triangulate(rig: CameraRig, xy: FloatArray, sigma: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """First positions (T, K, 3), and the views (T, C, K) that can take part.

    The point nearest to all rays, weighted by their sigma and distance, and then by how far each ray missed
    (Weiszfeld's way to the L1 solution, which one wrong camera of several cannot drag away). Gates near-zero
    parallax and points behind a camera.
    """
    origins, directions = world_rays(rig, rig.undistort(xy))
    seen = np.asarray(np.isfinite(directions).all(axis=-1))
    d = np.where(seen[..., None], directions, 0.0)
    weight = np.where(seen, 1.0 / sigma, 0.0) ** 2
    across = np.eye(3) - d[..., :, None] * d[..., None, :]
    pull = np.einsum("tckij,cj->tcki", across, origins)
    best = weight
    focal = rig.focals_px[:, None]
    for _ in range(START_STEPS):
        matrix = np.einsum("tck,tckij->tkij", best, across)
        scale = np.trace(matrix, axis1=-2, axis2=-1)[..., None, None]
        safe = matrix + 1e-9 * np.maximum(scale, 1e-12) * np.eye(3)
        points = np.linalg.solve(safe, np.einsum("tck,tcki->tki", best, pull)[..., None])[..., 0]
        away = points[:, None] - origins[:, None]
        depth = np.maximum(np.einsum("tcki,tcki->tck", away, d), 1e-3)
        missed_px = focal * np.linalg.norm(np.einsum("tckij,tckj->tcki", across, away), axis=-1) / depth
        best = weight / depth**2 / np.maximum(missed_px, 1.0)
    in_front = np.stack([apply(c.cam_from_world, points)[..., 2] > 0 for c in rig.cameras], axis=1)
    seen = seen & in_front
    # The least cosine between any two of a point's rays.
    cosine = np.einsum("tcki,teki->tcek", d, d)
    pairs = seen[:, :, None] & seen[:, None]
    least = np.where(pairs, cosine, 1.0).min(axis=(1, 2))
    good = (least < np.cos(MIN_PARALLAX_RAD)) & (np.count_nonzero(seen, axis=1) >= MIN_VIEWS)
    return points, np.asarray(seen & good[:, None])


def _resized(state: PointState, reference: int, scale: float) -> PointState:
    """Resize rig and points about the reference camera; no picture changes."""
    rig = state.cameras.rig
    home = rig.cameras[reference].centre
    cameras = []
    for camera in rig.cameras:
        pose = camera.cam_from_world.copy()
        pose[:3, 3] = -pose[:3, :3] @ (home + scale * (camera.centre - home))
        cameras.append(Camera(camera.name, camera.intrinsics, pose))
    resized = replace(state.cameras, rig=replace(rig, cameras=tuple(cameras)))
    return PointState(resized, home + scale * (state.points - home))


def _resized_covariance(
    layout: Layout, matrix: FloatArray, rig: CameraRig, reference: int, scale: float, scale_sigma: float
) -> FloatArray:
    """Covariance after resizing to ``rig``: shifts grow with the rig, and share the error of the scale."""
    grow, stretch = np.ones(layout.size), np.zeros(layout.size)
    home = rig.cameras[reference].centre
    for columns, camera in zip(layout.cameras, rig.cameras, strict=True):
        if columns.pose_is_free:
            grow[columns.columns][3:6] = scale
            stretch[columns.columns][3:6] = -camera.cam_from_world[:3, :3] @ (camera.centre - home)
    return np.asarray(matrix * np.outer(grow, grow) + scale_sigma**2 * np.outer(stretch, stretch))


def _scale(points: FloatArray, lengths: tuple[KnownLength, ...]) -> tuple[float, float]:
    """Factor that gives points (T, K, 3) their known lengths, by the median of each, and its relative sigma."""
    factors, variances = [], []
    for known in lengths:
        found = np.linalg.norm(points[:, known.first] - points[:, known.second], axis=-1)
        found = found[np.isfinite(found)]
        if not found.size:
            continue
        middle = float(np.median(found))
        # 1.4826 turns the median deviation into a sigma; the median of n is known to 1.25 sigma / sqrt(n).
        spread = 1.4826 * float(np.median(np.abs(found - middle))) / middle
        factors.append(known.length_m / middle)
        variances.append((known.sigma_m / known.length_m) ** 2 + (1.25 * spread) ** 2 / found.size)
    if not lengths:
        return 1.0, 0.0
    if not factors:
        raise CalibrationError(
            "The points of known length were never found together in 3D.",
            "Choose points that are seen by two cameras.",
        )
    weights = 1.0 / np.maximum(variances, 1e-12)
    return float(np.average(factors, weights=weights)), float(1.0 / np.sqrt(weights.sum()))
