"""Calibration files of other programs: one module per format, and the registry."""

from __future__ import annotations

from pathlib import Path

from calibration.camera import CameraRig
from calibration.errors import CalibrationError
from calibration.files import atomic_write
from calibration.formats.anipose import AniposeFormat
from calibration.formats.caliscope import CaliscopeFormat
from calibration.formats.easymocap import EasyMocapFormat
from calibration.formats.freemocap import FreeMoCapFormat
from calibration.formats.opencap import OpenCapFormat
from calibration.formats.opencv import OpenCvFormat
from calibration.formats.optitrack import OptiTrackFormat
from calibration.formats.pose2sim import Pose2SimFormat
from calibration.formats.protocol import NAMED_FILE, RigFormat, Source, Written, read_source
from calibration.formats.qualisys import QualisysFormat
from calibration.formats.vicon import ViconFormat

# Tried in this order: files of Caliscope, FreeMoCap and Pose2Sim would pass for Anipose's.
FORMATS: tuple[RigFormat, ...] = (
    QualisysFormat(),
    ViconFormat(),
    OptiTrackFormat(),
    OpenCapFormat(),
    EasyMocapFormat(),
    OpenCvFormat(),
    CaliscopeFormat(),
    FreeMoCapFormat(),
    Pose2SimFormat(),
    AniposeFormat(),
)

# Where a calibration lies beside a recording: ours, Anipose's, Qualisys', Pose2Sim's, and those of the other
# programs by names that only they use. A Qualisys file comes before what Pose2Sim makes of it, since that has
# lost the distortion. Plain YAML and config.toml are too common to be taken for calibrations.
RIG_PATTERNS = (
    "rig.toml",
    "calibration.toml",
    "*.qca.txt",
    "[Cc]alib*.toml",
    "*_camera_calibration.toml",
    "camera_array.toml",
    "intri.yml",
    "*.xcp",
    "*.mcal",
    "Videos/Cam*/cameraIntrinsicsExtrinsics.pickle",
)

# Named outright, a folder may also hold one file a camera.
FOLDER_PATTERNS = (*RIG_PATTERNS, "*/cameraIntrinsicsExtrinsics.pickle", "*.pickle", "*.yml", "*.yaml")


def rig_format(name: str) -> RigFormat:
    """Return the format of that name."""
    for known in FORMATS:
        if known.name == name:
            return known
    raise CalibrationError(f"There is no calibration format '{name}'.", f"Choose one of: {_names()}.")


def load_rig(path: Path, format: str | None = None) -> CameraRig:
    """Read a calibration file, or the calibration in a folder.

    Parameters
    ----------
    path : Path
    format : str or None
        A name from ``FORMATS``; None recognises the format by the content.

    Raises
    ------
    CalibrationError
        If the file is missing, of no known format, or does not hold a whole rig.
    """
    remedy = f"Give one of: {_names(with_files=True)}."
    source = read_source(_in_folder(path, remedy) if path.is_dir() else path, remedy)
    if format is not None:
        return rig_format(format).read(source)
    for candidate in FORMATS:
        if candidate.recognises(source):
            return candidate.read(source)
    if source.path.suffix == ".toml":
        # Broken TOML is of no known format either; the parser says where it breaks.
        return AniposeFormat().read(source)
    raise CalibrationError(
        "This is no calibration file of a known format.", f"Known are: {_names(with_files=True)}.", source.path
    )


def save_rig(rig: CameraRig, path: Path, format: str) -> tuple[str, ...]:
    """Write a calibration, each file whole or not at all.

    A format of several files takes ``path`` for their folder; if ``path`` is the name of one of them, for the
    folder it lies in.

    Returns
    -------
    tuple of str
        In sentences, what the format cannot hold; empty if nothing is lost.

    Raises
    ------
    CalibrationError
        If the format cannot be written, or cannot hold a camera.
    StorageError
        If the disk refuses.
    """
    written = rig_format(format).write(rig)
    folder = path.parent if path.name in written.files else path
    for name, content in written.files.items():
        with atomic_write(path if name == NAMED_FILE else folder / name) as draft:
            draft.write_bytes(content)
    return written.dropped


def find_rig(folder: Path) -> Path | None:
    """Find the calibration that belongs to a recording.

    Looks into the folder, its ``calibration`` folder, and the same one and two levels up, where sessions
    (trials/<name>) and Pose2Sim's projects keep it.
    """
    start = folder.resolve()
    for base in (start, start.parent, start.parent.parent):
        for place in (base, base / "calibration"):
            if found := _first(place, RIG_PATTERNS):
                return found
    return None


def _first(folder: Path, patterns: tuple[str, ...]) -> Path | None:
    """Find the first file in a folder by the first pattern that has one."""
    for pattern in patterns:
        if found := sorted(path for path in folder.glob(pattern) if path.is_file()):
            return found[0]
    return None


def _names(with_files: bool = False) -> str:
    return ", ".join(f"{f.name} ({f.files})" if with_files else f.name for f in FORMATS)


def _in_folder(folder: Path, remedy: str) -> Path:
    """Find the calibration that a folder holds."""
    found = _first(folder, FOLDER_PATTERNS)
    if found is None:
        raise CalibrationError("There is no calibration in this folder.", remedy, folder)
    return found


__all__ = ["FORMATS", "RigFormat", "Source", "Written", "find_rig", "load_rig", "rig_format", "save_rig"]
