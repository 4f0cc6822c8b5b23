"""How far cameras' clocks are apart, by how a calibration board moves that several of them see.

A single picture tells the whole pose of a board. Seen by two cameras at the same instant, the two poses differ by
the cameras' own pose to each other, which never changes; at a wrong shift of the clocks they differ by whatever
the board did meanwhile. All shifts are tried for every pair: without a calibration, the pose between the cameras
that fits a shift best is found along with it. From the clearest pairs on, the bundle adjustment solves offsets and
rates of all clocks together with the board's path through time (and with cameras and lenses, where they are not
known). It also tells whether the shifts were right: with a wrong one, corners are missed by many pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from calibration import CameraRig, Intrinsics
from calibration.bundle import LOCKED_LENS, BundleResult, BundleSettings, adjust
from calibration.extrinsics import first_rig, only
from calibration.extrinsics.boards import board_poses, clean, world_poses
from calibration.intrinsics import IntrinsicsSettings, calibrate_intrinsics
from calibration.sightings import Sightings
from calibration.transforms import invert
from mocap.core.errors import InputError
from mocap.core.types import FloatArray
from mocap.sync.clocks import Clocks, Link
from mocap.sync.epipolar import MOST_SHIFTS, Search, clearest
from mocap.sync.fuse import UNTRUE_RATE
from mocap.sync.geometry import first_guess, jumped
from mocap.sync.table import from_frame_times

# Both cameras must see the board for so long at a shift, s, and instants that a pair is judged by, at most.
LEAST_OVERLAP_S = 0.5
MOST_INSTANTS = 600
# Corners are told to a tenth of a pixel: stretches as short as this are independent, s.
STRETCH_S = 0.2
# Poses that differ by more than this share of the board's apparent size are all equally wrong: twice what the
# depth of a board in a single picture is usually wrong by.
WRONG_SHARE = 0.2
# Steps in which the pose between two cameras is found, each without the instants that fit worst.
ROUNDS = 3
# As in calibration: gaps, in periods, that the board's path is followed over; corners count up to so many sigmas.
FOLLOWED_PERIODS = 2.4
GATE = 6.0
# What the solve cannot tell, in frames: where in its time a frame was exposed, how a hand jerks between frames.
LEAST_ERROR_FRAMES = 0.01
# A shift is tried that leads the others by so many standard errors; the joint solve then judges all together:
LIKELY = 1.5
# so much of what each camera saw must fit it, and the noise be less than this share of the picture's width.
LEAST_KEPT, MOST_NOISE = 0.75, 0.002

# A clock that runs off by so many times what files are usually wrong by does not run evenly.
UNEVEN = 4.0
# The errors' correlation over the lags is summed until it is less than this, over so many lags at most, from so
# many pairs of numbers at least.
NO_MORE, MOST_LAGS, LEAST_PAIRS = 0.1, 30, 20

CANNOT_TELL = "The board cannot tell how the clocks run: no two cameras clearly see it move at the same time."
REMEDY = "Wave the board slowly, tilting it, where two cameras see it, all around."

Cancelled = Callable[[], bool]


@dataclass(frozen=True)
class _Track:
    """The board's pose in a camera's pictures: times (N,), s, and cam_from_board (N, 4, 4)."""

    camera: str
    t_s: FloatArray
    poses: FloatArray
    period_s: float


@dataclass(frozen=True)
class BoardSolved:
    """Clocks by the board: statements against the camera of reference, searches for a picture, and the rig."""

    links: tuple[Link, ...]
    searches: tuple[Search, ...]
    rig: CameraRig


def solve_board(
    sightings: Sightings, rig: CameraRig | None = None, cancelled: Cancelled = lambda: False
) -> BoardSolved:
    """Find the clocks of all cameras that see the board move.

    Parameters
    ----------
    sightings : Sightings
        Each camera's pictures in the order of their times; rows need not belong together.
    rig : CameraRig or None
        The cameras, at the sizes of the pictures, where they are calibrated.

    Raises
    ------
    InputError, CalibrationError
        If no pair can tell, and why.
    """
    sees = [name for c, name in enumerate(sightings.cameras) if sightings.seen[:, c].any()]
    if len(sees) < 2:
        raise InputError("Fewer than two cameras see the board.", "Show it where two cameras see it at a time.")
    sightings = only(sightings, sees)
    lenses = _lenses(sightings, rig, cancelled)
    seen = clean(sightings)
    poses = board_poses(sightings, seen, lenses).cam_from_board[:, :, 0]
    tracks = [_track(sightings, poses, c) for c in range(len(sightings.cameras))]
    size = sightings.points[:, :2].max(axis=0) - sightings.points[:, :2].min(axis=0)
    corners = np.array([[0, 0, 0], [size[0], 0, 0], [0, size[1], 0], [size[0], size[1], 0]])
    between = _between(rig, sightings.cameras)
    searches = tuple(
        found
        for i, j in combinations(range(len(tracks)), 2)
        if (found := _search(tracks[i], tracks[j], corners, between.get((i, j)))) is not None
    )
    clear = [search for search in searches if search.lead >= LIKELY]
    if not clear:
        raise InputError(CANNOT_TELL, REMEDY)
    for search in clear:
        if np.isfinite(search.jump_s):
            raise jumped((search.first, search.second), search.jump_s, search.jump_at_s)
    offset = first_guess(clear)
    names = tuple(name for name in sightings.cameras if name in offset)
    kept = [lens for lens, name in zip(lenses, sightings.cameras, strict=True) if name in offset]
    joined = _joined(only(sightings, names), tuple(offset[name] for name in names))
    result = _solve(joined, kept, None if rig is None else rig.select(names))
    _require_fit(result, joined)
    return BoardSolved(_links(result, offset, joined), searches, result.rig)


def _lenses(sightings: Sightings, rig: CameraRig | None, cancelled: Cancelled) -> list[Intrinsics]:
    """Lenses of the rig, or found from each camera's own pictures."""
    if rig is not None:
        return [rig.cameras[rig.names.index(name)].intrinsics for name in sightings.cameras]
    found = calibrate_intrinsics(sightings, IntrinsicsSettings(), lambda *_: None, cancelled)
    return [lens.intrinsics for lens in found]


