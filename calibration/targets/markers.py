"""Finding ArUco markers, upright or mirrored, in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.errors import CalibrationError
from calibration.targets.protocol import Image, Region
from calibration.transforms import FloatArray

# The dictionaries of OpenCV, the smaller of one family first: DICT_4X4_50 is the beginning of DICT_4X4_1000.
FAMILIES: tuple[tuple[str, ...], ...] = (
    *(tuple(f"DICT_{n}X{n}_{count}" for count in (50, 100, 250, 1000)) for n in (4, 5, 6, 7)),
    ("DICT_ARUCO_ORIGINAL",),
    ("DICT_ARUCO_MIP_36h12",),
    ("DICT_APRILTAG_16h5",),
    ("DICT_APRILTAG_25h9",),
    ("DICT_APRILTAG_36h10",),
    ("DICT_APRILTAG_36h11",),
)
FAMILY_OF: dict[str, int] = {name: number for number, family in enumerate(FAMILIES) for name in family}
DICTIONARIES: tuple[str, ...] = tuple(name for family in FAMILIES for name in family)

# Side of the window of the adaptive threshold, px. OpenCV tries 3, 13 and 23 one after the other, and that is
# most of its time; 15 alone finds the same boards (on Caliscope's recordings 98 % of the corners in a fifth of
# the time) as long as markers are not much larger than MARKER_PX, to which known ones are shrunk.
THRESHOLD_WINDOW_PX = 15
MARKER_PX = 48.0

# OpenCV takes quadrilaterals within this share of their perimeter for one and keeps the outer. Its 0.125 takes the
# edge of a white sheet for that of the marker in its middle, which is then lost.
NESTED_SHARE = 0.05

# The whole picture is searched at no more than this on its long side, px.
SEARCH_PX = 1280


@dataclass(frozen=True)
class Markers:
    """Markers found in a picture.

    Attributes
    ----------
    ids : (M,) int
    corners : (M, 4, 2)
        From the marker's own upper left clockwise as printed, px.
    mirrored : (M,) bool
    """

    ids: NDArray[np.int64]
    corners: FloatArray
    mirrored: NDArray[np.bool_]

    def __len__(self) -> int:
        return int(self.ids.shape[0])

    def keep(self, chosen: NDArray[np.generic]) -> Markers:
        """Only these, by mask or index."""
        return Markers(self.ids[chosen], self.corners[chosen], self.mirrored[chosen])


def dictionary(name: str) -> cv2.aruco.Dictionary:
    """Return a dictionary of OpenCV by name.

    Raises
    ------
    CalibrationError
        If there is none of this name.
    """
    if name not in DICTIONARIES:
        raise CalibrationError(
            f"There is no marker dictionary '{name}'.", f"Choose one of: {', '.join(DICTIONARIES)}."
        )
    return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, name))


def dictionary_size(name: str) -> int:
    """Number of markers in a dictionary."""
    return int(dictionary(name).bytesList.shape[0])


class MarkerFinder:
    """Finds certain markers of one dictionary.

    The mirrored codes are searched for as further markers, which costs next to nothing, whereas searching the
    flipped picture costs as much as the first search. A code whose mirror image is another code of the
    choice is reported as upright, unless only mirrored ones are asked for.

    Parameters
    ----------
    name : str
        Dictionary.
    ids : sequence of int
        Which markers of it.
    """

    def __init__(self, name: str, ids: Sequence[int]) -> None:
        whole = dictionary(name)
        self._ids = np.asarray(ids, dtype=np.int64)
        upright = [
            cv2.aruco.Dictionary.getBitsFromByteList(whole.bytesList[i : i + 1], whole.markerSize)
            for i in self._ids
        ]
        mirrored = [np.ascontiguousarray(bits[:, ::-1]) for bits in upright]
        self._both = _detector(whole, [*upright, *mirrored])
        self._mirrored = _detector(whole, mirrored)

    def find(
        self, grey: Image, region: Region | None = None, scale: float = 1.0, mirrored: bool = False
    ) -> Markers:
        """Search a part of a picture, shrunk by ``scale`` if below 1, perhaps for mirrored markers only."""
        x0, y0, x1, y1 = region or (0, 0, grey.shape[1], grey.shape[0])
        part = grey[y0:y1, x0:x1]
        ratio = np.ones(2)
        if scale < 1.0:
            size = (max(round((x1 - x0) * scale), 1), max(round((y1 - y0) * scale), 1))
            part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
            ratio = np.array([(x1 - x0) / size[0], (y1 - y0) / size[1]])
        quads, found, _ = (self._mirrored if mirrored else self._both).detectMarkers(part)
        if found is None or len(found) == 0:
            return no_markers()
        index = np.asarray(found, dtype=np.int64).ravel() + (self._ids.size if mirrored else 0)
        corners = np.asarray(quads, dtype=np.float64).reshape(-1, 4, 2)
        corners = (corners + 0.5) * ratio - 0.5 + (x0, y0)
        flags = index >= self._ids.size
        corners[flags] = corners[flags][:, [1, 0, 3, 2]]  # the mirror image begins at the other side
        return Markers(self._ids[index % self._ids.size], corners, flags)


def no_markers() -> Markers:
    """Nothing was read."""
    return Markers(np.zeros(0, np.int64), np.zeros((0, 4, 2)), np.zeros(0, np.bool_))


def fast_parameters() -> cv2.aruco.DetectorParameters:
    """Parameters of OpenCV with one threshold, and for markers on sheets; see the constants above."""
    parameters = cv2.aruco.DetectorParameters()
    parameters.adaptiveThreshWinSizeMin = parameters.adaptiveThreshWinSizeMax = THRESHOLD_WINDOW_PX
    parameters.minMarkerDistanceRate = NESTED_SHARE
    return parameters


def _detector(whole: cv2.aruco.Dictionary, codes: Sequence[NDArray[np.uint8]]) -> cv2.aruco.ArucoDetector:
    """Detector of these codes (n, n)."""
    rows = np.concatenate([cv2.aruco.Dictionary.getByteListFromBits(bits) for bits in codes])
    chosen = cv2.aruco.Dictionary(rows, whole.markerSize, whole.maxCorrectionBits)
    return cv2.aruco.ArucoDetector(chosen, fast_parameters())


def side_px(corners: FloatArray) -> float:
    """Median side of markers (M, 4, 2), px: the root of their area, which foreshortening changes least."""
    one, other = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    area = 0.5 * np.abs(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0])  # from the diagonals
    return float(np.sqrt(np.median(area)))
