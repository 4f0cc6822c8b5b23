"""Recording while live capture looks: every picture is written as it came, the newest are decoded beside it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType

from mocap.capture.beside import Beside, turned
from mocap.capture.events import Note, Status
from mocap.capture.feed import CameraPlan
from mocap.capture.recorder import Recorder
from mocap.capture.source import CameraSource
from mocap.core.errors import ExplainedError
from mocap.pipeline.live.watched import WatchedSource
from mocap.pipeline.recording.record import Recorded, place, register


class LiveRecording:
    """Records a trial of the cameras that live capture looks at, ``sources``; a context manager.

    Entering opens the cameras, leaving lets go of them and, where nobody called ``stop``, ends the recording.

    Parameters
    ----------
    cameras : mapping of str to CameraSource
        Such as hand over pictures as they are coded, where they are.
    out : Path
        ``SESSION/TRIAL``.
    calibration : Path or None
        Rig for the session, if it has none.
    listen : callable, optional
        Takes what the recorder tells.
    rotations_deg : mapping of str to int
        Quarter turns clockwise by camera, degrees.
    """

    def __init__(
        self,
        cameras: Mapping[str, CameraSource],
        out: Path,
        calibration: Path | None,
        listen: Callable[[Note | Status], None] | None = None,
        rotations_deg: Mapping[str, int] | None = None,
    ) -> None:
        self._session, self._trial = place(out)
        self._calibration = calibration
        turns = {name: (rotations_deg or {}).get(name, 0) for name in cameras}
        plans = [CameraPlan(name, source, turns[name]) for name, source in cameras.items()]
        self.recorder = Recorder(plans, self._trial.raw)
        if listen is not None:
            self.recorder.events.subscribe(listen)
        self._views = {
            name: Beside(name, dress=partial(turned, quarters=turn // 90)) for name, turn in turns.items()
        }
        for name, view in self._views.items():
            self.recorder.look_through(name, view)
        self.sources = tuple(WatchedSource(name, view, self._over) for name, view in self._views.items())
        self._recorded: Recorded | None = None

    def __enter__(self) -> LiveRecording:
        """Open the cameras; see ``Recorder``."""
        self.recorder.__enter__()
        return self

    def start(self) -> None:
        """Begin to record; see ``Recorder.start``. For ``LiveSetup.before``."""
        register(self._session, self._calibration)
        self.recorder.start()

    def stop(self) -> Recorded:
        """End the recording; see ``Recorder.stop``."""
        if self._recorded is None:
            self._recorded = Recorded(self._trial.root, self.recorder.stop())
        return self._recorded

    @property
    def skipped(self) -> dict[str, int]:
        """Pictures by camera that were recorded and never decoded, because decoding was behind."""
        return {name: view.skipped for name, view in self._views.items()}

    def _over(self) -> bool:
        return self.recorder.done

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(*((ExplainedError,) if error is not None else ())):  # the first error is told
            self.recorder.__exit__(kind, error, trace)
        for view in self._views.values():
            view.close()
