"""A recording to process: what ``mocap process`` takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mocap.core.progress import CancelToken
from mocap.gui.presenters.jobs import Finished, Stages, Tell, steps
from mocap.gui.presenters.words import STAGES


@dataclass(frozen=True)
class ProcessJob:
    """A recording to process."""

    title: str
    path: Path
    preset: str
    calibration: Path | None = None
    out: Path | None = None
    stages: ClassVar[Stages] = STAGES

    def run(self, tell: Tell, cancel: CancelToken) -> Finished:
        """Process it."""
        from mocap.pipeline.run import ProcessRequest, process
        from mocap.pipeline.settings import load_settings

        wanted = ProcessRequest(self.path, load_settings(self.preset), self.calibration, self.out)
        result = process(wanted, steps(tell), cancel)
        return Finished(result.folder, result.reused, result.summary.warnings)
