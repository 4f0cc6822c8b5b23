"""Normal equations of few global and many local unknowns, solved by the Schur complement.

Global are the cameras (and the board's shape), local are the poses of the board or the free points. Local
unknowns only meet their neighbours in time: their matrix is banded, its Cholesky factor has no fill-in, and
eliminating them leaves a small dense system (Brown 1958; Triggs et al. 1999, section 6). Before them go
unknowns of single pictures, the errors of their time stamps: each is one number, so eliminating it is a division.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, cho_solve_banded, cholesky_banded

from calibration.transforms import FloatArray

# Keeps unknowns solvable that the observations barely determine, relative to each one's own scale.
FLOOR = 1e-12
# Information below which an unknown counts as not observed at all; its square root and square stay finite.
UNSEEN = 1e-60
# Pieces of a product shorter than this are not worth cutting.
MIN_PIECE = 8


# OpenBLAS hands products of more multiplications than this to threads. Waking them and waiting for them costs
# many times the product where it is not much larger, above all on a busy machine.
ONE_THREAD = 2**18


def tall_product(left: FloatArray, right: FloatArray) -> FloatArray:
    """``left.T @ right`` (G, H) of tall matrices (N, G), (N, H); in short pieces where threads would not pay."""
    rows, columns, others = *left.shape, right.shape[1]
    if not columns or not others:
        return np.zeros((columns, others))
    short = ONE_THREAD // (columns * others)
    if short < MIN_PIECE:
        return np.asarray(left.T @ right)
    whole = rows - rows % short
    a, b = (matrix[:whole].reshape(-1, short, matrix.shape[1]) for matrix in (left, right))
    return np.asarray((np.swapaxes(a, 1, 2) @ b).sum(axis=0) + left[whole:].T @ right[whole:])


def _width(matrix: FloatArray) -> int:
    """Number of columns, which may be none."""
    return matrix.shape[1] if matrix.ndim == 2 else 1


def _floored(diagonal: FloatArray, damping: float) -> FloatArray:
    """What to add to a diagonal; an unknown that nothing observes stays where it is."""
    return np.where(diagonal > 0, (damping + FLOOR) * diagonal, 1.0)


def scatter(count: int, index: NDArray[np.intp], values: FloatArray) -> FloatArray:
    """Sum values (P, ...) into (count, ...) by index (P,)."""
    summed = np.zeros((count, *values.shape[1:]))
    if not len(index):
        return summed
    if (np.diff(index) < 0).any():
        order = np.argsort(index, kind="stable")
        index, values = index[order], values[order]
    first = np.flatnonzero(np.diff(index, prepend=-1))
    # Most often no two pictures of a camera share an instant.
    summed[index[first]] = values if len(first) == len(index) else np.add.reduceat(values, first, axis=0)
    return summed


def add_pair(local: FloatArray, row: NDArray[np.intp], column: NDArray[np.intp], block: FloatArray) -> None:
    """Add blocks (P, b, b) of rows ``row`` >= columns ``column`` to a band (see ``Normal.local``)."""
    for ahead in range(local.shape[1]):
        chosen = row - column == ahead
        if chosen.all():
            local[:, ahead] += scatter(len(local), column, block)
        elif chosen.any():
            local[:, ahead] += scatter(len(local), column[chosen], block[chosen])


@dataclass(frozen=True)
class Hidden:
    """One unknown for each of P pictures, which no other picture depends on.

    Attributes
    ----------
    pivot, gradient : (P,)
        Half the second derivative by it and half the first, its prior included.
    columns : slice
        Global unknowns that the pictures depend on.
    by_shared : (P, F)
        Half the mixed derivatives.
    nodes : (P, n) int
        Local unknowns that each picture depends on, not falling; a node that stands twice counts twice.
    by_local : (P, n, b)
    """

    pivot: FloatArray
    gradient: FloatArray
    columns: NDArray[np.intp]
    by_shared: FloatArray
    nodes: NDArray[np.intp]
    by_local: FloatArray

    def follow(self, shared: FloatArray, local: FloatArray, damping: float) -> FloatArray:
        """The step (P,) that goes with a step of the other unknowns."""
        there = local.reshape(-1, self.by_local.shape[2])[self.nodes]
        pull = (
            self.gradient + self.by_shared @ shared[self.columns] + np.einsum("pnb,pnb->p", self.by_local, there)
        )
        return np.asarray(-pull / ((1.0 + damping) * self.pivot))


@dataclass(frozen=True)
class Normal:
    """Half the second and first derivatives of a cost.

    Attributes
    ----------
    cost : float
        Half the sum of losses and priors.
    shared : (G, G)
        Of the global unknowns.
    mixed : (N * b, G)
        Of local by global unknowns.
    local : (N, m, b, b)
        ``local[i, j]`` is the block of rows i + j and columns i: m = 1 is block diagonal.
    shared_gradient : (G,)
    local_gradient : (N * b,)
    hidden : tuple of Hidden
        Not yet eliminated.
    """

    cost: float
    shared: FloatArray
    mixed: FloatArray
    local: FloatArray
    shared_gradient: FloatArray
    local_gradient: FloatArray
    hidden: tuple[Hidden, ...] = ()

    def without_hidden(self, damping: float = 0.0) -> Normal:
        """Eliminate what single pictures depend on."""
        if not self.hidden:
            return self
        shared, local = self.shared.copy(), self.local.copy()
        shared_gradient = self.shared_gradient.copy()
        count, _, size, _ = local.shape
        mixed = self.mixed.reshape(count, size, -1).copy()
        local_gradient = self.local_gradient.reshape(count, size).copy()
        for hidden in self.hidden:
            share = 1.0 / ((1.0 + damping) * hidden.pivot)
            columns, by_shared = hidden.columns, hidden.by_shared
            shared[np.ix_(columns, columns)] -= tall_product(by_shared, by_shared * share[:, None])
            shared_gradient[columns] -= np.einsum("pf,p->f", by_shared, share * hidden.gradient)
            for node in range(hidden.nodes.shape[1]):
                index, row = hidden.nodes[:, node], hidden.by_local[:, node] * share[:, None]
                mixed[:, :, columns] -= scatter(count, index, row[:, :, None] * by_shared[:, None])
                local_gradient -= scatter(count, index, row * hidden.gradient[:, None])
                for other in range(node + 1):
                    block = row[:, :, None] * hidden.by_local[:, other, None]
                    add_pair(local, index, hidden.nodes[:, other], -block)
        return replace(
            self,
            shared=shared,
            mixed=mixed.reshape(self.mixed.shape),
            local=local,
            shared_gradient=shared_gradient,
            local_gradient=local_gradient.ravel(),
            hidden=(),
        )


@dataclass(frozen=True)
class Step:
    """A step.

    Attributes
    ----------
    shared, local : (G,), (N * b,)
    hidden : tuple of (P,)
    gain : float
        By how much the quadratic model says it lowers the cost.
    shared_length2 : float
        Squared length of the global part, in the metric of its own inverse covariance: 1 where it is one
        standard deviation long for noise of 1 px.
    """

    shared: FloatArray
    local: FloatArray
    hidden: tuple[FloatArray, ...]
    gain: float
    shared_length2: float


class _Factor:
    """Cholesky factor of the local unknowns' matrix."""

    def __init__(self, blocks: FloatArray, damping: float) -> None:
        count, reach, size, _ = blocks.shape
        diagonal = np.einsum("nii->ni", blocks[:, 0])
        extra = _floored(diagonal, damping)
        self._shape = (count, size)
        self._inverse: FloatArray | None = None
        if reach == 1:
            full = blocks[:, 0].copy()
            np.einsum("nii->ni", full)[...] += extra
            self._inverse = np.linalg.inv(np.linalg.cholesky(full))
        else:
            banded = np.zeros((reach * size, count * size))
            for ahead in range(reach):
                for row in range(size):
                    for column in range(size):
                        if (lower := ahead * size + row - column) >= 0:
                            banded[lower, column::size] = blocks[:, ahead, row, column]
            banded[0] += extra.ravel()
            self._banded: FloatArray = cholesky_banded(banded, lower=True, overwrite_ab=True, check_finite=False)

    def half(self, right: FloatArray) -> FloatArray:
        """For block-diagonal matrices: L^-1 right, with right (N * b, ...)."""
        assert self._inverse is not None
        count, size = self._shape
        return np.asarray((self._inverse @ right.reshape(count, size, _width(right))).reshape(right.shape))

    def solve(self, right: FloatArray) -> FloatArray:
        """Solve for right (N * b, ...)."""
        if self._inverse is None:
            return np.asarray(cho_solve_banded((self._banded, True), right, check_finite=False))
        count, size = self._shape
        half = self._inverse @ right.reshape(count, size, _width(right))
        return np.asarray((np.swapaxes(self._inverse, 1, 2) @ half).reshape(right.shape))

    def reduce(self, normal: Normal) -> tuple[FloatArray, FloatArray]:
        """Matrix (G, G) and right side (G,) of the reduced system, undamped in the global unknowns."""
        if self._inverse is not None:
            half = self.half(normal.mixed)
            eliminated = tall_product(half, half)
            right = np.einsum("ng,n->g", half, self.half(normal.local_gradient))
        else:
            eliminated = tall_product(normal.mixed, self.solve(normal.mixed))
            eliminated = 0.5 * (eliminated + eliminated.T)
            right = np.einsum("ng,n->g", normal.mixed, self.solve(normal.local_gradient))
        return normal.shared - eliminated, right - normal.shared_gradient


