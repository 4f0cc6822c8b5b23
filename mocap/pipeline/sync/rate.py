"""Files that lie about their frame rate, told by the sound beside their pictures.

Sound is recorded at a rate that no program mistakes. Where a file's pictures last longer or shorter than its
sound, their times were stretched (30 pictures a second stamped as 25), or one of the two is incomplete.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mocap.capture import VideoInfo
from mocap.core.types import FloatArray
from mocap.sync import Silence, Sound

# Rates that cameras really run at, Hz.
REAL_RATES_HZ = np.array(
    [10, 12, 15, 20, 24000 / 1001, 24, 25, 30000 / 1001, 30, 48, 50, 60000 / 1001, 60, 90, 100, 120, 240]
)
# Recorders begin and end sound and pictures within this of each other, s.
LOOSE_ENDS_S = 0.3


@dataclass(frozen=True)
class TrueRates:
    """How much too slow each file's clock runs.

    Attributes
    ----------
    ratio : (C,)
        Ticks of the file's clock per true second.
    unusable : tuple of str
        Cameras whose sound and pictures do not belong together.
    notes : tuple of str
    silences : tuple of Silence
    """

    ratio: FloatArray
    unusable: tuple[str, ...]
    notes: tuple[str, ...]
    silences: tuple[Silence, ...]


def true_rates(videos: tuple[VideoInfo, ...], sounds: Mapping[str, Sound], timed: bool) -> TrueRates:
    """Compare the length of sound and pictures; times that a recorder wrote down (``timed``) are believed."""
    ratio = np.ones(len(videos))
    unusable: list[str] = []
    notes: list[str] = []
    silences: list[Silence] = []
    for c, video in enumerate(videos):
        sound = sounds.get(video.camera)
        if sound is None or timed or video.n_frames < 2:
            continue
        pictures_s = video.n_frames / video.rate_hz
        if abs(pictures_s - sound.seconds) <= LOOSE_ENDS_S:
            continue
        real = video.n_frames / sound.seconds
        nearest = float(REAL_RATES_HZ[np.abs(np.log(REAL_RATES_HZ / real)).argmin()])
        if video.even and abs(video.n_frames / nearest - sound.seconds) <= LOOSE_ENDS_S:
            ratio[c] = nearest / video.rate_hz
            notes.append(
                f"The file of '{video.camera}' says {video.rate_hz:.4g} pictures a second, but its sound shows "
                f"that there were {nearest:.4g}; its times are put right."
            )
        else:
            unusable.append(video.camera)
            reason = (
                f"The pictures of '{video.camera}' last {pictures_s:.1f} s and its sound {sound.seconds:.1f} s: "
                "they do not belong together, and the sound is not used."
            )
            silences.append(Silence("sound", (video.camera,), reason))
            notes.append(reason)
    return TrueRates(ratio, tuple(unusable), tuple(notes), tuple(silences))
