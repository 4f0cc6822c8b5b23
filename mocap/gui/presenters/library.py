"""The library: sessions, trials and runs of the data folder, as they lie there; nothing is stored twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from mocap.core.errors import ExplainedError
from mocap.core.summary import RunSummary
from mocap.gui.presenters.changes import Changes, Later
from mocap.gui.presenters.words import Trouble, number, trouble_of
from mocap.session import (
    RunFolder,
    RunManifest,
    SessionFolder,
    SessionManifest,
    TrialFolder,
    TrialManifest,
    data_dir,
    read_manifest,
)

RunState = Literal["finished", "unfinished", "unreadable"]
TrialState = Literal["Ready to review", "Unfinished run", "Not processed", "Videos gone", "Unreadable"]

COLUMNS = ("Session", "Participant", "Trial", "Date", "Views", "State", "In 3D", "Reprojection")


@dataclass(frozen=True)
class RunEntry:
    """One run: what its folder says of it."""

    folder: Path
    state: RunState
    made: datetime
    description: str = ""
    summary: RunSummary | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True)
class TrialEntry:
    """One recording with its runs, newest first."""

    session: str
    participant: str
    date: str
    folder: Path
    session_folder: Path
    state: TrialState
    videos: tuple[tuple[str, Path], ...] = ()
    runs: tuple[RunEntry, ...] = ()
    trouble: Trouble | None = None

    @property
    def name(self) -> str:
        """Name of the trial."""
        return self.folder.name

    @property
    def best(self) -> RunEntry | None:
        """The newest finished run."""
        return next((run for run in self.runs if run.state == "finished"), None)

    @property
    def cells(self) -> tuple[str, ...]:
        """What the table shows, in the order of ``COLUMNS``."""
        run = self.best
        figures = run.summary if run else None
        share = 100 * figures.frames_3d / max(1, figures.frames) if figures else float("nan")
        error = figures.reproj_px_median if figures else float("nan")
        count = str(len(self.videos)) if self.videos else "–"
        shown = (number(share, "%", 0), number(error, "px"))
        return (self.session, self.participant, self.name, self.date, count, self.state, *shown)


def read_library(root: Path) -> tuple[TrialEntry, ...]:
    """Read all sessions below a folder; what cannot be read is listed with what is wrong with it."""
    if not root.is_dir():
        return ()
    entries: list[TrialEntry] = []
    for folder in sorted(root.iterdir()):
        session = SessionFolder(folder)
        if folder.name[0] in ".@" or not session.manifest.is_file():
            continue
        try:
            told = read_manifest(session.manifest, SessionManifest)
        except ExplainedError as error:
            trouble = trouble_of(error)
            unread = TrialEntry(folder.name, "–", "–", folder, folder, "Unreadable", trouble=trouble)
            entries.append(unread)
            continue
        date = str(told.recorded_on or "")
        entries += [_trial(trial, told, date, folder) for trial in session.trials]
    return tuple(entries)


def _trial(trial: TrialFolder, told: SessionManifest, date: str, session: Path) -> TrialEntry:
    """Read one trial and its runs."""
    made = datetime.fromtimestamp(trial.root.stat().st_mtime)
    entry = TrialEntry(told.id, told.participant, date or f"{made:%Y-%m-%d}", trial.root, session, "Not processed")
    try:
        videos = trial_videos(trial)
    except ExplainedError as error:
        return replace(entry, state="Unreadable", trouble=trouble_of(error))
    folders = [path for path in trial.runs.iterdir() if path.is_dir()] if trial.runs.is_dir() else []
    runs = sorted((_run(RunFolder(path)) for path in folders), key=lambda run: run.made, reverse=True)
    state: TrialState = "Not processed"
    if any(run.state == "finished" for run in runs):
        state = "Ready to review"
    elif videos and not all(path.is_file() for _, path in videos):
        state = "Videos gone"
    elif runs:
        state = "Unfinished run"
    return replace(entry, state=state, videos=videos, runs=tuple(runs))


def trial_videos(trial: TrialFolder) -> tuple[tuple[str, Path], ...]:
    """Videos of a trial by camera: those that its manifest names, else those that lie in ``raw``."""
    if trial.manifest.is_file():
        named = read_manifest(trial.manifest, TrialManifest).videos
        return tuple((camera, (trial.root / file).resolve()) for camera, file in named.items())
    if not trial.raw.is_dir():
        return ()
    from mocap.capture import find_videos

    return tuple(find_videos(trial.root).items())


def _run(run: RunFolder) -> RunEntry:
    """Read one run."""
    made = datetime.fromtimestamp(run.root.stat().st_mtime)
    if not run.manifest.is_file():
        return RunEntry(run.root, "unfinished", made)
    try:
        told = read_manifest(run.manifest, RunManifest)
    except ExplainedError as error:
        return RunEntry(run.root, "unreadable", made, trouble=trouble_of(error))
    made = datetime.fromtimestamp(run.manifest.stat().st_mtime)
    return RunEntry(run.root, "finished", made, str(told.settings.get("description", "")), told.summary)


class Library:
    """The list that the table shows: read in a thread, filtered by words, sorted by a column."""

    def __init__(self, root: Path | None = None) -> None:
        self.changed = Changes()
        self.root = root or data_dir()
        self.trouble: Trouble | None = None
        self.read_once = False
        self._all: tuple[TrialEntry, ...] = ()
        self._words: tuple[str, ...] = ()
        self._order: tuple[int, bool] = (3, True)
        self._reading: Later[tuple[TrialEntry, ...]] = Later()

    def refresh(self) -> None:
        """Read the folder again."""
        root = self.root
        self._reading.order(lambda: read_library(root))

    def tick(self) -> None:
        """Take in what was read."""
        if (done := self._reading.fetch()) is None:
            return
        try:
            self._all, self.trouble = done.result(), None
        except Exception as error:  # shown to the user in words
            self.trouble = trouble_of(error)
        self.read_once = True
        self.changed.emit()

    def search(self, text: str) -> None:
        """Show only trials that have all these words somewhere."""
        self._words = tuple(text.casefold().split())
        self.changed.emit()

    def sort(self, column: int, descending: bool) -> None:
        """Order by a column."""
        self._order = (column, descending)
        self.changed.emit()

    @property
    def count(self) -> int:
        """Number of trials, those that the search hides included."""
        return len(self._all)

    @property
    def rows(self) -> tuple[TrialEntry, ...]:
        """Trials to show."""
        found = [e for e in self._all if all(word in " ".join(e.cells).casefold() for word in self._words)]
        column, descending = self._order
        key: Callable[[TrialEntry], tuple[float, str]] = lambda e: _sortable(e.cells[column])  # noqa: E731
        return tuple(sorted(found, key=key, reverse=descending))

    def close(self) -> None:
        """Let the reading thread go."""
        self._reading.close()


def _sortable(cell: str) -> tuple[float, str]:
    """Numbers by size, then words by the alphabet."""
    head = cell.split(" ")[0]
    try:
        return float(head), ""
    except ValueError:
        return float("-inf") if cell == "–" else float("inf"), cell.casefold()
