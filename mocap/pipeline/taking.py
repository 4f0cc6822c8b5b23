"""Makes an ordinary session of what another program recorded: by reference, or with a copy of the films."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from calibration.errors import CalibrationError
from calibration.files import atomic_write, explain_write_error
from calibration.formats import load_rig, save_rig
from mocap.core.errors import InputError, StorageError
from mocap.core.progress import CancelToken, Progress, silent
from mocap.pipeline.foreign import Foreign, ForeignTrial
from mocap.session import (
    SessionFolder,
    SessionManifest,
    TrialFolder,
    TrialManifest,
    check_name,
    free_name,
    write_manifest,
)

COPY = "copy"
BLOCK_BYTES = 8 << 20
# Kept free beside what is copied, bytes: a disk that is full to the brim stops everything else on it.
SPARE_BYTES = 200_000_000
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class TakeRequest:
    """What is to be made of what was found.

    Attributes
    ----------
    found : Foreign
        With cameras as they are right, whatever the files are called.
    home : Path
        Data folder.
    session : SessionManifest
        Who and when; ``id`` is the name of the folder, with a number behind it where that is taken.
    copy : bool
        Copy the films into the session, else only say where they lie.
    calibration : Path or None
        Another calibration than the one found.
    into : Path or None
        An existing session that the trials are added to, instead of a new one; it keeps its calibration.
    """

    found: Foreign
    home: Path
    session: SessionManifest
    copy: bool = False
    calibration: Path | None = None
    into: Path | None = None


@dataclass(frozen=True)
class TakenIn:
    """The session that was made, its trials, and what the user should know."""

    session: Path
    trials: tuple[Path, ...]
    warnings: tuple[str, ...] = ()


def manifest_for(found: Foreign, participant: str = "", recorded_on: date | None = None) -> SessionManifest:
    """Session manifest that says what the other program knew."""
    return SessionManifest(
        id=check_name(found.name),
        participant=participant or found.subject or "unnamed",
        recorded_on=recorded_on,
        sex=found.sex,
        height_m=found.height_m,
        mass_kg=found.mass_kg,
        notes=f"Imported from {found.folder.resolve()}",
    )


def bytes_of(found: Foreign) -> int:
    """Size of what a copy takes along."""
    return sum(path.stat().st_size for path in found.files if path.is_file())


def on_another_disk(found: Foreign, home: Path) -> bool:
    """Whether the films lie on another disk than the library: one that may be taken away."""
    place = next(path for path in (home, *home.absolute().parents) if path.exists())
    return any(path.stat().st_dev != place.stat().st_dev for path in found.files if path.is_file())


def take_in(request: TakeRequest, progress: Progress = silent, cancel: CancelToken | None = None) -> TakenIn:
    """Make the session, whole or not at all.

    Raises
    ------
    InputError
        If there is nothing to take in.
    StorageError
        If the disk is full or refuses.
    CancelledError
        If the user stopped it; nothing is left then.
    """
    found, stop = request.found, cancel or CancelToken()
    if not found.trials and found.calibration is None and found.board_films is None:
        raise InputError("There is nothing to import here.", "Choose another folder.", found.folder)
    if found.folder.resolve().is_relative_to(request.home.resolve()) and found.kind == "openmocap":
        raise InputError("This session is in the library already.", "There is nothing to do.", found.folder)
    if request.copy or found.kind == "openmocap":
        _check_room(bytes_of(found), request.home)
    name = check_name(request.session.id)
    draft = SessionFolder(request.home / f".import-{secrets.token_hex(4)}")
    try:
        warnings = _fill(draft, request, _Copier(progress, stop, bytes_of(found)))
        if request.into is not None:
            return TakenIn(request.into, _move_trials(draft, SessionFolder(request.into)), warnings)
        target = SessionFolder(request.home / free_name(request.home, name))
        os.rename(draft.root, target.root)
    except OSError as error:
        raise explain_write_error(error, request.home) from error
    finally:
        shutil.rmtree(draft.root, ignore_errors=True)
    return TakenIn(target.root, tuple(trial.root for trial in target.trials), warnings)


def _move_trials(draft: SessionFolder, session: SessionFolder) -> tuple[Path, ...]:
    """Move the trials of a draft into a session, and its calibration where the session has none."""
    made = []
    for trial in draft.trials:
        target = session.trial(free_name(session.root / "trials", trial.name))
        target.root.parent.mkdir(parents=True, exist_ok=True)
        os.rename(trial.root, target.root)
        made.append(target.root)
    if draft.rig.is_file() and not session.rig.exists():
        session.rig.parent.mkdir(parents=True, exist_ok=True)
        os.rename(draft.rig, session.rig)
    return tuple(made)


def _fill(draft: SessionFolder, request: TakeRequest, copier: _Copier) -> tuple[str, ...]:
    """Write everything into the draft of a session; returns what the user should know."""
    found = request.found
    if found.kind == "openmocap":
        return _copy_session(found.folder, draft.root, copier)
    write_manifest(draft.manifest, request.session)
    notes = list(found.notes)
    taken: set[str] = set()
    for trial in found.trials:
        name = _trial_name(trial.name, taken)
        taken.add(name)
        folder = draft.trial(name)
        videos = _copied(folder, trial, copier) if request.copy else _referenced(trial)
        poses = str(trial.poses.resolve()) if trial.poses is not None else None
        detections = poses if not videos else None
        told = TrialManifest(videos=videos, detections=detections, poses=poses if videos else None)
        write_manifest(folder.manifest, told)
    path = request.calibration or found.calibration
    if path is not None:
        try:
            notes += save_rig(load_rig(path), draft.rig, "anipose")
        except CalibrationError as error:
            notes.append(f"The calibration {path.name} was left out: {error.what}")
    if found.board is not None:
        copier.copy(found.board, draft.rig.parent / found.board.name)
    if request.copy and found.board_films is not None:
        for film in sorted(path for path in found.board_films.iterdir() if path.is_file()):
            copier.copy(film, draft.rig.parent / "videos" / film.name)
    draft.root.joinpath("trials").mkdir(exist_ok=True)
    return tuple(notes)


def _trial_name(name: str, taken: set[str]) -> str:
    wanted, count = check_name(name), 1
    while wanted in taken:
        count += 1
        wanted = f"{name}-{count}"
    return wanted


def _referenced(trial: ForeignTrial) -> dict[str, str]:
    return {camera: str(path.resolve()) for camera, path in trial.videos.items()}


def _copied(folder: TrialFolder, trial: ForeignTrial, copier: _Copier) -> dict[str, str]:
    """Copy a trial's films and times; returns the films for its manifest."""
    videos = {}
    for camera, path in trial.videos.items():
        target = folder.raw / f"{camera}{path.suffix.lower()}"
        copier.copy(path, target)
        videos[camera] = target.relative_to(folder.root).as_posix()
    if trial.timestamps is not None:
        copier.copy(trial.timestamps, folder.raw / trial.timestamps.name)
    return videos


