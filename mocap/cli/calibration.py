"""``mocap calibration``: convert, show, align, refine and verify calibration files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from mocap.cli import refine as refining
from mocap.cli.console import explained, out, print_json, working
from mocap.cli.options import JsonOption

app = typer.Typer(help="Convert, show, align, refine and verify calibrations.", no_args_is_help=True)
app.command("refine")(refining.refine)
app.command("verify")(refining.verify)

FormatOption = Annotated[str | None, typer.Option("--from", help="Format of the file; recognised if not given.")]


@app.command()
@explained
def convert(
    source: Annotated[Path, typer.Argument(help="Calibration file.")],
    target: Annotated[Path, typer.Argument(help="File to write.")],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="Format to write: anipose, caliscope, freemocap, pose2sim, qualisys, opencap, easymocap, opencv.",
        ),
    ] = "anipose",
    source_format: FormatOption = None,
    json_output: JsonOption = False,
) -> None:
    """Write a calibration in another program's format, naming what that format cannot hold."""
    from calibration.formats import load_rig, save_rig

    dropped = save_rig(load_rig(source, source_format), target, to)
    if json_output:
        print_json({"file": target, "format": to, "dropped": list(dropped)})
        return
    out.print(f"Wrote {escape(str(target))}")
    for sentence in dropped:
        out.print(f"[yellow]Note:[/yellow] {escape(sentence)}")


@app.command()
@explained
def align(
    rig: Annotated[Path, typer.Argument(help="Calibration file.")],
    out_file: Annotated[Path, typer.Option("--out", "-o", help="Calibration file to write.")],
    floor: Annotated[
        Path | None,
        typer.Option(
            help="The floor becomes z = 0: a finished run, a trial or videos of somebody on foot; or a file of "
            "points on it, x,y,z in metres in the present world."
        ),
    ] = None,
    up: Annotated[
        str | None,
        typer.Option(help="What is up at present: 0,0,1, an axis such as -y, or cameras: the cameras' own up."),
    ] = None,
    origin: Annotated[
        str | None, typer.Option(help="The new origin in the present world: 0.5,1.2,0 (metres).")
    ] = None,
    turn: Annotated[
        float, typer.Option(help="Turn the x and y axes about z, degrees, counterclockwise from above.")
    ] = 0.0,
    scale: Annotated[
        str | None,
        typer.Option(
            help="Factor for all lengths: 1.012, or 0.593=0.600 (measured=true), or board=FOLDER: a recording of "
            "a board of known size."
        ),
    ] = None,
    board: Annotated[
        Path | None, typer.Option("--board", help="File of that board; found beside its pictures.")
    ] = None,
    session: Annotated[
        Path | None, typer.Option(help="Session folder for the results if videos must be processed first.")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Move a calibration into another world: floor, up axis, origin, heading, scale."""
    from mocap.pipeline.calibration.align import AlignRequest, parse_factor, parse_triple
    from mocap.pipeline.calibration.align import align as run

    factor, recording = (None, None) if scale is None else parse_factor(scale)
    request = AlignRequest(
        rig,
        out_file,
        factor,
        recording,
        None if up is None or up == "cameras" else parse_triple(up, "direction"),
        up == "cameras",
        floor,
        None if origin is None else parse_triple(origin, "place"),
        turn,
        session,
        board,
    )
    with working() as (progress, cancel):
        done = run(request, progress, cancel)
    if json_output:
        print_json(
            {
                "rig": done.rig_file,
                "new_from_old": done.new_from_old.tolist(),
                "notes": done.rig.notes,
                "warnings": list(done.warnings),
            }
        )
        return
    for topic, note in done.rig.notes.items():
        out.print(f"{escape(topic.capitalize())}: {escape(note)}")
    for sentence in done.warnings:
        out.print(f"[yellow]Note:[/yellow] {escape(sentence)}")
    out.print(f"Wrote {escape(str(done.rig_file))}")


@app.command()
@explained
def show(
    source: Annotated[Path, typer.Argument(help="Calibration file.")],
    source_format: FormatOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show the cameras of a calibration."""
    from calibration.formats import load_rig

    rig = load_rig(source, source_format)
    if json_output:
        cameras = [
            {
                "name": camera.name,
                "model": camera.intrinsics.model,
                "size_wh": list(camera.intrinsics.size_wh),
                "focal_px": camera.intrinsics.focal_px,
                "K": camera.intrinsics.K.tolist(),
                "dist": camera.intrinsics.dist.tolist(),
                "cam_from_world": camera.cam_from_world.tolist(),
                "centre_m": camera.centre.tolist(),
            }
            for camera in rig.cameras
        ]
        print_json({"file": source, "cameras": cameras, "notes": rig.notes})
        return
    table = Table(title=escape(str(source)))
    for heading in ("Camera", "Model", "Size, px", "Focal, px", "Distortion", "Position x, y, z, m"):
        table.add_column(heading)
    for camera in rig.cameras:
        inner = camera.intrinsics
        table.add_row(
            escape(camera.name),
            inner.model,
            f"{inner.size_wh[0]}x{inner.size_wh[1]}",
            f"{inner.focal_px:.1f}",
            np.array2string(inner.dist, precision=4, suppress_small=True),
            ", ".join(f"{value:.3f}" for value in camera.centre),
        )
    out.print(table)
    for topic, note in rig.notes.items():
        out.print(f"[yellow]{escape(topic)}:[/yellow] {escape(note)}")
