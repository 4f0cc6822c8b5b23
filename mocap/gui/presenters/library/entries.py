"""Sessions, trials and runs as they lie in the data folder; nothing is stored twice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from mocap.core.errors import ExplainedError
from mocap.core.summary import RunSummary
from mocap.gui.presenters.words import Trouble, number, trouble_of
from mocap.session import (
    RunFolder,
    RunManifest,
    SessionFolder,
    SessionManifest,
    TrialFolder,
    TrialManifest,
    read_manifest,
    trial_manifest,
)

RunState = Literal["finished", "unfinished", "unreadable"]
TrialState = Literal[
    "Ready to review", "Unfinished run", "Not processed", "Not calibrated", "Videos gone", "Unreadable"
]
StepState = Literal["done", "open", "trouble"]

COLUMNS = ("Name", "Date", "Tags", "Steps", "State", "In 3D", "Error")
NAME, TAGS, STEPS, STATE = 0, 2, 3, 4
MISSING = "–"
NOTHING_TOLD = TrialManifest()


@dataclass(frozen=True)
class Step:
    """One step of the work on a trial, as its files tell."""

    name: str
    state: StepState
    words: str


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
    told: TrialManifest = NOTHING_TOLD
    steps: tuple[Step, ...] = ()

    @property
    def name(self) -> str:
        """Name of the trial."""
        return self.folder.name

    @property
    def best(self) -> RunEntry | None:
        """The newest finished run."""
        return next((run for run in self.runs if run.state == "finished"), None)

    @property
    def tags(self) -> tuple[str, ...]:
        """Its own tags."""
        return self.told.tags

    @property
    def cells(self) -> tuple[str, ...]:
        """What the table shows, in the order of ``COLUMNS``."""
        run = self.best
        figures = run.summary if run else None
        share = 100 * figures.frames_3d / max(1, figures.frames) if figures else float("nan")
        error = figures.reproj_px_median if figures else float("nan")
        done = sum(step.state == "done" for step in self.steps)
        shown = (number(share, "%", 0), number(error, "px"))
        return (self.name, self.date, ", ".join(self.tags), str(done), self.state, *shown)

    @property
    def words(self) -> str:
        """All that a search looks through."""
        said = " ".join(step.words for step in self.steps if step.state == "trouble")
        return " ".join((self.session, self.participant, *self.cells, self.told.notes, said)).casefold()


@dataclass(frozen=True)
class SessionEntry:
    """One visit of one person with its trials."""

    folder: Path
    told: SessionManifest
    date: str
    trials: tuple[TrialEntry, ...] = ()
    calibrated: bool = False
    trouble: Trouble | None = None

    @property
    def name(self) -> str:
        """Name of the session: that of its folder."""
        return self.folder.name

    @property
    def tags(self) -> tuple[str, ...]:
        """Its own tags; its trials have theirs."""
        return self.told.tags

    @property
    def cells(self) -> tuple[str, ...]:
        """What the table shows, in the order of ``COLUMNS``."""
        count = len(self.trials)
        ready = sum(trial.best is not None for trial in self.trials)
        state = "Unreadable" if self.trouble else f"{ready} of {count} processed" if count else "No trials yet"
        return (self.name, self.date, ", ".join(self.tags), "", state, "", "")

    @property
    def words(self) -> str:
        """All that a search looks through."""
        return " ".join((*self.cells, self.told.participant, self.told.id, self.told.notes)).casefold()


Entry = SessionEntry | TrialEntry


def read_sessions(root: Path) -> tuple[SessionEntry, ...]:
    """Read all sessions below a folder; what cannot be read is listed with what is wrong with it."""
    if not root.is_dir():
        return ()
    folders = [path for path in sorted(root.iterdir()) if path.name[0] not in ".@"]
    return tuple(_session(SessionFolder(path)) for path in folders if SessionFolder(path).manifest.is_file())


def read_library(root: Path) -> tuple[TrialEntry, ...]:
    """Read all trials below a folder; a session that cannot be read stands for its trials."""
    entries: list[TrialEntry] = []
    for session in read_sessions(root):
        if session.trouble is not None:
            place = session.folder
            entries.append(TrialEntry(place.name, "–", "–", place, place, "Unreadable", trouble=session.trouble))
        entries += session.trials
    return tuple(entries)


def _session(session: SessionFolder) -> SessionEntry:
    try:
        told = read_manifest(session.manifest, SessionManifest)
        made = datetime.fromtimestamp(session.root.stat().st_mtime)
        date = str(told.recorded_on or f"{made:%Y-%m-%d}")
        trials = tuple(_trial(trial, told, str(told.recorded_on or ""), session) for trial in session.trials)
        return SessionEntry(session.root, told, date, trials, session.rig.is_file())
    except (ExplainedError, OSError) as error:
        unknown = SessionManifest(id=session.root.name, participant=MISSING)
        return SessionEntry(session.root, unknown, MISSING, trouble=_trouble_of_folder(error, session.root))


def _trouble_of_folder(error: Exception, folder: Path) -> Trouble:
    if isinstance(error, ExplainedError):
        return trouble_of(error)
    reason = getattr(error, "strerror", None) or str(error)
    return Trouble(f"This folder cannot be read: {reason}.", "Is its disk still there? Then press F5.", folder)


def _trial(trial: TrialFolder, told: SessionManifest, date: str, session: SessionFolder) -> TrialEntry:
    """Read one trial and its runs."""
    made = datetime.fromtimestamp(trial.root.stat().st_mtime)
    day = date or f"{made:%Y-%m-%d}"
    entry = TrialEntry(told.id, told.participant, day, trial.root, session.root, "Not processed")
    try:
        entry = replace(entry, told=trial_manifest(trial), videos=trial_videos(trial))
    except ExplainedError as error:
        return replace(entry, state="Unreadable", trouble=trouble_of(error))
    folders = [path for path in trial.runs.iterdir() if path.is_dir()] if trial.runs.is_dir() else []
    runs = sorted((_run(RunFolder(path)) for path in folders), key=lambda run: run.made, reverse=True)
    entry = replace(entry, runs=tuple(runs))
    gone = [path.name for _, path in entry.videos if not path.is_file()]
    calibrated = session.rig.is_file()
    state: TrialState = "Not processed"
    if entry.best is not None:
        state = "Ready to review"
    elif gone:
        state = "Videos gone"
    elif runs:
        state = "Unfinished run"
    elif not calibrated:
        state = "Not calibrated"
    return replace(entry, state=state, steps=_steps(trial, entry, gone, calibrated))


def _steps(trial: TrialFolder, entry: TrialEntry, gone: list[str], calibrated: bool) -> tuple[Step, ...]:
    """What was done so far, by the files that each step leaves."""
    if gone:
        films = Step("Videos", "trouble", f"Videos: gone are {', '.join(gone)}")
    elif entry.videos:
        films = Step("Videos", "done", f"Videos: {len(entry.videos)} cameras")
    elif entry.told.detections is not None:
        films = Step("Videos", "done", "Videos: none; made of detections of another program")
    else:
        films = Step("Videos", "open", "Videos: none yet")
    rig = Step("Calibration", "done", "Cameras: calibrated") if calibrated else Step(
        "Calibration", "open", "Cameras: not calibrated yet")  # fmt: skip
    return (
        films,
        rig,
        _sync_step(entry),
        _run_step(entry),
        _correction_step(trial, entry),
    )


def _sync_step(entry: TrialEntry) -> Step:
    from mocap.sync import SYNC_FILE, TIMESTAMPS_FILE

    beside = entry.videos[0][1].parent if entry.videos else None
    if beside is not None and (beside / SYNC_FILE).is_file():
        return Step("Time", "done", "Time: cameras brought together")
    if beside is not None and (beside / TIMESTAMPS_FILE).is_file():
        return Step("Time", "done", "Time: as the recorder wrote it down")
    return Step("Time", "open", "Time: videos are taken to start together")


def _run_step(entry: TrialEntry) -> Step:
    if entry.best is not None:
        return Step("3D", "done", f"3D: {sum(run.state == 'finished' for run in entry.runs)} finished")
    if any(run.state == "unreadable" for run in entry.runs):
        return Step("3D", "trouble", "3D: a run cannot be read")
    return Step("3D", "open", "3D: begun, not finished" if entry.runs else "3D: not processed yet")


def _correction_step(trial: TrialFolder, entry: TrialEntry) -> Step:
    from mocap.pipeline.edits.files import made_with, read_edits

    try:
        waiting = sum(len(read_edits(path).edits) for path in (trial.root / "edits").glob("*.json"))
        applied = made_with(RunFolder(entry.best.folder)) if entry.best is not None else ()
    except ExplainedError:
        return Step("Correction", "trouble", "Correction: the edits cannot be read")
    if applied:
        return Step("Correction", "done", f"Correction: {len(applied)} by hand in the newest result")
    if waiting:
        return Step("Correction", "open", f"Correction: {waiting} by hand, not applied yet")
    return Step("Correction", "open", "Correction: none by hand")


def trial_videos(trial: TrialFolder) -> tuple[tuple[str, Path], ...]:
    """Videos of a trial by camera: those that its manifest names, else those that lie in ``raw``."""
    told = trial_manifest(trial)
    if told.videos or told.detections is not None:
        return tuple((camera, (trial.root / file).resolve()) for camera, file in told.videos.items())
    if not trial.raw.is_dir():
        return ()
    from mocap.capture import find_videos
    from mocap.core.errors import InputError

    try:
        return tuple(find_videos(trial.root).items())
    except InputError:
        if any(trial.raw.iterdir()):
            raise
        return ()  # a trial that is about to be recorded


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
