"""The timeline that drives everything: scrub, play, step, range, speed, events, and how much of it is seen."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QWheelEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QToolTip, QVBoxLayout, QWidget

from mocap.gui.presenters.review.playhead import SPEEDS, Playhead
from mocap.gui.presenters.review.review import Moment
from mocap.gui.views.icons import icon
from mocap.gui.views.parts import Choice, label, named, tool
from mocap.gui.views.theme import Theme

MARGIN_PX = 14
HEIGHT_PX = 50
# Times on the ruler are this far apart at least.
TICK_PX = 80
TICKS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600)
# A turn of the wheel shows this much of the time that was shown.
ZOOM_STEP = 0.8
# An event is told of when the mouse is this near.
EVENT_PX = 8


class Ruler(QWidget):
    """The line of time: drag to scrub, turn the wheel to see less or more of it."""

    seek = Signal(float)  # instant
    zoom = Signal(float, float)  # factor, around which second

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName("Timeline")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFixedHeight(HEIGHT_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._theme, self._head = theme, Playhead(1, 1.0)
        self._span = (0.0, 1.0)
        self._events: tuple[Moment, ...] = ()
        self._ready: tuple[tuple[int, int], ...] = ()

    def show_ready(self, ready: tuple[tuple[int, int], ...]) -> None:
        """Show where pictures are there: runs of instants."""
        if ready != self._ready:
            self._ready = ready
            self.update()

    def show_head(self, head: Playhead) -> None:
        """Show another state."""
        self._head = head
        self.setAccessibleDescription(f"Instant {head.instant + 1} of {head.count}")
        self.update()

    def show_span(self, span: tuple[float, float]) -> None:
        """Show the time between two seconds since the first instant."""
        self._span = span
        self.update()

    def show_events(self, events: tuple[Moment, ...]) -> None:
        """Mark events."""
        self._events = events
        self.update()

    def set_theme(self, theme: Theme) -> None:
        """Recolour."""
        self._theme = theme
        self.update()

    def _x_of(self, seconds: float) -> float:
        first, last = self._span
        return MARGIN_PX + (self.width() - 2 * MARGIN_PX) * (seconds - first) / max(1e-9, last - first)

    def _x(self, instant: float) -> float:
        return self._x_of(self._head.time(instant))

    def _seconds(self, x: float) -> float:
        first, last = self._span
        return first + (x - MARGIN_PX) / max(1, self.width() - 2 * MARGIN_PX) * (last - first)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go there."""
        self.seek.emit(self._head.nearest(self._seconds(event.position().x())))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Scrub."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.seek.emit(self._head.nearest(self._seconds(event.position().x())))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """See less or more of the time."""
        self.zoom.emit(ZOOM_STEP ** (event.angleDelta().y() / 120), self._seconds(event.position().x()))

    def event(self, event: QEvent) -> bool:
        """Tell of the event under the mouse."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            x = event.pos().x()
            near = [e for e in self._events if abs(self._x_of(e.t_s) - x) < EVENT_PX]
            QToolTip.showText(event.globalPos(), "\n".join(f"{e.t_s:.2f} s  {e.words}" for e in near), self)
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Home and End; the arrows are shortcuts of the window."""
        if event.key() == Qt.Key.Key_Home:
            self.seek.emit(0)
        elif event.key() == Qt.Key.Key_End:
            self.seek.emit(self._head.count - 1)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw."""
        painter, theme, head = QPainter(self), self._theme, self._head
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        field = QRectF(MARGIN_PX, 0, self.width() - 2 * MARGIN_PX, self.height())
        track = QRectF(field.x(), 24, field.width(), 8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.raised))
        painter.drawRoundedRect(track, 4, 4)
        painter.setClipRect(field.adjusted(-9, 0, 9, 0))
        painter.setBrush(QColor(theme.hover))
        first, last = self._x(head.first), self._x(head.last)
        painter.drawRoundedRect(QRectF(first, 24, max(2.0, last - first), 8), 4, 4)
        if head.a is not None or head.b is not None:
            painter.setBrush(QColor(theme.accent))
            for x in (first, last):
                painter.drawRect(QRectF(x - 1, 20, 2, 16))
        self._draw_ready(painter)
        self._draw_ticks(painter)
        self._draw_events(painter)
        x = self._x(head.instant)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.accent))
        painter.drawRoundedRect(QRectF(x - 1.5, 16, 3, 24), 1.5, 1.5)
        painter.drawEllipse(QPointF(x, 28), 7, 7)
        painter.setClipping(False)
        self._draw_share(painter, field)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(theme.accent), 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)
        painter.end()

    def _draw_events(self, painter: QPainter) -> None:
        """A triangle below the line in the colour of the side; hollow where two methods disagree."""
        for moment in self._events:
            x = self._x_of(moment.t_s)
            colour = QColor(*self._theme.sides[moment.side])
            painter.setPen(QPen(colour, 1.2))
            painter.setBrush(Qt.BrushStyle.NoBrush if moment.doubtful else colour)
            painter.drawPolygon(QPolygonF([QPointF(x, 34), QPointF(x - 4, 41), QPointF(x + 4, 41)]))

    def _draw_share(self, painter: QPainter, field: QRectF) -> None:
        """Where the time that is shown lies in the whole, while it is not the whole."""
        total = max(1e-9, self._head.total_s)
        first, last = (min(max(s / total, 0.0), 1.0) for s in self._span)
        if last - first > 0.999:
            return
        painter.setPen(Qt.PenStyle.NoPen)
        for begin, end, colour in ((0.0, 1.0, self._theme.raised), (first, last, self._theme.faint)):
            painter.setBrush(QColor(colour))
            width = max(4.0, (end - begin) * field.width())
            painter.drawRoundedRect(QRectF(field.x() + begin * field.width(), 45, width, 3), 1.5, 1.5)

    def _draw_ready(self, painter: QPainter) -> None:
        """A thin line where pictures are decoded."""
        painter.setPen(QPen(QColor(self._theme.faint), 2))
        for first, last in self._ready:
            painter.drawLine(QPointF(self._x(first), 35), QPointF(self._x(last), 35))

    def _draw_ticks(self, painter: QPainter) -> None:
        first, last = self._span
        if last <= first:
            return
        fits = max(1.0, (self.width() - 2 * MARGIN_PX) / TICK_PX)
        step = next((s for s in TICKS_S if (last - first) / s <= fits), TICKS_S[-1])
        font = QFont(self.font())
        font.setPixelSize(10)
        painter.setFont(font)
        painter.setPen(QColor(self._theme.faint))
        for number in range(max(0, -int(-first // step)), int(last / step + 1e-6) + 1):
            x = self._x_of(number * step)
            painter.drawLine(QPointF(x, 17), QPointF(x, 21))
            left = min(max(x - 24, 0), self.width() - 48)
            words = f"{round(number * step, 3):g} s"
            painter.drawText(QRectF(left, 1, 48, 14), Qt.AlignmentFlag.AlignCenter, words)


class Timeline(QWidget):
    """Ruler and controls."""

    act = Signal(str)  # play, back, forward, a, b, clear, loop, event before, event after, whole
    seek = Signal(float)
    speed = Signal(float)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.ruler = Ruler(theme)
        self.ruler.seek.connect(self.seek)
        self._theme, self._playing = theme, False
        self.back, self.play = tool("Step back", "One instant back (Left)"), tool("Play or pause", "Space")
        self.forward = tool("Step forward", "One instant forward (Right)")
        self.before = tool("Event before", "To the event before (Shift+E)")
        self.after = tool("Next event", "To the next event (E)")
        self.loop = tool("Loop", "Play over and over (L)", checkable=True)
        self.a, self.b = (
            tool("Begin range here", "Range begins here (A)"),
            tool("End range here", "Range ends (B)"),
        )
        self.clear = tool("Clear range", "Play everything (Esc)")
        self.whole = tool("Whole recording", "See the whole recording again (W); turn the wheel to see less of it")
        self.a.setText("A")
        self.b.setText("B")
        self.whole.setText("Whole")
        for name, control in self._controls().items():
            control.clicked.connect(lambda _=False, what=name: self.act.emit(what))
        self.speeds = Choice()
        named(self.speeds, "Speed", "Speed of playing (+ and -)")
        self.speeds.addItems([f"{s:g}×" for s in SPEEDS])
        self.speeds.activated.connect(lambda index: self.speed.emit(SPEEDS[index]))
        self.time = label("", "number")
        self.time.setMinimumWidth(190)
        self.event_words = label("", "faint")
        line = QHBoxLayout()
        line.setContentsMargins(MARGIN_PX, 0, MARGIN_PX, 0)
        line.addWidget(self.time)
        line.addWidget(self.event_words)
        line.addStretch(1)
        for part in (self.before, self.back, self.play, self.forward, self.after):
            line.addWidget(part)
        line.addSpacing(10)
        line.addWidget(self.speeds)
        line.addStretch(1)
        for part in (self.whole, self.a, self.b, self.clear, self.loop):
            line.addWidget(part)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 8)
        layout.setSpacing(2)
        layout.addWidget(self.ruler)
        layout.addLayout(line)
        self.show_events(())
        self.show_span((0.0, 1.0), whole=True)
        self.set_theme(theme)

    def _controls(self) -> dict[str, QWidget]:
        return {
            "back": self.back, "play": self.play, "forward": self.forward, "loop": self.loop, "a": self.a,
            "b": self.b, "clear": self.clear, "event before": self.before, "event after": self.after,
            "whole": self.whole,
        }  # fmt: skip

    def set_theme(self, theme: Theme) -> None:
        """Redraw the icons."""
        self._theme = theme
        self.ruler.set_theme(theme)
        for name, control in self._controls().items():
            if name not in ("a", "b", "whole"):
                drawn = "pause" if name == "play" and self._playing else name
                control.setIcon(icon(drawn, theme.text))

    def show_span(self, span: tuple[float, float], whole: bool) -> None:
        """Show another stretch of time."""
        self.ruler.show_span(span)
        self.whole.setVisible(not whole)

    def show_events(self, events: tuple[Moment, ...]) -> None:
        """Mark events, and offer to jump between them where there are any."""
        self._events = events
        self.ruler.show_events(events)
        for control in (self.before, self.after):
            control.setEnabled(bool(events))

    def show_head(self, head: Playhead) -> None:
        """Show another state."""
        self.ruler.show_head(head)
        self.time.setText(f"{head.seconds:.3f} s    {head.instant + 1} / {head.count}")
        here = [e.words for e in self._events if head.nearest(e.t_s) == head.instant]
        self.event_words.setText(", ".join(here))
        self.loop.setChecked(head.loop)
        if self.speeds.currentIndex() != SPEEDS.index(head.speed):
            self.speeds.setCurrentIndex(SPEEDS.index(head.speed))
        if head.playing != self._playing:
            self._playing = head.playing
            self.play.setIcon(icon("pause" if head.playing else "play", self._theme.text))
