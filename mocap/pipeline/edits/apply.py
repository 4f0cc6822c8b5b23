"""Edits applied to what was seen: pure functions from tracks to tracks.

Statements about detections come first (who is who, left and right), then what a person says of single keypoints,
which holds whatever was found there; a masked camera says nothing at all. A keypoint that was put right also helps
where its neighbours in time were in doubt: between it and the next instants that are not, it is interpolated, as
annotation tools do between key frames (Vondrick, Patterson and Ramanan 2013, "Efficiently scaling up crowdsourced
video annotation", IJCV 101:184, section 4.1), with a sigma that grows by how far it may have moved unseen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, Tracks2D
from mocap.fit.gaps import UNSEEN_ACCELERATION_M_S2
from mocap.pipeline.edits.kinds import (
    Edits,
    ExchangePeople,
    MaskCamera,
    MovePoint,
    RemovePoint,
    SwapSides,
)

BoolArray = NDArray[np.bool_]

# A detection whose stated sigma is so many times the usual one of its keypoint in that view is in doubt.
DOUBTFUL_SIGMAS = 3.0


@dataclass(frozen=True)
class Doubts:
    """What is known of the detections before anything was put right.

    Attributes
    ----------
    t_s : (T,)
        Instants, s.
    doubted : (T, C, N, K) bool
        Keypoints that are missing, uncertain, or did not fit the other views.
    px_per_m : (T, C, N)
        How large a metre is in the picture where the person is.
    max_sigma_m : float
        What is known worse than this is not worth stating.
    """

    t_s: FloatArray
    doubted: BoolArray
    px_per_m: FloatArray
    max_sigma_m: float

    def part(self, rows: slice) -> Doubts:
        """Return some of the instants."""
        return replace(self, t_s=self.t_s[rows], doubted=self.doubted[rows], px_per_m=self.px_per_m[rows])

    @property
    def reach_s(self) -> float:
        """Longest time between two sure instants that is bridged, s: in its middle the bridge is just known."""
        return float(np.sqrt(8.0 * self.max_sigma_m / UNSEEN_ACCELERATION_M_S2))


@dataclass(frozen=True)
class Applied:
    """Tracks with edits applied, and which keypoints (T, C, N, K) were set by hand."""

    tracks: Tracks2D
    by_hand: BoolArray


def exchanged(edits: Edits, tracks: Tracks2D, first: int = 0) -> Tracks2D:
    """Exchange people who were taken for each other; ``first`` is the instant of the first row."""
    swaps = [edit for edit in edits if isinstance(edit, ExchangePeople)]
    if not swaps:
        return tracks
    values = {name: getattr(tracks, name).copy() for name in ("xy", "sigma_px", "score")}
    ids = tracks.person_ids.tolist()
    for edit in swaps:
        if edit.one in ids and edit.other in ids:
            rows, pair = (
                _rows(edit.first, edit.last, first, len(tracks.xy)),
                [ids.index(edit.one), ids.index(edit.other)],
            )
            for array in values.values():
                array[rows, :, pair] = array[rows, :, pair[::-1]]
    return replace(tracks, **values)


def applied(edits: Edits, tracks: Tracks2D, doubts: Doubts, first: int = 0) -> Applied:
    """Apply edits to tracks whose people are settled.

    Edits of cameras, people or keypoints that are not there, or of other instants, do nothing.

    Parameters
    ----------
    tracks : Tracks2D
        As the pictures were taken; after ``exchanged``.
    doubts : Doubts
        Of the same instants.
    first : int
        Instant of the first row.
    """
    xy, sigma, score = tracks.xy.copy(), tracks.sigma_px.copy(), tracks.score.copy()
    doubted = doubts.doubted.copy()
    frames, partner = len(xy), mirror_of(tracks.skeleton)
    ids, names = tracks.person_ids.tolist(), list(tracks.cameras)
    for edit in edits:
        if isinstance(edit, SwapSides) and edit.person in ids:
            rows, n = _rows(edit.first, edit.last, first, frames), ids.index(edit.person)
            for c in [names.index(name) for name in (edit.cameras or tracks.cameras) if name in names]:
                for array in (xy, sigma, score):
                    array[rows, c, n] = array[rows, c, n][:, partner]
                # Who knows whether what did not fit fits now: nothing is in doubt but what is missing.
                doubted[rows, c, n] = ~np.isfinite(xy[rows, c, n]).all(axis=-1)
    hand, gone = by_hand(edits, tracks, first), np.zeros(score.shape, dtype=np.bool_)
    for at, said in _statements(edits, tracks, first).items():
        gone[at] = isinstance(said, RemovePoint)
        xy[at] = (said.x, said.y) if isinstance(said, MovePoint) else np.nan
        sigma[at] = said.sigma_px if isinstance(said, MovePoint) else np.nan
        score[at] = 1.0 if isinstance(said, MovePoint) else 0.0
    _spread(xy, sigma, score, hand, doubted & ~gone, doubts)
    for rows, c in _masks(edits, tracks, first):
        xy[rows, c], sigma[rows, c], score[rows, c] = np.nan, np.nan, 0.0
    return Applied(replace(tracks, xy=xy, sigma_px=sigma, score=score), hand)


def by_hand(edits: Edits, tracks: Tracks2D, first: int = 0) -> BoolArray:
    """Which keypoints (T, C, N, K) are where a person set them."""
    hand = np.zeros(tracks.score.shape, dtype=np.bool_)
    for at, edit in _statements(edits, tracks, first).items():
        hand[at] = isinstance(edit, MovePoint)
    for rows, c in _masks(edits, tracks, first):
        hand[rows, c] = False
    return hand


def _masks(edits: Edits, tracks: Tracks2D, first: int) -> list[tuple[slice, int]]:
    """Rows and cameras that are masked."""
    return [
        (_rows(edit.first, edit.last, first, len(tracks.xy)), tracks.cameras.index(edit.camera))
        for edit in edits
        if isinstance(edit, MaskCamera) and edit.camera in tracks.cameras
    ]


def _statements(
    edits: Edits, tracks: Tracks2D, first: int
) -> dict[tuple[int, int, int, int], MovePoint | RemovePoint]:
    """The last word on each keypoint that somebody spoke of, by row, camera, person and keypoint."""
    found: dict[tuple[int, int, int, int], MovePoint | RemovePoint] = {}
    for edit in edits:
        if isinstance(edit, MovePoint | RemovePoint) and (at := _place_of(edit, tracks, first)) is not None:
            found[at] = edit
    return found


def doubtful(tracks: Tracks2D, used: BoolArray, min_score: float) -> BoolArray:
    """Which keypoints (T, C, N, K) are missing, uncertain, or were left out by the triangulation."""
    missing = ~np.isfinite(tracks.xy).all(axis=-1) | (tracks.score < min_score)
    sigma = np.where(missing, np.nan, tracks.sigma_px)
    usual = np.full(sigma.shape[1:], np.nan)
    there = np.isfinite(sigma).any(axis=0)
    usual[there] = np.nanmedian(sigma[:, there], axis=0)
    return np.asarray(missing | ~used | (sigma > DOUBTFUL_SIGMAS * usual))


def mirror_of(skeleton: Skeleton) -> NDArray[np.intp]:
    """Index of each keypoint's partner on the other side (K,); its own in the middle."""
    partner = np.arange(len(skeleton.keypoints))
    for left, right in skeleton.mirror:
        (a,), (b,) = skeleton.index(left), skeleton.index(right)
        partner[a], partner[b] = b, a
    return partner


