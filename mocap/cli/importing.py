"""``mocap import``: folders of other programs, and plain videos, as ordinary sessions."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from mocap.cli.console import explained, out, print_json, working
from mocap.cli.options import JsonOption


@explained
def import_folder(
    paths: Annotated[
        list[Path], typer.Argument(help="A folder of FreeMoCap, Caliscope, Pose2Sim, OpenCap, or videos.")
    ],
    name: Annotated[
        str | None, typer.Option("--name", help="Of the session; the folder's own if not given.")
    ] = None,
    participant: Annotated[str, typer.Option("--participant", help="Pseudonym; no real name.")] = "",
    day: Annotated[
        datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="When it was recorded.")
    ] = None,
    tags: Annotated[str, typer.Option("--tags", help="Comma-separated.")] = "",
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy the films; otherwise they stay where they are and must not move.")
    ] = False,
    calibration: Annotated[
        Path | None, typer.Option("--calibration", "-c", help="Calibration file, instead of the one found.")
    ] = None,
    out_dir: Annotated[Path | None, typer.Option("--out", "-o", help="Data folder to hold the session.")] = None,
    look: Annotated[bool, typer.Option("--look", help="Only say what was found.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Make a session of what another program recorded, or of plain videos."""
    from mocap.pipeline.foreign import recognise
    from mocap.pipeline.taking import TakeRequest, manifest_for, on_another_disk, take_in
    from mocap.session import data_dir

    found = recognise(paths)
    home = out_dir or data_dir()
    told = {
        "kind": found.kind,
        "folder": found.folder,
        "trials": {trial.name: {"videos": dict(trial.videos), "poses": trial.poses} for trial in found.trials},
        "calibration": calibration or found.calibration,
        "notes": list(found.notes),
    }
    if not json_output:
        out.print(f"[bold]{escape(found.title)}[/bold]  {escape(str(found.folder))}")
        for trial in found.trials:
            words = ", ".join(trial.videos) or f"detections of {trial.pose_format}, no videos"
            out.print(f"  {escape(trial.name)}: {escape(words)}")
    if look:
        if json_output:
            print_json(told)
        return
    manifest = manifest_for(found, participant, day.date() if day else None)
    kept = tuple(word.strip() for word in tags.split(",") if word.strip())
    manifest = manifest.model_copy(update={"id": name or manifest.id, "tags": kept})
    with working() as (progress, cancel):
        made = take_in(TakeRequest(found, home, manifest, copy, calibration), progress, cancel)
    warnings = list(made.warnings)
    if not copy and on_another_disk(found, home):
        warnings.append(
            "The films lie on another disk: if it is taken away, they are gone. --copy takes them along."
        )
    if json_output:
        print_json({**told, "session": made.session, "folders": list(made.trials), "warnings": warnings})
        return
    for sentence in warnings:
        out.print(f"  [yellow]{escape(sentence)}[/yellow]")
    for folder in made.trials:
        out.print(f"[bold]mocap process[/bold] {escape(str(folder))}")
