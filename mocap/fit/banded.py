"""Normal equations of a sequence: a block of D unknowns a frame, coupled with the next two frames.

Ordered frame by frame they are a band of 2 D + 1 diagonals, factored by LAPACK in time linear in the frames.
Shared unknowns border the band and are found first, by their Schur complement. The covariance of each frame is a
diagonal block of the inverse, which follows from the factor without the rest of the inverse (Takahashi, Fagan and
Chin 1973; here by blocks).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_solve_banded, cholesky_banded

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
    """Cholesky factor: ``lower`` (2 D + 1, T D), diagonals below each other as LAPACK wants them."""

    lower: FloatArray
    frames: int

    def solve(self, right: FloatArray) -> FloatArray:
        """Solve for right sides (T, D, ...)."""
        flat = right.reshape(self.lower.shape[1], -1)
        return np.asarray(cho_solve_banded((self.lower, True), flat, check_finite=False).reshape(right.shape))


def factorise(band: BlockBand) -> Factor | None:
    """Factor a matrix; None where it is not positive definite."""
    frames, size = band.main.shape[:2]
    # Row c of a frame holds the entries below the diagonal of column c: the transpose of LAPACK's layout.
    rows = np.zeros((frames, size, 2 * size + 1))
    column, below = np.nonzero(np.arange(size)[:, None] + np.arange(size)[None, :] < size)
    rows[:, column, below] = band.main[:, column + below, column]
    rows[:-1, :, size] = band.first
    rows[:-2, :, 2 * size] = band.second
    flat = rows.reshape(frames * size, -1).T
    try:
        lower = cholesky_banded(flat, overwrite_ab=True, lower=True, check_finite=False)
    except LinAlgError:
        return None
    return Factor(lower, frames)


def covariances(factor: Factor) -> FloatArray:
    """Diagonal blocks of the inverse (T, D, D).

    With the blocks L0, L1, L2 of a column of the factor, G = [L1; L2] L0^-1 and S the inverse's blocks of the next
    two frames: the blocks beside the diagonal are X = -S G, and the diagonal one is L0^-T L0^-1 - G' X.
    """
    frames = factor.frames
    size = factor.lower.shape[1] // frames
    rows = factor.lower.T.reshape(frames, size, 2 * size + 1)
    blocks = np.zeros((frames, 3 * size, size))
    column, below = np.nonzero(np.ones((size, 2 * size + 1), dtype=np.bool_))
    blocks[:, column + below, column] = rows[:, column, below]
    blocks[-1, size:], blocks[-2:, 2 * size :] = 0.0, 0.0  # what LAPACK leaves beyond the end is not defined
    inverse = np.linalg.inv(blocks[:, :size])
    gain = blocks[:, size:] @ inverse
    own = np.swapaxes(inverse, 1, 2) @ inverse
    out = np.empty((frames, size, size))
    following = np.zeros((2 * size, 2 * size))
    for t in range(frames - 1, -1, -1):
        beside = -following @ gain[t]
        block = own[t] - gain[t].T @ beside
        out[t] = 0.5 * (block + block.T)
        following[size:, size:] = following[:size, :size]
        following[:size, :size] = out[t]
        following[size:, :size] = beside[:size]
        following[:size, size:] = beside[:size].T
    return out
