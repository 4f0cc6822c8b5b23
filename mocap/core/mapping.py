"""Keypoints of one skeleton from those of another: what is the same, what is a mean, what cannot be had.

Which keypoint means which is data (``configs/keypoint_rules.toml``); here it becomes one matrix of weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, Poses2D

Kind = Literal["same", "derived", "near", "none"]
# Alternatives, each the names whose mean is taken.
Alternatives = Mapping[str, Sequence[Sequence[str]]]


@dataclass(frozen=True)
class KeypointRules:
    """How keypoints are had from others, by the name of the wanted one.

    Attributes
    ----------
    derived : mapping
        By definition.
    near : mapping
        Places that are a few centimetres apart.
    """

    derived: Alternatives
    near: Alternatives


@dataclass(frozen=True)
class KeypointMap:
    """How the K' keypoints of ``target`` are had from the K of ``source``.

    Attributes
    ----------
    weight : (K', K)
        Rows sum to 1; all 0 where a keypoint cannot be had.
    kind : tuple of str
        For each target keypoint ``same``, ``derived``, ``near`` or ``none``.
    """

    source: Skeleton
    target: Skeleton
    weight: FloatArray
    kind: tuple[Kind, ...]

    @property
    def unmapped(self) -> tuple[str, ...]:
        """Names of the target's keypoints that cannot be had."""
        return tuple(k for k, kind in zip(self.target.keypoints, self.kind, strict=True) if kind == "none")


def build_map(source: Skeleton, target: Skeleton, rules: KeypointRules) -> KeypointMap:
    """Find how each keypoint of the target is had: the same name first, then by definition, then nearby.

    A rule may name keypoints that are had by rules themselves.
    """
    known = {name: row for name, row in zip(source.keypoints, np.eye(len(source.keypoints)), strict=True)}
    weight = np.zeros((len(target.keypoints), len(source.keypoints)))
    kind: list[Kind] = []
    for n, name in enumerate(target.keypoints):
        row, how = _row(name, known, rules, frozenset())
        kind.append(how)
        if row is not None:
            weight[n] = row
    return KeypointMap(source, target, weight, tuple(kind))


def _row(
    name: str, known: Mapping[str, FloatArray], rules: KeypointRules, asked: frozenset[str]
) -> tuple[FloatArray | None, Kind]:
    """Weights of one keypoint, and how it is had; ``asked`` are the names on the way to it."""
    if name in known:
        return known[name], "same"
    kinds: tuple[tuple[Kind, Alternatives], ...] = (("derived", rules.derived), ("near", rules.near))
    for kind, table in kinds:
        for names in table.get(name, ()):
            if asked & set(names):
                continue  # in a circle: a toe is where the foot's tip is, and the other way round
            parts = [_row(part, known, rules, asked | {name}) for part in names]
            rows = [row for row, _ in parts if row is not None]
            if len(rows) == len(names):
                near = kind == "near" or any(how == "near" for _, how in parts)
                return np.mean(rows, axis=0), "near" if near else kind
    return None, "none"


def map_points(points: FloatArray, how: KeypointMap) -> FloatArray:
    """Give places (..., K', D) from places (..., K, D), in any unit; NaN where one that is needed is missing."""
    return _masked(np.einsum("tk,...kd->...td", how.weight, np.nan_to_num(points)), points, how)


def map_sigma(sigma: FloatArray, how: KeypointMap) -> FloatArray:
    """Give standard deviations (..., K') from independent ones (..., K)."""
    variance = np.einsum("tk,...k->...t", how.weight**2, np.nan_to_num(sigma) ** 2)
    return _masked(np.sqrt(variance)[..., None], sigma[..., None], how)[..., 0]


def map_score(score: FloatArray, how: KeypointMap) -> FloatArray:
    """Give confidences (..., K') from (..., K): a mean is as sure as the least sure of its parts."""
    part = how.weight > 0.0
    worst = np.where(part, np.nan_to_num(score)[..., None, :], np.inf).min(axis=-1)
    return _masked(worst[..., None], score[..., None], how)[..., 0]


def map_poses(poses: Poses2D, how: KeypointMap) -> Poses2D:
    """Give the same people with the keypoints of another skeleton.

    Raises
    ------
    ValueError
        If the map is from another skeleton.
    """
    if poses.skeleton.keypoints != how.source.keypoints:
        raise ValueError(f"the poses are of '{poses.skeleton.name}', the map is from '{how.source.name}'")
    return Poses2D(
        cameras=poses.cameras,
        skeleton=how.target,
        xy=map_points(poses.xy, how),
        sigma_px=map_sigma(poses.sigma_px, how),
        score=map_score(poses.score, how),
        track=poses.track,
    )


def _masked(result: FloatArray, given: FloatArray, how: KeypointMap) -> FloatArray:
    """Put NaN where a keypoint cannot be had, or one that it is made of is missing: (..., K', D)."""
    part = how.weight > 0.0
    missing = np.asarray(~np.isfinite(given).all(axis=-1))
    lost = np.asarray((missing[..., None, :] & part).any(axis=-1) | ~part.any(axis=-1))
    return np.where(lost[..., None], np.nan, result)
