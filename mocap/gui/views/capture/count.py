"""The countdown before a recording, large enough for whoever stands in the room."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from mocap.gui.views.parts import named


class Countdown(QWidget):
    """Seconds until the recording begins, over all pictures: read from across the room."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.seconds = 0
        self.hide()

    def show_seconds(self, left_s: float) -> None:
        """Show whole seconds that are left; nothing at 0."""
        seconds = math.ceil(left_s - 1e-6)
        if seconds and isinstance(parent := self.parent(), QWidget):
            self.setGeometry(parent.rect())
            self.raise_()
        self.setVisible(seconds > 0)
        if seconds != self.seconds:
            self.seconds = seconds
            named(self, f"The recording begins in {seconds} s")
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the number."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(8, 10, 13, 120))
        font = QFont(self.font())
        font.setBold(True)
        font.setPixelSize(max(40, round(0.55 * min(self.width(), self.height()))))
        painter.setFont(font)
        painter.setPen(QColor("#ffffff"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, str(self.seconds))
        painter.end()
