"""The parts of the body fit: derivatives, normal equations, the banded solve and its inverse."""

from dataclasses import replace

import numpy as np
import pytest

from calibration import Camera, CameraRig, Intrinsics
from mocap.core import body
from mocap.core.types import FloatArray, Tracks2D
from mocap.fit.banded import BlockBand, covariances, factorise
from mocap.fit.body import BodySettings, fit_body, fit_body_to_views
from mocap.fit.chain import Chain, Pose, chain_of, exp, jacobian, lengthening, log, place, step
from mocap.fit.evidence import pixel_evidence
from mocap.fit.offsets import learn_offsets
from mocap.fit.start import start_pose
from mocap.fit.terms import add_keypoints, coordinates, second_differences, turns
from mocap.presets import load_skeleton
from tests.factories import articulated_skeleton, make_motion, points_of

FRAMES = 4
STEP = 1e-6


@pytest.fixture
def chain() -> Chain:
    return chain_of(load_skeleton("blazepose33"))


@pytest.fixture
def length(chain: Chain) -> FloatArray:
    return np.array([1.6 * joint.length for joint in chain.skeleton.joints])


@pytest.fixture
def pose(chain: Chain) -> Pose:
    rng = np.random.default_rng(0)
    still = Pose(rng.normal(size=(FRAMES, 3)), np.broadcast_to(np.eye(3), (FRAMES, len(chain.parent), 3, 3)))
    return step(chain, still, 0.3 * rng.normal(size=(FRAMES, chain.freedom)))


def test_the_shipped_body_has_39_degrees_of_freedom(chain: Chain) -> None:
    assert chain.freedom == 39


def test_rotation_vectors_and_back() -> None:
    vector = 0.6 * np.random.default_rng(1).normal(size=(50, 3))
    vector[0] = 0.0
    vector[1] *= 1e-9
    assert np.allclose(log(exp(vector)), vector, atol=1e-12)


def test_points_move_with_degrees_of_freedom_as_derived(chain: Chain, pose: Pose, length: FloatArray) -> None:
    def points(at: Pose) -> FloatArray:
        return place(chain, at, length).points + at.place[:, None]

    placed = place(chain, pose, length)
    derived = jacobian(chain, placed, placed.points, chain.on_node)
    for d in range(chain.freedom):
        change = np.zeros((FRAMES, chain.freedom))
        change[:, d] = STEP
        measured = (points(step(chain, pose, change)) - points(step(chain, pose, -change))) / (2 * STEP)
        assert np.abs(measured - derived[..., d]).max() < 1e-8


def test_points_move_with_lengths_as_derived(chain: Chain, pose: Pose, length: FloatArray) -> None:
    derived = lengthening(chain, place(chain, pose, length))
    for j in range(len(length)):
        change = STEP * np.eye(len(length))[j]
        measured = place(chain, pose, length + change).points - place(chain, pose, length - change).points
        assert np.abs(measured / (2 * STEP) - derived[..., j]).max() < 1e-8


def test_normal_equations_by_composites_are_those_of_the_jacobian(
    chain: Chain, pose: Pose, length: FloatArray
) -> None:
    rng = np.random.default_rng(2)
    root = rng.normal(size=(FRAMES, len(chain.keypoint), 3, 3))
    weight, force = root @ np.swapaxes(root, 2, 3), rng.normal(size=root.shape[:3])
    placed = place(chain, pose, length)
    tied = np.eye(len(length))[:, 2:5]
    hessian, gradient, border = add_keypoints(chain, placed, weight, force, tied)
    j, longer = jacobian(chain, placed, placed.points, chain.on_node), lengthening(chain, placed) @ tied
    assert np.allclose(hessian, np.einsum("tmid,tmij,tmje->tde", j, weight, j))
    assert np.allclose(gradient, np.einsum("tmid,tmi->td", j, force))
    assert border is not None
    assert np.allclose(border.cross, np.einsum("tmid,tmij,tmjb->tdb", j, weight, longer))
    assert np.allclose(border.hessian, np.einsum("tmib,tmij,tmjc->bc", longer, weight, longer))
    assert np.allclose(border.gradient, np.einsum("tmib,tmi->b", longer, force))


