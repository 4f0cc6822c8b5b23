"""Video files and folders of pictures that stand in for cameras."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from mocap.capture.find import natural_key
from mocap.capture.source import Coded, Picture, Stamp, StreamFormat
from mocap.capture.track import COPIED, lasting_template
from mocap.core.errors import CameraError
from mocap.core.types import ImageArray

# Films of one clock that are opened within this time of each other are one showing: who comes a moment later
# catches up, so that their pictures stay together, ns.
TOGETHER_NS = 2_000_000_000

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


@dataclass
class FileClock:
    """When the files of one recording began to play; they share it, so that they stay together.

    Attributes
    ----------
    paced : bool
        Play at the files' own pace, else as fast as the disk takes it. Times are those of the files either way.
    """

    paced: bool = True
    _start_ns: int | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def at(self, since_ns: int) -> int:
        """Time on the monotonic clock, ns, of what lies ``since_ns`` into the files; the first call starts it."""
        with self._lock:
            if self._start_ns is None:
                self._start_ns = time.monotonic_ns()
            return self._start_ns + since_ns

    def wait_until(self, t_ns: int) -> None:
        """Wait for a time, where the files are paced."""
        if self.paced and (left := t_ns - time.monotonic_ns()) > 0:
            time.sleep(left / 1e9)


class VideoFileCamera:
    """A video file played as a camera.

    Parameters
    ----------
    path : Path
    clock : FileClock
    decoded : bool
        Hand over decoded pictures; otherwise those that can be copied come as they are coded.
    looped : bool
        Play it over and over from when it is opened, as a camera that runs by itself.
    """

    stamp = Stamp.FILE

    def __init__(self, path: Path, clock: FileClock, decoded: bool = False, looped: bool = False) -> None:
        self._path, self._clock, self._decoded = path, clock, decoded
        self.live = looped
        self._container: Any = None
        self._template: Any = None
        self._items: Iterator[tuple[Any, int, int]] = iter(())
        self._copied = False

    @property
    def address(self) -> str:
        """Path of the file."""
        return str(self._path)

    def open(self) -> StreamFormat:
        """Open the file; see ``CameraSource``."""
        self.close()
        try:
            self._container = av.open(str(self._path))
        except (av.error.FFmpegError, OSError) as error:
            raise CameraError(f"The video cannot be opened: {error.strerror}.", "Check it.", self._path) from error
        if not self._container.streams.video:
            raise CameraError("The file holds no pictures.", "Give a file with a video stream.", self._path)
        stream = self._container.streams.video[0]
        codec = stream.codec_context.name
        self._copied = codec in COPIED and not self._decoded
        self._template = lasting_template(stream) if self._copied else None
        self._items = self._played(stream)
        rate = float(stream.average_rate or np.nan)
        size = (stream.codec_context.width, stream.codec_context.height)
        return StreamFormat(size, rate, codec if self._copied else "raw")

    def read(self) -> Picture | None:
        """Return the next picture when its time has come; see ``CameraSource``."""
        try:
            item, pts_ns, lag_ns = next(self._items, (None, 0, 0))
        except av.error.FFmpegError as error:
            raise CameraError(f"The video is damaged: {error.strerror}.", "Convert it.", self._path) from error
        if item is None:
            return None
        self._clock.wait_until(self._clock.at(pts_ns - lag_ns))
        taken_ns, now_ns = self._clock.at(pts_ns), time.monotonic_ns()
        if not self._copied:
            image = upright(item)
            return Picture(now_ns, taken_ns, (image.shape[1], image.shape[0]), image)
        stream = self._container.streams.video[0]
        coded = Coded(item, stream.codec_context.name, item.is_keyframe, lag_ns, self._template)
        return Picture(now_ns, taken_ns, (stream.codec_context.width, stream.codec_context.height), coded=coded)

    def _played(self, stream: Any) -> Iterator[tuple[Any, int, int]]:
        """What is in the file, once, or again and again with times that go on."""
        read = self._packets if self._copied else self._frames
        if not self.live:
            yield from read(stream)
            return
        passed_ns = time.monotonic_ns() - self._clock.at(0)
        begin_ns = passed_ns if passed_ns > TOGETHER_NS else 0
        while True:
            last_ns = step_ns = 0
            for item, pts_ns, lag_ns in read(stream):
                yield item, begin_ns + pts_ns, lag_ns
                step_ns, last_ns = (pts_ns - last_ns if pts_ns > last_ns else step_ns), max(last_ns, pts_ns)
            if last_ns == 0:
                return
            begin_ns += last_ns + step_ns
            self._container.seek(0, stream=stream)

    @staticmethod
    def _packets(stream: Any) -> Iterator[tuple[Any, int, int]]:
        """Coded pictures, when each is shown and how much earlier it is decoded, ns."""
        tick_ns = float(stream.time_base) * 1e9
        for packet in stream.container.demux(stream):
            if packet.size and packet.pts is not None:
                dts = packet.pts if packet.dts is None else packet.dts
                yield packet, round(packet.pts * tick_ns), round((packet.pts - dts) * tick_ns)

    @staticmethod
    def _frames(stream: Any) -> Iterator[tuple[Any, int, int]]:
        """Decoded pictures and when each is shown, ns."""
        tick_ns = float(stream.time_base) * 1e9
        for frame in stream.container.decode(stream):
            yield frame, round((frame.pts or 0) * tick_ns), 0

    def close(self) -> None:
        """Close the file."""
        if self._container is not None:
            self._container.close()
        self._container, self._items = None, iter(())

    def formats(self) -> tuple[StreamFormat, ...]:
        """Return the only one: the file's."""
        try:
            return (self.open(),)
        finally:
            self.close()

    def control(self, wanted: Mapping[str, float]) -> dict[str, float]:
        """Nothing can be set; see ``CameraSource``."""
        return dict.fromkeys(wanted, float("nan"))


