"""Least squares for many points at once, on arrays whose last axis is the points.

All sums over the views of one point are linear in a few monomials of its image coordinates, with coefficients
that depend on the camera only; one matrix product makes them (``Geometry.quadratic``). What is left per
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
# Entries of such a triangle whose products make the cofactors, in the same order; and the lower two rows.
FIRST, SECOND = np.array([3, 2, 1, 0, 1, 0]), np.array([5, 4, 4, 5, 2, 3])
THIRD, FOURTH = np.array([4, 1, 2, 2, 0, 1]), np.array([4, 5, 3, 2, 4, 1])
ROW_1, ROW_2 = np.array([1, 3, 4]), np.array([2, 4, 5])
# Rounding leaves a determinant of about 1e-16 of the trace cubed where the system is singular.
SINGULAR = 1e-13
# Without a view whose share of the noise is known this badly, nothing can be predicted for it.
UNPREDICTABLE = 1e-6


@dataclass(frozen=True)
class Geometry:
    """Where the cameras stand.

    Attributes
    ----------
    rotation : (C 3, 3)
    shift : (C, 3, 1)
        Camera from world, the world's origin at ``origin``, m.
    quadratic : (9, C 6)
        From six weighted monomials a camera to the entries ``PAIRS`` of the normal matrix.
    back : (3, C 3)
        From the gradient by the projection to that by the point.
    spread : (C 6, 6)
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
    rays : (C, 2, M)
        Undistorted normalised coordinates.
    weight : (C, 3, M)
        Their inverse covariance: xx, xy, yy.
    """

    rays: Array
    weight: Array

    @property
    def counted(self) -> Array:
        """Which views count (C, M) bool."""
        return self.weight[:, 0] > 0

    def pick(self, points: Array) -> Views:
        """Only some of the points, by index."""
        return Views(self.rays[..., points], self.weight[..., points])

    def masked(self, kept: Array) -> Views:
        """Only the views that are kept (C, M)."""
        return Views(self.rays, self.weight * kept[:, None])


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
    rays : (C, 2, M)
        The points' normalised coordinates in every camera.
    depth : (C, M)
        m
    """

    chi_sq: Array
    without: Array
    inverse: Array
    rays: Array
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
    return Geometry(
        rotation.reshape(-1, 3),
        shift,
        np.ascontiguousarray(np.moveaxis(quadratic, 0, 1)).reshape(len(PAIRS), -1),
        np.ascontiguousarray(np.moveaxis(back, 0, 1)).reshape(3, -1),
        spread.reshape(-1, SYMMETRIC),
        centre - origin,
        origin,
    )


def solve3(xp: Namespace, matrix: Array, vector: Array) -> tuple[Array, Array]:
    """Solve symmetric systems by cofactors: upper triangles (6, M), right sides (3, M).

    Returns the solutions (3, M) and the upper triangles of the inverses (6, M); NaN where singular.
    """
    cofactor = matrix[FIRST] * matrix[SECOND] - matrix[THIRD] * matrix[FOURTH]
    expansion = matrix[:3] * cofactor[:3]
    det = expansion[0] + expansion[1] + expansion[2]
    trace = matrix[0] + matrix[3] + matrix[5]
    inverse = cofactor / xp.where(det > SINGULAR * trace * trace * trace, det, xp.nan)
    solution = inverse[:3] * vector[0] + inverse[ROW_1] * vector[1] + inverse[ROW_2] * vector[2]
    return solution, inverse


def _normal(geometry: Geometry, rows: int, rays: Array, weight: Array, room: Array) -> Array:
    """First ``rows`` entries of the normal matrix summed over the views (rows, M); ``room`` is (C, 6, M)."""
    _monomials(rays, weight, room)
    return geometry.quadratic[:rows] @ _flat(room)


def _flat(values: Array) -> Array:
    """(C, R, M) as (C R, M)."""
    return values.reshape(values.shape[0] * values.shape[1], values.shape[2])


def _monomials(rays: Array, weight: Array, room: Array) -> None:
    room[:, 3:] = weight
    room[:, 1:3] = weight[:, :2] * rays[:, :1] + weight[:, 1:] * rays[:, 1:]
    square = room[:, 1:3] * rays
    room[:, 0] = square[:, 0] + square[:, 1]


def _room(xp: Namespace, views: Views, rows: int) -> Array:
    """Memory to work in (C, rows, M)."""
    shape = (views.rays.shape[0], rows, views.rays.shape[2])
    return np.empty(shape) if xp is np else views.rays.new_empty(shape)


def linear(xp: Namespace, geometry: Geometry, views: Views, steps: int) -> Array:
    """Weighted linear start (3, M).

    Inhomogeneous DLT on undistorted rays; the weights follow the depth found by the step before, so that
    errors count in the image ("Iterative-LS", Hartley and Sturm, "Triangulation", CVIU 1997, section 5.2).
    """
    weight, room = views.weight, _room(xp, views, SYMMETRIC)
    point: Array = None
    for step in range(steps):
        if step:
            weight = _by_depth(xp, geometry, views, point)
        entries = _normal(geometry, len(PAIRS), views.rays, weight, room)
        point, _ = solve3(xp, entries[:SYMMETRIC], -entries[SYMMETRIC:])
    return point


