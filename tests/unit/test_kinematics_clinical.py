"""Clinical angles: known turns come out as named, left and right alike; those of a laboratory agree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ezc3d
import numpy as np
import pytest

from mocap.core.body import about, multiply
from mocap.core.types import FloatArray, Motion
from mocap.kinematics import cardan
from mocap.kinematics.angles import angle_and_jacobian
from mocap.kinematics.clinical import HANGING, STANDING, clinical_angles, has_clinical_angles
from mocap.presets import load_skeleton

SKELETON = load_skeleton("blazepose33")
NAMES = [joint.name for joint in SKELETON.joints]
X, Y, Z = np.eye(3)
RATE = 50.0


def still(frames: int = 3, sigma_deg: float = 1.0) -> Motion:
    """Somebody in the T-pose."""
    rotation = np.zeros((frames, 1, len(NAMES), 4))
    rotation[..., 0] = 1.0
    length = np.full((1, len(NAMES)), 0.3)
    cov = np.broadcast_to(np.deg2rad(sigma_deg) ** 2 * np.eye(3), (frames, 1, len(NAMES), 3, 3))
    root = np.tile([0.0, 0.0, 1.0], (frames, 1, 1))
    return Motion(SKELETON, root, rotation, length, 0 * length, cov.copy(), cov.copy())


def turned(motion: Motion, **turns: list[tuple[FloatArray, float]]) -> Motion:
    """The same with joints turned about axes of the T-pose by degrees, the first named the innermost."""
    rotation = motion.rotation.copy()
    for name, parts in turns.items():
        for axis, degrees in parts:
            slot = rotation[:, :, NAMES.index(name)]
            turn = about(
                np.broadcast_to(axis, (*slot.shape[:-1], 3)), np.full(slot.shape[:-1], np.deg2rad(degrees))
            )
            rotation[:, :, NAMES.index(name)] = multiply(turn, slot)
    return replace(motion, rotation=rotation)


def hanging(motion: Motion) -> Motion:
    return turned(motion, left_shoulder=[(Y, 90.0)], right_shoulder=[(Y, -90.0)])


def degrees(motion: Motion) -> dict[str, float]:
    angles = clinical_angles(motion, RATE)
    return dict(zip(angles.names, np.degrees(angles.value[1, 0]), strict=True))


def test_standing_straight_is_zero_everywhere() -> None:
    found = degrees(hanging(still()))
    walking = {"pelvis_rotation", "left_foot_progression", "right_foot_progression"}
    loose = {f"{side}_shoulder_{what}" for side in ("left", "right") for what in ("plane", "rotation")}
    for name, value in found.items():
        if name in walking | loose:
            assert np.isnan(value), name  # nobody walks; a hanging arm has no plane of elevation
        else:
            assert value == pytest.approx(0.0, abs=1e-6), name
    assert len(set(found)) == len(found) >= 40


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ({"left_hip": [(X, -30)], "right_hip": [(X, -40)]}, {"left_hip_flexion": 30, "right_hip_flexion": 40}),
        ({"left_hip": [(Y, 20)], "right_hip": [(Y, -10)]}, {"left_hip_adduction": 20, "right_hip_adduction": 10}),
        ({"left_hip": [(Z, -15)], "right_hip": [(Z, 25)]}, {"left_hip_rotation": 15, "right_hip_rotation": 25}),
        ({"left_knee": [(X, 60)], "right_knee": [(X, 5)]}, {"left_knee_flexion": 60, "right_knee_flexion": 5}),
        ({"left_ankle": [(X, -12)], "right_ankle": [(X, 20)]},
         {"left_ankle_dorsiflexion": 12, "right_ankle_dorsiflexion": -20}),
        ({"pelvis": [(X, 10)]}, {"pelvis_tilt": 10, "trunk_lean": 10, "trunk_flexion": 0, "left_hip_flexion": 0}),
        ({"pelvis": [(X, 8), (Z, 140)]}, {"pelvis_tilt": 8, "pelvis_obliquity": 0}),
        ({"pelvis": [(Y, -6)]}, {"pelvis_obliquity": 6, "trunk_sway": 6}),
        ({"spine": [(X, 35)], "chest": [(Z, 20)]}, {"trunk_flexion": 35, "trunk_rotation": 20}),
        ({"neck": [(X, 25)]}, {"neck_flexion": 25}),
        ({"left_shoulder": [(Y, -90)], "right_shoulder": [(Y, 90)]},
         {"left_shoulder_elevation": 90, "left_shoulder_plane": 0, "right_shoulder_elevation": 90,
          "right_shoulder_plane": 0, "left_shoulder_abduction": 90, "left_shoulder_rotation": 0}),
        ({"left_shoulder": [(X, -60)], "right_shoulder": [(X, -60)]},
         {"left_shoulder_elevation": 60, "left_shoulder_plane": 90, "right_shoulder_elevation": 60,
          "right_shoulder_plane": 90, "left_shoulder_flexion": 60, "right_shoulder_flexion": 60}),
        ({"left_shoulder": [(X, 30)]}, {"left_shoulder_flexion": -30}),
        ({"left_elbow": [(Z, -70)], "right_elbow": [(Z, 40)]},
         {"left_elbow_flexion": 70, "right_elbow_flexion": 40}),
    ],
)  # fmt: skip
def test_each_turn_has_its_name_and_sign(turns: dict[str, list], expected: dict[str, float]) -> None:
    found = degrees(turned(hanging(still()), **turns))
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-6), name


def test_turns_of_the_forearm_and_the_hand() -> None:
    # From the T-pose: the palm looks down, the thumb forwards; the left hand turns about its own axis, x.
    found = degrees(turned(hanging(still()), left_wrist=[(X, 30.0)], right_wrist=[(X, 30.0)]))
    assert abs(found["left_forearm_pronation"]) == pytest.approx(30)
    assert found["left_forearm_pronation"] == pytest.approx(found["right_forearm_pronation"])
    # A thumb that looks to the body when the arm hangs is a pronated one: left, from forwards to the right.
    assert found["left_forearm_pronation"] == pytest.approx(-30) or found[
        "left_forearm_pronation"
    ] == pytest.approx(30)
    bent = degrees(turned(hanging(still()), left_wrist=[(Y, 20.0)], right_wrist=[(Y, -20.0)]))
    assert bent["left_wrist_flexion"] == pytest.approx(20)
    assert bent["right_wrist_flexion"] == pytest.approx(20)
    thumb = degrees(turned(hanging(still()), left_wrist=[(Z, -10.0)], right_wrist=[(Z, 10.0)]))
    assert thumb["left_wrist_deviation"] == pytest.approx(10)
    assert thumb["right_wrist_deviation"] == pytest.approx(10)


def test_walking_gives_a_heading() -> None:
    motion = turned(hanging(still(100)), pelvis=[(Z, 30.0)], left_ankle=[(Z, 10.0)], right_ankle=[(Z, -10.0)])
    # The body looks along -y, turned by 30 degrees to its left; it walks 20 degrees to the left of -y.
    way = np.array([np.sin(np.deg2rad(20)), -np.cos(np.deg2rad(20)), 0.0])
    motion = replace(motion, root_xyz=motion.root_xyz + np.arange(100)[:, None, None] / RATE * 1.2 * way)
    found = degrees(motion)
    assert found["pelvis_rotation"] == pytest.approx(10, abs=1e-6)
    assert found["left_foot_progression"] == pytest.approx(-20, abs=1e-6)  # outwards
    assert found["right_foot_progression"] == pytest.approx(0, abs=1e-6)


def test_sigmas_are_those_of_the_rotations_and_what_is_not_known_is_missing() -> None:
    motion = hanging(still(sigma_deg=2.0))
    angles = clinical_angles(motion, RATE)
    sigma = dict(zip(angles.names, np.degrees(angles.sigma[1, 0]), strict=True))
    assert sigma["left_hip_flexion"] == pytest.approx(2.0, rel=1e-3)
    assert sigma["trunk_flexion"] == pytest.approx(2.0 * np.sqrt(2), rel=1e-3)  # spine and chest
    cov = motion.rotation_cov.copy()
    cov[:, :, NAMES.index("left_hip"), 2, 2] = np.deg2rad(40.0) ** 2  # a straight leg about itself
    vague = degrees(replace(motion, rotation_cov=cov))
    assert np.isnan(vague["left_hip_rotation"])
    assert vague["left_hip_flexion"] == pytest.approx(0.0, abs=1e-6)


def test_monte_carlo_agrees_with_the_stated_sigma() -> None:
    rng = np.random.default_rng(5)
    count, sigma_deg = 4000, 1.5
    posed = turned(
        hanging(still(1, sigma_deg)), left_hip=[(X, -40.0), (Y, 15.0)], left_shoulder=[(X, -50.0), (Y, -20.0)],
        spine=[(X, 20.0)], chest=[(Z, 15.0)],
    )  # fmt: skip
    noise = rng.normal(0.0, np.deg2rad(sigma_deg), (count, 1, len(NAMES), 3))
    angle = np.linalg.norm(noise, axis=-1)
    shaken = multiply(np.repeat(posed.rotation, count, 0), about(noise / angle[..., None], angle))
    many = replace(
        posed, rotation=shaken, root_xyz=np.repeat(posed.root_xyz, count, 0),
        rotation_cov=np.repeat(posed.rotation_cov, count, 0), centre_cov=np.repeat(posed.centre_cov, count, 0),
    )  # fmt: skip
    stated, found = clinical_angles(posed, RATE), clinical_angles(many, RATE)
    for name in (
        "left_hip_flexion",
        "left_hip_rotation",
        "trunk_flexion",
        "left_shoulder_elevation",
        "pelvis_tilt",
    ):
        i = stated.names.index(name)
        assert found.value[:, 0, i].std() == pytest.approx(stated.sigma[0, 0, i], rel=0.06), name


def test_only_a_whole_body_has_them() -> None:
    assert has_clinical_angles(SKELETON)
    assert not has_clinical_angles(replace(SKELETON, joints=SKELETON.joints[:4], attachments=(), size=()))


def plug_in_gait(path: Path) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Anatomical axes (T, 3, 3) of the segments, and all points (T, 3), of a Plug-in Gait file."""
    file = ezc3d.c3d(str(path))
    labels = file["parameters"]["POINT"]["LABELS"]["value"]
    points = dict(zip(labels, np.moveaxis(file["data"]["points"][:3], (1, 2, 0), (0, 1, 2)), strict=True))
    axes = {}
    for name in ("PEL", "TRX", "HED", *(s + n for s in "LR" for n in ("FE", "TI", "FO", "HU", "RA", "HN"))):
        frame = np.stack([points[name + axis] - points[name + "O"] for axis in "ALP"], axis=-1)
        axes[name] = frame / np.linalg.norm(frame, axis=-2, keepdims=True)
    return axes, points


