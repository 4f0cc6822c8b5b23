"""What a camera is to the recorder: something that is opened, read picture by picture, and closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from mocap.core.types import ImageArray


class Stamp(str, Enum):
    """Who says when a picture was taken, from the best to the poorest."""

    DRIVER = "driver"
    """The driver, on the computer's own monotonic clock, when the picture began to come in."""
    STREAM = "stream"
    """The camera, on a clock of its own (RTP, MPEG-TS); brought to ours by the earliest arrivals."""
    FILE = "file"
    """The file that stands in for a camera."""
    ARRIVAL = "arrival"
    """Nobody; it is when the picture arrived, late by transport and decoding."""


@dataclass(frozen=True)
class StreamFormat:
    """What a camera sends.

    Attributes
    ----------
    size_wh : (int, int)
        Size of the pictures as they come, px.
    rate_hz : float
        Pictures per second that the camera promises, Hz; NaN where it does not.
    codec : str
        ``raw`` for pictures that come decoded, else the name of the code.
    """

    size_wh: tuple[int, int]
    rate_hz: float
    codec: str = "raw"


@dataclass(frozen=True)
class Coded:
    """A picture as the camera coded it, to be copied untouched.

    Attributes
    ----------
    packet : av.Packet
    codec : str
    is_key : bool
        Whether it can be decoded without those before it.
    dts_lag_ns : int
        How much earlier it is decoded than shown, ns: pictures that refer to later ones come after them.
    template : av stream or None
        What the code needs beside the packets, and that outlives the camera (``track.lasting_template``); None
        where the packets say it all (MJPEG).
    """

    packet: Any
    codec: str
    is_key: bool
    dts_lag_ns: int = 0
    template: Any = None


@dataclass(frozen=True)
class Picture:
    """One picture as a source hands it over: decoded, coded, or both.

    Attributes
    ----------
    arrival_ns : int
        When it reached us, on the computer's monotonic clock, ns.
    camera_ns : int or None
        When it was taken, on the clock that the source's ``stamp`` names, ns.
    size_wh : (int, int)
        Px.
    image : (H, W, 3) uint8 or None
        BGR.
    coded : Coded or None
    """

    arrival_ns: int
    camera_ns: int | None
    size_wh: tuple[int, int]
    image: ImageArray | None = None
    coded: Coded | None = None

    @property
    def n_bytes(self) -> int:
        """Memory that it takes, bytes."""
        coded = self.coded.packet.size if self.coded is not None else 0
        return int(coded) + (self.image.nbytes if self.image is not None else 0)


class CameraSource(Protocol):
    """A camera, or what stands in for one.

    One thread opens, reads and closes it. After ``close`` it can be opened again: that is how a camera that was
    unplugged comes back.
    """

    @property
    def address(self) -> str:
        """What it is, in words that name it again: ``usb:0``, a URL, a path."""
        ...

    @property
    def stamp(self) -> Stamp:
        """Who says when the pictures were taken."""
        ...

    @property
    def live(self) -> bool:
        """Whether it goes on by itself, so that what is not taken in time is lost; files wait."""
        ...

    def open(self) -> StreamFormat:
        """Start the camera.

        Raises
        ------
        CameraError
            If it is not there, in use, or sends nothing in time.
        """
        ...

    def read(self) -> Picture | None:
        """Wait for the next picture; None where there will be no more.

        Raises
        ------
        CameraError
            If the camera is lost.
        """
        ...

    def close(self) -> None:
        """Let go of the camera; closing it twice does no harm."""
        ...

    def formats(self) -> tuple[StreamFormat, ...]:
        """What it can send, as far as it tells."""
        ...

    def control(self, wanted: Mapping[str, float]) -> dict[str, float]:
        """Set what the driver lets be set, of ``CONTROLS``; return what holds now, NaN where it refuses."""
        ...


CONTROLS = ("exposure", "gain", "white_balance", "focus")
"""Names of what can be set: a number fixes the value, NaN gives the choice back to the camera."""
