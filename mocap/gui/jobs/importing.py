"""A folder of another program to take in: what ``mocap import`` does. And its detections to process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mocap.core.progress import CancelToken
from mocap.gui.presenters.jobs import Finished, Stages, Tell, steps
from mocap.gui.presenters.words import STAGES
from mocap.pipeline.taking import COPY, TakeRequest, take_in


@dataclass(frozen=True)
class ImportJob:
    """A folder to take into the library."""

    title: str
    request: TakeRequest
    stages: ClassVar[Stages] = {COPY: ("Copying the videos", 1.0)}

    def run(self, tell: Tell, cancel: CancelToken) -> Finished:
        """Make the session."""
        made = take_in(self.request, steps(tell), cancel)
        return Finished(made.trials[0] if len(made.trials) == 1 else made.session, False, made.warnings, "library")


@dataclass(frozen=True)
class PosesJob:
    """A trial whose people another program found already: processed from there on."""

    title: str
    poses: Path
    trial: Path
    preset: str = "balanced"
    stages: ClassVar[Stages] = STAGES

    def run(self, tell: Tell, cancel: CancelToken) -> Finished:
        """Process it."""
        from mocap.pipeline.imported import ImportRequest
        from mocap.pipeline.run import process_imported
        from mocap.pipeline.settings import load_settings

        source = ImportRequest(self.poses, videos=self.trial)
        result = process_imported(source, load_settings(self.preset), progress=steps(tell), cancel=cancel)
        return Finished(result.folder, result.reused, result.summary.warnings)
