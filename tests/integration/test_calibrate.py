"""Calibration of the shipped board film against its known rig, and every mishap explained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from calibration import CameraRig
from calibration.formats import load_rig
from mocap.cli.app import app
from mocap.core.errors import CalibrationError, CancelledError, ExplainedError, InputError, VideoError
from mocap.core.progress import CancelToken
from mocap.pipeline.calibration.calibrate import Calibrated, CalibrateRequest, calibrate
from mocap.studio import sample_dir
from tests.integration.film import write_video

SAMPLE = sample_dir() / "calibration"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """The shipped board film and its board file."""
    folder = tmp_path / "session" / "calibration"
    shutil.copytree(SAMPLE / "videos", folder / "videos")
    shutil.copyfile(SAMPLE / "board.toml", folder / "board.toml")
    return tmp_path / "session"


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Calibrated:
    """The shipped board film, calibrated once."""
    out = tmp_path_factory.mktemp("rig") / "rig.toml"
    return calibrate(CalibrateRequest(sample_dir(), out=out))


def shape_of(rig: CameraRig) -> np.ndarray:
    """Distances between all cameras (C, C), m: what does not depend on the world."""
    centres = np.stack([camera.centre for camera in rig.cameras])
    return np.linalg.norm(centres[:, None] - centres[None], axis=-1)


def test_the_known_rig_comes_back(calibrated: Calibrated) -> None:
    truth = load_rig(SAMPLE / "rig.toml")
    assert calibrated.rig.names == truth.names
    assert np.abs(calibrated.rig.focals_px / truth.focals_px - 1).max() < 0.02
    assert np.abs(shape_of(calibrated.rig) - shape_of(truth)).max() < 0.05
    report = calibrated.report
    assert report.rmse_px < 0.3
    assert report.kept_share > 0.95
    assert report.heldout_board_error_mm < 2.5


def test_stated_uncertainty_covers_the_truth(calibrated: Calibrated) -> None:
    truth = load_rig(SAMPLE / "rig.toml")
    for camera, known in zip(calibrated.report.cameras, truth.cameras, strict=True):
        sigma = next(parameter.sigma for parameter in camera.parameters if parameter.name == "fx")
        assert abs(camera.focal_px - known.intrinsics.focal_px) < 3.5 * sigma


def test_files_are_written(calibrated: Calibrated) -> None:
    assert load_rig(calibrated.rig_file).names == calibrated.rig.names
    assert "<html" in calibrated.report_file.read_text(encoding="utf-8")[:500]
    figures = json.loads(calibrated.rig_file.with_name("report.json").read_text(encoding="utf-8"))
    wanted = {
        "rmse_px",
        "rmse_px_per_camera",
        "kept_share",
        "heldout_board_error_mm",
        "seconds",
        "cameras",
        "warnings",
    }
    assert wanted <= set(figures)


def test_same_seed_same_rig(calibrated: Calibrated, tmp_path: Path) -> None:
    again = calibrate(CalibrateRequest(sample_dir(), out=tmp_path / "rig.toml"))
    for one, other in zip(again.rig.cameras, calibrated.rig.cameras, strict=True):
        np.testing.assert_array_equal(one.cam_from_world, other.cam_from_world)


def explain(kind: type[ExplainedError], folder: Path, board: Path | None = None) -> str:
    with pytest.raises(kind) as caught:
        calibrate(CalibrateRequest(folder, board, out=folder.parent / "rig.toml"))
    assert caught.value.remedy
    return str(caught.value)


def test_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "No video and no pictures" in explain(InputError, tmp_path / "empty")


def test_wrong_dictionary_says_which_was_seen(recording: Path) -> None:
    board = recording / "calibration" / "board.toml"
    board.write_text(board.read_text().replace("DICT_4X4_100", "DICT_6X6_250"))
    assert "DICT_4X4" in explain(CalibrationError, recording)


def test_unreadable_board_file(recording: Path) -> None:
    board = recording / "calibration" / "board.toml"
    board.write_text("squares = [4,")
    assert "board.toml" in explain(CalibrationError, recording)


def test_video_that_is_none(recording: Path) -> None:
    (recording / "calibration" / "videos" / "cam_2.mp4").write_text("no film")
    assert "cam_2.mp4" in explain(VideoError, recording)


def test_camera_that_never_sees_the_board_is_named(recording: Path) -> None:
    write_video(recording / "calibration" / "videos" / "cam_3.mp4", 50, rate_hz=10)
    assert "cam_3" in explain(CalibrationError, recording)


def test_truncated_video_is_named(recording: Path) -> None:
    video = recording / "calibration" / "videos" / "cam_4.mp4"
    video.write_bytes(video.read_bytes()[: int(0.7 * video.stat().st_size)])
    assert "cam_4.mp4" in explain(VideoError, recording)


def test_the_former_rig_is_kept(recording: Path) -> None:
    former = recording / "calibration" / "rig.toml"
    shutil.copyfile(SAMPLE / "rig.toml", former)
    calibrate(CalibrateRequest(recording))
    assert (recording / "calibration" / "rig-1.toml").read_bytes() == (SAMPLE / "rig.toml").read_bytes()
    assert former.read_bytes() != (SAMPLE / "rig.toml").read_bytes()


def test_stopped(recording: Path) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(CancelledError):
        calibrate(CalibrateRequest(recording), cancel=cancel)


def test_command_prints_one_json_object(tmp_path: Path) -> None:
    out = tmp_path / "rig.toml"
    result = CliRunner().invoke(app, ["calibrate", str(sample_dir()), "--out", str(out), "--json"])
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert figures["rmse_px"] < 0.3
    assert len(figures["cameras"]) == 4
    assert Path(figures["rig"]).is_file()
