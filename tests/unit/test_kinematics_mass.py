"""Centre of mass and angular velocities with known answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ezc3d
import numpy as np
import pytest

from mocap.core.body import attached_keypoints, forward
from mocap.core.types import FloatArray, JointAngles, Motion
from mocap.kinematics import mass
from mocap.kinematics.mass import DEMPSTER, FEMALE, MALE, MassTable, Sex, mass_centre
from mocap.kinematics.rates import with_rates
from mocap.presets import load_skeleton
from tests.factories import make_motion

RATE = 60.0


def place(motion: Motion, name: str) -> FloatArray:
    return np.asarray(forward(motion)[:, :, [joint.name for joint in motion.skeleton.joints].index(name)])


@pytest.mark.parametrize("table", [FEMALE, MALE, DEMPSTER])
def test_shares_of_the_printed_tables_sum_to_one(table: object) -> None:
    assert getattr(table, "total") == pytest.approx(1.0, abs=2e-4)  # noqa: B009 - the type is private


def test_a_man_by_hand() -> None:
    """Segment by segment, with de Leva's figures for men written out again."""
    motion = make_motion(20)
    marks = attached_keypoints(motion)
    mark = {name: marks[:, :, motion.skeleton.index(name)[0]] for name in motion.skeleton.keypoints}
    middle = {
        pair: 0.5 * (place(motion, f"left_{pair}") + place(motion, f"right_{pair}"))
        for pair in ("shoulder", "hip")
    }
    total = 0.0694 * 0.5 * (mark["left_ear"] + mark["right_ear"])
    total = total + 0.4346 * (middle["shoulder"] + 0.4310 * (middle["hip"] - middle["shoulder"]))
    chains = [
        ("shoulder", "elbow", 0.0271, 0.5772), ("elbow", "wrist", 0.0162, 0.4574), ("wrist", "hand", 0.0061, 0.79),
        ("hip", "knee", 0.1416, 0.4095), ("knee", "ankle", 0.0433, 0.4395),
    ]  # fmt: skip
    for side in ("left", "right"):
        for first, second, part, share in chains:
            a, b = place(motion, f"{side}_{first}"), place(motion, f"{side}_{second}")
            total = total + part * (a + share * (b - a))
        a, b = mark[f"{side}_heel"], place(motion, f"{side}_toe")
        total = total + 0.0137 * (a + 0.4415 * (b - a))
    np.testing.assert_allclose(mass_centre(motion, "male").xyz, total, atol=1e-9)


@pytest.mark.parametrize("sex", ["female", "male", "unknown"])
@pytest.mark.parametrize("table", ["de_leva", "dempster"])
def test_it_goes_where_the_body_goes(sex: Sex, table: MassTable) -> None:
    """Weights that sum to 1 carry a shift over whole."""
    motion = make_motion(10)
    shift = np.array([1.0, -2.0, 0.5])
    moved = replace(motion, root_xyz=motion.root_xyz + shift)
    np.testing.assert_allclose(
        mass_centre(moved, sex, table).xyz - mass_centre(motion, sex, table).xyz, [[shift]] * 10, atol=1e-12
    )


def test_it_lies_in_the_pelvis_of_somebody_who_stands() -> None:
    """Standing men have it at 0.55 to 0.57 of their height; a T-pose lifts it by some centimetres."""
    motion = make_motion(1)
    still = replace(motion, rotation=np.tile([1.0, 0.0, 0.0, 0.0], (*motion.rotation.shape[:3], 1)))
    ground = attached_keypoints(still)[0, 0, still.skeleton.index("left_heel")[0], 2]
    height = mass_centre(still, "male").xyz[0, 0, 2] - ground
    hips = place(still, "left_hip")[0, 0, 2] - ground
    assert 1.02 * hips < height < 1.25 * hips


def test_a_missing_segment_leaves_none() -> None:
    motion = make_motion(10)
    names = [joint.name for joint in motion.skeleton.joints]
    rotation = motion.rotation.copy()
    rotation[3:6, 0, names.index("left_elbow")] = np.nan
    found = mass_centre(replace(motion, rotation=rotation))
    assert np.isnan(found.xyz[3:6]).all()
    assert np.isfinite(found.xyz[[0, 1, 2, 6, 7, 8, 9]]).all()


def test_a_skeleton_without_feet_has_none_and_one_without_hands_has() -> None:
    motion = make_motion(4)
    for name, expected in (("coco17", False), ("body25", True)):
        skeleton = load_skeleton(name)
        joints = [joint.name for joint in motion.skeleton.joints]
        order = [joints.index(joint.name) for joint in skeleton.joints]
        other = Motion(
            skeleton, motion.root_xyz, motion.rotation[:, :, order], motion.bone_length[:, order],
            motion.bone_length_sigma[:, order],
        )  # fmt: skip
        found = mass_centre(other).xyz
        assert np.isfinite(found).all() == expected
        if expected:
            # The hand that goes straight on, and a foot without a heel, are worth a few millimetres.
            assert np.abs(found - mass_centre(motion).xyz).max() < 0.01