def linear_without(
    xp: Namespace, geometry: Geometry, views: Views, point: Array, left_out: Sequence[Array]
) -> list[Array]:
    """Linear solutions (3, M) without some views, which are taken out of the sums over all.

    ``left_out`` are masks (C, M) bool; the weights follow the depth of ``point``.
    """
    room = _room(xp, views, SYMMETRIC)
    _monomials(views.rays, _by_depth(xp, geometry, views, point), room)
    total = geometry.quadratic @ _flat(room)
    found = []
    for mask in left_out:
        entries = total - geometry.quadratic @ _flat(room * mask[:, None])
        found.append(solve3(xp, entries[:SYMMETRIC], -entries[SYMMETRIC:])[0])
    return found


def _by_depth(xp: Namespace, geometry: Geometry, views: Views, point: Array) -> Array:
    """Weights over the squared depth of points (C, 3, M)."""
    depth = geometry.rotation[2::3] @ point + geometry.shift[:, 2]
    squared = depth * depth
    return views.weight / xp.where(squared > 1e-4, squared, 1e-4)[:, None]


def _project(geometry: Geometry, point: Array) -> tuple[Array, Array, Array]:
    """Normalised coordinates (C, 2, M), inverse depth and depth (C, M) of points (3, M) in every camera."""
    local = (geometry.rotation @ point).reshape(geometry.shift.shape[0], 3, point.shape[1])
    local += geometry.shift
    inverse = 1.0 / local[:, 2]
    return local[:, :2] * inverse[:, None], inverse, local[:, 2]


def gauss_newton(
    xp: Namespace, geometry: Geometry, views: Views, point: Array, widths: Sequence[float | None]
) -> tuple[Array, Array]:
    """Refine points (3, M) on the reprojection error, one step a width.

    ``widths`` are those of Cauchy weights in units of the stated noise (Holland and Welsch, "Robust regression
    using iteratively reweighted least-squares", 1977); None is plain least squares. Returns the points and the
    squared length of the last step in standard deviations (M,).
    """
    moved: Array = None
    room, slopes = _room(xp, views, SYMMETRIC), _room(xp, views, 3)
    for width in widths:
        rays, closeness, _ = _project(geometry, point)
        error = rays - views.rays
        pull = views.weight[:, :2] * error[:, :1] + views.weight[:, 1:] * error[:, 1:]
        scale = closeness
        if width is not None:
            square = pull * error
            scale = closeness / (1.0 + (square[:, 0] + square[:, 1]) * (1.0 / width**2))
        slopes[:, :2] = pull * scale[:, None]
        square = slopes[:, :2] * rays
        slopes[:, 2] = square[:, 0] + square[:, 1]
        entries = _normal(geometry, SYMMETRIC, rays, views.weight * (scale * closeness)[:, None], room)
        slope = geometry.back @ _flat(slopes)
        step, _ = solve3(xp, entries, slope)
        moved = (step * slope).sum(axis=0)
        point = point - xp.where(xp.isfinite(moved), step, 0.0)
    return point, moved


def errors(xp: Namespace, geometry: Geometry, views: Views, point: Array) -> Array:
    """``Fit.chi_sq`` alone (C, M)."""
    rays, _, depth = _project(geometry, point)
    return _chi_sq(xp, views, rays - views.rays, depth)


def _chi_sq(xp: Namespace, views: Views, error: Array, depth: Array) -> Array:
    square = (views.weight[:, :2] * error[:, :1] + views.weight[:, 1:] * error[:, 1:]) * error
    chi_sq = square[:, 0] + square[:, 1]
    return xp.where(views.counted & ~((depth > 0) & (chi_sq < xp.inf)), xp.inf, chi_sq)


def judge(xp: Namespace, geometry: Geometry, views: Views, point: Array) -> Fit:
    """How well the views agree with the points, and what each view alone is responsible for.

    The fall of the error without a view follows from its leverage, without solving again (Cook and Weisberg,
    "Residuals and Influence in Regression", 1982, section 2.2): with the point's covariance S and the view's
    Jacobian J and noise V it is r' (V - J S J')^-1 r.
    """
    rays, closeness, depth = _project(geometry, point)
    error = rays - views.rays
    chi_sq = _chi_sq(xp, views, error, depth)
    square = closeness * closeness
    room = _room(xp, views, SYMMETRIC)
    entries = _normal(geometry, SYMMETRIC, rays, views.weight * square[:, None], room)
    _, inverse = solve3(xp, entries, entries[:3])
    # The point's covariance in each camera's axes.
    cov = (geometry.spread @ inverse).reshape(geometry.shift.shape[0], SYMMETRIC, inverse.shape[1])
    px, py = rays[:, 0], rays[:, 1]
    cross = cov[:, ROW_2[:2]] - rays * cov[:, 5:]  # its entries xz and yz, from the ray
    s11 = cov[:, 0] - px * (cov[:, 2] + cross[:, 0])
    s22 = cov[:, 3] - py * (cov[:, 4] + cross[:, 1])
    s12 = cov[:, 1] - px * cov[:, 4] - py * cross[:, 0]
    weight = views.weight
    counted = views.counted
    own = 1.0 / xp.where(counted, weight[:, 0] * weight[:, 2] - weight[:, 1] * weight[:, 1], 1.0)
    e11, e12, e22 = (
        weight[:, 2] * own - s11 * square,
        -weight[:, 1] * own - s12 * square,
        weight[:, 0] * own - s22 * square,
    )
    det = e11 * e22 - e12 * e12
    rx, ry = error[:, 0], error[:, 1]
    without = (e22 * rx * rx - 2.0 * e12 * rx * ry + e11 * ry * ry) / det
    without = xp.where(counted & (det > UNPREDICTABLE * own), without, chi_sq)
    without = xp.where(chi_sq < xp.inf, without, xp.inf)
    return Fit(chi_sq, without, inverse, rays, depth)
