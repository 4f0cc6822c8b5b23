from dataclasses import replace

import numpy as np
import pytest

from mocap.core import body
from mocap.core.errors import InputError
from mocap.core.types import FloatArray, Motion, Points3D
from mocap.fit.body import BodySettings, body_points, fit_body
from mocap.fit.closed_form import weighted_median
from tests.factories import make_motion, points_of, with_gap

RATE_HZ = 60.0
# The made-up walk slides over the floor.
FREE = BodySettings(contact=False)


def noisy(motion: Motion, sigma_m: float) -> Points3D:
    """Points with noise that their covariance states, on a body whose keypoints lie exactly where it says."""
    points = points_of(motion)
    exact = tuple(replace(a, sigma=(0.0, 0.0, 0.0)) for a in points.skeleton.attachments)
    return replace(
        points,
        skeleton=replace(points.skeleton, attachments=exact),
        xyz=points.xyz + np.random.default_rng(2).normal(scale=sigma_m, size=points.xyz.shape),
        cov=np.broadcast_to(sigma_m**2 * np.eye(3), points.cov.shape),
    )


def rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


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
def test_a_body_of_constant_bones_comes_back(people: int) -> None:
    motion = make_motion(90, people=people)
    truth = body.forward(motion)
    fitted = fit_body(points_of(motion), RATE_HZ, FREE)
    assert np.ptp(truth, axis=0).max() > 0.3  # it moves
    # The usual ranges of the joints and the smoothness pull a little.
    assert np.abs(body.forward(fitted) - truth).max() < 0.004
    assert np.allclose(fitted.bone_length, motion.bone_length, atol=5e-4)
    assert fitted.bone_length_sigma.max() < 1e-9
    error = np.degrees(angle_between(motion.rotation, fitted.rotation))
    names = [j.name for j in motion.skeleton.joints]
    turning = [names.index(f"{s}_{n}") for s in ("left", "right") for n in ("hip", "knee", "shoulder", "elbow")]
    assert np.degrees(angle_between(motion.rotation[0], motion.rotation[20]))[..., turning].max() > 20.0
    assert error[..., turning].max() < 4.0


def test_angles_from_noisy_points_and_their_stated_error() -> None:
    motion = make_motion(400)
    fitted = fit_body(noisy(motion, 0.01), RATE_HZ, FREE)
    names = [j.name for j in motion.skeleton.joints]
    error = np.degrees(angle_between(motion.rotation, fitted.rotation))[:, 0]
    stated = np.degrees(np.sqrt(np.trace(fitted.rotation_cov[:, 0], axis1=-2, axis2=-1)))
    knees = [names.index(f"{side}_knee") for side in ("left", "right")]
    assert rms(error[:, knees]) < 1.2
    # Motion that is smoother than the prior allows for is found better than stated, never worse.
    assert 0.5 < rms(error[:, knees]) / rms(stated[:, knees]) < 1.1
    hips = [names.index(f"{side}_hip") for side in ("left", "right")]
    relative = body.multiply(body.conjugate(motion.rotation), fitted.rotation)[:, 0, hips]
    axial = np.degrees(2 * np.arctan2(relative[..., 3], relative[..., 0]))  # about the thigh
    assert rms(axial) < 3.0
    off = body.forward(fitted) - body.forward(motion)
    chi = np.einsum("tnji,tnjik,tnjk->tnj", off, np.linalg.pinv(fitted.centre_cov), off) / 3
    assert 0.3 < np.median(chi) < 1.2


def with_knees(motion: Motion, flexion_rad: float) -> Motion:
    """The same with both knees bent by a fixed angle."""
    rotation = motion.rotation.copy()
    for side in ("left", "right"):
        knee = [j.name for j in motion.skeleton.joints].index(f"{side}_knee")
        rotation[:, :, knee] = body.about(np.array([1.0, 0.0, 0.0]), np.array(flexion_rad))
    return replace(motion, rotation=rotation)


def test_knees_do_not_bend_far_the_wrong_way() -> None:
    motion = with_knees(make_motion(60), -0.5)
    points = points_of(motion)
    vague = replace(points, cov=np.broadcast_to(0.03**2 * np.eye(3), points.cov.shape))
    fitted = fit_body(vague, RATE_HZ, FREE).rotation[:, 0, joint(points, "left_knee")]
    assert (2 * np.arctan2(fitted[:, 1], fitted[:, 0])).min() > -0.46


