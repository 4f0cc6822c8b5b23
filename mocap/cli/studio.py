"""``mocap studio``: test films with known truth."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from mocap.cli.console import explained, out, print_json, working
from mocap.cli.options import JsonOption
from mocap.core.errors import InputError

app = typer.Typer(help="Make test films with known truth.", no_args_is_help=True)


@app.callback()
def studio() -> None:
    """Make test films with known truth."""


@app.command()
@explained
def render(
    folder: Annotated[Path, typer.Argument(help="Session folder to make.")],
    motions: Annotated[str, typer.Option(help="Comma-separated, one a person: walk, squat, arms ...")] = "sample",
    persons: Annotated[int, typer.Option(help="People in the scene.")] = 1,
    cameras: Annotated[int, typer.Option(help="Cameras around it.")] = 4,
    size: Annotated[str, typer.Option(help="Size of the pictures, px.")] = "640x480",
    fps: Annotated[float, typer.Option(help="Frames per second.")] = 30.0,
    seconds: Annotated[float, typer.Option(help="Length, s.")] = 2.0,
    offsets: Annotated[str, typer.Option(help="Clock offset of each camera, s, comma-separated.")] = "",
    noise: Annotated[float, typer.Option(help="Pixel noise, grey levels.")] = 1.5,
    dropped: Annotated[float, typer.Option(help="Share of frames that never reach the file.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of everything drawn by chance.")] = 1,
    json_output: JsonOption = False,
) -> None:
    """Render calibrated videos of bodies whose joints and angles are known."""
    from mocap.studio import StudioSettings, render

    settings = StudioSettings(
        motions=tuple(_parts(motions)),
        persons=persons,
        cameras=cameras,
        size_wh=_size(size),
        fps=fps,
        seconds=seconds,
        seed=seed,
        offset_s=_numbers(offsets),
        noise_sigma=noise,
        dropped_share=dropped,
    )
    with working() as (progress, cancel):
        made = render(settings, folder, progress, cancel)
    if json_output:
        print_json({"session": made})
    else:
        out.print(escape(f"Made {made}. Process it with: mocap process {shlex.quote(str(made))}"))


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in _parts(text))
    except ValueError as error:
        raise InputError(f"'{text}' is not a list of numbers.", "Write it like 0,0.1,-0.05,0.") from error


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError as error:
        raise InputError(f"'{text}' is not a size.", "Write it like 640x480.") from error
    return width, height
