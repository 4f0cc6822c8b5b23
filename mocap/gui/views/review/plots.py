"""Joint angles over time with their uncertainty, events, and a cursor that is the playhead."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from mocap.core.types import FloatArray
from mocap.gui.presenters.review.ghost import Ghost
from mocap.gui.presenters.review.review import AngleSeries, Moment, Review
from mocap.gui.views.parts import Choice, label, named
from mocap.gui.views.review.timeline import ZOOM_STEP
from mocap.gui.views.theme import Theme, rgb

# Plots side by side: legs first, as most questions are about them.
SHOWN = 3
FIRST_CHOICES = ("Hip flexion", "Knee flexion", "Ankle dorsiflexion", "Elbow flexion", "Shoulder elevation")
# More points in a band than a plot has columns only cost time.
BAND_POINTS = 600
# Points of a curve for each column.
POINTS_PER_PX = 1.0
# With more instants than this in view curves are thin and not smoothed: Qt takes a tenth of a second for each
# thick one that goes up and down in every column, and nobody sees the difference there.
DENSE = 3000
SIDE_WORDS = ("L", "R", "")
AXIS_PX = 34
NOTHING = np.zeros(0)


def thinned(t: FloatArray, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """A band (T,) with fewer points that still covers all of it: least and greatest of each stretch."""
    stretch = -(-len(t) // BAND_POINTS)
    if stretch <= 1:
        return t, low, high
    whole = t.shape[0] // stretch * stretch
    parts = [part[:whole].reshape(-1, stretch) for part in (t, low, high)]
    return parts[0][:, 0], np.fmin.reduce(parts[1], axis=1), np.fmax.reduce(parts[2], axis=1)


def _curve() -> pg.PlotDataItem:
    curve = pg.PlotDataItem(connect="finite", antialias=True, autoDownsampleFactor=POINTS_PER_PX)
    curve.setDownsampling(auto=True, method="peak")
    curve.setClipToView(True)
    return curve


class Cursor(QWidget):
    """A line over a plot: to move it, the plot below need not be drawn again."""

    def __init__(self, parent: QWidget, colour: str) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.colour = colour
        self.setFixedWidth(2)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self.colour))
        painter.end()


class AnglePlot(QWidget):
    """One angle, both sides."""

    seek = Signal(float)  # seconds
    zoom = Signal(float, float)  # factor, around which second

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme, self._series, self._t = theme, None, np.zeros(1)  # type: tuple[Theme, AngleSeries | None, FloatArray]
        self._ghost: AngleSeries | None = None
        self._events: tuple[Moment, ...] = ()
        self.span = (0.0, 1.0)
        self.instant = 0
        self.choice = Choice()
        named(self.choice, "Joint angle")
        self.reading = label("", "faint")
        named(self.reading, "Angle at the cursor")
        self.plot = pg.PlotWidget()
        self.plot.setAccessibleName("Angle over time")
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.viewport().installEventFilter(self)
        self.plot.getAxis("left").setWidth(AXIS_PX)
        self.plot.showGrid(x=True, y=True, alpha=0.12)
        self._make_items()
        self.plot.plotItem.vb.sigResized.connect(lambda *_: self._place_cursor())
        self.cursor_line = Cursor(self.plot, theme.text)
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.choice.setMinimumContentsLength(8)
        self.reading.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.reading.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        head = QVBoxLayout()  # one below the other: side by side the values are cut off on a small screen
        head.setSpacing(3)
        head.addWidget(self.choice)
        head.addWidget(self.reading)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 4)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(self.plot, 1)

    def show_series(
        self, t_s: FloatArray, series: AngleSeries, events: tuple[Moment, ...], ghost: AngleSeries | None
    ) -> None:
        """Show another angle over seconds (T,) with events; a ghost's curves lie behind it."""
        self._t, self._series, self._events, self._ghost = t_s, series, events, ghost
        self.plot.setAccessibleName(f"{series.title} over time")
        self._draw()

    def show_span(self, span: tuple[float, float]) -> None:
        """Show the time between two seconds."""
        self.span = span
        self._set_pens()
        self.plot.setXRange(*span, padding=0.0)
        self._place_cursor()

    def _set_pens(self) -> None:
        dense = int(((self._t >= self.span[0]) & (self._t <= self.span[1])).sum()) > DENSE
        for side, colour in enumerate(self._theme.sides):
            curve = self._curves[side]
            curve.opts["antialias"] = not dense
            curve.setPen(pg.mkPen(colour, width=1 if dense else 2))
            self._behind[side].setVisible(not dense)

    def set_theme(self, theme: Theme) -> None:
        """Recolour."""
        self._theme = theme
        self.cursor_line.colour = theme.text
        self._draw()

    def _make_items(self) -> None:
        """Curves of three sides, each with its band and that of the other run: made once, given other data."""
        self._bands, self._curves, self._behind = [], [], []
        for _ in SIDE_WORDS:
            edges = tuple(pg.PlotCurveItem(connect="finite") for _ in range(2))
            self._bands.append((edges, pg.FillBetweenItem(*edges)))
            self._behind.append(_curve())
            self._curves.append(_curve())
        for item in (*(fill for _, fill in self._bands), *self._behind, *self._curves):
            self.plot.addItem(item)
        self._lines: list[pg.InfiniteLine] = []

    def _draw(self) -> None:
        theme, plot = self._theme, self.plot
        plot.setBackground(theme.panel)
        for name in ("left", "bottom"):
            axis = plot.getAxis(name)
            axis.setPen(theme.line)
            axis.setTextPen(theme.faint)
        if self._series is None:
            return
        for line in self._lines:
            plot.removeItem(line)
        self._lines = []
        for moment in self._events:
            pen = pg.mkPen((*theme.sides[moment.side], 150), width=1, style=Qt.PenStyle.DashLine)
            self._lines.append(pg.InfiniteLine(moment.t_s, angle=90, pen=pen))
            plot.addItem(self._lines[-1], ignoreBounds=True)
        self._draw_own()
        others = {side: value for side, value, _ in self._ghost.curves} if self._ghost is not None else {}
        for side, colour in enumerate(theme.sides):
            behind = others.get(side, NOTHING)
            mixed = tuple((a + b) // 2 for a, b in zip(colour, rgb(theme.faint), strict=True))
            pen = pg.mkPen((*mixed, 210), width=1.6, style=Qt.PenStyle.DotLine)
            self._behind[side].setData(self._t if len(behind) else NOTHING, behind, pen=pen)
        plot.setXRange(*self.span, padding=0.0)
        self._place_cursor()

    def renew(self, series: AngleSeries) -> None:
        """Draw other values of the same angle, as while something is corrected."""
        self._series = series
        self._draw_own()
        self.show_instant(self.instant)

    def _draw_own(self) -> None:
        """Give the curves of this run and their bands their values."""
        assert self._series is not None
        mine = {side: (value, sigma) for side, value, sigma in self._series.curves}
        for side, colour in enumerate(self._theme.sides):
            value, sigma = mine.get(side, (NOTHING, NOTHING))
            t = self._t if len(value) else NOTHING
            thin, low, high = thinned(t, value - sigma, value + sigma)
            for edge, values in zip(self._bands[side][0], (low, high), strict=True):
                edge.setData(thin, values)
            self._bands[side][1].setBrush(pg.mkBrush(*colour, 55))
            self._curves[side].setData(t, value)

    def show_instant(self, instant: int) -> None:
        """Move the cursor and say the values there."""
        self.instant = instant
        self._place_cursor()
        if self._series is None:
            return
        words = []
        for side, value, sigma in self._series.curves:
            shown = f"{value[instant]:.0f} ± {sigma[instant]:.0f}°" if np.isfinite(value[instant]) else "–"
            words.append(f"{SIDE_WORDS[side]} {shown}".strip())
        self.reading.setText("   ".join(words))

    def cursor_s(self) -> float:
        """Second that the cursor stands at."""
        return float(self._t[min(self.instant, len(self._t) - 1)])

    def _place_cursor(self) -> None:
        box = self.plot.plotItem.vb
        place = self.plot.mapFromScene(box.mapViewToScene(pg.Point(self.cursor_s(), 0.0)))
        inside = self.plot.mapFromScene(box.sceneBoundingRect()).boundingRect()
        self.cursor_line.setVisible(inside.left() - 1 <= place.x() <= inside.right() + 1)
        self.cursor_line.setGeometry(place.x() - 1, inside.top(), 2, inside.height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Scrub in the plot; the wheel shows less or more time, here as on the timeline."""
        moved = event.type() in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseMove)
        if moved and isinstance(event, QMouseEvent) and event.buttons() & Qt.MouseButton.LeftButton:
            self.seek.emit(self._second(event.position().toPoint()))
            return True
        if isinstance(event, QWheelEvent):
            around = self._second(event.position().toPoint())
            self.zoom.emit(ZOOM_STEP ** (event.angleDelta().y() / 120), around)
            return True
        return False

    def _second(self, place: object) -> float:
        return float(self.plot.plotItem.vb.mapSceneToView(self.plot.mapToScene(place)).x())


class AnglePlots(QWidget):
    """Some angles side by side, each to be chosen."""

    seek = Signal(float)  # seconds
    zoom = Signal(float, float)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._t: FloatArray = np.zeros(1)
        self._series: tuple[AngleSeries, ...] = ()
        self._events: tuple[Moment, ...] = ()
        self._ghost: Ghost | None = None
        self.plots = tuple(AnglePlot(theme) for _ in range(SHOWN))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 4)
        layout.setSpacing(4)
        for number, plot in enumerate(self.plots):
            layout.addWidget(plot, 1)
            plot.seek.connect(self.seek)
            plot.zoom.connect(self.zoom)
            plot.choice.activated.connect(lambda _, n=number: self._show(n))

    def rest(self) -> None:
        """Paint nothing until something is shown."""
        for plot in self.plots:
            plot.setUpdatesEnabled(False)

    def show_review(self, review: Review, person: int, span: tuple[float, float]) -> None:
        """Show another run or person; angles that were chosen stay chosen."""
        for _ in self.show_one_by_one(review, person, span):
            pass

    def show_one_by_one(self, review: Review, person: int, span: tuple[float, float]) -> Iterator[None]:
        """The same, a plot at each step: to draw all at once would hold the window."""
        chosen = [plot.choice.currentText() for plot in self.plots]
        self._t, self._series = review.t_s, review.angles(person)
        titles = [series.title for series in self._series]
        wished = [titles.index(name) for name in (*filter(None, chosen), *FIRST_CHOICES) if name in titles]
        order = [*dict.fromkeys(wished), *(n for n in range(len(titles)) if n not in wished)]
        self._events = review.events(person)
        for number, (plot, index) in enumerate(zip(self.plots, order, strict=False)):
            plot.choice.clear()
            plot.choice.addItems(titles)
            plot.choice.setCurrentIndex(index)
            self._show(number)
            yield
            plot.show_span(span)
            plot.setUpdatesEnabled(True)
            yield

    def renew(self, review: Review, person: int) -> None:
        """Draw other values of the same angles of the same person."""
        self._series = review.angles(person)
        for plot in self.plots:
            if 0 <= plot.choice.currentIndex() < len(self._series):
                plot.renew(self._series[plot.choice.currentIndex()])

    def show_ghost(self, ghost: Ghost | None) -> None:
        """Lay another run's curves behind."""
        self._ghost = ghost
        for number in range(len(self.plots)):
            self._show(number)

    def _show(self, number: int) -> None:
        plot = self.plots[number]
        if not 0 <= plot.choice.currentIndex() < len(self._series):
            return
        series = self._series[plot.choice.currentIndex()]
        behind = self._ghost.series if self._ghost is not None else ()
        ghost = next((one for one in behind if one.title == series.title), None)
        plot.show_series(self._t, series, self._events, ghost)
        plot.show_instant(min(plot.instant, len(self._t) - 1))

    def show_span(self, span: tuple[float, float]) -> None:
        """Show the time between two seconds."""
        for plot in self.plots:
            plot.show_span(span)

    def show_instant(self, instant: int) -> None:
        """Move the cursors."""
        if self._series:
            for plot in self.plots:
                plot.show_instant(instant)

    def set_theme(self, theme: Theme) -> None:
        """Recolour."""
        for plot in self.plots:
            plot.set_theme(theme)
