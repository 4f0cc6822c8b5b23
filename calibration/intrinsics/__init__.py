"""The lens of each camera from its own pictures of a target."""

from calibration.intrinsics.calibrate import (
    CameraIntrinsics,
    IntrinsicsSettings,
    calibrate_camera,
    calibrate_intrinsics,
)

__all__ = ["CameraIntrinsics", "IntrinsicsSettings", "calibrate_camera", "calibrate_intrinsics"]
