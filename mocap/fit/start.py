"""What the fit starts with, and how its result becomes a ``Motion``."""

from __future__ import annotations

import numpy as np

from mocap.core.body import from_matrix, to_matrix
from mocap.core.skeleton import BALL
from mocap.core.types import FloatArray, Motion, Points3D
from mocap.fit.chain import PLACE, BoolArray, Chain, Pose, exp, jacobian, place, unskew
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
    return within_ranges(chain, Pose(position, turn))


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


def missing(points: Points3D, length: FloatArray, sigma: FloatArray) -> Motion:
    """Motion of a person who was never seen."""
    frames, joints = len(points.xyz), len(points.skeleton.joints)
    return Motion(
        points.skeleton, np.full((frames, 1, 3), np.nan), np.full((frames, 1, joints, 4), np.nan), length, sigma
    )


def to_motion(
    chain: Chain,
    pose: Pose,
    length: FloatArray,
    covariance: FloatArray,
    shown: BoolArray,
    measured: FloatArray,
    spread: FloatArray,
) -> Motion:
    """Joint rotations, lengths and their uncertainty of one person.

    Parameters
    ----------
    length : (J,)
        As fitted, m.
    covariance : (T, D, D)
    shown : (T, J) bool
        Joints that are not missing.
    measured, spread : (1, J)
        Lengths as measured, NaN where never seen, and their standard deviation over the frames, m.
    """
    frames, joints = shown.shape
    rotation = np.broadcast_to(np.eye(3), (frames, joints, 3, 3)).copy()
    rotation_cov = np.zeros((frames, joints, 3, 3))
    for j, nodes in chain.turning:
        node, own = nodes[0]
        rotation[:, j] = pose.turn[:, node]
        columns = chain.axis[own.start - PLACE : own.stop - PLACE].T
        for node, after in nodes[1:]:
            # What the nodes before turn about, seen from the segment of this one.
            rotation[:, j] = rotation[:, j] @ pose.turn[:, node]
            own = slice(own.start, after.stop)
            carried = np.swapaxes(pose.turn[:, node], 1, 2) @ columns
            axes = np.broadcast_to(chain.axis[after.start - PLACE : after.stop - PLACE].T, (frames, 3, 1))
            columns = np.concatenate([carried, axes], axis=2)
        rotation_cov[:, j] = columns @ covariance[:, own, own] @ np.swapaxes(columns, -1, -2)
    placed = place(chain, pose, length)
    above = np.maximum(chain.above, 0)
    moves = jacobian(chain, placed, placed.centre, chain.carrier)
    spread_by = (moves.reshape(frames, -1, chain.freedom) @ covariance).reshape(moves.shape)
    centre_cov = spread_by @ np.swapaxes(moves, 2, 3)
    # A centre is where all that lies between it and the root put it.
    centre_cov[~shown[:, above]] = np.nan
    rotation_cov[~shown] = np.nan
    quaternion = np.where(shown[..., None], from_matrix(rotation), np.nan)
    return Motion(
        chain.skeleton,
        np.where(shown[:, :1], pose.place, np.nan)[:, None],
        same_hemisphere(quaternion[:, None]),
        np.where(np.isfinite(measured), length, np.nan),
        spread,
        rotation_cov[:, None],
        centre_cov[:, None],
    )


def shown_joints(chain: Chain, seen: BoolArray, dt: float, max_gap_s: float) -> BoolArray:
    """Joints (T, J) of which enough was seen within the longest gap, and of all joints that they hang on."""
    known = shown_now(chain, seen)
    frames = len(seen)
    before, after = neighbours(known)
    short = (before >= 0) & (after < frames) & ((after - before - 1) * dt <= max_gap_s * (1.0 + 1e-9))
    out = known | short
    for j, parent in enumerate(chain.above):
        if parent >= 0:
            out[:, j] &= out[:, parent]
    return out


def shown_now(chain: Chain, seen: BoolArray) -> BoolArray:
    """Joints (..., J) of which enough is seen at once; ``seen`` is (..., M)."""
    enough = [seen[..., mark].sum(axis=-1) >= needed for mark, needed in chain.marks]
    return np.stack(enough, axis=-1)


def same_hemisphere(rotation: FloatArray) -> FloatArray:
    """Choose the sign of each quaternion (T, N, J, 4) next to the one before, over gaps too."""
    frames = rotation.shape[0]
    seen = np.isfinite(rotation).all(axis=-1)
    number = np.arange(frames)[:, None, None]
    last = np.maximum.accumulate(np.where(seen, number, 0), axis=0)
    held = np.take_along_axis(rotation, last[..., None], axis=0)
    dots = np.sum(held[1:] * held[:-1], axis=-1)
    flips = np.cumprod(np.where(dots < 0.0, -1.0, 1.0), axis=0)
    signs = np.concatenate([np.ones((1, *flips.shape[1:])), flips])
    return np.asarray(rotation * signs[..., None])
