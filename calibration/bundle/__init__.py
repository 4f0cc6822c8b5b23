"""Bundle adjustment: all cameras, lenses, board poses and clocks from all observations at once."""

from calibration.bundle.adjust import adjust
from calibration.bundle.refine import KnownLength, PointsResult, refine_from_points
from calibration.bundle.result import BundleResult, CameraCovariance, CameraSigma
from calibration.bundle.settings import LOCKED_LENS, BundleSettings, LensPrior

__all__ = [
    "LOCKED_LENS",
    "BundleResult",
    "BundleSettings",
    "CameraCovariance",
    "CameraSigma",
    "KnownLength",
    "LensPrior",
    "PointsResult",
    "adjust",
    "refine_from_points",
]
