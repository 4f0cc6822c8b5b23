"""Hands and face: further crops around what a detector found of a body, their landmarks put after the body's.

Crops after MediaPipe Holistic (Grishchenko and Bazarevsky 2020) and Hands (Zhang et al. 2020): a hand's first crop
comes from the body's wrist and knuckles, the second from the landmarks in the first; faces likewise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from mocap.core.errors import InputError, ModelError
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, ImageArray, IntArray
from mocap.detect import prepare
from mocap.detect.carddetector import sigma_px
from mocap.detect.crop import upright_region
from mocap.detect.network import CardNetwork
from mocap.detect.protocol import BoolArray, Detector, Looker, ViewPoses, ViewState
from mocap.presets import load_skeleton

# Raise when the same pictures and weights give other numbers than before: cached results depend on it.
CODE_VERSION = 2
# A wrist, knuckle, eye or mouth below this score is a guess and no place to look at (Holistic's threshold).
LEAST_SCORE = 0.1
# The networks' own threshold for "there is one".
PRESENT = 0.5
# Smaller than this, px, a crop shows no fingers and no features.
LEAST_SIDE_PX = 20.0

# Holistic: the middle knuckle is two thirds of the way from the little finger's to the index's; a box is twice the
# distance from the wrist to there. It takes 2.7 boxes, in which a further network finds the hand; the landmark
# network itself was trained on little more than one. Two are between: in Demo_SinglePerson it then knows 78 of 100
# hands at the second look, and 66 with 2.7. The crop is moved by a tenth of a box towards the fingers.
HAND_BOX = 2.0
HAND_FIRST = 2.0
HAND_SHIFT = 0.1
# Hands: the second crop is twice the box around wrist and finger bases, moved likewise.
HAND_NEXT = 2.0
PALM: IntArray = np.array([0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18])
KNUCKLES: IntArray = np.array([5, 9, 13])

# Face Mesh: the crop is 1.5 boxes around the landmarks. A face is about 2.8 times as high as from the eyes to the
# mouth; both ends of that line stay apart when the head turns aside.
FACE_NEXT = 1.5
FACE_FIRST = 2.8 * FACE_NEXT
# Of the mesh: outer corners of the eyes, corners of the mouth.
MESH_EYES: IntArray = np.array([33, 263])
MESH_MOUTH: IntArray = np.array([61, 291])


class Part(Protocol):
    """Something on a body that a network of its own looks at."""

    @property
    def network(self) -> CardNetwork:
        """Finds its landmarks in a crop."""
        ...

    @property
    def suffix(self) -> str:
        """What the skeleton's name gains."""
        ...

    @property
    def count(self) -> int:
        """Crops a person."""
        ...

    def first(self, skeleton: Skeleton, xy: FloatArray, score: FloatArray) -> FloatArray:
        """Regions (count, 4) from a body's keypoints (K, 2); NaN where there is nothing to look at."""
        ...

    def second(self, xy: FloatArray) -> FloatArray:
        """Region (4,) from the landmarks (L, 2) of the first crop."""
        ...


def _box_region(xy: FloatArray, up: FloatArray, scale: float, shift: float) -> FloatArray:
    """Square region around points (N, 2), ``up`` (2,) upwards, ``scale`` boxes wide, moved by ``shift`` boxes."""
    angle = np.arctan2(up[0], -up[1])
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])  # crop axes in the picture
    along = xy @ turn
    low, high = along.min(axis=0), along.max(axis=0)
    side = float((high - low).max())
    centre = (low + high) / 2.0 - np.array([0.0, shift * side])
    return np.array([*(turn @ centre), scale * side, angle])


@dataclass(frozen=True)
class Hands:
    """Both hands, the left first."""

    network: CardNetwork
    suffix: str = "hands"
    count: int = 2

    def first(self, skeleton: Skeleton, xy: FloatArray, score: FloatArray) -> FloatArray:
        """Regions of both hands from wrist and knuckles."""
        regions = np.full((2, 4), np.nan)
        for n, side in enumerate(("left", "right")):
            wrist, index, pinky = skeleton.index(f"{side}_wrist", f"{side}_index", f"{side}_pinky")
            # Written so that NaN is not seen.
            if not (score[[wrist, index, pinky]] >= LEAST_SCORE).all():
                continue
            middle = (2.0 * xy[index] + xy[pinky]) / 3.0
            box = HAND_BOX * float(np.linalg.norm(middle - xy[wrist]))
            region = upright_region(xy[wrist], middle, box, HAND_FIRST)
            up = (middle - xy[wrist]) / max(box / HAND_BOX, np.finfo(np.float64).tiny)
            region[:2] = middle + HAND_SHIFT * box * up
            regions[n] = region
        return regions

    def second(self, xy: FloatArray) -> FloatArray:
        """Region from wrist and finger bases; the middle of index's and ring's knuckle and the middle's is up."""
        knuckle = ((xy[KNUCKLES[0]] + xy[KNUCKLES[2]]) / 2.0 + xy[KNUCKLES[1]]) / 2.0
        return _box_region(xy[PALM], knuckle - xy[0], HAND_NEXT, HAND_SHIFT)


