"""Writes pictures and sound into an mp4 whose time stamps are exact."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from mocap.core.types import FloatArray, ImageArray
from mocap.studio.sound import RATE_HZ

# Ticks per second of the pictures' clock: the usual 90 kHz divides 24, 25, 30, 50, 60 and 120 Hz.
CLOCK_HZ = 90_000

# No pictures that refer to later ones: then every reader agrees on the time stamps, without edit lists.
VIDEO_OPTIONS = {"bf": "0", "preset": "slower"}
AUDIO_BITS_PER_S = 64_000


def write_video(
    path: Path,
    frames: Iterable[tuple[float, ImageArray]],
    size_wh: tuple[int, int],
    fps: float,
    crf: int,
    sound: FloatArray | None = None,
) -> None:
    """Write an mp4.

    Parameters
    ----------
    frames : iterable of (float, (H, W, 3) uint8)
        Time, s, and picture, BGR; times may skip.
    fps : float
        Nominal frame rate.
    sound : (S,) or None
        Mono at ``RATE_HZ``, -1 to 1, from time 0.
    """
    tick = Fraction(1, CLOCK_HZ)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        video.width, video.height = size_wh
        video.pix_fmt = "yuv420p"
        video.time_base = tick
        video.codec_context.time_base = tick
        # Pictures this small gain little from more threads.
        video.codec_context.thread_count = 2
        video.options = {**VIDEO_OPTIONS, "crf": str(crf)}
        audio = None
        if sound is not None:
            audio = container.add_stream("aac", rate=RATE_HZ, layout="mono")
            audio.bit_rate = AUDIO_BITS_PER_S
        for time_s, image in frames:
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts = round(time_s * CLOCK_HZ)
            frame.time_base = tick
            for packet in video.encode(frame):
                packet.duration = round(CLOCK_HZ / fps)
                container.mux(packet)
        for packet in video.encode():
            packet.duration = round(CLOCK_HZ / fps)
            container.mux(packet)
        if audio is not None and sound is not None:
            pcm = av.AudioFrame.from_ndarray(sound.astype(np.float32)[None], format="fltp", layout="mono")
            pcm.sample_rate = RATE_HZ
            pcm.pts = 0
            for packet in (*audio.encode(pcm), *audio.encode()):
                container.mux(packet)
