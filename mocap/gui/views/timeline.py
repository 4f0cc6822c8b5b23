"""The timeline that drives everything: scrub, play, step, range, speed."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from mocap.gui.presenters.playhead import SPEEDS, Playhead
from mocap.gui.views.icons import icon
from mocap.gui.views.parts import Choice, label, named, tool
from mocap.gui.views.theme import Theme

MARGIN_PX = 14
HEIGHT_PX = 46
# Times on the ruler are this far apart at least.
TICK_PX = 80
TICKS_S = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600)


class Ruler(QWidget):
    """The line of time: drag to scrub."""

    seek = Signal(float)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName("Timeline")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFixedHeight(HEIGHT_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._theme, self._head = theme, Playhead(1, 1.0)
        self._events: tuple[tuple[float, str], ...] = ()
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

    def show_events(self, events: tuple[tuple[float, str], ...]) -> None:
        """Mark events: seconds from the first instant, and words."""
        self._events = events
        self.setToolTip("\n".join(f"{t:.2f} s  {words}" for t, words in events[:20]))
        self.update()

    def set_theme(self, theme: Theme) -> None:
        """Recolour."""
        self._theme = theme
        self.update()

    def _x(self, instant: float) -> float:
        return MARGIN_PX + (self.width() - 2 * MARGIN_PX) * instant / max(1, self._head.count - 1)

    def _instant(self, x: float) -> float:
        return (x - MARGIN_PX) / max(1, self.width() - 2 * MARGIN_PX) * (self._head.count - 1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go there."""
        self.seek.emit(round(self._instant(event.position().x())))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Scrub."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.seek.emit(round(self._instant(event.position().x())))

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
        bar = QRectF(MARGIN_PX, 24, self.width() - 2 * MARGIN_PX, 8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.raised))
        painter.drawRoundedRect(bar, 4, 4)
        if head.a is not None or head.b is not None:
            accent = QColor(theme.accent)
            accent.setAlpha(90)
            painter.setBrush(accent)
            painter.drawRect(QRectF(QPointF(self._x(head.first), 24), QPointF(self._x(head.last), 32)))
        self._draw_ready(painter)
        self._draw_ticks(painter)
        painter.setBrush(QColor(theme.care))
        painter.setPen(Qt.PenStyle.NoPen)
        for t, _ in self._events:
            x = self._x(t * head.rate_hz)
            painter.drawPolygon(QPolygonF([QPointF(x, 34), QPointF(x - 4, 41), QPointF(x + 4, 41)]))
        x = self._x(head.instant)
        painter.setBrush(QColor(theme.accent))
        painter.drawRoundedRect(QRectF(x - 1.5, 16, 3, 24), 1.5, 1.5)
        painter.drawEllipse(QPointF(x, 28), 7, 7)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(theme.accent), 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)
        painter.end()

    def _draw_ready(self, painter: QPainter) -> None:
        """A thin line where pictures are decoded."""
        painter.setPen(QPen(QColor(self._theme.faint), 2))
        for first, last in self._ready:
            painter.drawLine(QPointF(self._x(first), 35), QPointF(self._x(last), 35))

    def _draw_ticks(self, painter: QPainter) -> None:
        head = self._head
        total = (head.count - 1) / head.rate_hz
        if total <= 0:
            return
        fits = max(1.0, (self.width() - 2 * MARGIN_PX) / TICK_PX)
        step = next((s for s in TICKS_S if total / s <= fits), TICKS_S[-1])
        font = QFont(self.font())
        font.setPixelSize(10)
        painter.setFont(font)
        painter.setPen(QColor(self._theme.faint))
        for number in range(int(total / step) + 1):
            x = self._x(number * step * head.rate_hz)
            painter.drawLine(QPointF(x, 17), QPointF(x, 21))
            words = f"{number * step:g} s"
            left = min(max(x - 20, 0), self.width() - 40)
            painter.drawText(QRectF(left, 1, 40, 14), Qt.AlignmentFlag.AlignCenter, words)


class Timeline(QWidget):
    """Ruler and controls."""

    act = Signal(str)  # play, back, forward, a, b, clear, loop
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
        self.loop = tool("Loop", "Play over and over (L)", checkable=True)
        self.a, self.b = (
            tool("Begin range here", "Range begins here (A)"),
            tool("End range here", "Range ends (B)"),
        )
        self.clear = tool("Clear range", "Play everything (Esc)")
        self.a.setText("A")
        self.b.setText("B")
        for name, control in self._controls().items():
            control.clicked.connect(lambda _=False, what=name: self.act.emit(what))
        self.speeds = Choice()
        named(self.speeds, "Speed", "Speed of playing (+ and -)")
        self.speeds.addItems([f"{s:g}×" for s in SPEEDS])
        self.speeds.activated.connect(lambda index: self.speed.emit(SPEEDS[index]))
        self.time = label("", "number")
        self.time.setMinimumWidth(190)
        line = QHBoxLayout()
        line.setContentsMargins(MARGIN_PX, 0, MARGIN_PX, 0)
        line.addWidget(self.time)
        line.addStretch(1)
        for part in (self.back, self.play, self.forward):
            line.addWidget(part)
        line.addSpacing(10)
        line.addWidget(self.speeds)
        line.addStretch(1)
        for part in (self.a, self.b, self.clear, self.loop):
            line.addWidget(part)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 8)
        layout.setSpacing(2)
        layout.addWidget(self.ruler)
        layout.addLayout(line)
        self.set_theme(theme)

    def _controls(self) -> dict[str, QWidget]:
        return {
            "back": self.back, "play": self.play, "forward": self.forward, "loop": self.loop, "a": self.a,
            "b": self.b, "clear": self.clear,
        }  # fmt: skip

    def set_theme(self, theme: Theme) -> None:
        """Redraw the icons."""
        self._theme = theme
        self.ruler.set_theme(theme)
        for name, control in self._controls().items():
            if name not in ("a", "b"):
                drawn = "pause" if name == "play" and self._playing else name
                control.setIcon(icon(drawn, theme.text))

    def show_head(self, head: Playhead) -> None:
        """Show another state."""
        self.ruler.show_head(head)
        self.time.setText(f"{head.instant / head.rate_hz:.3f} s    {head.instant + 1} / {head.count}")
        self.loop.setChecked(head.loop)
        if self.speeds.currentIndex() != SPEEDS.index(head.speed):
            self.speeds.setCurrentIndex(SPEEDS.index(head.speed))
        if head.playing != self._playing:
            self._playing = head.playing
            self.play.setIcon(icon("pause" if head.playing else "play", self._theme.text))
