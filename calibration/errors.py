"""Errors that are written for the person who has to mend them."""

from __future__ import annotations

from pathlib import Path


class ExplainedError(Exception):
    """An error that names what failed, why, and what to do about it.

    Parameters
    ----------
    what : str
        What went wrong, in one sentence, with the cause.
    remedy : str
        What the user can do about it.
    path : Path or None
        The file or folder concerned.
    """

    def __init__(self, what: str, remedy: str, path: Path | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.path = path

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path is not None else ""
        return f"{where}{self.what} {self.remedy}"


class CalibrationError(ExplainedError):
    """A calibration that cannot be read, or that does not fit what it is used for."""


class StorageError(ExplainedError):
    """A file that could not be written: the disk is full, read-only, or not ours."""


class MissingExtraError(ExplainedError):
    """An optional dependency that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(what, f"Install it with: pip install 'openmocap[{extra}]'")


class CancelledError(ExplainedError):
    """The user stopped the work; what is done so far is kept."""

    def __init__(self) -> None:
        super().__init__("Stopped.", "Run the same command again to go on from here.")
