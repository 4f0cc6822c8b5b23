"""What a camera has not seen yet, and which views would help."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.report.model import CameraReport
from calibration.report.numbers import listed

# A cell of the coverage grid counts as seen with this many corners; a single one may be a mistake.
CELL_FULL = 2
# A ninth of the picture counts as seen when this share of its cells is.
REGION_FULL = 0.34

# Tilted boards determine the focal length, boards that face the camera do not (Zhang, "A flexible new
# technique for camera calibration", IEEE TPAMI 2000, section 3.2 and figure 5: best near 45°, little below 15°).
TILTED_DEG = 15.0
# A direction of tilt counts as seen in this many pictures.
TILT_PICTURES = 3
# Tilt of suggested views, degrees.
SUGGESTED_DEG = 35.0
# More suggestions at once are not remembered on the way to the tripod.
MOST_SUGGESTED = 4

ROWS = ("upper", "middle", "lower")
COLUMNS = ("left", "centre", "right")
# Which edge of the board is away from the camera, by the signs of the two tilts.
TILTS = {"left": (-1, 0), "right": (1, 0), "upper": (0, -1), "lower": (0, 1)}


@dataclass(frozen=True)
class SuggestedView:
    """A view to add: where the board's middle should be, in shares of the picture, and its tilt, degrees."""

    x: float
    y: float
    about_vertical_deg: float
    about_horizontal_deg: float


def empty_regions(camera: CameraReport) -> tuple[tuple[int, int], ...]:
    """Ninths (row, column) of the picture in which the board was hardly seen."""
    return empty_ninths(np.array(camera.coverage))


def empty_ninths(coverage: NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
    """Ninths (row, column) of a picture in which few cells of its coverage (R, S) hold corners."""
    full = coverage >= CELL_FULL
    empty = []
    for r, rows in enumerate(np.array_split(np.arange(full.shape[0]), 3)):
        for c, columns in enumerate(np.array_split(np.arange(full.shape[1]), 3)):
            part = full[np.ix_(rows, columns)]
            if part.size and part.mean() < REGION_FULL:
                empty.append((r, c))
    return tuple(empty)


def name_regions(regions: tuple[tuple[int, int], ...]) -> str:
    """Name ninths of a picture: whole sides first, then corners."""
    left = set(regions)
    names = []
    for c in range(3):
        column = {(r, c) for r in range(3)}
        if column <= left:
            names.append("the centre" if c == 1 else f"the {COLUMNS[c]} side")
            left -= column
    for r in (0, 2):
        row = {(r, c) for c in range(3)}
        if row <= set(regions) and row & left:
            names.append("the upper edge" if r == 0 else "the lower edge")
            left -= row
    for r, c in sorted(left):
        if (r, c) == (1, 1):
            names.append("the very middle")
        elif r == 1:
            names.append(f"the middle of the {COLUMNS[c]} side")
        elif c == 1:
            names.append(f"the middle of the {ROWS[r]} edge")
        else:
            names.append(f"the {ROWS[r]} {COLUMNS[c]} corner")
    return listed(names)


def missing_tilts(camera: CameraReport) -> tuple[str, ...]:
    """Edges of the board (left, right, upper, lower) that were never clearly away from the camera."""
    tilts = np.array(camera.tilt_deg).reshape(-1, 2)
    missing = []
    for edge, (vertical, horizontal) in TILTS.items():
        seen = tilts[:, 0] * vertical + tilts[:, 1] * horizontal >= TILTED_DEG
        if np.count_nonzero(seen) < TILT_PICTURES:
            missing.append(edge)
    return tuple(missing)


def suggest_views(camera: CameraReport) -> tuple[SuggestedView, ...]:
    """Views to add: the board in empty parts of the picture, tilted as it never was."""
    regions = sorted(empty_regions(camera), key=lambda rc: -abs(rc[0] - 1) - abs(rc[1] - 1))
    tilts = missing_tilts(camera)
    places = [((c + 0.5) / 3.0, (r + 0.5) / 3.0) for r, c in regions[:MOST_SUGGESTED]]
    # Where only tilts are missing, in the middle of the picture, one view each.
    while len(places) < min(len(tilts), MOST_SUGGESTED):
        places.append((0.3 + 0.4 * (len(places) % 2), 0.35 + 0.3 * (len(places) // 2)))
    views = []
    for i, (x, y) in enumerate(places):
        edge = tilts[i % len(tilts)] if tilts else tuple(TILTS)[i % len(TILTS)]
        vertical, horizontal = TILTS[edge]
        views.append(SuggestedView(x, y, SUGGESTED_DEG * vertical, SUGGESTED_DEG * horizontal))
    return tuple(views)
