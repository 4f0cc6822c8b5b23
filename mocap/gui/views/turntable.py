"""The pane of the export dialog that orders turntable videos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QCheckBox, QFormLayout, QHBoxLayout, QVBoxLayout, QWidget

from mocap.gui.presenters.jobs import JobRequest
from mocap.gui.presenters.turntable import LENGTHS, SIZES, TurntableChoice, lacking_open3d, turntable_jobs
from mocap.gui.views.parts import BOX_MARGIN_PX, Choice, NumberBox, TroubleCard, button, label, named

NAME = "Turntable video"
# No take is longer than a day.
LONGEST_S = 86_400.0


class TurntablePane(QWidget):
    """Length, size and what is drawn; the video is made as a job, so that the dialog may be closed."""

    def __init__(self, runs: tuple[Path, ...], add_job: Callable[[JobRequest], None]) -> None:
        super().__init__()
        self._runs, self._add_job = runs, add_job
        self.size_box, self.length_box = Choice(), Choice()
        self.size_box.addItems([words for words, _ in SIZES])
        self.length_box.addItems([words for words, _ in LENGTHS])
        named(self.size_box, "Size of the video")
        named(self.length_box, "Length of the video")
        self.trails, self.cameras = QCheckBox("Paths of hands and feet"), QCheckBox("Cameras")
        self.cameras.setChecked(True)
        self.picture, self.mesh = QCheckBox("Picture (PNG)"), QCheckBox("Body as a mesh (PLY)")
        self.at = NumberBox()
        self.at.setRange(0.0, LONGEST_S)
        self.at.setDecimals(2)
        self.at.setSuffix(" s")
        self.at.lineEdit().setTextMargins(BOX_MARGIN_PX, 0, 0, 0)
        named(self.at, "Instant of the picture and the mesh, seconds from the start")
        self.make = button("Make the video", primary=True)
        self.said, self.trouble = label("", "good", wrap=True), TroubleCard()
        self._lay_out()
        for box in (self.picture, self.mesh):
            box.toggled.connect(self._show_instant)
        self._show_instant()
        self.make.clicked.connect(self._make)
        trouble = lacking_open3d()
        self.trouble.show_trouble(trouble)
        self.make.setEnabled(trouble is None)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 8, 0)
        layout.setSpacing(12)
        layout.addWidget(
            label(
                "A video that goes once around the body while it moves. It plays everywhere.", "heading", wrap=True
            )
        )
        layout.addWidget(self.trouble)
        form = QFormLayout()
        form.setVerticalSpacing(10)
        form.setHorizontalSpacing(16)
        form.addRow("Length", self.length_box)
        form.addRow("Size", self.size_box)
        form.addRow("Drawn too", _line(self.trails, self.cameras))
        form.addRow("Besides", _line(self.picture, self.mesh))
        form.addRow("Of the instant", self.at)
        layout.addLayout(form)
        line = QHBoxLayout()
        line.addWidget(self.said, 1)
        line.addWidget(self.make)
        layout.addLayout(line)
        layout.addStretch(1)

    def _show_instant(self) -> None:
        self.at.setEnabled(self.picture.isChecked() or self.mesh.isChecked())

    @property
    def choice(self) -> TurntableChoice:
        """What is set."""
        return TurntableChoice(
            self.size_box.currentIndex(),
            self.length_box.currentIndex(),
            self.trails.isChecked(),
            self.cameras.isChecked(),
            self.picture.isChecked(),
            self.mesh.isChecked(),
            self.at.value(),
        )

    def _make(self) -> None:
        jobs = turntable_jobs(self._runs, self.choice)
        for job in jobs:
            self._add_job(job)
        what = "The video is" if len(jobs) == 1 else f"{len(jobs)} videos are"
        self.said.setText(f"{what} in the list of jobs, with the time left. You may close this window.")


def _line(*parts: QWidget) -> QWidget:
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(18)
    for part in parts:
        row.addWidget(part)
    row.addStretch(1)
    return made
