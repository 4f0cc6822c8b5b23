"""The calibration of another session, or of a file, for a session that is there; the former one is kept."""

from __future__ import annotations

from pathlib import Path

from mocap.core.errors import InputError
from mocap.gui.presenters.calibrate.files import import_rig
from mocap.gui.presenters.calibrate.world import keep_former
from mocap.gui.presenters.library.deeds import Deed
from mocap.gui.presenters.library.entries import SessionEntry
from mocap.session import SessionFolder


def others_calibrated(sessions: tuple[SessionEntry, ...], session: Path) -> tuple[SessionEntry, ...]:
    """Other sessions that have a calibration, newest first: most likely nobody moved the cameras since."""
    found = [entry for entry in sessions if entry.calibrated and entry.folder != session]
    return tuple(sorted(found, key=lambda entry: entry.date, reverse=True))


def calibrating_with(session: Path, source: Path) -> Deed:
    """Give a session a calibration that was made elsewhere."""

    def do() -> tuple[Deed, Path | None]:
        rig = SessionFolder(session).rig
        if source.resolve() == rig.resolve():
            raise InputError("This is the session's own calibration.", "Choose another one.", source)
        before = _former(rig)
        import_rig(source, session)
        (kept,) = _former(rig) - before or (None,)
        return _taking_back(session, source, kept), session

    return Deed(f"calibration of {session.name}", do, session)


def _taking_back(session: Path, source: Path, former: Path | None) -> Deed:
    """Make the former calibration the present one again, or leave the session without one as it was."""

    def do() -> tuple[Deed, Path | None]:
        from mocap.pipeline.calibration.calibrate import put_aside

        if former is not None:
            keep_former(former)
        else:
            put_aside(SessionFolder(session).rig)
        return calibrating_with(session, source), session

    return Deed(f"calibration of {session.name}", do, session)


def _former(rig: Path) -> set[Path]:
    return set(rig.parent.glob(f"{rig.stem}-*{rig.suffix}"))
