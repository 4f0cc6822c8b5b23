"""``mocap turntable``: a run's body in the round, as video, picture, mesh or point cloud."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from mocap.cli.console import explained, out, print_json, working
from mocap.cli.options import JsonOption
from mocap.core.errors import InputError


@explained
def turntable(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run: trials/NAME/runs/ID.")],
    film: Annotated[
        Path | None, typer.Option("--out", "-o", help="Video (.mp4) that turns once around the body in motion.")
    ] = None,
    picture: Annotated[Path | None, typer.Option("--picture", help="Picture (.png) of one instant.")] = None,
    mesh: Annotated[
        Path | None, typer.Option("--mesh", help="The body of one instant as triangles (.ply).")
    ] = None,
    cloud: Annotated[Path | None, typer.Option("--cloud", help="The same as points (.ply).")] = None,
    at: Annotated[float, typer.Option("--at", help="Which instant, seconds from the first.")] = 0.0,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", help="Length of the video; the motion's if not given. Cut, or begun again."),
    ] = None,
    size: Annotated[str, typer.Option("--size", help="Width and height, px.")] = "1280x720",
    trails: Annotated[bool, typer.Option("--trails", help="Draw the paths of hands and feet.")] = False,
    cameras: Annotated[bool, typer.Option(help="Draw the cameras.")] = True,
    json_output: JsonOption = False,
) -> None:
    """Turn around a run's body in a video, or take a picture, a mesh or a point cloud of it; needs open3d."""
    from mocap.pipeline.turntable import TurntableRequest, make_turntable
    from mocap.report.eye import TurntableFilm

    sides = re.fullmatch(r"(\d+)x(\d+)", size)
    if sides is None:
        raise InputError(f"'{size}' is not a size.", "Write it like 1280x720.")
    look = TurntableFilm((int(sides[1]), int(sides[2])), seconds, trails, cameras)
    request = TurntableRequest(run, film, picture, mesh, cloud, at, look)
    with working() as (progress, cancel):
        done = make_turntable(request, progress, cancel)
    if json_output:
        print_json({"files": list(done)})
        return
    for path in done:
        out.print(escape(str(path)))