def test_stated_uncertainty_holds_whether_errors_go_together_or_not() -> None:
    motion = make_motion(4)
    shape = motion.rotation.shape[:3]
    cov = np.broadcast_to(np.diag([0.01, 0.02, 0.03]) ** 2, (*shape, 3, 3)).copy()
    found = mass_centre(replace(motion, centre_cov=cov))
    # All joints off by the same error: exactly as much as each.
    np.testing.assert_allclose(np.sqrt(np.diagonal(found.cov[0, 0])), [0.01, 0.02, 0.03], rtol=1e-9)


def wave(t: FloatArray) -> JointAngles:
    value = (2.5 * np.sin(2 * np.pi * t) + 2.8 + np.pi) % (2 * np.pi) - np.pi  # jumps between +180 and -180
    return JointAngles(("a",), value[:, None, None], np.full((t.shape[0], 1, 1), 0.01))


def test_angular_velocity_of_a_wave_that_passes_half_a_circle() -> None:
    t = np.arange(240) / RATE
    found = with_rates(wave(t), RATE)
    true = 2.5 * 2 * np.pi * np.cos(2 * np.pi * t)
    known = np.isfinite(found.rate[:, 0, 0])
    assert 0.9 < known.mean() < 1.0
    np.testing.assert_allclose(found.rate[known, 0, 0], true[known], atol=0.01 * 2.5 * 2 * np.pi)


@pytest.mark.parametrize("last_hz", [2.0, 4.0, 6.0, 10.0, 30.0])
def test_stated_sigma_of_angular_velocity_is_not_exceeded(last_hz: float) -> None:
    """By errors flat up to any frequency; up to that which the filter passes, it is met."""
    t = np.arange(20_000) / RATE
    rng = np.random.default_rng(1)
    spectrum = np.fft.rfft(rng.normal(size=t.shape))
    spectrum[np.fft.rfftfreq(t.size, 1 / RATE) > last_hz] = 0.0
    error = np.fft.irfft(spectrum, t.size)
    error *= 0.01 / error.std()
    clean = wave(t)
    found = with_rates(replace(clean, value=clean.value + error[:, None, None]), RATE)
    ratio = np.nanstd(found.rate - with_rates(clean, RATE).rate) / found.rate_sigma[100, 0, 0]
    assert ratio < 1.03
    if last_hz == 6.0:
        assert ratio > 0.85


def test_no_velocity_beside_a_gap() -> None:
    t = np.arange(240) / RATE
    angles = wave(t)
    angles.value[100, 0, 0] = np.nan
    known = np.isfinite(with_rates(angles, RATE).rate[:, 0, 0])
    assert not known[95:106].any()
    assert known[60:90].all()
    assert known[115:150].all()


def test_beside_plug_in_gait(shared_data: Path) -> None:
    """A laboratory's centre of mass of a walk, from its own joint centres put through our weights.

    Plug-in Gait takes the trunk in two parts with other ends, which shifts the whole by some centimetres; the
    movement must be the same.
    """
    file = ezc3d.c3d(str(shared_data / "gait" / "Movement_trial.c3d"))
    labels = file["parameters"]["POINT"]["LABELS"]["value"]
    points = file["data"]["points"][:3].transpose(2, 1, 0) / 1000.0

    def at(label: str) -> FloatArray:
        return np.asarray(points[:, labels.index(label)])

    place = {"head": np.mean([at(name) for name in ("LFHD", "RFHD", "LBHD", "RBHD")], axis=0)}
    ends = {
        "shoulder": "CLO", "elbow": "HUO", "wrist": "RAO", "hand": "FIN", "hip": "FEP", "knee": "FEO",
        "ankle": "TIO", "toe": "TOE",
    }  # fmt: skip
    for side in ("left", "right"):
        place |= {f"{side}_{name}": at(side[0].upper() + label) for name, label in ends.items()}
    skeleton = replace(load_skeleton("blazepose33"), attachments=(), size=(), ground=())
    theirs = at("CentreOfMass")
    for table, farthest in (("dempster", 0.04), ("de_leva", 0.055)):
        weights = mass._weights(skeleton, "unknown", table)  # type: ignore[arg-type]
        assert weights is not None
        off = sum(weight * place[name] for name, weight in weights.items()) - theirs
        assert off.std(axis=0).max() < 0.003, table
        assert np.linalg.norm(off.mean(axis=0)) < farthest, table