def _between(rig: CameraRig | None, names: Sequence[str]) -> dict[tuple[int, int], FloatArray]:
    """Pose of the second of two cameras from the first (4, 4), where they are known."""
    if rig is None:
        return {}
    poses = [rig.cameras[rig.names.index(name)].cam_from_world for name in names]
    return {(i, j): poses[j] @ invert(poses[i]) for i, j in combinations(range(len(poses)), 2)}


def _track(sightings: Sightings, poses: FloatArray, camera: int) -> _Track:
    t_s = sightings.t_s[:, camera]
    there = np.isfinite(poses[:, camera]).all(axis=(1, 2)) & np.isfinite(t_s)
    every = np.sort(t_s[np.isfinite(t_s)])
    return _Track(sightings.cameras[camera], t_s[there], poses[there, camera], float(np.median(np.diff(every))))


def _search(first: _Track, second: _Track, corners: FloatArray, between: FloatArray | None) -> Search | None:
    """Try all shifts of the second camera against the first; None where they cannot see it together."""
    if min(first.t_s.size, second.t_s.size) < 2:
        return None
    step = 0.5 * max(first.period_s, second.period_s)
    low, high = second.t_s[0] - first.t_s[-1] + LEAST_OVERLAP_S, second.t_s[-1] - first.t_s[0] - LEAST_OVERLAP_S
    if low >= high:
        return None
    shifts = low + np.arange(int((high - low) / step) + 1) * step
    if shifts.size > MOST_SHIFTS:
        middle = np.abs(shifts - np.median(shifts)).argsort()[:MOST_SHIFTS]
        shifts = shifts[np.sort(middle)]
    rows = np.unique(
        np.linspace(0, first.t_s.size - 1, min(first.t_s.size, MOST_INSTANTS)).round().astype(np.intp)
    )
    one, at = first.poses[rows], first.t_s[rows]
    least = max(4, round(LEAST_OVERLAP_S / float(np.median(np.diff(at)))))
    errors = np.full((shifts.size, rows.size), np.nan)
    for n, shift in enumerate(shifts):
        right = np.clip(np.searchsorted(second.t_s, at + shift), 1, second.t_s.size - 1)
        left = second.t_s[right] - at - shift > at + shift - second.t_s[right - 1]
        near = np.where(left, right - 1, right)
        both = np.abs(second.t_s[near] - at - shift) <= 0.51 * second.period_s
        if np.count_nonzero(both) >= least:
            errors[n, both] = _misfit(one[both], second.poses[near[both]], corners, between)
    enough = np.isfinite(errors).sum(axis=1) >= least
    if not enough.any():
        return None
    errors = np.minimum(errors / WRONG_SHARE, 1.0)
    stretch = np.floor((at - at[0]) / STRETCH_S).astype(np.intp)
    best, lead, mean, jump, edge = clearest(errors, enough, stretch, shifts)
    found = float(shifts[best])
    return Search(first.camera, second.camera, shifts, mean * WRONG_SHARE, found, lead, jump, edge * STRETCH_S)


