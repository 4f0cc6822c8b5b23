"""Compute the report of a calibration from the rig, what was seen, and what the solve says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from calibration.camera import Camera, CameraRig
from calibration.report.advice import CELL_FULL, TILTED_DEG
from calibration.report.model import (
    Arrow,
    CalibrationReport,
    CameraReport,
    Clock,
    CrossCheck,
    CrossCheckCamera,
    Level,
    Pair,
    Parameter,
    Verdict,
)
from calibration.report.points import LEAST_CORNERS, board_residuals, fit_board_poses
from calibration.report.quality import (
    HeldOut,
    Histogram,
    histogram,
    measure_heldout,
    rms_px,
)
from calibration.report.verdict import judge
from calibration.sightings import Sightings
from calibration.transforms import FloatArray, apply, invert

PINHOLE_NAMES = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")

# Cells along the longer side of the picture; the shorter gets as many of about the same size.
CELLS_ALONG = 10
# Arrows need some corners each, or they show noise.
ARROW_CELLS_ALONG = 10
ARROW_LEAST = 5
# Instants whose corners enter the agreement of a pair; more say the same.
PAIR_INSTANTS = 200


def build_report(
    rig: CameraRig,
    sightings: Sightings,
    *,
    heldout: Sightings | None = None,
    world_from_board: FloatArray | None = None,
    residuals: FloatArray | None = None,
    kept: NDArray[np.bool_] | None = None,
    parameters: Mapping[str, tuple[Parameter, ...]] | None = None,
    clocks: tuple[Clock, ...] = (),
    seconds: Mapping[str, float] | None = None,
    warnings: tuple[str, ...] = (),
    engine: str = "own",
    crosscheck: CrossCheck | None = None,
    common: Sightings | None = None,
) -> CalibrationReport:
    """Compute everything that the report shows.

    Parameters
    ----------
    rig : CameraRig
        The result, in the world it will be used in.
    sightings : Sightings
        What the solve was given.
    heldout : Sightings, optional
        What was held out of it, with the clocks of all cameras brought together.
    world_from_board : (T, 4, 4), optional
        The board at the instants of ``sightings``; fitted here if not given.
    residuals : (T, C, K, 2), optional
        Seen minus projected, px, as the solver has them (with its clocks); from the board poses if not given.
    kept : (T, C, K) bool, optional
        Which corners the solve kept; all that were seen if not given.
    parameters : mapping, optional
        Parameters with their sigmas by camera; without sigmas from the rig if not given.
    common : Sightings, optional
        ``sightings`` with the clocks of all cameras brought together, to compare pairs of cameras by; the
        same if not given.
    """
    rig = rig.select(sightings.cameras)
    poses = fit_board_poses(rig, sightings) if world_from_board is None else world_from_board
    residual = board_residuals(rig, sightings, poses) if residuals is None else residuals
    seen = sightings.seen
    used = seen if kept is None else kept & seen
    squared = np.where(used, np.sum(residual**2, axis=-1), np.nan)
    measured = None if heldout is None else measure_heldout(rig, heldout)
    cameras = tuple(
        _camera(
            rig.cameras[c],
            sightings,
            c,
            poses,
            np.where(used[:, c, :, None], residual[:, c], np.nan),
            None if parameters is None else parameters.get(name),
            measured,
        )
        for c, name in enumerate(sightings.cameras)
    )
    total = int(np.count_nonzero(seen))
    report = CalibrationReport(
        engine=engine,
        rmse_px=rms_px(squared),
        rmse_px_per_camera={camera.name: camera.rmse_px for camera in cameras},
        kept_share=np.count_nonzero(used) / total if total else float("nan"),
        heldout_board_error_mm=float("nan") if measured is None else measured.lengths.rms_mm,
        heldout=measured,
        seconds=dict(seconds or {}),
        cameras=cameras,
        pairs=pair_graph(rig, sightings if common is None else common),
        clocks=clocks,
        warnings=warnings,
        verdict=Verdict(Level.POOR, "", ()),
        notes=dict(rig.notes),
        crosscheck=crosscheck,
    )
    return replace(report, verdict=judge(report))


def _camera(
    camera: Camera,
    sightings: Sightings,
    c: int,
    poses: FloatArray,
    residual: FloatArray,
    parameters: tuple[Parameter, ...] | None,
    heldout: HeldOut | None,
) -> CameraReport:
    """One camera; ``residual`` (T, K, 2) is NaN where a corner was not kept."""
    xy = sightings.xy[:, c]
    seen = np.asarray(np.isfinite(xy).all(axis=-1))
    size = camera.intrinsics.size_wh
    coverage = coverage_grid(xy[seen], size)
    length = np.linalg.norm(residual, axis=-1)
    pictures = seen.sum(axis=1) >= LEAST_CORNERS
    tilts = board_tilts(camera, poses[pictures & np.isfinite(poses).all(axis=(1, 2))], sightings.points)
    total = int(np.count_nonzero(seen))
    return CameraReport(
        name=camera.name,
        size_wh=size,
        model=camera.intrinsics.model,
        focal_px=camera.intrinsics.focal_px,
        rmse_px=rms_px(length**2),
        heldout_rmse_px=float("nan") if heldout is None else heldout.rmse_px_per_camera[camera.name],
        kept_share=np.count_nonzero(np.isfinite(length)) / total if total else float("nan"),
        pictures=int(np.count_nonzero(pictures)),
        corners=total,
        parameters=parameters_of(camera) if parameters is None else parameters,
        coverage=tuple(tuple(map(int, row)) for row in coverage),
        coverage_share=float(np.mean(coverage >= CELL_FULL)),
        tilt_deg=tuple((float(a), float(b)) for a, b in tilts),
        tilt_share=float(np.mean(np.hypot(*tilts.T) >= TILTED_DEG)) if len(tilts) else float("nan"),
        residuals=histogram(length[np.isfinite(length)]) if total else Histogram((), ()),
        arrows=mean_residuals(xy, residual, size),
    )


def parameters_of(
    camera: Camera, sigma: Mapping[str, float] | None = None, held: Set[str] = frozenset()
) -> tuple[Parameter, ...]:
    """A camera's parameters by name; ``sigma`` by the same names, NaN where not given, 0 where fixed."""
    K, dist = camera.intrinsics.K, camera.intrinsics.dist
    names = ("k1", "k2", "k3", "k4") if camera.intrinsics.model == "fisheye" else PINHOLE_NAMES[: len(dist)]
    values = [("fx", K[0, 0], "px"), ("fy", K[1, 1], "px"), ("cx", K[0, 2], "px"), ("cy", K[1, 2], "px")]
    values += [(name, value, "") for name, value in zip(names, dist, strict=True)]
    values += [(name, value, "m") for name, value in zip(("x", "y", "z"), camera.centre, strict=True)]
    turned = pan_tilt_roll(camera.cam_from_world[:3, :3])
    values += [(name, value, "°") for name, value in zip(("pan", "tilt", "roll"), turned, strict=True)]
    known = sigma or {}
    return tuple(
        Parameter(name, float(value), known.get(name, float("nan")), unit, name in held)
        for name, value, unit in values
    )


