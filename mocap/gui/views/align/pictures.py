"""What every camera shows at one instant, side by side."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QWidget

from mocap.core.types import ImageArray
from mocap.gui.presenters.align.aligning import Aligning
from mocap.gui.presenters.review.frames import BUDGET_BYTES, FrameStore
from mocap.gui.views.painting import best_columns, picture
from mocap.gui.views.theme import Theme

GAP_PX = 6
GROUND, FAINT, TEXT = "#0b0d10", "#98a2b3", "#e8ebf0"


class AlignPicture(QWidget):
    """One camera's picture."""

    chosen = Signal(int)

    def __init__(self, camera: int, name: str, theme: Theme) -> None:
        super().__init__()
        self.camera, self.name, self._theme = camera, name, theme
        self.setAccessibleName(f"Picture of {name}")
        self.image: ImageArray | None = None
        self.frame, self._words, self._selected = -1, "", False

    def show_frame(self, image: ImageArray | None, frame: int, words: str, selected: bool) -> None:
        """Show a picture; while it is not decoded, the last one stays."""
        if image is not None or frame < 0:
            self.image, self.frame = image, frame
        self._words, self._selected = words, selected
        self.setAccessibleDescription(words)
        self.update()

    def set_theme(self, theme: Theme) -> None:
        """Recolour."""
        self._theme = theme
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose this camera."""
        self.chosen.emit(self.camera)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw picture, name and frame."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(GROUND))
        if self.image is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            height, width = self.image.shape[:2]
            scale = min(self.width() / width, self.height() / height)
            w, h = width * scale, height * scale
            target = QRectF((self.width() - w) / 2, (self.height() - h) / 2, w, h)
            painter.drawImage(target, picture(self.image))
        else:
            painter.setPen(QColor(FAINT))
            away = "Not recording at this instant" if self.frame < 0 else ""
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, away)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._pill(painter, self.name, 8, True)
        if self._words:
            self._pill(painter, self._words, self.height() - 28, False)
        if self._selected:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(self._theme.accent), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        painter.end()

    def _pill(self, painter: QPainter, words: str, top: int, bold: bool) -> None:
        font = QFont(self.font())
        font.setPixelSize(11)
        font.setBold(bold)
        painter.setFont(font)
        box = painter.fontMetrics().boundingRect(words).adjusted(-7, -3, 7, 3)
        box.moveTo(8, top)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(11, 13, 16, 190))
        painter.drawRoundedRect(box, 5, 5)
        painter.setPen(QColor(TEXT))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)


class AlignPictures(QWidget):
    """All cameras, as large as the room allows; each decodes ahead of its own frame."""

    chosen = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName("Pictures of all cameras at one instant")
        self.setMinimumSize(320, 200)
        self._theme = theme
        self.views: tuple[AlignPicture, ...] = ()
        self._stores: tuple[FrameStore, ...] = ()
        self._shape = 4.0 / 3.0

    def show_cameras(self, aligning: Aligning) -> None:
        """Make a view and a decoder for each camera."""
        videos = aligning.opened.videos
        self._shape = float(np.median([video.size_wh[0] / video.size_wh[1] for video in videos]))
        share = BUDGET_BYTES // len(videos)
        self._stores = tuple(
            FrameStore((video.path,), np.arange(video.n_frames, dtype=np.int64)[:, None], share)
            for video in videos
        )
        made = []
        for c, name in enumerate(aligning.cameras):
            view = AlignPicture(c, name, self._theme)
            view.setParent(self)
            view.chosen.connect(self.chosen)
            view.show()
            made.append(view)
        self.views = tuple(made)
        self._arrange()

    def show_instant(self, aligning: Aligning) -> None:
        """Show what all cameras saw at the playhead, as far as it is decoded."""
        for view, store in zip(self.views, self._stores, strict=True):
            frame = aligning.frame_of(view.camera)
            selected = view.camera == aligning.selected
            if (trouble := store.trouble(0)) is not None:
                view.show_frame(None, -1, f"{trouble.what} {trouble.remedy}", selected)
                continue
            if frame < 0:
                view.show_frame(None, -1, "", selected)
                continue
            store.want(frame)
            lag = aligning.lag_s(view.camera) * 1e3
            view.show_frame(store.get(0, frame), frame, f"Picture {frame + 1} · {lag:+.1f} ms", selected)

    @property
    def complete(self) -> bool:
        """Whether every view shows the picture it should."""
        return bool(self.views) and all(view.image is not None or view.frame < 0 for view in self.views)

    def set_theme(self, theme: Theme) -> None:
        """Recolour."""
        self._theme = theme
        for view in self.views:
            view.set_theme(theme)

    def close_files(self) -> None:
        """End the decoders."""
        for store in self._stores:
            store.close()
        self._stores = ()
        self.views = ()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Find new places."""
        self._arrange()

    def _arrange(self) -> None:
        if not self.views:
            return
        columns = best_columns(len(self.views), self._shape, self.width(), self.height())
        rows = math.ceil(len(self.views) / columns)
        width = (self.width() - GAP_PX * (columns - 1)) / columns
        height = (self.height() - GAP_PX * (rows - 1)) / rows
        for place, view in enumerate(self.views):
            row, column = divmod(place, columns)
            view.setGeometry(
                round(column * (width + GAP_PX)), round(row * (height + GAP_PX)), round(width), round(height)
            )
