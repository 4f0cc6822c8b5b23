"""The dialog for a new run: what was found in the folder, the calibration, the preset."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from mocap.gui.jobs.process import ProcessJob
from mocap.gui.presenters.changes import Later
from mocap.gui.presenters.newrun import Survey, missing, presets, request, survey
from mocap.gui.presenters.words import trouble_of
from mocap.gui.views.parts import TroubleCard, button, label, named

POLL_MS = 60
WIDTH_PX = 620


class NewRunDialog(QDialog):
    """Asks for what a run needs; ``wanted`` is the job when it was accepted."""

    def __init__(self, parent: QWidget | None, path: Path | None) -> None:
        super().__init__(parent)
        self.setWindowTitle("New run")
        self.setMinimumWidth(WIDTH_PX)
        self.wanted: ProcessJob | None = None
        self._found: Survey | None = None
        self._looked_into = ""
        self._work: Later[Survey] = Later()
        self.folder, self.calibration = QLineEdit(), QLineEdit()
        named(self.folder, "Folder of videos")
        self.folder.setPlaceholderText("Folder with the videos of all cameras")
        named(self.calibration, "Calibration file")
        self.calibration.setPlaceholderText("Found beside the videos, if it is there")
        self.videos, self.trouble = label("", "faint", wrap=True), TroubleCard()
        self.presets, self._presets = QButtonGroup(self), presets()
        self.start = button("Start", "Start the run", primary=True)
        self._lay_out()
        self.folder.editingFinished.connect(self._survey)
        self.calibration.textChanged.connect(self._check)
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()
        if path is not None:
            self.set_folder(path)
        self._check()

    def set_folder(self, path: Path) -> None:
        """Look into another folder."""
        self.folder.setText(str(path))
        self._survey()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 22, 24, 20)
        layout.setSpacing(10)
        layout.addWidget(label("New run", "title"))
        layout.addWidget(label("VIDEOS", "section"))
        browse = button("Browse …", "Choose the folder of videos")
        browse.clicked.connect(self._browse_folder)
        layout.addLayout(_row(self.folder, browse))
        layout.addWidget(self.videos)
        layout.addSpacing(6)
        layout.addWidget(label("CALIBRATION", "section"))
        pick = button("Browse …", "Choose the calibration file")
        pick.clicked.connect(self._browse_file)
        layout.addLayout(_row(self.calibration, pick))
        layout.addSpacing(6)
        layout.addWidget(label("PRESET", "section"))
        for index, preset in enumerate(self._presets):
            choice = QRadioButton(preset.title)
            named(choice, f"Preset {preset.title}: {preset.description}")
            choice.setChecked(index == 0)
            self.presets.addButton(choice, index)
            words = label(preset.description, "faint", wrap=True)
            words.setContentsMargins(24, 0, 0, 0)
            pair = QVBoxLayout()
            pair.setSpacing(1)
            pair.addWidget(choice)
            pair.addWidget(words)
            layout.addLayout(pair)
        layout.addSpacing(4)
        layout.addWidget(self.trouble)
        layout.addStretch(1)
        cancel = button("Cancel")
        cancel.clicked.connect(self.reject)
        self.start.clicked.connect(self._accept)
        self.start.setDefault(True)
        end = QHBoxLayout()
        end.addStretch(1)
        end.addWidget(cancel)
        end.addWidget(self.start)
        layout.addLayout(end)

    def _browse_folder(self) -> None:
        if chosen := QFileDialog.getExistingDirectory(self, "Folder of videos", self.folder.text()):
            self.set_folder(Path(chosen))

    def _browse_file(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Calibration file", self.folder.text())
        if chosen:
            self.calibration.setText(chosen)

    def _survey(self) -> None:
        text = self.folder.text().strip()
        # The field also says so when it only loses the focus, as to the click on Start.
        if text == self._looked_into:
            return
        self._looked_into, self._found = text, None
        if text:
            self.videos.setText("Looking …")
            self._work.order(lambda: survey(Path(text).expanduser()))
        self._check()

    def _tick(self) -> None:
        if (done := self._work.fetch()) is None:
            return
        try:
            self._found = done.result()
        except Exception as error:  # shown to the user in words
            self.videos.setText("")
            self.trouble.show_trouble(trouble_of(error))
            return
        names = ", ".join(camera for camera, _ in self._found.videos)
        self.videos.setText(f"{len(self._found.videos)} cameras: {names}" if names else "")
        if self._found.calibration is not None and not self.calibration.text():
            self.calibration.setText(str(self._found.calibration))
        self._check()

    def _chosen(self) -> Path | None:
        text = self.calibration.text().strip()
        return Path(text).expanduser() if text else None

    def _check(self) -> None:
        trouble = missing(self._found, self._chosen()) if self._found is not None else None
        self.trouble.show_trouble(trouble)
        self.start.setEnabled(self._found is not None and trouble is None)

    def _accept(self) -> None:
        if self._found is not None and missing(self._found, self._chosen()) is None:
            self.wanted = request(self._found, self._presets[self.presets.checkedId()].name, self._chosen())
            self.accept()

    def done(self, result: int) -> None:
        """Close, and let the looking thread go."""
        self._timer.stop()
        self.folder.blockSignals(True)  # losing the focus ends the editing, and would look again
        self._work.close()
        super().done(result)


def _row(field: QWidget, side: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.addWidget(field, 1)
    row.addWidget(side)
    return row
