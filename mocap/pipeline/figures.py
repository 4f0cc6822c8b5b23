"""What a run came to, in figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mocap.core.skeleton import Skeleton
from mocap.core.summary import TruthErrors
from mocap.core.types import FloatArray, JointAngles, Points3D, SyncTable
from mocap.studio import load_truth

# An instant counts as "in 3D" when at least this share of the core keypoints has a position.
IN_3D_SHARE = 0.5


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


def truth_errors(path: Path, points: Points3D, angles: JointAngles, sync: SyncTable) -> TruthErrors:
    """Compare with the studio's truth at the same instants.

    Each person is compared with the nearest of the true people.
    """
    truth = load_truth(path)
    instant = np.argmin(np.abs(truth.t_s[None] - sync.t_s[:, None]), axis=1)
    core = points.skeleton.core_index
    order = [truth.angle_names.index(name) for name in angles.names]
    errors, offs = [], []
    for n in range(points.xyz.shape[1]):
        apart = np.linalg.norm(points.xyz[:, n][:, None, core] - truth.xyz[instant][:, :, core], axis=-1)
        known = np.isfinite(apart)
        mean = np.where(known, apart, 0.0).sum(axis=(0, 2)) / np.maximum(known.sum(axis=(0, 2)), 1)
        person = int(np.argmin(np.where(known.any(axis=(0, 2)), mean, np.inf)))
        errors.append(apart[:, person])
        offs.append(angles.value[:, n] - truth.angles[instant, person][:, order])
    error, off = np.concatenate(errors), np.concatenate(offs)
    return TruthErrors(
        mpjpe_mm=1000 * _mean(error),
        mpjpe_mm_per_joint=_per_joint(points.skeleton, error),
        angle_rms_deg={
            name: float(np.rad2deg(np.sqrt(_mean(off[:, a] ** 2)))) for a, name in enumerate(angles.names)
        },
        missing_share=float(np.isnan(error).mean()),
    )


def _per_joint(skeleton: Skeleton, error: FloatArray) -> dict[str, float]:
    return {name: 1000 * _mean(error[:, k]) for k, name in enumerate(skeleton.core)}


def _mean(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
