"""A recording to process: what ``mocap process`` takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from mocap.core.progress import CancelToken
from mocap.gui.presenters.jobs import Finished, Stages, Tell, steps
from mocap.gui.presenters.words import STAGES

if TYPE_CHECKING:
    from mocap.pipeline.settings import PipelineSettings


@dataclass(frozen=True)
class ProcessJob:
    """A recording to process.

    Attributes
    ----------
    preset : str
        Name of a preset, or path of one's own.
    settings : PipelineSettings or None
        In place of the preset's, where something was changed.
    """

    title: str
    path: Path
    preset: str
    calibration: Path | None = None
    out: Path | None = None
    settings: PipelineSettings | None = None
    stages: ClassVar[Stages] = STAGES

    def run(self, tell: Tell, cancel: CancelToken) -> Finished:
        """Process it."""
        from mocap.pipeline.run import ProcessRequest, process
        from mocap.pipeline.settings import load_settings

        settings = load_settings(self.preset) if self.settings is None else self.settings
        result = process(ProcessRequest(self.path, settings, self.calibration, self.out), steps(tell), cancel)
        return Finished(result.folder, result.reused, result.summary.warnings)
