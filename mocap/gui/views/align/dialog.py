"""The dialog that aligns a trial's cameras by hand: pictures side by side, strips to drag, methods to ask."""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QCloseEvent, QKeySequence, QPalette, QShortcut
from PySide6.QtWidgets import QApplication, QDialog, QHBoxLayout, QMessageBox, QSplitter, QVBoxLayout, QWidget

from mocap.core.errors import ExplainedError
from mocap.gui.jobs.align import SyncJob
from mocap.gui.presenters.align.aligning import Aligning, open_aligning, read_curve
from mocap.gui.presenters.align.curves import KINDS, NOTHING, Curve
from mocap.gui.presenters.changes import Later
from mocap.gui.presenters.jobs import JobRunner, Jobs
from mocap.gui.presenters.words import trouble_of
from mocap.gui.views.align.panel import AlignPanel
from mocap.gui.views.align.pictures import AlignPictures
from mocap.gui.views.align.strips import ZOOM, AlignStrips
from mocap.gui.views.icons import icon
from mocap.gui.views.parts import Choice, TroubleCard, button, label, named, tool
from mocap.gui.views.theme import DARK, THEMES, Theme

TICK_MS = 16
SIZE_PX = (1240, 780)
FINE_S = 0.001
# Key, what it does, in words.
KEYS = (
    ("Left", "back", "One picture back"),
    ("Right", "forward", "One picture forward"),
    ("Space", "play", "Play or pause"),
    ("PgUp", "previous", "Choose the camera above"),
    ("PgDown", "next", "Choose the camera below"),
    ("[", "earlier", "Shift the chosen camera one picture to the left"),
    ("]", "later", "Shift it one picture to the right"),
    ("Shift+[", "finer earlier", "Shift it 1 ms to the left"),
    ("Shift+]", "finer later", "Shift it 1 ms to the right"),
    ("{", "finer earlier", ""),
    ("}", "finer later", ""),
    ("M", "match", "Match the chosen camera's curve at the playhead"),
    ("+", "zoom in", "See less of the time"),
    ("-", "zoom out", "See more"),
    ("0", "fit", "See all"),
    ("Ctrl+Z", "undo", "Undo"),
    ("Ctrl+Shift+Z", "redo", "Redo"),
    ("Ctrl+Y", "redo", ""),
    ("Ctrl+S", "save", "Save"),
)


