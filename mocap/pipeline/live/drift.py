"""Notices which camera was bumped, by the people it sees: it no longer agrees with what the others see of them.

Each camera's keypoints are held against the points that the other cameras make of the same person, and the others
are held against each other without it. A camera that was moved shows both: its own keypoints lie off, all in one
direction, and without it the rest agree as they did at the start. A network's errors do neither: they differ from
keypoint to keypoint, and stay when one camera is left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration import CameraRig
from calibration.rays import world_rays
from mocap.capture.watch import BUMPED_SHARE
from mocap.core.types import FloatArray

# Instants a second that are looked at: people move between two of them.
GLANCE_HZ = 4.0
# Glances that show how it was at the start, 4 s with somebody in view, and those that show how it is, 2 s.
START_GLANCES, NEW_GLANCES = 16, 8

# Keypoints that a glance needs of a camera, and cameras: with two, nobody knows which of them was moved.
LEAST_KEYPOINTS, LEAST_CAMERAS = 8, 3

# A network sees a person elsewhere from another side, all keypoints alike by up to its error of one.
SYSTEMATIC_SIGMAS = 1.5
# How many times the scatter of glances a shift must be: the chance is one in 10,000 for a normal one.
SCATTER_TIMES = 4.0
# Without the camera that was moved, the others agree within the stated errors (whose median length is 1.2 sigmas),
# or as at the start but for this share; and better by this share than without any other camera.
REST_SIGMAS, REST_RISE, REST_BEST = 1.5, 1.4, 0.8

# Predicted points that err by more than this many times a keypoint's own error tell little.
VAGUE = 3.0
# Rays that meet at less than this angle leave the distance open, degrees.
LEAST_ANGLE_DEG = 5.0

MAD_SHARE = 0.6745


@dataclass(frozen=True)
class Glance:
    """How the cameras agree at one instant.

    Attributes
    ----------
    shift_px : (C, 2)
        How far each camera's keypoints lie, by the median one, from the others' points, px; NaN where unknown.
    rest : (C,)
        How far the other cameras' keypoints lie from their own points, by the median one, in sigmas.
    sigma_px : (C,)
        Stated error of a keypoint, by the median one, px.
    """

    shift_px: FloatArray
    rest: FloatArray
    sigma_px: FloatArray


def glance_at(xy: FloatArray, sigma_px: FloatArray, rig: CameraRig) -> Glance:
    """Hold each camera against the others.

    Points are where rays come nearest to each other, each weighted by its error in metres at its distance (two
    rounds of linear least squares, as in Hartley and Zisserman, Multiple View Geometry, 12.2, but by rays).

    Parameters
    ----------
    xy, sigma_px : (C, K, 2), (C, K)
        Keypoints of one person and their stated errors, px; NaN where not seen.
    """
    cameras = len(rig.cameras)
    seen = np.isfinite(xy).all(axis=-1) & np.isfinite(sigma_px) & (sigma_px > 0)
    origins, rays = world_rays(rig, rig.undistort(np.where(seen[..., None], xy, np.nan), axis=0), axis=0)
    seen &= np.isfinite(rays).all(axis=-1)
    rays = np.where(seen[..., None], rays, 0.0)
    across = np.eye(3) - rays[..., :, None] * rays[..., None, :]
    angle = np.where(seen, sigma_px, 1.0) / rig.focals_px[:, None]
    weight = seen / angle**2
    everybody = _points(across, weight, origins, np.ones((1, cameras), dtype=np.bool_))[0][0]
    distance = np.linalg.norm(everybody[None] - origins[:, None], axis=-1)
    weight = np.where(np.isfinite(distance), weight / distance**2, 0.0)
    without = ~np.eye(cameras, dtype=np.bool_)
    points, spread_m = _points(across, weight, origins, without)
    shift, rest = np.full((cameras, 2), np.nan), np.full(cameras, np.nan)
    for h in range(cameras):
        projected, _ = rig.project(points[h])
        off = np.where(seen[..., None], xy - projected, np.nan)
        vague = spread_m[h] * rig.focals_px[h] / distance[h] > VAGUE * sigma_px[h]
        known = np.isfinite(off[h]).all(axis=-1) & ~vague
        if known.sum() >= LEAST_KEYPOINTS:
            shift[h] = np.median(off[h][known], axis=0)
        others = (np.linalg.norm(off, axis=-1) / sigma_px)[without[h]]
        if np.isfinite(others).sum() >= 2 * LEAST_KEYPOINTS:
            rest[h] = np.nanmedian(others)
    typical = np.array([np.median(s[k]) if k.any() else np.nan for s, k in zip(sigma_px, seen, strict=True)])
    return Glance(shift, rest, typical)


def _points(
    across: FloatArray, weight: FloatArray, origins: FloatArray, used: np.ndarray
) -> tuple[FloatArray, FloatArray]:
    """Points (H, K, 3) nearest to the rays of the cameras used (H, C), and their error (H, K), weights' unit."""
    each = weight[..., None, None] * across
    normal = np.einsum("hc,ckij->hkij", used.astype(np.float64), each)
    right = np.einsum("hc,ckij,cj->hki", used.astype(np.float64), each, origins)
    sizes = np.linalg.eigvalsh(normal)
    # Two rays at an angle a have a smallest eigenvalue of 1 - cos(a), of a sum of two.
    firm = sizes[..., 0] > 0.5 * (1.0 - np.cos(np.radians(LEAST_ANGLE_DEG))) * sizes[..., 2]
    safe = np.where(firm[..., None, None], normal, np.eye(3))
    points = np.linalg.solve(safe, right[..., None])[..., 0]
    spread = np.sqrt(np.where(firm, 1.0 / np.where(firm, sizes[..., 0], 1.0), np.nan))
    return np.where(firm[..., None], points, np.nan), spread


