"""The equations of the lens models, with all their derivatives: their one home.

Rays are normalised coordinates (x, y) = (X / Z, Y / Z); ``s`` is their squared radius. The pinhole model is
OpenCV's (k1, k2, p1, p2, k3[, k4, k5, k6]), the fisheye Kannala and Brandt's (IEEE TPAMI 2006) as in
``cv2.fisheye`` (k1..k4). Both move a ray along its own radius by a factor of ``s``; the pinhole's p1 and p2
besides across it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from calibration.transforms import FloatArray

CameraModel = Literal["pinhole", "fisheye"]

# Below this radius the fisheye model is replaced by its series, which is exact there to 1e-12.
SMALL_RADIUS = 1e-3


def radial(model: CameraModel, dist: FloatArray, s: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Ratio of distorted to undistorted radius, and its derivative by ``s``: of the shape of ``s`` (...)."""
    if model == "fisheye":
        r = np.maximum(np.sqrt(s), SMALL_RADIUS)
        theta = np.arctan(r)
        t = theta * theta
        k1, k2, k3, k4 = dist
        theta_d = theta * (1.0 + t * (k1 + t * (k2 + t * (k3 + t * k4))))
        grow = 1.0 + t * (3 * k1 + t * (5 * k2 + t * (7 * k3 + t * 9 * k4)))
        near = s < SMALL_RADIUS**2
        centre = k1 - 1.0 / 3.0
        scale = np.where(near, 1.0 + centre * s, theta_d / r)
        return scale, np.where(near, centre, (grow / (1.0 + r * r) * r - theta_d) / (2.0 * r**3))
    k1, k2, _, _, k3 = dist[:5]
    scale = 1.0 + s * (k1 + s * (k2 + s * k3))
    slope = k1 + s * (2 * k2 + s * 3 * k3)
    if dist.shape[0] == 8:
        k4, k5, k6 = dist[5:]
        below = 1.0 + s * (k4 + s * (k5 + s * k6))
        scale = scale / below
        slope = (slope - scale * (k4 + s * (2 * k5 + s * 3 * k6))) / below
    return scale, slope


def distort(model: CameraModel, dist: FloatArray, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Distorted coordinates (...) of rays x, y (...)."""
    s = x * x + y * y
    scale, _ = radial(model, dist, s)
    return _moved(model, dist, x, y, s, scale)


def distort_derivatives(
    model: CameraModel, dist: FloatArray, x: FloatArray, y: FloatArray, by_dist: FloatArray | None = None
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Distorted coordinates of rays x, y (...), and their derivatives.

    Parameters
    ----------
    by_dist : (D, 2, ...), optional
        Filled with the derivatives by the coefficients; must be zero before.

    Returns
    -------
    xd, yd : (...)
    dxx, dxy, dyy : (...)
        By the ray; the matrix is symmetric.
    """
    s = x * x + y * y
    scale, slope = radial(model, dist, s)
    xd, yd = _moved(model, dist, x, y, s, scale)
    along = 2.0 * slope
    dxx, dxy, dyy = scale + along * x * x, along * x * y, scale + along * y * y
    if model == "pinhole":
        p1, p2 = dist[2], dist[3]
        dxx = dxx + 2 * p1 * y + 6 * p2 * x
        dxy = dxy + 2 * p1 * x + 2 * p2 * y
        dyy = dyy + 6 * p1 * y + 2 * p2 * x
    if by_dist is not None:
        _fill_by_coefficients(model, dist, x, y, s, scale, by_dist)
    return xd, yd, dxx, dxy, dyy


def max_radius(model: CameraModel, dist: FloatArray) -> float:
    """Largest radius up to which the radial distortion grows; may be infinite.

    Beyond it the polynomial turns back (or has a pole), and points far outside the view would be projected into
    the picture.
    """
    if model == "fisheye":
        theta = np.sqrt(_smallest_positive_root(np.concatenate([[1.0], dist * [3, 5, 7, 9]])))
        return float(np.tan(theta)) if theta < np.pi / 2 else np.inf
    k1, k2, _, _, k3 = dist[:5]
    # The derivative of r above(r^2) by r is above + 2 s above', in powers of s.
    growth = np.array([1.0, 3 * k1, 5 * k2, 7 * k3])
    if dist.shape[0] == 5:
        return float(np.sqrt(_smallest_positive_root(growth)))
    above, below = np.array([1.0, k1, k2, k3]), np.concatenate([[1.0], dist[5:]])
    # The sign of that of r above / below: growth below - 2 s above below'.
    sign = np.convolve(growth, below) - np.convolve(above, 2 * np.arange(4) * below)
    return float(np.sqrt(min(_smallest_positive_root(sign), _smallest_positive_root(below))))


def _moved(
    model: CameraModel, dist: FloatArray, x: FloatArray, y: FloatArray, s: FloatArray, scale: FloatArray
) -> tuple[FloatArray, FloatArray]:
    xd, yd = x * scale, y * scale
    if model == "pinhole":
        p1, p2 = dist[2], dist[3]
        cross = 2 * x * y
        xd = xd + p1 * cross + p2 * (s + 2 * x * x)
        yd = yd + p1 * (s + 2 * y * y) + p2 * cross
    return xd, yd


def _fill_by_coefficients(
    model: CameraModel,
    dist: FloatArray,
    x: FloatArray,
    y: FloatArray,
    s: FloatArray,
    scale: FloatArray,
    by_dist: FloatArray,
) -> None:
    if model == "fisheye":
        r = np.maximum(np.sqrt(s), SMALL_RADIUS)
        theta = np.arctan(r)
        near = s < SMALL_RADIUS**2
        # At the very centre the coefficients move nothing; the first power of theta^2 is s itself there.
        power = np.where(near, 1.0, theta / r)
        step = np.where(near, s, theta * theta)
        for index in range(4):
            power = power * step
            by_dist[index, 0], by_dist[index, 1] = x * power, y * power
        return
    unit_x, unit_y = x, y
    if dist.shape[0] == 8:
        below = 1.0 + s * (dist[5] + s * (dist[6] + s * dist[7]))
        unit_x, unit_y = x / below, y / below
        _fill_powers(unit_x * -scale, unit_y * -scale, s, (5, 6, 7), by_dist)
    _fill_powers(unit_x, unit_y, s, (0, 1, 4), by_dist)
    cross = 2 * x * y
    by_dist[2, 0], by_dist[2, 1] = cross, s + 2 * y * y
    by_dist[3, 0], by_dist[3, 1] = s + 2 * x * x, cross


def _fill_powers(
    along_x: FloatArray, along_y: FloatArray, s: FloatArray, rows: tuple[int, ...], by_dist: FloatArray
) -> None:
    """Fill the rows with s, s^2, s^3... along a direction."""
    for row in rows:
        along_x, along_y = along_x * s, along_y * s
        by_dist[row, 0], by_dist[row, 1] = along_x, along_y


def _smallest_positive_root(coefficients: FloatArray) -> float:
    """Smallest positive real root of a polynomial, lowest power first; infinite if there is none."""
    # Where no coefficient can bring the value down from its positive start there is none.
    if (coefficients[1:] >= 0).all():
        return np.inf
    roots = np.roots(coefficients[::-1])
    real = roots.real[(np.abs(roots.imag) < 1e-9 * (1.0 + np.abs(roots))) & (roots.real > 0)]
    return float(real.min()) if real.size else np.inf
