"""``mocap models train`` and ``calibrate-sigma``: teach a network, and learn how far it can be trusted."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from mocap.cli.console import FAILED, explained, out, print_json, working
from mocap.cli.options import JsonOption


@explained
def train(
    sources: Annotated[list[Path], typer.Argument(help="Trials or folders of calibrated videos.")],
    name: Annotated[str, typer.Option(help="Name of the new model: small letters, digits, underscores.")],
    folder: Annotated[Path, typer.Option("--out", "-o", help="Folder for its card and weights.")],
    model: Annotated[str, typer.Option(help="The network to teach.")] = "pose_landmark_full",
    corrections: Annotated[
        Path | None,
        typer.Option(
            help="Keypoints that a person put right: the edits of the app (trials/NAME/edits/RUN.json), or a .csv "
            "with the columns camera, frame, point, x, y."
        ),
    ] = None,
    hold_out: Annotated[
        str | None, typer.Option(help="Camera that only proves the gain; by default the last.")
    ] = None,
    most: Annotated[int, typer.Option(help="Crops, spread evenly over the recordings.")] = 800,
    epochs: Annotated[int, typer.Option(help="How often each is shown.")] = 4,
    rate: Annotated[float, typer.Option(help="Share of their size by which weights may move in a step.")] = 2e-5,
    share: Annotated[float, typer.Option(help="Share of the layers, from the outputs, that may change.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of everything drawn by chance.")] = 0,
    json_output: JsonOption = False,
) -> None:
    """Teach a landmark network your cameras, from what the other views say or from corrected keypoints."""
    from mocap.detect.train.loop import TrainSettings
    from mocap.pipeline.train import TrainRequest
    from mocap.pipeline.train import train as run

    settings = TrainSettings(epochs=epochs, rate=rate, share=share, seed=seed)
    wanted = TrainRequest(tuple(sources), name, folder, model, corrections, hold_out, most, settings)
    with working() as (progress, cancel):
        done = run(wanted, progress, cancel)
    child = done.child
    if json_output:
        print_json(
            {
                "gain": asdict(done.gain),
                "errors_px": list(done.errors_px),
                "crops": done.crops,
                "held_out_view": done.held_out_view,
                "card": None if child is None else child.card_path,
                "weights": None if child is None else child.weights_path,
            }
        )
    else:
        gain = done.gain
        where = "corrections held out" if done.held_out_view is None else f"camera {done.held_out_view}, held out"
        out.print(
            f"Error on {gain.labels} keypoints ({escape(where)}): {gain.before_px:.2f} -> {gain.after_px:.2f} px "
            f"of the network's input, {100 * gain.fall:.1f} % less; at least {100 * gain.surely:.1f} % with 95 % "
            "confidence."
        )
        if child is None:
            out.print("[yellow]No gain that can be proved:[/yellow] no new model was made.")
        else:
            out.print(f"Made {escape(str(child.card_path))}. Use it with:")
            out.print(
                escape(f"mocap models add {child.weights_path} --card {child.card_path}"),
                soft_wrap=True,
                style="bold",
            )
    if child is None:
        raise typer.Exit(FAILED)


@explained
def calibrate_sigma(
    model: Annotated[str, typer.Argument(help="A BlazePose landmark model.")],
    films: Annotated[list[Path], typer.Argument(help="Films of known truth: mocap studio render makes them.")],
    held_out: Annotated[
        list[Path] | None, typer.Option("--test", help="A film that is not fitted to; may be given several times.")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Fit the [uncertainty] table of a model's card to films of known truth."""
    import tomli_w

    from mocap.pipeline.sigma import calibrate_sigma as run

    with working() as (progress, cancel):
        found = run(model, films, held_out or (), progress, cancel)
    if json_output:
        print_json(asdict(found) | {"uncertainty": found.uncertainty.model_dump(mode="json")})
        return
    table = Table(title="Errors along x and y within one and two stated sigmas (honest: 68 % and 95 %)")
    for heading in ("Films", "Sigmas", "One", "Two", "Keypoints"):
        table.add_column(heading, justify="left" if heading in ("Films", "Sigmas") else "right")
    rows = [("fitted to", "the card's", found.before), ("fitted to", "new", found.fitted)]
    if found.tested is not None:
        rows.append(("held out", "new", found.tested))
    for films_, sigmas, share in rows:
        table.add_row(films_, sigmas, f"{100 * share.one:.1f} %", f"{100 * share.two:.1f} %", str(share.count))
    out.print(table)
    shown = found.uncertainty.model_dump(mode="json", include={"keypoint_px", "unseen_px", "unseen_power"})
    out.print(escape(tomli_w.dumps({"uncertainty": shown})))
