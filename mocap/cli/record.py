"""``mocap record`` and ``mocap cameras``: from cameras to a trial of a session."""

from __future__ import annotations

import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table

from mocap.cli.console import err, explained, out, print_json, working
from mocap.cli.options import JsonOption
from mocap.core.errors import InputError

if TYPE_CHECKING:
    from mocap.capture.events import Note, Status
    from mocap.capture.remote import Switch
    from mocap.pipeline.recording.record import PresenceWish, Recorded

# As capture.track.Quality, whose imports are heavy.
QualityName = Literal["auto", "h264", "lossless"]

START, FORM, LENS = "Start and end", "Form", "Lens and light of USB cameras"  # panels of the help


@explained
def record(
    sources: Annotated[
        list[str],
        typer.Option(
            "--sources",
            "-s",
            help="A camera, [NAME=]ADDRESS; give it once for each: usb:0, usb:all, a URL (rtsp, http, srt, udp, "
            "tcp), a video, a folder of videos or of pictures, studio:sample.",
        ),
    ],
    out_dir: Annotated[Path, typer.Option("--out", "-o", help="SESSION/TRIAL to record into.")],
    duration: Annotated[
        float | None, typer.Option(help="Length, s; else until Ctrl-C or a stop.", rich_help_panel=START)
    ] = None,
    countdown: Annotated[
        float, typer.Option(help="Wait between the word and the start, s.", rich_help_panel=START)
    ] = 0.0,
    preroll: Annotated[
        float, typer.Option(help="Reach back so far before the start, s.", rich_help_panel=START)
    ] = 0.0,
    key: Annotated[
        bool, typer.Option("--key", help="Start, and stop, with Enter.", rich_help_panel=START)
    ] = False,
    remote: Annotated[
        str | None,
        typer.Option(help="PORT or HOST:PORT: start and stop by HTTP, POST /start, /stop.", rich_help_panel=START),
    ] = None,
    on_entry: Annotated[
        bool,
        typer.Option(
            "--start-on-entry",
            help="Start when somebody enters, with 3 s of preroll; with a calibration, the volume that two "
            "cameras see.",
            rich_help_panel=START,
        ),
    ] = False,
    on_exit: Annotated[
        bool,
        typer.Option("--stop-on-exit", help="Stop when everybody has left.", rich_help_panel=START),
    ] = False,
    entry_cameras: Annotated[
        str | None,
        typer.Option(help="Look for people through these cameras only: left,right.", rich_help_panel=START),
    ] = None,
    quality: Annotated[
        QualityName,
        typer.Option(help="auto: as the camera codes it, else H.264; lossless: FFV1.", rich_help_panel=FORM),
    ] = "auto",
    size: Annotated[
        str | None, typer.Option(help="Size to ask USB cameras for, px: 1280x720.", rich_help_panel=FORM)
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(
            help="Rate to ask USB cameras for, Hz; that of folders of pictures (30).", rich_help_panel=FORM
        ),
    ] = None,
    rotate: Annotated[
        list[str] | None,
        typer.Option(help="CAMERA=90, 180 or 270: quarter turns clockwise.", rich_help_panel=FORM),
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Play files as fast as possible.", rich_help_panel=FORM)
    ] = False,
    exposure: Annotated[
        float | None, typer.Option(help="Fix it, as the driver counts.", rich_help_panel=LENS)
    ] = None,
    gain: Annotated[float | None, typer.Option(help="Fix it, as the driver counts.", rich_help_panel=LENS)] = None,
    white_balance: Annotated[float | None, typer.Option(help="Fix it, K.", rich_help_panel=LENS)] = None,
    focus: Annotated[
        float | None, typer.Option(help="Fix it, as the driver counts.", rich_help_panel=LENS)
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option("--calibration", "-c", help="Calibration for a new session.")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Record several cameras at once; go on with: mocap process SESSION/trials/TRIAL."""
    from mocap.capture.addresses import SourceWishes
    from mocap.capture.remote import Switch
    from mocap.capture.track import Quality
    from mocap.pipeline.recording.record import RecordRequest
    from mocap.pipeline.recording.record import record as run

    fixed = {"exposure": exposure, "gain": gain, "white_balance": white_balance, "focus": focus}
    request = RecordRequest(
        sources=tuple(sources),
        out=out_dir,
        duration_s=duration,
        countdown_s=countdown,
        preroll_s=preroll,
        wishes=SourceWishes(_size(size), fps, paced=not fast),
        quality=Quality(quality),
        rotations_deg=dict(turn_of(text) for text in rotate or ()),
        controls={name: value for name, value in fixed.items() if value is not None},
        calibration=calibration,
        presence=_presence(on_entry, on_exit, entry_cameras),
    )
    switch = Switch()
    if not key and remote is None and not on_entry:
        switch.start()
    with working() as (progress, cancel):
        if key:
            err.print("Press Enter to start, and again to stop.")
            threading.Thread(target=_by_key, args=(switch,), daemon=True).start()
        result = run(request, switch, remote, tell, err.print, progress, cancel)
    if json_output:
        print_json(summary_of(result))
    else:
        show_recorded(result)


@explained
def cameras(
    formats: Annotated[bool, typer.Option("--formats", help="Try which sizes and rates each has; slow.")] = False,
    json_output: JsonOption = False,
) -> None:
    """List the cameras that are plugged in, and the kinds that other packages add."""
    from importlib.metadata import entry_points

    from mocap.capture.addresses import ENTRY_POINTS
    from mocap.capture.usb import UsbCamera, identities, same_serial, usb_devices

    devices = usb_devices()
    warnings = same_serial(devices)
    kinds = sorted(point.name for point in entry_points(group=ENTRY_POINTS))
    offered = {d.index: UsbCamera(d.index).formats() if formats else () for d in devices}
    if json_output:
        listed = [
            {**asdict(d), "identity": who, "formats": [asdict(f) for f in offered[d.index]]}
            for d, who in zip(devices, identities(devices), strict=True)
        ]
        print_json({"cameras": listed, "warnings": warnings, "added_kinds": kinds})
        return
    if not devices:
        out.print("No USB camera was found. Network cameras are named by their URL.")
    else:
        table = Table()
        for heading in ("Address", "Name", "Identity", "Formats"):
            table.add_column(heading)
        for device, who in zip(devices, identities(devices), strict=True):
            words = ", ".join(
                f"{f.size_wh[0]}x{f.size_wh[1]}@{f.rate_hz:g} {f.codec}" for f in offered[device.index]
            )
            table.add_row(f"usb:{device.index}", escape(device.name), escape(who), words)
        out.print(table)
    for sentence in warnings:
        out.print(f"[yellow]{escape(sentence)}[/yellow]")
    if kinds:
        out.print(f"Added kinds: {escape(', '.join(kinds))}")


def _by_key(switch: Switch) -> None:
    """Start at the first line of the keyboard, stop at the second."""
    for act in (switch.start, switch.stop):
        if not sys.stdin.readline():
            return
        act()


def tell(item: Note | Status) -> None:
    """Say at once what happens; states are for windows."""
    text = getattr(item, "text", None)
    if text is not None:
        err.print(escape(text))


def _presence(start: bool, stop: bool, cameras: str | None) -> PresenceWish | None:
    from mocap.pipeline.recording.record import PresenceWish

    if not (start or stop):
        return None
    return PresenceWish(start, stop, tuple(part.strip() for part in (cameras or "").split(",") if part.strip()))


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError as error:
        raise InputError(f"'{text}' is not a size.", "Write it like 1280x720.") from error
    return width, height


def turn_of(text: str) -> tuple[str, int]:
    """Camera and quarter turns, degrees, of ``CAMERA=90``."""
    name, _, turn = text.partition("=")
    if not turn.isdigit():
        raise InputError(f"'{text}' is no rotation.", "Write CAMERA=90, 180 or 270.")
    return name, int(turn)


def summary_of(result: Recorded) -> dict[str, object]:
    """Everything about a recording, for JSON."""
    return {"trial": result.trial, **asdict(result.recording)}


def show_recorded(result: Recorded) -> None:
    """Say in a table what was recorded."""
    table = Table()
    for heading in ("Camera", "Pictures", "Rate, Hz", "Missing", "Dropped", "Kept as", "Times by"):
        table.add_column(heading)
    for camera in result.recording.cameras:
        dropped = ", ".join(f"{count} {why}" for why, count in camera.dropped.items()) or "0"
        rate = f"{camera.rate_hz:.3f}"
        table.add_row(
            escape(camera.name),
            str(camera.recorded),
            rate,
            str(camera.missing),
            dropped,
            camera.codec,
            camera.stamp,
        )
    out.print(table)
    out.print(escape(f"Recorded {result.trial}. Go on with: mocap process {result.trial}"))
