"""OptiTrack Motive's calibration, .mcal (XML in UTF-16, since Motive 3.2).

OptiTrack documents the file (".mcal XML Calibration Files"): ``Attributes`` hold the imager's size in px,
``IntrinsicStandardCameraModel`` focal lengths, lens centre (px) and distortion in the usual model, that is
OpenCV's k1, k2, TangentialX, TangentialY, k3; ``Intrinsic`` is Motive's own model and is not used.
``Extrinsic`` holds the camera's position in metres and, row by row, the matrix whose columns are the
camera's axes in the world, with y up and z backwards; the world's y points up. Users who projected markers
into PrimeColor videos found the same signs. Older ``.cal`` files are binary and not documented.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from calibration.camera import Camera, CameraRig
from calibration.errors import CalibrationError
from calibration.formats.protocol import Source, Written
from calibration.formats.values import camera_matrix, make_camera, pose_from_centre
from calibration.formats.xml_rig import CV_FROM_Y_UP, attributes, begins_with, parse, parts

MODEL = "IntrinsicStandardCameraModel"
LENS = ("HorizontalFocalLength", "VerticalFocalLength", "LensCenterX", "LensCenterY")
DISTORTION = ("k1", "k2", "TangentialX", "TangentialY", "k3")
AXES = tuple(f"OrientMatrix{i}" for i in range(9))


class OptiTrackFormat:
    """Reads .mcal."""

    name = "optitrack"
    files = "*.mcal"

    def recognises(self, source: Source) -> bool:
        """Whether this is Motive's XML."""
        return begins_with(source, "calibrationProfile")

    def read(self, source: Source) -> CameraRig:
        """Read the calibrated cameras; those that film and those that see markers are not told apart."""
        elements = [e for e in parse(source, "Motive").iter("Camera") if e.get("Serial")]
        calibrated = [e for e in elements if e.find(MODEL) is not None]
        if not calibrated:
            raise CalibrationError(
                f"None of the {len(elements)} cameras is calibrated ({MODEL}).",
                "Calibrate in Motive 3.2 or newer and save again.",
                source.path,
            )
        notes = {"source": source.path.name, "world": "OptiTrack, y up"}
        if left_out := [e.get("Serial", "?") for e in elements if e not in calibrated]:
            notes["warning"] = f"Left out, as not calibrated: {', '.join(left_out)}."
        return CameraRig(tuple(_read_camera(source.path, element) for element in calibrated), notes)

    def write(self, rig: CameraRig) -> Written:
        """Refuse: Motive reads no calibrations made elsewhere."""
        raise CalibrationError("Calibrations cannot be written as OptiTrack files.", "Choose qualisys or anipose.")


def _read_camera(path: Path, element: ET.Element) -> Camera:
    """Read one camera element."""
    name = element.get("Serial", "?")
    size, lens, pose = parts(path, name, element, "Attributes", MODEL, "Extrinsic")
    axes = attributes(path, name, pose, *AXES).reshape(3, 3)
    return make_camera(
        path,
        name,
        attributes(path, name, size, "ImagerPixelWidth", "ImagerPixelHeight"),
        camera_matrix(*attributes(path, name, lens, *LENS)),
        attributes(path, name, lens, *DISTORTION),
        pose_from_centre(CV_FROM_Y_UP @ axes.T, attributes(path, name, pose, "X", "Y", "Z")),
    )
