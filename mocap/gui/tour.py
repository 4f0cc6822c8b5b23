"""A tour through the app that keeps a picture of every screen, for guides and for whoever changes a view."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QDialog, QWidget

from mocap.core.errors import InputError
from mocap.gui.jobs.process import ProcessJob
from mocap.gui.presenters.jobs import Failed, Finished, JobHandle, JobRequest, Message, Step
from mocap.gui.presenters.words import Trouble
from mocap.gui.views.export import ExportDialog
from mocap.gui.views.main import MainWindow
from mocap.gui.views.newrun import NewRunDialog
from mocap.gui.views.theme import DARK, LIGHT, Theme

SIZES = ((1280, 800), (2560, 1440))
# Whatever a screen waits for (a run that is read, pictures that are decoded) comes within this, s.
PATIENCE_S = 60.0


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
    """Starts such jobs: one that is done, one that failed, one at work."""

    def __init__(self) -> None:
        self.plays: list[tuple[Message, ...]] = [(Step("detect", 208, 400),)]

    def start(self, request: JobRequest) -> JobHandle:
        """Start one."""
        return _Shown(self.plays.pop(0) if self.plays else (Step("detect", 208, 400),))


def take_tour(app: QApplication, folder: Path, root: Path | None = None) -> tuple[Path, ...]:
    """Draw every screen in both themes and sizes; returns the pictures.

    Raises
    ------
    InputError
        If the library holds no finished run to show.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made: list[Path] = []
    for size in SIZES:
        for theme in (DARK, LIGHT):
            made += _Tour(app, folder, root, size, theme).walk()
    return tuple(made)


class _Tour:
    """One walk through the app in one size and theme."""

    def __init__(
        self, app: QApplication, folder: Path, root: Path | None, size: tuple[int, int], theme: Theme
    ) -> None:
        self._app, self._folder = app, folder
        self._suffix = f"{theme.name}-{size[0]}x{size[1]}"
        self._made: list[Path] = []
        # A walk must not change what the user has set.
        settings = QSettings(str(folder / ".tour.ini"), QSettings.Format.IniFormat)
        self._runner = ShownRunner()
        self.window = MainWindow(self._runner, root, settings)
        self.window.resize(*size)
        self.window.set_theme(theme)

    def walk(self) -> list[Path]:
        """Visit every screen."""
        window = self.window
        window.show()
        try:
            self._wait(lambda: window.library.read_once)
            rows = [entry for entry in window.library.rows if entry.best is not None]
            if not rows:
                raise InputError(
                    "There is no finished run to show.", "Make one with: mocap demo", window.library.root
                )
            # The recording with most pixels tells most about the views.
            shown = max(rows, key=lambda entry: (len(entry.videos), entry.best.summary.frames))  # type: ignore[union-attr]
            assert shown.best is not None
            window.page("library").choose(shown.folder)
            self._keep("library")
            self._jobs()
            window.jobs_dock.hide()
            self._dialogs(shown.best.folder, shown.folder)
            self._review(shown.best.folder)
        finally:
            window.close_quietly()
            window.hide()
            window.deleteLater()
            self._pause(0.1)
            (self._folder / ".tour.ini").unlink(missing_ok=True)
        return self._made

    def _jobs(self) -> None:
        window = self.window
        done = Path("run")
        self._runner.plays = [
            (Step("detect", 400, 400), Step("body", 1, 1), Finished(done, False, ())),
            (Failed(Trouble("There is only one video.", "Put the videos of all cameras into one folder.")),),
            (Step("detect", 12, 400), Step("detect", 208, 400)),
        ]
        for title in ("balance · Balanced", "one camera · Fast", "walk · Accurate"):
            window.jobs.add(ProcessJob(title, Path("videos"), "balanced"))
            self._pause(0.4)
        window.jobs_dock.show()
        self._pause(0.6)
        self._keep("jobs")

    def _dialogs(self, run: Path, trial: Path) -> None:
        asked = NewRunDialog(self.window, trial)
        self._over(asked, "new-run", ready=lambda: asked.start.isEnabled())
        export = ExportDialog(self.window, run)
        self._over(export, "export")
        self._over(self.window.keys_dialog(), "keys")

    def _review(self, run: Path) -> None:
        window = self.window
        window.open_run(run)
        page = window.page("review")
        self._wait(lambda: page.review is not None)
        page.reset_layout()
        self._pause(0.3)
        page.reset_layout()
        head = page.head.seek(page.head.count // 3).mark_a().seek(page.head.count * 2 // 3).mark_b()
        page.set_head(head.seek(page.head.count // 2))
        self._wait(lambda: all(view.drawn_instant == page.head.instant for view in page.videos.views))
        self._pause(0.5)
        self._keep("review")

    def _over(self, dialog: QDialog, name: str, ready: Callable[[], bool] = lambda: True) -> None:
        """Keep a picture of a dialog before its window."""
        ground = self._picture(self.window)
        dialog.show()
        self._wait(ready)
        self._pause(0.3)
        front = dialog.grab()
        painter = QPainter(ground)
        painter.setOpacity(0.45)
        painter.fillRect(self.window.rect(), Qt.GlobalColor.black)
        painter.setOpacity(1.0)
        place = self.window.rect().center() - dialog.rect().center()
        painter.drawPixmap(place, front)
        painter.end()
        dialog.close()
        self._pause(0.3)  # until the screen no longer shows it
        self._save(ground, name)

    def _keep(self, name: str) -> None:
        self._pause(0.2)
        self._save(self._picture(self.window), name)

    def _picture(self, widget: QWidget) -> QPixmap:
        """A picture of the window as it is on the screen, where there is one: only that holds what OpenGL drew."""
        screen = widget.screen()
        if self._app.platformName() != "offscreen" and screen.geometry().contains(widget.geometry()):
            return screen.grabWindow(0, widget.x(), widget.y(), widget.width(), widget.height())
        return widget.grab()

    def _save(self, picture: QPixmap, name: str) -> None:
        path = self._folder / f"{name}-{self._suffix}.png"
        picture.save(str(path))
        self._made.append(path)

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._app.processEvents()
            time.sleep(0.005)

    def _wait(self, ready: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not ready() and time.monotonic() < end:
            self._app.processEvents()
            time.sleep(0.005)
