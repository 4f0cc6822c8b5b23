"""Decoders: known places come back to a twentieth of a pixel, in our pixels, and nonsense is told apart."""

import numpy as np
import pytest

from mocap.detect.decoders import (
    OutputError,
    decode_boxes,
    decode_centroids,
    decode_heatmap,
    decode_instances,
    decode_middles,
    decode_movenet_multi,
    decode_movenet_single,
    decode_peaks,
    decode_points,
    decode_rtmo,
    decode_simcc,
    decode_yolo,
    decode_yolo_pose,
    decode_yolox,
)
from mocap.detect.decoders.common import suppress

WH = (192, 256)
RNG = np.random.default_rng(3)
# Ours: pixel centres at integers. Three crops of five keypoints, anywhere within the input.
TRUTH = RNG.uniform([20.0, 20.0], [170.0, 230.0], size=(3, 5, 2))
CLOSE = 0.05


def curves(xy: np.ndarray, sigma_bins: float = 5.0, bins_per_px: float = 2.0) -> dict[str, np.ndarray]:
    """Gaussians as MMPose's SimCCLabel draws them: bin n is n / bins_per_px from the first pixel's centre."""
    made = {}
    for axis, (role, size) in enumerate(zip("xy", WH, strict=True)):
        bins = np.arange(round(size * bins_per_px))
        made[role] = np.exp(-0.5 * ((bins - bins_per_px * xy[..., axis, None]) / sigma_bins) ** 2)
    return {k: v.astype(np.float32) for k, v in made.items()}


def hills(cells: np.ndarray, wh: tuple[int, int] = (48, 64), sigma: float = 2.0) -> np.ndarray:
    """Gaussians (B, K, H, W) at places (B, K, 2) in cells."""
    x, y = np.arange(wh[0]), np.arange(wh[1])
    dx, dy = x - cells[..., 0, None], y - cells[..., 1, None]
    return np.exp(-0.5 * (dx[..., None, :] ** 2 + dy[..., :, None] ** 2) / sigma**2).astype(np.float32)


def test_simcc_finds_places_between_bins() -> None:
    found = decode_simcc(curves(TRUTH), 2.0)
    np.testing.assert_allclose(found.xy, TRUTH, atol=CLOSE)
    np.testing.assert_allclose(found.score, 1.0, atol=0.01)
    # The variance is that of the Gaussian drawn: 5 bins are 2.5 px.
    np.testing.assert_allclose(np.sqrt(found.variance), 2.5, rtol=0.1)


def test_simcc_score_is_the_lower_peak_and_doubt_widens_the_variance() -> None:
    sure, doubtful = curves(TRUTH), curves(TRUTH)
    doubtful["y"] = doubtful["y"] * np.float32(0.4)
    np.testing.assert_allclose(decode_simcc(doubtful, 2.0).score, 0.4, atol=0.01)
    second = curves(TRUTH + np.array([30.0, 0.0]))
    doubtful = {"x": sure["x"] + np.float32(0.7) * second["x"], "y": sure["y"]}
    assert (decode_simcc(doubtful, 2.0).variance > 10 * decode_simcc(sure, 2.0).variance).all()


def test_simcc_without_a_peak_is_missing_and_so_is_nan() -> None:
    made = curves(TRUTH)
    made["x"][0, 0] = -1.0
    made["y"][1, 1, 7] = np.nan
    found = decode_simcc(made, 2.0)
    missing = np.isnan(found.xy).all(axis=-1)
    assert missing[0, 0]
    assert missing[1, 1]
    assert missing.sum() == 2
    assert (np.isnan(found.score) == missing).all()


GRIDS = {
    # Each as its reference implementation draws: the cell at which a keypoint at input px u appears.
    "index": lambda u: u / 4.0,
    "aligned": lambda u: u * (np.array([48, 64]) - 1) / (np.array(WH) - 1),
    "half": lambda u: (u - 2.0) / 4.0,
    "centre": lambda u: (u + 0.5) / 4.0 - 0.5,
}


@pytest.mark.parametrize("grid", GRIDS)
def test_heat_maps_are_read_on_every_grid_to_a_twentieth_of_a_pixel(grid: str) -> None:
    outputs = {"heatmap": hills(GRIDS[grid](TRUTH))}
    found = decode_heatmap(outputs, WH, grid, "dark")  # type: ignore[arg-type]
    np.testing.assert_allclose(found.xy, TRUTH, atol=CLOSE)
    np.testing.assert_allclose(np.sqrt(found.variance), 8.0, rtol=0.1)  # 2 cells of 4 px


