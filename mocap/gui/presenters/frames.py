"""Pictures for the review: decoded ahead in a thread per camera, kept small, within a bound of memory.

Each camera's thread looks where the playhead is and decodes what comes next and is not kept yet: forwards it
decodes on, elsewhere it seeks. Old pictures leave, those farthest from the playhead first. No widget is touched
here: the views ask for what is there.
"""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np

from mocap.core.errors import VideoError
from mocap.core.types import ImageArray, IntArray
from mocap.gui.presenters.words import Trouble, trouble_of

# Longest side of a kept picture: sharp at the size a view has on a large screen, a quarter of full HD's memory.
LONG_SIDE_PX = 960
# All cameras together; the app with Qt, plots and a run takes some 400 MiB beside.
BUDGET_BYTES = 640 * 2**20
# To decode this many pictures on the way is quicker than to seek, which begins at the key picture before (usually
# some 10 to 250 pictures back).
SKIP_AT_MOST = 24
# Pictures ahead of the playhead that are decoded before the thread rests.
AHEAD = 90
# How long a resting thread waits before it looks again, s.
REST_S = 0.25


class FrameStore:
    """Pictures of all cameras by common instant.

    Parameters
    ----------
    videos : tuple of Path
        One a camera.
    frame_index : (T, C) int
        See ``SyncTable``.
    """

    def __init__(self, videos: tuple[Path, ...], frame_index: IntArray, budget: int = BUDGET_BYTES) -> None:
        share = budget // max(1, len(videos))
        self._cameras = tuple(_Camera(path, frame_index[:, c], share) for c, path in enumerate(videos))
        for camera in self._cameras:
            camera.start()

    def want(self, instant: int) -> None:
        """Move the playhead."""
        for camera in self._cameras:
            camera.want(instant)

    def get(self, camera: int, instant: int) -> ImageArray | None:
        """Picture (H, W, 3) BGR of an instant; None while it is not decoded, or where there is none."""
        return self._cameras[camera].get(instant)

    def trouble(self, camera: int) -> Trouble | None:
        """Why a camera has no pictures."""
        return self._cameras[camera].trouble

    @property
    def nbytes(self) -> int:
        """Memory that the pictures take."""
        return sum(camera.nbytes for camera in self._cameras)

    def decoded(self, camera: int) -> tuple[int, ...]:
        """Instants whose picture is there."""
        return self._cameras[camera].kept()

    def close(self) -> None:
        """End the threads."""
        for camera in self._cameras:
            camera.leave()
        for camera in self._cameras:
            camera.join(timeout=5.0)


class _Camera(threading.Thread):
    """Decodes one video around the playhead."""

    def __init__(self, path: Path, frames: IntArray, budget: int) -> None:
        super().__init__(name=f"decode {path.name}", daemon=True)
        self._path, self._frames, self._budget = path, frames, budget
        self._kept: dict[int, ImageArray] = {}
        self._lock = threading.Condition()
        self._wanted, self._leave = 0, False
        self._missing = {int(t) for t in np.flatnonzero(frames < 0)}
        self.nbytes = 0
        self.trouble: Trouble | None = None

    def want(self, instant: int) -> None:
        with self._lock:
            self._wanted = instant
            self._lock.notify()

    def get(self, instant: int) -> ImageArray | None:
        return self._kept.get(instant)

    def kept(self) -> tuple[int, ...]:
        with self._lock:
            return tuple(sorted(self._kept))

    def leave(self) -> None:
        with self._lock:
            self._leave = True
            self._lock.notify()

    def run(self) -> None:
        try:
            self._decode_all()
        except Exception as error:  # told in the view, which shows no pictures then
            self.trouble = trouble_of(error)

    def _decode_all(self) -> None:
        if not self._path.is_file():
            raise VideoError("The video is gone.", "Put it back where it was.", self._path)
        capture = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise VideoError("The video cannot be decoded.", "Convert it to H.264 mp4.", self._path)
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        at = 0  # the frame that the next read gives
        try:
            while (instant := self._next()) is not None:
                frame = int(self._frames[instant])
                if not 0 <= frame - at <= SKIP_AT_MOST:
                    capture.set(cv2.CAP_PROP_POS_FRAMES, frame)
                    at = frame
                while at < frame and capture.grab():
                    at += 1
                good, image = capture.read()
                at += 1
                if good:
                    self._keep(instant, _small(image))
                else:
                    self._missing.add(instant)
                    capture.set(cv2.CAP_PROP_POS_FRAMES, frame + 1)
        finally:
            capture.release()

    def _next(self) -> int | None:
        """The instant to decode next; waits while there is none; None when it is time to leave."""
        with self._lock:
            while not self._leave:
                wanted = range(self._wanted, min(self._wanted + self._reach(), self._frames.shape[0]))
                for instant in wanted:
                    if instant not in self._kept and instant not in self._missing:
                        return instant
                if (rest := self._elsewhere()) is not None:
                    return rest
                self._lock.wait(REST_S)
            return None

    def _elsewhere(self) -> int | None:
        """An instant that is not kept, while there is room: a short film is kept whole."""
        size = next(iter(self._kept.values())).nbytes if self._kept else 0
        if size == 0 or self.nbytes + size > self._budget:
            return None
        absent = set(range(self._frames.shape[0])) - self._kept.keys() - self._missing
        # In order, so that hardly any of them needs a seek.
        return min(absent, default=None)

    def _reach(self) -> int:
        """Pictures ahead of the playhead that the memory has room for, less some that stay behind it."""
        if not self._kept:
            return AHEAD
        size = next(iter(self._kept.values())).nbytes
        return max(1, min(AHEAD, 3 * self._budget // (4 * size)))

    def _keep(self, instant: int, image: ImageArray) -> None:
        with self._lock:
            self._kept[instant] = image
            self.nbytes += image.nbytes
            while self.nbytes > self._budget and len(self._kept) > 1:
                farthest = max(self._kept, key=lambda t: _distance(t, self._wanted))
                self.nbytes -= self._kept.pop(farthest).nbytes


def _distance(instant: int, wanted: int) -> float:
    """How little a picture is worth: what lies behind the playhead is wanted less than what lies ahead."""
    return instant - wanted if instant >= wanted else 2.0 * (wanted - instant)


def _small(image: ImageArray) -> ImageArray:
    """A picture no larger than is shown."""
    scale = min(1.0, LONG_SIDE_PX / max(image.shape[:2]))
    if scale == 1.0:
        return image
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    # Bilinear skips no pixel down to a half, and is several times as fast as averaging areas.
    way = cv2.INTER_LINEAR if scale >= 0.5 else cv2.INTER_AREA
    return np.asarray(cv2.resize(image, size, interpolation=way), dtype=np.uint8)
