"""Only what changed is searched, and of a board held still only so much is kept as adds something."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration.changes import STILL_EVERY, Changes, still_instants
from calibration.targets import ArucoMarker, CharucoBoard, Checkerboard, Detection
from calibration.targets.protocol import Image, Region
from calibration.transforms import FloatArray
from tests.unit.drawn_targets import draw, plane_at
from tests.unit.test_observations_search import BOARD, Film, plane, search, table


class Counting(CharucoBoard):
    """A board that counts where it is searched."""

    parts: list[Region | None]

    def detect(
        self,
        image: Image,
        previous: Detection | None = None,
        thorough: bool = True,
        within: Region | None = None,
    ) -> Detection:
        self.parts.append(within)
        return super().detect(image, previous, thorough, within)


@pytest.fixture
def counting() -> Counting:
    board = Counting(4, 5, 0.04, 0.03, "DICT_5X5_100")
    object.__setattr__(board, "parts", [])
    return board


def noisy(seed: int, place: FloatArray | None = None) -> Image:
    picture = draw([] if place is None else [(BOARD, place)]).astype(np.float64)
    grain = np.random.default_rng(seed).normal(0.0, 6.0, picture.shape)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def test_an_unchanged_picture_is_searched_once(counting: Counting) -> None:
    pictures = [noisy(n, plane(0) if n == 9 else None) for n in range(10)]
    found = search({"only": Film(pictures)}, counting, count=10)
    assert len(counting.parts) == 2  # the first, and the one with the board
    assert found.sightings.corners_seen[:, 0].tolist() == [0] * 9 + [12]
    left, _, right, _ = counting.parts[1] or (0, 0, 400, 300)
    assert right - left < 360  # and there only around the board


@pytest.mark.parametrize("target", [BOARD, Checkerboard(5, 4, 0.03), ArucoMarker(3, 0.1, "DICT_5X5_100")])
def test_a_part_that_holds_the_target_gives_the_same_corners(target: CharucoBoard) -> None:
    picture = draw([(target, plane_at(target, (250.0, 170.0), 150.0, 0.2, 0.1))])
    whole, part = target.detect(picture), target.detect(picture, within=(150, 70, 350, 270))
    assert whole.corners >= 4
    assert np.abs(whole.xy - part.xy).max() < 0.05
    assert target.detect(picture, within=(0, 0, 100, 100)).corners == 0


def test_slow_light_does_not_hide_a_board() -> None:
    changes = Changes()
    for level in range(100, 112, 2):
        changes.look(np.full((240, 320), level, np.uint8))
        part = changes.since_searched()
        if part is not None:
            assert part == (0, 0, 320, 240)
            changes.searched()
    changes.look(np.full((100, 320), 112, np.uint8))  # another size
    assert changes.since_searched() == (0, 0, 320, 100)


def test_a_board_held_still_is_kept_at_its_ends(counting: Counting) -> None:
    # It moves, is held still for 25 pictures, and moves on.
    pictures = (
        [noisy(n, plane(0)) for n in (0,)] + [noisy(n, plane(1)) for n in range(1, 26)] + [noisy(40, plane(3))]
    )
    other = [noisy(100 + n, plane(1)) for n in range(27)]
    found = search({"left": Film(pictures), "right": Film(other)}, counting, count=27)
    kept = np.flatnonzero(found.sightings.corners_seen.any(axis=1)).tolist()
    assert kept == [0, 1, 1 + STILL_EVERY, 1 + 2 * STILL_EVERY, 25, 26]
    assert any("In 21 of 27 instants the target stood still" in note for note in found.notes)
    assert len(counting.parts) < 12  # of 54 pictures


def test_moving_boards_are_not_thinned() -> None:
    rng = np.random.default_rng(1)
    still = rng.uniform(100, 200, (1, 2, 12, 2)) + rng.normal(0.0, 0.15, (30, 2, 12, 2))
    assert np.count_nonzero(still_instants(still)) == 26
    assert not still_instants(still + 0.7 * np.arange(30)[:, None, None, None]).any()
    one_moves = still.copy()
    one_moves[:, 1] += 0.7 * np.arange(30)[:, None, None]
    assert not still_instants(one_moves).any()
    new_camera = still.copy()
    new_camera[:15, 1] = np.nan  # from then on another camera sees it too, which adds something
    assert not still_instants(new_camera)[[14, 15]].any()
    assert not still_instants(np.full((5, 2, 12, 2), np.nan)).any()


def test_times_of_skipped_instants_stay() -> None:
    pictures = [noisy(n, plane(1)) for n in range(6)]
    index, t_s = table(6, 1)
    found = search({"left": Film(pictures)}, replace(BOARD), table=(index, t_s), count=6)
    assert found.sightings.t_s[:, 0].tolist() == t_s[:, 0].tolist()
