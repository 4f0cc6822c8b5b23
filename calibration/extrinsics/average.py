"""Robust averages of poses, and of pairwise poses over a graph of cameras."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra

from calibration.bundle.rotations import exp, log
from calibration.extrinsics.pose import BoolArray, nearest_rotation
from calibration.transforms import FloatArray, from_rotation

MEDIAN_STEPS = 30
# Weiszfeld's iteration stops where a step is shorter than this, rad or m; an error of this much weighs no more.
MEDIAN_TOLERANCE = 1e-7

AVERAGE_STEPS = 20

# Two candidates agree if they differ by less than about this; wrong solutions of a planar pose differ by
# twice the board's tilt, which is more for any board that says something. Metres are relative to the distance.
AGREE_RAD = np.deg2rad(6.0)
AGREE_SHARE = 0.08


@dataclass(frozen=True)
class Candidates:
    """Up to S solutions of one pose from each of F instants.

    Attributes
    ----------
    poses : (F, S, 4, 4)
        Metres.
    trust : (F, S)
        How likely each solution of an instant is, relative to its best; 0 where there is none.
    weight : (F,)
        Weight of the instant.
    distance_m : float
        Distance over which a turn moves what is looked at: turns and shifts are compared by it.
    """

    poses: FloatArray
    trust: FloatArray
    weight: FloatArray
    distance_m: float


def agreed(candidates: Candidates) -> tuple[FloatArray, NDArray[np.intp]]:
    """Find the pose that most instants have a solution near, and that solution of each (F,).

    Every solution of every instant is a hypothesis; of each instant only the solution that agrees best
    votes. The right solutions agree among the instants, the wrong ones point everywhere.
    """
    count, solutions = candidates.trust.shape
    flat = candidates.poses.reshape(-1, 4, 4)
    near = nearness(flat[:, None], flat[None], candidates.distance_m)
    votes = (near * candidates.trust.reshape(-1)).reshape(-1, count, solutions).max(axis=2)
    score = (votes @ candidates.weight) * (candidates.trust.reshape(-1) > 0)
    # Among hypotheses of one cluster the more trusted ones break ties.
    best = int(np.argmax(score * (1.0 + 1e-3 * candidates.trust.reshape(-1))))
    return flat[best], nearest(candidates, flat[best])


def nearest(candidates: Candidates, pose: FloatArray) -> NDArray[np.intp]:
    """The solution of each instant (F,) that is nearest to a pose, by turn and shift."""
    turn, shift = differences(candidates.poses, pose)
    apart = (turn / AGREE_RAD) ** 2 + (shift / (AGREE_SHARE * candidates.distance_m)) ** 2
    return np.asarray(np.argmin(np.where(candidates.trust > 0, apart, np.inf), axis=1))


def nearness(a: FloatArray, b: FloatArray, distance_m: float) -> FloatArray:
    """How nearly two poses (..., 4, 4) agree, 1 if they are equal."""
    turn, shift = differences(a, b)
    return np.asarray(np.exp(-((turn / AGREE_RAD) ** 2) - (shift / (AGREE_SHARE * distance_m)) ** 2))


def differences(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Angle (...), rad, and distance (...), m, between poses (..., 4, 4)."""
    trace = np.einsum("...ij,...ij->...", a[..., :3, :3], b[..., :3, :3])
    turn = np.arccos(np.clip((trace - 1.0) / 2.0, -1.0, 1.0))
    return np.asarray(turn), np.asarray(np.linalg.norm(a[..., :3, 3] - b[..., :3, 3], axis=-1))


def median_rotation(rotations: FloatArray, weight: FloatArray, start: FloatArray) -> FloatArray:
    """Weighted median (3, 3) of rotations (N, 3, 3): the least sum of angles.

    Weiszfeld's algorithm on the sphere, Hartley, Aftab and Trumpf, "L1 rotation averaging using the
    Weiszfeld algorithm", CVPR 2011.
    """
    current = start
    for _ in range(MEDIAN_STEPS):
        offset = log(rotations @ current.T)
        inverse = weight / np.maximum(np.linalg.norm(offset, axis=1), MEDIAN_TOLERANCE)
        step = inverse @ offset / inverse.sum()
        current = exp(step) @ current
        if np.linalg.norm(step) < MEDIAN_TOLERANCE:
            break
    return nearest_rotation(current)


def median_point(points: FloatArray, weight: FloatArray, start: FloatArray) -> FloatArray:
    """Weighted geometric median (3,) of points (N, 3), Weiszfeld's algorithm."""
    current = start
    for _ in range(MEDIAN_STEPS):
        inverse = weight / np.maximum(np.linalg.norm(points - current, axis=1), MEDIAN_TOLERANCE)
        after = inverse @ points / inverse.sum()
        moved = np.linalg.norm(after - current)
        current = after
        if moved < MEDIAN_TOLERANCE:
            break
    return np.asarray(current)


