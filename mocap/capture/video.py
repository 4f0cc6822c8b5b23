"""Reading video files: what is in them, when each frame was taken, and the pictures.

PyAV walks through the packets, which costs next to no time and gives exact presentation times and the first sight
of damage; OpenCV decodes, up to twice as fast as PyAV, and turns the pictures as the rotation flag says.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

# FFmpeg inside OpenCV reports broken files on stderr in words of its own (PyAV's is quiet unless asked);
# VideoError says it in ours. It is read once, when the first file is opened; -8 is FFmpeg's "quiet".
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import av
import cv2
import numpy as np

from mocap.core.ahead import Ahead
from mocap.core.errors import VideoError
from mocap.core.types import FloatArray, Frame, ImageArray

# Frames decoded ahead of the consumer: enough to hide one slow frame, few enough to keep memory flat.
FRAMES_AHEAD = 4

# Video black is 16 of 255, and compression adds some noise; a black bar stays below this in every pixel.
BAR_LEVEL = 48
BAR_MEAN_LEVEL = 20.0

# Pictures from the start of the video that are searched for bars.
SAMPLES = 3
SAMPLE_STEP = 5

# Type of the first box of every mp4 and mov, after its four bytes of length.
MP4_START = b"ftyp"

# A larger bar than this share of the picture is more likely a dark room.
LARGEST_BAR_SHARE = 0.25


@dataclass(frozen=True)
class VideoInfo:
    """What is known about a video before its pictures are decoded.

    Attributes
    ----------
    camera : str
    path : Path
    size_wh : (int, int)
        Size of the pictures as ``read_frames`` gives them, px; the rotation flag is honoured.
    rate_hz : float
        Mean frame rate, Hz; NaN for a single frame.
    t_s : (T,)
        Presentation time of each frame that can be decoded, on the file's clock, ascending, s.
    codec : str
    has_audio : bool
    bars_px : (left, top, right, bottom)
        Black bars that pad the picture, px; see ``calibration.Intrinsics.for_size``.
    warnings : tuple of str
        What is wrong with the file, in sentences.
    """

    camera: str
    path: Path
    size_wh: tuple[int, int]
    rate_hz: float
    t_s: FloatArray
    codec: str
    has_audio: bool
    bars_px: tuple[int, int, int, int] = (0, 0, 0, 0)
    warnings: tuple[str, ...] = ()

    @property
    def n_frames(self) -> int:
        """Number of frames that can be decoded."""
        return int(self.t_s.shape[0])

    @property
    def even(self) -> bool:
        """Whether the frames come at a constant rate, none missing, so that seeking by number is exact."""
        if self.n_frames < 3:
            return False
        grid = np.linspace(self.t_s[0], self.t_s[-1], self.n_frames)
        return bool(np.abs(self.t_s - grid).max() * self.rate_hz < 0.5)


@dataclass(frozen=True)
class _Packets:
    """What the container says: times of the frames, ascending, and how many it declares (0 if it does not)."""

    t_s: FloatArray
    declared: int
    codec: str
    has_audio: bool
    warnings: tuple[str, ...]


def probe(path: Path, camera: str) -> VideoInfo:
    """Find out what a video holds.

    Raises
    ------
    VideoError
        If nothing can be read from it; a file that is cut short gives a warning instead.
    """
    packets = _read_packets(path)
    if packets.t_s.shape[0] == 0:
        raise VideoError("The video has no frames.", "Copy or record it again.", path)
    capture = _open(path)
    try:
        warnings = list(packets.warnings)
        t_s = packets.t_s
        believed = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        if warnings or max(packets.declared, believed) != t_s.shape[0]:
            # Something is amiss; only decoding tells how many frames there are. OpenCV stops at the first
            # that it cannot decode, so these are the first ones.
            decodable = _count_frames(capture)
            whole = max(packets.declared, t_s.shape[0])
            if lost := whole - decodable:
                warnings.append(f"{path.name} is cut short: the last {lost} of {whole} frames are missing.")
            t_s = t_s[:decodable]
            capture.release()
            capture = _open(path)
        if t_s.shape[0] == 0:
            raise VideoError("No frame of the video can be decoded.", "Copy or record it again.", path)
        samples = _sample_pictures(capture, path)
    finally:
        capture.release()
    height, width = samples[0].shape[:2]
    mean_rate = (t_s.shape[0] - 1) / (t_s[-1] - t_s[0]) if t_s.shape[0] > 1 else np.nan
    return VideoInfo(
        camera=camera,
        path=path,
        size_wh=(width, height),
        rate_hz=float(mean_rate),
        t_s=t_s,
        codec=packets.codec,
        has_audio=packets.has_audio,
        bars_px=_find_bars(samples),
        warnings=tuple(warnings),
    )


def read_frames(info: VideoInfo, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
    """Yield the frames ``start`` to ``stop`` (excluded), decoded ahead in a thread of their own.

    Closing the iterator, or dropping it, ends the thread.

    Raises
    ------
    VideoError
        If a frame cannot be decoded; it reaches whoever takes that frame.
    """
    with FrameReader(info, start, stop) as reader:
        yield from reader


class FrameReader(Ahead[Frame]):
    """Decodes a video in a thread, a few frames ahead of its consumer: see `Ahead`."""

    def __init__(self, info: VideoInfo, start: int = 0, stop: int | None = None) -> None:
        wanted = range(start, info.n_frames if stop is None else min(stop, info.n_frames))
        leave = threading.Event()
        super().__init__(_decode(info, wanted, leave), FRAMES_AHEAD, f"decode {info.camera}", leave)


def _decode(info: VideoInfo, wanted: range, leave: threading.Event) -> Generator[Frame, None, None]:
    """Decode the wanted frames one after the other."""
    if len(wanted) == 0:
        return
    capture = _open(info.path)
    try:
        if wanted.start > 0 and info.even:
            capture.set(cv2.CAP_PROP_POS_FRAMES, wanted.start)
        else:  # seeking by number assumes a constant rate
            for _ in range(wanted.start):
                if leave.is_set() or not capture.grab():
                    break
        for index in wanted:
            good, image = capture.read()
            if not good:
                raise VideoError(
                    f"Frame {index} of {info.n_frames} cannot be decoded.",
                    "Copy or convert the video again.",
                    info.path,
                )
            yield Frame(info.camera, index, round(float(info.t_s[index]) * 1e9), image)
    finally:
        capture.release()


def _read_packets(path: Path) -> _Packets:
    """Walk through the packets of the first video stream."""
    if path.is_dir():
        raise VideoError("This is a folder, not a video.", "Give a video file.", path)
    try:
        with path.open("rb") as stream:
            head = stream.read(12)
    except FileNotFoundError as error:
        raise VideoError("There is no such video.", "Check the path.", path) from error
    except OSError as error:
        raise VideoError(f"The video cannot be read: {error.strerror}.", "Check its permissions.", path) from error
    if not head:
        raise VideoError("The video is empty (0 bytes).", "Copy or record it again.", path)
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise VideoError("The file holds no pictures.", "Give a file with a video stream.", path)
            return _walk(container, path)
    except av.error.FFmpegError as error:
        if head[4:8] == MP4_START:
            raise VideoError(
                "The recording was cut off before its index was written; nothing in it can be found.",
                "Copy it again, or repair it with a tool such as untrunc.",
                path,
            ) from error
        raise VideoError(
            f"This is not a video: {error.strerror}.", "Give a video file (mp4, mov, avi, mkv, webm).", path
        ) from error


def _walk(container: av.container.InputContainer, path: Path) -> _Packets:
    """Collect the presentation times of the frames that a decoder will give."""
    stream = container.streams.video[0]
    ticks: list[int | None] = []
    started = damaged = False
    unusable = 0
    for packet in container.demux(stream):
        if packet.size == 0 or packet.is_discard:  # the end of the stream; cut out by an edit list
            continue
        damaged |= packet.is_corrupt
        started |= packet.is_keyframe
        if not started:  # nothing to build on before the first whole picture
            unusable += 1
            continue
        ticks.append(packet.pts if packet.pts is not None else packet.dts)
    warnings = []
    if unusable:
        warnings.append(f"{path.name} begins in the middle: its first {unusable} frames cannot be decoded.")
    if damaged:
        warnings.append(f"{path.name} has damaged data; some pictures may be wrong.")
    t_s = np.sort(np.array([np.nan if t is None else float(t * stream.time_base) for t in ticks]))
    if not (np.isfinite(t_s).all() and (np.diff(t_s) > 0).all()):
        rate = float(stream.average_rate or stream.guessed_rate or 0)
        if rate <= 0:
            raise VideoError("The video states neither frame times nor a rate.", "Convert it to mp4.", path)
        t_s = np.arange(t_s.shape[0]) / rate
        warnings.append(f"{path.name} has no usable frame times; {rate:g} frames per second were assumed.")
    return _Packets(
        t_s=t_s,
        declared=max(stream.frames - unusable, 0),
        codec=stream.codec_context.name,
        has_audio=bool(container.streams.audio),
        warnings=tuple(warnings),
    )


def _open(path: Path) -> cv2.VideoCapture:
    """Open a video for decoding, with pictures turned as the file says."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        capture.release()
        raise VideoError("The pictures of this video cannot be decoded.", "Convert it to H.264 mp4.", path)
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    return capture


