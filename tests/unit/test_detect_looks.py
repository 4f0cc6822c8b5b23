"""Several looks at a person: mirrored ones come back right, the median is taken, and nobody else is touched."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, ImageArray
from mocap.detect.looks import LARGEST_SHIFT, LARGEST_TURN_RAD, LOOKS, SCALES, ManyLooks, mirror_index
from mocap.detect.protocol import ViewPoses, ViewState
from mocap.presets import load_skeleton

WIDTH, HEIGHT = 200, 100
SKELETON = load_skeleton("blazepose33")
COUNT = len(SKELETON.keypoints)
PEOPLE = 2
SIGMA_PX = 3.0


def picture() -> ImageArray:
    """A picture whose left edge is white, so that a mirror image can be told."""
    image = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    image[:, 0] = 255
    return image


def truth() -> FloatArray:
    return np.random.default_rng(0).uniform([20.0, 10.0], [180.0, 90.0], (COUNT, 2))


class Fake:
    """Sees the true keypoints of the person in slot 0 with an error that depends on the crop."""

    skeleton: Skeleton = SKELETON
    max_people = PEOPLE
    identity = "fake"

    def __init__(self, confuses: bool = False, loses: bool = False, foresees: bool = False) -> None:
        self.confuses, self.loses, self.foresees = confuses, loses, foresees
        self.asked: list[int] = []

    def initial_state(self) -> ViewState:
        return ViewState(np.full((PEOPLE, 4), np.nan), np.full(PEOPLE, -1), 0, 99)

    def detect(
        self, images: Sequence[ImageArray | None], states: Sequence[ViewState]
    ) -> tuple[list[ViewPoses], list[ViewState]]:
        self.asked.append(len(images))
        seen = [self._one(image, state) for image, state in zip(images, states, strict=True)]
        return [poses for poses, _ in seen], [state for _, state in seen]

    def _one(self, image: ImageArray | None, state: ViewState) -> tuple[ViewPoses, ViewState]:
        xy = np.full((PEOPLE, COUNT, 2), np.nan)
        blank = np.full((PEOPLE, COUNT), np.nan)
        again = state.frames_since_search == 0
        if image is None or (again and self.loses):
            return ViewPoses(xy, blank, blank.copy(), np.array([-1, -1])), state
        assert image.shape == (HEIGHT, WIDTH, 3)
        mirrored = bool(image[0, -1, 0])
        points = truth()
        if mirrored:
            points = points[mirror_index(SKELETON)] * [-1.0, 1.0] + [WIDTH - 1.0, 0.0]
            if again:  # the crop was mirrored along with the picture
                assert state.roi[0, 0] == pytest.approx(WIDTH - 1 - 60.0, abs=LARGEST_SHIFT * 40.0)
        if again and self.confuses and abs(state.roi[0, 3]) > LARGEST_TURN_RAD:
            points = points[mirror_index(SKELETON)]
        seed = int(1000 * state.roi[0, 2] + 100 * abs(state.roi[0, 3])) if again else 1
        xy[0] = points + np.random.default_rng(seed + 7 * mirrored).normal(0, SIGMA_PX, points.shape)
        score = np.where(np.isfinite(xy[..., 0]), 0.9, np.nan)
        looked = np.array([not self.foresees, True])
        after = ViewState(np.array([[60.0, 50.0, 40.0, 0.1], [np.nan] * 4]), np.array([4, -1]), 5, 3)
        return ViewPoses(
            xy, np.where(np.isfinite(score), SIGMA_PX, np.nan), score, np.array([4, -1]), looked
        ), after


def error_px(detector: Fake | ManyLooks) -> float:
    poses, _ = detector.detect([picture()], [detector.initial_state()])
    return float(np.median(np.linalg.norm(poses[0].xy[0] - truth(), axis=1)))


def test_more_looks_see_better() -> None:
    one, many = error_px(Fake()), error_px(ManyLooks(Fake(), len(LOOKS)))
    assert many < 0.6 * one


def test_looks_differ_evenly() -> None:
    turns, scales = np.array([look.turn_rad for look in LOOKS]), np.array([look.scale for look in LOOKS])
    assert abs(turns.mean()) < 0.1
    assert np.ptp(turns) > 0.3
    third = (SCALES[1] - SCALES[0]) / 3
    assert SCALES[0] <= scales.min() < SCALES[0] + third
    assert SCALES[1] - third < scales.max() <= SCALES[1]
    assert sum(look.mirrored for look in LOOKS) == len(LOOKS) // 2


def test_a_look_that_takes_left_for_right_has_no_say() -> None:
    assert error_px(ManyLooks(Fake(confuses=True), len(LOOKS))) < error_px(Fake())


def test_what_is_remembered_is_the_first_looks() -> None:
    plain, many = Fake(), ManyLooks(Fake(), 4)
    _, expected = plain.detect([picture()], [plain.initial_state()])
    _, states = many.detect([picture()], [many.initial_state()])
    np.testing.assert_array_equal(states[0].roi, expected[0].roi)
    assert states[0].frames_since_search == expected[0].frames_since_search


@pytest.mark.parametrize("fake", [Fake(loses=True), Fake(foresees=True)])
def test_who_is_not_found_again_or_only_foreseen_stays(fake: Fake) -> None:
    poses, _ = ManyLooks(fake, 6).detect([picture()], [fake.initial_state()])
    alone, _ = fake.detect([picture()], [fake.initial_state()])
    np.testing.assert_array_equal(poses[0].xy, alone[0].xy)
    assert poses[0].track.tolist() == [4, -1]


def test_views_without_a_picture_are_not_looked_at() -> None:
    fake = Fake()
    many = ManyLooks(fake, 4)
    start = fake.initial_state()
    poses, _ = many.detect([None, picture(), None], [start, start, start])
    assert fake.asked == [3, 4]
    assert np.isnan(poses[0].xy).all()
    assert np.isfinite(poses[1].xy[0]).all()
    many.detect([None], [start])
    assert fake.asked == [3, 4, 1]


def test_results_are_not_taken_for_those_of_fewer_looks() -> None:
    names = {Fake().identity, ManyLooks(Fake(), 4).identity, ManyLooks(Fake(), 6).identity}
    assert len(names) == 3
    for looks in (0, len(LOOKS) + 1):
        with pytest.raises(ValueError, match="looks"):
            ManyLooks(Fake(), looks)
