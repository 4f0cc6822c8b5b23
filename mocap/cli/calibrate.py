"""``mocap calibrate``: from pictures of a board to a rig that one can trust."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table

from mocap.cli.console import explained, out, print_json, working
from mocap.cli.options import JsonOption

if TYPE_CHECKING:
    from mocap.pipeline.calibrate import Calibrated

Engine = Literal["own", "aniposelib"]  # as in pipeline.calibrate, whose import is heavy

COLOURS = {"GOOD": "green", "CARE": "yellow", "POOR": "red"}


@explained
def calibrate(
    folder: Annotated[Path, typer.Argument(help="A session, or a folder with a video or pictures per camera.")],
    board: Annotated[Path | None, typer.Option("--board", help="Board file; found beside, or recognised.")] = None,
    out_file: Annotated[Path | None, typer.Option("--out", "-o", help="Rig file to write.")] = None,
    engine: Annotated[
        Engine, typer.Option(help="own, or aniposelib besides, as a cross-check on the same detections.")
    ] = "own",
    seed: Annotated[int, typer.Option(help="Of the choice of held-out pictures.")] = 0,
    json_output: JsonOption = False,
) -> None:
    """Calibrate all cameras from pictures of a board: lenses, places, clocks, and how sure they are."""
    from calibration.report import plain
    from mocap.pipeline.calibrate import CalibrateRequest
    from mocap.pipeline.calibrate import calibrate as run

    request = CalibrateRequest(folder, board, out_file, engine=engine, seed=seed)
    with working() as (progress, cancel):
        done = run(request, progress, cancel)
    if json_output:
        print_json({**plain(asdict(done.report)), "rig": done.rig_file, "report": done.report_file})
    else:
        _show(done)


def _show(done: Calibrated) -> None:
    report = done.report
    table = Table(title="Cameras")
    for heading in ("Camera", "Lens", "Focal, px", "Pictures", "Error, px", "Kept"):
        table.add_column(heading, justify="left" if heading in ("Camera", "Lens") else "right")
    for camera in report.cameras:
        table.add_row(
            escape(camera.name),
            camera.model,
            f"{camera.focal_px:.1f}",
            str(camera.pictures),
            f"{camera.rmse_px:.2f}",
            f"{100 * camera.kept_share:.1f} %",
        )
    out.print(table)
    out.print(
        f"All: {report.rmse_px:.2f} px, {100 * report.kept_share:.1f} % of the corners kept; "
        f"held-out board lengths {report.heldout_board_error_mm:.2f} mm (rms)"
    )
    for clock in report.clocks:
        if not clock.reference:
            out.print(
                f"Clock of {escape(clock.camera)}: "
                f"{1e3 * clock.offset_s:+.1f} ± {1e3 * clock.offset_sigma_s:.1f} ms"
            )
    if report.crosscheck is not None:
        out.print(
            f"{report.crosscheck.engine} on the same detections: {report.crosscheck.rmse_px:.2f} px, held-out "
            f"board lengths {report.crosscheck.heldout_board_error_mm:.2f} mm, {report.crosscheck.seconds:.1f} s"
        )
    out.print(f"[{COLOURS[report.verdict.level.name]}]{escape(report.verdict.headline)}[/]")
    for finding in report.verdict.findings:
        if finding.advice:
            out.print(f"  {escape(finding.text)} {escape(finding.advice)}")
    out.print(f"Rig    {escape(str(done.rig_file))}")
    out.print(f"Report {escape(str(done.report_file))}")
