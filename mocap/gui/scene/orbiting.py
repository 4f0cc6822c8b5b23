"""A widget whose eye circles a point: mouse, wheel and keys, and lines in the room painted by Qt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPen, QWheelEvent
from PySide6.QtWidgets import QWidget

from mocap.core.types import FloatArray
from mocap.gui.scene.orbit import Orbit
from mocap.gui.views.painting import lines

KEY_TURN_PX = 20
WHEEL_STEP = 120
HINT = "Drag to turn, wheel to zoom, right button to shift; arrow keys with Alt turn, + and - zoom, Home shows all"
LABEL_OFF_PX = (8.0, -6.0)
Colour = tuple[int, int, int]
SOLID = Qt.PenStyle.SolidLine


class OrbitWidget(QWidget):
    """Base of views that Qt paints; ``orbit`` is where the eye is."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setToolTip(HINT)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(220, 160)
        self.orbit = Orbit(np.zeros(3))
        self._last = QPointF()

    def look_again(self) -> None:
        """Bring everything back into view."""

    def project(self, points: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Map points (..., 3), m, to the widget (..., 2), px, and whether they are before the eye (...)."""
        return self.orbit.project(points, (self.width(), self.height()))

    def pieces(
        self,
        painter: QPainter,
        pieces: FloatArray,
        colour: Colour,
        width: float,
        alpha: int = 255,
        style: Qt.PenStyle = SOLID,
    ) -> None:
        """Paint line pieces (M, 2, 3), m, those that lie before the eye."""
        xy, valid = self.project(pieces)
        pen = QPen(QColor(*colour, alpha), width, style)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawLines(lines(xy[valid.all(axis=-1)]))

    def dots(self, painter: QPainter, points: FloatArray, colour: Colour, radius: float) -> None:
        """Paint dots at points (M, 3), m."""
        xy, valid = self.project(points)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(*colour))
        for x, y in xy[valid].tolist():
            painter.drawEllipse(QPointF(x, y), radius, radius)

    def words(
        self,
        painter: QPainter,
        text: str,
        place: FloatArray,
        colour: Colour,
        off_px: tuple[float, float] = LABEL_OFF_PX,
    ) -> None:
        """Write beside a place (3,), m."""
        xy, valid = self.project(place)
        if valid:
            painter.setPen(QColor(*colour))
            painter.drawText(QPointF(float(xy[0]), float(xy[1])) + QPointF(*off_px), text)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to turn."""
        self._last = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Turn with the left button, shift with another."""
        moved = event.position() - self._last
        self._last = event.position()
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.orbit = self.orbit.turned(moved.x(), moved.y())
        elif event.buttons():
            right, down, _ = self.orbit.axes()
            per_px = self.orbit.distance / max(1, min(self.width(), self.height()))
            step = (moved.x() * right + moved.y() * down) * per_px
            self.orbit = replace(self.orbit, centre=self.orbit.centre - step)
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom."""
        self.orbit = self.orbit.zoomed(event.angleDelta().y() / WHEEL_STEP)
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Turn and zoom by keys."""
        turns = {
            Qt.Key.Key_Left: (KEY_TURN_PX, 0),
            Qt.Key.Key_Right: (-KEY_TURN_PX, 0),
            Qt.Key.Key_Up: (0, KEY_TURN_PX),
            Qt.Key.Key_Down: (0, -KEY_TURN_PX),
        }
        key = Qt.Key(event.key())
        if event.modifiers() & Qt.KeyboardModifier.AltModifier and key in turns:
            self.orbit = self.orbit.turned(*turns[key])
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Minus):
            self.orbit = self.orbit.zoomed(1 if key == Qt.Key.Key_Plus else -1)
        elif key == Qt.Key.Key_Home:
            self.look_again()
        else:
            super().keyPressEvent(event)
            return
        self.update()
