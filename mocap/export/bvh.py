"""BVH: a skeleton of fixed bones in motion, for animation programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.files import atomic_write
from mocap.core.body import rest_directions, rest_offsets, to_matrix
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, Take
from mocap.export.written import Written, frame_ranges, late_start, uneven_times, y_up

CM_PER_M = 100.0
# The order that Biovision's own files have: about z, then x, then y, each in the axes turned so far. Its
# singular pose, a quarter turn about x, is rare in the joints and passed by the unwrapping.
CHANNELS = "Zrotation Xrotation Yrotation"
# The last joints have no bone to draw; this gives the hand, the foot and the head something to be seen by.
END_SITE_CM = 5.0
# Below this cosine of the middle angle the first and the last turn about the same axis.
SINGULAR_COSINE = 1e-9


class BvhExporter:
    """Centimetres, Y up (see ``y_up``), T-pose at rest, the root's offset 0, angles without jumps.

    Joints and their offsets are those of the skeleton and the fitted bones; the position of the root is the
    only one that moves. BVH cannot leave a value out: where a pose is missing the last one is held, and
    what was held is said.
    """

    title = "BVH, a skeleton in motion for animation programs"

    def write(self, take: Take, person: int, folder: Path, stem: str) -> Written:
        """Write ``<stem>.bvh``; nothing where there was no body at any time."""
        path = folder / f"{stem}.bvh"
        motion, skeleton = take.motion, take.motion.skeleton
        root = skeleton.parents.index(-1)
        rotation, position = motion.rotation[:, person], motion.root_xyz[:, person]
        seen = np.asarray(np.isfinite(rotation).all(axis=-1))
        seen[:, root] &= np.asarray(np.isfinite(position).all(axis=-1))
        if not seen[:, root].any():
            return Written(
                (), ("Everything: hips and shoulders were never seen together, so there is no body to write.",)
            )
        offsets = rest_offsets(motion, person)
        unseen_bones = [j.name for j, o in zip(skeleton.joints, offsets, strict=True) if not np.isfinite(o).all()]
        offsets = CM_PER_M * y_up(np.nan_to_num(offsets))
        held = _hold(seen)
        posed = np.asarray(rotation[held, np.arange(rotation.shape[1])])
        posed[:, ~seen.any(axis=0)] = [1.0, 0.0, 0.0, 0.0]
        degrees = np.degrees(euler_zxy(to_matrix(np.concatenate([posed[..., :1], y_up(posed[..., 1:])], axis=-1))))
        order = depth_first(skeleton)
        values = np.concatenate(
            [CM_PER_M * y_up(position[held[:, root]]), degrees[:, order].reshape(len(degrees), -1)], axis=1
        )
        with atomic_write(path) as draft, draft.open("w", encoding="utf-8", newline="\n") as file:
            file.write("HIERARCHY\n" + "\n".join(hierarchy(skeleton, offsets, root)) + "\n")
            file.write(f"MOTION\nFrames: {len(values)}\nFrame Time: {1.0 / take.rate_hz:.8f}\n")
            for row in values.tolist():
                file.write(" ".join([f"{v:.6f}" for v in row]) + "\n")
        return Written(
            (path,),
            (
                *_held_sentences(skeleton, seen, root),
                *(f"The length of the bone to {name}, which was never seen; it is 0." for name in unseen_bones),
                "Keypoints that are no joints of the body, joint angles, and every uncertainty.",
                *uneven_times(take),
                *late_start(take),
            ),
        )


def euler_zxy(matrix: FloatArray) -> FloatArray:
    """Angles z, x, y (T, J, 3), rad, of matrices (T, J, 3, 3) = Rz Rx Ry, continuous over time.

    Every rotation has two such triples, (z, x, y) and (z + pi, pi - x, y + pi). Of these the one nearer to
    that of the frame before is taken, and whole turns are added where they bring it nearer.
    """
    m = matrix
    sine = np.clip(m[..., 2, 1], -1.0, 1.0)
    singular = np.hypot(m[..., 0, 1], m[..., 1, 1]) < SINGULAR_COSINE
    z = np.where(singular, np.arctan2(m[..., 1, 0], m[..., 0, 0]), np.arctan2(-m[..., 0, 1], m[..., 1, 1]))
    y = np.where(singular, 0.0, np.arctan2(-m[..., 2, 0], m[..., 2, 2]))
    first = np.stack([z, np.arcsin(sine), y], axis=-1)
    second = np.stack([z + np.pi, np.pi - first[..., 1], y + np.pi], axis=-1)
    # The second of both frames are as far apart as the first of both, so only changes need to be counted.
    change = _distance(second[1:], first[:-1]) < _distance(first[1:], first[:-1])
    odd = np.concatenate([np.zeros((1, m.shape[1]), dtype=np.int64), np.cumsum(change, axis=0)]) % 2 == 1
    return np.unwrap(np.where(odd[..., None], second, first), axis=0)


def _distance(a: FloatArray, b: FloatArray) -> FloatArray:
    """Sum of the differences of angles, whole turns left out."""
    return np.asarray(np.abs(np.angle(np.exp(1j * (a - b)))).sum(axis=-1))


def depth_first(skeleton: Skeleton) -> list[int]:
    """Joints in the order in which a BVH file lists them and their channels."""

    def below(joint: int) -> list[int]:
        return [joint] + [d for c, p in enumerate(skeleton.parents) if p == joint for d in below(c)]

    return below(skeleton.parents.index(-1))


def hierarchy(skeleton: Skeleton, offsets_cm: FloatArray, joint: int, depth: int = 0) -> list[str]:
    """Lines of the HIERARCHY section from a joint on outwards."""
    tab, parent = "\t" * depth, skeleton.parents[joint]
    children = [c for c, p in enumerate(skeleton.parents) if p == joint]
    # A root offset other than 0 is ignored by some readers and added by others.
    x, y, z = offsets_cm[joint] if parent >= 0 else np.zeros(3)
    channels = f"3 {CHANNELS}" if parent >= 0 else f"6 Xposition Yposition Zposition {CHANNELS}"
    lines = [
        f"{tab}{'JOINT' if parent >= 0 else 'ROOT'} {skeleton.joints[joint].name}",
        f"{tab}{{",
        f"{tab}\tOFFSET {x:.6f} {y:.6f} {z:.6f}",
        f"{tab}\tCHANNELS {channels}",
    ]
    for child in children:
        lines += hierarchy(skeleton, offsets_cm, child, depth + 1)
    if not children:
        x, y, z = END_SITE_CM * y_up(rest_directions(skeleton)[joint])
        lines += [f"{tab}\tEnd Site", f"{tab}\t{{", f"{tab}\t\tOFFSET {x:.6f} {y:.6f} {z:.6f}", f"{tab}\t}}"]
    return [*lines, f"{tab}}}"]


def _hold(seen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Frame (T, J) whose pose stands in each frame: the last seen, or the first where there is none before."""
    frames = np.arange(seen.shape[0], dtype=np.int64)[:, None]
    last = np.maximum.accumulate(np.where(seen, frames, -1), axis=0)
    return np.where(last < 0, np.argmax(seen, axis=0), last)


