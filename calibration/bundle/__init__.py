"""Bundle adjustment: all cameras, lenses, board poses and clocks from all observations at once."""

from calibration.bundle.adjust import adjust
from calibration.bundle.refine import KnownLength, PointsResult, refine_from_points
from calibration.bundle.result import BundleResult, CameraCovariance, CameraSigma
from calibration.bundle.settings import LOCKED_LENS, BundleSettings, LensPrior
from calibration.bundle.timing import Timed, Tried, adjust_with_times

__all__ = [
    "LOCKED_LENS",
    "BundleResult",
    "BundleSettings",
    "CameraCovariance",
    "CameraSigma",
    "KnownLength",
    "LensPrior",
    "PointsResult",
    "Timed",
    "Tried",
    "adjust",
    "adjust_with_times",
    "refine_from_points",
]
