"""Choosing the calibration for live 3D, and the targets that somebody who moves is told of."""

from __future__ import annotations

import math
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QFileDialog, QHBoxLayout, QSpinBox, QToolButton, QVBoxLayout, QWidget

from mocap.gui.presenters.capture.cameras import studio_rig
from mocap.gui.presenters.capture.capturing import Capturing
from mocap.gui.presenters.capture.targets import Target, angle_choices, angle_title
from mocap.gui.views.parts import Choice, button, label, named, number_box
from mocap.session import SessionFolder

# More targets than this leave no room for numbers that are read from afar.
MOST_TARGETS = 4
LARGEST_DEG = 200
COUNT, HOLD = "count", "hold"


class TargetRow(QWidget):
    """One target."""

    removed = Signal(object)
    changed = Signal()

    def __init__(self, angles: tuple[str, ...], target: Target) -> None:
        super().__init__()
        self._angles = angles
        self.angle, self.kind = Choice(), Choice()
        named(self.angle, "Angle of the target")
        named(self.kind, "Kind of the target", "Count repetitions of this size, or hold the angle within a range")
        for choice in (self.angle, self.kind):
            choice.setMinimumContentsLength(5)
            choice.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.angle.addItems([angle_title(name) for name in angles])
        self.angle.setCurrentIndex(angles.index(target.angle))
        self.kind.addItems([COUNT, HOLD])
        self.kind.setCurrentIndex(0 if target.counts else 1)
        self.low, self.high = _degrees("Lower end"), _degrees("Upper end")
        self.low.setValue(round(target.low_deg) if not target.counts else 0)
        self.high.setValue(round(target.high_deg))
        self._and = label("and", "faint")
        away = QToolButton()
        away.setText("✕")
        named(away, "Remove this target")
        away.clicked.connect(lambda: self.removed.emit(self))
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.angle, 1)
        first.addWidget(away)
        for part in (self.kind, self.low, self._and, self.high):
            second.addWidget(part, 1 if part is self.kind else 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 4)
        layout.setSpacing(4)
        layout.addLayout(first)
        layout.addLayout(second)
        self.kind.currentIndexChanged.connect(self._show_kind)
        for box in (self.low, self.high):
            box.valueChanged.connect(self.changed)
        self.angle.currentIndexChanged.connect(self.changed)
        self._show_kind()

    def _show_kind(self) -> None:
        holds = self.kind.currentText() == HOLD
        self.low.setVisible(holds)
        self._and.setVisible(holds)
        named(self.high, "Upper end, degrees" if holds else "Size of a repetition, degrees")
        self.changed.emit()

    @property
    def target(self) -> Target:
        """What is set."""
        angle, high = self._angles[self.angle.currentIndex()], float(self.high.value())
        if self.kind.currentText() == HOLD:
            low = float(self.low.value())
            return Target(angle, min(low, high - 1), high)
        return Target(angle, math.nan, max(1.0, high))


