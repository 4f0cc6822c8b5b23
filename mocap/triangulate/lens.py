"""Lenses of a whole rig at once, on arrays (C, M): numpy on the processor, torch on a graphics card.

The models are those of ``calibration.camera``: OpenCV's pinhole with rational distortion, and the fisheye of
Kannala and Brandt (IEEE TPAMI 2006). Everything is written for components that lie together in memory, with
the cameras' coefficients as columns, so that one operation serves all cameras.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from calibration.camera import CameraRig

# A numpy array or a torch tensor of 64-bit floats.
Array = Any
# The module that computes on them: numpy or torch. Only functions that both spell alike are used.
Namespace = Any

# Newton's method doubles the figures with each step; it starts from a fitted inverse and stops after the step that
# began closer than this, px, which leaves far less than UNDISTORT_TOLERANCE_PX.
NEWTON_STEPS = 5
CLOSE_PX = 1e-4
# The inverse of the radial distortion is fitted by a polynomial of this degree in the squared radius.
INVERSE_DEGREE = 5
INVERSE_SAMPLES = 200
SMALL_RADIUS_SQ = 1e-6


@dataclass(frozen=True)
class Lenses:
    """Coefficients of C cameras as columns (C, 1).

    Attributes
    ----------
    camera : (C, 5, 1)
        fx, skew, cx, fy, cy, px.
    dist : (C, 8, 1)
        k1, k2, p1, p2, k3, k4, k5, k6 of a pinhole; k1..k4 and zeros of a fisheye.
    inverse : (C, D, 1)
        Polynomial in the squared distorted radius that scales it back, lowest first.
    radius_sq : (C, 1)
        Square of ``Intrinsics.max_radius``.
    fisheye : (C,) of bool
    """

    camera: Array
    dist: Array
    inverse: Array
    radius_sq: Array
    fisheye: tuple[bool, ...]


def lenses_of(rig: CameraRig) -> Lenses:
    """Collect the lenses of a rig, in numpy."""
    inner = [camera.intrinsics for camera in rig.cameras]
    dist = np.stack([np.pad(lens.dist, (0, 8 - lens.dist.shape[0])) for lens in inner])
    camera = np.array([[lens.K[0, 0], lens.K[0, 1], lens.K[0, 2], lens.K[1, 1], lens.K[1, 2]] for lens in inner])
    fisheye = tuple(lens.model == "fisheye" for lens in inner)
    radius = np.array([[lens.max_radius] for lens in inner])
    lenses = Lenses(
        camera[..., None], dist[..., None], np.zeros((len(inner), 1, 1)), np.minimum(radius, 1e6) ** 2, fisheye
    )
    corner = [
        1.1 * np.hypot(max(lens.K[0, 2], lens.size_wh[0] - lens.K[0, 2]) / lens.K[0, 0],
                       max(lens.K[1, 2], lens.size_wh[1] - lens.K[1, 2]) / lens.K[1, 1])
        for lens in inner
    ]  # fmt: skip
    return Lenses(lenses.camera, lenses.dist, _fit_inverse(lenses, corner), lenses.radius_sq, fisheye)


def _fit_inverse(lenses: Lenses, corner: list[float]) -> Array:
    """Fit the scale from distorted to undistorted radius over each picture (C, D, 1)."""
    cameras = len(lenses.fisheye)
    # Radii up to where the distorted one reaches the picture's corner, or the model turns back.
    farthest = 0.999 * np.sqrt(np.minimum(lenses.radius_sq, 9.0))
    r = np.linspace(0.0, 1.0, INVERSE_SAMPLES) * farthest
    scale, _ = _radial(np, lenses, r * r)
    distorted = r * scale
    found = np.zeros((cameras, INVERSE_DEGREE + 1, 1))
    for c in range(cameras):
        near = distorted[c] <= corner[c]
        s = distorted[c, near] ** 2
        top = float(s[-1]) if s[-1] > 0 else 1.0
        powers = (s[:, None] / top) ** np.arange(INVERSE_DEGREE + 1)
        fit, *_ = np.linalg.lstsq(powers, 1.0 / scale[c, near], rcond=None)
        found[c, :, 0] = fit / top ** np.arange(INVERSE_DEGREE + 1)
    return found


def _radial(xp: Namespace, lenses: Lenses, s: Array) -> tuple[Array, Array]:
    """Ratio of distorted to undistorted radius, and its derivative by the squared radius ``s`` (C, M)."""
    if not any(lenses.fisheye):
        return _pinhole_radial(lenses, s)
    if all(lenses.fisheye):
        return _fisheye_radial(xp, lenses, s)
    parts = [
        (_fisheye_radial(xp, one, row) if one.fisheye[0] else _pinhole_radial(one, row))
        for one, row in ((_one(lenses, c), s[c : c + 1]) for c in range(len(lenses.fisheye)))
    ]
    return xp.concatenate([p[0] for p in parts]), xp.concatenate([p[1] for p in parts])


def _one(lenses: Lenses, c: int) -> Lenses:
    part = slice(c, c + 1)
    return Lenses(
        lenses.camera[part], lenses.dist[part], lenses.inverse[part], lenses.radius_sq[part], (lenses.fisheye[c],)
    )


def _pinhole_radial(lenses: Lenses, s: Array) -> tuple[Array, Array]:
    k1, k2, k3 = lenses.dist[:, 0], lenses.dist[:, 1], lenses.dist[:, 4]
    k4, k5, k6 = lenses.dist[:, 5], lenses.dist[:, 6], lenses.dist[:, 7]
    above = 1.0 + s * (k1 + s * (k2 + s * k3))
    slope = k1 + s * (2.0 * k2 + s * (3.0 * k3))
    if not bool(((k4 != 0.0) | (k5 != 0.0) | (k6 != 0.0)).any()):
        return above, slope
    below = 1.0 + s * (k4 + s * (k5 + s * k6))
    scale = above / below
    return scale, (slope - scale * (k4 + s * (2.0 * k5 + s * (3.0 * k6)))) / below


def _fisheye_radial(xp: Namespace, lenses: Lenses, s: Array) -> tuple[Array, Array]:
    near = s < SMALL_RADIUS_SQ
    safe = xp.where(near, SMALL_RADIUS_SQ, s)
    r = xp.sqrt(safe)
    theta = xp.arctan(r)
    q = theta * theta
    k1, k2, k3, k4 = lenses.dist[:, 0], lenses.dist[:, 1], lenses.dist[:, 2], lenses.dist[:, 3]
    theta_d = theta * (1.0 + q * (k1 + q * (k2 + q * (k3 + q * k4))))
    slope = (1.0 + q * (3.0 * k1 + q * (5.0 * k2 + q * (7.0 * k3 + q * (9.0 * k4))))) / (1.0 + safe)
    at_centre = k1 - 1.0 / 3.0
    return (
        xp.where(near, 1.0 + at_centre * s, theta_d / r),
        xp.where(near, at_centre + 0.0 * s, (slope * r - theta_d) / (2.0 * safe * r)),
    )


def distort(xp: Namespace, lenses: Lenses, x: Array, y: Array) -> tuple[Array, Array]:
    """Pixels u and v (C, M) of normalised coordinates x and y (C, M)."""
    xx, yy = x * x, y * y
    s = xx + yy
    scale, _ = _radial(xp, lenses, s)
    xd, yd = x * scale, y * scale
    if not all(lenses.fisheye):
        p1, p2 = _tangential(xp, lenses)
        twice = 2.0 * x * y
        xd += p1 * twice + p2 * (s + 2.0 * xx)
        yd += p1 * (s + 2.0 * yy) + p2 * twice
    fx, skew, cx, fy, cy = (lenses.camera[:, i] for i in range(5))
    return fx * xd + skew * yd + cx, fy * yd + cy


def _tangential(xp: Namespace, lenses: Lenses) -> tuple[Array, Array]:
    """p1 and p2 (C, 1), zero for a fisheye, whose coefficients in those places mean something else."""
    pinhole = xp.asarray([[0.0 if one else 1.0] for one in lenses.fisheye], dtype=lenses.dist.dtype)
    if xp is not np:
        pinhole = pinhole.to(lenses.dist.device)
    return lenses.dist[:, 2] * pinhole, lenses.dist[:, 3] * pinhole


def undistort(
    xp: Namespace, lenses: Lenses, u: Array, v: Array
) -> tuple[Array, Array, tuple[Array, Array, Array, Array], Array]:
    """Find the rays that are seen at given pixels, by Newton's method.

    Parameters
    ----------
    u, v : (C, M)
        Pixels; NaN gives NaN.

    Returns
    -------
    x, y : (C, M)
        Undistorted normalised coordinates.
    jacobian : tuple of four (C, M)
        du/dx, du/dy, dv/dx, dv/dy, px.
    found : (C, M) bool
        Whether the ray comes back to its pixel and lies where the model holds. Where it does not,
        ``Intrinsics.undistort``, which starts more carefully, may still find one.
    """
    fx, skew, cx, fy, cy = (lenses.camera[:, i] for i in range(5))
    yd = (v - cy) / fy
    xd = (u - cx - skew * yd) / fx
    s = xd * xd + yd * yd
    scale = 0.0 * s
    for power in range(lenses.inverse.shape[1] - 1, -1, -1):
        scale = scale * s + lenses.inverse[:, power]
    x, y = xd * scale, yd * scale
    p1, p2 = _tangential(xp, lenses)
    for _ in range(NEWTON_STEPS):
        xx, yy, xy = x * x, y * y, x * y
        s = xx + yy
        scale, slope = _radial(xp, lenses, s)
        miss_x = x * scale + 2.0 * p1 * xy + p2 * (s + 2.0 * xx) - xd
        miss_y = y * scale + p1 * (s + 2.0 * yy) + 2.0 * p2 * xy - yd
        slope2 = 2.0 * slope
        dxx = scale + slope2 * xx + 2.0 * p1 * y + 6.0 * p2 * x
        dxy = slope2 * xy + 2.0 * p1 * x + 2.0 * p2 * y
        dyy = scale + slope2 * yy + 6.0 * p1 * y + 2.0 * p2 * x
        det = dxx * dyy - dxy * dxy
        x = x - (dyy * miss_x - dxy * miss_y) / det
        y = y - (dxx * miss_y - dxy * miss_x) / det
        far = fx * (xp.abs(miss_x) + xp.abs(miss_y))
        if not bool((far > CLOSE_PX).any()):
            break
    # A NaN compares as false.
    found = (far < CLOSE_PX) & (s <= lenses.radius_sq)
    return x, y, (fx * dxx + skew * dxy, fx * dxy + skew * dyy, fy * dxy, fy * dyy), found
