"""The lens with its derivatives: by the ray, for poses and points, and by its own parameters.

A lens is a vector (f, aspect, cx, cy, distortion...): fx = f and fy = aspect * f. So the pixel's shape, which
a sensor's maker guarantees, can be held while the focal length is free. The models are those of
``calibration.camera.Intrinsics``, whose tests pin them to OpenCV.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from calibration.camera import SMALL_RADIUS, Intrinsics
from calibration.transforms import FloatArray

FOCAL, ASPECT, CENTRE_X, CENTRE_Y, DISTORTION = 0, 1, 2, 3, 4
PINHOLE_NAMES = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")


def lens_names(intrinsics: Intrinsics) -> tuple[str, ...]:
    """Names of the lens's parameters, in order."""
    count = intrinsics.dist.shape[0]
    coefficients = PINHOLE_NAMES[:count] if intrinsics.model == "pinhole" else ("k1", "k2", "k3", "k4")
    return ("f", "aspect", "cx", "cy", *coefficients)


def lens_vector(intrinsics: Intrinsics) -> FloatArray:
    """Parameters (4 + D,) of a lens: px, ratio, px, px, coefficients."""
    K = intrinsics.K
    return np.concatenate([[K[0, 0], K[1, 1] / K[0, 0], K[0, 2], K[1, 2]], intrinsics.dist])


def with_lens(intrinsics: Intrinsics, lens: FloatArray) -> Intrinsics:
    """Return the intrinsics with these parameters; size, model and skew stay."""
    K = intrinsics.K.copy()
    K[0, 0], K[1, 1] = lens[FOCAL], lens[FOCAL] * lens[ASPECT]
    K[0, 2], K[1, 2] = lens[CENTRE_X], lens[CENTRE_Y]
    return replace(intrinsics, K=K, dist=lens[DISTORTION:].copy())


@dataclass(frozen=True)
class Projected:
    """Pixels of rays, with derivatives; ... are the axes of the rays.

    Attributes
    ----------
    pixels : (2, ...)
    by_ray : ((..., ...), (..., ...))
        d(u, v) / d(x, y), px: ((du/dx, du/dy), (dv/dx, dv/dy)).
    by_lens : (4 + D, 2, ...)
        d(u, v) by each parameter of the lens.
    """

    pixels: FloatArray
    by_ray: tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
    by_lens: FloatArray


def project_rays(intrinsics: Intrinsics, x: FloatArray, y: FloatArray) -> Projected:
    """Project normalised coordinates x and y (...), with the derivatives.

    Arrays have the parameters in front: each is then written in one sweep.
    """
    fx, fy, skew = intrinsics.K[0, 0], intrinsics.K[1, 1], intrinsics.K[0, 1]
    out = np.zeros((4 + intrinsics.dist.shape[0], 2, *x.shape))
    distort = _fisheye if intrinsics.model == "fisheye" else _pinhole
    # The distorted coordinates' derivatives by the coefficients are written into ``out`` first.
    xd, yd, dxx, dxy, dyy = distort(intrinsics.dist, x, y, out[DISTORTION:])
    out[DISTORTION:, 0] *= fx
    if skew != 0.0:
        out[DISTORTION:, 0] += skew * out[DISTORTION:, 1]
    out[DISTORTION:, 1] *= fy
    out[FOCAL, 0] = xd
    out[FOCAL, 1] = (fy / fx) * yd
    out[ASPECT, 1] = fx * yd
    out[CENTRE_X, 0] = 1.0
    out[CENTRE_Y, 1] = 1.0
    pixels = np.stack([fx * xd + skew * yd + intrinsics.K[0, 2], fy * yd + intrinsics.K[1, 2]])
    by_ray = ((fx * dxx + skew * dxy, fx * dxy + skew * dyy), (fy * dxy, fy * dyy))
    return Projected(pixels, by_ray, out)


_Distorted = tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]


def _pinhole(dist: FloatArray, x: FloatArray, y: FloatArray, by_dist: FloatArray) -> _Distorted:
    """Distorted coordinates and their symmetric Jacobian (xx, xy, yy); fills ``by_dist`` (D, 2, ...)."""
    k1, k2, p1, p2, k3 = dist[:5]
    xy = x * y
    xx, yy = x * x, y * y
    s = xx + yy
    radial = 1.0 + s * (k1 + s * (k2 + s * k3))
    slope = k1 + s * (2 * k2 + s * 3 * k3)
    unit_x, unit_y = x, y
    if dist.shape[0] == 8:
        k4, k5, k6 = dist[5:8]
        below = 1.0 + s * (k4 + s * (k5 + s * k6))
        radial = radial / below
        slope = (slope - radial * (k4 + s * (2 * k5 + s * 3 * k6))) / below
        unit_x, unit_y = x / below, y / below
    for first, factor in ((0, 1.0), (5, -radial))[: 2 if dist.shape[0] == 8 else 1]:
        along_x, along_y = unit_x * factor, unit_y * factor
        for index in (0, 1, 4) if first == 0 else (5, 6, 7):
            along_x, along_y = along_x * s, along_y * s
            by_dist[index, 0], by_dist[index, 1] = along_x, along_y
    across_x, across_y = s + 2 * xx, s + 2 * yy
    by_dist[2, 0], by_dist[2, 1] = 2 * xy, across_y
    by_dist[3, 0], by_dist[3, 1] = across_x, 2 * xy
    xd = x * radial + 2 * p1 * xy + p2 * across_x
    yd = y * radial + p1 * across_y + 2 * p2 * xy
    dxx = radial + 2 * xx * slope + 2 * p1 * y + 6 * p2 * x
    dxy = 2 * xy * slope + 2 * p1 * x + 2 * p2 * y
    dyy = radial + 2 * yy * slope + 6 * p1 * y + 2 * p2 * x
    return xd, yd, dxx, dxy, dyy


def _fisheye(dist: FloatArray, x: FloatArray, y: FloatArray, by_dist: FloatArray) -> _Distorted:
    """As ``_pinhole``, for Kannala and Brandt's model."""
    s = x * x + y * y
    r = np.maximum(np.sqrt(s), SMALL_RADIUS)
    theta = np.arctan(r)
    theta2 = theta * theta
    near = s < SMALL_RADIUS**2
    poly = 1.0 + theta2 * (dist[0] + theta2 * (dist[1] + theta2 * (dist[2] + theta2 * dist[3])))
    grow = 1.0 + theta2 * (3 * dist[0] + theta2 * (5 * dist[1] + theta2 * (7 * dist[2] + theta2 * 9 * dist[3])))
    theta_d = theta * poly
    centre = dist[0] - 1.0 / 3.0
    scale = np.where(near, 1.0 + centre * s, theta_d / r)
    slope = np.where(near, centre, (grow / (1.0 + r * r) * r - theta_d) / (2.0 * r**3))
    # At the very centre the coefficients move nothing; the first power of theta^2 is s itself there.
    power = np.where(near, 1.0, theta / r)
    step = np.where(near, s, theta2)
    for index in range(4):
        power = power * step
        by_dist[index, 0], by_dist[index, 1] = x * power, y * power
    cross = 2 * x * y * slope
    return x * scale, y * scale, scale + 2 * x * x * slope, cross, scale + 2 * y * y * slope
