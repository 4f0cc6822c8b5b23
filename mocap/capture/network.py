"""Cameras and phones on the network: RTSP, MJPEG over HTTP, MPEG-TS over SRT, UDP or TCP."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import av
import numpy as np

from mocap.capture.files import upright
from mocap.capture.relay import Relay
from mocap.capture.sizes import Sizes
from mocap.capture.source import Coded, Picture, Stamp, StreamFormat
from mocap.capture.track import COPIED, lasting_template
from mocap.core.errors import CameraError

SCHEMES = ("rtsp", "rtsps", "http", "https", "srt", "udp", "tcp", "rtp")

# A camera that is there answers within this; after so long a silence it counts as lost.
OPEN_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 5.0

# RTSP over TCP loses nothing; FFmpeg's default, UDP, loses pictures on any busy line. Nothing is held back to be
# put in order, and the stream is looked at only until its first pictures tell what it is.
OPTIONS = {"rtsp_transport": "tcp", "fflags": "nobuffer", "analyzeduration": "2000000", "probesize": "1000000"}

# A burst must not overrun FFmpeg's queue of datagrams (in packets of 188 bytes), nor end the stream if it does.
UDP_OPTIONS = {"fifo_size": "50000", "overrun_nonfatal": "1", "buffer_size": "4000000"}

# Between two looks whether the relay listens, s.
RELAY_POLL_S = 0.1

# Containers without time stamps of their own: FFmpeg makes them up at 25 pictures a second.
UNSTAMPED = ("mpjpeg", "mjpeg")


class NetworkCamera:
    """A camera that sends a stream, kept as it is coded.

    Parameters
    ----------
    url : str
    decoded : bool
        Hand over decoded pictures; otherwise those that can be copied come as they are coded.
    timeouts_s : (float, float)
        For opening, and for each picture, s.
    """

    live = True

    def __init__(
        self,
        url: str,
        decoded: bool = False,
        timeouts_s: tuple[float, float] = (OPEN_TIMEOUT_S, READ_TIMEOUT_S),
    ) -> None:
        self._url, self._decoded, self._timeouts = url, decoded, timeouts_s
        self._container: Any = None
        self._template: Any = None
        self._packets: Iterator[Any] = iter(())
        self._pending: list[Picture] = []
        self._copied = False
        self._stamp = Stamp.STREAM
        self._relay: Relay | None = None

    @property
    def address(self) -> str:
        """URL without name and password."""
        parts = urlsplit(self._url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    @property
    def stamp(self) -> Stamp:
        """The stream's own where it has one; known once it is open."""
        return self._stamp

    def open(self) -> StreamFormat:
        """Connect; see ``CameraSource``."""
        self.close()
        rtsp = self._url.startswith("rtsp")
        options = OPTIONS if rtsp else {k: v for k, v in OPTIONS.items() if not k.startswith("rtsp")}
        try:
            self._container = self._connect({**options, **(UDP_OPTIONS if self._url.startswith("udp") else {})})
        except (av.error.FFmpegError, OSError) as error:
            self.close()
            raise CameraError(
                f"'{self.address}' cannot be opened: {error.strerror}.",
                "Check that the camera is on, on this network, and that name and password are right.",
            ) from error
        if not self._container.streams.video:
            raise CameraError(f"'{self.address}' sends no pictures.", "Check the address of its video stream.")
        stream = self._container.streams.video[0]
        codec = stream.codec_context.name
        self._stamp = Stamp.ARRIVAL if self._container.format.name in UNSTAMPED else Stamp.STREAM
        self._copied = codec in COPIED and not self._decoded
        self._template = lasting_template(stream) if self._copied else None
        self._packets = self._container.demux(stream)
        # Rates of unstamped streams are made up, too.
        rate = float(stream.average_rate or np.nan) if self._stamp is Stamp.STREAM else np.nan
        size = (stream.codec_context.width, stream.codec_context.height)
        self._sizes = Sizes(codec, size)
        return StreamFormat(size, rate, codec if self._copied else "raw")

    def _connect(self, options: dict[str, str]) -> Any:
        """Open the stream, through a program of the system's where PyAV has no such protocol."""
        try:
            return av.open(self._url, options=dict(options), timeout=self._timeouts)
        except av.error.ProtocolNotFoundError:
            self._relay = Relay(self._url)
        until = time.monotonic() + self._timeouts[0]
        while True:
            try:
                return av.open(self._relay.url, options=dict(options), timeout=self._timeouts)
            except av.error.ConnectionRefusedError:  # it does not listen before the camera has answered
                if self._relay.ended or time.monotonic() > until:
                    raise
                time.sleep(RELAY_POLL_S)

    def read(self) -> Picture | None:
        """Wait for the next picture; see ``CameraSource``."""
        while not self._pending:
            try:
                packet = next(self._packets, None)
            except (av.error.FFmpegError, OSError) as error:
                raise self._lost(error.strerror or "it does not answer") from error
            if packet is None or not packet.size:
                raise self._lost("the stream ended")
            self._pending = self._pictures(packet, time.monotonic_ns())
        return self._pending.pop(0)

    def _pictures(self, packet: Any, arrival_ns: int) -> list[Picture]:
        stream = packet.stream
        tick_ns = float(stream.time_base) * 1e9
        if self._copied:
            pts = packet.pts if packet.pts is not None else packet.dts
            dts = packet.dts if packet.dts is not None else pts
            stamped = self._stamp is Stamp.STREAM and pts is not None
            lag_ns = round((pts - dts) * tick_ns) if stamped else 0
            coded = Coded(packet, stream.codec_context.name, packet.is_keyframe, lag_ns, self._template)
            size = self._sizes.of(packet)
            return [Picture(arrival_ns, round(pts * tick_ns) if stamped else None, size, coded=coded)]
        made = []
        try:
            frames = packet.decode()
        except av.error.FFmpegError:  # a picture damaged on the way; the gap in the times tells of it
            frames = []
        for frame in frames:
            image = upright(frame)
            stamped = self._stamp is Stamp.STREAM and frame.pts is not None
            taken = round(frame.pts * tick_ns) if stamped else None
            made.append(Picture(arrival_ns, taken, (image.shape[1], image.shape[0]), image))
        return made

    def _lost(self, why: str) -> CameraError:
        return CameraError(f"'{self.address}' was lost: {why}.", "Check the camera and the network.")

    def close(self) -> None:
        """Disconnect."""
        self._packets, self._pending = iter(()), []
        if self._container is not None:
            self._container.close()
        self._container = None
        if self._relay is not None:
            self._relay.close()
        self._relay = None

    def formats(self) -> tuple[StreamFormat, ...]:
        """Return the one that the camera is set to."""
        try:
            return (self.open(),)
        finally:
            self.close()

    def control(self, wanted: Mapping[str, float]) -> dict[str, float]:
        """Nothing can be set through the stream; see ``CameraSource``."""
        return dict.fromkeys(wanted, float("nan"))
