"""Rotations as vectors: the exponential, the logarithm and their derivatives, for many at once.

Formulas after Chirikjian, "Stochastic Models, Information Theory, and Lie Groups", vol. 2 (2012), 10.6.
"""

from __future__ import annotations

import numpy as np

from calibration.transforms import FloatArray

# Below this angle, rad, the closed forms lose digits and their series is exact to 1e-13.
SMALL_ANGLE = 1e-3


def cross_matrix(vectors: FloatArray) -> FloatArray:
    """Matrices (..., 3, 3) with ``cross_matrix(a) @ b`` = a x b, of vectors (..., 3)."""
    matrix = np.zeros((*vectors.shape, 3))
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    matrix[..., 0, 1], matrix[..., 0, 2], matrix[..., 1, 2] = -z, y, -x
    matrix[..., 1, 0], matrix[..., 2, 0], matrix[..., 2, 1] = z, -y, x
    return matrix


def exp(vectors: FloatArray) -> FloatArray:
    """Rotation matrices (..., 3, 3) of rotation vectors (..., 3), rad (Rodrigues)."""
    angle2 = np.sum(vectors * vectors, axis=-1)[..., None, None]
    angle = np.sqrt(angle2)
    safe = np.maximum(angle, SMALL_ANGLE)
    small = angle < SMALL_ANGLE
    sine = np.where(small, 1.0 - angle2 / 6.0, np.sin(safe) / safe)
    versine = np.where(small, 0.5 - angle2 / 24.0, (1.0 - np.cos(safe)) / safe**2)
    cross = cross_matrix(vectors)
    return np.asarray(np.eye(3) + sine * cross + versine * (cross @ cross))


def log(matrices: FloatArray) -> FloatArray:
    """Rotation vectors (..., 3), rad, of rotation matrices (..., 3, 3) that turn by less than pi."""
    skew = 0.5 * (matrices - np.swapaxes(matrices, -1, -2))
    axis = np.stack([skew[..., 2, 1], skew[..., 0, 2], skew[..., 1, 0]], axis=-1)
    sine = np.linalg.norm(axis, axis=-1)
    angle = np.arctan2(sine, 0.5 * (np.trace(matrices, axis1=-2, axis2=-1) - 1.0))
    safe = np.maximum(sine, 1e-12)
    ratio = np.where(angle < SMALL_ANGLE, 1.0 + sine * sine / 6.0, angle / safe)
    return np.asarray(axis * ratio[..., None])


def right_jacobian(vectors: FloatArray) -> FloatArray:
    """Matrices J (..., 3, 3) with exp(v + d) = exp(v) exp(J d) to first order in d."""
    angle2 = np.sum(vectors * vectors, axis=-1)[..., None, None]
    angle = np.maximum(np.sqrt(angle2), SMALL_ANGLE)
    small = angle2 < SMALL_ANGLE**2
    versine = np.where(small, 0.5 - angle2 / 24.0, (1.0 - np.cos(angle)) / angle**2)
    rest = np.where(small, 1.0 / 6.0 - angle2 / 120.0, (angle - np.sin(angle)) / angle**3)
    cross = cross_matrix(vectors)
    return np.asarray(np.eye(3) - versine * cross + rest * (cross @ cross))


def right_jacobian_inverse(vectors: FloatArray) -> FloatArray:
    """Inverse of ``right_jacobian`` (..., 3, 3): log(exp(v) exp(d)) = v + inverse d to first order in d."""
    angle2 = np.sum(vectors * vectors, axis=-1)[..., None, None]
    angle = np.maximum(np.sqrt(angle2), SMALL_ANGLE)
    small = angle2 < SMALL_ANGLE**2
    closed = 1.0 / angle**2 - (1.0 + np.cos(angle)) / (2.0 * angle * np.sin(angle))
    rest = np.where(small, 1.0 / 12.0 + angle2 / 720.0, closed)
    cross = cross_matrix(vectors)
    return np.asarray(np.eye(3) + 0.5 * cross + rest * (cross @ cross))
