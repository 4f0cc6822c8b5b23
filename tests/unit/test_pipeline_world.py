"""The world of a new calibration: origin, axes and floor from the board; lenses as asked for, or known ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from calibration.alignment import up_from_cameras
from calibration.formats import load_rig, save_rig
from calibration.transforms import FloatArray, apply, from_rotation
from mocap.cli.app import app
from mocap.core.errors import CalibrationError, InputError
from mocap.pipeline.calibration.calibrate import Calibrated, CalibrateRequest, calibrate
from mocap.pipeline.calibration.inputs import CalibrationFootage, open_footage
from mocap.pipeline.calibration.lenses import KnownLenses
from mocap.pipeline.calibration.world import (
    BoardAxis,
    Moment,
    WorldChoice,
    all_poses,
    instant_of,
    parse_floor,
    parse_moment,
    place,
)
from mocap.studio import sample_dir

SAMPLE = sample_dir() / "calibration"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all calibrations, so that the board is sought once."""
    return tmp_path_factory.mktemp("rig") / "rig.toml"


@pytest.fixture(scope="module")
def done(out: Path) -> Calibrated:
    return calibrate(CalibrateRequest(sample_dir(), out=out))


@pytest.fixture(scope="module")
def footage() -> CalibrationFootage:
    return open_footage(sample_dir())


def poses_of(done: Calibrated) -> FloatArray:
    return all_poses(done.solved.result, done.solved.sightings, done.solved.heldout)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("120", Moment(None, 120)),
        ("cam_2:7", Moment("cam_2", 7)),
        ("4.5s", Moment(None, None, 4.5)),
        ("left: cam:3s", Moment("left: cam", None, 3.0)),
    ],
)
def test_moments_are_read(text: str, expected: Moment) -> None:
    assert parse_moment(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "-3", "cam_2:", "4.5", ":3"])
def test_moments_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_moment(text)


def test_the_floor_is_the_board_or_moments() -> None:
    assert parse_floor(None) is None
    assert parse_floor("board") == "board"
    assert parse_floor("3,cam_2:4s") == (Moment(None, 3), Moment("cam_2", None, 4.0))


@pytest.mark.parametrize(
    ("up", "column", "sign"), [("+z", 2, 1.0), ("-z", 2, -1.0), ("-y", 1, -1.0), ("+x", 0, 1.0)]
)
def test_origin_and_axes_are_the_boards(
    done: Calibrated, footage: CalibrationFootage, up: BoardAxis, column: int, sign: float
) -> None:
    solved, poses = done.solved, poses_of(done)
    frame = 22
    choice = WorldChoice(Moment("cam_2", frame), up)
    rig, move = place(solved.result, solved.sightings, solved.heldout, footage, choice)
    instant = int(np.flatnonzero(solved.sightings.frame_index[:, 1] == frame)[0])
    board = move @ poses[instant]
    np.testing.assert_allclose(board[:3, 3], 0.0, atol=1e-9)
    np.testing.assert_allclose(sign * board[:3, column], [0.0, 0.0, 1.0], atol=1e-9)
    np.testing.assert_allclose(rig.cam_from_world @ move, solved.result.rig.cam_from_world, atol=1e-9)
    assert f"frame {frame} of cam_2" in rig.notes["world"]
    assert "assumption" not in rig.notes


def test_seconds_point_to_the_same_board_as_frames(done: Calibrated, footage: CalibrationFootage) -> None:
    solved, poses = done.solved, poses_of(done)
    seen = solved.sightings
    frame = round(2.0 / float(np.median(np.diff(seen.t_s[:, 0]))))
    by_time = instant_of(Moment(None, None, 2.0), seen, footage, poses)
    assert by_time == instant_of(Moment("cam_1", frame), seen, footage, poses)


def test_a_tilted_board_is_not_taken_for_a_lying_one(done: Calibrated, footage: CalibrationFootage) -> None:
    solved, poses = done.solved, poses_of(done)
    up = up_from_cameras(solved.result.rig)[0]
    steepest = int(np.nanargmin(np.where(solved.heldout, np.nan, np.abs(poses[:, :3, 2] @ up))))
    moment = Moment(None, int(solved.sightings.frame_index[steepest, 0]))
    with pytest.raises(CalibrationError, match="did not lie flat") as caught:
        place(solved.result, solved.sightings, solved.heldout, footage, WorldChoice(moment))
    assert "--up" in caught.value.remedy


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (Moment(None, 4000), "Its pictures are"),
        (Moment("cam_9", 1), "cam_1"),
        (Moment(None, None, 900.0), "nearest"),
    ],
)
def test_moments_without_a_board_are_explained(
    done: Calibrated, footage: CalibrationFootage, moment: Moment, words: str
) -> None:
    with pytest.raises(CalibrationError) as caught:
        instant_of(moment, done.solved.sightings, footage, poses_of(done))
    assert words in caught.value.remedy


def test_an_axis_needs_a_board() -> None:
    with pytest.raises(InputError, match="not said at which frame"):
        WorldChoice(up="-y")


