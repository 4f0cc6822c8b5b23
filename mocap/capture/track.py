"""The video of one camera while it is being recorded: copied untouched, or encoded here."""

from __future__ import annotations

import contextlib
import functools
import io
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from mocap.capture.resilient import GuardedFile
from mocap.capture.source import Picture
from mocap.core.errors import CameraError, StorageError
from mocap.core.types import ImageArray

# Ticks per second of the videos' clock, as everywhere in mp4.
CLOCK_HZ = 90_000
_TICK = Fraction(1, CLOCK_HZ)

# The file is written as a chain of fragments, one a picture, so that all but the last can be read whenever the
# writing ends; closing it in good order adds one index at the end and makes it a plain mp4.
CONTAINER = {"movflags": "hybrid_fragmented+frag_every_frame", "flush_packets": "1"}

# Codes that an mp4 holds and that OpenCV decodes.
COPIED = ("h264", "hevc", "mjpeg")

# Of the machine's own encoders, those that are taken if they work, before the processor's.
HARDWARE = ("h264_nvenc", "h264_videotoolbox", "h264_qsv", "h264_amf")

# No pictures that refer to later ones and none held back: what is in the encoder is lost with the process. The
# fastest preset, because four cameras must leave the processor to others; the rate factor keeps detail that the
# usual 23 loses in the dark. A key picture a second.
X264 = {"preset": "ultrafast", "tune": "zerolatency", "crf": "18", "bf": "0"}
HARDWARE_BITS_PER_PX = 0.15
FFV1 = {"level": "3", "slices": "4", "slicecrc": "1", "g": "1"}
KEY_EVERY_S = 1.0

# For cameras that do not tell their rate.
USUAL_RATE_HZ = 30.0


class Quality(str, Enum):
    """How pictures are kept."""

    AUTO = "auto"
    """As the camera coded them where it did, else H.264."""
    H264 = "h264"
    """H.264, encoded here, whatever the camera sends."""
    LOSSLESS = "lossless"
    """FFV1: every grey level as it came; some 20 times as much disk."""


