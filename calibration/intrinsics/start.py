"""First guess of a lens from pictures of a flat target, without any prior knowledge."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.camera import Intrinsics
from calibration.extrinsics.pose import REFINE_STEPS, both_poses, pose_jacobian, refine_poses, well_spread
from calibration.intrinsics.fit import CORNER_MARGIN, Fit, LensModel, Prior, Views, fit
from calibration.transforms import FloatArray

# Focal lengths tried, as shares of the picture's longer side: from fisheyes of 180 deg to a telephoto lens
# of 12 deg, in steps from which the fit finds the optimum.
FOCAL_SHARES = np.geomspace(0.25, 5.0, 14)
# A fisheye model beyond this is a pinhole to the eye.
LONGEST_FISHEYE = 1.2

# Pictures tried with each of them, and steps from the closed form of the pose.
TRIED = 24
TRIAL_STEPS = 2

# The robust loss of the first fits falls off beyond this many sigmas; noise is re-estimated between fits.
ROBUST_WIDTH = 3.0
ROBUST_ROUNDS = 3
ROBUST_STEPS = 6

# A pinhole model has no rays beyond this angle to the axis that a polynomial could follow.
WIDEST_RAD = 1.3

# A rounded coordinate has this sigma; the pictures of a real lens never agree better.
SMALLEST_NOISE_PX = 0.01


@dataclass(frozen=True)
class Start:
    """A lens that is roughly right, and the poses (V, 4, 4) of all views under it; error (V,) in px."""

    lens: Intrinsics
    poses: FloatArray
    rms_px: FloatArray

    def at(self, which: NDArray[np.intp]) -> Start:
        """Only these views."""
        return replace(self, poses=self.poses[which], rms_px=self.rms_px[which])


def start_of(views: Views, model: LensModel) -> Start:
    """Try focal lengths and keep that with the least median reprojection error.

    Zhang's closed form (IEEE TPAMI 2000) gives the focal length in one step but fails on distorted
    lenses and near-parallel views; a search over one unknown fails on neither.

    Parameters
    ----------
    views : Views
        The first ones are tried; so put pictures that differ first (``intrinsics_views.thin``).
    """
    longest = LONGEST_FISHEYE if model.kind == "fisheye" else np.inf
    focals = FOCAL_SHARES[longest >= FOCAL_SHARES] * max(views.size_wh)
    few = views.at(np.arange(min(TRIED, len(views.xy))))
    costs = _costs(few, model, focals)
    best = int(np.argmin(costs))
    # A parabola through the best and its neighbours: the grid is coarse.
    if 0 < best < len(costs) - 1 and np.isfinite(costs[best - 1 : best + 2]).all():
        left, middle, right = costs[best - 1 : best + 2]
        shift = 0.5 * (left - right) / max(left - 2 * middle + right, 1e-12)
        ratio = FOCAL_SHARES[1] / FOCAL_SHARES[0]
        lens = model.start(views.size_wh, float(focals[best] * ratio ** np.clip(shift, -0.5, 0.5)))
    else:
        lens = model.start(views.size_wh, float(focals[best]))
    return best_poses(views, lens, steps=REFINE_STEPS)


def _costs(views: Views, model: LensModel, focals: FloatArray) -> FloatArray:
    """Median reprojection error (F,), px, under lenses without distortion of these focal lengths.

    In units of its focal length every such lens is the same, so that all are tried at once.
    """
    unit = replace(model.start(views.size_wh, 1.0), K=np.eye(3))
    middle = (np.array(views.size_wh) - 1) / 2
    scaled = (views.xy - middle) / focals[:, None, None, None]
    tried = replace(
        views, xy=scaled.reshape(-1, *views.xy.shape[1:]), weight=np.tile(views.weight, (len(focals), 1))
    )
    rms = best_poses(tried, unit, steps=TRIAL_STEPS).rms_px.reshape(len(focals), -1)
    return np.asarray(np.median(rms, axis=1) * focals)


def best_poses(views: Views, lens: Intrinsics, steps: int) -> Start:
    """Solve the pose of every view under a lens; of the two solutions the one that reprojects better."""
    rays = lens.undistort(np.where(views.seen[..., None], views.xy, np.nan))
    seen = np.asarray(np.isfinite(rays).all(axis=-1))
    poses = np.broadcast_to(np.eye(4), (len(rays), 4, 4)).copy()
    rms = np.full(len(rays), np.inf)
    usable = well_spread(views.points, seen)
    if usable.any():
        pair = both_poses(views.points, rays[usable], seen[usable])
        weight = np.where(seen, views.weight, 0.0)[usable]
        found = [refine_poses(lens, views.points, views.xy[usable], weight, pair[:, i], steps) for i in (0, 1)]
        second = found[1].rms_px < found[0].rms_px
        poses[usable] = np.where(second[:, None, None], found[1].cam_from_board, found[0].cam_from_board)
        rms[usable] = np.where(second, found[1].rms_px, found[0].rms_px)
    return Start(lens, poses, np.where(np.isfinite(rms), rms, np.inf))


def converted(lens: Intrinsics, model: LensModel) -> Intrinsics:
    """The lens of another kind that has the same radii.

    Where the search for one kind of lens got stuck, the other's result is a better start.
    """
    corner = float(np.hypot(*lens.size_wh)) / 2.0 / lens.focal_px
    dist_on_axis = lens.dist.copy()
    if lens.model == "pinhole":
        dist_on_axis[2:4] = 0.0  # the tangential terms have no part in the radius
    on_axis = replace(lens, K=np.eye(3), dist=dist_on_axis)
    radius = np.linspace(0.0, min(np.tan(min(corner, WIDEST_RAD)), lens.max_radius), 50)[1:]
    reached = on_axis.distort(np.stack([radius, np.zeros_like(radius)], axis=1))[:, 0]
    base = np.arctan(radius) if model.kind == "fisheye" else radius
    powers = (3, 5, 7, 9) if model.kind == "fisheye" else (3, 5, 7)
    inside = reached < CORNER_MARGIN * corner
    found = np.linalg.lstsq(base[inside, None] ** powers, (reached - base)[inside], rcond=None)[0]
    dist = np.zeros(model.length)
    dist[list(range(4)) if model.kind == "fisheye" else [0, 1, 4]] = found
    return Intrinsics(lens.size_wh, lens.K, dist, model.kind)


def noise_of(residual: FloatArray, weight: FloatArray) -> float:
    """Robust standard deviation of a coordinate, px: the median error's length over that of a unit normal."""
    length = np.linalg.norm(residual, axis=-1)[weight > 0]
    # The median of a Rayleigh distribution is sigma * sqrt(2 ln 2).
    return max(float(np.median(length) / np.sqrt(2 * np.log(2.0))), SMALLEST_NOISE_PX)


