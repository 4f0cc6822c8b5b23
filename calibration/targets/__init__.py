"""Calibration targets: what they are, how they are found in a picture, drawn, and kept in files."""

from calibration.targets.charuco import CharucoBoard
from calibration.targets.checkerboard import Checkerboard
from calibration.targets.files import AnyTarget, read_target, target_from_table, target_table, write_target
from calibration.targets.marker import ArucoMarker
from calibration.targets.protocol import Detection, Target

__all__ = [
    "AnyTarget",
    "ArucoMarker",
    "CharucoBoard",
    "Checkerboard",
    "Detection",
    "Target",
    "read_target",
    "target_from_table",
    "target_table",
    "write_target",
]
