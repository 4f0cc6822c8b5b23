"""The forms a folder of calibration pictures may have, and what comes of each."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.formats import load_rig
from mocap.core.errors import CalibrationError, InputError
from mocap.pipeline.calibration.calibrate import CalibrateRequest, calibrate
from mocap.pipeline.calibration.inputs import open_footage, open_intrinsic_footage
from mocap.studio import sample_dir

SAMPLE = sample_dir() / "calibration"
CAMERAS = ("cam_1", "cam_2", "cam_3", "cam_4")
EVERY = 4
RATE_HZ = 10.0


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every fourth picture of the shipped board film, a folder a camera."""
    folder = tmp_path_factory.mktemp("pictures")
    for video in sorted((SAMPLE / "videos").glob("*.mp4")):
        (folder / video.stem).mkdir()
        capture, number = cv2.VideoCapture(str(video)), 0
        while (got := capture.read())[0]:
            if number % EVERY == 0:
                cv2.imwrite(str(folder / video.stem / f"{number:04d}.png"), got[1])
            number += 1
        capture.release()
    return folder


def videos_themselves(pictures: Path, at: Path) -> None:
    shutil.copytree(SAMPLE / "videos", at)


def a_session(pictures: Path, at: Path) -> None:
    shutil.copytree(SAMPLE / "videos", at / "calibration" / "videos")


def extrinsic(pictures: Path, at: Path) -> None:
    shutil.copytree(SAMPLE / "videos", at / "extrinsic")


def folders_of_pictures(pictures: Path, at: Path) -> None:
    shutil.copytree(pictures, at)


def folders_below_extrinsics(pictures: Path, at: Path) -> None:
    shutil.copytree(pictures, at / "extrinsics")


def one_folder_of_pictures(pictures: Path, at: Path) -> None:
    at.mkdir()
    for picture in pictures.glob("*/*.png"):
        shutil.copy(picture, at / f"{picture.parent.name}_frame_{picture.name}")


@pytest.mark.parametrize(
    "form",
    [
        videos_themselves,
        a_session,
        extrinsic,
        folders_of_pictures,
        folders_below_extrinsics,
        one_folder_of_pictures,
    ],
)
def test_every_form_is_understood(form: Callable[[Path, Path], None], pictures: Path, tmp_path: Path) -> None:
    form(pictures, tmp_path / "given")
    footage = open_footage(tmp_path / "given")
    assert tuple(footage.films) == CAMERAS
    assert footage.frame_index.shape == (60 if form in (videos_themselves, a_session, extrinsic) else 15, 4)
    assert (footage.frame_index >= 0).all()
    assert not footage.timed


def test_pictures_of_the_same_number_are_of_one_instant(pictures: Path, tmp_path: Path) -> None:
    given = tmp_path / "given"
    shutil.copytree(pictures, given)
    (given / "cam_2" / "0008.png").unlink()
    footage = open_footage(given)
    assert footage.frame_index.shape == (15, 4)
    assert footage.frame_index[2].tolist() == [2, -1, 2, 2]
    assert footage.frame_index[3].tolist() == [3, 2, 3, 3]
    assert np.isnan(footage.t_s[2, 1])


def test_written_times_are_used(tmp_path: Path) -> None:
    given = tmp_path / "given"
    shutil.copytree(SAMPLE / "videos", given)
    with (given / "timestamps.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["cam_id", "frame_time"])
        for number in range(60):
            writer.writerows((c, number / RATE_HZ + 0.013 * c) for c in range(1, 5))
    footage = open_footage(given)
    assert footage.timed
    late = footage.t_s[:, 3] - footage.t_s[:, 0]
    assert np.nanmedian(late) == pytest.approx(0.039, abs=1e-6)


def test_pictures_for_the_lenses_serve_the_lenses_only(pictures: Path, tmp_path: Path) -> None:
    given = tmp_path / "given"
    shutil.copytree(pictures, given / "extrinsic")
    shutil.copytree(SAMPLE / "videos", given / "intrinsic")
    shutil.copy(SAMPLE / "board.toml", given / "board.toml")
    lenses = open_intrinsic_footage(given)
    assert lenses is not None
    assert lenses.frame_index.shape == (60, 4)
    done = calibrate(CalibrateRequest(given, out=tmp_path / "rig.toml"))
    truth = load_rig(SAMPLE / "rig.toml")
    assert np.abs(done.rig.focals_px / truth.focals_px - 1).max() < 0.02
    assert len(done.solved.sightings.t_s) == 15
    # Larger pictures are of another mode of the camera, whose lens is another.
    for picture in (given / "extrinsic").glob("*/*.png"):
        cv2.imwrite(str(picture), cv2.resize(cv2.imread(str(picture)), None, fx=1.5, fy=1.5))
    with pytest.raises(CalibrationError, match="for the lenses are of 640x480 px"):
        calibrate(CalibrateRequest(given, out=tmp_path / "other.toml"))


def test_nothing_to_see_says_where_was_looked(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no pictures here")
    with pytest.raises(InputError, match="extrinsic"):
        open_footage(tmp_path)
    assert open_intrinsic_footage(tmp_path) is None
