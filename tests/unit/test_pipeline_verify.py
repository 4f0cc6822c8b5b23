"""Verifying a calibration with a board: right ones pass, wrong ones are told, and what it needs is asked for."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from calibration.alignment import move_rig
from calibration.formats import load_rig, save_rig
from calibration.report import Level
from mocap.cli.app import app
from mocap.core.errors import CalibrationError, CancelledError, ExplainedError
from mocap.core.progress import CancelToken
from mocap.pipeline.calibration.verify import verify_rig
from mocap.studio import sample_dir

EVERY = 5
CALIBRATION = sample_dir() / "calibration"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh recording: pictures of the shipped film of a board, a folder a camera, with the board's file."""
    folder = tmp_path_factory.mktemp("fresh")
    for video in sorted((CALIBRATION / "videos").glob("*.mp4")):
        (folder / video.stem).mkdir()
        capture, number = cv2.VideoCapture(str(video)), 0
        while (got := capture.read())[0]:
            if number % EVERY == 0:
                cv2.imwrite(str(folder / video.stem / f"{number:04d}.jpg"), got[1], [cv2.IMWRITE_JPEG_QUALITY, 95])
            number += 1
        capture.release()
    shutil.copy(CALIBRATION / "board.toml", folder / "board.toml")
    return folder


def test_the_right_calibration_passes(pictures: Path) -> None:
    done = verify_rig(CALIBRATION / "rig.toml", pictures)
    assert done.check.lengths.rms_mm < 3.0
    assert abs(done.check.lengths.scale_error) < 0.002
    assert done.check.verdict.level is not Level.POOR
    assert "ChArUco" in done.target


def test_a_rig_of_the_wrong_size_is_told(pictures: Path, tmp_path: Path) -> None:
    rig = move_rig(load_rig(CALIBRATION / "rig.toml"), np.diag([1.03, 1.03, 1.03, 1.0]), {})
    save_rig(rig, tmp_path / "large.toml", "anipose")
    done = verify_rig(tmp_path / "large.toml", pictures)
    assert done.check.lengths.scale_error == pytest.approx(0.03, abs=0.003)
    assert done.check.verdict.level is Level.POOR


def test_a_rig_calibrated_at_another_size_is_fitted(pictures: Path, tmp_path: Path) -> None:
    rig = load_rig(CALIBRATION / "rig.toml")
    cameras = []
    for camera in rig.cameras:
        width, height = camera.intrinsics.size_wh
        cameras.append(replace(camera, intrinsics=camera.intrinsics.for_size((2 * width, 2 * height))))
    save_rig(replace(rig, cameras=tuple(cameras)), tmp_path / "double.toml", "anipose")
    done = verify_rig(tmp_path / "double.toml", pictures)
    assert done.check.lengths.rms_mm < 3.0
    assert any("was calibrated at" in sentence for sentence in done.warnings)


def test_a_board_of_unknown_size_checks_nothing(pictures: Path, tmp_path: Path) -> None:
    for name in ("cam_1", "cam_2"):
        shutil.copytree(pictures / name, tmp_path / "deep" / "er" / "fresh" / name)
    with pytest.raises(CalibrationError, match="size of the target is not known"):
        verify_rig(CALIBRATION / "rig.toml", tmp_path / "deep" / "er" / "fresh")


def test_a_rig_of_other_cameras_names_its_file(pictures: Path, tmp_path: Path) -> None:
    rig = load_rig(CALIBRATION / "rig.toml")
    save_rig(rig.select(rig.names[:2]), tmp_path / "two.toml", "anipose")
    with pytest.raises(CalibrationError, match="cam_3") as error:
        verify_rig(tmp_path / "two.toml", pictures)
    assert error.value.path == tmp_path / "two.toml"


def test_stopping_and_missing_files_are_explained(pictures: Path, tmp_path: Path) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(CancelledError):
        verify_rig(CALIBRATION / "rig.toml", pictures, cancel=cancel)
    with pytest.raises(ExplainedError):
        verify_rig(tmp_path / "none.toml", pictures)


def test_the_command_prints_one_object(pictures: Path) -> None:
    arguments = ["calibration", "verify", str(CALIBRATION / "rig.toml"), str(pictures)]
    result = CliRunner().invoke(app, [*arguments, "--board", str(CALIBRATION / "board.toml"), "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["true_m"] == pytest.approx(0.6485, abs=1e-3)
    assert told["verdict"]["level"] in ("good", "care")
    words = CliRunner().invoke(app, arguments)
    assert words.exit_code == 0
    assert "648.5 mm in truth" in words.stdout