def _copy_session(source: Path, target: Path, copier: _Copier) -> tuple[str, ...]:
    for path in sorted(source.rglob("*")):
        if path.is_file():
            copier.copy(path, target / path.relative_to(source))
    return ()


def _check_room(wanted: int, home: Path) -> None:
    place = next(path for path in (home, *home.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    if free < wanted + SPARE_BYTES:
        raise StorageError(
            f"The copy needs {wanted / MEGABYTE:.0f} MB, and the disk has {free / MEGABYTE:.0f} MB left.",
            "Free some space, or import without copying the films.",
            home,
        )


@dataclass
class _Copier:
    """Copies files block by block, so that it can tell how far it is and stop."""

    progress: Progress
    cancel: CancelToken
    total: int
    done: int = 0

    def copy(self, source: Path, target: Path) -> None:
        """Copy one file, whole or not at all; its times go along."""
        try:
            stream = source.open("rb")
        except OSError as error:
            raise InputError(
                f"This file cannot be read: {error.strerror}.", "Is the disk still there? Try again.", source
            ) from error
        with stream, atomic_write(target) as draft:
            with draft.open("wb") as written:
                read: Callable[[], bytes] = lambda: stream.read(BLOCK_BYTES)  # noqa: E731
                for block in iter(read, b""):
                    self.cancel.check()
                    written.write(block)
                    self.done += len(block)
                    self.progress(COPY, min(self.done, self.total) // MEGABYTE, max(1, self.total // MEGABYTE))
            shutil.copystat(source, draft)
