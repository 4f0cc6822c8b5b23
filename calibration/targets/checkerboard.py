"""The plain checkerboard."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.errors import CalibrationError
from calibration.targets import patches
from calibration.targets.protocol import Detection, Image, Region, bounding, grey, grown, nothing, whole
from calibration.transforms import FloatArray

# The whole picture is searched at no more than this on its long side, px; the corners are refined in full.
SEARCH_PX = 960
TRACK_MARGIN = 0.35

# The search near the last place shrinks squares to this, px.
SQUARE_PX = 24.0

# Half of a refinement window in squares: what keeps the next corner's edges out, whichever way it is turned.
FREE_WINDOW = 0.35

LEAST_RESEMBLANCE = 0.6

# How far a corner may be refined, and lie from where the others put it, in squares or, if more, px.
FARTHEST_MOVE, FARTHEST_LEFT, LEAST_MOVE_PX = 0.25, 0.06, 1.0


@dataclass(frozen=True)
class Checkerboard:
    """A checkerboard, which is found whole or not at all.

    The first corner is the one whose upper left square is black. If both counts are even or both odd, the
    board looks the same turned by half a turn: which corner is which is then told by where all cameras agree
    (``calibration.extrinsics.settle_ends``). Seen in a mirror it looks like itself, so that cannot be found out.

    Attributes
    ----------
    corners_x, corners_y : int
        Inner corners, one fewer than squares.
    square_m : float
        Side of a square, m.
    """

    corners_x: int
    corners_y: int
    square_m: float

    def __post_init__(self) -> None:
        if min(self.corners_x, self.corners_y) < 3:
            raise CalibrationError(
                f"A checkerboard of {self.corners_x}x{self.corners_y} inner corners is too small to be found.",
                "Use at least 4x4 squares, which is 3x3 inner corners.",
            )
        if not self.square_m > 0.0:
            raise CalibrationError(f"The square is {self.square_m} m.", "Give its side in metres.")

    @property
    def name(self) -> str:
        """What it is, for people."""
        return f"checkerboard with {self.corners_x}x{self.corners_y} inner corners, {1000 * self.square_m:g} mm"

    @property
    def symmetric(self) -> bool:
        """Whether its two ends look alike."""
        return (self.corners_x + self.corners_y) % 2 == 0

    @property
    def turned(self) -> NDArray[np.intp]:
        """Corner (K,) that lies where each corner does after half a turn."""
        return np.arange(self.corners_x * self.corners_y)[::-1]

    @cached_property
    def points(self) -> FloatArray:
        """Inner corners (K, 3), m, row by row; origin at the upper left of the outer squares, z into the board."""
        return np.column_stack([self._corners * self.square_m, np.zeros(len(self._corners))])

    @cached_property
    def _corners(self) -> FloatArray:
        """Inner corners (K, 2), squares."""
        y, x = np.mgrid[1 : self.corners_y + 1, 1 : self.corners_x + 1]
        return np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float64)

    @cached_property
    def _patches(self) -> FloatArray:
        return patches.print_patches(draw_checkerboard(self, patches.TEXELS), self._corners)

    def detect(
        self,
        image: Image,
        previous: Detection | None = None,
        thorough: bool = True,
        within: Region | None = None,
    ) -> Detection:
        """Search a picture for the board; see ``Target.detect``."""
        picture = grey(image)
        size = (picture.shape[1], picture.shape[0])
        if previous is not None and previous.region is not None:
            x0, y0, x1, y1 = grown(previous.region, TRACK_MARGIN, size)
            found = self._search(picture[y0:y1, x0:x1], min(1.0, SQUARE_PX / previous.cell_px), True)
            if found is not None:
                return self._exact(picture, found + np.array([x0, y0]))
        x0, y0, x1, y1 = within or whole(picture)
        part = picture[y0:y1, x0:x1]
        scale = min(1.0, SEARCH_PX / max(part.shape))
        found = self._search(part, scale, thorough)
        if found is None and thorough and scale < 1.0:
            found = self._search(part, 1.0, False)
        if found is None:
            return nothing(len(self._corners))
        return self._exact(picture, found + np.array([x0, y0]))

    def _search(self, picture: Image, scale: float, thorough: bool) -> FloatArray | None:
        """Corners (K, 2) roughly, in either order, px; None if the board is not there.

        A glance at the picture's dark and light blobs (2-7 ms) mostly tells whether a search is worth while.
        The quick search (5-25 ms) fails under blur and uneven light; then, if thorough, comes Duda and Frese,
        "Accurate detection and localization of checkerboard corners for calibration", BMVC 2018, as in
        ``cv2.findChessboardCornersSB``.
        """
        height, width = picture.shape
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if scale < 1.0 else picture
        shape = (self.corners_x, self.corners_y)
        if not cv2.checkChessboard(small, shape):
            return None
        good, corners = cv2.findChessboardCorners(small, shape)
        if not good and thorough:
            good, corners = cv2.findChessboardCornersSB(small, shape, flags=cv2.CALIB_CB_EXHAUSTIVE)
        if not good or corners is None:
            return None
        ratio = np.array([width / size[0], height / size[1]])
        return np.asarray((np.asarray(corners, dtype=np.float64).reshape(-1, 2) + 0.5) * ratio - 0.5)

    def _exact(self, picture: Image, rough: FloatArray) -> Detection:
        """Put the corners in order and refine them in the full picture."""
        order = rough.reshape(self.corners_y, self.corners_x, 2)
        right, down = order[:, -1] - order[:, 0], order[-1] - order[0]
        # Seen from the front, x to y turns as in the picture; the finder does not always count that way.
        if right.sum(axis=0)[0] * down.sum(axis=0)[1] - right.sum(axis=0)[1] * down.sum(axis=0)[0] < 0:
            order = order[:, ::-1]
        choices = []
        for turned in (order, order[::-1, ::-1]):
            guess = turned.reshape(-1, 2)
            plane = patches.homography(self._corners, guess)
            if plane is None:
                continue
            bend = guess - patches.project(plane, self._corners)
            at = patches.project(plane, self._corners[:, None] + patches.patch_offsets()) + bend[:, None]
            choices.append((float(np.median(patches.resemblance(picture, self._patches, at))), guess))
        if not choices:
            return nothing(len(self._corners))
        best, guess = max(choices, key=lambda choice: choice[0])
        if best < LEAST_RESEMBLANCE:
            return nothing(len(self._corners))
        spacing = self._spacing(guess)
        window = np.clip(FREE_WINDOW * spacing, patches.SMALLEST_WINDOW, patches.LARGEST_WINDOW).astype(np.int64)
        xy = patches.refine(picture, guess, window)
        good = np.linalg.norm(xy - guess, axis=1) < FARTHEST_MOVE * spacing
        if np.count_nonzero(good) <= max(self.corners_x, self.corners_y):  # they might be one row
            return nothing(len(self._corners))
        expected = patches.Plan(self._corners[good], xy[good]).at(self._corners)
        good &= np.linalg.norm(xy - expected, axis=1) < np.maximum(FARTHEST_LEFT * spacing, LEAST_MOVE_PX)
        xy[~good] = np.nan
        region = bounding(guess, (picture.shape[1], picture.shape[0]))
        return Detection(xy, region=region, cell_px=float(np.median(spacing)))

    def _spacing(self, xy: FloatArray) -> FloatArray:
        """Distance from each corner to its nearest neighbour (K,), px."""
        grid = xy.reshape(self.corners_y, self.corners_x, 2)
        across = np.linalg.norm(np.diff(grid, axis=1), axis=-1)
        down = np.linalg.norm(np.diff(grid, axis=0), axis=-1)
        to_right = np.concatenate([across, across[:, -1:]], axis=1)
        to_left = np.concatenate([across[:, :1], across], axis=1)
        below = np.concatenate([down, down[-1:]], axis=0)
        above = np.concatenate([down[:1], down], axis=0)
        return np.asarray(np.min([to_right, to_left, below, above], axis=0).reshape(-1))


def draw_checkerboard(board: Checkerboard, texels: int, margin: int = 1) -> Image:
    """Draw the board, ``texels`` a square, with a rim of ``margin`` squares; the upper left square is black."""
    y, x = np.mgrid[0 : board.corners_y + 1, 0 : board.corners_x + 1]
    squares = np.where((x + y) % 2 == 0, 0, 255).astype(np.uint8)
    picture = np.kron(squares, np.ones((texels, texels), dtype=np.uint8))
    return np.pad(picture, margin * texels, constant_values=255)
