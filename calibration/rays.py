"""Viewing rays in the world, and where two of them meet."""

from __future__ import annotations

import numpy as np

from calibration.camera import CameraRig
from calibration.transforms import FloatArray, invert


def world_rays(rig: CameraRig, undistorted: FloatArray, axis: int = 1) -> tuple[FloatArray, FloatArray]:
    """Turn undistorted normalised coordinates into rays.

    Parameters
    ----------
    undistorted : (..., C, ..., 2)
        Normalised coordinates with the cameras along ``axis``.

    Returns
    -------
    origins : (C, 3)
        Camera centres, m.
    directions : (..., C, ..., 3)
        Unit vectors; NaN where the coordinates are.
    """
    world_from_cam = invert(rig.cam_from_world)
    local = np.concatenate([undistorted, np.ones_like(undistorted[..., :1])], axis=-1)
    local /= np.linalg.norm(local, axis=-1, keepdims=True)
    moved = np.moveaxis(local, axis, 0)
    turned = np.einsum("cij,c...j->c...i", world_from_cam[:, :3, :3], moved)
    return world_from_cam[:, :3, 3], np.moveaxis(turned, 0, axis)


def midpoint(
    origin_a: FloatArray, direction_a: FloatArray, origin_b: FloatArray, direction_b: FloatArray
) -> FloatArray:
    """Find the point half-way between two rays where they are closest.

    All arguments (..., 3), directions of unit length, leading axes broadcast. The midpoint method, Hartley
    and Sturm, "Triangulation", CVIU 1997, section 5. Returns (..., 3), m; NaN where the rays are parallel
    or meet behind either origin.
    """
    baseline = origin_b - origin_a
    cosine = np.sum(direction_a * direction_b, axis=-1)
    along_a = np.sum(direction_a * baseline, axis=-1)
    along_b = np.sum(direction_b * baseline, axis=-1)
    sine2 = 1.0 - cosine * cosine
    with np.errstate(divide="ignore", invalid="ignore"):
        distance_a = (along_a - cosine * along_b) / sine2
        distance_b = (cosine * along_a - along_b) / sine2
        meets = (sine2 > 1e-8) & (distance_a > 0) & (distance_b > 0)
    point = 0.5 * (origin_a + distance_a[..., None] * direction_a + origin_b + distance_b[..., None] * direction_b)
    return np.where(meets[..., None], point, np.nan)
