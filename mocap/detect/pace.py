"""How often a person must be looked at: seldom while their motion can be foreseen, at once when it cannot."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mocap.core.types import FloatArray, IntArray

# A straight line through the ends of a gap misses its middle by an eighth of the second difference of the
# ends (the remainder of linear interpolation), and the error of a prediction is just such a difference.
MIDDLE_SHARE = 0.125
# The joint that counts is the second worst of twelve: a single joint may be misread by itself, a limb that
# moves takes two along.
SHARE_OF_JOINTS = 90.0


@dataclass(frozen=True)
class Pacing:
    """How seldom a person may be looked at.

    Attributes
    ----------
    longest : int
        Frames from one look to the next, at most; 1 looks at every picture.
    tolerance_sigma : float
        What passing over pictures may cost, in standard deviations of the keypoints, if the people between two
        looks were put on a straight line. Half of one adds an eighth to the error of the pictures in between,
        and nothing to those that are looked at; the curve that they are put on costs less.
    """

    longest: int = 1
    tolerance_sigma: float = 0.5

    def __post_init__(self) -> None:
        if self.longest < 1 or not self.tolerance_sigma > 0:
            raise ValueError("the longest pace must be at least 1 and the tolerance above 0")


@dataclass(frozen=True)
class Past:
    """What is remembered of the people of one view, per slot; NaN where the slot is free or new.

    Attributes
    ----------
    xy, velocity : (P, K, 2)
        Keypoints at the last look, px, and how fast they moved, px per frame.
    sigma_px, score : (P, K)
        Of the last look.
    age : (P,) int
        Frames since the last look.
    pace : (P,) int
        Frames from the last look to the next.
    """

    xy: FloatArray
    velocity: FloatArray
    sigma_px: FloatArray
    score: FloatArray
    age: IntArray
    pace: IntArray


def no_past(slots: int, keypoints: int) -> Past:
    """Memory before the first frame."""
    return Past(
        xy=np.full((slots, keypoints, 2), np.nan),
        velocity=np.full((slots, keypoints, 2), np.nan),
        sigma_px=np.full((slots, keypoints), np.nan),
        score=np.full((slots, keypoints), np.nan),
        age=np.zeros(slots, dtype=np.int64),
        pace=np.ones(slots, dtype=np.int64),
    )


def foreseen(past: Past, slot: int, frames: int) -> FloatArray:
    """Keypoints (K, 2) some frames after the last look, px, as they moved before it; NaN if that is unknown."""
    return np.asarray(past.xy[slot] + frames * past.velocity[slot])


def surprise(found: FloatArray, expected: FloatArray, sigma_px: FloatArray) -> float:
    """How far the joints lie from where they were expected, in standard deviations; infinite if unknown.

    Parameters
    ----------
    found, expected : (N, 2)
        px.
    sigma_px : (N,)
    """
    off = np.linalg.norm(found - expected, axis=-1) / sigma_px
    known = off[np.isfinite(off)]
    # Half of the joints at least: a body that is mostly out of sight is not foreseen by the rest.
    return float(np.percentile(known, SHARE_OF_JOINTS)) if 2 * known.size >= off.size else np.inf


def next_pace(pace: int, off: float, allowed: Pacing) -> int:
    """Frames until the next look.

    Parameters
    ----------
    pace : int
        Frames since the one before.
    off : float
        From `surprise`, after that many frames.
    allowed : Pacing
    """
    cost = MIDDLE_SHARE * off
    if not cost <= allowed.tolerance_sigma:
        return max(1, min(pace, allowed.longest) // 2)
    # What accelerates steadily gets away with the square of the time. Not more than twice as long at once: it may
    # begin to accelerate.
    reach = min(4.0, allowed.tolerance_sigma / cost) if cost > 0.0 else 4.0
    return min(allowed.longest, int(pace * math.sqrt(reach)))
