"""Files that are written while the camera runs and stay readable whatever ends it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from calibration.files import explain_write_error
from mocap.core.errors import StorageError

Write = Callable[[int, memoryview], int]

# On Windows a descriptor translates line ends unless told not to.
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def _write(descriptor: int, data: memoryview) -> int:
    return os.write(descriptor, data)


class GuardedFile:
    """A file for a muxer to write to, that keeps what is good when the disk refuses.

    Nothing is buffered here: what was written has reached the system and survives the end of the process. At
    the first refusal the file is cut back to the last ``mark`` and takes nothing more, but lets the muxer go
    on: its closing words, which would declare whole what is not, do not reach the disk.

    Parameters
    ----------
    path : Path
        Must not exist.
    write : callable
        Stands in for ``os.write`` in tests.
    """

    def __init__(self, path: Path, write: Write = _write) -> None:
        self._path, self._write = path, write
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, _FLAGS, 0o644)
        except OSError as error:
            raise explain_write_error(error, path) from error
        self._position = self._size = self._marked = 0
        self.error: StorageError | None = None

    def write(self, data: bytes) -> int:
        """Write all of it, or none."""
        if self.error is None:
            rest = memoryview(data)
            try:
                while rest:
                    rest = rest[self._write(self._descriptor, rest) :]
            except OSError as error:
                self.error = explain_write_error(error, self._path)
                os.ftruncate(self._descriptor, self._marked)
        self._position += len(data)
        self._size = max(self._size, self._position)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move as ``io`` files do."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = start + offset
        if self.error is None:
            os.lseek(self._descriptor, self._position, os.SEEK_SET)
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def mark(self) -> None:
        """Note that what is written so far can be read; cut back to here if the disk refuses later."""
        if self.error is None:
            self._marked = self._size

    def check(self) -> None:
        """Raise StorageError if the disk has refused."""
        if self.error is not None:
            raise self.error

    @property
    def size(self) -> int:
        """Bytes written."""
        return self._marked if self.error is not None else self._size

    def close(self) -> None:
        """Flush to the disk and close."""
        if self._descriptor < 0:
            return
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            self.error = self.error or explain_write_error(error, self._path)
        os.close(self._descriptor)
        self._descriptor = -1


class TimesFile:
    """``timestamps.csv``: a row for each picture written, flushed with it; several cameras share it.

    Columns: ``cam_id``; ``frame_time``, when it was taken, on the computer's monotonic clock, s; ``camera_time``,
    the camera's own stamp, s, empty where it gives none; ``arrival_time``, s.
    """

    HEADER = "cam_id,frame_time,camera_time,arrival_time\n"

    def __init__(self, path: Path, write: Write = _write) -> None:
        self._file = GuardedFile(path, write)
        self._lock = threading.Lock()
        self._file.write(self.HEADER.encode())
        self._file.mark()
        self._file.check()

    def add(self, camera: str, t_ns: int, camera_ns: int | None, arrival_ns: int) -> None:
        """Write a row, whole or not at all.

        Raises
        ------
        StorageError
            If the disk refuses.
        """
        own = "" if camera_ns is None else f"{camera_ns / 1e9:.6f}"
        row = f"{_quoted(camera)},{t_ns / 1e9:.6f},{own},{arrival_ns / 1e9:.6f}\n"
        with self._lock:
            self._file.write(row.encode())
            self._file.check()
            self._file.mark()

    def close(self) -> None:
        """Close it."""
        with self._lock:
            self._file.close()


def _quoted(name: str) -> str:
    """Name for a CSV cell (RFC 4180)."""
    return '"' + name.replace('"', '""') + '"' if set(name) & set(',"\r\n') else name
