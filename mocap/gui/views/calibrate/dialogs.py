"""Dialogs of the calibration page: writing for other programs, refining from a person, accepting that or not."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QLineEdit, QListWidget, QVBoxLayout, QWidget

from mocap.gui.presenters.calibrate.files import export_choices, export_rig
from mocap.gui.presenters.calibrate.refine import REFINED_COLUMNS, Refined
from mocap.gui.presenters.changes import Later
from mocap.gui.presenters.library.library import Library
from mocap.gui.presenters.words import trouble_of
from mocap.gui.views.calibrate.parts import WordTable
from mocap.gui.views.parts import Figures, TroubleCard, button, label, named
from mocap.gui.views.theme import Theme

WIDTH_PX = 560
TICK_MS = 30


class ExportRigDialog(QDialog):
    """Writes a calibration for another program, and says what its format cannot hold."""

    def __init__(self, parent: QWidget | None, rig_file: Path) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export the calibration")
        self.setMinimumWidth(WIDTH_PX)
        self._rig_file, self._choices = rig_file, export_choices()
        self._writing: Later[tuple[str, ...]] = Later()
        self._target = rig_file
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self._show_written)
        self.programs, self.path = QListWidget(), QLineEdit()
        named(self.programs, "Program")
        named(self.path, "File or folder to write")
        for choice in self._choices:
            self.programs.addItem(f"{choice.title}  –  {choice.about}")
        self.trouble, self._done = TroubleCard(), label("", "faint", wrap=True)
        self.write = button("Export", "Write the calibration", primary=True)
        browse, close = button("Browse …", "Choose where to write"), button("Close")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 22, 24, 20)
        layout.setSpacing(10)
        layout.addWidget(label("Export the calibration", "title"))
        layout.addWidget(label("PROGRAM", "section"))
        layout.addWidget(self.programs)
        layout.addWidget(label("WHERE", "section"))
        row = QHBoxLayout()
        row.addWidget(self.path, 1)
        row.addWidget(browse)
        layout.addLayout(row)
        layout.addWidget(self.trouble)
        layout.addWidget(self._done)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(close)
        row.addWidget(self.write)
        layout.addLayout(row)
        self.write.setDefault(True)  # else Enter in the field presses the first button there is
        self.programs.currentRowChanged.connect(self._choose)
        browse.clicked.connect(self._browse)
        close.clicked.connect(self.reject)
        self.write.clicked.connect(self._write)
        self.programs.setCurrentRow(0)

    def _choose(self, row: int) -> None:
        self.path.setText(str(self._choices[row].default_path(self._rig_file)))
        self._done.setText("")

    def _browse(self) -> None:
        choice = self._choices[self.programs.currentRow()]
        if choice.is_folder:
            chosen = QFileDialog.getExistingDirectory(self, "Folder to write into", self.path.text())
        else:
            chosen, _ = QFileDialog.getSaveFileName(self, "File to write", self.path.text())
        if chosen:
            self.path.setText(chosen)

    def _write(self) -> None:
        choice, self._target = self._choices[self.programs.currentRow()], Path(self.path.text()).expanduser()
        rig_file, target = self._rig_file, self._target
        self._writing.order(lambda: export_rig(rig_file, choice, target))
        self.write.setEnabled(False)
        self._timer.start()

    def _show_written(self) -> None:
        if (done := self._writing.fetch()) is None:
            return
        self._timer.stop()
        self.write.setEnabled(True)
        try:
            lost = done.result()
        except Exception as error:  # shown to the user in words
            self.trouble.show_trouble(trouble_of(error))
            return
        self.trouble.show_trouble(None)
        said = " ".join(lost) if lost else "Nothing is lost in this format."
        self._done.setText(f"Wrote {self._target}. {said}")

    def done(self, result: int) -> None:
        """The dialog closes; what is being written is finished."""
        self._timer.stop()
        super().done(result)


class RunDialog(QDialog):
    """Chooses a finished run; ``wanted`` is it when it was accepted."""

    def __init__(self, parent: QWidget | None, library: Library, title: str, words: str) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setMinimumWidth(WIDTH_PX)
        self.wanted: Path | None = None
        self._runs = [
            (f"{entry.session}  ·  {entry.name}  ·  {run.made:%d %b %Y, %H:%M}", run.folder)
            for entry in library.rows
            for run in entry.runs
            if run.state == "finished"
        ]
        self.runs = QListWidget()
        named(self.runs, "Finished runs")
        self.runs.addItems([text for text, _ in self._runs])
        self.other = button("Another folder …", "Choose a run or a recording elsewhere")
        self.go = button("Start", primary=True)
        cancel = button("Cancel")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 22, 24, 20)
        layout.setSpacing(10)
        layout.addWidget(label(title, "title"))
        layout.addWidget(label(words, "faint", wrap=True))
        layout.addWidget(self.runs)
        if not self._runs:
            layout.addWidget(label("The library holds no finished run yet.", "faint", wrap=True))
        row = QHBoxLayout()
        row.addWidget(self.other)
        row.addStretch(1)
        row.addWidget(cancel)
        row.addWidget(self.go)
        layout.addLayout(row)
        cancel.clicked.connect(self.reject)
        self.go.clicked.connect(self._accept)
        self.other.clicked.connect(self._browse)
        self.runs.itemDoubleClicked.connect(lambda _: self._accept())
        self.go.setDefault(True)
        self.go.setEnabled(bool(self._runs))
        if self._runs:
            self.runs.setCurrentRow(0)

    def _accept(self) -> None:
        if 0 <= self.runs.currentRow() < len(self._runs):
            self.wanted = self._runs[self.runs.currentRow()][1]
            self.accept()

    def _browse(self) -> None:
        if chosen := QFileDialog.getExistingDirectory(self, "A finished run, or a recording"):
            self.wanted = Path(chosen)
            self.accept()


class RefinedDialog(QDialog):
    """Before and after; accepted, the refined calibration takes the place of the former."""

    def __init__(self, parent: QWidget | None, refined: Refined, theme: Theme) -> None:
        super().__init__(parent)
        self.setWindowTitle("Refined from a person")
        self.setMinimumWidth(WIDTH_PX + 60)
        figures = Figures()
        figures.show_figures(refined.figures)
        table = WordTable("Cameras before and after", REFINED_COLUMNS)
        table.show_rows(refined.rows, (), theme)
        self.take, self.keep = button("Take the refined", primary=True), button("Keep the former")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 22, 24, 20)
        layout.setSpacing(12)
        layout.addWidget(label("Refined from a person", "title"))
        layout.addWidget(label(refined.verdict, "good" if refined.improved else "care", wrap=True))
        layout.addWidget(figures)
        layout.addWidget(table)
        layout.addWidget(label("The former calibration is kept under a number in any case.", "faint", wrap=True))
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.keep)
        row.addWidget(self.take)
        layout.addLayout(row)
        (self.take if refined.improved else self.keep).setDefault(True)
        self.take.setEnabled(refined.improved)
        self.take.clicked.connect(self.accept)
        self.keep.clicked.connect(self.reject)
