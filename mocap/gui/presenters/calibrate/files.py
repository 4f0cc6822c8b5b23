"""Calibrations of other programs, taken in and given out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from calibration.errors import CalibrationError
from calibration.formats import FORMATS, load_rig, save_rig
from mocap.core.errors import StorageError
from mocap.gui.presenters.calibrate.world import RIG_FILE, replace_rig

# What the programs are called, and what each file is good for; those that can only be read are left out.
PROGRAMS = {
    "anipose": ("Anipose, and this program", "One TOML file."),
    "caliscope": ("Caliscope", "camera_array.toml"),
    "freemocap": ("FreeMoCap", "A camera calibration TOML."),
    "pose2sim": ("Pose2Sim", "Calib.toml"),
    "opencap": ("OpenCap", "A folder per camera with a pickle file."),
    "easymocap": ("EasyMocap", "intri.yml and extri.yml in a folder."),
    "qualisys": ("Qualisys Track Manager", "A .qca.txt file."),
    "opencv": ("OpenCV", "A YAML file per camera in a folder."),
}
SUFFIXES = {
    "anipose": ".toml",
    "caliscope": ".toml",
    "freemocap": ".toml",
    "pose2sim": ".toml",
    "qualisys": ".qca.txt",
}
READABLE = ", ".join(known.name for known in FORMATS)


@dataclass(frozen=True)
class ExportChoice:
    """A program to write for."""

    name: str
    title: str
    about: str

    @property
    def is_folder(self) -> bool:
        """Whether several files are written, into a folder."""
        return self.name not in SUFFIXES

    def default_path(self, rig_file: Path) -> Path:
        """Where it would be written if nobody says otherwise: beside the calibration, under a name of its own."""
        folder = rig_file.parent / "exports"
        if self.name == "caliscope":
            return folder / "camera_array.toml"
        if self.name == "pose2sim":
            return folder / "Calib.toml"
        return folder / f"{self.name}{SUFFIXES.get(self.name, '')}"


def export_choices() -> tuple[ExportChoice, ...]:
    """Programs that a calibration can be written for."""
    return tuple(ExportChoice(name, *words) for name, words in PROGRAMS.items())


def export_rig(rig_file: Path, choice: ExportChoice, target: Path) -> tuple[str, ...]:
    """Write a calibration for another program; returns in sentences what its format cannot hold.

    Raises
    ------
    ExplainedError
        If it cannot be written.
    """
    if target.resolve() == rig_file.resolve():
        raise StorageError("This is the calibration itself.", "Choose another name.", target)
    if choice.is_folder:
        target.mkdir(parents=True, exist_ok=True)
    return save_rig(load_rig(rig_file), target, choice.name)


def import_rig(source: Path, folder: Path) -> Path:
    """Make a calibration of another program the one of a folder; a former one is kept under a number.

    Raises
    ------
    ExplainedError
        If it cannot be read or written.
    """
    rig = load_rig(source)
    if len(rig.cameras) == 0:
        raise CalibrationError("This calibration has no cameras.", "Choose another file.", source)
    target = folder / "calibration" / RIG_FILE
    replace_rig(target, lambda path: save_rig(rig, path, "anipose"))
    return target
