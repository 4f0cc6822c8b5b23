"""Epipolar guides: where in the other views a place in one view must lie."""

from __future__ import annotations

import numpy as np

from calibration import CameraRig
from calibration.transforms import apply, invert
from mocap.core.types import FloatArray

# Depths along the ray, m, in equal ratios: from a hand before the lens to the far end of a large hall. Enough of
# them that a line bent by a lens is drawn smooth.
NEAREST_M, FARTHEST_M, SAMPLES = 0.3, 60.0, 240
# The line goes on this far beyond a picture, as a share of its size: pieces that leave it end outside.
BEYOND = 0.2


def guides(rig: CameraRig, camera: int, xy: tuple[float, float]) -> FloatArray:
    """The ray of a place in one picture, as all others see it.

    The ray's points are projected one by one, so that the guide bends as lenses do.

    Parameters
    ----------
    xy : (float, float)
        px.

    Returns
    -------
    (C, S, 2)
        px; NaN outside a picture, behind a camera, and in the view itself.
    """
    own = rig.cameras[camera]
    ray = own.intrinsics.undistort(np.array(xy))
    depth = np.geomspace(NEAREST_M, FARTHEST_M, SAMPLES)
    points = apply(invert(own.cam_from_world), np.array([ray[0], ray[1], 1.0]) * depth[:, None])
    out = np.full((len(rig.cameras), SAMPLES, 2), np.nan)
    for c, other in enumerate(rig.cameras):
        if c != camera:
            seen, _ = other.project(points)
            size = np.array(other.intrinsics.size_wh, dtype=np.float64)
            near = np.asarray(((seen > -BEYOND * size) & (seen < (1.0 + BEYOND) * size)).all(axis=-1))
            out[c] = np.where(near[:, None], seen, np.nan)
    return out
