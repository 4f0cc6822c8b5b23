"""Between the page and what holds the cameras: in a process of its own, or, for tests, in threads of this one.

Decoding, detection and the body's solve hold Python's lock for long; in a process of their own they cannot make
the window wait. Pictures cross by shared memory, words by a pipe. Should the window die, the recording is ended in
good order; should the cameras' process die, the window says so and what was recorded stays.
"""

from __future__ import annotations

import multiprocessing
import queue
import threading
from multiprocessing.connection import Connection
from typing import Any, Protocol

import numpy as np

from mocap.core.types import ImageArray
from mocap.gui.presenters.capture.words import Gone, LivePose, Order, Tiding

# Cameras that a page can hold, and the longest side of a preview, px: sharp where one camera fills a large window.
MOST_CAMERAS = 16
LONGEST_PX = 960
_SLOT_BYTES = LONGEST_PX * LONGEST_PX * 3
# Two pictures a camera: one is written while the other is read.
_BUFFERS = 2
_HEADER = 4  # number of the picture, height, width, and a place to spare
# Tidings taken in at one turn of the window: more wait for the next.
MOST_AT_ONCE = 200
# What a process may take to end a recording in good order when the window closes, s.
LEAVE_S = 12.0


class Link(Protocol):
    """The page's end."""

    def order(self, order: Order) -> None:
        """Have something done; never waits."""
        ...

    def poll(self) -> tuple[Tiding, ...]:
        """Return what was told since the last time; never waits."""
        ...

    def picture(self, slot: int, after: int) -> tuple[int, ImageArray] | None:
        """Newest preview and its number, if that is higher than ``after``; the array is the caller's."""
        ...

    def close(self) -> None:
        """Let go of the cameras; a recording is ended in good order."""
        ...


class Memory:
    """Previews of all cameras in memory that processes share."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._headers: Any = context.RawArray("q", MOST_CAMERAS * _HEADER)
        self._pixels: Any = context.RawArray("B", MOST_CAMERAS * _BUFFERS * _SLOT_BYTES)

    def put(self, slot: int, image: ImageArray) -> None:
        """Put the newest picture (H, W, 3) of a camera; one thread writes to a slot."""
        height, width = image.shape[:2]
        if not (0 <= slot < MOST_CAMERAS and height * width * 3 <= _SLOT_BYTES):
            return
        header = np.frombuffer(self._headers, np.int64).reshape(MOST_CAMERAS, _HEADER)[slot]
        number = int(header[0]) + 1
        self._buffer(slot, number)[: height * width * 3] = image.reshape(-1)
        header[1:3] = height, width
        header[0] = number

    def get(self, slot: int, after: int) -> tuple[int, ImageArray] | None:
        """Newest picture and its number, if that is higher than ``after``."""
        header = np.frombuffer(self._headers, np.int64).reshape(MOST_CAMERAS, _HEADER)[slot]
        number, height, width = (int(value) for value in header[:3])
        if number <= after:
            return None
        pixels = self._buffer(slot, number)[: height * width * 3].copy()
        return number, pixels.reshape(height, width, 3)

    def _buffer(self, slot: int, number: int) -> ImageArray:
        start = (slot * _BUFFERS + number % _BUFFERS) * _SLOT_BYTES
        return np.frombuffer(self._pixels, np.uint8)[start : start + _SLOT_BYTES]


class ThreadLink:
    """The cameras in threads of this process."""

    def __init__(self, **kept: Any) -> None:
        from mocap.gui.presenters.capture.engine import Engine

        self._told: queue.SimpleQueue[Tiding] = queue.SimpleQueue()
        self._pictures = Memory()
        self._engine = Engine(self._told.put, self._pictures, **kept)
        self._orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._obey, name="orders", daemon=True)
        self._thread.start()

    def _obey(self) -> None:
        while (order := self._orders.get()) is not None:
            self._engine.order(order)
        self._engine.close()

    def order(self, order: Order) -> None:
        """Have something done."""
        self._orders.put(order)

    def poll(self) -> tuple[Tiding, ...]:
        """Return what was told since the last time."""
        heard: list[Tiding] = []
        while len(heard) < MOST_AT_ONCE and not self._told.empty():
            heard.append(self._told.get())
        return tuple(heard)

    def picture(self, slot: int, after: int) -> tuple[int, ImageArray] | None:
        """Newest preview."""
        return self._pictures.get(slot, after)

    def close(self) -> None:
        """Let go of the cameras."""
        self._orders.put(None)
        self._thread.join(LEAVE_S)


class ProcessLink:
    """The cameras in a process of their own."""

    def __init__(self) -> None:
        # Fresh, not forked: a copy of a process with threads and a window may hang.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._memory = Memory()
        self._process = context.Process(target=serve, args=(theirs, self._memory), name="mocap cameras")
        self._process.start()
        theirs.close()
        self._over = False

    def order(self, order: Order) -> None:
        """Have something done."""
        if not self._over:
            try:
                self._pipe.send(order)
            except OSError:  # it died; the next poll says so
                return

    def poll(self) -> tuple[Tiding, ...]:
        """Return what was told since the last time; of poses only the newest."""
        heard: list[Tiding] = []
        try:
            while not self._over and len(heard) < MOST_AT_ONCE and self._pipe.poll():
                heard.append(self._pipe.recv())
        except (EOFError, OSError):
            self._over = True
            heard.append(Gone())
        poses = [item for item in heard if isinstance(item, LivePose)]
        return tuple(item for item in heard if not isinstance(item, LivePose) or item is poses[-1])

    def picture(self, slot: int, after: int) -> tuple[int, ImageArray] | None:
        """Newest preview."""
        return self._memory.get(slot, after)

    def close(self) -> None:
        """Let go of the cameras."""
        self._over = True
        self._pipe.close()  # what it reads as the end
        self._process.join(LEAVE_S)


def serve(pipe: Connection, memory: Memory) -> None:
    """Hold the cameras for a window; runs in a process of its own until the window lets go."""
    import logging
    import signal

    import cv2

    from mocap.gui.presenters.capture.engine import Engine

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is for the window to handle
    # A camera that is not there is asked again and again, and told of in the window.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    told: queue.SimpleQueue[Tiding | None] = queue.SimpleQueue()

    def pass_on() -> None:
        while (tiding := told.get()) is not None:
            try:
                pipe.send(tiding)
            except OSError:
                return

    sender = threading.Thread(target=pass_on, name="tidings", daemon=True)
    sender.start()
    engine = Engine(told.put, memory)
    try:
        while True:
            engine.order(pipe.recv())
    except (EOFError, OSError):
        logging.getLogger(__name__).info("The window let go of the cameras.")
    finally:
        engine.close()
        told.put(None)