def test_turns_change_as_derived(chain: Chain, pose: Pose) -> None:
    wanted = coordinates(chain)
    _, derived = turns(wanted, pose)
    for d in range(3, chain.freedom):
        change = np.zeros((FRAMES, chain.freedom))
        change[:, d] = STEP
        measured = turns(wanted, step(chain, pose, change))[0] - turns(wanted, step(chain, pose, -change))[0]
        assert np.abs(measured / (2 * STEP) - derived[..., d - 3]).max() < 1e-8


def test_the_start_lies_within_the_ranges_of_the_joints(chain: Chain) -> None:
    rotation = np.zeros((1, len(chain.above), 4))
    rotation[..., 0] = 1.0
    names = [joint.name for joint in chain.skeleton.joints]
    rotation[0, names.index("left_hip")] = body.about(np.array([0.0, 0.0, 1.0]), np.array(2.0))
    rotation[0, names.index("left_knee")] = body.about(np.array([1.0, 0.0, 0.0]), np.array(-1.0))
    start = start_pose(chain, rotation, np.zeros((1, 3)))
    assert start is not None
    hip, knee = (log(start.turn[0, chain.node_of[names.index(name)]]) for name in ("left_hip", "left_knee"))
    assert np.allclose(np.degrees(hip), [0.0, 0.0, 20.0])
    assert np.allclose(np.degrees(knee), [-5.0, 0.0, 0.0])


@pytest.mark.parametrize("frames", [1, 2, 3, 400])
def test_the_banded_solve_and_its_inverse(frames: int) -> None:
    size = 4
    rng = np.random.default_rng(3)
    main = rng.normal(size=(frames, size, size))
    main = 100.0 * main @ np.swapaxes(main, 1, 2) + 0.01 * np.eye(size)
    main[:, 0], main[:, :, 0] = 0.0, 0.0  # something that was never seen
    main[:, 0, 0] = 0.01
    first, second = np.zeros((frames - 1, size)), np.zeros((max(frames - 2, 0), size))
    if frames > 2:
        diagonal, first, second = second_differences(frames, np.full((frames - 2, size), 1e3))
        main[:, range(size), range(size)] += diagonal
    whole = np.zeros((frames, size, frames, size))
    whole[range(frames), :, range(frames)] = main
    for apart, beside in ((1, first), (2, second)):
        for t, row in enumerate(beside):
            whole[t, range(size), t + apart, range(size)] = row
            whole[t + apart, range(size), t, range(size)] = row
    matrix = whole.reshape(frames * size, -1)
    factor = factorise(BlockBand(main, first, second))
    assert factor is not None
    right = rng.normal(size=(frames, size))
    assert np.allclose(factor.solve(right).ravel(), np.linalg.solve(matrix, right.ravel()), rtol=1e-6)
    inverse = np.linalg.inv(matrix).reshape(whole.shape)[range(frames), :, range(frames)]
    assert np.allclose(covariances(factor), inverse, rtol=1e-6, atol=1e-9)


def test_a_matrix_that_is_not_positive_is_told() -> None:
    assert factorise(BlockBand(-np.ones((1, 2, 2)), np.zeros((0, 2)), np.zeros((0, 2)))) is None


def ring() -> CameraRig:
    cameras = []
    for angle in np.arange(4) * np.pi / 2:
        ahead = np.array([-np.cos(angle), -np.sin(angle), 0.0])
        rotation = np.stack([np.cross([0.0, 0.0, -1.0], ahead), [0.0, 0.0, -1.0], ahead])
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = rotation, -rotation @ (np.array([0.0, 0.0, 1.0]) - 4.0 * ahead)
        lens = Intrinsics((640, 480), np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), np.zeros(5))
        cameras.append(Camera(f"cam_{len(cameras)}", lens, pose))
    return CameraRig(tuple(cameras))


