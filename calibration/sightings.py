"""What the cameras saw of a calibration target: what detection gives and every solver takes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.transforms import FloatArray


@dataclass(frozen=True)
class Sightings:
    """Corners of one target in the pictures of all cameras at common instants.

    Attributes
    ----------
    cameras : tuple of str
    sizes_wh : (C, 2) int
        Size of each camera's pictures, px.
    points : (K, 3)
        The target's corners in its own frame, m; z = 0 for a flat board.
    xy : (T, C, K, 2)
        Where each corner was seen, px; NaN where it was not.
    t_s : (T, C)
        When each picture was taken, by the camera's own clock, s; NaN where there was no picture.
    frame_index : (T, C) int
        Frame number of each picture in its video; -1 where there was none.
    """

    cameras: tuple[str, ...]
    sizes_wh: NDArray[np.int64]
    points: FloatArray
    xy: FloatArray
    t_s: FloatArray
    frame_index: NDArray[np.int64]

    def __post_init__(self) -> None:
        t, c, k, two = self.xy.shape
        shapes = {
            "sizes_wh": (self.sizes_wh.shape, (c, 2)),
            "points": (self.points.shape, (k, 3)),
            "xy": ((two, c), (2, len(self.cameras))),
            "t_s": (self.t_s.shape, (t, c)),
            "frame_index": (self.frame_index.shape, (t, c)),
        }
        for name, (have, want) in shapes.items():
            if have != want:
                raise ValueError(f"Sightings.{name} has shape {have}, expected {want}")

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Whether a corner was seen (T, C, K)."""
        return np.asarray(np.isfinite(self.xy).all(axis=-1))

    @property
    def corners_seen(self) -> NDArray[np.int64]:
        """Number of corners in each picture (T, C)."""
        return np.asarray(np.count_nonzero(self.seen, axis=2), dtype=np.int64)

    def at(self, instants: NDArray[np.generic]) -> Sightings:
        """Only these instants, by index or mask."""
        return replace(self, xy=self.xy[instants], t_s=self.t_s[instants], frame_index=self.frame_index[instants])