def _misfit(one: FloatArray, two: FloatArray, corners: FloatArray, between: FloatArray | None) -> FloatArray:
    """How far (N,) the board lies from where the first camera (N, 4, 4) puts it in the second's picture.

    As a share of its size there. The pose between the cameras is the given one, or the one that fits most.
    """
    pose = _common(one, two) if between is None else between
    there = _projected(pose @ one, corners)
    seen = _projected(two, corners)
    size = np.linalg.norm(seen[:, 3] - seen[:, 0], axis=-1)
    return np.asarray(np.linalg.norm(there - seen, axis=-1).mean(axis=1) / size)


def _projected(poses: FloatArray, corners: FloatArray) -> FloatArray:
    """Corners (K, 3) at poses (N, 4, 4) as normalised image coordinates (N, K, 2); far away behind the camera."""
    at = corners @ np.swapaxes(poses[:, :3, :3], 1, 2) + poses[:, None, :3, 3]
    return np.asarray(at[..., :2] / np.maximum(at[..., 2:], 1e-3))


def _common(one: FloatArray, two: FloatArray) -> FloatArray:
    """The pose (4, 4) that best takes the first camera's poses (N, 4, 4) to the second's.

    Rotations are averaged by their matrices' mean (chordal L2 mean: Hartley et al., IJCV 103, 2013, section 5.3),
    places by the median; then again without the half that fits worst.
    """
    every = two @ invert(one)
    use = np.ones(every.shape[0], dtype=bool)
    pose = np.eye(4)
    for _ in range(ROUNDS):
        u, _, v = np.linalg.svd(every[use, :3, :3].mean(axis=0))
        turn = u @ np.diag([1.0, 1.0, np.linalg.det(u @ v)]) @ v
        place = np.median(two[use, :3, 3] - one[use, :3, 3] @ turn.T, axis=0)
        pose[:3, :3], pose[:3, 3] = turn, place
        off = np.linalg.norm(every[:, :3, :3] - turn, axis=(1, 2))
        use = off <= np.median(off)
    return pose


def _joined(sightings: Sightings, offset: tuple[float, ...]) -> Sightings:
    """Pictures of the same instant side by side, on the clock that the offsets (C,), s, are against."""
    count = len(sightings.cameras)
    rows = [np.flatnonzero(np.isfinite(sightings.t_s[:, c])) for c in range(count)]
    times = [sightings.t_s[r, c] - offset[c] for c, r in enumerate(rows)]
    zero, one = np.zeros(count), np.ones(count)
    table = from_frame_times(
        sightings.cameras, times, clocks=Clocks(sightings.cameras, zero, one, zero, zero, zero)
    )
    index = table.frame_index
    here = index >= 0
    row = np.stack([rows[c][np.maximum(index[:, c], 0)] for c in range(count)], axis=1)
    camera = np.arange(count)
    t_s = np.where(here, sightings.t_s[row, camera] - np.array(offset), np.nan)
    return replace(
        sightings,
        xy=np.where(here[..., None, None], sightings.xy[row, camera], np.nan),
        t_s=t_s,
        frame_index=np.where(here, sightings.frame_index[row, camera], -1),
    )


def _solve(joined: Sightings, lenses: list[Intrinsics], rig: CameraRig | None) -> BundleResult:
    """Offsets and rates of all clocks, with all else that is not known."""
    steps = np.diff(joined.t_s, axis=0)
    period = float(np.median(steps[np.isfinite(steps)]))
    gap = max(BundleSettings().max_gap_s, FOLLOWED_PERIODS * period)
    # The clock that all others are solved against is that of whoever sees the board with others most often.
    sees = joined.seen.any(axis=2)
    shared = (sees & (sees.sum(axis=1) >= 2)[:, None]).sum(axis=0)
    reference = joined.cameras[int(shared.argmax())]
    settings = BundleSettings(
        reference=reference, clocks="estimated", rate_sigma=UNTRUE_RATE, gate=GATE, max_gap_s=gap
    )
    if rig is None:
        guess = first_rig(joined, lenses)
        return adjust(only(joined, guess.rig.names), guess.rig, guess.world_from_board, settings)
    seen = clean(joined)
    world = world_poses(joined, seen, rig, board_poses(joined, seen, lenses))
    fixed = replace(settings, fixed_poses=frozenset(rig.names), lens=LOCKED_LENS)
    return adjust(joined, rig, world, fixed)


