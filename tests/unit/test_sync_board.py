"""Clocks by a calibration board's motion: made-up sightings of a waved board, with and without a calibration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration import CameraRig
from calibration.sightings import Sightings
from mocap.core.errors import ExplainedError, InputError
from mocap.core.types import FloatArray
from mocap.studio import StudioSettings
from mocap.studio.board import StudioBoard, board_poses
from mocap.studio.rig import make_rig
from mocap.sync import Link, solve_board

FPS, SECONDS, CAMERAS = 30.0, 12.0, 4
OFFSETS_S = (0.0, 0.2137, -1.0 / 3.0, 0.1041)
RATES = (1.0, 1.0, 1.0, 1000.0 / 1001.0)
NOISE_PX = 0.15


def rig_of(seed: int = 3) -> CameraRig:
    """Cameras of the studio."""
    return make_rig(StudioSettings(cameras=CAMERAS, seed=seed))


def waved(rig: CameraRig, seed: int, jump_s: float = 0.0, still: bool = False) -> Sightings:
    """What cameras see of the studio's board, each by its own clock; the last one's may jump halfway."""
    board, rng = StudioBoard(), np.random.default_rng(seed)
    stamps = np.arange(round(SECONDS * FPS)) / FPS
    points, size = board.corners, rig.cameras[0].intrinsics.size_wh
    xy = np.full((stamps.size, CAMERAS, points.shape[0], 2), np.nan)
    for c, camera in enumerate(rig.cameras):
        shown = (stamps - OFFSETS_S[c]) / RATES[c]
        if c == CAMERAS - 1:
            shown = np.where(stamps > 0.5 * SECONDS, shown + jump_s, shown)
        poses = board_poses(board, 0.0 * shown if still else shown, SECONDS, CAMERAS)
        world = points @ np.swapaxes(poses[:, :3, :3], 1, 2) + poses[:, None, :3, 3]
        pixels, valid = camera.project(world)
        inside = valid & ((pixels > 2) & (pixels < np.array(size) - 3)).all(axis=-1)
        # The print faces away from who looks along its z.
        facing = ((world - camera.centre) @ poses[:, :3, 2, None])[..., 0] > 0.25
        noisy = pixels + NOISE_PX * rng.standard_normal(pixels.shape)
        xy[:, c] = np.where((inside & facing)[..., None], noisy, np.nan)
    index = np.tile(np.arange(stamps.size, dtype=np.int64)[:, None], (1, CAMERAS))
    sizes = np.tile(np.array(size, dtype=np.int64), (CAMERAS, 1))
    return Sightings(rig.names, sizes, points, xy, np.tile(stamps[:, None], (1, CAMERAS)), index)


def missed(link: Link, names: tuple[str, ...]) -> float:
    """Error of a link's offset, s."""
    i, j = names.index(link.first), names.index(link.second)
    common = (link.at_s - OFFSETS_S[i]) / RATES[i]
    return link.offset_s - (OFFSETS_S[j] + RATES[j] * common - link.at_s)


@pytest.mark.parametrize("calibrated", [True, False])
def test_clocks_are_told_to_a_small_part_of_a_frame(calibrated: bool) -> None:
    rig = rig_of()
    solved = solve_board(waved(rig, 1), rig if calibrated else None)
    assert len(solved.links) == CAMERAS - 1
    for link in solved.links:
        error = missed(link, rig.names)
        assert abs(error) * FPS < 0.05
        assert abs(error) < 4.0 * link.sigma_s
        i, j = rig.names.index(link.first), rig.names.index(link.second)
        assert abs(link.drift - (RATES[j] / RATES[i] - 1.0)) < 4.0 * link.drift_sigma
        assert link.sigma_s * FPS < 0.1


def test_stated_errors_cover_as_often_as_they_should() -> None:
    """One seed in three is beyond one sigma at most, by chance alone; all are within four."""
    scores = []
    for seed in range(8):
        rig = rig_of(seed)
        try:
            solved = solve_board(waved(rig, seed), rig)
        except ExplainedError:
            continue
        scores += [missed(link, rig.names) / link.sigma_s for link in solved.links]
    size = np.abs(scores)
    assert size.size >= 15
    assert (size < 1.0).mean() > 0.5
    assert size.max() < 4.0


def test_a_board_that_stands_still_cannot_tell() -> None:
    rig = rig_of()
    with pytest.raises(InputError, match="board"):
        solve_board(waved(rig, 1, still=True), rig)


@pytest.mark.parametrize("calibrated", [True, False])
def test_a_clock_that_jumps_is_refused(calibrated: bool) -> None:
    rig = rig_of()
    with pytest.raises(InputError, match="jumps"):
        solve_board(waved(rig, 1, jump_s=0.4), rig if calibrated else None)


def test_a_camera_that_stands_elsewhere_by_now_is_left_out() -> None:
    """The board then fits at no shift, and the others are told right."""
    rig = rig_of()
    pose: FloatArray = rig.cameras[1].cam_from_world.copy()
    pose[:3, 3] += 0.5
    moved = replace(rig.cameras[1], cam_from_world=pose)
    solved = solve_board(waved(rig, 1), replace(rig, cameras=(rig.cameras[0], moved, *rig.cameras[2:])))
    assert {name for link in solved.links for name in (link.first, link.second)} == {"cam_1", "cam_3", "cam_4"}
    assert all(abs(missed(link, rig.names)) * FPS < 0.05 for link in solved.links)


def test_one_camera_alone_tells_nothing() -> None:
    rig = rig_of()
    seen = waved(rig, 1)
    xy = seen.xy.copy()
    xy[:, 1:] = np.nan
    with pytest.raises(InputError, match="Fewer than two"):
        solve_board(replace(seen, xy=xy), rig)