class Drift:
    """Remembers how the cameras agreed at the start; tells which was moved since.

    Parameters
    ----------
    widths_px : (C,)
        Widths of the cameras' pictures, px.
    """

    def __init__(self, widths_px: Sequence[int]) -> None:
        self._limit_px = BUMPED_SHARE * np.asarray(widths_px, dtype=np.float64)
        self._start: list[Glance] = []
        self._new: deque[Glance] = deque(maxlen=NEW_GLANCES)
        self.moved: int | None = None

    def look(self, glance: Glance) -> int | None:
        """Take the next glance; returns the number of the camera that was moved, None while none was.

        One that was found once stays found, until it agrees again.
        """
        if np.isfinite(glance.shift_px).all(axis=-1).sum() < LEAST_CAMERAS:
            return self.moved
        if len(self._start) < START_GLANCES:
            self._start.append(glance)
            return None
        self._new.append(glance)
        if len(self._new) == NEW_GLANCES:
            self.moved = self._found()
        return self.moved

    def _found(self) -> int | None:
        start, scatter = _middle([glance.shift_px for glance in self._start])
        now, scatter_now = _middle([glance.shift_px for glance in self._new])
        off = np.linalg.norm(now - start, axis=-1)
        noise = SCATTER_TIMES * np.maximum(scatter, scatter_now) / np.sqrt(NEW_GLANCES)
        sigma, _ = _middle([glance.sigma_px[:, None] for glance in self._new])
        limit = np.maximum(np.maximum(self._limit_px, SYSTEMATIC_SIGMAS * sigma[:, 0]), noise)
        before, _ = _middle([glance.rest[:, None] for glance in self._start])
        rest, _ = _middle([glance.rest[:, None] for glance in self._new])
        rise = rest[:, 0] / before[:, 0]
        known = np.isfinite(rise)
        if known.sum() < LEAST_CAMERAS:
            return self.moved
        candidates = known & (off > limit)
        if not candidates.any():
            return None
        best = int(np.argmin(np.where(candidates, rise, np.inf)))
        others = np.delete(rise, best)
        agree = rest[best, 0] < REST_SIGMAS or rise[best] < REST_RISE
        clear = agree and rise[best] < REST_BEST * np.nanmin(others)
        return best if clear else self.moved


def _middle(values: list[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Median (C, n) over glances, and their scatter (C,), one standard deviation of the larger component."""
    stacked = np.stack(values)
    with np.errstate(all="ignore"):
        middle = _nanmedian(stacked)
        scatter = _nanmedian(np.abs(stacked - middle)).max(axis=-1) / MAD_SHARE
    return middle, scatter


def _nanmedian(values: FloatArray) -> FloatArray:
    """Median over the first axis; NaN where nothing is known."""
    known = np.isfinite(values)
    ordered = np.sort(np.where(known, values, np.inf), axis=0)
    count = known.sum(axis=0)
    low = np.take_along_axis(ordered, np.maximum((count - 1) // 2, 0)[None], axis=0)[0]
    high = np.take_along_axis(ordered, np.minimum(count // 2, len(values) - 1)[None], axis=0)[0]
    return np.where(count > 0, 0.5 * (low + high), np.nan)
