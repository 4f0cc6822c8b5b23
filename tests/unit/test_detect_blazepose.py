"""Reading the landmark network: refinement, scores, missing values, the next crop."""

import numpy as np
import pytest

from mocap.detect import blazepose, multipose

REGION = np.array([300.0, 200.0, 256.0, 0.0])
WH = (640, 480)


def outputs(rows: np.ndarray, presence: float = 1.0, heat: np.ndarray | None = None) -> list[np.ndarray]:
    flat = rows.reshape(1, -1).astype(np.float32)
    blank = np.full((1, 64, 64, 39), -50.0, dtype=np.float32)
    return [flat, np.array([[presence]], dtype=np.float32), blank if heat is None else heat]


def standing() -> np.ndarray:
    """All landmarks in the crop's middle, seen well; hip in the middle, circle of 100 px."""
    rows = np.zeros((39, 5))
    rows[:, :2] = 128.0
    rows[:, 3:] = 20.0
    rows[blazepose.CIRCLE_ROW, :2] = [128.0, 28.0]
    return rows


def test_refinement_finds_the_centre_of_a_known_heat_map() -> None:
    # A symmetric hill of logits around cell (row 21, column 33): its centre of mass is the cell itself.
    rows, columns = np.mgrid[0:64, 0:64]
    hill = 4.0 - 3.0 * ((columns - 33) ** 2 + (rows - 21) ** 2)
    xy = blazepose.refine(np.array([[33.4 * 4, 21.9 * 4]]), hill[..., None].astype(np.float32), 256)
    np.testing.assert_allclose(xy, [[33 * 4, 21 * 4]], atol=1e-9)


def test_refinement_weighs_cells_by_their_probability() -> None:
    heat = np.full((64, 64, 1), -80.0, dtype=np.float32)
    heat[10, 20, 0] = np.log(3.0)  # probability 3/4
    heat[10, 22, 0] = np.log(1.0 / 3.0)  # probability 1/4
    xy = blazepose.refine(np.array([[21 * 4.0, 10 * 4.0]]), heat, 256)
    np.testing.assert_allclose(xy, [[20.5 * 4, 10 * 4]], atol=1e-5)


@pytest.mark.parametrize("peak", [-0.1, np.nan])
def test_a_weak_peak_refines_nothing(peak: float) -> None:
    heat = np.full((64, 64, 1), -80.0, dtype=np.float32)
    heat[10, 20, 0] = peak
    start = np.array([[83.0, 41.0]])
    np.testing.assert_array_equal(blazepose.refine(start, heat, 256), start)


def test_a_peak_outside_the_window_refines_nothing() -> None:
    heat = np.full((64, 64, 1), -80.0, dtype=np.float32)
    heat[10, 24, 0] = 5.0
    start = np.array([[20.5 * 4, 10.5 * 4]])
    np.testing.assert_array_equal(blazepose.refine(start, heat, 256), start)


@pytest.mark.parametrize("start", [[-3.0, 5.0], [400.0, 5.0], [np.nan, 5.0]])
def test_landmarks_beyond_the_heat_map_stay(start: list[float]) -> None:
    heat = np.full((64, 64, 1), 5.0, dtype=np.float32)
    np.testing.assert_array_equal(blazepose.refine(np.array([start]), heat, 256), [start])


def test_the_networks_corner_origin_is_half_a_pixel_off_ours() -> None:
    found = blazepose.decode(outputs(standing()), REGION, 256, WH)
    # The crop's middle is the region's centre: 128 from the corner, 127.5 in pixel centres.
    np.testing.assert_allclose(found.xy, np.tile([300.0, 200.0], (33, 1)), atol=1e-9)
    np.testing.assert_allclose(found.score, 1.0, atol=1e-6)
    np.testing.assert_allclose(found.next_region, [300.0, 200.0, 250.0, 0.0], atol=1e-9)