def on_a_floor(done: Calibrated, height_m: float, tilt_rad: float) -> tuple[Calibrated, FloatArray]:
    """The calibration as if every board had lain on one floor of the solve's world; also that floor's up."""
    result = done.solved.result
    up = up_from_cameras(result.rig)[0]
    side = np.cross(up, [0.3, 0.5, 0.8])
    side /= np.linalg.norm(side)
    normal = np.cos(tilt_rad) * up + np.sin(tilt_rad) * side
    rng = np.random.default_rng(0)
    poses = np.empty_like(result.world_from_board)
    for i in range(len(poses)):
        x = np.cross(normal, rng.normal(size=3))
        x /= np.linalg.norm(x)
        y = np.cross(normal, x)
        place_on = height_m * normal + rng.uniform(-1, 1) * x + rng.uniform(-1, 1) * y
        poses[i] = from_rotation(np.stack([x, y, normal], axis=1), place_on)
    solved = replace(
        done.solved,
        result=replace(result, world_from_board=poses),
        sightings=done.solved.sightings.at(~done.solved.heldout),
        heldout=np.zeros(len(poses), dtype=bool),
    )
    return replace(done, solved=solved), normal


def test_the_floor_is_found_by_the_boards_that_lie_on_it(done: Calibrated, footage: CalibrationFootage) -> None:
    lying, normal = on_a_floor(done, -0.7, 0.1)
    solved = lying.solved
    result = solved.result
    rig, move = place(result, solved.sightings, solved.heldout, footage, WorldChoice(floor="board"))
    corners = apply(move @ result.world_from_board[:, None], result.points)
    np.testing.assert_allclose(corners[..., 2], 0.0, atol=1e-6)
    np.testing.assert_allclose(move[:3, :3] @ normal, [0.0, 0.0, 1.0], atol=1e-6)
    assert (np.array([camera.centre for camera in rig.cameras])[:, 2] > 0).all()
    assert "assumption" not in rig.notes
    assert "points" in rig.notes["floor"]
    # The origin of a board that hovers is taken down to the floor, and the heading stays the board's.
    hovers = result.world_from_board.copy()
    hovers[0, :3, 3] += 0.5 * normal
    frame = int(solved.sightings.frame_index[0, 0])
    some = tuple(Moment(None, int(f)) for f in solved.sightings.frame_index[1:6, 0])
    choice = WorldChoice(Moment(None, frame), floor=some)
    _, move = place(replace(result, world_from_board=hovers), solved.sightings, solved.heldout, footage, choice)
    board = move @ hovers[0]
    np.testing.assert_allclose(board[:3, 3], [0.0, 0.0, 0.5], atol=1e-6)
    np.testing.assert_allclose(board[:3, 0], [1.0, 0.0, 0.0], atol=1e-6)


def test_known_lenses_stay_or_move_a_little(out: Path, done: Calibrated, tmp_path: Path) -> None:
    truth = load_rig(SAMPLE / "rig.toml")
    locked = calibrate(CalibrateRequest(sample_dir(), out=out, lenses=KnownLenses(SAMPLE / "rig.toml")))
    np.testing.assert_array_equal(
        [camera.intrinsics.K for camera in locked.rig.cameras], [camera.intrinsics.K for camera in truth.cameras]
    )
    assert "locked" in load_rig(out).notes["lenses"]
    cameras = []
    for camera in truth.cameras:
        K = camera.intrinsics.K.copy()
        K[[0, 1], [0, 1]] *= 1.01
        cameras.append(replace(camera, intrinsics=replace(camera.intrinsics, K=K)))
    save_rig(replace(truth, cameras=tuple(cameras)), tmp_path / "off.toml", "anipose")
    freed = calibrate(
        CalibrateRequest(sample_dir(), out=out, lenses=KnownLenses(tmp_path / "off.toml", locked=False))
    )
    # Two sigmas off at the start: the pictures pull them back, the belief holds against it.
    off = freed.rig.focals_px / truth.focals_px - 1
    assert (off < 0.008).all()
    assert off.max() > 0.001


def test_the_kind_of_lens_is_the_one_asked_for(out: Path, done: Calibrated) -> None:
    asked = calibrate(CalibrateRequest(sample_dir(), out=out, lens="fisheye"))
    assert {camera.intrinsics.model for camera in asked.rig.cameras} == {"fisheye"}
    assert "as asked for" in asked.rig.notes["lenses"]
    rational = calibrate(CalibrateRequest(sample_dir(), out=out, lens="rational"))
    assert {len(camera.intrinsics.dist) for camera in rational.rig.cameras} == {8}


def test_measured_squares_give_the_scale(out: Path, done: Calibrated) -> None:
    # The shipped board's squares are read from its file; twice as large, everything is.
    twice = calibrate(CalibrateRequest(sample_dir(), out=out, square_m=2.0 * square_m(done)))
    apart = [np.linalg.norm(rig.cameras[0].centre - rig.cameras[2].centre) for rig in (twice.rig, done.rig)]
    assert apart[0] == pytest.approx(2.0 * apart[1], rel=1e-3)
    assert "as measured" in twice.rig.notes["scale"]


def square_m(done: Calibrated) -> float:
    points = done.solved.sightings.points
    return float(np.linalg.norm(points[1] - points[0]))


@pytest.mark.parametrize(
    "options",
    [
        ["--refine-lenses"],
        ["--origin-frame", "soon"],
        ["--square-mm", "0"],
        ["--square-mm", "30000"],
        ["--up", "-y"],
    ],
)
def test_the_command_explains_what_makes_no_sense(options: list[str], tmp_path: Path) -> None:
    out = tmp_path / "rig.toml"
    result = CliRunner().invoke(app, ["calibrate", str(sample_dir()), "--out", str(out), *options, "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["remedy"]
    assert not out.exists()