def test_the_body_fits_straight_to_the_pictures() -> None:
    motion, rig, sigma_px = make_motion(40), ring(), 1.0
    points = points_of(motion)
    exact = tuple(replace(a, sigma=(0.0, 0.0, 0.0)) for a in points.skeleton.attachments)
    points = replace(points, skeleton=replace(points.skeleton, attachments=exact))
    pixels = np.moveaxis(rig.project(points.xyz)[0], 0, 1)
    pixels = pixels + np.random.default_rng(4).normal(scale=sigma_px, size=pixels.shape)
    pixels[5:20, 0, 0, points.skeleton.index("left_wrist")[0]] += 80.0  # a view that is wrong
    knee = points.skeleton.index("left_knee")[0]
    pixels[:, 1:, 0, knee] = np.nan  # one camera alone does not make a point, but helps the body
    xyz, cov = points.xyz.copy(), points.cov.copy()
    xyz[10:30, 0, knee], cov[10:30, 0, knee] = np.nan, np.nan
    shape = pixels.shape[:-1]
    tracks = Tracks2D(
        rig.names, points.skeleton, pixels, np.full(shape, sigma_px), np.ones(shape), np.zeros(1, dtype=np.int64)
    )
    start = replace(points, xyz=xyz, cov=cov)
    fitted = fit_body_to_views(tracks, rig, start, 60.0, BodySettings(contact=False))
    off = np.linalg.norm(body.forward(fitted) - body.forward(motion), axis=-1)[:, 0]
    assert np.sqrt(np.mean(np.square(off))) < 0.008
    assert np.isfinite(off).all()


def test_pixels_pull_where_points_move_them(chain: Chain, pose: Pose, length: FloatArray) -> None:
    rig = ring()
    centred = Pose(0.1 * pose.place + [0.0, 0.0, 1.0], pose.turn)
    placed = place(chain, centred, length)
    seen = np.moveaxis(rig.project(placed.points + centred.place[:, None])[0], 0, 1)
    evidence = pixel_evidence(rig, seen + 3.0, np.ones(seen.shape[:-1]), np.zeros((*placed.points.shape, 3)))
    pull = evidence.pull(centred, placed, 1e6)
    for axis in range(3):
        change = STEP * np.eye(3)[axis]
        costs = [
            evidence.pull(Pose(centred.place + sign * change, centred.turn), placed, 1e6).cost for sign in (1, -1)
        ]
        # The cost is the sum of squares, its derivative twice the force.
        assert np.allclose((costs[0] - costs[1]) / (2 * STEP), 2.0 * pull.force.sum(axis=1)[:, axis], rtol=1e-4)


def test_offsets_are_learned_from_points_with_truth() -> None:
    motion = make_motion(60)
    exact = points_of(motion)
    shifted = {"left_hip": (0.01, -0.02, 0.0), "right_hip": (-0.01, -0.02, 0.0), "left_knee": (0.0, 0.015, 0.0)}
    seen_skeleton = replace(
        exact.skeleton,
        attachments=tuple(
            replace(a, offset=shifted.get(a.keypoint, a.offset)) for a in exact.skeleton.attachments
        ),
    )
    seen = points_of(replace(motion, skeleton=seen_skeleton))
    learned, shares = learn_offsets([(replace(seen, skeleton=articulated_skeleton()), exact.xyz)], 60.0)
    found = {a.keypoint: a for a in learned}
    assert np.allclose(found["left_hip"].offset, shifted["left_hip"], atol=1e-3)
    assert np.allclose(found["right_hip"].offset, shifted["right_hip"], atol=1e-3)
    # One side was seen off, the other not: what is learned for both lies between, and the scatter says so.
    assert found["left_knee"].sigma[1] > 0.005
    assert shares["left_knee"] == pytest.approx(0.42 / 1.64, abs=1e-3)
    fitted = fit_body(replace(seen, skeleton=replace(exact.skeleton, attachments=learned)), 60.0)
    assert np.abs(fitted.bone_length - motion.bone_length).max() < 0.02
