"""The sound of a video file, mono and at one rate, on the file's own clock."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from mocap.core.errors import InputError, VideoError
from mocap.core.types import FloatArray

# Speech and claps hold what tells their time below 6 kHz; a sample is then 62 microseconds.
RATE_HZ = 16_000

# Quieter than this against full scale, root mean square, is a microphone that is switched off: 16 bit sound has
# its last bit at -96 dB.
SILENT = 10.0 ** (-85.0 / 20.0)
# Each channel of a stereo microphone may be off or turned against the other: the louder one is taken.


@dataclass(frozen=True)
class Sound:
    """Sound of one camera.

    Attributes
    ----------
    camera : str
    start_s : float
        Time of the first sample on the file's clock, s.
    samples : (S,)
        At ``RATE_HZ``, full scale 1.
    """

    camera: str
    start_s: float
    samples: FloatArray

    @property
    def seconds(self) -> float:
        """Length, s."""
        return float(self.samples.shape[0] / RATE_HZ)


def read_sound(path: Path, camera: str) -> Sound:
    """Decode the first sound track of a file.

    Gaps in the track stay silent, so that what comes after them keeps its time.

    Raises
    ------
    InputError
        If the file has no sound, or silence only.
    VideoError
        If it cannot be decoded.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise InputError(f"The video of '{camera}' has no sound.", "Record with the microphone on.", path)
            pieces = _decode(container)
    except av.error.FFmpegError as error:
        raise VideoError(
            f"The sound cannot be decoded: {error.strerror}.", "Convert the video again.", path
        ) from error
    if not pieces:
        raise InputError(f"The sound track of '{camera}' is empty.", "Record with the microphone on.", path)
    start = min(at for at, _ in pieces)
    end = max(at + piece.shape[1] / RATE_HZ for at, piece in pieces)
    joined = np.zeros((max(piece.shape[0] for _, piece in pieces), int(np.ceil((end - start) * RATE_HZ)) + 1))
    for at, piece in pieces:
        first = round((at - start) * RATE_HZ)
        length = min(piece.shape[1], joined.shape[1] - first)
        joined[: piece.shape[0], first : first + length] = piece[:, :length]
    joined -= joined.mean(axis=1, keepdims=True)
    level = np.sqrt(np.mean(joined**2, axis=1))
    if level.max() < SILENT:
        raise InputError(
            f"The sound of '{camera}' is silent.", "Switch the microphone on, or sync by light or motion.", path
        )
    return Sound(camera, float(start), joined[int(level.argmax())])


def _decode(container: av.container.InputContainer) -> list[tuple[float, FloatArray]]:
    """Pieces of sound (channels, S), each with its time, s."""
    stream = container.streams.audio[0]
    pieces: list[tuple[float, FloatArray]] = []
    resampler: av.AudioResampler | None = None
    expected = np.nan
    for frame in container.decode(stream):
        at = float(frame.time) if frame.time is not None else expected
        at = 0.0 if not np.isfinite(at) else at
        # The resampler holds back some samples, and counts them on from where it began: a gap needs a new one.
        if resampler is None or abs(at - expected) > 1e-3:
            if resampler is not None:
                _flush(resampler, pieces)
            resampler = av.AudioResampler(format="fltp", rate=RATE_HZ)
            pieces.append((at, np.zeros((1, 0))))
        expected = at + frame.samples / frame.sample_rate
        for made in resampler.resample(frame):
            _append(pieces, made)
    if resampler is not None:
        _flush(resampler, pieces)
    return [(at, piece) for at, piece in pieces if piece.shape[1]]


def _flush(resampler: av.AudioResampler, pieces: list[tuple[float, FloatArray]]) -> None:
    for made in resampler.resample(None):
        _append(pieces, made)


def _append(pieces: list[tuple[float, FloatArray]], frame: av.AudioFrame) -> None:
    """Add resampled sound after the last piece; pieces follow without a gap until there is one."""
    at, before = pieces[-1]
    samples = np.asarray(frame.to_ndarray(), dtype=np.float64)
    pieces.append((at + before.shape[1] / RATE_HZ, samples))
