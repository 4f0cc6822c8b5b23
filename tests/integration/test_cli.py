"""The command line: one JSON object or words for people, never a traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import mocap.pipeline.run
from mocap import __version__
from mocap.cli.app import app
from mocap.cli.console import working
from mocap.core.errors import MissingExtraError
from mocap.pipeline.edits.files import write_edits
from mocap.pipeline.edits.kinds import MaskCamera
from tests.integration.film import KnowingDetector, make_recording, walking

FRAMES = 30


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recording whose people the command line will find without a network."""
    rig = make_recording(tmp_path / "walk", FRAMES)
    detector = KnowingDetector(rig, walking(FRAMES), [])
    monkeypatch.setattr(mocap.pipeline.run, "process", partial(mocap.pipeline.run.process, make_detector=detector))
    monkeypatch.setenv("MOCAP_SESSIONS", str(tmp_path / "sessions"))
    return tmp_path / "walk"


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_process_prints_one_json_object_and_nothing_else(recording: Path) -> None:
    result = run("process", recording, "--preset", "fast", "--json")
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert figures["frames_3d"] == FRAMES
    assert {"reproj_px_median", "bone_variation_percent", "frames_per_s", "seconds"} <= set(figures)
    for file in figures["files"].values():
        assert Path(file).is_file()


def test_process_prints_a_table(recording: Path) -> None:
    result = run("process", recording, "--preset", "fast")
    assert result.exit_code == 0, result.output
    assert f"{FRAMES} of {FRAMES}" in result.stdout
    assert "report.html" in "".join(result.stdout.split())
    again = run("process", recording, "--preset", "fast")
    assert "finished before" in again.stdout


def test_process_with_edits_makes_another_run(recording: Path, tmp_path: Path) -> None:
    first = json.loads(run("process", recording, "--preset", "fast", "--json").stdout)
    edits = tmp_path / "edits.json"
    write_edits(edits, (MaskCamera(camera="cam_2", first=0, last=9),), FRAMES)
    done = json.loads(run("process", recording, "--preset", "fast", "--json", "--edits", edits).stdout)
    assert done["run_id"] != first["run_id"]
    assert any("mask camera (1)" in note for note in done["warnings"])
    write_edits(edits, (), FRAMES + 1)
    refused = run("process", recording, "--preset", "fast", "--edits", edits)
    assert refused.exit_code != 0
    assert "instants" in refused.output
    assert "no such file of edits" in run("process", recording, "--edits", tmp_path / "gone.json").output


@pytest.mark.parametrize("as_json", [False, True])
def test_errors_are_explained(recording: Path, as_json: bool) -> None:
    result = run("process", recording / "gone", *(["--json"] if as_json else []))
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    if as_json:
        error = json.loads(result.stdout)["error"]
        assert "no such folder" in error["what"]
        assert error["remedy"]
        assert error["path"].endswith("gone")
    else:
        assert result.stdout == ""
        assert "no such folder" in result.stderr


def test_a_defect_is_a_sentence_and_a_log(
    recording: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_args: object, **_kwargs: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(mocap.pipeline.run, "process", broken)
    monkeypatch.setattr("platformdirs.user_log_dir", lambda _app: str(tmp_path / "logs"))
    result = run("process", recording, "--json")
    assert result.exit_code == 1
    error = json.loads(result.stdout)["error"]
    assert "defect" in error["what"]
    assert "ZeroDivisionError" in Path(error["path"]).read_text()


def test_unknown_preset_names_those_that_exist(recording: Path) -> None:
    result = run("process", recording, "--preset", "perfect")
    assert result.exit_code == 1
    assert "balanced" in result.stderr


def test_ctrl_c_asks_first_and_insists_second() -> None:
    with working() as (_progress, cancel):
        os.kill(os.getpid(), signal.SIGINT)
        assert cancel.cancelled
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_calibration_convert_and_show(recording: Path, tmp_path: Path) -> None:
    target = tmp_path / "Calib.toml"
    assert run("calibration", "convert", recording / "calibration.toml", target, "--to", "pose2sim").exit_code == 0
    shown = run("calibration", "show", target, "--json")
    names = [camera["name"] for camera in json.loads(shown.stdout)["cameras"]]
    assert names == ["cam_1", "cam_2", "cam_3", "cam_4"]
    assert "cam_3" in run("calibration", "show", target).stdout


def test_export_of_a_finished_run(recording: Path, tmp_path: Path) -> None:
    figures = json.loads(run("process", recording, "--preset", "fast", "--json").stdout)
    written = run("export", figures["run"], "--formats", "bvh, trc", "--out", tmp_path / "files", "--json")
    assert written.exit_code == 0, written.output
    assert {Path(f).suffix for done in json.loads(written.stdout).values() for f in done["files"]} == {
        ".bvh",
        ".trc",
    }
    unknown = run("export", figures["run"], "--formats", "xyz", "--out", tmp_path / "files")
    assert unknown.exit_code == 1
    assert "trc" in unknown.stderr


def test_models_are_listed() -> None:
    models = json.loads(run("models", "list", "--json").stdout)["models"]
    assert {"movenet_multipose", "pose_landmark_heavy"} <= {model["name"] for model in models}
    assert all(model["licence"] for model in models)


def test_doctor_says_what_to_do() -> None:
    result = run("doctor", "--json")
    findings = json.loads(result.stdout)["findings"]
    assert {"ok", "missing", "broken"} >= {finding["state"] for finding in findings}
    assert all(finding["remedy"] for finding in findings if finding["state"] == "broken")


def test_studio_without_its_extra_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(*_args: object) -> None:
        raise MissingExtraError("Rendering needs the package 'anny'.", extra="studio")

    monkeypatch.setattr("mocap.studio.render", missing)
    result = run("studio", "render", tmp_path / "film")
    assert result.exit_code == 1
    assert "openmocap[studio]" in result.stderr
    assert run("studio", "render", tmp_path / "film", "--size", "big").exit_code == 1


def test_version() -> None:
    assert run("--version").stdout.strip() == __version__


def test_a_library_that_does_not_load_is_explained() -> None:
    hide = (
        "import sys; sys.modules['cv2'] = None; from mocap.cli import main; sys.argv = ['mocap', 'doctor']; main()"
    )
    done = subprocess.run([sys.executable, "-c", hide], capture_output=True, text=True)
    assert done.returncode == 1
    assert "cannot be loaded" in done.stderr
    assert "Traceback" not in done.stderr


def test_names_in_brackets_are_shown_as_they_are(recording: Path, tmp_path: Path) -> None:
    odd = recording.rename(recording.with_name("walk [red] 1"))
    result = run("process", odd, "--preset", "fast")
    assert result.exit_code == 0, result.output
    assert "walk [red] 1" in result.stdout
    assert run("calibration", "convert", odd / "calibration.toml", tmp_path, "--to", "anipose").exit_code == 1