class Track:
    """Writes the pictures of one camera to an mp4 whose frames carry their times.

    Times in the file count from its first picture; when that was, ``timestamps.csv`` says.

    Parameters
    ----------
    path : Path
    first : Picture
        Tells size and code; it is not written yet.
    rate_hz : float
        Nominal, Hz; NaN where unknown.
    quality : Quality
    rotation_deg : int
        Quarter turns clockwise that a reader is to turn the pictures by: 0, 90, 180 or 270.
    file : GuardedFile, optional
        Stands in for the file in tests.
    """

    def __init__(
        self,
        path: Path,
        first: Picture,
        rate_hz: float,
        quality: Quality,
        rotation_deg: int = 0,
        file: GuardedFile | None = None,
    ) -> None:
        self._size, self._rate = first.size_wh, rate_hz if np.isfinite(rate_hz) else USUAL_RATE_HZ
        self._first_ns: int | None = None
        self._last_pts = self._last_dts = -1
        self._lead_ns = 0
        self.copies = first.coded is not None and quality is Quality.AUTO and first.coded.codec in COPIED
        if not self.copies and first.image is None:
            code = first.coded.codec if first.coded is not None else "nothing"
            raise CameraError(f"The camera sends {code}, which cannot be kept as it is.", "Choose another format.")
        copied = first.coded.codec if self.copies and first.coded is not None else ""
        self._codec = f"{copied}, copied"
        self._file = GuardedFile(path) if file is None else file
        self._container = av.open(self._file, "w", format="mp4", options=CONTAINER)
        self._stream = self._add_stream(first, quality)
        self._stream.time_base = _TICK
        if rotation_deg:
            if not hasattr(self._stream, "set_display_rotation"):
                raise CameraError(
                    f"The installed PyAV ({av.__version__}) cannot mark a video as turned.",
                    "Update it: pip install --upgrade av.",
                )
            self._stream.set_display_rotation(-rotation_deg)  # it counts against the clock

    def _add_stream(self, first: Picture, quality: Quality) -> Any:
        rate = Fraction(self._rate).limit_denominator(1001)
        if self.copies and first.coded is not None and first.coded.template is not None:
            return self._container.add_stream_from_template(first.coded.template)
        codec, options, layout = self._encoder(quality)
        if not self.copies:
            self._codec = codec
        stream = self._container.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height = self._size
        stream.pix_fmt = layout
        stream.codec_context.time_base = _TICK
        stream.codec_context.gop_size = max(1, round(self._rate * KEY_EVERY_S))
        # A thread a picture would hold pictures back.
        stream.codec_context.thread_count = 1
        if codec in HARDWARE:
            stream.bit_rate = round(HARDWARE_BITS_PER_PX * self._size[0] * self._size[1] * self._rate)
        return stream

    def _encoder(self, quality: Quality) -> tuple[str, dict[str, str], str]:
        """Name, options and pixel format of the encoder."""
        if self.copies:
            return "mjpeg", {}, "yuvj420p"
        if quality is Quality.LOSSLESS:
            return "ffv1", FFV1, "bgr0"
        if any(side % 2 for side in self._size):  # colours at half the size need even sides
            return "libx264", X264, "yuv444p"
        name = hardware_encoder() or "libx264"
        return name, X264 if name == "libx264" else {}, "yuv420p"

    def write(self, picture: Picture, t_ns: int) -> None:
        """Write a picture; when this returns, all before it has left the process.

        Raises
        ------
        StorageError
            If the disk refuses; what was written before can be read.
        CameraError
            If the picture cannot be encoded.
        """
        lag_ns = picture.coded.dts_lag_ns if self.copies and picture.coded is not None else 0
        if self._first_ns is None:
            self._first_ns, self._lead_ns = t_ns, lag_ns
        since_ns = t_ns - self._first_ns + self._lead_ns
        dts = max(_ticks(since_ns - lag_ns), self._last_dts + 1)
        pts = max(_ticks(since_ns), dts)
        self._last_dts = dts
        try:
            if self.copies:
                self._copy(picture, pts, dts)
            else:
                self._encode(picture.image, pts)
        except av.error.FFmpegError as error:
            self._file.check()
            raise CameraError(
                f"A picture cannot be encoded: {error.strerror}.", "Choose another format."
            ) from error
        self._file.check()
        self._file.mark()

    def _copy(self, picture: Picture, pts: int, dts: int) -> None:
        if picture.coded is None:
            raise CameraError("The camera stopped coding its pictures.", "Choose a fixed format.")
        # A packet of its own: the same one may be in use by the live view.
        packet = av.Packet(bytes(picture.coded.packet))
        packet.pts, packet.dts, packet.time_base = pts, dts, _TICK
        packet.duration = round(CLOCK_HZ / self._rate)
        packet.is_keyframe = picture.coded.is_key
        packet.stream = self._stream
        self._container.mux(packet)

    def _encode(self, image: ImageArray | None, pts: int) -> None:
        if image is None:
            raise CameraError("The camera sent a picture that was not decoded.", "Choose another format.")
        frame = _as_frame(image, self._stream.pix_fmt)
        frame.pts, frame.time_base = pts, _TICK
        self._mux(self._stream.encode(frame))

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            packet.duration = round(CLOCK_HZ / self._rate)
            self._container.mux(packet)

    def close(self) -> None:
        """End the file in good order; if the disk has refused, leave it as it is."""
        try:
            if not self.copies and self._first_ns is not None and self._file.error is None:
                self._mux(self._stream.encode())
            with contextlib.suppress(av.error.FFmpegError):  # nothing was written; the file says so itself
                self._container.close()
        finally:
            self._file.close()

    @property
    def codec(self) -> str:
        """How the pictures are kept."""
        return self._codec

    @property
    def error(self) -> StorageError | None:
        """What the disk said, if it refused."""
        return self._file.error

    @property
    def n_bytes(self) -> int:
        """Bytes written."""
        return self._file.size


def lasting_template(stream: Any) -> Any:
    """Copy of what a stream's code needs, that stays when the stream's container is closed.

    It is the stream of a container that is never written: a camera's own is gone when the camera is, while its
    last pictures still wait to be written.
    """
    return av.open(io.BytesIO(), "w", format="nut").add_stream_from_template(stream)


def _ticks(ns: int) -> int:
    return round(ns * CLOCK_HZ / 1e9)


def _as_frame(image: ImageArray, layout: str) -> Any:
    """Bring a BGR picture into the encoder's pixel format; OpenCV does the usual one fastest."""
    if layout == "yuv420p":
        return av.VideoFrame.from_ndarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), format="yuv420p")
    return av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format=layout)


@functools.cache
def hardware_encoder() -> str | None:
    """Return the machine's own H.264 encoder that works, tried on one picture; None where there is none."""
    for name in HARDWARE:
        try:
            codec = av.CodecContext.create(name, "w")
            codec.width, codec.height, codec.pix_fmt = 640, 480, "yuv420p"
            codec.time_base, codec.framerate = _TICK, Fraction(30)
            frame = av.VideoFrame.from_ndarray(np.zeros((720, 640), np.uint8), format="yuv420p")
            frame.pts = 0
            if [*codec.encode(frame), *codec.encode(None)]:
                return name
        except (av.error.FFmpegError, ValueError):  # not built in, no such device, no driver
            continue
    return None