def solve(normal: Normal, damping: float) -> Step | None:
    """One damped step (Marquardt 1963: the damping follows each unknown's own scale); None if not definite."""
    plain = normal.without_hidden(damping)
    try:
        factor = _Factor(plain.local, damping)
        reduced, right = factor.reduce(plain)
        diagonal = np.diag(plain.shared)
        extra = _floored(diagonal, damping)
        metric = reduced.copy()
        reduced[np.diag_indices_from(reduced)] += extra
        # Scaled to a unit diagonal: pixels and distortion coefficients differ by ten powers of ten.
        scale = 1.0 / np.sqrt(diagonal + extra)
        shared = right * scale
        if shared.size:
            factored = cho_factor(reduced * scale[:, None] * scale, check_finite=False)
            shared = cho_solve(factored, shared) * scale
        local = -factor.solve(plain.local_gradient + np.einsum("ng,g->n", plain.mixed, shared))
    except np.linalg.LinAlgError:
        return None
    hidden = tuple(part.follow(shared, local, damping) for part in normal.hidden)
    local_diagonal = np.einsum("nii->ni", plain.local[:, 0]).ravel()
    slope = shared @ normal.shared_gradient + local @ normal.local_gradient
    damped = damping * (shared @ (diagonal * shared) + local @ (local_diagonal * local))
    for part, step in zip(normal.hidden, hidden, strict=True):
        slope += step @ part.gradient
        damped += damping * float(step @ (part.pivot * step))
    return Step(shared, local, hidden, float(0.5 * (damped - slope)), float(shared @ metric @ shared))


