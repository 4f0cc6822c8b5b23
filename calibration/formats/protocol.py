"""What a calibration file format must be able to do."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from calibration.camera import CameraRig
from calibration.errors import CalibrationError

# The key, in ``Written.files``, of the file that the user named.
NAMED_FILE = ""

# A calibration file is a few kilobytes; a video given by mistake shall not be read into memory.
LARGEST_FILE_BYTES = 10_000_000

# How a file says in its first bytes how its text is coded; Motive writes UTF-16.
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class Source:
    """A file that was read: where it lies, and its bytes."""

    path: Path
    data: bytes

    @cached_property
    def text_if_any(self) -> str | None:
        """The content as text, or None if it is not text."""
        coding = next((name for mark, name in BYTE_ORDER_MARKS.items() if self.data.startswith(mark)), "utf-8")
        try:
            return self.data.decode(coding)
        except UnicodeDecodeError:
            return None

    @property
    def text(self) -> str:
        """The content as text, or CalibrationError."""
        if self.text_if_any is None:
            raise CalibrationError("This is not a text file.", "Give a file of this format.", self.path)
        return self.text_if_any


def read_source(path: Path, remedy: str = "Export the calibration again.") -> Source:
    """Read a file, or raise CalibrationError with this remedy."""
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise CalibrationError("This is far too large for a calibration file.", remedy, path)
        return Source(path, path.read_bytes())
    except FileNotFoundError as error:
        raise CalibrationError("There is no such calibration file.", remedy, path) from error
    except OSError as error:
        raise CalibrationError(f"The calibration file cannot be read: {error.strerror}.", remedy, path) from error


@dataclass(frozen=True)
class Written:
    """What a format writes.

    Attributes
    ----------
    files : mapping of str to bytes
        Content by file name; ``NAMED_FILE`` stands for the file that the user named, other names lie in the
        folder that the user named.
    dropped : tuple of str
        In sentences, what of the rig the format cannot hold.
    """

    files: Mapping[str, bytes]
    dropped: tuple[str, ...] = ()


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

    def recognises(self, source: Source) -> bool:
        """Whether the content is of this format; never raises."""
        ...

    def read(self, source: Source) -> CameraRig:
        """Read a rig, together with the files beside it that belong to the same rig.

        Raises
        ------
        CalibrationError
            Naming the file, the key and what to do.
        """
        ...

    def write(self, rig: CameraRig) -> Written:
        """Return the content of the format's file or files, and what of the rig they cannot hold.

        Raises
        ------
        CalibrationError
            If the format cannot be written, or cannot hold a camera.
        """
        ...
