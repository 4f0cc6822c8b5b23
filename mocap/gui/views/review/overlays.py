"""What is painted over a picture: skeletons, uncertainty, guides and the joint that is held."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen, QPolygonF

from mocap.core.types import FloatArray
from mocap.gui.presenters.correct.correcting import Guide
from mocap.gui.presenters.review.review import Marks
from mocap.gui.views.painting import lines
from mocap.gui.views.theme import GREEN, VERMILLION, YELLOW, Theme

SEEN_PX, REPROJECTED_PX, DOT_PX, CROSS_PX, HANDLE_PX = 3.0, 1.4, 2.6, 4.0, 8.0
# How strongly the chosen person and the others are drawn, of 255.
STRONG, FAINT = 230, 110
# Corners of a drawn ellipse.
ROUND = np.linspace(0.0, 2.0 * np.pi, 25)[:-1]
# A ring smaller than this on the screen would hide under its dot, and nobody would know that it is small.
LEAST_RING_PX = DOT_PX + 1.6

Placed = Callable[[FloatArray], FloatArray]


def draw_skeleton(painter: QPainter, marks: Marks, placed: Placed, theme: Theme, person: int) -> None:
    """Bones as they were seen, left and right apart; of others than the chosen person, faint."""
    for own, strength in ((False, FAINT), (True, STRONG)):
        whose = (marks.bone_person == person) == own
        for side, colour in enumerate(theme.sides):
            if (bones := lines(placed(marks.seen[whose & (marks.bone_side == side)]))) != []:
                painter.setPen(pen(QColor(*colour, strength), SEEN_PX))
                painter.drawLines(bones)


def draw_body(painter: QPainter, marks: Marks, placed: Placed) -> None:
    """The body in 3D as it is seen back."""
    body = lines(placed(marks.reprojected))
    painter.setPen(pen(QColor(0, 0, 0, 170), REPROJECTED_PX + 1.6))
    painter.drawLines(body)
    painter.setPen(pen(QColor(255, 255, 255), REPROJECTED_PX))
    painter.drawLines(body)


def draw_points(painter: QPainter, marks: Marks, placed: Placed, theme: Theme, person: int) -> None:
    """Keypoints that took part as dots, those that did not fit as crosses."""
    painter.setPen(Qt.PenStyle.NoPen)
    for own, strength in ((False, FAINT), (True, STRONG)):
        whose = (marks.dot_person == person) == own
        if not whose.any():
            continue
        for side, colour in enumerate(theme.sides):
            painter.setBrush(QColor(*colour, strength))
            for x, y in placed(marks.dots[whose & (marks.dot_side == side)]).tolist():
                painter.drawEllipse(QPointF(x, y), DOT_PX, DOT_PX)
    if not len(marks.crosses):
        return
    painter.setPen(pen(QColor(*VERMILLION), 1.8))
    centres = placed(marks.crosses)
    for direction in ((CROSS_PX, CROSS_PX), (CROSS_PX, -CROSS_PX)):
        painter.drawLines(lines(np.stack([centres - direction, centres + direction], axis=1)))


def draw_uncertainty(painter: QPainter, marks: Marks, placed: Placed) -> None:
    """One standard deviation: circles where keypoints were found, ellipses where the body in 3D is seen back.

    One that is smaller than the dot that it belongs to is drawn as a ring around that dot.
    """
    circle = np.stack([np.cos(ROUND), np.sin(ROUND)], axis=-1)
    found = marks.found_at[:, None] + marks.found_sigma[:, None, None] * circle
    body = marks.ellipse_at[:, None] + circle @ marks.ellipse_axes
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for rings, centres, colour, style in (
        (found, marks.found_at, QColor(*GREEN, 220), Qt.PenStyle.DotLine),
        (body, marks.ellipse_at, QColor(255, 255, 255, 210), Qt.PenStyle.SolidLine),
    ):
        painter.setPen(QPen(colour, 1.2, style))
        around, middle = placed(rings), placed(centres)[:, None]
        small = np.linalg.norm(around - middle, axis=-1).max(axis=-1) < LEAST_RING_PX
        around = np.where(small[:, None, None], middle + LEAST_RING_PX * circle, around)
        for ring in around[np.isfinite(around).all(axis=(1, 2))].tolist():
            painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in ring]))


def draw_guide(painter: QPainter, guide: Guide, placed: Placed) -> None:
    """Where the held joint must lie, where it is held, and where its point in 3D is seen back."""
    line = placed(guide.line)
    there = np.flatnonzero(np.isfinite(line).all(axis=1))
    runs = [run for run in np.split(there, np.flatnonzero(np.diff(there) > 1) + 1) if run.size > 1]
    pieces = [QPolygonF([QPointF(x, y) for x, y in line[run].tolist()]) for run in runs]
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, width in ((QColor(0, 0, 0, 150), 3.4), (QColor(*YELLOW), 1.6)):
        painter.setPen(pen(colour, width))
        for piece in pieces:
            painter.drawPolyline(piece)
    back, handle = placed(guide.back), placed(guide.handle)
    if np.isfinite(back).all():
        x, y = back.tolist()
        diamond = QPolygonF([QPointF(x + dx, y + dy) for dx, dy in ((0, -7), (7, 0), (0, 7), (-7, 0))])
        painter.setPen(pen(QColor(0, 0, 0, 170), 3.6))
        painter.drawPolygon(diamond)
        painter.setPen(pen(QColor(255, 255, 255), 1.8))
        painter.drawPolygon(diamond)
    if np.isfinite(handle).all():
        at = QPointF(*handle.tolist())
        painter.setPen(pen(QColor(0, 0, 0, 170), 4.2))
        painter.drawEllipse(at, HANDLE_PX, HANDLE_PX)
        painter.setPen(pen(QColor(*YELLOW), 2.0))
        painter.drawEllipse(at, HANDLE_PX, HANDLE_PX)


def draw_name(painter: QPainter, guide: Guide, placed: Placed, room: QRectF, font: QFont) -> None:
    """Name of the joint that is held, beside it, within the view."""
    handle = placed(guide.handle)
    if np.isfinite(handle).all():
        at = QPointF(*handle.tolist()) + QPointF(HANDLE_PX + 8, -HANDLE_PX - 12)
        draw_tag(painter, at, guide.words, font, room)


def draw_tag(painter: QPainter, at: QPointF, words: str, font: QFont, room: QRectF | None = None) -> None:
    """Words on a dark ground, readable on any picture; kept within a room where one is given."""
    small = QFont(font)
    small.setPixelSize(11)
    small.setBold(True)
    painter.setFont(small)
    inner = painter.fontMetrics().boundingRect(words)
    box = QRectF(at.x(), at.y(), inner.width() + 14, inner.height() + 6)
    if room is not None:
        box.moveLeft(max(room.left(), min(box.left(), room.right() - box.width())))
        box.moveTop(max(room.top(), box.top()))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(11, 13, 16, 190))
    painter.drawRoundedRect(box, 5, 5)
    painter.setPen(QColor("#e8ebf0"))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)


def pen(colour: QColor, width: float) -> QPen:
    """A pen with round ends."""
    made = QPen(colour, width)
    made.setCapStyle(Qt.PenCapStyle.RoundCap)
    made.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    return made
