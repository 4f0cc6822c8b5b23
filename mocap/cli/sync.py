"""``mocap sync``: the clocks of cameras that started on their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from mocap.cli.console import explained, out, print_json, working
from mocap.cli.options import JsonOption
from mocap.core.errors import InputError

if TYPE_CHECKING:
    from mocap.pipeline.sync.synchronise import SyncResult


@explained
def sync(
    path: Annotated[Path, typer.Argument(help="A session, a trial, or a folder with the videos of all cameras.")],
    calibration: Annotated[
        Path | None,
        typer.Option("--calibration", "-c", help="Calibration file; found beside the videos if not given."),
    ] = None,
    methods: Annotated[
        str, typer.Option(help="Whom to ask, comma-separated.")
    ] = "sound,light,board,motion,timecode",
    offset: Annotated[
        list[str] | None,
        typer.Option("--offset", help="CAMERA=SECONDS: a clock as you know it, against the first camera's."),
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write; sync.toml beside the videos if not given.")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Find how the cameras' clocks run against each other: by sound, light, a board, motion and time codes."""
    from mocap.pipeline.sync.synchronise import SyncRequest, synchronise

    asked = tuple(name.strip() for name in methods.split(",") if name.strip())
    by_hand = tuple(_by_hand(text) for text in offset or [])
    with working() as (progress, cancel):
        found = synchronise(SyncRequest(path, calibration, asked, by_hand, out_file), progress, cancel)
    if json_output:
        print_json(_as_object(found))
    else:
        _show(found)


def _by_hand(text: str) -> tuple[str, float]:
    name, _, value = text.rpartition("=")
    try:
        return name, float(value)
    except ValueError as error:
        raise InputError(f"'{text}' is not an offset.", "Write it like --offset cam_2=0.25.") from error


def _as_object(found: SyncResult) -> dict[str, object]:
    clocks = found.fusion.clocks
    return {
        "cameras": {
            name: {
                "offset_s": float(clocks.offset_s[c]),
                "offset_sigma_s": float(clocks.sigma_s[c]),
                "best_known_at_s": float(clocks.at_s[c]),
                "rate": float(clocks.rate[c]),
                "rate_sigma": float(clocks.rate_sigma[c]),
                "pictures_per_s": found.rate_hz[c],
            }
            for c, name in enumerate(clocks.cameras)
        },
        "found_by": [
            {
                "method": link.method,
                "first": link.first,
                "second": link.second,
                "at_s": link.at_s,
                "offset_s": link.offset_s,
                "sigma_s": link.sigma_s,
                "drift": link.drift,
                "drift_sigma": link.drift_sigma,
                "basis": link.basis,
                "used": used,
            }
            for links, used in ((found.fusion.used, True), (found.fusion.left_out, False))
            for link in links
        ],
        "could_not_tell": [
            {"method": silence.method, "cameras": list(silence.cameras), "reason": silence.reason}
            for silence in found.silences
        ],
        "notes": list(found.notes),
        "file": found.file,
        "page": found.page,
    }


def _show(found: SyncResult) -> None:
    clocks = found.fusion.clocks
    table = Table(title=f"Clocks against that of {escape(clocks.cameras[0])}")
    for heading in ("Camera", "Offset, s", "± ms", "Drift, ppm", "± ppm", "Pictures/s"):
        table.add_column(heading, justify="left" if heading == "Camera" else "right")
    for c, name in enumerate(clocks.cameras):
        table.add_row(
            escape(name),
            f"{clocks.offset_s[c]:+.4f}",
            f"{clocks.sigma_s[c] * 1e3:.2f}",
            f"{(clocks.rate[c] - 1.0) * 1e6:+.0f}",
            f"{clocks.rate_sigma[c] * 1e6:.0f}",
            f"{found.rate_hz[c]:.3f}",
        )
    out.print(table)
    for link in found.fusion.used:
        out.print(escape(f"{link.method}: {link.first} to {link.second}: {link.basis}"))
    for silence in found.silences:
        out.print(f"[dim]{escape(silence.reason)}[/dim]")
    for sentence in found.notes:
        out.print(f"[yellow]Note:[/yellow] {escape(sentence)}")
    out.print(f"Wrote {escape(str(found.file))}; see {escape(str(found.page))}")
