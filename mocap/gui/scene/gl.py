"""The room drawn by OpenGL through pyqtgraph. Imported only where OpenGL was found to work."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
import pyqtgraph.opengl as gl

from mocap.core.types import FloatArray
from mocap.gui.presenters.review.ghost import Ghost
from mocap.gui.presenters.review.review import Review
from mocap.gui.scene.content import OTHERS, Look, SceneColours, eye_of, middle_of, room_of
from mocap.gui.scene.flat import DISTANCE_PER_REACH

BONE_WIDTH, TRAIL_WIDTH, THIN = 4.0, 2.0, 1.2
LABEL_ABOVE = np.array([0.0, 0.0, 0.12])
NOTHING = np.zeros((0, 3))


class GlScene(gl.GLViewWidget):
    """The room by OpenGL; drag turns, the wheel zooms, the middle button shifts."""

    notice = ""

    def __init__(self, colours: SceneColours) -> None:
        super().__init__()
        self.setAccessibleName("3D view")
        self.setMinimumSize(220, 160)
        self._review: Review | None = None
        self._instant, self._colours = 0, colours
        self._floor, self._cameras = _lines(THIN), _lines(THIN)
        self._bones = tuple(_lines(BONE_WIDTH) for _ in colours.sides)
        self._others = tuple(_lines(BONE_WIDTH) for _ in colours.sides)
        self._shade, self._ghost = _lines(BONE_WIDTH), None  # type: tuple[gl.GLLinePlotItem, Ghost | None]
        self._person, self._follows = 0, False
        self._trails = tuple(_lines(TRAIL_WIDTH) for _ in colours.sides)
        self._joints = gl.GLScatterPlotItem(pos=NOTHING, size=6.0, pxMode=True)
        self._joints.setGLOptions("translucent")
        self._labels: list[gl.GLTextItem] = []
        # The last of those that lie upon each other is hidden: the other run's body.
        lines = (self._floor, self._cameras, *self._trails, *self._others, *self._bones, self._shade)
        for item in (*lines, self._joints):
            self.addItem(item)
        self.set_colours(colours)

    def show_review(self, review: Review | None) -> None:
        """Show another run."""
        self._review, self._instant, self._ghost, self._person = review, 0, None, 0
        for item in self._labels:
            self.removeItem(item)
        self._labels = []
        if review is None:
            return
        room = room_of(review)
        self._floor.setData(pos=room.floor.reshape(-1, 3))
        self._cameras.setData(pos=room.cameras.reshape(-1, 3))
        for name, place in room.labels:
            text = gl.GLTextItem(pos=place + LABEL_ABOVE, text=name, font=self.font())
            text.setData(color=pg.mkColor(*self._colours.text))
            self.addItem(text)
            self._labels.append(text)
        self.setCameraPosition(
            pos=pg.Vector(*room.centre), distance=DISTANCE_PER_REACH * room.size, elevation=18, azimuth=45
        )
        self.opts["fov"] = 50
        self.show_instant(0)

    def update_review(self, review: Review) -> None:
        """Show another state of the same run; the eye stays."""
        self._review = review
        self.show_instant(self._instant)

    def show_instant(self, instant: int) -> None:
        """Show another instant."""
        self._instant = instant
        if self._review is None:
            return
        body, trail = self._review.body(instant), self._review.trail(instant)
        sides = np.tile(self._review.bone_sides, len(self._review.take.people))
        chosen = self._review.bone_person == self._person
        shade = self._ghost.body(instant) if self._ghost is not None else NOTHING.reshape(0, 2, 3)
        self._shade.setData(pos=_finite(shade))
        if self._follows and (middle := middle_of(self._review, self._person, instant)) is not None:
            self.opts["center"] = pg.Vector(*middle)
        for side in range(len(self._bones)):
            self._bones[side].setData(pos=_finite(body[chosen & (sides == side)]))
            self._others[side].setData(pos=_finite(body[~chosen & (sides == side)]))
            self._trails[side].setData(pos=_finite(trail[0][trail[1] == side]))
        joints = self._review.joints(instant)
        self._joints.setData(pos=joints[np.isfinite(joints).all(axis=-1)])

    def show_ghost(self, ghost: Ghost | None) -> None:
        """Show another run beside this one, in grey."""
        self._ghost = ghost
        self.show_instant(self._instant)

    def choose(self, person: int) -> None:
        """Draw one person more strongly, and follow that one."""
        self._person = person
        self.show_instant(self._instant)

    def follow(self, follows: bool) -> None:
        """Keep the chosen person in the middle, or stay where the eye is."""
        self._follows = follows
        self.show_instant(self._instant)

    def look(self, look: Look) -> None:
        """Look at the chosen person from a side."""
        if self._review is not None:
            azimuth, elevation = eye_of(self._review, self._person, self._instant, look)
            self.setCameraPosition(azimuth=azimuth, elevation=elevation)

    def set_colours(self, colours: SceneColours) -> None:
        """Take on a theme."""
        self._colours = colours
        self.setBackgroundColor(*colours.ground)
        self._floor.setData(color=_rgba(colours.floor))
        self._cameras.setData(color=_rgba(colours.camera))
        self._joints.setData(color=_rgba(colours.text))
        self._shade.setData(color=_rgba(colours.camera, 0.75))
        for side, colour in enumerate(colours.sides):
            self._bones[side].setData(color=_rgba(colour))
            self._others[side].setData(color=_rgba(colour, OTHERS))
            self._trails[side].setData(color=_rgba(colour, 0.55))
        for item in self._labels:
            item.setData(color=pg.mkColor(*colours.text))

    def show_parts(self, trails: bool, cameras: bool, floor: bool) -> None:
        """Show or hide what can be hidden."""
        self._floor.setVisible(floor)
        for item in (self._cameras, *self._labels):
            item.setVisible(cameras)
        for item in self._trails:
            item.setVisible(trails)


def _lines(width: float) -> gl.GLLinePlotItem:
    item = gl.GLLinePlotItem(pos=NOTHING, width=width, mode="lines", antialias=True)
    item.setGLOptions("translucent")
    return item


def _finite(pieces: FloatArray) -> FloatArray:
    """Ends (2M, 3) of the pieces that have both."""
    return pieces[np.isfinite(pieces).all(axis=(1, 2))].reshape(-1, 3)


def _rgba(colour: tuple[int, int, int], alpha: float = 1.0) -> tuple[float, float, float, float]:
    return colour[0] / 255, colour[1] / 255, colour[2] / 255, alpha
