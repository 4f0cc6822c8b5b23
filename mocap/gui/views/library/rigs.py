"""Asks which calibration a session that is there shall have."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QListWidget, QVBoxLayout, QWidget

from mocap.gui.presenters.library.library import SessionEntry
from mocap.gui.views.parts import button, label, named
from mocap.session import SessionFolder

SIZE_PX = (560, 400)


class RigDialog(QDialog):
    """Offers the calibrations of other sessions, and files; ``wanted`` is the one that was chosen."""

    def __init__(self, parent: QWidget | None, session: SessionEntry, others: tuple[SessionEntry, ...]) -> None:
        super().__init__(parent)
        self.setWindowTitle("Calibrate with …")
        self.resize(*SIZE_PX)
        self._others = others
        self.wanted: Path | None = None
        self.list = QListWidget()
        named(self.list, "Sessions with a calibration")
        for other in others:
            self.list.addItem(f"{other.name}  ·  {other.date}")
        self.list.setCurrentRow(0)
        self.list.itemActivated.connect(self._accept)
        self.use = button("Use this calibration", primary=True)
        self.use.setDefault(True)
        self.use.setEnabled(bool(others))
        self.use.clicked.connect(self._accept)
        self.browse, cancel = button("Choose a file …", "Choose a calibration file"), button("Cancel")
        self.browse.clicked.connect(self._browse)
        cancel.clicked.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 22, 24, 20)
        layout.setSpacing(12)
        layout.addWidget(label(f"Calibrate {session.name} with …", "title", wrap=True))
        words = "Only right if the cameras stand where they stood then, with the same zoom and focus."
        if session.calibrated:
            words += " The calibration that the session has is kept beside the new one; Ctrl+Z takes it back."
        layout.addWidget(label(words, "faint", wrap=True))
        if others:
            layout.addWidget(label("AS IN AN EARLIER SESSION", "section"))
            layout.addWidget(self.list, 1)
        else:
            layout.addWidget(label("No other session has a calibration yet: choose a file.", wrap=True))
            layout.addStretch(1)
            self.browse.setFocus()
        end = QHBoxLayout()
        end.addWidget(self.browse)
        end.addStretch(1)
        end.addWidget(cancel)
        end.addWidget(self.use)
        layout.addLayout(end)

    def _accept(self) -> None:
        row = self.list.currentRow()
        if 0 <= row < len(self._others):
            self.wanted = SessionFolder(self._others[row].folder).rig
            self.accept()

    def _browse(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "A calibration of any program")
        if chosen:
            self.wanted = Path(chosen)
            self.accept()
