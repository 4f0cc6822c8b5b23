"""People and their keypoints in each view."""

from mocap.detect.assemble import assemble_detector
from mocap.detect.between import fill_between
from mocap.detect.detector import BlazePoseDetector, DetectorSettings
from mocap.detect.load import load_detector
from mocap.detect.pace import Pacing, Past
from mocap.detect.protocol import Detector, Looker, ViewDetector, ViewPoses, ViewState
from mocap.detect.sides import steady_sides
from mocap.detect.tracker import all_due

__all__ = [
    "BlazePoseDetector",
    "Detector",
    "DetectorSettings",
    "Looker",
    "Pacing",
    "Past",
    "ViewDetector",
    "ViewPoses",
    "ViewState",
    "all_due",
    "assemble_detector",
    "fill_between",
    "load_detector",
    "steady_sides",
]
