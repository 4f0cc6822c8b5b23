"""One writer a data folder: a lock that the system itself lets go when its holder dies."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from calibration.files import explain_write_error
from mocap.core.errors import SessionError

LOCK_NAME = ".openmocap.lock"
# Windows keeps others from reading a locked byte, so the one that is locked lies far behind the words.
LOCKED_BYTE = 1 << 30
LONGEST_WORDS = 200
TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


@dataclass(frozen=True)
class Taken:
    """Somebody else has the folder; ``holder`` says who, as far as they wrote it down."""

    holder: str


class FolderLock:
    """The right to change a folder, held until it is let go or the process ends, however it ends."""

    def __init__(self, file: BinaryIO) -> None:
        self._file: BinaryIO | None = file

    def release(self) -> None:
        """Let others in; the file stays, as whoever waits for it holds it open."""
        if self._file is None:
            return
        file, self._file = self._file, None
        with contextlib.suppress(OSError):
            file.truncate(0)
        file.close()


def lock_folder(folder: Path) -> FolderLock | Taken:
    """Take a folder for this process, or say who has it; never waits.

    A file left behind by a process that died does not count: what counts is the system's own lock on it.

    Raises
    ------
    StorageError
        If the folder cannot be written to.
    SessionError
        If its disk knows no locks.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    except OSError as error:
        raise explain_write_error(error, folder) from error
    file = os.fdopen(handle, "r+b", buffering=0)
    try:
        _lock(handle)
    except OSError as error:
        words = file.read(LONGEST_WORDS).decode("utf-8", "replace").strip()
        file.close()
        if error.errno in TAKEN:
            return Taken(words or "another window")
        raise SessionError(
            f"This disk knows no locks ({error.strerror}), so that two windows could change the same session.",
            "Keep the sessions on a disk of this computer, or open them in one window only.",
            folder,
        ) from error
    with contextlib.suppress(OSError):  # a full disk must not keep anybody from looking
        file.truncate(0)
        file.seek(0)
        file.write(_who().encode())
    return FolderLock(file)


def _who() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}, since {datetime.now():%d %b, %H:%M}"


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        os.lseek(handle, LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        os.lseek(handle, 0, os.SEEK_SET)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
