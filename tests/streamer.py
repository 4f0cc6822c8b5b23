"""Serves numbered pictures: ``python -m tests.streamer PORT|URL TURNS SECONDS``; a port is one of TCP."""

from __future__ import annotations

import sys
import time

import av

from tests.cameras import SIZE_WH, picture

RATE_HZ = 30
KEY_EVERY = 10


def serve(url: str, turns: int, seconds: float) -> None:
    """Send H.264 in MPEG-TS at its own pace for so long, ``turns`` times, each to a client that comes."""
    for _ in range(turns):
        options = {"flush_packets": "1"}
        try:
            with av.open(url, "w", format="mpegts", options=options) as out:
                send(out, seconds)
        except OSError:  # the client has left
            continue


def send(out: av.container.OutputContainer, seconds: float) -> None:
    """Send the pictures, each when its time has come."""
    code = {"preset": "ultrafast", "tune": "zerolatency", "g": str(KEY_EVERY)}
    stream = out.add_stream("libx264", rate=RATE_HZ, options=code)
    stream.width, stream.height = SIZE_WH
    stream.pix_fmt = "yuv420p"
    out.start_encoding()
    began = time.monotonic()
    for i in range(round(seconds * RATE_HZ)):
        time.sleep(max(0.0, began + i / RATE_HZ - time.monotonic()))
        frame = av.VideoFrame.from_ndarray(picture(i), format="bgr24")
        frame.pts = i
        out.mux(stream.encode(frame))


if __name__ == "__main__":
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    where = sys.argv[1]
    if where.isdigit():
        where = f"tcp://127.0.0.1:{where}?listen=1"
    serve(where, int(sys.argv[2]), float(sys.argv[3]))
