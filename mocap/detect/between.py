"""Keypoints of the pictures that were passed over, once the looks before and after are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mocap.core.types import FloatArray, IntArray, Poses2D
from mocap.detect.protocol import BoolArray


def fill_between(poses: Poses2D, looked: BoolArray) -> Poses2D:
    """Put people who were not looked at onto a smooth line through the looks around.

    What was foreseen is only known to be right at the next look; that look also says better where they were.
    A cubic goes through the looks with the slopes that their neighbours give (Catmull and Rom 1974, "A class of
    local interpolating splines", for uneven distances). By as much as it leaves the straight line, the place is
    less sure. Who was not found at the next look is missing from the last one on.

    Parameters
    ----------
    poses : Poses2D
    looked : (T, C, P) bool
        False where keypoints are foreseen.
    """
    xy, sigma, score = poses.xy.copy(), poses.sigma_px.copy(), poses.score.copy()
    track = poses.track.copy()
    for c in range(track.shape[1]):
        for p in range(track.shape[2]):
            gaps = np.flatnonzero((poses.track[:, c, p] >= 0) & ~looked[:, c, p])
            if gaps.size == 0:
                continue
            looks = np.flatnonzero((poses.track[:, c, p] >= 0) & looked[:, c, p])
            after = np.searchsorted(looks, gaps)
            closed = (after > 0) & (after < looks.size)
            before, after = looks[np.where(closed, after - 1, 0)], looks[np.where(closed, after, 0)]
            one = poses.track[:, c, p]
            closed &= (one[before] == one[gaps]) & (one[after] == one[gaps])
            inner = gaps[closed]
            line = _Line(poses.xy[:, c, p], one, looks)
            xy[inner, c, p], bend = line.at(inner, before[closed], after[closed])
            share = ((inner - before[closed]) / (after[closed] - before[closed]))[:, None]
            for values, source in ((sigma, poses.sigma_px), (score, poses.score)):
                ends = source[before[closed], c, p], source[after[closed], c, p]
                values[inner, c, p] = (1.0 - share) * ends[0] + share * ends[1]
            sigma[inner, c, p] = np.hypot(sigma[inner, c, p], bend)
            open_end = gaps[~closed]
            xy[open_end, c, p], sigma[open_end, c, p], score[open_end, c, p] = np.nan, np.nan, np.nan
            track[open_end, c, p] = -1
    return replace(poses, xy=xy, sigma_px=sigma, score=score, track=track)


class _Line:
    """A cubic through one person's looks.

    Parameters
    ----------
    xy : (T, K, 2)
        px.
    track : (T,) int
    looks : (L,) int
        Frames that were looked at.
    """

    def __init__(self, xy: FloatArray, track: IntArray, looks: IntArray) -> None:
        self._xy = xy
        slope = np.full((track.shape[0], *xy.shape[1:]), np.nan)
        if looks.size >= 3:
            a, m, b = looks[:-2], looks[1:-1], looks[2:]
            same = (track[a] == track[m]) & (track[m] == track[b])
            slope[m] = np.where(same[:, None, None], (xy[b] - xy[a]) / (b - a)[:, None, None], np.nan)
        self._slope = slope

    def at(self, frames: IntArray, before: IntArray, after: IntArray) -> tuple[FloatArray, FloatArray]:
        """Keypoints (N, K, 2) between the looks before and after, and how far from the straight line (N, K)."""
        span = (after - before)[:, None, None]
        s = (frames - before)[:, None, None] / span
        start, stop = self._xy[before], self._xy[after]
        straight = (stop - start) / span
        # Where a line begins or ends it goes straight.
        m0, m1 = (np.where(np.isfinite(m), m, straight) for m in (self._slope[before], self._slope[after]))
        s2, s3 = s * s, s * s * s
        curve = (
            (2 * s3 - 3 * s2 + 1) * start
            + (s3 - 2 * s2 + s) * span * m0
            + (3 * s2 - 2 * s3) * stop
            + (s3 - s2) * span * m1
        )
        return curve, np.linalg.norm(curve - (start + s * (stop - start)), axis=-1)
