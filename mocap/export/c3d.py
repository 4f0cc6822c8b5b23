"""C3D: points and angles for gait laboratories and biomechanics programs (C3D User Guide, Motion Lab Systems)."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import ezc3d
import numpy as np

from calibration.files import atomic_write
from mocap.core.types import FloatArray, Take
from mocap.export.written import Written, late_start, uneven_times

MM_PER_M = 1000.0
# The header counts frames in 16 bits without a sign.
MAX_FRAMES = 65_535
INTEGER = 2  # ezc3d's code for a parameter of 16-bit integers
WORD = 65_536
BYTES_PER_POINT = 16  # x, y, z and the residual, four bytes each
BLOCK_BYTES = 512
DATA_BLOCK_AT = 16  # byte of the header at which the number of the first data block stands


class C3dExporter:
    """Points in millimetres, z up as in the world; what is missing has the residual -1.

    Joint angles stand beside the points as points of (angle, 0, 0) in degrees, listed in POINT:ANGLES so
    that programs do not take them for markers. All other residuals are 0, which the format means for points
    that were computed, and no camera is named: ezc3d swaps the bytes of residual and cameras against other
    programs, and zero reads the same both ways.
    """

    title = "C3D, points and angles for gait analysis"

    def write(self, take: Take, person: int, folder: Path, stem: str) -> Written:
        """Write ``<stem>.c3d``, or ``<stem>.part1.c3d`` and so on beyond 65,535 frames."""
        frames = take.t_s.shape[0]
        starts = range(0, frames, MAX_FRAMES)
        split = len(starts) > 1
        files = []
        for number, start in enumerate(starts, start=1):
            path = folder / (f"{stem}.part{number}.c3d" if split else f"{stem}.c3d")
            _write_part(take, person, start, min(start + MAX_FRAMES, frames), path)
            files.append(path)
        dropped = [
            "The uncertainty of points and angles, and which points were measured and which filled in.",
            "Joint rotations and bone lengths.",
            *uneven_times(take),
            *late_start(take),
        ]
        if split:
            dropped.append(
                f"The length in one piece: C3D counts to {MAX_FRAMES} frames, so there are {len(files)} files; "
                "each counts its frames and its time from its own start."
            )
        return Written(tuple(files), tuple(dropped))


def _write_part(take: Take, person: int, start: int, stop: int, path: Path) -> None:
    """Write frames [start, stop) of one person."""
    names = (*take.points.skeleton.keypoints, *take.angles.names)
    xyz = MM_PER_M * take.points.xyz[start:stop, person]
    degrees = np.degrees(take.angles.value[start:stop, person])
    angle_points = np.stack([degrees, np.zeros_like(degrees), np.zeros_like(degrees)], axis=-1)
    values = np.concatenate([xyz, angle_points], axis=1)
    file = ezc3d.c3d()
    _describe(file, take, names, stop - start)
    missing = ~np.isfinite(values).all(axis=-1)
    values[missing] = np.nan
    file["data"]["points"] = _homogeneous(values)
    file["data"]["meta_points"]["residuals"] = np.where(missing, -1.0, 0.0).T[None]
    file["data"]["meta_points"]["camera_masks"] = np.zeros((7, *missing.T.shape), dtype=np.bool_)
    file["data"]["analogs"] = np.zeros((1, 0, stop - start))
    with atomic_write(path) as draft:
        draft.touch()  # so that the system, and not ezc3d, says why a file cannot be made
        file.write(str(draft))
        _check_size(draft, (stop - start) * len(names) * BYTES_PER_POINT)


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
