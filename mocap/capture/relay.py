"""Streams that PyAV's FFmpeg was built without, such as SRT, brought in by an FFmpeg of the system's."""

from __future__ import annotations

import shutil
import socket
import subprocess
from urllib.parse import urlsplit

from mocap.core.errors import CameraError

# The stream is looked at only until its first pictures tell what it is, us and bytes.
QUICKLY = ("-analyzeduration", "1000000", "-probesize", "1000000")

# How long the program may take to end when asked, s.
END_S = 2.0


class Relay:
    """An FFmpeg program that takes a stream and hands it on untouched, as MPEG-TS over TCP on this computer.

    Parameters
    ----------
    url : str

    Raises
    ------
    CameraError
        If there is no FFmpeg program.
    """

    def __init__(self, url: str) -> None:
        program = shutil.which("ffmpeg")
        if program is None:
            kind = urlsplit(url).scheme
            raise CameraError(
                f"The installed PyAV takes in no {kind.upper()} streams.",
                f"Install ffmpeg with {kind.upper()} on this computer, or have the camera send RTSP or UDP.",
            )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"tcp://127.0.0.1:{port}"
        take = [program, "-nostdin", "-loglevel", "error", "-fflags", "nobuffer", *QUICKLY, "-i", url]
        # Times are those of the camera, and each picture goes out when it has come.
        give = ["-map", "0:v:0", "-c", "copy", "-copyts", "-muxdelay", "0", "-flush_packets", "1", "-f", "mpegts"]
        self._process = subprocess.Popen(
            [*take, *give, f"{self.url}?listen=1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    @property
    def ended(self) -> bool:
        """Whether the program has ended: the camera is not there, or has left."""
        return self._process.poll() is not None

    def close(self) -> None:
        """End the program."""
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
