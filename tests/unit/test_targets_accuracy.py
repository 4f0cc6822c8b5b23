"""Corners against drawn truth: no offset, to 0.05 px, upright, inverted, mirrored."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.targets import AnyTarget, ArucoMarker, CharucoBoard, Checkerboard
from tests.unit.drawn_targets import draw, plane_at, truth

# Of the mean error, px: OpenCV 4.11 to 4.13 were off by 0.5.
NO_OFFSET, RMS = 0.015, 0.05

TARGETS: dict[str, AnyTarget] = {
    "charuco": CharucoBoard(4, 5, 0.04, 0.03, "DICT_5X5_100"),
    "legacy": CharucoBoard(3, 4, 0.04, 0.032, "DICT_4X4_50", legacy=True),
    "inverted": CharucoBoard(4, 5, 0.04, 0.03, "DICT_4X4_1000", inverted=True),
    "checkerboard": Checkerboard(5, 4, 0.03),
    "marker": ArucoMarker(7, 0.2, "DICT_4X4_50"),
    "inverted marker": ArucoMarker(3, 0.2, "DICT_6X6_250", inverted=True),
}


@pytest.mark.parametrize("name", TARGETS)
def test_corners_lie_where_they_were_drawn(name: str) -> None:
    target = TARGETS[name]
    errors = []
    # Never along the pixels: there the samples of the drawing put an edge off by up to 1/8 px.
    for tilt, turn in ((0.0, 0.13), (0.35, 0.4), (-0.3, 2.6)):
        plane = plane_at(target, (200.3 + 3.7 * turn, 150.8), 190.0, tilt, turn)
        found = target.detect(draw([(target, plane)]))
        assert found.corners == len(target.points)
        assert not found.mirrored
        errors.append(found.xy - truth(target, plane))
    every = np.concatenate(errors)
    assert np.abs(every.mean(axis=0)).max() < NO_OFFSET
    assert np.sqrt((every**2).mean()) < RMS


@pytest.mark.parametrize("name", ["charuco", "inverted", "marker"])
def test_a_mirrored_picture_gives_the_same_corners(name: str) -> None:
    target = TARGETS[name]
    plane = plane_at(target, (205.0, 148.0), 190.0, 0.3, 0.5)
    picture = draw([(target, plane)])
    found = target.detect(np.ascontiguousarray(picture[:, ::-1]))
    assert found.mirrored
    assert found.corners == len(target.points)
    expected = truth(target, plane)
    expected[:, 0] = picture.shape[1] - 1 - expected[:, 0]
    assert np.abs(found.xy - expected).max() < 0.2
    assert np.abs((found.xy - expected).mean(axis=0)).max() < 0.03


def test_a_lens_that_bends_the_board_does_not_lose_its_corners() -> None:
    import cv2

    target = CharucoBoard(7, 5, 0.04, 0.03, "DICT_5X5_100")
    plane = plane_at(target, (190.0, 150.0), 300.0, 0.25, 0.2)
    K, dist = np.array([[260.0, 0, 200], [0, 260, 150], [0, 0, 1]]), np.array([-0.25, 0.05, 0, 0, 0])
    straight = draw([(target, plane)], blur=0.0)
    height, width = straight.shape
    pixels = (
        np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).reshape(-1, 1, 2).astype(np.float64)
    )
    source = cv2.undistortPoints(pixels, K, dist, P=K).reshape(height, width, 2).astype(np.float32)
    bent = cv2.remap(straight, source[..., 0], source[..., 1], cv2.INTER_CUBIC)
    rays = np.column_stack([(truth(target, plane) - K[:2, 2]) / np.diag(K)[:2], np.ones(len(target.points))])
    expected = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), K, dist)[0][:, 0]
    found = target.detect(bent)
    assert found.corners == len(target.points)
    assert np.sqrt(((found.xy - expected) ** 2).mean()) < 0.12


def test_tracking_gives_the_same_corners_as_searching() -> None:
    target = TARGETS["charuco"]
    before = target.detect(draw([(target, plane_at(target, (190.0, 140.0), 185.0, 0.2, 0.1))]))
    picture = draw([(target, plane_at(target, (215.0, 152.0), 190.0, 0.25, 0.15))])
    searched, tracked = target.detect(picture), target.detect(picture, before)
    assert tracked.corners == searched.corners == len(target.points)
    assert np.abs(tracked.xy - searched.xy).max() < 0.02


def test_a_board_far_from_where_it_was_is_found_all_the_same() -> None:
    target = TARGETS["charuco"]
    before = target.detect(draw([(target, plane_at(target, (90.0, 90.0), 120.0))]))
    assert before.corners
    found = target.detect(draw([(target, plane_at(target, (310.0, 200.0), 150.0))]), before)
    assert found.corners == len(target.points)


def test_a_large_picture_is_searched_small_and_measured_in_full() -> None:
    target = TARGETS["charuco"]
    plane = plane_at(target, (900.4, 700.6), 420.0, 0.3, 0.3)
    small = draw([(target, plane)], size_wh=(1800, 1350), blur=1.0)
    found = target.detect(small, thorough=False)
    assert found.corners == len(target.points)
    assert np.sqrt(((found.xy - truth(target, plane)) ** 2).mean()) < 0.05


@pytest.mark.parametrize("side", [40.0, 80.0, 150.0])
def test_a_marker_is_found_though_its_sheet_is_a_square_too(side: float) -> None:
    marker = ArucoMarker(3, 0.1, "DICT_5X5_100")
    plane = plane_at(marker, (250.0, 170.0), side, 0.2, 0.1)
    found = marker.detect(draw([(marker, plane)]))  # OpenCV's own settings lose the largest of these
    assert np.abs(found.xy - truth(marker, plane)).max() < 0.1
