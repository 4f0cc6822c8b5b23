"""Motions in closed form: every joint angle is a formula of time.

Angles in rad; flexion is positive, straight is 0. The second axis of paired quantities is left, right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from scipy.interpolate import CubicSpline

from mocap.core.types import FloatArray

# One step and the other; a march is a little slower than a walk.
WALK_HZ = 0.95
MARCH_HZ = 1.1

# Healthy adults at their own pace, from one strike of the heel to the next: the share of the cycle, and flexion of
# hip, knee and ankle in degrees (Perry and Burnfield 2010, Gait Analysis, chapters 4 to 6: the turning points).
GAIT_KEYS = (
    (0.00, 24.0, 5.0, 0.0), (0.07, 22.0, 12.0, -4.0), (0.14, 17.0, 16.0, 0.0), (0.27, 4.0, 9.0, 6.0),
    (0.40, -11.0, 6.0, 12.0), (0.50, -19.0, 14.0, 10.0), (0.60, -13.0, 38.0, -8.0), (0.68, 6.0, 60.0, -4.0),
    (0.76, 19.0, 62.0, 4.0), (0.86, 27.0, 28.0, 4.0), (0.95, 26.0, 4.0, 1.0), (1.00, 24.0, 5.0, 0.0),
)  # fmt: skip
# A foot bears from its strike until its toes leave.
GAIT_STANCE = 0.62
# Strides a second, and how far the angles go: slowly, as one walks in a circle in a room.
GAIT_HZ = 0.75
GAIT_REACH = 0.9
# Radius of the circle that such steps make, m, with the turn below.
GAIT_RADIUS_M = 0.9
GAIT_TURN_RAD_S = 1.15

# The default motion marches for one second, squats for one, and starts again.
SAMPLE_PERIOD_S = 2.0


@dataclass(frozen=True)
class Posture:
    """Joint angles of one person over T instants.

    Attributes
    ----------
    path_xy : (T, 2)
        Place on the floor, m.
    heading : (T,)
        Turn about the vertical; 0 looks along -y.
    lean : (T,)
        Forward lean of the trunk against the vertical.
    twist : (T,)
        Turn of the chest against the pelvis, positive to the left.
    planted : (T,)
        1 where the feet stand on the path, 0 where the pelvis goes along it.
    bearing : (T, 2)
        1 where a foot bears the body, which then goes on from the path as that sole rolls without sliding; else 0.
    hip_flexion, hip_abduction, knee_flexion, ankle_flexion : (T, 2)
        Of the thigh against the pelvis and so on; the ankle is 0 where the foot is flat below an upright shank.
    shoulder_flexion, shoulder_abduction, shoulder_rotation, elbow_flexion : (T, 2)
        Of the upper arm against the chest: raised sideways, then swung forward, then turned outward.
    """

    path_xy: FloatArray
    heading: FloatArray
    lean: FloatArray
    twist: FloatArray
    planted: FloatArray
    bearing: FloatArray
    hip_flexion: FloatArray
    hip_abduction: FloatArray
    knee_flexion: FloatArray
    ankle_flexion: FloatArray
    shoulder_flexion: FloatArray
    shoulder_abduction: FloatArray
    shoulder_rotation: FloatArray
    elbow_flexion: FloatArray


def smoothstep(u: FloatArray) -> FloatArray:
    """Go from 0 at u <= 0 to 1 at u >= 1 without a jump in velocity or acceleration."""
    u = np.clip(u, 0.0, 1.0)
    return np.asarray(u**3 * (10.0 + u * (6.0 * u - 15.0)))


def stand(t: FloatArray) -> Posture:
    """Stand at ease."""
    still, pair = np.zeros(t.shape[0]), np.zeros((t.shape[0], 2))
    return Posture(
        path_xy=pair,
        heading=still,
        lean=still + 0.03,
        twist=still,
        planted=still,
        bearing=pair,
        hip_flexion=pair + 0.05,
        hip_abduction=pair + 0.08,
        knee_flexion=pair + 0.1,
        ankle_flexion=pair + 0.05,
        shoulder_flexion=pair + 0.05,
        shoulder_abduction=pair + 0.22,
        shoulder_rotation=pair,
        elbow_flexion=pair + 0.3,
    )


def _both(phase: FloatArray) -> FloatArray:
    """Phases (T, 2) of left and right, half a cycle apart."""
    return np.stack([phase, phase + np.pi], axis=-1)


def _stride(t: FloatArray, hz: float, lift: float) -> Posture:
    """Step at ``hz``; ``lift`` is how far the thigh of the swinging leg comes up, rad."""
    phase = _both(2.0 * np.pi * hz * t)
    swing = np.sin(phase)
    # The knee bends most while the thigh comes forward, a fifth of a cycle before its height.
    bend = (0.5 + 0.5 * np.sin(phase + 0.9)) ** 2
    base = stand(t)
    return replace(
        base,
        twist=0.12 * swing[:, 1],
        hip_flexion=0.12 + lift * (0.55 * swing + 0.25 * (1.0 + swing) * 0.5),
        knee_flexion=0.12 + (0.55 + 0.9 * lift) * bend,
        ankle_flexion=0.02 + 0.12 * swing,
        shoulder_flexion=-0.45 * swing + 0.1,
        elbow_flexion=0.55 - 0.35 * swing,
    )


def walk(t: FloatArray) -> Posture:
    """Walk in a circle of 0.7 m radius, arms swinging."""
    radius, speed = 0.7, 0.9
    angle = speed * t / radius
    path = radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    # Walking along the tangent (-sin, cos); looking along -y at heading 0.
    return replace(_stride(t, WALK_HZ, 0.55), path_xy=path, heading=angle + np.pi)


def gait(t: FloatArray) -> Posture:
    """Walk in a circle as people do: heel, sole and toes roll over the floor and do not slide."""
    keys = np.array(GAIT_KEYS)
    angles = GAIT_REACH * np.radians(keys[:, 1:])
    phase = np.stack([GAIT_HZ * t, GAIT_HZ * t + 0.5], axis=-1)
    at = CubicSpline(keys[:, 0], angles, bc_type="periodic")(phase)
    swing = np.cos(2.0 * np.pi * phase)
    start = np.array([GAIT_RADIUS_M, 0.0])
    return replace(
        stand(t),
        path_xy=np.broadcast_to(start, (t.shape[0], 2)),
        heading=GAIT_TURN_RAD_S * t + np.pi,
        bearing=(phase % 1.0 < GAIT_STANCE).astype(float),
        twist=0.1 * swing[:, 1],
        hip_flexion=at[..., 0],
        hip_abduction=np.full((t.shape[0], 2), 0.03),
        knee_flexion=at[..., 1],
        ankle_flexion=at[..., 2],
        shoulder_flexion=0.05 - 0.35 * swing,
        elbow_flexion=0.45 - 0.2 * swing,
    )


def march(t: FloatArray) -> Posture:
    """March on the spot with high knees, turning slowly to and fro."""
    return replace(_stride(t, MARCH_HZ, 1.0), heading=0.4 * np.sin(0.5 * np.pi * t))


def _squat(t: FloatArray, depth: FloatArray) -> Posture:
    """Squat with the arms coming up; ``depth`` (T,) from 0 to 1."""
    base, d = stand(t), depth[:, None]
    return replace(
        base,
        lean=base.lean + 0.55 * depth,
        planted=np.ones_like(depth),
        hip_flexion=base.hip_flexion + 1.15 * d,
        hip_abduction=base.hip_abduction + 0.12 * d,
        knee_flexion=base.knee_flexion + 1.5 * d,
        ankle_flexion=base.ankle_flexion + 0.5 * d,
        shoulder_flexion=base.shoulder_flexion + 1.25 * d,
        shoulder_abduction=base.shoulder_abduction + 0.25 * d,
        elbow_flexion=base.elbow_flexion + np.array([0.0, 0.75]) * d,
    )


def squat(t: FloatArray) -> Posture:
    """Squat every two seconds."""
    return _squat(t, np.sin(0.5 * np.pi * t) ** 2)


def arms(t: FloatArray) -> Posture:
    """Raise both arms sideways overhead and bend the elbows in turn."""
    rise = np.sin(0.5 * np.pi * t)[:, None] ** 2 * np.ones(2)
    return replace(
        stand(t),
        planted=np.ones_like(t),
        shoulder_abduction=0.2 + 2.2 * rise,
        shoulder_rotation=1.2 * rise,
        elbow_flexion=0.3 + 0.9 * np.sin(_both(np.pi * t)) ** 2 * rise,
    )


def sample(t: FloatArray) -> Posture:
    """March, then squat with the arms raised; the motion of the shipped film."""
    cycle = np.mod(t, SAMPLE_PERIOD_S)
    weight = smoothstep((cycle - 0.7) / 0.3) - smoothstep((cycle - 1.75) / 0.25)
    inside = np.clip((cycle - 0.85) / 1.05, 0.0, 1.0)
    first, second = march(t), _squat(t, np.sin(np.pi * inside) ** 2)
    mixed = blend(first, second, weight)
    path = np.stack([0.3 * np.cos(np.pi * t), 0.12 * np.sin(np.pi * t)], axis=-1)
    return replace(mixed, path_xy=path, heading=0.35 - 0.5 * np.sin(0.5 * np.pi * t + 0.3))


def blend(first: Posture, second: Posture, weight: FloatArray) -> Posture:
    """Go from one posture to another; ``weight`` (T,) of the second, 0 to 1."""

    def mix(name: str) -> FloatArray:
        a, b = getattr(first, name), getattr(second, name)
        w = weight.reshape(-1, *[1] * (a.ndim - 1))
        return np.asarray((1.0 - w) * a + w * b)

    return Posture(**{name: mix(name) for name in Posture.__dataclass_fields__})


MOTIONS: Mapping[str, Callable[[FloatArray], Posture]] = MappingProxyType(
    {"sample": sample, "walk": walk, "gait": gait, "march": march, "squat": squat, "arms": arms}
)
