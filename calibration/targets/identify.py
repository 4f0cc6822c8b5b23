"""Finding out which target is in the pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.errors import CalibrationError
from calibration.targets import patches
from calibration.targets.charuco import CharucoBoard, draw_charuco
from calibration.targets.checkerboard import Checkerboard
from calibration.targets.files import AnyTarget
from calibration.targets.marker import ArucoMarker
from calibration.targets.markers import FAMILY_OF, Markers, dictionary, dictionary_size, side_px
from calibration.targets.protocol import Image, grey
from calibration.targets.survey import WEAKEST_EVIDENCE_BITS, Reading, survey
from calibration.transforms import FloatArray

# Boards are sought up to this many squares across.
MOST_SQUARES = 30

# Side of a square that is not known, m; then the calibration has no scale.
ASSUMED_SQUARE_M = 0.03

# Ratio of marker to square while the layout is sought; others come within the tolerance.
USUAL_RATIO = 0.75
RATIOS = np.linspace(0.40, 0.98, 59)

# The ratio is refined on this many texels a square, from this many corners on, within this of the first guess.
RATIO_TEXELS, RATIO_CORNERS, RATIO_REACH = 100, 6, 0.08

# With less white around its markers than this, in modules, a board is hardly found, and OpenCV complains.
LEAST_BORDER = 0.7

# How far a marker may be off the layout, as a share of its side; the lens needs some.
LAYOUT_TOLERANCE = 0.3

# A layout needs this many markers in some picture, and this share of those read.
LEAST_MARKERS, LEAST_SHARE = 3, 0.6

# Pictures with the most markers that the layout is sought in.
LAYOUT_PICTURES = 4

# A checkerboard is sought from the smallest on; the finder extends it as far as it goes.
SMALLEST_CHECKERBOARD = (3, 3)
CHECKERBOARD_PX = 960


@dataclass(frozen=True)
class Identified:
    """A target found in pictures.

    Attributes
    ----------
    target : CharucoBoard, Checkerboard or ArucoMarker
    scale_known : bool
        Whether its size was given; if not, it is only assumed.
    mirrored : bool
        Whether it was seen mirrored.
    """

    target: AnyTarget
    scale_known: bool
    mirrored: bool


def identify(pictures: Sequence[Image], size_m: float | None = None) -> Identified | None:
    """Find out which target is in the pictures; None if there is none.

    Parameters
    ----------
    pictures : sequence of (H, W) or (H, W, 3) uint8
        A few that show it well.
    size_m : float or None
        Side of a square, or of a single marker, m.
    """
    size = ASSUMED_SQUARE_M if size_m is None else size_m
    for reading in survey(pictures):
        target = _board(reading, size, pictures) or _single(reading, size)
        if target is not None:
            return Identified(target, size_m is not None, reading.mirrored)
    checkerboard = _checkerboard(pictures, size)
    if checkerboard is not None:
        return Identified(checkerboard, size_m is not None, False)
    for reading in survey(pictures, WEAKEST_EVIDENCE_BITS)[:1]:
        single = _single(reading, size)
        return None if single is None else Identified(single, size_m is not None, reading.mirrored)
    return None


def _single(reading: Reading, size_m: float) -> ArucoMarker | None:
    """One marker, if it is by far the most frequent."""
    ranked = reading.ids.most_common(2)
    if len(ranked) > 1 and ranked[0][1] < 3 * ranked[1][1]:
        return None
    return ArucoMarker(ranked[0][0], size_m, reading.dictionary, reading.inverted)


@dataclass(frozen=True)
class _Layout:
    """Where the markers of a board are: columns, and whether the first square is white (has a marker)."""

    columns: int
    white_first: bool

    def cells(self, ids: NDArray[np.int64]) -> FloatArray:
        """Centres (M, 2) of the squares of markers, squares."""
        even = (self.columns + int(self.white_first)) // 2  # markers in rows 0, 2, ...
        pair, rest = np.divmod(ids, self.columns)
        second = rest >= even
        row = 2 * pair + second
        place = rest - np.where(second, even, 0)
        first = (row + int(not self.white_first)) % 2
        return np.stack([2 * place + first + 0.5, row + 0.5], axis=-1)

    def corners(self, ids: NDArray[np.int64], ratio: float) -> FloatArray:
        """Corners (M, 4, 2) of markers, squares."""
        unit = 0.5 * ratio * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
        return np.asarray(self.cells(ids)[:, None] + unit)


def _board(reading: Reading, square_m: float, pictures: Sequence[Image]) -> CharucoBoard | None:
    """The ChArUco board that puts the markers where they were read; None if they form none."""
    views = [markers.keep(markers.mirrored == reading.mirrored) for markers in reading.markers]
    views = sorted(views, key=lambda markers: -len(np.unique(markers.ids)))[:LAYOUT_PICTURES]
    views = [markers for markers in views if len(np.unique(markers.ids)) >= LEAST_MARKERS]
    total = sum(len(markers) for markers in views)
    if not total:
        return None
    layouts = [_Layout(n, white) for n in range(2, MOST_SQUARES + 1) for white in (False, True)]
    fits = [[_fitting(layout, markers) for markers in views] for layout in layouts]
    votes = [sum(int(np.count_nonzero(good)) for good in fit) for fit in fits]
    best = int(np.argmax(votes))
    if votes[best] < max(LEAST_MARKERS, LEAST_SHARE * total):
        return None
    layout = layouts[best]
    good_views = [markers.keep(good) for markers, good in zip(views, fits[best], strict=True)]
    last = max(int(markers.ids.max()) for markers in good_views if len(markers))
    rows = int(layout.cells(np.array([last]))[0, 1] + 0.5)
    if layout.white_first and rows % 2:
        rows += 1  # only boards with an even number of rows begin white; the last row was never seen
    if layout.columns * rows // 2 > dictionary_size(reading.dictionary):
        return None
    ratio = min(RATIOS, key=lambda r: sum(_misfit(layout, markers, float(r)) for markers in good_views))
    board = CharucoBoard(
        layout.columns,
        rows,
        square_m,
        square_m * float(ratio),
        reading.dictionary,
        layout.white_first,
        reading.inverted,
    )
    return _with_ratio(board, pictures)


def _with_ratio(board: CharucoBoard, pictures: Sequence[Image]) -> CharucoBoard:
    """Give the board the size of markers whose drawing resembles the picture that shows most of it.

    Blur moves the corners of markers inwards, so what these say is too small by a few hundredths of a square; the
    corners of the squares stay, and between them picture and drawing can be laid over each other.
    """
    greys = [grey(picture) for picture in pictures]
    seen = [board.detect(picture) for picture in greys]
    best = max(range(len(seen)), key=lambda i: seen[i].corners)
    found = np.isfinite(seen[best].xy[:, 0])
    if np.count_nonzero(found) < RATIO_CORNERS:
        return board
    plan = patches.Plan(board.points[found, :2] / board.square_m, seen[best].xy[found])
    y, x = np.mgrid[0 : board.squares_y * RATIO_TEXELS, 0 : board.squares_x * RATIO_TEXELS]
    at = plan.at((np.stack([x, y], axis=-1) + 0.5) / RATIO_TEXELS).astype(np.float32)
    inside = ((at > 0) & (at < np.array(greys[best].shape[::-1], dtype=np.float32) - 1)).all(axis=-1)
    picture = cv2.remap(greys[best], np.nan_to_num(at[..., 0]), np.nan_to_num(at[..., 1]), cv2.INTER_LINEAR)[
        inside
    ]
    near = board.marker_m / board.square_m
    modules = dictionary(board.dictionary).markerSize + 2
    choices = [
        replace(board, marker_m=round(float(ratio), 2) * board.square_m)
        for ratio in RATIOS
        if abs(ratio - near) < RATIO_REACH and (1.0 - ratio) / 2 > LEAST_BORDER * ratio / modules
    ]
    if not choices:
        return board
    return max(
        choices, key=lambda one: float(np.corrcoef(picture, draw_charuco(one, RATIO_TEXELS, 0)[inside])[0, 1])
    )


def _fitting(layout: _Layout, markers: Markers) -> NDArray[np.bool_]:
    """Which markers (M,) lie where one plane with this layout puts them."""
    board = layout.corners(markers.ids, USUAL_RATIO).reshape(-1, 2)
    tolerance = LAYOUT_TOLERANCE * side_px(markers.corners)
    cv2.setRNGSeed(0)  # the same pictures give the same board
    plane, good = cv2.findHomography(board, markers.corners.reshape(-1, 2), cv2.RANSAC, tolerance, maxIters=100)
    if plane is None:
        return np.zeros(len(markers), dtype=np.bool_)
    return np.asarray(good.reshape(-1, 4).all(axis=1))


def _misfit(layout: _Layout, markers: Markers, ratio: float) -> float:
    """Sum of squared distances of the corners from a plane, px^2."""
    if len(markers) < 2:
        return 0.0
    board = layout.corners(markers.ids, ratio).reshape(-1, 2)
    seen = markers.corners.reshape(-1, 2)
    plane, _ = cv2.findHomography(board, seen, 0)
    if plane is None:
        return 0.0
    return float(np.sum((cv2.perspectiveTransform(board[:, None], plane)[:, 0] - seen) ** 2))


def _checkerboard(pictures: Sequence[Image], square_m: float) -> Checkerboard | None:
    """The checkerboard of which the pictures together show most corners.

    Something in the background may look like a larger one in a single picture.
    """
    corners: Counter[tuple[int, int]] = Counter()
    confirmed: dict[tuple[int, int], tuple[int, int]] = {}
    for picture in pictures:
        image = grey(picture)
        rough = _rough_size(image)
        if rough is None:
            continue
        if rough not in confirmed and (size := _confirmed_size(image, rough)) is not None:
            confirmed[rough] = size
        if rough in confirmed:
            corners[confirmed[rough]] += confirmed[rough][0] * confirmed[rough][1]
    if not corners:
        return None
    x, y = max(sorted(corners), key=lambda size: corners[size])
    return Checkerboard(x, y, square_m)


def _rough_size(image: Image) -> tuple[int, int] | None:
    """Corners of the largest checkerboard that the finder takes a picture to show, the longer side first."""
    scale = min(1.0, CHECKERBOARD_PX / max(image.shape))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
    good, _, meta = cv2.findChessboardCornersSBWithMeta(
        small, SMALLEST_CHECKERBOARD, cv2.CALIB_CB_LARGER | cv2.CALIB_CB_EXHAUSTIVE
    )
    if not good or meta is None:
        return None
    down, across = sorted(int(count) for count in meta.shape[:2])
    return across, down


def _confirmed_size(image: Image, rough: tuple[int, int]) -> tuple[int, int] | None:
    """The size that stands up to the print.

    The finder sees small boards in noise, and a row too many at the rim; held against the print they vanish.
    """
    across, down = rough
    for x, y in ((across, down), (across - 1, down), (across, down - 1), (across - 1, down - 1)):
        if min(x, y) >= min(SMALLEST_CHECKERBOARD) and Checkerboard(x, y, 1.0).detect(image).corners == x * y:
            return max(x, y), min(x, y)
    return None


def same_print(a: AnyTarget, b: AnyTarget) -> bool:
    """Whether two targets differ in size only."""
    if isinstance(a, CharucoBoard) and isinstance(b, CharucoBoard):
        same_codes = FAMILY_OF[a.dictionary] == FAMILY_OF[b.dictionary]
        same_legacy = a.legacy == b.legacy or a.squares_y % 2 == 1
        return (
            same_codes
            and same_legacy
            and (a.squares_x, a.squares_y, a.inverted) == (b.squares_x, b.squares_y, b.inverted)
        )
    if isinstance(a, Checkerboard) and isinstance(b, Checkerboard):
        return {a.corners_x, a.corners_y} == {b.corners_x, b.corners_y}
    if isinstance(a, ArucoMarker) and isinstance(b, ArucoMarker):
        return (FAMILY_OF[a.dictionary], a.id, a.inverted) == (FAMILY_OF[b.dictionary], b.id, b.inverted)
    return False


def require_target(found: Identified | None) -> Identified:
    """Return what was found, or explain that nothing was."""
    if found is None:
        raise CalibrationError(
            "No calibration target was found: no marker of any known dictionary and no checkerboard.",
            "Give pictures in which the whole board is sharp, lit evenly, and fills a quarter of the picture.",
        )
    return found
