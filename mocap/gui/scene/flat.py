"""The room drawn without a graphics card: lines projected by numpy and painted by Qt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QWidget

from mocap.core.types import FloatArray
from mocap.gui.presenters.review.ghost import Ghost
from mocap.gui.presenters.review.review import Review
from mocap.gui.scene.content import OTHERS, Look, Room, SceneColours, eye_of, middle_of, room_of
from mocap.gui.scene.orbit import Orbit
from mocap.gui.views.painting import lines

NOTICE = "Drawn without OpenGL: same room, simpler light"
# So that the people fill the view and the cameras stand around at its edge.
DISTANCE_PER_REACH = 2.9
KEY_TURN_PX = 20


class FlatScene(QWidget):
    """Software view of the room; drag turns, the wheel zooms, arrow keys with Alt turn."""

    def __init__(self, colours: SceneColours, notice: str = NOTICE) -> None:
        super().__init__()
        self.notice = notice
        self.setAccessibleName("3D view")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(220, 160)
        self._colours, self._review, self._room = colours, None, None  # type: tuple[SceneColours, Review | None, Room | None]
        self._instant, self._orbit = 0, Orbit(np.zeros(3))
        self._trails = self._cameras = self._floor = True
        self._ghost: Ghost | None = None
        self._person, self._follows = 0, False
        self._dragged: QPointF | None = None

    def show_review(self, review: Review | None) -> None:
        """Show another run."""
        self._review, self._instant, self._ghost, self._person = review, 0, None, 0
        self._room = room_of(review) if review is not None else None
        if self._room is not None:
            self._orbit = Orbit(self._room.centre, DISTANCE_PER_REACH * self._room.size)
        self.update()

    def update_review(self, review: Review) -> None:
        """Show another state of the same run; the eye stays."""
        self._review = review
        self.show_instant(self._instant)

    def show_instant(self, instant: int) -> None:
        """Show another instant."""
        self._instant = instant
        self._go_along()
        self.update()

    def show_ghost(self, ghost: Ghost | None) -> None:
        """Show another run beside this one, in grey."""
        self._ghost = ghost
        self.update()

    def choose(self, person: int) -> None:
        """Draw one person more strongly, and follow that one."""
        self._person = person
        self._go_along()
        self.update()

    def follow(self, follows: bool) -> None:
        """Keep the chosen person in the middle, or stay where the eye is."""
        self._follows = follows
        self._go_along()
        self.update()

    def look(self, look: Look) -> None:
        """Look at the chosen person from a side."""
        if self._review is not None:
            azimuth, elevation = eye_of(self._review, self._person, self._instant, look)
            self._orbit = replace(self._orbit, azimuth=azimuth, elevation=elevation)
            self.update()

    def _go_along(self) -> None:
        if not self._follows or self._review is None:
            return
        if (middle := middle_of(self._review, self._person, self._instant)) is not None:
            self._orbit = replace(self._orbit, centre=middle)

    def set_colours(self, colours: SceneColours) -> None:
        """Take on a theme."""
        self._colours = colours
        self.update()

    def show_parts(self, trails: bool, cameras: bool, floor: bool) -> None:
        """Show or hide what can be hidden."""
        self._trails, self._cameras, self._floor = trails, cameras, floor
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the room."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(*self._colours.ground))
        if self._review is not None and self._room is not None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._draw(painter, self._review, self._room)
        painter.end()

    def _draw(self, painter: QPainter, review: Review, room: Room) -> None:
        colours = self._colours
        if self._floor:
            self._pieces(painter, room.floor, colours.floor, 1.0)
        if self._cameras:
            self._pieces(painter, room.cameras, colours.camera, 1.3)
            painter.setPen(QColor(*colours.text))
            for name, place in room.labels:
                xy, valid = self._project(place)
                if valid:
                    painter.drawText(QPointF(xy[0] + 8, xy[1] - 6), name)
        if self._trails:
            pieces, sides = review.trail(self._instant)
            for side, colour in enumerate(colours.sides):
                self._pieces(painter, pieces[sides == side], colour, 2.0, 130)
        if self._ghost is not None:
            self._pieces(painter, self._ghost.body(self._instant), colours.camera, 3.0, 190)
        body, sides = review.body(self._instant), np.tile(review.bone_sides, len(review.take.people))
        chosen = review.bone_person == self._person
        for side, colour in enumerate(colours.sides):
            self._pieces(painter, body[~chosen & (sides == side)], colour, 3.0, round(255 * OTHERS))
            self._pieces(painter, body[chosen & (sides == side)], colour, 3.5)
        xy, valid = self._project(review.joints(self._instant))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(*colours.text))
        for x, y in xy[valid]:
            painter.drawEllipse(QPointF(x, y), 2.4, 2.4)

    def _project(self, points: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        return self._orbit.project(points, (self.width(), self.height()))

    def _pieces(
        self, painter: QPainter, pieces: FloatArray, colour: tuple[int, int, int], width: float, alpha: int = 255
    ) -> None:
        xy, valid = self._project(pieces)
        pen = QPen(QColor(*colour, alpha), width)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawLines(lines(xy[valid.all(axis=-1)]))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to turn."""
        self._dragged = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Turn."""
        if self._dragged is not None:
            moved = event.position() - self._dragged
            self._dragged = event.position()
            self._orbit = self._orbit.turned(moved.x(), moved.y())
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Stop turning."""
        self._dragged = None

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom."""
        self._orbit = self._orbit.zoomed(event.angleDelta().y() / 120)
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Turn and zoom by keys."""
        turns = {
            Qt.Key.Key_Left: (KEY_TURN_PX, 0),
            Qt.Key.Key_Right: (-KEY_TURN_PX, 0),
            Qt.Key.Key_Up: (0, KEY_TURN_PX),
            Qt.Key.Key_Down: (0, -KEY_TURN_PX),
        }
        key = Qt.Key(event.key())
        if event.modifiers() & Qt.KeyboardModifier.AltModifier and key in turns:
            self._orbit = self._orbit.turned(*turns[key])
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Minus):
            self._orbit = self._orbit.zoomed(1 if key == Qt.Key.Key_Plus else -1)
        else:
            super().keyPressEvent(event)
            return
        self.update()
