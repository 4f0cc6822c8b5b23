"""Where live pictures come from, and the thread that brings each camera's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from mocap.capture.beside import turned
from mocap.capture.clock import CameraClock
from mocap.capture.events import CameraState
from mocap.capture.source import CameraSource
from mocap.core.errors import CameraError, ExplainedError
from mocap.core.types import Frame
from mocap.pipeline.live.events import LiveNote
from mocap.pipeline.live.newest import Newest

# A camera that is lost is asked again after this, s.
RETRY_S = 2.0

Tap = Callable[[Frame], None]
Tell = Callable[[LiveNote], None]


class LiveSource(Protocol):
    """A camera by name; one thread opens, reads and closes it, and may open it again after."""

    @property
    def name(self) -> str:
        """Name of the camera, as in the calibration."""
        ...

    def open(self) -> None:
        """Start it; raises CameraError if it is not there."""
        ...

    def read(self) -> Frame | None:
        """Wait for the next picture, stamped on the computer's monotonic clock; None where there will be no more.

        Raises CameraError if the camera is lost.
        """
        ...

    def close(self) -> None:
        """Let go of it; closing it twice does no harm."""
        ...


class CapturedSource:
    """A camera of ``mocap.capture`` as a source of live pictures.

    Parameters
    ----------
    name : str
    camera : CameraSource
        One that hands over decoded pictures.
    rotation_deg : int
        Quarter turns clockwise to turn its pictures by, as they were for the calibration, degrees.
    """

    def __init__(self, name: str, camera: CameraSource, rotation_deg: int = 0) -> None:
        self.name, self._quarters = name, rotation_deg // 90
        self._camera = camera
        self._clock = CameraClock(camera.stamp)
        self._count = 0

    def open(self) -> None:
        """Start the camera."""
        self._camera.open()
        self._clock = CameraClock(self._camera.stamp)

    def read(self) -> Frame | None:
        """Return the next picture; see ``LiveSource``."""
        picture = self._camera.read()
        if picture is None:
            return None
        if picture.image is None:
            raise CameraError(
                f"The camera '{self.name}' hands over pictures that are not decoded.",
                "Open it for decoded pictures.",
            )
        t_ns = self._clock.time_ns(picture.camera_ns, picture.arrival_ns)
        self._count += 1
        return Frame(self.name, self._count - 1, t_ns, turned(picture.image, self._quarters))

    def close(self) -> None:
        """Let go of the camera."""
        self._camera.close()


class Grabber:
    """Reads one camera in a thread of its own and keeps its newest picture in its place.

    Parameters
    ----------
    source : LiveSource
    newest : Newest
    tell : callable
        Takes notes.
    tap : callable, optional
        Takes every picture, whether it is looked at or not: a recorder's hook. It must return at once.
    """

    def __init__(self, source: LiveSource, newest: Newest, tell: Tell, tap: Tap | None = None) -> None:
        self._source, self._newest, self._tell, self._tap = source, newest, tell, tap
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"grab {source.name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end after the picture it waits for."""
        self._leave.set()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread; one that hangs in a driver is left behind."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        lost = False
        while not self._leave.is_set():
            try:
                self._source.open()
                lost = self._say_back(lost)
                self._newest.set_state(self._source.name, CameraState.READY)
                self._read()
                return
            except ExplainedError as error:
                if not lost:
                    self._note(f"The camera '{self._source.name}' is lost: {error.what} It is asked again.")
                lost = True
                self._newest.set_state(self._source.name, CameraState.LOST)
            except Exception as error:  # a driver's own; the other cameras go on
                self._note(f"The camera '{self._source.name}' failed: {error!r}.")
                self._newest.set_state(self._source.name, CameraState.LOST)
                return
            finally:
                self._source.close()
            self._leave.wait(RETRY_S)

    def _read(self) -> None:
        """Read until there is no more."""
        while not self._leave.is_set():
            frame = self._source.read()
            if frame is None:
                self._newest.set_state(self._source.name, CameraState.ENDED)
                self._note(f"The camera '{self._source.name}' has no more pictures.")
                return
            if self._tap is not None:
                self._tap(frame)
            self._newest.put(frame)

    def _say_back(self, lost: bool) -> bool:
        if lost:
            self._note(f"The camera '{self._source.name}' is back.")
        return False

    def _note(self, text: str) -> None:
        self._tell(LiveNote(time.monotonic(), self._source.name, "camera", text))
