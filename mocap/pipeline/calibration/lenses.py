"""The lenses of a calibration: found from the recording, or taken from a rig that was calibrated before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from calibration import CameraRig, Intrinsics
from calibration.bundle import LOCKED_LENS, LensPrior
from calibration.footage import VideoFootage
from calibration.formats import load_rig
from calibration.intrinsics import IntrinsicsSettings, calibrate_intrinsics
from calibration.intrinsics.fit import LensModel
from calibration.intrinsics.models import FISHEYE, PLAIN_MODELS, RATIONAL
from calibration.sightings import Sightings
from mocap.capture import VideoInfo, fit_rig, probe
from mocap.core.errors import CalibrationError
from mocap.core.progress import CancelToken, Progress
from mocap.pipeline.calibration.inputs import CalibrationFootage

LensChoice = Literal["auto", "pinhole", "rational", "fisheye"]

CANDIDATES: dict[LensChoice, tuple[LensModel, ...]] = {
    "auto": IntrinsicsSettings().models,
    "pinhole": PLAIN_MODELS,
    "rational": (RATIONAL,),
    "fisheye": (FISHEYE,),
}

# How far a lens that was calibrated before may have changed, one sigma: refocusing from far to near lengthens
# it by some tenths of a per cent, and mounts and stabilisers shift it by some pixels. Its higher terms stay.
KNOWN_LENS = LensPrior(0.005, 0.001, 0.003, (0.01, 0.01, 0.0, 0.0), 0.001, 0.0)


@dataclass(frozen=True)
class KnownLenses:
    """Lenses that are known before the recording.

    Attributes
    ----------
    rig : Path
        A calibration file; where its cameras stood does not matter.
    locked : bool
        Whether they stay as they are; else within what ``KNOWN_LENS`` says.
    """

    rig: Path
    locked: bool = True


@dataclass(frozen=True)
class Lenses:
    """What the joint solve starts from.

    Attributes
    ----------
    intrinsics : tuple of Intrinsics
        In the order of the cameras.
    priors : mapping of str to LensPrior
        By the camera's name.
    note : str
        Where they come from, to be kept with the rig.
    warnings : tuple of str
    """

    intrinsics: tuple[Intrinsics, ...]
    priors: Mapping[str, LensPrior]
    note: str
    warnings: tuple[str, ...]


def find_lenses(sightings: Sightings, choice: LensChoice, progress: Progress, cancel: CancelToken) -> Lenses:
    """Calibrate each camera's lens from its own pictures; the model is the one asked for, or the best."""
    settings = IntrinsicsSettings(models=CANDIDATES[choice])
    found = calibrate_intrinsics(sightings, settings, progress, lambda: cancel.cancelled)
    models = ", ".join(f"{lens.name} {lens.model.name}" for lens in found)
    how = "chosen by their error on held-out pictures" if choice == "auto" else f"{choice} as asked for"
    return Lenses(
        tuple(lens.intrinsics for lens in found),
        {lens.name: lens.bundle_prior for lens in found},
        f"Found from this recording, {how}: {models}.",
        tuple(f"{lens.name}: {warning}" for lens in found for warning in lens.warnings),
    )


def take_lenses(known: KnownLenses, footage: CalibrationFootage, sightings: Sightings) -> Lenses:
    """Take the lenses of another calibration, for the sizes of these pictures.

    Raises
    ------
    CalibrationError
        If it is not of these cameras, or of other pictures.
    """
    rig, warnings = fitted_to(load_rig(known.rig), known.rig, footage, sightings)
    prior = LOCKED_LENS if known.locked else KNOWN_LENS
    how = "locked" if known.locked else f"free within {100 * KNOWN_LENS.focal:g} % of the focal length"
    return Lenses(
        tuple(camera.intrinsics for camera in rig.cameras),
        dict.fromkeys(sightings.cameras, prior),
        f"Taken from {known.rig.name}, {how}.",
        warnings,
    )


def fitted_to(
    rig: CameraRig, rig_file: Path, footage: CalibrationFootage, sightings: Sightings
) -> tuple[CameraRig, tuple[str, ...]]:
    """The cameras of a recording, at the sizes of its pictures, and what differs in words.

    Raises
    ------
    CalibrationError
        Naming the calibration file, if the recording is of other cameras.
    """
    films = []
    for name, size in zip(sightings.cameras, sightings.sizes_wh.tolist(), strict=True):
        film = footage.films[name]
        size_wh = (int(size[0]), int(size[1]))
        if isinstance(film, VideoFootage):
            films.append(replace(probe(film.path, name), size_wh=size_wh))
        else:
            films.append(VideoInfo(name, Path(name), size_wh, float("nan"), np.zeros(0), "pictures", False))
    try:
        return fit_rig(rig, films)
    except CalibrationError as error:
        raise CalibrationError(error.what, error.remedy, error.path or rig_file) from error
