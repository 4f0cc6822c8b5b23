"""Changes to sessions and trials that keep every file whole, each with what takes it back."""

from __future__ import annotations

import os
import re
import secrets
from datetime import datetime
from pathlib import Path

from calibration.files import explain_write_error
from mocap.core.errors import SessionError
from mocap.session.layout import SessionFolder, TrialFolder
from mocap.session.manifest import (
    Manifest,
    SessionManifest,
    read_manifest,
    trial_manifest,
    write_manifest,
)

TRASH_NAME = ".trash"
ORIGIN_NAME = "from.toml"
LONGEST_NAME = 80
# What some system or shell does not take in the name of a file.
FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
# Names of devices on Windows, with any ending.
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


class TrashedFrom(Manifest):
    """Where a folder in the trash lay, relative to the data folder, and when it was put there."""

    origin: str
    at: datetime


def check_name(name: str) -> str:
    """Return a name for a folder, without spaces around it.

    Raises
    ------
    SessionError
        If some system would not take it.
    """
    wanted = name.strip()
    rule = "Use letters, digits, spaces, dots, dashes and underscores."
    if not wanted:
        raise SessionError("The name is empty.", rule)
    if len(wanted) > LONGEST_NAME:
        raise SessionError(f"The name has {len(wanted)} letters.", f"Keep it to {LONGEST_NAME}.")
    if FORBIDDEN.search(wanted) or wanted[0] in ".@" or wanted[-1] == "." or DEVICES.fullmatch(wanted):
        raise SessionError(f"'{wanted}' cannot be the name of a folder on every computer.", rule)
    return wanted


def free_name(folder: Path, name: str) -> str:
    """Return the name, or with the first number behind it that no file in the folder has."""
    candidate, count = name, 1
    while (folder / candidate).exists():
        count += 1
        candidate = f"{name}-{count}"
    return candidate


def set_tags(folder: Path, tags: tuple[str, ...]) -> tuple[str, ...]:
    """Write the tags of a session or a trial; returns those before."""
    _check_there(folder)
    session, trial = SessionFolder(folder), TrialFolder(folder)
    if session.manifest.is_file():
        told = read_manifest(session.manifest, SessionManifest)
        write_manifest(session.manifest, told.model_copy(update={"tags": tags}))
        return told.tags
    recorded = trial_manifest(trial)
    write_manifest(trial.manifest, recorded.model_copy(update={"tags": tags}))
    return recorded.tags


def set_details(session: SessionFolder, told: SessionManifest) -> SessionManifest:
    """Write what is known of a session; returns what was written before."""
    _check_there(session.root)
    before = read_manifest(session.manifest, SessionManifest)
    write_manifest(session.manifest, told)
    return before


def rename_trial(trial: TrialFolder, name: str) -> TrialFolder:
    """Give a trial another name; its videos and runs go along.

    Raises
    ------
    SessionError
        If the name cannot be, or another trial has it.
    StorageError
        If the disk refuses.
    """
    wanted = check_name(name)
    target = trial.root.with_name(wanted)
    # On a disk that does not tell capitals from small letters, a trial may be in its own way.
    if target.exists() and not (target.name.casefold() == trial.name.casefold() and target.samefile(trial.root)):
        raise SessionError(f"There is a trial '{wanted}' already.", "Choose another name.", target)
    _move(trial.root, target)
    return TrialFolder(target)


def put_away(root: Path, folder: Path) -> Path:
    """Move a session or a trial to the trash of its data folder; returns where it lies there.

    The trash is a hidden folder on the same disk, so that nothing is copied and all of it can come back.
    """
    _check_there(folder)
    place = root / TRASH_NAME / f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    origin = Path(os.path.relpath(folder, root)).as_posix()
    write_manifest(place / ORIGIN_NAME, TrashedFrom(origin=origin, at=datetime.now().replace(microsecond=0)))
    _move(folder, place / folder.name)
    return place / folder.name


def bring_back(root: Path, trashed: Path) -> Path:
    """Move something from the trash to where it was; beside it, where the place is taken by now."""
    told = read_manifest(trashed.parent / ORIGIN_NAME, TrashedFrom)
    origin = root / told.origin
    target = origin.with_name(free_name(origin.parent, origin.name))
    _move(trashed, target)
    (trashed.parent / ORIGIN_NAME).unlink(missing_ok=True)
    trashed.parent.rmdir()
    return target


def in_trash(root: Path) -> tuple[tuple[Path, TrashedFrom], ...]:
    """What lies in the trash of a data folder, newest first."""
    found = []
    for note in sorted((root / TRASH_NAME).glob(f"*/{ORIGIN_NAME}"), reverse=True):
        inside = [path for path in note.parent.iterdir() if path.is_dir()]
        if inside:
            found.append((inside[0], read_manifest(note, TrashedFrom)))
    return tuple(found)


def _check_there(folder: Path) -> None:
    """A folder that vanished, as with its disk, must not be made anew by what is written into it."""
    if not folder.is_dir():
        raise SessionError("This folder is gone.", "Was it moved or renamed? Read the library again (F5).", folder)


def _move(source: Path, target: Path) -> None:
    """Rename a folder; of two places on different disks nothing is copied in secret."""
    _check_there(source)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(source, target)
    except OSError as error:
        raise explain_write_error(error, source) from error