def _require_fit(result: BundleResult, joined: Sightings) -> None:
    """Refuse what a camera sees of the board where it does not fit the others at these clocks.

    Raises
    ------
    InputError
        If a camera's corners do not fit, or those that do fit badly.
    """
    fastest = int(np.abs(result.clock_rate).argmax())
    if abs(float(result.clock_rate[fastest])) > UNEVEN * UNTRUE_RATE:
        reference = next(c for c, sigma in enumerate(result.sigmas) if sigma.clock_offset_s == 0.0)
        off = 100.0 * abs(float(result.clock_rate[fastest]))
        raise InputError(
            f"By the board, the clock of '{result.rig.names[fastest]}' runs off that of "
            f"'{result.rig.names[reference]}' by {off:.1f} %: one of them "
            "jumps, or its file says a wrong rate.",
            "Cut the recording where pictures were lost, or leave the camera out.",
        )
    predicted = np.isfinite(result.residual_px[..., 0]).sum(axis=(0, 2))
    share = result.inlier.sum(axis=(0, 2)) / np.maximum(predicted, 1)
    worst = int(share.argmin())
    if share[worst] < LEAST_KEPT or result.noise_px > MOST_NOISE * float(joined.sizes_wh[:, 0].max()):
        raise InputError(
            f"What '{result.rig.names[worst]}' sees of the board does not fit what the others see, whatever the "
            "shift of its clock.",
            REMEDY,
        )


def _design_effects(result: BundleResult) -> FloatArray:
    """By how much (C,) the variance of a camera's errors exceeds what independent corners leave; 1 at least.

    Corners of a picture share errors (blur, compression, a steep view), and so do pictures that follow each
    other: the variance of each picture's mean error, against that of as many independent ones (the design effect:
    Kish, Survey Sampling, 1965), times what the correlation over the lags adds (the variance of a series' mean:
    Bartlett, 1946). Only of instants that two cameras see: elsewhere the board's pose takes the mean error up.
    """
    error = np.where(result.inlier[..., None], result.residual_px, np.nan)
    count = np.isfinite(error[..., 0]).sum(axis=2)
    shared = (count > 0) & ((count > 0).sum(axis=1) >= 2)[:, None]
    mean = np.where(np.isfinite(error), error, 0.0).sum(axis=2) / np.maximum(count, 1)[..., None]
    scaled = np.where(shared[..., None], mean * np.sqrt(count)[..., None] / result.noise_px, np.nan)
    found = np.ones(scaled.shape[1])
    for c in range(scaled.shape[1]):
        one = scaled[:, c]
        known = np.isfinite(one)
        if not known.any():
            continue
        spread, total = float(np.mean(one[known] ** 2)), 1.0
        for lag in range(1, MOST_LAGS + 1):
            product = one[lag:] * one[:-lag]
            if np.count_nonzero(np.isfinite(product)) < LEAST_PAIRS:
                break
            correlation = float(np.nanmean(product)) / max(spread, 1e-12)
            if correlation < NO_MORE:
                break
            total += 2.0 * correlation
        found[c] = max(spread, 1.0) * total
    return found


def _links(result: BundleResult, offset: dict[str, float], joined: Sightings) -> tuple[Link, ...]:
    """Statements about each camera against the one of reference, whose clock the solve ran by."""
    names = result.rig.names
    reference = next(c for c, sigma in enumerate(result.sigmas) if sigma.clock_offset_s == 0.0)
    start = offset[names[reference]]
    steps = np.diff(joined.t_s, axis=0)
    least = LEAST_ERROR_FRAMES * float(np.median(steps[np.isfinite(steps)]))
    effects = _design_effects(result)
    made = []
    for c, name in enumerate(names):
        if c == reference:
            continue
        # A picture stamped t was taken at t + late + rate (t - origin) by the reference's clock.
        late, rate = float(result.clock_offset_s[c]), float(result.clock_rate[c])
        cov = result.covariance.of_camera(c)[-2:, -2:]
        lever = -cov[0, 1] / cov[1, 1] if cov[1, 1] > 0 else 0.0
        wider = float(np.sqrt(max(effects[c], effects[reference])))
        alone = max(cov[0, 0] + lever * cov[0, 1], 0.0)
        late, stamp = late + rate * lever, result.clock_origin_s + lever
        pictures = int(np.count_nonzero(result.inlier[:, result.rig.names.index(name)].any(axis=1)))
        made.append(
            Link(
                "board",
                names[reference],
                name,
                stamp + late + start,
                offset[name] - start - late,
                float(np.hypot(least, wider * np.sqrt(alone))),
                -rate / (1.0 + rate),
                wider * float(np.sqrt(cov[1, 1])),
                f"the board in {pictures} pictures",
            )
        )
    return tuple(made)
