"""Finding the clocks of a trial's cameras: what ``mocap sync`` does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mocap.core.progress import CancelToken
from mocap.gui.presenters.jobs import Finished, Stages, Tell, steps


@dataclass(frozen=True)
class SyncJob:
    """Ask ``methods`` about the clocks of a trial, and write what they find to ``out``."""

    title: str
    path: Path
    methods: tuple[str, ...]
    out: Path
    stages: ClassVar[Stages] = {
        "listen": ("Listening", 0.05),
        "compare sounds": ("Comparing sounds", 0.10),
        "brightness": ("Looking for flashes", 0.10),
        "board": ("Finding the board", 0.15),
        "detect": ("Finding people", 0.50),
        "compare motion": ("Comparing movements", 0.10),
    }

    def run(self, tell: Tell, cancel: CancelToken) -> Finished:
        """Find them."""
        from mocap.pipeline.sync.synchronise import SyncRequest, synchronise

        found = synchronise(SyncRequest(self.path, methods=self.methods, out=self.out), steps(tell), cancel)
        mute = tuple(silence.reason for silence in found.silences)
        return Finished(found.file, warnings=(*found.notes, *mute), opens="")
