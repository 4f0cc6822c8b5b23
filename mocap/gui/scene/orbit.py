"""An eye that circles a point: the camera of the software view, and its keys and mouse."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mocap.core.types import FloatArray

# Half of the angle of view, as a tangent: 50 degrees across the shorter side shows a room without bending it.
HALF_VIEW = float(np.tan(np.radians(25.0)))
NEAREST_M = 0.05
# The eye does not go over the pole, where left and right would swap.
STEEPEST_DEG = 89.0
DEGREES_PER_PX = 0.4
ZOOM_PER_STEP = 0.85


@dataclass(frozen=True)
class Orbit:
    """Where the eye is: degrees around and above ``centre`` (3,), at a distance in m."""

    centre: FloatArray
    distance: float = 5.0
    azimuth: float = 45.0
    elevation: float = 18.0

    def turned(self, dx_px: float, dy_px: float) -> Orbit:
        """Turn as the mouse drags the room."""
        up = float(np.clip(self.elevation + dy_px * DEGREES_PER_PX, -STEEPEST_DEG, STEEPEST_DEG))
        return replace(self, azimuth=self.azimuth - dx_px * DEGREES_PER_PX, elevation=up)

    def zoomed(self, steps: float) -> Orbit:
        """Come nearer by steps of the wheel."""
        return replace(self, distance=float(np.clip(self.distance * ZOOM_PER_STEP**steps, 0.3, 200.0)))

    def axes(self) -> FloatArray:
        """Right, down and forward of the eye in the world (3, 3)."""
        azimuth, elevation = np.radians(self.azimuth), np.radians(self.elevation)
        away = np.array(
            [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
        )
        right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
        return np.stack([right, np.cross(-away, right), -away])

    def project(self, points: FloatArray, size_wh: tuple[int, int]) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Map points (..., 3) in m to the widget (..., 2) in px, and whether they are before the eye (...)."""
        axes = self.axes()
        eye = self.centre - axes[2] * self.distance
        local = (points - eye) @ axes.T
        valid = np.isfinite(local).all(axis=-1) & (local[..., 2] > NEAREST_M)
        depth = np.where(valid, local[..., 2], 1.0)
        scale = min(size_wh) / 2 / HALF_VIEW
        xy = local[..., :2] / depth[..., None] * scale + np.array(size_wh) / 2
        return xy, valid
