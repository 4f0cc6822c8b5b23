"""Live pictures of cameras that are being recorded: the recorder takes all, live capture looks at the newest."""

from __future__ import annotations

import threading
from collections.abc import Callable

from mocap.capture.backlog import Timed
from mocap.capture.beside import Beside
from mocap.core.types import Frame

# How long a picture is waited for before it is asked whether there will be more, s.
WAIT_S = 0.1


class WatchedSource:
    """A camera that somebody else reads, such as ``mocap.capture.recorder.Recorder``.

    Its pictures are decoded beside their recording, whatever they are coded in, and carry the times that
    ``timestamps.csv`` holds.

    Parameters
    ----------
    name : str
    view : Beside
        Gets every picture: ``recorder.tap(name, view.put)``.
    over : callable
        Returns whether there will be no more.
    """

    def __init__(self, name: str, view: Beside, over: Callable[[], bool]) -> None:
        self.name, self._view, self._over = name, view, over
        self._last: Timed | None = None
        self._count = 0
        self._closed = threading.Event()

    def open(self) -> None:
        """Begin to look."""
        self._last = None
        self._closed.clear()

    def read(self) -> Frame | None:
        """Wait for the next picture; see ``LiveSource``."""
        while (timed := self._view.newer(self._last, WAIT_S)) is None or timed.picture.image is None:
            if self._over() or self._closed.is_set():
                return None
        self._last = timed
        self._count += 1
        return Frame(self.name, self._count - 1, timed.t_ns, timed.picture.image)

    def close(self) -> None:
        """Look no more; the recorder keeps the camera."""
        self._closed.set()
