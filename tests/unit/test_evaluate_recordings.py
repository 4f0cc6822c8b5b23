"""Reading results and truth, bringing them to the same instants and joints, and the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mocap.cli.app import app
from mocap.core.errors import InputError
from mocap.core.types import SyncTable
from mocap.evaluate import Recording, evaluate, read_recording
from mocap.export.c3d import C3dExporter
from mocap.export.csv import CsvExporter
from mocap.export.trc import TrcExporter
from mocap.session import save
from tests.factories import make_take

EXPORTERS = {
    "c3d": (C3dExporter(), "walk.c3d"),
    "trc": (TrcExporter(), "walk.trc"),
    "csv": (CsvExporter(), "walk.points.csv"),
}


def recording(rate_hz: float = 50.0, seconds: float = 2.0, names: tuple[str, ...] = ("a", "b")) -> Recording:
    t_s = np.arange(round(seconds * rate_hz)) / rate_hz
    steps = np.arange(len(names))[None, None, :, None]
    return Recording(names, t_s, t_s[:, None, None, None] * [1.0, 2.0, 0.5] + steps)


@pytest.mark.parametrize("kind", ["c3d", "trc", "csv"])
def test_our_exports_come_back(kind: str, tmp_path: Path) -> None:
    take = make_take(frames=20, gap=("left_wrist", slice(5, 8)))
    exporter, name = EXPORTERS[kind]
    exporter.write(take, 0, tmp_path, "walk")
    found = read_recording([tmp_path / name])
    assert found.names == take.points.skeleton.keypoints
    np.testing.assert_allclose(found.xyz, take.points.xyz, atol=1e-6)
    np.testing.assert_allclose(found.t_s, take.t_s, atol=1e-6)


def test_npz_needs_names_and_a_clock(tmp_path: Path) -> None:
    made = recording()
    path = tmp_path / "truth.npz"
    np.savez(path, xyz=made.xyz[:, 0], names=np.array(made.names), rate_hz=50.0)
    found = read_recording([path])
    np.testing.assert_allclose(found.xyz, made.xyz)
    np.testing.assert_allclose(found.t_s, made.t_s)
    np.savez(path, xyz=made.xyz)
    with pytest.raises(InputError, match="cannot be read"):
        read_recording([path])


def test_a_run_is_read_as_the_pipeline_stores_it(tmp_path: Path) -> None:
    take = make_take(frames=12, people=2)
    rows = np.arange(12)[:, None]
    save(tmp_path / "points3d.npz", take.points, "key", 0.0)
    save(tmp_path / "sync.npz", SyncTable.of_one_clock(("cam",), take.t_s, rows), "key", 0.0)
    found = read_recording([tmp_path])
    assert found.names == take.points.skeleton.keypoints
    np.testing.assert_array_equal(found.xyz, take.points.xyz)
    np.testing.assert_array_equal(found.t_s, take.t_s)
    (tmp_path / "sync.npz").unlink()
    with pytest.raises(InputError, match="no sync"):
        read_recording([tmp_path])


def test_another_axis_up_is_turned(tmp_path: Path) -> None:
    path = tmp_path / "truth.npz"
    np.savez(path, xyz=np.array([[[1.0, 2.0, 3.0]]]), names=np.array(["a"]), rate_hz=1.0)
    np.testing.assert_array_equal(read_recording([path], y_up=True).xyz[0, 0, 0], [1.0, -3.0, 2.0])


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    for name, length in (("one", 5), ("two", 6)):
        np.savez(tmp_path / f"{name}.npz", xyz=np.zeros((length, 1, 3)), names=np.array(["a"]), rate_hz=1.0)
    with pytest.raises(InputError, match="other instants"):
        read_recording([tmp_path / "one.npz", tmp_path / "two.npz"])
    with pytest.raises(InputError, match="no such file"):
        read_recording([tmp_path / "three.npz"])


@pytest.mark.parametrize(("slow", "fast"), [(30.0, 100.0), (100.0, 30.0)])
def test_rates_may_differ(slow: float, fast: float) -> None:
    score = evaluate(recording(slow), recording(fast))
    # A straight motion is interpolated exactly; at the end at most one slow period is not covered.
    assert score.mpjpe.found_m == pytest.approx(0.0, abs=1e-9)
    assert score.mpjpe.missing_share < 0.05
    assert score.instants <= 61


def test_a_clock_that_is_off_is_told() -> None:
    made = recording()
    late = Recording(made.names, made.t_s + 0.4, made.xyz)
    assert evaluate(late, made, offset_s=0.4).mpjpe.mean_m == pytest.approx(0.0, abs=1e-9)
    assert evaluate(late, made).mpjpe.mean_m > 0.4


@pytest.mark.parametrize("rate_hz", [50.0, 20.0])
def test_where_the_result_ends_everybody_is_missed(rate_hz: float) -> None:
    half = recording(rate_hz, seconds=1.0)
    score = evaluate(half, recording(seconds=2.0))
    assert score.mpjpe.missing_share == pytest.approx(0.5, abs=0.03)
    assert score.identities.misses == pytest.approx(score.instants / 2, abs=1)


def test_joints_are_had_by_definition() -> None:
    names = ("left_hip", "right_hip", "nose")
    truth = Recording(("pelvis", "left_knee"), np.arange(3.0), np.zeros((3, 1, 2, 3)))
    xyz = np.zeros((3, 1, 3, 3))
    xyz[:, :, 0, 0], xyz[:, :, 1, 0] = 0.1, -0.1
    score = evaluate(Recording(names, np.arange(3.0), xyz), truth)
    assert score.joints == ("pelvis",)
    assert score.unmapped == ("left_knee",)
    assert score.mpjpe.mean_m == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(InputError, match="no joint in common"):
        evaluate(Recording(("tail",), np.arange(3.0), xyz[:, :, :1]), truth)


def test_another_world_is_brought_over() -> None:
    take = make_take(frames=20)
    truth = Recording(take.points.skeleton.keypoints, take.t_s, take.points.xyz)
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    moved = Recording(truth.names, truth.t_s, truth.xyz @ turn.T + [3.0, 0, 0])
    assert evaluate(moved, truth).mpjpe.missing_share == 1.0
    assert evaluate(moved, truth, alignment="rigid").mpjpe.mean_m == pytest.approx(0.0, abs=1e-9)


def test_the_command_says_what_the_functions_say(tmp_path: Path) -> None:
    take = make_take(frames=20)
    TrcExporter().write(take, 0, tmp_path, "walk")
    np.savez(
        tmp_path / "truth.npz",
        xyz=take.points.xyz + np.array([0.03, 0.0, 0.04]),
        names=np.array(take.points.skeleton.keypoints),
        t_s=take.t_s,
    )
    command = ["evaluate", str(tmp_path / "walk.trc"), "--truth", str(tmp_path / "truth.npz")]
    done = CliRunner().invoke(app, [*command, "--json"])
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)
    assert figures["mpjpe"]["mean_m"] == pytest.approx(0.05, abs=1e-5)
    assert figures["pa_mpjpe"]["mean_m"] == pytest.approx(0.0, abs=1e-5)
    assert figures["parts"]["mean"] == 1.0
    assert figures["identities"]["switches"] == 0
    assert "50.0 mm" in CliRunner().invoke(app, command).stdout
    wrong = CliRunner().invoke(app, ["evaluate", "nowhere.npz", "--truth", "nowhere.npz", "--json"])
    assert wrong.exit_code == 1
    assert "no such file" in json.loads(wrong.stdout)["error"]["what"]
