"""A finished run written in other formats."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from mocap.core.errors import ExportError, SessionError
from mocap.core.measures import PeopleFindings
from mocap.core.progress import CancelToken, Progress, silent
from mocap.core.types import JointAngles, MassCentre, Motion, Points3D, SyncTable, Take
from mocap.export import EXPORTERS, ExportResult, export
from mocap.session import RunFolder, RunManifest, load, read_manifest

ResultT = TypeVar("ResultT")


def export_run(
    root: Path,
    formats: tuple[str, ...],
    folder: Path,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> dict[str, ExportResult]:
    """Export a finished run again.

    Parameters
    ----------
    root : Path
        The run's folder.
    formats : tuple of str
        See ``mocap.export.EXPORTERS``.

    Raises
    ------
    SessionError
        If this is not a finished run.
    CancelledError
        If somebody asked to stop; files that are done stay, and each is whole.
    """
    if not formats:
        raise ExportError("No format is named.", f"Choose among: {', '.join(EXPORTERS)}.")
    return export(load_take(RunFolder(root)), formats, folder, progress=progress, cancel=cancel)


def load_take(run: RunFolder) -> Take:
    """Read back what a finished run found."""
    if not run.manifest.is_file():
        raise SessionError("This is not a finished run.", "Name a folder like trials/NAME/runs/ID.", run.root)
    name = read_manifest(run.manifest, RunManifest).summary.trial
    sync = _result(run, "sync", SyncTable)
    found = _result(run, "findings", PeopleFindings)
    return Take(
        name,
        sync.t_s,
        sync.rate_hz,
        found.people,
        _result(run, "points3d", Points3D),
        _result(run, "angles", JointAngles),
        _result(run, "motion", Motion),
        _result(run, "mass_centre", MassCentre),
        found.found,
    )


def _result(run: RunFolder, stage: str, kind: type[ResultT]) -> ResultT:
    """Read one stage's result, whatever it was made from: a finished run is right by itself."""
    stored = load(run.stage(stage), kind)
    if stored is None:
        raise SessionError("A result of this run is gone.", "Process the trial again.", run.stage(stage))
    return stored.result
