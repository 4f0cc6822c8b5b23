"""``mocap models``: the weights of the networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from mocap.cli.console import FAILED, explained, out, print_json, working
from mocap.cli.options import JsonOption
from mocap.cli.teaching import calibrate_sigma, train

if TYPE_CHECKING:
    from mocap.detect.weights import ModelStatus

app = typer.Typer(help="Models: list, show, fetch, verify, add, train, calibrate-sigma.", no_args_is_help=True)
app.command("train")(train)
app.command("calibrate-sigma")(calibrate_sigma)


@app.command("list")
@explained
def list_models(json_output: JsonOption = False) -> None:
    """List the known models and whether their weights are here."""
    from mocap.detect.weights import status

    _show(status(), json_output)


@app.command()
@explained
def show(
    name: Annotated[str, typer.Argument(help="A model.")],
    json_output: JsonOption = False,
) -> None:
    """Show the card of a model: what it eats, how it is read, who may use it, where it comes from."""
    from mocap.detect.weights import status

    found = [model for model in status() if model.card.name == find_name(name)]
    if json_output:
        _show(tuple(found), as_json=True)
        return
    model = found[0]
    card = model.card
    table = Table(show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    rows = {
        "Model": f"{card.name}, version {card.version}",
        "Task": f"{card.task}: {card.keypoints} keypoints of {card.skeleton}",
        "Licence": card.licence,
        "Weights": f"{model.path} ({model.state})",
        "SHA-256": _hash_in_words(model),
        "Input": _fields(card.input.model_dump(exclude_defaults=True)),
        "Reading": "built in" if card.decoder is None else _fields(card.decoder.model_dump()),
        "Uncertainty": _fields(card.uncertainty.model_dump()),
        "Parent": "" if card.parent is None else _fields(card.parent.model_dump()),
        "Sources": "\n".join(describe_source(source) for source in card.sources)
        or "none: add the weights by hand",
    }
    for title, words in rows.items():
        if not words:
            continue
        table.add_row(title, escape(words))
    out.print(table)


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
    from mocap.detect.weights import choose

    with working() as (progress, cancel):
        chosen = [choose((name,), progress, cancel) for name in names or [FINDER]]
        if not names:
            chosen.append(choose(LANDMARK_MODELS, progress, cancel))
    paths = {one.card.name: one.path for one in chosen}
    warnings = tuple(warning for one in chosen for warning in one.warnings)
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
    path: Annotated[Path, typer.Argument(help="Weights (ONNX, LiteRT, TorchScript), or a model card (.toml).")],
    card: Annotated[
        Path | None,
        typer.Option("--card", help="Card of the weights; not needed where a known card has their hash."),
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Add a model of your own: weights with their card, a card, or weights that a known card describes."""
    from mocap.detect.weights import add

    _show((add(path, card),), json_output)


def find_name(name: str) -> str:
    """Name of a model that there is; another is explained."""
    from mocap.detect.weights import find_card

    return find_card(name).name


def describe_source(source: Any) -> str:
    """Name a source in a few words."""
    from mocap.detect.cards import describe

    return describe(source)


def _hash_in_words(model: ModelStatus) -> str:
    if not model.on_trust:
        return f"{model.card.sha256}, from the card"
    if model.card.on_trust:
        return "none published: the first file that is fetched will be taken on trust"
    return f"{model.card.sha256}, of the file that was fetched first and taken on trust"


def _fields(table: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in table.items())


def _show(models: tuple[ModelStatus, ...], as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "models": [
                    {
                        **model.card.model_dump(mode="json"),
                        "path": model.path,
                        "state": model.state,
                        "on_trust": model.on_trust,
                    }
                    for model in models
                ]
            }
        )
        return
    table = Table()
    table.add_column("Model", no_wrap=True)
    for heading in ("Task", "Keypoints", "Licence", "State"):
        table.add_column(heading, overflow="fold")
    colours = {"ready": "green", "missing": "yellow", "damaged": "red"}
    for model in models:
        card = model.card
        trusted = " (on trust)" if model.on_trust and model.state != "missing" else ""
        state = f"[{colours[model.state]}]{model.state}[/]{trusted}"
        table.add_row(
            escape(card.name), card.task, f"{card.keypoints} {card.skeleton}", escape(card.licence), state
        )
    out.print(table)
    if len(models) == 1:
        out.print(f"Weights: {escape(str(models[0].path))}", soft_wrap=True)
