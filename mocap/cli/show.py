"""A finished run as a table for people and as an object for programs."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from rich.markup import escape
from rich.table import Table

from mocap.cli.console import out
from mocap.core.summary import RunSummary, TruthErrors
from mocap.pipeline.run import ProcessResult


def summary_object(result: ProcessResult) -> dict[str, Any]:
    """All figures of a run, with the places of its files."""
    figures = asdict(result.summary)
    figures["files"] = {kind: str(result.folder / file) for kind, file in result.summary.files.items()}
    return {**figures, "run": str(result.folder), "reused": result.reused}


def as_table(result: ProcessResult) -> None:
    """Print the figures of a run."""
    summary = result.summary
    if result.reused:
        out.print("This run was finished before; these are its figures. Use --fresh to compute again.")
    out.print(_figures(summary))
    if summary.truth is not None:
        out.print(_truth(summary.truth))
    for warning in summary.warnings:
        out.print(f"[yellow]Note:[/yellow] {escape(warning)}")
    out.print(f"Rig    {escape(summary.calibration)}")
    out.print(f"Files  {escape(str(result.folder / 'exports'))}")
    out.print(f"Report {escape(str(result.folder / summary.files['report']))}")


def _number(value: float, unit: str, digits: int = 1) -> str:
    return f"{value:.{digits}f} {unit}".strip() if math.isfinite(value) else "not measured"


def _figures(summary: RunSummary) -> Table:
    table = Table(
        title=f"{escape(summary.trial)}: {len(summary.cameras)} cameras, {_number(summary.rate_hz, 'Hz', 2)}"
    )
    table.add_column("Figure")
    table.add_column("Value", justify="right")
    table.add_row("Frames in 3D", f"{summary.frames_3d} of {summary.frames}")
    table.add_row("Reprojection error, median", _number(summary.reproj_px_median, "px"))
    table.add_row("Reprojection error, 90 %", _number(summary.reproj_px_p90, "px"))
    for camera, error in summary.reproj_px_per_camera.items():
        rejected = 100 * summary.rejected_share_per_camera[camera]
        table.add_row(f"  {escape(camera)}", f"{_number(error, 'px')}, {_number(rejected, '%')} rejected")
    table.add_row("Bone length variation", _number(summary.bone_variation_percent, "%"))
    table.add_row("Position uncertainty (1 sigma)", _number(summary.sigma_mm_median, "mm"))
    for stage, seconds in summary.seconds.items():
        table.add_row(f"Time: {stage}", _number(seconds, "s", 2))
    table.add_row(
        "Speed", f"{_number(summary.frames_per_s, 'frames/s', 2)}, {_number(summary.views_per_s, 'views/s')}"
    )
    return table


def _truth(truth: TruthErrors) -> Table:
    laid = "Positions after the one turn and shift of everything that lays them over the truth, because the "
    laid += "cameras are not calibrated as those of the film were."
    table = Table(title="Errors against truth", caption=laid if truth.laid_over else None)
    table.add_column("Joint or angle")
    table.add_column("Error", justify="right")
    for joint, error in truth.mpjpe_mm_per_joint.items():
        table.add_row(joint.replace("_", " "), _number(error, "mm"))
    table.add_row("Mean over joints (MPJPE)", _number(truth.mpjpe_mm, "mm"), style="bold")
    table.add_row("Missing", _number(100 * truth.missing_share, "%"))
    table.add_section()
    for angle, rms in truth.angle_rms_deg.items():
        table.add_row(f"{angle.replace('_', ' ')}, rms", _number(rms, "deg"))
    return table
