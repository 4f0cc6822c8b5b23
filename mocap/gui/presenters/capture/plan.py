"""The next recording: its session and name, and how much room there is for it."""

from __future__ import annotations

import contextlib
import re
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from mocap.core.errors import StorageError
from mocap.gui.presenters.words import Trouble
from mocap.pipeline.recording.record import ENTRY_PREROLL_S

USUAL_STEM, CALIBRATION_STEM = "trial", "calibration"
# What any file system takes as a name, and what is no hidden file.
NAME = re.compile(r"^[^\W.][\w.-]*$")


@dataclass(frozen=True)
class Plan:
    """What the next recording is to be.

    Attributes
    ----------
    session : str
        Name of a session in the library's folder; it is made if it is not there.
    duration_s : float
        0 for until somebody stops it.
    remote : str
        ``PORT`` or ``HOST:PORT`` where another program may say start and stop; empty for none.
    calibrates : bool
        Whether it is a take for calibration: a board, not a person.
    """

    session: str = ""
    participant: str = ""
    trial: str = f"{USUAL_STEM}_1"
    countdown_s: float = 3.0
    duration_s: float = 0.0
    preroll_s: float = 0.0
    remote: str = ""
    on_entry: bool = False
    on_exit: bool = False
    calibrates: bool = False


def preroll_of(plan: Plan) -> float:
    """How far a recording reaches back, s: who comes in has come in when it is noticed."""
    return plan.preroll_s or (ENTRY_PREROLL_S if plan.on_entry else 0.0)


def sessions_of(root: Path) -> tuple[str, ...]:
    """Sessions of a data folder, newest first."""
    if not root.is_dir():
        return ()
    found = [path for path in root.iterdir() if (path / "session.toml").is_file()]
    return tuple(path.name for path in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True))


def usual_session(root: Path, today: date) -> str:
    """The session that a recording offers itself for: the newest of today, else a new one with today's name.

    Never one of another day: that is most likely of somebody else.
    """
    for name in sessions_of(root)[:1]:
        if date.fromtimestamp((root / name / "session.toml").stat().st_mtime) == today:
            return name
    return f"{today:%Y-%m-%d}"


def taken_names(session: Path) -> frozenset[str]:
    """Names of trials that are there, in small letters: some file systems do not tell large ones from small."""
    folder = session / "trials"
    return frozenset(path.name.casefold() for path in folder.iterdir()) if folder.is_dir() else frozenset()


def next_name(name: str, taken: frozenset[str]) -> str:
    """The name itself if it is free, else the same with the next free number."""
    if name.casefold() not in taken:
        return name
    match = re.match(r"^(.*?)[_-]?(\d+)$", name)
    stem, count = (match[1], int(match[2])) if match and match[1] else (name, 1)
    return next(made for n in range(count + 1, count + 10_000) if (made := f"{stem}_{n}").casefold() not in taken)


def usual_name(calibrates: bool, taken: frozenset[str]) -> str:
    """The name that a recording of a kind offers itself."""
    return next_name(f"{CALIBRATION_STEM if calibrates else USUAL_STEM}_1", taken)


def hand_to_calibration(trial: Path) -> Path:
    """Put a recording of a board where calibrations look for it, and return the session.

    Films of a former calibration stay beside it, under a number.

    Raises
    ------
    StorageError
        If the disk refuses; the recording is then where it was.
    """
    session, raw = trial.parent.parent, trial / "raw"
    place = session / "calibration" / "videos"
    if not raw.is_dir():
        raise StorageError("The recording is gone.", "Was it moved or deleted? Record it again.", trial)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            former = (place.with_name(f"videos-{n}") for n in range(1, 10_000))
            place.rename(next(path for path in former if not path.exists()))
        raw.rename(place)
    except OSError as error:
        raise StorageError(
            f"The recording cannot be put beside the calibration: {error.strerror}.",
            "Is the disk still there? Calibrate from the folder of the recording.",
            trial,
        ) from error
    with contextlib.suppress(OSError):  # an empty folder more does no harm
        trial.rmdir()
    return session


@dataclass(frozen=True)
class Disk:
    """Room for recordings."""

    free_bytes: int = 0
    trouble: Trouble | None = None


def room_for(folder: Path) -> Disk:
    """Look how much room there is on the disk of a folder that need not be there yet."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        return Disk(shutil.disk_usage(place).free)
    except OSError as error:
        return Disk(
            0, Trouble(f"The disk does not answer: {error.strerror}.", "Check that it is connected.", folder)
        )