class LivePanel(QWidget):
    """Calibration, targets, start and stop."""

    start = Signal(object, object)  # Path, tuple of Target
    stop = Signal()

    def __init__(self, capturing: Capturing) -> None:
        super().__init__()
        self._capturing = capturing
        self.calibration = Choice()
        named(self.calibration, "Calibration for live 3D")
        self.calibration.setMinimumContentsLength(8)
        self.calibration.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._paths: list[Path] = []
        self._own: list[Path] = []
        browse = button("…", "Choose a calibration file")
        browse.setFixedWidth(44)
        browse.clicked.connect(self._browse)
        self.toggle = button("Start live 3D")
        self.toggle.clicked.connect(self.press)
        self.add = QToolButton()
        self.add.setText("+ Target")
        named(self.add, "Add a target", "An angle to hold, or repetitions to count")
        self.add.clicked.connect(lambda: self.add_target(Target(angle_choices()[0])))
        self.beep = QCheckBox("Beep")
        named(self.beep, "Beep when a target is met")
        self.beep.setChecked(True)
        self.rows: list[TargetRow] = []
        self._rows = QVBoxLayout()
        self._rows.setSpacing(2)
        self._why = label("", "faint", wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(label("LIVE 3D", "section"))
        line = QHBoxLayout()
        line.addWidget(self.calibration, 1)
        line.addWidget(browse)
        layout.addLayout(line)
        layout.addLayout(self._rows)
        under = QHBoxLayout()
        under.addWidget(self.add)
        under.addStretch(1)
        under.addWidget(self.beep)
        layout.addLayout(under)
        layout.addWidget(self.toggle)
        layout.addWidget(self._why)

    def _browse(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Calibration of these cameras")
        if chosen:
            self._own.insert(0, Path(chosen))
            self.offer()
            self.calibration.setCurrentIndex(self._paths.index(Path(chosen)))

    def offer(self) -> None:
        """Offer the calibrations that there are: chosen ones, that of the session, the studio's."""
        capturing = self._capturing
        before = self.chosen
        session = SessionFolder(capturing.root / capturing.plan.session).rig
        sessions = [SessionFolder(capturing.root / name).rig for name in capturing.sessions]
        films = any(Path(entry.address).is_relative_to(studio_rig().parents[1]) for entry in capturing.entries)
        offered = [*self._own, session, *([studio_rig()] if films else []), *sessions]
        paths = [path for path in dict.fromkeys(offered) if path.is_file()]
        if paths == self._paths:
            return
        self._paths = paths
        self.calibration.clear()
        self.calibration.addItems([self._title(path) for path in paths])
        if before in paths:
            self.calibration.setCurrentIndex(paths.index(before))

    def _title(self, path: Path) -> str:
        if path == studio_rig():
            return "The synthetic studio's"
        if path.parents[1].parent == self._capturing.root:
            return f"Of session {path.parents[1].name}"
        return path.name

    @property
    def chosen(self) -> Path | None:
        """The calibration."""
        index = self.calibration.currentIndex()
        return self._paths[index] if 0 <= index < len(self._paths) else None

    @property
    def targets(self) -> tuple[Target, ...]:
        """What is set; one an angle."""
        return tuple({row.target.angle: row.target for row in self.rows}.values())

    def add_target(self, target: Target) -> None:
        """Add one."""
        if len(self.rows) < MOST_TARGETS:
            row = TargetRow(angle_choices(), target)
            row.removed.connect(self._remove)
            self.rows.append(row)
            self._rows.addWidget(row)

    def _remove(self, row: TargetRow) -> None:
        self.rows.remove(row)
        row.hide()
        row.deleteLater()

    def press(self) -> None:
        """Start or stop."""
        if self._capturing.live.running:
            self.stop.emit()
        elif self.chosen is not None:
            self.start.emit(self.chosen, self.targets)

    def show_state(self) -> None:
        """Show whether it runs, and why it cannot."""
        live = self._capturing.live
        why = ""
        if not live.running and len(self._capturing.entries) < 2:
            why = "Three dimensions need two cameras or more."
        elif not live.running and self.chosen is None:
            why = "Choose the calibration of these cameras, or make one on the Calibrate page."
        self._why.setText(why)
        self._why.setVisible(bool(why))
        words = "Stop live 3D" if live.running else "Start live 3D"
        if self.toggle.text() != words:
            self.toggle.setText(words)
            named(self.toggle, words)
        self.toggle.setEnabled(not why and not live.ending)
        parts: tuple[QWidget, ...] = (self.calibration, self.add, *self.rows)
        for part in parts:
            part.setEnabled(not live.running)


def _degrees(name: str) -> QSpinBox:
    box = number_box(f"{name}, degrees", -LARGEST_DEG, LARGEST_DEG, "°")
    box.setFixedWidth(64)
    return box
