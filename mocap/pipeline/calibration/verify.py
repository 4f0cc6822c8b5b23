"""A calibration checked with a board or wand of known size in a fresh recording."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from calibration import CameraRig
from calibration.formats import load_rig
from calibration.report import LengthCheck, verify
from mocap.core.errors import CalibrationError
from mocap.core.progress import CancelToken, Progress, silent
from mocap.pipeline.calibration.inputs import open_footage, open_target, search
from mocap.pipeline.calibration.lenses import fitted_to


@dataclass(frozen=True)
class Verified:
    """What a calibration measures, and what the user should know besides."""

    check: LengthCheck
    target: str
    warnings: tuple[str, ...]


def verify_rig(
    rig_file: Path,
    folder: Path,
    board: Path | None = None,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Verified:
    """Measure a target of known size in a recording that was not used to calibrate.

    Parameters
    ----------
    rig_file : Path
    folder : Path
        With a video or pictures per camera.
    board : Path or None
        File of the target; found beside the pictures if not given.

    Raises
    ------
    ExplainedError
        Whatever goes wrong, with the cause and the remedy.
    """
    return check_recording(load_rig(rig_file), rig_file, folder, board, progress, cancel or CancelToken())


def check_recording(
    rig: CameraRig, rig_file: Path, folder: Path, board: Path | None, progress: Progress, cancel: CancelToken
) -> Verified:
    """Measure a target with a rig that is at hand; ``rig_file`` is named where it does not fit the recording."""
    footage = open_footage(folder)
    target, assumed = open_target(folder, board, footage)
    if assumed:
        raise CalibrationError(
            "The size of the target is not known, so that nothing can be checked by it.",
            "Describe the target in a file and name it with --board.",
            folder,
        )
    found = search(footage, target, progress, cancel)
    fitted, warnings = fitted_to(rig, rig_file, footage, found.sightings)
    check = verify(fitted, found.sightings)
    return Verified(check, target.name, (*footage.warnings, *warnings, *found.notes))
