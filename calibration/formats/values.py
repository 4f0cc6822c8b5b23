"""What all formats do with the values they read: check them, and make cameras of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from calibration.camera import Camera, CameraModel, Intrinsics
from calibration.errors import CalibrationError
from calibration.transforms import FloatArray, from_rotation, from_rvec_tvec

MM = 0.001
METRES_PER_UNIT = {"m": 1.0, "cm": 0.01, "mm": MM}
PINHOLE_COEFFICIENTS = 5
RATIONAL_COEFFICIENTS = 8

# No room is 50 m wide, and no rig 50 mm: cameras farther apart than this are told in millimetres.
LARGEST_RIG_M = 50.0

# What OpenCV's YAML allows in a key, and every system in the name of a file.
PLAIN_NAME = re.compile(r"[A-Za-z0-9_\- ]*[A-Za-z0-9_\-]")

Shape = tuple[int | None, ...]


def numbers(path: Path, camera: str, key: str, value: Any, *shapes: Shape) -> FloatArray:
    """Return ``value`` as finite numbers of one of the shapes; None in a shape matches any length.

    A row or column of the right length passes for a vector, since writers differ in that. ``value`` None
    means that the file lacks the key.
    """
    remedy = f"Correct '{key}' of '{camera}', or export the calibration again."
    if value is None:
        raise CalibrationError(f"'{key}' of camera '{camera}' is missing.", remedy, path)
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CalibrationError(f"'{key}' of camera '{camera}' is not made of numbers.", remedy, path) from error
    if not any(_fits(array.shape, shape) for shape in shapes) and 1 in array.shape:
        array = array.reshape(-1)
    if not any(_fits(array.shape, shape) for shape in shapes):
        wanted = " or ".join(" x ".join("any" if n is None else str(n) for n in shape) for shape in shapes)
        raise CalibrationError(
            f"'{key}' of camera '{camera}' has shape {array.shape}, expected {wanted} numbers.", remedy, path
        )
    if not np.isfinite(array).all():
        raise CalibrationError(f"'{key}' of camera '{camera}' holds NaN or infinity.", remedy, path)
    return array


def make_camera(
    path: Path,
    name: str,
    size_wh: Sequence[float] | FloatArray,
    K: FloatArray,
    dist: FloatArray,
    pose: FloatArray,
    model: CameraModel = "pinhole",
) -> Camera:
    """Make a camera, naming the file and the camera if it cannot be one.

    ``dist`` (D,) of a pinhole camera may lack the last coefficients, or hold more of OpenCV's that are zero.
    """
    if model == "pinhole":
        wanted = PINHOLE_COEFFICIENTS if dist.size <= PINHOLE_COEFFICIENTS else RATIONAL_COEFFICIENTS
        dist = np.pad(dist, (0, max(0, wanted - dist.size)))
        dist = dist if np.any(dist[wanted:]) else dist[:wanted]
    try:
        return Camera(name, Intrinsics((round(size_wh[0]), round(size_wh[1])), K, dist, model), pose)
    except CalibrationError as error:
        raise CalibrationError(f"Camera '{name}': {error.what}", error.remedy, path) from error


def pose_from(rotation: FloatArray, translation_m: FloatArray) -> FloatArray:
    """Build ``cam_from_world`` (4, 4) from a rotation, as vector (3,) rad or matrix (3, 3), and metres (3,)."""
    return (from_rvec_tvec if rotation.ndim == 1 else from_rotation)(rotation, translation_m)


def pose_from_centre(rotation: FloatArray, centre_m: FloatArray) -> FloatArray:
    """Build ``cam_from_world`` (4, 4) from a rotation (3, 3) into the camera and its position (3,), m."""
    return from_rotation(rotation, -rotation @ centre_m)


def camera_matrix(fx: float, fy: float, cx: float, cy: float, skew: float = 0.0) -> FloatArray:
    """Build K (3, 3), px."""
    return np.array([[fx, skew, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])


def metres_per_unit(path: Path, unit: Any, poses: Sequence[FloatArray]) -> tuple[float, dict[str, str]]:
    """Return the length of the stated unit, or of one guessed from the poses with a note that says so.

    Parameters
    ----------
    unit : object
        What the file states; None if nothing.
    poses : sequence of (4, 4)
        ``cam_from_world`` in the file's unit.
    """
    notes = {}
    if unit is None:
        centres = np.stack([-pose[:3, :3].T @ pose[:3, 3] for pose in poses])
        spread = float(np.linalg.norm(centres[:, None] - centres[None], axis=-1).max())
        unit = "mm" if spread > LARGEST_RIG_M else "m"
        notes["warning"] = (
            f"The file does not state its unit of length; cameras up to {spread:.3g} apart were taken as {unit}. "
            f'State it in the file as unit = "m" or "mm" if that is wrong.'
        )
    if unit not in METRES_PER_UNIT:
        raise CalibrationError(
            f"The unit of length '{unit}' is not known.", f"Use one of: {', '.join(METRES_PER_UNIT)}.", path
        )
    return METRES_PER_UNIT[unit], notes


def in_metres(pose: FloatArray, metres: float) -> FloatArray:
    """Scale the translation of a pose (4, 4)."""
    scaled = pose.copy()
    scaled[:3, 3] *= metres
    return scaled


def plain_names(program: str, names: Sequence[str]) -> None:
    """Raise CalibrationError if a camera's name cannot be part of a key or of a file's name."""
    if odd := [name for name in names if not PLAIN_NAME.fullmatch(name)]:
        raise CalibrationError(
            f"{program} cannot hold the camera name '{odd[0]}'.",
            "Rename it: only letters, digits, - and _.",
        )


def _fits(have: tuple[int, ...], want: Shape) -> bool:
    return len(have) == len(want) and all(w is None or h == w for h, w in zip(have, want, strict=True))
