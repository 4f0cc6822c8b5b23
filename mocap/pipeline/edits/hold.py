"""What a person set by hand is believed: views that contradict it take no part.

Robust triangulation goes with the majority; somebody who puts a keypoint right in one view often does so because
the majority is wrong. So for each such keypoint the other views are asked which of them bear it out, as in RANSAC
(Fischler and Bolles 1981) with samples that all hold the hand-set views: with two of those their point is the
sample, with one each other view makes one with it. The sample that the views agree with best, outliers bounded
(Torr and Zisserman 2000, MSAC), decides, and who contradicts it is left out.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from calibration import CameraRig
from mocap.core.types import FloatArray, Points3D, SyncTable, Tracks2D
from mocap.pipeline.edits.apply import BoolArray
from mocap.sync import at_instants
from mocap.triangulate import Noise, Triangulator


def at_instants_by_hand(
    tracks: Tracks2D, by_hand: BoolArray, sync: SyncTable, rig: CameraRig, xyz: FloatArray
) -> Tracks2D:
    """Tracks at the instants, where keypoints set by hand move on by themselves, not along doubtful neighbours.

    Parameters
    ----------
    by_hand : (T, C, N, K) bool
    xyz : (T, N, K, 3)
        Points before anything was put right, m: how fast they move.
    """
    joined = at_instants(tracks, sync)
    if joined is tracks or not by_hand.any():
        return joined
    xy, sigma = joined.xy.copy(), joined.sigma_px.copy()
    row_time = np.nan_to_num(sync.row_time_s)
    for c, camera in enumerate(rig.cameras):
        if not by_hand[:, c].any():
            continue
        speed = np.nan_to_num(np.gradient(camera.project(xyz)[0], sync.t_s, axis=0))
        lag = np.nan_to_num(sync.lag_s[:, c, None, None]) + row_time[c] * tracks.xy[:, c, ..., 1]
        at = by_hand[:, c]
        xy[:, c][at] = (tracks.xy[:, c] - speed * lag[..., None])[at]
        sigma[:, c][at] = tracks.sigma_px[:, c][at]
    return replace(joined, xy=xy, sigma_px=sigma)


def held(tracks: Tracks2D, by_hand: BoolArray, solver: Triangulator, noise: Noise) -> Tracks2D:
    """Take the views out of the triangulation that contradict a keypoint set by hand.

    Parameters
    ----------
    tracks : Tracks2D
        At the instants.
    by_hand : (T, C, N, K) bool

    Returns
    -------
    Tracks2D
        With a score of 0 where a view contradicts.
    """
    chosen = np.argwhere(by_hand.any(axis=1))
    if not len(chosen):
        return tracks
    t, n, k = chosen.T
    few = picked(tracks, t, n, k)
    hand = by_hand[t, :, n, k]
    counts = np.isfinite(few.xy[..., 0, 0, :]).all(axis=-1) & (few.score[..., 0, 0] >= solver.settings.min_score)
    limit = (solver.settings.gate * noise.typical) ** 2
    best_cost = np.full(len(chosen), np.inf)
    contradicts = np.zeros(hand.shape, dtype=np.bool_)
    for partner in range(hand.shape[1]):
        # Several views set by hand are one sample, whoever is the partner; a lone one needs another view.
        sample = hand & counts
        alone = sample.sum(axis=1) == 1
        sample[:, partner] |= alone & counts[:, partner]
        missed, known = _missed(few, sample, solver, noise)
        out = counts & ~hand & (missed > limit)
        cost = np.where(counts & known[:, None], np.minimum(missed, limit), 0.0).sum(axis=1)
        better = known & (cost < best_cost)
        best_cost = np.where(better, cost, best_cost)
        contradicts = np.where(better[:, None], out, contradicts)
        if not alone.any():
            break
    score = tracks.score.copy()
    score[t, :, n, k] = np.where(contradicts, 0.0, score[t, :, n, k])
    return replace(tracks, score=score)


def trusted_points(by_hand: BoolArray, measured: Points3D) -> BoolArray:
    """Points (T, N, K) that views set by hand (T, C, N, K) took part in."""
    return np.asarray((by_hand & measured.used).any(axis=1))


def picked(tracks: Tracks2D, t: np.ndarray, n: np.ndarray, k: np.ndarray) -> Tracks2D:
    """Single keypoints, by instant, person and keypoint (M,), as M instants of one person with one keypoint."""
    return replace(
        tracks,
        xy=tracks.xy[t, :, n, k][:, :, None, None],
        sigma_px=tracks.sigma_px[t, :, n, k][:, :, None, None],
        score=tracks.score[t, :, n, k][:, :, None, None],
        person_ids=tracks.person_ids[:1],
    )


def _missed(few: Tracks2D, sample: BoolArray, solver: Triangulator, noise: Noise) -> tuple[FloatArray, BoolArray]:
    """How far views (M, C) miss the point of a sample, squared, in units of what both are known to.

    And whether (M,) there is such a point.
    """
    score = np.where(sample[:, :, None, None], few.score, 0.0)
    # What a sample comes to is judged by the others, so no sample is refused for itself.
    trusting = replace(solver, settings=replace(solver.settings, gate=np.inf, max_sigma_m=np.inf))
    points = trusting.points(replace(few, score=score), noise)
    xyz, cov = points.xyz[:, 0, 0], points.cov[:, 0, 0]
    missed = np.full(sample.shape, np.inf)
    for c, camera in enumerate(solver.rig.cameras):
        seen, slope = camera.project(xyz)[0], camera.project_jacobian(xyz)
        off = few.xy[:, c, 0, 0] - seen
        spread = slope @ cov @ np.swapaxes(slope, -1, -2) + (few.sigma_px[:, c, 0, 0] ** 2)[
            :, None, None
        ] * np.eye(2)
        good = np.asarray(np.isfinite(spread).all(axis=(-1, -2)) & np.isfinite(off).all(axis=-1))
        solved = np.linalg.solve(
            np.where(good[:, None, None], spread, np.eye(2)), np.where(good[:, None], off, 0.0)[..., None]
        )
        missed[good, c] = np.sum(off[good] * solved[good, :, 0], axis=-1)
    return missed, np.asarray(np.isfinite(xyz).all(axis=-1))