def pan_tilt_roll(cam_from_world: FloatArray) -> FloatArray:
    """Where a camera of rotation (3, 3) looks, degrees (3,): about z from x, above the horizon, and its roll.

    Roll is positive where the right edge of the picture points up.
    """
    right, _, ahead = cam_from_world
    level = np.cross(ahead, [0.0, 0.0, 1.0])
    level = level / max(float(np.linalg.norm(level)), 1e-12)
    roll = np.arctan2(right @ np.cross(level, ahead), right @ level)
    return np.degrees([np.arctan2(ahead[1], ahead[0]), np.arcsin(np.clip(ahead[2], -1.0, 1.0)), roll])


def grid_shape(size_wh: tuple[int, int], along: int) -> tuple[int, int]:
    """Rows and columns of about square cells, ``along`` on the longer side."""
    w, h = size_wh
    return (max(1, round(along * h / w)), along) if w >= h else (along, max(1, round(along * w / h)))


def coverage_grid(xy: FloatArray, size_wh: tuple[int, int]) -> NDArray[np.int64]:
    """Count points (N, 2) px in each cell of the picture; pixel centres lie at integers."""
    rows, columns = grid_shape(size_wh, CELLS_ALONG)
    counts, _, _ = np.histogram2d(
        xy[:, 1], xy[:, 0], bins=(rows, columns), range=((-0.5, size_wh[1] - 0.5), (-0.5, size_wh[0] - 0.5))
    )
    return counts.astype(np.int64)


