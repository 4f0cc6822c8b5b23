"""Learning where a detector sees its keypoints on a body, from recordings with known truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mocap.core.body import body_size, conjugate, rotate, segments
from mocap.core.errors import InputError
from mocap.core.skeleton import Attachment, Skeleton, Vector
from mocap.core.types import FloatArray, Points3D
from mocap.fit.body import BodySettings, fit_body

# How exactly the truth is followed while it is told which way the segments point, m.
TRUTH_SIGMA_M = 0.003
# Standard deviation of normal errors over their median absolute deviation.
MAD_TO_SIGMA = 1.4826


def learn_offsets(
    takes: Sequence[tuple[Points3D, FloatArray]], rate_hz: float
) -> tuple[tuple[Attachment, ...], dict[str, float]]:
    """Learn the attachments of a skeleton, and usual bone lengths, from points and the truth.

    A body is fitted to the true points, where keypoints that are joints lie at their centres; it says which way
    each segment points. An offset is the median, over all instants of all takes and over both sides of the body,
    of detected keypoint minus true joint in the axes of its segment, as a share of the body's size; the sigma is
    what scatters around it from instant to instant and from body to body.

    Parameters
    ----------
    takes : sequence of (Points3D, (T, N, K, 3))
        As triangulated from a detector, and the truth at the same instants, m; NaN where it has no such keypoint.
    rate_hz : float

    Returns
    -------
    tuple of Attachment
        Those of the skeleton, with what was learned in place of offset and sigma.
    dict
        Length of each bone as a share of the body's size, by joint.
    """
    if not takes:
        raise InputError("There are no recordings to learn from.", "Give recordings whose truth is known.")
    skeleton = takes[0][0].skeleton
    found: dict[str, list[FloatArray]] = {a.keypoint: [] for a in skeleton.attachments}
    shares = []
    for points, truth in takes:
        on_truth = replace(
            points,
            skeleton=at_joints(skeleton),
            xyz=truth,
            cov=np.broadcast_to(TRUTH_SIGMA_M**2 * np.eye(3), points.cov.shape),
        )
        motion = fit_body(on_truth, rate_hz, BodySettings(contact=False))
        size = body_size(motion)[None, :, None]
        shares.append(motion.bone_length / size[0])
        centres, world = segments(motion)
        for a in skeleton.attachments:
            k, j = skeleton.index(a.keypoint)[0], _joint(skeleton, a.joint)
            true_joint = truth[:, :, k] if skeleton.joints[j].keypoints == (a.keypoint,) else centres[:, :, j]
            local = rotate(conjugate(world[:, :, _joint(skeleton, a.segment)]), points.xyz[:, :, k] - true_joint)
            found[a.keypoint].append((local / size).reshape(-1, 3))
    partner = {name: other for pair in skeleton.mirror for name, other in (pair, pair[::-1])}
    learned = []
    for a in skeleton.attachments:
        both = [
            *found[a.keypoint],
            *(across * [-1.0, 1.0, 1.0] for across in found.get(partner.get(a.keypoint, a.keypoint), [])),
        ]
        pooled = np.concatenate(both)
        pooled = pooled[np.isfinite(pooled).all(axis=1)]
        if len(pooled) == 0:
            raise InputError(
                f"'{a.keypoint}' was never seen together with the truth.", "Give recordings that show it."
            )
        middle = np.median(pooled, axis=0)
        scatter = MAD_TO_SIGMA * np.median(np.abs(pooled - middle), axis=0)
        learned.append(replace(a, offset=_vector(middle), sigma=_vector(scatter)))
    share = np.nanmean(np.concatenate(shares), axis=0)
    return tuple(learned), {joint.name: float(s) for joint, s in zip(skeleton.joints, share, strict=True)}


def at_joints(skeleton: Skeleton) -> Skeleton:
    """Return the skeleton for points that are exact: keypoints of joints at their centres."""
    marks = {joint.keypoints[0] for joint in skeleton.joints if len(joint.keypoints) == 1}
    return replace(
        skeleton,
        attachments=tuple(
            replace(a, offset=(0.0, 0.0, 0.0), sigma=(0.0, 0.0, 0.0)) if a.keypoint in marks else a
            for a in skeleton.attachments
        ),
    )


def _joint(skeleton: Skeleton, name: str) -> int:
    return [joint.name for joint in skeleton.joints].index(name)


def _vector(values: FloatArray) -> Vector:
    x, y, z = values.tolist()
    return x, y, z
