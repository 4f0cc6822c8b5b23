"""A motion without holes, for formats that cannot leave a pose out: the last one is held, and that is said."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mocap.core.body import rest_offsets
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, Motion
from mocap.export.written import frame_ranges, y_up

NO_BODY = "Everything: no body could be fitted, so there is none to write."


@dataclass(frozen=True)
class Posed:
    """One person in every frame, Y up (see ``y_up``).

    Attributes
    ----------
    root : (T, 3)
        Position of the root joint, m.
    rotation : (T, J, 4)
        Of each joint relative to its parent, quaternion w, x, y, z.
    offset : (J, 3)
        Of each joint from its parent in the T-pose, m; 0 for a bone that was never seen.
    held : tuple of str
        What stands in for something that was not seen, one sentence each.
    """

    root: FloatArray
    rotation: FloatArray
    offset: FloatArray
    held: tuple[str, ...]


def posed(motion: Motion, person: int) -> Posed | None:
    """Lay out one person's motion without holes; None where there was no body at any time."""
    skeleton = motion.skeleton
    if not skeleton.joints:
        return None
    root = skeleton.parents.index(-1)
    rotation, position = motion.rotation[:, person], motion.root_xyz[:, person]
    seen = np.asarray(np.isfinite(rotation).all(axis=-1))
    seen[:, root] &= np.asarray(np.isfinite(position).all(axis=-1))
    if not seen[:, root].any():
        return None
    offsets = rest_offsets(motion, person)
    unseen_bones = [j.name for j, o in zip(skeleton.joints, offsets, strict=True) if not np.isfinite(o).all()]
    frames = _hold(seen)
    turned = np.asarray(rotation[frames, np.arange(rotation.shape[1])])
    turned[:, ~seen.any(axis=0)] = [1.0, 0.0, 0.0, 0.0]
    return Posed(
        y_up(position[frames[:, root]]),
        np.concatenate([turned[..., :1], y_up(turned[..., 1:])], axis=-1),
        y_up(np.nan_to_num(offsets)),
        (
            *_held_sentences(skeleton, seen, root),
            *(f"The length of the bone to {name}, which was never seen; it is 0." for name in unseen_bones),
        ),
    )


def continuous(rotation: FloatArray) -> FloatArray:
    """The same rotations (T, J, 4) with signs such that no quaternion jumps to the other hemisphere."""
    dots = np.sum(rotation[1:] * rotation[:-1], axis=-1)
    flips = np.cumprod(np.where(dots < 0.0, -1.0, 1.0), axis=0)
    return np.concatenate([rotation[:1], rotation[1:] * flips[..., None]])


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
