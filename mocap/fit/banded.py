"""Normal equations of a sequence: a block of D unknowns a frame, coupled with the next two frames.

They are factored block by block in time linear in the frames. (LAPACK's banded factorisation does the same, but
with several threads it took thirty times as long on blocks of this size, and threads are the user's to choose.)
Shared unknowns border the band and are found first, by their Schur complement. The covariance of each frame is a
diagonal block of the inverse, which follows from the factor without the rest of the inverse (Takahashi, Fagan and
Chin 1973; here by blocks).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dpotrf, dtrtri

from mocap.core.types import FloatArray


@dataclass(frozen=True)
class BlockBand:
    """A symmetric matrix of T blocks.

    Attributes
    ----------
    main : (T, D, D)
        Diagonal blocks.
    first : (T - 1, D)
        Diagonals of the blocks of neighbouring frames.
    second : (T - 2, D)
        Diagonals of the blocks of frames two apart.
    """

    main: FloatArray
    first: FloatArray
    second: FloatArray


@dataclass(frozen=True)
class Factor:
    """Cholesky factor by blocks.

    Attributes
    ----------
    inverse : (T, D, D)
        Inverse of each diagonal block of the factor.
    below : (T, 2 D, D)
        The blocks below it: of the next two frames.
    """

    inverse: FloatArray
    below: FloatArray

    def solve(self, right: FloatArray) -> FloatArray:
        """Solve for right sides (T, D) or (T, D, n)."""
        frames, size = self.inverse.shape[:2]
        out = right.reshape(frames, size, -1).copy()
        pending = np.zeros((2 * size, out.shape[2]))
        for t in range(frames):
            out[t] = self.inverse[t] @ (out[t] - pending[:size])
            moved = self.below[t] @ out[t]
            moved[:size] += pending[size:]
            pending = moved
        following = np.zeros_like(pending)
        for t in range(frames - 1, -1, -1):
            out[t] = self.inverse[t].T @ (out[t] - self.below[t].T @ following)
            following[size:] = following[:size]
            following[:size] = out[t]
        return out.reshape(right.shape)


def factorise(band: BlockBand) -> Factor | None:
    """Factor a matrix; None where it is not positive definite."""
    frames, size = band.main.shape[:2]
    inverse, below = np.empty((frames, size, size)), np.zeros((frames, 2 * size, size))
    row = np.arange(size)
    below[:-1, row, row] = band.first
    below[:-2, size + row, row] = band.second
    # What the frames before take off the blocks of this frame and the next.
    taken = np.zeros((2 * size, 2 * size))
    for t in range(frames):
        lower, failed = dpotrf(band.main[t] - taken[:size, :size], lower=1)
        if failed:
            return None
        inverse[t] = dtrtri(lower, lower=1)[0]
        below[t, :size] -= taken[size:, :size]
        below[t] = below[t] @ inverse[t].T
        moved = below[t] @ below[t].T
        moved[:size, :size] += taken[size:, size:]
        taken = moved
    # Nothing follows the last frame, and only one the last but one.
    below[-1], below[-2:, size:] = 0.0, 0.0
    return Factor(inverse, below)


def covariances(factor: Factor) -> FloatArray:
    """Diagonal blocks of the inverse (T, D, D).

    With the blocks L0 and L of a column of the factor, G = L L0^-1 and S the inverse's blocks of the next two
    frames: the blocks beside the diagonal are X = -S G, and the diagonal one is L0^-T L0^-1 - G' X.
    """
    inverse = factor.inverse
    frames, size = inverse.shape[:2]
    gain = factor.below @ inverse
    own = np.swapaxes(inverse, 1, 2) @ inverse
    out = np.empty((frames, size, size))
    following = np.zeros((2 * size, 2 * size))
    for t in range(frames - 1, -1, -1):
        beside = -following @ gain[t]
        block = own[t] - gain[t].T @ beside
        # Rounding must not make it unsymmetric: such errors grow from frame to frame.
        out[t] = 0.5 * (block + block.T)
        following[size:, size:] = following[:size, :size]
        following[:size, :size] = out[t]
        following[size:, :size] = beside[:size]
        following[:size, size:] = beside[:size].T
    return out
