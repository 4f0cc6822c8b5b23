"""What stands in the room and does not move: floor and cameras, as line pieces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from mocap.core.room import floor_lines, frusta
from mocap.core.types import FloatArray
from mocap.gui.presenters.review.ghost import HIPS, Ghost
from mocap.gui.presenters.review.review import Review

Look = Literal["front", "side", "top", "corner"]
# Where the eye goes: degrees around from the way the person looks, and above the floor.
LOOKS: dict[Look, tuple[float, float]] = {
    "front": (0.0, 4.0),
    "side": (-90.0, 4.0),
    "top": (180.0, 88.0),
    "corner": (-35.0, 18.0),
}
# Instants that the room is laid out by: more would hold the window and move no corner.
MOST_INSTANTS = 1000
# People who are not chosen are drawn with this share of the colour.
OTHERS = 0.35


@dataclass(frozen=True)
class Room:
    """Line pieces (M, 2, 3), m.

    Attributes
    ----------
    centre : (3,)
        Where the eye looks.
    size : float
        How far things reach from there, m.
    labels : tuple of (name, (3,))
        Cameras and where they stand.
    """

    floor: FloatArray
    cameras: FloatArray
    centre: FloatArray
    size: float
    labels: tuple[tuple[str, FloatArray], ...]


class SceneView(Protocol):
    """Something that shows the room: a widget, whoever draws it."""

    notice: str

    def show_review(self, review: Review | None) -> None:
        """Show another run."""
        ...

    def update_review(self, review: Review) -> None:
        """Show another state of the same run; the eye stays."""
        ...

    def show_instant(self, instant: int) -> None:
        """Show another instant."""
        ...

    def set_colours(self, colours: SceneColours) -> None:
        """Take on a theme."""
        ...

    def show_parts(self, trails: bool, cameras: bool, floor: bool) -> None:
        """Show or hide what can be hidden."""
        ...

    def show_ghost(self, ghost: Ghost | None) -> None:
        """Show another run beside this one, in grey."""
        ...

    def choose(self, person: int) -> None:
        """Draw one person more strongly, and follow that one."""
        ...

    def follow(self, follows: bool) -> None:
        """Keep the chosen person in the middle, or stay where the eye is."""
        ...

    def look(self, look: Look) -> None:
        """Look at the chosen person from a side."""
        ...


@dataclass(frozen=True)
class SceneColours:
    """Colours of the scene as (r, g, b), 0 to 255; ``sides`` are left, right, middle."""

    ground: tuple[int, int, int]
    floor: tuple[int, int, int]
    camera: tuple[int, int, int]
    text: tuple[int, int, int]
    sides: tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]


def room_of(review: Review) -> Room:
    """Lay out the room of a run: the floor under its people."""
    xyz = review.take.points.xyz
    points = xyz[:: -(-len(xyz) // MOST_INSTANTS)].reshape(-1, 3)
    points = points[np.isfinite(points).all(axis=-1)]
    centres = np.stack([camera.centre for camera in review.rig.cameras])
    if not points.size:
        points = centres
    low, high = np.percentile(points, [1, 99], axis=0)
    centre = (low + high) / 2
    reach = max(1.0, float(np.linalg.norm(high - low)) / 2)
    labels = tuple((camera.name, camera.centre) for camera in review.rig.cameras)
    return Room(floor_lines(low, high), frusta(review.rig), centre, reach, labels)


def facing_deg(review: Review, person: int, instant: int) -> float:
    """Which way a person looks at an instant, degrees around the vertical from x; 0 where nobody knows."""
    names = review.take.points.skeleton.keypoints
    if any(name not in names for name in HIPS):
        return 0.0
    left, right = (review.take.points.xyz[instant, person, names.index(name)] for name in HIPS)
    across = left - right
    # Ahead is the left side turned by a quarter clockwise, seen from above.
    ahead = np.array([across[1], -across[0]])
    return float(np.degrees(np.arctan2(ahead[1], ahead[0]))) if np.isfinite(ahead).all() else 0.0


def eye_of(review: Review, person: int, instant: int, look: Look) -> tuple[float, float]:
    """Azimuth and elevation of the eye that looks at a person from a side, degrees."""
    around, above = LOOKS[look]
    return facing_deg(review, person, instant) + around, above


def middle_of(review: Review, person: int, instant: int) -> FloatArray | None:
    """Where a person is (3,), m; None where nobody knows."""
    points = review.take.points.xyz[instant, person][review.drawn]
    points = points[np.isfinite(points).all(axis=-1)]
    return np.asarray(np.median(points, axis=0)) if len(points) else None
