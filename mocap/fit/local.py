"""A part of a fitted sequence fitted again, after some of what was seen has changed.

Bones, noise and where the feet stand stay as they were found from the whole; only the poses of a window are
solved, from where they were, and at its edges they go over into what was before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from mocap.core.types import FloatArray, Motion, Points3D
from mocap.fit.banded import covariances
from mocap.fit.body import STEPS, WIDTH, BodySettings, correlation_factor, noise_factor
from mocap.fit.chain import BoolArray, Chain, IndexArray, Pose, chain_of, place
from mocap.fit.contact import Contact, find_contact
from mocap.fit.evidence import PointEvidence, point_evidence
from mocap.fit.result import joint_errors, shown_joints, to_motion
from mocap.fit.solve import SETTLED, Model, Stretch, information, solve
from mocap.fit.start import attachment_covariance, pose_of, usual_lengths
from mocap.fit.terms import coordinates
from mocap.fit.windows import OVERLAP_S, WINDOW_FRAMES, length_samples

# Frames at the edge of a window that stay as they are.
HELD_FRAMES = 2
# What a motion says of each frame.
BY_FRAME = ("root_xyz", "rotation", "rotation_cov", "centre_cov")


@dataclass(frozen=True)
class Fitted:
    """A person whose whole sequence is fitted.

    Attributes
    ----------
    pose : Pose
    length, measured, spread : (J,), (1, J), (1, J)
        Bones, m; NaN in ``measured`` where never seen; and their standard deviation over the frames.
    noise : float
        How much larger the errors are than stated.
    inflation : float
        See ``correlation_factor``.
    """

    chain: Chain
    pose: Pose
    length: FloatArray
    measured: FloatArray
    spread: FloatArray
    noise: float
    inflation: float
    contact: Contact | None
    dt: float
    settings: BodySettings


def fitted_before(
    points: Points3D, motion: Motion, person: int, rate_hz: float, settings: BodySettings
) -> Fitted | None:
    """Take up a motion that ``fit_body`` made of points; None for a person who was never seen."""
    if not points.skeleton.joints:
        return None
    chain, dt = chain_of(points.skeleton), 1.0 / rate_hz
    measured, spread = motion.bone_length[person], motion.bone_length_sigma[person : person + 1]
    pose = pose_of(chain, motion.rotation[:, person], motion.root_xyz[:, person])
    if pose is None:
        return None
    length, _ = usual_lengths(chain, measured)
    known = Fitted(chain, pose, length, measured[None], spread, 1.0, 1.0, None, dt, settings)
    samples = np.unique(np.concatenate(length_samples(len(pose.place))))
    evidence = _evidence(known, points.xyz[samples, person], points.cov[samples, person], samples)
    noise = noise_factor(chain, [Stretch(evidence, None, pose[samples])], length)
    inflation = correlation_factor(chain, evidence.scaled(noise), pose[samples], length)
    contact = None
    if settings.contact:
        seen = np.asarray(np.isfinite(points.xyz[:, person, chain.keypoint]).all(axis=-1))
        contact = find_contact(chain, pose, place(chain, pose, length), seen, dt)
    return replace(known, noise=noise, inflation=inflation, contact=contact)


def refit(
    known: Fitted, points: Points3D, person: int, frames: slice, changed: BoolArray, trusted: BoolArray
) -> Motion:
    """Fit the poses of some frames again; many of them in windows that overlap, which bounds the memory.

    Parameters
    ----------
    points : Points3D
        Of those frames, as ``fit_body`` would take them.
    frames : slice
        Which frames of the sequence they are.
    changed : (F, K) bool
        Keypoints that are not what they were: a foot among them is not held to where it stood.
    trusted : (F, K) bool
        See ``fit_body``.

    Returns
    -------
    Motion
        Of those frames and that person.
    """
    count, overlap = frames.stop - frames.start, margin(known.dt)
    edges = np.linspace(0, count, max(1, round(count / WINDOW_FRAMES)) + 1).astype(np.intp).tolist()
    parts = []
    for first, last in pairwise(edges):
        low, high = max(0, first - overlap), min(count, last + overlap)
        one, rows = slice(low, high), slice(frames.start + low, frames.start + high)
        some = _frames_of(points, one)
        solved = _refit_window(known, some, person, rows, changed[one], trusted[one], (low == 0, high == count))
        inner = slice(first - low, last - low)
        parts.append({name: getattr(solved, name)[inner] for name in BY_FRAME})
    joined: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in BY_FRAME}
    return replace(solved, **joined)


def _frames_of(points: Points3D, rows: slice) -> Points3D:
    return replace(
        points,
        xyz=points.xyz[rows],
        cov=points.cov[rows],
        n_views=points.n_views[rows],
        reproj_px=points.reproj_px[rows],
        used=points.used[rows],
    )


def _refit_window(
    known: Fitted,
    points: Points3D,
    person: int,
    frames: slice,
    changed: BoolArray,
    trusted: BoolArray,
    ends: tuple[bool, bool],
) -> Motion:
    """Fit one window; ``ends`` says at which of its ends lies what does not change."""
    chain = known.chain
    window = np.arange(frames.start, frames.stop)
    evidence = _evidence(known, points.xyz[:, person], points.cov[:, person], window, trusted).scaled(known.noise)
    contact = None
    if known.contact is not None:
        contact = known.contact.part(window)
        contact = replace(contact, stands=contact.stands & ~changed[:, chain.keypoint].any(axis=0))
    tied = np.zeros((len(known.length), 0))
    model = Model(chain, coordinates(chain), tied, np.empty(0), known.dt, WIDTH)
    # What lies beyond an end that is not that of the recording stays: two frames hold both place and speed.
    row = np.arange(len(window))
    held = (row < HELD_FRAMES) & (ends[0] and window[0] > 0)
    held |= (row >= len(window) - HELD_FRAMES) & (ends[1] and window[-1] < len(known.pose.place) - 1)
    before = Stretch(evidence, contact, known.pose[window], held)
    (pose,), _ = solve(model, [before], known.length, STEPS, SETTLED)
    factor = information(model, Stretch(evidence, contact, pose), known.length, known.inflation)
    size = chain.freedom
    cov = np.full((len(window), size, size), np.nan) if factor is None else covariances(factor)
    errors = joint_errors(chain, pose, known.length, cov)
    shown = shown_joints(chain, evidence.seen, known.dt, known.settings.max_gap_s)
    return to_motion(chain, pose, known.length, errors, shown, known.measured, known.spread)


def _evidence(
    known: Fitted, xyz: FloatArray, cov: FloatArray, window: IndexArray, trusted: BoolArray | None = None
) -> PointEvidence:
    """Points (F, K, 3) with their covariances in some frames as evidence."""
    world = place(known.chain, known.pose[window], known.length).world
    own = attachment_covariance(known.chain, world, float(known.chain.size @ known.length))
    chosen = known.chain.keypoint
    return point_evidence(xyz[:, chosen], cov[:, chosen], own, None if trusted is None else trusted[:, chosen])


def blended(before: Motion, after: Motion, weight: FloatArray) -> Motion:
    """Go over from one motion to another of the same frames, body and people.

    Parameters
    ----------
    weight : (T,)
        Share of ``after``: 1 takes it as it is, gaps too; in between, a frame that either lacks stays as before.
    """

    def mixed(a: FloatArray, b: FloatArray) -> FloatArray:
        w = weight.reshape(-1, *[1] * (a.ndim - 1))
        between = (1.0 - w) * a + w * b
        between = np.where(np.isfinite(between), between, a)
        return np.where(w >= 1.0, b, np.where(w <= 0.0, a, between))

    same = np.sum(before.rotation * after.rotation, axis=-1, keepdims=True)
    turned = np.where(same < 0.0, -after.rotation, after.rotation)
    rotation = mixed(before.rotation, turned)
    rotation = rotation / np.linalg.norm(rotation, axis=-1, keepdims=True)
    return replace(
        before,
        root_xyz=mixed(before.root_xyz, after.root_xyz),
        rotation=rotation,
        rotation_cov=mixed(before.rotation_cov, after.rotation_cov),
        centre_cov=mixed(before.centre_cov, after.centre_cov),
    )


def margin(dt: float) -> int:
    """Frames on either side of what changed that are fitted again."""
    return int(np.ceil(OVERLAP_S / dt))


def fading(frames: int, first: int, last: int, dt: float) -> FloatArray:
    """Weights (T,) that are 1 from ``first`` to ``last`` and a stretch beyond, then fade to 0 over as much."""
    reach = max(1, margin(dt) // 2)
    row = np.arange(frames)
    beyond = np.maximum(np.maximum(first - row, row - last), 0)
    return np.clip(2.0 - beyond / reach, 0.0, 1.0)
