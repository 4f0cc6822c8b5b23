"""Following people through a view, with networks that see discs instead of people."""

import io
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mocap.core.errors import ModelError
from mocap.detect import blazepose, detector, multipose, tracker
from mocap.detect.blazepose import Landmarks
from mocap.detect.cards import load_cards
from mocap.detect.detector import RETRY_INTERVAL, BlazePoseDetector, DetectorSettings
from mocap.detect.pace import Pacing, Past
from mocap.detect.protocol import ViewPoses, ViewState
from mocap.detect.runtimes import Kind
from mocap.detect.tracker import Body, all_due

WIDTH, HEIGHT = 640, 480
RADIUS = 12.0
# Where the joints lie around the hip, in radii of the disc: two columns of six, shoulders to ankles.
COLUMN = np.array([-4.0, -3.0, -2.0, 0.0, 2.0, 4.0])
TEMPLATE = np.zeros((33, 2))
TEMPLATE[tracker.BODY[0::2]] = np.column_stack([np.full(6, 1.0), COLUMN])
TEMPLATE[tracker.BODY[1::2]] = np.column_stack([np.full(6, -1.0), COLUMN])
TEMPLATE[:11] = [0.0, -5.0]


def picture(*discs: tuple[float, float]) -> np.ndarray:
    """Black, with a white disc at the hip of each person."""
    image = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    for x, y in discs:
        cv2.circle(image, (round(x * 16), round(y * 16)), round(RADIUS * 16), (255, 255, 255), -1, cv2.LINE_AA, 4)
    return image