def _held_sentences(skeleton: Skeleton, seen: NDArray[np.bool_], root: int) -> tuple[str, ...]:
    """Say what was held instead of missing, joints that share their gaps in one sentence."""
    sentences = []
    body = ~seen[:, root]
    if body.any():
        sentences.append(f"That the body is missing in frames {frame_ranges(body)}; {_stands_there(body)}")
    groups: dict[bytes, list[int]] = {}
    for joint in range(seen.shape[1]):
        alone = ~seen[:, joint] & ~body
        if alone.any():
            groups.setdefault(alone.tobytes(), []).append(joint)
    for joints in groups.values():
        gap = ~seen[:, joints[0]] & ~body
        names = ", ".join(skeleton.joints[j].name for j in joints)
        if seen[:, joints[0]].any():
            sentences.append(
                f"That the rotation of {names} is missing in frames {frame_ranges(gap)}; "
                f"{_stands_there(~seen[:, joints[0]])}"
            )
        else:
            sentences.append(f"That the rotation of {names} was never seen; the T-pose stands there.")
    return tuple(sentences)


def _stands_there(gap: NDArray[np.bool_]) -> str:
    """Say which pose stands in a gap."""
    if not gap[0]:
        return "the last pose is held."
    if np.count_nonzero(np.diff(gap.astype(np.int8)) == 1):
        return "at the start the first pose seen stands there, later the last one is held."
    return "the first pose seen stands there."