def test_grids_differ_where_it_matters() -> None:
    outputs = {"heatmap": hills(GRIDS["index"](TRUTH))}
    as_index = decode_heatmap(outputs, WH, "index", "dark").xy
    np.testing.assert_allclose(decode_heatmap(outputs, WH, "half", "dark").xy - as_index, 2.0, atol=1e-9)
    np.testing.assert_allclose(decode_heatmap(outputs, WH, "centre", "dark").xy - as_index, 1.5, atol=1e-9)


def test_without_refinement_the_highest_cell_stands_and_the_centre_of_mass_is_closer() -> None:
    outputs = {"heatmap": hills(TRUTH / 4.0, sigma=1.0)}
    coarse = np.abs(decode_heatmap(outputs, WH, "index", "none").xy - TRUTH).max()
    fine = np.abs(decode_heatmap(outputs, WH, "index", "integral").xy - TRUTH).max()
    assert 1.0 < coarse <= 2.0
    assert fine < 0.4


def test_maps_with_channels_last_and_logits_are_the_same() -> None:
    maps = np.clip(hills(TRUTH / 4.0), 1e-6, 1 - 1e-6)
    logits = np.log(maps / (1 - maps))
    plain = decode_heatmap({"heatmap": maps}, WH, "index", "dark")
    last = decode_heatmap(
        {"heatmap": np.moveaxis(logits, 1, -1)}, WH, "index", "dark", layout="nhwc", activation="sigmoid"
    )
    np.testing.assert_allclose(last.xy, plain.xy, atol=1e-4)


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_deeplabcut_offsets_move_the_cell_to_the_keypoint(layout: str) -> None:
    stride, unit = 8, 7.2801
    cells = np.floor(TRUTH / stride).astype(int)
    wh = (WH[0] // stride, WH[1] // stride)
    heat = hills(cells.astype(float), wh, sigma=1.0)
    offsets = np.zeros((3, 10, wh[1], wh[0]), dtype=np.float32)
    for b, k in np.ndindex(3, 5):
        # DeepLabCut's target: the joint minus the middle of the cell, over the unit.
        column, row = cells[b, k]
        offsets[b, 2 * k : 2 * k + 2, row, column] = (TRUTH[b, k] - (cells[b, k] + 0.5) * stride) / unit
    outputs = {"heatmap": heat, "offsets": offsets}
    if layout == "nhwc":
        outputs = {k: np.moveaxis(v, 1, -1) for k, v in outputs.items()}
    found = decode_heatmap(outputs, WH, "half", "offset", layout=layout, offset_px=unit)  # type: ignore[arg-type]
    np.testing.assert_allclose(found.xy, TRUTH, atol=CLOSE)


def test_a_map_with_nan_or_without_a_hill_is_missing() -> None:
    maps = hills(TRUTH / 4.0)
    maps[0, 1, 5, 5] = np.nan
    maps[2, 3] = 0.0
    found = decode_heatmap({"heatmap": maps}, WH, "index", "dark")
    assert {tuple(at) for at in np.argwhere(np.isnan(found.score))} == {(0, 1), (2, 3)}
    assert np.isfinite(np.delete(found.xy.reshape(-1, 2), [1, 13], axis=0)).all()


def test_centroids_are_the_tops_and_their_boxes_lie_around_them() -> None:
    middles = np.array([[40.3, 61.7], [120.0, 200.5]])
    maps = hills(middles[None] / 4.0, sigma=1.0).max(axis=1, keepdims=True)
    (found,) = decode_centroids({"heatmap": maps}, WH, box_px=50.0, min_score=0.3)
    centres = (found.xyxy[:, :2] + found.xyxy[:, 2:]) / 2.0
    np.testing.assert_allclose(centres[np.argsort(centres[:, 0])], middles, atol=0.4)
    np.testing.assert_allclose(found.xyxy[:, 2:] - found.xyxy[:, :2], 50.0)
    (nobody,) = decode_centroids({"heatmap": 0.1 * maps}, WH, box_px=50.0, min_score=0.3)
    assert nobody.xyxy.shape == (0, 4)


BOXES = np.array([[10.0, 20.0, 60.0, 120.0], [100.0, 30.0, 150.0, 200.0]])


def crowd(columns: int) -> np.ndarray:
    """Two people, each with a shifted and less sure double, and one box that is no person."""
    table = np.zeros((1, 5, columns), dtype=np.float32)
    table[0, :2, :4], table[0, 2:4, :4] = BOXES, BOXES + 3.0
    table[0, 4, :4] = [0.0, 200.0, 10.0, 210.0]
    table[0, :, 4] = [0.9, 0.8, 0.7, 0.6, 0.05]
    return table


def test_boxes_lose_their_doubles_and_other_classes() -> None:
    (found,) = decode_boxes({"boxes": crowd(5)}, 0.3, 0.65, 0, "index")
    np.testing.assert_allclose(found.xyxy, BOXES)
    np.testing.assert_allclose(found.score, [0.9, 0.8])
    (corner,) = decode_boxes({"boxes": crowd(5)}, 0.3, 0.65, 0, "corner")
    np.testing.assert_allclose(corner.xyxy, BOXES - 0.5)
    labels = np.array([[3, 0, 3, 0, 0]])
    (people,) = decode_boxes({"boxes": crowd(5), "labels": labels}, 0.3, 0.65, 0, "index")
    np.testing.assert_allclose(people.xyxy, BOXES[1:])


def test_suppression_drops_what_is_not_finite() -> None:
    boxes = np.vstack([BOXES, [[np.nan, 0, 1, 1]], [[0, 0, np.inf, 1]]])
    assert suppress(boxes, np.array([0.5, np.nan, 0.9, 0.9]), 0.1, 0.5).tolist() == [0]


def test_yolox_counts_in_cells_and_logarithms() -> None:
    wh = (64, 96)
    strides = np.concatenate([np.full((wh[0] // s) * (wh[1] // s), s) for s in (8, 16, 32)])
    table = np.full((1, len(strides), 6), -20.0, dtype=np.float32)
    table[..., 4:] = 0.0
    # Row 1, column 2 of the 16 px level: its cells follow the 8 x 12 of the first.
    n = 8 * 12 + 1 * 4 + 2
    table[0, n] = [0.25, 0.5, np.log(30 / 16), np.log(40 / 16), 0.9, 0.8]
    (found,) = decode_yolox({"boxes": table}, wh, 0.3, 0.65, 0, "index")
    x, y = (2 + 0.25) * 16, (1 + 0.5) * 16
    np.testing.assert_allclose(found.xyxy, [[x - 15, y - 20, x + 15, y + 20]], atol=1e-4)
    np.testing.assert_allclose(found.score, [0.72], atol=1e-6)
    with pytest.raises(OutputError, match="cells"):
        decode_yolox({"boxes": table[:, 1:]}, wh, 0.3, 0.65, 0, "index")


def test_yolo_boxes_are_middles_and_sizes() -> None:
    table = np.zeros((1, 6, 2), dtype=np.float32)
    table[0, :4] = np.concatenate([(BOXES[:, :2] + BOXES[:, 2:]) / 2, BOXES[:, 2:] - BOXES[:, :2]], axis=1).T
    table[0, 4:] = [[0.9, 0.1], [0.0, 0.9]]
    (found,) = decode_yolo({"boxes": table}, 0.3, 0.65, 0, "index")
    np.testing.assert_allclose(found.xyxy, BOXES[:1])


POSES = np.dstack([TRUTH[:2], np.full((2, 5), 0.7)])


def test_yolo_pose_in_both_layouts() -> None:
    raw = np.zeros((1, 4 + 1 + 15, 3), dtype=np.float32)
    raw[0, :4, :2] = np.concatenate([(BOXES[:, :2] + BOXES[:, 2:]) / 2, BOXES[:, 2:] - BOXES[:, :2]], axis=1).T
    raw[0, 4, :2] = [0.9, 0.8]
    raw[0, 5:, :2] = POSES.reshape(2, 15).T
    (found,) = decode_yolo_pose({"people": raw}, 5, 0.3, 0.65, "index", "raw")
    np.testing.assert_allclose(found.xy, TRUTH[:2], atol=1e-4)
    np.testing.assert_allclose(found.score, 0.7, atol=1e-6)
    np.testing.assert_allclose(found.boxes.xyxy, BOXES, atol=1e-4)

    done = np.concatenate([BOXES, [[0.9, 0.0], [0.8, 0.0]], POSES.reshape(2, 15)], axis=1)[None]
    (same,) = decode_yolo_pose({"people": done}, 5, 0.3, 0.65, "index", "suppressed")
    np.testing.assert_allclose(same.xy, found.xy, atol=1e-4)
    (edge,) = decode_yolo_pose({"people": done}, 5, 0.3, 0.65, "corner", "suppressed")
    np.testing.assert_allclose(edge.xy, TRUTH[:2] - 0.5, atol=1e-4)


@pytest.mark.parametrize("layout", ["raw", "suppressed"])
def test_yolo_pose_with_another_number_of_keypoints_is_told(layout: str) -> None:
    with pytest.raises(OutputError, match="expected"):
        decode_yolo_pose({"people": np.zeros((1, 20, 20))}, 17, 0.3, 0.65, "index", layout)  # type: ignore[arg-type]


def test_rtmo_loses_doubles_together_with_their_keypoints() -> None:
    pose = np.zeros((1, 5, 5, 3), dtype=np.float32)
    pose[0, :2] = POSES
    pose[0, 1, 2, 0] = np.nan
    (found,) = decode_rtmo({"boxes": crowd(5), "keypoints": pose}, 5, 0.3, 0.65, "index")
    assert found.xy.shape == (2, 5, 2)
    np.testing.assert_allclose(found.xy[0], TRUTH[0], atol=1e-4)
    assert np.isnan(found.xy[1, 2]).all()
    assert np.isnan(found.score[1, 2])


def test_movenet_counts_from_the_edge() -> None:
    size = np.array(WH)
    shares = np.dstack([((TRUTH[:1] + 0.5) / size)[..., ::-1], np.full((1, 5), 0.6)])
    found = decode_movenet_single({"keypoints": shares[:, None]}, WH, 5)
    np.testing.assert_allclose(found.xy, TRUTH[:1], atol=1e-9)
    box = ((BOXES[0] + 0.5) / np.tile(size, 2))[[1, 0, 3, 2]]
    row = np.concatenate([shares[0].ravel(), box, [0.9]])
    (people,) = decode_movenet_multi({"people": np.stack([row, np.zeros(20)])[None]}, WH, 5, 0.3, 0.65)
    np.testing.assert_allclose(people.xy, TRUTH[:1], atol=1e-9)
    np.testing.assert_allclose(people.boxes.xyxy, BOXES[:1], atol=1e-9)


def test_points_count_from_the_corner_and_carry_the_presence() -> None:
    numbers = np.dstack([TRUTH + 0.5, np.zeros((3, 5))]).reshape(3, 1, 1, 15)
    outputs = {"points": numbers, "presence": np.array([[2.0], [0.0], [np.nan]])}
    found = decode_points(outputs, 5, "corner", "sigmoid")
    np.testing.assert_allclose(found.xy[:2], TRUTH[:2])
    np.testing.assert_allclose(found.score[:2, 0], [0.8808, 0.5], atol=1e-4)
    assert np.isnan(found.xy[2]).all()
    with pytest.raises(OutputError, match="expected"):
        decode_points(outputs, 7, "corner")


@pytest.mark.parametrize(
    "outputs", [{}, {"x": np.zeros((1, 5, 9))}, {"x": np.zeros((5, 9)), "y": np.zeros((5, 9))}]
)
def test_missing_or_misshapen_outputs_are_told(outputs: dict[str, np.ndarray]) -> None:
    with pytest.raises(OutputError, match="output"):
        decode_simcc(outputs, 2.0)


def test_sleap_exports_give_places_themselves() -> None:
    scores = np.full((3, 5), 0.8)
    xy = TRUTH.copy()
    xy[1, 2], scores[1, 2] = np.nan, 0.0
    found = decode_peaks({"keypoints": xy, "scores": scores}, 5, "index")
    np.testing.assert_array_equal(found.xy, xy)
    assert np.isnan(found.score[1, 2])
    with pytest.raises(OutputError, match="expected"):
        decode_peaks({"keypoints": xy, "scores": scores}, 6, "index")

    middles = np.array([[[40.0, 60.0], [120.0, 200.0], [0.0, 0.0]]])
    sure = np.array([[0.6, 0.9, 0.0]])
    (boxes,) = decode_middles({"middles": middles, "scores": sure}, 50.0, 0.3, 0.65, "corner")
    np.testing.assert_allclose(boxes.xyxy[0], [120 - 25.5, 200 - 25.5, 120 + 24.5, 200 + 24.5])
    assert len(boxes.xyxy) == 2

    bodies = {"keypoints": xy[None], "scores": scores[None], "bodies": np.array([[0.5, 0.9, 0.1]])}
    (people,) = decode_instances(bodies, 5, 0.3, 0.95, "index")
    np.testing.assert_array_equal(people.xy, xy[[1, 0]])
    np.testing.assert_allclose(people.boxes.xyxy[1], [*xy[0].min(axis=0), *xy[0].max(axis=0)])
