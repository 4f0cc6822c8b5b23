"""An existing calibration moved into another world: floor, up, origin, heading and scale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from calibration import CameraRig
from calibration.alignment import (
    FLOOR_TOLERANCE_M,
    align_to_floor,
    align_to_up,
    move_rig,
    scale_rig,
    up_from_cameras,
)
from calibration.formats import load_rig, save_rig
from calibration.transforms import FloatArray, from_rotation
from mocap.core.errors import CalibrationError, InputError
from mocap.core.progress import CancelToken, Progress, silent
from mocap.pipeline.calibration.observed import Observed, observe_points
from mocap.pipeline.calibration.verify import check_recording
from mocap.triangulate import triangulate

# What touches the ground, by the names that skeletons give it.
FOOT_POINTS = tuple(f"{side}_{part}" for side in ("left", "right") for part in ("heel", "foot_index", "big_toe"))
# A foot on the ground stands, for half a second and more; in swing it moves at twice the walking speed, 2 m/s
# and more. Over this time the errors of a detector, some centimetres, stay well below the limit.
STANDING_M_S = 0.5
STANDING_OVER_S = 0.2

# A floor more oblique than this shows in the angles of trunk and feet.
SLOPE_GOOD_DEG = 1.0

AXES = {
    f"{sign}{axis}": factor * unit
    for axis, unit in zip("xyz", np.eye(3), strict=True)
    for sign, factor in (("+", 1.0), ("-", -1.0))
}


@dataclass(frozen=True)
class AlignRequest:
    """What a user asks for; what is not given stays. It is done in the order of the fields.

    Attributes
    ----------
    rig : Path
        The calibration.
    out : Path
        The new calibration's file.
    scale : float or None
        Factor for all lengths.
    board : Path or None
        A recording of a board or marker of known size by the same cameras, which gives the scale.
    up : (3,) or None
        What is up, in the calibration's present world.
    cameras_up : bool
        Up is the cameras' own.
    floor : Path or None
        What shows the floor: a finished run, a trial or a folder of videos of somebody on foot; or points on it,
        as a file of numbers x, y, z (m) in the calibration's present world.
    origin : (3,) or None
        The new origin, in the present world before anything else is done. With a floor, its height is the floor's.
    turn_deg : float
        The new x and y axes are turned by this about z, counterclockwise from above.
    session : Path or None
        Session for the results, if videos must be processed first.
    board_file : Path or None
    """

    rig: Path
    out: Path
    scale: float | None = None
    board: Path | None = None
    up: FloatArray | None = None
    cameras_up: bool = False
    floor: Path | None = None
    origin: FloatArray | None = None
    turn_deg: float = 0.0
    session: Path | None = None
    board_file: Path | None = None


@dataclass(frozen=True)
class Aligned:
    """A calibration in its new world.

    Attributes
    ----------
    rig : CameraRig
    rig_file : Path
    new_from_old : (4, 4)
        A similarity.
    warnings : tuple of str
    """

    rig: CameraRig
    rig_file: Path
    new_from_old: FloatArray
    warnings: tuple[str, ...]


def parse_triple(text: str, what: str) -> FloatArray:
    """Read ``0,0,1.2``, or an axis such as ``-y``.

    Raises
    ------
    InputError
        If it is neither.
    """
    if text in AXES:
        return AXES[text]
    try:
        values = np.array([float(part) for part in text.split(",")])
    except ValueError:
        values = np.zeros(0)
    if values.shape != (3,) or not np.isfinite(values).all():
        raise InputError(f"'{text}' is no {what}.", "Write three numbers such as 0,0,1, or an axis such as -y.")
    return values


def parse_factor(text: str) -> tuple[float | None, Path | None]:
    """Read ``1.012``, ``0.593=0.600`` (measured and true length) or ``board=FOLDER``.

    Raises
    ------
    InputError
        If it is none of these.
    """
    first, _, second = text.partition("=")
    if first == "board" and second:
        return None, Path(second)
    try:
        factor = float(first) if not second else float(second) / float(first)
    except (ValueError, ZeroDivisionError):
        factor = float("nan")
    if not (np.isfinite(factor) and factor > 0):
        raise InputError(
            f"The scale '{text}' is not understood.", "Write 1.012, 0.593=0.600 (measured=true) or board=FOLDER."
        )
    return factor, None


def align(request: AlignRequest, progress: Progress = silent, cancel: CancelToken | None = None) -> Aligned:
    """Move a calibration into another world and write it to another file, with what was done.

    Raises
    ------
    ExplainedError
        Whatever goes wrong, with the cause and the remedy.
    """
    cancel = cancel or CancelToken()
    rig, move = load_rig(request.rig), np.eye(4)
    warnings: tuple[str, ...] = ()
    if not _asks_for_something(request):
        raise InputError(
            "It is not said what to align.", "Give --floor, --up, --origin, --turn or --scale.", request.rig
        )
    if request.scale is not None:
        rig, step = scale_rig(rig, 1.0, request.scale, "What was 1 m")
        move = step @ move
    if request.board is not None:
        checked = check_recording(rig, request.rig, request.board, request.board_file, progress, cancel)
        rig, step = scale_rig(rig, checked.check.measured_m, checked.check.true_m, checked.target)
        move, warnings = step @ move, checked.warnings
    if request.up is not None or request.cameras_up:
        up = up_from_cameras(rig)[0] if request.up is None else request.up
        if not np.linalg.norm(up) > 0:
            raise InputError("0,0,0 is no direction.", "Write three numbers such as 0,0,1, or an axis such as -y.")
        rig, step = align_to_up(rig, up)
        if request.cameras_up:
            rig = replace(rig, notes={**rig.notes, "world": "z up as the cameras have it, metres."})
        move = step @ move
    if request.floor is not None:
        points, more = floor_points(request, progress, cancel)
        seen = points @ move[:3, :3].T + move[:3, 3]
        hint = np.array([0.0, 0.0, 1.0]) if request.up is not None else None
        rig, step = align_to_floor(rig, seen, up=hint)
        if not request.floor.is_file():
            said = f"{rig.notes['floor']} They are heels and toes, which detectors see some centimetres up."
            rig = replace(rig, notes={**rig.notes, "floor": said})
        move = step @ move
        warnings = (*warnings, *more, *slope_warnings(points @ move[:3, :3].T + move[:3, 3]))
    rig, move = _origin_and_heading(rig, move, request)
    notes = {key: note for key, note in rig.notes.items() if key != "assumption"}
    rig = replace(rig, notes=notes)
    save_rig(rig, request.out, "anipose")
    return Aligned(rig, request.out, move, warnings)


def _asks_for_something(request: AlignRequest) -> bool:
    given = (request.scale, request.board, request.up, request.floor, request.origin)
    return any(value is not None for value in given) or request.cameras_up or request.turn_deg != 0.0


def _origin_and_heading(rig: CameraRig, move: FloatArray, request: AlignRequest) -> tuple[CameraRig, FloatArray]:
    """Shift to the new origin, and turn about z."""
    said = []
    shift = np.zeros(3)
    if request.origin is not None:
        shift = -(move[:3, :3] @ request.origin + move[:3, 3])
        if request.floor is not None:
            shift[2] = 0.0
        said.append(f"Origin at {', '.join(f'{value:g}' for value in request.origin)} m of the former world.")
    if request.turn_deg:
        said.append(f"Turned by {request.turn_deg:g}° about z.")
    if not said:
        return rig, move
    angle = -np.deg2rad(request.turn_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]])
    step = from_rotation(turn, turn @ shift)
    world = " ".join([rig.notes.get("world", ""), *said]).strip()
    return move_rig(rig, step, {"world": world}), step @ move


def floor_points(
    request: AlignRequest, progress: Progress, cancel: CancelToken
) -> tuple[FloatArray, tuple[str, ...]]:
    """Points on the floor (N, 3), m, in the calibration's present world, and warnings."""
    assert request.floor is not None
    if request.floor.is_file():
        return _points_of_file(request.floor), ()
    seen = observe_points(request.rig, request.floor, request.session, progress, cancel)
    return standing_feet(seen, request.floor), seen.warnings


