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

import xml.etree.ElementTree as ET
from pathlib import Path

from calibration.camera import Camera, CameraRig
from calibration.errors import CalibrationError
from calibration.formats.lens import Holds, fit_rig
from calibration.formats.protocol import NAMED_FILE, Source, Written
from calibration.formats.values import MM, camera_matrix, make_camera, pose_from_centre
from calibration.formats.xml_rig import CV_FROM_Y_UP, attributes, begins_with, parse, parts

SUBPIXELS = 64.0
HOLDS = Holds("Qualisys", skew=True)

# A camera that sees markers only takes no part in video; QTM names the model, Pose2Sim writes "none".
VIDEO_MODELS = ("video", "none")

# In the order of OpenCV's coefficients; the middle ones are spelt so in the file.
DISTORTION = (
    "radialDistortion1",
    "radialDistortion2",
    "tangentalDistortion1",
    "tangentalDistortion2",
    "radialDistortion3",
)
AXES = tuple(f"r{i}{j}" for i in (1, 2, 3) for j in (1, 2, 3))


class QualisysFormat:
    """Reads and writes .qca.txt."""

    name = "qualisys"
    files = "*.qca.txt"

    def recognises(self, source: Source) -> bool:
        """Whether this is QTM's XML."""
        return begins_with(source, "calibration")

    def read(self, source: Source) -> CameraRig:
        """Read the video cameras."""
        elements = list(parse(source, "QTM").iter("camera"))
        video = [e for e in elements if any(m in e.get("model", "none").lower() for m in VIDEO_MODELS)]
        if not video:
            raise CalibrationError(
                f"None of the {len(elements)} cameras is a video camera.",
                "Export the calibration of the video cameras from QTM.",
                source.path,
            )
        notes = {"source": source.path.name, "world": "Qualisys, z up"}
        turned = [e.get("serial", "?") for e in video if e.get("viewrotation", "0") not in ("", "0")]
        if turned:
            notes["warning"] = (
                f"QTM shows cameras {', '.join(turned)} rotated; the calibration is for the unrotated picture."
            )
        return CameraRig(tuple(_read_camera(source.path, element) for element in video), notes)

    def write(self, rig: CameraRig) -> Written:
        """Write what reads back the same; other programs read it too, QTM itself does not."""
        held, dropped = fit_rig(rig, HOLDS)
        root = ET.Element("calibration", source="openmocap", type="regular")
        cameras = ET.SubElement(root, "cameras")
        for camera in held.cameras:
            _write_camera(cameras, camera)
        ET.indent(root)
        dropped += ("Pose2Sim up to 0.10 divides the distortion in Qualisys files by 64; give it its own format.",)
        return Written({NAMED_FILE: ET.tostring(root, encoding="utf-8", xml_declaration=True)}, dropped)


def _read_camera(path: Path, element: ET.Element) -> Camera:
    """Read one camera element."""
    name = element.get("serial", "")
    if not name:
        raise CalibrationError("A camera lacks its serial number.", "Export the calibration from QTM again.", path)
    fov, pose, inner = parts(path, name, element, "fov_video", "transform", "intrinsic")
    left, top, right, bottom = attributes(path, name, fov, "left", "top", "right", "bottom")
    fu, fv, skew = attributes(path, name, inner, "focalLengthU", "focalLengthV", "skew") / SUBPIXELS
    cu, cv = attributes(path, name, inner, "centerPointU", "centerPointV") / SUBPIXELS
    rotation = CV_FROM_Y_UP @ attributes(path, name, pose, *AXES).reshape(3, 3)
    centre = attributes(path, name, pose, "x", "y", "z") * MM
    return make_camera(
        path,
        name,
        (right - left + 1, bottom - top + 1),
        camera_matrix(fu, fv, cu - left, cv - top, skew),
        attributes(path, name, inner, *DISTORTION),
        pose_from_centre(rotation, centre),
    )


def _write_camera(parent: ET.Element, camera: Camera) -> None:
    """Add one camera element."""
    lens = camera.intrinsics
    w, h = lens.size_wh
    # Pose2Sim wants a residual; what it is here, mm, is not known.
    known = {"active": "1", "serial": camera.name, "model": "video", "viewrotation": "0", "avg-residual": "nan"}
    element = ET.SubElement(parent, "camera", known)
    for tag in ("fov_marker", "fov_marker_max", "fov_video", "fov_video_max"):
        ET.SubElement(element, tag, left="0", top="0", right=str(w - 1), bottom=str(h - 1))
    axes = (CV_FROM_Y_UP @ camera.cam_from_world[:3, :3]).reshape(-1)
    pose = dict(zip((*AXES, "x", "y", "z"), (*axes, *(camera.centre / MM)), strict=True))
    ET.SubElement(element, "transform", {key: repr(float(value)) for key, value in pose.items()})
    K = lens.K * SUBPIXELS
    inner = {
        "sensorMinU": 0.0,
        "sensorMaxU": w * SUBPIXELS,
        "sensorMinV": 0.0,
        "sensorMaxV": h * SUBPIXELS,
        "focalLengthU": K[0, 0],
        "focalLengthV": K[1, 1],
        "centerPointU": K[0, 2],
        "centerPointV": K[1, 2],
        "skew": K[0, 1],
        **dict(zip(DISTORTION, lens.dist, strict=True)),
    }
    ET.SubElement(element, "intrinsic", {key: repr(float(value)) for key, value in inner.items()})
