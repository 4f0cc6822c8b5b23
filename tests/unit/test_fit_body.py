from dataclasses import replace

import numpy as np
import pytest

from mocap.core import body
from mocap.core.types import FloatArray, Points3D
from mocap.fit.body import TWIST_STEP_RAD, fit_body, weighted_median
from mocap.presets import load_skeleton
from tests.factories import make_motion, points_of, with_gap


def angle_between(p: FloatArray, q: FloatArray) -> FloatArray:
    """Angle of the turn between two rotations, rad."""
    return np.asarray(
        2 * np.arcsin(np.clip(np.linalg.norm(body.multiply(body.conjugate(p), q)[..., 1:], axis=-1), 0, 1))
    )


def joint(points: Points3D, name: str) -> int:
    return [j.name for j in points.skeleton.joints].index(name)


def test_quaternions_agree_with_scipy() -> None:
    from scipy.spatial.transform import Rotation

    rng = np.random.default_rng(1)
    p, q = (Rotation.random(200, random_state=rng) for _ in range(2))
    pq, qq = (np.roll(r.as_quat(), 1, axis=1) for r in (p, q))
    v = rng.normal(size=(200, 3))
    assert np.allclose(body.to_matrix(body.multiply(pq, qq)), (p * q).as_matrix(), atol=1e-12)
    assert np.allclose(body.rotate(pq, v), p.apply(v), atol=1e-12)
    assert np.allclose(body.to_matrix(body.from_matrix(p.as_matrix())), p.as_matrix(), atol=1e-12)
    half_turns = Rotation.from_rotvec(np.pi * np.eye(3)).as_matrix()
    assert np.allclose(body.to_matrix(body.from_matrix(half_turns)), half_turns, atol=1e-12)
    assert np.allclose(
        body.rotate(body.swing(body.unit(v), body.unit(-v)), body.unit(v)), body.unit(-v), atol=1e-6
    )
    assert np.allclose(body.rotate(body.swing(body.unit(v), body.unit(v[::-1])), body.unit(v)), body.unit(v[::-1]))


@pytest.mark.parametrize("people", [1, 2])
def test_joint_centres_of_a_body_of_constant_bones_come_back_exactly(people: int) -> None:
    motion = make_motion(90, people=people, trunk_tilt_rad=0.3)
    truth = body.forward(motion)
    fitted = fit_body(points_of(motion))
    assert np.ptp(truth, axis=0).max() > 0.3  # it moves
    assert np.abs(body.forward(fitted) - truth).max() < 1e-9
    assert np.allclose(fitted.bone_length, motion.bone_length, atol=1e-9)
    assert fitted.bone_length_sigma.max() < 1e-9


def test_rotations_come_back_with_the_twist_of_limbs_that_bend() -> None:
    motion = make_motion(90)
    fitted = fit_body(points_of(motion))
    error = np.degrees(angle_between(motion.rotation, fitted.rotation))
    names = [j.name for j in motion.skeleton.joints]
    exact = [names.index(n) for n in ("pelvis", "spine", "chest")]
    twisted = [names.index(f"{s}_{n}") for s in ("left", "right") for n in ("hip", "knee", "shoulder", "elbow")]
    assert error[..., exact].max() < 1e-5
    # The prior from frame to frame takes a little of the twist's amplitude.
    assert error[..., twisted].max() < 3.0
    assert np.degrees(angle_between(motion.rotation[0], motion.rotation[20]))[..., twisted].max() > 20.0


def test_a_straight_arm_does_not_spin() -> None:
    motion = make_motion(120)
    names = [j.name for j in motion.skeleton.joints]
    elbow, shoulder = names.index("left_elbow"), names.index("left_shoulder")
    bend = np.zeros(120)
    bend[:30], bend[90:] = 1.0, 1.0  # straight for a second, bent before and after
    rotation = motion.rotation.copy()
    rotation[:, 0, elbow] = body.about(np.broadcast_to([0.0, 0.0, -1.0], (120, 3)), bend)
    truth = replace(motion, rotation=rotation)
    points = points_of(truth)
    noise = np.random.default_rng(2).normal(scale=0.004, size=points.xyz.shape)
    fitted = fit_body(replace(points, xyz=points.xyz + noise))
    step = np.degrees(angle_between(fitted.rotation[1:, 0, shoulder], fitted.rotation[:-1, 0, shoulder]))
    true_step = np.degrees(angle_between(truth.rotation[1:, 0, shoulder], truth.rotation[:-1, 0, shoulder]))
    error = np.degrees(angle_between(fitted.rotation[:, 0, shoulder], truth.rotation[:, 0, shoulder]))
    assert step[35:85].max() < true_step.max() + 2 * np.degrees(TWIST_STEP_RAD)
    assert error[30:90].max() < 50.0