def robust_fit(views: Views, model: LensModel, start: Start, prior: Prior) -> tuple[Fit, float]:
    """Fit a model with a loss that forgives wrong corners.

    Iteratively reweighted least squares with Geman and McClure's weights, the scale re-estimated from the
    median error each round, which shrinks it from the bad start's to the noise's. Returns the fit and the
    noise, px.
    """
    lens, poses = start.lens, start.poses
    pixels, _, _, _ = pose_jacobian(lens, views.points, poses)
    residual = np.where(views.seen[..., None], pixels - views.xy, 0.0)
    noise = noise_of(residual, views.weight)
    for round_ in range(ROBUST_ROUNDS):
        scaled = np.sum(residual**2, axis=-1) / (ROBUST_WIDTH * noise) ** 2
        weighted = replace(views, weight=views.weight / (1.0 + scaled) ** 2)
        result = fit(weighted, model, lens, poses, prior, noise, ROBUST_STEPS)
        lens, poses, residual = result.intrinsics, result.poses, result.residual
        if round_ == 0:
            # The start's lens was crude: where a target is small, it may have taken the wrong solution.
            again = best_poses(weighted, lens, REFINE_STEPS)
            error = np.sqrt(np.einsum("vk,vki->v", weighted.weight, residual**2))
            total = np.sqrt(np.maximum(weighted.weight.sum(axis=1), 1e-12))
            poses = np.where((again.rms_px < error / total)[:, None, None], again.poses, poses)
        noise = noise_of(residual, views.weight)
    return result, noise
