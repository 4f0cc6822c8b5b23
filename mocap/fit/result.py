"""How a fitted sequence becomes a ``Motion``, with its errors and its gaps."""

from __future__ import annotations

import numpy as np

from mocap.core.body import from_matrix
from mocap.core.types import FloatArray, Motion, Points3D
from mocap.fit.chain import PLACE, BoolArray, Chain, Pose, jacobian, place
from mocap.fit.gaps import neighbours


def missing(points: Points3D, length: FloatArray, sigma: FloatArray) -> Motion:
    """Motion of a person who was never seen."""
    frames, joints = len(points.xyz), len(points.skeleton.joints)
    return Motion(
        points.skeleton, np.full((frames, 1, 3), np.nan), np.full((frames, 1, joints, 4), np.nan), length, sigma
    )


def to_motion(
    chain: Chain,
    pose: Pose,
    length: FloatArray,
    errors: FloatArray,
    shown: BoolArray,
    measured: FloatArray,
    spread: FloatArray,
) -> Motion:
    """Joint rotations, lengths and their uncertainty of one person.

    Parameters
    ----------
    length : (J,)
        As fitted, m.
    errors : (T, J, 2, 3, 3)
        As ``joint_errors`` returns them.
    shown : (T, J) bool
        Joints that are not missing.
    measured, spread : (1, J)
        Lengths as measured, NaN where never seen, and their standard deviation over the frames, m.
    """
    rotation = np.broadcast_to(np.eye(3), (*shown.shape, 3, 3)).copy()
    for j, nodes in chain.turning:
        for node, _ in nodes:
            rotation[:, j] = rotation[:, j] @ pose.turn[:, node]
    rotation_cov, centre_cov = errors[:, :, 0].copy(), errors[:, :, 1].copy()
    # A centre is where all that lies between it and the root put it.
    centre_cov[~shown[:, np.maximum(chain.above, 0)]] = np.nan
    rotation_cov[~shown] = np.nan
    quaternion = np.where(shown[..., None], from_matrix(rotation), np.nan)
    return Motion(
        chain.skeleton,
        np.where(shown[:, :1], pose.place, np.nan)[:, None],
        same_hemisphere(quaternion[:, None]),
        np.where(np.isfinite(measured), length, np.nan),
        spread,
        rotation_cov[:, None],
        centre_cov[:, None],
    )


def joint_errors(chain: Chain, pose: Pose, length: FloatArray, covariance: FloatArray) -> FloatArray:
    """Covariance of joint rotations, rad^2, and of joint centres, m^2 (T, J, 2, 3, 3).

    Parameters
    ----------
    covariance : (T, D, D)
        Of all degrees of freedom.
    """
    frames, joints = len(pose.place), len(chain.above)
    out = np.zeros((frames, joints, 2, 3, 3))
    for j, nodes in chain.turning:
        node, own = nodes[0]
        columns = chain.axis[own.start - PLACE : own.stop - PLACE].T
        for node, after in nodes[1:]:
            # What the nodes before turn about, seen from the segment of this one.
            own = slice(own.start, after.stop)
            carried = np.swapaxes(pose.turn[:, node], 1, 2) @ columns
            axes = np.broadcast_to(chain.axis[after.start - PLACE : after.stop - PLACE].T, (frames, 3, 1))
            columns = np.concatenate([carried, axes], axis=2)
        out[:, j, 0] = columns @ covariance[:, own, own] @ np.swapaxes(columns, -1, -2)
    placed = place(chain, pose, length)
    moves = jacobian(chain, placed, placed.centre, chain.carrier)
    moved = (moves.reshape(frames, -1, chain.freedom) @ covariance).reshape(moves.shape)
    out[:, :, 1] = moved @ np.swapaxes(moves, 2, 3)
    return out


def shown_joints(chain: Chain, seen: BoolArray, dt: float, max_gap_s: float) -> BoolArray:
    """Joints (T, J) of which enough was seen within the longest gap, and of all joints that they hang on."""
    known = shown_now(chain, seen)
    frames = len(seen)
    before, after = neighbours(known)
    short = (before >= 0) & (after < frames) & ((after - before - 1) * dt <= max_gap_s * (1.0 + 1e-9))
    out = known | short
    for j, parent in enumerate(chain.above):
        if parent >= 0:
            out[:, j] &= out[:, parent]
    return out


def shown_now(chain: Chain, seen: BoolArray) -> BoolArray:
    """Joints (..., J) of which enough is seen at once; ``seen`` is (..., M)."""
    enough = [seen[..., mark].sum(axis=-1) >= needed for mark, needed in chain.marks]
    return np.stack(enough, axis=-1)


def same_hemisphere(rotation: FloatArray) -> FloatArray:
    """Choose the sign of each quaternion (T, N, J, 4) next to the one before, over gaps too."""
    frames = rotation.shape[0]
    seen = np.isfinite(rotation).all(axis=-1)
    number = np.arange(frames)[:, None, None]
    last = np.maximum.accumulate(np.where(seen, number, 0), axis=0)
    held = np.take_along_axis(rotation, last[..., None], axis=0)
    dots = np.sum(held[1:] * held[:-1], axis=-1)
    flips = np.cumprod(np.where(dots < 0.0, -1.0, 1.0), axis=0)
    signs = np.concatenate([np.ones((1, *flips.shape[1:])), flips])
    return np.asarray(rotation * signs[..., None])
