"""Reproducible value noise for textures: the same place always looks the same."""

from __future__ import annotations

import numpy as np

from mocap.core.types import FloatArray

# Odd multipliers that scatter neighbouring lattice points over the 32-bit range.
HASH_X, HASH_Y, HASH_Z = 374761393, 668265263, 2147483647


def hashed(i: FloatArray, j: FloatArray, k: FloatArray | float = 0.0) -> FloatArray:
    """Pseudo-random values from 0 to 1 for integer lattice points; the inputs broadcast."""
    with np.errstate(over="ignore"):
        h = (
            np.asarray(i).astype(np.int64) * HASH_X
            + np.asarray(j).astype(np.int64) * HASH_Y
            + np.asarray(k).astype(np.int64) * HASH_Z
        ).astype(np.uint32)
        h = (h ^ (h >> np.uint32(13))) * np.uint32(1274126177)
        h = (h ^ (h >> np.uint32(16))) * np.uint32(2654435761)
    return np.asarray((h >> np.uint32(8)).astype(np.float64) / 2.0**24)


def value_noise(x: FloatArray, y: FloatArray, z: FloatArray | None = None) -> FloatArray:
    """Smooth noise from -1 to 1 with one blob per unit, in two or three dimensions."""
    i, j = np.floor(x), np.floor(y)
    u, v = (f * f * (3.0 - 2.0 * f) for f in (x - i, y - j))
    layers: tuple[tuple[FloatArray | float, FloatArray | float], ...] = ((0.0, 1.0),)
    if z is not None:
        k = np.floor(z)
        w = (z - k) ** 2 * (3.0 - 2.0 * (z - k))
        layers = ((k, 1.0 - w), (k + 1.0, w))
    total = np.zeros_like(x, dtype=np.float64)
    for k_layer, share in layers:
        for dj, wj in ((0, 1.0 - v), (1, v)):
            for di, wi in ((0, 1.0 - u), (1, u)):
                total += wi * wj * share * hashed(i + di, j + dj, k_layer)
    return np.asarray(2.0 * total - 1.0)
