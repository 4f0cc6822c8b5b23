"""The lens as unknowns: pixels with their derivatives by the ray, for poses and points, and by the lens.

A lens is a vector (f, aspect, cx, cy, distortion...): fx = f and fy = aspect * f. So the pixel's shape, which
a sensor's maker guarantees, can be held while the focal length is free. The equations are those of
``calibration.lens``; the camera's tests pin them to OpenCV.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from calibration.camera import Intrinsics
from calibration.lens import distort_derivatives
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
    # The distorted coordinates' derivatives by the coefficients are written into ``out`` first.
    xd, yd, dxx, dxy, dyy = distort_derivatives(intrinsics.model, intrinsics.dist, x, y, out[DISTORTION:])
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
