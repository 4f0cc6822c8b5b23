"""Refining a calibration from a person: repairs what is wrong, leaves alone what is right, keeps the scale."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from calibration import Camera, CameraRig
from calibration.alignment import move_rig
from calibration.bundle.rotations import exp
from calibration.extrinsics.average import differences
from calibration.formats import load_rig, save_rig
from calibration.transforms import from_rotation
from mocap.cli.app import app
from mocap.core.errors import CalibrationError, CancelledError, InputError, SessionError
from mocap.core.progress import CancelToken
from mocap.core.summary import RunSummary
from mocap.core.types import Points3D, SyncTable, Tracks2D
from mocap.pipeline.calibration.laid import laid_onto
from mocap.pipeline.calibration.person_size import Scale, measured_height, on_points, parse_scale
from mocap.pipeline.calibration.refine import (
    FEWEST_STRETCHES,
    Refinement,
    RefineRequest,
    baselines,
    refine,
    refine_rig,
)
from mocap.pipeline.figures import quality
from mocap.pipeline.settings import load_settings
from mocap.presets import load_skeleton
from mocap.session import RunFolder, RunManifest, save, write_manifest
from mocap.studio import load_truth, sample_dir
from mocap.triangulate import TriangulationSettings, triangulate
from tests.conftest import ring_rig
from tests.factories import make_motion, points_of

RATE_HZ = 30.0
FRAMES = 72
NOISE_PX = 2.0
SETTINGS = TriangulationSettings()


def person() -> Points3D:
    return points_of(make_motion(FRAMES, RATE_HZ))


def watched(rig: CameraRig, xyz: np.ndarray, noise_px: float = NOISE_PX, seed: int = 0) -> Tracks2D:
    """What cameras see of keypoints (T, N, K, 3)."""
    pixels, valid = rig.project(xyz)
    xy = np.moveaxis(np.where(valid[..., None], pixels, np.nan), 0, 1)
    xy = xy + np.random.default_rng(seed).normal(0, noise_px, xy.shape)
    shape = xy.shape[:-1]
    skeleton = load_skeleton("blazepose33")
    return Tracks2D(rig.names, skeleton, xy, np.full(shape, 3.0), np.ones(shape), np.arange(shape[2]))


def bumped(rig: CameraRig, number: int, turn_deg: float, shift_m: float) -> CameraRig:
    """The rig with one camera turned about an oblique axis and shifted."""
    axis = np.array([0.3, 0.8, 0.5])
    move = from_rotation(
        exp(np.deg2rad(turn_deg) * axis / np.linalg.norm(axis)), shift_m * np.array([0.6, 0.0, 0.8])
    )
    cameras = list(rig.cameras)
    cameras[number] = replace(cameras[number], cam_from_world=move @ cameras[number].cam_from_world)
    return replace(rig, cameras=tuple(cameras))


def times() -> np.ndarray:
    return np.arange(FRAMES) / RATE_HZ


@pytest.fixture(scope="module")
def repaired() -> tuple[CameraRig, CameraRig, Refinement]:
    """Truth, the rig with camera 3 bumped, and what refinement makes of it."""
    truth = ring_rig(5)
    wrong = bumped(truth, 2, 3.0, 0.15)
    return truth, wrong, refine_rig(wrong, watched(truth, person().xyz), times(), SETTINGS)


def test_a_bumped_camera_is_put_back_and_the_others_stay(
    repaired: tuple[CameraRig, CameraRig, Refinement],
) -> None:
    truth, _, found = repaired
    assert found.improved
    turn, _ = differences(found.rig.cam_from_world, truth.cam_from_world)
    assert np.degrees(turn).max() < 0.3
    shift = [np.linalg.norm(a.centre - b.centre) for a, b in zip(found.rig.cameras, truth.cameras, strict=True)]
    assert max(shift) < 0.03
    # The bumped camera stands out in the report.
    others = [value for name, value in found.moved_mm.items() if name != "cam_3"]
    assert found.moved_mm["cam_3"] > 3 * max(others)
    assert found.turned_deg["cam_3"] == pytest.approx(3.0, abs=0.3)


def test_the_heldout_error_is_that_of_the_detections(repaired: tuple[CameraRig, CameraRig, Refinement]) -> None:
    truth, _, found = repaired
    ideal = quality(
        triangulate(watched(truth, person().xyz), truth, SETTINGS), person(), truth.names
    ).reproj_px_median
    assert found.before.median_px_per_camera["cam_3"] > 5 * found.heldout.median_px_per_camera["cam_3"]
    assert found.heldout.median_px == pytest.approx(ideal, rel=0.05)
    assert set(found.heldout.median_px_per_camera) == set(truth.names)


def test_the_scale_is_kept(repaired: tuple[CameraRig, CameraRig, Refinement]) -> None:
    truth, _, found = repaired
    assert np.median(baselines(found.rig) / baselines(truth)) == pytest.approx(1.0, abs=0.005)
    # By the bones as well: the person is as tall as in truth.
    xyz = triangulate(watched(truth, person().xyz), found.rig, SETTINGS).xyz
    skeleton = load_skeleton("blazepose33")
    assert measured_height(xyz, skeleton) == pytest.approx(measured_height(person().xyz, skeleton), rel=0.01)


def test_a_right_calibration_stays_to_the_last_digit() -> None:
    truth = ring_rig(4)
    found = refine_rig(truth, watched(truth, person().xyz), times(), SETTINGS)
    assert not found.improved
    assert found.moved == "nothing"
    np.testing.assert_array_equal(found.rig.cam_from_world, truth.cam_from_world)
    assert set(found.moved_mm.values()) == {0.0}
    assert "they stayed" in found.rig.notes["refined"]


def test_what_the_detector_always_gets_wrong_moves_no_camera() -> None:
    """Its errors are alike at all instants, so that wrong places win a little on held-out ones, too."""
    truth = ring_rig(4)
    tracks = watched(truth, person().xyz)
    taste = np.random.default_rng(3).normal(0, 1.5, (1, *tracks.xy.shape[1:]))
    found = refine_rig(truth, replace(tracks, xy=tracks.xy + taste), times(), SETTINGS)
    assert not found.improved
    np.testing.assert_array_equal(found.rig.cam_from_world, truth.cam_from_world)


def test_a_camera_that_was_torn_away_is_put_back() -> None:
    """The other two agree without it: that must not hide it."""
    truth = ring_rig(3)
    found = refine_rig(bumped(truth, 1, 8.0, 0.05), watched(truth, person().xyz), times(), SETTINGS)
    assert not found.before.median_px_per_camera["cam_2"] < 20.0
    assert found.improved
    turn, _ = differences(found.rig.cam_from_world, truth.cam_from_world)
    assert np.degrees(turn).max() < 0.5
    assert "of cam_2, which was worst" in found.rig.notes["refined"]


def test_what_fits_only_the_instants_it_was_solved_with_is_not_believed() -> None:
    """A camera that is knocked back and forth fits each half by itself, and no rig fits both."""
    truth = ring_rig(4)
    one, other = (watched(bumped(truth, 2, angle, 0.0), person().xyz) for angle in (2.0, -2.0))
    stretch = times()[-1] / FEWEST_STRETCHES
    late = np.floor(times() / stretch).astype(int) % 2 == 1
    mixed = replace(one, xy=np.where(late[:, None, None, None, None], other.xy, one.xy))
    found = refine_rig(truth, mixed, times(), SETTINGS)
    assert not found.improved
    assert "stayed" in found.rig.notes["refined"]


def test_a_wrong_focal_length_is_found_only_where_it_helps() -> None:
    truth = ring_rig(4)
    xyz = person().xyz
    wrong = replace(
        truth, cameras=tuple(_zoomed(camera, 1.03 if i == 1 else 1.0) for i, camera in enumerate(truth.cameras))
    )
    found = refine_rig(wrong, watched(truth, xyz, 0.3), times(), SETTINGS)
    assert found.moved != "places"
    assert abs(found.rig.focals_px[1] / truth.focals_px[1] - 1.0) < 0.01
    # With keypoints as noisy as a detector's, a lens is not worth moving.
    only_moved = refine_rig(bumped(truth, 2, 3.0, 0.15), watched(truth, xyz), times(), SETTINGS)
    assert only_moved.moved == "places"
    np.testing.assert_array_equal(only_moved.rig.focals_px, truth.focals_px)


def _zoomed(camera: Camera, factor: float) -> Camera:
    K = camera.intrinsics.K.copy()
    K[[0, 1], [0, 1]] *= factor
    return replace(camera, intrinsics=replace(camera.intrinsics, K=K))


def test_the_size_comes_from_a_bone_or_from_the_height() -> None:
    truth = ring_rig(5)
    small = move_rig(truth, np.diag([0.9, 0.9, 0.9, 1.0]), {})
    tracks = watched(truth, person().xyz)
    thigh = refine_rig(small, tracks, times(), SETTINGS, Scale(bone=("left_hip", "left_knee"), bone_m=0.42))
    assert baselines(thigh.rig) == pytest.approx(baselines(truth), rel=0.01)
    assert "left_hip-left_knee" in thigh.rig.notes["scale"]
    height = measured_height(person().xyz, tracks.skeleton)
    tall = refine_rig(small, tracks, times(), SETTINGS, Scale(height_m=height))
    assert baselines(tall.rig) == pytest.approx(baselines(truth), rel=0.01)
    assert set(tall.moved_mm.values()) == {0.0}  # a change of size is no movement


def test_height_is_that_of_a_person_of_mean_build() -> None:
    skeleton = load_skeleton("blazepose33")
    xyz = np.full((1, 1, len(skeleton.keypoints), 3), np.nan)
    for side in ("left", "right"):
        chain = {"hip": 0.0, "knee": 0.245 * 1.8, "ankle": (0.245 + 0.246) * 1.8}
        arms = {"shoulder": 5.0, "elbow": 5.0 + 0.186 * 1.8, "wrist": 5.0 + (0.186 + 0.146) * 1.8}
        for joint, z in {**chain, **arms}.items():
            xyz[0, 0, skeleton.index(f"{side}_{joint}")[0]] = [0.0, 0.0, z]
    assert measured_height(xyz, skeleton) == pytest.approx(1.8)
    xyz[0, 0, skeleton.index("left_wrist")[0]] = np.nan
    assert measured_height(xyz, skeleton) == pytest.approx(1.8)


def test_a_similarity_is_undone_and_one_bumped_camera_does_not_take_the_world_along() -> None:
    rig = ring_rig(6)
    moved = move_rig(rig, from_rotation(1.7 * exp(np.array([0.4, -0.2, 1.1])), np.array([1.0, 2.0, 3.0])), {})
    np.testing.assert_allclose(laid_onto(moved, rig).cam_from_world, rig.cam_from_world, atol=1e-9)
    back = laid_onto(move_rig(bumped(rig, 2, 8.0, 0.5), from_rotation(np.eye(3), np.ones(3)), {}), rig)
    turn, _ = differences(back.cam_from_world, rig.cam_from_world)
    assert np.degrees(np.delete(turn, 2)).max() < 0.1
    np.testing.assert_allclose(
        [c.centre for i, c in enumerate(back.cameras) if i != 2],
        [c.centre for i, c in enumerate(rig.cameras) if i != 2],
        atol=0.01,
    )


@pytest.mark.parametrize("moved", range(4))
def test_one_moved_camera_of_four_is_no_change_of_size(moved: int) -> None:
    """It changes three of the six distances, so that their median would be half way."""
    rig = ring_rig(4)
    change = move_rig(
        bumped(rig, moved, 4.0, 0.4), from_rotation(0.6 * exp(np.array([0.2, 0.9, -0.4])), np.ones(3)), {}
    )
    back = laid_onto(change, rig)
    others = [number for number in range(4) if number != moved]
    np.testing.assert_allclose(back.cam_from_world[others], rig.cam_from_world[others], atol=1e-6)
    assert np.linalg.norm(back.cameras[moved].centre - rig.cameras[moved].centre) > 0.3


def test_refining_four_cameras_names_the_one_that_was_moved_and_no_other() -> None:
    truth = ring_rig(4)
    found = refine_rig(bumped(truth, 1, 2.0, 0.3), watched(truth, person().xyz, 0.5), times(), SETTINGS)
    assert found.improved
    assert found.moved_mm.pop("cam_2") == pytest.approx(300, abs=30)
    assert max(found.moved_mm.values()) < 15
    assert found.baseline_m[1] == pytest.approx(float(baselines(truth).mean()), rel=0.005)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("keep", Scale()),
        ("height=1.75", Scale(height_m=1.75)),
        ("bone=left_hip-left_knee:0.43", Scale(bone=("left_hip", "left_knee"), bone_m=0.43)),
        ("wand=0.5", Scale(wand_m=0.5)),
        ("board=a folder", Scale(board=Path("a folder"))),
    ],
)
def test_scales_are_read(text: str, expected: Scale) -> None:
    found = parse_scale(text)
    assert (found.height_m, found.bone, found.wand_m, found.board) == (
        expected.height_m,
        expected.bone,
        expected.wand_m,
        expected.board,
    )
    np.testing.assert_equal(found.bone_m, expected.bone_m)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "high",
        "height=",
        "height=175",
        "height=-1",
        "height=nan",
        "bone=left_hip:0.4",
        "bone=a-b:0.4",
        "wand=",
        "wand=0.5",
        "board=",
    ],
)
def test_scales_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        on_points(parse_scale(text), load_skeleton("blazepose33"))


def test_too_little_is_refused_with_the_reason() -> None:
    rig = ring_rig(4)
    tracks = watched(rig, person().xyz)
    short = replace(tracks, xy=tracks.xy[:5], sigma_px=tracks.sigma_px[:5], score=tracks.score[:5])
    with pytest.raises(CalibrationError, match="5 instants"):
        refine_rig(rig, short, times()[:5], SETTINGS)
    xy = tracks.xy.copy()
    xy[:, 2] = np.nan
    with pytest.raises(CalibrationError, match="cam_3"):
        refine_rig(rig, replace(tracks, xy=xy), times(), SETTINGS)


def test_cancelling_stops() -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(CancelledError):
        refine_rig(ring_rig(4), watched(ring_rig(4), person().xyz), times(), SETTINGS, cancel=cancel)


def summary_of(rig: CameraRig, frames: int) -> RunSummary:
    return RunSummary(
        trial="sample",
        run_id="abc",
        cameras=rig.names,
        frames=frames,
        frames_3d=frames,
        rate_hz=RATE_HZ,
        reproj_px_median=2.0,
        reproj_px_p90=4.0,
        reproj_px_per_camera={},
        rejected_share_per_camera={},
        bone_variation_percent=1.0,
        bone_length_m={},
        sigma_mm_median=5.0,
        seconds={},
        frames_per_s=1.0,
        views_per_s=4.0,
        detector="none",
        calibration="rig.toml",
        files={},
    )


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """The shipped sample with a finished run whose tracks are its truth, blurred."""
    root = tmp_path / "session"
    shutil.copytree(sample_dir(), root)
    trial = root / "trials" / "sample"
    rig, truth = load_rig(root / "calibration" / "rig.toml"), load_truth(trial / "truth.npz")
    run = RunFolder(trial / "runs" / "abc")
    count, cameras = len(truth.t_s), len(rig.cameras)
    save(run.stage("tracks2d"), watched(rig, truth.xyz), "key", 0.0)
    frame = np.repeat(np.arange(count)[:, None], cameras, axis=1)
    sync = SyncTable.of_one_clock(rig.names, truth.t_s, frame)
    save(run.stage("sync"), sync, "key", 0.0)
    manifest = RunManifest(
        id="abc", settings=load_settings().model_dump(mode="json"), inputs={}, summary=summary_of(rig, count)
    )
    write_manifest(run.manifest, manifest)
    return root


@pytest.mark.parametrize("source", ["", "trials/sample", "trials/sample/runs/abc"])
def test_a_finished_run_mends_a_file(session: Path, tmp_path: Path, source: str) -> None:
    truth = load_rig(session / "calibration" / "rig.toml")
    wrong = tmp_path / "wrong.toml"
    save_rig(bumped(truth, 1, 3.0, 0.1), wrong, "anipose")
    before = wrong.read_bytes()
    done = refine(RefineRequest(wrong, session / source, tmp_path / "new.toml"))
    assert done.source.name == "abc"
    assert wrong.read_bytes() == before
    written = load_rig(tmp_path / "new.toml")
    turn, _ = differences(written.cam_from_world, truth.cam_from_world)
    assert np.degrees(turn).max() < 0.4
    assert "px after at instants held out" in written.notes["refined"]


def test_a_run_of_other_cameras_is_refused(session: Path, tmp_path: Path) -> None:
    run = RunFolder(session / "trials" / "sample" / "runs" / "abc")
    rig = load_rig(session / "calibration" / "rig.toml")
    tracks = watched(rig.select(rig.names[:3]), person().xyz)
    save(run.stage("tracks2d"), tracks, "key", 0.0)
    with pytest.raises(SessionError, match="This run is of the cameras"):
        refine(RefineRequest(session / "calibration" / "rig.toml", session, tmp_path / "new.toml"))
    assert not (tmp_path / "new.toml").exists()


def test_the_command_prints_one_object(session: Path, tmp_path: Path) -> None:
    rig, new = session / "calibration" / "rig.toml", tmp_path / "new.toml"
    arguments = ["calibration", "refine", str(rig), "--from", str(session), "--out", str(new)]
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["improved"] is False
    assert told["before"]["median_px"] > 0
    assert Path(told["rig"]) == new
    wrong = CliRunner().invoke(app, [*arguments, "--scale", "big", "--json"])
    assert wrong.exit_code == 1
    assert "height=1.75" in json.loads(wrong.stdout)["error"]["remedy"]
