"""The room: floor, walls, pictures and a few boxes, traced once for each camera with its exact lens."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.camera import Camera
from calibration.transforms import invert
from mocap.core.types import FloatArray
from mocap.studio.noise import hashed, value_noise

Pixels = NDArray[np.float32]

# The room, m.
HALF_ROOM_M = 4.8
CEILING_M = 2.9

# Its sides: axis and place, m.
SIDES = (
    (2, 0.0),
    (2, CEILING_M),
    (0, -HALF_ROOM_M),
    (0, HALF_ROOM_M),
    (1, -HALF_ROOM_M),
    (1, HALF_ROOM_M),
)

# Rows of samples traced at a time.
BAND_ROWS = 120

# Where the light comes from, and its strengths; warm light from above, cool light from all around.
LIGHT_DIRECTION = np.array([0.35, -0.42, 0.84]) / np.linalg.norm([0.35, -0.42, 0.84])

# Pixels are traced as squares of this many samples a side.
SUPERSAMPLING = 2

# Boxes that stand in the room: lower and upper corner, m, and colour (blue, green, red).
BOXES = (
    ((-4.7, 1.2, 0.0), (-4.15, 3.4, 0.85), (70, 100, 140)),
    ((2.6, 4.2, 0.0), (4.2, 4.75, 1.9), (150, 150, 140)),
    ((4.1, -3.0, 0.0), (4.7, -1.6, 0.45), (90, 60, 50)),
    ((-2.8, -4.7, 0.0), (-2.2, -4.1, 0.6), (60, 120, 70)),
)


@dataclass(frozen=True)
class Backdrop:
    """What a camera sees of the empty room, at ``SUPERSAMPLING`` times its resolution.

    Attributes
    ----------
    colour : (H, W, 3)
        BGR, 0 to 255.
    nearness : (H, W)
        One over the depth along the optical axis, 1/m.
    point : (H, W, 3)
        World points, m.
    floor : (H, W) bool
        Where the floor is seen, which takes shadows.
    """

    colour: Pixels
    nearness: FloatArray
    point: FloatArray
    floor: NDArray[np.bool_]


def sample_grid(size_wh: tuple[int, int], factor: int = SUPERSAMPLING) -> FloatArray:
    """Pixel coordinates (H, W, 2) of the centres of the samples, ``factor`` a side in each pixel."""
    width, height = size_wh
    x = (np.arange(width * factor) + 0.5) / factor - 0.5
    y = (np.arange(height * factor) + 0.5) / factor - 0.5
    return np.stack(np.meshgrid(x, y), axis=-1)


def to_samples(pixels: FloatArray, factor: int = SUPERSAMPLING) -> FloatArray:
    """Map pixel coordinates to coordinates of the sample grid."""
    return (pixels + 0.5) * factor - 0.5


def sample_rays(camera: Camera, factor: int = SUPERSAMPLING) -> FloatArray:
    """Directions (H, W, 3) of the samples in the camera's axes, z = 1; the lens is undone exactly."""
    return _rays(camera, sample_grid(camera.intrinsics.size_wh, factor))


def _rays(camera: Camera, pixels: FloatArray) -> FloatArray:
    """Directions (H, W, 3) through pixels (H, W, 2)."""
    rays = camera.intrinsics.undistort(pixels)
    return np.concatenate([rays, np.ones((*rays.shape[:2], 1))], axis=-1)


def trace_room(camera: Camera) -> Backdrop:
    """Trace the empty room, a band of rows at a time: large pictures would fill the memory."""
    grid = sample_grid(camera.intrinsics.size_wh)
    bands = [_trace(camera, grid[row : row + BAND_ROWS]) for row in range(0, len(grid), BAND_ROWS)]
    return Backdrop(
        np.concatenate([band.colour for band in bands]),
        np.concatenate([band.nearness for band in bands]),
        np.concatenate([band.point for band in bands]),
        np.concatenate([band.floor for band in bands]),
    )


