"""Joint angles from three keypoints, with their uncertainty."""

from __future__ import annotations

import numpy as np

from mocap.core.types import FloatArray, JointAngles, Points3D

# Below this sine of the angle the plane of the three points is not defined and any plane serves.
STRAIGHT_SINE = 1e-9


def joint_angles(points: Points3D) -> JointAngles:
    """Angles of ``skeleton.angles``, rad, with first-order standard deviations.

    The errors of the three keypoints are taken as independent of each other. Near a straight limb a
    three-point angle cannot change its sign, so noise bends a straight knee by about its own sigma; the
    first-order sigma does not contain this bias.

    Returns
    -------
    JointAngles
        NaN where a keypoint is missing or two of them coincide.
    """
    skeleton = points.skeleton
    names = tuple(angle.name for angle in skeleton.angles)
    shape = (*points.n_views.shape[:2], len(names))
    if not names:
        return JointAngles(names, np.empty(shape), np.empty(shape))
    index = np.stack([skeleton.index(*angle.points) for angle in skeleton.angles])
    triples = points.xyz[:, :, index]
    inner, jacobian = angle_and_jacobian(triples)
    variance = np.einsum("...pi,...pij,...pj->...", jacobian, points.cov[:, :, index], jacobian)
    offset = np.array([angle.offset_rad for angle in skeleton.angles])
    sign = np.array([angle.sign for angle in skeleton.angles], dtype=np.float64)
    return JointAngles(names, offset + sign * inner, np.sqrt(variance))


def angle_and_jacobian(triples: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Angle at the middle one of three points, and how it changes with each of them.

    Moving an end point in the plane of the three, square to its segment, turns the segment by the shift
    over its length; other shifts of an end point change nothing to first order. A shift of the middle
    point is the opposite shift of both others.

    Parameters
    ----------
    triples : (..., 3, 3)
        Points along the second but last axis, m.

    Returns
    -------
    angle : (...)
        0 to pi, rad; NaN where a segment has no length.
    jacobian : (..., 3, 3)
        Derivative by the coordinates of the points, rad/m.
    """
    u, v = triples[..., 0, :] - triples[..., 1, :], triples[..., 2, :] - triples[..., 1, :]
    u_length, v_length = (np.linalg.norm(w, axis=-1, keepdims=True) for w in (u, v))
    u = u / np.where(u_length > 0.0, u_length, np.nan)
    v = v / np.where(v_length > 0.0, v_length, np.nan)
    normal = np.cross(u, v)
    sine = np.linalg.norm(normal, axis=-1, keepdims=True)
    angle = np.arctan2(sine[..., 0], np.sum(u * v, axis=-1))
    # A straight limb bends in every plane alike; one square to the segment is taken.
    square = np.cross(u, np.eye(3)[np.argmin(np.abs(u), axis=-1)])
    square = square / np.linalg.norm(square, axis=-1, keepdims=True)
    straight = sine < STRAIGHT_SINE
    normal = np.where(straight, square, normal / np.where(straight, 1.0, sine))
    first = -np.cross(normal, u) / u_length
    last = np.cross(normal, v) / v_length
    return angle, np.stack([first, -(first + last), last], axis=-2)
