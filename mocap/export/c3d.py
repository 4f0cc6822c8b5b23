"""C3D: points and angles for gait laboratories and biomechanics programs (C3D User Guide, Motion Lab Systems)."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import ezc3d
import numpy as np

from calibration.files import atomic_write
from mocap.core.body import segments, to_matrix
from mocap.core.measures import Event
from mocap.core.types import FloatArray, Take
from mocap.export.written import Written, late_start, uneven_times

MM_PER_M = 1000.0
# The header counts frames in 16 bits without a sign.
MAX_FRAMES = 65_535
INTEGER = 2  # ezc3d's code for a parameter of 16-bit integers
WORD = 65_536
BYTES_PER_POINT = 16  # x, y, z and the residual, four bytes each
BYTES_PER_ROTATION = 68  # a matrix of 4 x 4 and its residual, four bytes each
BLOCK_BYTES = 512
# The length of a list of parameters is one byte.
MAX_EVENTS = 255
# Names and pictures that programs know events of gait by (Vicon Nexus, Mokka, Visual3D).
EVENT_LABELS = {"foot_strike": "Foot Strike", "foot_off": "Foot Off"}
EVENT_ICONS = {"foot_strike": 1, "foot_off": 2}
EVENT_CONTEXTS = {"left": "Left", "right": "Right", None: "General"}
# As Plug-in Gait calls it.
MASS_CENTRE = "CentreOfMass"
DATA_BLOCK_AT = 16  # byte of the header at which the number of the first data block stands


class C3dExporter:
    """Points in millimetres, z up as in the world; what is missing has the residual -1.

    Joint angles stand beside the points as points of (angle, 0, 0) in degrees, listed in POINT:ANGLES so
    that programs do not take them for markers. All other residuals are 0, which the format means for points
    that were computed, and no camera is named: ezc3d swaps the bytes of residual and cameras against other
    programs, and zero reads the same both ways.

    Segments are in the group ROTATION as Theia writes them: one 4 x 4 matrix a joint, its position in millimetres
    in the last column, from the joint's own axes (in the T-pose those of the world: x left, y back, z up).
    Events are in the group EVENT, in minutes and seconds from the first frame of the file. The centre of mass is
    the point ``CentreOfMass``.
    """

    title = "C3D, points, angles, segments and events for gait analysis"

    def write(self, take: Take, person: int, folder: Path, stem: str) -> Written:
        """Write ``<stem>.c3d``, or ``<stem>.part1.c3d`` and so on beyond 65,535 frames."""
        frames = take.t_s.shape[0]
        starts = range(0, frames, MAX_FRAMES)
        split = len(starts) > 1
        poses = _poses(take, person)
        files, lost = [], 0
        for number, start in enumerate(starts, start=1):
            path = folder / (f"{stem}.part{number}.c3d" if split else f"{stem}.c3d")
            lost += _write_part(take, person, poses, start, min(start + MAX_FRAMES, frames), path)
            files.append(path)
        dropped = [
            "The uncertainty of points, angles and events, and which points were measured and which filled in.",
            "Angular velocities, bone lengths, and measures.",
            *uneven_times(take),
            *late_start(take),
        ]
        if lost:
            dropped.append(f"{lost} events: C3D holds {MAX_EVENTS} of them in a file, and the first are there.")
        if split:
            dropped.append(
                f"The length in one piece: C3D counts to {MAX_FRAMES} frames, so there are {len(files)} files; "
                "each counts its frames and its time from its own start."
            )
        return Written(tuple(files), tuple(dropped))


def _poses(take: Take, person: int) -> FloatArray:
    """Place and turn of each joint's segment as matrices (T, J, 4, 4), mm; NaN where either is missing."""
    centres, world = segments(take.motion)
    matrix = np.zeros((centres.shape[0], centres.shape[2], 4, 4))
    matrix[..., :3, :3] = to_matrix(world[:, person])
    matrix[..., :3, 3] = MM_PER_M * centres[:, person]
    matrix[..., 3, 3] = 1.0
    matrix[~np.isfinite(matrix).all(axis=(-1, -2))] = np.nan
    return matrix


def _write_part(take: Take, person: int, poses: FloatArray, start: int, stop: int, path: Path) -> int:
    """Write frames [start, stop) of one person; return how many events found no place."""
    names, values = _points(take, person, start, stop)
    file = ezc3d.c3d()
    _describe(file, take, names, stop - start)
    lost = _add_events(file, take, person, start, stop)
    missing = ~np.isfinite(values).all(axis=-1)
    values[missing] = np.nan
    file["data"]["points"] = _homogeneous(values)
    file["data"]["meta_points"]["residuals"] = np.where(missing, -1.0, 0.0).T[None]
    file["data"]["meta_points"]["camera_masks"] = np.zeros((7, *missing.T.shape), dtype=np.bool_)
    file["data"]["analogs"] = np.zeros((1, 0, stop - start))
    file["data"]["rotations"] = poses[start:stop].transpose(2, 3, 1, 0)
    joints = [joint.name for joint in take.motion.skeleton.joints]
    _describe_rotations(file, joints, take.rate_hz)
    with atomic_write(path) as draft:
        draft.touch()  # so that the system, and not ezc3d, says why a file cannot be made
        file.write(str(draft))
        a_frame = len(names) * BYTES_PER_POINT + len(joints) * BYTES_PER_ROTATION
        _check_size(draft, (stop - start) * a_frame)
    return lost