@dataclass(frozen=True)
class Edges:
    """Pairwise poses of cameras: indices a, b (E,), a_from_b (E, 4, 4), sigmas in rad and m (E,)."""

    a: NDArray[np.intp]
    b: NDArray[np.intp]
    a_from_b: FloatArray
    turn_sigma: FloatArray
    shift_sigma: FloatArray


def components(edges: Edges, count: int) -> NDArray[np.intp]:
    """Number of the group of linked cameras that each camera (C,) belongs to."""
    graph = csr_matrix((np.ones(len(edges.a)), (edges.a, edges.b)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.intp)


def average(edges: Edges, count: int) -> FloatArray:
    """Poses of linked cameras that agree best with all pairwise poses.

    Chained along the paths of least variance, then averaged over the loops: rotations by iteratively
    reweighted least squares on the tangent space (Chatterjee and Govindu, ICCV 2013), then translations,
    which are linear once the rotations are known; both with weights that make it a sum of lengths, so that
    one wrong pair does not bend the rest.

    Returns
    -------
    (C, 4, 4) cam_from_world in the world of camera 0, m.
    """
    poses = _chained(edges, count)
    rotation, translation = poses[:, :3, :3], poses[:, :3, 3]
    free = np.arange(1, count)
    if not len(free):
        return poses
    for _ in range(AVERAGE_STEPS):
        between = rotation[edges.a] @ np.swapaxes(rotation[edges.b], 1, 2)
        offset = log(edges.a_from_b[:, :3, :3] @ np.swapaxes(between, 1, 2))
        step = _least_lengths(edges, count, between, offset, edges.turn_sigma)
        rotation = nearest_rotation(exp(step) @ rotation)
        if np.abs(step).max() < MEDIAN_TOLERANCE:
            break
    between = rotation[edges.a] @ np.swapaxes(rotation[edges.b], 1, 2)
    for _ in range(AVERAGE_STEPS):
        now = translation[edges.a] - np.einsum("eij,ej->ei", between, translation[edges.b])
        step = _least_lengths(edges, count, between, edges.a_from_b[:, :3, 3] - now, edges.shift_sigma)
        translation = translation + step
        if np.abs(step).max() < MEDIAN_TOLERANCE:
            break
    return np.stack([from_rotation(r, t) for r, t in zip(rotation, translation, strict=True)])


def _chained(edges: Edges, count: int) -> FloatArray:
    """Poses (C, 4, 4) in the world of camera 0, chained along the paths of least variance."""
    cost = edges.turn_sigma**2 + 1e-12
    graph = csr_matrix((cost, (edges.a, edges.b)), shape=(count, count))
    distances, predecessors = dijkstra(graph, directed=False, indices=np.array([0]), return_predecessors=True)
    far, before = distances[0], predecessors[0]
    known = {(int(a), int(b)): pose for a, b, pose in zip(edges.a, edges.b, edges.a_from_b, strict=True)}
    poses = np.broadcast_to(np.eye(4), (count, 4, 4)).copy()
    for camera in np.argsort(far)[1:]:
        parent = int(before[camera])
        if (int(camera), parent) in known:
            step = known[int(camera), parent]
        else:
            step = np.linalg.inv(known[parent, int(camera)])
        poses[camera] = step @ poses[parent]
    poses[:, :3, :3] = nearest_rotation(poses[:, :3, :3])
    return poses


def _least_lengths(
    edges: Edges, count: int, between: FloatArray, offset: FloatArray, sigma: FloatArray
) -> FloatArray:
    """Solve x_a - M x_b = offset for x (C, 3), x_0 = 0, with weights of one step towards least lengths."""
    length = np.linalg.norm(offset, axis=1)
    # Beyond its sigma an edge counts by its length, not the square.
    weight = 1.0 / (sigma * np.sqrt(np.maximum(length / sigma, 1.0)))
    rows = np.zeros((len(edges.a), 3, count, 3))
    each = np.arange(len(edges.a))
    rows[each, :, edges.a] = np.eye(3)
    rows[each, :, edges.b] = -between
    matrix = (rows * weight[:, None, None, None]).reshape(3 * len(edges.a), -1)[:, 3:]
    solved = np.linalg.lstsq(matrix, (offset * weight[:, None]).reshape(-1), rcond=None)[0]
    return np.vstack([np.zeros((1, 3)), solved.reshape(-1, 3)])


def spread_of(turn: FloatArray, shift: FloatArray, good: BoolArray) -> tuple[float, float]:
    """Median deviations, rad and m, of the instants that agree."""
    return float(np.median(turn[good])), float(np.median(shift[good]))