def board_tilts(camera: Camera, world_from_board: FloatArray, points: FloatArray) -> FloatArray:
    """How the board was turned away from facing the camera, in each picture (N, 2), degrees.

    About the vertical and the horizontal of the picture, relative to the line of sight to the board's middle
    and not to the optical axis: a board that squarely faces the camera from the picture's corner has none.
    The first is positive where the board's right edge is farther away, the second where its lower edge is.
    """
    cam_from_board = camera.cam_from_world @ world_from_board
    sight = apply(cam_from_board, points.mean(axis=0))
    sight = sight / np.linalg.norm(sight, axis=-1, keepdims=True)
    normal = cam_from_board[:, :3, 2]
    # A board has no front here: its normal away from the camera, whichever side that is.
    normal = normal * np.where(np.sum(normal * sight, axis=-1) < 0, -1.0, 1.0)[:, None]
    along = np.sum(normal * sight, axis=-1)
    right = np.cross(np.array([0.0, 1.0, 0.0]), sight)
    right /= np.linalg.norm(right, axis=-1, keepdims=True)
    down = np.cross(sight, right)
    about_vertical = -np.degrees(np.arctan2(np.sum(normal * right, axis=-1), along))
    about_horizontal = -np.degrees(np.arctan2(np.sum(normal * down, axis=-1), along))
    return np.stack([about_vertical, about_horizontal], axis=-1)


