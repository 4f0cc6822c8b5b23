"""Normalised cycles: mean and band of both sides, and of another run beside them."""

from __future__ import annotations

import math

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, QTimer
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from mocap.gui.presenters.analyse.cycles import Band, CycleKind, CyclePlot
from mocap.gui.views.parts import label, named
from mocap.gui.views.theme import Theme

SIDE_WORDS = ("Left", "Right", "No side")
# A plot narrower or lower than this cannot be read.
LEAST_WIDTH_PX, LEAST_HEIGHT_PX = 210, 150
MOST_COLUMNS = 3
BAND_ALPHA, OTHER_ALPHA = 60, 28
SHARES = np.linspace(0.0, 100.0, 101)
# Degrees that a plot shows at least: noise is not to look like motion.
LEAST_SPAN_DEG = 10.0
SAMPLE_PX = (26, 14)


class CycleView(QWidget):
    """One angle over the cycle."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._plot: CyclePlot | None = None
        self._axis, self._large = "", False
        self._title, self._counts = label("", "number"), label("", "faint")
        self._counts.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._counts.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.graph = pg.PlotWidget()
        self.graph.setMenuEnabled(False)
        self.graph.hideButtons()
        self.graph.setMouseEnabled(x=False, y=False)
        self.graph.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.graph.wheelEvent = lambda event: event.ignore()  # the page scrolls, the plot does not zoom
        head = QHBoxLayout()
        head.addWidget(self._title)
        head.addWidget(self._counts, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 8, 4)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(self.graph, 1)

    def show_plot(self, plot: CyclePlot, kind: CycleKind, large: bool) -> None:
        """Show another angle; a large one has words at its axes."""
        self._plot, self._axis, self._large = plot, kind.axis, large
        self._draw()

    def set_theme(self, theme: Theme) -> None:
        """Take on other colours when it is drawn next."""
        self._theme = theme

    def _draw(self) -> None:
        graph, theme, plot = self.graph, self._theme, self._plot
        graph.clear()
        graph.setBackground(theme.panel)
        if plot is None:
            return
        self._title.setText(f"{plot.title}, °" if not self._large else plot.title)
        told = [f"{_who(band)}: {band.n}" for band in plot.bands]
        self._counts.setText("cycles  " + "   ".join(told) if self._large else "")
        named(graph, f"{plot.title} over the cycle; " + ", ".join(f"{words} cycles" for words in told))
        for place in ("left", "bottom"):
            axis = graph.getAxis(place)
            axis.setPen(theme.line)
            axis.setTextPen(theme.faint)
        graph.getAxis("left").setWidth(56 if self._large else 34)
        graph.setLabel("left", f"{plot.title}, °" if self._large else None, color=theme.faint)
        graph.setLabel("bottom", self._axis if self._large else None, color=theme.faint)
        graph.getAxis("left").showLabel(self._large)
        graph.getAxis("bottom").showLabel(self._large)
        shares = range(0, 101, 20 if self._large else 50)
        graph.getAxis("bottom").setTicks([[(share, str(share)) for share in shares]])
        graph.showGrid(x=True, y=True, alpha=0.12)
        for band in plot.bands:
            self._draw_band(band)
        self._set_range(plot)

    def _draw_band(self, band: Band) -> None:
        colour = self._theme.sides[band.side]
        if np.isfinite(band.sd).all():
            edges = [pg.PlotCurveItem(SHARES, band.mean + sign * band.sd) for sign in (-1.0, 1.0)]
            alpha = OTHER_ALPHA if band.other else BAND_ALPHA
            self.graph.addItem(pg.FillBetweenItem(*edges, brush=(*colour, alpha)))
        style = Qt.PenStyle.DashLine if band.other else Qt.PenStyle.SolidLine
        pen = pg.mkPen(colour, width=2, style=style)
        self.graph.addItem(pg.PlotDataItem(SHARES, band.mean, pen=pen, antialias=True))

    def _set_range(self, plot: CyclePlot) -> None:
        low = min(float(np.min(band.mean - np.nan_to_num(band.sd))) for band in plot.bands)
        high = max(float(np.max(band.mean + np.nan_to_num(band.sd))) for band in plot.bands)
        lack = max(0.0, LEAST_SPAN_DEG - (high - low)) / 2.0
        # Beyond the ends there is room for their numbers.
        self.graph.setXRange(*((-2.0, 102.0) if self._large else (-6.0, 107.0)), padding=0.0)
        self.graph.setYRange(low - lack, high + lack, padding=0.06)


def _who(band: Band) -> str:
    words = SIDE_WORDS[band.side]
    return f"other {words.lower()}" if band.other else words.lower()


class Sample(QWidget):
    """A piece of line as in the plots."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(*SAMPLE_PX)
        self.colour, self.dashed = (0, 0, 0), False

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the line."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        style = Qt.PenStyle.DashLine if self.dashed else Qt.PenStyle.SolidLine
        painter.setPen(QPen(QColor(*self.colour), 2.2, style))
        y = self.height() / 2
        painter.drawLine(QPointF(1, y), QPointF(self.width() - 1, y))
        painter.end()


