"""Small compressed pictures of a whole recording, so that any instant can be shown at once.

A film's pictures are built on one another: one in the middle of a second takes tens of others, four films
together more than a tenth of a second. So all pictures are decoded once, when the processors have time, and kept
as JPEG, as large as the memory allows: sharp for short recordings, smaller for longer ones, and of a very long
one only every second, fourth ... picture.
"""

from __future__ import annotations

import threading

import cv2
import numpy as np

from mocap.core.types import ImageArray

# All cameras together.
BUDGET_BYTES = 256 * 2**20
# Longest sides to choose from: sharp on a large screen; on a small one; enough to find an instant.
SIDES_PX = (960, 640, 400)
QUALITY = 75
# What JPEG of this quality takes of a real picture, bytes a pixel (measured: 0.11 at 960 px, 0.16 at 400).
BYTES_PER_PX = 0.16
# Pictures are rarely more square than this, so that a longest side says how many pixels there are.
SHAPE = 0.75
# While the exact picture is decoded, one this near stands in for it, s: about what an eye takes for the same.
NEAR_S = 0.1


class Previews:
    """Compressed pictures by camera and frame; may be used from several threads.

    Parameters
    ----------
    counts : tuple of int
        Frames of each camera.
    budget : int
        Bytes for all of them.
    """

    def __init__(self, counts: tuple[int, ...], budget: int = BUDGET_BYTES) -> None:
        total = max(1, sum(counts))

        def needed(side: int) -> float:
            return total * side * side * SHAPE * BYTES_PER_PX

        self.side = next((side for side in SIDES_PX if needed(side) <= budget), SIDES_PX[-1])
        self.stride = 1
        while needed(self.side) > budget * self.stride:
            self.stride *= 2
        self._budget, self._lock = budget, threading.Lock()
        self._kept: tuple[dict[int, bytes], ...] = tuple({} for _ in counts)
        self.nbytes = 0

    @property
    def sharp(self) -> bool:
        """Whether they are as good as what is decoded."""
        return self.side == SIDES_PX[0]

    def wanted(self, camera: int, frame: int) -> bool:
        """Whether a frame should be kept and is not yet."""
        return frame % self.stride == 0 and frame not in self._kept[camera]

    def has(self, camera: int, frame: int) -> bool:
        """Whether a frame is there."""
        return frame in self._kept[camera]

    def frames(self, camera: int) -> frozenset[int]:
        """All that are there."""
        with self._lock:
            return frozenset(self._kept[camera])

    def add(self, camera: int, frame: int, image: ImageArray) -> None:
        """Keep a picture, if it is wanted; where the memory would not do, every second one is let go."""
        if not self.wanted(camera, frame):
            return
        good, packed = cv2.imencode(".jpg", fitted(image, self.side), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        if not good:
            return
        with self._lock:
            self._kept[camera][frame] = packed.tobytes()
            self.nbytes += packed.size
            while self.nbytes > self._budget:
                self._thin()

    def get(self, camera: int, frame: int) -> ImageArray | None:
        """Unpack a picture."""
        packed = self._kept[camera].get(frame)
        if packed is None:
            return None
        image = cv2.imdecode(np.frombuffer(packed, dtype=np.uint8), cv2.IMREAD_COLOR)
        return None if image is None else np.asarray(image, dtype=np.uint8)

    def nearest(self, camera: int, frame: int, reach: int) -> int | None:
        """The frame nearest to one, at most ``reach`` frames away."""
        kept = self._kept[camera]
        for away in range(reach + 1):
            for near in (frame - away, frame + away):
                if near in kept:
                    return near
        return None

    def _thin(self) -> None:
        self.stride *= 2
        for kept in self._kept:
            for frame in [n for n in kept if n % self.stride]:
                self.nbytes -= len(kept.pop(frame))


def fitted(image: ImageArray, side: int) -> ImageArray:
    """A picture whose longest side is at most ``side``."""
    scale = side / max(image.shape[:2])
    if scale >= 1.0:
        return image
    size = (max(2, round(image.shape[1] * scale)), max(2, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
