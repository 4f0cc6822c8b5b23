"""From joint angles to bones, and from bones to the keypoints of a detector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from calibration.transforms import apply
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray
from mocap.studio.body import Body, bone_transforms
from mocap.studio.motions import Posture

SIDES = (("L", "left", 1.0), ("R", "right", -1.0))

# Keypoints that are joints of the body.
JOINT_BONES = {
    "shoulder": "upperarm01",
    "elbow": "lowerarm01",
    "wrist": "wrist",
    "hip": "upperleg01",
    "knee": "lowerleg01",
    "ankle": "foot",
    "pinky": "finger5-1",
    "index": "finger2-1",
    "thumb": "finger1-2",
    "eye": "eye",
}

# The shoulder blade gives about a third of the arm's elevation once the arm has left the side
# (scapulohumeral rhythm, Inman et al. 1944).
SCAPULA_SHARE = 0.3
SCAPULA_START_RAD = 0.5

# Steps are added up this often, s: a foot that rolls moves less than 0.1 mm meanwhile.
ROLL_S = 1.0 / 240.0

# The sole is what is no farther above the lowest point of the foot, m.
SOLE_M = 0.01


@dataclass(frozen=True)
class Landmark:
    """A keypoint fixed to a bone: ``rest`` (3,) is its rest position, m."""

    keypoint: str
    bone: int
    rest: FloatArray


def landmarks(body: Body) -> tuple[Landmark, ...]:
    """Find the keypoints of BlazePose that the body can give: joints, and points of the skin."""
    found = [
        Landmark(f"{side}_{name}", body.bone(f"{bone}.{letter}"), body.head(f"{bone}.{letter}"))
        for letter, side, _ in SIDES
        for name, bone in JOINT_BONES.items()
    ]
    head, v = body.bone("head"), body.vertices
    on_head = body.share("head") > 0.5
    eye = body.head("eye.L")
    nose = v[on_head & (np.abs(v[:, 0]) < 0.02) & (v[:, 2] < eye[2]) & (v[:, 2] > eye[2] - 0.07)]
    found.append(Landmark("nose", head, nose[nose[:, 1].argmin()]))
    for letter, side, sign in SIDES:
        # The ear is what sticks out farthest of the head behind the eyes.
        ear = v[on_head & (v[:, 1] > eye[1] + 0.05) & (np.abs(v[:, 2] - eye[2]) < 0.04)]
        found.append(Landmark(f"{side}_ear", head, ear[(sign * ear[:, 0]).argmax()]))
        foot, share = body.bone(f"foot.{letter}"), body.share("foot", "toe")
        sole = v[(share > 0.9) & (sign * v[:, 0] > 0)]
        found.append(Landmark(f"{side}_heel", foot, sole[sole[:, 1].argmax()]))
        found.append(Landmark(f"{side}_foot_index", foot, sole[sole[:, 1].argmin()]))
    return tuple(found)


def keypoints(body: Body, placed: FloatArray, skeleton: Skeleton) -> FloatArray:
    """Positions of the keypoints (T, K, 3), m; NaN where the body cannot give one.

    Parameters
    ----------
    placed : (T, B, 4, 4)
        As returned by ``bone_transforms``.
    """
    xyz = np.full((placed.shape[0], len(skeleton.keypoints), 3), np.nan)
    for mark in landmarks(body):
        if mark.keypoint in skeleton.keypoints:
            xyz[:, skeleton.keypoints.index(mark.keypoint)] = apply(placed[:, mark.bone], mark.rest)
    return xyz


def foot_drop(body: Body, side: str) -> float:
    """How far the line from ankle to foot tip falls below the horizontal where the foot is flat, rad."""
    by_name = {mark.keypoint: mark.rest for mark in landmarks(body)}
    along = by_name[f"{side}_foot_index"] - by_name[f"{side}_ankle"]
    return float(np.arctan2(-along[2], np.hypot(along[0], along[1])))


def pose(body: Body, posture: Posture) -> FloatArray:
    """Place the bones so that the joint angles are those of the posture.

    The segments of each limb are turned from their rest direction to the wanted one, hinge axis on
    hinge axis; so the angle between the segments at knee and elbow is exactly the flexion asked for.
    The root's height is left 0 and its place follows ``path_xy``; see ``stand_on_floor``.

    Returns
    -------
    (T, B, 4, 4)
        posed_from_rest.
    """
    count = posture.heading.shape[0]
    rotation = np.empty((count, len(body.bone_names), 3, 3))
    pelvis = _turn(posture.heading, 2) @ _turn(0.4 * posture.lean, 0)
    chest = _turn(posture.heading, 2) @ _turn(posture.lean, 0) @ _turn(posture.twist, 2)
    head = _turn(posture.heading, 2) @ _turn(0.35 * posture.lean, 0)
    middle = _turn(posture.heading, 2) @ _turn(0.7 * posture.lean, 0) @ _turn(0.5 * posture.twist, 2)
    neck = _turn(posture.heading, 2) @ _turn(0.7 * posture.lean, 0) @ _turn(0.5 * posture.twist, 2)
    own = {
        "root": pelvis,
        "spine04": pelvis,
        "spine03": middle,
        "spine02": chest,
        "neck01": neck,
        "head": head,
    }
    for index, (letter, side, sign) in enumerate(SIDES):
        own |= _leg(body, posture, pelvis, letter, side, index, sign)
        own |= _arm(body, posture, chest, letter, index, sign)
    for bone, (name, parent) in enumerate(zip(body.bone_names, body.parents, strict=True)):
        rotation[:, bone] = own[name] if name in own else rotation[:, parent]
    placed = bone_transforms(body, rotation, np.zeros((count, 3)))
    ankles = [apply(placed[:, b], body.heads[b]) for b in (body.bone("foot.L"), body.bone("foot.R"))]
    shift = posture.path_xy - posture.planted[:, None] * np.mean(ankles, axis=0)[:, :2]
    placed[..., :2, 3] += shift[:, None]
    return placed


def walked(body: Body, motion: Callable[[FloatArray], Posture], t_s: FloatArray) -> FloatArray:
    """How far a body has come since the instant 0 whose bearing sole does not slide: (T, 2), m.

    Steps are added up on a grid of their own, so that all cameras see the same walk, whenever they look.
    """
    first, last = np.floor(min(0.0, t_s.min()) / ROLL_S), np.ceil(max(0.0, t_s.max()) / ROLL_S)
    grid = ROLL_S * np.arange(first, last + 1)
    posture = motion(grid)
    if not posture.bearing.any():
        return np.zeros((t_s.shape[0], 2))
    placed = pose(body, posture)
    soles = np.stack([apply(placed[:, bone], rest) for bone, rest in _soles(body)], axis=1)
    # Of the feet that bear the body, the lowest point is the one that stays.
    height = np.where(np.repeat(posture.bearing, 2, axis=1) > 0.0, soles[..., 2], np.inf)
    lowest = (height[1:] + height[:-1]).argmin(axis=1)
    slid = np.take_along_axis(np.diff(soles[..., :2], axis=0), lowest[:, None, None], axis=1)[:, 0]
    slid[~np.isfinite((height[1:] + height[:-1]).min(axis=1))] = 0.0
    way = np.concatenate([np.zeros((1, 2)), np.cumsum(-slid, axis=0)])
    way -= way[round(-first)]
    return np.stack([np.interp(t_s, grid, way[:, axis]) for axis in (0, 1)], axis=-1)


def _soles(body: Body) -> list[tuple[int, FloatArray]]:
    """Both ends of what touches the floor below each foot: the bone and the place at rest (3,), m."""
    ends = []
    for letter, _, sign in SIDES:
        sole = body.vertices[(body.share("foot", "toe") > 0.9) & (sign * body.vertices[:, 0] > 0)]
        flat = sole[sole[:, 2] < sole[:, 2].min() + SOLE_M]
        bone = body.bone(f"foot.{letter}")
        ends += [(bone, flat[flat[:, 1].argmax()]), (bone, flat[flat[:, 1].argmin()])]
    return ends


def stand_on_floor(placed: FloatArray, lowest: FloatArray) -> FloatArray:
    """Lift the bones (T, B, 4, 4) so that the ``lowest`` points (T,), m, touch the floor at z = 0."""
    lifted = placed.copy()
    lifted[..., 2, 3] -= lowest[:, None]
    return lifted


def _turn(angle: FloatArray, axis: int) -> FloatArray:
    """Rotations (T, 3, 3) by angles (T,) about a coordinate axis."""
    turned = np.zeros((angle.shape[0], 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    turned[:, axis, axis] = 1.0
    turned[:, i, i] = turned[:, j, j] = np.cos(angle)
    turned[:, j, i] = np.sin(angle)
    turned[:, i, j] = -turned[:, j, i]
    return turned


def _frame(down: FloatArray, hinge: FloatArray) -> FloatArray:
    """Rest frame (3, 3) of a segment that points along ``down`` (-z) and bends about ``hinge`` (x)."""
    z = -down / np.linalg.norm(down)
    x = hinge - (hinge @ z) * z
    x = x / np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z], axis=1)


def _leg(
    body: Body, posture: Posture, pelvis: FloatArray, letter: str, side: str, index: int, sign: float
) -> dict[str, FloatArray]:
    """World rotations of thigh, shank and foot, each (T, 3, 3)."""
    hip, knee, ankle = (body.head(f"{bone}.{letter}") for bone in ("upperleg01", "lowerleg01", "foot"))
    lateral = np.array([1.0, 0.0, 0.0])
    thigh = pelvis @ _turn(-posture.hip_flexion[:, index], 0) @ _turn(-sign * posture.hip_abduction[:, index], 1)
    shank = thigh @ _turn(posture.knee_flexion[:, index], 0)
    drop = foot_drop(body, side)
    foot = shank @ _turn(drop - posture.ankle_flexion[:, index], 0)
    tip = next(m.rest for m in landmarks(body) if m.keypoint == f"{side}_foot_index")
    # The foot's frame has its length along -y: the same as a segment along -z turned by a right angle.
    rest_foot = _frame(tip - ankle, lateral) @ _turn(np.array([0.5 * np.pi]), 0)[0]
    return {
        f"upperleg01.{letter}": thigh @ _frame(knee - hip, lateral).T,
        f"lowerleg01.{letter}": shank @ _frame(ankle - knee, lateral).T,
        f"foot.{letter}": foot @ rest_foot.T,
    }


def _arm(
    body: Body, posture: Posture, chest: FloatArray, letter: str, index: int, sign: float
) -> dict[str, FloatArray]:
    """World rotations of collar bone, upper arm and forearm, each (T, 3, 3)."""
    shoulder, elbow, wrist = (body.head(f"{bone}.{letter}") for bone in ("upperarm01", "lowerarm01", "wrist"))
    # At rest the elbow is bent a little: the plane of the bend gives the hinge.
    hinge = -np.cross(elbow - shoulder, wrist - elbow)
    upper = (
        chest
        @ _turn(-sign * posture.shoulder_abduction[:, index], 1)
        @ _turn(-posture.shoulder_flexion[:, index], 0)
        @ _turn(sign * posture.shoulder_rotation[:, index], 2)
    )
    fore = upper @ _turn(-posture.elbow_flexion[:, index], 0)
    down = np.einsum("tij,tij->t", upper[..., 2:], chest[..., 2:])
    elevation = np.arccos(np.clip(down, -1.0, 1.0))
    raised = SCAPULA_SHARE * np.maximum(elevation - SCAPULA_START_RAD, 0.0)
    return {
        f"clavicle.{letter}": chest @ _turn(-sign * raised, 1),
        f"upperarm01.{letter}": upper @ _frame(elbow - shoulder, hinge).T,
        f"lowerarm01.{letter}": fore @ _frame(wrist - elbow, hinge).T,
    }
