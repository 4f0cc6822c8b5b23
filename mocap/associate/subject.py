"""The one person whose views agree best: the subject of a recording.

Every pair of candidates from two views makes a hypothesis: their rays meet in a body, which every other view
may confirm with a candidate of its own. The sequence of hypotheses that is best confirmed and moves least is
found by dynamic programming (Viterbi, IEEE Trans. Information Theory 1967). Errors count in shares of the
person's size in the image, so that nothing depends on resolution or distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from calibration.camera import CameraRig
from calibration.rays import midpoint, world_rays
from mocap.core.errors import InputError
from mocap.core.types import FloatArray, IntArray, Poses2D, Tracks2D

# A view confirms a hypothesis when the body's reprojection misses its candidate by less than this share of the
# candidate's size: a quarter is half a torso, more than a poor calibration does and less than another person.
MAX_ERROR_SHARE = 0.25
# A body further off than this in one frame is another person: 15 m/s at 60 Hz, and room for jitter.
MAX_STEP_M = 0.25
# Keypoints that must be common to two candidates to compare them.
MIN_COMMON_KEYPOINTS = 4
# Hypotheses kept per frame for the search over time.
HYPOTHESES_KEPT = 8
FRAMES_AT_ONCE = 256


@dataclass(frozen=True)
class _Hypotheses:
    """The best few explanations of each frame.

    Attributes
    ----------
    slot : (T, H, C) int
        The candidate in each view; -1 where none confirms.
    score : (T, H)
        Confirmation summed over views; -inf where there is no hypothesis.
    centre : (T, H, 3)
        Middle of the body, m.
    """

    slot: IntArray
    score: FloatArray
    centre: FloatArray


def select_subject(poses: Poses2D, rig: CameraRig, min_score: float = 0.3) -> Tracks2D:
    """Follow the person whose views agree best through the recording.

    Parameters
    ----------
    poses : Poses2D
        Candidates of every view; cameras in the order of the rig.
    rig : CameraRig
    min_score : float
        Keypoints below take no part in the comparison.

    Returns
    -------
    Tracks2D
        With N = 1; NaN where a view does not show the subject.

    Raises
    ------
    InputError
        If nobody is seen by two cameras at once, or no two views ever agree; the reason is told apart.
    """
    if poses.cameras != rig.names:
        raise ValueError(f"poses are of cameras {poses.cameras}, the rig has {rig.names}")
    _require_people(poses)
    core = poses.skeleton.core_index
    counted = poses.score[..., core] >= min_score
    xy = np.where(counted[..., None], poses.xy[..., core, :], np.nan)
    size = _person_size(xy)
    chunks = range(0, xy.shape[0], FRAMES_AT_ONCE)
    parts = [_hypotheses(xy[i : i + FRAMES_AT_ONCE], size[i : i + FRAMES_AT_ONCE], rig) for i in chunks]
    found = _Hypotheses(
        np.concatenate([p.slot for p in parts]),
        np.concatenate([p.score for p in parts]),
        np.concatenate([p.centre for p in parts]),
    )
    if not np.isfinite(found.score).any():
        raise InputError(
            "People were found, but no two cameras agree on where anybody stands.",
            "Check that each video carries the name of its own camera, that the calibration is of this "
            "recording, and that the videos start together.",
        )
    return _tracks(poses, _best_path(found))


def _require_people(poses: Poses2D) -> None:
    """Raise InputError unless two cameras see somebody at the same instant at least once."""
    seen = (poses.track >= 0).any(axis=2)
    if not seen.any():
        raise InputError(
            "Nobody was found in any video.", "Check that a person is in view, upright, lit, and not too small."
        )
    if (seen.sum(axis=1) >= 2).any():
        return
    views = [poses.cameras[c] for c in np.flatnonzero(seen.any(axis=0))]
    raise InputError(
        f"Nobody is ever seen by two cameras at once; people were found in {', '.join(views)} only.",
        "Three dimensions need two views: check the aim of the cameras and that the videos start together.",
    )


def _person_size(xy: FloatArray) -> FloatArray:
    """Diagonal of the box around the core keypoints (T, C, P), px; NaN with fewer than two keypoints."""
    missing = np.isnan(xy)
    low = np.min(np.where(missing, np.inf, xy), axis=-2)
    high = np.max(np.where(missing, -np.inf, xy), axis=-2)
    size = np.linalg.norm(np.where(np.isfinite(high - low), high - low, np.nan), axis=-1)
    return np.asarray(np.where(size > 0, size, np.nan))


def _nanmedian(values: FloatArray, least: int) -> FloatArray:
    """Median over the last axis without NaN; NaN where fewer than ``least`` values are there."""
    count = np.isfinite(values).sum(axis=-1)
    ordered = np.sort(values, axis=-1)  # NaN sorts to the end
    middle = np.maximum(count - 1, 0)
    low = np.take_along_axis(ordered, (middle // 2)[..., None], axis=-1)[..., 0]
    high = np.take_along_axis(ordered, ((middle + 1) // 2)[..., None], axis=-1)[..., 0]
    return np.asarray(np.where(count >= least, 0.5 * (low + high), np.nan))


def _hypotheses(xy: FloatArray, size: FloatArray, rig: CameraRig) -> _Hypotheses:
    """Make and rate the hypotheses of some frames from core keypoints (T, C, P, K, 2)."""
    frames, cameras, people = size.shape
    origins, directions = world_rays(rig, rig.undistort(xy))
    slots, scores, centres = [], [], []
    for a, b in combinations(range(cameras), 2):
        body = midpoint(origins[a], directions[:, a, :, None], origins[b], directions[:, b, None])
        pixels, _ = rig.project(body)  # (C, T, P, P, K, 2)
        slot = np.full((frames, people, people, cameras), -1, dtype=np.int64)
        score = np.zeros((frames, people, people))
        for c in range(cameras):
            candidates = xy[:, c, None, None]  # (T, 1, 1, P, K, 2)
            miss = np.linalg.norm(pixels[c][:, :, :, None] - candidates, axis=-1)
            share = _nanmedian(miss, MIN_COMMON_KEYPOINTS) / size[:, c, None, None, :]
            if c in (a, b):  # these views confirm with the candidates that the hypothesis is made of
                own = np.eye(people, dtype=bool)[:, None] if c == a else np.eye(people, dtype=bool)[None]
                share = np.where(own, share, np.inf)
            agreement = 1.0 - np.where(np.isnan(share), np.inf, share) / MAX_ERROR_SHARE
            best = np.argmax(agreement, axis=-1)
            gain = np.take_along_axis(agreement, best[..., None], axis=-1)[..., 0]
            score += np.maximum(gain, 0.0)
            slot[..., c] = np.where(gain > 0, best, -1)
        whole = (slot[..., a] >= 0) & (slot[..., b] >= 0)
        slots.append(slot.reshape(frames, -1, cameras))
        scores.append(np.where(whole, score, -np.inf).reshape(frames, -1))
        centre = np.stack([_nanmedian(body[..., axis], MIN_COMMON_KEYPOINTS) for axis in range(3)], axis=-1)
        centres.append(centre.reshape(frames, -1, 3))
    return _keep_best(np.concatenate(slots, 1), np.concatenate(scores, 1), np.concatenate(centres, 1))


def _keep_best(slot: IntArray, score: FloatArray, centre: FloatArray) -> _Hypotheses:
    """Keep the best hypotheses of each frame, each combination of candidates once."""
    frames, count = score.shape
    kept = min(HYPOTHESES_KEPT, count)
    order = np.argsort(-score, axis=1, kind="stable")
    slot = np.take_along_axis(slot, order[..., None], axis=1)
    score = np.take_along_axis(score, order, axis=1)
    centre = np.take_along_axis(centre, order[..., None], axis=1)
    for t in range(frames):
        _, first = np.unique(slot[t], axis=0, return_index=True)
        repeated = np.ones(count, dtype=bool)
        repeated[first] = False
        score[t, repeated] = -np.inf
    order = np.argsort(-score, axis=1, kind="stable")[:, :kept]
    return _Hypotheses(
        np.take_along_axis(slot, order[..., None], axis=1),
        np.take_along_axis(score, order, axis=1),
        np.take_along_axis(centre, order[..., None], axis=1),
    )


def _best_path(found: _Hypotheses) -> IntArray:
    """Best sequence of candidates (T, C); -1 where the subject is not seen.

    A state is a hypothesis of this frame, or the memory of one before: somebody hidden costs nothing and is
    taken up again where they were last seen, so that hopping to a bystander meanwhile does not pay. A step
    costs its distance squared in units of MAX_STEP_M.
    """
    frames, count = found.score.shape
    total, centre = found.score[0], found.centre[0]
    back: list[IntArray] = []
    for t in range(1, frames):
        remembered = np.argsort(-total, kind="stable")[:count]
        step = np.linalg.norm(found.centre[t][None] - centre[:, None], axis=-1) / MAX_STEP_M
        reached = total[:, None] - np.where(np.isnan(step), 0.0, step**2)
        before = np.argmax(reached, axis=0)
        back.append(np.concatenate([before, remembered]))
        total = np.concatenate([reached[before, np.arange(count)] + found.score[t], total[remembered]])
        total = np.where(np.isnan(total), -np.inf, total)
        centre = np.concatenate([found.centre[t], centre[remembered]])
    path = np.zeros(frames, dtype=np.int64)
    path[-1] = int(np.argmax(total))
    for t in range(frames - 1, 0, -1):
        path[t - 1] = back[t - 1][path[t]]
    rows = np.arange(frames)
    seen = (path < count) & np.isfinite(found.score[rows, np.minimum(path, count - 1)])
    slots = found.slot[rows, np.minimum(path, count - 1)]
    return np.asarray(np.where(seen[:, None], slots, -1))


def _tracks(poses: Poses2D, slot: IntArray) -> Tracks2D:
    """Pick the chosen candidates (T, C) out of the poses."""
    chosen = np.maximum(slot, 0)[..., None]
    seen: NDArray[np.bool_] = (slot >= 0)[:, :, None, None]
    xy = np.take_along_axis(poses.xy, chosen[..., None, None], axis=2)
    sigma = np.take_along_axis(poses.sigma_px, chosen[..., None], axis=2)
    score = np.take_along_axis(poses.score, chosen[..., None], axis=2)
    return Tracks2D(
        cameras=poses.cameras,
        skeleton=poses.skeleton,
        xy=np.where(seen[..., None], xy, np.nan),
        sigma_px=np.where(seen, sigma, np.nan),
        score=np.where(seen, score, 0.0),
        person_ids=np.zeros(1, dtype=np.int64),
    )
