"""The ChArUco board: a checkerboard with a marker in each white square."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.errors import CalibrationError
from calibration.targets import patches
from calibration.targets.markers import (
    MARKER_PX,
    SEARCH_PX,
    MarkerFinder,
    Markers,
    dictionary,
    dictionary_size,
    side_px,
)
from calibration.targets.protocol import Detection, Image, Region, bounding, grey, grown, longest, nothing, whole
from calibration.transforms import FloatArray

# How much around the board of the picture before is searched, as a share of its size: at 30 pictures a second
# a hand moves it by far less.
TRACK_MARGIN = 0.35

# The search near the last place is believed if it reads at least this share of the markers read there.
TRACK_SHARE = 0.6

# A marker whose corners are off the plane of the others by more than this share of its side is a misreading;
# lens distortion over a whole board stays below.
PLANE_TOLERANCE = 0.25

# If fewer of the markers that were read are where the board has them, it is another board: with the count of
# squares off by one, a row or two of markers still fit.
LEAST_PLACED = 0.6

# Farther from any marker that was read, in squares, a corner's place is a guess.
FARTHEST_MARKER = 2.3

# Least correlation of the picture around a corner with the print. Corners under a finger or beyond the paper
# stay below; blurred and noisy ones, and those in glare, come above.
LEAST_RESEMBLANCE = 0.6

# A corner that looks like the print to this degree is believed even where it was not expected, until the last
# search, by which it has had its say about where the board is.
STRIKING_RESEMBLANCE, NEVER = 0.8, 2.0

# Fewer corners than this give no pose of the board, nor any check of one another.
LEAST_CORNERS = 4

# How far a corner may lie from where the markers around it put it, and from where the other corners put it,
# in squares; bent paper and lenses need some room, and below LEAST_MOVE_PX it is noise.
FARTHEST_MOVE, FARTHEST_LEFT = 0.15, 0.06
LEAST_MOVE_PX = 1.0

# Half side of the refinement window as a share of the way to the nearest marker: 1 / sqrt(2) keeps markers out
# however the square window lies. Measured on Caliscope's recordings: 0.19 px rms off the plane, 0.24 with 0.85.
FREE_WINDOW = 0.7

# The first search is wider by this factor than what keeps the markers out of the window.
WIDE_WINDOW = 2.0

# Weight of a corner of the board, which stands for more, against a marker's corner, which is off by up to a
# pixel.
SADDLE_WEIGHT = 9.0

# Markers that fit a second place of the board before the picture counts as showing two boards.
SECOND_BOARD_MARKERS = 2


@dataclass(frozen=True)
class CharucoBoard:
    """A ChArUco board.

    Attributes
    ----------
    squares_x, squares_y : int
        Columns and rows of squares.
    square_m, marker_m : float
        Sides, m.
    dictionary : str
        Name in OpenCV.
    legacy : bool
        Whether an even number of rows begins with a white square, as OpenCV drew it before 4.6.
    inverted : bool
        Whether black and white are exchanged in print.
    """

    squares_x: int
    squares_y: int
    square_m: float
    marker_m: float
    dictionary: str
    legacy: bool = False
    inverted: bool = False

    def __post_init__(self) -> None:
        if min(self.squares_x, self.squares_y) < 2 or self.squares_x * self.squares_y < 6:
            raise CalibrationError(
                f"A ChArUco board of {self.squares_x}x{self.squares_y} squares has too few corners.",
                "Use at least 3x3 squares.",
            )
        if not 0.0 < self.marker_m < self.square_m:
            raise CalibrationError(
                f"The marker ({self.marker_m} m) must be smaller than its square ({self.square_m} m).",
                "Correct the lengths; both are in metres.",
            )
        if self.squares_x * self.squares_y // 2 > dictionary_size(self.dictionary):
            raise CalibrationError(
                f"{self.dictionary} has {dictionary_size(self.dictionary)} markers, the board needs "
                f"{self.squares_x * self.squares_y // 2}.",
                "Use a larger dictionary of the same kind or fewer squares.",
            )

    @property
    def name(self) -> str:
        """What it is, for people."""
        extras = (", legacy pattern" if self.legacy else "") + (", inverted print" if self.inverted else "")
        return (
            f"ChArUco board {self.squares_x}x{self.squares_y}, squares {1000 * self.square_m:g} mm, "
            f"markers {1000 * self.marker_m:g} mm, {self.dictionary}{extras}"
        )

    @cached_property
    def opencv(self) -> cv2.aruco.CharucoBoard:
        """The same board in OpenCV, which knows nothing of inverted print."""
        size = (self.squares_x, self.squares_y)
        board = cv2.aruco.CharucoBoard(size, self.square_m, self.marker_m, dictionary(self.dictionary))
        board.setLegacyPattern(self.legacy)
        return board

    @cached_property
    def points(self) -> FloatArray:
        """Inner corners (K, 3), m, row by row; origin at the upper left of the print, z into the board."""
        return np.asarray(self.opencv.getChessboardCorners(), dtype=np.float64)

    @cached_property
    def marker_corners(self) -> FloatArray:
        """Corners of the markers by id (M, 4, 2), squares."""
        corners = np.asarray(self.opencv.getObjPoints(), dtype=np.float64)[..., :2] / self.square_m
        return corners[np.argsort(np.asarray(self.opencv.getIds()).ravel())]

    @cached_property
    def _corners(self) -> FloatArray:
        """Inner corners (K, 2), squares."""
        return self.points[:, :2] / self.square_m

    @cached_property
    def _finder(self) -> MarkerFinder:
        return MarkerFinder(self.dictionary, range(self.marker_corners.shape[0]))

    @cached_property
    def _patches(self) -> FloatArray:
        """The print, not inverted, around each corner."""
        return patches.print_patches(draw_charuco(replace(self, inverted=False), patches.TEXELS), self._corners)

    @cached_property
    def _next_marker_corners(self) -> FloatArray:
        """The corners of markers nearest to each corner (K, 2, 2), squares."""
        all_corners = self.marker_corners.reshape(-1, 2)
        gaps = np.linalg.norm(self._corners[:, None] - all_corners, axis=-1)
        return np.asarray(all_corners[np.argsort(gaps, axis=1)[:, :2]])

    def detect(
        self,
        image: Image,
        previous: Detection | None = None,
        thorough: bool = True,
        within: Region | None = None,
    ) -> Detection:
        """Search a picture for the board; see ``Target.detect``."""
        picture = grey(image)
        if self.inverted:
            picture = 255 - picture
        if previous is not None and previous.region is not None:
            region = grown(previous.region, TRACK_MARGIN, (picture.shape[1], picture.shape[0]))
            markers = self._finder.find(picture, region, MARKER_PX / previous.cell_px, previous.mirrored)
            if len(markers) >= TRACK_SHARE * previous.markers:
                tracked = self._locate(picture, markers)
                if tracked.corners:
                    return tracked
        region = within or whole(picture)
        scale = min(1.0, SEARCH_PX / longest(region))
        found = self._search(picture, region, scale)
        if thorough and scale < 1.0 and not found.corners and not found.doubled:
            found = self._search(picture, region, 1.0)
        return found

    def _search(self, picture: Image, region: Region, scale: float) -> Detection:
        """Search a part of the picture, shrunk by ``scale``."""
        markers = self._finder.find(picture, region, scale)
        if _mostly_mirrored(markers):
            markers = self._finder.find(picture, region, scale, mirrored=True)
        return self._locate(picture, markers)

    def _locate(self, picture: Image, markers: Markers) -> Detection:
        """Find the corners around the markers that were read."""
        if len(markers) == 0:
            return nothing(self.points.shape[0])
        mirrored = _mostly_mirrored(markers)
        markers = markers.keep(markers.mirrored == mirrored)
        chosen = self._on_one_plane(markers)
        if chosen is None:
            return nothing(self.points.shape[0])
        others = markers.keep(~chosen)
        markers = markers.keep(chosen)
        again = np.isin(others.ids, markers.ids)
        second = self._on_one_plane(others.keep(again)) if again.any() else None
        if second is not None and np.count_nonzero(second) >= SECOND_BOARD_MARKERS:
            return replace(nothing(self.points.shape[0]), markers=len(markers), doubled=True)
        if len(markers) < LEAST_PLACED * (len(markers) + len(others)):
            return replace(nothing(self.points.shape[0]), markers=len(markers), misplaced=True)
        xy = self._corners_near(picture, markers)
        size = (picture.shape[1], picture.shape[0])
        outline = np.concatenate([markers.corners.reshape(-1, 2), xy[np.isfinite(xy[:, 0])]])
        return Detection(
            xy, mirrored, len(markers), region=bounding(outline, size), cell_px=side_px(markers.corners)
        )

    def _on_one_plane(self, markers: Markers) -> NDArray[np.bool_] | None:
        """Which markers lie where one board puts them (M,); None if there are none.

        Each marker in turn proposes a plane by its own four corners, and the others that agree vote. Exhaustive
        where RANSAC would draw lots: boards have few markers.
        """
        if len(markers) == 0:
            return None
        board = self.marker_corners[markers.ids]
        centres = board.mean(axis=1)
        side = side_px(markers.corners)
        best = np.zeros(len(markers), dtype=np.bool_)
        for i in range(len(markers)):
            plane = patches.homography(board[i], markers.corners[i])
            if plane is None:
                continue
            # One marker's plane is uncertain far away: the tolerance grows with the distance, in squares.
            off = np.linalg.norm(patches.project(plane, board) - markers.corners, axis=-1).mean(axis=1)
            votes = off < PLANE_TOLERANCE * side * (1.0 + np.linalg.norm(centres - centres[i], axis=1))
            if np.count_nonzero(votes) > np.count_nonzero(best):
                best = votes
            if best.all():
                break
        return best if best.any() else None

    def _corners_near(self, picture: Image, markers: Markers) -> FloatArray:
        """Corners (K, 2) px around these markers; NaN where they are hidden or unlike the print.

        The corners of markers are found to a pixel or so, and less under glare, so the first search is wide; the
        next ones start from where the corners that were found put the others.
        """
        board, seen = self.marker_corners[markers.ids].reshape(-1, 2), markers.corners.reshape(-1, 2)
        centres = self.marker_corners[markers.ids].mean(axis=1)
        near = np.linalg.norm(self._corners[:, None] - centres, axis=-1).min(axis=1) < FARTHEST_MARKER
        plan = patches.Plan(board, seen)
        xy = self._refined(picture, plan, near, WIDE_WINDOW, FARTHEST_MOVE)
        for striking in (STRIKING_RESEMBLANCE, NEVER):
            found = np.isfinite(xy[:, 0])
            if np.count_nonzero(found) < LEAST_CORNERS:
                return np.full_like(xy, np.nan)
            weight = np.concatenate([np.ones(board.shape[0]), np.full(np.count_nonzero(found), SADDLE_WEIGHT)])
            plan = patches.Plan(
                np.concatenate([board, self._corners[found]]), np.concatenate([seen, xy[found]]), weight
            )
            xy = self._refined(picture, plan, near, 1.0, FARTHEST_LEFT, striking)
            if np.array_equal(np.isfinite(xy[:, 0]), found):
                break  # nothing new to start from
        return xy

    def _refined(
        self,
        picture: Image,
        plan: patches.Plan,
        near: NDArray[np.bool_],
        widen: float,
        farthest: float,
        striking: float = NEVER,
    ) -> FloatArray:
        """Refine the corners from where the plan puts them and keep those that look like the print."""
        guess = np.where(near[:, None], plan.at(self._corners), np.nan)
        axes = plan.axes(self._corners)
        square = np.nan_to_num(np.linalg.norm(axes, axis=-1).min(axis=1), nan=0.0)
        gap = np.linalg.norm(plan.at(self._next_marker_corners) - guess[:, None], axis=-1).min(axis=1)
        free = np.nan_to_num(widen * FREE_WINDOW * gap, nan=0.0)
        window = np.clip(free, patches.SMALLEST_WINDOW, patches.LARGEST_WINDOW).astype(np.int64)
        xy = patches.refine(picture, guess, window)
        shift = xy - guess
        like = patches.resemblance(picture, self._patches, xy[:, None] + patches.patch_offsets() @ axes)
        moved = np.linalg.norm(shift, axis=1)
        expected = moved < np.maximum(farthest * square, LEAST_MOVE_PX)
        good = (expected & (like > LEAST_RESEMBLANCE)) | ((like > striking) & (moved < FARTHEST_MOVE * square))
        return np.where(good[:, None], xy, np.nan)


def _mostly_mirrored(markers: Markers) -> bool:
    """Whether more markers were read mirrored than upright."""
    return int(np.count_nonzero(markers.mirrored)) * 2 > len(markers)


def draw_charuco(board: CharucoBoard, texels: int, margin: int = 1) -> Image:
    """Draw the board, ``texels`` a square, with a rim of ``margin`` squares."""
    size = (board.squares_x * texels, board.squares_y * texels)
    inner = np.asarray(board.opencv.generateImage(size, marginSize=0), dtype=np.uint8)
    picture = np.pad(inner, margin * texels, constant_values=255)
    return np.asarray(255 - picture if board.inverted else picture, dtype=np.uint8)
