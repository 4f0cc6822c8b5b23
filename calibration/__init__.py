"""Camera geometry and calibration; a library of its own that never imports ``mocap``."""

from calibration.camera import Camera, CameraRig, Intrinsics
from calibration.errors import CalibrationError, ExplainedError

__all__ = ["CalibrationError", "Camera", "CameraRig", "ExplainedError", "Intrinsics"]