def test_a_number_that_is_none_is_missing() -> None:
    rows = standing()
    rows[5, 0] = np.nan
    rows[6, 3] = np.inf * 0
    found = blazepose.decode(outputs(rows), REGION, 256, WH)
    for k in (5, 6):
        assert np.isnan(found.xy[k]).all()
        assert np.isnan(found.score[k])
        assert np.isnan(found.sigma_px[k])
    assert np.isfinite(np.delete(found.xy, (5, 6), axis=0)).all()
    assert blazepose.decode(outputs(standing(), np.nan), REGION, 256, WH).presence == 0.0


def test_points_outside_the_picture_keep_their_place_but_not_their_score() -> None:
    rows = standing()
    rows[7, :2] = [128.0, 250.0]
    found = blazepose.decode(outputs(rows), REGION, 256, (640, 300))
    np.testing.assert_allclose(found.xy[7], [300.0, 322.0])
    assert found.score[7] == blazepose.OUTSIDE_SCORE
    assert found.sigma_px[7] > found.sigma_px[8]


def test_points_far_outside_the_crop_are_not_believed() -> None:
    rows = standing()
    rows[7, :2] = [128.0, 300.0]
    assert blazepose.decode(outputs(rows), REGION, 256, WH).score[7] == blazepose.OUTSIDE_SCORE


def test_a_larger_crop_is_less_sure_in_pixels() -> None:
    large = REGION * np.array([1.0, 1.0, 2.0, 1.0])
    one, two = (blazepose.decode(outputs(standing()), r, 256, WH) for r in (REGION, large))
    np.testing.assert_allclose(two.sigma_px, 2.0 * one.sigma_px)


def test_multipose_reads_people_best_first_in_picture_pixels() -> None:
    output = np.zeros((1, 6, 56), dtype=np.float32)
    output[0, 0, :51] = np.tile([0.5, 0.25, 0.9], 17)
    output[0, 0, 55] = 0.3
    output[0, 1, :51] = np.tile([0.25, 0.5, 0.9], 17)
    output[0, 1, 55] = 0.8
    output[0, 2, 55] = 0.1
    output[0, 3] = np.nan
    xy, score, person = multipose.decode(output, np.array([640.0, 480.0]))
    np.testing.assert_allclose(person, [0.8, 0.3], atol=1e-6)
    np.testing.assert_allclose(xy[:, 0], [[319.5, 119.5], [159.5, 239.5]])
    np.testing.assert_allclose(score, 0.9, atol=1e-6)


@pytest.mark.parametrize("shape", [(480, 640), (1920, 1080), (100, 90)])
def test_multipose_input_is_whole_multiples_and_its_size_is_known(shape: tuple[int, int]) -> None:
    image = np.zeros((*shape, 3), dtype=np.uint8)
    tensor, size = multipose.prepare(image, 512, 32)
    assert tensor.shape[0] == 1
    assert max(tensor.shape[1:3]) == 512
    assert tensor.shape[1] % 32 == tensor.shape[2] % 32 == 0
    # The picture fills this part of the tensor, whatever was added below and to the right.
    scale = 512 / max(shape)
    np.testing.assert_allclose(size / scale, np.array(tensor.shape[2:0:-1]) / scale**2, rtol=0.01)


def test_the_crop_leaves_room_for_limbs_that_were_not_found() -> None:
    xy = np.zeros((17, 2))
    xy[[multipose.LEFT_SHOULDER, multipose.RIGHT_SHOULDER]] = [100.0, 100.0]
    xy[[multipose.LEFT_HIP, multipose.RIGHT_HIP]] = [100.0, 200.0]
    unseen = multipose.region(xy, np.zeros(17))
    np.testing.assert_allclose(unseen, [100.0, 200.0, 2.5 * 160.0, 0.0])
    xy[16] = [100.0, 500.0]
    score = np.zeros(17)
    score[16] = 0.9
    np.testing.assert_allclose(multipose.region(xy, score), [100.0, 200.0, 2.5 * 300.0, 0.0])
