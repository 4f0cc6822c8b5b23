"""Clinical angles of one segment against another, from their anatomical axes.

Anatomical axes are x forwards, y to the body's left, z towards the head (proximal), as Plug-in Gait has them. A
joint's rotation is taken apart about the y axis of the proximal segment, a floating x axis, and the z axis of the
distal one: the order of Grood and Suntay (J. Biomech. Eng. 1983, 105:136), which ISB recommends for hip, knee and
ankle (Wu et al., J. Biomech. 2002, 35:543). The shoulder is taken apart in the order Y-X-Y (Wu et al., J. Biomech.
2005, 38:981). Left and right read alike: flexion, adduction (towards the midline) and internal rotation are
positive on both sides.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from mocap.core.euler import tait_bryan
from mocap.core.types import FloatArray
from mocap.kinematics.heading import own_heading

Side = Literal["left", "right"]
Bend = Literal["forwards", "backwards"]
YXZ = (1, 0, 2)
ZXY = (2, 0, 1)


def joint(
    proximal: FloatArray, distal: FloatArray, side: Side, flexes: Literal["forwards", "backwards"]
) -> FloatArray:
    """Flexion, adduction and internal rotation (..., 3), rad.

    Parameters
    ----------
    proximal, distal : (..., 3, 3)
        Anatomical axes of both segments in their columns.
    side : {"left", "right"}
    flexes : {"forwards", "backwards"}
        Where the distal segment goes when the joint bends: forwards at the hip and the elbow, backwards at
        the knee.
    """
    bend, tilt, turn = np.moveaxis(tait_bryan(np.swapaxes(proximal, -1, -2) @ distal, YXZ), -1, 0)
    mirror = -1.0 if side == "left" else 1.0
    flexion = bend if flexes == "backwards" else -bend
    return np.stack([flexion, mirror * tilt, mirror * turn], axis=-1)


def trunk(below: FloatArray, above: FloatArray) -> FloatArray:
    """Forward lean, lean to the right, and turn to the left (..., 3), rad, of a segment against the one below."""
    lean, side, turn = np.moveaxis(tait_bryan(np.swapaxes(below, -1, -2) @ above, YXZ), -1, 0)
    return np.stack([lean, side, turn], axis=-1)


def upright(_world: FloatArray, segment: FloatArray) -> FloatArray:
    """Forward lean, lean to the right, and 0 (..., 3), rad, of a segment against the vertical."""
    return trunk(own_heading(segment), segment)


def wrist(forearm: FloatArray, hand: FloatArray, side: Side) -> FloatArray:
    """Pronation, flexion and deviation towards the thumb (..., 3), rad.

    The forearm turns about its own long axis first; what is left is the wrist's. All are 0 with hanging arms
    and the palms against the thighs.
    """
    turn, palm, thumb = np.moveaxis(tait_bryan(np.swapaxes(forearm, -1, -2) @ hand, ZXY), -1, 0)
    mirror = -1.0 if side == "left" else 1.0
    return np.stack([mirror * turn, mirror * palm, -thumb], axis=-1)


def shoulder(thorax: FloatArray, humerus: FloatArray, side: Side) -> FloatArray:
    """Plane of elevation, elevation and internal rotation (..., 3), rad, in the order Y-X-Y of ISB.

    The plane is 0 where the arm rises sideways and a quarter turn where it rises forwards. Elevation is 0 to
    pi (ISB counts it negative). With the arm hanging, plane and rotation cannot be told apart.
    """
    m = np.swapaxes(_isb(thorax, side), -1, -2) @ _isb(humerus, side)
    plane = np.arctan2(-m[..., 0, 1], -m[..., 2, 1])
    elevation = np.arccos(np.clip(m[..., 1, 1], -1.0, 1.0))
    turn = np.arctan2(-m[..., 1, 0], m[..., 1, 2])
    return np.stack([plane, elevation, turn], axis=-1)


def swing(thorax: FloatArray, humerus: FloatArray, side: Side) -> FloatArray:
    """Flexion and abduction (..., 2), rad, of the upper arm as clinicians measure them with a goniometer.

    The arm's direction seen from the side, and seen from the front; each says little where the arm points
    towards the one who looks.
    """
    arm = -np.einsum("...ji,...j->...i", thorax, humerus[..., :, 2])
    out = 1.0 if side == "left" else -1.0
    return np.stack([np.arctan2(arm[..., 0], -arm[..., 2]), np.arctan2(out * arm[..., 1], -arm[..., 2])], axis=-1)


def _isb(axes: FloatArray, side: Side) -> FloatArray:
    """Columns x forwards, y up, z to the right; a left side is mirrored into a right one."""
    x, left, up = axes[..., :, 0], axes[..., :, 1], axes[..., :, 2]
    columns = np.stack([x, up, -left], axis=-1)
    if side == "right":
        return columns
    # Mirrored in the plane between left and right, in the segment's own axes and in the world's.
    return np.asarray(columns * np.array([1.0, 1.0, -1.0]))
