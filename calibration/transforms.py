"""Rigid transforms as (..., 4, 4) arrays, named ``target_from_source``."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def from_rvec_tvec(rvec: ArrayLike, tvec: ArrayLike) -> FloatArray:
    """Build a transform from a Rodrigues vector (3,) rad and a translation (3,)."""
    rotation, _ = cv2.Rodrigues(np.asarray(rvec, dtype=np.float64).reshape(3))
    return from_rotation(rotation, tvec)


def from_rotation(rotation: ArrayLike, translation: ArrayLike) -> FloatArray:
    """Build a transform from a rotation (3, 3) and a translation (3,)."""
    transform = np.eye(4)
    transform[:3, :3] = np.asarray(rotation, dtype=np.float64)
    transform[:3, 3] = np.asarray(translation, dtype=np.float64).reshape(3)
    return transform


def to_rvec_tvec(transform: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Split a (4, 4) transform into a Rodrigues vector (3,) rad and a translation (3,)."""
    rvec, _ = cv2.Rodrigues(transform[:3, :3])
    return np.asarray(rvec, dtype=np.float64).reshape(3), transform[:3, 3].copy()


def invert(transform: FloatArray) -> FloatArray:
    """Invert rigid transforms (..., 4, 4)."""
    rotation = np.swapaxes(transform[..., :3, :3], -1, -2)
    inverse = np.zeros_like(transform)
    inverse[..., :3, :3] = rotation
    inverse[..., :3, 3] = -np.einsum("...ij,...j->...i", rotation, transform[..., :3, 3])
    inverse[..., 3, 3] = 1.0
    return inverse


def apply(transform: FloatArray, points: FloatArray) -> FloatArray:
    """Map points (..., 3) through transforms (..., 4, 4); leading axes broadcast."""
    rotated = np.einsum("...ij,...j->...i", transform[..., :3, :3], points)
    return np.asarray(rotated + transform[..., :3, 3])