class ImageFolderCamera:
    """A folder of pictures, in the natural order of their names, played as a camera.

    Parameters
    ----------
    folder : Path
    clock : FileClock
    rate_hz : float
        Pictures per second, Hz.
    """

    stamp = Stamp.FILE
    live = False

    def __init__(self, folder: Path, clock: FileClock, rate_hz: float) -> None:
        self._folder, self._clock, self._rate = folder, clock, rate_hz
        self._paths: list[Path] = []
        self._next = 0

    @property
    def address(self) -> str:
        """Path of the folder."""
        return str(self._folder)

    def open(self) -> StreamFormat:
        """Look which pictures there are; see ``CameraSource``."""
        inside = sorted(self._folder.iterdir()) if self._folder.is_dir() else []
        self._paths = sorted(
            (p for p in inside if p.suffix.lower() in PICTURE_SUFFIXES), key=lambda p: natural_key(p.name)
        )
        self._next = 0
        if not self._paths:
            raise CameraError("The folder holds no pictures.", "Give a folder of png or jpg files.", self._folder)
        height, width = _read_picture(self._paths[0]).shape[:2]
        return StreamFormat((width, height), self._rate)

    def read(self) -> Picture | None:
        """Return the next picture when its time has come; see ``CameraSource``."""
        if self._next >= len(self._paths):
            return None
        image = _read_picture(self._paths[self._next])
        taken_ns = self._clock.at(round(self._next * 1e9 / self._rate))
        self._next += 1
        self._clock.wait_until(taken_ns)
        return Picture(time.monotonic_ns(), taken_ns, (image.shape[1], image.shape[0]), image)

    def close(self) -> None:
        """Forget the pictures."""
        self._paths = []

    def formats(self) -> tuple[StreamFormat, ...]:
        """Return the only one: the pictures' own."""
        return (self.open(),)

    def control(self, wanted: Mapping[str, float]) -> dict[str, float]:
        """Nothing can be set; see ``CameraSource``."""
        return dict.fromkeys(wanted, float("nan"))


def upright(frame: Any) -> ImageArray:
    """Decoded picture (H, W, 3), BGR, turned as the stream says."""
    image = frame.to_ndarray(format="bgr24")
    quarters = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, quarters)) if quarters else image


def _read_picture(path: Path) -> ImageArray:
    image: ImageArray | None = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise CameraError("The picture cannot be read.", "Leave it out, or convert it.", path)
    return image