def _rows(first: int, last: int, offset: int, count: int) -> slice:
    """Rows of a range of instants in a part that begins at ``offset``."""
    return slice(min(max(first - offset, 0), count), min(max(last + 1 - offset, 0), count))


def _place_of(edit: MovePoint | RemovePoint, tracks: Tracks2D, first: int) -> tuple[int, int, int, int] | None:
    ids, row = tracks.person_ids.tolist(), edit.instant - first
    known = edit.camera in tracks.cameras and edit.keypoint in tracks.skeleton.keypoints and edit.person in ids
    if not known or not 0 <= row < len(tracks.xy):
        return None
    keypoint = tracks.skeleton.keypoints.index(edit.keypoint)
    return row, tracks.cameras.index(edit.camera), ids.index(edit.person), keypoint


def _spread(
    xy: FloatArray, sigma: FloatArray, score: FloatArray, hand: BoolArray, doubted: BoolArray, doubts: Doubts
) -> None:
    """Bridge, in place, what is in doubt between a keypoint set by hand and the next sure instants."""
    t_s, reach_s = doubts.t_s, doubts.reach_s
    for c, n, k in np.argwhere(hand.any(axis=0)):
        sure = np.flatnonzero(hand[:, c, n, k] | ~doubted[:, c, n, k] & np.isfinite(xy[:, c, n, k, 0]))
        if sure.size < 2:
            continue
        way = PchipInterpolator(t_s[sure], xy[sure, c, n, k], axis=0)
        for before, after in zip(sure[:-1].tolist(), sure[1:].tolist(), strict=True):
            short = after > before + 1 and t_s[after] - t_s[before] <= reach_s
            if not short or not hand[[before, after], c, n, k].any():
                continue
            rows = np.arange(before + 1, after)
            rows = rows[doubted[rows, c, n, k]]
            # How far a point gets from a straight line that it leaves and meets: see ``fill_gaps``.
            unseen = UNSEEN_ACCELERATION_M_S2 * (t_s[rows] - t_s[before]) * (t_s[after] - t_s[rows]) / 2.0
            ends = np.fmax(sigma[before, c, n, k], sigma[after, c, n, k])
            xy[rows, c, n, k] = way(t_s[rows])
            sigma[rows, c, n, k] = np.hypot(ends, unseen * doubts.px_per_m[rows, c, n])
            score[rows, c, n, k] = np.minimum(score[before, c, n, k], score[after, c, n, k])
