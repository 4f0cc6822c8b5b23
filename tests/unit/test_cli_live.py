"""``mocap live``: figures as JSON, lines without a display, errors in words."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from calibration.formats import save_rig
from mocap.capture import addresses
from mocap.cli.app import app
from mocap.pipeline import live
from tests.conftest import ring_rig
from tests.factories import make_motion
from tests.live_rig import FakeCamera, KnowingDetector, maker

RIG = ring_rig()
RATE_HZ, FRAMES = 40.0, 50


@pytest.fixture
def rig_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Calibration of cameras that show somebody, and a detector that finds them."""
    start: list[int] = []
    cameras = {name: FakeCamera(name, RATE_HZ, FRAMES, start) for name in RIG.names}
    detector = KnowingDetector(make_motion(FRAMES, RATE_HZ), RIG)
    monkeypatch.setattr(addresses, "open_sources", lambda given, wishes: {name: cameras[name] for name in given})
    monkeypatch.setattr(live, "CapturedSource", lambda name, camera, turn: camera)
    monkeypatch.setattr(live, "LiveSetup", partial(live.LiveSetup, make_detector=maker(detector)))
    path = tmp_path / "rig.toml"
    save_rig(RIG, path, "anipose")
    return path


def run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["live", *words])
    return done.exit_code, done.stdout, done.stderr


def test_json_is_one_object_of_figures(rig_file: Path) -> None:
    code, stdout, _ = run("-s", ",".join(RIG.names), "-c", str(rig_file), "--json")
    assert code == 0
    told = json.loads(stdout)
    assert told["poses"] > 5
    assert 0 < told["rate_hz"] < 1.1 * RATE_HZ
    assert [camera["arrived"] for camera in told["cameras"]] == [FRAMES] * 4
    whole = told["stages_ms"]["glass to pose"]
    assert 0 < whole["p50"] <= whole["p95"] <= whole["p99"]


def test_lines_name_people_angles_and_times(rig_file: Path) -> None:
    code, stdout, stderr = run(
        "-s", "cam_1", "-s", "cam_2", "-c", str(rig_file), "--headless", "--target", "left_knee_flexion:20"
    )
    assert code == 0
    assert "glass to pose" in stdout
    assert "no more pictures" in stderr


def test_cameras_that_never_show_anything_are_told_of(rig_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = {name: FakeCamera(name, RATE_HZ, FRAMES, [], stalls_at=0) for name in RIG.names}
    monkeypatch.setattr(addresses, "open_sources", lambda given, wishes: {name: silent[name] for name in given})
    _, stdout, stderr = run("-s", "cam_1,cam_2", "-c", str(rig_file), "--headless", "--duration", "0.5")
    assert "Nobody could be followed" in stderr
    assert "p95" not in stdout


def test_it_stops_after_the_time_that_was_asked_for(rig_file: Path) -> None:
    _, stdout, _ = run("-s", ",".join(RIG.names), "-c", str(rig_file), "--json", "--duration", "0.4")
    assert all(camera["arrived"] < FRAMES for camera in json.loads(stdout)["cameras"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-s", "cam_1"), "at least two cameras"),
        (("-s", "cam_1,cam_2", "--target", "tail:1"), "no joint angle 'tail'"),
        (("-s", "cam_1,cam_2", "--target", "x:1:2:3"), "no target"),
        (("-s", "cam_1,cam_2", "--stream", "smoke"), "no stream"),
    ],
)
def test_what_is_wrong_is_said(rig_file: Path, words: tuple[str, ...], said: str) -> None:
    code, stdout, _ = run(*words, "-c", str(rig_file), "--json")
    assert code == 1
    error = json.loads(stdout)["error"]
    assert said in error["what"] + error["remedy"]
