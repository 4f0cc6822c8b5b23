"""A rig in its room: cameras, places of the board, floor and axes; drawn by the processor, as nothing moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF

from calibration import CameraRig
from mocap.core.room import floor_lines, frusta
from mocap.core.types import FloatArray
from mocap.gui.presenters.calibrate.seen import Seen
from mocap.gui.scene.orbit import Orbit
from mocap.gui.scene.orbiting import OrbitWidget
from mocap.gui.views.theme import GREEN, SKY, VERMILLION, Theme, rgb

Colour = tuple[int, int, int]

# The eye is this many times as far from the middle as things reach.
DISTANCE_PER_REACH = 2.1
# More boards than this hide each other; evenly spread ones are drawn.
MOST_BOARDS = 160
AXIS_SHARE = 0.35  # of how far things reach
# The name of an axis lies upon its end, not beside it.
AXIS_NAME_OFF_PX = (-3.0, 4.0)
AXES = (VERMILLION, GREEN, SKY)
PICK_PX = 30.0
# A press and release nearer than this, px, is a click and no turn.
CLICK_PX = 4.0
# Pieces of a camera's pyramid, as ``frusta`` makes them.
PIECES = 10


@dataclass(frozen=True)
class RoomContent:
    """What is to be seen.

    Attributes
    ----------
    ghost : CameraRig or None
        Cameras as they stood before.
    chosen : tuple of int
        Instants whose boards are marked.
    levels : tuple of str
        good, care or poor of each camera.
    camera : str
        The one that is marked.
    points : (N, 3) or None
        Places that were clicked.
    """

    rig: CameraRig
    seen: Seen | None = None
    ghost: CameraRig | None = None
    chosen: tuple[int, ...] = ()
    camera: str = ""
    levels: tuple[str, ...] = ()
    points: FloatArray | None = None


def shades(error_px: FloatArray, low: Colour, high: Colour) -> NDArray[np.int64]:
    """Colours (T, 3) from ``low`` to ``high`` by error (T,): the full one at three times the median."""
    known = error_px[np.isfinite(error_px)]
    most = 3.0 * float(np.median(known)) if known.size else 1.0
    share = np.clip(np.nan_to_num(error_px, nan=0.0) / max(most, 1e-9), 0.0, 1.0)[:, None]
    return np.asarray(np.round((1 - share) * np.array(low) + share * np.array(high)), dtype=np.int64)


class RigRoom(OrbitWidget):
    """Drag turns, the wheel zooms, the right button shifts; a click on a board picks its instant."""

    picked = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__("Cameras in the room")
        self.setMinimumSize(240, 180)
        self._theme, self._content = theme, None  # type: tuple[Theme, RoomContent | None]
        self._shape: tuple[object, ...] = ()
        self._pressed = QPointF()
        self._boards = self._floor = True

    @property
    def content(self) -> RoomContent | None:
        """What is shown."""
        return self._content

    def show_content(self, content: RoomContent | None) -> None:
        """Show something else; the eye stays where it is while the rig is the same one."""
        self._content = content
        if content is not None:
            shape = (content.rig.names, round(_reach(content)[1], 2))
            if shape != self._shape:
                self._shape = shape
                centre, reach = _reach(content)
                self.orbit = Orbit(centre, DISTANCE_PER_REACH * reach, 40.0, 24.0)
        self.update()

    def look_again(self) -> None:
        """Bring everything back into view."""
        self._shape = ()
        self.show_content(self._content)

    def show_parts(self, boards: bool, floor: bool) -> None:
        """Show or hide what can be hidden."""
        self._boards, self._floor = boards, floor
        self.update()

    def set_theme(self, theme: Theme) -> None:
        """Take on other colours."""
        self._theme = theme
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the room."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self._theme.window))
        if self._content is not None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._draw(painter, self._content)
        painter.end()

    def _draw(self, painter: QPainter, content: RoomContent) -> None:
        theme = self._theme
        if self._floor:
            low, high = _box(content)
            self.pieces(painter, floor_lines(low, high), rgb(theme.line), 1.0)
        if content.seen is not None and self._boards:
            self._draw_boards(painter, content, content.seen)
        if content.ghost is not None:
            self.pieces(painter, frusta(content.ghost), rgb(theme.care), 1.6, 200, Qt.PenStyle.DashLine)
            self._draw_moves(painter, content.rig, content.ghost)
        pieces = frusta(content.rig).reshape(-1, PIECES, 2, 3)
        for index, camera in enumerate(content.rig.cameras):
            level = content.levels[index] if index < len(content.levels) else "good"
            colour = rgb(theme.text if level == "good" else getattr(theme, level))
            chosen = camera.name == content.camera
            self.pieces(painter, pieces[index], rgb(theme.accent) if chosen else colour, 2.6 if chosen else 1.6)
        if content.points is not None:
            self._draw_points(painter, content.points)
        self._draw_axes(painter, content)
        for index, camera in enumerate(content.rig.cameras):
            # Beside the top of its pyramid, not across it.
            self.words(painter, camera.name, pieces[index, -1, -1], rgb(theme.text))

    def _draw_boards(self, painter: QPainter, content: RoomContent, seen: Seen) -> None:
        """Boards as sheets of glass, the far ones first, coloured by how badly they fit."""
        count = len(seen.world_from_board)
        if not count:
            return
        some = np.linspace(0, count - 1, min(count, MOST_BOARDS)).round().astype(int)
        shown = np.union1d(some, np.array(content.chosen, dtype=int)).astype(int)
        sheets = seen.outline()[shown]
        colours = shades(seen.error_px, self._theme.sides[0], self._theme.sides[1])[shown]
        xy, valid = self.project(sheets)
        depth = (sheets.mean(axis=1) - self.orbit.centre) @ self.orbit.axes()[2]
        for i in np.argsort(-depth):
            if not valid[i].all():
                continue
            chosen = int(shown[i]) in content.chosen
            colour = QColor(*colours[i].tolist())
            fill = QColor(self._theme.accent) if chosen else QColor(colour)
            fill.setAlpha(150 if chosen else 34)
            colour.setAlpha(255 if chosen else 170)
            painter.setBrush(fill)
            painter.setPen(QPen(QColor(self._theme.text) if chosen else colour, 2.0 if chosen else 1.0))
            painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in xy[i]]))
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _draw_moves(self, painter: QPainter, rig: CameraRig, ghost: CameraRig) -> None:
        before = {camera.name: camera.centre for camera in ghost.cameras}
        moves = [(before[c.name], c.centre) for c in rig.cameras if c.name in before]
        self.pieces(painter, np.array(moves).reshape(-1, 2, 3), rgb(self._theme.poor), 2.4)

    def _draw_axes(self, painter: QPainter, content: RoomContent) -> None:
        long = AXIS_SHARE * _reach(content)[1]
        for name, axis, colour in zip("xyz", np.eye(3), AXES, strict=True):
            self.pieces(painter, np.stack([np.zeros(3), long * axis])[None], colour, 2.6)
            self.words(painter, name, 1.12 * long * axis, colour, AXIS_NAME_OFF_PX)

    def _draw_points(self, painter: QPainter, points: FloatArray) -> None:
        xy, valid = self.project(points)
        painter.setPen(QPen(QColor(self._theme.window), 1.5))
        painter.setBrush(QColor(self._theme.accent))
        for number, (x, y) in enumerate(xy):
            if valid[number]:
                painter.drawEllipse(QPointF(x, y), 5, 5)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to turn, or a click."""
        super().mousePressEvent(event)
        self._pressed = event.position()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A click picks a board."""
        moved = event.position() - self._pressed
        content = self._content
        if moved.manhattanLength() > CLICK_PX or content is None or content.seen is None or not self._boards:
            return
        xy, valid = self.project(content.seen.outline().mean(axis=1))
        place = np.array([event.position().x(), event.position().y()])
        off = np.where(valid, np.linalg.norm(xy - place, axis=1), np.inf)
        if off.size and off.min() < PICK_PX:
            self.picked.emit(int(np.argmin(off)))


def _things(content: RoomContent) -> FloatArray:
    centres = [camera.centre for camera in content.rig.cameras]
    things = [np.array(centres)]
    if content.seen is not None and len(content.seen.world_from_board):
        places = content.seen.world_from_board[:, :3, 3]
        things.append(np.percentile(places, [2, 98], axis=0))
    return np.concatenate(things)


def _box(content: RoomContent) -> tuple[FloatArray, FloatArray]:
    things = np.concatenate([_things(content), np.zeros((1, 3))])
    return things.min(axis=0), things.max(axis=0)


def _reach(content: RoomContent) -> tuple[FloatArray, float]:
    things = _things(content)
    low, high = things.min(axis=0), things.max(axis=0)
    return (low + high) / 2, max(0.6, float(np.linalg.norm(high - low)) / 2)