def mean_residuals(xy: FloatArray, residual: FloatArray, size_wh: tuple[int, int]) -> tuple[Arrow, ...]:
    """Mean residual in each cell of the picture: xy, residual (T, K, 2) px, NaN where not kept."""
    known = np.isfinite(residual).all(axis=-1) & np.isfinite(xy).all(axis=-1)
    rows, columns = grid_shape(size_wh, ARROW_CELLS_ALONG)
    place, off = xy[known], residual[known]
    cell_x = np.clip(((place[:, 0] + 0.5) * columns / size_wh[0]).astype(np.int64), 0, columns - 1)
    cell_y = np.clip(((place[:, 1] + 0.5) * rows / size_wh[1]).astype(np.int64), 0, rows - 1)
    cell = cell_y * columns + cell_x
    count = np.bincount(cell, minlength=rows * columns)
    mean = [np.bincount(cell, off[:, i], rows * columns) / np.maximum(count, 1) for i in range(2)]
    return tuple(
        Arrow(
            (i % columns + 0.5) * size_wh[0] / columns,
            (i // columns + 0.5) * size_wh[1] / rows,
            float(mean[0][i]),
            float(mean[1][i]),
            int(count[i]),
        )
        for i in np.flatnonzero(count >= ARROW_LEAST)
    )


def pair_graph(rig: CameraRig, sightings: Sightings) -> tuple[Pair, ...]:
    """All pairs of cameras with their common instants and agreement."""
    seen = sightings.seen
    saw = seen.sum(axis=2) >= LEAST_CORNERS
    pairs = []
    for a, b in combinations(range(len(sightings.cameras)), 2):
        common = np.flatnonzero(saw[:, a] & saw[:, b])
        some = common[np.linspace(0, common.size - 1, min(common.size, PAIR_INSTANTS)).astype(np.intp)]
        both = seen[some, a] & seen[some, b]
        agreement = epipolar_px(
            rig.cameras[a], rig.cameras[b], sightings.xy[some, a][both], sightings.xy[some, b][both]
        )
        pairs.append(Pair(sightings.cameras[a], sightings.cameras[b], int(common.size), agreement))
    return tuple(pairs)


def epipolar_px(a: Camera, b: Camera, xy_a: FloatArray, xy_b: FloatArray) -> float:
    """Median distance of corners (N, 2) px from where the other camera says they may be, px; NaN if none.

    First-order geometric (Sampson) distance, Hartley and Zisserman 2004, section 11.4.3, in normalised
    coordinates times the mean focal length.
    """
    ray_a = np.concatenate([a.intrinsics.undistort(xy_a), np.ones((len(xy_a), 1))], axis=1)
    ray_b = np.concatenate([b.intrinsics.undistort(xy_b), np.ones((len(xy_b), 1))], axis=1)
    b_from_a = b.cam_from_world @ invert(a.cam_from_world)
    tx, ty, tz = b_from_a[:3, 3]
    essential = np.array([[0, -tz, ty], [tz, 0, -tx], [-ty, tx, 0]]) @ b_from_a[:3, :3]
    line_b, line_a = ray_a @ essential.T, ray_b @ essential
    slope = np.sum(line_a[:, :2] ** 2 + line_b[:, :2] ** 2, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.abs(np.sum(ray_b * line_b, axis=1)) / np.sqrt(slope)
    known = distance[np.isfinite(distance)]
    focal = 0.5 * (a.intrinsics.focal_px + b.intrinsics.focal_px)
    # In both pictures together; each has half of it in quadrature.
    return float(np.median(known) * focal * np.sqrt(2.0)) if known.size else float("nan")


def cross_check(
    rig: CameraRig,
    other: CameraRig,
    sightings: Sightings,
    heldout: Sightings | None,
    *,
    engine: str,
    seconds: float,
    kept_share: float = 1.0,
) -> CrossCheck:
    """Compare with what another program makes of the same recording, laid onto ours without scaling.

    Parameters
    ----------
    sightings, heldout : Sightings
        As for ``build_report``, both with the clocks brought together.
    kept_share : float
        The other rig is judged on this share of the corners, those that fit it best: as many as ours kept.
    """
    other = other.select(rig.names)
    length = np.linalg.norm(board_residuals(other, sightings, fit_board_poses(other, sightings)), axis=-1)
    known = np.sort(length[np.isfinite(length)])
    best = known[: round(kept_share * known.size)]
    own_from_other = _rotation_between(rig, other)
    centres = np.stack([camera.centre for camera in rig.cameras])
    theirs = np.stack([camera.centre for camera in other.cameras]) @ own_from_other.T
    apart = np.linalg.norm(theirs - theirs.mean(axis=0) - (centres - centres.mean(axis=0)), axis=1)
    cameras = []
    for own, foreign, distance in zip(rig.cameras, other.cameras, apart, strict=True):
        turn = foreign.cam_from_world[:3, :3] @ own_from_other.T @ own.cam_from_world[:3, :3].T
        angle = np.degrees(np.arccos(np.clip((np.trace(turn) - 1.0) / 2.0, -1.0, 1.0)))
        cameras.append(
            CrossCheckCamera(
                own.name,
                foreign.intrinsics.focal_px,
                own.intrinsics.focal_px,
                1000.0 * float(distance),
                float(angle),
            )
        )
    error = float("nan") if heldout is None else measure_heldout(other, heldout).lengths.rms_mm
    return CrossCheck(engine, rms_px(best**2), error, seconds, tuple(cameras))


def _rotation_between(rig: CameraRig, other: CameraRig) -> FloatArray:
    """Rotation (3, 3) of our world from theirs, the mean over cameras (chordal)."""
    turns = np.swapaxes(rig.cam_from_world[:, :3, :3], 1, 2) @ other.cam_from_world[:, :3, :3]
    u, _, vt = np.linalg.svd(turns.sum(axis=0))
    return np.asarray(u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt)
