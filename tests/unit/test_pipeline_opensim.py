"""A model of OpenSim scaled and moved: names, pairs, errors; and the real program where it is there."""

from __future__ import annotations

import math
import os
import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from mocap.core.errors import ExportError, InputError
from mocap.core.measures import PeopleFindings
from mocap.core.summary import RunSummary
from mocap.core.types import SyncTable, Take
from mocap.pipeline import opensim
from mocap.pipeline.opensim import OpensimRequest, canonical, matched, measured_pairs, run_opensim
from mocap.presets import load_skeleton
from mocap.session import RunFolder, RunManifest, save, write_manifest
from tests.factories import make_take

BODIES = {
    "LHip": "pelvis", "RHip": "pelvis", "LKnee": "femur_l", "RKnee": "femur_r", "LAnkle": "tibia_l",
    "RAnkle": "tibia_r", "LHeel": "calcn_l", "RHeel": "calcn_r", "LBigToe": "toes_l", "RBigToe": "toes_r",
    "LShoulder": "torso", "RShoulder": "torso", "Sacrum": "pelvis",
}  # fmt: skip


@pytest.mark.parametrize("name", ["left_knee", "LKnee", "knee_l", "L_Knee", "Left.Knee", "l-knee"])
def test_ways_to_write_a_name(name: str) -> None:
    assert canonical(name) == ("left", "knee")


def test_names_without_a_side() -> None:
    assert canonical("Nose") == ("", "nose")
    assert canonical("Larynx") == ("", "larynx")


def test_markers_of_the_model_are_found_by_their_names() -> None:
    found = matched(load_skeleton("blazepose33"), tuple(BODIES))
    assert found["left_knee"] == "LKnee"
    assert found["right_foot_index"] == "RBigToe"
    assert "Sacrum" not in found.values()
    assert len(set(found.values())) == len(found) == 12


def test_bones_measure_the_body_at_their_far_end() -> None:
    skeleton = load_skeleton("blazepose33")
    pairs = measured_pairs(skeleton, matched(skeleton, tuple(BODIES)), BODIES)
    assert ("LHip", "LKnee", "femur_l") in pairs
    assert ("RKnee", "RAnkle", "tibia_r") in pairs
    assert ("LHip", "RHip", "pelvis") in pairs
    assert ("RHip", "RShoulder", "torso") in pairs
    assert {("LHeel", "LBigToe", "calcn_l"), ("LHeel", "LBigToe", "toes_l")} <= set(pairs)
    assert not any(near == "LAnkle" for near, _, _ in pairs)


def stored_run(folder: Path, take: Take) -> Path:
    """A finished run that holds a take."""
    run = RunFolder(folder)
    folder.mkdir()
    sync = SyncTable.of_one_clock(("a",), take.t_s, np.arange(take.t_s.shape[0])[:, None])
    found = PeopleFindings(take.people, take.findings)
    assert take.mass_centre is not None
    for name, result in (
        ("sync", sync), ("points3d", take.points), ("angles", take.angles), ("motion", take.motion),
        ("mass_centre", take.mass_centre), ("findings", found),
    ):  # fmt: skip
        save(run.stage(name), result, "key", 0.0)
    summary = RunSummary(
        trial="walk", run_id="1", cameras=("a",), frames=60, frames_3d=60, rate_hz=60.0, reproj_px_median=1.0,
        reproj_px_p90=1.0, reproj_px_per_camera={}, rejected_share_per_camera={}, bone_variation_percent=0.0,
        bone_length_m={}, sigma_mm_median=1.0, seconds={}, frames_per_s=1.0, views_per_s=1.0, detector="d",
        calibration="c", files={},
    )  # fmt: skip
    write_manifest(run.manifest, RunManifest(id="1", settings={}, inputs={}, summary=summary))
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    from dataclasses import replace

    from mocap.kinematics.mass import mass_centre

    take = make_take(60)
    return stored_run(tmp_path / "run", replace(take, mass_centre=mass_centre(take.motion)))


