"""The body in the room while it moves: lines painted by Qt, quick enough for any machine."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent

from calibration import CameraRig
from mocap.core.room import floor_lines, frusta
from mocap.core.types import FloatArray
from mocap.gui.scene.content import SceneColours
from mocap.gui.scene.orbit import Orbit
from mocap.gui.scene.orbiting import OrbitWidget

# The eye is so many times as far from the middle as the cameras reach.
DISTANCE_PER_REACH = 1.35
# A person fills the view from here, m, where no room is known.
USUAL_DISTANCE_M = 5.0
# The head of a standing person is about here, m: what the eye looks at lies halfway.
MIDDLE_HEIGHT_M = 0.9
# No room is shown farther than this, m: a calibration gone astray.
FARTHEST_M = 15.0


class CaptureScene(OrbitWidget):
    """The body, the floor and the cameras."""

    def __init__(self, colours: SceneColours) -> None:
        super().__init__("Body in 3D")
        self._colours = colours
        self.orbit = self._whole = Orbit(np.array([0.0, 0.0, MIDDLE_HEIGHT_M]), USUAL_DISTANCE_M)
        self._floor, self._cameras = np.zeros((0, 2, 3)), np.zeros((0, 2, 3))
        self._labels: tuple[tuple[str, FloatArray], ...] = ()
        self._bones, self._sides = np.zeros((0, 2, 3)), np.zeros(0)
        self._words = ""

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
        self.orbit = self._whole = Orbit(middle, DISTANCE_PER_REACH * reach)
        self.update()

    def look_again(self) -> None:
        """Show the whole room again."""
        self.orbit = self._whole

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
        self.pieces(painter, self._floor, colours.floor, 1.0)
        self.pieces(painter, self._cameras, colours.camera, 1.3)
        for name, place in self._labels:
            self.words(painter, name, place, colours.text)
        for side, colour in enumerate(colours.sides):
            self.pieces(painter, self._bones[self._sides == side], colour, 5.0)
        self.dots(painter, self._bones.reshape(-1, 3), colours.text, 2.6)
        if self._words:
            painter.setPen(QColor(*colours.camera))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._words)
        painter.end()


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
