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
    from mocap.pipeline.calibration.calibrate import Calibrated

# As in pipeline.calibrate, pipeline.lenses and pipeline.world, whose imports are heavy.
Engine = Literal["own", "aniposelib"]
Lens = Literal["auto", "pinhole", "rational", "fisheye"]
Up = Literal["auto", "cameras", "+x", "-x", "+y", "-y", "+z", "-z"]

WORLD, LENSES = "World", "Lenses"  # panels of the help

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
    square_mm: Annotated[
        float | None, typer.Option(help="Side of a printed square as measured; else as the board file has it.")
    ] = None,
    lens: Annotated[
        Lens,
        typer.Option(help="Kind of lens; auto takes the one of least held-out error.", rich_help_panel=LENSES),
    ] = "auto",
    lenses: Annotated[
        Path | None,
        typer.Option(help="Take the lenses from this calibration and keep them.", rich_help_panel=LENSES),
    ] = None,
    refine_lenses: Annotated[
        bool,
        typer.Option(
            "--refine-lenses",
            help="With --lenses: let them move a little, as far as a known lens may.",
            rich_help_panel=LENSES,
        ),
    ] = False,
    origin_frame: Annotated[
        str | None,
        typer.Option(
            help="When the board lay at the origin, along the axes: 120, cam_2:120 (frame) or 4.5s.",
            rich_help_panel=WORLD,
        ),
    ] = None,
    up: Annotated[
        Up,
        typer.Option(
            help="Axis of the board that was up at --origin-frame (auto: it lay flat; standing: -y), "
            "or cameras: the cameras' own up.",
            rich_help_panel=WORLD,
        ),
    ] = "auto",
    floor: Annotated[
        str | None,
        typer.Option(
            help="The floor: frames at which the board lay on it (12,40,cam_2:77), or board: the plane that "
            "most of its corners share.",
            rich_help_panel=WORLD,
        ),
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Calibrate all cameras from pictures of a board: lenses, places, clocks, and how sure they are."""
    from calibration.report import plain
    from mocap.core.errors import InputError
    from mocap.pipeline.calibration.calibrate import CalibrateRequest
    from mocap.pipeline.calibration.calibrate import calibrate as run
    from mocap.pipeline.calibration.lenses import KnownLenses
    from mocap.pipeline.calibration.world import WorldChoice, parse_floor, parse_moment

    if refine_lenses and lenses is None:
        raise InputError("There are no known lenses to refine.", "Name their calibration with --lenses.")
    if lenses is not None and lens != "auto":
        raise InputError("Known lenses are of the kind they are.", "Give either --lens or --lenses.")
    request = CalibrateRequest(
        folder,
        board,
        out_file,
        engine=engine,
        seed=seed,
        lens=lens,
        lenses=None if lenses is None else KnownLenses(lenses, locked=not refine_lenses),
        square_m=None if square_mm is None else square_mm / 1000.0,
        world=WorldChoice(None if origin_frame is None else parse_moment(origin_frame), up, parse_floor(floor)),
    )
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
    for topic in ("world", "floor", "assumption", "scale", "lenses"):
        if topic in report.notes:
            out.print(f"[dim]{topic.capitalize()}:[/dim] {escape(report.notes[topic])}")
    out.print(f"Rig    {escape(str(done.rig_file))}")
    out.print(f"Report {escape(str(done.report_file))}")