def test_what_is_not_seen_is_missing_from_there_outwards() -> None:
    points = with_gap(points_of(make_motion(40)), "left_elbow", slice(10, 20))
    centres = body.forward(fit_body(points))
    hidden = [joint(points, f"left_{name}") for name in ("elbow", "wrist", "hand")]
    assert np.isnan(centres[10:20, 0][:, hidden]).all()
    assert np.isfinite(np.delete(centres, hidden, axis=2)).all()
    assert np.isfinite(centres[:10]).all()
    assert np.isfinite(centres[20:]).all()


def test_a_missing_wrist_leaves_the_elbow() -> None:
    motion = make_motion(40)
    points = with_gap(points_of(motion), "left_wrist", slice(10, 20))
    centres = body.forward(fit_body(points))
    assert np.abs(centres - body.forward(motion))[10:20, 0, joint(points, "left_elbow")].max() < 1e-9
    assert np.isnan(centres[10:20, 0, joint(points, "left_wrist")]).all()


def test_a_bone_that_was_never_seen_has_no_length() -> None:
    points = with_gap(points_of(make_motion(20)), "left_foot_index", slice(None))
    fitted = fit_body(points)
    toe = joint(points, "left_toe")
    assert np.isnan(fitted.bone_length[0, toe])
    assert np.isnan(fitted.bone_length_sigma[0, toe])
    assert np.isfinite(np.delete(fitted.bone_length, toe, axis=1)).all()


def test_outliers_do_not_lengthen_bones_and_sides_match() -> None:
    motion = make_motion(100)
    points = points_of(motion)
    xyz = points.xyz + np.random.default_rng(0).normal(scale=0.003, size=points.xyz.shape)
    xyz[:20, 0, points.skeleton.index("left_ankle")[0]] += 0.5
    length = fit_body(replace(points, xyz=xyz)).bone_length[0]
    left, right = joint(points, "left_ankle"), joint(points, "right_ankle")
    assert length[left] == length[right]
    assert abs(length[left] - 0.40) < 0.003


def test_sides_that_differ_stay_different() -> None:
    motion = make_motion(30)
    lengths = motion.bone_length.copy()
    names = [j.name for j in motion.skeleton.joints]
    lengths[0, names.index("left_knee")] = 0.38  # against 0.42
    fitted = fit_body(points_of(replace(motion, bone_length=lengths)))
    assert np.allclose(fitted.bone_length, lengths, atol=1e-9)


def test_uncertain_frames_count_less() -> None:
    values = np.array([1.0, 2.0, 3.0, np.nan])[:, None]
    assert weighted_median(values, np.array([1.0, 1.0, 1.0, 9.0])[:, None])[0] == 2.0
    assert weighted_median(values, np.array([1.0, 1.0, 9.0, 9.0])[:, None])[0] == 3.0
    assert np.isnan(weighted_median(np.full((3, 1), np.nan), np.ones((3, 1)))[0])


def test_one_frame_is_enough() -> None:
    motion = make_motion(1)
    assert np.abs(body.forward(fit_body(points_of(motion))) - body.forward(motion)).max() < 1e-9


def test_the_shipped_skeleton_fits_where_the_trunk_is_straight() -> None:
    motion = make_motion(30)
    rotation = motion.rotation.copy()
    names = [j.name for j in motion.skeleton.joints]
    for name in ("spine", "chest", "neck"):
        rotation[:, :, names.index(name)] = [1.0, 0.0, 0.0, 0.0]
    points = points_of(replace(motion, rotation=rotation))
    shipped = replace(points, skeleton=load_skeleton("blazepose33"))
    fitted = fit_body(shipped)
    expected = body.joint_centres(shipped.skeleton, shipped.xyz)
    assert np.abs(body.forward(fitted) - expected).max() < 1e-9


def test_the_sign_of_a_rotation_does_not_jump() -> None:
    fitted = fit_body(points_of(make_motion(400)))
    dots = np.sum(fitted.rotation[1:] * fitted.rotation[:-1], axis=-1)
    assert (fitted.rotation[..., 0] < 0.0).any()  # it turns far enough for the sign to matter
    assert dots.min() > 0.0
