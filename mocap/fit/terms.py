"""What the fit weighs against each other: keypoints, soft limits, and smooth motion.

Each term adds to the normal equations of Gauss-Newton: ``hessian`` (T, D, D), the part of each frame by itself,
``gradient`` (T, D), and, for what couples frames, weights of second differences.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mocap.core.skeleton import BALL
from mocap.core.types import FloatArray
from mocap.fit.chain import PLACE, Chain, IndexArray, Placed, Pose, cross, lengthening, log, skew, unskew

# Past a soft limit a turn is off by this much at one standard deviation: about what a hinge's limit differs by
# from person to person (Boone and Azen 1979, J. Bone Joint Surg. Am. 61:756, standard deviations of 4 to 9
# degrees).
LIMIT_SIGMA_RAD = float(np.deg2rad(5.0))
# How fast joints speed up and slow down, as the spectral density of the acceleration, rad^2/s^3: knees and elbows
# in gait and sport reach some 30 rad/s^2 rms in a band of about 5 Hz (density = variance / (2 band)). It is a
# property of the body, the same at every frame rate.
TURN_DENSITY = 90.0
# The same of the pelvis' place, m^2/s^3: some 3 m/s^2 rms in 5 Hz.
PLACE_DENSITY = 0.9
# What neither keypoints nor ranges tell stays where it is, up to steps of this size, rad and m.
REST_SIGMA = 10.0


@dataclass(frozen=True)
class Coordinates:
    """Scalar turns that have a usual range: C of them; see ``Joint.limits_rad``.

    Attributes
    ----------
    node : (C,) int
    axis : (C, 3)
        The hinge, or the bone about which a ball joint twists.
    takes : (C, D - 3, 3)
        Axes of the degrees of freedom of the node; 0 for all others.
    low, high, spread : (C,)
        rad.
    """

    node: IndexArray
    axis: FloatArray
    takes: FloatArray
    low: FloatArray
    high: FloatArray
    spread: FloatArray


def coordinates(chain: Chain) -> Coordinates:
    """Find the turns that have a limit or a spread."""
    skeleton = chain.skeleton
    node, axis, low, high, spread = [], [], [], [], []
    for j, joint in enumerate(skeleton.joints):
        ball = len(joint.axes) == len(BALL)
        axes = (twist_axis(chain, j),) if ball else joint.axes
        first = chain.node_of[j] - len(axes) + 1
        for c, about in enumerate(axes):
            turns = np.any(chain.axis_node == first + c) and chain.joint_at[first + c] == j
            if turns and (joint.limits_rad or joint.spread_rad):
                node.append(first + c)
                axis.append(about)
                lowest, highest = joint.limits_rad[c] if joint.limits_rad else (-np.inf, np.inf)
                low.append(lowest)
                high.append(highest)
                spread.append(joint.spread_rad[c] if joint.spread_rad else np.inf)
    nodes = np.array(node, dtype=np.intp)
    takes = (chain.axis_node[None, :, None] == nodes[:, None, None]) * chain.axis[None]
    return Coordinates(
        nodes,
        np.array(axis, dtype=np.float64).reshape(-1, 3),
        takes,
        np.array(low),
        np.array(high),
        np.array(spread),
    )


def twist_axis(chain: Chain, joint: int) -> tuple[float, float, float]:
    """Direction of the first bone that a joint carries, in the T-pose."""
    for child, parent in enumerate(chain.skeleton.parents):
        if parent == joint and np.any(chain.rest[child]):
            x, y, z = chain.rest[child]
            return float(x), float(y), float(z)
    return 0.0, 0.0, 1.0


def turns(wanted: Coordinates, pose: Pose) -> tuple[FloatArray, FloatArray]:
    """Scalar turns (T, C), rad, and their derivatives by the degrees of freedom but the place (T, C, D - 3).

    The turn about an axis a of a rotation with the quaternion (w, v) is 2 atan2(v.a, w): all of it for a hinge,
    the twist of swing and twist for a ball joint. A small turn d from the right changes it by (w (w a + a x v) +
    (v.a) v).d / (w^2 + (v.a)^2).
    """
    m = pose.turn[:, wanted.node]
    scalar = 1.0 + np.trace(m, axis1=-2, axis2=-1)
    vector = unskew(m)
    along = np.sum(vector * wanted.axis, axis=-1)
    norm = np.square(scalar) + np.square(along)
    a = np.broadcast_to(wanted.axis, vector.shape)
    w = scalar[..., None]
    derivative = (w * (w * a + cross(a, vector)) + along[..., None] * vector) / np.maximum(norm, 1e-12)[..., None]
    by_freedom = (np.swapaxes(derivative, 0, 1) @ np.swapaxes(wanted.takes, 1, 2)).swapaxes(0, 1)
    return 2.0 * np.arctan2(along, scalar), by_freedom


@dataclass(frozen=True)
class Ranged:
    """How far turns are off their usual range.

    Attributes
    ----------
    weight : (T, C)
        Of a change of each turn, 1/rad^2.
    force : (T, C)
        Weighted residual, 1/rad.
    by_freedom : (T, C, D - 3)
        Derivative of each turn.
    cost : float
    """

    weight: FloatArray
    force: FloatArray
    by_freedom: FloatArray
    cost: float


def ranged(wanted: Coordinates, pose: Pose) -> Ranged:
    """Weigh turns by soft limits and spreads."""
    value, by_freedom = turns(wanted, pose)
    beyond = np.where(value > wanted.high, value - wanted.high, np.minimum(value - wanted.low, 0.0))
    limit = (beyond != 0.0) / LIMIT_SIGMA_RAD**2
    usual = 1.0 / np.square(wanted.spread)
    cost = float(np.sum(beyond * beyond * limit) + np.sum(value * value * usual))
    return Ranged(limit + usual, beyond * limit + value * usual, by_freedom, cost)


def add_ranges(ranges: Ranged, hessian: FloatArray, gradient: FloatArray) -> None:
    """Add soft limits and spreads to the normal equations."""
    weighted = ranges.by_freedom * ranges.weight[..., None]
    hessian[:, PLACE:, PLACE:] += np.swapaxes(ranges.by_freedom, 1, 2) @ weighted
    gradient[:, PLACE:] += (ranges.force[:, None] @ ranges.by_freedom)[:, 0]


@dataclass(frozen=True)
class Border:
    """Part of the normal equations that belongs to B shared lengths: (T, D, B), (B, B), (B,)."""

    cross: FloatArray
    hessian: FloatArray
    gradient: FloatArray


def add_keypoints(
    chain: Chain,
    placed: Placed,
    weight: FloatArray,
    force: FloatArray,
    shared: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray, Border | None]:
    """Normal equations of the keypoints.

    Parameters
    ----------
    weight : (T, M, 3, 3)
        Information on each attached keypoint, 1/m^2; 0 where it was not seen.
    force : (T, M, 3)
        ``weight`` times (model minus measured).
    shared : (J, B), optional
        Bones that each shared length stands for; without it the lengths are held.

    Returns
    -------
    hessian : (T, D, D)
    gradient : (T, D)
    border : Border or None
    """
    frames, points = weight.shape[:2]
    arm = skew(placed.points)
    lever = arm @ weight
    body = np.empty((frames, points, 6, 6))
    body[..., :3, :3] = lever @ np.swapaxes(arm, -1, -2)
    body[..., :3, 3:] = lever
    body[..., 3:, :3] = np.swapaxes(lever, -1, -2)
    body[..., 3:, 3:] = weight
    composite = (chain.subtree @ body.reshape(frames, points, 36)).reshape(frames, -1, 6, 6)
    twist = placed.twist
    moved = np.empty_like(twist)
    moved[:, :PLACE] = twist[:, :PLACE] @ composite[:, 0]
    for _, nodes in chain.turning:
        for node, own in nodes:
            moved[:, own] = twist[:, own] @ composite[:, node]
    full = twist @ np.swapaxes(moved, 1, 2)
    hessian = np.where(chain.moves, full, np.where(chain.moves.T, np.swapaxes(full, 1, 2), 0.0))
    wrench = chain.subtree @ np.concatenate([cross(placed.points, force), force], axis=-1)
    gradient = np.sum(twist * wrench[:, chain.owner], axis=-1)
    if shared is None:
        return hessian, gradient, None
    longer = lengthening(chain, placed) @ shared
    pull = weight @ longer
    wrenches = np.concatenate([arm @ pull, pull], axis=2).reshape(frames, points, -1)
    wrenches = (chain.subtree @ wrenches).reshape(frames, -1, 6, shared.shape[1])
    return (
        hessian,
        gradient,
        Border(
            (twist[:, :, None] @ wrenches[:, chain.owner])[:, :, 0],
            np.einsum("tmib,tmic->bc", longer, pull),
            np.einsum("tmib,tmi->b", longer, force),
        ),
    )


def densities(chain: Chain) -> FloatArray:
    """Spectral density of the acceleration of each degree of freedom (D,), m^2/s^3 and rad^2/s^3."""
    return np.concatenate([np.full(PLACE, PLACE_DENSITY), np.full(chain.freedom - PLACE, TURN_DENSITY)])


def velocities(chain: Chain, pose: Pose) -> FloatArray:
    """Change of each degree of freedom from one frame to the next (T - 1, D), m and rad.

    For a ball joint this is the rotation vector between the two, in the axes of its segment.
    """
    between = log(np.swapaxes(pose.turn[:-1], -1, -2) @ pose.turn[1:])
    about = np.sum(between[:, chain.axis_node] * chain.axis, axis=-1)
    return np.concatenate([np.diff(pose.place, axis=0), about], axis=1)


def second_differences(count: int, weight: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Diagonals 0, 1 and 2 of D2' W D2 for second differences of ``count`` frames, weights (count - 2, D)."""
    main = np.zeros((count, weight.shape[1]))
    main[:-2] += weight
    main[1:-1] += 4.0 * weight
    main[2:] += weight
    first = np.zeros((max(count - 1, 0), weight.shape[1]))
    first[:-1] -= 2.0 * weight
    first[1:] -= 2.0 * weight
    return main, first, weight


def pulled(frames: int, force: FloatArray) -> FloatArray:
    """Gradient (T, D) of second differences with the weighted residuals ``force`` (T - 2, D)."""
    gradient = np.zeros((frames, force.shape[1]))
    gradient[:-2] += force
    gradient[1:-1] -= 2.0 * force
    gradient[2:] += force
    return gradient