class Legend(QWidget):
    """Which line is whose; only what is drawn."""

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 2, 10, 4)
        row.setSpacing(6)
        self._entries = []
        for other in (False, True):
            for side in range(3):
                sample, words = Sample(), label(SIDE_WORDS[side] if not other else "", "faint")
                if other:
                    words.setText(f"Other run, {SIDE_WORDS[side].lower()}")
                row.addWidget(sample)
                row.addWidget(words)
                self._entries.append((side, other, sample, words))
        # A pane may be narrower than all entries together, of which two or three are shown.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        row.addStretch(1)
        self._band = label("Band: ± 1 SD", "faint")
        row.addWidget(self._band)

    def show_plots(self, plots: tuple[CyclePlot, ...], theme: Theme) -> None:
        """Show the entries of what is drawn."""
        drawn = {(band.side, band.other) for plot in plots for band in plot.bands}
        for side, other, sample, words in self._entries:
            sample.colour, sample.dashed = theme.sides[side], other
            sample.setVisible((side, other) in drawn)
            words.setVisible((side, other) in drawn)
            sample.update()
        self._band.setVisible(any(np.isfinite(b.sd).all() for plot in plots for b in plot.bands))


class CycleGrid(QWidget):
    """All chosen angles, and the legend below; ``picture`` is what is saved."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme, self._plots, self._columns = theme, (), 0  # type: tuple[Theme, tuple[CyclePlot, ...], int]
        self._kind: CycleKind | None = None
        self.views: list[CycleView] = []
        self._next = 0
        self._turns = QTimer(self, interval=0)
        self._turns.timeout.connect(self._draw_next)
        inner = QWidget()
        inner.setObjectName("panel")
        self._grid = QGridLayout(inner)
        self._grid.setContentsMargins(6, 6, 6, 6)
        self._grid.setSpacing(6)
        self._area = QScrollArea(widgetResizable=True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        named(self._area, "Plots of the cycles")
        self._area.setWidget(inner)
        self.picture = inner
        self.legend = Legend()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._area, 1)
        layout.addWidget(self.legend)

    def show_plots(self, plots: tuple[CyclePlot, ...], kind: CycleKind | None) -> None:
        """Show other angles."""
        if plots == self._plots and kind == self._kind:
            return
        self._plots, self._kind, self._columns = plots, kind, 0
        for view in self.views[len(plots) :]:
            view.hide()
        self.legend.setVisible(bool(plots))
        self.legend.show_plots(plots, self._theme)
        self._arrange()
        self._next = 0
        self._turns.start()

    def _draw_next(self) -> None:
        """Draw one plot a turn: all at once would hold the window for a fifth of a second."""
        number = self._next
        if self._kind is None or number >= len(self._plots):
            self._turns.stop()
            return
        if number == len(self.views):
            self.views.append(CycleView(self._theme))
            self.views[number].setMinimumHeight(LEAST_HEIGHT_PX)
            self._grid.addWidget(self.views[number], number // self._columns, number % self._columns)
        else:
            view = self.views[number]
            view.show_plot(self._plots[number], self._kind, len(self._plots) == 1)
            view.show()
            self._next += 1

    def _arrange(self) -> None:
        count = max(1, len(self._plots))
        columns = min(count, MOST_COLUMNS, max(1, self.width() // LEAST_WIDTH_PX))
        # Two of four side by side look better than three and one.
        columns = min(columns, math.ceil(count / math.ceil(count / columns)))
        if columns == self._columns:
            return
        self._columns = columns
        while self._grid.takeAt(0) is not None:
            pass
        for number in range(min(len(self._plots), len(self.views))):
            self._grid.addWidget(self.views[number], number // columns, number % columns)
        for column in range(MOST_COLUMNS):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)

    @property
    def drawing(self) -> bool:
        """Whether plots are still to be drawn."""
        return self._turns.isActive()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """As many columns as can be read."""
        super().resizeEvent(event)
        self._arrange()

    def set_theme(self, theme: Theme) -> None:
        """Recolour."""
        self._theme = theme
        for view in self.views:
            view.set_theme(theme)
        self.legend.show_plots(self._plots, theme)
        self._next = 0
        self._turns.start()
