"""Joint angles as clinicians state them, from the fitted body, each with its uncertainty.

In the T-pose the body's own axes are x to the left, y backwards, z up. Anatomical axes (``cardan``) are laid into
each segment so that all of them agree when somebody stands straight with hanging arms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from mocap.core.body import to_matrix
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, JointAngles, Motion
from mocap.kinematics import cardan
from mocap.kinematics.heading import heading

# Columns: forwards, left, up, in the axes of the T-pose.
STANDING = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
# The arm of the T-pose is the hanging one, raised sideways by a quarter turn.
HANGING: dict[cardan.Side, FloatArray] = {
    "left": np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]) @ STANDING,
    "right": np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]) @ STANDING,
}
# An angle known worse than this is not known: a fifth of the range of most joints. So the turn of a straight leg
# about itself, and the plane in which a hanging arm rises, are missing rather than guessed.
MAX_SIGMA_RAD = float(np.deg2rad(15.0))
# Small enough for a straight line, large enough for the figures that floats have.
STEP_RAD = 1e-5

Measure = Callable[[FloatArray, FloatArray], FloatArray]


def _small_turns() -> FloatArray:
    """No rotation, and those by ``STEP_RAD`` about each of the coordinate axes (4, 3, 3)."""
    turns = np.tile(np.eye(3), (4, 1, 1))
    for axis in range(3):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        turns[axis + 1, [a, b], [a, b]] = np.cos(STEP_RAD)
        turns[axis + 1, b, a], turns[axis + 1, a, b] = np.sin(STEP_RAD), -np.sin(STEP_RAD)
    return turns


SMALL_TURNS = _small_turns()


@dataclass(frozen=True)
class _Definition:
    """Some angles of one segment against another, or against the world turned to the way of walking.

    Attributes
    ----------
    names : tuple of str
        One for each value of ``measure``; empty for those that are not stated.
    measure : callable
        From anatomical axes (..., 3, 3) of both to angles (..., A), rad.
    distal : str
        Joint that turns the segment.
    proximal : str or None
        Joint that turns the other one; None for the world.
    arm, proximal_arm : {"left", "right"} or None
        The arm that the segment, and the proximal one, belong to.
    """

    names: tuple[str, str, str]
    measure: Measure
    distal: str
    proximal: str | None = None
    arm: cardan.Side | None = None
    proximal_arm: cardan.Side | None = None


def _definitions() -> tuple[_Definition, ...]:
    """All angles, from the pelvis outwards."""
    found = [
        _Definition(("pelvis_tilt", "pelvis_obliquity", ""), cardan.upright, "pelvis"),
        _Definition(("", "", "pelvis_rotation"), cardan.trunk, "pelvis"),
        _Definition(("trunk_lean", "trunk_sway", ""), cardan.upright, "chest"),
        _Definition(("trunk_flexion", "trunk_bend", "trunk_rotation"), cardan.trunk, "chest", "pelvis"),
        _Definition(("neck_flexion", "neck_bend", "neck_rotation"), cardan.trunk, "neck", "chest"),
    ]
    sides: tuple[cardan.Side, ...] = ("left", "right")
    for side in sides:
        hip, knee, ankle = f"{side}_hip", f"{side}_knee", f"{side}_ankle"
        shoulder, elbow, wrist = f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist"
        forwards = partial(cardan.joint, side=side, flexes="forwards")
        backwards = partial(cardan.joint, side=side, flexes="backwards")
        found += [
            _Definition((f"{hip}_flexion", f"{hip}_adduction", f"{hip}_rotation"), forwards, hip, "pelvis"),
            _Definition((f"{knee}_flexion", "", ""), backwards, knee, hip),
            _Definition((f"{ankle}_dorsiflexion", "", f"{side}_foot_rotation"), forwards, ankle, knee),
            _Definition(("", "", f"{side}_foot_progression"), forwards, ankle),
            _Definition(
                (f"{shoulder}_plane", f"{shoulder}_elevation", f"{shoulder}_rotation"),
                partial(cardan.shoulder, side=side), shoulder, "chest", side,
            ),
            _Definition(
                (f"{shoulder}_flexion", f"{shoulder}_abduction", ""),
                partial(cardan.swing, side=side), shoulder, "chest", side,
            ),
            _Definition((f"{elbow}_flexion", "", ""), forwards, elbow, shoulder, side, side),
            _Definition(
                (f"{side}_forearm_pronation", f"{wrist}_flexion", f"{wrist}_deviation"),
                partial(cardan.wrist, side=side), wrist, elbow, side, side,
            ),
        ]  # fmt: skip
    return tuple(found)


DEFINITIONS = _definitions()


def axes_of(arm: cardan.Side | None) -> FloatArray:
    """Anatomical axes (3, 3) of a segment, of an arm or not, in the axes of the T-pose."""
    return STANDING if arm is None else HANGING[arm]


def has_clinical_angles(skeleton: Skeleton) -> bool:
    """Whether a skeleton has all the joints that the angles are of."""
    known = {joint.name for joint in skeleton.joints}
    return {d.distal for d in DEFINITIONS} | {d.proximal for d in DEFINITIONS if d.proximal} <= known


def clinical_angles(motion: Motion, rate_hz: float) -> JointAngles:
    """Angles of pelvis, trunk, neck and limbs.

    The uncertainty is that of the fitted rotations, to first order; those of the joints between two segments
    are added as if they were independent.

    Parameters
    ----------
    motion : Motion
        Of a skeleton with ``has_clinical_angles``.
    rate_hz : float
        Frame rate, Hz.

    Returns
    -------
    JointAngles
        NaN where the rotation is missing, where the angle is known worse than ``MAX_SIGMA_RAD``, and, for
        rotation of the pelvis and progression of the feet, where nobody walks.
    """
    ahead = heading(motion.root_xyz, rate_hz)
    names: list[str] = []
    values: list[FloatArray] = []
    sigmas: list[FloatArray] = []
    turns = to_matrix(motion.rotation)
    for definition in DEFINITIONS:
        relative, cov = _relative_rotation(motion, turns, definition.proximal, definition.distal)
        base = (
            ahead
            if definition.proximal is None
            else np.broadcast_to(axes_of(definition.proximal_arm), relative.shape)
        )
        value, sigma = _measured(definition, base, relative, cov)
        kept = [i for i, name in enumerate(definition.names) if name]
        names += [definition.names[i] for i in kept]
        values.append(value[..., kept])
        sigmas.append(sigma[..., kept])
    value, sigma = np.concatenate(values, axis=-1), np.concatenate(sigmas, axis=-1)
    known = np.isfinite(value) & (sigma <= MAX_SIGMA_RAD)
    return JointAngles(tuple(names), np.where(known, value, np.nan), np.where(known, sigma, np.nan))


def _relative_rotation(
    motion: Motion, turns: FloatArray, proximal: str | None, distal: str
) -> tuple[FloatArray, FloatArray]:
    """Rotation of one joint's segment against another's.

    Parameters
    ----------
    turns : (T, N, J, 3, 3)
        The motion's rotations as matrices.

    Returns
    -------
    rotation : (T, N, 3, 3)
        From the axes of the distal segment to those of the proximal one, or of the world.
    cov : (T, N, 3, 3)
        Covariance of small turns about the axes of the distal segment, rad^2.
    """
    names = [joint.name for joint in motion.skeleton.joints]
    parents = motion.skeleton.parents
    joint, stop = names.index(distal), -1 if proximal is None else names.index(proximal)
    shape = (*motion.root_xyz.shape[:2], 3, 3)
    rotation = np.broadcast_to(np.eye(3), shape)
    cov = np.zeros(shape)
    while joint != stop:
        # A turn of a joint further in, seen from the axes of the distal segment.
        cov = cov + np.swapaxes(rotation, -1, -2) @ motion.rotation_cov[:, :, joint] @ rotation
        rotation = turns[:, :, joint] @ rotation
        joint = parents[joint]
    return rotation, cov


def _measured(
    definition: _Definition, base: FloatArray, relative: FloatArray, cov: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Values and sigmas (T, N, 3), rad, of one definition."""
    # As it is, and turned a little about each axis: all at once, as one frame of live use is mostly overhead.
    laid = relative @ (SMALL_TURNS @ axes_of(definition.arm))[:, None, None]
    measured = _three(definition.measure(base, laid))
    value = measured[0]
    jacobian = np.moveaxis(_wrapped(measured[1:] - value) / STEP_RAD, 0, -1)
    variance = np.einsum("...ai,...ij,...aj->...a", jacobian, cov, jacobian)
    # Rounding takes the variance of what cannot turn below zero.
    return value, np.sqrt(np.maximum(variance, 0.0))


def _three(angles: FloatArray) -> FloatArray:
    """Angles with a third value of NaN where a measure has two."""
    missing = 3 - angles.shape[-1]
    return np.concatenate([angles, np.full((*angles.shape[:-1], missing), np.nan)], axis=-1) if missing else angles


def _wrapped(angle: FloatArray) -> FloatArray:
    """Angle within half a turn of 0."""
    return np.asarray((angle + np.pi) % (2 * np.pi) - np.pi)
