"""First guess of a rig: where the cameras stand, from what they saw of a flat target together.

Each picture gives two poses of the target (planar pose ambiguity). Pairs of cameras that saw it at the same
instants tell which one is right, and where they stand to each other; a graph of the pairs gives the rig.
The bundle adjustment starts from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from calibration.camera import Camera, CameraRig, Intrinsics
from calibration.errors import CalibrationError
from calibration.extrinsics.average import (
    Candidates,
    Edges,
    agreed,
    average,
    components,
    differences,
    median_point,
    median_rotation,
    nearest,
    spread_of,
)
from calibration.extrinsics.boards import BoardPoses, board_poses, clean, errors_px, world_poses
from calibration.sightings import Sightings
from calibration.transforms import FloatArray, from_rotation, invert

# Instants of a pair that vote; the most certain ones. More change nothing but the time.
MOST_INSTANTS = 80
# One instant counts no more than this many times the median one: it may be wrong with great certainty.
MOST_WEIGHT = 4.0

PAIR_ROUNDS = 4
# An instant agrees with its pair's pose within this many median deviations, and always within this much.
AGREEING = 4.0
ALWAYS_RAD = np.deg2rad(1.0)
ALWAYS_SHARE = 0.02
# And never beyond this: the median is no guide if most instants are wrong.
NEVER_RAD = np.deg2rad(20.0)

# A pair is known no better than this, and after one instant by a multiple of it.
FLOOR_RAD = np.deg2rad(0.05)
FLOOR_M = 0.0005
LONE_FACTOR = 10.0

FEW_INSTANTS = 3
# Reprojection errors of a first guess; a larger one says that something is wrong with the camera.
LARGE_ERROR_PX = 10.0
LARGEST_SHARE_OFF = 0.5


@dataclass(frozen=True)
class Pair:
    """Two cameras that saw the target at the same instants.

    Attributes
    ----------
    a, b : str
        Names of the cameras.
    a_from_b : (4, 4)
        Metres.
    instants : int
        At which both saw the target well enough for a pose.
    agreeing : int
        Of those that voted, how many agree with the pose.
    voting : int
    turn_rad, shift_m : float
        Median deviation of the agreeing instants.
    """

    a: str
    b: str
    a_from_b: FloatArray
    instants: int
    agreeing: int
    voting: int
    turn_rad: float
    shift_m: float


@dataclass(frozen=True)
class RigGuess:
    """Where the bundle adjustment starts.

    Attributes
    ----------
    rig : CameraRig
        The linked cameras, in the order of the sightings; the world is the frame of the first.
    world_from_board : (T, 4, 4)
        The target's pose, m; NaN at instants at which no camera of the rig saw enough of it.
    pairs : tuple of Pair
    error_px : (C,)
        Median reprojection error of each camera of the rig.
    left_out : tuple of str
        Cameras that never saw the target together with those of the rig.
    warnings : tuple of str
        Sentences for the user.
    """

    rig: CameraRig
    world_from_board: FloatArray
    pairs: tuple[Pair, ...]
    error_px: FloatArray
    left_out: tuple[str, ...]
    warnings: tuple[str, ...]


def only(sightings: Sightings, cameras: Sequence[str]) -> Sightings:
    """What the named cameras saw, in that order."""
    which = [sightings.cameras.index(name) for name in cameras]
    return replace(
        sightings,
        cameras=tuple(cameras),
        sizes_wh=sightings.sizes_wh[which],
        xy=sightings.xy[:, which],
        t_s=sightings.t_s[:, which],
        frame_index=sightings.frame_index[:, which],
    )


def first_rig(sightings: Sightings, intrinsics: Sequence[Intrinsics]) -> RigGuess:
    """Estimate where the cameras stand and where the target was.

    Parameters
    ----------
    intrinsics : sequence of Intrinsics
        Of the cameras of the sightings, in order.

    Raises
    ------
    CalibrationError
        If no two cameras are linked.
    """
    if len(intrinsics) != len(sightings.cameras):
        raise ValueError(f"{len(intrinsics)} intrinsics for {len(sightings.cameras)} cameras")
    seen = clean(sightings)
    boards = board_poses(sightings, seen, intrinsics)
    pairs = tuple(
        pair
        for a, b in combinations(range(len(sightings.cameras)), 2)
        if (pair := _pair(sightings.cameras, boards, a, b)) is not None
    )
    group = components(_edges(pairs, sightings.cameras), len(sightings.cameras))
    kept = _largest(group, boards)
    names = tuple(sightings.cameras[c] for c in kept)
    if len(kept) == 1 and len(sightings.cameras) > 1:
        raise _unlinked(sightings.cameras, boards)
    inside = tuple(pair for pair in pairs if pair.a in names and pair.b in names)
    poses = average(_edges(inside, names), len(names))
    rig = CameraRig(tuple(Camera(names[i], intrinsics[c], poses[i]) for i, c in enumerate(kept)))
    shown, seen = only(sightings, names), seen[:, kept]
    boards = BoardPoses(*(part[:, kept] for part in vars(boards).values()))
    world_from_board = world_poses(shown, seen, rig, boards)
    error_px = errors_px(shown, seen, rig, world_from_board)
    left_out = tuple(name for name in sightings.cameras if name not in names)
    warnings = _warnings(sightings.cameras, group, inside, names, error_px)
    return RigGuess(rig, world_from_board, pairs, error_px, left_out, warnings)


def _pair(names: tuple[str, ...], boards: BoardPoses, a: int, b: int) -> Pair | None:
    """Pose of camera b before camera a by all instants that both saw; None if there are none."""
    both = np.flatnonzero(boards.found[:, a] & boards.found[:, b])
    if not len(both):
        return None
    distance = float(np.median(boards.cam_from_board[both, b, 0, 2, 3]))
    turn_variance = boards.turn_sigma[both, a] ** 2 + boards.turn_sigma[both, b] ** 2
    shift_variance = boards.shift_sigma[both, a] ** 2 + boards.shift_sigma[both, b] ** 2
    # A board that is turned wrongly before one camera shifts the other by its distance.
    weight = 1.0 / (turn_variance + shift_variance / distance**2)
    best = np.sort(np.argsort(-weight, kind="stable")[:MOST_INSTANTS])
    voting, weight = both[best], weight[best]
    weight = np.minimum(weight, MOST_WEIGHT * np.median(weight))
    poses_a, poses_b = boards.cam_from_board[voting, a], boards.cam_from_board[voting, b]
    candidates = Candidates(
        (poses_a[:, :, None] @ invert(poses_b)[:, None]).reshape(len(voting), 4, 4, 4),
        (boards.trust[voting, a][:, :, None] * boards.trust[voting, b][:, None]).reshape(len(voting), 4),
        weight,
        distance,
    )
    pose, chosen = agreed(candidates)
    each = np.arange(len(voting))
    good = np.ones(len(voting), dtype=bool)
    for _ in range(PAIR_ROUNDS):
        turn, shift = differences(candidates.poses[each, chosen], pose)
        good = _agreeing(turn, shift, distance)
        taken = candidates.poses[each, chosen][good]
        rotation = median_rotation(taken[:, :3, :3], weight[good], pose[:3, :3])
        pose = from_rotation(rotation, median_point(taken[:, :3, 3], weight[good], pose[:3, 3]))
        chosen = nearest(candidates, pose)
    turn, shift = differences(candidates.poses[each, chosen], pose)
    good = _agreeing(turn, shift, distance)
    spread = spread_of(turn, shift, good)
    return Pair(names[a], names[b], pose, len(both), int(good.sum()), len(voting), *spread)


def _agreeing(turn: FloatArray, shift: FloatArray, distance: float) -> NDArray[np.bool_]:
    """Which instants (F,) agree with a pair's pose; at least the one that agrees best."""
    turn_limit = min(max(AGREEING * float(np.median(turn)), ALWAYS_RAD), NEVER_RAD)
    shift_limit = max(AGREEING * float(np.median(shift)), ALWAYS_SHARE * distance)
    good = (turn <= turn_limit) & (shift <= shift_limit)
    good[np.argmin(turn / turn_limit + shift / shift_limit)] = True
    return np.asarray(good)


