"""Folders of other programs become ordinary sessions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from calibration.formats import save_rig
from mocap.core.errors import CancelledError, InputError, StorageError
from mocap.core.progress import CancelToken
from mocap.pipeline import taking
from mocap.pipeline.foreign import Foreign, recognise
from mocap.pipeline.inputs import video_paths
from mocap.pipeline.taking import TakeRequest, manifest_for, on_another_disk, take_in
from mocap.session import SessionFolder, SessionManifest, TrialManifest, read_manifest
from tests.conftest import ring_rig


def films(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(name.encode() * 100)


def request(found: Foreign, home: Path, copy: bool = False) -> TakeRequest:
    return TakeRequest(found, home, manifest_for(found), copy)


@pytest.fixture
def freemocap(tmp_path: Path) -> Path:
    folder = tmp_path / "recording_10_20"
    films(folder / "synchronized_videos", "Camera_000_synchronized.mp4", "Camera_001_synchronized.mp4")
    films(folder / "annotated_videos", "Camera_000_annotated.mp4", "Camera_001_annotated.mp4")
    raw = folder / "output_data" / "raw_data"
    raw.mkdir(parents=True)
    np.save(raw / "mediapipe2dData_numCams_numFrames_numTrackedPoints_pixelXY.npy", np.ones((2, 3, 33, 2)))
    save_rig(ring_rig(2), folder / "recording_10_20_camera_calibration.toml", "freemocap")
    return folder


@pytest.fixture
def opencap(tmp_path: Path) -> Path:
    folder = tmp_path / "OpenCapData_1"
    for camera in ("Cam0", "Cam1"):
        media = folder / "Videos" / camera / "InputMedia"
        films(media / "squats", "squats.mov", "squats_sync.mp4")
        films(media / "calibration", "calibration.mov")
    save_rig(ring_rig(2), folder / "Videos", "opencap")
    for old, new in (("cam_1", "Cam0"), ("cam_2", "Cam1")):
        written = folder / "Videos" / old / "cameraIntrinsicsExtrinsics.pickle"
        written.rename(folder / "Videos" / new / written.name)
        written.parent.rmdir()
    (folder / "sessionMetadata.yaml").write_text("gender_mf: f\nheight_m: 1.71\nmass_kg: 64.5\nsubjectID: P07\n")
    return folder


def test_freemocap(freemocap: Path, tmp_path: Path) -> None:
    found = recognise([freemocap])
    (trial,) = found.trials
    assert (found.kind, list(trial.videos)) == ("freemocap", ["Camera_000", "Camera_001"])
    assert found.calibration is not None
    assert (trial.pose_format, trial.poses) == ("freemocap", freemocap / "output_data" / "raw_data")
    made = take_in(request(found, tmp_path / "data"))
    assert SessionFolder(made.session).rig.is_file()
    told = read_manifest(made.trials[0] / "trial.toml", TrialManifest)
    assert Path(told.videos["Camera_000"]).is_file()
    assert told.poses == str(freemocap / "output_data" / "raw_data")


def test_opencap_with_what_it_knows_of_the_person(opencap: Path, tmp_path: Path) -> None:
    found = recognise([opencap])
    assert [trial.name for trial in found.trials] == ["squats"]
    assert found.trials[0].videos["Cam1"].name == "squats_sync.mp4"
    assert found.cameras == ("Cam0", "Cam1")
    made = take_in(request(found, tmp_path / "data", copy=True))
    told = read_manifest(made.session / "session.toml", SessionManifest)
    assert (told.participant, told.sex, told.height_m, told.mass_kg) == ("P07", "female", 1.71, 64.5)
    assert sorted(p.name for p in (made.trials[0] / "raw").iterdir()) == ["Cam0.mp4", "Cam1.mp4"]
    shutil.rmtree(opencap)
    assert all(path.is_file() for path in video_paths(made.trials[0]).values())


def test_pose2sim_session_of_several_trials_and_detections_alone(tmp_path: Path) -> None:
    folder = tmp_path / "S00"
    films(folder / "walk" / "videos", "cam01.mp4", "cam02.mp4", "cam01_pose.mp4")
    (folder / "run" / "pose" / "cam01_json").mkdir(parents=True)
    frame = {"version": 1.3, "people": [{"pose_keypoints_2d": [1.0, 2.0, 0.9] * 25}]}
    (folder / "run" / "pose" / "cam01_json" / "cam01_000000.json").write_text(json.dumps(frame))
    (folder / "Config.toml").write_text("[project]\nparticipant_height = 1.8\nparticipant_mass = 'auto'\n")
    found = recognise([folder])
    assert found.kind == "pose2sim"
    assert {t.name: (list(t.videos), t.pose_format) for t in found.trials} == {
        "run": ([], "openpose"),
        "walk": (["cam01", "cam02"], ""),
    }
    assert (found.height_m, found.mass_kg) == (1.8, None)
    made = take_in(request(found, tmp_path / "data"))
    by_name = {trial.name: read_manifest(trial / "trial.toml", TrialManifest) for trial in made.trials}
    assert by_name["run"].detections == str(folder / "run" / "pose")
    assert not SessionFolder(made.session).rig.exists()


def test_plain_videos_one_by_one_and_in_folders(tmp_path: Path) -> None:
    films(tmp_path / "day" / "jump", "left.mp4", "right.mp4")
    films(tmp_path / "day" / "hop", "left.mp4", "right.mp4")
    assert [trial.name for trial in recognise([tmp_path / "day"]).trials] == ["hop", "jump"]
    chosen = [tmp_path / "day" / "jump" / name for name in ("left.mp4", "right.mp4")]
    assert list(recognise(chosen).trials[0].videos) == ["left", "right"]
    films(tmp_path / "P01" / "raw", "left.mp4", "right.mp4")
    assert recognise([tmp_path / "P01" / "raw"]).name == "P01"


def test_nothing_to_import_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("no film")
    with pytest.raises(InputError, match="no video"):
        recognise([tmp_path / "letter.txt"])
    with pytest.raises(InputError, match="Nothing to import"):
        recognise([tmp_path])
    with pytest.raises(InputError, match="no such"):
        recognise([tmp_path / "gone"])


def test_an_own_session_is_copied_and_never_into_itself(tmp_path: Path) -> None:
    films(tmp_path / "old" / "visit" / "trials" / "walk" / "raw", "cam_1.mp4", "cam_2.mp4")
    (tmp_path / "old" / "visit" / "session.toml").write_text('id = "visit"\n')
    found = recognise([tmp_path / "old" / "visit"])
    made = take_in(request(found, tmp_path / "data"))
    assert sorted(p.name for p in (made.trials[0] / "raw").iterdir()) == ["cam_1.mp4", "cam_2.mp4"]
    with pytest.raises(InputError, match="already"):
        take_in(request(recognise([made.session]), tmp_path / "data"))


def test_a_second_import_gets_a_name_of_its_own(freemocap: Path, tmp_path: Path) -> None:
    names = [take_in(request(recognise([freemocap]), tmp_path / "data")).session.name for _ in range(2)]
    assert names == ["recording_10_20", "recording_10_20-2"]


def test_a_stopped_import_leaves_nothing(freemocap: Path, tmp_path: Path) -> None:
    cancel = CancelToken()
    seen: list[int] = []

    def stop(stage: str, done: int, total: int) -> None:
        seen.append(done)
        cancel.cancel()

    with pytest.raises(CancelledError):
        take_in(request(recognise([freemocap]), tmp_path / "data", copy=True), stop, cancel)
    assert seen
    assert list((tmp_path / "data").iterdir()) == []


def test_a_full_disk_is_told_before_anything_is_copied(
    freemocap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "SPARE_BYTES", 1 << 62)
    with pytest.raises(StorageError, match="MB left"):
        take_in(request(recognise([freemocap]), tmp_path / "data", copy=True))
    assert not (tmp_path / "data").exists()
    assert not on_another_disk(recognise([freemocap]), tmp_path / "data")


def test_real_projects(shared_data: Path, tmp_path: Path) -> None:
    found = recognise([shared_data / "pose2sim" / "Demo_SinglePerson"])
    assert (found.kind, found.cameras) == ("pose2sim", ("cam01", "cam02", "cam03", "cam04"))
    assert found.mass_kg == 70.0
    board = recognise([shared_data / "caliscope" / "charuco_calibration"])
    assert (board.kind, board.trials) == ("caliscope", ())
    assert board.board is not None
    made = take_in(request(board, tmp_path / "data", copy=True))
    assert len(list((made.session / "calibration" / "videos").glob("*.mp4"))) == 4
