"""Bundle adjustment of a rig from the sightings of a board."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.bundle.boards import BoardProblem, BoardState, Pictures
from calibration.bundle.motion import chains_of, nearest_node, within_motion
from calibration.bundle.parameters import CameraState, make_layout, reference_index, rigid, rigid_rig
from calibration.bundle.result import BundleResult, CameraCovariance
from calibration.bundle.schur import covariance
from calibration.bundle.search import Cancelled, Found, Progress, never, search, silent
from calibration.bundle.settings import BundleSettings
from calibration.camera import CameraRig
from calibration.errors import CalibrationError
from calibration.sightings import Sightings
from calibration.transforms import FloatArray

# A board's pose has six unknowns: three corners leave nothing to check, four do.
MIN_CORNERS = 4


def adjust(
    sightings: Sightings,
    rig: CameraRig,
    world_from_board: FloatArray,
    settings: BundleSettings | None = None,
    progress: Progress = silent,
    cancelled: Cancelled = never,
) -> BundleResult:
    """Refine cameras, lenses, board poses, and on request the board's shape and the cameras' clocks.

    Parameters
    ----------
    sightings : Sightings
    rig : CameraRig
        First guess, of the same cameras in the same order.
    world_from_board : (T, 4, 4)
        First guess; NaN where unknown: these instants take no part.

    Raises
    ------
    CalibrationError
        If a camera is not linked to the others by what it saw, or the clocks cannot be estimated.
    """
    settings = settings or BundleSettings()
    started = start(sightings, rig, world_from_board, settings)
    found = search(started.problem, started.state, settings, progress, cancelled)
    return finish(sightings, started, found)


@dataclass(frozen=True)
class Started:
    """What a search starts from; ``order`` (N,) are the instants of the sightings that take part, by time."""

    problem: Boards
    state: BoardState
    order: NDArray[np.intp]


def start(sightings: Sightings, rig: CameraRig, world_from_board: FloatArray, settings: BundleSettings) -> Started:
    """Set up the problem; see ``adjust``."""
    if sightings.cameras != rig.names:
        raise CalibrationError(
            f"The board was seen by {', '.join(sightings.cameras)}, but the rig has {', '.join(rig.names)}.",
            "Calibrate with the cameras that recorded.",
        )
    reference = reference_index(rig, settings)
    seen, times = _usable(sightings, world_from_board, settings, reference)
    _check_linked(np.count_nonzero(seen, axis=2) > 0, rig, reference, settings)
    return _make(sightings, rig, world_from_board, settings, seen, times, reference)


def _usable(
    sightings: Sightings, world_from_board: FloatArray, settings: BundleSettings, reference: int
) -> tuple[NDArray[np.bool_], FloatArray]:
    """Which corners take part (T, C, K), and the time of each instant (T,) by the reference camera's clock."""
    placed = np.asarray(np.isfinite(world_from_board).all(axis=(1, 2)))
    seen = sightings.seen & placed[:, None, None]
    if settings.clocks == "simultaneous":
        times = np.arange(len(seen), dtype=np.float64)
    else:
        seen = seen & np.isfinite(sightings.t_s)[..., None]
        times = _instant_times(sightings.t_s, reference)
        seen = seen & np.isfinite(times)[:, None, None]
    enough: NDArray[np.bool_] = seen.reshape(len(seen), -1).sum(axis=1) >= MIN_CORNERS
    return seen & enough[:, None, None], times


def _instant_times(t_s: FloatArray, reference: int) -> FloatArray:
    """Times (T,) by the reference camera's clock; from the other cameras where it has no picture.

    Only names for the instants: the board's pose at an instant is estimated for whatever time it is given.
    """
    apart = t_s - t_s[:, reference : reference + 1]
    usual = np.array([np.median(gap[np.isfinite(gap)]) if np.isfinite(gap).any() else np.nan for gap in apart.T])
    times = t_s[:, reference].copy()
    for camera in range(t_s.shape[1]):
        times = np.where(np.isfinite(times), times, t_s[:, camera] - usual[camera])
    return times


def _check_linked(pairs: NDArray[np.bool_], rig: CameraRig, reference: int, settings: BundleSettings) -> None:
    """Refuse cameras (pairs: (T, C)) that no chain of shared instants links to the reference or a fixed camera."""
    linked = np.array([name in settings.fixed_poses for name in rig.names])
    linked[reference] = True
    for _ in range(len(linked)):
        instants = pairs[:, linked].any(axis=1)
        linked = linked | pairs[instants].any(axis=0)
    lost = [name for name, is_linked in zip(rig.names, linked, strict=True) if not is_linked]
    if lost:
        raise CalibrationError(
            f"No instant links {', '.join(lost)} to {rig.names[reference]}: the board was never seen together, "
            "not even by way of other cameras.",
            "Show the board to these cameras and their neighbours at the same time, or leave the cameras out.",
        )


