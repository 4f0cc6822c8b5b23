"""What each picture says on the target's pose, and the target's pose from all cameras of a rig."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.camera import CameraRig, Intrinsics
from calibration.extrinsics.average import nearness
from calibration.extrinsics.clean import gross_errors
from calibration.extrinsics.pose import BoolArray, moved, pose_jacobian, solve_poses
from calibration.sightings import Sightings
from calibration.transforms import FloatArray, invert

# Cameras that are not genlocked take their pictures within a frame of each other, a quarter of it on average.
APART_FRAMES = 0.25

# No corner is found better than this, px, nor is any camera model.
SMALLEST_NOISE_PX = 0.1

# Corners beyond this many px from where a first guess of the rig has them count less and less.
ROBUST_PX = 3.0
BOARD_STEPS = 6


@dataclass(frozen=True)
class BoardPoses:
    """The target's pose in every picture, both solutions, the better first.

    Attributes
    ----------
    cam_from_board : (T, C, 2, 4, 4)
        Metres; NaN where the corners do not suffice.
    trust : (T, C, 2)
        How likely each solution is by its reprojection error: 1 for the better; 0 where there is none.
    turn_sigma, shift_sigma : (T, C)
        Standard deviation, rad and m, from the corners' noise and the target's motion; inf where unknown.
    """

    cam_from_board: FloatArray
    trust: FloatArray
    turn_sigma: FloatArray
    shift_sigma: FloatArray

    @property
    def found(self) -> BoolArray:
        """Where there is a pose (T, C)."""
        return np.asarray(self.trust[..., 0] > 0)


def clean(sightings: Sightings) -> BoolArray:
    """Corners seen (T, C, K) that are not gross mistakes."""
    seen = sightings.seen
    columns = [
        seen[:, c] & ~gross_errors(sightings.points, sightings.xy[:, c], seen[:, c])
        for c in range(len(sightings.cameras))
    ]
    return np.stack(columns, axis=1)


def board_poses(sightings: Sightings, seen: BoolArray, lenses: Sequence[Intrinsics]) -> BoardPoses:
    """Solve every picture on its own."""
    per_camera = [_camera_poses(sightings, seen, c, lens) for c, lens in enumerate(lenses)]
    poses, trust, turn, shift = (np.stack(part, axis=1) for part in zip(*per_camera, strict=True))
    return BoardPoses(poses, trust, turn, shift)


def _camera_poses(sightings: Sightings, seen: BoolArray, c: int, lens: Intrinsics) -> tuple[FloatArray, ...]:
    """Poses (T, 2, 4, 4), trust (T, 2), sigmas (T,), (T,) of one camera."""
    better, worse = solve_poses(lens, sightings.points, sightings.xy[:, c], seen[:, c])
    found = np.isfinite(better.rms_px)
    poses = np.stack([better.cam_from_board, worse.cam_from_board], axis=1)
    floor = np.hypot(better.rms_px, SMALLEST_NOISE_PX)
    trust = np.zeros((len(found), 2))
    trust[found, 0] = 1.0
    trust[found, 1] = (floor[found] / np.hypot(worse.rms_px[found], SMALLEST_NOISE_PX)) ** 2
    turn, shift = np.full(len(found), np.inf), np.full(len(found), np.inf)
    covariance = np.linalg.inv(better.normal[found] + 1e-9 * np.eye(6)) * (floor[found] ** 2 / 2)[:, None, None]
    diagonal = np.einsum("nii->ni", covariance)
    speed_turn, speed_shift = _speeds(better.cam_from_board[found], sightings.t_s[found, c])
    turn[found] = np.sqrt(diagonal[:, :3].sum(axis=1) + (APART_FRAMES * speed_turn) ** 2)
    shift[found] = np.sqrt(diagonal[:, 3:].sum(axis=1) + (APART_FRAMES * speed_shift) ** 2)
    return poses, trust, turn, shift


def _speeds(poses: FloatArray, t_s: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Turn, rad, and shift, m, of the target within a usual interval between pictures (N,), (N,).

    The smaller one of those to the picture before and after: a pose that jumped there and back is one wrong
    solution, and both neighbours of it moved little otherwise.
    """
    count = len(poses)
    if count < 2:
        return np.zeros(count), np.zeros(count)
    order = np.argsort(t_s, kind="stable")
    interval = np.maximum(np.diff(t_s[order]), 1e-6)
    usual = float(np.median(interval))
    ratio = usual / interval
    ordered = poses[order]
    trace = np.einsum("nij,nij->n", ordered[1:, :3, :3], ordered[:-1, :3, :3])
    turn = np.arccos(np.clip((trace - 1) / 2, -1, 1)) * ratio
    shift = np.linalg.norm(ordered[1:, :3, 3] - ordered[:-1, :3, 3], axis=1) * ratio
    speeds = []
    for values in (turn, shift):
        padded = np.concatenate([[np.inf], values, [np.inf]])
        smaller = np.empty(count)
        smaller[order] = np.minimum(padded[:-1], padded[1:])
        speeds.append(smaller)
    return speeds[0], speeds[1]