@dataclass(frozen=True)
class Face:
    """The face."""

    network: CardNetwork
    suffix: str = "face"
    count: int = 1

    def first(self, skeleton: Skeleton, xy: FloatArray, score: FloatArray) -> FloatArray:
        """Region of the face from eyes and mouth."""
        seen = skeleton.index("left_eye", "right_eye", "mouth_left", "mouth_right")
        if not (score[seen] >= LEAST_SCORE).all():
            return np.full((1, 4), np.nan)
        eyes, mouth = xy[seen[:2]].mean(axis=0), xy[seen[2:]].mean(axis=0)
        region = upright_region(mouth, eyes, float(np.linalg.norm(eyes - mouth)), FACE_FIRST)
        region[:2] = (eyes + mouth) / 2.0
        return region[None]

    def second(self, xy: FloatArray) -> FloatArray:
        """Region from all landmarks."""
        return _box_region(xy, xy[MESH_EYES].mean(axis=0) - xy[MESH_MOUTH].mean(axis=0), FACE_NEXT, 0.0)


def _looked_at(pose: ViewPoses) -> BoolArray:
    """Slots (P,) of the people who were found in this picture; parts of those who are foreseen are not there."""
    there = pose.track >= 0
    return np.asarray(there if pose.looked is None else there & pose.looked)


