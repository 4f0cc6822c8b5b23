"""Worlds: the board's, the floor's, the cameras' own up, and what the notes say of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibration import CalibrationError, Camera, CameraRig
from calibration.alignment import (
    align_by_default,
    align_to_board,
    align_to_floor,
    align_to_up,
    find_lying_board,
    fit_floor,
    move_rig,
    scale_rig,
    up_from_cameras,
)
from calibration.formats import load_rig, save_rig
from calibration.transforms import FloatArray, apply, from_rotation, from_rvec_tvec, invert
from tests.conftest import ring_rig

# Some other world, as a solve might leave it: the ring's world turned over and moved away.
OLD_FROM_TRUE = from_rvec_tvec([1.1, -0.7, 2.0], [3.0, -2.0, 5.0])
BOARD = np.array([[0.0, 0, 0], [0.4, 0, 0], [0, 0.3, 0], [0.4, 0.3, 0]])
# OpenCV's board lying with its print up: x along the floor, y too, z into the floor.
LYING = from_rotation(np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, -1]]), [0.5, 0.2, 0.0])


def solved_rig() -> CameraRig:
    return move_rig(ring_rig(), OLD_FROM_TRUE, {"source": "solve"})


def assert_same_pictures(old: CameraRig, new: CameraRig, new_from_old: FloatArray) -> None:
    """The new rig sees the moved points where the old one saw the points."""
    points = apply(OLD_FROM_TRUE, np.random.default_rng(1).uniform([-1, -1, 0], [1, 1, 2], (20, 3)))
    before, seen = old.project(points)
    after, _ = new.project(apply(new_from_old, points))
    assert np.count_nonzero(seen) > 40
    np.testing.assert_allclose(after, before, atol=1e-6)


def waved(instants: int, rng: np.random.Generator) -> FloatArray:
    """Boards held up in the air: (T, 4, 4) in the true world."""
    poses = [
        from_rvec_tvec(rng.normal(0, 1.2, 3), rng.uniform([-1, -1, 0.8], [1, 1, 1.8])) for _ in range(instants)
    ]
    return np.stack(poses)


def test_moving_a_rig_leaves_its_pictures() -> None:
    old = ring_rig()
    points = np.random.default_rng(0).uniform([-0.5, -0.5, 0.5], [0.5, 0.5, 1.5], (10, 3))
    similarity = OLD_FROM_TRUE.copy()
    similarity[:3, :3] *= 1.7
    new = move_rig(old, similarity, {})
    np.testing.assert_allclose(new.project(apply(similarity, points))[0], old.project(points)[0], atol=1e-9)


def test_a_board_on_the_floor_is_the_world() -> None:
    rig = solved_rig()
    aligned, world_from_old = align_to_board(rig, OLD_FROM_TRUE @ LYING)
    assert_same_pictures(rig, aligned, world_from_old)
    expected = ring_rig()
    for camera, true in zip(aligned.cameras, expected.cameras, strict=True):
        # The board's x axis is the true y axis, its z axis points into the floor.
        local = true.centre - LYING[:3, 3]
        np.testing.assert_allclose(camera.centre, [local[1], -local[0], local[2]], atol=1e-9)
    assert "board" in aligned.notes["world"]
    assert aligned.notes["source"] == "solve"


@pytest.mark.parametrize("up", ["+x", "-x", "+y", "-y", "+z", "-z"])
def test_any_axis_of_the_board_can_be_up(up: str) -> None:
    rig = solved_rig()
    pose = OLD_FROM_TRUE @ waved(1, np.random.default_rng(4))[0]
    aligned, world_from_old = align_to_board(rig, pose, up)  # type: ignore[arg-type]
    assert_same_pictures(rig, aligned, world_from_old)
    world_from_board = world_from_old @ pose
    sign = 1.0 if up[0] == "+" else -1.0
    np.testing.assert_allclose(world_from_board[:3, "xyz".index(up[1])], [0, 0, sign], atol=1e-9)
    np.testing.assert_allclose(world_from_board[:3, 3], 0, atol=1e-9)
    along = world_from_board[:3, 1 if up[1] == "x" else 0]
    np.testing.assert_allclose(along, [1, 0, 0], atol=1e-9)


def test_the_cameras_know_up() -> None:
    up, roll = up_from_cameras(solved_rig())
    np.testing.assert_allclose(up, OLD_FROM_TRUE[:3, :3] @ [0, 0, 1], atol=1e-9)
    assert roll < 1e-6


def test_cameras_that_look_down_steeply_still_know_up() -> None:
    """The mean of the pictures' up would lean: all cameras stand on one side."""
    ring = ring_rig(8, radius_m=2.0, height_m=4.0)
    side = CameraRig(ring.cameras[:3])
    up, _ = up_from_cameras(side)
    np.testing.assert_allclose(up, [0, 0, 1], atol=1e-9)
    picture_up = -invert(side.cam_from_world)[:, :3, 1].mean(axis=0)
    assert np.degrees(np.arccos(picture_up[2] / np.linalg.norm(picture_up))) > 15


def test_one_camera_takes_its_pictures_up() -> None:
    camera = ring_rig().cameras[0]
    up, _ = up_from_cameras(CameraRig((camera,)))
    np.testing.assert_allclose(up, -camera.cam_from_world[1, :3], atol=1e-12)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_floor_is_found_among_steps_and_outliers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stance = rng.uniform([-2, -2, 0], [2, 2, 0], (400, 3)) + rng.normal(0, 0.005, (400, 3))
    swing = rng.uniform([-2, -2, 0.05], [2, 2, 0.35], (300, 3))
    table = rng.uniform([0, 0, 0.75], [0.5, 0.5, 0.75], (500, 3))  # more points than the floor has
    wild = rng.uniform(-3, 3, (20, 3))
    missing = np.full((30, 3), np.nan)
    points = apply(OLD_FROM_TRUE, np.concatenate([stance, swing, table, wild, missing]))
    rig = solved_rig()
    aligned, world_from_old = align_to_floor(rig, points, seed=seed)
    assert_same_pictures(rig, aligned, world_from_old)
    heights = np.array([camera.centre[2] for camera in aligned.cameras])
    np.testing.assert_allclose(heights, 1.6, atol=0.01)
    assert "mm" in aligned.notes["floor"]