class AlignDialog(QDialog):
    """Aligns the cameras of the trial in a folder; accepted where something was saved.

    Parameters
    ----------
    parent : QWidget or None
    trial : Path
        The trial's folder, or a folder of videos.
    theme : Theme or None
        The app's if not given.
    runner : JobRunner or None
        Where methods are run; in a process of their own if not given.
    """

    def __init__(
        self, parent: QWidget | None, trial: Path, theme: Theme | None = None, runner: JobRunner | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Align cameras – {trial.name}")
        self.setWindowFlag(Qt.WindowType.WindowMaximizeButtonHint)
        self.resize(*SIZE_PX)
        self._trial, self._theme = trial, theme or _theme_of_app()
        self.aligning: Aligning | None = None
        self.saved: Path | None = None
        self._opening: Later[Aligning] = Later()
        self._reading: Later[dict[str, Curve]] = Later()
        self._read_next: list[tuple[int, str]] = []
        self._read_now = (0, "sound")
        self._curves: dict[tuple[int, str], Curve] = {}
        if runner is None:
            from mocap.gui.worker import ProcessRunner

            runner = ProcessRunner()
        self.jobs = Jobs(runner)
        self._scratch = tempfile.TemporaryDirectory(prefix="align")
        self._searches = 0
        self._played_at: float | None = None
        self.pictures, self.strips = AlignPictures(self._theme), AlignStrips(self._theme)
        self.panel, self.trouble, self.status = AlignPanel(), TroubleCard(), label("Reading the videos …", "faint")
        self.kind = Choice()
        self.kind.addItems(list(KINDS.values()))
        named(self.kind, "Curve", "What the strips show")
        self.tools = {
            "undo": tool("Undo", "Undo (Ctrl+Z)"),
            "redo": tool("Redo", "Redo (Ctrl+Shift+Z)"),
            "back": tool("Step back", "One picture back (Left)"),
            "play": tool("Play or pause", "Play or pause (Space)"),
            "forward": tool("Step forward", "One picture forward (Right)"),
            "zoom out": tool("Zoom out", "See more of the time (-)"),
            "zoom in": tool("Zoom in", "See less of the time (+)"),
            "fit": tool("See all", "See all of the recording (0)"),
        }
        self.cancel, self.save = button("Close"), button("Save", "Save the clocks", primary=True)
        self._lay_out()
        self._connect()
        self.set_theme(self._theme)
        self._opening.order(partial(open_aligning, trial))
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()
        self._show()

    def _lay_out(self) -> None:
        bar = QHBoxLayout()
        bar.setContentsMargins(12, 2, 12, 2)
        bar.addWidget(self.kind)
        bar.addStretch(1)
        for name in ("back", "play", "forward"):
            bar.addWidget(self.tools[name])
        bar.addStretch(1)
        for name in ("zoom out", "zoom in", "fit"):
            bar.addWidget(self.tools[name])
        below = QWidget()
        column = QVBoxLayout(below)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(bar)
        column.addWidget(self.strips, 1)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.addWidget(self.pictures)
        split.addWidget(below)
        split.setStretchFactor(0, 1)
        left = QVBoxLayout()
        left.setContentsMargins(12, 12, 12, 0)
        left.addWidget(self.trouble)
        left.addWidget(split, 1)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addLayout(left, 1)
        middle.addWidget(self.panel)
        end = QHBoxLayout()
        end.setContentsMargins(12, 6, 16, 12)
        end.addWidget(self.tools["undo"])
        end.addWidget(self.tools["redo"])
        end.addWidget(self.status, 1)
        end.addWidget(self.cancel)
        end.addWidget(self.save)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(middle, 1)
        layout.addLayout(end)

    def _connect(self) -> None:
        self.pictures.chosen.connect(self._choose)
        self.panel.chosen.connect(self._choose)
        self.strips.chosen.connect(self._choose)
        self.strips.seek.connect(self._seek)
        self.strips.moved.connect(lambda c, offset, drag: self._set(c, offset, ("drag", drag)))
        self.panel.typed.connect(lambda c, offset: self._set(c, offset, ("typed", c)))
        self.panel.match.connect(self._match)
        self.panel.find.connect(self._find)
        self.panel.stop.connect(self._stop)
        self.kind.currentIndexChanged.connect(lambda: self._want_curves())
        self.cancel.clicked.connect(self.close)
        self.save.clicked.connect(self._save)
        self.save.setAutoDefault(False)
        self.cancel.setAutoDefault(False)
        self.panel.start.setAutoDefault(False)
        for name, control in self.tools.items():
            control.clicked.connect(lambda _=False, what=name: self.act(what))
        for key, what, _ in KEYS:
            QShortcut(QKeySequence(key), self, partial(self.act, what))
        self.jobs.changed.subscribe(self._show_work)

    def act(self, what: str) -> None:
        """Do what a key or a button asks for."""
        if self.aligning is None:
            return
        aligning, c = self.aligning, self.aligning.selected
        if what in ("back", "forward"):
            self._played_at = None
            aligning.step(-1 if what == "back" else 1)
            self.strips.follow()
        elif what == "play":
            self._played_at = time.monotonic() if self._played_at is None else None
            self._show()
        elif what in ("previous", "next"):
            aligning.select(c + (1 if what == "next" else -1))
        elif what in ("earlier", "later"):
            aligning.nudge(1.0 if what == "earlier" else -1.0)
        elif what in ("finer earlier", "finer later"):
            by = FINE_S if what == "finer earlier" else -FINE_S
            aligning.set_offset(c, float(aligning.clocks.offset_s[c]) + by)
        elif what == "match":
            self._match(c)
        elif what in ("zoom in", "zoom out"):
            self.strips.zoom(ZOOM if what == "zoom in" else 1.0 / ZOOM)
        elif what == "fit":
            self.strips.fit()
        elif what in ("undo", "redo"):
            (aligning.undo if what == "undo" else aligning.redo)()
        elif what == "save":
            self._save()

    def set_theme(self, theme: Theme) -> None:
        """Recolour."""
        self._theme = theme
        self.pictures.set_theme(theme)
        self.strips.set_theme(theme)
        for name, control in self.tools.items():
            control.setIcon(icon(name, theme.text))

    def _choose(self, camera: int) -> None:
        if self.aligning is not None and camera > 0:
            self.aligning.select(camera)

    def _seek(self, at_s: float) -> None:
        if self.aligning is not None:
            self._played_at = None
            self.aligning.seek(at_s)

    def _set(self, camera: int, offset_s: float, merge: object) -> None:
        if self.aligning is not None:
            self.aligning.selected = camera
            self.aligning.set_offset(camera, offset_s, merge)

    def _match(self, camera: int) -> None:
        if self.aligning is None:
            return
        kind = self._kind()
        curves = tuple(self._curves.get((c, kind)) for c in range(len(self.aligning.cameras)))
        ready = [curve for curve in (curves[0], curves[camera]) if curve is not None and curve.t_s.size]
        known = tuple(curve if curve is not None else Curve(NOTHING, NOTHING) for curve in curves)
        if len(ready) < 2 or not self.aligning.match(known, camera):
            self.status.setText("There is nothing to match here: go where both curves show something.")

    def _kind(self) -> str:
        return list(KINDS)[self.kind.currentIndex()]

    def _want_curves(self) -> None:
        """Read what the strips shall show, camera by camera, in a thread."""
        if self.aligning is None:
            return
        kind = self._kind()
        cameras = range(len(self.aligning.cameras))
        self._read_next = [(c, kind) for c in cameras if (c, kind) not in self._curves]
        self._show()

    def _tick(self) -> None:
        if self.aligning is None:
            self._take_opened()
            return
        self._take_curve()
        if self.jobs.active:
            self.jobs.tick()
        if self._played_at is not None:
            now = time.monotonic()
            self.aligning.seek(self.aligning.place_s + now - self._played_at)
            self._played_at = now if self.aligning.place_s < self.aligning.span_s[1] else None
            self.strips.follow()
        self.pictures.show_instant(self.aligning)

    def _take_opened(self) -> None:
        if (done := self._opening.fetch()) is None:
            return
        self._opening.close()
        try:
            self.aligning = done.result()
        except Exception as error:  # shown to the user in words
            self.status.setText("")
            self.trouble.show_trouble(trouble_of(error))
            self._timer.stop()
            return
        self.aligning.changed.subscribe(self._show)
        self.pictures.show_cameras(self.aligning)
        if not any(video.has_audio for video in self.aligning.opened.videos):
            self.kind.setCurrentIndex(list(KINDS).index("movement"))
        self._want_curves()

    def _take_curve(self) -> None:
        if (done := self._reading.fetch()) is not None:
            camera, kind = self._read_now
            try:
                found = done.result()
            except Exception as error:  # shown to the user in words
                found = {kind: Curve(NOTHING, NOTHING, trouble_of(error).what)}
            self._curves |= {(camera, name): curve for name, curve in found.items()}
            self._want_curves()
        if self._read_next and not self._reading.busy and self.aligning is not None:
            self._read_now = self._read_next.pop(0)
            self._reading.order(partial(read_curve, self.aligning.opened, *self._read_now))

    def _find(self) -> None:
        asked = self.panel.asked()
        if self.aligning is None or self.jobs.active or not asked:
            return
        self.panel.trouble.show_trouble(None)
        self._searches += 1
        out = Path(self._scratch.name) / f"found{self._searches}.toml"
        self.jobs.add(SyncJob(f"Clocks of {self._trial.name}", self._trial, asked, out))

    def _stop(self) -> None:
        for job in self.jobs.active:
            self.jobs.cancel(job.id)

    def _show_work(self) -> None:
        job = self.jobs.jobs[0]
        self.panel.show_work((job.stage_title, job.share) if job.active else None)
        if job.state == "failed":
            self.panel.trouble.show_trouble(job.trouble)
        if job.state == "done" and job.result is not None and self.aligning is not None:
            try:
                self.aligning.take(job.result)
            except ExplainedError as error:
                self.panel.trouble.show_trouble(trouble_of(error))

    def _show(self) -> None:
        """Show the state everywhere."""
        aligning = self.aligning
        ready = aligning is not None
        controls: list[QWidget] = [self.save, self.kind, self.panel, *self.tools.values()]
        for control in controls:
            control.setEnabled(ready)
        if aligning is None:
            return
        kind = self._kind()
        curves = {c: self._curves[c, kind] for c in range(len(aligning.cameras)) if (c, kind) in self._curves}
        self.strips.show_aligning(aligning, curves)
        self.panel.show_aligning(aligning)
        self.pictures.show_instant(aligning)
        self.tools["undo"].setEnabled(aligning.can_undo)
        self.tools["redo"].setEnabled(aligning.can_redo)
        self.tools["play"].setIcon(icon("pause" if self._played_at is not None else "play", self._theme.text))
        at = f"{aligning.place_s - aligning.span_s[0]:.3f} s"
        self.status.setText(f"{at} · not saved" if aligning.dirty else at)

    def _save(self) -> bool:
        if self.aligning is None:
            return False
        try:
            self.saved = self.aligning.save()
        except ExplainedError as error:
            self.trouble.show_trouble(trouble_of(error))
            return False
        self.trouble.show_trouble(None)
        self.status.setText(f"Saved. Process the trial again to use it ({self.saved.name}).")
        return True

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close by the window's own button: as by ours."""
        event.ignore()
        self.reject()

    def reject(self) -> None:
        """Close; what is not saved is asked about."""
        if self.aligning is not None and self.aligning.dirty:
            box = QMessageBox.StandardButton
            answer = QMessageBox.question(
                self,
                "Align cameras",
                "Save the clocks as they are set now?",
                box.Save | box.Discard | box.Cancel,
                box.Save,
            )
            if answer == box.Cancel or (answer == box.Save and not self._save()):
                return
        self.done(int(QDialog.DialogCode.Accepted if self.saved else QDialog.DialogCode.Rejected))

    def done(self, result: int) -> None:
        """Close, and let threads, files and jobs go."""
        self._timer.stop()
        self._stop()
        self._opening.close()
        self._reading.close()
        self.pictures.close_files()
        self._scratch.cleanup()
        super().done(result)


def _theme_of_app() -> Theme:
    """The theme that the app wears."""
    window = QApplication.palette().color(QPalette.ColorRole.Window).name()
    return next((theme for theme in THEMES.values() if theme.window == window), DARK)
