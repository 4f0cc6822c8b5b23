"""``mocap import-poses`` and ``mocap export-poses``: detections of other programs in, ours out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from mocap.cli.console import explained, out, print_json, working
from mocap.cli.options import JsonOption

FORMATS = "openpose, coco, deeplabcut, sleap, caliscope, freemocap"


CalibrationOption = Annotated[
    Path | None, typer.Option("--calibration", "-c", help="Calibration file; found beside them if not given.")
]
VideosOption = Annotated[
    Path | None,
    typer.Option("--videos", help="Folder of the videos they were found in: gives times and overlays."),
]
RateOption = Annotated[float | None, typer.Option("--rate", help="Frames a second, without videos.")]
SkeletonOption = Annotated[
    str | None, typer.Option("--skeleton", help="Their keypoints, such as coco17; by content if not given.")
]
FormatOption = Annotated[str | None, typer.Option("--format", "-f", help=f"{FORMATS}; by content if not given.")]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", help="Session folder for the results.")]
FreshOption = Annotated[bool, typer.Option("--fresh", help="Compute again even if this run is there already.")]


@explained
def import_poses(
    path: Annotated[Path, typer.Argument(help="File or folder of the detections of all cameras.")],
    calibration: CalibrationOption = None,
    videos: VideosOption = None,
    rate: RateOption = None,
    skeleton: SkeletonOption = None,
    form: FormatOption = None,
    preset: Annotated[str, typer.Option("--preset", "-p", help="Settings.")] = "balanced",
    out_dir: OutOption = None,
    fresh: FreshOption = False,
    json_output: JsonOption = False,
) -> None:
    """From another program's detections to 3D, joint angles, files and a report."""
    from mocap.cli.show import as_table, summary_object
    from mocap.pipeline.imported import ImportRequest
    from mocap.pipeline.run import process_imported
    from mocap.pipeline.settings import load_settings

    source = ImportRequest(path, calibration, videos, rate, skeleton, form, out_dir)
    with working() as (progress, cancel):
        result = process_imported(source, load_settings(preset), fresh, progress, cancel)
    if json_output:
        print_json(summary_object(result))
    else:
        as_table(result)


@explained
def export_poses(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run: trials/NAME/runs/ID.")],
    form: Annotated[str, typer.Option("--format", "-f", help="openpose, coco, deeplabcut or freemocap.")],
    out_dir: Annotated[Path, typer.Option("--out", "-o", help="Folder for the files.")],
    json_output: JsonOption = False,
) -> None:
    """Write the 2D detections of a finished run for another program."""
    from mocap.pipeline.imported import export_poses as write

    files = write(run, form, out_dir)
    if json_output:
        print_json({"files": list(files)})
        return
    for file in files:
        out.print(escape(str(file)))