def test_a_keypoint_far_off_does_not_bend_the_body() -> None:
    motion = make_motion(120)
    points = noisy(motion, 0.003)
    xyz = points.xyz.copy()
    xyz[40:60, 0, points.skeleton.index("left_knee")[0]] += [0.4, 0.0, 0.2]
    fitted = fit_body(replace(points, xyz=xyz), RATE_HZ, FREE)
    assert np.abs(body.forward(fitted) - body.forward(motion))[40:60, 0, joint(points, "left_knee")].max() < 0.05


def test_a_straight_arm_does_not_spin() -> None:
    motion = make_motion(120)
    names = [j.name for j in motion.skeleton.joints]
    elbow, shoulder = names.index("left_elbow"), names.index("left_shoulder")
    bend = np.zeros(120)
    bend[:30], bend[90:] = 1.0, 1.0  # straight for a second, bent before and after
    rotation = motion.rotation.copy()
    rotation[:, 0, elbow] = body.about(np.broadcast_to([0.0, 0.0, -1.0], (120, 3)), bend)
    truth = replace(motion, rotation=rotation)
    fitted = fit_body(noisy(truth, 0.004), RATE_HZ, FREE)
    step = np.degrees(angle_between(fitted.rotation[1:, 0, shoulder], fitted.rotation[:-1, 0, shoulder]))
    true_step = np.degrees(angle_between(truth.rotation[1:, 0, shoulder], truth.rotation[:-1, 0, shoulder]))
    error = np.degrees(angle_between(fitted.rotation[:, 0, shoulder], truth.rotation[:, 0, shoulder]))
    assert step[35:85].max() < true_step.max() + 3.0
    assert error[30:90].max() < 40.0


def test_what_is_not_seen_for_long_is_missing_from_there_outwards() -> None:
    points = with_gap(points_of(make_motion(60)), "left_elbow", slice(10, 30))
    fitted = fit_body(points, RATE_HZ, FREE)
    centres = body.forward(fitted)
    hidden = [joint(points, f"left_{name}") for name in ("elbow", "wrist", "hand")]
    assert np.isnan(centres[10:30, 0][:, hidden]).all()
    assert np.isnan(fitted.centre_cov[10:30, 0][:, hidden]).all()
    assert np.isfinite(np.delete(centres, hidden, axis=2)).all()
    assert np.isfinite(centres[:10]).all()
    assert np.isfinite(centres[30:]).all()


def test_a_short_gap_is_bridged_and_its_error_grows() -> None:
    motion = make_motion(60)
    points = with_gap(points_of(motion), "left_wrist", slice(20, 30))
    fitted = fit_body(points, RATE_HZ, FREE)
    wrist = joint(points, "left_wrist")
    assert np.abs(body.forward(fitted) - body.forward(motion))[:, 0, wrist].max() < 0.02
    sigma = np.trace(fitted.centre_cov[:, 0, wrist], axis1=1, axis2=2)
    assert sigma[25] > 1.2 * sigma[10]
    none = fit_body(points, RATE_HZ, BodySettings(max_gap_s=0.0, contact=False))
    assert np.isnan(body.forward(none)[20:30, 0, wrist]).all()


def test_nothing_is_invented_at_the_ends() -> None:
    points = with_gap(points_of(make_motion(40)), "left_wrist", slice(36, None))
    centres = body.forward(fit_body(points, RATE_HZ, FREE))
    assert np.isnan(centres[36:, 0, joint(points, "left_wrist")]).all()
    assert np.isfinite(centres[:36]).all()


def test_a_bone_that_was_never_seen_has_no_length() -> None:
    points = with_gap(points_of(make_motion(20)), "left_foot_index", slice(None))
    fitted = fit_body(points, RATE_HZ, FREE)
    toe = joint(points, "left_toe")
    assert np.isnan(fitted.bone_length[0, toe])
    assert np.isnan(fitted.bone_length_sigma[0, toe])
    assert np.isfinite(np.delete(fitted.bone_length, toe, axis=1)).all()


