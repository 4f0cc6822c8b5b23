"""Points in the pictures of one camera: residuals and their derivatives, summed up per picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.bundle.lens import project_rays
from calibration.bundle.robust import Kernel
from calibration.camera import NEAREST_DEPTH_M, Intrinsics
from calibration.transforms import FloatArray

# What a point costs that a step has put behind the camera, px: more than any that it had before.
LOST_PX = 1e4
POSE = 6


@dataclass(frozen=True)
class Observed:
    """Sums over the points of each picture; unknowns are a pose step (6) of the camera and its lens (L).

    Attributes
    ----------
    cost : float
        Half the sum of losses.
    matrix : (P, 6 + L, 6 + L)
    vector : (P, 6 + L)
    by_points : (P, 6 + L, 3K)
        Empty unless the points are unknowns, as are the following.
    points_blocks : (K, 3, 3)
    points_vector : (K, 3)
    """

    cost: float
    matrix: FloatArray
    vector: FloatArray
    by_points: FloatArray
    points_blocks: FloatArray
    points_vector: FloatArray

    @staticmethod
    def join(parts: list[Observed]) -> Observed:
        """Join the pictures of several parts."""
        return Observed(
            sum(part.cost for part in parts),
            np.concatenate([part.matrix for part in parts]),
            np.concatenate([part.vector for part in parts]),
            np.concatenate([part.by_points for part in parts]),
            np.sum([part.points_blocks for part in parts], axis=0),
            np.sum([part.points_vector for part in parts], axis=0),
        )

    def points_matrix(self) -> FloatArray:
        """The points' blocks as one matrix (3K, 3K)."""
        count = len(self.points_blocks)
        full = np.zeros((count, 3, count, 3))
        full[np.arange(count), :, np.arange(count)] = self.points_blocks
        return full.reshape(3 * count, 3 * count)


@dataclass(frozen=True)
class Weighted:
    """Residuals and derivatives, each multiplied by the root of its weight; the two coordinates lie in front.

    Attributes
    ----------
    cost : float
    residual : (2, P, K)
    by_camera : (6 + L, 2, P, K)
    by_point : (3, 2, P, K) or None
        By the point in the target's (or world's) frame.
    """

    cost: float
    residual: FloatArray
    by_camera: FloatArray
    by_point: FloatArray | None


def differentiate(
    intrinsics: Intrinsics,
    lens: NDArray[np.intp],
    local: FloatArray,
    xy: FloatArray,
    use: NDArray[np.bool_],
    kernel: Kernel,
    turn: FloatArray | None,
    sigma: FloatArray | None = None,
) -> Weighted:
    """Differentiate points (P, K, 3) in the camera's frame against pixels (P, K, 2).

    Parameters
    ----------
    lens : (L,) int
        Which parameters of the lens are unknowns.
    use : (P, K) bool
    turn : (P, 3, 3) or None
        Rotation from the points' own frame to the camera's, if the points are unknowns.
    sigma : (P, K) or None
        Noise of each point relative to the common noise.
    """
    depth = local[..., 2]
    ahead = depth > NEAREST_DEPTH_M
    inverse = 1.0 / np.where(ahead, depth, 1.0)
    x, y = local[..., 0] * inverse, local[..., 1] * inverse
    good = use & ahead & (x * x + y * y <= intrinsics.max_radius**2)
    x, y = np.where(good, x, 0.0), np.where(good, y, 0.0)
    inverse = np.where(good, inverse, 1.0)
    projected = project_rays(intrinsics, x, y)
    residual = projected.pixels - np.moveaxis(xy, -1, 0)
    if sigma is not None:
        residual = residual / sigma
    loss, weight = kernel(residual[0] ** 2 + residual[1] ** 2)
    lost, _ = kernel(np.array(LOST_PX**2))
    cost = 0.5 * float(np.sum(loss, where=good) + np.count_nonzero(use & ~good) * float(lost))
    root = np.where(good, np.sqrt(weight), 0.0)
    scale = root if sigma is None else root / sigma

    columns = np.empty((POSE + len(lens), 2, *x.shape))
    by_point = None if turn is None else np.empty((3, 2, *x.shape))
    for axis in range(2):
        by_x, by_y = (part * scale for part in projected.by_ray[axis])
        # A pose step (w, t) moves the point by w x point + t.
        across = x * by_x + y * by_y
        columns[0, axis] = -by_y - y * across
        columns[1, axis] = by_x + x * across
        columns[2, axis] = x * by_y - y * by_x
        columns[3, axis], columns[4, axis], columns[5, axis] = by_x * inverse, by_y * inverse, -across * inverse
        if turn is not None and by_point is not None:
            for direction in range(3):
                along = turn[:, :, direction, None]
                by_point[direction, axis] = (
                    columns[3, axis] * along[:, 0]
                    + columns[4, axis] * along[:, 1]
                    + columns[5, axis] * along[:, 2]
                )
    columns[POSE:] = projected.by_lens[lens]
    columns[POSE:] *= scale
    return Weighted(cost, residual * root, columns, by_point)


def observe(
    intrinsics: Intrinsics,
    lens: NDArray[np.intp],
    local: FloatArray,
    xy: FloatArray,
    use: NDArray[np.bool_],
    kernel: Kernel,
    turn: FloatArray | None,
) -> Observed:
    """Sum up pictures (P, K, ...): see ``differentiate`` for the arguments."""
    seen = differentiate(intrinsics, lens, local, xy, use, kernel, turn)
    pictures, corners = use.shape
    unknowns = POSE + len(lens)
    by_camera = np.ascontiguousarray(np.moveaxis(seen.by_camera, 2, 0)).reshape(pictures, unknowns, 2 * corners)
    residual = np.moveaxis(seen.residual, 1, 0).reshape(pictures, 2 * corners, 1)
    matrix = by_camera @ np.swapaxes(by_camera, 1, 2)
    vector = (by_camera @ residual)[..., 0]
    if seen.by_point is None:
        empty = np.zeros((pictures, unknowns, 0))
        return Observed(seen.cost, matrix, vector, empty, np.zeros((0, 3, 3)), np.zeros((0, 3)))
    by_points = np.einsum("uapk,dapk->pukd", seen.by_camera, seen.by_point, optimize=True)
    blocks = np.einsum("dapk,eapk->kde", seen.by_point, seen.by_point, optimize=True)
    pull = np.einsum("dapk,apk->kd", seen.by_point, seen.residual, optimize=True)
    return Observed(seen.cost, matrix, vector, by_points.reshape(pictures, unknowns, 3 * corners), blocks, pull)
