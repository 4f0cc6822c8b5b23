"""Derivatives of the bundle adjustment against finite differences, the elimination against dense algebra."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration.bundle import BundleSettings, LensPrior, rotations
from calibration.bundle.adjust import start
from calibration.bundle.boards import BoardState
from calibration.bundle.lens import lens_vector, project_rays, with_lens
from calibration.bundle.motion import board_at, chains_of, within_motion
from calibration.bundle.robust import Kernel
from calibration.bundle.schur import Normal, Step, covariance, solve
from calibration.bundle.synthetic import Scene, disturb, record
from calibration.camera import Intrinsics

K = np.array([[900.0, 1.5, 640.0], [0, 880.0, 360.0], [0, 0, 1]])
LENSES = [
    Intrinsics((1280, 720), K, np.array([-0.2, 0.1, 0.001, -0.002, 0.03])),
    Intrinsics((1280, 720), K, np.array([0.2, 0.1, 0.001, -0.002, 0.03, 0.3, -0.05, 0.02])),
    Intrinsics((1280, 720), K, np.array([0.05, -0.02, 0.01, -0.003]), "fisheye"),
]


@pytest.mark.parametrize("lens", LENSES, ids=["pinhole", "rational", "fisheye"])
def test_lens_is_that_of_the_camera_and_its_derivatives_hold(lens: Intrinsics) -> None:
    rng = np.random.default_rng(1)
    # Among them rays at the very centre, where the fisheye's formula is a series.
    rays = np.concatenate([rng.uniform(-0.7, 0.7, (40, 2)), [[0.0, 0.0], [3e-4, -2e-4]]])
    projected = project_rays(lens, rays[:, 0], rays[:, 1])
    np.testing.assert_allclose(projected.pixels.T, lens.distort(rays), atol=1e-9)
    by_ray = np.moveaxis(np.array(projected.by_ray), -1, 0)
    np.testing.assert_allclose(by_ray, lens.distort_jacobian(rays), atol=1e-6)
    vector = lens_vector(lens)
    for index in range(len(vector)):
        step = np.zeros(len(vector))
        step[index] = 1e-6 * max(1.0, abs(vector[index]))
        ahead, behind = (with_lens(lens, vector + sign * step).distort(rays) for sign in (1, -1))
        numeric = (ahead - behind) / (2 * step[index])
        np.testing.assert_allclose(projected.by_lens[index].T, numeric, atol=2e-4)


def test_rotations_and_their_jacobians() -> None:
    rng = np.random.default_rng(2)
    vectors = np.concatenate([rng.normal(size=(20, 3)) * 0.8, rng.normal(size=(5, 3)) * 1e-5, np.zeros((1, 3))])
    matrices = rotations.exp(vectors)
    np.testing.assert_allclose(np.swapaxes(matrices, 1, 2) @ matrices, np.tile(np.eye(3), (26, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(rotations.log(matrices), vectors, atol=1e-11)
    step = 1e-6 * rng.normal(size=vectors.shape)
    moved = rotations.log(np.swapaxes(matrices, 1, 2) @ rotations.exp(vectors + step))
    predicted = np.einsum("pij,pj->pi", rotations.right_jacobian(vectors), step)
    np.testing.assert_allclose(moved, predicted, atol=1e-11)
    both = rotations.right_jacobian(vectors) @ rotations.right_jacobian_inverse(vectors)
    np.testing.assert_allclose(both, np.broadcast_to(np.eye(3), both.shape), atol=1e-9)


def test_interpolated_motion_follows_a_smooth_path_and_its_derivatives_hold() -> None:
    rng = np.random.default_rng(3)
    times = np.arange(12) / 30.0
    times[6:] += 0.5  # two runs
    chains = chains_of(times, 0.1)
    assert len(np.unique(chains)) == 2

    def path(t: np.ndarray) -> np.ndarray:
        return np.stack([np.sin(2 * t), np.cos(3 * t), 0.3 * t], axis=-1)

    rotation, translation = rotations.exp(path(times)), path(times + 1.0)
    inside = rng.uniform(times[0], times[5], 5)
    when = np.array([times[0] - 0.01, *inside, times[3], times[5] + 0.01, times[6] - 0.01, 0.75])
    moving = board_at(times, chains, rotation, translation, when)
    inner = slice(1, 7)
    np.testing.assert_allclose(moving.translation[inner], path(when[inner] + 1.0), atol=2e-5)
    np.testing.assert_allclose(moving.rotation[inner], rotations.exp(path(when[inner])), atol=2e-5)
    assert within_motion(times, chains, when).all()
    assert not within_motion(times, chains, np.array([0.3, 0.6, -0.05, 2.0])).any()
    eps = 1e-6

    def turn(later: np.ndarray) -> np.ndarray:
        return rotations.log(np.swapaxes(moving.rotation, 1, 2) @ later)

    ahead = board_at(times, chains, rotation, translation, when + eps)
    np.testing.assert_allclose(turn(ahead.rotation) / eps, moving.turn_rate, atol=1e-4)
    np.testing.assert_allclose((ahead.translation - moving.translation) / eps, moving.velocity, atol=1e-4)
    for node in range(len(times)):
        for axis in range(3):
            step = np.zeros((len(times), 3))
            step[node, axis] = eps
            ahead = board_at(times, chains, rotation @ rotations.exp(step), translation + step, when)
            at_node = moving.nodes == node
            by_turn = np.sum(moving.by_rotation[..., axis] * at_node[..., None], axis=1)
            by_shift = np.sum(moving.by_translation * at_node, axis=1)
            np.testing.assert_allclose(turn(ahead.rotation) / eps, by_turn, atol=1e-5)
            np.testing.assert_allclose(
                (ahead.translation - moving.translation)[:, axis] / eps, by_shift, atol=1e-6
            )


SCENE = Scene(cameras=3, instants=9, corners=(4, 3), square_m=0.12, noise_px=0.0)
VARIANTS = {
    "simultaneous": (SCENE, BundleSettings()),
    "fisheye": (replace(SCENE, fisheye=True), BundleSettings()),
    "shape": (SCENE, BundleSettings(estimate_board=True)),
    "clocks": (
        replace(SCENE, clock_offset_s=(0.0, 0.02, -0.05), clock_rate=(0.0, 1e-3, 0.0)),
        BundleSettings(clocks="estimated", estimate_board=True, lens=LensPrior(centre=0.0)),
    ),
    "jitter": (SCENE, BundleSettings(clocks="estimated", jitter_sigma_s=0.01, estimate_board=True)),
}


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("loss", ["squared", "cauchy", "huber", "geman_mcclure"])
def test_gradient_and_matrix_of_the_whole_problem(name: str, loss: str) -> None:
    scene, settings = VARIANTS[name]
    recording = record(scene, 4)
    rig, boards = disturb(recording, 5, amount=0.05)
    started = start(recording.sightings, rig, boards, settings)
    problem, state = started.problem, started.state
    rng = np.random.default_rng(6)
    if problem.moving:
        # At the instants themselves the interpolated acceleration has a step.
        clock = np.array([[0.0, 0.0], [0.007, 2e-4], [-0.012, -1e-4]])
        state = replace(state, cameras=replace(state.cameras, clock=clock))
    if name == "jitter":
        state = replace(state, jitter=tuple(rng.uniform(0.002, 0.008, len(j)) for j in state.jitter))
    kernel, noise = Kernel(loss, 6.0), 0.5  # type: ignore[arg-type]
    normal = problem.linearise(state, kernel, problem.seen, noise)
    scale = 1.0 / np.sqrt(np.maximum(np.diag(_dense(normal)), 1e-6))
    direction = rng.normal(size=len(scale)) * scale * 1e-3

    def along(start: BoardState, amount: float) -> tuple[BoardState, Normal]:
        moved = problem.move(start, _step(normal, amount * direction))
        assert moved is not None
        return moved, problem.linearise(moved, kernel, problem.seen, noise)

    gradient = _gradient(normal)
    numeric = (along(state, 1.0)[1].cost - along(state, -1.0)[1].cost) / 2
    assert numeric == pytest.approx(gradient @ direction, rel=1e-5)
    # Without residuals Gauss's matrix is the true one: the cost grows as it says.
    truth = replace(state, cameras=replace(state.cameras, rig=recording.rig))
    pose = recording.world_from_board
    truth = replace(truth, rotation=pose[:, :3, :3].copy(), translation=pose[:, :3, 3].copy())
    if problem.moving:
        return
    at_truth = problem.linearise(truth, Kernel("squared", 1.0), problem.seen, 0.0)
    assert at_truth.cost < 1e-15
    moved = problem.move(truth, _step(normal, direction))
    assert moved is not None
    cost = problem.linearise(moved, Kernel("squared", 1.0), problem.seen, 0.0).cost
    assert cost == pytest.approx(0.5 * direction @ _dense(at_truth) @ direction, rel=1e-3)


def _step(normal: Normal, step: np.ndarray) -> Step:
    """Split a step of all unknowns."""
    ends = np.cumsum([len(normal.shared), len(normal.local_gradient), *(len(h.pivot) for h in normal.hidden)])
    shared, local, *hidden = np.split(step, ends[:-1])
    return Step(shared, local, tuple(hidden), 0.0, 0.0)


def _gradient(normal: Normal) -> np.ndarray:
    return np.concatenate([normal.shared_gradient, normal.local_gradient, *(h.gradient for h in normal.hidden)])


def _dense(normal: Normal) -> np.ndarray:
    """The whole matrix: global unknowns, local ones, those of single pictures."""
    count, reach, size, _ = normal.local.shape
    shared = len(normal.shared_gradient)
    local = np.zeros((count * size, count * size))
    for node in range(count):
        for ahead in range(min(reach, count - node)):
            rows = slice((node + ahead) * size, (node + ahead + 1) * size)
            columns = slice(node * size, (node + 1) * size)
            local[rows, columns] = normal.local[node, ahead]
            local[columns, rows] = normal.local[node, ahead].T
    split = shared + count * size
    full = np.zeros((len(_gradient(normal)),) * 2)
    full[:shared, :shared], full[shared:split, shared:split] = normal.shared, local
    full[shared:split, :shared], full[:shared, shared:split] = normal.mixed, normal.mixed.T
    at = split
    for hidden in normal.hidden:
        for picture, pivot in enumerate(hidden.pivot):
            full[at, at] = pivot
            full[at, hidden.columns] = hidden.by_shared[picture]
            for node, block in zip(hidden.nodes[picture], hidden.by_local[picture], strict=True):
                full[at, shared + size * node : shared + size * (node + 1)] += block
            full[:at, at] = full[at, :at]
            at += 1
    return full


@pytest.mark.parametrize("name", ["simultaneous", "clocks", "jitter"])
def test_elimination_agrees_with_dense_algebra(name: str) -> None:
    scene, settings = VARIANTS[name]
    recording = record(replace(scene, instants=11), 4)
    rig, boards = disturb(recording, 5, amount=0.05)
    started = start(recording.sightings, rig, boards, settings)
    problem, state = started.problem, started.state
    normal = problem.linearise(state, Kernel("squared", 1.0), problem.seen, 0.5)
    dense = _dense(normal)
    gradient = _gradient(normal)
    step = solve(normal, 1e-3)
    assert step is not None
    scale = 1.0 / np.sqrt(np.diag(dense))
    # Each level of unknowns is damped as it stands when those below it are gone.
    plain = normal.without_hidden(1e-3)
    own = [np.diag(plain.shared), np.einsum("nii->ni", plain.local[:, 0]).ravel()]
    damped = dense + 1e-3 * np.diag(np.concatenate([*own, *(hidden.pivot for hidden in normal.hidden)]))
    expected = -scale * np.linalg.solve(damped * scale[:, None] * scale, gradient * scale)
    found = np.concatenate([step.shared, step.local, *step.hidden])
    np.testing.assert_allclose(found / scale, expected / scale, atol=1e-6 * np.abs(expected / scale).max())
    quadratic = -(gradient @ expected + 0.5 * expected @ dense @ expected)
    assert step.gain == pytest.approx(quadratic, rel=1e-6)
    inverse = scale[:, None] * np.linalg.inv(dense * scale[:, None] * scale) * scale
    shared, local = covariance(normal)
    split = len(shared)
    whiten = np.sqrt(np.diag(inverse))
    np.testing.assert_allclose(
        shared / np.outer(whiten[:split], whiten[:split]),
        (inverse / np.outer(whiten, whiten))[:split, :split],
        atol=1e-4,
    )
    for node in range(len(local)):
        at = slice(split + 6 * node, split + 6 * node + 6)
        sigmas = np.outer(whiten[at], whiten[at])
        np.testing.assert_allclose(local[node] / sigmas, inverse[at, at] / sigmas, atol=1e-4)
