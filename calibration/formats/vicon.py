"""Vicon's calibration, .xcp (XML).

Read from each ``Camera`` and its first ``KeyFrame``; what is told about it where:

- ``ORIENTATION`` is a quaternion x, y, z, w that turns the world into the camera, ``POSITION`` the camera's
  place in mm; the camera looks along +z with y down, and the world's z points up. Vicon's documentation
  ("About calibration data (XCP) files") and five independent readers agree (OpenCap, Pose2Sim, GCore, MIT's
  mocap server, a reader of Oryx cameras).
- ``FOCAL_LENGTH`` is in px along x, ``PIXEL_ASPECT_RATIO`` divides it for y, ``PRINCIPAL_POINT`` is in px.
- The distortion is UNCERTAIN. ``VICON_RADIAL2`` is a word, a centre of two numbers, and k1, k2 (and k3).
  OpenCap and Pose2Sim take these for OpenCV's. ``VICON_RADIAL`` holds two numbers per px^2 and px^4 (GCore),
  about 1e-8, by which the distance from the principal point is multiplied to CORRECT the picture. The size
  of the first number tells the two apart: one of OpenCV's below 1e-5 would move nothing. A correction is
  turned into the nearest coefficients of OpenCV. Either way a note tells that this is unverified.

``IMAGE_ERROR`` (px) and ``WORLD_ERROR`` (mm) tell how well Vicon fitted its wand.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from calibration.camera import Camera, CameraRig
from calibration.errors import CalibrationError
from calibration.formats.lens import TERMS, fit_distortion, pixel_grid
from calibration.formats.protocol import Source, Written
from calibration.formats.values import MM, camera_matrix, make_camera, numbers, pose_from_centre
from calibration.formats.xml_rig import attribute, begins_with, parse
from calibration.transforms import FloatArray

KEY_FRAME = "KeyFrames/KeyFrame"
RADIAL_WORD = "ViconRadial2"
RADIAL_CENTRE = 2

# Coefficients per px^2 are of the order of 1e-8; see above.
LARGEST_PER_PX2 = 1e-5

# A quaternion that is rounded to six decimals is of length 1 to this.
QUATERNION_TOLERANCE = 1e-3


class ViconFormat:
    """Reads .xcp."""

    name = "vicon"
    files = "*.xcp"

    def recognises(self, source: Source) -> bool:
        """Whether this is Vicon's XML."""
        return begins_with(source, "Cameras") and "SENSOR_SIZE" in (source.text_if_any or "")

    def read(self, source: Source) -> CameraRig:
        """Read the video cameras that are calibrated, or all if none says it is one."""
        elements = list(parse(source, "Nexus").iter("Camera"))
        calibrated = [e for e in elements if e.find(KEY_FRAME) is not None]
        if not calibrated:
            raise CalibrationError(
                f"None of the {len(elements)} cameras is calibrated.", "Calibrate in Vicon first.", source.path
            )
        video = [e for e in calibrated if "video" in f"{e.get('TYPE')} {e.get('DISPLAY_TYPE')}".lower()]
        notes = {"source": source.path.name, "world": "Vicon, z up"}
        read = [_read_camera(source.path, element) for element in video or calibrated]
        kinds = {kind for _, kind in read if kind}
        if kinds:
            notes["warning"] = (
                f"The lens distortion was read as {' and '.join(sorted(kinds))}; which of two ways Vicon means "
                "it could not be verified, so look at an overlay near the picture's edges."
            )
        return CameraRig(tuple(camera for camera, _ in read), notes)

    def write(self, rig: CameraRig) -> Written:
        """Refuse: how Vicon means its distortion is not certain enough to write it."""
        raise CalibrationError("Calibrations cannot be written as Vicon files.", "Choose qualisys or anipose.")


def _read_camera(path: Path, element: ET.Element) -> tuple[Camera, str]:
    """Read one camera, and say how its distortion was understood; empty if it has none."""
    name = element.get("DEVICEID") or element.get("USERID") or "?"
    frame = element.find(KEY_FRAME)
    assert frame is not None  # only such cameras are given here
    size = attribute(path, name, element, "SENSOR_SIZE", 2)
    focal = attribute(path, name, frame, "FOCAL_LENGTH", 1)[0]
    aspect = 1.0
    if element.get("PIXEL_ASPECT_RATIO") is not None:
        aspect = attribute(path, name, element, "PIXEL_ASPECT_RATIO", 1)[0]
    if aspect <= 0:
        raise CalibrationError(
            f"'PIXEL_ASPECT_RATIO' of camera '{name}' is {aspect:g}.", "Calibrate in Vicon again.", path
        )
    K = camera_matrix(focal, focal / aspect, *attribute(path, name, frame, "PRINCIPAL_POINT", 2))
    quaternion = attribute(path, name, frame, "ORIENTATION", 4)
    if abs(np.linalg.norm(quaternion) - 1.0) > QUATERNION_TOLERANCE:
        raise CalibrationError(
            f"'ORIENTATION' of camera '{name}' is no rotation (length {np.linalg.norm(quaternion):.3g}).",
            "Calibrate in Vicon again.",
            path,
        )
    rotation = Rotation.from_quat(quaternion).as_matrix()
    centre = attribute(path, name, frame, "POSITION", 3) * MM
    dist, kind = _distortion(_radial(path, name, frame), size, K)
    return make_camera(path, name, size, K, dist, pose_from_centre(rotation, centre)), kind


def _radial(path: Path, name: str, frame: ET.Element) -> FloatArray:
    """Return the radial coefficients as they stand in the file, at most three."""
    for key in ("VICON_RADIAL2", "VICON_RADIAL"):
        words = (frame.get(key) or "").split()
        if words:
            with_word = words[0] == RADIAL_WORD
            values = numbers(path, name, key, words[1:] if with_word else words, (None,))
            return values[RADIAL_CENTRE:][:3] if with_word or key == "VICON_RADIAL2" else values[:3]
    raise CalibrationError(f"'VICON_RADIAL2' of camera '{name}' is missing.", "Calibrate in Vicon again.", path)


def _distortion(radial: FloatArray, size_wh: FloatArray, K: FloatArray) -> tuple[FloatArray, str]:
    """Turn radial coefficients into OpenCV's (5,), and say how they were understood."""
    k = np.pad(radial, (0, 3 - radial.size))
    if not np.any(k):
        return np.zeros(len(TERMS)), ""
    if abs(k[0]) >= LARGEST_PER_PX2:
        return np.array([k[0], k[1], 0.0, 0.0, k[2]]), "OpenCV's coefficients"
    pixels = pixel_grid((round(size_wh[0]), round(size_wh[1])))
    from_centre = pixels - K[:2, 2]
    rho2 = np.sum(from_centre**2, axis=1, keepdims=True)
    corrected = from_centre * (1.0 + rho2 * (k[0] + rho2 * (k[1] + rho2 * k[2])))
    rays = corrected / np.diag(K)[:2]
    return fit_distortion(rays, pixels, K, len(TERMS)), "a correction in pixels"
