"""Bad input: every target that is not found is explained by what the pictures show."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from calibration.errors import CalibrationError
from calibration.targets import AnyTarget, ArucoMarker, CharucoBoard, Checkerboard
from calibration.targets.explain import why_not_found
from calibration.targets.identify import identify, require_target
from calibration.targets.protocol import Image
from tests.unit.drawn_targets import draw, plane_at, truth

BOARD = CharucoBoard(4, 5, 0.04, 0.03, "DICT_5X5_100")
CHECKERBOARD = Checkerboard(6, 5, 0.03)


@pytest.fixture(scope="module")
def picture() -> Image:
    return draw([(BOARD, plane_at(BOARD, (200.0, 150.0), 230.0, 0.2, 0.3))])


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (CharucoBoard(4, 5, 0.04, 0.03, "DICT_6X6_100"), "the dictionary DICT_5X5_50, not DICT_6X6_100"),
        (CharucoBoard(5, 5, 0.04, 0.03, "DICT_5X5_100"), "4x5 squares, not 5x5"),
        (CharucoBoard(3, 5, 0.04, 0.03, "DICT_5X5_100"), "4x5 squares, not 3x5"),
        (CharucoBoard(4, 5, 0.04, 0.03, "DICT_5X5_100", inverted=True), "a print that is not inverted"),
        (CHECKERBOARD, "show a ChArUco board 4x5 of DICT_5X5_50"),
        (ArucoMarker(60, 0.1, "DICT_5X5_100"), "show a ChArUco board 4x5"),
    ],
)
def test_another_target_is_named(picture: Image, target: AnyTarget, words: str) -> None:
    assert target.detect(picture).corners == 0
    what, remedy = why_not_found(target, [picture])
    assert words in what
    assert "board" in remedy
    assert "file" in remedy


def test_the_legacy_pattern_is_told_apart() -> None:
    old, new = (
        CharucoBoard(4, 6, 0.04, 0.03, "DICT_4X4_50", legacy=True),
        CharucoBoard(4, 6, 0.04, 0.03, "DICT_4X4_50"),
    )
    picture = draw([(old, plane_at(old, (200.0, 150.0), 250.0, 0.2, 0.3))])
    assert new.detect(picture).corners == 0
    assert "the legacy pattern" in why_not_found(new, [picture])[0]
    assert old.detect(picture).corners == len(old.points)


def test_two_boards_are_refused() -> None:
    views = [
        (BOARD, plane_at(BOARD, (105.0, 150.0), 180.0, 0.1, 0.1)),
        (BOARD, plane_at(BOARD, (300.0, 150.0), 180.0)),
    ]
    both = draw(views)
    found = BOARD.detect(both)
    assert found.doubled
    assert found.corners == 0
    assert "Two such targets" in why_not_found(BOARD, [both])[0]


def test_a_blank_picture_is_called_blank() -> None:
    blank = np.full((300, 400), 90, np.uint8)
    for target in (BOARD, CHECKERBOARD, ArucoMarker(0, 0.1, "DICT_4X4_50")):
        assert target.detect(blank).corners == 0
        assert "blank" in why_not_found(target, [blank])[0]


def test_a_blurred_picture_is_called_blurred() -> None:
    blurred = draw([(BOARD, plane_at(BOARD, (200.0, 150.0), 230.0, 0.2, 0.3))], blur=7.0)
    assert BOARD.detect(blurred).corners == 0
    assert "blurred" in why_not_found(BOARD, [blurred])[0]


def test_a_tiny_board_is_not_measured() -> None:
    tiny = draw([(BOARD, plane_at(BOARD, (200.0, 150.0), 45.0, 0.1, 0.3))])
    assert BOARD.detect(tiny).corners == 0
    assert "near" in why_not_found(BOARD, [tiny])[1]


def test_noise_is_no_board() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400), dtype=np.uint8)
    for target in (BOARD, CHECKERBOARD, ArucoMarker(0, 0.1, "DICT_4X4_50")):
        assert target.detect(noise).corners == 0
    assert identify([noise]) is None
    with pytest.raises(CalibrationError, match="no marker of any known dictionary"):
        require_target(identify([noise]))


def test_hidden_corners_are_missing_and_the_others_are_right(picture: Image) -> None:
    plane = plane_at(BOARD, (200.0, 150.0), 230.0, 0.2, 0.3)
    places = truth(BOARD, plane)
    finger = picture.copy()
    x, y = places[4].round().astype(int)
    finger[y - 14 : y + 14, x - 14 : x + 14] = 150
    found = BOARD.detect(finger)
    hidden = np.abs(places - places[4]).max(axis=1) < 12
    assert not np.isfinite(found.xy[hidden]).any()
    assert found.corners >= 8
    assert np.nanmax(np.abs(found.xy - places)) < 0.3


def test_a_crossing_that_is_not_the_print_is_no_corner(picture: Image) -> None:
    plane = plane_at(BOARD, (200.0, 150.0), 230.0, 0.2, 0.3)
    x, y = truth(BOARD, plane)[4].round().astype(int)
    part = np.s_[y - 12 : y + 13, x - 12 : x + 13]
    false = picture.copy()
    false[part] = 255 - picture[part]  # a crossing at the very place, its colours exchanged
    assert np.isfinite(BOARD.detect(picture).xy[4]).all()
    assert not np.isfinite(BOARD.detect(false).xy[4]).any()


def test_a_checkerboard_of_another_size_is_named() -> None:
    picture = draw([(CHECKERBOARD, plane_at(CHECKERBOARD, (200.0, 150.0), 230.0, 0.2, 0.3))])
    wrong = Checkerboard(7, 6, 0.03)
    assert wrong.detect(picture).corners == 0
    assert "checkerboard with 6x5 inner corners" in why_not_found(wrong, [picture])[0]
    assert "plain checkerboard" in why_not_found(BOARD, [picture])[0]


def test_a_checkerboard_turned_by_half_a_turn_keeps_its_first_corner() -> None:
    for turn in (0.2, 0.2 + np.pi):
        plane = plane_at(CHECKERBOARD, (200.0, 150.0), 230.0, 0.2, turn)
        found = CHECKERBOARD.detect(draw([(CHECKERBOARD, plane)]))
        assert np.abs(found.xy - truth(CHECKERBOARD, plane)).max() < 0.3


@pytest.mark.parametrize("order", [np.s_[::-1, ::-1], np.s_[:, ::-1], np.s_[::-1]])
def test_the_finder_may_count_corners_in_any_order(
    order: tuple[slice, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = plane_at(CHECKERBOARD, (200.0, 150.0), 230.0, 0.2, 0.2)
    picture = draw([(CHECKERBOARD, plane)])
    whole = cv2.findChessboardCorners

    def otherwise(*arguments: object) -> tuple[bool, np.ndarray]:
        good, corners = whole(*arguments)
        return good, np.ascontiguousarray(corners.reshape(5, 6, 2)[order]).reshape(-1, 1, 2)

    monkeypatch.setattr(cv2, "findChessboardCorners", otherwise)
    assert np.abs(CHECKERBOARD.detect(picture).xy - truth(CHECKERBOARD, plane)).max() < 0.3


@pytest.mark.parametrize(
    "target",
    [
        CharucoBoard(4, 5, 0.04, 0.03, "DICT_5X5_50"),
        CharucoBoard(6, 4, 0.04, 0.03, "DICT_4X4_50", legacy=True),
        CharucoBoard(3, 5, 0.04, 0.03, "DICT_APRILTAG_36h11", inverted=True),
        CHECKERBOARD,
        ArucoMarker(7, 0.04, "DICT_6X6_50"),
    ],
)
def test_a_target_is_identified(target: AnyTarget) -> None:
    views = [plane_at(target, (200.0, 150.0), 210.0, tilt, turn) for tilt, turn in ((0.2, 0.3), (-0.3, 2.0))]
    pictures = [draw([(target, plane)]) for plane in views]
    found = require_target(identify(pictures, 0.04))
    assert found.scale_known
    assert not found.mirrored
    if isinstance(target, CharucoBoard):
        seen = found.target
        assert isinstance(seen, CharucoBoard)
        assert (seen.squares_x, seen.squares_y) == (target.squares_x, target.squares_y)
        assert (seen.dictionary, seen.legacy, seen.inverted) == (target.dictionary, target.legacy, target.inverted)
        assert seen.marker_m == pytest.approx(target.marker_m, abs=0.0009)
        mirrored = identify([np.ascontiguousarray(picture[:, ::-1]) for picture in pictures])
        assert mirrored is not None
        assert mirrored.mirrored
        assert not mirrored.scale_known
    elif isinstance(target, Checkerboard):
        assert isinstance(found.target, Checkerboard)
        assert {found.target.corners_x, found.target.corners_y} == {6, 5}
    else:
        assert found.target == target


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: CharucoBoard(2, 2, 0.04, 0.03, "DICT_4X4_50"), "too few corners"),
        (lambda: CharucoBoard(4, 5, 0.04, 0.05, "DICT_4X4_50"), "smaller than its square"),
        (lambda: CharucoBoard(4, 5, 0.04, 0.03, "DICT_9X9_50"), "no marker dictionary"),
        (lambda: CharucoBoard(20, 20, 0.04, 0.03, "DICT_4X4_50"), "has 50 markers, the board needs 200"),
        (lambda: Checkerboard(2, 5, 0.04), "too small"),
        (lambda: Checkerboard(4, 5, -0.04), "-0.04 m"),
        (lambda: ArucoMarker(50, 0.04, "DICT_4X4_50"), "no marker 50"),
    ],
)
def test_impossible_targets_are_refused(make: object, words: str) -> None:
    with pytest.raises(CalibrationError, match=words):
        make()  # type: ignore[operator]
