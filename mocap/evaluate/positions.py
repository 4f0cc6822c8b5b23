"""Errors of positions in 3D against known truth.

A joint that the truth has and the result has not is a miss. No mean hides it: where a measure is a distance, a
miss counts as ``MISS_M``; where it is a share, a miss counts as wrong; every measure of distance is given for the
found joints alone as well, beside the share of misses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mocap.core.types import FloatArray

# What a missing joint counts as, m: the distance from which multi-person benchmarks no longer take a result for
# the person (Joo et al., "Panoptic Studio", ICCV 2015, and those who followed).
MISS_M = 0.5
# Three points that do not lie on a line fix a rotation.
ENOUGH_POINTS = 3


@dataclass(frozen=True)
class Distances:
    """A distance measure over many joints.

    Attributes
    ----------
    mean_m : float
        Over all joints that the truth has, misses as ``MISS_M``, m.
    found_m : float
        Over the found ones, m.
    missing_share : float
    per_joint_m : (K,)
        As ``mean_m``, for each joint; NaN where the truth never has it.
    """

    mean_m: float
    found_m: float
    missing_share: float
    per_joint_m: FloatArray


def present(points: FloatArray) -> NDArray[np.bool_]:
    """Which points (..., D) are there (...)."""
    return np.asarray(np.isfinite(points).all(axis=-1))


def joint_distances(found: FloatArray, truth: FloatArray, miss: float = MISS_M) -> FloatArray:
    """Distances (..., K) of points (..., K, D); a miss is ``miss``, and NaN is where the truth has nothing."""
    apart = np.linalg.norm(found - truth, axis=-1)
    return np.asarray(np.where(present(truth), np.where(present(found), apart, miss), np.nan))


def mpjpe(found: FloatArray, truth: FloatArray) -> Distances:
    """Mean per-joint position error of points (..., K, 3), m, nothing aligned.

    Ionescu et al., "Human3.6M", IEEE TPAMI 2014, without the alignment at the root.
    """
    distance = joint_distances(found, truth)
    both = present(found) & present(truth)
    flat = distance.reshape(-1, distance.shape[-1])
    count = np.isfinite(flat).sum(axis=0)
    per_joint = np.where(count > 0, np.nansum(flat, axis=0) / np.maximum(count, 1), np.nan)
    total = int(count.sum())
    return Distances(
        mean_m=float(np.nansum(flat) / total) if total else float("nan"),
        found_m=float(np.mean(distance[both])) if both.any() else float("nan"),
        missing_share=1.0 - int(both.sum()) / total if total else float("nan"),
        per_joint_m=per_joint,
    )


def per_axis_rms(found: FloatArray, truth: FloatArray) -> FloatArray:
    """Root mean square error along x, y and z (K, 3), m, over the found joints; NaN where none was found."""
    square = ((found - truth) ** 2).reshape(-1, *truth.shape[-2:])
    count = np.isfinite(square).sum(axis=0)
    return np.asarray(np.where(count > 0, np.sqrt(np.nansum(square, axis=0) / np.maximum(count, 1)), np.nan))


def align(found: FloatArray, truth: FloatArray, scale: bool = True) -> FloatArray:
    """Move points (..., K, 3) onto the truth by the best rotation, translation and, if wanted, scale.

    Least squares over the joints that both have (Umeyama, IEEE TPAMI 13:376, 1991); NaN where these are fewer
    than three.
    """
    both = (present(found) & present(truth))[..., None]
    count = np.maximum(both.sum(axis=-2, keepdims=True), 1)
    mean_f = np.sum(np.where(both, found, 0.0), axis=-2, keepdims=True) / count
    mean_t = np.sum(np.where(both, truth, 0.0), axis=-2, keepdims=True) / count
    f, t = np.where(both, found - mean_f, 0.0), np.where(both, truth - mean_t, 0.0)
    u, singular, vt = np.linalg.svd(np.swapaxes(t, -1, -2) @ f)
    # No mirroring: the smallest axis turns where the best orthogonal matrix would mirror.
    sign = np.ones_like(singular)
    sign[..., -1] = np.where(np.linalg.det(u @ vt) < 0.0, -1.0, 1.0)
    rotation = (u * sign[..., None, :]) @ vt
    size = np.sum(f * f, axis=(-1, -2))
    factor = np.ones(size.shape)
    if scale:
        factor = np.sum(singular * sign, axis=-1) / np.where(size > 0.0, size, np.nan)
    moved = factor[..., None, None] * (found - mean_f) @ np.swapaxes(rotation, -1, -2) + mean_t
    return np.asarray(np.where(both.sum(axis=-2, keepdims=True) >= ENOUGH_POINTS, moved, np.nan))


def pa_mpjpe(found: FloatArray, truth: FloatArray) -> Distances:
    """MPJPE after each pose (K, 3) has been moved, turned and scaled onto its truth (Procrustes).

    A pose with fewer than three joints cannot be aligned: all its joints are misses.
    """
    return mpjpe(align(found, truth), truth)


def n_mpjpe(found: FloatArray, truth: FloatArray) -> Distances:
    """MPJPE of the pose about its own centre after the best scale.

    Rhodin et al., "Unsupervised geometry-aware representation", ECCV 2018; the centre is the mean of the joints
    that both have.
    """
    both = (present(found) & present(truth))[..., None]
    count = np.where(both.any(axis=-2, keepdims=True), both.sum(axis=-2, keepdims=True), np.nan)
    f = found - np.sum(np.where(both, found, 0.0), axis=-2, keepdims=True) / count
    t = truth - np.sum(np.where(both, truth, 0.0), axis=-2, keepdims=True) / count
    size = np.sum(np.where(both, f * f, 0.0), axis=(-1, -2), keepdims=True)
    factor = np.sum(np.where(both, f * t, 0.0), axis=(-1, -2), keepdims=True) / np.where(size > 0.0, size, np.nan)
    centred = np.where(present(truth)[..., None], np.where(np.isnan(t), 0.0, t), np.nan)
    return mpjpe(factor * f, centred)


def pck(found: FloatArray, truth: FloatArray, threshold: float | FloatArray) -> float:
    """Percentage of correct keypoints, as a share: no further off than ``threshold``; a miss is wrong.

    Points (..., K, D) in any unit; the threshold in the same, one for all or one for each pose (...), such as a
    share of its torso or head (Yang and Ramanan, IEEE TPAMI 2013; PCK@k, Mehta et al., 3DV 2017 in 3D).
    """
    known = present(truth)
    reach = np.broadcast_to(np.asarray(threshold, dtype=np.float64)[..., None], known.shape)
    right = np.linalg.norm(found - truth, axis=-1) <= reach
    return float(right[known].mean()) if known.any() else float("nan")


def acceleration_error(found: FloatArray, truth: FloatArray, rate_hz: float) -> tuple[float, float]:
    """Mean difference of the accelerations of points (T, ..., 3), m/s^2, and the share of those missing.

    Second differences (Kanazawa et al., "Learning 3D human dynamics from video", CVPR 2019). Where one of three
    instants is missing there is no acceleration: it is counted in the share.
    """
    second_f, second_t = (np.diff(points, n=2, axis=0) * rate_hz**2 for points in (found, truth))
    known, both = present(second_t), present(second_f) & present(second_t)
    if not known.any():
        return float("nan"), float("nan")
    error = np.linalg.norm(second_f - second_t, axis=-1)[both]
    return float(error.mean()) if error.size else float("nan"), 1.0 - int(both.sum()) / int(known.sum())
