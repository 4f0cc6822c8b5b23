"""Joint rotations straight from the points, frame by frame and in closed form: where the fit starts.

Orientations about a limb's own axis, which no joint centre shows, come from the plane in which the next joint
bends.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solveh_banded

from mocap.core.body import (
    about,
    conjugate,
    from_matrix,
    joint_centres,
    multiply,
    rest_directions,
    rotate,
    swing,
    unit,
)
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, Points3D

# A left and a right bone that differ by less than this share are given one length: people's limbs differ
# by one or two percent, and what a median over noisy frames adds is of that size too.
SYMMETRY_TOLERANCE = 0.05

# How well a bend shows the plane: joint centres are off by about a thirtieth of a segment's length (10 mm
# in 300 mm), so the plane is off by that over the sine of the bend, rad.
PLANE_SIGMA_RAD = 1.0 / 30.0
# How far a limb turns about itself from one frame to the next: 3 rad/s at 60 frames per second.
TWIST_STEP_RAD = 0.05
# Pull towards no twist at all, so weak that it decides only for limbs that never bend.
REST_WEIGHT = 1e-3


def closed_form(points: Points3D) -> FloatArray:
    """Rotation of each joint's segment against its parent's (T, N, J, 4), the root's against the world.

    A joint from which a left and a right joint branch off (pelvis, chest) takes its x axis from these two
    and its z axis towards the chest. A joint before a hinge (hip, shoulder) takes its bone's direction, and
    its twist from the plane of the hinge; the hinge itself turns about that plane's normal only. Every
    other joint follows its parent by the shortest turn that brings its first child onto its direction.
    A joint that lies on its parent may therefore bend freely between two rigid parts.

    Returns
    -------
    (T, N, J, 4)
        NaN from a joint whose direction is not known on outwards; a joint without children does not turn
        against its parent.
    """
    skeleton = points.skeleton
    centres = joint_centres(skeleton, points.xyz)
    world = np.full((*centres.shape[:3], 4), np.nan)
    for joint, parent in enumerate(skeleton.parents):
        world[:, :, joint] = _orientation(skeleton, centres, world, joint, parent)
    local = world.copy()
    for joint, parent in enumerate(skeleton.parents):
        if parent >= 0:
            local[:, :, joint] = multiply(conjugate(world[:, :, parent]), world[:, :, joint])
    return local


def bone_lengths(points: Points3D, centres: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Length of the bone that ends at each joint, and its standard deviation over the frames (N, J), m.

    The length is the weighted median over the frames, with the inverse variance of the two ends as the
    weight. A left and a right bone within ``SYMMETRY_TOLERANCE`` of each other get their mean.
    """
    skeleton = points.skeleton
    parents = np.maximum(skeleton.parents, 0)
    lengths = np.linalg.norm(centres - centres[:, :, parents], axis=-1)
    keypoint_variance = np.trace(points.cov, axis1=-2, axis2=-1) / 3.0
    variance = np.stack(
        [np.mean(keypoint_variance[:, :, skeleton.index(*j.keypoints)], axis=2) for j in skeleton.joints], axis=2
    )
    # A point without a covariance, or with none at all, has no more say than any other such point.
    total = variance + variance[:, :, parents]
    weight = np.where(np.isfinite(total) & (total > 0.0), 1.0 / np.where(total > 0.0, total, 1.0), 1.0)
    length = weighted_median(lengths, weight)
    seen = np.isfinite(lengths)
    count = np.maximum(seen.sum(axis=0), 1)
    mean = np.where(seen, lengths, 0.0).sum(axis=0) / count
    spread = np.sqrt(np.where(seen, np.square(lengths - mean), 0.0).sum(axis=0) / count)
    sigma = np.where(seen.any(axis=0), spread, np.nan)
    left, right = mirror_pairs(skeleton)
    both = 0.5 * (length[:, left] + length[:, right])
    alike = np.abs(length[:, left] - length[:, right]) <= SYMMETRY_TOLERANCE * both
    length[:, left] = np.where(alike, both, length[:, left])
    length[:, right] = np.where(alike, both, length[:, right])
    return length, sigma


def weighted_median(values: FloatArray, weight: FloatArray) -> FloatArray:
    """Median along the first axis, the value that halves the weight; NaN counts nothing, all NaN gives NaN."""
    order = np.argsort(values, axis=0)  # NaN sorts last
    ranked = np.take_along_axis(values, order, axis=0)
    load = np.cumsum(np.where(np.isnan(ranked), 0.0, np.take_along_axis(weight, order, axis=0)), axis=0)
    middle = np.argmax(load >= 0.5 * load[-1:], axis=0)
    return np.asarray(np.take_along_axis(ranked, middle[None], axis=0)[0])


def mirror_pairs(skeleton: Skeleton) -> tuple[list[int], list[int]]:
    """Indices of the left joints and of their right partners: those of mirrored keypoints."""
    partner = dict(skeleton.mirror)
    by_keypoints = {frozenset(joint.keypoints): j for j, joint in enumerate(skeleton.joints)}
    left, right = [], []
    for index, joint in enumerate(skeleton.joints):
        if all(k in partner for k in joint.keypoints):
            other = by_keypoints.get(frozenset(partner[k] for k in joint.keypoints))
            if other is not None:
                left.append(index)
                right.append(other)
    return left, right


