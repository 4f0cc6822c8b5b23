"""``mocap live``: a body, angles and streams from running cameras."""

from __future__ import annotations

import contextlib
import math
import queue
import signal
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mocap.cli.console import err, explained, out, print_json
from mocap.cli.options import JsonOption
from mocap.cli.record import show_recorded, summary_of, tell, turn_of

if TYPE_CHECKING:
    from mocap.core.live import LiveFrame
    from mocap.pipeline.live import LiveEvent, LiveSession, LiveStatus, StageTimes

# The terminal is drawn so often, and spoken to line by line without a display so often.
DRAW_S, LINE_S = 0.1, 1.0
# Angles shown where no targets say which: those that most exercises are about.
NOTHING = (
    "Nobody could be followed: in all that time, no two cameras showed the same instant. Look whether each of "
    "them sends pictures, as with mocap record, and go on for longer."
)
USUAL_ANGLES = ("hip_flexion", "knee_flexion", "ankle_dorsiflexion", "shoulder_flexion", "elbow_flexion")


@explained
def live(
    sources: Annotated[
        list[str],
        typer.Option(
            "--sources",
            "-s",
            help="Cameras, each [NAME=]ADDRESS: usb:0, usb:all, a URL, a video, or a folder of videos. Several "
            "times, or with commas.",
        ),
    ],
    calibration: Annotated[Path, typer.Option("--calibration", "-c", help="Calibration file of these cameras.")],
    preset: Annotated[
        str, typer.Option("--preset", "-p", help="Settings, or a file of your own (.toml).")
    ] = "live",
    stream: Annotated[
        list[str] | None,
        typer.Option(help="Send to other programs: vmc[:HOST:PORT], lsl[:NAME], ws[:HOST:PORT]. Several times."),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(help="ANGLE:LOW:HIGH (degrees) to hold, or ANGLE or ANGLE:SIZE to count. Several times."),
    ] = None,
    beep: Annotated[bool, typer.Option("--beep", help="Beep when a target is met or a repetition done.")] = False,
    duration: Annotated[float, typer.Option(help="Stop after so many seconds; 0 goes on until Ctrl-C.")] = 0.0,
    people: Annotated[str | None, typer.Option("--people", help="subject (one person) or all.")] = None,
    record: Annotated[
        Path | None, typer.Option("--record", help="SESSION/TRIAL: record every picture of all cameras meanwhile.")
    ] = None,
    rotate: Annotated[
        list[str] | None,
        typer.Option(help="CAMERA=90, 180 or 270: quarter turns clockwise, as calibrated. Several times."),
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", help="Lines instead of a display.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Follow people live: 3D, joint angles, targets, streams to other programs."""
    from calibration.formats import load_rig
    from mocap.capture.addresses import SourceWishes, open_sources
    from mocap.pipeline.live import CapturedSource, LiveRecording, LiveSession, LiveSetup, parse_target
    from mocap.pipeline.recording.record import check_turns
    from mocap.pipeline.settings import load_settings, with_people

    settings = with_people(load_settings(preset), people)
    targets = tuple(parse_target(text) for text in target or ())
    rig = load_rig(calibration)
    addresses = [part.strip() for text in sources for part in text.split(",") if part.strip()]
    setup = LiveSetup(rig, settings, tuple(stream or ()), targets)
    quiet = headless or json_output or not out.is_terminal
    with contextlib.ExitStack() as stack:
        cameras = open_sources(addresses, SourceWishes(decoded=record is None))
        turns = dict(turn_of(text) for text in rotate or ())
        check_turns(turns, cameras)
        recording = None
        if record is None:
            session = LiveSession(setup, [CapturedSource(n, c, turns.get(n, 0)) for n, c in cameras.items()])
        else:
            recording = stack.enter_context(LiveRecording(cameras, record, calibration, tell, turns))
            session = LiveSession(replace(setup, before=recording.start, observe=False), recording.sources)
        _follow(session, _Shown(session, tuple(t.angle for t in targets), beep), duration, quiet)
        recorded = recording.stop() if recording is not None else None
    if json_output:
        print_json({**_summary(session), "recorded": summary_of(recorded) if recorded is not None else None})
        return
    if session.budget.frames:
        out.print(_stages(session.budget.times()))
    else:
        err.print(f"[yellow]Note:[/yellow] {escape(NOTHING)}")
    if recorded is not None:
        show_recorded(recorded)


class _Shown:
    """What has been told so far, drawn when it is time; events come from another thread and wait here."""

    def __init__(self, session: LiveSession, angles: tuple[str, ...], beep: bool) -> None:
        self._angles, self._beep = angles, beep
        self._events: queue.SimpleQueue[LiveEvent] = queue.SimpleQueue()
        self._frame: LiveFrame | None = None
        self._status: LiveStatus = session.status()
        self._counts: dict[str, str] = {}
        session.events.subscribe(self._events.put)

    def _values(self) -> dict[str, float]:
        """Angles to be shown, degrees; those of targets, else the usual ones."""
        one = self._frame.subject_person if self._frame is not None else None
        if one is None:
            return dict.fromkeys(self._angles, math.nan)
        usual = (name for name in one.angles.names if name.split("_", 1)[-1] in USUAL_ANGLES)
        return {name: one.angle_deg(name) for name in self._angles or usual}

    def take(self) -> None:
        """Take what has been told since the last time; sentences and beeps go out at once."""
        from mocap.core.live import LiveFrame
        from mocap.pipeline.live import FeedbackEvent, LiveNote, LiveStatus

        while not self._events.empty():
            event = self._events.get()
            if isinstance(event, LiveFrame):
                self._frame = event
            elif isinstance(event, LiveStatus):
                self._status = event
            elif isinstance(event, LiveNote):
                err.print(escape(event.text))
            elif isinstance(event, FeedbackEvent):
                self._counts[event.angle] = f"{event.kind}, {event.count}"
                if self._beep and event.kind != "left":
                    sys.stderr.write("\a")
                    sys.stderr.flush()

    def line(self) -> str:
        """Everything in a line."""
        status = self._status
        whole = next((s for s in status.stages if s.name == "glass to pose"), None)
        words = [f"{status.state.value}", f"{status.rate_hz:.1f} poses/s", status.model]
        if whole is not None:
            words.append(
                f"glass to pose {1e3 * whole.p50_s:.0f}/{1e3 * whole.p95_s:.0f}/{1e3 * whole.p99_s:.0f} ms "
                "(p50/p95/p99)"
            )
        one = self._frame.subject_person if self._frame is not None else None
        words.append("nobody in view" if one is None else f"person {one.number}")
        words += [f"{name} {_degrees(value)}" for name, value in self._values().items()]
        words += [f"{name}: {said}" for name, said in self._counts.items()]
        return "; ".join(words)

    def picture(self) -> Group:
        """Angles, cameras and times as tables."""
        table = Table(title="Angles")
        for heading in ("Angle", "Degrees", "Target"):
            table.add_column(heading, justify="left" if heading == "Angle" else "right")
        for name, value in self._values().items():
            table.add_row(name, _degrees(value), self._counts.get(name, ""))
        cameras = Table(title="Cameras")
        for heading in ("Camera", "State", "Pictures/s", "Came", "Used"):
            cameras.add_column(heading, justify="left" if heading in ("Camera", "State") else "right")
        for c in self._status.cameras:
            rate = f"{c.rate_hz:.1f}" if math.isfinite(c.rate_hz) else "–"
            cameras.add_row(escape(c.name), c.state.value, rate, str(c.arrived), str(c.used))
        return Group(Text(self.line().split(";")[0]), table, cameras, _stages(self._status.stages))


def _degrees(value: float) -> str:
    return f"{value:.0f}°" if math.isfinite(value) else "–"


def _follow(session: LiveSession, shown: _Shown, duration: float, quiet: bool) -> None:
    """Run until the cameras end, the time is over or somebody presses Ctrl-C."""
    before = signal.signal(signal.SIGINT, lambda number, frame: session.stop())
    began = spoken = time.monotonic()
    display = None if quiet else Live(console=out, auto_refresh=False)
    session.start()
    try:
        with display or contextlib.nullcontext():
            while not session.wait(DRAW_S):
                shown.take()
                if display is not None:
                    display.update(shown.picture(), refresh=True)
                elif time.monotonic() - spoken >= LINE_S:
                    spoken = time.monotonic()
                    err.print(escape(shown.line()), soft_wrap=True)
                if 0.0 < duration <= time.monotonic() - began:
                    session.stop()
        shown.take()
    finally:
        session.stop()
        signal.signal(signal.SIGINT, before)


def _stages(times: tuple[StageTimes, ...]) -> Table:
    table = Table(title="Time from glass to pose, ms")
    for heading in ("Stage", "p50", "p95", "p99"):
        table.add_column(heading, justify="left" if heading == "Stage" else "right")
    for stage in times:
        table.add_row(stage.name, *(f"{1e3 * value:.1f}" for value in (stage.p50_s, stage.p95_s, stage.p99_s)))
    return table


def _summary(session: LiveSession) -> dict[str, Any]:
    """Figures of the whole session."""
    status = session.status()
    return {
        "poses": session.budget.frames,
        "rate_hz": session.budget.rate_hz,
        "model": status.model,
        "every": status.every,
        "cameras": [{**asdict(camera), "state": camera.state.value} for camera in status.cameras],
        "stages_ms": {
            s.name: {"p50": 1e3 * s.p50_s, "p95": 1e3 * s.p95_s, "p99": 1e3 * s.p99_s}
            for s in session.budget.times()
        },
        "targets": [progress.count for progress in session.coach.progress],
    }
