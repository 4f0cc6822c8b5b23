"""All commands. Heavy imports wait until a command needs them, so that ``--help`` is at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from mocap import __version__
from mocap.cli import (
    board,
    calibrate,
    calibration,
    doctor,
    evaluate,
    gui,
    import_poses,
    importing,
    live,
    models,
    opensim,
    record,
    studio,
    sync,
    turntable,
)
from mocap.cli.console import STOPPED, err, explained, out, print_json, working
from mocap.cli.options import JsonOption
from mocap.cli.usage import Commands

if TYPE_CHECKING:
    from mocap.pipeline.settings import PipelineSettings

app = typer.Typer(
    name="mocap",
    cls=Commands,
    help="Turn ordinary cameras into a calibrated 3D motion-capture lab.",
    pretty_exceptions_enable=False,
)
app.add_typer(board.app, name="board")
app.add_typer(calibration.app, name="calibration")
app.add_typer(models.app, name="models")
app.add_typer(studio.app, name="studio")
app.command("calibrate")(calibrate.calibrate)
app.command("doctor")(doctor.doctor)
app.command("gui")(gui.gui)
app.command("evaluate")(evaluate.evaluate)
app.command("cameras")(record.cameras)
app.command("live")(live.live)
app.command("record")(record.record)
app.command("import")(importing.import_folder)
app.command("import-poses")(import_poses.import_poses)
app.command("sync")(sync.sync)
app.command("export-poses")(import_poses.export_poses)
app.command("opensim")(opensim.opensim)
app.command("turntable")(turntable.turntable)

PresetOption = Annotated[
    str, typer.Option("--preset", "-p", help="Settings: balanced, fast, or a file of your own (.toml).")
]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", help="Session folder for the results.")]
FreshOption = Annotated[bool, typer.Option("--fresh", help="Compute again even if this run is there already.")]


@app.callback(invoke_without_command=True)
def alone(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False
) -> None:
    """Turn ordinary cameras into a calibrated 3D motion-capture lab."""
    if version:
        out.print(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        if gui.can_open_window():
            gui.gui()
        else:
            out.print(context.get_help())


@app.command()
@explained
def process(
    path: Annotated[Path, typer.Argument(help="A session, a trial, or a folder with the videos of all cameras.")],
    calibration: Annotated[
        Path | None,
        typer.Option("--calibration", "-c", help="Calibration file; found beside the videos if not given."),
    ] = None,
    preset: PresetOption = "balanced",
    people: Annotated[str | None, typer.Option("--people", help="subject (one person) or all.")] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", help="longest (in view, the default) or biggest.")
    ] = None,
    click: Annotated[
        str | None, typer.Option("--click", help="Where the subject is: camera,instant,x,y (px).")
    ] = None,
    formats: Annotated[
        str | None, typer.Option("--formats", "-f", help="Files to write; see mocap export.")
    ] = None,
    sex: Annotated[
        str | None,
        typer.Option(
            "--subject-sex",
            help="female, male, or unknown (the default: the mean of both); for the centre of mass.",
        ),
    ] = None,
    tasks: Annotated[
        str | None,
        typer.Option("--tasks", help="What was done, comma-separated: squat, sit_to_stand, jump. Gait is found."),
    ] = None,
    repetitions: Annotated[
        str | None,
        typer.Option("--count", help="Joint angles whose repetitions are counted: left_elbow_flexion ..."),
    ] = None,
    edits: Annotated[
        Path | None,
        typer.Option("--edits", help="What was corrected by hand in the app: trials/NAME/edits/RUN.json."),
    ] = None,
    out_dir: OutOption = None,
    fresh: FreshOption = False,
    json_output: JsonOption = False,
) -> None:
    """From videos to 3D, joint angles, files and a report."""
    from mocap.pipeline.findings import with_reading
    from mocap.pipeline.settings import load_settings, parse_click, with_formats, with_people

    settings = with_people(load_settings(preset), people, subject, None if click is None else parse_click(click))
    if formats is not None:
        settings = with_formats(settings, _words(formats))
    settings = with_reading(settings, sex, _words(tasks or ""), _words(repetitions or ""))
    _run(path, calibration, settings, out_dir, fresh, json_output, edits)


@app.command()
@explained
def demo(
    preset: PresetOption = "balanced",
    out_dir: OutOption = None,
    fresh: FreshOption = False,
    json_output: JsonOption = False,
) -> None:
    """Process the film that comes with the software and compare with its known truth."""
    from mocap.pipeline.settings import load_settings
    from mocap.session import data_dir
    from mocap.studio import sample_dir

    _run(sample_dir(), None, load_settings(preset), out_dir or data_dir() / "demo", fresh, json_output)


def _words(text: str) -> tuple[str, ...]:
    """Parts of a comma-separated list."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _run(
    path: Path,
    calibration: Path | None,
    settings: PipelineSettings,
    out_dir: Path | None,
    fresh: bool,
    as_json: bool,
    edits: Path | None = None,
) -> None:
    """Process and show the figures."""
    from mocap.cli.show import as_table, summary_object
    from mocap.pipeline.edits import read_edits
    from mocap.pipeline.run import ProcessRequest, process

    corrected = None if edits is None else read_edits(edits)
    request = ProcessRequest(path, settings, calibration, out_dir, fresh, corrected)
    with working() as (progress, cancel):
        result = process(request, progress, cancel)
    if as_json:
        print_json(summary_object(result))
    else:
        as_table(result)


@app.command()
@explained
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run: trials/NAME/runs/ID.")],
    formats: Annotated[
        str,
        typer.Option(
            "--formats",
            "-f",
            help="Any of trc, c3d, mot, bvh, bvh:NAMES, glb, usd, fbx, csv, xlsx, parquet, nc, npz, json",
        ),
    ],
    out_dir: Annotated[Path, typer.Option("--out", "-o", help="Folder for the files.")],
    json_output: JsonOption = False,
) -> None:
    """Write a finished run in other formats."""
    from mocap.pipeline.reexport import export_run

    written = export_run(run, _words(formats), out_dir)
    if json_output:
        print_json(
            {kind: {"files": list(done.files), "dropped": list(done.dropped)} for kind, done in written.items()}
        )
        return
    for kind, done in written.items():
        for file in done.files:
            out.print(f"[bold]{kind}[/bold]  {escape(str(file))}")
        for sentence in done.dropped:
            out.print(f"     [yellow]{escape(sentence)}[/yellow]")


def run() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):  # Windows consoles and pipes may speak an old code page
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        app()
    except KeyboardInterrupt:
        err.print("Stopped.")
        sys.exit(STOPPED)
