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

from mocap.capture.backlog import Timed
from mocap.capture.files import upright
from mocap.capture.source import Coded
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
        self._underway: dict[int, Timed] = {}
        self._count = 0

    def decode(self, timed: Timed, wanted: bool = True) -> Timed | None:
        """Take the next picture, and return the one that comes out, decoded.

        None if none comes out, it is damaged, or, not ``wanted``, was only decoded for those that build on it.
        """
        coded = timed.picture.coded
        if coded is None:
            return timed
        if coded.codec == "mjpeg":
            return _of_jpeg(timed, coded) if wanted else None
        if self._codec is None or coded.template is not self._template:
            if not coded.is_key:
                return None
            self._codec, self._template = _codec_of(coded), coded.template
        self._count += 1
        self._underway[self._count] = timed
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
                return _with_image(source, upright(frame))
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


def _of_jpeg(timed: Timed, coded: Coded) -> Timed | None:
    image: ImageArray | None = cv2.imdecode(np.frombuffer(bytes(coded.packet), np.uint8), cv2.IMREAD_COLOR)
    return None if image is None else _with_image(timed, image)


def turned(image: ImageArray, quarters: int) -> ImageArray:
    """Picture turned clockwise by so many quarters."""
    return np.ascontiguousarray(np.rot90(image, -quarters)) if quarters % 4 else image


def _with_image(timed: Timed, image: ImageArray) -> Timed:
    return Timed(replace(timed.picture, image=image, size_wh=(image.shape[1], image.shape[0])), timed.t_ns)


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
        self._queue: deque[Timed] = deque()
        self._changed, self._made = threading.Condition(), threading.Condition()
        self._closed = self._behind = False
        self._due_ns = 0
        self.newest: Timed | None = None
        self.skipped = 0
        self._thread = threading.Thread(target=self._run, name=f"decode {name}", daemon=True)
        self._thread.start()

    def put(self, timed: Timed) -> None:
        """Bring the next picture of the camera; returns at once."""
        with self._changed:
            self._queue.append(timed)
            if len(self._queue) > LONGEST_QUEUE:
                self._skip()
            self._changed.notify()

    def newer(self, than: Timed | None, timeout_s: float) -> Timed | None:
        """Wait for a picture newer than this one; None if there is none in time."""
        with self._made:
            self._made.wait_for(lambda: self.newest is not than, timeout_s)
            return self.newest if self.newest is not than else None

    def _skip(self) -> None:
        """Leave out all before the newest picture that needs no other."""
        keys = [i for i, item in enumerate(self._queue) if item.is_key]
        leave = keys[-1] if keys else len(self._queue)
        for _ in range(leave):
            self._queue.popleft()
        self.skipped += leave
        self._behind |= leave > 0

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
        while (timed := self._next(decoder)) is not None:
            # Counted from when one was due, so that 15 of 30 a second are 15 and not 10.
            late_ns = timed.decode_ns - self._due_ns
            made = decoder.decode(timed, wanted=late_ns >= 0)
            if made is None or made.picture.image is None or late_ns < 0:
                continue
            self._due_ns = (self._due_ns if late_ns < self._every_ns else timed.decode_ns) + self._every_ns
            dressed = replace(made.picture, image=self._dress(made.picture.image))
            with self._made:
                self.newest = Timed(dressed, made.t_ns)
                self._made.notify_all()

    def _next(self, decoder: CodedDecoder) -> Timed | None:
        """Wait for the next picture to decode; None at the end."""
        with self._changed:
            while not (self._queue or self._closed):
                self._changed.wait()
            if self._closed:
                return None
            if self._behind:  # what comes now does not build on what was decoded last
                self._behind = False
                decoder.forget()
            return self._queue.popleft()
