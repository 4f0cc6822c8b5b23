"""The body in the room while it moves: lines painted by Qt, quick enough for any machine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QWidget

from calibration import CameraRig
from mocap.core.types import FloatArray
from mocap.gui.scene.content import SceneColours, floor_lines, frusta
from mocap.gui.scene.orbit import Orbit
from mocap.gui.views.painting import lines
from mocap.gui.views.parts import named

# The eye is so many times as far from the middle as the cameras reach.
DISTANCE_PER_REACH = 1.35
# A person fills the view from here, m, where no room is known.
USUAL_DISTANCE_M = 5.0
KEY_TURN_PX = 20
# The head of a standing person is about here, m: what the eye looks at lies halfway.
MIDDLE_HEIGHT_M = 0.9
# No room is shown farther than this, m: a calibration gone astray.
FARTHEST_M = 15.0


class CaptureScene(QWidget):
    """Drag turns, the wheel zooms, arrow keys with Alt turn."""

    def __init__(self, colours: SceneColours) -> None:
        super().__init__()
        named(self, "Body in 3D", "Drag to turn, scroll to zoom")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(200, 160)
        self._colours = colours
        self._orbit = Orbit(np.array([0.0, 0.0, MIDDLE_HEIGHT_M]), USUAL_DISTANCE_M)
        self._floor, self._cameras = np.zeros((0, 2, 3)), np.zeros((0, 2, 3))
        self._labels: tuple[tuple[str, FloatArray], ...] = ()
        self._bones, self._sides = np.zeros((0, 2, 3)), np.zeros(0)
        self._words = ""
        self._dragged: QPointF | None = None

    def show_rig(self, rig: CameraRig | None) -> None:
        """Show the room of a calibration."""
        if rig is None:
            return
        centres = np.stack([camera.centre for camera in rig.cameras])
        # Where the cameras look together is where people move.
        middle = _looked_at(rig)
        reach = min(FARTHEST_M, float(np.linalg.norm(centres - middle, axis=1).max()))
        self._floor = floor_lines(middle - reach / 2, middle + reach / 2)
        self._cameras = frusta(rig)
        self._labels = tuple((camera.name, camera.centre) for camera in rig.cameras)
        self._orbit = Orbit(middle, DISTANCE_PER_REACH * reach)
        self.update()

    def show_body(self, bones: FloatArray, sides: FloatArray, words: str) -> None:
        """Show bones (M, 2, 3), m, or words where there are none."""
        self._bones, self._sides, self._words = bones, sides, words
        self.update()

    def set_colours(self, colours: SceneColours) -> None:
        """Take on a theme."""
        self._colours = colours
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the room and who is in it."""
        colours = self._colours
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(*colours.ground))
        self._pieces(painter, self._floor, colours.floor, 1.0)
        self._pieces(painter, self._cameras, colours.camera, 1.3)
        painter.setPen(QColor(*colours.text))
        for name, place in self._labels:
            xy, valid = self._project(place)
            if valid:
                painter.drawText(QPointF(xy[0] + 8, xy[1] - 6), name)
        for side, colour in enumerate(colours.sides):
            self._pieces(painter, self._bones[self._sides == side], colour, 5.0)
        ends, valid = self._project(self._bones.reshape(-1, 3))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(*colours.text))
        for x, y in ends[valid].tolist():
            painter.drawEllipse(QPointF(x, y), 2.6, 2.6)
        if self._words:
            painter.setPen(QColor(*colours.camera))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._words)
        painter.end()

    def _project(self, points: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        return self._orbit.project(points, (self.width(), self.height()))

    def _pieces(self, painter: QPainter, pieces: FloatArray, colour: tuple[int, int, int], width: float) -> None:
        xy, valid = self._project(pieces)
        pen = QPen(QColor(*colour), width)
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
        """Turn by keys."""
        turns = {
            Qt.Key.Key_Left: (KEY_TURN_PX, 0),
            Qt.Key.Key_Right: (-KEY_TURN_PX, 0),
            Qt.Key.Key_Up: (0, KEY_TURN_PX),
            Qt.Key.Key_Down: (0, -KEY_TURN_PX),
        }
        key = Qt.Key(event.key())
        if event.modifiers() & Qt.KeyboardModifier.AltModifier and key in turns:
            self._orbit = self._orbit.turned(*turns[key])
            self.update()
        else:
            super().keyPressEvent(event)


def _looked_at(rig: CameraRig) -> FloatArray:
    """The point nearest to the axes of all cameras, at half a person's height (3,), m.

    Least squares over the distances to lines: sum of (I - d d') (x - c) = 0.
    """
    centres = np.stack([camera.centre for camera in rig.cameras])
    axes = np.stack([camera.cam_from_world[2, :3] for camera in rig.cameras])
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    middle = np.linalg.lstsq(across.sum(axis=0), (across @ centres[:, :, None]).sum(axis=0)[:, 0], rcond=None)[0]
    if not np.isfinite(middle).all() or np.linalg.norm(middle - centres.mean(axis=0)) > FARTHEST_M:
        middle = centres.mean(axis=0)
    return np.array([middle[0], middle[1], MIDDLE_HEIGHT_M])
