"""Which pictures of the target to calibrate a camera from, and what they show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.extrinsics.pose import BoolArray
from calibration.transforms import FloatArray

# The picture is divided into this many cells (down, across) to tell where corners were seen.
GRID = (6, 8)

# Descriptors of a picture are divided into this many steps each, to find pictures that differ.
PLACE_STEPS, SIZE_STEPS, SLANT_STEPS = 4, 3, 3

# Names of the thirds of the picture, for sentences.
ROWS = ("top", "middle", "bottom")
COLUMNS = ("left", "centre", "right")


@dataclass(frozen=True)
class Coverage:
    """Where in the picture and how tilted the target was seen.

    Attributes
    ----------
    counts : (6, 8) int
        Corners seen in each cell of the picture, rows from the top.
    tilt_deg : (V,)
        Angle between the target's normal and the optical axis, deg. Targets that are parallel to the sensor
        do not tell the focal length (Zhang, IEEE TPAMI 2000, section 3).
    empty_regions : tuple of str
        Ninths of the picture without a corner, by name.
    """

    counts: NDArray[np.int64]
    tilt_deg: FloatArray
    empty_regions: tuple[str, ...]

    @property
    def share(self) -> float:
        """Share of the picture's cells in which a corner was seen."""
        return float(np.mean(self.counts > 0))

    @property
    def tilt_reached_deg(self) -> float:
        """Tilt that one picture in ten exceeds, deg."""
        return float(np.percentile(self.tilt_deg, 90)) if len(self.tilt_deg) else 0.0


def coverage(size_wh: tuple[int, int], xy: FloatArray, poses: FloatArray) -> Coverage:
    """Tell what pictures show: all corners ``xy`` (N, 2) px, and the target's poses (V, 4, 4)."""
    counts = _histogram(xy, size_wh, GRID)
    thirds = _histogram(xy, size_wh, (3, 3))
    empty = tuple(
        "centre" if (i, j) == (1, 1) else f"{ROWS[i]} {COLUMNS[j]}"
        for i in range(3)
        for j in range(3)
        if thirds[i, j] == 0
    )
    return Coverage(counts, tilts(poses), empty)


def tilts(poses: FloatArray) -> FloatArray:
    """Angle (V,) deg between the target's normal and the optical axis."""
    return np.asarray(np.degrees(np.arccos(np.clip(np.abs(poses[:, 2, 2]), 0.0, 1.0))))


def thin(xy: FloatArray, seen: BoolArray, size_wh: tuple[int, int], most: int) -> NDArray[np.intp]:
    """Choose pictures that differ in place, size and slant of the target, without knowing the camera.

    Pictures are put into cells by the target's place, size and the shape of its outline; then the cells
    give their picture with most corners in turn.

    Parameters
    ----------
    xy : (N, K, 2)
        Pixels.
    seen : (N, K)

    Returns
    -------
    Indices of at most ``most`` pictures, those of rare kinds first.
    """
    count = np.maximum(np.count_nonzero(seen, axis=1), 1)
    values = np.where(seen[..., None], xy, 0.0)
    middle = values.sum(axis=1) / count[:, None]
    centred = np.where(seen[..., None], xy - middle[:, None], 0.0)
    cov = np.einsum("nki,nkj->nij", centred, centred) / count[:, None, None]
    large, small = np.sqrt(np.maximum(np.linalg.eigvalsh(cov)[:, ::-1].T, 1e-9))
    place = np.clip((middle / np.array(size_wh) * PLACE_STEPS).astype(np.int64), 0, PLACE_STEPS - 1)
    size = _steps(np.log(large * small), SIZE_STEPS)
    slant = _steps(small / large, SLANT_STEPS)
    # The slant's direction: sign of the correlation of x and y.
    direction = (cov[:, 0, 1] > 0).astype(np.int64)
    cell = (((place[:, 0] * PLACE_STEPS + place[:, 1]) * SIZE_STEPS + size) * SLANT_STEPS + slant) * 2 + direction
    order = np.lexsort((np.arange(len(cell)), -count, cell))
    ordered = cell[order]
    starts = np.r_[0, np.flatnonzero(np.diff(ordered)) + 1]
    rank = np.arange(len(cell)) - np.repeat(starts, np.diff(np.r_[starts, len(cell)]))
    return np.asarray(order[np.lexsort((order, rank))][:most])


def most_informative(information: FloatArray, prior: FloatArray, most: int) -> NDArray[np.intp]:
    """Choose pictures one after the other by the greatest gain of information on the lens.

    D-optimal design, greedily: the next picture is that which increases the determinant of the information
    matrix most. It favours tilts and corners of the picture not covered yet.

    Parameters
    ----------
    information : (N, P, P)
        Of each picture, for its true noise.
    prior : (P, P)

    Returns
    -------
    Indices in the order chosen, at most ``most``.
    """
    scale = 1.0 / np.sqrt(np.diag(prior) + information.sum(axis=0).diagonal())
    scaled = information * np.outer(scale, scale)
    total = prior * np.outer(scale, scale)
    left = np.ones(len(information), dtype=bool)
    chosen: list[int] = []
    for _ in range(min(most, len(information))):
        candidates = np.flatnonzero(left)
        gain = np.linalg.slogdet(total + scaled[candidates])[1]
        best = int(candidates[np.argmax(gain)])
        chosen.append(best)
        left[best] = False
        total = total + scaled[best]
    return np.array(chosen, dtype=np.intp)


def _steps(values: FloatArray, count: int) -> NDArray[np.int64]:
    """Number of the quantile (0 to count - 1) each value lies in."""
    edges = np.quantile(values, np.arange(1, count) / count)
    return np.asarray(np.searchsorted(edges, values, side="right"), dtype=np.int64)


def _histogram(xy: FloatArray, size_wh: tuple[int, int], grid: tuple[int, int]) -> NDArray[np.int64]:
    """Number of pixels (N, 2) in each cell of a grid (down, across)."""
    down, across = grid
    column = np.clip(((xy[:, 0] + 0.5) / size_wh[0] * across).astype(np.int64), 0, across - 1)
    row = np.clip(((xy[:, 1] + 0.5) / size_wh[1] * down).astype(np.int64), 0, down - 1)
    return np.asarray(np.bincount(row * across + column, minlength=down * across).reshape(grid), dtype=np.int64)
