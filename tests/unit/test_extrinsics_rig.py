"""The first guess of a rig against known truth: links, ambiguity, clocks, mistakes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration import CalibrationError, CameraRig
from calibration.extrinsics import RigGuess, first_rig, only
from calibration.extrinsics.average import differences
from calibration.extrinsics.boards import board_poses, clean
from calibration.transforms import invert
from tests.boards import Scene, board_points, lens, look_at, make_scene, ring


def lenses(scene: Scene) -> list:
    return [camera.intrinsics for camera in scene.rig.cameras]


def centre_errors_m(guess: RigGuess, truth: CameraRig) -> np.ndarray:
    """Distance of each camera's place from the truth, both in the frame of the guess's first camera."""
    truth = truth.select(guess.rig.names)
    true = truth.cam_from_world[0] @ invert(truth.cam_from_world)
    return np.array([np.linalg.norm(c.centre - t[:3, 3]) for c, t in zip(guess.rig.cameras, true, strict=True)])


def test_rig_and_boards_are_found() -> None:
    scene = make_scene(frames=40)
    guess = first_rig(scene.sightings, lenses(scene))
    assert guess.rig.names == scene.rig.names
    assert np.allclose(guess.rig.cam_from_world[0], np.eye(4))
    assert centre_errors_m(guess, scene.rig).max() < 0.004
    turn, shift = differences(guess.world_from_board, scene.rig.cam_from_world[0] @ scene.world_from_board)
    assert np.rad2deg(turn.max()) < 0.4
    assert shift.max() < 0.003
    assert guess.error_px.max() < 0.4
    assert not guess.warnings
    assert not guess.left_out
    assert len(guess.pairs) == 6
    assert all(pair.agreeing > 0.8 * pair.voting for pair in guess.pairs)


def test_outliers_and_gaps() -> None:
    scene = make_scene(frames=40, outliers=0.1, missing=0.2)
    guess = first_rig(scene.sightings, lenses(scene))
    assert centre_errors_m(guess, scene.rig).max() < 0.006
    assert guess.error_px.max() < 0.5


def test_ambiguity_is_resolved_by_agreement() -> None:
    # A board of 10 cm at 2.5 m: both solutions reproject alike, and noise makes the wrong one better in two
    # pictures of five.
    scene = make_scene(ring(2, radius_m=2.5, arc_deg=100.0), points=board_points(4, 3, 0.03), noise_px=1.0)
    boards = board_poses(scene.sightings, clean(scene.sightings), lenses(scene))
    true = scene.rig.cam_from_world @ scene.world_from_board[:, None]
    turn, _ = differences(boards.cam_from_board[..., 0, :, :], true)
    assert np.mean(turn[boards.found] > np.deg2rad(20.0)) > 0.35
    guess = first_rig(scene.sightings, lenses(scene))
    assert guess.pairs[0].agreeing > 0.9 * guess.pairs[0].voting
    assert centre_errors_m(guess, scene.rig).max() < 0.06
    known = np.isfinite(guess.world_from_board[:, 0, 0])
    true_first = scene.rig.cam_from_world[0] @ scene.world_from_board
    turn, _ = differences(guess.world_from_board[known], true_first[known])
    assert np.mean(turn > np.deg2rad(20.0)) < 0.1


def test_cameras_that_never_see_the_board_together_are_chained() -> None:
    scene = make_scene(frames=60)
    xy = scene.sightings.xy.copy()
    # 0 and 1 see the first third, 1 and 2 the second, 2 and 3 the last.
    for third, pair in enumerate(((0, 1), (1, 2), (2, 3))):
        for c in set(range(4)) - set(pair):
            xy[20 * third : 20 * third + 20, c] = np.nan
    guess = first_rig(replace(scene.sightings, xy=xy), lenses(scene))
    assert {(pair.a, pair.b) for pair in guess.pairs} == {
        ("cam_0", "cam_1"),
        ("cam_1", "cam_2"),
        ("cam_2", "cam_3"),
    }
    assert centre_errors_m(guess, scene.rig).max() < 0.02
    assert not guess.left_out


def test_camera_without_link_is_left_out_and_named() -> None:
    scene = make_scene(frames=30)
    xy = scene.sightings.xy.copy()
    xy[10:, 2] = np.nan
    xy[:10, [0, 1, 3]] = np.nan
    guess = first_rig(replace(scene.sightings, xy=xy), lenses(scene))
    assert guess.rig.names == ("cam_0", "cam_1", "cam_3")
    assert guess.left_out == ("cam_2",)
    assert any("left out: cam_2" in text and "cam_0 + cam_1 + cam_3" in text for text in guess.warnings)
    assert np.isnan(guess.world_from_board[:10]).all()
    xy[:, 3] = np.nan
    guess = first_rig(replace(scene.sightings, xy=xy), lenses(scene))
    assert guess.left_out == ("cam_2", "cam_3")
    assert centre_errors_m(guess, scene.rig).max() < 0.01


def test_mirrored_picture_is_told() -> None:
    scene = make_scene(frames=30)
    xy = scene.sightings.xy.copy()
    xy[:, 0, :, 0] = 1279.0 - xy[:, 0, :, 0]
    guess = first_rig(replace(scene.sightings, xy=xy), lenses(scene))
    assert any("'cam_0' fits the first guess" in text and "mirrored" in text for text in guess.warnings)


def test_no_link_at_all_is_refused() -> None:
    scene = make_scene(frames=16)
    xy = scene.sightings.xy.copy()
    for c in range(4):
        xy[np.arange(16) % 4 != c, c] = np.nan
    with pytest.raises(CalibrationError, match="No two cameras ever saw the board at the same time") as caught:
        first_rig(replace(scene.sightings, xy=xy), lenses(scene))
    assert "cam_2 in 4 pictures" in caught.value.what


def test_weak_link_is_told() -> None:
    scene = make_scene(frames=30)
    xy = scene.sightings.xy.copy()
    xy[2:, 3] = np.nan
    guess = first_rig(replace(scene.sightings, xy=xy), lenses(scene))
    assert any("'cam_3' is linked to the others by only" in text for text in guess.warnings)


def test_moving_board_and_clocks_that_are_off() -> None:
    # A board that moves by 10 px a frame, and cameras a third of a frame apart.
    offset = np.array([0.0, 0.01, -0.01, 0.004])
    scene = make_scene(frames=90, rate_hz=30.0 / 8, offset_s=offset)
    guess = first_rig(scene.sightings, lenses(scene))
    assert centre_errors_m(guess, scene.rig).max() < 0.012


def test_swapped_videos_are_told() -> None:
    scene = make_scene(frames=40)
    xy = scene.sightings.xy.copy()
    xy[:, 1] = xy[np.random.default_rng(0).permutation(40), 1]
    guess = first_rig(replace(scene.sightings, xy=xy), lenses(scene))
    assert any("disagree on the board" in text and "cam_1" in text for text in guess.warnings)
    assert any("'cam_1' fits the first guess" in text for text in guess.warnings)
    others = only(scene.sightings, ("cam_0", "cam_2", "cam_3"))
    assert others.xy.shape[1] == 3
    keep = np.array([0, 2, 3])
    alone = centre_errors_m(guess, scene.rig)[keep]
    assert alone.max() < 0.02


def test_single_marker_links_cameras() -> None:
    corners = np.array([[-1.0, 1, 0], [1, 1, 0], [1, -1, 0], [-1, -1, 0]]) * 0.1 + [0.1, 0.15, 0.0]
    scene = make_scene(points=corners, frames=40)
    guess = first_rig(scene.sightings, lenses(scene))
    assert centre_errors_m(guess, scene.rig).max() < 0.02


def test_one_camera_is_a_rig() -> None:
    camera = look_at("only", np.array([1.2, 0.0, 0.3]), np.zeros(3), lens())
    scene = make_scene(CameraRig((camera,)), frames=10)
    guess = first_rig(scene.sightings, lenses(scene))
    assert guess.rig.names == ("only",)
    assert np.isfinite(guess.world_from_board[clean(scene.sightings).sum(axis=(1, 2)) > 20]).all()


def test_order_of_instants_does_not_matter() -> None:
    scene = make_scene(frames=40)
    order = np.random.default_rng(1).permutation(40)
    straight = first_rig(scene.sightings, lenses(scene))
    shuffled = first_rig(scene.sightings.at(order), lenses(scene))
    assert np.allclose(straight.rig.cam_from_world, shuffled.rig.cam_from_world, atol=1e-4)
    assert np.allclose(straight.world_from_board[order], shuffled.world_from_board, atol=1e-3)
