"""``mocap board``: calibration boards to print, and which board is in a picture."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from mocap.cli.console import explained, out, print_json
from mocap.cli.options import JsonOption

if TYPE_CHECKING:
    from calibration.targets import AnyTarget

app = typer.Typer(help="Calibration boards: list, make, show, identify.", no_args_is_help=True)

PRESETS = "boards"
DEFAULT_PRESET = "a4"

# Pictures of a video that are looked at to find out its board, spread evenly.
IDENTIFY_PICTURES = 24


class Kind(str, Enum):
    """Kinds of targets."""

    charuco = "charuco"
    checkerboard = "checkerboard"
    marker = "marker"


@app.command("list")
@explained
def list_boards(json_output: JsonOption = False) -> None:
    """List the boards that come with the software."""
    from calibration.targets import read_target, target_table
    from mocap.presets import preset_names, preset_path, read_toml

    paths = {name: preset_path(PRESETS, name) for name in preset_names(PRESETS)}
    if json_output:
        print_json({"boards": {name: target_table(read_target(path)) for name, path in paths.items()}})
        return
    table = Table()
    for heading in ("Name", "Board", "For"):
        table.add_column(heading)
    for name, path in paths.items():
        table.add_row(*map(escape, (name, read_target(path).name, str(read_toml(path).get("description", "")))))
    out.print(table)


@app.command()
@explained
def show(
    board: Annotated[str, typer.Argument(help="Name of a board that comes with the software, or a board file.")],
    json_output: JsonOption = False,
) -> None:
    """Show what a board file says."""
    from calibration.targets import target_table

    target = _named(board)
    if json_output:
        print_json({**target_table(target), "corners": len(target.points)})
        return
    out.print(escape(f"{target.name}; {len(target.points)} corners"))


@app.command()
@explained
def make(
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: .pdf, .svg or .png.")],
    preset: Annotated[
        str | None, typer.Option("--preset", "-p", help="A board of `mocap board list`, or a board file.")
    ] = None,
    kind: Annotated[Kind, typer.Option("--kind", help="Kind of target.")] = Kind.charuco,
    squares: Annotated[
        str | None, typer.Option("--squares", help="Columns and rows of squares, such as 5x7.")
    ] = None,
    square_mm: Annotated[
        float | None, typer.Option("--square-mm", help="Side of a square, or of a marker.")
    ] = None,
    marker_mm: Annotated[
        float | None,
        typer.Option("--marker-mm", help="Side of the markers; three quarters of the square if not given."),
    ] = None,
    dictionary: Annotated[
        str, typer.Option("--dictionary", help="Markers, as OpenCV names them.")
    ] = "DICT_5X5_50",
    number: Annotated[int, typer.Option("--id", help="Number of a single marker.")] = 0,
    legacy: Annotated[bool, typer.Option("--legacy", help="Pattern of OpenCV before 4.6.")] = False,
    inverted: Annotated[bool, typer.Option("--inverted", help="White on black.")] = False,
    paper: Annotated[str, typer.Option("--paper", help="A4, A3, A2, A1, A0, letter, legal or tabloid.")] = "A4",
    both_sides: Annotated[
        bool,
        typer.Option("--both-sides", help="A second page for the back (PDF), whose corners lie on the front's."),
    ] = False,
    dpi: Annotated[float, typer.Option("--dpi", min=50, max=1200, help="Resolution of a PNG.")] = 300.0,
    json_output: JsonOption = False,
) -> None:
    """Draw a board true to scale, with a ruler to check the printer, and write its board file beside it."""
    from calibration.files import atomic_write
    from calibration.targets import target_from_table, target_table, write_target
    from calibration.targets.drawing import pages, to_pdf, to_png, to_svg
    from mocap.core.errors import InputError

    suffix = output.suffix.lower()
    if suffix not in (".pdf", ".svg", ".png"):
        raise InputError(
            f"A board cannot be written as '{suffix}'.", "End the name in .pdf, .svg or .png.", output
        )
    if both_sides and suffix != ".pdf":
        raise InputError("Only a PDF has a page for the back.", "End the name in .pdf.", output)
    if preset is None and squares is None and kind is not Kind.marker:
        preset = DEFAULT_PRESET
    if preset is not None:
        target = _named(preset)
    else:
        target = target_from_table(
            _table(
                kind, squares, square_mm, marker_mm, dictionary, number, {"legacy": legacy, "inverted": inverted}
            )
        )
    drawn = pages(target, paper, both_sides)
    content = {
        ".pdf": lambda: to_pdf(drawn),
        ".svg": lambda: to_svg(drawn[0]).encode(),
        ".png": lambda: to_png(drawn[0], dpi),
    }
    data = content[suffix]()
    with atomic_write(output) as draft:
        draft.write_bytes(data)
    board_file = output.with_suffix(".toml")
    write_target(target, board_file)
    if json_output:
        print_json({"file": output, "board": board_file, "paper": paper, **target_table(target)})
        return
    out.print(escape(f"Wrote {output} and {board_file}"))
    out.print(escape(f"{target.name}, on {paper}"))
    out.print("Print at 100 %, check the ruler, and glue the sheet to a flat plate.")


@app.command()
@explained
def identify(
    pictures: Annotated[list[Path], typer.Argument(help="Pictures, or a video.")],
    square_mm: Annotated[
        float | None, typer.Option("--square-mm", help="Side of a square (single marker: of it), measured.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Board file to write.")] = None,
    json_output: JsonOption = False,
) -> None:
    """Find out which board is in pictures."""
    from calibration.targets import target_table, write_target
    from calibration.targets.identify import identify, require_target

    found = require_target(identify(_pictures(pictures), None if square_mm is None else square_mm / 1000.0))
    if output is not None:
        write_target(found.target, output)
    if json_output:
        print_json(
            {
                **target_table(found.target),
                "scale_known": found.scale_known,
                "mirrored": found.mirrored,
                "file": output,
            }
        )
        return
    out.print(found.target.name + (", seen mirrored" if found.mirrored else ""))
    if not found.scale_known:
        out.print("[yellow]Note:[/yellow] the size is assumed. Measure a square and give --square-mm.")
    if output is not None:
        out.print(escape(f"Wrote {output}"))


def _named(board: str) -> AnyTarget:
    """A board by name of a preset or by its file."""
    from calibration.targets import read_target
    from mocap.presets import preset_path

    path = Path(board)
    return read_target(path if path.suffix or path.is_file() else preset_path(PRESETS, board))


def _table(
    kind: Kind,
    squares: str | None,
    square_mm: float | None,
    marker_mm: float | None,
    dictionary: str,
    number: int,
    flags: dict[str, bool],
) -> dict[str, Any]:
    """Keys of the board file that the options describe."""
    from mocap.core.errors import InputError

    if square_mm is None:
        raise InputError("The size is missing.", "Give --square-mm, the side of a square or of the marker.")
    side = square_mm / 1000.0
    if kind is Kind.marker:
        return {
            "kind": "marker",
            "id": number,
            "side_m": side,
            "dictionary": dictionary,
            "inverted": flags["inverted"],
        }
    columns, _, rows = (squares or "").lower().partition("x")
    if not (columns.isdigit() and rows.isdigit()):
        raise InputError(
            f"'{squares}' is not a number of squares.", "Give columns and rows, such as --squares 5x7."
        )
    if kind is Kind.checkerboard:
        return {"kind": "checkerboard", "corners": [int(columns) - 1, int(rows) - 1], "square_m": side}
    marker = 0.75 * side if marker_mm is None else marker_mm / 1000.0
    return {
        "kind": "charuco",
        "squares": [int(columns), int(rows)],
        "square_m": side,
        "marker_m": marker,
        "dictionary": dictionary,
        **flags,
    }


def _pictures(paths: list[Path]) -> list[Any]:
    """Pictures of image files, and some of each video."""
    import numpy as np

    from calibration.footage import ImageFootage
    from mocap.capture import probe, read_frames
    from mocap.capture.find import VIDEO_SUFFIXES

    images = [path for path in paths if path.suffix.lower() not in VIDEO_SUFFIXES]
    found = [image for path in images for _, image in ImageFootage((path,)).read(np.array([0]))]
    for path in paths:
        if path not in images:
            info = probe(path, path.stem)
            wanted = set(np.linspace(0, info.n_frames - 1, IDENTIFY_PICTURES).round().astype(int).tolist())
            found += [frame.image for frame in read_frames(info) if frame.index in wanted]
    return found
