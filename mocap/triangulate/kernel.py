"""Least squares for many points at once, on arrays whose last axis is the points.

All sums over the views of one point are linear in a few monomials of its image coordinates, with coefficients
that depend on the camera only; a matrix product a camera makes them (``Geometry.quadratic``). What is left per
view are some fifty multiplications, so that the cost is linear in views and points.

Written for numpy and for torch: ``xp`` is the one or the other, and only functions that both spell alike are
used. The world's origin is moved between the cameras, so that large coordinates cost no figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.camera import CameraRig
from mocap.triangulate.lens import Array, Namespace

# The upper triangle of a symmetric 3x3 matrix, then the last column of the 4x4 one.
PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2), (0, 3), (1, 3), (2, 3))
SYMMETRIC = 6
# Rounding leaves a determinant of about 1e-16 of the trace cubed where the system is singular.
SINGULAR = 1e-13
# Without a view whose share of the noise is known this badly, nothing can be predicted for it.
UNPREDICTABLE = 1e-6


@dataclass(frozen=True)
class Geometry:
    """Where the cameras stand.

    Attributes
    ----------
    rotation : (C, 3, 3)
    shift : (C, 3, 1)
        Camera from world, the world's origin at ``origin``, m.
    quadratic : (C, 9, 6)
        From six weighted monomials to the entries ``PAIRS`` of the normal matrix.
    back : (C, 3, 3)
        From the gradient by the projection to that by the point.
    spread : (C, 6, 6)
        From a covariance of the point (upper triangle) to that in the camera's axes.
    centre : (C, 3, 1)
        Camera centres, m.
    origin : (3, 1)
        In the world, m.
    """

    rotation: Array
    shift: Array
    quadratic: Array
    back: Array
    spread: Array
    centre: Array
    origin: Array


@dataclass(frozen=True)
class Views:
    """What C cameras saw of M points: rays and their information; zero where a view does not count.

    Attributes
    ----------
    x, y : (C, M)
        Undistorted normalised coordinates.
    w11, w12, w22 : (C, M)
        Inverse covariance of these.
    """

    x: Array
    y: Array
    w11: Array
    w12: Array
    w22: Array

    @property
    def counted(self) -> Array:
        """Which views count (C, M) bool."""
        return self.w11 > 0

    def pick(self, points: Array) -> Views:
        """Only some of the points, by index."""
        return Views(*(part[:, points] for part in (self.x, self.y, self.w11, self.w12, self.w22)))

    def masked(self, kept: Array) -> Views:
        """Only the views that are kept (C, M)."""
        return Views(self.x, self.y, self.w11 * kept, self.w12 * kept, self.w22 * kept)


@dataclass(frozen=True)
class Fit:
    """How views agree with points.

    Attributes
    ----------
    chi_sq : (C, M)
        Squared error of each view in units of its stated noise; 0 where it does not count, infinite
        behind the camera.
    without : (C, M)
        What the sum of all ``chi_sq`` would fall by without the view; it follows the chi-squared
        distribution of two degrees of freedom where the noise is as stated.
    inverse : (6, M)
        Inverse of the normal matrix, upper triangle, m^2.
    px, py : (C, M)
        The points' normalised coordinates in every camera.
    depth : (C, M)
        m
    """

    chi_sq: Array
    without: Array
    inverse: Array
    px: Array
    py: Array
    depth: Array


def geometry_of(rig: CameraRig) -> Geometry:
    """Prepare a rig, in numpy."""
    pose = rig.cam_from_world[:, :3]
    rotation = pose[:, :, :3]
    centre = np.stack([camera.centre for camera in rig.cameras])[..., None]
    origin = centre.mean(axis=0)
    shift = pose[:, :, 3:] + rotation @ origin
    p = np.concatenate([rotation, shift], axis=2)

    def product(i: int, j: int) -> Array:
        outer = p[:, i, :, None] * p[:, j, None, :]
        outer = outer if i == j else outer + np.swapaxes(outer, 1, 2)
        return np.stack([outer[:, a, b] for a, b in PAIRS], axis=1)

    quadratic = np.stack(
        [product(2, 2), -product(2, 0), -product(2, 1), product(0, 0), product(0, 1), product(1, 1)], axis=2
    )
    back = np.swapaxes(rotation, 1, 2) * np.array([1.0, 1.0, -1.0])
    spread = np.empty((len(rig.cameras), SYMMETRIC, SYMMETRIC))
    for row, (i, j) in enumerate(PAIRS[:SYMMETRIC]):
        for column, (a, b) in enumerate(PAIRS[:SYMMETRIC]):
            both = rotation[:, i, a] * rotation[:, j, b]
            spread[:, row, column] = both if a == b else both + rotation[:, i, b] * rotation[:, j, a]
    return Geometry(rotation, shift, quadratic, np.ascontiguousarray(back), spread, centre - origin, origin)


def solve3(xp: Namespace, matrix: Array, vector: Array) -> tuple[Array, Array]:
    """Solve symmetric systems by cofactors: upper triangles (6, M), right sides (3, M).

    Returns the solutions (3, M) and the upper triangles of the inverses (6, M); NaN where singular.
    """
    a, b, c, d, e, f = (matrix[i] for i in range(SYMMETRIC))
    c00, c01, c02 = d * f - e * e, c * e - b * f, b * e - c * d
    det = a * c00 + b * c01 + c * c02
    trace = a + d + f
    scale = 1.0 / xp.where(det > SINGULAR * trace * trace * trace, det, xp.nan)
    inverse = xp.stack([c00, c01, c02, a * f - c * c, b * c - a * e, a * d - b * b])
    inverse *= scale
    g, h, k = vector[0], vector[1], vector[2]
    i00, i01, i02, i11, i12, i22 = (inverse[i] for i in range(SYMMETRIC))
    solution = xp.stack([i00 * g + i01 * h + i02 * k, i01 * g + i11 * h + i12 * k, i02 * g + i12 * h + i22 * k])
    return solution, inverse


def _normal(
    xp: Namespace, geometry: Geometry, rows: int, x: Array, y: Array, weights: tuple[Array, Array, Array]
) -> Array:
    """First ``rows`` entries of the normal matrix summed over the views (rows, M)."""
    a, b, c = weights
    u, v = a * x + b * y, b * x + c * y
    monomials = xp.stack([u * x + v * y, u, v, a, b, c], axis=1)
    return (geometry.quadratic[:, :rows] @ monomials).sum(axis=0)


def linear(xp: Namespace, geometry: Geometry, views: Views, steps: int) -> Array:
    """Weighted linear start (3, M).

    Inhomogeneous DLT on undistorted rays; the weights follow the depth found by the step before, so that
    errors count in the image ("Iterative-LS", Hartley and Sturm, "Triangulation", CVIU 1997, section 5.2).
    """
    weights = (views.w11, views.w12, views.w22)
    point: Array = None
    for step in range(steps):
        if step:
            depth = geometry.rotation[:, 2] @ point + geometry.shift[:, 2]
            squared = depth * depth
            closeness = 1.0 / xp.where(squared > 1e-4, squared, 1e-4)
            weights = (views.w11 * closeness, views.w12 * closeness, views.w22 * closeness)
        entries = _normal(xp, geometry, len(PAIRS), views.x, views.y, weights)
        point, _ = solve3(xp, entries[:SYMMETRIC], -entries[SYMMETRIC:])
    return point


def _project(xp: Namespace, geometry: Geometry, point: Array) -> tuple[Array, Array, Array, Array]:
    """Normalised coordinates, inverse depth and depth (C, M) of points (3, M) in every camera."""
    local = geometry.rotation @ point
    depth = local[:, 2] + geometry.shift[:, 2]
    inverse = 1.0 / depth
    return (
        (local[:, 0] + geometry.shift[:, 0]) * inverse,
        (local[:, 1] + geometry.shift[:, 1]) * inverse,
        inverse,
        depth,
    )


def gauss_newton(
    xp: Namespace, geometry: Geometry, views: Views, point: Array, widths: Sequence[float | None]
) -> tuple[Array, Array]:
    """Refine points (3, M) on the reprojection error, one step a width.

    ``widths`` are those of Cauchy weights in units of the stated noise (Holland and Welsch, "Robust regression
    using iteratively reweighted least-squares", 1977); None is plain least squares. Returns the points and the
    squared length of the last step in standard deviations (M,).
    """
    moved: Array = None
    for width in widths:
        px, py, closeness, _ = _project(xp, geometry, point)
        rx, ry = px - views.x, py - views.y
        gx = views.w11 * rx + views.w12 * ry
        gy = views.w12 * rx + views.w22 * ry
        scale = closeness if width is None else closeness / (1.0 + (gx * rx + gy * ry) * (1.0 / width**2))
        gx *= scale
        gy *= scale
        scale = scale * closeness
        entries = _normal(
            xp, geometry, SYMMETRIC, px, py, (views.w11 * scale, views.w12 * scale, views.w22 * scale)
        )
        slope = (geometry.back @ xp.stack([gx, gy, gx * px + gy * py], axis=1)).sum(axis=0)
        step, _ = solve3(xp, entries, slope)
        moved = (step * slope).sum(axis=0)
        point = point - xp.where(xp.isfinite(moved), step, 0.0)
    return point, moved


def judge(xp: Namespace, geometry: Geometry, views: Views, point: Array) -> Fit:
    """How well the views agree with the points, and what each view alone is responsible for.

    The fall of the error without a view follows from its leverage, without solving again (Cook and Weisberg,
    "Residuals and Influence in Regression", 1982, section 2.2): with the point's covariance S and the view's
    Jacobian J and noise V it is r' (V - J S J')^-1 r.
    """
    px, py, closeness, depth = _project(xp, geometry, point)
    rx, ry = px - views.x, py - views.y
    square = closeness * closeness
    entries = _normal(
        xp, geometry, SYMMETRIC, px, py, (views.w11 * square, views.w12 * square, views.w22 * square)
    )
    _, inverse = solve3(xp, entries, entries[:3])
    cov = geometry.spread @ inverse  # the point's covariance in each camera's axes (C, 6, M)
    c02, c12, c22 = cov[:, 2], cov[:, 4], cov[:, 5]
    s11 = (cov[:, 0] + px * (px * c22 - 2.0 * c02)) * square
    s12 = (cov[:, 1] + px * (py * c22 - c12) - py * c02) * square
    s22 = (cov[:, 3] + py * (py * c22 - 2.0 * c12)) * square
    counted = views.counted
    own = views.w11 * views.w22 - views.w12 * views.w12
    per_own = 1.0 / xp.where(counted, own, 1.0)
    e11, e12, e22 = views.w22 * per_own - s11, -views.w12 * per_own - s12, views.w11 * per_own - s22
    det = e11 * e22 - e12 * e12
    chi_sq = views.w11 * rx * rx + 2.0 * views.w12 * rx * ry + views.w22 * ry * ry
    without = (e22 * rx * rx - 2.0 * e12 * rx * ry + e11 * ry * ry) / det
    without = xp.where(det > UNPREDICTABLE * per_own, without, chi_sq)
    wrong = counted & ~((depth > 0) & (chi_sq < xp.inf))
    chi_sq = xp.where(wrong, xp.inf, chi_sq)
    without = xp.where(wrong, xp.inf, xp.where(counted, without, 0.0))
    return Fit(chi_sq, without, inverse, px, py, depth)
