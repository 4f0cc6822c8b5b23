"""What a calibration target is, and what a picture shows of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.transforms import FloatArray

Image = NDArray[np.uint8]
Region = tuple[int, int, int, int]


@dataclass(frozen=True)
class Detection:
    """What one picture shows of a target.

    Attributes
    ----------
    xy : (K, 2)
        Corners in the order of ``Target.points``, px, pixel centres at integers; NaN where not seen.
    mirrored : bool
        Whether the target is seen as in a mirror: the camera flips its pictures, or this is the back of a
        board that is printed on both sides, the back mirrored so that corners lie on corners.
    markers : int
        Number of the target's own markers that were read.
    doubled : bool
        Whether two such targets are in the picture; then no corner is given, for nobody knows whose it is.
    misplaced : bool
        Whether markers were read that are not where this target has them: another board of its dictionary.
        Then no corner is given either.
    region : (left, top, right, bottom) or None
        Where in the picture the target lies, px.
    cell_px : float
        Side of a marker (checkerboard: square) in the picture, px; NaN if unknown.
    """

    xy: FloatArray
    mirrored: bool = False
    markers: int = 0
    doubled: bool = False
    misplaced: bool = False
    region: Region | None = None
    cell_px: float = np.nan

    @property
    def corners(self) -> int:
        """Number of corners found."""
        return int(np.count_nonzero(np.isfinite(self.xy[:, 0])))


class Target(Protocol):
    """An object of known shape that a picture is searched for."""

    @property
    def name(self) -> str:
        """What it is, for people."""
        ...

    @property
    def points(self) -> FloatArray:
        """Corners (K, 3) in the target's frame, m: x right, y down as printed, z into the board."""
        ...

    def detect(
        self,
        image: Image,
        previous: Detection | None = None,
        thorough: bool = True,
        within: Region | None = None,
    ) -> Detection:
        """Search a picture.

        Parameters
        ----------
        image : (H, W) or (H, W, 3) uint8
            Grey or BGR.
        previous : Detection or None
            What the picture before showed: the search begins there.
        thorough : bool
            Whether a large picture is searched at full resolution if the reduced one shows nothing.
        within : Region or None
            The only part that is searched if the target is not where the picture before had it; all if None.
        """
        ...


def grey(image: Image) -> Image:
    """Return the picture in grey; a grey one as it is."""
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def nothing(count: int) -> Detection:
    """No corner of ``count`` was found."""
    return Detection(np.full((count, 2), np.nan))


def whole(picture: Image) -> Region:
    """All of a picture."""
    return 0, 0, picture.shape[1], picture.shape[0]


def longest(region: Region) -> int:
    """Longer side of a region, px."""
    return max(region[2] - region[0], region[3] - region[1])


def grown(region: Region, share: float, size_wh: tuple[int, int]) -> Region:
    """Grow a region by a share of its size on each side, within the picture."""
    left, top, right, bottom = region
    extra = int(share * max(right - left, bottom - top)) + 1
    return (
        max(left - extra, 0),
        max(top - extra, 0),
        min(right + extra, size_wh[0]),
        min(bottom + extra, size_wh[1]),
    )


def bounding(xy: FloatArray, size_wh: tuple[int, int]) -> Region:
    """Smallest region of the picture that holds the finite points (N, 2)."""
    low, high = np.nanmin(xy, axis=0), np.nanmax(xy, axis=0)
    x0, y0 = np.clip(np.floor(low), 0, size_wh).astype(int)
    x1, y1 = np.clip(np.ceil(high) + 1, 0, size_wh).astype(int)
    return int(x0), int(y0), int(x1), int(y1)
