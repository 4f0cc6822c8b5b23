"""What gait and jumps are read from: hips, heels and toes of the fitted body, else of the points."""

from __future__ import annotations

import numpy as np

from mocap.core.body import attached_keypoints, forward
from mocap.core.measures import Side
from mocap.core.types import FloatArray, Motion, Points3D
from mocap.kinematics.gait import Feet


def feet_of(points: Points3D, motion: Motion, person: int) -> Feet | None:
    """Hips, heels and toes of one person; None where the skeleton has no feet.

    Heels and toes are those of the fitted body where the skeleton attaches them to it, else the keypoints.
    """
    joints = [joint.name for joint in motion.skeleton.joints]
    heels, toes = ({side: f"{side}_{what}" for side in ("left", "right")} for what in ("heel", "toe"))
    if not set(toes.values()) <= set(joints) or not set(heels.values()) <= set(points.skeleton.keypoints):
        return None
    centres = forward(motion)[:, person]
    marks = attached_keypoints(motion)[:, person]
    attached = {a.keypoint for a in motion.skeleton.attachments}

    def heel(side: Side) -> FloatArray:
        name = heels[side]
        k = points.skeleton.index(name)[0]
        return np.asarray(marks[:, k] if name in attached else points.xyz[:, person, k])

    def toe(side: Side) -> FloatArray:
        return np.asarray(centres[:, joints.index(toes[side])])

    mid_hip = centres[:, [joints.index("left_hip"), joints.index("right_hip")]].mean(axis=1)
    return Feet(
        mid_hip, {"left": heel("left"), "right": heel("right")}, {"left": toe("left"), "right": toe("right")}
    )
