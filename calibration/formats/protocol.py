"""What a calibration file format must be able to do."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from calibration.camera import CameraRig


class RigFormat(Protocol):
    """Reads and writes one foreign calibration format."""

    @property
    def name(self) -> str:
        """Short name, as typed on the command line."""
        ...

    @property
    def files(self) -> str:
        """What its files are called, for people."""
        ...

    def recognises(self, path: Path, text: str) -> bool:
        """Whether the content is of this format; never raises."""
        ...

    def read(self, path: Path, text: str) -> CameraRig:
        """Read a rig.

        Raises
        ------
        CalibrationError
            Naming the file, the key and what to do.
        """
        ...

    def write(self, rig: CameraRig) -> tuple[str, tuple[str, ...]]:
        """Return the file's content, and in sentences what of the rig it cannot hold.

        Raises
        ------
        CalibrationError
            If the format cannot be written.
        """
        ...
