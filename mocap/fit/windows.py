"""A long sequence in windows that overlap, solved side by side."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import numpy as np

from mocap.core.types import FloatArray
from mocap.fit.chain import IndexArray, Pose

# Frames solved at once, and how far such windows overlap, s. More would leave the cache, fewer solve the overlaps
# more often; what lies so far away moves a turn that is hardly seen by no more than a fiftieth of its error.
WINDOW_FRAMES = 400
OVERLAP_S = 0.3
# Bone lengths are found from so many windows of so many frames, evenly spread: enough that they are known to a
# millimetre from points known to 20.
LENGTH_WINDOWS, LENGTH_WINDOW_FRAMES = 8, 32
# Factoring releases the interpreter's lock, the rest does not, so that more threads would only wait for each
# other.
MOST_THREADS = 4

PartT = TypeVar("PartT", Pose, FloatArray)


def length_samples(frames: int) -> list[IndexArray]:
    """Windows that the bone lengths are found from: all frames of a short sequence, else some evenly spread."""
    if frames <= LENGTH_WINDOWS * LENGTH_WINDOW_FRAMES:
        return [np.arange(frames)]
    starts = np.linspace(0, frames - LENGTH_WINDOW_FRAMES, LENGTH_WINDOWS).astype(np.intp)
    return [np.arange(start, start + LENGTH_WINDOW_FRAMES) for start in starts]


def by_windows(frames: int, dt: float, work: Callable[[IndexArray], PartT]) -> PartT:
    """Run ``work`` on windows and join what it returns; at the seams each window ends in its overlap's middle."""
    count = max(1, round(frames / WINDOW_FRAMES))
    edges = np.linspace(0, frames, count + 1).astype(np.intp)
    overlap = int(np.ceil(OVERLAP_S / dt))
    windows = [np.arange(max(0, start - overlap), min(frames, stop + overlap)) for start, stop in pairwise(edges)]
    with ThreadPoolExecutor(min(count, MOST_THREADS, os.cpu_count() or 1)) as pool:
        parts = list(pool.map(work, windows))
    inner = [
        slice(int(start - window[0]), int(stop - window[0]))
        for start, stop, window in zip(edges[:-1], edges[1:], windows, strict=True)
    ]
    kept = [part[cut] for part, cut in zip(parts, inner, strict=True)]
    if isinstance(kept[0], Pose):
        return Pose(np.concatenate([p.place for p in kept]), np.concatenate([p.turn for p in kept]))
    return np.concatenate(kept)
