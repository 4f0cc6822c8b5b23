"""A walk through the app: the window it goes through, how it waits, and how it keeps pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QDialog, QWidget

from mocap.core.errors import InputError
from mocap.gui.presenters.jobs import JobHandle, JobRequest, Message, Step
from mocap.gui.presenters.library.entries import TrialEntry
from mocap.gui.views.main import MainWindow
from mocap.gui.views.theme import Theme

# Whatever a screen waits for (a run that is read, a network that is loaded) comes within this, s.
PATIENCE_S = 60.0
# How dark the window is behind a dialog.
SHADE = 0.55


class _Shown:
    """A job that only shows how the panel looks: nothing is computed for a picture."""

    def __init__(self, messages: tuple[Message, ...]) -> None:
        self._messages = messages

    def poll(self) -> tuple[Message, ...]:
        said, self._messages = self._messages, ()
        return said

    def cancel(self) -> None:
        return


class ShownRunner:
    """Starts such jobs; ``plays`` are the messages of those to come."""

    def __init__(self) -> None:
        self.plays: list[tuple[Message, ...]] = []

    def start(self, request: JobRequest) -> JobHandle:
        """Start one."""
        return _Shown(self.plays.pop(0) if self.plays else (Step("detect", 208, 400),))


class Walk:
    """One walk through the app, in one size and theme.

    Attributes
    ----------
    shown : TrialEntry
        The recording that the views show: the one with most views and pictures.
    run : Path
        Its newest finished run.
    """

    def __init__(
        self, app: QApplication, folder: Path, root: Path | None, size: tuple[int, int], theme: Theme
    ) -> None:
        self._app, self._folder = app, folder
        self._suffix = f"{theme.name}-{size[0]}x{size[1]}"
        self._settings = folder / ".tour.ini"
        self.made: list[Path] = []
        self.runner = ShownRunner()
        # A walk must not change what the user has set.
        settings = QSettings(str(self._settings), QSettings.Format.IniFormat)
        self.window = MainWindow(self.runner, root, settings)
        self.window.resize(*size)
        self.window.set_theme(theme)

    def begin(self) -> None:
        """Show the window and find what to show in it.

        Raises
        ------
        InputError
            If the library holds no finished run.
        """
        library = self.window.library
        self.window.show()
        self.wait(lambda: library.read_once)
        entries = sorted(library.rows, key=lambda entry: entry.folder)
        finished = [
            (len(entry.videos), run.summary.frames, entry, run)
            for entry, run in ((entry, entry.best) for entry in entries)
            if run is not None and run.summary is not None
        ]
        if not finished:
            raise InputError("There is no finished run to show.", "Make one with: mocap demo", library.root)
        # The recording with most pictures tells most about the views; the first of those that draw.
        *_, self.shown, run = max(finished, key=lambda found: found[:2])
        self.run = run.folder

    shown: TrialEntry
    run: Path

    def end(self) -> None:
        """Close the window."""
        self.window.close_quietly()
        self.window.hide()
        self.window.deleteLater()
        self.pause(0.1)
        self._settings.unlink(missing_ok=True)

    def keep(self, name: str) -> None:
        """Keep a picture of the window."""
        self.pause(0.3)
        self._save(self._picture(self.window), name)

    def over(self, dialog: QDialog, name: str, ready: Callable[[], bool] = lambda: True) -> None:
        """Keep a picture of a dialog before its window."""
        ground = self._picture(self.window)
        dialog.show()
        self.wait(ready)
        self.pause(0.4)
        front = dialog.grab()
        painter = QPainter(ground)
        painter.setOpacity(SHADE)
        painter.fillRect(self.window.rect(), Qt.GlobalColor.black)
        painter.setOpacity(1.0)
        painter.drawPixmap(self.window.rect().center() - dialog.rect().center(), front)
        painter.end()
        dialog.reject()
        dialog.deleteLater()
        self.pause(0.3)  # until the screen no longer shows it
        self._save(ground, name)

    def pause(self, seconds: float) -> None:
        """Let the window live for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._turn()

    def wait(self, ready: Callable[[], bool]) -> None:
        """Let the window live until something is there; when patience ends, the picture shows what is missing."""
        end = time.monotonic() + PATIENCE_S
        while not ready() and time.monotonic() < end:
            self._turn()

    def _turn(self) -> None:
        self._app.processEvents()
        time.sleep(0.005)

    def _picture(self, widget: QWidget) -> QPixmap:
        """A picture of the window as it is on the screen, where there is one: only that holds what OpenGL drew."""
        screen, place = widget.screen(), widget.geometry()
        if self._app.platformName() != "offscreen" and screen.geometry().contains(place):
            picture: QPixmap = screen.grabWindow(0, place.x(), place.y(), place.width(), place.height())
        else:
            picture = widget.grab()
        return picture

    def _save(self, picture: QPixmap, name: str) -> None:
        path = self._folder / f"{name}-{self._suffix}.png"
        picture.save(str(path))
        self.made.append(path)
