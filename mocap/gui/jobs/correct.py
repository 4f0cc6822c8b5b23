"""A finished run made anew with corrections."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mocap.core.progress import CancelToken
from mocap.gui.presenters.jobs import Finished, Stages, Tell, steps
from mocap.gui.presenters.words import STAGES
from mocap.pipeline.edits.files import EditFile


@dataclass(frozen=True)
class CorrectedJob:
    """The run in ``folder`` with these edits; they are those of the moment it was ordered."""

    title: str
    folder: Path
    edits: EditFile
    stages: ClassVar[Stages] = STAGES

    @classmethod
    def of(cls, name: str, folder: Path, edits: EditFile) -> CorrectedJob:
        """Name the job by the trial and how much was put right."""
        count = len(edits.edits)
        return cls(f"{name} · {count} correction{'' if count == 1 else 's'}", folder, edits)

    def run(self, tell: Tell, cancel: CancelToken) -> Finished:
        """Make the run."""
        from mocap.pipeline.edits.again import process_again

        result = process_again(self.folder, self.edits, steps(tell), cancel)
        return Finished(result.folder, result.reused, result.summary.warnings)
