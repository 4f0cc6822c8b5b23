"""A calibration checked with a board or wand of known size in a fresh recording."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from calibration import CameraRig
from calibration.footage import VideoFootage
from calibration.formats import load_rig
from calibration.report import LengthCheck, verify
from calibration.sightings import Sightings
from mocap.capture import VideoInfo, fit_rig, probe
from mocap.core.errors import CalibrationError
from mocap.core.progress import CancelToken, Progress, silent
from mocap.pipeline.calibration_inputs import CalibrationFootage, open_footage, open_target, search


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
    cancel = cancel or CancelToken()
    rig = load_rig(rig_file)
    footage = open_footage(folder)
    target, assumed = open_target(folder, board, footage)
    if assumed:
        raise CalibrationError(
            "The size of the target is not known, so that nothing can be checked by it.",
            "Describe the target in a file and name it with --board.",
            folder,
        )
    found = search(footage, target, progress, cancel)
    try:
        fitted, warnings = _fitted(rig, footage, found.sightings)
    except CalibrationError as error:
        raise CalibrationError(error.what, error.remedy, error.path or rig_file) from error
    check = verify(fitted, found.sightings)
    return Verified(check, target.name, (*footage.warnings, *warnings, *found.notes))


def _fitted(
    rig: CameraRig, footage: CalibrationFootage, sightings: Sightings
) -> tuple[CameraRig, tuple[str, ...]]:
    """The cameras of the recording, at the sizes of its pictures."""
    films = []
    for name, size in zip(sightings.cameras, sightings.sizes_wh.tolist(), strict=True):
        film = footage.films[name]
        size_wh = (int(size[0]), int(size[1]))
        if isinstance(film, VideoFootage):
            films.append(replace(probe(film.path, name), size_wh=size_wh))
        else:
            films.append(VideoInfo(name, Path(name), size_wh, float("nan"), np.zeros(0), "pictures", False))
    return fit_rig(rig, films)
