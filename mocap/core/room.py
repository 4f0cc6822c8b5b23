"""Floor and cameras as line pieces, for every picture of the room."""

from __future__ import annotations

import numpy as np

from calibration import CameraRig
from calibration.transforms import apply, invert
from mocap.core.types import FloatArray

# Lines of the floor are this far apart, m; the floor reaches this far beyond what happens on it.
FLOOR_STEP_M = 0.5
FLOOR_MARGIN_M = 1.0
# A floor larger than this, m, is a calibration gone astray, and would be drawn for ever.
FLOOR_LARGEST_M = 30.0
# A camera is drawn as a pyramid of this height, m: about a real one on its stand with its cone of view begun.
FRUSTUM_M = 0.35


def floor_lines(low: FloatArray, high: FloatArray) -> FloatArray:
    """Lines of the floor z = 0 under a box with corners (3,): (M, 2, 3), m."""
    ends = []
    for axis in (0, 1):
        first = np.floor((low[axis] - FLOOR_MARGIN_M) / FLOOR_STEP_M)
        last = np.ceil((high[axis] + FLOOR_MARGIN_M) / FLOOR_STEP_M)
        last = min(last, first + FLOOR_LARGEST_M / FLOOR_STEP_M)
        ends.append(np.arange(first, last + 1) * FLOOR_STEP_M)
    x, y = ends
    zeros_x, zeros_y = np.zeros_like(x), np.zeros_like(y)
    along_y = np.stack(
        [np.stack([x, zeros_x + y[0], zeros_x], axis=-1), np.stack([x, zeros_x + y[-1], zeros_x], axis=-1)], axis=1
    )
    along_x = np.stack(
        [np.stack([zeros_y + x[0], y, zeros_y], axis=-1), np.stack([zeros_y + x[-1], y, zeros_y], axis=-1)], axis=1
    )
    return np.concatenate([along_y, along_x])


def frusta(rig: CameraRig) -> FloatArray:
    """A pyramid for each camera, with a tick at the top of its picture: (C*10, 2, 3), m."""
    pieces = []
    for camera in rig.cameras:
        width, height = camera.intrinsics.size_wh
        K = camera.intrinsics.K
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=float)
        rays = np.concatenate([(corners - K[:2, 2]) / np.diag(K)[:2], np.ones((4, 1))], axis=1)
        # By the diagonal, so that wide and narrow lenses look equally large.
        rays *= FRUSTUM_M / np.linalg.norm(rays, axis=1).max()
        top = (rays[0] + rays[1]) / 2
        tip = top + 0.25 * (top - rays.mean(axis=0))
        edges = [(np.zeros(3), ray) for ray in rays]
        edges += [(rays[i], rays[(i + 1) % 4]) for i in range(4)]
        edges += [(rays[0] * 0.6 + rays[1] * 0.4, tip), (rays[0] * 0.4 + rays[1] * 0.6, tip)]
        pieces.append(apply(invert(camera.cam_from_world), np.array(edges).reshape(-1, 3)).reshape(-1, 2, 3))
    return np.concatenate(pieces)