def _trace(camera: Camera, pixels: FloatArray) -> Backdrop:
    """Trace the rays through pixels (H, W, 2)."""
    rays = _rays(camera, pixels) @ invert(camera.cam_from_world)[:3, :3].T
    eye = camera.centre
    nearest = np.full(rays.shape[:2], np.inf)
    colour = np.zeros(rays.shape)
    for axis, bound in SIDES:
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = (bound - eye[axis]) / rays[..., axis]
        hit = (distance > 0) & (distance < nearest)
        nearest[hit] = distance[hit]
        at = eye + rays[hit] * distance[hit, None]
        colour[hit] = _surface(axis, bound, at) * _corner_shade(axis, at)[:, None]
    floor = np.isclose((eye + rays * nearest[..., None])[..., 2], 0.0, atol=1e-6)
    for low, high, paint in BOXES:
        hit, distance, light = _box(eye, rays, np.array(low), np.array(high), nearest)
        nearest[hit] = distance
        at = eye + rays[hit] * distance[:, None]
        grain = 1.0 + 0.08 * value_noise(3.0 * at[:, 0], 3.0 * at[:, 1], 40.0 * at[:, 2])
        gap = np.where(np.abs(np.mod(at[:, 2], 0.42) - 0.21) < 0.008, 0.6, 1.0)
        colour[hit] = np.array(paint) * (light * grain * gap)[:, None]
        floor[hit] = False
    point = eye + rays * nearest[..., None]
    return Backdrop(np.clip(colour, 0, 255).astype(np.float32), 1.0 / nearest, point, floor)


