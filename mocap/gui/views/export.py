"""The export dialog: files by the program they are for, and what each holds and drops."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QProgressBar,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from mocap.gui.presenters.exports import HOLDS, OWN_NAME, PRESETS, Export, pace, run_label
from mocap.gui.views.parts import TroubleCard, button, clear_layout, label, named

POLL_MS = 60
STEPS = 1000
NAME_PX = 104
# More runs than these are counted, not named.
RUNS_NAMED = 3


class ExportDialog(QDialog):
    """Presets left, what they hold right, and at the end what was written."""

    def __init__(self, parent: QWidget | None, runs: Path | Sequence[Path]) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export")
        self.resize(820, 580)
        self.export = Export(runs)
        self.presets, self.panes = QListWidget(), QStackedWidget()
        named(self.presets, "Export presets")
        self.presets.setFixedWidth(180)
        self.presets.addItems([*(preset.name for preset in PRESETS), OWN_NAME])
        self._summary = label("", "heading", wrap=True)
        self._holds, self._drops = QVBoxLayout(), QVBoxLayout()
        self._shown: tuple[object, ...] = ()
        self.boxes: dict[str, QCheckBox] = {}
        self.outcome, self.trouble = label("", "good", wrap=True), TroubleCard()
        self.files = QListWidget()
        named(self.files, "Written files", "A double click opens the file")
        self.folder = QLineEdit("" if self.export.folder is None else str(self.export.folder))
        self.folder.setPlaceholderText("Beside each recording")
        named(self.folder, "Folder for the files")
        self.browse = button("Browse …", "Choose the folder for the files")
        self.bar = QProgressBar(maximum=STEPS, textVisible=False)
        named(self.bar, "Progress of the export")
        self._at_work = label("", "faint")
        self.start, self.show_files = button("Export", primary=True), button("Open folder")
        self.cancel, self.close_it = button("Cancel", "Stop the export"), button("Close")
        self.start.setDefault(True)
        self._lay_out()
        self.presets.currentRowChanged.connect(self._choose)
        self.start.clicked.connect(self._start)
        self.cancel.clicked.connect(self.export.cancel)
        self.show_files.clicked.connect(lambda: _open(self.export.place))
        self.files.itemActivated.connect(lambda item: _open(Path(item.data(Qt.ItemDataRole.UserRole))))
        self.export.changed.subscribe(self._update)
        self.presets.setCurrentRow(0)
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(self.export.tick)
        self._timer.start()
        for part in (self.outcome, self.show_files, self.files):  # until something is written
            part.hide()
        self._update()

    def add_pane(self, name: str, pane: QWidget) -> None:
        """Put something else beside the presets, such as turntables, with controls of its own."""
        self.presets.addItem(name)
        self.panes.addWidget(pane)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 22, 24, 20)
        layout.setSpacing(12)
        layout.addWidget(label("Export", "title"))
        names = [run_label(run) for run in self.export.runs]
        rest = f" and {len(names) - RUNS_NAMED} more" if len(names) > RUNS_NAMED else ""
        of = ", ".join(names[:RUNS_NAMED]) + rest
        if len(names) == 1 and (speed := pace(self.export.runs[0])):
            of += f"  ·  {speed}"
        layout.addWidget(label(of, "faint", wrap=True))
        middle = QHBoxLayout()
        middle.setSpacing(16)
        middle.addWidget(self.presets)
        self.panes.addWidget(self._formats_pane())
        middle.addWidget(self.panes, 1)
        layout.addLayout(middle, 1)
        layout.addWidget(self.trouble)
        layout.addWidget(label("FOLDER", "section"))
        self.browse.clicked.connect(self._browse)
        line = QHBoxLayout()
        line.addWidget(self.folder, 1)
        line.addWidget(self.browse)
        layout.addLayout(line)
        layout.addWidget(self.bar)
        self.close_it.clicked.connect(self.reject)
        end = QHBoxLayout()
        end.addWidget(self.show_files)
        end.addWidget(self._at_work)
        end.addStretch(1)
        for action in (self.close_it, self.cancel, self.start):
            end.addWidget(action)
        layout.addLayout(end)

    def _formats_pane(self) -> QWidget:
        inner = QWidget()
        right = QVBoxLayout(inner)
        right.setContentsMargins(0, 0, 8, 0)
        right.setSpacing(10)
        right.addWidget(self._summary)
        for part in (self._holds, self._drops):
            part.setSpacing(8)
        right.addLayout(self._holds)
        right.addWidget(self.outcome)
        right.addWidget(self.files)
        right.addLayout(self._drops)
        right.addStretch(1)
        self._area = area = QScrollArea(widgetResizable=True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(inner)
        return area

    def _choose(self, row: int) -> None:
        other = row - len(PRESETS)
        self.panes.setCurrentIndex(max(0, other))
        for control in (self.start, self.folder, self.browse):
            control.setEnabled(other <= 0)
        if other <= 0:
            self.export.choose(row)

    def _browse(self) -> None:
        if chosen := QFileDialog.getExistingDirectory(self, "Folder for the files", self.folder.text()):
            self.folder.setText(chosen)

    def _start(self) -> None:
        text = self.folder.text().strip()
        if not text and len(self.export.runs) == 1:
            self.folder.setText(text := str(Export(self.export.runs).folder))
        self.export.folder = Path(text).expanduser() if text else None
        self.export.start()

    def _update(self) -> None:
        export = self.export
        self._show_formats()
        self._show_written()
        self.start.setEnabled(not export.busy)
        self.bar.setVisible(export.busy)
        self.bar.setValue(round(STEPS * export.share))
        self._at_work.setVisible(export.busy)
        self._at_work.setText(export.at_work if export.busy else "")
        self.cancel.setVisible(export.busy)
        self.close_it.setVisible(not export.busy)
        self.presets.setEnabled(not export.busy)
        self.trouble.show_trouble(export.trouble)

    def _show_formats(self) -> None:
        """What the formats hold; made anew only for another choice, or a tick would lose the keyboard."""
        export = self.export
        names = tuple(HOLDS) if export.choosing else export.preset.names
        if (export.choosing, names, bool(export.lacks)) == self._shown:
            return
        self._shown = (export.choosing, names, bool(export.lacks))
        self._summary.setText(export.preset.summary)
        clear_layout(self._holds)
        self.boxes = {}
        for name in names:
            self._holds.addWidget(self._line(name) if not export.choosing else self._tick_line(name))

    def _line(self, name: str) -> QWidget:
        lack = self.export.lacks.get(name, "")
        return _card(label(name, "number"), f"{HOLDS[name]} {lack}".strip())

    def _tick_line(self, name: str) -> QWidget:
        box, lack = QCheckBox(name), self.export.lacks.get(name, "")
        named(box, f"{name}: {HOLDS[name]} {lack}".strip())
        box.setChecked(name in self.export.own)
        box.setEnabled(not lack)
        box.toggled.connect(lambda on, n=name: self.export.tick_format(n, on))
        self.boxes[name] = box
        return _card(box, f"{HOLDS[name]} {lack}".strip())

    def _show_written(self) -> None:
        export = self.export
        written = export.written
        count = len(written.files) if written else 0
        words = f"Written: {count} {'file' if count == 1 else 'files'}" if written else ""
        if export.stopped:
            words = f"Stopped. {words or 'Nothing was written'}."
        if words == self.outcome.text():
            return
        self.outcome.setText(words)
        self.outcome.setVisible(bool(words))
        self.show_files.setVisible(bool(written))
        self.files.clear()
        for path in written.files if written else ():
            self.files.addItem(path.name)
            item = self.files.item(self.files.count() - 1)
            item.setData(Qt.ItemDataRole.UserRole, str(path))
            item.setToolTip(str(path))
        self.files.setVisible(bool(written))
        row = self.files.sizeHintForRow(0) if self.files.count() else 0
        self.files.setFixedHeight(min(self.files.count(), 6) * row + 10)
        clear_layout(self._drops)
        for name, sentences in export.lost:
            head = label(f"Not in {name}", "care", wrap=True)
            self._drops.addWidget(_card(head, "\n".join(sentences)))
        # Under a long list of formats it would not be seen.
        if words:
            QTimer.singleShot(
                0, self, lambda: self._area.ensureWidgetVisible(self.files if written else self.outcome)
            )

    def done(self, result: int) -> None:
        """Close, and let the writing thread go."""
        self._timer.stop()
        self.export.close()
        super().done(result)


def _open(path: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))


def _card(head: QWidget, words: str) -> QWidget:
    card = QFrame()
    card.setObjectName("card")
    row = QHBoxLayout(card)
    row.setContentsMargins(12, 9, 12, 9)
    head.setFixedWidth(NAME_PX)
    row.addWidget(head)
    row.addWidget(label(words, "faint", wrap=True), 1)
    return card
