"""A tile for each camera: its picture, where the board has been in it, and the board as it is found."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from mocap.core.types import FloatArray, IntArray
from mocap.gui.presenters.calibrate.look import CameraLook, Search
from mocap.gui.presenters.calibrate.result import CameraFigures
from mocap.gui.presenters.words import number
from mocap.gui.views.boardmarks import draw_corners, draw_coverage, in_frame
from mocap.gui.views.parts import clear_layout
from mocap.gui.views.theme import Theme

CAPTION_PX = 30
GAP_PX = 10
RADIUS_PX = 8
# Mean residuals are drawn this many times too long, so that a tenth of a pixel shows.
ARROW_TIMES = 200.0
EMPTY = np.zeros((0, 0), dtype=np.int64)


class CameraTile(QWidget):
    """One camera; while the search goes on a picture, afterwards a map."""

    clicked = Signal(str)

    def __init__(self, camera: str, theme: Theme) -> None:
        super().__init__()
        self.camera = camera
        self.setAccessibleName(camera)
        self.setMinimumSize(160, 120)
        self._theme = theme
        self._size_wh = (16, 9)
        self._picture: QImage | None = None
        self._data = b""
        self._corners: FloatArray = np.zeros((0, 2))
        self._coverage: IntArray = EMPTY
        self._arrows: FloatArray = np.zeros((0, 5))
        self._words = ("Waits for its turn", "")
        self.chosen = False

    @property
    def coverage(self) -> IntArray:
        """Corners in each cell, as they are drawn."""
        return self._coverage

    def show_look(self, look: CameraLook) -> None:
        """Show the camera in the middle of the search."""
        if look.picture and look.picture is not self._data:
            self._data = look.picture
            self._picture = QImage.fromData(look.picture)
        self._size_wh, self._coverage = look.size_wh, look.coverage
        self._corners, self._arrows = look.corners.astype(np.float64), np.zeros((0, 5))
        self._say(f"{look.seen} of {look.looked} pictures", f"{100 * look.covered:.0f} % covered")

    def show_map(self, figures: CameraFigures) -> None:
        """Show where the board was and what the model leaves over."""
        self._picture, self._size_wh, self._coverage = None, figures.size_wh, figures.coverage
        self._corners, self._arrows = np.zeros((0, 2)), figures.arrows
        error = number(figures.rmse_px, "px", 2)
        self._say(f"{error}, {figures.pictures} pictures", f"{100 * figures.coverage_share:.0f} % covered")

    def _say(self, left: str, right: str) -> None:
        self._words = (left, right)
        self.setAccessibleDescription(f"{left}, {right}")
        self.update()

    def set_theme(self, theme: Theme) -> None:
        """Take on other colours."""
        self._theme = theme
        self.update()

    def frame(self) -> QRectF:
        """Where the camera's picture lies in the tile."""
        width, height = self.width(), max(1, self.height() - CAPTION_PX)
        scale = min(width / self._size_wh[0], height / self._size_wh[1])
        w, h = scale * self._size_wh[0], scale * self._size_wh[1]
        return QRectF((width - w) / 2, CAPTION_PX + (height - h) / 2, w, h)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the tile."""
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setPen(QPen(QColor(theme.accent if self.chosen else theme.line), 2 if self.chosen else 1))
        painter.setBrush(QColor(theme.panel))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), RADIUS_PX, RADIUS_PX)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        frame = self.frame().adjusted(4, 0, -4, -4)
        if self._picture is not None:
            painter.drawImage(frame, self._picture)
        else:
            painter.fillRect(frame, QColor(theme.raised))
        draw_coverage(painter, frame, self._coverage, theme)
        self._draw_arrows(painter, frame)
        draw_corners(painter, in_frame(self._corners, self._size_wh, frame), theme)
        self._draw_caption(painter)
        painter.end()

    def _draw_caption(self, painter: QPainter) -> None:
        theme = self._theme
        line = QRectF(12, 1, self.width() - 24, CAPTION_PX)
        left = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        right = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)
        bold = painter.font()
        bold.setBold(True)
        plain = painter.font()
        painter.setFont(bold)
        painter.setPen(QColor(theme.text))
        painter.drawText(line, left, self.camera)
        used = painter.fontMetrics().horizontalAdvance(self.camera) + 12
        painter.setFont(plain)
        painter.setPen(QColor(theme.faint))
        words = "  ·  ".join(filter(None, self._words))
        if painter.fontMetrics().horizontalAdvance(words) > line.width() - used:
            words = self._words[1] or self._words[0]
        painter.drawText(line, right, words)

    def _draw_arrows(self, painter: QPainter, frame: QRectF) -> None:
        if not len(self._arrows):
            return
        scale = frame.width() / self._size_wh[0]
        starts = in_frame(self._arrows[:, :2], self._size_wh, frame)
        # As long as they are in this tile, so that the picture's size does not matter.
        ends = starts + ARROW_TIMES * scale * self._arrows[:, 2:4]
        painter.setPen(QPen(QColor(*self._theme.sides[1]), 1.8))
        for (x, y), (u, v) in zip(starts.tolist(), ends.tolist(), strict=True):
            painter.drawLine(QPointF(x, y), QPointF(u, v))
            painter.drawEllipse(QPointF(x, y), 1.5, 1.5)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose this camera."""
        self.clicked.emit(self.camera)


class TileGrid(QWidget):
    """All cameras, as large as they fit."""

    chosen = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName("Cameras")
        self._theme = theme
        self.tiles: dict[str, CameraTile] = {}
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(GAP_PX)
        self._columns = 0

    def show_cameras(self, cameras: tuple[str, ...]) -> None:
        """Have a tile for each of these cameras."""
        if tuple(self.tiles) == cameras:
            return
        clear_layout(self._layout)
        self.tiles = {}
        for camera in cameras:
            self.tiles[camera] = CameraTile(camera, self._theme)
            self.tiles[camera].clicked.connect(self.chosen)
        self._columns = 0
        self._arrange()

    def show_search(self, search: Search) -> None:
        """Show how far the search is."""
        self.show_cameras(search.cameras)
        for camera, look in search.looks.items():
            self.tiles[camera].show_look(look)

    def show_maps(self, cameras: tuple[CameraFigures, ...], chosen: str) -> None:
        """Show maps of the result."""
        self.show_cameras(tuple(figures.name for figures in cameras))
        for figures in cameras:
            tile = self.tiles[figures.name]
            tile.chosen = figures.name == chosen
            tile.show_map(figures)

    def set_theme(self, theme: Theme) -> None:
        """Take on other colours."""
        self._theme = theme
        for tile in self.tiles.values():
            tile.set_theme(theme)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Arrange anew for another shape."""
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        columns = columns_for(len(self.tiles), self.width(), self.height())
        if columns == self._columns or not self.tiles:
            return
        for index in range(max(len(self.tiles), self._columns)):
            self._layout.setColumnStretch(index, int(index < columns))
            self._layout.setRowStretch(index, int(index < -(-len(self.tiles) // columns)))
        self._columns = columns
        for index, tile in enumerate(self.tiles.values()):
            self._layout.addWidget(tile, index // columns, index % columns)


def columns_for(count: int, width: int, height: int, aspect: float = 16 / 9) -> int:
    """Columns with which ``count`` pictures become largest."""
    if count == 0:
        return 1

    def size(columns: int) -> float:
        rows = -(-count // columns)
        return min(width / columns / aspect, max(1.0, height / rows - CAPTION_PX))

    return max(range(1, count + 1), key=lambda columns: (size(columns), -columns))
