"""A detector of any networks that cards describe.

Top-down: one network finds boxes around people, another the keypoints within each. One-stage: one network finds
everybody's keypoints in a whole picture. Single: one network is shown the whole picture and finds one person or
animal. All crops of all views are one batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mocap.core.errors import ModelError
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, ImageArray
from mocap.detect import prepare
from mocap.detect.cards import card_skeleton
from mocap.detect.decoders import People
from mocap.detect.decoders.common import overlap
from mocap.detect.detector import DetectorSettings
from mocap.detect.network import CardNetwork
from mocap.detect.protocol import ViewPoses, ViewState
from mocap.detect.slots import SAME_BOX, Person, distinct, empty_poses, match_slots, settle
from mocap.detect.specs import Uncertainty
from mocap.detect.tracker import usable_region

# Raise when the same pictures and weights give other numbers than before: cached results depend on it.
CODE_VERSION = 1
# Keypoints span less than the body; the box of the next frame leaves this much room for the rest and for motion
# (the reference trackers of RTMPose take the same).
BOX_PER_KEYPOINTS = 1.25
# A keypoint of no score at all would have no sigma; this bounds it.
LEAST_SCORE = 0.05


@dataclass
class _View:
    """Work on one picture of one view."""

    image: ImageArray
    state: ViewState
    people: list[Person] = field(default_factory=list)
    searched: bool = False

    @property
    def wh(self) -> tuple[int, int]:
        return self.image.shape[1], self.image.shape[0]


def sigma_px(
    trust: Uncertainty, variance: FloatArray, score: FloatArray, scale: float, size_px: float
) -> FloatArray:
    """Standard deviation (K,) of keypoints, picture px.

    Parameters
    ----------
    trust : Uncertainty
        Of the card.
    variance : (K,)
        Spread of the network's answer, input px^2; NaN where it gives places only.
    score : (K,)
    scale : float
        Picture px per input px.
    size_px : float
        Root of the area of the person's box, picture px.
    """
    spread = np.sqrt(trust.floor_px**2 + np.clip(variance - trust.trained_px**2, 0.0, None))
    placed = np.hypot(trust.floor_px * scale, trust.share * size_px / np.maximum(score, LEAST_SCORE))
    return np.asarray(np.where(np.isfinite(variance), spread * scale, placed))


class CardDetector:
    """A `Detector` of networks described by cards.

    Parameters
    ----------
    network : CardNetwork
        Of the task ``landmarks``, or ``people`` for the keypoints of everybody at once.
    finder : CardNetwork, optional
        Of the task ``person_finder``. Without it, a network of the task ``landmarks`` is shown whole pictures
        and finds one.
    settings : DetectorSettings

    Raises
    ------
    ModelError
        If a network is not of the right task, or the card's skeleton does not fit.
    """

    def __init__(
        self, network: CardNetwork, finder: CardNetwork | None = None, settings: DetectorSettings | None = None
    ) -> None:
        tasks = ("landmarks", "people") if finder is None else ("landmarks",)
        if network.card.task not in tasks:
            raise ModelError(
                f"The model '{network.card.name}' is for the task {network.card.task}.", "Name another."
            )
        if finder is not None and finder.card.task != "person_finder":
            raise ModelError(f"The model '{finder.card.name}' does not find people.", "Name another.")
        self._network, self._finder = network, finder
        self._settings = settings or DetectorSettings()
        self._skeleton = card_skeleton(network.card)
        self._core = self._skeleton.core_index

    @property
    def skeleton(self) -> Skeleton:
        """The keypoints it finds."""
        return self._skeleton

    @property
    def max_people(self) -> int:
        """Slots P per view."""
        alone = self._finder is None and self._network.card.task == "landmarks"
        return 1 if alone else self._settings.max_people

    @property
    def landmark_model(self) -> str:
        """Name of the landmark network in use."""
        return self._network.card.name

    @property
    def identity(self) -> str:
        """Names and hashes of the models, and all that the result depends on."""
        cards = [n.card for n in (self._network, self._finder) if n is not None]
        parts = [f"{c.name}@{c.version}:{c.sha256}:{c.input}:{c.decoder}:{c.uncertainty}" for c in cards]
        parts += [str(self.max_people), str(self._settings.search_interval), str(CODE_VERSION)]
        digest = hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]
        return f"{'+'.join(c.name for c in cards)}-v{CODE_VERSION}-{digest}"

    def initial_state(self) -> ViewState:
        """State before the first frame of a view: nobody known, a search due."""
        return ViewState(
            roi=np.full((self.max_people, 4), np.nan),
            track=np.full(self.max_people, -1, dtype=np.int64),
            next_track=0,
            frames_since_search=self._settings.search_interval,
        )

    def detect(
        self, images: Sequence[ImageArray | None], states: Sequence[ViewState]
    ) -> tuple[list[ViewPoses], list[ViewState]]:
        """Find people in one picture of each view; see `Detector`."""
        views = [None if i is None else _View(i, s) for i, s in zip(images, states, strict=True)]
        present = [view for view in views if view is not None]
        if self._network.card.task == "people":
            self._find_everybody(present)
        else:
            self._follow(present)
            self._search([view for view in present if self._search_is_due(view)])
        poses, after = [], []
        for view, state in zip(views, states, strict=True):
            if view is None:
                poses.append(empty_poses(self.max_people, len(self._skeleton.keypoints)))
                after.append(replace(state, frames_since_search=state.frames_since_search + 1))
                continue
            since = 0 if view.searched else state.frames_since_search + 1
            found, following = settle(
                distinct(view.people, self._core), state, len(self._skeleton.keypoints), view.wh, since
            )
            poses.append(found)
            after.append(following)
        return poses, after

    def _follow(self, views: list[_View]) -> None:
        """Look for the known people of each view where they are expected."""
        known = [(v, v.state.roi[s], int(s)) for v in views for s in np.flatnonzero(v.state.track >= 0)]
        self._look(known)

    def _search_is_due(self, view: _View) -> bool:
        known = int((view.state.track >= 0).sum())
        lost = len(view.people) < known
        full = len(view.people) == self.max_people
        return not full and (lost or view.state.frames_since_search + 1 >= self._settings.search_interval)

    def _search(self, views: list[_View]) -> None:
        """Search whole pictures for people who are new or were lost."""
        if not views:
            return
        for view in views:
            view.searched = True
        if self._finder is None:
            spec = self._network.card.input
            self._look([(view, prepare.whole_region(view.wh, spec), -1) for view in views if not view.people])
            return
        spec = self._finder.card.input
        regions = [prepare.whole_region(view.wh, spec) for view in views]
        found = self._finder.boxes([prepare.cut(v.image, r, spec) for v, r in zip(views, regions, strict=True)])
        jobs = []
        for view, whole, boxes in zip(views, regions, found, strict=True):
            xyxy = prepare.to_picture(boxes.xyxy.reshape(-1, 2), whole, spec.wh).reshape(-1, 4)
            known = np.array([self._box(b.region) for b in view.people]).reshape(-1, 4)
            around = prepare.box_region(xyxy, self._network.card.input)
            new = (overlap(self._box(around), known) < SAME_BOX).all(axis=1)
            room = self.max_people - len(view.people)
            jobs += [(view, r, -1) for r in around[new] if usable_region(r, view.wh)][:room]
        self._look(jobs)

    def _look(self, jobs: list[tuple[_View, FloatArray, int]]) -> None:
        """Find the keypoints in crops (view, region, slot) and keep those that show somebody."""
        if not jobs:
            return
        spec, trust = self._network.card.input, self._network.card.uncertainty
        answer = self._network.keypoints([prepare.cut(view.image, region, spec) for view, region, _ in jobs])
        for n, (view, region, slot) in enumerate(jobs):
            scale = float(region[2]) / spec.wh[1]
            xy = prepare.to_picture(answer.xy[n], region, spec.wh)
            score = self._within(xy, answer.score[n], view.wh)
            size = scale * float(np.sqrt(np.prod(spec.wh))) / spec.padding
            sigma = sigma_px(trust, answer.variance[n], score, scale, size)
            person = self._person(xy, score, sigma, region, slot, view)
            if self._is_person(person):
                view.people.append(person)

    def _find_everybody(self, views: list[_View]) -> None:
        """Find everybody in whole pictures and give each the slot of the known person who was there."""
        if not views:
            return
        spec = self._network.card.input
        regions = [prepare.whole_region(view.wh, spec) for view in views]
        found = self._network.people([prepare.cut(v.image, r, spec) for v, r in zip(views, regions, strict=True)])
        for view, whole, people in zip(views, regions, found, strict=True):
            view.searched = True
            view.people = self._recognised(view, whole, people)

    def _recognised(self, view: _View, whole: FloatArray, people: People) -> list[Person]:
        """People of a view; each known one's slot goes to whoever is where they are expected."""
        spec, trust = self._network.card.input, self._network.card.uncertainty
        scale = float(whole[2]) / spec.wh[1]
        xyxy = prepare.to_picture(people.boxes.xyxy.reshape(-1, 2), whole, spec.wh).reshape(-1, 4)
        found = []
        for n, box in enumerate(xyxy):
            score = self._within(xy := prepare.to_picture(people.xy[n], whole, spec.wh), people.score[n], view.wh)
            size = float(np.sqrt(np.prod(np.clip(box[2:] - box[:2], 0.0, None))))
            sigma = sigma_px(trust, np.full(len(score), np.nan), score, scale, size)
            region = prepare.box_region(box[None], spec)[0]
            found.append(self._person(xy, score, sigma, region, -1, view))
        found = [person for person in found if self._is_person(person)]
        # Boxes around keypoints, of the input's shape, as the state remembers them: the like is compared.
        boxes = self._box(np.array([person.next_region for person in found]).reshape(-1, 4))
        slots = match_slots(boxes, self._box(view.state.roi), view.state.track)
        return [
            replace(p, slot=s, track=int(view.state.track[s]) if s >= 0 else -1)
            for p, s in zip(found, slots, strict=True)
        ]

    def _person(
        self, xy: FloatArray, score: FloatArray, sigma: FloatArray, region: FloatArray, slot: int, view: _View
    ) -> Person:
        """Put together one person; the next crop holds the keypoints that were seen."""
        seen = np.nan_to_num(score) >= self._network.card.uncertainty.person_score
        following = np.full(4, np.nan)
        if seen.sum() >= 2:
            low, high = xy[seen].min(axis=0), xy[seen].max(axis=0)
            middle, half = (low + high) / 2.0, BOX_PER_KEYPOINTS * (high - low) / 2.0
            box = np.concatenate([middle - half, middle + half])
            following = prepare.box_region(box[None], self._network.card.input)[0]
        if self._finder is None and self._network.card.task == "landmarks":
            following = prepare.whole_region(view.wh, self._network.card.input)
        presence = float(np.nanmedian(score[self._core])) if np.isfinite(score[self._core]).any() else 0.0
        track = int(view.state.track[slot]) if slot >= 0 else -1
        return Person(xy, sigma, score, presence, region, following, slot, track)

    def _is_person(self, person: Person) -> bool:
        return person.presence >= self._network.card.uncertainty.person_score

    def _within(self, xy: FloatArray, score: FloatArray, wh: tuple[int, int]) -> FloatArray:
        """Scores, low for what lies outside the picture: it was guessed, not seen."""
        outside = ((xy < -0.5) | (xy > np.array(wh) - 0.5)).any(axis=-1)
        return np.where(outside, np.minimum(score, LEAST_SCORE), score)

    def _box(self, region: FloatArray) -> FloatArray:
        return prepare.region_box(region, self._network.card.input)
