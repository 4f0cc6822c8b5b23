"""The body fit: one body of constant bones, moving with joints, that explains all that was seen of a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from calibration.camera import CameraRig
from mocap.core.body import forward, joint_centres
from mocap.core.errors import InputError
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, Motion, Points3D, Tracks2D
from mocap.fit.banded import covariances
from mocap.fit.chain import BoolArray, Chain, IndexArray, Pose, chain_of, place
from mocap.fit.closed_form import bone_lengths, closed_form
from mocap.fit.contact import Contact, find_contact
from mocap.fit.evidence import Evidence, pixel_evidence, point_evidence
from mocap.fit.result import joint_errors, missing, shown_joints, to_motion
from mocap.fit.solve import SETTLED, Model, Stretch, information, solve
from mocap.fit.start import (
    attachment_covariance,
    start_pose,
    tied_bones,
    usual_lengths,
)
from mocap.fit.terms import coordinates
from mocap.fit.windows import by_windows, length_samples

# Cauchy widths: wide first, so that a start that is off does not lose its observations.
FIRST_WIDTH, WIDTH = 10.0, 3.0
FIRST_STEPS, STEPS = 6, 6
# Step, rad and m, after which a pose is good enough to go on from, or to tell which feet stand.
ROUGHLY = 3e-3
# Median of the squares of normally distributed numbers.
CHI_SQUARED_MEDIAN = 0.4549
# Errors that last are believed to last no longer than this many frames: correlation of neighbours up to 0.95.
MOST_CORRELATION = 0.95


@dataclass(frozen=True)
class BodySettings:
    """How the body is fitted.

    Attributes
    ----------
    max_gap_s : float
        A joint that nothing was seen of for longer is missing, s.
    contact : bool
        Whether feet that stand are held to the ground.
    """

    max_gap_s: float = 0.2
    contact: bool = True


def fit_body(
    points: Points3D, rate_hz: float, settings: BodySettings | None = None, trusted: BoolArray | None = None
) -> Motion:
    """Fit one body a person over the whole sequence.

    Unknown are the root's place and the turns of all joints in each frame, and the bone lengths, the same in all
    frames. Weighed against each other: each point's distance from its place on the body, by its covariance and
    robustly; soft limits and usual ranges of joints; smooth motion. Feet that stand are held.

    Parameters
    ----------
    points : Points3D
        As triangulated: the fit smooths by itself, and gaps are bridged by what the rest of the body shows.
    rate_hz : float
        Frame rate, Hz.
    trusted : (T, N, K) bool, optional
        Points that somebody set by hand: no outliers, however much they disagree with the rest.

    Returns
    -------
    Motion
        Rotations are NaN from a joint on outwards of which nothing was seen for longer than ``max_gap_s``. Bone
        lengths are NaN where a bone was never seen.
    """
    settings = settings or BodySettings()
    if rate_hz <= 0 or settings.max_gap_s < 0:
        raise InputError(
            f"A body cannot be fitted at {rate_hz:g} Hz with a longest gap of {settings.max_gap_s:g} s.",
            "Give a positive frame rate, and 0 s to bridge nothing.",
        )
    if not points.skeleton.joints:  # keypoints of a lab's own, which span no body
        frames, count = points.xyz.shape[:2]
        nothing = np.empty((count, 0))
        return Motion(
            points.skeleton, np.full((frames, count, 3), np.nan), np.empty((frames, count, 0, 4)), nothing, nothing
        )
    chain = chain_of(points.skeleton)
    people = [
        fit_person(chain, points, n, 1.0 / rate_hz, settings, trusted=trusted).motion
        for n in range(points.xyz.shape[1])
    ]
    return _together(points.skeleton, people)


def _together(skeleton: Skeleton, people: list[Motion]) -> Motion:
    """Motions of one person each as one of all."""
    return Motion(
        skeleton,
        np.concatenate([one.root_xyz for one in people], axis=1),
        np.concatenate([one.rotation for one in people], axis=1),
        np.concatenate([one.bone_length for one in people]),
        np.concatenate([one.bone_length_sigma for one in people]),
        np.concatenate([one.rotation_cov for one in people], axis=1),
        np.concatenate([one.centre_cov for one in people], axis=1),
    )


@dataclass(frozen=True)
class Solution:
    """A fitted sequence.

    Attributes
    ----------
    pose : Pose
    length : (J,)
        Bones, m.
    errors : (T, J, 2, 3, 3)
        As ``joint_errors`` returns them.
    last : (D, D)
        Covariance of all degrees of freedom in the last frame, m^2 and rad^2.
    contact : Contact or None
        When feet stood.
    noise : float
        How much larger the errors were than stated.
    """

    pose: Pose
    length: FloatArray
    errors: FloatArray
    last: FloatArray
    contact: Contact | None
    noise: float


@dataclass(frozen=True)
class FittedPerson:
    """Motion of one person, and the solution behind it; None where the person was never seen."""

    motion: Motion
    solution: Solution | None


def body_points(points: Points3D, motion: Motion) -> Points3D:
    """Points with the keypoints that are joints at the joint centres of the fitted body.

    Returns
    -------
    Points3D
        Keypoints that are the only one of a joint lie at its centre, with its covariance; NaN where the body is
        missing. All others are as they were.
    """
    centres = forward(motion)
    xyz, cov = points.xyz.copy(), points.cov.copy()
    for j, joint in enumerate(motion.skeleton.joints):
        if len(joint.keypoints) == 1:
            k = points.skeleton.index(joint.keypoints[0])[0]
            xyz[:, :, k], cov[:, :, k] = centres[:, :, j], motion.centre_cov[:, :, j]
    return replace(points, xyz=xyz, cov=cov)


def fit_body_to_views(
    tracks: Tracks2D, rig: CameraRig, points: Points3D, rate_hz: float, settings: BodySettings | None = None
) -> Motion:
    """Fit the same body straight to the keypoints in the pictures of all cameras, without points in between.

    A keypoint that one camera sees then counts too, and so does a view that triangulation left out, robustly.

    Parameters
    ----------
    tracks : Tracks2D
        At the instants of ``points``; cameras in the order of the rig.
    points : Points3D
        As triangulated from them: where the fit starts.
    """
    if tracks.cameras != rig.names:
        raise ValueError(f"tracks are of cameras {tracks.cameras}, the rig has {rig.names}")
    settings = settings or BodySettings()
    chain = chain_of(points.skeleton)
    people = []
    for n in range(points.xyz.shape[1]):
        views = partial(
            pixel_evidence,
            rig,
            tracks.xy[:, :, n, chain.keypoint],
            tracks.sigma_px[:, :, n, chain.keypoint],
        )
        people.append(fit_person(chain, points, n, 1.0 / rate_hz, settings, views).motion)
    return _together(points.skeleton, people)


def fit_person(
    chain: Chain,
    points: Points3D,
    person: int,
    dt: float,
    settings: BodySettings,
    views: Callable[[FloatArray], Evidence] | None = None,
    trusted: BoolArray | None = None,
) -> FittedPerson:
    """Fit one person; the motion has one person.

    Parameters
    ----------
    views : callable, optional
        Makes the evidence, from the covariance of where the keypoints lie on the body, in place of the points.
    trusted : (T, N, K) bool, optional
        See ``fit_body``.
    """
    one = replace(
        points,
        xyz=points.xyz[:, person : person + 1],
        cov=points.cov[:, person : person + 1],
        n_views=points.n_views[:, person : person + 1],
        reproj_px=points.reproj_px[:, :, person : person + 1],
        used=points.used[:, :, person : person + 1],
    )
    centres = joint_centres(one.skeleton, one.xyz)
    measured, spread = bone_lengths(one, centres)
    length, size = usual_lengths(chain, measured[0])
    pose = start_pose(chain, closed_form(one)[:, 0], centres[:, 0, 0])
    if pose is None:
        return FittedPerson(missing(one, measured, spread), None)
    own = attachment_covariance(chain, place(chain, pose, length).world, size)
    if views is None:
        by_hand = None if trusted is None else trusted[:, person, chain.keypoint]
        xyz, cov = one.xyz[:, 0, chain.keypoint], one.cov[:, 0, chain.keypoint]
        evidence: Evidence = point_evidence(xyz, cov, own, by_hand)
    else:
        evidence = views(own)
    solution = fit_sequence(chain, evidence, pose, length, measured[0], dt, settings)
    shown = shown_joints(chain, evidence.seen, dt, settings.max_gap_s)
    motion = to_motion(chain, solution.pose, solution.length, solution.errors, shown, measured, spread)
    return FittedPerson(motion, solution)


def fit_sequence(
    chain: Chain,
    evidence: Evidence,
    pose: Pose,
    length: FloatArray,
    measured: FloatArray,
    dt: float,
    settings: BodySettings,
) -> Solution:
    """Fit lengths on samples of the sequence, then poses window by window, then their uncertainty."""
    frames = len(pose.place)
    model = Model(chain, coordinates(chain), tied_bones(chain, measured), np.empty(0), dt, FIRST_WIDTH)
    model = replace(model, usual=model.tied.T @ length / model.tied.sum(axis=0))
    samples = length_samples(frames)
    stretches = [Stretch(evidence.part(s), None, pose[s]) for s in samples]
    for width, settled in ((FIRST_WIDTH, ROUGHLY), (WIDTH, SETTLED)):
        poses, length = solve(replace(model, width=width), stretches, length, FIRST_STEPS, settled)
        stretches = [replace(s, pose=p) for s, p in zip(stretches, poses, strict=True)]
    noise = noise_factor(chain, stretches, length)
    evidence = evidence.scaled(noise)
    held = replace(model, tied=model.tied[:, :0], usual=np.empty(0), width=WIDTH)
    if len(samples) == 1:
        pose = poses[0]
    else:
        start = pose

        def roughly(window: IndexArray) -> Pose:
            part = Stretch(evidence.part(window), None, start[window])
            return solve(held, [part], length, STEPS, ROUGHLY)[0][0]

        pose = by_windows(frames, dt, roughly)
    contact = None
    if settings.contact:
        contact = find_contact(chain, pose, place(chain, pose, length), evidence.seen, dt)
    before = pose

    def settle(window: IndexArray) -> Pose:
        part = Stretch(evidence.part(window), contact.part(window) if contact else None, before[window])
        return solve(held, [part], length, STEPS)[0][0]

    pose = by_windows(frames, dt, settle)
    inflation = correlation_factor(chain, evidence, pose, length)

    def uncertainty(window: IndexArray) -> FloatArray:
        part = Stretch(evidence.part(window), contact.part(window) if contact else None, pose[window])
        factor = information(held, part, length, inflation)
        size = chain.freedom
        known = np.full((len(window), size, size), np.nan) if factor is None else covariances(factor)
        if window[-1] == frames - 1:
            last[:] = known[-1]
        return joint_errors(chain, part.pose, length, known)

    last = np.empty((chain.freedom, chain.freedom))
    return Solution(pose, length, by_windows(frames, dt, uncertainty), last, contact, noise)


def noise_factor(chain: Chain, stretches: list[Stretch], length: FloatArray) -> float:
    """How much larger the errors are than stated, from their median; at least 1."""
    errors = np.concatenate([s.evidence.errors(s.pose, place(chain, s.pose, length)).ravel() for s in stretches])
    squared = np.square(errors[np.isfinite(errors)])
    return max(1.0, float(np.sqrt(np.median(squared) / CHI_SQUARED_MEDIAN))) if squared.size else 1.0


def correlation_factor(chain: Chain, evidence: Evidence, pose: Pose, length: FloatArray) -> float:
    """How much less a sequence tells than its frames would if their errors were independent of each other.

    Errors that a detector makes again in the next frame do not average out: a mean over n errors of variance v
    with the correlation r of neighbours has the variance v (1 + r) / (1 - r) / n (Bartlett 1946, for a process of
    the first order).
    """
    errors = evidence.errors(pose, place(chain, pose, length))
    both = np.isfinite(errors[1:]) & np.isfinite(errors[:-1])
    if not both.any():
        return 1.0
    # An error counts up to three standard deviations, so that an outlier has no say of its own.
    clipped = np.clip(np.nan_to_num(errors), -WIDTH, WIDTH)
    first, second = clipped[:-1][both], clipped[1:][both]
    power = 0.5 * float(np.sum(first * first + second * second))
    lasting = min(max(float(np.sum(first * second)) / power, 0.0), MOST_CORRELATION) if power > 0.0 else 0.0
    return (1.0 + lasting) / (1.0 - lasting)
