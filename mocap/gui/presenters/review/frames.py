"""Pictures for the review: decoded ahead in a thread per camera, kept small, within a bound of memory.

Each camera's thread looks where the playhead is and decodes what comes next and is not kept yet. When nothing is
wanted, one more thread decodes the rest of the recording into ``Previews``, and from those any instant is shown
at once. Pictures are kept by frame, not by instant: a camera of half the rate shows each of its pictures twice.
No widget is touched here: the views ask for what is there.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np

from mocap.core.types import ImageArray, IntArray
from mocap.gui.presenters.review.film import Film, FilmIndex, read_index
from mocap.gui.presenters.review.previews import NEAR_S, SIDES_PX, Previews
from mocap.gui.presenters.words import Trouble, trouble_of

# Longest side of a kept picture: sharp at the size a view has on a large screen, a quarter of full HD's memory.
LONG_SIDE_PX = SIDES_PX[0]
# Pictures as they are shown, all cameras together; previews come beside it, and Qt, plots and a run some 400 MiB.
BUDGET_BYTES = 256 * 2**20
# Pictures ahead of the playhead that are decoded before the thread rests.
AHEAD = 90
# How long a resting thread waits before it looks again, s.
REST_S = 0.25
# Previews are made of this many pictures of a camera before the next camera has its turn.
CHUNK = 120


class FrameStore:
    """Pictures of all cameras by common instant.

    Parameters
    ----------
    videos : tuple of Path
        One a camera.
    frame_index : (T, C) int
        See ``SyncTable``.
    rate_hz : float
        Instants a second.
    """

    def __init__(
        self,
        videos: tuple[Path, ...],
        frame_index: IntArray,
        budget: int = BUDGET_BYTES,
        rate_hz: float = 60.0,
        previews: Previews | None = None,
    ) -> None:
        counts = tuple(np.unique(frame_index[:, c]).size for c in range(len(videos)))
        self.previews = previews or Previews(counts)
        share = budget // max(1, len(videos))
        self._frames = frame_index
        self._cameras = tuple(
            _Camera(c, path, frame_index[:, c], share, self.previews) for c, path in enumerate(videos)
        )
        self._reader = _Reader(self._cameras, self.previews, max(1, round(NEAR_S * rate_hz)))
        self._filler = _Filler(self._cameras, self.previews)
        self._threads = (*self._cameras, self._reader, self._filler)
        for thread in self._threads:
            thread.start()

    def want(self, instant: int) -> None:
        """Move the playhead."""
        self._reader.want(tuple(int(f) for f in self._frames[instant]))
        for camera in self._cameras:
            camera.want(instant)

    def get(self, camera: int, instant: int) -> ImageArray | None:
        """Picture (H, W, 3) BGR of an instant, the best that is there.

        While it is not decoded, a smaller one, or one at most ``NEAR_S`` away; None where there is none.
        """
        frame = int(self._frames[instant, camera])
        image = self._cameras[camera].get(frame)
        return self._reader.get(camera, frame) if image is None else image

    def coarse(self, camera: int, instant: int) -> tuple[int, ImageArray] | None:
        """The nearest picture that is at hand while the one of an instant is decoded, and how many frames later.

        A preview where few are kept, or what the decoder passes on its way.
        """
        frame = int(self._frames[instant, camera])
        found = (self._reader.near(camera, frame), self._cameras[camera].passed(frame))
        there = [(at - frame, image) for at, image in (one for one in found if one is not None)]
        return min(there, key=lambda one: abs(one[0]), default=None)

    def settled(self, camera: int, instant: int) -> bool:
        """Whether no better picture of an instant is to come."""
        one, frame = self._cameras[camera], int(self._frames[instant, camera])
        if frame < 0 or frame in one.missing or one.trouble is not None or one.get(frame) is not None:
            return True
        return self.previews.sharp and self._reader.exact(camera, frame)

    def trouble(self, camera: int) -> Trouble | None:
        """Why a camera has no pictures."""
        return self._cameras[camera].trouble

    @property
    def nbytes(self) -> int:
        """Memory that the pictures take."""
        return sum(camera.nbytes for camera in self._cameras) + self.previews.nbytes

    @property
    def filled(self) -> bool:
        """Whether all previews are made."""
        return self._filler.done

    def decoded(self, camera: int) -> tuple[int, ...]:
        """Instants whose picture is there, sharp or small."""
        there = self._cameras[camera].kept() | self.previews.frames(camera)
        column = self._frames[:, camera]
        return tuple(np.flatnonzero(np.isin(column, list(there))).tolist())

    def ready(self, camera: int) -> tuple[tuple[int, int], ...]:
        """The same as runs of instants (first, last); what a preview stands for counts."""
        column = self._frames[:, camera]
        stride = self.previews.stride
        there = np.isin(column, list(self._cameras[camera].kept()))
        there |= np.isin(column // stride * stride, list(self.previews.frames(camera)))
        steps = np.flatnonzero(np.diff(np.concatenate([[0], (there & (column >= 0)).astype(int), [0]])))
        return tuple((int(first), int(end) - 1) for first, end in steps.reshape(-1, 2))

    def close(self) -> None:
        """End the threads."""
        for thread in self._threads:
            thread.leave()
        for thread in self._threads:
            thread.join(timeout=5.0)


class _Worker(threading.Thread):
    """A thread that rests until it is woken, and leaves when asked."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.lock = threading.Condition()
        self.leaving = False

    def leave(self) -> None:
        with self.lock:
            self.leaving = True
            self.lock.notify()


