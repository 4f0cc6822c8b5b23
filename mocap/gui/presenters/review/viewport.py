"""Where a picture lies in its view: zoomed, moved and turned by quarters, exactly and there and back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mocap.core.types import FloatArray

# A pixel as large as a thumb is enough to set a joint by.
MOST_ZOOM = 40.0
# What a turn by quarters, clockwise, does to directions in the picture (x to the right, y down).
QUARTERS = np.array([[[1, 0], [0, 1]], [[0, -1], [1, 0]], [[-1, 0], [0, -1]], [[0, 1], [-1, 0]]], dtype=np.float64)


@dataclass(frozen=True)
class Viewport:
    """A picture in a widget. Pixel centres lie at integers in the data, so the picture begins at -0.5.

    Attributes
    ----------
    picture_wh, widget_wh : (float, float)
        px of the video, and of the screen.
    zoom : float
        1 shows the whole picture.
    middle : (float, float) or None
        Place in the picture that is shown in the middle of the widget, px; its own middle if None.
    turns : int
        Quarters, clockwise.
    """

    picture_wh: tuple[float, float]
    widget_wh: tuple[float, float]
    zoom: float = 1.0
    middle: tuple[float, float] | None = None
    turns: int = 0

    @property
    def scale(self) -> float:
        """Pixels of the screen per pixel of the video."""
        wide, high = self.picture_wh if self.turns % 2 == 0 else self.picture_wh[::-1]
        return self.zoom * min(self.widget_wh[0] / wide, self.widget_wh[1] / high)

    @property
    def whole(self) -> bool:
        """Whether the whole picture is shown."""
        return self.zoom == 1.0 and self.middle is None

    def to_widget(self, xy: FloatArray) -> FloatArray:
        """Places in the widget of places (..., 2) in the picture."""
        return np.asarray(self.scale * (xy - self._at()) @ self._turn().T + np.array(self.widget_wh) / 2.0)

    def to_picture(self, place: FloatArray) -> FloatArray:
        """Places in the picture of places (..., 2) in the widget."""
        return np.asarray((place - np.array(self.widget_wh) / 2.0) / self.scale @ self._turn() + self._at())

    def resized(self, width: float, height: float) -> Viewport:
        """The same in a widget of another size."""
        return replace(self, widget_wh=(max(1.0, width), max(1.0, height)))

    def zoomed(self, factor: float, place: FloatArray) -> Viewport:
        """Closer or farther, around a place (2,) in the widget, which stays where it is."""
        zoom = float(np.clip(self.zoom * factor, 1.0, MOST_ZOOM))
        if zoom == 1.0:
            return self.reset()
        fixed, scale = self.to_picture(place), self.scale * zoom / self.zoom
        middle = fixed - (place - np.array(self.widget_wh) / 2.0) / scale @ self._turn()
        return replace(self, zoom=zoom)._kept(middle)

    def moved(self, by: FloatArray) -> Viewport:
        """Drag the picture by (2,) px of the screen; the whole picture stays where it is."""
        if self.zoom == 1.0:
            return self
        return self._kept(self._at() - by / self.scale @ self._turn())

    def turned(self, quarters: int = 1) -> Viewport:
        """Turn the picture, clockwise."""
        return replace(self, turns=(self.turns + quarters) % 4)

    def reset(self) -> Viewport:
        """The whole picture, turned as it is."""
        return replace(self, zoom=1.0, middle=None)

    def _kept(self, middle: FloatArray) -> Viewport:
        """With a middle that lies in the picture."""
        x, y = np.clip(middle, -0.5, np.array(self.picture_wh) - 0.5).tolist()
        return replace(self, middle=(x, y))

    def _at(self) -> FloatArray:
        if self.middle is not None:
            return np.array(self.middle)
        return (np.array(self.picture_wh) - 1.0) / 2.0

    def _turn(self) -> FloatArray:
        return np.asarray(QUARTERS[self.turns % 4])
