"""The videos of all cameras side by side, with what was found drawn over them: zoomed, moved, pointed at."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPolygonF,
    QResizeEvent,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from mocap.core.types import ImageArray
from mocap.gui.presenters.correct.correcting import Guide
from mocap.gui.presenters.review.frames import FrameStore
from mocap.gui.presenters.review.review import Marks, Review
from mocap.gui.presenters.review.viewport import Viewport
from mocap.gui.views.painting import best_columns, picture
from mocap.gui.views.review.overlays import (
    draw_body,
    draw_guide,
    draw_name,
    draw_points,
    draw_skeleton,
    draw_tag,
    draw_uncertainty,
)
from mocap.gui.views.theme import Theme

GAP_PX = 6
# One click of a wheel, in the units that Qt counts it in, brings a picture nearer by this.
WHEEL_CLICK, ZOOM_STEP = 120.0, 1.25
# A press takes hold of what lies so near, px of the screen: about a fingertip.
REACH_PX = 14.0
HINT = (
    "Turn the wheel to zoom; drag with the middle button, or with Space held, to move the picture.\n"
    "Double-click to see all of it, and then this camera alone or all cameras."
)


class VideoView(QWidget):
    """One camera."""

    solo = Signal(int)
    play = Signal()
    pressed = Signal(int, float, float, float)  # camera, place and reach in px of the video
    dragged = Signal(float, float)
    released = Signal()

    def __init__(self, camera: int, name: str, size_wh: tuple[int, int], theme: Theme) -> None:
        super().__init__()
        self.camera, self.name, self.size_wh = camera, name, size_wh
        self.setAccessibleName(f"Camera {name}")
        self.setToolTip(HINT)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.port = Viewport((float(size_wh[0]), float(size_wh[1])), (1.0, 1.0))
        self.pointing = False
        self.guide: Guide | None = None
        self._theme = theme
        self._review: Review | None = None
        self._marks: Marks | None = None
        self._image: ImageArray | None = None
        self._sharp: tuple[int, ImageArray] | None = None
        self._instant, self._words = 0, ""
        self.skeleton = self.reprojection = True
        self.uncertainty = False
        self.person = 0
        # The instant whose picture is shown, and the one for which something is shown, be it coarse.
        self.drawn_instant = self.begun_instant = -1
        self._off = 0
        self._grabbed: QPointF | None = None
        self._space = self._space_used = self._dragging = False

    def show_frame(
        self,
        review: Review,
        instant: int,
        image: ImageArray | None,
        words: str,
        coarse: tuple[int, ImageArray] | None = None,
    ) -> None:
        """Show an instant; until its picture is decoded a coarse one, so many frames later, or the last one."""
        self._review, self._instant, self._words, self._marks = review, instant, words, None
        if image is not None or words:
            self._image, self._off = image, 0
            self.drawn_instant = self.begun_instant = instant
        elif coarse is not None:
            self._off, self._image = coarse
            self.drawn_instant, self.begun_instant = -1, instant
        self.update()

    def show_sharp(self, instant: int, image: ImageArray) -> None:
        """Show the picture of an instant at full size, as long as that is the instant shown."""
        self._sharp = (instant, image)
        self.update()

    @property
    def wants_sharp(self) -> bool:
        """Whether the picture that is kept is coarser than the screen, and no sharp one is there."""
        if self._image is None or self.drawn_instant != self._instant:
            return False
        kept = self._image.shape[1] / self.size_wh[0]
        return kept < min(1.0, self.port.scale * 0.99) and (self._sharp is None or self._sharp[0] != self._instant)

    def show_parts(self, skeleton: bool, reprojection: bool, uncertainty: bool) -> None:
        """Show or hide what is drawn over the picture."""
        self.skeleton, self.reprojection, self.uncertainty = skeleton, reprojection, uncertainty
        self._marks = None
        self.update()

    def set_theme(self, theme: Theme) -> None:
        """Recolour."""
        self._theme = theme
        self.update()

    def set_port(self, port: Viewport) -> None:
        """Show another part of the picture."""
        self.port = port
        self.update()

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Come nearer to a place in the widget, or to its middle."""
        place = QPointF(self.rect().center()) if at is None else at
        self.set_port(self.port.zoomed(factor, np.array([place.x(), place.y()])))

    def place_of(self, at: QPointF) -> tuple[float, float]:
        """Place in the picture of a place in the widget."""
        x, y = self.port.to_picture(np.array([at.x(), at.y()])).tolist()
        return x, y

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the place in the middle."""
        self.port = self.port.resized(self.width(), self.height())

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom around the cursor."""
        self.zoom(ZOOM_STEP ** (event.angleDelta().y() / WHEEL_CLICK), event.position())
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """All of the picture; where all of it is there, this camera alone or all."""
        if not self.port.whole:
            self.set_port(self.port.reset())
        elif not self.pointing:
            self.solo.emit(self.camera)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of the picture, or point at something in it."""
        left = event.button() == Qt.MouseButton.LeftButton
        if event.button() == Qt.MouseButton.MiddleButton or (left and (self._space or not self.pointing)):
            self._grabbed, self._space_used = event.position(), self._space
            if not self.port.whole:
                self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif left:
            self._dragging = True
            self.pressed.emit(self.camera, *self.place_of(event.position()), REACH_PX / self.port.scale)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move the picture, or what is held in it."""
        if self._grabbed is not None:
            by = event.position() - self._grabbed
            self._grabbed = event.position()
            self.set_port(self.port.moved(np.array([by.x(), by.y()])))
        elif self._dragging:
            self.dragged.emit(*self.place_of(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go."""
        if self._grabbed is not None:
            self._grabbed = None
            self.set_pointing(self.pointing)
        elif self._dragging:
            self._dragging = False
            self.released.emit()

    def set_pointing(self, pointing: bool) -> None:
        """Whether the left button points at something in the picture, or moves it."""
        self.pointing = pointing
        self.setCursor(Qt.CursorShape.CrossCursor if pointing else Qt.CursorShape.ArrowCursor)

    def event(self, event: QEvent) -> bool:
        """In a zoomed picture Space held moves it; Space alone plays, as everywhere."""
        if _overrides(event, Qt.Key.Key_Space) and not self.port.whole:
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Hold Space to move the picture."""
        if event.key() == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self._space, self._space_used = True, False
                self.setCursor(Qt.CursorShape.OpenHandCursor)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """A Space that moved nothing plays."""
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat() and self._space:
            self._space = False
            self.set_pointing(self.pointing)
            if not self._space_used:
                self.play.emit()
        else:
            super().keyReleaseEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw picture, marks and name."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("#0b0d10"))
        if self._image is not None:
            sharp = self._sharp is not None and self._sharp[0] == self.drawn_instant
            self._draw_picture(painter, self._sharp[1] if sharp and self._sharp else self._image)
        elif self._words:
            painter.setPen(QColor("#98a2b3"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._words)
        if self._review is not None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setClipRect(self._covered())
            self._draw_marks(painter, self._review)
            painter.setClipping(False)
            if self.guide is not None:
                draw_name(painter, self.guide, self.port.to_widget, QRectF(self.rect()), self.font())
        draw_tag(painter, QPointF(8, 8), self.name, self.font())
        if self._off:
            words = f"{abs(self._off)} pictures {'later' if self._off > 0 else 'earlier'}, decoding …"
            draw_tag(painter, QPointF(8, 34), words, self.font())
        painter.end()

    def _draw_picture(self, painter: QPainter, image: ImageArray) -> None:
        width, height = self.size_wh
        # Enlarged beyond its pixels, they are shown as they are: that is what a hand aims at.
        smooth = self.port.scale * width / image.shape[1] < 4.0
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        corner = QPointF(*self.port.to_widget(np.array([-0.5, -0.5])).tolist())
        painter.save()
        painter.setTransform(
            QTransform()
            .translate(corner.x(), corner.y())
            .rotate(90.0 * self.port.turns)
            .scale(self.port.scale, self.port.scale)
        )
        painter.drawImage(QRectF(0, 0, width, height), picture(image))
        painter.restore()

    def _covered(self) -> QRectF:
        """The part of the widget that the picture covers."""
        width, height = self.size_wh
        corners = self.port.to_widget(np.array([[-0.5, -0.5], [width - 0.5, height - 0.5]]))
        return QPolygonF([QPointF(x, y) for x, y in corners.tolist()]).boundingRect() & QRectF(self.rect())

    def _draw_marks(self, painter: QPainter, review: Review) -> None:
        if self._marks is None:  # kept while only the guide or the zoom is another
            self._marks = review.marks(self.camera, self._instant, self.uncertainty)
        marks, placed = self._marks, self.port.to_widget
        if self.skeleton:
            draw_skeleton(painter, marks, placed, self._theme, self.person)
        if self.reprojection:
            draw_body(painter, marks, placed)
        if self.uncertainty:
            draw_uncertainty(painter, marks, placed)
        if self.skeleton:
            draw_points(painter, marks, placed, self._theme, self.person)
        if self.guide is not None:
            draw_guide(painter, self.guide, placed)


class VideoGrid(QWidget):
    """All cameras, as large as the room allows."""

    made = Signal()  # views for another run are there

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
        self.arrange()
        self.made.emit()

    def show_instant(self, review: Review, store: FrameStore | None, instant: int, coarsely: bool = False) -> None:
        """Show an instant in all views; coarsely where its picture is not decoded, if that is wanted."""
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
            image = store.get(view.camera, instant)
            coarse = store.coarse(view.camera, instant) if image is None and coarsely else None
            view.show_frame(review, instant, image, words, coarse)

    def show_parts(self, skeleton: bool, reprojection: bool, uncertainty: bool = False) -> None:
        """Show or hide what is drawn over the pictures."""
        for view in self.views:
            view.show_parts(skeleton, reprojection, uncertainty)

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
        self.arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Find new places."""
        self.arrange()

    def arrange(self) -> None:
        """Give each view its place."""
        shown = [v for v in self.views if self._solo is None or v.camera == self._solo]
        for view in self.views:
            view.setVisible(view in shown)
        if not shown:
            return
        shapes = [w / h if v.port.turns % 2 == 0 else h / w for v in shown for w, h in [v.size_wh]]
        columns = best_columns(len(shown), float(np.median(shapes)), self.width(), self.height())
        rows = math.ceil(len(shown) / columns)
        width = (self.width() - GAP_PX * (columns - 1)) / columns
        height = (self.height() - GAP_PX * (rows - 1)) / rows
        for place, view in enumerate(shown):
            row, column = divmod(place, columns)
            left, top = round(column * (width + GAP_PX)), round(row * (height + GAP_PX))
            view.setGeometry(left, top, max(1, round(width)), max(1, round(height)))


def _overrides(event: QEvent, key: Qt.Key) -> bool:
    """Whether an event asks if a key is a shortcut, or belongs to the widget."""
    return event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() == key
