"""Cameras that misbehave on purpose, for tests of the recorder."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mocap.capture.source import Picture, Stamp, StreamFormat
from mocap.core.errors import CameraError
from mocap.core.types import ImageArray

BITS = 12
SIZE_WH = (16 * BITS, 96)


def picture(number: int, size_wh: tuple[int, int] = SIZE_WH) -> ImageArray:
    """A picture that carries its number in black and white blocks, before a background with detail."""
    width, height = size_wh
    image = np.random.default_rng(3).integers(60, 200, (height // 8, width // 8, 3), dtype=np.uint8)
    image = np.repeat(np.repeat(image, 8, axis=0), 8, axis=1)
    block = width // BITS
    for bit in range(BITS):
        image[:32, block * bit : block * (bit + 1)] = 235 if number >> bit & 1 else 20
    return image


def number_of(image: ImageArray) -> int:
    """The number that ``picture`` wrote."""
    block = image.shape[1] // BITS
    blocks = image[8:24, : block * BITS].reshape(16, BITS, block, 3)[:, :, 4:-4].mean(axis=(0, 2, 3))
    return sum(1 << bit for bit, level in enumerate(blocks) if level > 128)


@dataclass
class FakeCamera:
    """A live camera of ``rate_hz`` that sends numbered pictures, until ``act`` lets something happen.

    ``act(number, self)`` is called before each picture and may raise, wait, or change ``size_wh`` and
    ``clock_shift_s``. Numbers count on while the camera is unplugged, as time does.
    """

    name: str = "cam"
    rate_hz: float = 50.0
    stamp: Stamp = Stamp.STREAM
    live: bool = True
    act: Callable[[int, FakeCamera], None] = lambda number, camera: None
    size_wh: tuple[int, int] = SIZE_WH
    clock_shift_s: float = 1000.0
    away_until: float = 0.0
    opened: int = 0
    truth: dict[int, float] = field(default_factory=dict)
    wanted: dict[str, float] = field(default_factory=dict)
    end: int | None = None
    _began: float = 0.0
    _number: int = -1
    _closed: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return f"fake:{self.name}"

    def open(self) -> StreamFormat:
        if time.monotonic() < self.away_until:
            raise CameraError("It is not plugged in.", "Plug it in.")
        self.opened += 1
        self._closed.clear()
        self._began = self._began or time.monotonic()
        self._number = max(self._number, int((time.monotonic() - self._began) * self.rate_hz) - 1)
        return StreamFormat(self.size_wh, self.rate_hz)

    def read(self) -> Picture | None:
        self._number += 1  # none is left out, however busy the machine is
        if self.end is not None and self._number >= self.end:
            return None
        taken = self._began + self._number / self.rate_hz
        time.sleep(max(0.0, taken - time.monotonic()))
        self.act(self._number, self)
        self.truth[self._number] = taken
        return Picture(
            time.monotonic_ns(),
            round((taken + self.clock_shift_s) * 1e9),
            self.size_wh,
            picture(self._number, self.size_wh),
        )

    def close(self) -> None:
        self._closed.set()

    def unplug(self, seconds: float) -> None:
        """Be gone for so long."""
        self.away_until = time.monotonic() + seconds
        raise CameraError("It was lost.", "Check the plug.")

    def hang(self, seconds: float) -> None:
        """Send nothing for so long, without an error."""
        self._closed.wait(seconds)

    def formats(self) -> tuple[StreamFormat, ...]:
        return (StreamFormat(self.size_wh, self.rate_hz),)

    def control(self, wanted: Mapping[str, float]) -> dict[str, float]:
        """Take all but the focus."""
        self.wanted = {name: float("nan") if name == "focus" else value for name, value in wanted.items()}
        return self.wanted


def make_camera(rest: str) -> FakeCamera:
    """What an entry point of another package names."""
    return FakeCamera(name=rest)


def write_film(path: Path, count: int, rate: int = 30, b_frames: int = 0, gop: int = 15) -> Path:
    """An H.264 film of numbered pictures."""
    import av

    with av.open(str(path), "w") as film:
        options = {"preset": "ultrafast", "crf": "20", "g": str(gop), "bf": str(b_frames)}
        stream = film.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height = SIZE_WH
        stream.pix_fmt = "yuv420p"
        for i in range(count):
            frame = av.VideoFrame.from_ndarray(picture(i), format="bgr24")
            frame.pts = i
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
    return path
