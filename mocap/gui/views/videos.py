"""The videos of all cameras side by side, with what was found drawn over them."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QWidget

from mocap.core.types import FloatArray, ImageArray
from mocap.gui.presenters.frames import FrameStore
from mocap.gui.presenters.review import Review
from mocap.gui.views.painting import lines, picture
from mocap.gui.views.theme import VERMILLION, YELLOW, Theme

GAP_PX = 6
SEEN_PX, REPROJECTED_PX, DOT_PX, CROSS_PX = 3.0, 1.4, 2.6, 4.0
LEAST_WIDTH_PX = 120
# Whoever is not chosen is drawn this strongly, of 255: seen, and not in the way.
OTHERS_ALPHA = 95
# Points of an ellipse: round at the size of a hand.
TURNS = np.linspace(0.0, 2.0 * np.pi, 25)


class VideoView(QWidget):
    """One camera."""

    solo = Signal(int)

    def __init__(self, camera: int, name: str, size_wh: tuple[int, int], theme: Theme) -> None:
        super().__init__()
        self.camera, self.name, self.size_wh = camera, name, size_wh
        self.setAccessibleName(f"Camera {name}")
        self.setToolTip("Double-click to see this camera alone, and again to see all")
        self._theme = theme
        self._review: Review | None = None
        self._image: ImageArray | None = None
        self._instant, self._words = 0, ""
        self.skeleton = self.reprojection = True
        self.ellipses = False
        self.person = 0
        self.drawn_instant = -1

    def show_frame(self, review: Review, instant: int, image: ImageArray | None, words: str) -> None:
        """Show an instant; while its picture is not decoded, the last one stays, dimmed by a word."""
        self._review, self._instant, self._words = review, instant, words
        if image is not None or words:
            self._image = image
            self.drawn_instant = instant
        self.update()

    def set_theme(self, theme: Theme) -> None:
        """Recolour."""
        self._theme = theme
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Ask to be seen alone."""
        self.solo.emit(self.camera)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw picture, marks and name."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("#0b0d10"))
        target = self._target()
        if self._image is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(target, picture(self._image))
        elif self._words:
            painter.setPen(QColor("#98a2b3"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._words)
        if self._review is not None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setClipRect(target)
            self._draw_marks(painter, self._review, target)
            painter.setClipping(False)
        self._draw_name(painter)
        painter.end()

    def _target(self) -> QRectF:
        """Where the picture goes: as large as fits."""
        width, height = self.size_wh
        scale = min(self.width() / width, self.height() / height)
        size = QSize(round(width * scale), round(height * scale))
        return QRectF((self.width() - size.width()) / 2, (self.height() - size.height()) / 2, *size.toTuple())

    def _draw_marks(self, painter: QPainter, review: Review, target: QRectF) -> None:
        marks = review.marks(self.camera, self._instant)
        scale = target.width() / self.size_wh[0]

        def placed(xy: FloatArray) -> FloatArray:
            # Pixel centres lie at integers in the data, at halves on the screen.
            return (xy + 0.5) * scale + np.array([target.x(), target.y()])

        chosen = marks.bone_person == self.person
        if self.skeleton:
            for side, colour in enumerate(self._theme.sides):
                for whose, alpha in ((~chosen, OTHERS_ALPHA), (chosen, 225)):
                    painter.setPen(_pen(QColor(*colour, alpha), SEEN_PX))
                    painter.drawLines(lines(placed(marks.seen[whose & (marks.bone_side == side)])))
        if self.reprojection:
            for whose, alpha in ((~chosen, OTHERS_ALPHA), (chosen, 255)):
                body = lines(placed(marks.reprojected[whose]))
                painter.setPen(_pen(QColor(0, 0, 0, alpha * 2 // 3), REPROJECTED_PX + 1.6))
                painter.drawLines(body)
                painter.setPen(_pen(QColor(255, 255, 255, alpha), REPROJECTED_PX))
                painter.drawLines(body)
        if self.ellipses:
            round_axes = marks.found_sigma[:, None, None] * np.eye(2)
            for at, axes, colour in (
                (marks.found_at, round_axes, QColor(*YELLOW, 200)),
                (marks.ellipse_at, marks.ellipse_axes, QColor(255, 255, 255, 230)),
            ):
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(_pen(colour, 1.2))
                painter.drawLines(lines(_outlines(placed(at), axes * scale)))
        if self.skeleton:
            painter.setPen(Qt.PenStyle.NoPen)
            for side, colour in enumerate(self._theme.sides):
                painter.setBrush(QColor(*colour))
                for x, y in placed(marks.dots[marks.dot_side == side]).tolist():
                    painter.drawEllipse(QPointF(x, y), DOT_PX, DOT_PX)
            painter.setPen(_pen(QColor(*VERMILLION), 1.8))
            centres = placed(marks.crosses)
            for direction in ((CROSS_PX, CROSS_PX), (CROSS_PX, -CROSS_PX)):
                painter.drawLines(lines(np.stack([centres - direction, centres + direction], axis=1)))

    def _draw_name(self, painter: QPainter) -> None:
        font = QFont(self.font())
        font.setPixelSize(11)
        font.setBold(True)
        painter.setFont(font)
        box = painter.fontMetrics().boundingRect(self.name).adjusted(-7, -3, 7, 3)
        box.moveTo(8, 8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(11, 13, 16, 190))
        painter.drawRoundedRect(box, 5, 5)
        painter.setPen(QColor("#e8ebf0"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self.name)


class VideoGrid(QWidget):
    """All cameras, as large as the room allows."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName("Videos")
        self.setMinimumSize(260, 180)
        self._theme = theme
        self.views: tuple[VideoView, ...] = ()
        self._solo: int | None = None

    def show_review(self, review: Review) -> None:
        """Make a view for each camera."""
        for view in self.views:
            view.setParent(None)
            view.deleteLater()
        self._solo = None
        made = []
        for c, camera in enumerate(review.rig.cameras):
            view = VideoView(c, camera.name, camera.intrinsics.size_wh, self._theme)
            view.setParent(self)
            view.solo.connect(self.toggle_solo)
            view.show()
            made.append(view)
        self.views = tuple(made)
        self._arrange()

    def show_instant(self, review: Review, store: FrameStore | None, instant: int) -> None:
        """Show an instant in all views."""
        for view in self.views:
            if not view.isVisible():
                continue
            if store is None:
                view.show_frame(review, instant, None, "The videos of this run are not here")
                continue
            trouble = store.trouble(view.camera)
            words = f"{trouble.what} {trouble.remedy}" if trouble else ""
            if review.sync.frame_index[instant, view.camera] < 0:
                words = "No picture at this instant"
            view.show_frame(review, instant, store.get(view.camera, instant), words)

    def show_parts(self, skeleton: bool, reprojection: bool, ellipses: bool = False) -> None:
        """Show or hide what is drawn over the pictures."""
        for view in self.views:
            view.skeleton, view.reprojection, view.ellipses = skeleton, reprojection, ellipses
            view.update()

    def choose(self, person: int) -> None:
        """Draw one person more strongly than the others."""
        for view in self.views:
            view.person = person
            view.update()

    def set_theme(self, theme: Theme) -> None:
        """Recolour."""
        self._theme = theme
        for view in self.views:
            view.set_theme(theme)

    def toggle_solo(self, camera: int) -> None:
        """Show one camera alone, or all again."""
        self._solo = None if self._solo == camera or not camera < len(self.views) else camera
        self._arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Find new places."""
        self._arrange()

    def _arrange(self) -> None:
        shown = [v for v in self.views if self._solo is None or v.camera == self._solo]
        for view in self.views:
            view.setVisible(view in shown)
        if not shown:
            return
        shape = float(np.median([v.size_wh[0] / v.size_wh[1] for v in shown]))
        columns = best_columns(len(shown), shape, self.width(), self.height())
        rows = math.ceil(len(shown) / columns)
        width = (self.width() - GAP_PX * (columns - 1)) / columns
        height = (self.height() - GAP_PX * (rows - 1)) / rows
        for place, view in enumerate(shown):
            row, column = divmod(place, columns)
            left, top = round(column * (width + GAP_PX)), round(row * (height + GAP_PX))
            view.setGeometry(left, top, max(1, round(width)), max(1, round(height)))


def best_columns(count: int, shape: float, width: int, height: int) -> int:
    """Columns that make pictures of ``shape`` (width over height) largest in a space."""

    def scale(columns: int) -> float:
        rows = math.ceil(count / columns)
        return min(width / columns / shape, height / rows)

    return max(range(1, count + 1), key=scale)


def _outlines(at: FloatArray, axes: FloatArray) -> FloatArray:
    """Ellipses with centres (E, 2) and half axes (E, 2, 2) as line pieces (M, 2, 2)."""
    wave = np.stack([np.cos(TURNS), np.sin(TURNS)], axis=-1)
    path = at[:, None] + wave @ axes
    return np.stack([path[:, :-1], path[:, 1:]], axis=2).reshape(-1, 2, 2)


def _pen(colour: QColor, width: float) -> QPen:
    pen = QPen(colour, width)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    return pen
