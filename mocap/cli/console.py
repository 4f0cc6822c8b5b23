"""How the command line speaks: progress and words on stderr, results on stdout, errors explained."""

from __future__ import annotations

import functools
import json
import math
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any, ParamSpec

import platformdirs
import typer
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from mocap.core.errors import CancelledError, ExplainedError
from mocap.core.progress import CancelToken, Progress

FAILED, STOPPED = 1, 130

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

P = ParamSpec("P")

STAGE_NAMES = {
    "detect": "Finding people",
    "associate": "Choosing the subject",
    "look again": "Looking again where views disagree",
    "triangulate": "Triangulating",
    "filter": "Filtering",
    "body": "Fitting the body",
    "angles": "Joint angles",
    "export": "Files",
    "overlay": "Overlay videos",
    "report": "Report",
    "turntable": "Turntable video",
}


def print_json(value: Any) -> None:
    """Print one JSON object on stdout; what is not a number becomes null."""
    sys.stdout.write(json.dumps(_plain(value), ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def explained(command: Callable[P, None]) -> Callable[P, None]:
    """Turn every error of a command into words and an exit code; with ``--json``, into a JSON object."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        as_json = bool(kwargs.get("json_output", False))
        try:
            command(*args, **kwargs)
        except ExplainedError as error:
            _tell(error, as_json)
            raise typer.Exit(STOPPED if isinstance(error, CancelledError) else FAILED) from error
        except (typer.Exit, typer.Abort, KeyboardInterrupt):
            raise
        except Exception as error:
            _tell(_unforeseen(error), as_json)
            raise typer.Exit(FAILED) from error

    return wrapped


def _tell(error: ExplainedError, as_json: bool) -> None:
    if as_json:
        print_json({"error": {"what": error.what, "remedy": error.remedy, "path": error.path}})
        return
    stopped = isinstance(error, CancelledError)
    words = Text(f"{error.what}\n")
    if error.path is not None:
        words.append(f"{error.path}\n", style="cyan")
    words.append(error.remedy, style="bold")
    err.print(Panel(words, title="Stopped" if stopped else "Error", border_style="yellow" if stopped else "red"))


def _unforeseen(error: Exception) -> ExplainedError:
    """Explain a defect of the software, and keep what its authors need in a log."""
    log = Path(platformdirs.user_log_dir("openmocap")) / f"error-{datetime.now():%Y%m%d-%H%M%S}.txt"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(traceback.format_exc(), encoding="utf-8")
    except OSError:
        return ExplainedError(f"This is a defect of the software: {error!r}.", "Please report it.")
    return ExplainedError(f"This is a defect of the software: {error!r}.", "Please report it with this log.", log)


@dataclass
class _Display:
    """Progress bars, one a stage."""

    bars: Bars
    tasks: dict[str, TaskID]

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage not in self.tasks:
            self.tasks[stage] = self.bars.add_task(STAGE_NAMES.get(stage, stage), total=total)
        self.bars.update(self.tasks[stage], completed=done, total=total)


@contextmanager
def working() -> Iterator[tuple[Progress, CancelToken]]:
    """Show progress with the time left, and let Ctrl-C stop the work at the next safe point.

    A second Ctrl-C stops at once.
    """
    cancel = CancelToken()

    def stop(_number: int, _frame: FrameType | None) -> None:
        if cancel.cancelled:
            raise KeyboardInterrupt
        err.print("Stopping; what is done so far is kept. Press Ctrl-C again to stop at once.")
        cancel.cancel()

    bars = Bars(
        TextColumn("{task.description:22}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=err,
    )
    before = signal.signal(signal.SIGINT, stop)
    try:
        with bars:
            yield _Display(bars, {}), cancel
    finally:
        signal.signal(signal.SIGINT, before)
