"""What every exporter hands back, and what several of them need."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mocap.core.types import FloatArray, Take

# Formats that hold a rate and no times are right to this; a tenth of a frame at 100 Hz.
EVEN_S = 1e-3
# A sentence that lists gaps ends after this many.
RANGES_SHOWN = 8


@dataclass(frozen=True)
class Written:
    """Files of one person in one format, and what it could not hold, one sentence each."""

    files: tuple[Path, ...]
    dropped: tuple[str, ...]


def y_up(vectors: FloatArray) -> FloatArray:
    """Axes of OpenSim, BVH and glTF from ours (..., 3): x stays, up is y, and z is our -y.

    A proper rotation, by -90 degrees about x. A body in the T-pose, which looks along our -y with its left
    towards +x, looks along +z there.
    """
    return np.stack([vectors[..., 0], vectors[..., 2], 0.0 - vectors[..., 1]], axis=-1)


def frame_ranges(frames: NDArray[np.bool_]) -> str:
    """Frames that are True, counted from 1, as text: ``3-7, 12``; long lists end in a count."""
    steps = np.diff(np.concatenate([[0], frames.astype(np.int8), [0]]))
    ranges = list(zip(np.flatnonzero(steps == 1) + 1, np.flatnonzero(steps == -1), strict=True))
    shown = [f"{a}" if a == b else f"{a}-{b}" for a, b in ranges[:RANGES_SHOWN]]
    rest = len(ranges) - len(shown)
    return ", ".join(shown) + (f" and {rest} more ranges" if rest else "")


def uneven_times(take: Take) -> tuple[str, ...]:
    """Say so where the instants are not those of an even rate."""
    even = take.t_s[0] + np.arange(take.t_s.shape[0]) / take.rate_hz
    worst = float(np.max(np.abs(take.t_s - even)))
    if worst <= EVEN_S:
        return ()
    return (f"Single times: frames are up to {worst * 1e3:.1f} ms off an even {take.rate_hz:g} Hz.",)


def late_start(take: Take) -> tuple[str, ...]:
    """Say so where the first frame is not at time 0, for formats whose time begins with the first frame."""
    start = float(take.t_s[0])
    return (
        () if abs(start) < EVEN_S else (f"The start: the first frame, time 0 in the file, is at {start:.6f} s.",)
    )
