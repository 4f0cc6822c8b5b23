"""The default detector: MultiPose finds people, BlazePose gives each 33 landmarks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

import numpy as np

from mocap.core.errors import ModelError
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, ImageArray
from mocap.detect import blazepose, multipose, tracker
from mocap.detect.blazepose import Landmarks
from mocap.detect.cards import ModelCard
from mocap.detect.litert import LiteRtModel
from mocap.detect.protocol import ViewPoses, ViewState
from mocap.detect.tracker import Body
from mocap.presets import load_skeleton

# Raise when the same pictures and weights give other numbers than before: cached results depend on it.
CODE_VERSION = 2
# Frames after a search until the next one for somebody who was lost or is seen badly: hidden people come out
# again within a fraction of a second, and a search takes as long as a crop.
RETRY_INTERVAL = 5

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class DetectorSettings:
    """How the detector works.

    Attributes
    ----------
    max_people : int
        Slots per view.
    search_interval : int
        Frames between searches of the whole picture for new people; a lost person is searched for at once.
    threads : int
        Crops that are worked on at the same time.
    """

    max_people: int = 3
    search_interval: int = 15
    threads: int = 2

    def __post_init__(self) -> None:
        for name in ("max_people", "search_interval", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")


class _Pool:
    """Copies of one network, each used by one thread at a time."""

    def __init__(self, make: Callable[[], LiteRtModel], copies: int) -> None:
        self._free: SimpleQueue[LiteRtModel] = SimpleQueue()
        for _ in range(copies):
            self._free.put(make())

    def use(self, work: Callable[[LiteRtModel], Result]) -> Result:
        model = self._free.get()
        try:
            return work(model)
        finally:
            self._free.put(model)


@dataclass
class _View:
    """Work on one picture of one view: what is known so far.

    Attributes
    ----------
    lost : list of int
        Slots whose person was not found where expected.
    """

    image: ImageArray
    state: ViewState
    bodies: list[Body] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    searched: bool = False

    @property
    def wh(self) -> tuple[int, int]:
        return self.image.shape[1], self.image.shape[0]

    @property
    def doubtful(self) -> bool:
        return any(tracker.is_doubtful(body) for body in self.bodies)


class BlazePoseDetector:
    """A `Detector` of MoveNet MultiPose and BlazePose.

    Parameters
    ----------
    finder, landmarks : (ModelCard, Path)
        The two networks and their weights.
    settings : DetectorSettings

    Raises
    ------
    ModelError
        If a network cannot be run or is not of the right kind.
    """

    def __init__(
        self, finder: tuple[ModelCard, Path], landmarks: tuple[ModelCard, Path], settings: DetectorSettings
    ) -> None:
        for (card, path), task in ((finder, "person_finder"), (landmarks, "landmarks")):
            if card.task != task:
                raise ModelError(f"The model '{card.name}' is a {card.task}, not a {task}.", "Name another.", path)
        self._finder_card, self._landmark_card = finder[0], landmarks[0]
        self._settings = settings
        self._skeleton = load_skeleton(self._landmark_card.skeleton)
        if len(self._skeleton.keypoints) != blazepose.LANDMARKS:
            raise ModelError(
                f"The skeleton '{self._skeleton.name}' of the model '{self._landmark_card.name}' has "
                f"{len(self._skeleton.keypoints)} keypoints where BlazePose finds {blazepose.LANDMARKS}.",
                "Mend the card.",
                landmarks[1],
            )
        # One thread in each of several copies: measured on 2 cores, heavy takes 31 ms a crop so and 40 ms
        # with two threads in one copy (full 9 and 12); LiteRT lets other Python threads run meanwhile.
        self._finders = _Pool(lambda: LiteRtModel(finder[1], (multipose.OUTPUT_SHAPE,)), settings.threads)
        self._networks = _Pool(lambda: LiteRtModel(landmarks[1], blazepose.OUTPUT_SHAPES), settings.threads)
        self._workers = ThreadPoolExecutor(settings.threads, thread_name_prefix="detect")

    @property
    def skeleton(self) -> Skeleton:
        """The keypoints it finds."""
        return self._skeleton

    @property
    def max_people(self) -> int:
        """Slots P per view."""
        return self._settings.max_people

    @property
    def landmark_model(self) -> str:
        """Name of the landmark network in use."""
        return self._landmark_card.name

    @property
    def identity(self) -> str:
        """Names and hashes of the models, and the settings that the result depends on."""
        parts = [f"{c.name}@{c.version}:{c.sha256}" for c in (self._finder_card, self._landmark_card)]
        parts += [str(c.input) for c in (self._finder_card, self._landmark_card)]
        parts += [str(self._settings.max_people), str(self._settings.search_interval), str(CODE_VERSION)]
        digest = hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]
        return f"{self._landmark_card.name}+{self._finder_card.name}-v{CODE_VERSION}-{digest}"

    def initial_state(self) -> ViewState:
        """State before the first frame of a view: nobody known, a search due."""
        slots = self._settings.max_people
        return ViewState(
            roi=np.full((slots, 4), np.nan),
            track=np.full(slots, -1, dtype=np.int64),
            next_track=0,
            frames_since_search=self._settings.search_interval,
        )

    def detect(
        self, images: Sequence[ImageArray | None], states: Sequence[ViewState]
    ) -> tuple[list[ViewPoses], list[ViewState]]:
        """Find people in one picture of each view; see `Detector`.

        People known from the frame before are looked for where they were. Then the whole picture is
        searched in the views where somebody was lost or is seen badly, or where a search is due.
        """
        views = [None if i is None else _View(i, s) for i, s in zip(images, states, strict=True)]
        present = [view for view in views if view is not None]
        self._follow(present)
        self._search([view for view in present if self._search_is_due(view)])

        poses, after = [], []
        for view, state in zip(views, states, strict=True):
            if view is None:
                poses.append(tracker.nobody(self.max_people, blazepose.LANDMARKS))
                after.append(replace(state, frames_since_search=state.frames_since_search + 1))
                continue
            bodies = tracker.without_duplicates(view.bodies)
            found, following = tracker.settle(
                bodies, view.state, blazepose.LANDMARKS, view.wh, self._since_search(view, bodies)
            )
            poses.append(found)
            after.append(following)
        return poses, after

    def _follow(self, views: list[_View]) -> None:
        """Look for the known people of each view where they are expected."""
        known = [(view, int(slot)) for view in views for slot in np.flatnonzero(view.state.track >= 0)]
        results = self._map(lambda job: self._landmarks(job[0].image, job[0].state.roi[job[1]]), known)
        for (view, slot), result in zip(known, results, strict=True):
            if tracker.is_person(result):
                view.bodies.append(Body(result, view.state.roi[slot], slot, int(view.state.track[slot])))
        for view in views:
            view.bodies = tracker.without_duplicates(view.bodies)
            kept = {body.slot for body in view.bodies}
            view.lost = [int(s) for s in np.flatnonzero(view.state.track >= 0) if int(s) not in kept]

    def _search_is_due(self, view: _View) -> bool:
        waited = view.state.frames_since_search + 1
        if view.doubtful and waited >= RETRY_INTERVAL:
            return True
        full = len(view.bodies) == self._settings.max_people
        return not full and (bool(view.lost) or waited >= self._settings.search_interval)

    def _since_search(self, view: _View, bodies: list[Body]) -> int:
        """Frames since the last search, as the next frame is to see it."""
        if not view.searched:
            return view.state.frames_since_search + 1
        still_lost = set(view.lost) - {body.slot for body in bodies}
        return max(0, self._settings.search_interval - RETRY_INTERVAL) if still_lost else 0

    def _search(self, views: list[_View]) -> None:
        """Search whole pictures for people who are new, lost or seen badly."""
        found = self._map(self._candidates, views)
        jobs = [(view, *one) for view, ones in zip(views, found, strict=True) for one in ones]
        results = self._map(lambda job: self._landmarks(job[0].image, job[1]), jobs)
        for (view, region, slot), result in zip(jobs, results, strict=True):
            if not tracker.is_person(result):
                continue
            body = Body(result, region, slot, int(view.state.track[slot]) if slot >= 0 else -1)
            first = next((b for b in view.bodies if b.slot == slot >= 0), None)
            if first is None:
                view.bodies.append(body)
            elif tracker.quality(body) > tracker.quality(first):
                view.bodies = [body if b is first else b for b in view.bodies]
        for view in views:
            view.searched = True

    def _candidates(self, view: _View) -> list[tuple[FloatArray, int]]:
        """Crops worth looking at in a whole picture, and the slot of the known person each may show.

        New people have slot -1; people who are seen well are left out.
        """
        spec = self._finder_card.input
        tensor, size = multipose.prepare(view.image, spec.size_px, spec.multiple_of)
        output = self._finders.use(lambda model: model.run(tensor))[0]
        people, scores, _ = multipose.decode(output, size)
        candidates: list[tuple[FloatArray, int]] = []
        for xy, score in zip(people, scores, strict=True):
            region = multipose.region(xy, score)
            if not tracker.usable_region(region, view.wh):
                continue
            same = next((b for b in view.bodies if tracker.is_same(xy, float(region[2]), b)), None)
            if same is not None and not tracker.is_doubtful(same):
                continue
            slot = same.slot if same is not None else self._slot_near(region, view)
            # Each known person is looked at again once, from the surest crop.
            if slot < 0 or slot not in {taken for _, taken in candidates}:
                candidates.append((region, slot))
        return candidates

    def _slot_near(self, region: FloatArray, view: _View) -> int:
        """Slot of the person who was lost or is seen badly where this crop is; -1 if there is none."""
        open_slots = view.lost + [b.slot for b in view.bodies if tracker.is_doubtful(b)]
        near = [s for s in open_slots if tracker.is_near(region, view.state.roi[s])]
        return min(near, key=lambda s: float(np.linalg.norm(region[:2] - view.state.roi[s, :2])), default=-1)

    def _landmarks(self, image: ImageArray, region: FloatArray) -> Landmarks:
        """Landmarks of the person in one crop."""
        spec = self._landmark_card.input
        tensor = blazepose.prepare(image, region, spec.size_px, spec.divide_by)
        outputs = self._networks.use(lambda model: model.run(tensor))
        return blazepose.decode(outputs, region, spec.size_px, (image.shape[1], image.shape[0]))

    def _map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Do the work on the items, several at a time; results in the items' order."""
        return list(self._workers.map(work, items))
