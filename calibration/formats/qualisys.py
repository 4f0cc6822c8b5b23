"""Qualisys Track Manager's calibration export, .qca.txt (XML).

Facts about the format, each checked on a recording of four cameras (Pose2Sim's Demo_SinglePerson):

- ``focalLength*`` and ``centerPoint*`` are in 1/64 px, counted from the sensor's corner; the top left of
  ``fov_video`` is subtracted to get to the picture.
- The distortion coefficients are OpenCV's k1, k2, p1, p2, k3 as they stand. They are NOT in 1/64, though
  Pose2Sim up to 0.10 divides them: fitting the recording's checkerboards freely gives k1 = -0.049,
  k2 = 0.133 where the file says -0.048, 0.137, and with the file's camera matrix the corners fit to 0.418,
  0.576 and 0.423 px rms with the coefficients as they stand, to 0.503, 0.672 and 0.457 px divided by 64.
- ``x, y, z`` is the camera's position in mm. The rows r1*, r2*, r3* of the transform are the camera's
  axes in the world, with y up and z backwards; OpenCV's camera has y down and z forwards, so rows two
  and three change sign. The world's z points up.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

from calibration.camera import Camera, CameraRig, Intrinsics
from calibration.errors import CalibrationError
from calibration.transforms import FloatArray, from_rotation

# ElementTree refuses decoded text that still declares an encoding.
XML_DECLARATION = re.compile(r"^\s*<\?xml.*?\?>", re.DOTALL)

SUBPIXELS = 64.0
MM = 0.001

# A camera that sees markers only takes no part in video; QTM names the model, Pose2Sim writes "none".
VIDEO_MODELS = ("video", "none")

# From QTM's camera axes (y up, z backwards) to OpenCV's (y down, z forwards).
CV_FROM_QTM = np.diag([1.0, -1.0, -1.0])


class QualisysFormat:
    """Reads .qca.txt."""

    name = "qualisys"
    files = "*.qca.txt"

    def recognises(self, path: Path, text: str) -> bool:
        """Whether this is QTM's XML."""
        head = text.lstrip()[:2000]
        return head.startswith("<") and "<calibration" in head

    def read(self, path: Path, text: str) -> CameraRig:
        """Read the video cameras."""
        try:
            root = ET.fromstring(XML_DECLARATION.sub("", text))
        except ET.ParseError as error:
            raise CalibrationError(
                f"The calibration file is not valid XML: {error}.", "Export it from QTM again.", path
            ) from error
        elements = list(root.iter("camera"))
        video = [e for e in elements if any(m in e.get("model", "none").lower() for m in VIDEO_MODELS)]
        if not video:
            raise CalibrationError(
                f"None of the {len(elements)} cameras is a video camera.",
                "Export the calibration of the video cameras from QTM.",
                path,
            )
        notes = {"source": path.name, "world": "Qualisys, z up"}
        turned = [e.get("serial", "?") for e in video if e.get("viewrotation", "0") not in ("", "0")]
        if turned:
            notes["warning"] = (
                f"QTM shows cameras {', '.join(turned)} rotated; the calibration is for the unrotated picture."
            )
        return CameraRig(tuple(_read_camera(path, element) for element in video), notes)

    def write(self, rig: CameraRig) -> tuple[str, tuple[str, ...]]:
        """Refuse: nothing but QTM reads the format, and QTM does not import it."""
        raise CalibrationError("Calibrations cannot be written as Qualisys files.", "Choose anipose or pose2sim.")


def _number(path: Path, camera: str, element: ET.Element, key: str) -> float:
    """Return a finite attribute."""
    text = element.get(key)
    remedy = "Export the calibration from QTM again."
    if text is None:
        raise CalibrationError(f"'{key}' of camera '{camera}' is missing.", remedy, path)
    try:
        value = float(text)
    except ValueError as error:
        raise CalibrationError(f"'{key}' of camera '{camera}' is not a number: '{text}'.", remedy, path) from error
    if not np.isfinite(value):
        raise CalibrationError(f"'{key}' of camera '{camera}' is {text}.", remedy, path)
    return value


def _read_camera(path: Path, element: ET.Element) -> Camera:
    """Read one camera element."""
    name = element.get("serial", "")
    found = {tag: element.find(tag) for tag in ("fov_video", "transform", "intrinsic")}
    missing = [tag for tag, part in found.items() if part is None]
    if not name or missing:
        raise CalibrationError(
            f"Camera '{name}' lacks {', '.join(missing) or 'a serial number'}.",
            "Export the calibration from QTM again.",
            path,
        )
    fov, pose, inner = (part for part in found.values() if part is not None)

    def get(part: ET.Element, *keys: str) -> FloatArray:
        return np.array([_number(path, name, part, key) for key in keys])

    left, top, right, bottom = get(fov, "left", "top", "right", "bottom")
    fu, fv, skew = get(inner, "focalLengthU", "focalLengthV", "skew") / SUBPIXELS
    cu, cv = get(inner, "centerPointU", "centerPointV") / SUBPIXELS
    K = np.array([[fu, skew, cu - left], [0.0, fv, cv - top], [0.0, 0.0, 1.0]])
    tangential = ("tangentalDistortion1", "tangentalDistortion2")  # spelt so in the file
    dist = get(inner, "radialDistortion1", "radialDistortion2", *tangential, "radialDistortion3")
    axes = get(pose, *(f"r{i}{j}" for i in (1, 2, 3) for j in (1, 2, 3))).reshape(3, 3)
    rotation = CV_FROM_QTM @ axes
    centre = get(pose, "x", "y", "z") * MM
    try:
        intrinsics = Intrinsics((round(right - left + 1), round(bottom - top + 1)), K, dist)
        return Camera(name, intrinsics, from_rotation(rotation, -rotation @ centre))
    except CalibrationError as error:
        raise CalibrationError(f"Camera '{name}': {error.what}", error.remedy, path) from error
