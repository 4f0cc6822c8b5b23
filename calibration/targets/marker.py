"""A single ArUco marker."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from calibration.errors import CalibrationError
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

TRACK_MARGIN = 1.0

# The edges of the marker are searched for this far to either side, as a share of its side and in px at least
# and most, and along this middle part of each: near the corners the two edges blur into each other.
EDGE_REACH, EDGE_REACH_PX, EDGE_PART = 0.09, (2.0, 8.0), (0.12, 0.88)
EDGE_LINES = 24
SAMPLES_PER_PX = 4
LEAST_EDGE_CONTRAST = 8.0


@dataclass(frozen=True)
class ArucoMarker:
    """One marker, of which the four outer corners are the points.

    Attributes
    ----------
    id : int
    side_m : float
        Side of the black square, m.
    dictionary : str
        Name in OpenCV.
    inverted : bool
        Whether black and white are exchanged in print.
    """

    id: int
    side_m: float
    dictionary: str
    inverted: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.id < dictionary_size(self.dictionary):
            raise CalibrationError(
                f"{self.dictionary} has no marker {self.id}.",
                f"Choose one from 0 to {dictionary_size(self.dictionary) - 1}.",
            )
        if not self.side_m > 0.0:
            raise CalibrationError(f"The marker's side is {self.side_m} m.", "Give it in metres.")

    @property
    def name(self) -> str:
        """What it is, for people."""
        return f"ArUco marker {self.id} of {self.dictionary}, {1000 * self.side_m:g} mm"

    @property
    def modules(self) -> int:
        """Modules a side, with the black border."""
        return int(dictionary(self.dictionary).markerSize) + 2

    @cached_property
    def points(self) -> FloatArray:
        """Corners (4, 3), m, from the upper left clockwise; the upper left is the origin, z into the board."""
        corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], dtype=np.float64)
        return np.asarray(corners * self.side_m)

    @cached_property
    def _finder(self) -> MarkerFinder:
        return MarkerFinder(self.dictionary, [self.id])

    def detect(
        self,
        image: Image,
        previous: Detection | None = None,
        thorough: bool = True,
        within: Region | None = None,
    ) -> Detection:
        """Search a picture for the marker; see ``Target.detect``."""
        picture = 255 - grey(image) if self.inverted else grey(image)
        if previous is not None and previous.region is not None:
            region = grown(previous.region, TRACK_MARGIN, (picture.shape[1], picture.shape[0]))
            found = self._exact(picture, self._finder.find(picture, region, MARKER_PX / previous.cell_px))
            if found.markers:
                return found
        region = within or whole(picture)
        scale = min(1.0, SEARCH_PX / longest(region))
        found = self._exact(picture, self._finder.find(picture, region, scale))
        if thorough and scale < 1.0 and not found.markers:
            found = self._exact(picture, self._finder.find(picture, region))
        return found

    def _exact(self, picture: Image, markers: Markers) -> Detection:
        """Refine the corners of the one marker that was read."""
        if len(markers) == 0:
            return nothing(4)
        if len(markers) > 1:
            return Detection(np.full((4, 2), np.nan), markers=len(markers), doubled=True)
        rough = markers.corners[0]
        xy = _edge_corners(picture, rough)
        return Detection(
            xy,
            bool(markers.mirrored[0]),
            1,
            region=bounding(rough, (picture.shape[1], picture.shape[0])),
            cell_px=side_px(markers.corners),
        )


def _edge_corners(picture: Image, rough: FloatArray) -> FloatArray:
    """Corners (4, 2) px where lines through the four edges meet; NaN where an edge is not there.

    An outer corner is no saddle of the grey levels: blur moves it inwards, but not the edges beside it. Along
    normals to each edge the place of the step is the mean of the grey level's slope; a line is fitted to these
    (total least squares), and neighbouring lines are met.
    """
    inward = rough.mean(axis=0)
    lines = []
    for i in range(4):
        a, b = rough[i], rough[(i + 1) % 4]
        along = b - a
        length = float(np.linalg.norm(along))
        normal = np.array([along[1], -along[0]]) / max(length, 1e-9)
        if normal @ (a - inward) < 0:
            normal = -normal
        reach = float(np.clip(EDGE_REACH * length, *EDGE_REACH_PX))
        share = np.linspace(*EDGE_PART, EDGE_LINES)
        steps = np.linspace(-reach, reach, 2 * round(reach * SAMPLES_PER_PX) + 1)
        at = a + share[:, None, None] * along + steps[:, None] * normal
        grey_levels = _sample(picture, at)
        slope = np.maximum(np.diff(grey_levels, axis=1), 0.0)  # from black inside to white outside
        rise = slope.sum(axis=1)
        middle = 0.5 * (steps[1:] + steps[:-1])
        seen = np.isfinite(rise) & (rise > LEAST_EDGE_CONTRAST)
        if np.count_nonzero(seen) < EDGE_LINES // 2:
            lines.append(np.full(3, np.nan))
            continue
        offset = (slope[seen] ** 2 @ middle) / (slope[seen] ** 2).sum(axis=1)
        points = (a + share[seen, None] * along) + offset[:, None] * normal
        lines.append(_line(points))
    corners = [np.cross(lines[i - 1], lines[i]) for i in range(4)]
    xy = np.array([c[:2] / c[2] if abs(c[2]) > 1e-9 else [np.nan, np.nan] for c in corners])
    within = (xy >= 0) & (xy <= np.array(picture.shape[::-1]) - 1)
    return np.where(np.asarray(within.all(axis=1))[:, None], xy, np.nan)


def _line(points: FloatArray) -> FloatArray:
    """Line (3,) through points (N, 2) by total least squares, the farthest fifth left out once."""
    for _ in range(2):
        centre = points.mean(axis=0)
        normal = np.linalg.svd(points - centre, full_matrices=False)[2][1]
        off = np.abs((points - centre) @ normal)
        points = points[off <= np.quantile(off, 0.8)]
    return np.array([normal[0], normal[1], -float(normal @ centre)])


def _sample(picture: Image, at: FloatArray) -> FloatArray:
    """Grey levels (L, S) at pixels (L, S, 2); NaN outside the picture."""
    within = (at >= 0) & (at <= np.array(picture.shape[::-1]) - 1)
    maps = at.astype(np.float32)
    values = cv2.remap(picture, maps[..., 0], maps[..., 1], cv2.INTER_LINEAR).astype(np.float64)
    return np.where(within.all(axis=-1), values, np.nan)


def draw_marker(marker: ArucoMarker, texels: int, margin: int) -> Image:
    """Draw the marker, ``texels`` a module, with a rim of ``margin`` modules."""
    inner = cv2.aruco.generateImageMarker(dictionary(marker.dictionary), marker.id, marker.modules * texels)
    picture = np.pad(inner, margin * texels, constant_values=255)
    return np.asarray(255 - picture if marker.inverted else picture, dtype=np.uint8)