class WithParts:
    """A `Detector` that looks at parts of the people whom another finds.

    Parameters
    ----------
    detector : Detector
        Finds the bodies.
    parts : sequence of Part
        In the order in which their landmarks follow the body's. The skeleton of all, such as
        ``blazepose33_hands``, must be one of ``configs/skeletons``.

    Raises
    ------
    ModelError
        If there is no skeleton of these parts on this body, or a network is of another number of landmarks.
    """

    def __init__(self, detector: Detector, parts: Sequence[Part]) -> None:
        self._detector, self._parts = detector, tuple(parts)
        name = "_".join([detector.skeleton.name, *(part.suffix for part in parts)])
        try:
            self._skeleton = load_skeleton(name)
        except InputError as error:
            raise ModelError(
                f"There is no skeleton '{name}' of these parts on '{detector.skeleton.name}'.",
                "Take the default landmark model, and hands before the face.",
            ) from error
        total = len(detector.skeleton.keypoints) + sum(p.count * p.network.card.keypoints for p in parts)
        if total != len(self._skeleton.keypoints):
            raise ModelError(
                f"The skeleton '{name}' has {len(self._skeleton.keypoints)} keypoints and the models find {total}",
                "Mend the cards.",
            )

    @property
    def skeleton(self) -> Skeleton:
        """The body's keypoints, and the parts' after them."""
        return self._skeleton

    @property
    def max_people(self) -> int:
        """Slots P per view."""
        return self._detector.max_people

    @property
    def identity(self) -> str:
        """The detector's, and the models of the parts."""
        cards = [part.network.card for part in self._parts]
        told = [f"{c.name}@{c.version}:{c.sha256}:{c.input}:{c.decoder}:{c.uncertainty}" for c in cards]
        digest = hashlib.sha256("|".join([*told, str(CODE_VERSION)]).encode()).hexdigest()[:16]
        return "+".join([self._detector.identity, *(c.name for c in cards), digest])

    def initial_state(self) -> ViewState:
        """State before the first frame of a view: the detector's."""
        return self._detector.initial_state()

    def detect(
        self, images: Sequence[ImageArray | None], states: Sequence[ViewState]
    ) -> tuple[list[ViewPoses], list[ViewState]]:
        """Find people and their parts in one picture of each view; see `Detector`."""
        found, after = self._detector.detect(images, states)
        blocks = [(pose.xy, pose.sigma_px, pose.score) for pose in found]
        grown = [[block] for block in blocks]
        for part in self._parts:
            for view, block in zip(grown, self._look(part, images, found), strict=True):
                view.append(block)
        poses = [
            replace(
                pose,
                xy=np.concatenate([xy for xy, _, _ in view], axis=1),
                sigma_px=np.concatenate([sigma for _, sigma, _ in view], axis=1),
                score=np.concatenate([score for _, _, score in view], axis=1),
            )
            for pose, view in zip(found, grown, strict=True)
        ]
        return poses, after

    def look(self, image: ImageArray, expected: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray] | None:
        """Look at one person whom the other views have placed, and then at their parts; see `Looker`."""
        body = len(self._detector.skeleton.keypoints)
        found = self._detector.look(image, expected[:body]) if isinstance(self._detector, Looker) else None
        if found is None:
            return None
        slots, blocks = self.max_people, [found]
        padded = [np.full((slots, *values.shape), np.nan) for values in found]
        for values, one in zip(padded, found, strict=True):
            values[0] = one
        track = np.where(np.arange(slots) == 0, 0, -1)
        alone = ViewPoses(padded[0], padded[1], padded[2], track)
        for part in self._parts:
            xy, sigma, score = self._look(part, [image], [alone])[0]
            blocks.append((xy[0], sigma[0], score[0]))
        xy, sigma, score = (np.concatenate(values) for values in zip(*blocks, strict=True))
        return xy, sigma, score

    def _look(
        self, part: Part, images: Sequence[ImageArray | None], found: Sequence[ViewPoses]
    ) -> list[tuple[FloatArray, FloatArray, FloatArray]]:
        """Find a part of everybody: for each view places (P, L, 2), sigma and score (P, L); NaN where unseen."""
        landmarks = part.network.card.keypoints
        shape = (len(found), self.max_people, part.count, landmarks)
        xy, sigma, score = np.full((*shape, 2), np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
        jobs: list[tuple[int, int, int]] = []
        pictures: list[ImageArray] = []
        regions: list[FloatArray] = []
        for view, (image, pose) in enumerate(zip(images, found, strict=True)):
            for slot in np.flatnonzero(_looked_at(pose)).tolist() if image is not None else ():
                first = part.first(self._detector.skeleton, pose.xy[slot], pose.score[slot])
                for n, region in enumerate(first):
                    if image is not None and np.isfinite(region).all() and region[2] >= LEAST_SIDE_PX:
                        jobs.append((view, slot, n))
                        pictures.append(image)
                        regions.append(region)
        # The first crop is a guess and only places the second, which shows whether there is one.
        places, _, _ = self._crops(part, pictures, regions)
        seconds = [part.second(place) for place in places]
        good = [n for n, region in enumerate(seconds) if np.isfinite(region).all() and region[2] >= LEAST_SIDE_PX]
        regions = [seconds[n] for n in good]
        places, scores, there = self._crops(part, [pictures[n] for n in good], regions)
        for n in np.flatnonzero(there).tolist():
            job, scale = jobs[good[n]], float(regions[n][2]) / part.network.card.input.wh[1]
            xy[job], score[job] = places[n], scores[n]
            size = float(np.ptp(xy[job], axis=0).max())
            sigma[job] = sigma_px(
                part.network.card.uncertainty, np.full(landmarks, np.nan), score[job], scale, size
            )
        count = (self.max_people, part.count * landmarks)
        return [
            (xy[v].reshape(*count, 2), sigma[v].reshape(count), score[v].reshape(count)) for v in range(len(found))
        ]

    def _crops(
        self, part: Part, pictures: Sequence[ImageArray], regions: Sequence[FloatArray]
    ) -> tuple[FloatArray, FloatArray, BoolArray]:
        """Landmarks (B, L, 2) in the picture and scores (B, L) of crops, and which (B,) show the part."""
        spec, landmarks = part.network.card.input, part.network.card.keypoints
        if not pictures:
            return np.zeros((0, landmarks, 2)), np.zeros((0, landmarks)), np.zeros(0, dtype=np.bool_)
        answer = part.network.keypoints([prepare.cut(i, r, spec) for i, r in zip(pictures, regions, strict=True)])
        xy = np.stack([prepare.to_picture(p, r, spec.wh) for p, r in zip(answer.xy, regions, strict=True)])
        return xy, answer.score, (answer.presence >= PRESENT) & np.isfinite(xy).all(axis=(1, 2))