def _edges(pairs: tuple[Pair, ...], names: tuple[str, ...]) -> Edges:
    """The pairs as edges of a graph; sigmas of medians."""
    count = np.array([pair.agreeing for pair in pairs], dtype=np.float64)
    lone = np.where(count < 2, LONE_FACTOR, 1.0)
    turn = np.array([pair.turn_rad for pair in pairs])
    shift = np.array([pair.shift_m for pair in pairs])
    # A share of instants that disagree is a sign of trouble, whatever the others say.
    doubt = np.array([pair.voting / pair.agreeing for pair in pairs])
    scale = 1.25 * lone * doubt / np.sqrt(np.maximum(count, 1.0))
    return Edges(
        np.array([names.index(pair.a) for pair in pairs], dtype=np.intp),
        np.array([names.index(pair.b) for pair in pairs], dtype=np.intp),
        np.array([pair.a_from_b for pair in pairs]).reshape(-1, 4, 4),
        scale * np.hypot(turn, FLOOR_RAD * np.sqrt(np.maximum(count, 1.0))),
        scale * np.hypot(shift, FLOOR_M * np.sqrt(np.maximum(count, 1.0))),
    )


def _largest(group: NDArray[np.intp], boards: BoardPoses) -> NDArray[np.intp]:
    """Cameras of the largest group; of two that are alike, the one that saw the target more often."""
    pictures = boards.found.sum(axis=0)
    sizes = [(np.count_nonzero(group == g), int(pictures[group == g].sum()), -g) for g in range(group.max() + 1)]
    return np.flatnonzero(group == -max(sizes)[2])


