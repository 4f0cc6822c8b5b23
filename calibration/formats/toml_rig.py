"""What the TOML formats of Anipose, FreeMoCap, Pose2Sim and Caliscope have in common.

One table per camera with ``name``, ``size`` [w, h] px, ``matrix`` (3, 3) px, ``distortions``,
``rotation`` (Rodrigues vector, rad), ``translation`` and perhaps ``fisheye``; rotation and translation are
``cam_from_world``. A table ``[metadata]`` may stand beside them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calibration.camera import Camera, CameraModel
from calibration.errors import CalibrationError
from calibration.formats.protocol import Source
from calibration.formats.values import in_metres, make_camera, numbers, pose_from
from calibration.transforms import FloatArray, to_rvec_tvec

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Table = Mapping[str, Any]


def parse(source: Source) -> dict[str, Any]:
    """Parse TOML, or raise CalibrationError with the line that is wrong."""
    try:
        return tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        raise CalibrationError(
            f"The calibration file is not valid TOML: {error}.",
            "Correct that line, or export the file again.",
            source.path,
        ) from error


def parse_if_any(source: Source) -> dict[str, Any]:
    """Parse TOML; empty if it is none."""
    if source.text_if_any is None:
        return {}
    try:
        return parse(source)
    except CalibrationError:
        return {}


def tables_of(document: Mapping[str, Any]) -> dict[str, Table]:
    """Return the camera tables by their key."""
    return {
        key: table
        for key, table in document.items()
        if isinstance(table, dict) and "matrix" in table and "distortions" in table
    }


def camera_tables(source: Source, document: Mapping[str, Any]) -> dict[str, Table]:
    """Return the camera tables by their key, or raise CalibrationError if there are none."""
    tables = tables_of(document)
    if not tables:
        raise CalibrationError(
            "No table holds a camera (matrix and distortions).", "Give a calibration with cameras.", source.path
        )
    return tables


def metadata_of(document: Mapping[str, Any]) -> Table:
    """Return the metadata; empty if there is none."""
    metadata = document.get("metadata", {})
    return metadata if isinstance(metadata, dict) else {}


def read_pose(path: Path, name: str, table: Table) -> FloatArray:
    """Read ``cam_from_world`` (4, 4) in the file's unit; the rotation is a vector or, in old files, a matrix."""
    rotation = numbers(path, name, "rotation", table.get("rotation"), (3,), (3, 3))
    return pose_from(rotation, numbers(path, name, "translation", table.get("translation"), (3,)))


def read_camera(path: Path, name: str, table: Table, metres: float) -> Camera:
    """Read one camera table, given the length of the file's unit."""
    size = numbers(path, name, "size", table.get("size"), (2,))
    matrix = numbers(path, name, "matrix", table.get("matrix"), (3, 3))
    dist = numbers(path, name, "distortions", table.get("distortions"), (None,))
    model: CameraModel = "fisheye" if table.get("fisheye", False) else "pinhole"
    pose = in_metres(read_pose(path, name, table), metres)
    return make_camera(path, name, size, matrix, dist, pose, model)


def name_of(key: str, table: Table) -> str:
    """Name of a camera: as stated, else its table's."""
    return str(table.get("name", key))


def write_camera(camera: Camera, metres: float = 1.0) -> dict[str, Any]:
    """Return the table of one camera but for its name; ``fisheye`` only where it is one."""
    lens = camera.intrinsics
    rvec, tvec = to_rvec_tvec(camera.cam_from_world)
    table: dict[str, Any] = {
        "size": list(lens.size_wh),
        "matrix": lens.K.tolist(),
        "distortions": lens.dist.tolist(),
        "rotation": rvec.tolist(),
        "translation": (tvec / metres).tolist(),
    }
    return table | ({"fisheye": True} if lens.model == "fisheye" else {})
