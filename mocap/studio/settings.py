"""What a test film shall be like."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mocap.core.errors import InputError
from mocap.studio.motions import MOTIONS

CAMERAS_MIN, CAMERAS_MAX = 2, 16

# So many places are laid out in the room; more people would stand in each other.
PERSONS_MAX = 4


@dataclass(frozen=True)
class StudioSettings:
    """What to render.

    Attributes
    ----------
    motions : tuple of str
        One for each person, taken in turn where there are more persons.
    persons : int
        Bodies in the scene; they differ in shape, clothes and place.
    cameras : int
        Cameras around the volume, 2 to 16.
    size_wh : (int, int)
        Size of the pictures, px; even.
    fps : float
        Frames per second.
    seconds : float
        Length of the trial, s.
    seed : int
        Of everything that is drawn by chance: camera places, lenses, noise, dropped frames.
    offset_s : tuple of float
        Clock of each camera minus the common clock, s; empty for perfectly set clocks. A frame that its
        file stamps ``s`` shows the world at ``(s - offset) / rate``.
    rate : tuple of float
        Ticks of each camera's clock per tick of the common clock; empty for clocks that run true. 0.999 is a
        camera that takes 29.97 pictures a second and stamps them 30.
    noise_sigma : float
        Standard deviation of the noise of each pixel, in grey levels.
    dropped_share : float
        Share of frames that never reach the file; the others keep their true time stamps.
    distortion : (float, float, float, float, float)
        Lens distortion k1, k2, p1, p2, k3 of an average camera; each camera differs a little.
    charuco_seconds, charuco_fps : float
        Length and frame rate of the calibration sequence; 0 s for none.
    charuco_own_clocks : bool
        The calibration sequence runs by ``offset_s`` and ``rate`` as the trial does; else at common instants.
    flashes_s : tuple of float
        When a lamp goes on, on the common clock, s.
    exposure_swing : float
        Share by which each camera's automatic exposure drifts up and down.
    clap_s : float
        When hands clap, on the common clock, s.
    crf : int
        Constant rate factor of x264: smaller is better and bigger.
    """

    motions: tuple[str, ...] = ("sample",)
    persons: int = 1
    cameras: int = 4
    size_wh: tuple[int, int] = (640, 480)
    fps: float = 30.0
    seconds: float = 2.0
    seed: int = 1
    offset_s: tuple[float, ...] = ()
    rate: tuple[float, ...] = ()
    noise_sigma: float = 1.5
    dropped_share: float = 0.0
    distortion: tuple[float, float, float, float, float] = (-0.12, 0.05, 0.0006, -0.0004, 0.0)
    charuco_seconds: float = 6.0
    charuco_fps: float = 10.0
    charuco_own_clocks: bool = False
    flashes_s: tuple[float, ...] = ()
    exposure_swing: float = 0.0
    clap_s: float = 0.4
    crf: int = 24

    def __post_init__(self) -> None:
        unknown = [name for name in self.motions if name not in MOTIONS]
        _require(
            bool(self.motions) and not unknown, f"There is no motion {unknown}.", f"Choose of {sorted(MOTIONS)}."
        )
        _require(
            1 <= self.persons <= PERSONS_MAX,
            f"{self.persons} persons.",
            f"Choose from 1 to {PERSONS_MAX} persons.",
        )
        _require(
            CAMERAS_MIN <= self.cameras <= CAMERAS_MAX,
            f"{self.cameras} cameras.",
            f"Choose from {CAMERAS_MIN} to {CAMERAS_MAX} cameras.",
        )
        even = all(side >= 64 and side % 2 == 0 for side in self.size_wh)
        _require(even, f"Pictures of {self.size_wh} px.", "Width and height must be even and at least 64.")
        _require(
            self.fps > 0 and self.frames >= 2, "Less than two frames.", "Choose a longer film or a higher rate."
        )
        _require(
            self.charuco_seconds >= 0 and self.charuco_fps > 0,
            "The calibration sequence has no frames.",
            "Choose 0 s or more, and a frame rate above 0.",
        )
        _require(
            len(self.offset_s) in (0, self.cameras) and all(math.isfinite(offset) for offset in self.offset_s),
            f"{len(self.offset_s)} clock offsets for {self.cameras} cameras.",
            "Give one finite offset for each camera, or none.",
        )
        _require(
            len(self.rate) in (0, self.cameras) and all(0.5 <= rate <= 2.0 for rate in self.rate),
            f"Clock rates of {self.rate} for {self.cameras} cameras.",
            "Give one rate from 0.5 to 2 for each camera, or none.",
        )
        _require(0 <= self.noise_sigma <= 64, f"Noise of {self.noise_sigma} grey levels.", "Choose from 0 to 64.")
        _require(
            0 <= self.dropped_share <= 0.9, f"A dropped share of {self.dropped_share}.", "Choose from 0 to 0.9."
        )
        _require(self.clap_s >= 0, f"A clap at {self.clap_s} s.", "Choose a time from 0 s on.")
        _require(
            0.0 <= self.exposure_swing < 1.0 and all(math.isfinite(at) for at in self.flashes_s),
            f"An exposure that swings by {self.exposure_swing}, or a flash at no time.",
            "Choose a share from 0 to below 1, and finite times.",
        )
        lens = len(self.distortion) == 5 and all(math.isfinite(value) for value in self.distortion)
        _require(lens, f"A distortion of {self.distortion}.", "Give five finite numbers: k1, k2, p1, p2, k3.")
        _require(0 <= self.crf <= 51, f"A rate factor of {self.crf}.", "Choose from 0 to 51.")

    @property
    def frames(self) -> int:
        """Frames of the trial."""
        return round(self.seconds * self.fps)

    @property
    def trial(self) -> str:
        """Name of the trial's folder."""
        return "_".join(self.motions)

    def offset_of(self, camera: int) -> float:
        """Clock of a camera minus the common clock, s."""
        return self.offset_s[camera] if self.offset_s else 0.0

    def rate_of(self, camera: int) -> float:
        """Ticks of a camera's clock per tick of the common clock."""
        return self.rate[camera] if self.rate else 1.0


def _require(holds: bool, what: str, remedy: str) -> None:
    """Raise InputError unless a setting ``holds``."""
    if not holds:
        raise InputError(what, remedy)
