"""Joint angles over time with their uncertainty, and a cursor that is the playhead."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from mocap.core.types import FloatArray
from mocap.gui.presenters.review import AngleSeries, Review
from mocap.gui.views.parts import Choice, label, named
from mocap.gui.views.theme import Theme

# Plots side by side: legs first, as most questions are about them.
SHOWN = 3
FIRST_CHOICES = ("Hip flexion", "Knee flexion", "Ankle dorsiflexion", "Elbow flexion", "Shoulder elevation")
# More points in a band than a screen has columns only cost time.
BAND_POINTS = 2000
SIDE_WORDS = ("L", "R", "")


def thinned(t: FloatArray, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """A band (T,) with fewer points that still covers all of it: least and greatest of each stretch."""
    stretch = -(-t.shape[0] // BAND_POINTS)
    if stretch <= 1:
        return t, low, high
    whole = t.shape[0] // stretch * stretch
    parts = [part[:whole].reshape(-1, stretch) for part in (t, low, high)]
    return parts[0][:, 0], np.fmin.reduce(parts[1], axis=1), np.fmax.reduce(parts[2], axis=1)


class AnglePlot(QWidget):
    """One angle, both sides."""

    seek = Signal(float)  # seconds

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme, self._series, self._t = theme, None, np.zeros(1)  # type: tuple[Theme, AngleSeries | None, FloatArray]
        self.choice = Choice()
        named(self.choice, "Joint angle")
        self._reading = label("", "faint")
        self.plot = pg.PlotWidget()
        self.plot.setAccessibleName("Angle over time")
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.viewport().installEventFilter(self)
        self.line = pg.InfiniteLine(angle=90)
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.choice.setMinimumContentsLength(8)
        self._reading.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._reading.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        head = QHBoxLayout()
        head.addWidget(self.choice, 4)
        head.addWidget(self._reading, 5)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 4)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(self.plot, 1)

    def show_series(self, t_s: FloatArray, series: AngleSeries) -> None:
        """Show another angle over seconds (T,)."""
        self._t, self._series = t_s, series
        self.plot.setAccessibleName(f"{series.title} over time")
        self._draw()

    def set_theme(self, theme: Theme) -> None:
        """Recolour."""
        self._theme = theme
        self._draw()

    def _draw(self) -> None:
        theme, plot = self._theme, self.plot
        plot.clear()
        plot.setBackground(theme.panel)
        for name in ("left", "bottom"):
            axis = plot.getAxis(name)
            axis.setPen(theme.line)
            axis.setTextPen(theme.faint)
        plot.getAxis("left").setWidth(34)
        plot.showGrid(x=True, y=True, alpha=0.12)
        if self._series is None:
            return
        for side, value, sigma in self._series.curves:
            colour = theme.sides[side]
            t, low, high = thinned(self._t, value - sigma, value + sigma)
            band = tuple(pg.PlotCurveItem(t, edge, connect="finite") for edge in (low, high))
            plot.addItem(pg.FillBetweenItem(*band, brush=(*colour, 55)))
            curve = pg.PlotDataItem(
                self._t, value, pen=pg.mkPen(colour, width=2), connect="finite", antialias=True
            )
            curve.setDownsampling(auto=True, method="peak")
            plot.addItem(curve)
        self.line = pg.InfiniteLine(self._t[0], angle=90, pen=pg.mkPen(theme.text, width=1.2))
        plot.addItem(self.line)
        plot.setXRange(self._t[0], self._t[-1], padding=0.01)

    def show_instant(self, instant: int) -> None:
        """Move the cursor."""
        self.line.setValue(self._t[instant])
        if self._series is None:
            return
        words = []
        for side, value, sigma in self._series.curves:
            shown = f"{value[instant]:.0f} ± {sigma[instant]:.0f}°" if np.isfinite(value[instant]) else "–"
            words.append(f"{SIDE_WORDS[side]} {shown}".strip())
        self._reading.setText("   ".join(words))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Scrub in the plot."""
        moved = event.type() in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseMove)
        if moved and isinstance(event, QMouseEvent) and event.buttons() & Qt.MouseButton.LeftButton:
            place = self.plot.plotItem.vb.mapSceneToView(self.plot.mapToScene(event.position().toPoint()))
            self.seek.emit(place.x())
            return True
        return False


class AnglePlots(QWidget):
    """Some angles side by side, each to be chosen."""

    seek = Signal(float)  # seconds

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._review: Review | None = None
        self._series: tuple[AngleSeries, ...] = ()
        self.plots = tuple(AnglePlot(theme) for _ in range(SHOWN))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 4)
        layout.setSpacing(4)
        for number, plot in enumerate(self.plots):
            layout.addWidget(plot, 1)
            plot.seek.connect(self.seek)
            plot.choice.activated.connect(lambda index, n=number: self._choose(n, index))

    def show_review(self, review: Review, person: int = 0) -> None:
        """Show another run or person."""
        self._review, self._series = review, review.angles(person)
        titles = [series.title for series in self._series]
        wished = [titles.index(name) for name in FIRST_CHOICES if name in titles]
        order = [*wished, *(n for n in range(len(titles)) if n not in wished)]
        for plot, index in zip(self.plots, order, strict=False):
            plot.choice.clear()
            plot.choice.addItems(titles)
            plot.choice.setCurrentIndex(index)
            plot.show_series(review.take.t_s - review.take.t_s[0], self._series[index])

    def _choose(self, number: int, index: int) -> None:
        if self._review is not None:
            times = self._review.take.t_s - self._review.take.t_s[0]
            self.plots[number].show_series(times, self._series[index])

    def show_instant(self, instant: int) -> None:
        """Move the cursors."""
        if self._series:
            for plot in self.plots:
                plot.show_instant(instant)

    def set_theme(self, theme: Theme) -> None:
        """Recolour."""
        for plot in self.plots:
            plot.set_theme(theme)
