"""Angles of rotation matrices: three turns, one after the other."""

from __future__ import annotations

import numpy as np

from mocap.core.types import FloatArray

# Below this cosine of the middle angle the first and the last turn about the same axis.
SINGULAR_COSINE = 1e-9


def tait_bryan(matrix: FloatArray, axes: tuple[int, int, int]) -> FloatArray:
    """Angles (..., 3), rad, of matrices (..., 3, 3) = R1 R2 R3 about three different axes, 0 to 2.

    The middle angle lies within a quarter turn of 0. In the singular pose the last angle is 0.
    """
    m, (i, j, k) = matrix, axes
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    sine = np.clip(sign * m[..., i, k], -1.0, 1.0)
    singular = np.hypot(m[..., j, k], m[..., k, k]) < SINGULAR_COSINE
    first = np.where(
        singular,
        np.arctan2(sign * m[..., k, j], m[..., j, j]),
        np.arctan2(-sign * m[..., j, k], m[..., k, k]),
    )
    last = np.where(singular, 0.0, np.arctan2(-sign * m[..., i, j], m[..., i, i]))
    return np.stack([first, np.arcsin(sine), last], axis=-1)


def unwrapped(angles: FloatArray) -> FloatArray:
    """The same rotations with Tait-Bryan angles (T, ..., 3) that do not jump from frame to frame.

    Every rotation has two such triples, (a, b, c) and (a + pi, pi - b, c + pi). Of these the one nearer to
    that of the frame before is taken, and whole turns are added where they bring it nearer.
    """
    first = angles
    second = np.stack([first[..., 0] + np.pi, np.pi - first[..., 1], first[..., 2] + np.pi], axis=-1)
    # The second of both frames are as far apart as the first of both, so only changes need to be counted.
    change = _distance(second[1:], first[:-1]) < _distance(first[1:], first[:-1])
    odd = np.concatenate([np.zeros((1, *change.shape[1:]), dtype=np.int64), np.cumsum(change, axis=0)]) % 2 == 1
    return np.unwrap(np.where(odd[..., None], second, first), axis=0)


def _distance(a: FloatArray, b: FloatArray) -> FloatArray:
    """Sum of the differences of angles, whole turns left out."""
    return np.asarray(np.abs(np.angle(np.exp(1j * (a - b)))).sum(axis=-1))
