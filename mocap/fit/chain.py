"""The body as a chain of twists: poses, keypoints, and how the keypoints move with each degree of freedom.

A skeleton's joints become nodes that turn about one, two or three axes; a joint of two axes becomes two nodes at
the same place. A node's rotation R (segment against parent) is changed from the right, R exp(axes . step), so that
a node turns about axes of its own segment and a hinge never leaves its axis. The column of the Jacobian of a
degree of freedom is then a twist (omega, v) in the world, v + omega x p for a point p that hangs on it (Murray, Li
and Sastry 1994, A Mathematical Introduction to Robotic Manipulation, section 3.4), and sums over points become one
6x6 matrix a node (the composite bodies of Featherstone 2008, Rigid Body Dynamics Algorithms, section 6.2), so that
the normal equations cost the keypoints once and not once per pair of degrees of freedom.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mocap.core.body import rest_directions
from mocap.core.skeleton import BALL, Attachment, Skeleton
from mocap.core.types import FloatArray

IndexArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

# Degrees of freedom of the root's place; they come first.
PLACE = 3
# Below this angle, rad, series take the place of the closed forms of exp and log.
SMALL_RAD = 1e-6


@dataclass(frozen=True)
class Chain:
    """A skeleton, made ready for arithmetic. P nodes, D degrees of freedom, J joints, M attached keypoints.

    Attributes
    ----------
    parent : (P,) int
        Node that each node hangs on; -1 for the root.
    joint_at : (P,) int
        Joint at whose centre the node turns.
    node_of : (J,) int
        Last node of each joint: that of its segment.
    axis : (D - 3, 3), axis_node : (D - 3,) int
        Axes in segment axes, and the node that turns about each; the root's place goes before them.
    carries : (P, P) bool
        ``carries[a, b]``: node b hangs on node a, or is it.
    moves : (D, D) bool
        ``moves[d, e]``: degree of freedom e hangs on d or is of the same node or beyond.
    offset : (M, 3), sigma : (M, 3)
        Of the attachments, as shares of the body's size.
    keypoint, at_joint, on_node : (M,) int
        Keypoint, the joint that it lies near to, and the node that carries it.
    rest : (J, 3)
        Directions of the bones in the T-pose.
    size : (J,)
        1 for the bones whose lengths sum to the body's size.
    """

    skeleton: Skeleton
    parent: IndexArray
    joint_at: IndexArray
    node_of: IndexArray
    axis: FloatArray
    axis_node: IndexArray
    carries: BoolArray
    moves: BoolArray
    keypoint: IndexArray
    at_joint: IndexArray
    on_node: IndexArray
    offset: FloatArray
    sigma: FloatArray
    rest: FloatArray
    size: FloatArray

    @property
    def freedom(self) -> int:
        """Degrees of freedom, the root's place among them."""
        return PLACE + len(self.axis)

    @cached_property
    def spread(self) -> FloatArray:
        """Rotation vectors of all nodes from the turns about all axes, (D - 3, 3 P)."""
        out = np.zeros((len(self.axis), len(self.parent), 3))
        out[np.arange(len(self.axis)), self.axis_node] = self.axis
        return out.reshape(len(self.axis), -1)

    @cached_property
    def above(self) -> tuple[int, ...]:
        """Parent of each joint (J,); -1 for the root."""
        return self.skeleton.parents

    @cached_property
    def carrier(self) -> IndexArray:
        """Node whose segment each joint's bone belongs to (J,); the root's own, whose bone has no length."""
        return self.node_of[np.maximum(self.above, 0)]

    @cached_property
    def between(self) -> FloatArray:
        """1 where a bone lies between the root and a joint (J, J): ``between[joint, bone]``."""
        out = np.zeros((len(self.above), len(self.above)))
        for joint, parent in enumerate(self.above):
            if parent >= 0:
                out[joint] = out[parent]
                out[joint, joint] = 1.0
        return out

    @cached_property
    def levels(self) -> list[IndexArray]:
        """Nodes below the root by their depth, so that a level can be turned at once."""
        depth = self.carries.sum(axis=0) - 1
        return [np.flatnonzero(depth == level) for level in range(1, int(depth.max()) + 1)]

    @cached_property
    def turning(self) -> list[tuple[int, list[tuple[int, slice]]]]:
        """Joints that turn, with their nodes and the degrees of freedom of each."""
        found = []
        for j in range(len(self.above)):
            own = [(int(n), np.flatnonzero(self.axis_node == n)) for n in np.flatnonzero(self.joint_at == j)]
            nodes = [(n, slice(int(d[0]) + PLACE, int(d[-1]) + PLACE + 1)) for n, d in own if d.size]
            if nodes:
                found.append((j, nodes))
        return found

    @cached_property
    def marks(self) -> list[tuple[IndexArray, int]]:
        """Attached keypoints that show how each joint turns, and how many it takes; 0 where it does not turn.

        A keypoint on a joint's segment shows two of its turns; a segment without keypoints is shown by those of
        the joints that it carries. A joint with none of either takes one that there is not.
        """

        def shown_by(j: int) -> IndexArray:
            own = np.flatnonzero(self.on_node == self.node_of[j])
            below = [shown_by(c) for c, p in enumerate(self.above) if p == j]
            return own if own.size or not below else np.concatenate(below)

        freedom = {j: sum(s.stop - s.start for _, s in nodes) for j, nodes in self.turning}
        out = []
        for j in range(len(self.above)):
            mark, leaf = shown_by(j), j not in self.above
            needed = min(-(-freedom.get(j, 0) // 2), mark.size)
            out.append((mark, needed if mark.size or leaf else 1))
        return out

    @cached_property
    def owner(self) -> IndexArray:
        """Node of each degree of freedom (D,); the root's for its place."""
        return np.concatenate([np.zeros(PLACE, dtype=np.intp), self.axis_node])

    @cached_property
    def subtree(self) -> FloatArray:
        """1 where an attached keypoint hangs on a node (P, M)."""
        return self.carries[:, self.on_node].astype(np.float64)


@dataclass(frozen=True)
class Pose:
    """Poses of one body in T frames: ``place`` (T, 3) of the root, m, and ``turn`` (T, P, 3, 3) of each node."""

    place: FloatArray
    turn: FloatArray

    def __getitem__(self, frames: slice | IndexArray) -> Pose:
        """Return some of the frames."""
        return Pose(self.place[frames], self.turn[frames])


@dataclass(frozen=True)
class Placed:
    """Where a pose puts the body.

    Attributes
    ----------
    world : (T, P, 3, 3)
        Orientation of each node's segment.
    centre : (T, J, 3)
        Joint centres relative to the root's place, m.
    points : (T, M, 3)
        Attached keypoints relative to the root's place, m.
    twist : (T, D, 6)
        (omega, v) of each degree of freedom about the root's place.
    """

    world: FloatArray
    centre: FloatArray
    points: FloatArray
    twist: FloatArray


def chain_of(skeleton: Skeleton) -> Chain:
    """Make a skeleton ready for arithmetic; joints that carry no keypoint do not turn."""
    attachments = skeleton.attachments or tuple(
        Attachment(j.keypoints[0], j.name, j.parent) for j in skeleton.joints if len(j.keypoints) == 1 and j.parent
    )
    names = [joint.name for joint in skeleton.joints]
    at_joint = np.array([names.index(a.joint) for a in attachments], dtype=np.intp)
    segment = np.array([names.index(a.segment) for a in attachments], dtype=np.intp)
    parent: list[int] = []
    joint_at: list[int] = []
    node_of: list[int] = []
    axis: list[FloatArray] = []
    axis_node: list[int] = []
    for j, joint in enumerate(skeleton.joints):
        before = node_of[skeleton.parents[j]] if skeleton.parents[j] >= 0 else -1
        axes = joint.axes if _carries_keypoint(skeleton, j, segment) else ()
        for group in [axes] if len(axes) in (0, len(BALL)) else [(one,) for one in axes]:
            parent.append(before)
            joint_at.append(j)
            before = len(parent) - 1
            axis += [np.asarray(one) for one in group]
            axis_node += [before] * len(group)
        node_of.append(before)
    carries = np.eye(len(parent), dtype=np.bool_)
    for node, above in enumerate(parent):
        if above >= 0:
            carries[:, node] |= carries[:, above]
    owner = np.array([0] * PLACE + axis_node, dtype=np.intp)
    nodes = np.array(node_of, dtype=np.intp)
    return Chain(
        skeleton,
        np.array(parent, dtype=np.intp),
        np.array(joint_at, dtype=np.intp),
        nodes,
        np.array(axis, dtype=np.float64).reshape(-1, 3),
        np.array(axis_node, dtype=np.intp),
        carries,
        carries[np.ix_(owner, owner)],
        skeleton.index(*(a.keypoint for a in attachments)),
        at_joint,
        nodes[segment],
        np.array([a.offset for a in attachments], dtype=np.float64).reshape(-1, 3),
        np.array([a.sigma for a in attachments], dtype=np.float64).reshape(-1, 3),
        rest_directions(skeleton),
        np.array([float(name in skeleton.size) for name in names]),
    )


def _carries_keypoint(skeleton: Skeleton, joint: int, segment: IndexArray) -> bool:
    """Whether turning a joint moves any attached keypoint."""

    def hangs_on(j: int) -> bool:
        return j == joint or (skeleton.parents[j] >= 0 and hangs_on(skeleton.parents[j]))

    return any(hangs_on(int(s)) for s in segment)


def place(chain: Chain, pose: Pose, length: FloatArray) -> Placed:
    """Put the body where a pose says; ``length`` (J,) are its bones, m."""
    world = np.empty_like(pose.turn)
    world[:, 0] = pose.turn[:, 0]
    for nodes in chain.levels:
        world[:, nodes] = world[:, chain.parent[nodes]] @ pose.turn[:, nodes]
    bones = (world[:, chain.carrier] @ (chain.rest * length[:, None])[None, :, :, None])[..., 0]
    centre = chain.between @ bones
    own = (chain.offset * (chain.size @ length))[None, :, :, None]
    points = centre[:, chain.at_joint] + (world[:, chain.on_node] @ own)[..., 0]
    twist = np.zeros((len(pose.place), chain.freedom, 6))
    twist[:, :PLACE, 3:] = np.eye(PLACE)
    omega = (world[:, chain.axis_node] @ chain.axis[None, :, :, None])[..., 0]
    twist[:, PLACE:, :3] = omega
    twist[:, PLACE:, 3:] = cross(centre[:, chain.joint_at[chain.axis_node]], omega)
    return Placed(world, centre, points, twist)


def lengthening(chain: Chain, placed: Placed) -> FloatArray:
    """How the attached keypoints move with the length of each bone (T, M, 3, J)."""
    direction = (placed.world[:, chain.carrier] @ chain.rest[None, :, :, None])[..., 0]
    scaled = (placed.world[:, chain.on_node] @ chain.offset[None, :, :, None])[..., 0]
    path = chain.between[chain.at_joint][None, :, None, :] * np.swapaxes(direction, 1, 2)[:, None]
    return np.asarray(path + scaled[..., None] * chain.size)


def jacobian(chain: Chain, placed: Placed, points: FloatArray, carried_by: IndexArray) -> FloatArray:
    """How points (T, M, 3), relative to the root's place, move with each degree of freedom (T, M, 3, D)."""
    omega, v = placed.twist[:, None, :, :3], placed.twist[:, None, :, 3:]
    move = v + cross(np.broadcast_to(omega, (*points.shape[:2], chain.freedom, 3)), points[:, :, None])
    hangs = chain.carries[np.ix_(chain.owner, carried_by)].T
    return np.asarray(np.swapaxes(move * hangs[None, :, :, None], 2, 3))


def step(chain: Chain, pose: Pose, change: FloatArray) -> Pose:
    """Change a pose by a step (T, D): m for the root's place, rad for the turns."""
    vector = (change[:, PLACE:] @ chain.spread).reshape(*pose.turn.shape[:2], 3)
    return Pose(pose.place + change[:, :PLACE], pose.turn @ exp(vector))


def cross(a: FloatArray, b: FloatArray) -> FloatArray:
    """Cross product along the last axis; three times as fast as numpy's on many short vectors."""
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)


def skew(v: FloatArray) -> FloatArray:
    """Matrices (..., 3, 3) that multiply like the cross product with ``v`` (..., 3)."""
    out = np.zeros((*v.shape, 3))
    out[..., 0, 1], out[..., 0, 2], out[..., 1, 2] = -v[..., 2], v[..., 1], -v[..., 0]
    out[..., 1, 0], out[..., 2, 0], out[..., 2, 1] = v[..., 2], -v[..., 1], v[..., 0]
    return out


def unskew(m: FloatArray) -> FloatArray:
    """Vector (..., 3) of the skew part of M - M' (..., 3, 3): twice the sine of the angle times the axis."""
    return np.stack(
        [m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]], axis=-1
    )


def exp(vector: FloatArray) -> FloatArray:
    """Rotation matrices (..., 3, 3) of rotation vectors (..., 3), rad (Rodrigues)."""
    squared = np.sum(np.square(vector), axis=-1)[..., None, None]
    angle = np.sqrt(squared)
    small = angle < SMALL_RAD
    safe = np.where(small, 1.0, angle)
    first = np.where(small, 1.0 - squared / 6.0, np.sin(safe) / safe)
    second = np.where(small, 0.5 - squared / 24.0, (1.0 - np.cos(safe)) / safe**2)
    k = skew(vector)
    return np.asarray(np.eye(3) + first * k + second * (k @ k))


def log(matrix: FloatArray) -> FloatArray:
    """Rotation vectors (..., 3), rad, of rotation matrices (..., 3, 3) that turn by less than half a turn."""
    twice = unskew(matrix)
    sine = 0.5 * np.linalg.norm(twice, axis=-1)
    angle = np.arctan2(sine, 0.5 * (np.trace(matrix, axis1=-2, axis2=-1) - 1.0))
    ratio = np.where(sine < SMALL_RAD, 1.0, angle / np.where(sine < SMALL_RAD, 1.0, sine))
    return np.asarray(0.5 * ratio[..., None] * twice)