def world_poses(sightings: Sightings, seen: BoolArray, rig: CameraRig, boards: BoardPoses) -> FloatArray:
    """The target's pose at every instant, from all cameras that saw it.

    The solution that most cameras agree with, then least squares of the reprojection errors with Cauchy's
    loss, as a board that moves between the cameras' exposures fits none of them well.

    Returns
    -------
    (T, 4, 4) world_from_board, m; NaN where no camera saw enough.
    """
    count, cameras = boards.found.shape
    result = np.full((count, 4, 4), np.nan)
    some = np.flatnonzero(boards.found.any(axis=1))
    if not len(some):
        return result
    world_from_cam = invert(rig.cam_from_world)
    flat = (world_from_cam[:, None] @ boards.cam_from_board[some]).reshape(len(some), -1, 4, 4)
    trust = boards.trust[some].reshape(len(some), -1)
    flat = np.where(trust[..., None, None] > 0, flat, np.eye(4))
    depth = float(np.nanmedian(boards.cam_from_board[some][..., 2, 3]))
    near = nearness(flat[:, :, None], flat[:, None], depth) * trust[:, None, :]
    votes = near.reshape(len(some), 2 * cameras, cameras, 2).max(axis=3).sum(axis=2)
    best = np.argmax(votes * trust**0.5 * (trust > 0), axis=1)
    result[some] = _refined(sightings, seen, rig, some, flat[np.arange(len(some)), best])
    return result


def _refined(
    sightings: Sightings, seen: BoolArray, rig: CameraRig, some: np.ndarray, poses: FloatArray
) -> FloatArray:
    """Least squares of the target's poses (N, 4, 4) with the rig as it is."""
    cost, normal, gradient = _normal_equations(sightings, seen, rig, some, poses)
    damping = np.full(len(poses), 1e-3)
    for _ in range(BOARD_STEPS):
        diagonal = np.einsum("nii->ni", normal)
        damped = normal + np.eye(6) * (damping[:, None] * diagonal + 1e-9)[:, None, :]
        trial = moved(poses, -np.linalg.solve(damped, gradient[..., None])[..., 0])
        trial_cost, trial_normal, trial_gradient = _normal_equations(sightings, seen, rig, some, trial)
        better = trial_cost < cost
        poses = np.where(better[:, None, None], trial, poses)
        cost = np.where(better, trial_cost, cost)
        normal = np.where(better[:, None, None], trial_normal, normal)
        gradient = np.where(better[:, None], trial_gradient, gradient)
        damping = np.where(better, damping * 0.1, damping * 10.0)
    return poses


def _normal_equations(
    sightings: Sightings, seen: BoolArray, rig: CameraRig, some: np.ndarray, poses: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Cauchy cost (N,), normal matrix (N, 6, 6) and gradient (N, 6) by a step in the world's frame."""
    cost, normal, gradient = np.zeros(len(poses)), np.zeros((len(poses), 6, 6)), np.zeros((len(poses), 6))
    for c, camera in enumerate(rig.cameras):
        here = np.flatnonzero(seen[some, c].any(axis=1))
        shown = seen[some[here], c]
        pixels, jacobian, _, depth = pose_jacobian(
            camera.intrinsics, sightings.points, camera.cam_from_world @ poses[here]
        )
        residual = np.where(shown[..., None], pixels - sightings.xy[some[here], c], 0.0)
        scaled = np.sum(residual**2, axis=-1) / ROBUST_PX**2
        behind = ((depth <= 0) & shown).any(axis=1)
        cost[here] += np.where(behind, np.inf, ROBUST_PX**2 * np.log1p(scaled).sum(axis=1))
        root = np.sqrt(shown / (1.0 + scaled))[..., None]
        length = 2 * shown.shape[1]
        rows = (jacobian * root[..., None]).reshape(len(here), length, 6)
        turn = camera.cam_from_world[:3, :3]
        rows = np.concatenate([rows[..., :3] @ turn, rows[..., 3:] @ turn], axis=-1)
        transposed = np.swapaxes(rows, 1, 2)
        normal[here] += transposed @ rows
        gradient[here] += (transposed @ (residual * root).reshape(len(here), length, 1))[..., 0]
    return cost, normal, gradient


def errors_px(sightings: Sightings, seen: BoolArray, rig: CameraRig, world_from_board: FloatArray) -> FloatArray:
    """Median reprojection error of each camera (C,), px; NaN for one that saw nothing."""
    medians = np.full(len(rig.cameras), np.nan)
    known = np.isfinite(world_from_board).all(axis=(1, 2))
    for c, camera in enumerate(rig.cameras):
        pixels, _, _, _ = pose_jacobian(
            camera.intrinsics, sightings.points, camera.cam_from_world @ world_from_board[known]
        )
        length = np.linalg.norm(pixels - sightings.xy[known, c], axis=-1)[seen[known, c]]
        if length.size:
            medians[c] = np.median(length)
    return medians
