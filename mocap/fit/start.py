"""What the fit starts with: lengths, a pose for every frame, and where the keypoints lie on the body."""

from __future__ import annotations

import numpy as np

from mocap.core.body import to_matrix
from mocap.core.skeleton import BALL
from mocap.core.types import FloatArray
from mocap.fit.chain import Chain, Pose, exp, unskew
from mocap.fit.closed_form import SYMMETRY_TOLERANCE, mirror_pairs
from mocap.fit.gaps import neighbours
from mocap.fit.terms import coordinates, turns

# Size of a person whose legs were never seen, m: both legs of an adult from hip to ankle.
USUAL_SIZE_M = 1.6


def usual_lengths(chain: Chain, measured: FloatArray) -> tuple[FloatArray, float]:
    """Lengths (J,), m, where bones never seen get their usual share of the body's size, and that size."""
    share = np.array([joint.length for joint in chain.skeleton.joints])
    known = np.isfinite(measured) & (share > 0.0) & (measured > 0.0)
    scale = float(np.median(measured[known] / share[known])) if known.any() else USUAL_SIZE_M
    length = np.where(np.isfinite(measured), measured, share * scale)
    return length, float(chain.size @ length)


def tied_bones(chain: Chain, measured: FloatArray) -> FloatArray:
    """Which bones (J, B) share a free length: each that was seen, left and right together where they are alike."""
    free = np.isfinite(measured) & chain.rest.any(axis=1)
    partner = {right: left for left, right in zip(*mirror_pairs(chain.skeleton), strict=True)}
    columns: list[FloatArray] = []
    column_of: dict[int, int] = {}
    for joint in sorted(np.flatnonzero(free).tolist(), key=lambda j: j in partner):
        other = partner.get(joint)
        if other in column_of and alike(measured[joint], measured[other]):
            columns[column_of[other]][joint] = 1.0
            continue
        column_of[joint] = len(columns)
        columns.append(np.eye(len(measured))[joint])
    return np.stack(columns, axis=1) if columns else np.zeros((len(measured), 0))


def alike(left: float, right: float) -> bool:
    """Whether two lengths differ no more than those of a person's two sides do."""
    return abs(left - right) <= SYMMETRY_TOLERANCE * 0.5 * (left + right)


def held(values: FloatArray) -> FloatArray | None:
    """Fill values (T, ...) with the nearest that is there; None where there is none at all."""
    seen = np.asarray(np.isfinite(values.reshape(len(values), -1)).all(axis=1))
    if not seen.any():
        return None
    before, after = (index[:, 0] for index in neighbours(seen[:, None]))
    frame = np.arange(len(values))
    nearer = np.where((before < 0) | ((after < len(values)) & (after - frame < frame - before)), after, before)
    return np.asarray(values[nearer])


def start_pose(chain: Chain, rotation: FloatArray, root: FloatArray) -> Pose | None:
    """Pose to start from, in its limits: of rotations of the joints (T, J, 4) and places of the root (T, 3)."""
    pose = pose_of(chain, rotation, root)
    return None if pose is None else within_ranges(chain, pose)


def pose_of(chain: Chain, rotation: FloatArray, root: FloatArray) -> Pose | None:
    """Pose from rotations of the joints (T, J, 4) and places of the root (T, 3); None without any place.

    Of each rotation a hinge takes what turns about its axis, two axes what their order reaches first.
    """
    root_held = held(root)
    if root_held is None:
        return None
    seen = np.asarray(np.isfinite(root).all(axis=1))
    frames = np.arange(len(root))
    position = np.stack([np.interp(frames, frames[seen], root[seen, i]) for i in range(3)], axis=1)
    turn = np.broadcast_to(np.eye(3), (len(root), len(chain.parent), 3, 3)).copy()
    for j in range(rotation.shape[1]):
        local = held(rotation[:, j])
        if local is None:
            continue
        nodes = np.flatnonzero((chain.joint_at == j) & np.isin(np.arange(len(chain.parent)), chain.axis_node))
        matrix = to_matrix(local)
        if len(nodes) == 1 and np.count_nonzero(chain.axis_node == nodes[0]) == len(BALL):
            turn[:, nodes[0]] = matrix
            continue
        for node in nodes:
            about = chain.axis[np.flatnonzero(chain.axis_node == node)[0]]
            turn[:, node] = exp(turn_about(matrix, about)[:, None] * about)
            matrix = np.swapaxes(turn[:, node], 1, 2) @ matrix
    return Pose(position, turn)


def within_ranges(chain: Chain, pose: Pose) -> Pose:
    """Bring turns into their limits, and twists into their usual range.

    Of a limb that is nearly straight the closed form tells no twist, and one that starts half a turn off, with
    the hinge bent the wrong way, would not find back.
    """
    wanted = coordinates(chain)
    value, _ = turns(wanted, pose)
    twists = np.count_nonzero(wanted.takes.any(axis=2), axis=1) > 1
    usual = np.where(twists, wanted.spread, np.inf)
    off = np.clip(value, np.maximum(wanted.low, -usual), np.minimum(wanted.high, usual)) - value
    turn = pose.turn.copy()
    for c, node in enumerate(wanted.node):
        turn[:, node] = turn[:, node] @ exp(off[:, c, None] * wanted.axis[c])
    return Pose(pose.place, turn)


def turn_about(matrix: FloatArray, axis: FloatArray) -> FloatArray:
    """Twist of rotations (T, 3, 3) about an axis (T,), rad."""
    return np.asarray(2.0 * np.arctan2(unskew(matrix) @ axis, 1.0 + np.trace(matrix, axis1=1, axis2=2)))


def attachment_covariance(chain: Chain, world: FloatArray, size: float) -> FloatArray:
    """Covariance (T, M, 3, 3), m^2, of where the keypoints lie on a body that is turned so (T, P, 3, 3)."""
    scaled = world[:, chain.on_node] * (chain.sigma * size)[None, :, None, :]
    return np.asarray(scaled @ np.swapaxes(scaled, -1, -2))
