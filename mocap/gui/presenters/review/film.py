"""One video, from which any picture can be had by its number: exact for uneven frame rates too.

The packets are walked through once for the times of all pictures and for where decoding can begin. A seek
then goes to the key picture before, and on the way leaves out the pictures that no other one is built upon
(FFmpeg's ``skip_frame=nonref``; half of the work in a film with B-pictures).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from mocap.core.errors import VideoError
from mocap.core.types import ImageArray, IntArray

# On a long way to a picture one is shown this often, s, the first at once.
PASSING_S = 0.1


def _nobody(number: int, image: ImageArray) -> None:
    """Nobody looks at what is passed on the way."""


@dataclass(frozen=True)
class FilmIndex:
    """When each picture comes.

    Attributes
    ----------
    ticks : (F,) int
        Presentation times, ascending, in the file's own unit; as ``mocap.capture.video`` numbers the pictures.
    keys : (K,) int
        Numbers of the pictures at which decoding can begin.
    seekable : bool
        False where the file states no times: pictures are then counted from the beginning.
    """

    ticks: IntArray
    keys: IntArray
    seekable: bool

    @property
    def count(self) -> int:
        """Number of pictures."""
        return int(self.ticks.shape[0])

    def key_before(self, number: int) -> int:
        """The picture at which decoding must begin to get picture ``number``."""
        place = int(np.searchsorted(self.keys, number, side="right")) - 1
        return int(self.keys[place]) if place >= 0 else 0


def read_index(path: Path) -> FilmIndex:
    """Walk through the packets of a video.

    Raises
    ------
    VideoError
        If it is gone or cannot be read.
    """
    if not path.is_file():
        raise VideoError("The video is gone.", "Put it back where it was.", path)
    ticks: list[int] = []
    keys: list[int] = []
    timed = True
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise VideoError("The file holds no pictures.", "Give a file with a video stream.", path)
            for packet in container.demux(container.streams.video[0]):
                if packet.size == 0 or packet.is_discard or not (ticks or packet.is_keyframe):
                    continue
                timed &= packet.pts is not None
                tick = packet.pts if packet.pts is not None else len(ticks)
                ticks.append(tick)
                if packet.is_keyframe:
                    keys.append(tick)
    except av.error.FFmpegError as error:
        raise VideoError("The video cannot be decoded.", "Convert it to H.264 mp4.", path) from error
    if not ticks:
        raise VideoError("The video has no pictures.", "Copy or record it again.", path)
    ordered = np.unique(np.array(ticks, dtype=np.int64))
    if not timed or ordered.shape[0] != len(ticks):
        return FilmIndex(np.arange(len(ticks), dtype=np.int64), np.zeros(1, dtype=np.int64), False)
    return FilmIndex(ordered, np.searchsorted(ordered, np.array(keys, dtype=np.int64)).astype(np.int64), True)


class Film:
    """Decodes pictures of one video; to be used by one thread.

    Parameters
    ----------
    threads : int
        Of the decoder: one adds nothing to the memory, and several films share the processors anyway.
    """

    def __init__(self, path: Path, index: FilmIndex, threads: int = 1) -> None:
        self._path, self._index, self._threads = path, index, threads
        self._container: Any = None
        self._frames: Iterator[Any] = iter(())
        self._target = self._at = 0  # what is looked for; the number that comes next at the earliest
        self._open()

    def picture(
        self,
        number: int,
        long_side: int,
        stop: Callable[[], bool] = lambda: False,
        passing: Callable[[int, ImageArray], None] = _nobody,
    ) -> ImageArray | None:
        """Picture (H, W, 3) BGR, reduced to a longest side; None if it cannot be decoded or ``stop`` says so.

        ``passing`` is given some pictures on the way and their numbers, the one where decoding begins before all.
        """
        passed = -PASSING_S
        if not 0 <= number < self._index.count:
            return None
        for again in (False, True):
            self._go(number, again)
            try:
                for frame in self._frames:
                    found = self._number(frame)
                    self._at = max(self._at, found + 1)
                    if found == number:
                        return _reduced(frame, long_side)
                    if stop():
                        return None
                    if passing is not _nobody and found < number and time.monotonic() - passed > PASSING_S:
                        passing(found, _reduced(frame, long_side))
                        passed = time.monotonic()
                    if found > number:
                        break  # left out on the way to another one that was given up: begin at the key picture
                else:
                    self._open()  # the end was reached without it
            except av.error.FFmpegError:
                self._open()  # a damaged stretch: the next seek begins anew
        return None

    def _go(self, number: int, anew: bool) -> None:
        """Bring the decoder before a picture, if going on from where it is is no shorter."""
        index = self._index
        if not index.seekable:
            if anew or number < self._at:
                self._open()
        elif anew or number < self._at or index.key_before(number) > self._at:
            begin = index.key_before(number)
            self._container.seek(int(index.ticks[begin]), stream=self._stream, backward=True)
            self._frames, self._at = self._decode(), begin
        self._target = int(index.ticks[number])

    def close(self) -> None:
        """Let the file go."""
        if self._container is not None:
            self._container.close()

    def _open(self) -> None:
        self.close()
        try:
            self._container = av.open(str(self._path))
            self._stream = self._container.streams.video[0]
            self._stream.codec_context.thread_count = self._threads
            self._stream.thread_type = "FRAME" if self._threads > 1 else "SLICE"
        except (av.error.FFmpegError, OSError) as error:
            raise VideoError("The video cannot be decoded.", "Convert it to H.264 mp4.", self._path) from error
        self._frames, self._at = self._decode(), 0

    def _decode(self) -> Iterator[Any]:
        """All pictures from here on, but not those before the target that nothing is built upon."""
        context, counted = self._stream.codec_context, self._index.seekable
        for packet in self._container.demux(self._stream):
            early = counted and packet.pts is not None and packet.pts < self._target
            context.skip_frame = "NONREF" if early else "DEFAULT"
            yield from packet.decode()

    def _number(self, frame: Any) -> int:
        """The number of a decoded picture; one that the index does not know counts as the one before."""
        if not self._index.seekable:
            return self._at
        tick = frame.pts if frame.pts is not None else frame.dts
        return int(np.searchsorted(self._index.ticks, tick, side="right")) - 1 if tick is not None else -1


def _reduced(frame: Any, long_side: int) -> ImageArray:
    """A picture no larger than is shown, turned as the file says."""
    scale = min(1.0, long_side / max(frame.width, frame.height))
    small = frame.reformat(
        width=max(2, round(frame.width * scale)),
        height=max(2, round(frame.height * scale)),
        format="bgr24",
        # Bilinear skips no pixel down to a half; below that only areas give a quiet picture.
        interpolation="FAST_BILINEAR" if scale >= 0.5 else "AREA",
    )
    image: ImageArray = small.to_ndarray()
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else np.ascontiguousarray(image)
