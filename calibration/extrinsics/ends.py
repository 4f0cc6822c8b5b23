"""Which end is which of a checkerboard whose two ends look alike, from what all cameras saw of it together.

Every picture alone leaves two numberings of the corners, half a turn apart. Of one camera either is right, for the
board's own frame is free; but cameras that see the board at one instant must take the same. How two cameras stand
to each other does not change while the board moves about, and only the right choices agree on it at all instants:
the argument that resolves the ambiguity of planar poses, with twice as many solutions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from calibration.camera import Intrinsics
from calibration.errors import CalibrationError
from calibration.extrinsics.average import AGREE_RAD, AGREE_SHARE, Candidates, agreed, differences, nearness
from calibration.extrinsics.boards import BoardPoses, board_poses, clean
from calibration.sightings import Sightings
from calibration.transforms import FloatArray, invert

# Instants of a pair that vote, and at how many at least two cameras must have seen the board together.
MOST_INSTANTS, FEWEST_INSTANTS = 60, 4

# The pose of two cameras is believed if its votes exceed those for any other by this factor, and if this share of
# the instants agrees with it: a board that only turned about its middle, or stayed where it was, fits both.
CLEARLY = 1.3
LEAST_AGREEING = 0.6

# Instants agree with a pair's pose within this many times what makes two solutions agree.
REACH = 3.0

REMEDY = (
    "Move the board about and tilt it in view of both cameras, or use a board with one even and one odd count of "
    "corners, or a ChArUco board."
)


@dataclass(frozen=True)
class _Pair:
    """Cameras a, b, and by instant (T,) whether they count from other ends: 1 or 0; -1 where that is not known."""

    a: int
    b: int
    crossed: NDArray[np.int64]


def settle_ends(
    sightings: Sightings, intrinsics: Sequence[Intrinsics], turned: NDArray[np.intp]
) -> tuple[Sightings, tuple[str, ...]]:
    """Number the corners from the same end in all cameras at each instant, and from one instant to the next.

    Parameters
    ----------
    intrinsics : sequence of Intrinsics
        Of the cameras, in order.
    turned : (K,) int
        Corner that lies where each corner does after half a turn of the target.

    Returns
    -------
    sightings : Sightings
        Without the pictures of which the end could not be told.
    notes : tuple of str

    Raises
    ------
    CalibrationError
        If no two cameras can be told to count from the same end.
    """
    if len(sightings.cameras) < 2:
        return _continued(sightings, turned), ()
    boards = board_poses(sightings, clean(sightings), intrinsics)
    half_turn = _half_turn(sightings.points)
    count = len(sightings.cameras)
    pairs = [
        pair for a, b in combinations(range(count), 2) if (pair := _pair(boards, half_turn, a, b)) is not None
    ]
    together = boards.found.sum(axis=1).max(initial=0) >= 2
    if not pairs and together:
        raise CalibrationError(
            "The two ends of the checkerboard look alike, and no two cameras can be told to count from one.",
            REMEDY,
        )
    xy = sightings.xy.copy()
    dropped = 0
    for t in range(len(xy)):
        ends = _ends_at(t, pairs, boards.found[t])
        for c in np.flatnonzero(np.isfinite(xy[t, ..., 0]).any(axis=1)):
            if ends[c] == 1:
                xy[t, c] = xy[t, c, turned]
            elif ends[c] < 0:
                xy[t, c] = np.nan
                dropped += 1
    note = "The two ends of the checkerboard look alike; cameras count from the same one by where they agree"
    note += f"; {dropped} pictures that do not tell were left out." if dropped else "."
    return _continued(replace(sightings, xy=xy), turned), (note,)


def _half_turn(points: FloatArray) -> FloatArray:
    """Half a turn (4, 4) about the middle of the target's corners (K, 3), in its plane, m."""
    middle = points.mean(axis=0)
    turn = np.diag([-1.0, -1.0, 1.0, 1.0])
    turn[:2, 3] = 2.0 * middle[:2]
    return turn