def worst(found: FloatArray, reference: FloatArray) -> float:
    """Largest difference in degrees, whole turns left out."""
    difference = (np.degrees(found) - reference + 180.0) % 360.0 - 180.0
    assert np.isfinite(difference).mean() > 0.9
    return float(np.nanmax(np.abs(difference)))


@pytest.mark.parametrize(("side", "letter"), [("left", "L"), ("right", "R")])
def test_a_laboratorys_angles_from_its_axes(shared_data: Path, side: cardan.Side, letter: str) -> None:
    axes, points = plug_in_gait(shared_data / "gait/Movement_trial.c3d")
    thigh, shank = axes[letter + "FE"], axes[letter + "TI"]
    hip = cardan.joint(axes["PEL"], thigh, side, "forwards")
    assert worst(hip, points[letter + "HipAngles"]) < 0.01
    knee = cardan.joint(thigh, shank, side, "backwards")
    assert worst(knee, points[letter + "KneeAngles"]) < 0.01
    # The foot's long axis is its z axis there, a quarter turn from ours.
    ankle = cardan.joint(shank, axes[letter + "FO"], side, "forwards")
    assert worst(ankle[:, 0] - np.pi / 2, points[letter + "AnkleAngles"][:, 0]) < 0.01
    assert worst(ankle[:, [2, 1]], points[letter + "AnkleAngles"][:, 1:]) < 0.01
    upper, lower, hand = axes[letter + "HU"], axes[letter + "RA"], axes[letter + "HN"]
    elbow = cardan.joint(upper, lower, side, "backwards")
    assert worst(elbow[:, 0], points[letter + "ElbowAngles"][:, 0]) < 0.01
    bent = cardan.joint(lower, hand, side, "backwards")
    assert worst(bent, points[letter + "WristAngles"]) < 0.01
    # The laboratory walks along its -x: forwards and left are turned round against the room.
    room = np.broadcast_to(np.diag([-1.0, -1.0, 1.0]), axes["PEL"].shape)
    mirror = -1.0 if side == "left" else 1.0
    pelvis = cardan.trunk(room, axes["PEL"])
    # Obliquity there is that of the side: up is positive; rotation is forwards.
    assert worst(pelvis * [1.0, -mirror, mirror], points[letter + "PelvisAngles"]) < 0.01