class _Camera(_Worker):
    """Decodes one video around the playhead."""

    def __init__(self, number: int, path: Path, frames: IntArray, budget: int, previews: Previews) -> None:
        super().__init__(f"decode {path.name}")
        self.path, self._frames, self._budget, self._previews = path, frames, budget, previews
        self.number = number
        self._kept: dict[int, ImageArray] = {}
        self._wanted = self._asked = 0
        self.missing: set[int] = set()
        self.nbytes = 0
        self.index: FilmIndex | None = None
        self.busy = True
        self.trouble: Trouble | None = None
        self._passed: tuple[int, int, ImageArray] | None = None  # wanted, passed on the way there, picture

    def passed(self, frame: int) -> tuple[int, ImageArray] | None:
        """A picture on the way to a frame."""
        now = self._passed
        return now[1:] if now is not None and now[0] == frame else None

    def want(self, instant: int) -> None:
        with self.lock:
            self._wanted, self.busy = instant, True
            self._asked += 1
            self.lock.notify()

    def get(self, frame: int) -> ImageArray | None:
        return self._kept.get(frame)

    def kept(self) -> frozenset[int]:
        with self.lock:
            return frozenset(self._kept)

    def all_frames(self) -> list[int]:
        """Every frame that an instant shows, in order."""
        return [int(frame) for frame in np.unique(self._frames[self._frames >= 0])]

    def run(self) -> None:
        try:
            self.index = read_index(self.path)
            film = Film(self.path, self.index, max(1, (os.cpu_count() or 1) // 4))
            try:
                while (frame := self._next()) is not None:
                    self._decode(film, frame)
            finally:
                film.close()
        except Exception as error:  # told in the view, which shows no pictures then
            self.trouble, self.busy = trouble_of(error), False

    def _decode(self, film: Film, frame: int) -> None:
        asked = self._asked

        def elsewhere() -> bool:
            """Whether the user went somewhere else meanwhile: a long way to a picture is then given up."""
            return self.leaving or (self._asked != asked and frame not in self._near())

        def passing(number: int, image: ImageArray) -> None:
            if frame == int(self._frames[self._wanted]):
                self._passed = (frame, number, image)

        image = film.picture(frame, LONG_SIDE_PX, elsewhere, passing)
        if image is not None:
            self._keep(frame, image)
            self._previews.add(self.number, frame, image)
        elif not elsewhere():
            self.missing.add(frame)

    def _near(self) -> IntArray:
        """Frames that are wanted now, the most urgent first."""
        return np.asarray(self._frames[self._wanted : self._wanted + self._reach()])

    def _next(self) -> int | None:
        """The frame to decode next; waits while there is none; None when it is time to leave."""
        with self.lock:
            while not self.leaving:
                for frame in self._near().tolist():
                    if frame >= 0 and frame not in self._kept and frame not in self.missing:
                        if self._previews.sharp and self._previews.has(self.number, frame):
                            continue
                        self.busy = True
                        return int(frame)
                self.busy = False
                self.lock.wait(REST_S)
            return None

    def _reach(self) -> int:
        """Pictures ahead of the playhead that the memory has room for, less some that stay behind it."""
        if not self._kept:
            return AHEAD
        size = next(iter(self._kept.values())).nbytes
        return max(1, min(AHEAD, 3 * self._budget // (4 * size)))

    def _keep(self, frame: int, image: ImageArray) -> None:
        with self.lock:
            self._kept[frame] = image
            self.nbytes += image.nbytes
            here = int(self._frames[self._wanted])
            while self.nbytes > self._budget and len(self._kept) > 1:
                farthest = max(self._kept, key=lambda f: _distance(f, here))
                self.nbytes -= self._kept.pop(farthest).nbytes


class _Reader(_Worker):
    """Unpacks the previews of the instant that is wanted, for cameras whose picture is not decoded."""

    def __init__(self, cameras: tuple[_Camera, ...], previews: Previews, reach: int) -> None:
        super().__init__("previews")
        self._cameras, self._previews, self._reach = cameras, previews, reach
        self._wanted: tuple[int, ...] = ()
        self._shown: dict[int, tuple[int, int, ImageArray]] = {}  # camera: wanted, shown frame, picture

    def want(self, frames: tuple[int, ...]) -> None:
        with self.lock:
            self._wanted = frames
            self.lock.notify()

    def get(self, camera: int, frame: int) -> ImageArray | None:
        near = self.near(camera, frame)
        return near[1] if near is not None and abs(near[0] - frame) <= self._reach else None

    def near(self, camera: int, frame: int) -> tuple[int, ImageArray] | None:
        """The nearest preview of a frame, and which it is."""
        now = self._shown.get(camera)
        return now[1:] if now is not None and frame >= 0 and now[0] == frame else None

    def exact(self, camera: int, frame: int) -> bool:
        wanted, shown, _ = self._shown.get(camera, (-1, -1, None))
        return wanted == frame == shown

    def run(self) -> None:
        while not self.leaving:
            with self.lock:
                wanted = self._wanted
            if not any([self._read(c, frame) for c, frame in enumerate(wanted)]):
                with self.lock:
                    if not self.leaving and wanted == self._wanted:
                        # Previews that are made meanwhile are looked for after a while.
                        self.lock.wait(REST_S)

    def _read(self, camera: int, frame: int) -> bool:
        """Unpack one camera's picture; whether there was something to do."""
        if frame < 0 or self._cameras[camera].get(frame) is not None or self.exact(camera, frame):
            return False
        near = self._previews.nearest(camera, frame, max(self._reach, self._previews.stride))
        before = self._shown.get(camera, (-1, -1, None))
        if near is None or before[:2] == (frame, near):
            return False
        image = self._previews.get(camera, near)
        if image is None:
            return False
        self._shown[camera] = (frame, near, image)
        return True


class _Filler(_Worker):
    """Decodes the recording into previews while no camera's thread has anything to do."""

    def __init__(self, cameras: tuple[_Camera, ...], previews: Previews) -> None:
        super().__init__("make previews")
        self._cameras, self._previews, self.done = cameras, previews, False
        self._films: dict[int, Film] = {}
        self._todo = [camera.all_frames() for camera in cameras]

    def run(self) -> None:
        try:
            while not self.leaving and any(self._todo):
                for camera, todo in zip(self._cameras, self._todo, strict=True):
                    chunk, todo[:CHUNK] = todo[:CHUNK], []
                    self._fill(camera, chunk)
            self.done = not self.leaving
        finally:
            for film in self._films.values():
                film.close()

    def _fill(self, camera: _Camera, chunk: list[int]) -> None:
        for frame in chunk:
            if self._previews.wanted(camera.number, frame):
                self._rest()
                if self.leaving or camera.trouble is not None:
                    return
                if (image := self._film(camera).picture(frame, self._previews.side)) is not None:
                    self._previews.add(camera.number, frame, image)

    def _rest(self) -> None:
        """Wait until the cameras' threads rest, and know their films."""
        while not self.leaving and any(
            (c.busy or c.index is None) and c.trouble is None and c.is_alive() for c in self._cameras
        ):
            with self.lock:
                self.lock.wait(0.02)

    def _film(self, camera: _Camera) -> Film:
        if camera.number not in self._films:
            assert camera.index is not None
            self._films[camera.number] = Film(camera.path, camera.index, min(2, os.cpu_count() or 1))
        return self._films[camera.number]


def _distance(frame: int, wanted: int) -> float:
    """How little a picture is worth: what lies behind the playhead is wanted less than what lies ahead."""
    return frame - wanted if frame >= wanted else 2.0 * (wanted - frame)
