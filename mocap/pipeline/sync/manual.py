"""Clocks that somebody sets by hand: what is known of a trial's cameras, and the file that keeps what was set."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mocap.capture import VideoInfo, probe
from mocap.core.errors import InputError
from mocap.core.types import FloatArray
from mocap.pipeline.inputs import frame_times, video_paths
from mocap.sync import CRYSTAL, SYNC_FILE, Clocks, Told, read_clocks, read_told, write_clocks


@dataclass(frozen=True)
class Alignment:
    """A trial's cameras and what is known of their clocks.

    Attributes
    ----------
    videos : tuple of VideoInfo
    t_s : tuple of (F_c,)
        Times of the frames on each camera's clock, s.
    clocks : Clocks
        As the file has them. Without a file, the first frames are taken as simultaneous unless their times were
        written down on one clock, and ``sigma_s`` is infinite.
    told : Told
        What they rest on, in words.
    file : Path
        Where they are kept.
    """

    videos: tuple[VideoInfo, ...]
    t_s: tuple[FloatArray, ...]
    clocks: Clocks
    told: Told
    file: Path

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames of each video."""
        return tuple(video.n_frames for video in self.videos)


def by_hand_sigma_s(rate_hz: float) -> float:
    """Standard error of a clock that somebody sets who counts frames, s: evenly spread over one."""
    return 1.0 / math.sqrt(12.0) / rate_hz


def open_alignment(path: Path) -> Alignment:
    """Read a trial's videos and, if somebody found them before, its clocks.

    Raises
    ------
    ExplainedError
        If there are no videos, or they cannot be read.
    """
    videos = tuple(probe(file, name) for name, file in video_paths(path).items())
    t_s, timed, notes = frame_times(videos)
    names = tuple(video.camera for video in videos)
    file = videos[0].path.parent / SYNC_FILE
    count = len(names)
    if file.is_file():
        try:
            clocks = read_clocks(file, names, tuple(video.n_frames for video in videos))
            return Alignment(videos, t_s, clocks, read_told(file), file)
        except InputError as error:  # of other videos, or damaged: it is said, and what is set replaces it
            notes = (*notes, f"{file.name} is not used: {error.what}")
    offset = np.zeros(count) if timed else np.array([t[0] - t_s[0][0] for t in t_s])
    unknown = np.full(count, np.inf)
    unknown[0] = 0.0
    clocks = Clocks(names, offset, np.ones(count), np.zeros(count), unknown, np.where(unknown > 0, CRYSTAL, 0.0))
    return Alignment(videos, t_s, clocks, Told({}, {}, notes), file)


def write_alignment(opened: Alignment, clocks: Clocks, by_hand: tuple[bool, ...], told: Told) -> Path:
    """Keep clocks, of which some were set ``by_hand``, beside the videos, where ``process`` takes them up.

    Statements about cameras that were set by hand since are left out of what the clocks rest on.
    """
    first, offset, sigma = clocks.cameras[0], clocks.offset_s, clocks.sigma_s
    words = {
        f"by hand: {first} to {name}": f"{offset[c]:+.5f} ± {sigma[c]:.5f} s; the user"
        for c, name in enumerate(clocks.cameras)
        if by_hand[c]
    }
    moved = {name for name, hand in zip(clocks.cameras, by_hand, strict=True) if hand}
    kept = {title: said for title, said in told.found_by.items() if not moved & set(_cameras(title))}
    replaced = {title: said for title, said in told.found_by.items() if title not in kept}
    write_clocks(opened.file, clocks, opened.frames, kept | words, told.left_out | replaced, told.notes)
    return opened.file


def _cameras(title: str) -> tuple[str, ...]:
    """The two cameras that a statement's title names."""
    return tuple(title.partition(": ")[2].split(" to "))
