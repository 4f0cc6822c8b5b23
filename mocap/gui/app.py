"""Starts the app."""

from __future__ import annotations

import multiprocessing
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mocap.core.errors import ExplainedError, MissingExtraError
from mocap.gui.qtenv import settle

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

SYSTEM_LIBRARIES = (
    "On Debian and Ubuntu: sudo apt-get install libgl1 libegl1 libfontconfig1 libdbus-1-3 libxkbcommon-x11-0 "
    "libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0"
)
# The window waits at most this long, s, for threads that decode to let it run: Python's own 5 ms, several times a
# turn, would halve the pictures shown.
SWITCH_S = 0.0005


def make_app() -> QApplication:
    """Return the application object, made once.

    Raises
    ------
    MissingExtraError
        If the extra ``gui`` is not installed.
    ExplainedError
        If the system lacks a library that Qt needs.
    """
    settle()
    try:
        from PySide6.QtCore import QCoreApplication, Qt
        from PySide6.QtWidgets import QApplication
    except ModuleNotFoundError as error:
        raise MissingExtraError("The desktop app's libraries are not installed.", "gui") from error
    except ImportError as error:
        raise ExplainedError(f"A library that Qt needs cannot be loaded: {error}.", SYSTEM_LIBRARIES) from error
    app = QApplication.instance()
    if isinstance(app, QApplication):
        return app
    # pyqtgraph compiles its shaders once; a pane that is floated, or a second window, has another context.
    QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
    return QApplication(sys.argv[:1])


def start(path: Path | None = None) -> int:
    """Show the window until it is closed; with a path, on a new run of it."""
    app = make_app()
    from PySide6.QtCore import QTimer

    from mocap.gui.housekeeping import Housekeeper
    from mocap.gui.views.main import MainWindow
    from mocap.gui.warmup import AFTER_MS, warm_up
    from mocap.gui.watchdog import CALM_BEAT_MS, Watchdog
    from mocap.gui.worker import ProcessRunner

    multiprocessing.freeze_support()
    sys.setswitchinterval(SWITCH_S)
    keeper, dog = Housekeeper(), Watchdog(beat_ms=CALM_BEAT_MS)
    window = MainWindow(ProcessRunner())
    window.show()
    QTimer.singleShot(AFTER_MS, warm_up)
    if path is not None:
        QTimer.singleShot(0, lambda: window.new_run(path))
    code = app.exec()
    dog.leave()
    keeper.leave()
    return code
