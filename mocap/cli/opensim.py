"""``mocap opensim``: a run's markers through a model of OpenSim."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from mocap.cli.console import explained, out, print_json
from mocap.cli.options import JsonOption


@explained
def opensim(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run: trials/NAME/runs/ID.")],
    model: Annotated[
        Path, typer.Option("--model", "-m", help="Model (.osim) with markers named like keypoints: LKnee ...")
    ],
    out_dir: Annotated[Path, typer.Option("--out", "-o", help="Folder for the scaled model and the motion.")],
    markers: Annotated[
        Path | None, typer.Option("--markers", help="Marker set (.xml) in the place of the model's own.")
    ] = None,
    person: Annotated[int, typer.Option("--person", help="Which person of the run, counted from 1.")] = 1,
    mass: Annotated[
        float | None, typer.Option("--mass", help="Mass of the person, kg; the model's own if not given.")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Scale a model of OpenSim to a person and run its inverse kinematics; needs OpenSim."""
    from mocap.pipeline.opensim import OpensimRequest, run_opensim

    done = run_opensim(OpensimRequest(run, model, out_dir, markers, person - 1, mass))
    if json_output:
        print_json(asdict(done))
        return
    out.print(f"Model    {escape(str(done.model))}")
    out.print(f"Motion   {escape(str(done.motion))}")
    out.print(
        f"Markers  {len(done.markers_used)} used, {1000 * done.marker_rms_m:.1f} mm rms off, "
        f"{1000 * done.marker_max_m:.0f} mm at most"
    )
    if done.unused:
        out.print(f"[yellow]Markers without a keypoint: {escape(', '.join(done.unused))}[/yellow]")
    for body, size in done.scale.items():
        out.print(f"Size     {escape(body)} {size:.3f} of the model's")
