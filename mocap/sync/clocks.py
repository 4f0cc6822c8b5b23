"""What is known of the cameras' clocks, and how statements about pairs of them become one answer.

A camera that started on its own shows at a time ``t`` of its clock what happened at ``(t - offset) / rate`` on the
common clock. Every method (sound, light, motion ...) says of pairs of cameras how far their clocks are apart, and
how sure it is; all statements are joined by weighted least squares.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mocap.core.types import FloatArray

Method = Literal["by hand", "board", "geometry", "light", "motion", "sound", "timecode"]


@dataclass(frozen=True)
class Link:
    """What one method says about the clocks of two cameras.

    Attributes
    ----------
    method : str
    first, second : str
        Cameras.
    at_s : float
        Instant that the offset is of, on the first camera's clock, s; there its error is independent of the
        drift's.
    offset_s : float
        Clock of the second minus clock of the first, s.
    sigma_s : float
        Its standard error, s.
    drift : float
        Ticks that the second gains per tick of the first; NaN where the method cannot tell.
    drift_sigma : float
        Its standard error; NaN where there is no drift.
    basis : str
        What it rests on, in words.
    """

    method: Method
    first: str
    second: str
    at_s: float
    offset_s: float
    sigma_s: float
    drift: float = math.nan
    drift_sigma: float = math.nan
    basis: str = ""

    @property
    def has_drift(self) -> bool:
        """Whether the method could tell how the clocks drift apart."""
        return math.isfinite(self.drift)


@dataclass(frozen=True)
class Silence:
    """A method that could not tell about a camera or a pair, and why, in a sentence."""

    method: Method
    cameras: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Clocks:
    """The clocks of all cameras against the common clock, which is the first camera's.

    Attributes
    ----------
    cameras : tuple of str
    offset_s : (C,)
        Clock of the camera when the common clock shows 0, s.
    rate : (C,)
        Ticks of the camera's clock per tick of the common clock.
    at_s : (C,)
        Instant of the common clock at which the camera's time is known best, s.
    sigma_s : (C,)
        Standard error of the camera's time at that instant, s.
    rate_sigma : (C,)
        Standard error of the rate.
    """

    cameras: tuple[str, ...]
    offset_s: FloatArray
    rate: FloatArray
    at_s: FloatArray
    sigma_s: FloatArray
    rate_sigma: FloatArray

    def __post_init__(self) -> None:
        for name in ("offset_s", "rate", "at_s", "sigma_s", "rate_sigma"):
            if getattr(self, name).shape != (len(self.cameras),):
                raise ValueError(f"Clocks.{name} has shape {getattr(self, name).shape} for {self.cameras}")

    def to_common(self, camera: int, t_s: FloatArray) -> FloatArray:
        """Bring times of a camera's clock to the common clock."""
        return np.asarray((t_s - self.offset_s[camera]) / self.rate[camera])

    def from_common(self, camera: int, t_s: FloatArray) -> FloatArray:
        """Bring times of the common clock to a camera's."""
        return np.asarray(self.offset_s[camera] + self.rate[camera] * t_s)

    def sigma_at(self, camera: int, t_s: FloatArray) -> FloatArray:
        """Standard error of a camera's time at instants of the common clock, s."""
        return np.asarray(np.hypot(self.sigma_s[camera], self.rate_sigma[camera] * (t_s - self.at_s[camera])))
