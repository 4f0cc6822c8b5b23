"""Live 3D: the body in its room, and the numbers that somebody who moves reads from across the room."""

from __future__ import annotations

import math

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from calibration import CameraRig
from mocap.gui.presenters.capture.targets import LiveView, Progress, Target, angle_title
from mocap.gui.views.capture.scene import CaptureScene
from mocap.gui.views.parts import label, named
from mocap.gui.views.theme import Theme

# Letters are read from 3 m where they are 15 mm high; on a usual screen that is some 60 px.
SMALLEST_NUMBER_PX, LARGEST_NUMBER_PX = 44, 320
USUAL_ANGLES = ("left_knee_flexion", "right_knee_flexion")


class NumberCard(QWidget):
    """One angle, as large as there is room, with its target."""

    def __init__(self, angle: str, target: Target | None, theme: Theme) -> None:
        super().__init__()
        self.angle, self.target = angle, target
        self._theme, self._value, self._progress = theme, math.nan, Progress()
        self.setMinimumSize(190, 96)

    def show_value(self, value_deg: float, progress: Progress) -> None:
        """Show an angle, degrees, and how far its target is."""
        if self.text(value_deg) != self.text(self._value) or progress != self._progress:
            named(self, f"{angle_title(self.angle)} {self.text(value_deg)}. {self._said(progress)}")
            self._value, self._progress = value_deg, progress
            self.update()

    @staticmethod
    def text(value_deg: float) -> str:
        """The number that is shown."""
        return f"{value_deg:.0f}°" if math.isfinite(value_deg) else "–"

    def _said(self, progress: Progress) -> str:
        if self.target is None:
            return ""
        if self.target.counts:
            return f"{progress.count} repetitions"
        return "✓ in range" if progress.inside else self.target.words

    def set_theme(self, theme: Theme) -> None:
        """Recolour."""
        self._theme = theme
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw name, number and target."""
        theme, progress = self._theme, self._progress
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        met = self.target is not None and not self.target.counts and progress.inside
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.good if met else theme.panel))
        painter.drawRoundedRect(QRectF(self.rect()), 10, 10)
        ink = QColor(theme.window if met else theme.text)
        font = QFont(self.font())
        small = max(13, min(22, self.height() // 8))
        font.setPixelSize(small)
        painter.setFont(font)
        painter.setPen(ink if met else QColor(theme.faint))
        inner = self.rect().adjusted(14, 8, -14, -8)
        top, bottom = Qt.AlignmentFlag.AlignTop, Qt.AlignmentFlag.AlignBottom
        painter.drawText(inner, top | Qt.AlignmentFlag.AlignLeft, angle_title(self.angle))
        said = self._said(progress)
        painter.drawText(inner, bottom | Qt.AlignmentFlag.AlignLeft, said)
        big = self.text(self._value)
        if self.target is not None and self.target.counts:
            painter.drawText(inner, top | Qt.AlignmentFlag.AlignRight, big)
            big = str(progress.count)
        room = inner.adjusted(0, small + 4, 0, -(small + 4) if said else 0)
        font.setBold(True)
        font.setPixelSize(max(SMALLEST_NUMBER_PX, min(LARGEST_NUMBER_PX, room.height(), room.width() // 3)))
        painter.setFont(font)
        painter.setPen(ink)
        painter.drawText(room, Qt.AlignmentFlag.AlignCenter, big)
        painter.end()


class LivePane(QWidget):
    """Body and numbers."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.scene = CaptureScene(theme.scene)
        self.words = label("", "faint", wrap=True)
        self.cards: list[NumberCard] = []
        self._numbers = QVBoxLayout()
        self._numbers.setSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.scene, 3)
        row.addLayout(self._numbers, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(row, 1)
        layout.addWidget(self.words)

    def begin(self, rig: CameraRig | None, targets: tuple[Target, ...]) -> None:
        """Show another room and other numbers."""
        for card in self.cards:
            card.hide()
            card.deleteLater()
        wanted: dict[str, Target | None] = {target.angle: target for target in targets}
        wanted = wanted or dict.fromkeys(USUAL_ANGLES)
        self.cards = [NumberCard(angle, target, self._theme) for angle, target in wanted.items()]
        for card in self.cards:
            self._numbers.addWidget(card, 1)
        self.scene.show_rig(rig)

    def show_live(self, live: LiveView) -> None:
        """Show the newest pose."""
        waits = "" if live.pose is not None and len(live.pose.xyz) else live.words
        self.scene.show_body(*live.bones, waits)
        for card in self.cards:
            card.show_value(live.angle_deg(card.angle), live.progress.get(card.angle, Progress()))
        if self.words.text() != live.words:
            self.words.setText(live.words)

    def set_theme(self, theme: Theme) -> None:
        """Recolour."""
        self._theme = theme
        self.scene.set_colours(theme.scene)
        for card in self.cards:
            card.set_theme(theme)
