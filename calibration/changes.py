"""What changed from picture to picture: only that is searched for a target, and only that adds anything."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.targets.protocol import Image, Region
from calibration.transforms import FloatArray

# Pictures are compared by the means of so many blocks along their longer side, of at least so many px.
BLOCKS, LEAST_BLOCK_PX = 160, 8.0

# A block whose mean moved by more grey levels than this has changed. The mean of 64 pixels hides the noise of a
# webcam in the dark (10 levels a pixel make 1.3), and the edge of a square that moves by a fifth of a pixel
# over a block changes it by more.
CHANGED_LEVELS = 6

# A changed part is searched with so many blocks around it: the quiet zone of a marker at its edge.
MARGIN_BLOCKS = 3

# Corners that moved by less than this (median) since an instant show what it showed: it is the noise of a corner,
# some 0.15 px a coordinate, met twice. At least this share of the corners seen must have been seen then.
STILL_PX = 0.4
COMMON_SHARE = 0.8

# Of a hold every so many instants are kept: their mean is surer than the lens's and the print's own errors.
STILL_EVERY = 10


class Changes:
    """Remembers how one camera's picture looked where it was searched in vain, and where a target was found."""

    def __init__(self) -> None:
        self._now: NDArray[np.uint8] | None = None
        self._searched: NDArray[np.uint8] | None = None
        self._found: NDArray[np.uint8] | None = None
        self._block = 1.0
        self._size = (0, 0)

    def look(self, picture: Image) -> None:
        """Take the next picture, grey."""
        size = (picture.shape[1], picture.shape[0])
        if size != self._size:
            self._size, self._searched, self._found = size, None, None
            self._block = max(max(size) / BLOCKS, LEAST_BLOCK_PX)
        grid = (max(round(size[0] / self._block), 1), max(round(size[1] / self._block), 1))
        self._now = np.asarray(cv2.resize(picture, grid, interpolation=cv2.INTER_AREA), dtype=np.uint8)

    def since_searched(self) -> Region | None:
        """Part that does not look as it did when it was searched in vain; None if there is none."""
        if self._now is None or self._searched is None:
            return (0, 0, *self._size)
        rows, columns = np.nonzero(cv2.absdiff(self._now, self._searched) > CHANGED_LEVELS)
        if not len(rows):
            return None
        low = np.array([columns.min(), rows.min()]) - MARGIN_BLOCKS
        high = np.array([columns.max(), rows.max()]) + 1 + MARGIN_BLOCKS
        ratio = np.array(self._size) / np.array(self._now.shape[::-1])
        left, top = np.maximum(np.floor(low * ratio), 0).astype(int).tolist()
        right, bottom = np.minimum(np.ceil(high * ratio), self._size).astype(int).tolist()
        return left, top, right, bottom

    def searched(self) -> None:
        """Note that nothing was found in this picture."""
        self._searched, self._found = self._now, None

    def found(self) -> None:
        """Note that the target was found in this picture."""
        self._found = self._now

    def still(self, region: Region) -> bool:
        """Whether this part looks as it did when the target was last found in it."""
        if self._now is None or self._found is None:
            return False
        ratio = np.array(self._now.shape[::-1]) / np.array(self._size)
        left, top = np.floor(np.array(region[:2]) * ratio).astype(int)
        right, bottom = np.ceil(np.array(region[2:]) * ratio).astype(int)
        part = np.s_[top:bottom, left:right]
        return not bool((cv2.absdiff(self._now, self._found)[part] > CHANGED_LEVELS).any())


def still_instants(xy: FloatArray) -> NDArray[np.bool_]:
    """Instants (T,) that add nothing, as every camera that sees the target saw it in the same place before.

    The first and the last instant of each hold stay, between which and their neighbours the target moved.

    Parameters
    ----------
    xy : (T, C, K, 2)
        Corners, px; NaN where not seen.
    """
    seen = np.isfinite(xy[..., 0])
    instants = np.flatnonzero(seen.any(axis=(1, 2)))
    skipped = np.zeros(len(xy), dtype=np.bool_)
    hold: list[int] = []
    for before, now in zip(instants[:-1].tolist(), instants[1:].tolist(), strict=True):
        start = hold[0] if hold else before
        if _same_place(xy[start], xy[now]):
            hold = [*hold, now] if hold else [before, now]
            continue
        skipped[_surplus(hold)] = True
        hold = []
    skipped[_surplus(hold)] = True
    return skipped


def _surplus(hold: list[int]) -> list[int]:
    """Instants of a hold that are not kept."""
    return [t for n, t in enumerate(hold[:-1]) if n % STILL_EVERY]


def _same_place(before: FloatArray, now: FloatArray) -> bool:
    """Whether all cameras that see the target now (C, K, 2) saw as much of it before, in the same place."""
    seen = np.isfinite(now[..., 0])
    common = seen & np.isfinite(before[..., 0])
    if (np.count_nonzero(common, axis=1) < np.count_nonzero(seen, axis=1) * COMMON_SHARE).any():
        return False
    moved = np.linalg.norm(now - before, axis=-1)
    return all(float(np.median(moved[c, common[c]])) < STILL_PX for c in np.flatnonzero(seen.any(axis=1)))