def test_a_floor_is_the_same_for_a_seed() -> None:
    points = np.random.default_rng(3).normal(0, [1, 1, 0.01], (200, 3))
    one, two = (fit_floor(points, np.array([0, 0, 1.0]), seed=7) for _ in range(2))
    np.testing.assert_array_equal(one.normal, two.normal)
    assert one.rms_m == two.rms_m
    assert one.rms_m == pytest.approx(0.009, abs=0.002)


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (np.full((9, 3), np.nan), "there are 0"),
        (np.outer(np.arange(50.0), [1.0, 0, 0]), "one line"),
        (np.random.default_rng(0).uniform(-2, 2, (400, 3)), "no floor"),
    ],
)
def test_what_is_no_floor_is_refused(points: FloatArray, said: str) -> None:
    with pytest.raises(CalibrationError, match=said):
        fit_floor(points, np.array([0.0, 0, 1]))


def test_a_wall_is_no_floor() -> None:
    rng = np.random.default_rng(0)
    wall = rng.uniform([-2, 3, 0], [2, 3, 2], (500, 3))
    floor = rng.uniform([-2, -2, 0], [2, 2, 0], (300, 3))
    found = fit_floor(np.concatenate([wall, floor]), np.array([0.1, 0.1, 1.0]))
    np.testing.assert_allclose(found.normal, [0, 0, 1], atol=1e-3)


def test_the_board_that_lay_still_is_found() -> None:
    rng = np.random.default_rng(5)
    poses = np.concatenate([waved(30, rng), np.tile(LYING, (9, 1, 1)), waved(30, rng)])
    poses[10] = np.nan
    poses[30:39, :3, 3] += rng.normal(0, 0.0005, (9, 3))
    found = find_lying_board(poses, BOARD, np.array([0.05, 0, 1.0]))
    assert found is not None
    assert 32 <= found <= 36


def test_a_board_on_a_table_is_not_the_floor() -> None:
    rng = np.random.default_rng(5)
    table = LYING.copy()
    table[2, 3] = 1.2
    poses = np.concatenate([waved(30, rng), np.tile(table, (9, 1, 1))])
    assert find_lying_board(poses, BOARD, np.array([0.0, 0, 1])) is None


def test_the_default_world_uses_a_lying_board() -> None:
    rng = np.random.default_rng(6)
    poses = OLD_FROM_TRUE @ np.concatenate([waved(20, rng), np.tile(LYING, (8, 1, 1))])
    rig = solved_rig()
    aligned, world_from_old = align_by_default(rig, poses, BOARD)
    assert_same_pictures(rig, aligned, world_from_old)
    np.testing.assert_allclose([camera.centre[2] for camera in aligned.cameras], 1.6, atol=1e-9)
    assert "lay still" in aligned.notes["assumption"]


def test_the_default_world_without_a_lying_board_says_that_the_floor_is_unknown() -> None:
    rig = solved_rig()
    poses = OLD_FROM_TRUE @ waved(20, np.random.default_rng(7))
    aligned, world_from_old = align_by_default(rig, poses, BOARD)
    assert_same_pictures(rig, aligned, world_from_old)
    heights = [camera.centre[2] for camera in aligned.cameras]
    assert np.ptp(heights) < 1e-9
    assert "not known" in aligned.notes["assumption"]
    assert "not at z = 0" in aligned.notes["world"]
    assert align_by_default(rig, np.full((3, 4, 4), np.nan), BOARD)[0].notes["assumption"]


def test_up_may_be_upside_down() -> None:
    rig = ring_rig()
    aligned, world_from_old = align_to_up(rig, np.array([0.0, 0, -2.0]))
    np.testing.assert_allclose(world_from_old[:3, :3] @ [0, 0, -1], [0, 0, 1])
    np.testing.assert_allclose([camera.centre[2] for camera in aligned.cameras], -1.6)


def test_a_known_length_sets_the_scale() -> None:
    rig, new_from_old = scale_rig(ring_rig(), 0.48, 0.5, "The wand")
    np.testing.assert_allclose(rig.cameras[0].centre, ring_rig().cameras[0].centre * 0.5 / 0.48)
    np.testing.assert_allclose(new_from_old[:3, :3], np.eye(3) * 0.5 / 0.48)
    assert "The wand" in rig.notes["scale"]
    assert "scale_warning" not in rig.notes


def test_a_length_in_the_wrong_unit_is_noticed() -> None:
    assert "check the unit" in scale_rig(ring_rig(), 0.5, 500.0, "The wand")[0].notes["scale_warning"]
    with pytest.raises(CalibrationError, match="no length"):
        scale_rig(ring_rig(), float("nan"), 0.5, "The wand")


def test_what_was_done_survives_the_file(tmp_path: Path) -> None:
    rig, _ = align_by_default(solved_rig(), OLD_FROM_TRUE @ np.tile(LYING, (9, 1, 1)), BOARD)
    rig, _ = scale_rig(rig, 0.49, 0.5, "The wand")
    save_rig(rig, tmp_path / "rig.toml", "anipose")
    back = load_rig(tmp_path / "rig.toml")
    for key in ("world", "assumption", "scale"):
        assert back.notes[key] == rig.notes[key]
    assert isinstance(back.cameras[0], Camera)