def _orientation(
    skeleton: Skeleton, centres: FloatArray, world: FloatArray, joint: int, parent: int
) -> FloatArray:
    """Rotation of a joint's segment against the world (T, N, 4), after its parent's is known."""
    rest = rest_directions(skeleton)
    children = [c for c, p in enumerate(skeleton.parents) if p == joint]
    sides = _sides(skeleton, children)
    if sides is not None:
        left, right = sides
        up = _up(skeleton, centres, joint)
        return _frame(rest[left], np.array([0.0, 0.0, 1.0]), centres[:, :, left] - centres[:, :, right], up)
    inherited = (
        world[:, :, parent] if parent >= 0 else np.broadcast_to([1.0, 0.0, 0.0, 0.0], (*centres.shape[:2], 4))
    )
    if not children:
        return inherited
    child = children[0]
    direction = unit(centres[:, :, child] - centres[:, :, joint])
    normal = _hinge(skeleton, joint)
    if normal is not None:
        return _frame(rest[child], normal, direction, rotate(inherited, normal))
    swung = multiply(swing(rotate(inherited, rest[child]), direction), inherited)
    bends_about = _hinge(skeleton, child)
    after = [c for c, p in enumerate(skeleton.parents) if p == child]
    if bends_about is None or not after:
        return swung
    beyond = unit(centres[:, :, after[0]] - centres[:, :, child])
    reference = rotate(swung, bends_about)
    return multiply(about(direction, _twist(reference, direction, beyond)), swung)


def _hinge(skeleton: Skeleton, joint: int) -> FloatArray | None:
    """Axis of a joint that turns about one only."""
    axes = skeleton.joints[joint].axes
    return np.asarray(axes[0]) if len(axes) == 1 else None


def _sides(skeleton: Skeleton, children: list[int]) -> tuple[int, int] | None:
    """A left and a right joint among ``children``, or None."""
    for left, right in zip(*mirror_pairs(skeleton), strict=True):
        if left in children and right in children:
            return left, right
    return None


def _up(skeleton: Skeleton, centres: FloatArray, joint: int) -> FloatArray:
    """Direction of the trunk (T, N, 3) at one of its ends: into this joint, or at the root out of it."""
    parent = skeleton.parents[joint]
    if parent >= 0:
        return np.asarray(centres[:, :, joint] - centres[:, :, parent])
    rest = rest_directions(skeleton)
    above = [c for c in range(len(rest)) if rest[c, 2] > 0.0 and _hangs_on(skeleton, c, joint)]
    if not above:
        raise ValueError(f"skeleton '{skeleton.name}' has no joint above '{skeleton.joints[joint].name}'")
    up = centres[:, :, above[0]] - centres[:, :, joint]
    # Of a person whose shoulders nobody sees the trunk is taken for upright: a start, no more.
    return np.where(np.isfinite(up), up, [0.0, 0.0, 1.0])


def _hangs_on(skeleton: Skeleton, joint: int, ancestor: int) -> bool:
    """Whether ``joint`` hangs on ``ancestor`` directly or by joints that lie on it."""
    parent = skeleton.parents[joint]
    lies_on = not np.any(rest_directions(skeleton)[parent])
    return parent == ancestor or (parent >= 0 and lies_on and _hangs_on(skeleton, parent, ancestor))


def _frame(rest_first: FloatArray, rest_second: FloatArray, first: FloatArray, second: FloatArray) -> FloatArray:
    """Rotation (..., 4) that takes one rest direction onto ``first`` and another as near to ``second`` as it can.

    The triad of Black (1964, AIAA Journal 2:1350).
    """

    def triad(a: FloatArray, b: FloatArray) -> FloatArray:
        x = unit(a)
        z = unit(np.cross(x, b))
        return np.stack([x, np.cross(z, x), z], axis=-1)

    rest = triad(rest_first, rest_second)
    return from_matrix(np.einsum("...ij,kj->...ik", triad(first, second), rest))


def _twist(reference: FloatArray, axis: FloatArray, beyond: FloatArray) -> FloatArray:
    """Turn of a limb about its axis (T, N), rad, that brings ``reference`` into the normal of the bend.

    The normal of the plane through the limb and the bone ``beyond`` shows the turn the better, the more
    the joint is bent: the inverse variance goes with the squared sine of the bend. Frame to frame the turn
    changes little. The unit vector of the turn, as a complex number, is the minimum of these two squared
    errors over the sequence, one tridiagonal system a limb, so that a straight limb passes from the last
    bent frame to the next and never spins with the noise.
    """
    across = np.cross(axis, beyond)
    sine_squared = np.sum(np.square(across), axis=-1)
    usable = np.isfinite(sine_squared) & np.isfinite(reference).all(axis=-1) & (sine_squared > 0.0)
    weight = np.where(usable, sine_squared, 0.0) / PLANE_SIGMA_RAD**2
    cosine = np.sum(reference * across, axis=-1)
    sine = np.sum(axis * np.cross(reference, across), axis=-1)
    length = np.sqrt(np.where(usable, sine_squared, 1.0))
    seen = np.where(usable, (cosine + 1j * sine) / length, 0.0)
    frames, people = weight.shape
    if frames == 1:  # nothing to be coupled with
        return np.angle(weight * seen + REST_WEIGHT)
    coupling = 1.0 / TWIST_STEP_RAD**2
    neighbours = np.full(frames, 2.0 * coupling)
    neighbours[0] -= coupling
    neighbours[-1] -= coupling
    turn = np.empty((frames, people))
    for person in range(people):
        band = np.zeros((2, frames))
        band[0, 1:] = -coupling
        band[1] = weight[:, person] + neighbours + REST_WEIGHT
        turn[:, person] = np.angle(solveh_banded(band, weight[:, person] * seen[:, person] + REST_WEIGHT))
    return turn
