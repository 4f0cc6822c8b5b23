"""Pose of a flat target in many pictures at once: homographies, both solutions of planar PnP, refinement.

Everything is batched over N pictures, because a session holds tens of thousands of them: one call of
``cv2.solvePnPGeneric`` each would take longer than the bundle adjustment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.bundle.rotations import exp
from calibration.camera import NEAREST_DEPTH_M, Intrinsics
from calibration.transforms import FloatArray

BoolArray = NDArray[np.bool_]

# A homography has eight unknowns: four corners.
FEWEST_CORNERS = 4

# Corners whose spread across is less than this share of their spread along lie on a line, up to noise:
# such a picture says nothing about the turn about that line.
LEAST_SPREAD = 0.1

# Smaller last elements of a normalised homography are 0 up to rounding.
SMALLEST_LAST = 1e-12

# Refinement of a pose that starts near its optimum: more steps changed no pose of real boards by 1e-6 px.
REFINE_STEPS = 8

# Levenberg and Marquardt's damping, relative to the diagonal, of the first step.
FIRST_DAMPING = 1e-4

# A pose is done if a step lowers its squared error by less than this share, or if no step does.
LEAST_GAIN = 1e-7
MOST_DAMPING = 10.0


@dataclass(frozen=True)
class Poses:
    """The target's pose in N pictures.

    Attributes
    ----------
    cam_from_board : (N, 4, 4)
        Metres; NaN where there are too few corners.
    rms_px : (N,)
        Root mean square length of the reprojection errors, px.
    normal : (N, 6, 6)
        Information on (rotation in the camera's frame, rad; translation, m) for a noise of 1 px.
    """

    cam_from_board: FloatArray
    rms_px: FloatArray
    normal: FloatArray


def well_spread(points: FloatArray, seen: BoolArray) -> BoolArray:
    """Whether the corners seen (N, K) suffice for a pose: four or more, not on a line. Returns (N,)."""
    count = np.count_nonzero(seen, axis=1)
    centred = _centred(points[:, :2], seen)
    spread = np.linalg.eigvalsh(np.einsum("nki,nkj->nij", centred, centred))
    return np.asarray((count >= FEWEST_CORNERS) & (spread[:, 0] > LEAST_SPREAD**2 * spread[:, 1]))


def homographies(points: FloatArray, rays: FloatArray, seen: BoolArray) -> FloatArray:
    """Homographies from the target's plane to normalised coordinates.

    The normalised direct linear transform, Hartley and Zisserman, "Multiple View Geometry", 2nd edition,
    algorithm 4.2.

    Parameters
    ----------
    points : (N, K, 2)
        Corners on the target, m.
    rays : (N, K, 2)
        Undistorted normalised coordinates; not used where not seen.
    seen : (N, K)
        At least four per picture, not on a line.

    Returns
    -------
    (N, 3, 3) with a last element of 1.
    """
    source, source_scale, source_mean = _normalised(points, seen)
    target, target_scale, target_mean = _normalised(rays, seen)
    x, y = source[..., 0], source[..., 1]
    u, v = target[..., 0], target[..., 1]
    one, zero = seen.astype(np.float64), np.zeros(seen.shape)
    rows_u = np.stack([x, y, one, zero, zero, zero, -u * x, -u * y, -u], axis=-1)
    rows_v = np.stack([zero, zero, zero, x, y, one, -v * x, -v * y, -v], axis=-1)
    rows = np.concatenate([rows_u, rows_v], axis=1)
    _, vectors = np.linalg.eigh(np.swapaxes(rows, 1, 2) @ rows)
    inner = vectors[:, :, 0].reshape(-1, 3, 3)
    to_source = _similarity(source_scale, source_mean)
    from_target = _similarity(1.0 / target_scale, -target_mean * target_scale[:, None])
    found = from_target @ inner @ to_source
    # Four corners of which three lie on a line may give a last element of 0: such a map is of no use.
    last = found[:, 2:, 2:]
    return np.asarray(found / np.where(np.abs(last) > SMALLEST_LAST, last, SMALLEST_LAST))


def both_poses(points: FloatArray, rays: FloatArray, seen: BoolArray) -> FloatArray:
    """Both solutions of the pose of a flat target.

    Infinitesimal plane-based pose estimation, Collins and Bartoli, IJCV 2014, section 5: the homography's
    Jacobian at the corners' centroid gives two rotations that differ by the sign of the tilt against the
    line of sight. Of a small or distant target both reproject nearly alike.

    Parameters
    ----------
    points : (K, 3)
        Corners with z = 0, m.
    rays : (N, K, 2)
        Undistorted normalised coordinates.
    seen : (N, K)
        As ``homographies`` wants it.

    Returns
    -------
    (N, 2, 4, 4) cam_from_board, m.
    """
    centroid = _mean(np.broadcast_to(points[:, :2], rays.shape), seen)
    H = homographies(points[:, :2] - centroid[:, None], rays, seen)
    centre = H[:, :2, 2]
    J = H[:, :2, :2] - centre[:, :, None] * H[:, 2:, :2]
    towards = _turn_z_to(np.concatenate([centre, np.ones_like(centre[:, :1])], axis=1))
    # The line of sight turned to z: its perspective Jacobian, then the upper 2x2 of the rotation.
    B = towards[:, :2, :2] - centre[:, :, None] * towards[:, 2:, :2]
    A = np.linalg.solve(B, J)
    upper = A / np.linalg.norm(A, ord=2, axis=(1, 2))[:, None, None]
    rest = np.eye(2) - np.swapaxes(upper, 1, 2) @ upper
    below = np.sqrt(np.maximum(np.stack([rest[:, 0, 0], rest[:, 1, 1]], axis=1), 0.0))
    below[:, 1] *= np.where(rest[:, 0, 1] < 0, -1.0, 1.0)
    poses = np.zeros((len(rays), 2, 4, 4))
    poses[..., 3, 3] = 1.0
    for solution, sign in enumerate((1.0, -1.0)):
        columns = np.concatenate([upper, sign * below[:, None]], axis=1)
        columns = np.concatenate([columns, np.cross(columns[:, :, 0], columns[:, :, 1])[:, :, None]], axis=2)
        rotation = nearest_rotation(towards @ columns)
        poses[:, solution, :3, :3] = rotation
        poses[:, solution, :3, 3] = _translation(points, rays, seen, rotation)
    return poses


def pose_jacobian(intrinsics: Intrinsics, points: FloatArray, poses: FloatArray) -> tuple[FloatArray, ...]:
    """Project corners and differentiate by the pose.

    Parameters
    ----------
    points : (K, 3)
        Metres.
    poses : (N, 4, 4)
        cam_from_board, m.

    Returns
    -------
    pixels : (N, K, 2)
    jacobian : (N, K, 2, 6)
        By a rotation vector applied in the camera's frame about the target's origin, and the translation.
    rays : (N, K, 2)
    depth : (N, K)
        Metres; where it is not positive the rest means nothing.
    """
    turned = np.einsum("nij,kj->nki", poses[:, :3, :3], points)
    local = turned + poses[:, None, :3, 3]
    depth = local[..., 2]
    inverse = 1.0 / np.where(np.abs(depth) > NEAREST_DEPTH_M, depth, NEAREST_DEPTH_M)
    rays = local[..., :2] * inverse[..., None]
    by_ray = intrinsics.distort_jacobian(rays)
    by_point = np.empty((*depth.shape, 2, 3))
    by_point[..., :2] = by_ray * inverse[..., None, None]
    by_point[..., 2] = -np.einsum("nkij,nkj->nki", by_point[..., :2], rays)
    jacobian = np.empty((*depth.shape, 2, 6))
    # d(w x p) = -[p]x dw
    x, y, z = turned[..., 0, None], turned[..., 1, None], turned[..., 2, None]
    jacobian[..., 0] = by_point[..., 2] * y - by_point[..., 1] * z
    jacobian[..., 1] = by_point[..., 0] * z - by_point[..., 2] * x
    jacobian[..., 2] = by_point[..., 1] * x - by_point[..., 0] * y
    jacobian[..., 3:] = by_point
    return intrinsics.distort(rays), jacobian, rays, depth


def moved(poses: FloatArray, step: FloatArray) -> FloatArray:
    """Apply a step (N, 6) of ``pose_jacobian``'s parameters to poses (N, 4, 4)."""
    after = poses.copy()
    after[:, :3, :3] = exp(step[:, :3]) @ poses[:, :3, :3]  # a product of rotations is one to rounding
    after[:, :3, 3] += step[:, 3:]
    return after


def refine_poses(
    intrinsics: Intrinsics,
    points: FloatArray,
    xy: FloatArray,
    weight: FloatArray,
    poses: FloatArray,
    steps: int = REFINE_STEPS,
) -> Poses:
    """Move poses to the least weighted squares of the reprojection error, each on its own.

    Levenberg and Marquardt with the analytic Jacobian; a picture whose step makes it worse keeps its pose.

    Parameters
    ----------
    xy : (N, K, 2)
        Pixels; not used where the weight is 0.
    weight : (N, K)
        Weight of each corner; 0 where not seen.
    poses : (N, 4, 4)
        Start, m.
    """
    poses = poses.copy()
    damping = np.full(len(poses), FIRST_DAMPING)
    xy = np.where(weight[..., None] > 0, xy, 0.0)
    error, normal, gradient = _normal_equations(intrinsics, points, xy, weight, poses)
    active = np.arange(len(poses))
    for _ in range(steps):
        diagonal = np.einsum("nii->ni", normal[active])
        damped = normal[active] + np.eye(6) * (damping[active, None] * diagonal + 1e-12)[:, None, :]
        step = -np.linalg.solve(damped, gradient[active, :, None])[..., 0]
        trial = moved(poses[active], step)
        tried = _normal_equations(intrinsics, points, xy[active], weight[active], trial)
        better = tried[0] < error[active]
        # From behind the camera to before it counts as a large gain; so does a step that failed: try again.
        left = np.zeros(len(active))
        compared = better & np.isfinite(error[active])
        left[compared] = tried[0][compared] / np.maximum(error[active][compared], 1e-12)
        gain = 1.0 - left
        damping[active] *= np.where(better, 0.1, 10.0)
        taken = active[better]
        poses[taken] = trial[better]
        error[taken], normal[taken], gradient[taken] = (part[better] for part in tried)
        active = active[(gain > LEAST_GAIN) & (damping[active] < MOST_DAMPING)]
        if not len(active):
            break
    total = np.maximum(weight.sum(axis=1), 1e-12)
    return Poses(poses, np.sqrt(error / total), normal)


def solve_poses(
    intrinsics: Intrinsics, points: FloatArray, xy: FloatArray, seen: BoolArray
) -> tuple[Poses, Poses]:
    """Both solutions of the pose of a flat target in pictures, refined; the better one first.

    Parameters
    ----------
    points : (K, 3)
        Corners with z = 0, m.
    xy : (N, K, 2)
        Pixels; NaN where not seen.
    seen : (N, K)

    Returns
    -------
    better, worse : Poses
        NaN poses and an infinite error where the corners do not suffice (``well_spread``).
    """
    rays = intrinsics.undistort(np.where(seen[..., None], xy, np.nan))
    seen = seen & np.isfinite(rays).all(axis=-1)
    usable = well_spread(points, seen)
    pair = both_poses(points, rays[usable], seen[usable])
    weight = seen[usable].astype(np.float64)
    solved = [refine_poses(intrinsics, points, xy[usable], weight, pair[:, i]) for i in (0, 1)]
    second = solved[1].rms_px < solved[0].rms_px
    results = []
    for take in (second, ~second):
        poses = np.full((len(xy), 4, 4), np.nan)
        rms = np.full(len(xy), np.inf)
        normal = np.zeros((len(xy), 6, 6))
        poses[usable] = np.where(take[:, None, None], solved[1].cam_from_board, solved[0].cam_from_board)
        rms[usable] = np.where(take, solved[1].rms_px, solved[0].rms_px)
        normal[usable] = np.where(take[:, None, None], solved[1].normal, solved[0].normal)
        results.append(Poses(poses, rms, normal))
    return results[0], results[1]


def nearest_rotation(matrices: FloatArray) -> FloatArray:
    """The rotations (..., 3, 3) nearest to matrices, in the Frobenius norm."""
    u, _, vt = np.linalg.svd(matrices)
    u[..., :, 2] *= np.linalg.det(u @ vt)[..., None]
    return np.asarray(u @ vt)


def _normal_equations(
    intrinsics: Intrinsics, points: FloatArray, xy: FloatArray, weight: FloatArray, poses: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Sum of weighted squares (N,), J'WJ (N, 6, 6), J'Wr (N, 6); infinite sum where the target is behind."""
    pixels, jacobian, _, depth = pose_jacobian(intrinsics, points, poses)
    root = np.sqrt(weight)
    count, corners = weight.shape
    residual = ((pixels - xy) * root[..., None]).reshape(count, 2 * corners)
    rows = (jacobian * root[..., None, None]).reshape(count, 2 * corners, 6)
    transposed = np.swapaxes(rows, 1, 2)
    error = np.einsum("ni,ni->n", residual, residual)
    error[((depth <= NEAREST_DEPTH_M) & (weight > 0)).any(axis=1)] = np.inf
    return error, transposed @ rows, (transposed @ residual[..., None])[..., 0]


def _translation(points: FloatArray, rays: FloatArray, seen: BoolArray, rotation: FloatArray) -> FloatArray:
    """Translation (N, 3) that fits a rotation best: linear least squares of x z' - x' = 0, y z' - y' = 0."""
    turned = np.einsum("nij,kj->nki", rotation, points)
    w = seen.astype(np.float64)
    x, y = np.where(seen, rays[..., 0], 0.0), np.where(seen, rays[..., 1], 0.0)
    along = np.stack([turned[..., 2] * x - turned[..., 0], turned[..., 2] * y - turned[..., 1]], axis=-1)
    along *= w[..., None]
    A = np.zeros((len(rays), 3, 3))
    A[:, 0, 0] = A[:, 1, 1] = w.sum(axis=1)
    A[:, 0, 2] = A[:, 2, 0] = -x.sum(axis=1)
    A[:, 1, 2] = A[:, 2, 1] = -y.sum(axis=1)
    A[:, 2, 2] = (x * x + y * y).sum(axis=1)
    b = np.stack(
        [
            along[..., 0].sum(axis=1),
            along[..., 1].sum(axis=1),
            -(x * along[..., 0] + y * along[..., 1]).sum(axis=1),
        ],
        axis=1,
    )
    return np.asarray(np.linalg.solve(A, b[..., None])[..., 0])


def _turn_z_to(directions: FloatArray) -> FloatArray:
    """Rotations (N, 3, 3) that turn the z axis to directions (N, 3) with z > 0, by the shortest way."""
    d = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    a, b, c = d.T
    k = 1.0 / (1.0 + c)
    rows = [[1 - k * a * a, -k * a * b, a], [-k * a * b, 1 - k * b * b, b], [-a, -b, c]]
    return np.moveaxis(np.array(rows), -1, 0)


def _mean(values: FloatArray, seen: BoolArray) -> FloatArray:
    """Mean (N, 2) of the values (N, K, 2) seen."""
    total = np.where(seen[..., None], values, 0.0).sum(axis=1)
    return np.asarray(total / np.maximum(np.count_nonzero(seen, axis=1), 1)[:, None])


def _centred(points: FloatArray, seen: BoolArray) -> FloatArray:
    """Points (K, 2) less the centroid of those seen (N, K); 0 where not seen."""
    spread = np.broadcast_to(points, (*seen.shape, 2))
    return np.where(seen[..., None], spread - _mean(spread, seen)[:, None], 0.0)


def _normalised(values: FloatArray, seen: BoolArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Values centred and scaled to a mean square of 1 a coordinate (0 where not seen), scale (N,), mean (N, 2)."""
    mean = _mean(values, seen)
    centred = np.where(seen[..., None], values - mean[:, None], 0.0)
    square = np.sum(centred**2, axis=(1, 2)) / (2 * np.count_nonzero(seen, axis=1))
    scale = 1.0 / np.sqrt(np.maximum(square, 1e-24))
    return centred * scale[:, None, None], scale, mean


def _similarity(scale: FloatArray, mean: FloatArray) -> FloatArray:
    """Transforms (N, 3, 3) that subtract the mean, then scale."""
    matrix = np.zeros((len(scale), 3, 3))
    matrix[:, 0, 0] = matrix[:, 1, 1] = scale
    matrix[:, :2, 2] = -mean * scale[:, None]
    matrix[:, 2, 2] = 1.0
    return matrix
