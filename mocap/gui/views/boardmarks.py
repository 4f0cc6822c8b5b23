"""What is drawn over a camera's picture of a board: corners as they are found, and where there were any."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from calibration.report.advice import CELL_FULL
from mocap.core.types import FloatArray, IntArray
from mocap.gui.views.theme import Theme

# Cells with corners are tinted from this to that opacity; the full one at this many corners.
FAINTEST, STRONGEST, FULL_CORNERS = 40, 130, 60
CELL_LINE, CORNER_PX = 50, 3.2


def in_frame(xy: FloatArray, size_wh: tuple[int, int], frame: QRectF) -> FloatArray:
    """Places (N, 2) in a picture, px, as they lie in the frame it is drawn in (N, 2)."""
    scale = np.array([frame.width() / size_wh[0], frame.height() / size_wh[1]])
    return np.asarray((xy + 0.5) * scale + np.array([frame.x(), frame.y()]))


def draw_coverage(painter: QPainter, frame: QRectF, coverage: IntArray, theme: Theme) -> None:
    """Tint the cells (R, S) that had corners, and outline the others."""
    if not coverage.size:
        return
    rows, columns = coverage.shape
    strength = np.clip(np.log1p(coverage) / np.log1p(FULL_CORNERS), 0.0, 1.0)
    w, h = frame.width() / columns, frame.height() / rows
    for row, column in np.argwhere(coverage >= CELL_FULL).tolist():
        colour = QColor(*theme.sides[0])
        colour.setAlpha(round(FAINTEST + (STRONGEST - FAINTEST) * float(strength[row, column])))
        painter.fillRect(QRectF(frame.x() + column * w, frame.y() + row * h, w - 1, h - 1), colour)
    faint = QColor(theme.faint)
    faint.setAlpha(CELL_LINE)
    painter.setPen(QPen(faint, 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for row, column in np.argwhere(coverage < CELL_FULL).tolist():
        painter.drawRect(QRectF(frame.x() + column * w, frame.y() + row * h, w - 1, h - 1))


def draw_corners(painter: QPainter, places: FloatArray, theme: Theme) -> None:
    """Draw the corners at places (N, 2) of the widget."""
    painter.setPen(QPen(QColor(0, 0, 0, 160), 1))
    painter.setBrush(QColor(*theme.sides[1]))
    for x, y in places.tolist():
        painter.drawEllipse(QPointF(x, y), CORNER_PX, CORNER_PX)
    painter.setBrush(Qt.BrushStyle.NoBrush)
