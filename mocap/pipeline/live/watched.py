"""Live pictures of cameras that are being recorded: the recorder takes all, live capture looks at the newest."""

from __future__ import annotations

import threading
from collections.abc import Callable

import cv2
import numpy as np

from mocap.capture.clock import CameraClock
from mocap.capture.source import Picture, Stamp
from mocap.core.errors import CameraError
from mocap.core.types import Frame, ImageArray

# How often a new picture is looked for, s: a tenth of the time between two at 50 a second.
LOOK_S = 0.002


class WatchedSource:
    """A camera that somebody else reads, such as ``mocap.capture.recorder.Recorder``.

    Parameters
    ----------
    name : str
    stamp : Stamp
        Who says when its pictures were taken.
    peek : callable
        Returns the newest picture, or None before the first: ``lambda: recorder.latest(name)``.
    over : callable
        Returns whether there will be no more.
    """

    def __init__(
        self, name: str, stamp: Stamp, peek: Callable[[], Picture | None], over: Callable[[], bool]
    ) -> None:
        self.name, self._stamp, self._peek, self._over = name, stamp, peek, over
        self._clock, self._last, self._count = CameraClock(stamp), None, 0
        self._closed = threading.Event()

    _last: Picture | None

    def open(self) -> None:
        """Begin to look."""
        self._clock, self._last = CameraClock(self._stamp), None
        self._closed.clear()

    def read(self) -> Frame | None:
        """Wait for the next picture; see ``LiveSource``."""
        while (picture := self._peek()) is None or picture is self._last:
            if self._over() or self._closed.wait(LOOK_S):
                return None
        self._last = picture
        self._count += 1
        t_ns = self._clock.time_ns(picture.camera_ns, picture.arrival_ns)
        return Frame(self.name, self._count - 1, t_ns, self._decoded(picture))

    def _decoded(self, picture: Picture) -> ImageArray:
        """Picture as it is, or decoded where it stands by itself."""
        if picture.image is not None:
            return picture.image
        if picture.coded is not None and picture.coded.codec == "mjpeg":
            image = cv2.imdecode(np.frombuffer(bytes(picture.coded.packet), dtype=np.uint8), cv2.IMREAD_COLOR)
            if image is not None:
                return np.asarray(image, dtype=np.uint8)
        raise CameraError(
            f"The pictures of camera '{self.name}' are copied as they are coded; none can be looked at.",
            "Record with --quality h264, which decodes them.",
        )

    def close(self) -> None:
        """Look no more; the recorder keeps the camera."""
        self._closed.set()
