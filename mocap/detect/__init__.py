"""People and their keypoints in each view."""

from mocap.detect.detector import BlazePoseDetector, DetectorSettings
from mocap.detect.load import load_detector
from mocap.detect.protocol import Detector, ViewPoses, ViewState

__all__ = ["BlazePoseDetector", "Detector", "DetectorSettings", "ViewPoses", "ViewState", "load_detector"]
