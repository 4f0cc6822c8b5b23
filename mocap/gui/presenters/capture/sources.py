"""The cameras of the page's list as sources that others read along."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from mocap.capture.addresses import SourceWishes, open_sources
from mocap.capture.backlog import Timed
from mocap.capture.beside import Beside, turned
from mocap.capture.clock import CameraClock
from mocap.capture.source import CameraSource, Picture, Stamp, StreamFormat
from mocap.core.errors import CameraError, ExplainedError
from mocap.gui.presenters.capture.words import CameraEntry
from mocap.gui.presenters.words import Trouble, trouble_of

# A camera that is not there is asked again after this, and is lost after so long: by then all others are open, s.
RETRY_S, PATIENCE_S = 0.5, 15.0

Overhear = Callable[[str, Timed], None]
MakeSource = Callable[[CameraEntry, SourceWishes], CameraSource]


class Ears:
    """Hands all pictures to those who look just now, also while cameras are closed and opened again."""

    def __init__(self) -> None:
        self._views: tuple[dict[str, Beside], ...] = ()
        self._lock = threading.Lock()

    def overhear(self, camera: str, timed: Timed) -> None:
        """Take a picture; returns at once."""
        for views in self._views:
            if camera in views:
                views[camera].put(timed)

    def look(self, entries: Sequence[CameraEntry], rate_hz: float = math.inf) -> dict[str, Beside]:
        """Begin to decode for somebody, upright, so many pictures a second at most."""
        views = {
            entry.name: Beside(entry.name, rate_hz, partial(turned, quarters=entry.rotation_deg // 90))
            for entry in entries
        }
        with self._lock:
            self._views = (*self._views, views)
        return views

    def leave(self, views: dict[str, Beside]) -> None:
        """Decode for them no more."""
        with self._lock:
            self._views = tuple(other for other in self._views if other is not views)
        for view in views.values():
            view.close()


class Overheard:
    """A camera whose pictures somebody else gets, too, and that may be missing when it is first opened.

    One camera that is not there must not keep the others from being seen: its first opening succeeds, and the
    first reading waits for it.

    Parameters
    ----------
    name : str
    source : CameraSource
    overhear : callable
        Takes the camera's name and each picture with its time; must return at once.
    """

    def __init__(self, name: str, source: CameraSource, overhear: Overhear) -> None:
        self._name, self._source, self._overhear = name, source, overhear
        self._clock = CameraClock(source.stamp)
        self._first = True
        self._failed: CameraError | None = None
        self._left = threading.Event()
        self.trouble: Trouble | None = None

    @property
    def address(self) -> str:
        """Of the camera itself."""
        return self._source.address

    @property
    def stamp(self) -> Stamp:
        """Who says when its pictures are taken."""
        return self._source.stamp

    @property
    def live(self) -> bool:
        """Whether it goes on by itself."""
        return self._source.live

    def open(self) -> StreamFormat:
        """Start the camera."""
        first, self._first = self._first, False
        try:
            return self._open()
        except ExplainedError as error:
            if not first:
                raise
            self._failed = CameraError(error.what, error.remedy, error.path)
            return StreamFormat((0, 0), float("nan"))

    def _open(self) -> StreamFormat:
        try:
            opened = self._source.open()
        except ExplainedError as error:
            self.trouble = trouble_of(error)
            raise
        self._clock.stamp = self._source.stamp
        self._clock.come_back()
        self.trouble = self._failed = None
        return opened

    def _await(self, failed: CameraError) -> None:
        """Wait for a camera that was not there, until all others are open: then it counts as lost."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and not self._left.wait(RETRY_S):
            with contextlib.suppress(ExplainedError):
                self._open()
                return
        self._failed = None
        raise failed

    def give_up(self) -> None:
        """Wait no more."""
        self._left.set()

    def read(self) -> Picture | None:
        """Wait for the next picture."""
        if self._failed is not None:
            self._await(self._failed)
        try:
            picture = self._source.read()
        except ExplainedError as error:
            self.trouble = trouble_of(error)
            raise
        if picture is not None:
            self._overhear(self._name, Timed(picture, self._clock.time_ns(picture.camera_ns, picture.arrival_ns)))
        return picture

    def close(self) -> None:
        """Let go of the camera."""
        self._source.close()

    def formats(self) -> tuple[StreamFormat, ...]:
        """What it can send."""
        return self._source.formats()

    def control(self, wanted: Mapping[str, float]) -> dict[str, float]:
        """Set what the driver lets be set."""
        return self._source.control(wanted)


def make_sources(entries: Sequence[CameraEntry], wishes: SourceWishes, overhear: Overhear) -> dict[str, Overheard]:
    """Make the cameras of a list by their names; none is started yet.

    Films are made in one go, as they then share a clock and play together.
    """
    films = [entry for entry in entries if entry.kind in ("film", "pictures")]
    made = dict(zip((e.name for e in films), _films(films, wishes), strict=True))
    for entry in entries:
        if entry.name not in made:
            own = SourceWishes(entry.size_wh, entry.rate_hz, wishes.decoded)
            (made[entry.name],) = open_sources([entry.address], own).values()
    return {entry.name: Overheard(entry.name, made[entry.name], overhear) for entry in entries}


def _films(films: Sequence[CameraEntry], wishes: SourceWishes) -> tuple[CameraSource, ...]:
    return tuple(open_sources([entry.address for entry in films], wishes).values()) if films else ()