def program(folder: Path, script: str) -> str:
    """A Python that runs a script in the place of its own ``-c``, as if it had OpenSim."""
    path = folder / "python_with_opensim"
    path.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{script}' \"$@\"\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_model_that_is_not_there(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        run_opensim(OpensimRequest(run, tmp_path / "no.osim", tmp_path / "out"))


def test_without_opensim_it_says_what_to_install(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.osim").touch()
    monkeypatch.setenv(opensim.VARIABLE, "no-such-python")
    with pytest.raises(ExportError, match="no program"):
        run_opensim(OpensimRequest(run, tmp_path / "m.osim", tmp_path / "out"))
    if os.name == "posix":
        monkeypatch.setenv(opensim.VARIABLE, program(tmp_path, "raise SystemExit(1)"))
        with pytest.raises(ExportError, match="OpenSim was not found") as caught:
            run_opensim(OpensimRequest(run, tmp_path / "m.osim", tmp_path / "out"))
        assert "openmocap[opensim]" in caught.value.remedy


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for OpenSim's Python is a shell script")
def test_a_model_whose_markers_are_named_otherwise(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.osim").touch()
    answer = (
        'import json, sys; len(sys.argv) > 3 and json.dump({"markers": {"M1": "pelvis"}}, open(sys.argv[-1], "w"))'
    )
    monkeypatch.setenv(opensim.VARIABLE, program(tmp_path, answer))
    with pytest.raises(InputError, match="Only 0 markers") as caught:
        run_opensim(OpensimRequest(run, tmp_path / "m.osim", tmp_path / "out"))
    assert "M1" in caught.value.remedy
    with pytest.raises(InputError, match="no person 3"):
        run_opensim(OpensimRequest(run, tmp_path / "m.osim", tmp_path / "out", person=2))


MODEL = """
import opensim as osim, sys
model = osim.Model()
bodies = {}
def body(name, parent, at):
    made = osim.Body(name, 5.0, osim.Vec3(0), osim.Inertia(0.1, 0.1, 0.1))
    model.addBody(made)
    joint = (osim.FreeJoint if parent is None else osim.BallJoint)(
        name + "_joint", model.getGround() if parent is None else bodies[parent], osim.Vec3(*at), osim.Vec3(0),
        made, osim.Vec3(0), osim.Vec3(0))
    model.addJoint(joint)
    bodies[name] = made
def mark(name, on, at):
    model.addMarker(osim.Marker(name, bodies[on], osim.Vec3(*at)))
body("pelvis", None, (0, 0, 0))
body("torso", "pelvis", (0, 0, 0))
for side, s in (("L", -1), ("R", 1)):
    body("femur" + side, "pelvis", (0, 0, 0.1 * s))
    body("tibia" + side, "femur" + side, (0, -0.5, 0))
    mark(side + "Hip", "pelvis", (0, 0, 0.1 * s))
    mark(side + "Shoulder", "torso", (0, 0.5, 0.19 * s))
    mark(side + "Knee", "femur" + side, (0, -0.5, 0))
    mark(side + "Ankle", "tibia" + side, (0, -0.5, 0))
model.finalizeConnections()
model.printToXML(sys.argv[1])
"""


def test_opensim_scales_the_legs_to_ours_and_follows(run: Path, tmp_path: Path) -> None:
    """Of a model with legs of twice 0.5 m; ours are of 0.42 and 0.40 m."""
    import subprocess

    try:
        python = opensim.find_opensim()
    except ExportError:
        pytest.skip(f"needs OpenSim: set {opensim.VARIABLE} to a Python that has it")
    model = tmp_path / "legs.osim"
    subprocess.run([python, "-c", MODEL, str(model)], check=True, capture_output=True)
    done = run_opensim(OpensimRequest(run, model, tmp_path / "out"))
    assert done.scale["femurL"] == pytest.approx(0.42 / 0.5, abs=1e-3)
    assert done.scale["tibiaR"] == pytest.approx(0.40 / 0.5, abs=1e-3)
    assert done.model.is_file()
    # Ball joints follow every pose of legs whose sizes are right; the trunk leans sideways on a spine of its own.
    assert done.marker_rms_m < 0.02
    assert math.isfinite(done.marker_max_m)
    assert "nRows=60" in done.motion.read_text()
