"""Calibration files of other programs: one module per format, and the registry."""

from __future__ import annotations

from pathlib import Path

from calibration.camera import CameraRig
from calibration.errors import CalibrationError
from calibration.files import atomic_write
from calibration.formats.anipose import AniposeFormat
from calibration.formats.pose2sim import Pose2SimFormat
from calibration.formats.protocol import RigFormat
from calibration.formats.qualisys import QualisysFormat

# Tried in this order: Pose2Sim's files would pass for Anipose's.
FORMATS: tuple[RigFormat, ...] = (QualisysFormat(), Pose2SimFormat(), AniposeFormat())

# Where a calibration lies beside a recording: ours, Anipose's, Qualisys', Pose2Sim's. A Qualisys file comes
# before what Pose2Sim makes of it, since that has lost the distortion.
RIG_PATTERNS = ("rig.toml", "calibration.toml", "*.qca.txt", "[Cc]alib*.toml")

# A calibration file is a few kilobytes; a video given by mistake shall not be read into memory.
LARGEST_FILE_BYTES = 10_000_000


def rig_format(name: str) -> RigFormat:
    """Return the format of that name."""
    for known in FORMATS:
        if known.name == name:
            return known
    raise CalibrationError(f"There is no calibration format '{name}'.", f"Choose one of: {_names()}.")


def load_rig(path: Path, format: str | None = None) -> CameraRig:
    """Read a calibration file.

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
    text = _read_text(path)
    if format is not None:
        return rig_format(format).read(path, text)
    for candidate in FORMATS:
        if candidate.recognises(path, text):
            return candidate.read(path, text)
    if path.suffix == ".toml":
        # Broken TOML is of no known format either; the parser says where it breaks.
        return AniposeFormat().read(path, text)
    raise CalibrationError(
        "This is no calibration file of a known format.", f"Known are: {_names(with_files=True)}.", path
    )


def save_rig(rig: CameraRig, path: Path, format: str) -> tuple[str, ...]:
    """Write a calibration file, whole or not at all.

    Returns
    -------
    tuple of str
        In sentences, what the format cannot hold; empty if nothing is lost.

    Raises
    ------
    CalibrationError
        If the format cannot be written.
    StorageError
        If the disk refuses.
    """
    content, dropped = rig_format(format).write(rig)
    with atomic_write(path) as draft:
        draft.write_text(content, encoding="utf-8", newline="\n")
    return dropped


def find_rig(folder: Path) -> Path | None:
    """Find the calibration that belongs to a recording.

    Looks into the folder, its ``calibration`` folder, and the same one and two levels up, where sessions
    (trials/<name>) and Pose2Sim's projects keep it.
    """
    start = folder.resolve()
    for base in (start, start.parent, start.parent.parent):
        for place in (base, base / "calibration"):
            for pattern in RIG_PATTERNS:
                found = sorted(p for p in place.glob(pattern) if p.is_file())
                if found:
                    return found[0]
    return None


def _names(with_files: bool = False) -> str:
    return ", ".join(f"{f.name} ({f.files})" if with_files else f.name for f in FORMATS)


def _read_text(path: Path) -> str:
    remedy = f"Give a calibration file: {_names(with_files=True)}."
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise CalibrationError("This is far too large for a calibration file.", remedy, path)
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise CalibrationError("There is no such calibration file.", remedy, path) from error
    except UnicodeDecodeError as error:
        raise CalibrationError("This is not a text file.", remedy, path) from error
    except OSError as error:
        raise CalibrationError(f"The calibration file cannot be read: {error.strerror}.", remedy, path) from error


__all__ = ["FORMATS", "RigFormat", "find_rig", "load_rig", "rig_format", "save_rig"]
