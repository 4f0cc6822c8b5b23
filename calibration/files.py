"""Files that are either whole or not there: a power cut leaves the old one or the new one, never half."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from calibration.errors import StorageError

# What the system says, in words of the person who can do something about it: what failed, and the remedy.
EXPLAINED = {
    errno.ENOSPC: ("The disk is full.", "Free some space, or choose a folder on another disk, and run again."),
    errno.EDQUOT: ("Your quota on this disk is used up.", "Free some space, or choose a folder on another disk."),
    errno.EFBIG: ("The file would be larger than this disk or system allows.", "Choose a folder on another disk."),
    errno.EROFS: ("The disk can only be read.", "Choose a folder on a disk that can be written to."),
    errno.EACCES: (
        "Writing is not allowed here, or another program holds the file open.",
        "Close the file in other programs, or choose a folder of your own.",
    ),
    errno.EPERM: ("Writing is not allowed here.", "Choose a folder of your own."),
    errno.ENOTDIR: ("A part of this path is a file, not a folder.", "Choose another folder."),
    errno.EEXIST: ("A file of this name is in the way.", "Remove or rename it, or choose another folder."),
    errno.ENOENT: ("There is no such place.", "Check the path, or choose another folder."),
    errno.EISDIR: ("A folder of this name is in the way.", "Remove or rename it, or choose another folder."),
    errno.ENAMETOOLONG: ("The name is too long for this disk.", "Choose a shorter name or folder."),
    errno.EIO: (
        "The disk reports a read or write error.",
        "Check the disk and its cable, and keep a copy of the data.",
    ),
}


def explain_write_error(error: OSError, path: Path) -> StorageError:
    """Say in plain words why ``path`` could not be written, and what to do about it."""
    what, remedy = EXPLAINED.get(
        error.errno or 0, (f"The file could not be written: {error}.", "Check the folder, or choose another one.")
    )
    return StorageError(what, remedy, path)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Write a file so that it appears whole or not at all.

    Yields a path in the same folder for the caller to write to, with the same suffix, because some writers
    choose their format by it. When the block ends, the file is flushed to the disk and renamed onto
    ``path``; when the block fails or is interrupted, it is removed and ``path`` is as it was. Missing
    folders are made. A block that only reads elsewhere should do so before, as every failure of the system
    in here is told as a failure to write.

    Raises
    ------
    StorageError
        If the system refuses: disk full, read-only, not allowed.
    """
    if path.is_dir():
        raise explain_write_error(IsADirectoryError(errno.EISDIR, "is a folder"), path)
    draft = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        # Opened for writing, because Windows flushes no file that is open for reading only.
        with draft.open("rb+") as written:
            os.fsync(written.fileno())
        os.replace(draft, path)
        _flush_folder(path.parent)
    except OSError as error:
        raise explain_write_error(error, path) from error
    finally:
        _remove(draft)


def _remove(draft: Path) -> None:
    """Remove a draft that is left over; what cannot be removed must not hide the first error."""
    try:
        draft.unlink(missing_ok=True)
    except OSError:
        return


def _flush_folder(folder: Path) -> None:
    """Make the renaming itself survive a power cut; Windows has no such call and does not need one."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
