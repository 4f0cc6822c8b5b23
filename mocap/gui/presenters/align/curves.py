"""Curves to align cameras by: what each microphone heard, how much moves in each picture, how bright it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mocap.core.errors import ExplainedError
from mocap.core.types import FloatArray

# A clap rises within a fraction of this: samples of the envelope of a sound, s.
ENVELOPE_S = 0.001
# Pixels of a picture that movement and light are measured by: every so many in both directions.
THINNING = 8
# A curve's full height is its highest value but for so many, which may be clicks.
CLICKS = 2
KINDS = {"sound": "Sound", "movement": "Movement", "light": "Light"}


@dataclass(frozen=True)
class Curve:
    """One camera's curve.

    Attributes
    ----------
    t_s : (N,)
        On the camera's clock, ascending, s.
    value : (N,)
        0 to 1.
    words : str
        Why there is none; then the arrays are empty.
    """

    t_s: FloatArray
    value: FloatArray
    words: str = ""

    def over(self, edges_s: FloatArray) -> FloatArray:
        """Highest value (E - 1,) between neighbouring times (E,), by lines between the samples; 0 outside."""
        if self.t_s.size == 0:
            return np.zeros(edges_s.size - 1)
        at = np.interp(edges_s, self.t_s, self.value, left=0.0, right=0.0)
        highest = np.maximum(at[:-1], at[1:])
        first = np.searchsorted(self.t_s, edges_s)
        inside = np.flatnonzero(first[1:] > first[:-1])
        if inside.size:
            # Of runs that follow each other; the last one ends where the next sample would begin.
            ends = np.stack([first[inside], first[inside + 1]], axis=1).ravel()
            padded = np.append(self.value, 0.0)
            highest[inside] = np.maximum(highest[inside], np.maximum.reduceat(padded, ends)[::2])
        return np.asarray(highest)


NOTHING = np.zeros(0)


def sound_curve(path: Path, camera: str, on_ours: Callable[[FloatArray], FloatArray]) -> Curve:
    """Loudness of a video's sound; ``on_ours`` brings times of the file to the camera's clock."""
    from mocap.sync import read_sound
    from mocap.sync.listen import RATE_HZ

    try:
        sound = read_sound(path, camera)
    except ExplainedError as error:
        return Curve(NOTHING, NOTHING, error.what)
    size = round(ENVELOPE_S * RATE_HZ)
    count = sound.samples.shape[0] // size
    peaks = np.abs(sound.samples[: count * size]).reshape(count, size).max(axis=1)
    times = sound.start_s + (np.arange(count) + 0.5) * ENVELOPE_S
    return Curve(on_ours(times), scaled(peaks))


def picture_curves(
    path: Path, camera: str, t_s: FloatArray, stop: Callable[[], bool] = lambda: False
) -> dict[str, Curve]:
    """Movement and light in a video whose frames were taken at ``t_s`` (F,); ``stop`` ends it early."""
    from mocap.capture import probe, read_frames

    moved, bright = [], []
    last = None
    try:
        for frame in read_frames(probe(path, camera)):
            if stop():
                break
            small = frame.image[::THINNING, ::THINNING].mean(axis=2)
            bright.append(float(small.mean()))
            moved.append(0.0 if last is None else float(np.abs(small - last).mean()))
            last = small
    except ExplainedError as error:
        if not bright:
            return dict.fromkeys(("movement", "light"), Curve(NOTHING, NOTHING, error.what))
    count = min(len(bright), t_s.shape[0])
    # What moved between two frames belongs between them.
    between = np.concatenate([t_s[:1], 0.5 * (t_s[1:count] + t_s[: count - 1])])
    return {
        "movement": Curve(between, scaled(np.array(moved[:count]))),
        "light": Curve(t_s[:count], scaled(np.array(bright[:count]))),
    }


def scaled(value: FloatArray) -> FloatArray:
    """Bring a curve between 0 and 1; its few highest values may be cut."""
    if value.size == 0:
        return value
    low, high = float(value.min()), float(np.sort(value)[-1 - CLICKS :][0])
    return np.asarray(np.clip((value - low) / max(high - low, 1e-9), 0.0, 1.0))
