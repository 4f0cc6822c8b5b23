"""``mocap calibration refine`` and ``verify``: mend a calibration without a board, and check one with a board."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from mocap.cli.console import explained, out, print_json, working
from mocap.cli.options import JsonOption

if TYPE_CHECKING:
    from mocap.pipeline.calibration.refine import Refined
    from mocap.pipeline.calibration.verify import Verified

COLOURS = {"GOOD": "green", "CARE": "yellow", "POOR": "red"}


@explained
def refine(
    rig: Annotated[Path, typer.Argument(help="Calibration file to refine.")],
    source: Annotated[
        Path,
        typer.Option(
            "--from",
            help="A finished run, a trial, or a folder of videos with a person in motion; or tracked points, such "
            "as the ends of a wand: a .csv with the columns camera, frame, point, x, y (px) and perhaps t (s).",
        ),
    ],
    out_file: Annotated[Path, typer.Option("--out", "-o", help="Calibration file to write.")],
    scale: Annotated[
        str,
        typer.Option(
            help="keep, height=1.75, bone=left_hip-left_knee:0.43, wand=0.5 (metres), or board=FOLDER: a "
            "recording of a board of known size."
        ),
    ] = "keep",
    board: Annotated[
        Path | None, typer.Option("--board", help="File of that board; found beside its pictures.")
    ] = None,
    session: Annotated[
        Path | None, typer.Option(help="Session folder for the results if the videos must be processed first.")
    ] = None,
    looks: Annotated[
        int | None,
        typer.Option(
            help="Process the recording with so many further looks at each person, 0 to 24: as many times "
            "slower, and more accurate. By default the newest finished run is used; else up to 24 looks."
        ),
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Refine a calibration from the movement of a person or a wand; repairs a camera that was bumped."""
    from mocap.pipeline.calibration.person_size import parse_scale
    from mocap.pipeline.calibration.refine import RefineRequest
    from mocap.pipeline.calibration.refine import refine as run

    wanted = RefineRequest(rig, source, out_file, parse_scale(scale), session, board, looks)
    with working() as (progress, cancel):
        done = run(wanted, progress, cancel)
    if json_output:
        found = asdict(done.refinement)
        notes = found.pop("rig")["notes"]
        print_json(
            {**found, "notes": notes, "rig": done.rig_file, "source": done.source, "warnings": list(done.warnings)}
        )
    else:
        _show_refined(done)


def _show_refined(done: Refined) -> None:
    found = done.refinement
    table = Table(title="Median reprojection error, px (after: at instants that the solve did not see)")
    for heading in ("Camera", "Before", "After", "Moved, mm", "Turned, °"):
        table.add_column(heading, justify="left" if heading == "Camera" else "right")
    for name, before in found.before.median_px_per_camera.items():
        after = found.heldout.median_px_per_camera[name]
        table.add_row(
            escape(name),
            _px(before),
            _px(after),
            f"{found.moved_mm[name]:.0f}",
            f"{found.turned_deg[name]:.2f}",
        )
    table.add_row("all", _px(found.before.median_px), _px(found.heldout.median_px), "", "")
    out.print(table)
    out.print(
        f"Mean distance between cameras: {found.baseline_m[0]:.3f} m before, {found.baseline_m[1]:.3f} m after"
    )
    for topic in ("refined", "scale", "scale_warning"):
        if topic in found.rig.notes:
            out.print(escape(found.rig.notes[topic]))
    for sentence in done.warnings:
        out.print(f"[yellow]Note:[/yellow] {escape(sentence)}")
    out.print(f"Wrote {escape(str(done.rig_file))}")


def _px(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "–"


@explained
def verify(
    rig: Annotated[Path, typer.Argument(help="Calibration file to check.")],
    folder: Annotated[Path, typer.Argument(help="Fresh recording: a video or pictures per camera.")],
    board: Annotated[
        Path | None, typer.Option("--board", help="File of the board or wand; found beside the recording.")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Check a calibration: measure a board or wand of known size in a fresh recording."""
    from calibration.report import plain
    from mocap.pipeline.calibration.verify import verify_rig

    with working() as (progress, cancel):
        done = verify_rig(rig, folder, board, progress, cancel)
    if json_output:
        print_json({**plain(asdict(done.check)), "target": done.target, "warnings": list(done.warnings)})
    else:
        _show_verified(done)


def _show_verified(done: Verified) -> None:
    check, verdict = done.check, done.check.verdict
    out.print(
        f"{escape(done.target)}: {1e3 * check.measured_m:.1f} mm measured, {1e3 * check.true_m:.1f} mm in truth; "
        f"{check.lengths.count} lengths err by {check.lengths.rms_mm:.2f} mm (rms), "
        f"95 % within {check.lengths.p95_mm:.2f} mm"
    )
    out.print(f"Checked volume: {' × '.join(f'{side:.1f}' for side in check.volume_m)} m")
    out.print(f"[{COLOURS[verdict.level.name]}]{escape(verdict.headline)}[/]")
    for finding in verdict.findings:
        out.print(f"  {escape(finding.text)} {escape(finding.advice)}")
    for sentence in done.warnings:
        out.print(f"[yellow]Note:[/yellow] {escape(sentence)}")
