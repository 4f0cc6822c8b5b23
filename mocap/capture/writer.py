"""Writes the pictures of one camera in one recording, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from mocap.capture.backlog import Backlog, Timed
from mocap.capture.resilient import TimesFile
from mocap.capture.track import Quality, Track
from mocap.core.errors import CameraError, ExplainedError


class Writer:
    """Takes pictures from its queue and writes each with its time.

    Parameters
    ----------
    name : str
        The camera's.
    path : Path
        Of the video.
    times : TimesFile
    rate_hz : float
        Nominal, Hz; NaN where unknown.
    quality : Quality
    rotation_deg : int
    capacity : int
        Of the queue, bytes.
    failed : callable
        Takes what ends the whole recording: a full disk, a picture that cannot be encoded.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        times: TimesFile,
        rate_hz: float,
        quality: Quality,
        rotation_deg: int,
        capacity: int,
        failed: Callable[[ExplainedError], None],
    ) -> None:
        self._name, self.path, self._times, self._rate = name, path, times, rate_hz
        self._quality, self._rotation, self._failed = quality, rotation_deg, failed
        self.backlog = Backlog(capacity)
        self.recorded = 0
        self.first_ns: int | None = None
        self.last_ns: int | None = None
        self._track: Track | None = None
        self._written: Timed | None = None
        self._thread = threading.Thread(target=self._write, name=f"write {name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; what waits is written first."""
        self.backlog.close()
        self._thread.join()

    @property
    def n_bytes(self) -> int:
        """Bytes written."""
        return self._track.n_bytes if self._track is not None else 0

    @property
    def codec(self) -> str:
        """How the pictures are kept; empty before the first."""
        return self._track.codec if self._track is not None else ""

    def _write(self) -> None:
        try:
            while (timed := self.backlog.get()) is not None:
                self._write_one(timed)
        except Exception as error:  # of whatever kind: nobody would notice that nothing is written
            self._failed(explained(error))
        finally:
            self.backlog.close()
            if self._track is not None:
                self._end_file(self._track)

    def _end_file(self, track: Track) -> None:
        track.close()
        if track.error is not None:
            self._failed(track.error)
            return
        try:
            self._add_row()
        except ExplainedError as error:
            self._failed(error)

    def _add_row(self) -> None:
        if self._written is not None:
            picture = self._written.picture
            self._times.add(self._name, self._written.t_ns, picture.camera_ns, picture.arrival_ns)
        self._written = None

    def _write_one(self, timed: Timed) -> None:
        if self._track is None:
            self._track = Track(self.path, timed.picture, self._rate, self._quality, self._rotation)
        self._track.write(timed.picture, timed.t_ns)
        # A picture reaches the disk when the next one is written; its row must not be there before it.
        self._add_row()
        self._written = timed
        self.recorded += 1
        self.first_ns = timed.t_ns if self.first_ns is None else min(self.first_ns, timed.t_ns)
        self.last_ns = max(self.last_ns or timed.t_ns, timed.t_ns)


def explained(error: Exception) -> ExplainedError:
    """Put an error of the camera's software into words."""
    if isinstance(error, ExplainedError):
        return error
    return CameraError(f"Its software failed: {error!r}.", "Restart the camera, or leave it out.")
