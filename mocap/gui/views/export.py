"""The export dialog: files by the program they are for, and what each holds and drops."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QTimer, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from mocap.gui.presenters.exports import PRESETS, Export
from mocap.gui.views.parts import TroubleCard, button, clear_layout, label, named

POLL_MS = 60


class ExportDialog(QDialog):
    """Presets left, what they hold right."""

    def __init__(self, parent: QWidget | None, run: Path) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export")
        self.resize(760, 500)
        self.export = Export(run)
        self.presets = QListWidget()
        named(self.presets, "Export presets")
        self.presets.setFixedWidth(180)
        self.presets.addItems([preset.name for preset in PRESETS])
        self._summary = label("", "heading", wrap=True)
        self._holds = QVBoxLayout()
        self._holds.setSpacing(8)
        self.outcome, self.trouble = label("", "good", wrap=True), TroubleCard()
        self.folder = QLineEdit(str(self.export.folder))
        named(self.folder, "Folder for the files")
        self.start, self.show_files = button("Export", primary=True), button("Show files")
        self.start.setDefault(True)
        self._lay_out()
        self.presets.currentRowChanged.connect(self.export.choose)
        self.start.clicked.connect(self._start)
        self.show_files.clicked.connect(
            lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.export.folder)))
        )
        self.export.changed.subscribe(self._update)
        self.presets.setCurrentRow(0)
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(self.export.tick)
        self._timer.start()
        self._update()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 22, 24, 20)
        layout.setSpacing(12)
        layout.addWidget(label("Export", "title"))
        middle = QHBoxLayout()
        middle.setSpacing(16)
        middle.addWidget(self.presets)
        inner = QWidget()
        right = QVBoxLayout(inner)
        right.setContentsMargins(0, 0, 8, 0)
        right.setSpacing(10)
        right.addWidget(self._summary)
        right.addLayout(self._holds)
        right.addWidget(self.outcome)
        right.addWidget(self.trouble)
        right.addStretch(1)
        area = QScrollArea(widgetResizable=True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(inner)
        middle.addWidget(area, 1)
        layout.addLayout(middle, 1)
        layout.addWidget(label("FOLDER", "section"))
        browse = button("Browse …", "Choose the folder for the files")
        browse.clicked.connect(self._browse)
        line = QHBoxLayout()
        line.addWidget(self.folder, 1)
        line.addWidget(browse)
        layout.addLayout(line)
        close = button("Close")
        close.clicked.connect(self.reject)
        end = QHBoxLayout()
        end.addWidget(self.show_files)
        end.addStretch(1)
        end.addWidget(close)
        end.addWidget(self.start)
        layout.addLayout(end)

    def _browse(self) -> None:
        if chosen := QFileDialog.getExistingDirectory(self, "Folder for the files", self.folder.text()):
            self.folder.setText(chosen)

    def _start(self) -> None:
        self.export.folder = Path(self.folder.text()).expanduser()
        self.export.start()

    def _update(self) -> None:
        export = self.export
        self._summary.setText(export.preset.summary)
        clear_layout(self._holds)
        for name, holds in export.preset.formats:
            self._holds.addWidget(_line(name, holds))
        written = export.written
        for sentence in written.dropped if written else ():
            self._holds.addWidget(_line("Not held", sentence))
        self.start.setEnabled(not export.busy)
        self.start.setText("Writing …" if export.busy else "Export")
        names = ", ".join(path.name for path in written.files) if written else ""
        self.outcome.setText(f"Written: {names}" if written else "")
        self.outcome.setVisible(written is not None)
        self.show_files.setVisible(written is not None)
        self.trouble.show_trouble(export.trouble)

    def done(self, result: int) -> None:
        """Close, and let the writing thread go."""
        self._timer.stop()
        self.export.close()
        super().done(result)


def _line(name: str, words: str) -> QWidget:
    card = QFrame()
    card.setObjectName("card")
    row = QHBoxLayout(card)
    row.setContentsMargins(12, 9, 12, 9)
    head = label(name, "number")
    head.setFixedWidth(90)
    row.addWidget(head)
    row.addWidget(label(words, "faint", wrap=True), 1)
    return card
