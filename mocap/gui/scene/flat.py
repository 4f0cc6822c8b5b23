"""The room drawn without a graphics card: lines projected by numpy and painted by Qt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PySide6.QtGui import QColor, QPainter, QPaintEvent

from mocap.gui.presenters.review.ghost import Ghost
from mocap.gui.presenters.review.review import Review
from mocap.gui.scene.content import OTHERS, Look, Room, SceneColours, eye_of, middle_of, room_of
from mocap.gui.scene.orbit import Orbit
from mocap.gui.scene.orbiting import OrbitWidget

NOTICE = "Drawn without OpenGL: same room, simpler light"
# So that the people fill the view and the cameras stand around at its edge.
DISTANCE_PER_REACH = 2.9


class FlatScene(OrbitWidget):
    """Software view of the room."""

    def __init__(self, colours: SceneColours, notice: str = NOTICE) -> None:
        super().__init__("3D view")
        self.notice = notice
        self._colours, self._review, self._room = colours, None, None  # type: tuple[SceneColours, Review | None, Room | None]
        self._instant = 0
        self._trails = self._cameras = self._floor = True
        self._ghost: Ghost | None = None
        self._person, self._follows = 0, False

    def show_review(self, review: Review | None) -> None:
        """Show another run."""
        self._review, self._instant, self._ghost, self._person = review, 0, None, 0
        self._room = room_of(review) if review is not None else None
        self.look_again()

    def look_again(self) -> None:
        """Bring everything back into view."""
        if self._room is not None:
            self.orbit = Orbit(self._room.centre, DISTANCE_PER_REACH * self._room.size)
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
            self.orbit = replace(self.orbit, azimuth=azimuth, elevation=elevation)
            self.update()

    def _go_along(self) -> None:
        if not self._follows or self._review is None:
            return
        if (middle := middle_of(self._review, self._person, self._instant)) is not None:
            self.orbit = replace(self.orbit, centre=middle)

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
            self.pieces(painter, room.floor, colours.floor, 1.0)
        if self._cameras:
            self.pieces(painter, room.cameras, colours.camera, 1.3)
            for name, place in room.labels:
                self.words(painter, name, place, colours.text)
        if self._trails:
            pieces, sides = review.trail(self._instant)
            for side, colour in enumerate(colours.sides):
                self.pieces(painter, pieces[sides == side], colour, 2.0, 130)
        if self._ghost is not None:
            self.pieces(painter, self._ghost.body(self._instant), colours.camera, 3.0, 190)
        body, sides = review.body(self._instant), np.tile(review.bone_sides, len(review.take.people))
        chosen = review.bone_person == self._person
        for side, colour in enumerate(colours.sides):
            self.pieces(painter, body[~chosen & (sides == side)], colour, 3.0, round(255 * OTHERS))
            self.pieces(painter, body[chosen & (sides == side)], colour, 3.5)
        self.dots(painter, review.joints(self._instant), colours.text, 2.4)