def _box(
    eye: FloatArray, rays: FloatArray, low: FloatArray, high: FloatArray, nearest: FloatArray
) -> tuple[np.ndarray, FloatArray, FloatArray]:
    """Find where a box is nearer than all so far: mask (H, W), and distance and light there (N,)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (low - eye) / rays, (high - eye) / rays
    enter, leave = np.minimum(first, second), np.maximum(first, second)
    distance = enter.max(axis=-1)
    hit = (distance > 0) & (distance < leave.min(axis=-1)) & (distance < nearest)
    side = enter[hit].argmax(axis=-1)
    normal = -np.sign(np.take_along_axis(rays[hit], side[:, None], axis=1)[:, 0])
    light = 0.55 + 0.5 * np.maximum(normal * LIGHT_DIRECTION[side], 0.0)
    return hit, distance[hit], light


def _corner_shade(axis: int, at: FloatArray) -> FloatArray:
    """Darken towards the edges of the room, where light from all around reaches less."""
    gaps = np.stack(
        [HALF_ROOM_M - np.abs(at[:, 0]), HALF_ROOM_M - np.abs(at[:, 1]), at[:, 2], CEILING_M - at[:, 2]], axis=1
    )
    gaps[:, [2, 3] if axis == 2 else axis] = np.inf
    return np.asarray(np.prod(1.0 - 0.28 * np.exp(-np.maximum(gaps, 0.0) / 0.35), axis=1))


def _surface(axis: int, bound: float, at: FloatArray) -> FloatArray:
    """Colour (N, 3) of points of one side of the room."""
    if axis == 2:
        return _floor(at) if bound == 0.0 else np.tile((205.0, 208.0, 210.0), (len(at), 1))
    return _wall(at[:, 1 - axis], at[:, 2], which=2 * axis + int(bound > 0))


def _floor(at: FloatArray) -> FloatArray:
    """Planks, and a mat in the middle."""
    x, y = at[:, 0], at[:, 1]
    row = np.floor(x / 0.16)
    along = y + 1.4 * hashed(row, 0.0 * row)
    plank = np.floor(along / 1.4)
    tone = 0.82 + 0.3 * hashed(row, plank)
    grain = 0.07 * value_noise(60.0 * x, 2.5 * y + 31.0 * row) + 0.04 * value_noise(170.0 * x, 7.0 * y)
    gap = (np.abs(np.mod(x / 0.16, 1.0) - 0.5) > 0.485) | (np.abs(np.mod(along / 1.4, 1.0) - 0.5) > 0.4985)
    colour = np.array((92.0, 134.0, 172.0)) * ((tone + grain) * np.where(gap, 0.55, 1.0))[:, None]
    reach = np.maximum(np.abs(x), np.abs(y))
    mat = reach < 1.35
    seam = (np.abs(np.mod(x / 0.9 + 0.5, 1.0) - 0.5) < 0.006) | (np.abs(np.mod(y / 0.9 + 0.5, 1.0) - 0.5) < 0.006)
    rubber = 1.0 + 0.06 * value_noise(45.0 * x, 45.0 * y) + 0.05 * value_noise(6.0 * x, 6.0 * y)
    tint = np.where((reach > 1.28)[:, None], (70.0, 78.0, 80.0), (128.0, 112.0, 92.0))
    colour[mat] = (tint * (rubber * np.where(seam, 0.75, 1.0))[:, None])[mat]
    return colour


def _wall(across: FloatArray, up: FloatArray, which: int) -> FloatArray:
    """Plaster, a skirting board, a rail, pictures and a door; ``which`` from 0 to 3 tells the walls apart."""
    base = np.array([(196, 206, 208), (190, 204, 200), (206, 200, 190), (198, 204, 214)][which], dtype=np.float64)
    plaster = 1.0 + 0.025 * value_noise(14.0 * across, 14.0 * up) + 0.02 * value_noise(1.3 * across, 1.3 * up)
    colour = base * plaster[:, None]
    lower = up < 0.95
    colour[lower] *= np.array([0.86, 0.86, 0.84])
    colour[np.abs(up - 0.95) < 0.025] = (150.0, 168.0, 178.0)
    colour[up < 0.11] = (222.0, 226.0, 228.0)
    if which in (0, 3):
        door = (np.abs(across + 2.6) < 0.45) & (up < 2.05)
        panel = (np.abs(np.abs(across + 2.6) - 0.2) < 0.14) & (np.abs(np.mod(up, 0.95) - 0.5) < 0.34)
        colour[door] = (88.0, 118.0, 148.0)
        colour[door & panel] = (78.0, 104.0, 132.0)
    for number in range(3):
        left = -3.4 + 2.5 * number + 0.8 * float(hashed(np.array(which), np.array(number)))
        wide, high = (0.9, 0.65) if (number + which) % 2 else (0.55, 0.8)
        u, v = (across - left) / wide, (up - 1.3) / high
        frame = (u > -0.06) & (u < 1.06) & (v > -0.06) & (v < 1.06)
        if which in (0, 3) and abs(left + 0.5 * wide + 2.6) < 0.45 + 0.6 * wide:
            continue  # No picture over the door.
        inside = (u > 0) & (u < 1) & (v > 0) & (v < 1)
        colour[frame] = (48.0, 56.0, 66.0)
        colour[inside] = _picture(u[inside], v[inside], 10 * which + number)
    return colour


def _picture(u: FloatArray, v: FloatArray, seed: int) -> FloatArray:
    """Paint a landscape: sky, two ridges, a sun."""
    hue = hashed(np.arange(3.0), np.full(3, float(seed)), 7.0)
    sky = np.array((215.0, 190.0, 160.0)) * (0.7 + 0.3 * hue)
    colour = sky * (0.75 + 0.25 * v)[:, None]
    sun = np.hypot(u - 0.25 - 0.5 * hue[0], (v - 0.75)) < 0.09
    colour[sun] = (120.0, 200.0, 245.0)
    for layer, (level, paint) in enumerate(((0.5, (120, 110, 90)), (0.32, (60, 105, 80)))):
        ridge = level + 0.14 * value_noise(4.0 * u + 9.0 * seed, 0.0 * u + layer)
        colour[v < ridge] = np.array(paint) * (0.7 + 0.5 * hue[layer])
    return colour


def average(samples: Pixels, factor: int = SUPERSAMPLING) -> FloatArray:
    """Average squares of samples (H f, W f, 3) to pixels (H, W, 3)."""
    height, width = samples.shape[0] // factor, samples.shape[1] // factor
    return np.asarray(cv2.resize(samples, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float64)
