"""What association knows of a body: which keypoints pair left and right, which limbs swap together, its bones."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, IntArray

BoolArray = NDArray[np.bool_]

# Parts that a detector mistakes as a whole; words in the names of their keypoints. Legs come before arms, as a
# "foot_index" is of the foot. What none of the words fits (eyes, ears, mouth) is of the head.
PART_WORDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("shoulders", ("shoulder", "collar", "clavicle")),
    ("hips", ("hip",)),
    ("legs", ("knee", "ankle", "heel", "foot", "toe")),
    ("arms", ("elbow", "wrist", "hand", "thumb", "index", "pinky", "finger")),
)
PARTS = (*(name for name, _ in PART_WORDS), "head")
# Parts that hang together: a swap of one without the other is rarer than a swap of both.
JOINTS_OF_PARTS = (("shoulders", "arms"), ("shoulders", "hips"), ("hips", "legs"), ("shoulders", "head"))
# Costs of a labelling, in units of half a squared standard error, i.e. minus the logarithm of the odds: a view is
# swapped somewhere in about one of ten frames, and a border between right and swapped runs through the body in
# about one of twenty.
SWAP_COST = 2.2
BORDER_COST = 3.0


@dataclass(frozen=True)
class BodyPlan:
    """A skeleton as association needs it; K keypoints, F parts, S labellings, B bones.

    Attributes
    ----------
    core : (Q,) int
        The keypoints that tell people apart.
    mirror : (K,) int
        The keypoint on the other side; itself where there is none.
    part : (K,) int
        Part of each keypoint, -1 where it lies in the middle.
    core_of_part : (Q, F + 1)
        1 where a core keypoint belongs to a part; the last column is the middle.
    labelling : (S, F) bool
        Which parts are swapped.
    labelling_cost : (S,)
    bones : (B, 2) int
        Keypoints at the ends of the bones between core keypoints.
    """

    keypoints: tuple[str, ...]
    core: NDArray[np.intp]
    mirror: NDArray[np.intp]
    part: IntArray
    core_of_part: FloatArray
    labelling: BoolArray
    labelling_cost: FloatArray
    bones: NDArray[np.intp]

    @property
    def core_mirror(self) -> NDArray[np.intp]:
        """The mirrored partner (Q,) of each core keypoint, as a keypoint of the skeleton."""
        return self.mirror[self.core]


def plan_of(skeleton: Skeleton) -> BodyPlan:
    """Work out the plan; a skeleton without a core is told apart by all of its keypoints."""
    count = len(skeleton.keypoints)
    core = skeleton.core_index if skeleton.core else np.arange(count, dtype=np.intp)
    mirror = np.arange(count, dtype=np.intp)
    part = np.full(count, -1, dtype=np.int64)
    for left, right in skeleton.mirror:
        a, b = skeleton.index(left, right)
        mirror[a], mirror[b] = b, a
        part[a] = part[b] = _part_of(left)
    column = np.where(part[core] < 0, len(PARTS), part[core])
    labelling = np.array(list(product((False, True), repeat=len(PARTS))))
    border = [labelling[:, PARTS.index(a)] != labelling[:, PARTS.index(b)] for a, b in JOINTS_OF_PARTS]
    cost = SWAP_COST * labelling.any(axis=1) + BORDER_COST * np.sum(border, axis=0)
    bones = skeleton.bone_index
    return BodyPlan(
        keypoints=skeleton.keypoints,
        core=core,
        mirror=mirror,
        part=part,
        core_of_part=np.eye(len(PARTS) + 1)[column],
        labelling=labelling,
        labelling_cost=cost,
        bones=bones[np.isin(bones, core).all(axis=1)],
    )


def _part_of(name: str) -> int:
    words = name.lower()
    for index, (_, marks) in enumerate(PART_WORDS):
        if any(mark in words for mark in marks):
            return index
    return len(PARTS) - 1
