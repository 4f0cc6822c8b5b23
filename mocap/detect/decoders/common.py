"""What decoders give, and what several of them need.

Coordinates are pixels of the network's input, pixel centres at integers, whatever the network itself counts
in; each decoder says how its network counts and converts. Missing is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mocap.core.types import FloatArray, IntArray

Tensor: TypeAlias = NDArray[Any]
Outputs: TypeAlias = dict[str, Tensor]

# How a network's coordinate x lies on its input: ``index`` counts from the first pixel's centre, as labels of
# COCO do (its keypoints are numbers of pixels; detectron2 adds 0.5 for the same reason); ``corner`` counts from
# the picture's edge, half a pixel before it, as what was normalised by the width does (MediaPipe, MoveNet).
Origin = Literal["index", "corner"]
HALF_PIXEL = 0.5

# A Gaussian cut off at half its height keeps this share of its variance: along a line
# 1 - 2 a phi(a) / (2 Phi(a) - 1) with a = sqrt(2 ln 2), and on a plane 1 - ln 2.
HALF_HEIGHT_LINE = 0.38278
HALF_HEIGHT_PLANE = 1.0 - float(np.log(2.0))

# Beyond this many candidates, sorted by score, nothing is a person any more; it bounds the table of overlaps.
MOST_CANDIDATES = 1000


class OutputError(ValueError):
    """A network's answer that does not have the form which the card describes."""


@dataclass(frozen=True)
class Keypoints:
    """Keypoints of the one person in each of B crops.

    Attributes
    ----------
    xy : (B, K, 2)
        px.
    variance : (B, K)
        How widely the network's answer is spread, per direction, px^2; NaN where it gives places only.
    score : (B, K)
        0 to 1.
    presence : (B,)
        How sure the network is that somebody is there; NaN where it does not say.
    """

    xy: FloatArray
    variance: FloatArray
    score: FloatArray
    presence: FloatArray


@dataclass(frozen=True)
class Boxes:
    """Boxes found in one picture, the surest first.

    Attributes
    ----------
    xyxy : (N, 4)
        Left, top, right, bottom, px.
    score : (N,)
    """

    xyxy: FloatArray
    score: FloatArray


@dataclass(frozen=True)
class People:
    """People found in one picture with their keypoints, the surest first.

    Attributes
    ----------
    boxes : Boxes
        Of N people.
    xy : (N, K, 2)
        px.
    score : (N, K)
    """

    boxes: Boxes
    xy: FloatArray
    score: FloatArray


def sigmoid(x: Tensor) -> FloatArray:
    """Logistic function, without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(x, dtype=np.float64))))


def take(outputs: Outputs, role: str, *shape: int | None) -> FloatArray:
    """Give the output of a role as float64.

    Parameters
    ----------
    outputs : dict of arrays by role
    role : str
    *shape : int or None
        What its axes must measure; None leaves an axis open.

    Raises
    ------
    OutputError
        If it is not there or has another shape.
    """
    if role not in outputs:
        raise OutputError(f"the output '{role}' is missing; there are: {', '.join(outputs) or 'none'}")
    have = outputs[role]
    fits = have.ndim == len(shape) and all(w in (None, h) for w, h in zip(shape, have.shape, strict=True))
    if not fits:
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise OutputError(f"the output '{role}' has the shape {have.shape} where ({wanted}) is expected")
    return np.asarray(have, dtype=np.float64)


def from_origin(xy: FloatArray, origin: Origin) -> FloatArray:
    """Turn coordinates that count from an origin into ours, whose pixel centres are at integers."""
    return xy - HALF_PIXEL if origin == "corner" else xy


def blank(keypoints: Keypoints) -> Keypoints:
    """Put NaN in every place of a keypoint of which one number is not finite."""
    bad = ~(np.isfinite(keypoints.xy).all(axis=-1) & np.isfinite(keypoints.score))
    xy, variance, score = keypoints.xy.copy(), keypoints.variance.copy(), keypoints.score.copy()
    xy[bad], variance[bad], score[bad] = np.nan, np.nan, np.nan
    return Keypoints(xy, variance, np.clip(score, 0.0, 1.0), keypoints.presence)


def overlap(a: FloatArray, b: FloatArray) -> FloatArray:
    """Share of the union that two boxes have in common, every one of ``a`` (N, 4) with every one of ``b`` (M, 4).

    Returns
    -------
    (N, M), 0 to 1; 0 where a box is empty.
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0.0, None).prod(axis=-1)
    areas = [np.clip(x[:, 2:] - x[:, :2], 0.0, None).prod(axis=-1) for x in (a, b)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0.0))


def suppress(xyxy: FloatArray, score: FloatArray, min_score: float, most_overlap: float) -> IntArray:
    """Non-maximum suppression: of boxes that overlap, leave the surest.

    Parameters
    ----------
    xyxy : (N, 4)
        px.
    score : (N,)
    min_score : float
        Boxes below are left out.
    most_overlap : float
        Share of the union at which two boxes are of the same person.

    Returns
    -------
    (M,) indices, the surest first; boxes with a number that is not finite are never among them.
    """
    sound = np.isfinite(xyxy).all(axis=1) & (score >= min_score)  # NaN is not at least anything.
    left = np.flatnonzero(sound)
    left = left[np.argsort(-score[left], kind="stable")][:MOST_CANDIDATES]
    same = overlap(xyxy[left], xyxy[left]) > most_overlap
    free = np.ones(len(left), dtype=bool)
    for n in range(len(left)):  # one step a person that is kept or a box that is dropped; at most a thousand
        if free[n]:
            free[n + 1 :] &= ~same[n, n + 1 :]
    return np.asarray(left[free], dtype=np.int64)
