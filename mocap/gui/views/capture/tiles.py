"""What the cameras see now, side by side, each with how it is doing in a sign, a colour and words."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFocusEvent,
    QFont,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QWidget

from mocap.core.types import ImageArray
from mocap.gui.presenters.calibrate.look import CameraLook
from mocap.gui.presenters.capture.cameras import Health, figures
from mocap.gui.presenters.capture.capturing import Capturing
from mocap.gui.views.boardmarks import draw_corners, draw_coverage, in_frame
from mocap.gui.views.painting import best_columns, picture
from mocap.gui.views.parts import named
from mocap.gui.views.theme import DARK, Theme

GAP_PX, BAR_PX, CHIP_PX = 8, 26, 22
SEPARATOR = "  ·  "
# Before a camera's first picture it is taken to be of this shape.
USUAL_SHAPE = 16 / 9
GROUND, VEIL, INK, DIM_INK = "#0b0d10", QColor(11, 13, 16, 200), QColor("#e8ebf0"), QColor("#98a2b3")
# On the dark of a picture the colours of the dark theme are the ones that are seen.
LEVELS = {"good": "#2cc295", "care": "#f0b429", "poor": "#ff7a45", "waiting": "#98a2b3"}
RECORDING = QColor("#ff5247")


class Tile(QWidget):
    """One camera."""

    solo = Signal(int)
    edit = Signal(int)

    def __init__(self, slot: int, name: str) -> None:
        super().__init__()
        self.slot, self.number = slot, 0
        self._name, self._words, self._figures = name, "", ""
        self._health = Health("waiting", "Opening …")
        self._image: ImageArray | None = None
        self._recording = False
        self._look: CameraLook | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolTip("Double-click (or Enter) to enlarge; right-click (or S) for its settings")

    def show_state(self, name: str, health: Health, words: str, shown: str, recording: bool) -> None:
        """Show how the camera is doing; ``words`` stand in for the picture."""
        state = (name, health, words, shown, recording)
        if state == (self._name, self._health, self._words, self._figures, self._recording):
            return
        self._name, self._health, self._words, self._figures, self._recording = state
        named(self, f"Camera {name}: {health.words}. {words} {shown}".strip())
        self.update()

    def show_board(self, look: CameraLook | None) -> None:
        """Show what the camera sees and has seen of the board."""
        if look is not self._look:
            self._look = look
            self.update()

    def show_picture(self, number: int, image: ImageArray) -> None:
        """Show a newer picture."""
        self.number, self._image = number, image
        self.update()

    @property
    def shape(self) -> float:
        """Width over height."""
        return USUAL_SHAPE if self._image is None else self._image.shape[1] / self._image.shape[0]

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Ask to be seen alone."""
        self.solo.emit(self.slot)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for the settings."""
        self.edit.emit(self.slot)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The same by keys."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.solo.emit(self.slot)
        elif event.key() == Qt.Key.Key_S:
            self.edit.emit(self.slot)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the focus."""
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Show that it left."""
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the picture, and what is known over it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(GROUND))
        if self._image is not None and not self._words:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            frame = self._target(self._image)
            painter.drawImage(frame, picture(self._image))
            if self._look is not None:
                # On a picture the colours of the dark theme are the ones that are seen.
                draw_coverage(painter, frame, self._look.coverage, DARK)
                draw_corners(
                    painter, in_frame(self._look.corners.astype(np.float64), self._look.size_wh, frame), DARK
                )
        elif self._words or self._image is None:
            painter.setPen(DIM_INK)
            room = self.rect().adjusted(24, CHIP_PX + 16, -24, -BAR_PX)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(room, flags, self._words or "Waiting for the first picture …")
        self._draw_bar(painter)
        self._draw_chip(painter)
        colour = QColor(LEVELS[self._health.level])
        if self._health.level in ("care", "poor") or self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colour if self._health.level in ("care", "poor") else INK, 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        painter.end()

    def _target(self, image: ImageArray) -> QRectF:
        scale = min(self.width() / image.shape[1], self.height() / image.shape[0])
        width, height = image.shape[1] * scale, image.shape[0] * scale
        return QRectF((self.width() - width) / 2, (self.height() - height) / 2, width, height)

    def _draw_chip(self, painter: QPainter) -> None:
        """The camera's name, its health by sign and words, and whether it records."""
        bold = QFont(self.font())
        bold.setPixelSize(12)
        bold.setBold(True)
        painter.setFont(bold)
        metrics = painter.fontMetrics()
        health = f"{self._health.symbol}  {self._health.words}"
        name = metrics.horizontalAdvance(self._name)
        width = min(self.width() - 16, name + metrics.horizontalAdvance(health) + 34)
        box = QRectF(8, 8, width, CHIP_PX)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(VEIL)
        painter.drawRoundedRect(box, 6, 6)
        painter.setPen(INK)
        painter.drawText(box.adjusted(9, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self._name)
        painter.setPen(QColor(LEVELS[self._health.level]))
        left = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(box.adjusted(9 + name + 14, 0, -6, 0), left, health)
        if self._recording:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(VEIL)
            painter.drawRoundedRect(QRectF(self.width() - 68, 8, 60, CHIP_PX), 6, 6)
            painter.setBrush(RECORDING)
            painter.drawEllipse(QPointF(self.width() - 55, 8 + CHIP_PX / 2), 5, 5)
            painter.setPen(INK)
            painter.drawText(QRectF(self.width() - 44, 8, 34, CHIP_PX), left, "REC")

    def _draw_bar(self, painter: QPainter) -> None:
        """What is measured, at the lower edge."""
        if not self._figures or self.height() < 120:
            return
        font = QFont(self.font())
        font.setPixelSize(11)
        painter.setFont(font)
        metrics, parts = painter.fontMetrics(), self._figures.split(SEPARATOR)
        text, count = self._figures, 1
        if metrics.horizontalAdvance(text) > self.width() - 20:
            middle = (len(parts) + 1) // 2
            text, count = f"{SEPARATOR.join(parts[:middle])}\n{SEPARATOR.join(parts[middle:])}", 2
        height = BAR_PX if count == 1 else 2 * metrics.height() + 8
        bar = QRect(0, self.height() - height, self.width(), height)
        painter.fillRect(bar, VEIL)
        painter.setPen(INK)
        painter.drawText(bar.adjusted(10, 0, -10, 0), Qt.AlignmentFlag.AlignVCenter, text)


class TileGrid(QWidget):
    """All cameras, as large as the room allows."""

    edit = Signal(int)

    def __init__(self, capturing: Capturing, theme: Theme) -> None:
        super().__init__()
        self.setMinimumSize(240, 150)
        named(self, "What the cameras see")
        self._capturing = capturing
        self.tiles: dict[int, Tile] = {}
        self.solo: int | None = None
        self._told: dict[int, int] = {}
        self._shape = USUAL_SHAPE

    def show_cameras(self) -> None:
        """Have a tile for each camera of the list."""
        wanted = {entry.slot: entry for entry in self._capturing.entries}
        for slot in tuple(self.tiles):
            if slot not in wanted:
                tile = self.tiles.pop(slot)
                tile.hide()
                tile.deleteLater()
        for slot, entry in wanted.items():
            if slot not in self.tiles:
                tile = Tile(slot, entry.name)
                tile.setParent(self)
                tile.solo.connect(self.toggle_solo)
                tile.edit.connect(self.edit)
                self.tiles[slot] = tile
        self.solo = self.solo if self.solo in self.tiles else None
        self._arrange()

    def show_states(self) -> None:
        """Show how all are doing."""
        capturing = self._capturing
        for slot, tile in self.tiles.items():
            now, trouble = capturing.now(slot), capturing.trouble_with(slot)
            words = f"{trouble.what}\n\nWhat to do: {trouble.remedy}" if trouble is not None else ""
            shown = (
                SEPARATOR.join(value for _, value in figures(now) if value)
                if now is not None and not words
                else ""
            )
            tile.show_state(
                capturing.cameras.entry(slot).name, capturing.health(slot), words, shown, capturing.recording
            )
            looks = capturing.search.looks if capturing.search is not None else {}
            tile.show_board(looks.get(capturing.cameras.entry(slot).name))

    def show_pictures(self) -> None:
        """Take over newer pictures."""
        if self._capturing.desk.status.cameras or self._capturing.entries:
            for slot, tile in self.tiles.items():
                if tile.isVisible() and (newer := self._capturing.picture(slot, tile.number)) is not None:
                    tile.show_picture(*newer)
        shapes = [tile.shape for tile in self.tiles.values()]
        shape = float(np.median(shapes)) if shapes else USUAL_SHAPE
        if not math.isclose(shape, self._shape):
            self._shape = shape
            self._arrange()

    def toggle_solo(self, slot: int) -> None:
        """Show one camera alone, or all again."""
        self.solo = None if self.solo == slot or slot not in self.tiles else slot
        self._arrange()
        if self.solo is not None:
            self.tiles[slot].setFocus()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Find new places."""
        self._arrange()

    def _arrange(self) -> None:
        shown = [tile for slot, tile in self.tiles.items() if self.solo in (None, slot)]
        for tile in self.tiles.values():
            tile.setVisible(tile in shown)
        if not shown:
            return
        columns = best_columns(len(shown), self._shape, self.width(), self.height())
        rows = math.ceil(len(shown) / columns)
        width = (self.width() - GAP_PX * (columns - 1)) / columns
        height = (self.height() - GAP_PX * (rows - 1)) / rows
        for place, tile in enumerate(shown):
            row, column = divmod(place, columns)
            left, top = round(column * (width + GAP_PX)), round(row * (height + GAP_PX))
            tile.setGeometry(left, top, max(1, round(width)), max(1, round(height)))
        dense = self.devicePixelRatioF()
        sizes = {
            slot: round(max(tile.width(), tile.height()) * dense) if tile in shown else 0
            for slot, tile in self.tiles.items()
        }
        if sizes != self._told:
            self._told = sizes
            self._capturing.show_sizes(sizes)

    @property
    def strip_height(self) -> int:
        """Height at which all pictures fit side by side, px."""
        count = max(1, len(self.tiles))
        return round((self.width() - GAP_PX * (count - 1)) / count / self._shape)

    def tell_sizes_anew(self) -> None:
        """Say again how large the pictures are shown: the cameras were opened anew."""
        self._told = {}
        self._arrange()