def _points(take: Take, person: int, start: int, stop: int) -> tuple[tuple[str, ...], FloatArray]:
    """Labels, and values (T, P, 3) in millimetres or degrees, of all that stands among the points."""
    names = list(take.points.skeleton.keypoints)
    values = [MM_PER_M * take.points.xyz[start:stop, person]]
    if take.mass_centre is not None:
        names.append(MASS_CENTRE)
        values.append(MM_PER_M * take.mass_centre.xyz[start:stop, person, None])
    degrees = np.degrees(take.angles.value[start:stop, person])
    names += take.angles.names
    values.append(np.stack([degrees, np.zeros_like(degrees), np.zeros_like(degrees)], axis=-1))
    return tuple(names), np.concatenate(values, axis=1)


def _describe_rotations(file: ezc3d.c3d, joints: list[str], rate_hz: float) -> None:
    """Name the matrices; where they lie in the file, ezc3d says itself."""
    labels = [f"{name}_4X4" for name in joints]
    for name, value in (("LABELS", labels), ("DESCRIPTIONS", labels), ("RATE", [float(rate_hz)])):
        file.add_parameter("ROTATION", name, value)
    file.add_parameter("ROTATION", "USED", [len(joints)])
    file["parameters"]["ROTATION"]["USED"]["type"] = INTEGER
    file.add_parameter("DATA_BLOCKS", "ROTATION", ["4x4 ROTATION"])


def _add_events(file: ezc3d.c3d, take: Take, person: int, start: int, stop: int) -> int:
    """Fill the group EVENT with the events of these frames; return how many found no place."""
    begin = float(take.t_s[start])
    # What lies beyond the ends of the take, by less than a frame, is in the first and the last file.
    after = begin if start else -np.inf
    before = float(take.t_s[stop]) if stop < take.t_s.shape[0] else np.inf
    inside = [event for event in take.findings[person].events if after <= event.t_s < before]
    kept = inside[:MAX_EVENTS]
    if not kept:
        return 0
    since = np.array([event.t_s - begin for event in kept])
    minutes = np.floor(since / 60.0)
    file.add_parameter("EVENT", "USED", [len(kept)])
    file.add_parameter("EVENT", "CONTEXTS", [EVENT_CONTEXTS[event.side] for event in kept])
    file.add_parameter("EVENT", "ICON_IDS", [EVENT_ICONS.get(event.kind, 0) for event in kept])
    file.add_parameter("EVENT", "LABELS", [_event_label(event) for event in kept])
    file.add_parameter("EVENT", "DESCRIPTIONS", ["doubtful" if event.doubtful else "" for event in kept])
    file.add_parameter("EVENT", "SUBJECTS", [take.people[person]] * len(kept))
    file.add_parameter("EVENT", "TIMES", np.stack([minutes, since - 60.0 * minutes]))
    file.add_parameter("EVENT", "GENERIC_FLAGS", [0] * len(kept))
    for name in ("USED", "ICON_IDS", "GENERIC_FLAGS"):
        file["parameters"]["EVENT"][name]["type"] = INTEGER
    return len(inside) - len(kept)


def _event_label(event: Event) -> str:
    return EVENT_LABELS.get(event.kind, event.kind.replace("_", " ").title())


def _describe(file: ezc3d.c3d, take: Take, names: tuple[str, ...], frames: int) -> None:
    """Fill in the parameters that readers go by."""
    parameters = file["parameters"]
    parameters["POINT"]["RATE"]["value"] = [float(take.rate_hz)]
    parameters["POINT"]["LABELS"]["value"] = list(names)
    parameters["POINT"]["DESCRIPTIONS"]["value"] = [""] * len(names)
    parameters["POINT"]["UNITS"]["value"] = ["mm"]
    # There are no analog channels, but without a rate for them ezc3d refuses to write.
    parameters["ANALOG"]["RATE"]["value"] = [float(take.rate_hz)]
    file.add_parameter("POINT", "X_SCREEN", ["+X"])
    file.add_parameter("POINT", "Y_SCREEN", ["+Z"])
    if take.angles.names:
        file.add_parameter("POINT", "ANGLES", list(take.angles.names))
        file.add_parameter("POINT", "ANGLE_UNITS", ["deg"])
    for name, value in (("ACTUAL_START_FIELD", 1), ("ACTUAL_END_FIELD", frames)):
        # A number of two words, the low one first; ezc3d makes FLOAT of them unless told.
        file.add_parameter("TRIAL", name, [value % WORD, value // WORD])
        parameters["TRIAL"][name]["type"] = INTEGER
    file.add_parameter("TRIAL", "CAMERA_RATE", [float(take.rate_hz)])


def _homogeneous(values: FloatArray) -> FloatArray:
    """Points (T, P, 3) in ezc3d's layout (4, P, T)."""
    return np.concatenate([values, np.ones((*values.shape[:2], 1))], axis=-1).transpose(2, 1, 0)


def _check_size(path: Path, data_bytes: int) -> None:
    """Raise OSError where the file is shorter than its data: ezc3d does not notice a full disk."""
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(BLOCK_BYTES)
    first_block = int.from_bytes(header[DATA_BLOCK_AT : DATA_BLOCK_AT + 2], "little")
    if len(header) < BLOCK_BYTES or size < (first_block - 1) * BLOCK_BYTES + data_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
