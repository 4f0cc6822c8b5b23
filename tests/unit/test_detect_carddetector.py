"""Networks that a lab brings, by their cards alone: small ONNX and TorchScript files with known answers."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mocap.core.errors import ModelError
from mocap.detect import prepare
from mocap.detect.carddetector import CardDetector
from mocap.detect.detector import DetectorSettings
from mocap.detect.network import CardNetwork
from mocap.detect.protocol import ViewPoses
from mocap.detect.runtimes import Runtime
from mocap.detect.specs import InputSpec

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tests.small_nets import fixed_net, heat_net, simcc_net, spot_card

PICTURE = (640, 480)
CROP = (96, 128)
WHOLE = (320, 320)
HEATMAP = {
    "kind": "heatmap",
    "grid": "centre",
    "refine": "dark",
    "blur_cells": 1.0,
    "outputs": {"heatmap": "heat"},
}
SIMCC = {"kind": "simcc", "bins_per_px": 1.0, "outputs": {"x": "simcc_x", "y": "simcc_y"}}
BOXES = {"kind": "boxes", "outputs": {"boxes": "dets"}}
# Spots of a person around the middle: red, green, blue; px.
TEMPLATE = np.array([[-12.3, -40.1], [14.2, 3.4], [2.8, 45.7]])


def picture(*middles: tuple[float, float], sigma: float = 6.0) -> np.ndarray:
    """Spots that are Gaussians, so that their middles lie anywhere between pixels."""
    x, y = np.arange(PICTURE[0]), np.arange(PICTURE[1])
    image = np.zeros((PICTURE[1], PICTURE[0], 3))
    for middle in middles:
        for channel, (u, v) in zip((2, 1, 0), TEMPLATE + middle, strict=True):
            spot = np.exp(-0.5 * (((x - u) / sigma)[None] ** 2 + ((y - v) / sigma)[:, None] ** 2))
            image[..., channel] = np.maximum(image[..., channel], spot)
    return np.round(255 * image).astype(np.uint8)


def whole_boxes(*middles: tuple[float, float]) -> np.ndarray:
    """Boxes around people as the finder sees them: on the letterboxed picture, (1, N, 5)."""
    region = prepare.whole_region(PICTURE, InputSpec(size_px=WHOLE[0]))
    affine = prepare.picture_from_input(region, WHOLE)
    rows = []
    for middle in middles:
        corners = np.add(middle, [[-30, -60], [30, 60]])
        rows.append([*((corners - affine[:, 2]) @ np.linalg.inv(affine[:, :2]).T).ravel(), 0.9])
    return np.array([rows])


def finder(folder: Path, *middles: tuple[float, float]) -> CardNetwork:
    card = spot_card("finder", "person_finder", BOXES, WHOLE)
    return CardNetwork(card, fixed_net(folder / "finder.onnx", WHOLE, dets=whole_boxes(*middles)))


def detector(folder: Path, decoder: dict[str, Any], net: Any, *middles: tuple[float, float]) -> CardDetector:
    card = spot_card("spots", "landmarks", decoder, CROP)
    return CardDetector(
        CardNetwork(card, net(folder / "spots.onnx")), finder(folder, *middles), DetectorSettings(max_people=3)
    )


def once(found: CardDetector, *images: np.ndarray | None) -> list[ViewPoses]:
    return found.detect(images, [found.initial_state() for _ in images])[0]


def people_at(pose: ViewPoses) -> np.ndarray:
    """Middles of the people found, from left to right."""
    known = pose.xy[pose.track >= 0] - TEMPLATE
    middles = known.mean(axis=1)
    np.testing.assert_allclose(known, np.broadcast_to(middles[:, None], known.shape), atol=0.3)
    return middles[np.argsort(middles[:, 0])]


@pytest.mark.parametrize(("decoder", "net"), [(HEATMAP, heat_net), (SIMCC, simcc_net)], ids=["heatmap", "simcc"])
def test_spots_are_found_where_they_are_in_the_picture(tmp_path: Path, decoder: dict[str, Any], net: Any) -> None:
    where = ((150.3, 200.6), (450.7, 260.2))
    found = detector(tmp_path, decoder, net, *where)
    (pose,) = once(found, picture(*where))
    np.testing.assert_allclose(people_at(pose), where, atol=0.05)
    for n, slot in enumerate(np.flatnonzero(pose.track >= 0)):
        np.testing.assert_allclose(pose.xy[slot], TEMPLATE + where[n], atol=0.15)
    assert (pose.sigma_px[:2] > 0).all()
    assert pose.track[2] == -1
    assert np.isnan(pose.xy[2]).all()
    assert np.isnan(pose.sigma_px[2]).all()
    assert found.skeleton.keypoints == ("red", "green", "blue")


def test_views_of_any_number_are_one_batch_and_a_missing_one_stays_empty(tmp_path: Path) -> None:
    found = detector(tmp_path, HEATMAP, heat_net, (150, 200))
    poses = once(found, picture((150, 200)), None, picture((150, 200)))
    assert [int((p.track >= 0).sum()) for p in poses] == [1, 0, 1]
    np.testing.assert_array_equal(poses[0].xy, poses[2].xy)


def test_networks_of_a_fixed_batch_give_the_same(tmp_path: Path) -> None:
    where = ((150, 200), (450, 260))
    free = detector(tmp_path, HEATMAP, heat_net, *where)
    for batch in (1, 4):
        net = CardNetwork(
            spot_card("spots", "landmarks", HEATMAP, CROP), heat_net(tmp_path / f"b{batch}.onnx", batch=batch)
        )
        fixed = CardDetector(net, finder(tmp_path, *where))
        np.testing.assert_allclose(
            once(fixed, picture(*where))[0].xy, once(free, picture(*where))[0].xy, atol=1e-4
        )


def test_who_moves_is_followed_without_the_finder_and_keeps_the_number(tmp_path: Path) -> None:
    found = detector(tmp_path, HEATMAP, heat_net, (100, 200))
    state = [found.initial_state()]
    for t in range(12):
        where = (100.0 + 9 * t, 200.0 + 2 * t)
        (pose,), state = found.detect([picture(where)], state)
        np.testing.assert_allclose(people_at(pose), [where], atol=0.15)
        assert pose.track.tolist() == [0, -1, -1]
    (pose,), state = found.detect([picture()], state)
    assert (pose.track == -1).all()


def test_one_person_in_two_boxes_is_one(tmp_path: Path) -> None:
    found = detector(tmp_path, HEATMAP, heat_net, (300, 200), (320, 215))
    (pose,) = once(found, picture((305, 205)))
    assert (pose.track >= 0).sum() == 1


@pytest.mark.parametrize("placing", ["middle", "corner"])
def test_one_stage_networks_are_read_through_the_letterbox(tmp_path: Path, placing: str) -> None:
    spec = InputSpec(size_px=WHOLE[0], placing=placing)  # type: ignore[arg-type]
    affine = prepare.picture_from_input(prepare.whole_region(PICTURE, spec), WHOLE)
    where = np.array([[150.3, 200.6], [450.7, 260.2]])

    def seen(xy: np.ndarray) -> np.ndarray:
        return (xy - affine[:, 2]) @ np.linalg.inv(affine[:, :2]).T

    pose = np.dstack([seen(TEMPLATE + where[:, None]), np.full((2, 3), 0.9)])
    boxes = np.array([[*seen(np.add(m, [[-30, -60], [30, 60]])).ravel(), 0.8] for m in where])
    net = fixed_net(tmp_path / "rtmo.onnx", WHOLE, dets=boxes[None], keypoints=pose[None])
    decoder = {"kind": "rtmo", "outputs": {"boxes": "dets", "keypoints": "keypoints"}}
    card = spot_card("rtmo", "people", decoder, WHOLE, input={"placing": placing})
    found = CardDetector(CardNetwork(card, net))
    state = [found.initial_state()]
    for _ in range(2):
        (got,), state = found.detect([picture()], state)
        np.testing.assert_allclose(people_at(got), where, atol=1e-3)
        assert sorted(got.track.tolist()) == [-1, 0, 1]
    # Places only: the standard deviation is a share of the person's size.
    np.testing.assert_allclose(got.sigma_px[0], np.hypot(2 * 2.0, 0.02 * np.sqrt(60 * 120) / 0.9), rtol=0.01)


def test_a_letterbox_covers_the_picture_edge_to_edge() -> None:
    spec = InputSpec(size_px=320)
    affine = prepare.picture_from_input(prepare.whole_region(PICTURE, spec), spec.wh)
    # 640 x 480 on 320 x 320: half size, 40 rows of fill above.
    np.testing.assert_allclose(affine @ [-0.5, 39.5, 1.0], [-0.5, -0.5], atol=1e-9)
    np.testing.assert_allclose(affine @ [319.5, 279.5, 1.0], [639.5, 479.5], atol=1e-9)
    corner = prepare.whole_region(PICTURE, InputSpec(size_px=320, placing="corner"))
    np.testing.assert_allclose(
        prepare.picture_from_input(corner, spec.wh) @ [-0.5, -0.5, 1.0], [-0.5, -0.5], atol=1e-9
    )


def test_colours_and_ranges_are_as_the_card_says() -> None:
    crop = np.zeros((2, 2, 3), dtype=np.uint8)
    crop[...] = [10, 20, 30]  # BGR
    spec = InputSpec(size_px=2, layout="nchw", mean=(5.0, 6.0, 7.0), std=(5.0, 2.0, 1.0))
    np.testing.assert_allclose(prepare.to_tensor([crop], spec)[0, :, 0, 0], [5.0, 7.0, 3.0], atol=1e-5)
    plain = prepare.to_tensor([crop], InputSpec(size_px=2, channels="bgr", dtype="uint8"))
    assert plain.dtype == np.uint8
    assert plain[0, 0, 0].tolist() == [10, 20, 30]
    scaled = prepare.to_tensor([crop], InputSpec(size_px=2, divide_by=10.0, channels="gray"))
    assert scaled.shape == (1, 2, 2, 1)


def test_a_single_animal_needs_no_finder(tmp_path: Path) -> None:
    card = spot_card("mouse", "landmarks", {**HEATMAP, "blur_cells": 1.0}, (320, 240))
    found = CardDetector(CardNetwork(card, heat_net(tmp_path / "mouse.onnx")))
    assert found.max_people == 1
    state = [found.initial_state()]
    for where in ((200.0, 220.0), (420.0, 250.0)):
        (pose,), state = found.detect([picture(where, sigma=12.0)], state)
        np.testing.assert_allclose(people_at(pose), [where], atol=0.2)


def test_torchscript_by_position_of_its_outputs(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")

    class Pool(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, image: Any) -> Any:
            return torch.nn.functional.avg_pool2d(image, 4)

    path = tmp_path / "spots.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch prefers its own exports by now
        torch.jit.trace(Pool(), torch.zeros(1, 3, 128, 96)).save(str(path))
    where = ((150.3, 200.6),)
    card = spot_card("spots", "landmarks", {**HEATMAP, "outputs": {"heatmap": 0}}, CROP)
    found = CardDetector(CardNetwork(card, path), finder(tmp_path, *where))
    np.testing.assert_allclose(people_at(once(found, picture(*where))[0]), where, atol=0.05)


def test_what_changes_the_result_changes_the_identity(tmp_path: Path) -> None:
    found = detector(tmp_path, HEATMAP, heat_net, (1, 1))
    other = detector(tmp_path, {**HEATMAP, "blur_cells": 1.5}, heat_net, (1, 1))
    fewer = CardDetector(found._network, found._finder, replace(found._settings, max_people=1))
    assert len({found.identity, other.identity, fewer.identity}) == 3


# --- what a lab can get wrong ---


def test_wrong_output_names_are_told_with_the_right_ones(tmp_path: Path) -> None:
    card = spot_card("spots", "landmarks", HEATMAP, CROP)
    with pytest.raises(ModelError, match=r"'heat'.*it has: other"):
        CardNetwork(card, heat_net(tmp_path / "spots.onnx", name="other"))


def test_another_number_of_keypoints_is_told(tmp_path: Path) -> None:
    more = {"keypoints": 4, "own_skeleton": {"keypoints": ["a", "b", "c", "d"]}}
    card = spot_card("spots", "landmarks", HEATMAP, CROP, **more)
    found = CardDetector(CardNetwork(card, heat_net(tmp_path / "spots.onnx")), finder(tmp_path, (150, 200)))
    with pytest.raises(ModelError, match="3 keypoints where the card says 4"):
        once(found, picture((150, 200)))
    wrong = spot_card("spots", "landmarks", HEATMAP, CROP, keypoints=5)
    with pytest.raises(ModelError, match="3 keypoints where the card"):
        CardDetector(CardNetwork(wrong, heat_net(tmp_path / "spots.onnx")))


def test_another_size_of_input_is_told(tmp_path: Path) -> None:
    net = fixed_net(tmp_path / "spots.onnx", (64, 64), heat=np.zeros((1, 3, 16, 16)))
    found = CardDetector(CardNetwork(spot_card("spots", "landmarks", HEATMAP, CROP), net))
    with pytest.raises(ModelError, match="image"):
        once(found, picture())


@pytest.mark.parametrize("content", [b"", b"no network at all", b"\x08\x07garbage\xff\xff"])
def test_corrupt_weights_are_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "spots.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="ONNX Runtime"):
        CardNetwork(spot_card("spots", "landmarks", HEATMAP, CROP), path)


def test_cut_weights_are_told(tmp_path: Path) -> None:
    whole = fixed_net(tmp_path / "whole.onnx", CROP, heat=np.random.default_rng(0).normal(size=(1, 3, 32, 24)))
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(whole.read_bytes()[:1000])
    with pytest.raises(ModelError, match="ONNX Runtime"):
        CardNetwork(spot_card("spots", "landmarks", HEATMAP, CROP), cut)


def test_nan_from_a_network_is_nobody_and_never_a_number(tmp_path: Path) -> None:
    net = fixed_net(tmp_path / "nan.onnx", CROP, heat=np.full((1, 3, 32, 24), np.nan))
    found = CardDetector(
        CardNetwork(spot_card("spots", "landmarks", HEATMAP, CROP), net), finder(tmp_path, (150, 200))
    )
    (pose,) = once(found, picture((150, 200)))
    assert (pose.track == -1).all()
    assert np.isnan(pose.xy).all()
    boxes = CardNetwork(
        spot_card("finder", "person_finder", BOXES, WHOLE),
        fixed_net(tmp_path / "f.onnx", WHOLE, dets=np.full((1, 4, 5), np.nan)),
    )
    lost = CardDetector(
        CardNetwork(spot_card("spots", "landmarks", HEATMAP, CROP), heat_net(tmp_path / "s.onnx")), boxes
    )
    assert (once(lost, picture((150, 200)))[0].track == -1).all()


def test_networks_of_the_wrong_task_are_told(tmp_path: Path) -> None:
    find = finder(tmp_path, (1, 1))
    with pytest.raises(ModelError, match="task person_finder"):
        CardDetector(find)
    spots = CardNetwork(spot_card("spots", "landmarks", HEATMAP, CROP), heat_net(tmp_path / "s.onnx"))
    with pytest.raises(ModelError, match="does not find people"):
        CardDetector(spots, spots)


class SmallMemory:
    """A runtime whose memory holds two pictures."""

    def __init__(self, inner: Runtime, most: int) -> None:
        self.inner, self.most, self.sizes = inner, most, list[int]()
        self.inputs, self.outputs, self.path, self.name = inner.inputs, inner.outputs, inner.path, inner.name

    def run(self, *inputs: Any) -> tuple[Any, ...]:
        self.sizes.append(len(inputs[0]))
        if len(inputs[0]) > self.most:
            raise ModelError("CUDA out of memory.", "Buy a larger one.")
        return self.inner.run(*inputs)


def test_a_batch_that_does_not_fit_is_halved_until_it_does(tmp_path: Path) -> None:
    net = CardNetwork(spot_card("spots", "landmarks", HEATMAP, CROP), heat_net(tmp_path / "spots.onnx"))
    crops = list(np.random.default_rng(0).integers(0, 255, size=(9, 128, 96, 3)).astype(np.uint8))
    whole = net.keypoints(crops)
    net._runtime = small = SmallMemory(net._runtime, 2)
    np.testing.assert_array_equal(net.keypoints(crops).xy, whole.xy)
    assert small.sizes == [9, 4, 2, 2, 2, 2, 1]
    net.keypoints(crops)
    assert max(small.sizes[7:]) == 2  # It is not tried again.
    small.most = 0
    with pytest.raises(ModelError, match="out of memory"):
        net.keypoints(crops[:1])


def test_a_position_beyond_the_outputs_of_torchscript_is_told(tmp_path: Path) -> None:
    net = CardNetwork(spot_card("spots", "landmarks", HEATMAP, CROP), heat_net(tmp_path / "spots.onnx"))
    net._places = {"heatmap": 3}
    with pytest.raises(ModelError, match="no output 3; it has 1"):
        net.keypoints([np.zeros((128, 96, 3), dtype=np.uint8)])


def test_slim_people_keep_their_numbers_in_one_stage_networks(tmp_path: Path) -> None:
    """Their boxes are much narrower than the squares that the state remembers."""
    spec = InputSpec(size_px=WHOLE[0])
    affine = prepare.picture_from_input(prepare.whole_region(PICTURE, spec), WHOLE)
    where = np.array([[150.0, 200.0], [400.0, 260.0]])
    spots = TEMPLATE * [0.3, 3.0] + where[:, None]
    pose = np.dstack([(spots - affine[:, 2]) @ np.linalg.inv(affine[:, :2]).T, np.full((2, 3), 0.9)])
    boxes = np.concatenate([pose[..., :2].min(axis=1), pose[..., :2].max(axis=1), [[0.8], [0.7]]], axis=1)
    decoder = {"kind": "rtmo", "outputs": {"boxes": "dets", "keypoints": "keypoints"}}
    net = fixed_net(tmp_path / "rtmo.onnx", WHOLE, dets=boxes[None], keypoints=pose[None])
    found = CardDetector(CardNetwork(spot_card("rtmo", "people", decoder, WHOLE), net))
    state = [found.initial_state()]
    for _ in range(4):
        (got,), state = found.detect([picture()], state)
        assert got.track.tolist() == [0, 1, -1]
