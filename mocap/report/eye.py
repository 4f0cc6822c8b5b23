"""Where the eye of a turntable goes: around the bodies, at a distance that keeps all of them in the picture."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from mocap.core.errors import ExportError
from mocap.core.types import FloatArray, IntArray, Points3D

# More pictures a second than this are not seen in a film that turns slowly, and take twice as long.
FASTEST_HZ = 30.0
# A turn in less than this, s, makes the viewer dizzy; a shorter motion is repeated.
SHORTEST_TURN_S = 6.0
# From a little above, as somebody who stands in the room sees a body.
ABOVE_RAD = np.radians(14.0)
# The lens's angle of view over the shorter side; near to that of a portrait, so that limbs are not distorted.
VIEW_RAD = np.radians(35.0)
# Room around the body in the picture.
AIR = 1.12
# The eye follows the body's middle smoothed over this, s, so that steps do not shake the picture.
CALM_S = 1.0
ENDS = ((np.min, np.inf), (np.max, -np.inf))
HIPS = ("left_hip", "right_hip")


@dataclass(frozen=True)
class TurntableFilm:
    """What the film is to be.

    Attributes
    ----------
    size_wh : (int, int)
        px; even, as H.264 demands.
    seconds : float or None
        How long it lasts, and the turn takes; the motion is cut or begins again. None: as long as the motion.
    trails, cameras : bool
        Whether the paths of hands and feet, and the cameras, are drawn.
    """

    size_wh: tuple[int, int] = (1280, 720)
    seconds: float | None = None
    trails: bool = False
    cameras: bool = True

    def __post_init__(self) -> None:
        if min(self.size_wh) < 2 or any(side % 2 for side in self.size_wh):
            raise ExportError(
                "The video's sides must be even numbers of pixels.", "Choose 1280 x 720, for example."
            )
        if self.seconds is not None and not self.seconds > 0.0:
            raise ExportError("The video's length must be more than nothing.", "Give a number of seconds.")


@dataclass(frozen=True)
class Eye:
    """Where the picture is taken from.

    Attributes
    ----------
    target : (3,)
        What is in its middle, m.
    distance : float
        m.
    azimuth : float
        Around the vertical, rad.
    """

    target: FloatArray
    distance: float
    azimuth: float

    @property
    def cam_from_world(self) -> FloatArray:
        """Rigid transform (4, 4) into a camera that looks along z with y down, m."""
        ahead = -np.array(
            [
                np.cos(ABOVE_RAD) * np.cos(self.azimuth),
                np.cos(ABOVE_RAD) * np.sin(self.azimuth),
                np.sin(ABOVE_RAD),
            ]
        )
        right = np.cross(ahead, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        made = np.eye(4)
        made[:3, :3] = np.stack([right, np.cross(ahead, right), ahead])
        made[:3, 3] = -made[:3, :3] @ (self.target - self.distance * ahead)
        return made


def framed(xyz: FloatArray, calm: int) -> tuple[FloatArray, float]:
    """Where the eye looks at each instant (T, 3), and how far bodies reach from there, m.

    Parameters
    ----------
    xyz : (T, N, K, 3)
    calm : int
        Instants over which the middle is smoothed.

    Raises
    ------
    ExportError
        If nobody is there at any time.
    """
    low, high = (ends(np.where(np.isfinite(xyz), xyz, lost), axis=(1, 2)) for ends, lost in ENDS)
    with np.errstate(invalid="ignore"):  # nobody there: infinite both ways
        middle = (low + high) / 2
    known = np.isfinite(middle).all(axis=1)
    if not known.any():
        raise ExportError("Nobody was seen in this take.", "Choose another run.")
    every = np.arange(len(middle))
    middle = np.stack([np.interp(every, every[known], middle[known, axis]) for axis in range(3)], axis=1)
    half = max(0, calm // 2)
    padded = np.pad(middle, ((half, half), (0, 0)), mode="edge")
    sums = np.cumsum(np.concatenate([np.zeros((1, 3)), padded]), axis=0)
    target = (sums[2 * half + 1 :] - sums[: -(2 * half + 1)]) / (2 * half + 1)
    apart = np.linalg.norm(xyz - target[:, None, None], axis=-1)
    # Single points that fly away must not make the body small.
    return target, float(np.nanpercentile(apart, 99.5))


def facing(points: Points3D) -> float:
    """Azimuth of an eye that sees the first body half from ahead, rad; 0 where nobody knows its hips."""
    names = points.skeleton.keypoints
    if any(name not in names for name in HIPS):
        return 0.0
    across = points.xyz[:, 0, names.index(HIPS[0])] - points.xyz[:, 0, names.index(HIPS[1])]
    across = across[np.isfinite(across).all(axis=1)]
    if not len(across):
        return 0.0
    # Ahead is the left side turned by a quarter clockwise, seen from above.
    return float(np.arctan2(-across[0, 0], across[0, 1])) - float(np.radians(30.0))


def nearest_instant(t_s: FloatArray, at_s: float) -> int:
    """Index of the instant nearest to ``at_s``, s from the first."""
    return int(np.argmin(np.abs(t_s - t_s[0] - at_s)))


def film_instants(t_s: FloatArray, seconds: float | None) -> tuple[IntArray, Fraction]:
    """Which instant each picture of a film shows, and its pictures a second: real time, begun again at the end.

    Parameters
    ----------
    t_s : (T,)
        s.
    seconds : float or None
        Length of the film; None: the motion's, and if that is short as many times as make ``SHORTEST_TURN_S``.
    """
    step = float(np.median(np.diff(t_s))) if len(t_s) > 1 else 1.0 / FASTEST_HZ
    every = max(1, round(1.0 / (step * FASTEST_HZ)))
    rate = Fraction(1.0 / (step * every)).limit_denominator(1001)
    shown = np.arange(0, len(t_s), every, dtype=np.int64)
    if seconds is None:
        return np.tile(shown, max(1, int(np.ceil(SHORTEST_TURN_S * float(rate) / len(shown))))), rate
    return shown[np.arange(max(1, round(seconds * float(rate)))) % len(shown)], rate
