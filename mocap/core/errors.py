"""What can go wrong in the pipeline, each error written for the person who has to mend it."""

from __future__ import annotations

from calibration.errors import CalibrationError, CancelledError, ExplainedError, MissingExtraError, StorageError


class InputError(ExplainedError):
    """The input does not hold what the work needs: no video, one camera, nobody in view."""


class VideoError(ExplainedError):
    """A video that cannot be read."""


class CameraError(ExplainedError):
    """A camera that is not there, is lost, or does not send what it should."""


class ModelError(ExplainedError):
    """A detection model that is missing, damaged or of the wrong kind."""


class SessionError(ExplainedError):
    """A session folder that cannot be read, or does not hold what it should."""


class ExportError(ExplainedError):
    """A file that could not be exported."""


__all__ = [
    "CalibrationError",
    "CameraError",
    "CancelledError",
    "ExplainedError",
    "ExportError",
    "InputError",
    "MissingExtraError",
    "ModelError",
    "SessionError",
    "StorageError",
    "VideoError",
]
