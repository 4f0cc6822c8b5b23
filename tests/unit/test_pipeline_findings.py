"""Events and figures of a motion, their way to disk and into the summary."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mocap.core.errors import InputError
from mocap.core.measures import Cycles, Event, Findings, Measure, PeopleFindings
from mocap.core.types import FloatArray, JointAngles, Motion, SyncTable
from mocap.kinematics.mass import mass_centre
from mocap.pipeline.findings import (
    Moved,
    angles_of,
    as_known,
    event_times,
    findings_of,
    mass_centre_of,
    measure_figures,
    with_reading,
)
from mocap.pipeline.settings import KinematicsSettings, load_settings
from mocap.presets import load_skeleton
from mocap.session import SessionFolder, SessionManifest, load, save, write_manifest
from tests.factories import make_motion, points_of

RATE = 60.0


def moved(motion: Motion, angles: JointAngles | None = None) -> Moved:
    t_s = np.arange(motion.root_xyz.shape[0]) / RATE
    sync = SyncTable.of_one_clock(("a",), t_s, np.arange(t_s.shape[0])[:, None])
    points = points_of(motion)
    people = tuple(f"person_{n + 1}" for n in range(motion.root_xyz.shape[1]))
    return Moved(people, sync, points, motion, angles or angles_of(points, motion, RATE), mass_centre(motion))


def known(motion: Motion) -> Motion:
    """The same with errors small enough for clinical angles to be stated."""
    shape = motion.rotation.shape[:3]
    return replace(motion, rotation_cov=np.broadcast_to(1e-4 * np.eye(3), (*shape, 3, 3)).copy())


def by_name(found: Findings) -> dict[str, FloatArray]:
    return {f"{m.side}_{m.name}" if m.side else m.name: m.values for m in found.measures}


def test_clinical_angles_where_the_body_has_the_joints_else_angles_of_three_points() -> None:
    motion = known(make_motion(60))
    clinical = angles_of(points_of(motion), motion, RATE)
    assert "left_hip_rotation" in clinical.names
    assert np.isfinite(clinical.rate).any()
    plain = load_skeleton("h36m17")
    joints = [joint.name for joint in motion.skeleton.joints]
    kept = [joint for joint in motion.skeleton.joints if not joint.name.endswith(("ankle", "toe"))]
    order = [joints.index(joint.name) for joint in kept]
    skeleton = replace(motion.skeleton, joints=tuple(kept), attachments=(), size=(), ground=())
    other = Motion(
        skeleton, motion.root_xyz, motion.rotation[:, :, order], motion.bone_length[:, order],
        motion.bone_length_sigma[:, order],
    )  # fmt: skip
    assert plain.name != skeleton.name
    three = angles_of(replace(points_of(motion), skeleton=skeleton), other, RATE)
    assert three.names == tuple(angle.name for angle in skeleton.angles)


def test_repetitions_and_ranges_of_everybody() -> None:
    motion = known(make_motion(300, RATE, people=2))
    found = findings_of(moved(motion), KinematicsSettings(repetitions=("left_knee_flexion",)))
    assert found.people == ("person_1", "person_2")
    for n, one in enumerate(found.found):
        values = by_name(one)
        # Knees of the made-up walk bend between 0.2 and 1.0 rad, 0.9 times a second.
        assert values["left_knee_flexion_range"] == pytest.approx(np.degrees(0.8), abs=0.5)
        assert values["left_knee_flexion_repetitions"].tolist() == [4], n
        assert values["left_knee_flexion_repetition_time"].shape == (4,)


def test_an_angle_that_does_not_exist_is_named() -> None:
    with pytest.raises(InputError, match="left_tail") as caught:
        findings_of(moved(known(make_motion(60))), KinematicsSettings(repetitions=("left_tail",)))
    assert "left_knee_flexion" in caught.value.remedy


def squatting(frames: int = 420) -> Motion:
    """Three squats of two seconds after a second of standing, the feet staying where they are."""
    motion = known(make_motion(frames))
    names = [joint.name for joint in motion.skeleton.joints]
    bend = 0.5 * np.clip(1 - np.cos(np.pi * np.clip(np.arange(frames) / RATE - 0.5, 0.0, 6.0)), 0.0, 2.0)
    rotation = np.zeros_like(motion.rotation)
    rotation[..., 0] = 1.0
    half = 0.5 * bend  # of a thigh forwards and a shank backwards by one radian
    for side in ("left", "right"):
        for joint, angle in (("hip", -half), ("knee", 2 * half), ("ankle", -half)):
            rotation[:, 0, names.index(f"{side}_{joint}"), 0] = np.cos(0.5 * angle)
            rotation[:, 0, names.index(f"{side}_{joint}"), 1] = np.sin(0.5 * angle)
    lengths = motion.bone_length[0]
    drop = (lengths[names.index("left_knee")] + lengths[names.index("left_ankle")]) * (1 - np.cos(half))
    root = np.zeros_like(motion.root_xyz) + np.stack([0 * drop, 0 * drop, 0.95 - drop], axis=-1)[:, None]
    return replace(motion, rotation=rotation, root_xyz=root)


def test_squats_that_were_asked_for() -> None:
    motion = squatting()
    assert "squat_count" not in by_name(findings_of(moved(motion), KinematicsSettings()).found[0])
    values = by_name(findings_of(moved(motion), KinematicsSettings(tasks=("squat",))).found[0])
    assert values["squat_count"].tolist() == [3]
    names = [joint.name for joint in motion.skeleton.joints]
    legs = motion.bone_length[0][[names.index("left_knee"), names.index("left_ankle")]].sum()
    np.testing.assert_allclose(values["squat_depth"], legs * (1 - np.cos(0.5)), atol=2e-3)
    np.testing.assert_allclose(values["squat_knee_flexion"], np.degrees(1.0), atol=0.3)


def test_who_stands_makes_no_steps() -> None:
    found = findings_of(moved(squatting()), KinematicsSettings()).found[0]
    assert found.events == ()
    assert found.cycles == ()


FOUND = PeopleFindings(
    ("anna", "ben"),
    (
        Findings(
            (Event("foot_strike", "left", 1.23456, 0.01, True), Event("cough", None, 2.0)),
            (Measure("stride_length", "left", "m", np.array([1.2, 1.3])), Measure("jump_count", None, "times")),
            (Cycles("left_knee_flexion", "left", np.linspace(0, 1, 202).reshape(2, 101)),),
        ),
        Findings(),
    ),
)


def test_findings_come_back_from_disk(tmp_path: Path) -> None:
    save(tmp_path / "found.npz", FOUND, "key", 0.1)
    stored = load(tmp_path / "found.npz", PeopleFindings, "key")
    assert stored is not None
    again = stored.result
    assert again.people == FOUND.people
    strike, cough = again.found[0].events
    assert strike == FOUND.found[0].events[0]
    assert cough.side is None
    assert np.isnan(cough.sigma_s)
    np.testing.assert_array_equal(again.found[0].measures[0].values, [1.2, 1.3])
    assert again.found[0].measures[1].values.shape == (0,)
    np.testing.assert_array_equal(again.found[0].cycles[0].values, FOUND.found[0].cycles[0].values)
    assert again.found[1] == Findings()


def test_a_result_of_an_older_version_lacks_only_what_it_had_not(tmp_path: Path) -> None:
    angles = JointAngles(("knee",), np.ones((2, 1, 1)), np.ones((2, 1, 1)))
    save(tmp_path / "angles.npz", angles, "key", 0.1)
    with np.load(tmp_path / "angles.npz") as stored:
        older = {name: stored[name] for name in stored.files if not name.startswith("rate")}
    np.savez(tmp_path / "angles.npz", **older)
    again = load(tmp_path / "angles.npz", JointAngles)
    assert again is not None
    np.testing.assert_array_equal(again.result.value, angles.value)
    assert np.isnan(again.result.rate).all()


def test_the_summary_is_compact() -> None:
    assert event_times(FOUND) == {"anna": {"left_foot_strike": [1.235], "cough": [2.0]}, "ben": {}}
    figures = measure_figures(FOUND)
    assert list(figures["anna"]) == ["left_stride_length"]  # nothing of what has no value
    length = figures["anna"]["left_stride_length"]
    assert length.mean == pytest.approx(1.25)
    assert (length.n, length.unit) == (2, "m")
    assert length.sd == pytest.approx(np.std([1.2, 1.3], ddof=1))


def test_choices_on_the_command_line() -> None:
    settings = load_settings()
    assert settings.kinematics == KinematicsSettings()
    assert settings.kinematics.sex == "unknown"
    chosen = with_reading(settings, "female", ("jump",), ("neck_flexion",)).kinematics
    assert (chosen.sex, chosen.tasks, chosen.repetitions) == ("female", ("jump",), ("neck_flexion",))
    for wrong in ({"sex": "tall"}, {"tasks": ("nap",)}):
        with pytest.raises(InputError, match="is no choice"):
            with_reading(settings, **wrong)


def test_sex_moves_the_centre_of_mass() -> None:
    motion = make_motion(5)
    heights = [
        mass_centre_of(motion, KinematicsSettings(sex=sex)).xyz[0, 0, 2] for sex in ("female", "unknown", "male")
    ]
    assert heights[1] == pytest.approx(0.5 * (heights[0] + heights[2]))
    assert abs(heights[0] - heights[2]) > 0.003


def test_what_the_session_knows_of_the_person_is_used_unless_the_settings_say_it(tmp_path: Path) -> None:
    session = SessionFolder(tmp_path / "visit")
    trial, settings = session.trial("walk"), load_settings("fast")
    assert as_known(settings, trial) is settings
    write_manifest(session.manifest, SessionManifest(id="visit"))
    assert as_known(settings, trial) is settings
    write_manifest(session.manifest, SessionManifest(id="visit", sex="female"))
    assert as_known(settings, trial).kinematics.sex == "female"
    assert as_known(with_reading(settings, "male"), trial).kinematics.sex == "male"
