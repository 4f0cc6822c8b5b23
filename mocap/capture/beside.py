"""Decodes a camera's pictures beside their recording, for those who look: the newest, no queue of old ones."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import av
import cv2
import numpy as np

from mocap.capture.files import upright
from mocap.capture.source import Coded, Picture
from mocap.core.types import ImageArray

# Pictures that may wait for the decoder: a third of a second at 30 Hz, which evens out a busy moment. Beyond it is
# behind, and goes on with the newest picture that needs no other.
LONGEST_QUEUE = 10

# Pictures on their way through the decoder: it holds back no more than a code's frames of reference.
LONGEST_DELAY = 64


class CodedDecoder:
    """Decodes the pictures of one camera one after the other; one thread uses it.

    Begins, and begins anew after ``forget``, with a picture that needs no other.
    """

    def __init__(self) -> None:
        self._codec: Any = None
        self._template: Any = None
        self._underway: dict[int, Picture] = {}
        self._count = 0

    def decode(self, picture: Picture, wanted: bool = True) -> Picture | None:
        """Take the next picture, and return the one that comes out, decoded.

        None if none comes out, it is damaged, or, not ``wanted``, was only decoded for those that build on it.
        """
        coded = picture.coded
        if coded is None:
            return picture
        if coded.codec == "mjpeg":
            return _of_jpeg(picture, coded) if wanted else None
        if self._codec is None or coded.template is not self._template:
            if not coded.is_key:
                return None
            self._codec, self._template = _codec_of(coded), coded.template
        self._count += 1
        self._underway[self._count] = picture
        packet = av.Packet(bytes(coded.packet))
        packet.pts = self._count  # the decoder hands it on with the picture, whatever their order
        try:
            frames = self._codec.decode(packet)
        except av.error.FFmpegError:  # a picture damaged on the way
            self.forget()
            return None
        for number in [n for n in self._underway if n < self._count - LONGEST_DELAY]:
            del self._underway[number]
        known = [(frame, self._underway.pop(frame.pts, None)) for frame in frames]
        for frame, source in reversed(known):
            if source is not None and wanted:
                image = upright(frame)
                made: Picture = replace(source, image=image, size_wh=(image.shape[1], image.shape[0]))
                return made
        return None

    def forget(self) -> None:
        """Begin anew with the next picture that needs no other."""
        self._codec, self._underway = None, {}


def _codec_of(coded: Coded) -> Any:
    codec = av.CodecContext.create(coded.codec, "r")
    codec.thread_count = 1  # a thread a picture would hold pictures back
    if coded.template is not None:
        codec.extradata = coded.template.codec_context.extradata
    return codec


def _of_jpeg(picture: Picture, coded: Coded) -> Picture | None:
    image: ImageArray | None = cv2.imdecode(np.frombuffer(bytes(coded.packet), np.uint8), cv2.IMREAD_COLOR)
    return None if image is None else replace(picture, image=image)


class Beside:
    """Decodes what one camera sends in a thread of its own and keeps the newest picture.

    Where it falls behind it skips, to the newest picture that needs no other; the recording knows nothing of it.

    Parameters
    ----------
    name : str
        The camera's.
    rate_hz : float
        Pictures a second that somebody looks at, at most, Hz; those between are decoded only where others build
        on them, and not brought into a picture.
    dress : callable
        What is done with each decoded picture: made smaller, turned.
    """

    def __init__(
        self, name: str, rate_hz: float = np.inf, dress: Callable[[ImageArray], ImageArray] = lambda image: image
    ) -> None:
        self._dress = dress
        self._every_ns = 0 if np.isinf(rate_hz) else round(1e9 / rate_hz)
        self._queue: deque[Picture] = deque()
        self._changed = threading.Condition()
        self._closed = self._behind = False
        self._due_ns = 0
        self.newest: Picture | None = None
        self.skipped = 0
        self._thread = threading.Thread(target=self._run, name=f"decode {name}", daemon=True)
        self._thread.start()

    def put(self, picture: Picture) -> None:
        """Bring the next picture of the camera; returns at once."""
        with self._changed:
            self._queue.append(picture)
            if len(self._queue) > LONGEST_QUEUE:
                self._skip()
            self._changed.notify()

    def _skip(self) -> None:
        """Leave out all before the newest picture that needs no other."""
        keys = [i for i, item in enumerate(self._queue) if item.coded is None or item.coded.is_key]
        leave = keys[-1] if keys else len(self._queue)
        if leave > 0:
            self._behind = True
        for _ in range(leave):
            self._queue.popleft()
            self.skipped += 1

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._queue.clear()
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        decoder = CodedDecoder()
        while True:
            with self._changed:
                while not (self._queue or self._closed):
                    self._changed.wait()
                if self._closed:
                    return
                if self._behind:  # what comes now does not build on what was decoded last
                    self._behind = False
                    decoder.forget()
                picture = self._queue.popleft()
            wanted = picture.arrival_ns >= self._due_ns
            made = decoder.decode(picture, wanted)
            if made is not None and made.image is not None and wanted:
                self.newest = replace(made, image=self._dress(made.image))
                # Counted from when it was due, so that 15 of 30 a second are 15 and not 10.
                late = made.arrival_ns - self._due_ns
                self._due_ns = (self._due_ns if 0 <= late < self._every_ns else made.arrival_ns) + self._every_ns