def covariance(normal: Normal) -> tuple[FloatArray, FloatArray]:
    """Inverse of the whole matrix: the global part (G, G) and each local block (N, b, b).

    To be multiplied by the variance of the residuals.
    """
    normal = normal.without_hidden()
    count, _, size, _ = normal.local.shape
    factor = _Factor(normal.local, 0.0)
    reduced, _ = factor.reduce(normal)
    scale = 1.0 / np.sqrt(np.maximum(np.diag(normal.shared), UNSEEN))
    values, vectors = np.linalg.eigh(reduced * scale[:, None] * scale)
    # What the views do not determine gets an enormous sigma, not an exception.
    root = vectors / np.sqrt(np.maximum(values, 1e-15)) * scale[:, None]
    shared = root @ root.T
    across = (factor.solve(normal.mixed) @ root).reshape(count, size, len(shared))
    return shared, _diagonal_of_inverse(normal.local) + across @ np.swapaxes(across, 1, 2)


def _diagonal_of_inverse(blocks: FloatArray) -> FloatArray:
    """Diagonal blocks (N, b, b) of the inverse of a banded matrix.

    Neighbours are joined until the matrix is block tridiagonal; forward and backward elimination then give
    each block's inverse (Rue and Held, "Gaussian Markov Random Fields", 2005, 2.4, in block form).
    """
    count, reach, size, _ = blocks.shape
    own = blocks[:, 0].copy()
    np.einsum("nii->ni", own)[...] += _floored(np.einsum("nii->ni", own), 0.0)
    if reach == 1:
        return np.asarray(np.linalg.inv(own))
    joined = reach - 1
    groups = -(-count // joined)
    wide = joined * size
    main, below = np.zeros((groups, wide, wide)), np.zeros((groups, wide, wide))
    for node in range(groups * joined):
        group, row = divmod(node, joined)
        at = slice(row * size, (row + 1) * size)
        if node >= count:
            main[group, at, at] = np.eye(size)
            continue
        main[group, at, at] = own[node]
        for ahead in range(1, min(reach, count - node)):
            other_group, other = divmod(node + ahead, joined)
            there = slice(other * size, (other + 1) * size)
            if other_group == group:
                main[group, there, at] = blocks[node, ahead]
                main[group, at, there] = blocks[node, ahead].T
            else:
                below[group, there, at] = blocks[node, ahead]
    forward, backward = main.copy(), main.copy()
    for group in range(1, groups):
        link = below[group - 1]
        forward[group] -= link @ np.linalg.solve(forward[group - 1], link.T)
    for group in range(groups - 2, -1, -1):
        link = below[group]
        backward[group] -= link.T @ np.linalg.solve(backward[group + 1], link)
    inverse = np.linalg.inv(forward + backward - main)
    split = inverse.reshape(groups, joined, size, joined, size)
    return np.stack([split[:, j, :, j] for j in range(joined)], axis=1).reshape(-1, size, size)[:count]
