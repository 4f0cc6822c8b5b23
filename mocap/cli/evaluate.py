"""``mocap evaluate``: a result against known truth."""

from __future__ import annotations

from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from mocap.cli.console import explained, out, print_json
from mocap.cli.options import JsonOption

if TYPE_CHECKING:
    from mocap.evaluate import Distances, Score


class Alignment(str, Enum):
    """Whether a motion of the whole recording is taken out before it is compared."""

    none = "none"
    rigid = "rigid"
    similarity = "similarity"


class Up(str, Enum):
    """The axis that points up in a file."""

    y = "y"
    z = "z"


@explained
def evaluate(
    result: Annotated[
        list[Path], typer.Argument(help="Folder of a finished run, or npz, C3D, TRC, CSV; a file a person.")
    ],
    truth: Annotated[list[Path], typer.Option("--truth", "-t", help="The truth, as npz, C3D, TRC or CSV.")],
    joints: Annotated[
        str | None, typer.Option("--joints", help="Comma-separated names; all that both have if not given.")
    ] = None,
    align: Annotated[
        Alignment, typer.Option("--align", help="Take one motion of the whole recording out first.")
    ] = Alignment.none,
    offset_s: Annotated[
        float, typer.Option("--offset", help="The result's clock minus the truth's, seconds.")
    ] = 0.0,
    result_up: Annotated[Up | None, typer.Option("--up", help="Axis that points up in the result.")] = None,
    truth_up: Annotated[Up | None, typer.Option("--truth-up", help="Axis that points up in the truth.")] = None,
    json_output: JsonOption = False,
) -> None:
    """Compare positions with the truth: MPJPE, PCP, PCK, identities. Missing joints count as missed."""
    from mocap.evaluate import evaluate as compare
    from mocap.evaluate import read_recording

    wanted = tuple(name.strip() for name in joints.split(",") if name.strip()) if joints else None
    score = compare(
        read_recording(result, None if result_up is None else result_up is Up.y),
        read_recording(truth, None if truth_up is None else truth_up is Up.y),
        wanted,
        align.value,
        offset_s,
    )
    if json_output:
        print_json(score_object(score))
    else:
        _show(score)


def score_object(score: Score) -> dict[str, Any]:
    """All measures as plain values."""
    figures = asdict(score)
    for name in ("mpjpe", "pa_mpjpe", "n_mpjpe"):
        per_joint = figures[name].pop("per_joint_m").tolist()
        figures[name]["per_joint_m"] = dict(zip(score.joints, per_joint, strict=True))
    figures["axis_rms_m"] = dict(zip(score.joints, score.axis_rms_m.tolist(), strict=True))
    if score.parts is not None:
        parts = figures["parts"]
        parts["per_actor"] = score.parts.per_actor.tolist()
        parts["per_actor_strict"] = score.parts.per_actor_strict.tolist()
        parts["per_part"] = dict(zip(score.part_names, score.parts.per_part.tolist(), strict=True))
    return figures


def _show(score: Score) -> None:
    """Print the measures as tables."""
    table = Table(title=f"{score.people} people, {score.instants} instants, {len(score.joints)} joints")
    for name in ("Measure", "Value", "Found joints only", "Missing"):
        table.add_column(name, justify="left" if name == "Measure" else "right")
    for name, measure in (
        ("MPJPE", score.mpjpe),
        ("PA-MPJPE (each pose aligned)", score.pa_mpjpe),
        ("N-MPJPE (each pose scaled)", score.n_mpjpe),
    ):
        table.add_row(name, *_distance(measure))
    for distance, share in score.pck.items():
        table.add_row(f"PCK at {1000 * distance:.0f} mm", _percent(share))
    if score.parts is not None:
        table.add_row("PCP, mean of both ends", _percent(score.parts.mean))
        table.add_row("PCP, both ends", _percent(score.parts.strict))
        for number, share in enumerate(score.parts.per_actor.tolist(), start=1):
            table.add_row(f"  person {number}, mean of both ends", _percent(share))
    table.add_row(
        "Acceleration error", f"{score.acceleration_m_s2:.2f} m/s2", "", _percent(score.acceleration_missing)
    )
    who = score.identities
    table.add_row("MOTA", _percent(who.mota))
    table.add_row("MOTP", f"{1000 * who.motp_m:.1f} mm")
    table.add_row("IDF1", _percent(who.idf1))
    table.add_row("Identity switches", str(who.switches))
    table.add_row("People missed / found without being there", f"{who.misses} / {who.false_positives}")
    out.print(table)
    joints = Table(title="Per joint")
    for name in ("Joint", "MPJPE", "x rms", "y rms", "z rms"):
        joints.add_column(name, justify="left" if name == "Joint" else "right")
    for name, error, axes in zip(
        score.joints, score.mpjpe.per_joint_m.tolist(), score.axis_rms_m.tolist(), strict=True
    ):
        joints.add_row(name.replace("_", " "), *(f"{1000 * value:.1f} mm" for value in (error, *axes)))
    out.print(joints)
    if score.unmapped:
        out.print(f"[yellow]Not compared:[/yellow] the result has no {', '.join(score.unmapped)}.")


def _distance(measure: Distances) -> tuple[str, str, str]:
    return (
        f"{1000 * measure.mean_m:.1f} mm",
        f"{1000 * measure.found_m:.1f} mm",
        _percent(measure.missing_share),
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
