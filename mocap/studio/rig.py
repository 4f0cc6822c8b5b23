"""Where the cameras of the studio stand."""

from __future__ import annotations

import numpy as np

from calibration.camera import Camera, CameraRig, Intrinsics
from calibration.transforms import from_rotation
from mocap.core.types import FloatArray
from mocap.studio.settings import StudioSettings

# Distance of the cameras from the middle of the volume, and their heights, m: high and low in turn.
RADIUS_M = (3.6, 4.1)
HEIGHTS_M = (1.45, 2.15, 1.2, 1.9)
LOOK_AT_M = (0.0, 0.0, 0.98)

# Few cameras stand side by side, this far apart, rather than face to face: opposite views share no depth
# and no side of a calibration board.
AZIMUTH_STEP_RAD = 0.5 * np.pi

# Focal length over the width of a 4:3 picture: about 51 degrees across, as of a phone held flat. Other shapes
# of picture have the field of the largest 4:3 picture inside them, so that a body never loses its feet.
FOCAL_PER_WIDTH = 1.06

# Several people need a wider field.
WIDER_FOR_PEOPLE = 0.82


def azimuth_at(turn: FloatArray, cameras: int) -> FloatArray:
    """Direction of a place around the volume, rad; camera k stands near turn k + 1/2."""
    return np.asarray(min(2.0 * np.pi / cameras, AZIMUTH_STEP_RAD) * turn - 0.5 * np.pi)


def make_rig(settings: StudioSettings) -> CameraRig:
    """Stand the cameras around the volume; the same settings give the same rig."""
    rng = np.random.default_rng([settings.seed, 1])
    cameras = []
    for index in range(settings.cameras):
        azimuth = float(azimuth_at(np.array(index + 0.5), settings.cameras)) + rng.uniform(-0.15, 0.15)
        radius = rng.uniform(*RADIUS_M)
        height = HEIGHTS_M[index % len(HEIGHTS_M)] + rng.uniform(-0.1, 0.1)
        eye = np.array([radius * np.cos(azimuth), radius * np.sin(azimuth), height])
        target = np.array(LOOK_AT_M) + rng.uniform(-0.08, 0.08, 3)
        cameras.append(
            Camera(f"cam_{index + 1}", _lens(settings, rng), _look(eye, target, roll=rng.uniform(-0.03, 0.03)))
        )
    return CameraRig(tuple(cameras), {"source": "studio", "world": "right-handed, z up, floor at z = 0, metres"})


def _lens(settings: StudioSettings, rng: np.random.Generator) -> Intrinsics:
    """Draw the inner geometry of one camera."""
    width, height = settings.size_wh
    focal = FOCAL_PER_WIDTH * min(width, height * 4 / 3) * rng.uniform(0.97, 1.03)
    focal *= WIDER_FOR_PEOPLE if settings.persons > 1 else 1.0
    centre = np.array([(width - 1) / 2, (height - 1) / 2]) + rng.uniform(-0.012, 0.012, 2) * width
    K = np.array([[focal, 0.0, centre[0]], [0.0, focal * rng.uniform(0.998, 1.002), centre[1]], [0.0, 0.0, 1.0]])
    return Intrinsics(settings.size_wh, K, np.array(settings.distortion) * rng.uniform(0.8, 1.2, 5))


def _look(eye: FloatArray, target: FloatArray, roll: float) -> FloatArray:
    """Pose (4, 4), cam_from_world, of a camera at ``eye`` that looks at ``target``; roll in rad."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right = right / np.linalg.norm(right)
    down = np.cross(forward, right)
    tilted = np.cos(roll) * right + np.sin(roll) * down
    rotation = np.stack([tilted, np.cross(forward, tilted), forward])
    return from_rotation(rotation, -rotation @ eye)
