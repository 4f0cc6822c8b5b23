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
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from calibration.camera import NEAREST_DEPTH_M, CameraRig
from mocap.core.errors import MissingExtraError
from mocap.core.types import Points3D, Tracks2D
from mocap.triangulate.kernel import Fit, Geometry, Views, geometry_of
from mocap.triangulate.lens import Array, Lenses, Namespace, distort, lenses_of, undistort
from mocap.triangulate.noise import UNSTATED_SIGMA_PX, Noise, noise_of
from mocap.triangulate.removal import mend, plain

# Points times views solved in one go: enough that numpy computes for longer than the interpreter's lock is held
# between its calls, so that our threads run side by side (4,096 reach 0.3, this 0.6 million points a second on
# two cores; twice as many leave the cache). A graphics card needs enough to keep all its units busy.
BLOCK = 65_536
BLOCK_ON_CARD = 1 << 22
# Points that the noise is estimated from, evenly spread: it is then known to about two percent.
NOISE_POINTS = 2500
# Entries of the upper triangle that make the whole symmetric matrix, row by row.
SQUARE = [0, 1, 2, 1, 3, 4, 2, 4, 5]


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
class Triangulator:
    """A rig prepared for triangulating, on the device that computes; live use makes one and keeps it."""

    xp: Namespace
    device: str | None
    rig: CameraRig
    geometry: Geometry
    lenses: Lenses
    settings: TriangulationSettings

    @classmethod
    def of(
        cls, rig: CameraRig, settings: TriangulationSettings | None = None, device: str | None = None
    ) -> Triangulator:
        """Prepare a rig; the arguments are those of ``triangulate``."""
        settings = settings or TriangulationSettings()
        geometry, lenses = geometry_of(rig), lenses_of(rig)
        if device is None:
            return cls(np, None, rig, geometry, lenses, settings)
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError("Triangulating on a graphics card needs torch.", "torch") from error

        def moved(prepared: object) -> dict[str, Any]:
            return {
                name: torch.as_tensor(value, device=device) if isinstance(value, np.ndarray) else value
                for name, value in vars(prepared).items()
            }

        return cls(torch, device, rig, Geometry(**moved(geometry)), Lenses(**moved(lenses)), settings)

    def put(self, array: np.ndarray) -> Array:
        """An array where it is computed with."""
        return array if self.xp is np else self.xp.as_tensor(array, device=self.device)

    def get(self, array: Array) -> np.ndarray:
        """An array back."""
        return np.asarray(array if self.xp is np else array.cpu().numpy())

    def noise(self, tracks: Tracks2D) -> Noise:
        """Estimate from some frames how much larger the errors are than stated, for ``points`` later."""
        return _estimate_noise(self, tracks)

    def points(self, tracks: Tracks2D, noise: Noise | None = None) -> Points3D:
        """Do what ``triangulate`` says."""
        if tracks.cameras != self.rig.names:
            raise ValueError(f"tracks are of cameras {tracks.cameras}, the rig has {self.rig.names}")
        t, c, n, k = tracks.score.shape
        out = Points3D(
            tracks.skeleton,
            np.empty((t, n, k, 3)),
            np.empty((t, n, k, 3, 3)),
            np.empty((t, n, k), dtype=np.int64),
            np.empty((t, c, n, k)),
            np.empty((t, c, n, k), dtype=np.bool_),
        )
        if not out.n_views.size:
            return out
        if noise is None:
            noise = _estimate_noise(self, tracks)
        size = max(1, (BLOCK if self.device is None else BLOCK_ON_CARD) // c)
        length = max(1, size // (n * k))
        blocks = [slice(start, min(start + length, t)) for start in range(0, t, length)]
        with _workers(len(blocks), self.device) as each:
            done = each(partial(_plain_block, self, tracks, noise, out), blocks)
            for thorough in (False, True):
                rest = [some for some in done if some is not None]
                if not rest:
                    break
                # The few points whose views disagree are mended together, in blocks of the same size.
                together = _Rest.joined(rest)
                cuts = range(0, together.index.shape[0], size)
                parts = [together.part(i, i + size) for i in cuts]
                done = each(partial(_mended_block, self, noise, out, thorough), parts)
        return out


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
        The same person in every view; cameras in the order of the rig. A stated sigma is widened where the
        views disagree by more, never narrowed; where it is NaN, the views alone tell it.
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
    return Triangulator.of(rig, settings, device).points(tracks, noise)


@cache
def _libraries() -> ThreadpoolController:
    """Libraries with threads of their own that are loaded, looked up once."""
    return ThreadpoolController()


@contextmanager
def _workers(blocks: int, device: str | None) -> Iterator[Callable[..., list[Any]]]:
    """A ``map`` over as many threads as there are cores and blocks; a graphics card needs but one."""
    workers = min(os.cpu_count() or 1, blocks) if device is None else 1
    # Points that cannot be solved become NaN and are sorted out at the end.
    with np.errstate(all="ignore"):
        if workers <= 1:
            yield lambda work, parts: [work(part) for part in parts]
            return
        # From 2^18 multiplications on OpenBLAS would start threads of its own beside ours.
        with (
            _libraries().limit(limits=1, user_api="blas"),
            ThreadPoolExecutor(workers, initializer=partial(np.seterr, all="ignore")) as pool,
        ):
            yield lambda work, parts: list(pool.map(work, parts))


@dataclass(frozen=True)
class _Rest:
    """Points that were not settled at once: their places, views, pixels (C, 2, M), start, worst view."""

    index: NDArray[np.intp]
    rays: Array
    weight: Array
    pixels: Array
    point: Array
    worst: Array

    @staticmethod
    def joined(parts: list[_Rest]) -> _Rest:
        """All of several blocks."""
        join = np.concatenate if isinstance(parts[0].rays, np.ndarray) else _torch_concatenate
        return _Rest(
            np.concatenate([part.index for part in parts]),
            *(
                join([getattr(part, name) for part in parts], -1)
                for name in ("rays", "weight", "pixels", "point", "worst")
            ),
        )

    def pick(self, points: Array, on_host: NDArray[np.intp]) -> _Rest:
        """Only some of them, by index."""
        values = (v[..., points] for v in (self.rays, self.weight, self.pixels, self.point, self.worst))
        return _Rest(self.index[on_host], *values)

    def part(self, start: int, stop: int) -> _Rest:
        """Some of them."""
        cut = slice(start, stop)
        return _Rest(
            self.index[cut], *(v[..., cut] for v in (self.rays, self.weight, self.pixels, self.point, self.worst))
        )


def _torch_concatenate(parts: list[Array], axis: int) -> Array:
    import torch

    return torch.concatenate(parts, axis)


def _estimate_noise(solver: Triangulator, tracks: Tracks2D) -> Noise:
    """Noise from points spread evenly over the recording."""
    t, _, n, k = tracks.score.shape
    frames = np.unique(np.linspace(0, t - 1, min(t, max(1, NOISE_POINTS // max(1, n * k)))).astype(np.intp))
    counts = (tracks.score[frames] >= solver.settings.min_score) & np.isfinite(tracks.xy[frames]).all(axis=-1)
    stated = bool(np.isfinite(tracks.sigma_px[frames][counts]).any())
    with np.errstate(all="ignore"):
        views, _ = _views(solver, tracks, frames)
        return noise_of(solver.xp, solver.geometry, views, solver.settings.gate, stated)


def _views(solver: Triangulator, tracks: Tracks2D, frames: slice | NDArray[np.intp]) -> tuple[Views, Array]:
    """Rays and weights of all points in some frames, and the pixels (C, 2, M) they come from."""
    xp, cameras = solver.xp, len(tracks.cameras)
    xy = np.ascontiguousarray(np.moveaxis(tracks.xy[frames], (1, 4), (0, 1)))
    pixels = solver.put(xy.reshape(cameras, 2, -1))
    sigma, score = (
        solver.put(np.ascontiguousarray(np.moveaxis(array[frames], 1, 0)).reshape(cameras, -1))
        for array in (tracks.sigma_px, tracks.score)
    )
    sigma = xp.where(xp.isnan(sigma), UNSTATED_SIGMA_PX, sigma)
    rays, jacobian, found = undistort(xp, solver.lenses, pixels)
    counts = (sigma > 0) & (score >= solver.settings.min_score)
    lost = counts & ~found & xp.isfinite(pixels).all(axis=1)
    if bool(lost.any()):
        _search(solver, lost, pixels, rays, jacobian)
        found = found | (lost & xp.isfinite(rays[:, 0]))
    counts &= found
    # A detection that does not count has weight 0; its NaN must not spread.
    jacobian = xp.where(counts[:, None], jacobian / sigma[:, None], 0.0)
    square, cross = jacobian * jacobian, jacobian[:, :3:2] * jacobian[:, 1::2]
    weight = xp.stack([square[:, 0] + square[:, 2], cross[:, 0] + cross[:, 1], square[:, 1] + square[:, 3]], 1)
    return Views(xp.where(counts[:, None], rays, 0.0), weight), pixels


def _search(solver: Triangulator, lost: Array, pixels: Array, rays: Array, jacobian: Array) -> None:
    """Search more carefully for the few rays that the quick method did not find, and fill them in; else NaN."""
    for camera, model in enumerate(solver.rig.cameras):
        at = solver.xp.where(lost[camera])[0]
        if at.shape[0]:
            found = model.intrinsics.undistort(solver.get(pixels[camera][:, at]).T)
            slope = model.intrinsics.distort_jacobian(found).reshape(-1, 4)
            rays[camera][:, at] = solver.put(np.ascontiguousarray(found.T))
            jacobian[camera][:, at] = solver.put(np.ascontiguousarray(slope.T))


def _plain_block(
    solver: Triangulator, tracks: Tracks2D, noise: Noise, out: Points3D, frames: slice
) -> _Rest | None:
    """Solve some frames without removing views, and return the points that need more."""
    views, pixels = _views(solver, tracks, frames)
    limit = (solver.settings.gate * noise.typical) ** 2
    point, fit, worst, unsettled = plain(solver.xp, solver.geometry, views, limit)
    per_frame = tracks.score.shape[2] * tracks.score.shape[3]
    index = np.arange(frames.start * per_frame, frames.stop * per_frame)
    _write(solver, noise, out, index, pixels, point, views.counted, fit)
    everything = _Rest(index, views.rays, views.weight, pixels, point, worst)
    return everything.pick(unsettled, solver.get(unsettled)) if unsettled.shape[0] else None


def _mended_block(solver: Triangulator, noise: Noise, out: Points3D, thorough: bool, rest: _Rest) -> _Rest | None:
    """Solve points whose views disagree, and return those that need more, if not done ``thorough``ly."""
    limit = (solver.settings.gate * noise.typical) ** 2
    views = Views(rest.rays, rest.weight)
    point, kept, fit, stubborn = mend(
        solver.xp, solver.geometry, views, rest.point, rest.worst, limit, noise.typical, thorough
    )
    _write(solver, noise, out, rest.index, rest.pixels, point, kept, fit)
    return rest.pick(stubborn, solver.get(stubborn)) if stubborn.shape[0] else None


def _write(
    solver: Triangulator,
    noise: Noise,
    out: Points3D,
    index: NDArray[np.intp],
    pixels: Array,
    point: Array,
    used: Array,
    fit: Fit,
) -> None:
    """Judge M points and write them to their places ``index`` (M,) in the results, frames first."""
    xp, cameras = solver.xp, len(solver.rig.cameras)
    good = _good(solver, noise, point, used, fit)
    shown = (fit.depth > NEAREST_DEPTH_M) & good
    shown &= fit.rays[:, 0] ** 2 + fit.rays[:, 1] ** 2 <= solver.lenses.radius_sq
    miss = distort(xp, solver.lenses, fit.rays) - pixels
    miss = xp.where(shown, xp.sqrt(miss[:, 0] ** 2 + miss[:, 1] ** 2), xp.nan)
    used = solver.get(used & good)
    miss = solver.get(miss)
    t, _, n, k = out.used.shape
    whole = (
        index.shape[0] == index[-1] - index[0] + 1 and index[0] % (n * k) == 0 and index.shape[0] % (n * k) == 0
    )
    place = slice(int(index[0]), int(index[-1]) + 1) if whole else index
    out.xyz.reshape(-1, 3)[place] = solver.get(xp.where(good, point + solver.geometry.origin, xp.nan)).T
    inverse = solver.get(xp.where(good, fit.inverse * noise.spread**2, xp.nan))
    out.cov.reshape(-1, 9)[place] = inverse[SQUARE].T
    out.n_views.reshape(-1)[place] = np.count_nonzero(used, axis=0)
    for array, values in ((out.used, used), (out.reproj_px, miss)):
        if whole:  # frames as they come, which copies in rows
            frames = slice(int(index[0]) // (n * k), (int(index[-1]) + 1) // (n * k))
            array[frames] = np.moveaxis(values.reshape(cameras, -1, n, k), 0, 1)
        else:
            frame, rest = np.divmod(index, n * k)
            array.reshape(t, cameras, n * k)[frame, :, rest] = values.T


def _good(solver: Triangulator, noise: Noise, point: Array, used: Array, fit: Fit) -> Array:
    """Which points (M,) are believed."""
    xp, settings = solver.xp, solver.settings
    variance = (fit.inverse[0] + fit.inverse[3] + fit.inverse[5]) * noise.spread**2
    agreed = xp.amax(fit.chi_sq, 0) <= (settings.gate * noise.typical) ** 2
    good = (used.sum(axis=0) >= 2) & agreed & (variance <= 3.0 * settings.max_sigma_m**2)
    return good & _wide(solver, point, used)


def _wide(solver: Triangulator, point: Array, used: Array) -> Array:
    """Whether the widest angle between two rays of a point reaches the least one (M,).

    The angles to one of the rays come first: the widest of all pairs is that of them at least and twice that
    at most, so only the points in between need all pairs, and the cost stays linear in the views.
    """
    xp, least = solver.xp, solver.settings.min_angle_rad
    ray = point - solver.geometry.centre  # (C, 3, M)
    ray = ray / xp.sqrt((ray * ray).sum(axis=1))[:, None]
    first = xp.argmax(used * 1, 0)
    reference = ray[first, :, solver.put(np.arange(point.shape[1]))].T
    narrow = xp.amin(xp.where(used, (ray * reference).sum(axis=1), 1.0), 0)
    wide = narrow <= np.cos(least)
    unsure = xp.where(~wide & (narrow <= np.cos(0.5 * least)))[0]
    for camera in range(ray.shape[0]) if unsure.shape[0] else ():
        cosine = (ray[:, :, unsure] * ray[camera][:, unsure]).sum(axis=1)
        both = used[:, unsure] & used[camera, unsure]
        wide[unsure] |= xp.amin(xp.where(both, cosine, 1.0), 0) <= np.cos(least)
    return wide
