"""Robust triangulation of many points at once.

A weighted linear start on undistorted rays (Hartley and Sturm, "Triangulation", CVIU 1997), Gauss-Newton on the
reprojection error, and for the points whose views disagree a robust fit and the greedy removal of the view
whose absence helps most. The noise that the views really show, miscalibration included, is estimated from many
points together and scales both the gate and the stated covariance.

The arithmetic is in ``kernel`` and ``lens``; here it is fed in blocks that fit the processor's cache, on as many
threads as there are cores (numpy computes without the interpreter's lock), or by torch on a graphics card.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.camera import NEAREST_DEPTH_M, CameraRig
from mocap.core.errors import MissingExtraError
from mocap.core.types import FloatArray, Points3D, Tracks2D
from mocap.triangulate.kernel import PAIRS, SYMMETRIC, Geometry, Views, geometry_of
from mocap.triangulate.lens import Array, Lenses, Namespace, distort, lenses_of, undistort
from mocap.triangulate.noise import Noise, noise_of
from mocap.triangulate.removal import Settled, settle

BoolArray = NDArray[np.bool_]

# Points times views solved in one go: some twenty arrays of that size fit a core's second-level cache. A graphics
# card needs enough to keep all its units busy.
BLOCK = 8192
BLOCK_ON_CARD = 1 << 22
# Points that the noise is estimated from, evenly spread: it is then known to about two percent.
NOISE_POINTS = 4000


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
class _Solver:
    """A rig prepared on the device that computes."""

    xp: Namespace
    device: Any
    rig: CameraRig
    geometry: Geometry
    lenses: Lenses
    settings: TriangulationSettings

    def put(self, array: np.ndarray) -> Array:
        """An array where it is computed with."""
        return array if self.xp is np else self.xp.as_tensor(array, device=self.device)

    def get(self, array: Array) -> np.ndarray:
        """An array back."""
        return np.asarray(array if self.xp is np else array.cpu().numpy())


def triangulate(
    tracks: Tracks2D,
    rig: CameraRig,
    settings: TriangulationSettings | None = None,
    noise: Noise | None = None,
    device: str | None = None,
) -> Points3D:
    """Triangulate people seen by several cameras.

    Parameters
    ----------
    tracks : Tracks2D
        The same person in every view; cameras in the order of the rig.
    rig : CameraRig
    settings : TriangulationSettings, optional
    noise : Noise, optional
        How much larger the errors are than the stated sigmas say, where that is known, as in live use; from
        the data if not given.
    device : str, optional
        Where torch shall compute, such as ``"cuda"``; without it numpy does, on the processor.

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
    MissingExtraError
        If a device is asked for and torch is not installed.
    """
    if tracks.cameras != rig.names:
        raise ValueError(f"tracks are of cameras {tracks.cameras}, the rig has {rig.names}")
    solver = _solver(rig, settings or TriangulationSettings(), device)
    t, c, n, k = tracks.score.shape
    if noise is None:
        noise = _estimate_noise(solver, tracks)
    xyz, cov = np.empty((t, n, k, 3)), np.empty((t, n, k, 3, 3))
    used, reproj = np.empty((t, c, n, k), dtype=np.bool_), np.empty((t, c, n, k))
    block = BLOCK if device is None else BLOCK_ON_CARD
    length = max(1, block // max(1, c * n * k))
    blocks = [slice(start, min(start + length, t)) for start in range(0, t, length)]
    work = partial(_block, solver, tracks, noise, (xyz, cov, used, reproj))
    workers = min(os.cpu_count() or 1, len(blocks)) if device is None else 1
    with np.errstate(all="ignore"):
        if workers <= 1:
            for part in blocks:
                work(part)
        else:
            with ThreadPoolExecutor(workers, initializer=np.seterr, initargs=("ignore",)) as pool:
                list(pool.map(work, blocks))
    n_views = np.count_nonzero(used, axis=1).astype(np.int64)
    return Points3D(tracks.skeleton, xyz, cov, n_views, reproj, used)


def _solver(rig: CameraRig, settings: TriangulationSettings, device: str | None) -> _Solver:
    geometry, lenses = geometry_of(rig), lenses_of(rig)
    if device is None:
        return _Solver(np, None, rig, geometry, lenses, settings)
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("Triangulating on a graphics card needs torch.", "torch") from error

    def moved(value: Any) -> Any:
        return torch.as_tensor(value, device=device) if isinstance(value, np.ndarray) else value

    return _Solver(
        torch,
        device,
        rig,
        Geometry(**{name: moved(value) for name, value in vars(geometry).items()}),
        Lenses(**{name: moved(value) for name, value in vars(lenses).items()}),
        settings,
    )


def _estimate_noise(solver: _Solver, tracks: Tracks2D) -> Noise:
    """Noise from points spread evenly over the recording."""
    t, _, n, k = tracks.score.shape
    frames = np.unique(np.linspace(0, t - 1, min(t, max(1, NOISE_POINTS // max(1, n * k)))).astype(np.intp))
    views, _ = _views(solver, tracks, frames)
    sigma = tracks.sigma_px[frames][tracks.score[frames] >= solver.settings.min_score]
    typical = float(np.median(sigma[sigma > 0])) if (sigma > 0).any() else 1.0
    with np.errstate(all="ignore"):
        return noise_of(solver.xp, solver.geometry, views, solver.settings.gate, typical)


def _views(
    solver: _Solver, tracks: Tracks2D, frames: slice | NDArray[np.intp]
) -> tuple[Views, tuple[Array, Array]]:
    """Rays and weights of all points in some frames, and the pixels (C, M) they come from."""
    cameras = len(tracks.cameras)

    def rows(array: np.ndarray) -> Array:
        """(T, C, N, K) as (C, M)."""
        return solver.put(np.moveaxis(array, 1, 0).reshape(cameras, -1))

    xp = solver.xp
    xy = tracks.xy[frames]
    u, v = rows(xy[..., 0]), rows(xy[..., 1])
    sigma, score = rows(tracks.sigma_px[frames]), rows(tracks.score[frames])
    x, y, (ux, uy, vx, vy), found = undistort(xp, solver.lenses, u, v)
    wanted = (sigma > 0) & (score >= solver.settings.min_score) & xp.isfinite(u) & xp.isfinite(v)
    if bool((wanted & ~found).any()):
        _search(solver, wanted & ~found, (u, v), (x, y), (ux, uy, vx, vy))
        found = xp.isfinite(x) & xp.isfinite(y)
    counts = wanted & found
    # A detection that does not count has weight 0; its NaN must not spread.
    information = 1.0 / xp.where(counts, sigma * sigma, xp.inf)
    ux, uy, vx, vy = (xp.where(counts, part, 0.0) for part in (ux, uy, vx, vy))
    return Views(
        xp.where(counts, x, 0.0),
        xp.where(counts, y, 0.0),
        (ux * ux + vx * vx) * information,
        (ux * uy + vx * vy) * information,
        (uy * uy + vy * vy) * information,
    ), (u, v)


def _search(
    solver: _Solver,
    where: Array,
    pixels: tuple[Array, Array],
    rays: tuple[Array, Array],
    jacobian: tuple[Array, Array, Array, Array],
) -> None:
    """Search more carefully for the few rays that the quick method did not find, and fill them in; else NaN."""
    for camera, model in enumerate(solver.rig.cameras):
        at = solver.xp.where(where[camera])[0]
        if not at.shape[0]:
            continue
        seen = np.stack([solver.get(part[camera, at]) for part in pixels], axis=-1)
        found = model.intrinsics.undistort(seen)
        slope = model.intrinsics.distort_jacobian(found)
        for part, value in zip(rays, (found[:, 0], found[:, 1]), strict=True):
            part[camera, at] = solver.put(np.ascontiguousarray(value))
        for part, (i, j) in zip(jacobian, ((0, 0), (0, 1), (1, 0), (1, 1)), strict=True):
            part[camera, at] = solver.put(np.ascontiguousarray(slope[:, i, j]))


def _block(
    solver: _Solver,
    tracks: Tracks2D,
    noise: Noise,
    out: tuple[FloatArray, FloatArray, BoolArray, FloatArray],
    frames: slice,
) -> None:
    """Solve some frames and write them into the results."""
    xp, xyz, cov, used, reproj = solver.xp, *out
    t, c, n, k = tracks.score[frames].shape
    views, (u, v) = _views(solver, tracks, frames)
    found = settle(xp, solver.geometry, views, solver.settings.gate, noise.typical)
    good = _good(solver, found, noise)
    point = xp.where(good, found.point + solver.geometry.origin, xp.nan)
    xyz[frames] = np.moveaxis(solver.get(point).reshape(3, t, n, k), 0, -1)
    inverse = solver.get(xp.where(good, found.fit.inverse, xp.nan)).reshape(SYMMETRIC, t, n, k) * noise.spread**2
    for entry, (i, j) in zip(inverse, PAIRS[:SYMMETRIC], strict=True):
        cov[frames, :, :, i, j] = entry
        cov[frames, :, :, j, i] = entry
    used[frames] = np.moveaxis(solver.get(found.used & good).reshape(c, t, n, k), 0, 1)
    px, py = found.fit.px, found.fit.py
    shown = (found.fit.depth > NEAREST_DEPTH_M) & (px * px + py * py <= solver.lenses.radius_sq) & good
    pu, pv = distort(xp, solver.lenses, px, py)
    miss = xp.where(shown, xp.sqrt((pu - u) ** 2 + (pv - v) ** 2), xp.nan)
    reproj[frames] = np.moveaxis(solver.get(miss).reshape(c, t, n, k), 0, 1)


def _good(solver: _Solver, found: Settled, noise: Noise) -> Array:
    """Which points (M,) are believed."""
    xp, settings = solver.xp, solver.settings
    variance = (found.fit.inverse[0] + found.fit.inverse[3] + found.fit.inverse[5]) * noise.spread**2
    agreed = xp.amax(found.fit.chi_sq, 0) <= (settings.gate * noise.typical) ** 2
    good = (found.used.sum(axis=0) >= 2) & agreed & (variance <= 3.0 * settings.max_sigma_m**2)
    return good & _wide(solver, found)


def _wide(solver: _Solver, found: Settled) -> Array:
    """Whether the widest angle between two rays of a point reaches the least one (M,).

    The angles to one of the rays come first: the widest of all pairs is that of them at least and twice that
    at most, so only the points in between need all pairs, and the cost stays linear in the views.
    """
    xp, least = solver.xp, solver.settings.min_angle_rad
    ray = found.point - solver.geometry.centre  # (C, 3, M)
    ray = ray / xp.sqrt((ray * ray).sum(axis=1))[:, None]
    first = xp.argmax(found.used * 1, 0)
    reference = sum((ray[c] * (first == c) for c in range(ray.shape[0])), start=0.0 * ray[0])
    narrow = xp.amin(xp.where(found.used, (ray * reference).sum(axis=1), 1.0), 0)
    wide = narrow <= np.cos(least)
    unsure = xp.where(~wide & (narrow <= np.cos(0.5 * least)))[0]
    for camera in _cameras(unsure, ray.shape[0]):
        cosine = (ray[:, :, unsure] * ray[camera][:, unsure]).sum(axis=1)
        both = found.used[:, unsure] & found.used[camera, unsure]
        wide[unsure] |= xp.amin(xp.where(both, cosine, 1.0), 0) <= np.cos(least)
    return wide


def _cameras(points: Array, count: int) -> Iterator[int]:
    """All cameras if there are points to look at, else none."""
    return iter(range(count if points.shape[0] else 0))
