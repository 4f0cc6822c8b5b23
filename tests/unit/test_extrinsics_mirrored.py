"""Cameras that see a target mirrored: its back serves, flipped pictures are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration import CalibrationError, CameraRig
from calibration.extrinsics import check_mirrored, first_rig
from calibration.transforms import apply
from tests.boards import Scene, make_scene
from tests.unit.test_extrinsics_rig import centre_errors_m, lenses


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(frames=40)


def seen_from_behind(scene: Scene, c: int) -> Scene:
    """The scene with a camera moved behind the board, which it sees through the print."""
    camera = scene.rig.cameras[c]
    middle = scene.world_from_board[:, :3, 3].mean(axis=0)
    turn = np.diag([-1.0, -1.0, 1.0, 1.0])  # half a turn about the vertical
    turn[:3, 3] = middle - turn[:3, :3] @ middle
    moved = replace(camera, cam_from_world=camera.cam_from_world @ turn)
    points = apply(scene.world_from_board[:, None], scene.sightings.points)
    pixels, valid = moved.project(points)
    inside = valid & (pixels >= 0).all(axis=-1) & (pixels <= scene.sightings.sizes_wh[c] - 1).all(axis=-1)
    xy = scene.sightings.xy.copy()
    xy[:, c] = np.where(inside[..., None], pixels, np.nan)
    cameras = tuple(moved if i == c else other for i, other in enumerate(scene.rig.cameras))
    return replace(scene, sightings=replace(scene.sightings, xy=xy), rig=CameraRig(cameras))


def flags(scene: Scene, *cameras: int) -> np.ndarray:
    mirrored = np.zeros(scene.sightings.xy.shape[:2], dtype=bool)
    mirrored[:, cameras] = True
    return mirrored


def test_the_back_of_a_board_serves(scene: Scene) -> None:
    behind = seen_from_behind(scene, 2)
    assert behind.sightings.corners_seen[:, 2].sum() > 300
    assert check_mirrored(behind.sightings, flags(scene, 2), lenses(scene)) == ()
    assert centre_errors_m(first_rig(behind.sightings, lenses(scene)), behind.rig).max() < 0.006


def test_a_camera_that_flips_its_pictures_is_refused_by_name(scene: Scene) -> None:
    xy = scene.sightings.xy.copy()
    xy[:, 1, :, 0] = 1279.0 - xy[:, 1, :, 0]
    with pytest.raises(CalibrationError, match="cam_1 are flipped"):
        check_mirrored(replace(scene.sightings, xy=xy), flags(scene, 1), lenses(scene))


def test_all_cameras_mirrored_is_told(scene: Scene) -> None:
    notes = check_mirrored(scene.sightings, flags(scene, 0, 1, 2, 3), lenses(scene))
    assert any("Every camera sees the target mirrored" in note for note in notes)


def test_a_board_that_shows_both_sides_is_no_suspect(scene: Scene) -> None:
    mirrored = flags(scene, 1)
    mirrored[::3] = False
    assert check_mirrored(scene.sightings, mirrored, lenses(scene)) == ()
    assert check_mirrored(scene.sightings, flags(scene), lenses(scene)) == ()