def _unlinked(names: tuple[str, ...], boards: BoardPoses) -> CalibrationError:
    pictures = boards.found.sum(axis=0)
    counts = ", ".join(f"{name} in {n} pictures" for name, n in zip(names, pictures, strict=True))
    return CalibrationError(
        f"No two cameras ever saw the board at the same time ({counts}).",
        "Move the board where at least two cameras see it at once; check that the videos are synchronised.",
    )


def _warnings(
    cameras: tuple[str, ...],
    group: NDArray[np.intp],
    pairs: tuple[Pair, ...],
    names: tuple[str, ...],
    error_px: FloatArray,
) -> tuple[str, ...]:
    """What to know of the links between the cameras."""
    found = []
    if len(names) < len(cameras):
        groups = [
            [c for c, g in zip(cameras, group, strict=True) if g == number] for number in range(max(group) + 1)
        ]
        listed = "; ".join(
            " + ".join(members) if len(members) > 1 else f"{members[0]} alone" for members in groups
        )
        out = ", ".join(name for name in cameras if name not in names)
        found.append(
            f"These cameras never saw the board together with the others and are left out: {out}. "
            f"What is linked: {listed}."
        )
    for name in names:
        own = [pair for pair in pairs if name in (pair.a, pair.b)]
        best = max((pair.agreeing for pair in own), default=0)
        if own and best < FEW_INSTANTS:
            found.append(f"Camera '{name}' is linked to the others by only {best} instants that agree.")
    for pair in pairs:
        if pair.voting >= FEW_INSTANTS and pair.agreeing < LARGEST_SHARE_OFF * pair.voting:
            found.append(
                f"Cameras '{pair.a}' and '{pair.b}' disagree on the board at {pair.voting - pair.agreeing} of "
                f"{pair.voting} instants: are their videos synchronised, and did neither move?"
            )
    for name, error in zip(names, error_px, strict=True):
        if error > LARGE_ERROR_PX:
            found.append(
                f"Camera '{name}' fits the first guess of the rig badly ({error:.0f} px): "
                "is it synchronised, and is its picture not mirrored?"
            )
    return tuple(found)
