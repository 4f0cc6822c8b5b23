"""Odd recordings: other lengths and rates, exchanged files, flipped pictures, markers, folders of pictures."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration import CameraRig
from calibration.formats import load_rig
from calibration.targets import Checkerboard
from mocap.core.errors import CalibrationError
from mocap.core.progress import CancelToken, silent
from mocap.pipeline.calibration.calibrate import Calibrated, CalibrateRequest, calibrate
from mocap.pipeline.calibration.inputs import open_intrinsic_footage, open_target, search
from mocap.pipeline.calibration.lenses import KnownLenses
from mocap.studio import sample_dir

SAMPLE = sample_dir() / "calibration"
RATE_HZ = 10.0
Picture = np.ndarray


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """The shipped board film and its board file."""
    folder = tmp_path / "session" / "calibration"
    shutil.copytree(SAMPLE / "videos", folder / "videos")
    shutil.copyfile(SAMPLE / "board.toml", folder / "board.toml")
    return tmp_path / "session"


def rewrite(
    recording: Path, camera: str, change: Callable[[list[Picture]], list[Picture]], rate_hz: float = RATE_HZ
) -> None:
    """Replace a camera's video by one of changed pictures, losslessly."""
    path = recording / "calibration" / "videos" / f"{camera}.mp4"
    capture = cv2.VideoCapture(str(path))
    pictures = []
    while True:
        good, picture = capture.read()
        if not good:
            break
        pictures.append(picture)
    capture.release()
    path.unlink()
    size = (pictures[0].shape[1], pictures[0].shape[0])
    writer = cv2.VideoWriter(str(path.with_suffix(".avi")), cv2.VideoWriter.fourcc(*"FFV1"), rate_hz, size)
    for picture in change(pictures):
        writer.write(picture)
    writer.release()


def distance_off_m(rig: CameraRig) -> float:
    """Largest error of the distance of two cameras against the truth of the shipped film, m."""
    true = load_rig(SAMPLE / "rig.toml").select(rig.names)
    centres = [np.stack([camera.centre for camera in one.cameras]) for one in (rig, true)]
    gaps = [np.linalg.norm(c[:, None] - c[None], axis=-1) for c in centres]
    return float(np.abs(gaps[0] - gaps[1]).max())


def run(recording: Path) -> Calibrated:
    return calibrate(CalibrateRequest(recording))


@pytest.mark.slow
def test_a_camera_that_stopped_early(recording: Path) -> None:
    rewrite(recording, "cam_2", lambda pictures: pictures[:42])
    assert distance_off_m(run(recording).rig) < 0.06  # m; 0.05 with all pictures


@pytest.mark.slow
def test_a_camera_of_half_the_rate(recording: Path) -> None:
    rewrite(recording, "cam_3", lambda pictures: pictures[::2], RATE_HZ / 2)
    assert distance_off_m(run(recording).rig) < 0.06  # m; 0.05 with all pictures


def test_a_flipped_camera_is_named(recording: Path) -> None:
    rewrite(recording, "cam_1", lambda pictures: [np.ascontiguousarray(p[:, ::-1]) for p in pictures])
    with pytest.raises(CalibrationError, match=r"pictures of cam_1 are flipped") as caught:
        run(recording)
    assert "mirror image off" in caught.value.remedy


@pytest.mark.slow
def test_a_copied_file_is_told(recording: Path) -> None:
    videos = recording / "calibration" / "videos"
    shutil.copyfile(videos / "cam_1.mp4", videos / "cam_2.mp4")
    assert any("very same pictures" in text for text in run(recording).report.warnings)


@pytest.mark.slow
def test_a_video_of_another_moment_is_told(recording: Path) -> None:
    # The files of cam_4 of two takes were exchanged: here, the same take backwards.
    rewrite(recording, "cam_4", lambda pictures: pictures[::-1])
    try:
        words = " ".join(run(recording).report.warnings)
    except CalibrationError as error:
        words = error.what
    assert "cam_4" in words


def test_a_marker_links_cameras_whose_lenses_are_known(shared_data: Path, tmp_path: Path) -> None:
    board = tmp_path / "board.toml"
    board.write_text('kind = "marker"\nid = 0\nside_m = 0.1\ndictionary = "DICT_4X4_50"\n', encoding="utf-8")
    known = shared_data / "caliscope" / "4_cam_recording" / "camera_array.toml"
    folder = shared_data / "caliscope" / "aruco_extrinsic"
    request = CalibrateRequest(folder, board, tmp_path / "rig.toml", lenses=KnownLenses(known))
    found = calibrate(request)
    assert found.rig.names == ("cam_0", "cam_1", "cam_2", "cam_3")
    assert load_rig(tmp_path / "rig.toml").names == found.rig.names
    # The lenses are those of other cameras, the marker was carried while they looked: that must not pass silently.
    assert any("fits the first guess of the rig badly" in text for text in found.report.warnings)


def test_lenses_from_folders_of_pictures_of_a_checkerboard(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "pose2sim" / "Demo_SinglePerson" / "calibration" / "intrinsics"
    shutil.copytree(source / "int_cam01_img", tmp_path / "intrinsic" / "cam01")
    footage = open_intrinsic_footage(tmp_path)
    assert footage is not None
    target, _ = open_target(tmp_path, None, footage, 0.06)
    assert isinstance(target, Checkerboard)
    assert {target.corners_x, target.corners_y} == {4, 7}
    seen = search(footage, target, silent, CancelToken())
    assert (seen.sightings.corners_seen.sum(axis=0) > 4 * 28).all()


def test_few_pictures_of_a_checkerboard_are_refused_by_camera(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "caliscope" / "chessboard_intrinsic"
    with pytest.raises(CalibrationError, match=r"'cam_1' showed the board well in only 1 pictures"):
        calibrate(CalibrateRequest(folder, out=tmp_path / "rig.toml"))