def standing_feet(seen: Observed, source: Path) -> FloatArray:
    """Heels and toes while they stand (N, 3), m.

    Raises
    ------
    CalibrationError
        If there are none.
    """
    skeleton = seen.tracks.skeleton
    names = [name for name in FOOT_POINTS if name in skeleton.keypoints]
    if not names:
        raise CalibrationError("These points have no feet.", "Use a recording of a person, or points.", source)
    xyz = triangulate(seen.tracks, seen.rig, seen.settings).xyz[:, :, skeleton.index(*names)]
    t_s = seen.t_s
    # The instants half of STANDING_OVER_S before and after each.
    last = len(t_s) - 1
    before = np.clip(np.searchsorted(t_s, t_s - STANDING_OVER_S / 2), 0, last)
    after = np.clip(np.searchsorted(t_s, t_s + STANDING_OVER_S / 2), 0, last)
    took = np.maximum(t_s[after] - t_s[before], 1e-9)[:, None, None]
    stands = np.linalg.norm(xyz[after] - xyz[before], axis=-1) / took < STANDING_M_S
    found = xyz[stands]
    if not len(found):
        raise CalibrationError(
            "No foot stands anywhere in 3D in this recording.", "Record somebody who stands or walks.", source
        )
    return np.asarray(found)


def slope_warnings(points: FloatArray) -> tuple[str, ...]:
    """Say how well points (N, 3) on the floor at z = 0 tell its slope, where they are close together."""
    on = points[np.abs(points[:, 2]) < FLOOR_TOLERANCE_M]
    _, _, axes = np.linalg.svd(on[:, :2] - on[:, :2].mean(axis=0), full_matrices=False)
    long, short = np.ptp(on[:, :2] @ axes.T, axis=0)
    slope_deg = float(np.degrees(np.arctan(FLOOR_TOLERANCE_M / short)))
    if slope_deg <= SLOPE_GOOD_DEG:
        return ()
    return (
        f"The points on the floor lie within {long:.1f} x {short:.1f} m: its slope may be off by {slope_deg:.0f}°."
        " Use a recording of somebody who walks through the whole volume, and across it.",
    )


def _points_of_file(path: Path) -> FloatArray:
    remedy = (
        "Write three numbers a line, x, y, z in metres, separated by commas; a first line of names may be there."
    )
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        rows = [[float(part) for part in line.split(",")] for line in lines[_named(lines) :] if line.strip()]
    except (OSError, ValueError) as error:
        raise InputError(f"The points cannot be read: {error}.", remedy, path) from error
    points = np.array(rows) if len({len(row) for row in rows}) == 1 else np.zeros(0)
    if points.ndim != 2 or points.shape[1] != 3:
        raise InputError("The file does not hold three numbers a line.", remedy, path)
    return points


def _named(lines: list[str]) -> int:
    """1 if the first line holds names, else 0."""
    return int(bool(lines) and any(part.strip().isalpha() for part in lines[0].split(",")))
