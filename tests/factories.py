"""Synthetic performances with known truth: a body of constant bones that walks, waves and turns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mocap.core.body import about, attached_keypoints, forward, multiply
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, Motion, Points3D, Take
from mocap.kinematics.angles import joint_angles
from mocap.presets import load_skeleton

LENGTHS_M = {
    "chest": 0.5, "head": 0.25, "shoulder": 0.19, "elbow": 0.29, "wrist": 0.26, "hand": 0.09,
    "hip": 0.12, "knee": 0.42, "ankle": 0.40, "toe": 0.18,
}  # fmt: skip
SIGMA_M = 0.005
# Where keypoints that are no joints lie off their joints on the left, as shares of the body's size; pairs of which
# a joint is the mean lie on opposite sides of it.
MARKS = {
    "nose": (0.0, -0.07, -0.01), "eye": (0.02, -0.05, 0.02), "ear": (0.045, 0.0, 0.0), "index": (0.0, -0.02, 0.0),
    "pinky": (0.0, 0.02, 0.0), "thumb": (0.02, -0.025, 0.0), "heel": (0.0, 0.03, -0.045),
}  # fmt: skip
X, Y, Z = np.eye(3)


def articulated_skeleton() -> Skeleton:
    """The shipped skeleton with keypoints exactly where joints are, and the others at round places."""
    shipped = load_skeleton("blazepose33")
    joints = shipped.joints
    marks = {joint.keypoints[0] for joint in joints if len(joint.keypoints) == 1}
    attachments = tuple(
        replace(
            a, offset=(0.0, 0.0, 0.0) if a.keypoint in marks else tuple(MARKS[a.keypoint.split("_")[-1]] * side)
        )
        for a in shipped.attachments
        for side in [np.array([-1.0 if a.keypoint.startswith("right") else 1.0, 1.0, 1.0])]
    )
    return replace(shipped, attachments=attachments)


def make_motion(frames: int = 60, rate_hz: float = 60.0, people: int = 1, trunk_tilt_rad: float = 0.0) -> Motion:
    """A walk in a curve with swinging, twisting limbs; bends are hinges, as the fit assumes.

    Twists of arms and thighs are real ones about their own axes, so a fit that ignores them is found out.
    A trunk that tilts forwards on the pelvis (``trunk_tilt_rad``) looks like a pelvis that tilts.
    """
    skeleton = articulated_skeleton()
    names = [joint.name for joint in skeleton.joints]
    t = np.arange(frames)[:, None] / rate_hz + np.arange(people)[None, :] * 0.37
    phase = 2 * np.pi * 0.9 * t
    rotation = np.zeros((frames, people, len(names), 4))
    rotation[..., 0] = 1.0

    def turn(name: str, *parts: tuple[FloatArray, FloatArray]) -> None:
        for axis, angle in parts:
            slot = rotation[:, :, names.index(name)]
            rotation[:, :, names.index(name)] = multiply(about(np.broadcast_to(axis, (*t.shape, 3)), angle), slot)

    turn("pelvis", (X, 0.1 * np.sin(phase)), (Y, 0.05 * np.cos(phase)), (Z, 1.2 * t))
    turn("spine", (X, trunk_tilt_rad + 0 * t), (Y, 0.15 * np.cos(phase)))
    # A chest twists about the trunk only: any other turn is the spine's.
    turn("chest", (Z, 0.2 * np.sin(phase)))
    turn("neck", (X, 0.3 * np.sin(0.5 * phase)), (Y, 0.1 * np.sin(phase)))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        swing = sign * np.sin(phase)
        # First the twist about the limb's own rest axis, then the swing of the limb.
        turn(f"{side}_hip", (Z, 0.2 * swing), (Y, -0.1 * sign + 0 * t), (X, -0.2 + 0.5 * swing))
        turn(f"{side}_knee", (X, 0.6 + 0.4 * np.cos(phase)))
        turn(f"{side}_ankle", (X, 0.2 * swing))
        turn(f"{side}_shoulder", (X, 0.3 * swing), (Y, sign * (1.1 + 0.2 * swing)), (X, 0.4 * swing))
        turn(f"{side}_elbow", (Z, -sign * (0.7 + 0.3 * np.sin(phase))))
    length = np.array([0.0 if n in ("pelvis", "spine", "neck") else LENGTHS_M[n.split("_")[-1]] for n in names])
    root = np.stack([np.cos(0.4 * t), np.sin(0.4 * t), 0.95 + 0.02 * np.cos(2 * phase)], axis=-1)
    root += np.arange(people)[None, :, None] * X
    bone = np.broadcast_to(length, (people, len(names))).copy()
    return Motion(skeleton, root, rotation, bone, np.zeros_like(bone))


def points_of(motion: Motion) -> Points3D:
    """Keypoints where the skeleton attaches them, joints at their means; the rest lies beside the head."""
    skeleton = motion.skeleton
    centres = forward(motion)
    attached = attached_keypoints(motion)
    head = centres[:, :, [joint.name for joint in skeleton.joints].index("head")]
    beside = head[:, :, None] + np.where(np.arange(attached.shape[2]) % 2, 0.07, -0.07)[:, None] * X
    xyz = np.where(np.isfinite(attached), attached, beside)
    shape = xyz.shape[:3]
    cov = np.broadcast_to(SIGMA_M**2 * np.eye(3), (*shape, 3, 3)).copy()
    seen = (shape[0], 4, *shape[1:])
    return Points3D(
        skeleton, xyz, cov, np.full(shape, 4, dtype=np.int64), np.full(seen, 1.0), np.ones(seen, dtype=np.bool_)
    )


def with_gap(points: Points3D, keypoint: str, frames: slice, person: int = 0) -> Points3D:
    """The same with a keypoint unseen for some frames."""
    k = points.skeleton.index(keypoint)[0]
    xyz, cov, n_views, used = points.xyz.copy(), points.cov.copy(), points.n_views.copy(), points.used.copy()
    xyz[frames, person, k] = np.nan
    cov[frames, person, k] = np.nan
    n_views[frames, person, k] = 0
    used[frames, :, person, k] = False
    return replace(points, xyz=xyz, cov=cov, n_views=n_views, used=used)


def make_take(
    frames: int = 60,
    rate_hz: float = 60.0,
    people: int = 1,
    name: str = "walk",
    start_s: float = 0.0,
    gap: tuple[str, slice] | None = None,
) -> Take:
    """A whole take; ``gap`` blanks a keypoint, and the body beyond it, in some frames."""
    motion = make_motion(frames, rate_hz, people)
    points = points_of(motion)
    if gap is not None:
        points = with_gap(points, *gap)
        held = [j for j, joint in enumerate(motion.skeleton.joints) if gap[0] in joint.keypoints]
        rotation = motion.rotation.copy()
        for j in held:
            rotation[gap[1], 0, max(motion.skeleton.parents[j], 0)] = np.nan
        motion = replace(motion, rotation=rotation)
    return Take(
        name=name,
        t_s=start_s + np.arange(frames) / rate_hz,
        rate_hz=rate_hz,
        people=tuple(f"person_{n + 1}" for n in range(people)),
        points=points,
        angles=joint_angles(points),
        motion=motion,
    )
