"""Where things lie in a session folder.

session.toml
calibration/rig.toml
trials/<name>/trial.toml, raw/<camera>.mp4
trials/<name>/runs/<id>/poses2d.npz ... exports/ overlays/ report.html run.toml
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

DATA_DIR_VARIABLE = "MOCAP_SESSIONS"


def data_dir() -> Path:
    """Folder that holds the sessions: $MOCAP_SESSIONS, a checkout's ``sessions``, or the user's documents."""
    if chosen := os.environ.get(DATA_DIR_VARIABLE):
        return Path(chosen).expanduser()
    checkout = Path(__file__).parents[2]
    if (checkout / "pyproject.toml").is_file():
        return checkout / "sessions"
    return Path(platformdirs.user_documents_dir()) / "mocap"


def use_data_dir(folder: Path) -> None:
    """Make another folder the one that holds the sessions, for this process and those that it starts."""
    os.environ[DATA_DIR_VARIABLE] = str(folder)


@dataclass(frozen=True)
class RunFolder:
    """One run; complete once ``manifest`` is there, and never changed after."""

    root: Path

    @property
    def manifest(self) -> Path:
        """Written last: configuration, inputs, figures."""
        return self.root / "run.toml"

    @property
    def parts(self) -> Path:
        """Detections of an unfinished run, a file per stretch of frames."""
        return self.root / "poses2d.parts"

    @property
    def exports(self) -> Path:
        """Files for other programs."""
        return self.root / "exports"

    @property
    def overlays(self) -> Path:
        """Videos with what was found drawn in."""
        return self.root / "overlays"

    @property
    def report(self) -> Path:
        """What a person reads."""
        return self.root / "report.html"

    def stage(self, name: str) -> Path:
        """Arrays that a stage made."""
        return self.root / f"{name}.npz"


@dataclass(frozen=True)
class TrialFolder:
    """One recording and what was computed from it."""

    root: Path

    @property
    def name(self) -> str:
        """Name of the trial."""
        return self.root.name

    @property
    def manifest(self) -> Path:
        """Which videos belong to the trial, where they are not in ``raw``."""
        return self.root / "trial.toml"

    @property
    def raw(self) -> Path:
        """The videos."""
        return self.root / "raw"

    @property
    def truth(self) -> Path:
        """What the studio knows about its own film."""
        return self.root / "truth.npz"

    @property
    def runs(self) -> Path:
        """One folder a run."""
        return self.root / "runs"

    def run(self, run_id: str) -> RunFolder:
        """Folder of a run by its id."""
        return RunFolder(self.runs / run_id)


@dataclass(frozen=True)
class SessionFolder:
    """One visit of one person: one calibration, several trials."""

    root: Path

    @property
    def manifest(self) -> Path:
        """Who, when, with what consent."""
        return self.root / "session.toml"

    @property
    def rig(self) -> Path:
        """Calibrated cameras, in the layout of Anipose."""
        return self.root / "calibration" / "rig.toml"

    def trial(self, name: str) -> TrialFolder:
        """Folder of a trial by its name."""
        return TrialFolder(self.root / "trials" / name)

    @property
    def trials(self) -> tuple[TrialFolder, ...]:
        """Trials that are there, by name."""
        folder = self.root / "trials"
        inner = sorted(folder.iterdir()) if folder.is_dir() else []
        # Names with a leading dot or @ are what file systems and storage boxes keep for themselves.
        return tuple(TrialFolder(path) for path in inner if path.is_dir() and path.name[0] not in ".@")