def test_a_person_who_was_never_seen_is_missing() -> None:
    points = points_of(make_motion(20, people=2))
    xyz = points.xyz.copy()
    xyz[:, 1] = np.nan
    fitted = fit_body(replace(points, xyz=xyz), RATE_HZ)
    assert np.isnan(fitted.rotation[:, 1]).all()
    assert np.isnan(fitted.root_xyz[:, 1]).all()
    assert np.isfinite(fitted.rotation[:, 0]).all()


def test_outliers_do_not_lengthen_bones_and_sides_match() -> None:
    motion = make_motion(100)
    points = noisy(motion, 0.003)
    xyz = points.xyz.copy()
    xyz[:20, 0, points.skeleton.index("left_ankle")[0]] += 0.5
    length = fit_body(replace(points, xyz=xyz), RATE_HZ, FREE).bone_length[0]
    left, right = joint(points, "left_ankle"), joint(points, "right_ankle")
    assert length[left] == length[right]
    assert abs(length[left] - 0.40) < 0.003


def test_sides_that_differ_stay_different() -> None:
    motion = make_motion(30)
    lengths = motion.bone_length.copy()
    names = [j.name for j in motion.skeleton.joints]
    lengths[0, names.index("left_knee")] = 0.38  # against 0.42
    fitted = fit_body(points_of(replace(motion, bone_length=lengths)), RATE_HZ, FREE)
    assert np.allclose(fitted.bone_length, lengths, atol=2e-3)


def test_uncertain_frames_count_less() -> None:
    values = np.array([1.0, 2.0, 3.0, np.nan])[:, None]
    assert weighted_median(values, np.array([1.0, 1.0, 1.0, 9.0])[:, None])[0] == 2.0
    assert weighted_median(values, np.array([1.0, 1.0, 9.0, 9.0])[:, None])[0] == 3.0
    assert np.isnan(weighted_median(np.full((3, 1), np.nan), np.ones((3, 1)))[0])


def test_one_frame_is_enough() -> None:
    motion = make_motion(1)
    assert np.abs(body.forward(fit_body(points_of(motion), RATE_HZ)) - body.forward(motion)).max() < 0.005


def test_long_sequences_are_joined_without_seams() -> None:
    motion = make_motion(700)
    fitted = fit_body(points_of(motion), RATE_HZ, FREE)
    assert np.abs(body.forward(fitted) - body.forward(motion)).max() < 0.005


def test_a_foot_that_stands_neither_slides_nor_sinks() -> None:
    motion = make_motion(120)
    still = replace(
        motion,
        rotation=np.broadcast_to(motion.rotation[:1], motion.rotation.shape).copy(),
        root_xyz=np.broadcast_to(motion.root_xyz[:1], motion.root_xyz.shape).copy(),
    )
    points = noisy(still, 0.01)
    heel = points.skeleton.index("left_heel")[0]
    feet = [body.attached_keypoints(fit_body(points, RATE_HZ, s))[:, 0, heel] for s in (FREE, BodySettings())]
    assert rms(np.diff(feet[1], axis=0)) < 0.4 * rms(np.diff(feet[0], axis=0))
    # One that moves is not held.
    moving = fit_body(points_of(motion), RATE_HZ, BodySettings())
    assert np.abs(body.forward(moving) - body.forward(motion)).max() < 0.02


def test_points_of_the_body_lie_at_its_joints() -> None:
    points = noisy(make_motion(30), 0.004)
    fitted = fit_body(points, RATE_HZ, FREE)
    onto = body_points(points, fitted)
    knee = points.skeleton.index("left_knee")[0]
    assert np.array_equal(onto.xyz[:, :, knee], body.forward(fitted)[:, :, joint(points, "left_knee")])
    assert np.array_equal(
        onto.xyz[:, :, points.skeleton.index("nose")], points.xyz[:, :, points.skeleton.index("nose")]
    )


def test_the_sign_of_a_rotation_does_not_jump() -> None:
    fitted = fit_body(points_of(make_motion(400)), RATE_HZ, FREE)
    dots = np.sum(fitted.rotation[1:] * fitted.rotation[:-1], axis=-1)
    assert (fitted.rotation[..., 0] < 0.0).any()  # it turns far enough for the sign to matter
    assert dots.min() > 0.0


def test_senseless_settings_are_explained() -> None:
    with pytest.raises(InputError, match="0 Hz"):
        fit_body(points_of(make_motion(3)), 0.0)
