"""Who was found, and whether they stayed who they were: matching, body parts, identities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from mocap.core.types import FloatArray, IntArray
from mocap.evaluate.positions import MISS_M, joint_distances, present

# A body part is found when its ends are off by no more than this share of its length.
PART_SHARE = 0.5


@dataclass(frozen=True)
class Parts:
    """Percentage of correct parts, as shares.

    Attributes
    ----------
    mean : float
        A part counts when the mean of the errors of its two ends is at most half its length: the rule of
        the Campus and Shelf benchmarks.
    strict : float
        When both ends are.
    per_actor, per_actor_strict : (M,)
        The same for each person of the truth; NaN for one who never appears.
    per_part : (L,)
        As ``mean``, for each part.
    """

    mean: float
    strict: float
    per_actor: FloatArray
    per_actor_strict: FloatArray
    per_part: FloatArray


@dataclass(frozen=True)
class Identities:
    """CLEAR MOT and identity measures.

    Attributes
    ----------
    mota : float
        1 minus misses, false positives and switches over the people of the truth.
    motp_m : float
        Mean distance of the matched, m.
    misses, false_positives, switches, truth : int
        Counts over all instants.
    idf1, id_precision, id_recall : float
        Under the one assignment of whole tracks that agrees best.
    """

    mota: float
    motp_m: float
    misses: int
    false_positives: int
    switches: int
    truth: int
    idf1: float
    id_precision: float
    id_recall: float


def person_distances(found: FloatArray, truth: FloatArray) -> FloatArray:
    """Mean joint distance between all found and all true people at each instant.

    Parameters
    ----------
    found : (T, N, K, 3)
    truth : (T, M, K, 3)
        m

    Returns
    -------
    (T, M, N)
        m; a missing joint is ``MISS_M`` off, none is further; NaN where either person is not there.
    """
    result = np.full((truth.shape[0], truth.shape[1], found.shape[1]), np.nan)
    there = present(found).any(axis=-1)
    for m in range(truth.shape[1]):
        apart = np.minimum(joint_distances(found, truth[:, m, None]), MISS_M)
        count = np.isfinite(apart).sum(axis=-1)
        mean = np.nansum(apart, axis=-1) / np.maximum(count, 1)
        result[:, m] = np.where((count > 0) & there, mean, np.nan)
    return result


def match_people(distance: FloatArray, gate: float = MISS_M) -> IntArray:
    """Who of the found is who of the truth, anew at each instant.

    The assignment one to one with the smallest sum (Kuhn, "The Hungarian method", 1955), among pairs nearer
    than ``gate``. Takes (T, M, N), m; returns the found person of each true one (T, M), -1 where there is none.
    """
    matched = np.full(distance.shape[:2], -1, dtype=np.int64)
    for t, costs in enumerate(distance):
        rows, columns = _assign(costs, gate)
        matched[t, rows] = columns
    return matched


def _assign(costs: FloatArray, gate: float) -> tuple[IntArray, IntArray]:
    """Pairs (rows, columns) of the cheapest assignment among entries below ``gate``."""
    allowed = costs < gate  # NaN is not
    # A forbidden pair costs more than all others together, so that as many as can be are matched.
    dear = gate * (min(costs.shape) + 1) if costs.size else gate
    rows, columns = linear_sum_assignment(np.where(allowed, costs, dear))
    kept = allowed[rows, columns]
    return rows[kept].astype(np.int64), columns[kept].astype(np.int64)


def chosen(found: FloatArray, matched: IntArray) -> FloatArray:
    """Poses (T, M, K, 3) of the people matched (T, M); NaN where nobody is."""
    taken = np.take_along_axis(found, np.maximum(matched, 0)[..., None, None], axis=1)
    return np.where((matched >= 0)[..., None, None], taken, np.nan)


def correct_parts(found: FloatArray, truth: FloatArray, parts: Sequence[tuple[FloatArray, FloatArray]]) -> Parts:
    """Percentage of correct parts of matched people (T, M, K, 3).

    Ferrari, Marin-Jimenez and Zisserman, CVPR 2008; in 3D and per actor Belagiannis et al., "3D pictorial
    structures", CVPR 2014. A part with a missing end is wrong, a person who is not found has all parts wrong.

    Parameters
    ----------
    parts : sequence of pairs of (K,)
        Weights of the joints that make the two ends.
    """
    right, strict, known = [], [], []
    for start, end in parts:
        a_truth, b_truth = _end(truth, start), _end(truth, end)
        reach = PART_SHARE * np.linalg.norm(a_truth - b_truth, axis=-1)
        a = np.linalg.norm(_end(found, start) - a_truth, axis=-1)
        b = np.linalg.norm(_end(found, end) - b_truth, axis=-1)
        right.append(0.5 * (a + b) <= reach)  # NaN is not
        strict.append((a <= reach) & (b <= reach))
        known.append(np.isfinite(reach))
    is_right, is_strict, is_known = (np.stack(part, axis=-1) for part in (right, strict, known))
    return Parts(
        mean=_share(is_right, is_known, (0, 1, 2)).item(),
        strict=_share(is_strict, is_known, (0, 1, 2)).item(),
        per_actor=_share(is_right, is_known, (0, 2)),
        per_actor_strict=_share(is_strict, is_known, (0, 2)),
        per_part=_share(is_right, is_known, (0, 1)),
    )


def _end(points: FloatArray, weight: FloatArray) -> FloatArray:
    """Weighted mean of some joints (..., 3)."""
    which = np.flatnonzero(weight)
    return np.asarray(np.einsum("...kd,k->...d", points[..., which, :], weight[which]))


def _share(right: np.ndarray, known: np.ndarray, axes: tuple[int, ...]) -> FloatArray:
    count = known.sum(axis=axes)
    return np.asarray(np.where(count > 0, (right & known).sum(axis=axes) / np.maximum(count, 1), np.nan))


def identities(found: FloatArray, truth: FloatArray, gate: float = MISS_M) -> Identities:
    """Measure how well identities were kept by tracks (T, N, K, 3) of people (T, M, K, 3).

    CLEAR MOT: Bernardin and Stiefelhagen, EURASIP J. Image and Video Processing 2008. Pairs of the instant
    before are kept while they are nearer than ``gate``; the rest is assigned anew; a switch is a person of
    the truth matched to another track than last time, however long ago that was. IDF1: Ristani et al.,
    "Performance measures and a data set", ECCV Workshops 2016.
    """
    distance = person_distances(found, truth)
    frames, people, tracks = distance.shape
    is_truth, is_found = np.asarray(present(truth).any(axis=-1)), np.asarray(present(found).any(axis=-1))
    last = np.full(people, -1, dtype=np.int64)
    misses = false_positives = switches = 0
    total, results = int(is_truth.sum()), int(is_found.sum())
    apart: list[float] = []
    for t in range(frames):
        costs = np.array(distance[t])
        current = np.full(people, -1, dtype=np.int64)
        kept = [(m, last[m]) for m in range(people) if last[m] >= 0 and costs[m, last[m]] < gate]
        for m, n in kept:
            if n not in current:
                current[m] = n
        free = np.ix_(current < 0, ~np.isin(np.arange(tracks), current))
        rows, columns = _assign(costs[free], gate)
        current[free[0][rows, 0]] = free[1][0, columns]
        matched = current >= 0
        switches += int((matched & (last >= 0) & (current != last)).sum())
        apart.extend(costs[matched, current[matched]].tolist())
        last = np.where(matched, current, last)
        misses += int((is_truth[t] & ~matched).sum())
        false_positives += int(is_found[t].sum() - matched.sum())
    pairs = (distance < gate).sum(axis=0)
    rows, columns = linear_sum_assignment(-pairs)
    agreed = int(pairs[rows, columns].sum())
    return Identities(
        mota=1.0 - (misses + false_positives + switches) / total if total else float("nan"),
        motp_m=float(np.mean(apart)) if apart else float("nan"),
        misses=misses,
        false_positives=false_positives,
        switches=switches,
        truth=total,
        idf1=2.0 * agreed / (total + results) if total + results else float("nan"),
        id_precision=agreed / results if results else float("nan"),
        id_recall=agreed / total if total else float("nan"),
    )