def _make(
    sightings: Sightings,
    rig: CameraRig,
    world_from_board: FloatArray,
    settings: BundleSettings,
    seen: NDArray[np.bool_],
    times: FloatArray,
    reference: int,
) -> Started:
    """Set up problem and start from the corners ``seen`` (T, C, K)."""
    used = np.flatnonzero(np.count_nonzero(seen, axis=(1, 2)))
    order = used[np.argsort(times[used], kind="stable")]
    moving = settings.clocks != "simultaneous"
    chains = chains_of(times[order], settings.max_gap_s) if moving else np.arange(len(order))
    if settings.clocks == "estimated" and len(np.unique(chains)) == len(order):
        raise CalibrationError(
            f"Clocks cannot be estimated: no two instants with the board are within {settings.max_gap_s} s.",
            "Use every frame, or take the pictures as simultaneous.",
        )
    pictures = []
    for camera in range(len(rig.cameras)):
        rows = np.flatnonzero(seen[order, camera].any(axis=1))
        xy = sightings.xy[order[rows], camera]
        mask = seen[order[rows], camera]
        pictures.append(
            Pictures(rows, sightings.t_s[order[rows], camera], np.where(mask[..., None], xy, 0.0), mask)
        )
    cameras = CameraState(rigid_rig(rig), np.zeros((len(rig.cameras), 2)))
    poses = np.stack([rigid(pose) for pose in world_from_board[order]])
    basis = _shape_basis(sightings.points) if settings.estimate_board else np.zeros((sightings.points.size, 0))
    problem = Boards(
        make_layout(cameras, settings, reference),
        tuple(pictures),
        times[order],
        chains,
        moving,
        float(np.mean(times[order])),
        basis,
        settings.board_sigma_m,
        sightings.points,
        settings.jitter_sigma_s if moving else 0.0,
    )
    jitter = tuple(np.zeros(len(seen_by.instant)) for seen_by in pictures)
    state = BoardState(cameras, poses[:, :3, :3].copy(), poses[:, :3, 3].copy(), sightings.points.copy(), jitter)
    return Started(problem, state, order)


def _shape_basis(points: FloatArray) -> FloatArray:
    """Orthonormal directions (3K, 3K - 7) that move corners but not the board, nor its size."""
    centred = points - points.mean(axis=0)
    count = len(points)
    gauge = np.zeros((3 * count, 7))
    for axis in range(3):
        gauge[axis::3, axis] = 1.0
        gauge[:, 3 + axis] = np.cross(np.eye(3)[axis], centred).ravel()
    gauge[:, 6] = centred.ravel()
    full, _ = np.linalg.qr(gauge / np.linalg.norm(gauge, axis=0), mode="complete")
    return np.asarray(full[:, 7:])


@dataclass(frozen=True)
class Boards(BoardProblem):
    """Boards, as the search sees them."""

    @property
    def unknowns(self) -> int:
        """Number of unknowns that fit the noise."""
        return int(self.layout.size + self.shape_basis.shape[1] + self.local_unknowns)

    def lengths(self, state: BoardState, camera: int) -> FloatArray:
        """Lengths of the residuals (P, K), px; NaN where the board's motion is not known either."""
        lengths = np.linalg.norm(self.residuals(state, camera), axis=-1)
        if self.moving:
            known = within_motion(self.times, self.chains, self.time_of(state, camera))
            lengths = np.where(known[:, None], lengths, np.nan)
        return np.asarray(lengths)

    def prune(self, use: tuple[NDArray[np.bool_], ...]) -> tuple[NDArray[np.bool_], ...]:
        """Leave out instants with too few corners, near which no other instant is to lean on."""
        count = np.zeros(len(self.times), dtype=np.int64)
        for pictures, mask in zip(self.pictures, use, strict=True):
            np.add.at(count, pictures.instant, np.count_nonzero(mask, axis=1))
        enough = count >= MIN_CORNERS
        return tuple(
            mask & enough[pictures.instant][:, None] for pictures, mask in zip(self.pictures, use, strict=True)
        )


def finish(sightings: Sightings, started: Started, found: Found[BoardState]) -> BundleResult:
    """Carry the solution back to the instants and cameras of the sightings."""
    problem, order = started.problem, started.order
    state, size = found.state, problem.layout.size
    shared, local = covariance(found.normal)
    variance = found.noise**2
    matrix = CameraCovariance(problem.layout, variance * shared[:size, :size])
    instants = len(sightings.xy)
    poses, board_covariance = np.full((instants, 4, 4), np.nan), np.full((instants, 6, 6), np.nan)
    residual = np.full(sightings.xy.shape, np.nan)
    inlier = np.zeros(sightings.xy.shape[:3], dtype=bool)
    jitter = np.full(sightings.t_s.shape, np.nan)
    known = np.zeros(len(order), dtype=bool)
    for camera, (pictures, use) in enumerate(zip(problem.pictures, found.use, strict=True)):
        rows = order[pictures.instant]
        residual[rows, camera] = problem.residuals(state, camera)
        inlier[rows, camera] = use
        jitter[rows, camera] = state.jitter[camera]
        supported = use.any(axis=1)
        if problem.moving:
            known[nearest_node(problem.times, problem.time_of(state, camera)[supported])] = True
        else:
            known[pictures.instant[supported]] = True
    poses[order[known]] = np.eye(4)
    poses[order[known], :3, :3], poses[order[known], :3, 3] = state.rotation[known], state.translation[known]
    board_covariance[order[known]] = variance * local[known]
    basis = problem.shape_basis
    bent = np.sum((basis @ (variance * shared[size:, size:])) * basis, axis=1)
    return BundleResult(
        state.cameras.rig,
        poses,
        state.points,
        state.cameras.clock[:, 0],
        state.cameras.clock[:, 1],
        problem.clock_origin_s,
        jitter,
        residual,
        inlier,
        found.noise,
        matrix,
        matrix.sigmas(state.cameras),
        board_covariance,
        np.sqrt(bent).reshape(-1, 3),
        found.costs,
        found.iterations,
        found.reason,
    )
