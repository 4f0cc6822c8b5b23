from dataclasses import replace

import numpy as np
import pytest

from mocap.core.types import FloatArray, Points3D
from mocap.kinematics.angles import angle_and_jacobian, joint_angles
from tests.factories import make_motion, points_of, with_gap


def leg(knee_deg: float, count: int = 1, toes_up_deg: float = 0.0) -> Points3D:
    """A left leg in the sagittal plane, the body looking along -y, thigh upright, bent at the knee."""
    points = points_of(make_motion(count))
    xyz = np.full_like(points.xyz, np.nan)
    bend, up = np.radians(knee_deg), np.radians(toes_up_deg)
    down = np.array([0.0, np.sin(bend), -np.cos(bend)])
    ahead = np.array([0.0, -np.cos(bend), -np.sin(bend)])
    knee = np.array([0.1, 0.0, 0.5])
    ankle = knee + 0.4 * down
    places = {
        "left_shoulder": knee + np.array([0, 0, 0.9]),
        "left_hip": knee + np.array([0, 0, 0.4]),
        "left_knee": knee,
        "left_ankle": ankle,
        "left_foot_index": ankle + 0.15 * (np.cos(up) * ahead - np.sin(up) * down),
    }
    for name, place in places.items():
        xyz[:, :, points.skeleton.index(name)[0]] = place
    return replace(points, xyz=xyz)


def degrees(points: Points3D, name: str) -> float:
    angles = joint_angles(points)
    return float(np.degrees(angles.value[0, 0, angles.names.index(name)]))


@pytest.mark.parametrize("bend", [0.0, 0.01, 30.0, 90.0, 150.0])
def test_flexion_reads_as_clinicians_write_it(bend: float) -> None:
    assert degrees(leg(bend), "left_knee_flexion") == pytest.approx(bend, abs=1e-6)
    assert degrees(leg(bend), "left_hip_flexion") == pytest.approx(0.0, abs=1e-5)
    assert degrees(leg(bend, toes_up_deg=12.0), "left_ankle_dorsiflexion") == pytest.approx(12.0, abs=1e-6)


def test_missing_and_coinciding_points_give_no_angle() -> None:
    angles = joint_angles(with_gap(points_of(make_motion(5)), "left_knee", slice(1, 3)))
    knee, hip, elbow = (angles.names.index(f"left_{n}_flexion") for n in ("knee", "hip", "elbow"))
    for values in (angles.value, angles.sigma):
        assert np.isnan(values[1:3, 0][:, [knee, hip]]).all()
        assert np.isfinite(values[1:3, 0, elbow]).all()
        assert np.isfinite(values[[0, 3, 4]]).all()
    points = points_of(make_motion(2))
    xyz = points.xyz.copy()
    xyz[:, :, points.skeleton.index("left_ankle")[0]] = xyz[:, :, points.skeleton.index("left_knee")[0]]
    angles = joint_angles(replace(points, xyz=xyz))
    assert np.isnan(angles.value[..., knee]).all()
    assert np.isnan(angles.sigma[..., knee]).all()


def test_the_jacobian_agrees_with_finite_differences() -> None:
    triples = np.random.default_rng(5).normal(size=(300, 3, 3))
    _, jacobian = angle_and_jacobian(triples)
    step = 1e-6
    numeric = np.empty_like(jacobian)
    for point in range(3):
        for axis in range(3):
            shift = np.zeros((3, 3))
            shift[point, axis] = step
            ahead, behind = angle_and_jacobian(triples + shift)[0], angle_and_jacobian(triples - shift)[0]
            numeric[:, point, axis] = (ahead - behind) / (2 * step)
    assert np.allclose(jacobian, numeric, rtol=1e-5, atol=1e-5)


def random_covariance(rng: np.random.Generator, scale: float) -> FloatArray:
    root = rng.normal(scale=scale, size=(3, 3))
    return np.asarray(root @ root.T)


def test_sigma_is_the_scatter_of_noisy_points() -> None:
    rng = np.random.default_rng(6)
    count = 40_000
    points = leg(60.0, count)
    cov = np.stack([random_covariance(rng, 0.005) for _ in points.skeleton.keypoints])
    noise = np.einsum("kij,tnkj->tnki", np.linalg.cholesky(cov), rng.normal(size=points.xyz.shape))
    clean = joint_angles(replace(points, cov=np.broadcast_to(cov, points.cov.shape)))
    noisy = joint_angles(replace(points, xyz=points.xyz + noise))
    for name in ("left_knee_flexion", "left_ankle_dorsiflexion"):
        which = clean.names.index(name)
        scatter = noisy.value[:, 0, which].std()
        assert scatter == pytest.approx(clean.sigma[0, 0, which], rel=0.03)
        assert np.degrees(scatter) > 0.5


def test_a_straight_limb_has_a_sigma() -> None:
    angles = joint_angles(leg(0.0))
    sigma = angles.sigma[0, 0, angles.names.index("left_knee_flexion")]
    # Each end moves by 5 mm square to 0.4 m, the middle one counts for both.
    assert sigma == pytest.approx(np.sqrt(1 + 1 + 4) * 0.005 / 0.4, rel=1e-6)


def test_a_skeleton_without_angles_has_none() -> None:
    points = points_of(make_motion(3))
    angles = joint_angles(replace(points, skeleton=replace(points.skeleton, angles=())))
    assert angles.value.shape == (3, 1, 0)
