"""One strip a camera over the common time: drag it until a clap lies under a clap."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from mocap.gui.presenters.align.aligning import Aligning
from mocap.gui.presenters.align.curves import Curve
from mocap.gui.views.theme import Theme

RULER_PX, GAP_PX, MARGIN_PX = 26, 4, 12
STRIP_PX, LEAST_STRIP_PX = 74, 44
# Times on the ruler are this far apart at least.
TICK_PX = 84
TICKS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800)
# A turn of the wheel; what is seen is never shorter than some frames.
ZOOM, SHORTEST_S = 1.25, 0.05
# A press that moves less than this is a click, px.
CLICK_PX = 3
# Quiet parts can be seen beside a clap.
GAMMA = 0.6


class AlignStrips(QWidget):
    """Strips and the ruler above them."""

    seek = Signal(float)
    chosen = Signal(int)
    # Camera, offset, s, and the number of the drag that it belongs to.
    moved = Signal(int, float, int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName("Curves of all cameras")
        self.setToolTip("Drag a strip to shift its camera; click to go there; turn the wheel to zoom")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setMouseTracking(True)
        self._theme = theme
        self._aligning: Aligning | None = None
        self._curves: dict[int, Curve] = {}
        self._range = (0.0, 1.0)
        self._pressed: tuple[int, float, float] | None = None  # camera (-1: ruler), x, offset
        self._dragging, self._drags = False, 0

    def show_aligning(self, aligning: Aligning, curves: dict[int, Curve]) -> None:
        """Show another state; at first all of the recording is seen."""
        if self._aligning is not aligning:
            self._aligning = aligning
            self.fit()
        self._curves = curves
        words = [f"{name}: {aligning.start_words(c)}" for c, name in enumerate(aligning.cameras)]
        self.setAccessibleDescription(". ".join(words))
        self.setMinimumHeight(RULER_PX + len(aligning.cameras) * (LEAST_STRIP_PX + GAP_PX))
        self.updateGeometry()
        self.update()

    def set_theme(self, theme: Theme) -> None:
        """Recolour."""
        self._theme = theme
        self.update()

    def sizeHint(self) -> QSize:
        """As high as the strips need."""
        count = len(self._aligning.cameras) if self._aligning else 4
        return QSize(600, RULER_PX + count * (STRIP_PX + GAP_PX))

    @property
    def seen_s(self) -> tuple[float, float]:
        """First and last instant seen, s."""
        return self._range

    def fit(self) -> None:
        """See the whole recording."""
        if self._aligning is not None:
            first, last = self._aligning.span_s
            pad = 0.01 * (last - first)
            self._range = (first - pad, last + pad)
            self.update()

    def zoom(self, factor: float, about_s: float | None = None) -> None:
        """See so much less of the time, about an instant; the playhead if none is given."""
        if self._aligning is None:
            return
        at = self._aligning.place_s if about_s is None else about_s
        first, last = self._range
        whole = self._aligning.span_s[1] - self._aligning.span_s[0]
        length = float(np.clip((last - first) / factor, SHORTEST_S, 1.2 * whole))
        share = float(np.clip((at - first) / (last - first), 0.0, 1.0))
        self._range = (at - share * length, at + (1.0 - share) * length)
        self.update()

    def follow(self) -> None:
        """Bring the playhead into view."""
        if self._aligning is None:
            return
        at, (first, last) = self._aligning.place_s, self._range
        if not first <= at <= last:
            length = last - first
            self._range = (at - 0.5 * length, at + 0.5 * length)
            self.update()

    def x_of(self, t_s: float) -> float:
        """Where an instant lies, px."""
        first, last = self._range
        return MARGIN_PX + (self.width() - 2 * MARGIN_PX) * (t_s - first) / (last - first)

    def strip(self, camera: int) -> QRectF:
        """Where a camera's strip lies."""
        count = len(self._aligning.cameras) if self._aligning else 1
        height = max(LEAST_STRIP_PX, (self.height() - RULER_PX) / count - GAP_PX)
        top = RULER_PX + camera * (height + GAP_PX)
        return QRectF(MARGIN_PX, top, self.width() - 2 * MARGIN_PX, height)

    def _time(self, x: float) -> float:
        first, last = self._range
        return first + (x - MARGIN_PX) / max(1, self.width() - 2 * MARGIN_PX) * (last - first)

    def _camera_at(self, y: float) -> int:
        count = len(self._aligning.cameras) if self._aligning else 0
        return next((c for c in range(count) if self.strip(c).top() <= y <= self.strip(c).bottom() + GAP_PX), -1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to drag, or to scrub on the ruler."""
        if self._aligning is None or event.button() != Qt.MouseButton.LeftButton:
            return
        x, camera = event.position().x(), self._camera_at(event.position().y())
        offset = float(self._aligning.clocks.offset_s[camera]) if camera >= 0 else 0.0
        self._pressed, self._dragging = (camera, x, offset), False
        self._drags += 1
        if camera < 0:
            self.seek.emit(self._time(x))
        elif camera > 0:
            self.chosen.emit(camera)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Shift the camera under the mouse, or scrub."""
        x = event.position().x()
        if self._pressed is None or self._aligning is None:
            over = self._camera_at(event.position().y())
            self.setCursor(Qt.CursorShape.SizeHorCursor if over > 0 else Qt.CursorShape.ArrowCursor)
            return
        camera, since, offset = self._pressed
        if camera < 0:
            self.seek.emit(self._time(x))
            return
        self._dragging |= abs(x - since) >= CLICK_PX
        if camera > 0 and self._dragging:
            # What is dragged to the right happens later: the camera's clock was less ahead.
            shift = self._time(x) - self._time(since)
            self.moved.emit(camera, offset - shift * float(self._aligning.clocks.rate[camera]), self._drags)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the drag; a click goes there."""
        if self._pressed is not None and self._pressed[0] >= 0 and not self._dragging:
            self.seek.emit(self._time(event.position().x()))
        self._pressed, self._dragging = None, False

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom about the mouse; with Shift, or sideways, go along."""
        turn = event.angleDelta()
        sideways = turn.x() or (turn.y() if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 0)
        if sideways:
            first, last = self._range
            by = -sideways / 120.0 * 0.1 * (last - first)
            self._range = (first + by, last + by)
            self.update()
        elif turn.y():
            self.zoom(ZOOM ** (turn.y() / 120.0), self._time(event.position().x()))
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Home and End; the other keys are the dialog's."""
        if self._aligning is not None and event.key() in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self.seek.emit(self._aligning.span_s[event.key() == Qt.Key.Key_End])
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw."""
        if self._aligning is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for camera in range(len(self._aligning.cameras)):
            self._draw_strip(painter, self._aligning, camera)
        self._draw_ruler(painter)
        x = self.x_of(self._aligning.place_s)
        painter.setPen(QPen(QColor(self._theme.care), 1.5))
        painter.drawLine(QPointF(x, RULER_PX - 6), QPointF(x, self.height()))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._theme.care))
        painter.drawPolygon(QPolygonF([QPointF(x - 5, RULER_PX - 9), QPointF(x + 5, RULER_PX - 9),
                                       QPointF(x, RULER_PX - 1)]))  # fmt: skip
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(self._theme.accent), 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)
        painter.end()

    def _draw_strip(self, painter: QPainter, aligning: Aligning, camera: int) -> None:
        theme, box = self._theme, self.strip(camera)
        painter.setPen(QPen(QColor(theme.accent if camera == aligning.selected else theme.line), 1))
        painter.setBrush(QColor(theme.panel))
        painter.drawRoundedRect(box, 6, 6)
        painter.save()
        painter.setClipRect(box.adjusted(1, 1, -1, -1))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.raised))
        begin, end = (self.x_of(t) for t in aligning.recorded_s(camera))
        painter.drawRect(QRectF(QPointF(begin, box.top()), QPointF(end, box.bottom())))
        curve = self._curves.get(camera)
        words = "Reading …" if curve is None else curve.words
        if curve is not None and curve.t_s.size:
            self._draw_curve(painter, aligning, camera, curve, box)
        painter.restore()
        self._draw_words(painter, aligning.cameras[camera], words, box)

    def _draw_curve(self, painter: QPainter, aligning: Aligning, camera: int, curve: Curve, box: QRectF) -> None:
        count = max(2, int(box.width()))
        common = np.linspace(self._time(box.left()), self._time(box.right()), count + 1)
        value = curve.over(aligning.clocks.from_common(camera, common)) ** GAMMA
        half = 0.5 * box.height() - 5
        x = box.left() + np.arange(count) + 0.5
        upper = np.stack([x, box.center().y() - half * value], axis=1)
        lower = np.stack([x, box.center().y() + half * value], axis=1)[::-1]
        colour = QColor(self._theme.accent if camera == aligning.selected else self._theme.faint)
        painter.setBrush(colour)
        painter.setPen(QPen(colour, 1))
        painter.drawPolygon(QPolygonF([QPointF(*p) for p in np.concatenate([upper, lower]).tolist()]))

    def _draw_words(self, painter: QPainter, name: str, words: str, box: QRectF) -> None:
        font = QFont(self.font())
        font.setPixelSize(11)
        font.setBold(True)
        painter.setFont(font)
        metrics = painter.fontMetrics()
        pill = QRectF(box.left() + 6, box.top() + 5, metrics.horizontalAdvance(name) + 14, metrics.height() + 4)
        painter.setPen(Qt.PenStyle.NoPen)
        ground = QColor(self._theme.window)
        ground.setAlpha(215)
        painter.setBrush(ground)
        painter.drawRoundedRect(pill, 5, 5)
        painter.setPen(QColor(self._theme.text))
        painter.drawText(pill, Qt.AlignmentFlag.AlignCenter, name)
        if words:
            font.setBold(False)
            painter.setFont(font)
            painter.setPen(QColor(self._theme.faint))
            inside = box.adjusted(pill.width() + 20, 2, -10, -2)
            painter.drawText(inside, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, words)

    def _draw_ruler(self, painter: QPainter) -> None:
        first, last = self._range
        fits = max(1.0, (self.width() - 2 * MARGIN_PX) / TICK_PX)
        step = next((s for s in TICKS_S if (last - first) / s <= fits), TICKS_S[-1])
        font = QFont(self.font())
        font.setPixelSize(10)
        painter.setFont(font)
        painter.setPen(QColor(self._theme.faint))
        for number in range(int(np.ceil(first / step)), int(np.floor(last / step)) + 1):
            x = self.x_of(number * step)
            painter.drawLine(QPointF(x, RULER_PX - 7), QPointF(x, RULER_PX - 2))
            words = f"{number * step:.10g} s"
            left = min(max(x - 35, 0), self.width() - 70)
            painter.drawText(QRectF(left, 1, 70, 14), Qt.AlignmentFlag.AlignCenter, words)
