"""Icons drawn as lines, in any colour and size: no files, sharp on every screen."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap, QPolygonF

Stroke = tuple[tuple[float, float], ...]

# Strokes on a field of 24 x 24; "fill" ones are closed and filled, circles are (x, y, radius).
STROKES: dict[str, tuple[Stroke, ...]] = {
    "library": (
        ((4, 5), (10, 5), (10, 19), (4, 19), (4, 5)),
        ((14, 5), (20, 5), (20, 11), (14, 11), (14, 5)),
        ((14, 15), (20, 15), (20, 19), (14, 19), (14, 15)),
    ),
    "review": (
        ((3, 5), (21, 5), (21, 19), (3, 19), (3, 5)),
        ((10, 9), (15, 12), (10, 15), (10, 9)),
    ),
    "capture": (
        ((2, 7), (15, 7), (15, 17), (2, 17), (2, 7)),
        ((15, 11), (21, 8), (21, 16), (15, 13)),
    ),
    "calibrate": (
        ((4, 4), (20, 4), (20, 20), (4, 20), (4, 4)),
        ((12, 4), (12, 20)),
        ((4, 12), (20, 12)),
    ),
    "analyse": (((3, 20), (21, 20)), ((4, 16), (8, 10), (12, 13), (16, 5), (20, 8))),
    "undo": (((8, 5), (4, 9), (8, 13)), ((4, 9), (15, 9), (19, 12), (19, 16), (15, 19), (9, 19))),
    "redo": (((16, 5), (20, 9), (16, 13)), ((20, 9), (9, 9), (5, 12), (5, 16), (9, 19), (15, 19))),
    "jobs": (((4, 7), (20, 7)), ((4, 12), (14, 12)), ((4, 17), (17, 17))),
    "add": (((12, 5), (12, 19)), ((5, 12), (19, 12))),
    "export": (((12, 4), (12, 15)), ((8, 8), (12, 4), (16, 8)), ((4, 15), (4, 20), (20, 20), (20, 15))),
    "keys": (
        ((3, 7), (21, 7), (21, 17), (3, 17), (3, 7)),
        ((7, 14), (17, 14)),
        ((7, 10.5), (8, 10.5)),
        ((11.5, 10.5), (12.5, 10.5)),
        ((16, 10.5), (17, 10.5)),
    ),
    "loop": (((17, 3), (20, 6), (17, 9)), ((4, 11), (4, 6), (20, 6)), ((7, 21), (4, 18), (7, 15)),
             ((20, 13), (20, 18), (4, 18))),
    "clear": (((6, 6), (18, 18)), ((18, 6), (6, 18))),
    "zoom in": (((9, 4), (14, 9), (9, 14), (4, 9), (9, 4)), ((12, 12), (20, 20)), ((9, 7), (9, 11)),
                ((7, 9), (11, 9))),
    "zoom out": (((9, 4), (14, 9), (9, 14), (4, 9), (9, 4)), ((12, 12), (20, 20)), ((7, 9), (11, 9))),
    "fit": (((4, 6), (4, 18)), ((20, 6), (20, 18)), ((7, 12), (17, 12)), ((9, 9), (7, 12), (9, 15)),
            ((15, 9), (17, 12), (15, 15))),
    "look": (((5, 3), (5, 18), (9, 14), (12, 21), (15, 19.7), (12, 13), (17, 13), (5, 3)),),
    "joint": (((9, 9), (15, 9), (15, 15), (9, 15), (9, 9)), ((12, 2), (12, 6)), ((12, 18), (12, 22)),
              ((2, 12), (6, 12)), ((18, 12), (22, 12))),
    "person": (((9.5, 6), (11, 3.5), (13, 3.5), (14.5, 6), (13, 8.5), (11, 8.5), (9.5, 6)), ((12, 8.5), (12, 15)),
               ((6, 11.5), (18, 11.5)), ((12, 15), (8, 21)), ((12, 15), (16, 21))),
    "correct": (((4, 20), (5, 15.5), (16, 4.5), (19.5, 8), (8.5, 19), (4, 20)), ((13.5, 7), (17, 10.5))),
    "folder": (((3, 18), (3, 6), (9, 6), (11, 8), (21, 8), (21, 18), (3, 18)),),
}  # fmt: skip
FILLS: dict[str, tuple[Stroke, ...]] = {
    "play": (((7, 4), (20, 12), (7, 20)),),
    "pause": (((6, 5), (10, 5), (10, 19), (6, 19)), ((14, 5), (18, 5), (18, 19), (14, 19))),
    "calibrate": (((4, 4), (12, 4), (12, 12), (4, 12)), ((12, 12), (20, 12), (20, 20), (12, 20))),
    "record": (((12, 4), (17.7, 6.3), (20, 12), (17.7, 17.7), (12, 20), (6.3, 17.7), (4, 12), (6.3, 6.3)),),
    "back": (((17, 5), (9, 12), (17, 19)), ((6, 5), (8, 5), (8, 19), (6, 19))),
    "event before": (((20, 6), (13, 12), (20, 18)), ((7, 7), (11, 12), (7, 17), (3, 12))),
    "event after": (((4, 6), (11, 12), (4, 18)), ((17, 7), (21, 12), (17, 17), (13, 12))),
    "forward": (((7, 5), (15, 12), (7, 19)), ((16, 5), (18, 5), (18, 19), (16, 19))),
}
SIZE = 24
# Drawn larger, so that dense screens have pixels to show.
DENSITY = 3


def icon(name: str, colour: str) -> QIcon:
    """An icon in one colour."""
    picture = QPixmap(SIZE * DENSITY, SIZE * DENSITY)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(DENSITY, DENSITY)
    painter.setPen(
        QPen(QColor(colour), 1.7, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
    )
    if name == "theme":
        painter.drawEllipse(QRectF(4, 4, 16, 16))
        half = QPainterPath(QPointF(12, 4))
        half.arcTo(QRectF(4, 4, 16, 16), 90, 180)
        half.closeSubpath()
        painter.fillPath(half, QColor(colour))
    for stroke in STROKES.get(name, ()):
        painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in stroke]))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    for shape in FILLS.get(name, ()):
        painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in shape]))
    painter.end()
    picture.setDevicePixelRatio(DENSITY)
    return QIcon(picture)
