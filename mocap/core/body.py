"""The body's tree: joint centres, rest pose, quaternions, forward kinematics.

A joint's rotation turns everything that hangs on it, as in BVH and glTF: the position of a joint is that of
its parent plus the parent's rotation in the world applied to the joint's rest offset. In the T-pose every
rotation is the identity, so the axes of all segments are those of the world then: x to the body's left,
y backwards, z up. Quaternions are w, x, y, z; NaN passes through everything.
"""

from __future__ import annotations

import numpy as np

from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, Motion


def multiply(p: FloatArray, q: FloatArray) -> FloatArray:
    """Product p q of quaternions (..., 4): first q turns, then p."""
    pw, qw = p[..., :1], q[..., :1]
    pv, qv = p[..., 1:], q[..., 1:]
    scalar = pw * qw - np.sum(pv * qv, axis=-1, keepdims=True)
    return np.concatenate([scalar, pw * qv + qw * pv + np.cross(pv, qv)], axis=-1)


def conjugate(q: FloatArray) -> FloatArray:
    """Inverse rotation of unit quaternions (..., 4)."""
    return np.asarray(q * np.array([1.0, -1.0, -1.0, -1.0]))


def rotate(q: FloatArray, vectors: FloatArray) -> FloatArray:
    """Turn vectors (..., 3) by unit quaternions (..., 4); leading axes broadcast."""
    axis = q[..., 1:]
    twice = 2.0 * np.cross(axis, vectors)
    return np.asarray(vectors + q[..., :1] * twice + np.cross(axis, twice))


def about(axis: FloatArray, angle: FloatArray) -> FloatArray:
    """Quaternion (..., 4) of a turn by ``angle`` (...) rad about the unit vector ``axis`` (..., 3)."""
    half = 0.5 * angle[..., None]
    return np.concatenate([np.cos(half), np.sin(half) * axis], axis=-1)


def to_matrix(q: FloatArray) -> FloatArray:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4)."""
    return np.stack([rotate(q, unit) for unit in np.eye(3)], axis=-1)


def from_matrix(matrix: FloatArray) -> FloatArray:
    """Unit quaternions (..., 4) of rotation matrices (..., 3, 3), with w >= 0.

    Of the four ways to take the square root the one with the largest component is used, which loses no
    figures (Shepperd 1978, J. Guidance and Control 1:223).
    """
    m = matrix
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    wx, wy, wz = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    xy, xz, yz = m[..., 0, 1] + m[..., 1, 0], m[..., 0, 2] + m[..., 2, 0], m[..., 1, 2] + m[..., 2, 1]
    # Row i is 4 q_i times the whole quaternion.
    rows = np.stack(
        [
            np.stack([1 + xx + yy + zz, wx, wy, wz], axis=-1),
            np.stack([wx, 1 + xx - yy - zz, xy, xz], axis=-1),
            np.stack([wy, xy, 1 - xx + yy - zz, yz], axis=-1),
            np.stack([wz, xz, yz, 1 - xx - yy + zz], axis=-1),
        ],
        axis=-2,
    )
    largest = np.argmax(np.diagonal(rows, axis1=-2, axis2=-1), axis=-1)
    best = np.take_along_axis(rows, largest[..., None, None], axis=-2)[..., 0, :]
    best = best / np.linalg.norm(best, axis=-1, keepdims=True)
    return np.asarray(np.where(best[..., :1] < 0.0, -best, best))


def swing(source: FloatArray, target: FloatArray) -> FloatArray:
    """Shortest turn (..., 4) that takes unit vectors ``source`` (..., 3) onto ``target`` (..., 3).

    For opposite vectors the axis is any perpendicular one.
    """
    scalar = 1.0 + np.sum(source * target, axis=-1, keepdims=True)
    # The coordinate axis farthest from the source gives a perpendicular that is never short.
    farthest = np.eye(3)[np.argmin(np.abs(source), axis=-1)]
    opposite = scalar < 1e-12
    quaternion = np.where(
        opposite,
        np.concatenate([np.zeros_like(scalar), np.cross(source, farthest)], axis=-1),
        np.concatenate([scalar, np.cross(source, target)], axis=-1),
    )
    return np.asarray(quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True))


def unit(vectors: FloatArray) -> FloatArray:
    """Vectors (..., 3) of length 1; NaN where they have no direction."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0.0, length, np.nan))


def rest_directions(skeleton: Skeleton) -> FloatArray:
    """Unit direction of each joint from its parent in the T-pose (J, 3); zero where it lies on the parent."""
    raw = np.array([joint.rest_direction for joint in skeleton.joints], dtype=np.float64)
    length = np.linalg.norm(raw, axis=-1, keepdims=True)
    return np.asarray(raw / np.where(length > 0.0, length, 1.0))


def joint_centres(skeleton: Skeleton, xyz: FloatArray) -> FloatArray:
    """Joint centres from keypoints.

    Parameters
    ----------
    xyz : (T, N, K, 3)
        Keypoints, m.

    Returns
    -------
    (T, N, J, 3)
        Mean of each joint's keypoints, m; NaN where any of them is missing.
    """
    return np.stack([xyz[:, :, skeleton.index(*j.keypoints)].mean(axis=2) for j in skeleton.joints], axis=2)


def rest_offsets(motion: Motion, person: int) -> FloatArray:
    """Offset of each joint from its parent in the T-pose (J, 3), m; NaN where the bone was never seen."""
    return np.asarray(rest_directions(motion.skeleton) * motion.bone_length[person][:, None])


def forward(motion: Motion) -> FloatArray:
    """Joint centres of a motion (T, N, J, 3), m; NaN where a rotation on the way from the root is missing."""
    return segments(motion)[0]


def segments(motion: Motion) -> tuple[FloatArray, FloatArray]:
    """Joint centres (T, N, J, 3), m, and orientations of the joints' segments in the world (T, N, J, 4)."""
    offsets = rest_directions(motion.skeleton) * motion.bone_length[..., None]
    centres = np.full((*motion.rotation.shape[:3], 3), np.nan)
    world = np.full(motion.rotation.shape, np.nan)
    for joint, parent in enumerate(motion.skeleton.parents):
        if parent < 0:
            centres[:, :, joint] = motion.root_xyz
            world[:, :, joint] = motion.rotation[:, :, joint]
        else:
            centres[:, :, joint] = centres[:, :, parent] + rotate(world[:, :, parent], offsets[:, joint])
            world[:, :, joint] = multiply(world[:, :, parent], motion.rotation[:, :, joint])
    return centres, world


def body_size(motion: Motion) -> FloatArray:
    """Size of each body (N,), m, as ``Skeleton.size`` defines it; NaN where one of its bones was never seen."""
    names = [joint.name for joint in motion.skeleton.joints]
    return np.asarray(motion.bone_length[:, [names.index(name) for name in motion.skeleton.size]].sum(axis=1))


def attached_keypoints(motion: Motion) -> FloatArray:
    """Where a detector would see the keypoints of a body (T, N, K, 3), m; NaN for those that are not attached."""
    skeleton = motion.skeleton
    names = [joint.name for joint in skeleton.joints]
    centres, world = segments(motion)
    xyz = np.full((*centres.shape[:2], len(skeleton.keypoints), 3), np.nan)
    size = body_size(motion)[:, None]
    for a in skeleton.attachments:
        offset = rotate(world[:, :, names.index(a.segment)], size * np.array(a.offset))
        xyz[:, :, skeleton.index(a.keypoint)[0]] = centres[:, :, names.index(a.joint)] + offset
    return xyz