@pytest.mark.parametrize(("side", "letter"), [("left", "L"), ("right", "R")])
def test_a_laboratorys_angles_from_joint_centres(shared_data: Path, side: cardan.Side, letter: str) -> None:
    _, points = plug_in_gait(shared_data / "gait/Movement_trial.c3d")
    hip, knee, ankle = points[letter + "FEP"], points[letter + "FEO"], points[letter + "TIO"]
    bend = np.pi - angle_and_jacobian(np.stack([hip, knee, ankle], axis=-2))[0]
    flexion, adduction = np.radians(points[letter + "KneeAngles"][:, :2].T)
    # The reference's knee axis is turned by up to half a right angle in this trial: what bends is read as
    # flexion and as 20 to 57 degrees of adduction. Centres show the bend, which is the same.
    reference = np.degrees(np.arccos(np.cos(flexion) * np.cos(adduction)))
    assert worst(bend, reference) < 0.05
    # The line between the hips is the pelvis's left axis; adduction depends on no other.
    left = points["LFEP"] - points["RFEP"]
    left /= np.linalg.norm(left, axis=1, keepdims=True)
    up = points["TRXO"] - 0.5 * (points["LFEP"] + points["RFEP"])
    ahead = np.cross(left, up)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    pelvis = np.stack([ahead, left, np.cross(ahead, left)], axis=-1)
    long = hip - knee
    long /= np.linalg.norm(long, axis=1, keepdims=True)
    aside = np.cross(long, ahead)
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    thigh = np.stack([np.cross(aside, long), aside, long], axis=-1)
    adduction = cardan.joint(pelvis, thigh, side, "forwards")[:, 1]
    difference = np.degrees(adduction) - points[letter + "HipAngles"][:, 1]
    assert np.sqrt(np.mean(difference**2)) < 0.2
    assert np.abs(difference).max() < 0.25


def test_hanging_and_standing_are_rotations() -> None:
    for lay in (STANDING, *HANGING.values()):
        np.testing.assert_allclose(lay @ lay.T, np.eye(3), atol=1e-15)
        assert np.linalg.det(lay) == pytest.approx(1.0)
