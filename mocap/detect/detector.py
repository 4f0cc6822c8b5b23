"""The default detector: MultiPose finds people, BlazePose gives each 33 landmarks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from mocap.core.errors import ModelError
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, ImageArray
from mocap.detect import blazepose, multipose, tracker
from mocap.detect.blazepose import Landmarks
from mocap.detect.cards import ModelCard
from mocap.detect.crop import on_grid
from mocap.detect.gather import Gathered
from mocap.detect.pace import Pacing, no_past
from mocap.detect.pool import Pool, open_network
from mocap.detect.protocol import ViewPoses, ViewState
from mocap.detect.runtimes import Kind
from mocap.detect.tracker import Body
from mocap.presets import load_skeleton

# Raise when the same pictures and weights give other numbers than before: cached results depend on it.
CODE_VERSION = 5
# Frames after a search until the next one for somebody who was lost or is seen badly: hidden people come out
# again within a fraction of a second, and a search takes as long as a crop.
RETRY_INTERVAL = 5
# Crops that wait together for a graphics card: three people in each of eight views, and some mirror images.
CROPS_AT_ONCE = 32

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
    pacing : Pacing
        How seldom people may be looked at. The less a person's motion can be foreseen, the more often they are.
    threads : int
        Crops that are worked on at the same time.
    runtime : str or None
        What runs the landmark network; None is the one that comes with the base install.
    flip : bool
        Look at each crop and at its mirror image, and take the mean: twice the time.
    """

    max_people: int = 3
    search_interval: int = 15
    pacing: Pacing = tracker.EVERY_PICTURE
    threads: int = 2
    runtime: Kind | None = None
    flip: bool = False

    def __post_init__(self) -> None:
        for name in ("max_people", "search_interval", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")


@dataclass
class _View:
    """Work on one picture of one view: what is known so far.

    Attributes
    ----------
    bodies : list of Body
        Who was found in this picture.
    awaited : list of Body
        Who is not looked at in this picture, as foreseen.
    lost : list of int
        Slots whose person was not found where expected.
    """

    image: ImageArray
    state: ViewState
    awaited: list[Body]
    bodies: list[Body] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    searched: bool = False

    @property
    def wh(self) -> tuple[int, int]:
        return self.image.shape[1], self.image.shape[0]

    @property
    def everybody(self) -> list[Body]:
        found = {body.slot for body in self.bodies}
        return self.bodies + [body for body in self.awaited if body.slot not in found]

    @property
    def doubtful(self) -> list[Body]:
        return [body for body in self.everybody if tracker.is_doubtful(body)]

    def drop_duplicates(self) -> None:
        """Leave one body of each person."""
        kept = tracker.without_duplicates(self.everybody)
        self.bodies = [body for body in self.bodies if any(body is one for one in kept)]


class BlazePoseDetector:
    """A `ViewDetector` of MoveNet MultiPose and BlazePose.

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
        self._mirror = blazepose.mirror_of(self._skeleton)
        # One thread in each of several copies: measured on 2 cores, heavy takes 31 ms a crop so and 40 ms
        # with two threads in one copy (full 9 and 12); the runtimes let other Python threads run meanwhile.
        self._finders = Pool(lambda: open_network(finder[1], (multipose.OUTPUT_SHAPE,)), settings.threads)
        # torch is for graphics cards, which want all crops of all views at once.
        self._networks: Pool | Gathered
        if settings.runtime == "torch":
            threads = max(settings.threads, CROPS_AT_ONCE)
            self._networks = Gathered(
                lambda: open_network(landmarks[1], blazepose.OUTPUT_SHAPES, settings.runtime)
            )
        else:
            threads = settings.threads
            self._networks = Pool(
                lambda: open_network(landmarks[1], blazepose.OUTPUT_SHAPES, settings.runtime), threads
            )
        # Two groups of threads: those of the views wait for those of the crops, never the other way round.
        self._views = ThreadPoolExecutor(threads, thread_name_prefix="view")
        self._crops = ThreadPoolExecutor(threads, thread_name_prefix="crop")

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
    def runtime(self) -> str:
        """What runs the landmark network."""
        return self._networks.name

    @property
    def identity(self) -> str:
        """Names and hashes of the models, and the settings that the result depends on.

        The runtime is not among them: those that are offered agree within 0.05 px, and tests see to it.
        """
        parts = [f"{c.name}@{c.version}:{c.sha256}" for c in (self._finder_card, self._landmark_card)]
        parts += [str(c.input) for c in (self._finder_card, self._landmark_card)]
        parts.append(str(self._landmark_card.uncertainty))
        known = self._settings
        parts += [str(n) for n in (known.max_people, known.search_interval, known.flip, known.pacing)]
        parts.append(str(CODE_VERSION))
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
            past=no_past(slots, blazepose.LANDMARKS),
        )

    def detect(
        self, images: Sequence[ImageArray | None], states: Sequence[ViewState]
    ) -> tuple[list[ViewPoses], list[ViewState]]:
        """Find people in one picture of each view; see `Detector`."""
        pairs = list(zip(images, states, strict=True))
        results = list(self._views.map(lambda pair: self.detect_view(*pair), pairs))
        return [poses for poses, _ in results], [state for _, state in results]

    def detect_view(self, image: ImageArray | None, state: ViewState) -> tuple[ViewPoses, ViewState]:
        """Find people in one picture of one view.

        People known from the frame before are looked for where they are expected, unless their motion lets
        them wait. Then the whole picture is searched if somebody was lost or is seen badly, or a search is due.
        """
        if image is None:
            return tracker.nobody(self.max_people, blazepose.LANDMARKS), tracker.unseen(state)
        view = _View(image, state, tracker.awaited(state))
        self._follow(view)
        if self._search_is_due(view):
            self._search(view)
        view.drop_duplicates()
        since = self._since_search(view)
        return tracker.settle(view.bodies, state, blazepose.LANDMARKS, view.wh, since, self._settings.pacing)

    def look(self, image: ImageArray, expected: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray] | None:
        """Look at one person whom the other views have placed; see `Looker`."""
        coco = expected[tracker.BLAZEPOSE_OF_COCO]
        region = multipose.region(coco, np.asarray(np.isfinite(coco).all(axis=1), dtype=np.float64))
        if not tracker.usable_region(region, (image.shape[1], image.shape[0])):
            return None
        found = self._landmarks(image, region)
        return (found.xy, found.sigma_px, found.score) if tracker.is_person(found) else None

    def _follow(self, view: _View) -> None:
        """Look for the known people whose turn it is where they are expected."""
        known = np.flatnonzero((view.state.track >= 0) & ~tracker.waiting(view.state)).tolist()
        regions = [tracker.expected_region(view.state, slot) for slot in known]
        results = self._map(lambda region: self._landmarks(view.image, region), regions)
        for slot, region, result in zip(known, regions, results, strict=True):
            if tracker.is_person(result):
                view.bodies.append(Body(result, region, slot, int(view.state.track[slot])))
        view.drop_duplicates()
        kept = {body.slot for body in view.bodies}
        view.lost = [slot for slot in known if slot not in kept]

    def _search_is_due(self, view: _View) -> bool:
        waited = view.state.frames_since_search + 1
        if view.doubtful and waited >= RETRY_INTERVAL:
            return True
        full = len(view.everybody) == self._settings.max_people
        return not full and (bool(view.lost) or waited >= self._settings.search_interval)

    def _since_search(self, view: _View) -> int:
        """Frames since the last search, as the next frame is to see it."""
        if not view.searched:
            return view.state.frames_since_search + 1
        still_lost = set(view.lost) - {body.slot for body in view.bodies}
        return max(0, self._settings.search_interval - RETRY_INTERVAL) if still_lost else 0

    def _search(self, view: _View) -> None:
        """Search the whole picture for people who are new, lost or seen badly."""
        jobs = self._candidates(view)
        results = self._map(lambda job: self._landmarks(view.image, job[0]), jobs)
        for (region, slot), result in zip(jobs, results, strict=True):
            if not tracker.is_person(result):
                continue
            body = Body(result, region, slot, int(view.state.track[slot]) if slot >= 0 else -1)
            first = next((b for b in view.bodies if b.slot == slot >= 0), None)
            if first is None:
                view.bodies.append(body)
            elif tracker.quality(body) > tracker.quality(first):
                view.bodies = [body if b is first else b for b in view.bodies]
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
            same = next((b for b in view.everybody if tracker.is_same(xy, float(region[2]), b)), None)
            if same is not None and not tracker.is_doubtful(same):
                continue
            slot = same.slot if same is not None else self._slot_near(region, view)
            # Each known person is looked at again once, from the surest crop.
            if slot < 0 or slot not in {taken for _, taken in candidates}:
                candidates.append((region, slot))
        return candidates

    def _slot_near(self, region: FloatArray, view: _View) -> int:
        """Slot of the person who was lost or is seen badly where this crop is; -1 if there is none."""
        open_slots = view.lost + [body.slot for body in view.doubtful]
        near = [s for s in open_slots if tracker.is_near(region, view.state.roi[s])]
        return min(near, key=lambda s: float(np.linalg.norm(region[:2] - view.state.roi[s, :2])), default=-1)

    def _landmarks(self, image: ImageArray, region: FloatArray) -> Landmarks:
        """Landmarks of the person in one crop."""
        spec, wh = self._landmark_card.input, (image.shape[1], image.shape[0])
        region = on_grid(region)
        tensor = blazepose.prepare(image, region, spec.size_px, spec.divide_by)
        outputs = self._networks.use(lambda network: network.run(tensor))
        trust = self._landmark_card.uncertainty
        found = blazepose.decode(outputs, region, spec.size_px, wh, trust=trust)
        if not self._settings.flip:
            return found
        mirrored = np.ascontiguousarray(tensor[:, :, ::-1])
        outputs = self._networks.use(lambda network: network.run(mirrored))
        other = blazepose.decode(outputs, region, spec.size_px, wh, self._mirror, trust)
        return blazepose.mean(found, other)

    def _map(self, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Do the work on the items, several at a time; results in the items' order."""
        if len(items) < 2:
            return [work(item) for item in items]
        return list(self._crops.map(work, items))