def discs(gray: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Centre and radius of each disc, px."""
    _, _, stats, centres = cv2.connectedComponentsWithStats((gray > 127).astype(np.uint8))
    return [
        (c, float(np.sqrt(s[cv2.CC_STAT_AREA] / np.pi)))
        for s, c in zip(stats[1:], centres[1:], strict=True)
        if s[cv2.CC_STAT_AREA] > 20
    ]


class DiscNetwork:
    """Answers as MultiPose or BlazePose would."""

    searches = 0
    crops = 0

    name = "discs"

    def __init__(self, path: Path, outputs: Sequence[tuple[int, ...]], kind: Kind | None = None) -> None:
        self.finds = tuple(outputs) == (multipose.OUTPUT_SHAPE,)

    def run(self, tensor: np.ndarray) -> list[np.ndarray]:
        return [self.find(tensor[0])] if self.finds else self.landmarks(tensor[0])

    def find(self, image: np.ndarray) -> np.ndarray:
        type(self).searches += 1
        answer = np.zeros((1, 6, 56), dtype=np.float32)
        for n, (centre, radius) in enumerate(discs(image[..., 0])[:6]):
            points = (centre + TEMPLATE[tracker.BLAZEPOSE_OF_COCO] * radius + 0.5) / image.shape[1::-1]
            answer[0, n, :51] = np.column_stack([points[:, ::-1], np.full(17, 0.9)]).ravel()
            answer[0, n, 55] = 0.9
        return answer

    def landmarks(self, crop: np.ndarray) -> list[np.ndarray]:
        type(self).crops += 1
        rows = np.zeros((39, 5), dtype=np.float32)
        seen = discs(crop[..., 0] * 255)
        middle = np.full(2, 127.5)
        if seen:
            centre, radius = min(seen, key=lambda s: float(np.linalg.norm(s[0] - middle)))
            rows[:33, :2] = centre + TEMPLATE * radius + 0.5
            rows[33:35, :2] = centre + 0.5
            rows[34, 1] -= 6.0 * radius
            rows[:, 3:] = 10.0
        heat = np.full((1, 64, 64, 39), -50.0, dtype=np.float32)
        return [rows.reshape(1, -1), np.array([[1.0 if seen else 0.0]], dtype=np.float32), heat]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(detector, "open_network", DiscNetwork)
    monkeypatch.setattr(DiscNetwork, "searches", 0)
    monkeypatch.setattr(DiscNetwork, "crops", 0)
    cards = load_cards()

    def build(**settings: Any) -> BlazePoseDetector:
        pair = [(cards[n], Path(n)) for n in ("movenet_multipose", "pose_landmark_heavy")]
        return BlazePoseDetector(pair[0], pair[1], DetectorSettings(**settings))

    return build


def follow(found: BlazePoseDetector, pictures: Sequence[np.ndarray | None]) -> tuple[list[ViewPoses], ViewState]:
    state, poses = found.initial_state(), []
    for image in pictures:
        (pose,), (state,) = found.detect([image], [state])
        poses.append(pose)
    return poses, state


def hips(pose: ViewPoses) -> dict[int, tuple[float, ...]]:
    """Middle of the hips of each person, px, by number."""
    middle = pose.xy[:, tracker.HIPS].mean(axis=1)
    return {int(t): tuple(m) for t, m in zip(pose.track, middle, strict=True) if t >= 0}


def test_people_are_found_where_they_are_and_free_slots_are_nan(make: Any) -> None:
    (pose,), _ = follow(make(max_people=3), [picture((150, 200), (450, 260))])
    found = hips(pose)
    assert sorted(found) == [0, 1]
    np.testing.assert_allclose(sorted(found.values()), [[150, 200], [450, 260]], atol=0.5)
    assert pose.track[2] == -1
    assert all(np.isnan(a[2]).all() for a in (pose.xy, pose.score, pose.sigma_px))
    assert pose.xy.shape == (3, 33, 2)


def test_a_person_who_moves_keeps_slot_and_number_without_searching(make: Any) -> None:
    path = [(100.0 + 9 * t, 200.0 + 2 * t) for t in range(14)]
    poses, _ = follow(make(search_interval=15), [picture(p) for p in path])
    for pose, p in zip(poses, path, strict=True):
        np.testing.assert_allclose(hips(pose)[0], p, atol=0.6)
    assert DiscNetwork.searches == 1


def test_who_moves_steadily_is_seldom_looked_at_and_foreseen_in_between(make: Any) -> None:
    path = [(100.0 + 6 * t, 200.0 + 2 * t) for t in range(24)]
    poses, _ = follow(make(search_interval=100, pacing=Pacing(4)), [picture(p) for p in path])
    for pose, p in zip(poses, path, strict=True):
        np.testing.assert_allclose(hips(pose)[0], p, atol=1.5)
    looked = [bool(pose.looked[0]) for pose in poses if pose.looked is not None]
    # One after the other until the motion is known, then in growing steps, then every fourth.
    assert looked[:3] == [True] * 3
    assert looked[-8:].count(True) == 2
    assert DiscNetwork.crops == sum(looked)


def test_who_moves_wildly_is_looked_at_in_every_picture(make: Any) -> None:
    path = [(300.0 + 30 * (-1) ** t, 200.0) for t in range(12)]
    poses, _ = follow(make(search_interval=100, pacing=Pacing(4)), [picture(p) for p in path])
    assert all(pose.looked is not None and pose.looked[0] for pose in poses)


def test_a_person_who_waits_is_not_taken_for_a_new_one(make: Any) -> None:
    alone, both = picture((150, 200)), picture((150, 200), (450, 260))
    poses, _ = follow(make(search_interval=3, pacing=Pacing(4)), [*[alone] * 8, *[both] * 6])
    assert [len(hips(p)) for p in poses[:8]] == [1] * 8
    assert sorted(hips(poses[-1])) == [0, 1]
    assert any(pose.looked is not None and not pose.looked[0] for pose in poses)


def test_nobody_waits_when_all_are_due(make: Any) -> None:
    found = make(search_interval=100, pacing=Pacing(4))
    here = picture((150, 200))
    _, state = follow(found, [here] * 12)
    while not tracker.waiting(state)[0]:
        _, state = found.detect_view(here, state)
    pose, _ = found.detect_view(here, all_due(state))
    assert pose.looked[0]


def test_flipped_crops_agree_with_straight_ones(make: Any) -> None:
    once, _ = follow(make(), [picture((150, 200))])
    crops = DiscNetwork.crops
    twice, _ = follow(make(flip=True), [picture((150, 200))])
    assert DiscNetwork.crops == 3 * crops
    # The network that sees discs calls the same side of any picture left, so that both answers must agree.
    np.testing.assert_allclose(twice[0].xy[0, tracker.BODY], once[0].xy[0, tracker.BODY], atol=0.3)


def test_somebody_new_is_found_within_the_interval(make: Any) -> None:
    alone, both = picture((150, 200)), picture((150, 200), (450, 260))
    poses, _ = follow(make(search_interval=4), [alone, *[both] * 5])
    assert [len(hips(p)) for p in poses] == [1, 1, 1, 1, 2, 2]
    assert sorted(hips(poses[-1])) == [0, 1]


def test_who_leaves_frees_the_slot_at_once_and_who_comes_later_is_new(make: Any) -> None:
    here, empty, there = picture((150, 200)), picture(), picture((450, 260))
    poses, _ = follow(make(search_interval=3), [here, empty, empty, *[there] * 4])
    assert [list(hips(p)) for p in poses[:3]] == [[0], [], []]
    assert list(hips(poses[-1])) == [1]


def test_who_is_lost_and_found_in_one_picture_keeps_the_number(make: Any) -> None:
    found = make(search_interval=100)
    (_,), (state,) = found.detect([picture((150, 200))], [found.initial_state()])
    beside = state.roi.copy()
    beside[0] = [176.0, 200.0, 24.0, 0.0]  # Small and beside the disc: nobody in it.
    shifted = ViewState(beside, state.track, state.next_track, state.frames_since_search)
    (pose,), _ = found.detect([picture((150, 200))], [shifted])
    assert list(hips(pose)) == [0]
    np.testing.assert_allclose(hips(pose)[0], [150, 200], atol=0.5)


def test_a_lost_person_is_searched_for_again_soon(make: Any) -> None:
    here, empty = picture((150, 200)), picture()
    frames = [here] * 3 + [empty] * 2 + [here] * RETRY_INTERVAL
    poses, _ = follow(make(search_interval=50), frames)
    assert len(hips(poses[3 + RETRY_INTERVAL])) == 1


def test_two_slots_on_one_person_become_one(make: Any) -> None:
    # The second passes behind the first and does not come out again.
    path = [picture((300, 200), (300 + 20 * t, 200)) for t in (8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0)]
    poses, _ = follow(make(search_interval=100), path)
    assert sorted(hips(poses[0])) == [0, 1]
    assert len(hips(poses[-1])) == 1


def test_no_more_people_than_slots(make: Any) -> None:
    crowd = picture(*[(80.0 + 110 * i, 220.0) for i in range(5)])
    poses, state = follow(make(max_people=2), [crowd] * 3)
    assert all(len(hips(p)) == 2 for p in poses)
    assert state.next_track == 2


def test_a_missing_picture_is_nobody_and_forgets_nobody(make: Any) -> None:
    here = picture((150, 200))
    poses, _ = follow(make(search_interval=50), [here, None, here])
    assert hips(poses[1]) == {}
    assert list(hips(poses[2])) == [0]


@pytest.mark.parametrize("longest_pace", [1, 4])
def test_the_state_can_be_stored_and_the_result_is_the_same(make: Any, longest_pace: int) -> None:
    frames = [picture((150 + 5 * t, 200), (450, 260 - 3 * t)) for t in range(8)]
    whole, _ = follow(make(search_interval=4, pacing=Pacing(longest_pace)), frames)
    found = make(search_interval=4, pacing=Pacing(longest_pace))
    state = found.initial_state()
    for t, frame in enumerate(frames):
        file = io.BytesIO()
        np.savez(
            file,
            roi=state.roi,
            track=state.track,
            numbers=[state.next_track, state.frames_since_search],
            **{f"past_{f.name}": getattr(state.past, f.name) for f in fields(Past)},
        )
        file.seek(0)
        with np.load(file) as kept:
            past = Past(**{f.name: kept[f"past_{f.name}"] for f in fields(Past)})
            state = ViewState(kept["roi"], kept["track"], int(kept["numbers"][0]), int(kept["numbers"][1]), past)
        (pose,), (state,) = found.detect([frame], [state])
        for name in ("xy", "score", "sigma_px", "track"):
            np.testing.assert_array_equal(getattr(pose, name), getattr(whole[t], name))


def test_views_do_not_mix(make: Any) -> None:
    found = make()
    images = [picture((100 + 40 * c, 240)) for c in range(4)]
    poses, states = found.detect(images, [found.initial_state() for _ in images])
    assert [round(hips(p)[0][0]) for p in poses] == [100, 140, 180, 220]
    assert [s.next_track for s in states] == [1] * 4


def test_the_identity_tells_settings_and_models_apart(make: Any) -> None:
    assert make().identity == make(threads=1).identity
    assert (
        len(
            {
                make().identity,
                make(max_people=2).identity,
                make(search_interval=7).identity,
                make(pacing=Pacing(2)).identity,
            }
        )
        == 4
    )


def test_models_of_the_wrong_task_are_refused(make: Any) -> None:
    cards = load_cards()
    one = (cards["pose_landmark_heavy"], Path("x"))
    with pytest.raises(ModelError, match="not a person_finder"):
        BlazePoseDetector(one, one, DetectorSettings())


def test_a_skeleton_of_another_number_of_keypoints_is_refused(make: Any) -> None:
    cards = load_cards()
    card = cards["pose_landmark_heavy"].model_copy(update={"skeleton": "coco17"})
    with pytest.raises(ModelError, match="17 keypoints where BlazePose finds 33"):
        BlazePoseDetector((cards["movenet_multipose"], Path("a")), (card, Path("b")), DetectorSettings())


def test_who_is_nan_is_lost_and_found_again(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found, run = make(max_people=2), DiscNetwork.run
    state, numbers = found.initial_state(), []
    for frame in range(9):
        broken = 3 <= frame < 5

        def answer(self: DiscNetwork, tensor: np.ndarray, broken: bool = broken) -> list[np.ndarray]:
            return [np.full_like(values, np.nan) if broken else values for values in run(self, tensor)]

        monkeypatch.setattr(DiscNetwork, "run", answer)
        (pose,), (state,) = found.detect([picture((300, 200))], [state])
        numbers.append(pose.track.max())
        assert np.isfinite(pose.xy[pose.track >= 0]).all()
        assert np.isnan(pose.xy[pose.track < 0]).all()
    assert numbers[:3] == [0, 0, 0]
    assert numbers[3:5] == [-1, -1]
    assert numbers[-1] >= 0


def test_a_second_look_finds_who_is_expected_there_and_nobody_where_nobody_is(make: Any) -> None:
    found = make()
    expected = np.array([300.0, 200.0]) + 10.0 + TEMPLATE * RADIUS  # nearly
    xy, sigma, score = found.look(picture((300, 200), (520, 200)), expected)
    np.testing.assert_allclose(xy[tracker.HIPS].mean(axis=0), [300, 200], atol=0.5)
    assert (score > 0.9).all()
    assert (sigma > 0).all()
    assert found.look(picture((520, 400)), expected - [150.0, 100.0]) is None
    assert found.look(picture((300, 200)), np.full((33, 2), np.nan)) is None


@pytest.mark.parametrize("runtime", ["torch", None])
def test_all_crops_of_all_views_go_to_a_graphics_card_together(
    make: Any, monkeypatch: pytest.MonkeyPatch, runtime: Kind | None
) -> None:
    sizes, one = [], DiscNetwork.landmarks

    def batched(self: DiscNetwork, tensor: np.ndarray) -> list[np.ndarray]:
        if self.finds:
            return [self.find(tensor[0])]
        sizes.append(len(tensor))
        time.sleep(0.05)
        answers = [one(self, crop) for crop in tensor]
        return [np.concatenate(parts) for parts in zip(*answers, strict=True)]

    monkeypatch.setattr(DiscNetwork, "run", batched)
    found = make(max_people=3, threads=2, runtime=runtime)
    views = [picture((100 + 20 * v, 200), (300 + 20 * v, 250), (500, 150 + 20 * v)) for v in range(4)]
    poses, _ = found.detect(views, [found.initial_state()] * 4)
    for v, pose in enumerate(poses):
        wanted = [(100 + 20 * v, 200), (300 + 20 * v, 250), (500, 150 + 20 * v)]
        np.testing.assert_allclose(sorted(hips(pose).values()), wanted, atol=0.5)
    assert sum(sizes) == 12
    assert (max(sizes) > 2) == (runtime == "torch")


def body(hip: tuple[float, float], expected: tuple[float, float], slot: int) -> Body:
    points = np.array(hip) + TEMPLATE * RADIUS
    ones = np.ones(blazepose.LANDMARKS)
    found = Landmarks(points, ones, ones, 1.0, np.array([*hip, 180.0, 0.0]))
    return Body(found, np.array([*expected, 180.0, 0.0]), slot, slot)


def test_of_two_on_one_person_the_one_that_jumped_there_goes() -> None:
    stayed, jumped = body((300, 200), (301, 200), 1), body((302, 200), (340, 200), 0)
    assert tracker.without_duplicates([jumped, stayed]) == [stayed]


def test_people_side_by_side_are_two() -> None:
    assert len(tracker.without_duplicates([body((300, 200), (300, 200), 0), body((330, 200), (330, 200), 1)])) == 2


@pytest.mark.parametrize(
    "region",
    [(np.nan, 1, 100, 0), (-50, 100, 100, 0), (300, 510, 100, 0), (300, 200, 10, 0), (300, 200, 9000, 0)],
)
def test_crops_that_make_no_sense_are_not_looked_at(region: tuple[float, ...]) -> None:
    assert not tracker.usable_region(np.array(region, dtype=float), (WIDTH, HEIGHT))
    assert tracker.usable_region(np.array([300.0, 200.0, 100.0, 0.0]), (WIDTH, HEIGHT))


def test_hips_just_below_the_picture_do_not_hide_the_upper_body() -> None:
    assert tracker.usable_region(np.array([300.0, HEIGHT + 60.0, 300.0, 0.0]), (WIDTH, HEIGHT))
