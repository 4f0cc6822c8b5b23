"""Hands and face: where the further crops lie, and that their landmarks follow the body's."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mocap.core.errors import ModelError
from mocap.core.skeleton import Skeleton
from mocap.core.types import ImageArray
from mocap.detect import prepare
from mocap.detect.network import CardNetwork
from mocap.detect.parts import Face, Hands, WithParts
from mocap.detect.protocol import ViewPoses, ViewState
from mocap.presets import load_skeleton

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tests.small_nets import fixed_net, spot_card

BODY = load_skeleton("blazepose33")
SIZE = 64
# A hand in its crop, fingers up: wrist below, fingers in five columns; px from the corner.
HAND = np.array([[32.0, 56.0], *((12.0 + 10.0 * f, 46.0 - 9.0 * j) for f in range(5) for j in range(4))])


class Still:
    """A detector that finds the same body in every picture."""

    def __init__(self, xy: np.ndarray, score: np.ndarray, skeleton: Skeleton = BODY) -> None:
        self.xy, self.score, self.skeleton, self.max_people, self.identity = xy, score, skeleton, 2, "still"

    def initial_state(self) -> ViewState:
        return ViewState(np.full((2, 4), np.nan), np.full(2, -1), 0, 0)

    def detect(
        self, images: Sequence[ImageArray | None], states: Sequence[ViewState]
    ) -> tuple[list[ViewPoses], list[ViewState]]:
        count = len(self.skeleton.keypoints)
        xy, score = np.full((2, count, 2), np.nan), np.full((2, count), np.nan)
        xy[1], score[1] = self.xy, self.score
        pose = ViewPoses(xy, np.where(np.isfinite(score), 1.0, np.nan), score, np.array([-1, 4]))
        empty = ViewPoses(np.full_like(xy, np.nan), score * np.nan, score * np.nan, np.array([-1, -1]))
        return [empty if image is None else pose for image in images], list(states)


def body() -> tuple[np.ndarray, np.ndarray]:
    """A body of which only the left hand is seen: it points to the right of the picture."""
    xy, score = np.full((33, 2), 10.0), np.full(33, 0.01)
    for name, place in (("left_wrist", (100, 120)), ("left_index", (130, 110)), ("left_pinky", (130, 140))):
        (n,) = BODY.index(name)
        xy[n], score[n] = place, 0.9
    return xy, score


def hand_network(folder: Path, presence: float = 0.9) -> CardNetwork:
    points = np.concatenate([HAND, np.zeros((21, 1))], axis=1).reshape(1, 63)
    net = fixed_net(folder / f"hand{presence}.onnx", (SIZE, SIZE), points=points, there=np.array([[presence]]))
    decoder = {"kind": "points", "outputs": {"points": "points", "presence": "there"}}
    more = {"own_skeleton": None, "skeleton": "hand21", "keypoints": 21}
    return CardNetwork(spot_card("hand", "hand", decoder, (SIZE, SIZE), **more), net)


def test_the_first_crop_of_a_hand_is_turned_and_holds_the_fingers(tmp_path: Path) -> None:
    left, right = Hands(hand_network(tmp_path)).first(BODY, *body())
    assert np.isnan(right).all()
    # The middle knuckle is at (130, 120), 30 px to the right of the wrist.
    np.testing.assert_allclose(left, [130 + 6, 120, 2.0 * 60, np.pi / 2], atol=1e-9)
    # In the crop, the wrist is below the middle and the knuckle straight above it.
    affine = prepare.picture_from_input(left, (SIZE, SIZE))
    seen = (np.array([[100, 120], [130, 120]]) - affine[:, 2]) @ np.linalg.inv(affine[:, :2]).T
    assert seen[0, 0] == pytest.approx(seen[1, 0])
    assert SIZE > seen[0, 1] > SIZE / 2 > 0


@pytest.mark.parametrize("angle", [0.0, 0.7, np.pi, -2.0])
def test_the_second_crop_turns_with_the_hand(tmp_path: Path, angle: float) -> None:
    part, turn = (
        Hands(hand_network(tmp_path)),
        np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]),
    )
    upright = part.second(HAND)
    turned = part.second(HAND @ turn.T)
    np.testing.assert_allclose(turned[:2], turn @ upright[:2], atol=1e-9)
    assert turned[2] == pytest.approx(upright[2])
    assert np.cos(turned[3] - upright[3] - angle) == pytest.approx(1.0)
    # Twice the palm's box, and further towards the fingers.
    palm = HAND[[0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18]]
    assert upright[2] == pytest.approx(2.0 * np.ptp(palm, axis=0).max(), rel=0.1)
    assert upright[1] < (palm[:, 1].min() + palm[:, 1].max()) / 2


def test_landmarks_follow_the_bodys_and_what_is_not_seen_is_nan(tmp_path: Path) -> None:
    part = Hands(hand_network(tmp_path))
    found = WithParts(Still(*body()), [part])
    assert found.skeleton.name == "blazepose33_hands"
    picture = np.zeros((240, 320, 3), dtype=np.uint8)
    (pose, empty), _ = found.detect([picture, None], [found.initial_state()] * 2)
    assert pose.xy.shape == (2, 75, 2)
    np.testing.assert_array_equal(pose.xy[1, :33], body()[0])
    assert np.isfinite(pose.xy[1, 33:54]).all()
    assert np.isnan(pose.xy[1, 54:]).all()
    assert np.isnan(pose.xy[0]).all()
    assert np.isnan(empty.xy).all()
    np.testing.assert_allclose(pose.score[1, 33:54], 0.9, atol=1e-6)
    assert (pose.sigma_px[1, 33:54] > 0).all()
    # The second crop comes from the landmarks in the first, and says where they are; its corner is the origin.
    first, _ = part.first(BODY, *body())
    region = part.second(prepare.to_picture(HAND - 0.5, first, (SIZE, SIZE)))
    np.testing.assert_allclose(pose.xy[1, 33:54], prepare.to_picture(HAND - 0.5, region, (SIZE, SIZE)), atol=1e-3)


def test_a_crop_without_a_hand_gives_none(tmp_path: Path) -> None:
    found = WithParts(Still(*body()), [Hands(hand_network(tmp_path, presence=0.3))])
    (pose,), _ = found.detect([np.zeros((240, 320, 3), dtype=np.uint8)], [found.initial_state()])
    assert np.isnan(pose.xy[1, 33:]).all()
    assert np.isfinite(pose.xy[1, :33]).all()


def test_parts_of_people_who_are_foreseen_are_not_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, still = hand_network(tmp_path), Still(*body())
    detector = WithParts(still, [Hands(network)])
    crops: list[int] = []
    keypoints = network.keypoints
    monkeypatch.setattr(network, "keypoints", lambda cut: crops.append(len(cut)) or keypoints(cut))
    image = np.zeros((240, 320, 3), dtype=np.uint8)
    detect = still.detect
    for looked, expected in ((True, [1, 1]), (False, [])):
        crops.clear()

        def foreseen(images: Any, states: Any, looked: bool = looked) -> Any:
            poses, after = detect(images, states)
            return [replace(pose, looked=np.array([False, looked])) for pose in poses], after

        monkeypatch.setattr(still, "detect", foreseen)
        (pose,), _ = detector.detect([image], [detector.initial_state()])
        assert crops == expected
        assert np.isfinite(pose.xy[1, :33]).all()
        assert np.isfinite(pose.xy[1, 33:]).any() == looked


def test_a_hand_of_a_few_pixels_is_not_looked_at(tmp_path: Path) -> None:
    xy, score = body()
    found = WithParts(Still(xy * 0.1, score), [Hands(hand_network(tmp_path))])
    (pose,), _ = found.detect([np.zeros((240, 320, 3), dtype=np.uint8)], [found.initial_state()])
    assert np.isnan(pose.xy[1, 33:]).all()


def test_the_face_is_upright_whichever_way_the_head_hangs(tmp_path: Path) -> None:
    xy, score = np.zeros((33, 2)), np.full(33, 0.9)
    for name, place in (
        ("left_eye", (60, 90)),
        ("right_eye", (60, 110)),
        ("mouth_left", (40, 92)),
        ("mouth_right", (40, 108)),
    ):
        xy[BODY.index(name)] = place
    (region,) = Face(hand_network(tmp_path)).first(BODY, xy, score)
    # The forehead points to the right of the picture; 20 px from eyes to mouth.
    np.testing.assert_allclose(region, [50, 100, 4.2 * 20, np.pi / 2], atol=1e-9)
    score[BODY.index("mouth_left")] = np.nan
    assert np.isnan(Face(hand_network(tmp_path)).first(BODY, xy, score)).all()


def test_parts_that_fit_no_skeleton_are_told(tmp_path: Path) -> None:
    part = Hands(hand_network(tmp_path))
    with pytest.raises(ModelError, match="coco17_hands"):
        WithParts(Still(np.zeros((17, 2)), np.zeros(17), load_skeleton("coco17")), [part])
    with pytest.raises(ModelError, match="find 54"):
        WithParts(Still(*body()), [Hands(part.network, count=1)])


def test_the_identity_holds_the_models_of_the_parts(tmp_path: Path) -> None:
    inner = Still(*body())
    assert WithParts(inner, [Hands(hand_network(tmp_path))]).identity.startswith("still+hand+")