def _pair(boards: BoardPoses, half_turn: FloatArray, a: int, b: int) -> _Pair | None:
    """Whether two cameras count from other ends, instant by instant; None if their pictures do not tell."""
    both = np.flatnonzero(boards.found[:, a] & boards.found[:, b])
    if len(both) < FEWEST_INSTANTS:
        return None
    poses_a, poses_b = boards.cam_from_board[both, a], boards.cam_from_board[both, b]
    as_seen = np.stack([poses_a, poses_a @ half_turn], axis=1)  # (N, ends, 2, 4, 4)
    all_poses = (as_seen[:, :, :, None] @ invert(poses_b)[:, None, None]).reshape(len(both), 8, 4, 4)
    trust = np.tile((boards.trust[both, a][:, :, None] * boards.trust[both, b][:, None]).reshape(len(both), 4), 2)
    distance = float(np.median(boards.cam_from_board[both, b, 0, 2, 3]))
    sigma = np.hypot(boards.turn_sigma[both, a], boards.turn_sigma[both, b])
    voting = np.sort(np.argsort(sigma, kind="stable")[:MOST_INSTANTS])
    weight = np.ones(len(voting))
    pose, _ = agreed(Candidates(all_poses[voting], trust[voting], weight, distance))
    votes = _votes(all_poses[voting], trust[voting], pose, distance)
    # What the others than these solutions agree on.
    away = np.where(nearness(all_poses[voting], pose, distance) > np.exp(-REACH), 0.0, trust[voting])
    if away.any():
        other, _ = agreed(Candidates(all_poses[voting], away, weight, distance))
        if votes < CLEARLY * _votes(all_poses[voting], away, other, distance):
            return None
    turn, shift = differences(all_poses, pose)
    apart = (turn / AGREE_RAD) ** 2 + (shift / (AGREE_SHARE * distance)) ** 2
    apart = np.where(trust > 0, apart, np.inf)
    agreeing = apart.min(axis=1) < REACH**2
    if agreeing.mean() < LEAST_AGREEING:
        return None
    crossed = np.full(len(boards.found), -1)
    crossed[both[agreeing]] = np.argmin(apart, axis=1)[agreeing] // 4
    return _Pair(a, b, crossed)


def _votes(poses: FloatArray, trust: FloatArray, pose: FloatArray, distance: float) -> float:
    """How many instants have a solution (N, S) near a pose."""
    return float((nearness(poses, pose, distance) * trust).max(axis=1).sum())


def _ends_at(t: int, pairs: Sequence[_Pair], found: NDArray[np.bool_]) -> NDArray[np.int64]:
    """End (C,) that each camera counts from at an instant, 0 or 1; -1 where it is not known.

    Passed on from camera to camera in the largest group that the pairs link; a lone camera may have it as it is.
    """
    best = np.full(len(found), -1)
    for start in np.flatnonzero(found):
        if best[start] >= 0:
            continue
        ends = np.full(len(found), -1)
        ends[start], waiting = 0, [int(start)]
        while waiting:
            now = waiting.pop()
            for pair in pairs:
                if now not in (pair.a, pair.b) or pair.crossed[t] < 0:
                    continue
                other = pair.b if now == pair.a else pair.a
                if ends[other] < 0:
                    ends[other] = ends[now] ^ int(pair.crossed[t])
                    waiting.append(other)
        if np.count_nonzero(ends >= 0) > np.count_nonzero(best >= 0):
            best = ends
    return best


def _continued(sightings: Sightings, turned: NDArray[np.intp]) -> Sightings:
    """Number the corners of each instant from the end that is nearer to where it was at the instant before."""
    xy = sightings.xy.copy()
    before = np.full(xy.shape[1:], np.nan)
    for t in np.flatnonzero(np.isfinite(xy[..., 0]).any(axis=(1, 2))):
        moved = [
            np.nansum(np.linalg.norm(corners - before, axis=-1), axis=-1) for corners in (xy[t], xy[t][:, turned])
        ]
        if moved[1].sum() < moved[0].sum():
            xy[t] = xy[t][:, turned]
        before = np.where(np.isfinite(xy[t]), xy[t], before)
    return replace(sightings, xy=xy)