def _count_frames(capture: cv2.VideoCapture) -> int:
    """Count the frames that can be decoded, by decoding them."""
    count = 0
    while capture.grab():
        count += 1
    return count


def _sample_pictures(capture: cv2.VideoCapture, path: Path) -> list[ImageArray]:
    """Return the first pictures, every few frames; seeking farther would decode all that lies between."""
    samples = []
    for _ in range(SAMPLES):
        good, image = capture.read()
        if not good:
            break
        samples.append(image)
        for _ in range(SAMPLE_STEP - 1):
            capture.grab()
    if not samples:
        raise VideoError("No frame of the video can be decoded.", "Copy or record it again.", path)
    return samples


def _find_bars(samples: list[ImageArray]) -> tuple[int, int, int, int]:
    """Width of the black bars (left, top, right, bottom), px, that all sampled pictures share."""
    # Row by row and column by column: to reduce over the three colours of each pixel takes ten times as long.
    height, width = samples[0].shape[:2]
    flat = np.stack(samples).reshape(len(samples), height, -1)
    levels = (
        (flat.max(axis=1).max(axis=0).reshape(width, -1).max(axis=1), flat.max(axis=(0, 2))),
        (flat.mean(axis=(0, 1)).reshape(width, -1).mean(axis=1), flat.mean(axis=(0, 2))),
    )

    def bar(axis: int, backwards: bool) -> int:
        black = (levels[0][axis] < BAR_LEVEL) & (levels[1][axis] < BAR_MEAN_LEVEL)
        ordered = black[::-1] if backwards else black
        width = int(np.argmin(ordered)) if not ordered.all() else len(ordered)
        return width if width <= LARGEST_BAR_SHARE * len(ordered) else 0

    return bar(0, False), bar(1, False), bar(0, True), bar(1, True)
