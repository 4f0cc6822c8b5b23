"""Bodies and viewing rays: how far one misses the other, and the body that fits several views best.

Errors are distances in metres between a point and a ray. Unlike pixels they mean the same near and far, and in a
camera of any resolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.camera import CameraRig
from calibration.rays import world_rays
from mocap.associate.plan import BodyPlan, BoolArray
from mocap.core.types import FloatArray, IntArray, Poses2D

# Stated by no detector: what a miscalibrated rig and loose clothes add, m.
FLOOR_M = 0.015
# Where a detector states no sigma, px.
UNSTATED_SIGMA_PX = 5.0
# Widths of the Cauchy weights, m: the first lets a prediction be wrong by a step, the last is a few errors of a
# detector. They close in, so that a bad view does not drag the start (graduated non-convexity), but not to less
# than this many times what the views miss people by, lest two views of a poor rig outvote the others.
CAUCHY_M = (0.2, 0.1, 0.06)
LEAST_CAUCHY = 3.0


@dataclass(frozen=True)
class Sightings:
    """The U people found in all views at one instant, as rays in the world.

    Attributes
    ----------
    camera, slot, number : (U,) int
        View, place among the view's candidates, and the view's own number of the person.
    origin : (U, 3)
        Camera centre, m.
    ray : (U, K, 3)
        Unit directions; NaN where a keypoint is missing or doubtful.
    spread : (U, K)
        Standard deviation of the direction, rad.
    """

    camera: IntArray
    slot: IntArray
    number: IntArray
    origin: FloatArray
    ray: FloatArray
    spread: FloatArray

    def take(self, chosen: IntArray | BoolArray) -> Sightings:
        """Some of the sightings."""
        return Sightings(
            self.camera[chosen],
            self.slot[chosen],
            self.number[chosen],
            self.origin[chosen],
            self.ray[chosen],
            self.spread[chosen],
        )


@dataclass(frozen=True)
class RayBlock:
    """Rays of some frames (T, C, P, K, 3), their spread (T, C, P, K), who is there (T, C, P), centres (C, 3)."""

    ray: FloatArray
    spread: FloatArray
    number: IntArray
    present: BoolArray
    centre: FloatArray

    def at(self, t: int) -> Sightings:
        """The sightings of one frame."""
        camera, slot = np.nonzero(self.present[t])
        return Sightings(
            camera,
            slot,
            self.number[t, camera, slot],
            self.centre[camera],
            self.ray[t, camera, slot],
            self.spread[t, camera, slot],
        )


def ray_block(
    poses: Poses2D, rig: CameraRig, frames: slice, min_score: float, least: int, plan: BodyPlan
) -> RayBlock:
    """Turn the candidates of some frames into rays; fewer than ``least`` core keypoints are nobody."""
    xy, score = poses.xy[frames], poses.score[frames]
    xy = np.where((score >= min_score)[..., None], xy, np.nan)
    centre, ray = world_rays(rig, rig.undistort(xy))
    sigma = poses.sigma_px[frames]
    sigma = np.where(sigma > 0, sigma, UNSTATED_SIGMA_PX)
    spread = sigma / rig.focals_px[:, None, None]
    present = (poses.track[frames] >= 0) & (np.isfinite(ray[..., plan.core, 0]).sum(axis=-1) >= least)
    return RayBlock(ray, spread, poses.track[frames], present, centre)


def misses(points: FloatArray, origin: FloatArray, ray: FloatArray) -> FloatArray:
    """Distance of points (..., K, 3) from rays (..., K, 3) that start at origins (..., 3), m.

    Leading axes broadcast. NaN where either is; infinite where the point lies behind the camera.
    """
    rel = points - origin[..., None, :]
    along = np.einsum("...i,...i->...", rel, ray)
    apart = np.einsum("...i,...i->...", rel, rel) - along * along
    out = np.sqrt(np.maximum(apart, 0.0))
    out[along < 0] = np.inf
    return np.asarray(out)


def agreement(miss: FloatArray, width: float | FloatArray) -> FloatArray:
    """How well a keypoint agrees, from its miss: 1 at 0, falling to 0 at ``width`` (a truncated parabola)."""
    with np.errstate(invalid="ignore"):
        value = 1.0 - np.square(miss / width)
    return np.asarray(np.where(value > 0, value, 0.0))


def solve_points(
    origin: FloatArray,
    ray: FloatArray,
    spread: FloatArray,
    prior: FloatArray,
    prior_sigma: FloatArray,
    noise_m: float,
) -> FloatArray:
    """Find the points that fit their rays and what was expected of them.

    Weighted least squares on the distances to the rays (Slabaugh, Schafer and Livingston, "Optimal ray
    intersection for computing 3D points from N-view correspondences", 2001), reweighted with Cauchy weights, and
    with the expectation as one more measurement: a point seen by one camera is moved across its ray only.

    Parameters
    ----------
    origin : (N, C, 3)
    ray : (N, C, K, 3)
        NaN where a view does not count.
    spread : (N, C, K)
        Standard deviation of the direction, rad.
    prior : (N, K, 3)
        Where the points are expected, m; NaN where nothing is known.
    prior_sigma : (N, K)
        Its standard deviation, m.
    noise_m : float
        What views miss people by, m.

    Returns
    -------
    (N, K, 3)
        NaN where nothing determines the point.
    """
    seen = np.isfinite(ray[..., 0])
    ray = np.where(seen[..., None], ray, 0.0)
    known = np.isfinite(prior[..., 0])
    prior_weight = np.where(known, 1.0 / np.square(prior_sigma), 0.0)
    pull = prior_weight[..., None] * np.where(known[..., None], prior, 0.0)
    enough = known | (seen.sum(axis=1) >= 2)
    first = np.where(known[:, None], misses(np.nan_to_num(prior)[:, None], origin, ray), 0.0)
    rel = np.nan_to_num(prior)[:, None] - origin[:, :, None]
    depth = np.where(known[:, None], np.linalg.norm(rel, axis=-1), 1.0)
    base = seen / (np.square(spread * depth) + FLOOR_M**2)
    across = np.eye(3) - ray[..., :, None] * ray[..., None, :]
    towards = np.einsum("nckij,ncj->ncki", across, origin)
    points, miss = prior, first
    for width in CAUCHY_M:
        weight = base / (1.0 + np.square(miss / max(width, LEAST_CAUCHY * noise_m)))
        weight = np.where(np.isfinite(weight), weight, 0.0)
        matrix = np.einsum("nck,nckij->nkij", weight, across)
        matrix[..., range(3), range(3)] += (prior_weight + ~enough)[..., None]
        points = np.linalg.solve(
            matrix + 1e-6 * np.eye(3), (np.einsum("nck,ncki->nki", weight, towards) + pull)[..., None]
        )
        points = points[..., 0]
        miss = misses(points[:, None], origin, ray)
    return np.asarray(np.where(enough[..., None], points, np.nan))
