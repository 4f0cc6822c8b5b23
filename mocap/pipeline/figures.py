"""What a run came to, in figures."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from calibration import CameraRig
from mocap.core.skeleton import Skeleton
from mocap.core.summary import TruthErrors
from mocap.core.types import FloatArray, JointAngles, Points3D, SyncTable
from mocap.evaluate.positions import align
from mocap.studio import Truth, load_truth

# An instant counts as "in 3D" when at least this share of the core keypoints has a position.
IN_3D_SHARE = 0.5
# A camera stands where the film's stood if its pose differs by no more than files round off, m and parts of 1.
SAME_POSE = 1e-6
# Where a film does not say so: detectors are off by the same in any world, so that a motion of everything takes
# away a part of the error; of one that is several times smaller afterwards, most was the world.
OTHER_WORLD = 2.0


@dataclass(frozen=True)
class Quality:
    """How well the views agree and how constant the bones are; see ``RunSummary`` for the definitions."""

    frames_3d: int
    reproj_px_median: float
    reproj_px_p90: float
    reproj_px_per_camera: dict[str, float]
    rejected_share_per_camera: dict[str, float]
    bone_variation_percent: float
    bone_length_m: dict[str, tuple[float, float]]
    sigma_mm_median: float


def quality(measured: Points3D, final: Points3D, cameras: tuple[str, ...]) -> Quality:
    """Judge a run.

    Parameters
    ----------
    measured : Points3D
        As triangulated: reprojection errors are of these.
    final : Points3D
        Gaps filled and filtered: bones and uncertainty are of these.
    """
    core = measured.skeleton.core_index
    errors = measured.reproj_px[..., core]
    seen = np.isfinite(errors)
    rejected = seen & ~measured.used[..., core]
    lengths = _bone_lengths(final)
    return Quality(
        frames_3d=int((np.isfinite(final.xyz[:, :, core, 0]).mean(axis=2) >= IN_3D_SHARE).any(axis=1).sum()),
        reproj_px_median=_percentile(errors, 50),
        reproj_px_p90=_percentile(errors, 90),
        reproj_px_per_camera={name: _percentile(errors[:, c], 50) for c, name in enumerate(cameras)},
        rejected_share_per_camera={
            name: float(rejected[:, c].sum() / max(1, seen[:, c].sum())) for c, name in enumerate(cameras)
        },
        bone_variation_percent=float(100 * np.median([sd / mean for mean, sd in lengths.values()]))
        if lengths
        else float("nan"),
        bone_length_m=lengths,
        sigma_mm_median=1000 * _percentile(final.sigma[..., core], 50),
    )


def _percentile(values: FloatArray, percent: float) -> float:
    """Percentile of the values that are there; NaN if none is."""
    known = values[np.isfinite(values)]
    return float(np.percentile(known, percent)) if known.size else float("nan")


def _bone_lengths(points: Points3D) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of the length of each bone between core keypoints, m."""
    skeleton = points.skeleton
    lengths = {}
    for a, b in skeleton.bones:
        if a in skeleton.core and b in skeleton.core:
            start, stop = skeleton.index(a, b)
            length = np.linalg.norm(points.xyz[:, :, start] - points.xyz[:, :, stop], axis=-1)
            if (known := length[np.isfinite(length)]).size:
                # The same bone differs from one person to the next, which is no variation of a bone.
                own = np.array([np.median(one[np.isfinite(one)]) for one in length.T if np.isfinite(one).any()])
                people = np.isfinite(length).any(axis=0)
                off = (length[:, people] - own)[np.isfinite(length[:, people])]
                lengths[f"{a}-{b}"] = (float(known.mean()), float(off.std()))
    return lengths


def truth_errors(
    path: Path, points: Points3D, angles: JointAngles, sync: SyncTable, rig: CameraRig
) -> TruthErrors:
    """Compare with the studio's truth at the same instants.

    Each person is compared with the nearest of the true people. With cameras that do not stand where those of
    the film stood, because they were calibrated anew, the worlds differ: then everything is first laid over
    the truth by one turn and shift. Lengths stay, so that an error of scale shows. Joint angles know no world.
    """
    truth = load_truth(path)
    instant = np.argmin(np.abs(truth.t_s[None] - sync.t_s[:, None]), axis=1)
    core = points.skeleton.core_index
    order = [truth.angle_names.index(name) for name in angles.names]
    found, true = points.xyz[:, :, core], truth.xyz[instant][:, :, core]
    apart, people = _apart(found, true)
    same_world = _same_world(truth, rig)
    laid_over = False
    if same_world is not True:
        laid, them = _laid_over(found, true)
        # An older film does not say where its cameras stood: what a motion of everything takes away tells.
        if same_world is False or _mean(laid) * OTHER_WORLD < _mean(apart):
            apart, people, laid_over = laid, them, True
    off = np.concatenate(
        [angles.value[:, n] - truth.angles[instant, person][:, order] for n, person in enumerate(people)]
    )
    error = np.concatenate(list(np.moveaxis(apart, 1, 0)))
    return TruthErrors(
        mpjpe_mm=1000 * _mean(error),
        mpjpe_mm_per_joint=_per_joint(points.skeleton, error),
        angle_rms_deg={
            name: float(np.rad2deg(np.sqrt(_mean(off[:, a] ** 2)))) for a, name in enumerate(angles.names)
        },
        missing_share=float(np.isnan(error).mean()),
        laid_over=laid_over,
    )


def _same_world(truth: Truth, rig: CameraRig) -> bool | None:
    """Whether the cameras stand where those of the film stood; None where the film does not say."""
    if truth.cam_from_world is None:
        return None
    known = dict(zip(truth.cameras, truth.cam_from_world, strict=True))
    return all(
        name in known and bool(np.abs(pose - known[name]).max() < SAME_POSE)
        for name, pose in zip(rig.names, rig.cam_from_world, strict=True)
    )


def _apart(found: FloatArray, true: FloatArray) -> tuple[FloatArray, list[int]]:
    """Distances (T, N, K) of people (T, N, K, 3) to the nearest true ones (T, P, K, 3), and which these are."""
    errors, people = [], []
    for n in range(found.shape[1]):
        apart = np.linalg.norm(found[:, n, None] - true, axis=-1)
        known = np.isfinite(apart)
        mean = np.where(known, apart, 0.0).sum(axis=(0, 2)) / np.maximum(known.sum(axis=(0, 2)), 1)
        people.append(int(np.argmin(np.where(known.any(axis=(0, 2)), mean, np.inf))))
        errors.append(apart[:, people[-1]])
    return np.stack(errors, axis=1), people


def _laid_over(found: FloatArray, true: FloatArray) -> tuple[FloatArray, list[int]]:
    """As ``_apart``, after the one rigid motion of all people at all instants that makes the errors least.

    Who is who is not known before the worlds agree: any pair of a found and a true person may be the same, and
    the motion that lays the one over the other must suit all.
    """

    def moved(target: FloatArray) -> FloatArray:
        return align(found.reshape(1, -1, 3), target.reshape(1, -1, 3), scale=False).reshape(found.shape)

    best = _apart(found, true)
    for n, p in product(range(found.shape[1]), range(true.shape[1])):
        target = np.full_like(found, np.nan)
        target[:, n] = true[:, p]
        _, people = _apart(moved(target), true)
        tried = _apart(moved(true[:, people]), true)
        if _mean(tried[0]) < _mean(best[0]):
            best = tried
    return best


def _per_joint(skeleton: Skeleton, error: FloatArray) -> dict[str, float]:
    return {name: 1000 * _mean(error[:, k]) for k, name in enumerate(skeleton.core)}


def _mean(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
