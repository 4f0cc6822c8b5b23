"""``mocap models``: the weights of the networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from mocap.cli.console import FAILED, explained, out, print_json, working
from mocap.cli.options import JsonOption

if TYPE_CHECKING:
    from mocap.detect.weights import ModelStatus

app = typer.Typer(help="Model weights: list, fetch, verify, add.", no_args_is_help=True)


@app.command("list")
@explained
def list_models(json_output: JsonOption = False) -> None:
    """List the known models and whether their weights are here."""
    from mocap.detect.weights import status

    _show(status(), json_output)


@app.command()
@explained
def verify(json_output: JsonOption = False) -> None:
    """Check the weights that are here against their sha256."""
    from mocap.detect.weights import verify

    found = verify()
    _show(found, json_output)
    if any(model.state == "damaged" for model in found):
        raise typer.Exit(FAILED)


@app.command()
@explained
def fetch(
    names: Annotated[
        list[str] | None, typer.Argument(help="Models; without names what the default needs.")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Fetch weights, verify them, and keep them for this user."""
    from mocap.detect.load import FINDER, LANDMARK_MODELS
    from mocap.detect.weights import choose, ensure

    with working() as (progress, cancel):
        paths = {name: ensure(name, progress, cancel)[1] for name in names or [FINDER]}
        warnings: tuple[str, ...] = ()
        if not names:
            chosen = choose(LANDMARK_MODELS, progress, cancel)
            paths[chosen.card.name], warnings = chosen.path, chosen.warnings
    if json_output:
        print_json({"weights": paths, "warnings": warnings})
        return
    for name, path in paths.items():
        out.print(f"[bold]{name}[/bold]  {escape(str(path))}")
    for warning in warnings:
        out.print(f"[yellow]Note:[/yellow] {escape(warning)}")


@app.command()
@explained
def add(
    path: Annotated[Path, typer.Argument(help="A model card (.toml), or weights that a card describes.")],
    json_output: JsonOption = False,
) -> None:
    """Add a model of your own by its card, or weights that you have as a file."""
    from mocap.detect.weights import add

    _show((add(path),), json_output)


def _show(models: tuple[ModelStatus, ...], as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "models": [
                    {**model.card.model_dump(mode="json"), "path": model.path, "state": model.state}
                    for model in models
                ]
            }
        )
        return
    table = Table()
    table.add_column("Model", no_wrap=True)
    for heading in ("Version", "Task", "Keypoints", "Licence", "State", "Weights"):
        table.add_column(heading, overflow="fold")
    colours = {"ready": "green", "missing": "yellow", "damaged": "red"}
    for model in models:
        card = model.card
        state = f"[{colours[model.state]}]{model.state}[/]"
        table.add_row(
            escape(card.name),
            card.version,
            card.task,
            str(card.keypoints),
            card.licence,
            state,
            escape(str(model.path)),
        )
    out.print(table)
