"""What the TOML formats of Anipose and Pose2Sim have in common.

One table per camera with ``name``, ``size`` [w, h] px, ``matrix`` (3, 3) px, ``distortions``,
``rotation`` (Rodrigues vector, rad), ``translation`` and perhaps ``fisheye``; rotation and translation are
``cam_from_world``. A table ``[metadata]`` may stand beside them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from calibration.camera import Camera, CameraModel, Intrinsics
from calibration.errors import CalibrationError
from calibration.transforms import FloatArray, from_rvec_tvec, to_rvec_tvec

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Table = Mapping[str, Any]

CAMERA_KEYS = ("size", "matrix", "distortions", "rotation", "translation")
PINHOLE_COEFFICIENTS = 5


def parse(path: Path, text: str) -> dict[str, Any]:
    """Parse TOML, or raise CalibrationError with the line that is wrong."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CalibrationError(
            f"The calibration file is not valid TOML: {error}.",
            "Correct that line, or export the file again.",
            path,
        ) from error


def camera_tables(path: Path, text: str) -> dict[str, Table] | None:
    """Return the camera tables by their key, or None if this is no such file."""
    try:
        document = parse(path, text)
    except CalibrationError:
        return None
    tables: dict[str, Table] = {
        key: table
        for key, table in document.items()
        if isinstance(table, dict) and "matrix" in table and "distortions" in table
    }
    return tables or None


def numbers(path: Path, where: str, table: Table, key: str, shape: tuple[int | None, ...]) -> FloatArray:
    """Return ``table[key]`` as finite numbers of the given shape; None matches any length."""
    remedy = f"Correct '{key}' of '{where}', or calibrate again."
    if key not in table:
        raise CalibrationError(f"'{key}' of camera '{where}' is missing.", remedy, path)
    try:
        values = np.array(table[key], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CalibrationError(f"'{key}' of camera '{where}' is not made of numbers.", remedy, path) from error
    if values.ndim == 2 and values.shape[0] == 1 and len(shape) == 1:
        values = values[0]  # some writers nest the distortions once more
    fits = values.ndim == len(shape) and all(
        want is None or have == want for have, want in zip(values.shape, shape, strict=True)
    )
    if not fits:
        wanted = " x ".join("any" if n is None else str(n) for n in shape)
        raise CalibrationError(
            f"'{key}' of camera '{where}' has shape {values.shape}, expected {wanted} numbers.", remedy, path
        )
    if not np.isfinite(values).all():
        raise CalibrationError(f"'{key}' of camera '{where}' holds NaN or infinity.", remedy, path)
    return values


def read_camera(path: Path, key: str, table: Table, metres_per_unit: float) -> Camera:
    """Read one camera table; fewer than five pinhole coefficients are filled up with zeros."""
    name = str(table.get("name", key))
    size = numbers(path, name, table, "size", (2,))
    matrix = numbers(path, name, table, "matrix", (3, 3))
    dist = numbers(path, name, table, "distortions", (None,))
    model: CameraModel = "fisheye" if table.get("fisheye", False) else "pinhole"
    if model == "pinhole" and dist.shape[0] < PINHOLE_COEFFICIENTS:
        dist = np.pad(dist, (0, PINHOLE_COEFFICIENTS - dist.shape[0]))
    rotation = numbers(path, name, table, "rotation", (3,))
    translation = numbers(path, name, table, "translation", (3,))
    try:
        intrinsics = Intrinsics((round(size[0]), round(size[1])), matrix, dist, model)
        return Camera(name, intrinsics, from_rvec_tvec(rotation, translation * metres_per_unit))
    except CalibrationError as error:
        raise CalibrationError(f"Camera '{name}': {error.what}", error.remedy, path) from error


def write_camera(camera: Camera, dist: FloatArray) -> dict[str, Any]:
    """Return the table of one camera, lengths in metres; size and fisheye are the format's own."""
    rvec, tvec = to_rvec_tvec(camera.cam_from_world)
    return {
        "name": camera.name,
        "size": list(camera.intrinsics.size_wh),
        "matrix": camera.intrinsics.K.tolist(),
        "distortions": dist.tolist(),
        "rotation": rvec.tolist(),
        "translation": tvec.tolist(),
    }
