"""Errors of keypoints in pictures: object keypoint similarity and average precision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mocap.core.types import FloatArray
from mocap.evaluate.positions import present

# The published standard deviations of COCO's annotators per keypoint, in shares of the object's scale
# (cocodataset.org, keypoint evaluation).
COCO_SIGMAS = {
    "nose": 0.026, "eye": 0.025, "ear": 0.035, "shoulder": 0.079, "elbow": 0.072, "wrist": 0.062,
    "hip": 0.107, "knee": 0.087, "ankle": 0.089,
}  # fmt: skip
# COCO's protocol: similarity at least 0.50, 0.55 ... 0.95, precision read at 101 recalls.
THRESHOLDS = np.arange(0.5, 0.96, 0.05)
RECALLS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True)
class Precision:
    """Average precision over all thresholds, at 0.50, and at 0.75; and the average recall."""

    ap: float
    ap50: float
    ap75: float
    ar: float


def oks(found: FloatArray, truth: FloatArray, area: FloatArray, sigmas: FloatArray) -> FloatArray:
    """Object keypoint similarity of poses (..., K, 2), px: (...), between 0 and 1.

    The mean of exp(-d^2 / (2 area (2 sigma)^2)) over the keypoints that the truth has (Ronchi and Perona,
    "Benchmarking and error diagnosis in multi-instance pose estimation", ICCV 2017); a missing keypoint counts 0.
    NaN where the truth has none.

    Parameters
    ----------
    area : (...)
        Of the person's segment or, lacking that, box, px^2.
    sigmas : (K,)
        Annotators' standard deviation in shares of the square root of the area.
    """
    known = present(truth)
    squared = np.sum((found - truth) ** 2, axis=-1)
    likeness = np.exp(-squared / (2.0 * area[..., None] * (2.0 * sigmas) ** 2))
    likeness = np.where(present(found) & known, likeness, 0.0)
    count = known.sum(axis=-1)
    return np.asarray(np.where(count > 0, likeness.sum(axis=-1) / np.maximum(count, 1), np.nan))


def average_precision(similarity: list[FloatArray], score: list[FloatArray]) -> Precision:
    """COCO's average precision over pictures.

    Parameters
    ----------
    similarity : list of (G, D)
        Similarity of the G true and D found people of each picture.
    score : list of (D,)
        Confidence of each found person.

    Each found person, surest first, takes the free true one that it is most like; people who were not found
    lower the recall, people who are not there the precision.
    """
    total = sum(each.shape[0] for each in similarity)
    scores = np.concatenate([np.zeros(0), *score])
    order = np.argsort(-scores, kind="stable")
    if not total:
        nothing = float("nan")
        return Precision(nothing, nothing, nothing, nothing)
    precision, recall = [], []
    for threshold in THRESHOLDS:
        hits = [_hits(s, c, float(threshold)) for s, c in zip(similarity, score, strict=True)]
        right = np.cumsum(np.concatenate([np.zeros(0), *hits])[order])
        found = np.arange(1, right.size + 1)
        reached = right / total
        # Precision never rises with recall: each takes the best that comes after it.
        best = np.maximum.accumulate((right / found)[::-1])[::-1]
        at = np.searchsorted(reached, RECALLS, side="left")
        precision.append(float(np.mean(np.append(best, 0.0)[np.minimum(at, best.size)])))
        recall.append(float(reached[-1]) if reached.size else 0.0)
    return Precision(float(np.mean(precision)), precision[0], precision[5], float(np.mean(recall)))


def _hits(similarity: FloatArray, score: FloatArray, threshold: float) -> FloatArray:
    """1 for each found person (D,) that is like a true one which no surer one has taken."""
    free = np.ones(similarity.shape[0], dtype=np.bool_)
    hit = np.zeros(similarity.shape[1])
    for d in np.argsort(-score, kind="stable"):
        like = np.where(free, similarity[:, d], -1.0)
        if like.size and np.nanmax(like) >= threshold:
            free[int(np.nanargmax(like))] = False
            hit[d] = 1.0
    return hit
