"""A camera's picture to point at things in, with the floor and the axes drawn into it as the camera sees them."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from mocap.core.types import FloatArray, ImageArray
from mocap.gui.presenters.calibrate.world import WorldEdit
from mocap.gui.views.calibrate.room import AXES
from mocap.gui.views.painting import picture
from mocap.gui.views.theme import Theme

# The glass over the pointer shows this many px of the picture, so many times as large.
GLASS_PX, GLASS_TIMES = 44, 3.0
# The arrow keys move the cross by this many px of the picture, with Shift by ten times as many.
KEY_STEP_PX = 2.0


class WorldPicture(QWidget):
    """One view; a click tells where, in px of the camera's full picture."""

    clicked = Signal(str, float, float)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setMinimumSize(220, 150)
        self.setToolTip("Click to point; arrow keys move the cross, Enter points")
        self._theme = theme
        self.camera = ""
        self._size_wh = (16, 9)
        self._image: ImageArray | None = None
        self._lines: tuple[FloatArray, ...] = ()
        self._axes: tuple[FloatArray, ...] = ()
        self._guide: FloatArray = np.zeros((0, 2))
        self._marks: tuple[tuple[int, tuple[float, float]], ...] = ()
        self._corners: FloatArray = np.zeros((0, 2))
        self._cross: tuple[float, float] | None = None

    def show_view(self, camera: str, edit: WorldEdit, image: ImageArray | None, corners: FloatArray) -> None:
        """Show a camera with the world that is tried; ``corners`` (K, 2) px are the board's."""
        rig = edit.rig
        self.camera = camera
        self._size_wh = rig.cameras[rig.names.index(camera)].intrinsics.size_wh
        self._image, self._corners = image, corners[np.isfinite(corners).all(axis=1)]
        self._lines, self._axes, self._guide = edit.floor_lines(camera), edit.axes(camera), edit.guide(camera)
        self._marks = tuple((n + 1, mark.xy[camera]) for n, mark in enumerate(edit.marks) if camera in mark.xy)
        self.setAccessibleName(f"Picture of {camera}")
        self.update()

    def set_theme(self, theme: Theme) -> None:
        """Take on other colours."""
        self._theme = theme
        self.update()

    def frame(self) -> QRectF:
        """Where the picture lies in the widget."""
        scale = min(self.width() / self._size_wh[0], self.height() / self._size_wh[1])
        w, h = scale * self._size_wh[0], scale * self._size_wh[1]
        return QRectF((self.width() - w) / 2, (self.height() - h) / 2, w, h)

    def _at(self, xy: tuple[float, float]) -> QPointF:
        frame = self.frame()
        scale = frame.width() / self._size_wh[0]
        return QPointF(frame.x() + (xy[0] + 0.5) * scale, frame.y() + (xy[1] + 0.5) * scale)

    def _from(self, place: QPointF) -> tuple[float, float]:
        frame = self.frame()
        scale = frame.width() / self._size_wh[0]
        x = (place.x() - frame.x()) / scale - 0.5
        y = (place.y() - frame.y()) / scale - 0.5
        return (
            float(np.clip(x, 0, self._size_wh[0] - 1)),
            float(np.clip(y, 0, self._size_wh[1] - 1)),
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the view."""
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(self.rect(), QColor(theme.panel))
        frame = self.frame()
        if self._image is not None:
            painter.drawImage(frame, picture(self._image))
        else:
            painter.fillRect(frame, QColor(theme.raised))
            painter.setPen(QColor(theme.faint))
            painter.drawText(frame, int(Qt.AlignmentFlag.AlignCenter), f"{self.camera}: no picture here")
        painter.setClipRect(frame)
        self._draw_world(painter)
        painter.setPen(QPen(QColor(0, 0, 0, 170), 1))
        painter.setBrush(QColor(*theme.sides[1]))
        for x, y in self._corners.tolist():
            painter.drawEllipse(self._at((x, y)), 3.0, 3.0)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        self._draw_marks(painter)
        if self._cross is not None and (self.underMouse() or self.hasFocus()):
            self._draw_glass(painter, self._cross)
        painter.end()

    def _draw_world(self, painter: QPainter) -> None:
        line = QColor(*self._theme.sides[0])
        line.setAlpha(150)
        for pieces, pen in ((self._lines, QPen(line, 1.2)), ((self._guide,), QPen(QColor(self._theme.care), 1.8))):
            painter.setPen(pen)
            for piece in pieces:
                self._polyline(painter, piece)
        for axis, colour in zip(self._axes, AXES, strict=False):
            painter.setPen(QPen(QColor(*colour), 3.2))
            self._polyline(painter, axis)

    def _polyline(self, painter: QPainter, xy: FloatArray) -> None:
        if len(xy) > 1:
            painter.drawPolyline(QPolygonF([self._at((x, y)) for x, y in xy.tolist()]))

    def _draw_marks(self, painter: QPainter) -> None:
        for number, xy in self._marks:
            at = self._at(xy)
            for colour, width in (("#000000", 4.0), (self._theme.accent, 2.0)):
                painter.setPen(QPen(QColor(colour), width))
                painter.drawEllipse(at, 6.0, 6.0)
            painter.setPen(QColor(self._theme.accent))
            painter.drawText(at + QPointF(10, -8), str(number))

    def _draw_glass(self, painter: QPainter, xy: tuple[float, float]) -> None:
        """What lies under the pointer, larger, in the corner that is farther away."""
        frame, at = self.frame(), self._at(xy)
        side = GLASS_PX * GLASS_TIMES
        if self._image is None or frame.width() < 2 * side:
            return
        left = frame.right() - side - 6 if at.x() < frame.center().x() else frame.x() + 6
        place = QRectF(left, frame.y() + 6, side, side)
        scale = self._image.shape[1] / self._size_wh[0]
        # As many px of the picture as the widget shows in so many of its own.
        shown = GLASS_PX * self._size_wh[0] / frame.width() * scale
        source = QRectF(xy[0] * scale - shown / 2, xy[1] * scale - shown / 2, shown, shown)
        painter.fillRect(place, QColor("#000000"))
        painter.drawImage(place, picture(self._image), source)
        painter.setPen(QPen(QColor(self._theme.text), 1))
        painter.drawRect(place)
        middle = place.center()
        painter.setPen(QPen(QColor(self._theme.accent), 1))
        painter.drawLine(QPointF(middle.x() - 12, middle.y()), QPointF(middle.x() + 12, middle.y()))
        painter.drawLine(QPointF(middle.x(), middle.y() - 12), QPointF(middle.x(), middle.y() + 12))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move the cross."""
        self._cross = self._from(event.position())
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Point."""
        if self.frame().contains(event.position()):
            self._cross = self._from(event.position())
            self.clicked.emit(self.camera, *self._cross)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the cross and point by keys."""
        steps = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }
        key = Qt.Key(event.key())
        x, y = self._cross or (self._size_wh[0] / 2, self._size_wh[1] / 2)
        if key in steps:
            far = 10.0 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1.0
            x, y = x + far * KEY_STEP_PX * steps[key][0], y + far * KEY_STEP_PX * steps[key][1]
            w, h = self._size_wh
            self._cross = (float(np.clip(x, 0, w - 1)), float(np.clip(y, 0, h - 1)))
            self.update()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._cross = (x, y)
            self.clicked.emit(self.camera, x, y)
        else:
            super().keyPressEvent(event)
