"""The desktop app, from the command line."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from mocap.cli.console import explained, out

PathArgument = Annotated[Path | None, typer.Argument(help="A folder of videos to begin a new run on.")]


@explained
def gui(
    path: PathArgument = None,
    screenshots: Annotated[
        Path | None, typer.Option("--screenshots", help="Keep a picture of every screen in this folder, and end.")
    ] = None,
) -> None:
    """Open the desktop app; mocap alone does the same where it is installed."""
    from mocap.gui.app import make_app, start

    if screenshots is None:
        raise typer.Exit(start(path))
    app = make_app()
    from mocap.gui.tour import take_tour

    for picture in take_tour(app, screenshots):
        out.print(escape(str(picture)))


def can_open_window() -> bool:
    """Whether the app is installed and there is a screen to open it on."""
    if importlib.util.find_spec("PySide6") is None or importlib.util.find_spec("pyqtgraph") is None:
        return False
    on_screen = sys.platform in ("win32", "darwin") or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    return on_screen or "QT_QPA_PLATFORM" in os.environ
