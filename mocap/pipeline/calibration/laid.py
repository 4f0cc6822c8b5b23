"""One rig laid onto another one of the same cameras, of which some were moved."""

from __future__ import annotations

import numpy as np

from calibration import CameraRig
from calibration.alignment import move_rig
from calibration.bundle.parameters import rigid
from calibration.extrinsics.average import MEDIAN_STEPS, MEDIAN_TOLERANCE, median_point, median_rotation
from calibration.transforms import from_rotation
from mocap.core.types import FloatArray


def laid_onto(rig: CameraRig, old: CameraRig, rescale: bool = True) -> CameraRig:
    """Move a rig to where most of its cameras were, and, with ``rescale``, give it the size that they had.

    No camera's picture changes. One camera that was bumped must not take the world with it, so the turn is
    that of least sum of angles, and place and size are those of least sum of distances between the cameras'
    centres. The size by itself, from the cameras' distances, would not do: of four cameras, one that was
    moved changes half of all distances.
    """
    turns = np.swapaxes(old.cam_from_world[:, :3, :3], -1, -2) @ rig.cam_from_world[:, :3, :3]
    start = np.eye(4)
    start[:3, :3] = turns.mean(axis=0)
    turn = median_rotation(turns, np.ones(len(turns)), rigid(start)[:3, :3])
    turned = np.stack([camera.centre for camera in rig.cameras]) @ turn.T
    goal = np.stack([camera.centre for camera in old.cameras])
    if rescale:
        scale, shift = _median_size(turned, goal)
    else:
        shifts = goal - turned
        scale, shift = 1.0, median_point(shifts, np.ones(len(shifts)), np.median(shifts, axis=0))
    return move_rig(rig, from_rotation(scale * turn, shift), {})


def _median_size(points: FloatArray, goal: FloatArray) -> tuple[float, FloatArray]:
    """Scale and shift (3,) of least sum of distances between points (N, 3) and a goal (N, 3).

    Weiszfeld's iteration of weighted least squares, as ``median_point``.
    """
    weight, scale, shift = np.ones(len(points)), 1.0, np.zeros(3)
    for _ in range(MEDIAN_STEPS):
        middle, target = weight @ points / weight.sum(), weight @ goal / weight.sum()
        arms = points - middle
        last = scale, shift
        scale = float((weight[:, None] * arms * (goal - target)).sum() / (weight @ (arms**2).sum(axis=1)))
        shift = target - scale * middle
        if abs(scale - last[0]) + np.linalg.norm(shift - last[1]) < MEDIAN_TOLERANCE:
            break
        weight = 1.0 / np.maximum(np.linalg.norm(scale * points + shift - goal, axis=1), MEDIAN_TOLERANCE)
    return scale, shift
