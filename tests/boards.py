"""Synthetic sightings of a board with known truth: any rig, noise, outliers, gaps, clocks that are off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.bundle.rotations import exp
from calibration.camera import Camera, CameraRig, Intrinsics
from calibration.sightings import Sightings
from calibration.transforms import FloatArray, apply, from_rotation

SQUARE_M = 0.05


@dataclass(frozen=True)
class Scene:
    """What was seen, and the truth: the rig, the board's pose (T, 4, 4) at t_s[:, 0], clocks (C,) s."""

    sightings: Sightings
    rig: CameraRig
    world_from_board: FloatArray
    offset_s: FloatArray
    outlier: np.ndarray


def board_points(columns: int = 5, rows: int = 7, square_m: float = SQUARE_M) -> FloatArray:
    """Inner corners of a board of so many corners, (K, 3) m, origin at a corner of the grid."""
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    return np.asarray(np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1) * square_m, dtype=np.float64)


def lens(
    focal_px: float = 900.0,
    size_wh: tuple[int, int] = (1280, 720),
    dist: tuple[float, ...] = (-0.2, 0.06, 0.001, -0.0008, 0.0),
    centre_off: tuple[float, float] = (12.0, -9.0),
    fisheye: bool = False,
) -> Intrinsics:
    """A webcam's intrinsics, its principal point a little off the centre."""
    cx, cy = (size_wh[0] - 1) / 2 + centre_off[0], (size_wh[1] - 1) / 2 + centre_off[1]
    K = np.array([[focal_px, 0.0, cx], [0.0, focal_px, cy], [0.0, 0.0, 1.0]])
    return Intrinsics(size_wh, K, np.array(dist), "fisheye" if fisheye else "pinhole")


def ring(count: int = 4, radius_m: float = 1.5, height_m: float = 0.6, arc_deg: float = 120.0) -> CameraRig:
    """Cameras on an arc that look at the origin, each with another focal length; world z up."""
    cameras = []
    for i in range(count):
        angle = np.deg2rad(arc_deg) * (i / max(count - 1, 1) - 0.5)
        centre = np.array([radius_m * np.cos(angle), radius_m * np.sin(angle), height_m + 0.1 * i])
        cameras.append(look_at(f"cam_{i}", centre, np.zeros(3), lens(850.0 + 40.0 * i)))
    return CameraRig(tuple(cameras))


def look_at(name: str, centre: FloatArray, target: FloatArray, intrinsics: Intrinsics) -> Camera:
    """A camera at a place that looks at another, upright in a world of z up."""
    ahead = (target - centre) / np.linalg.norm(target - centre)
    right = np.cross(ahead, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(ahead, right), ahead])
    return Camera(name, intrinsics, from_rotation(rotation, -rotation @ centre))


def waved(
    t_s: FloatArray, seed: int = 0, reach_m: float = 0.4, tilt_rad: float = 0.7, facing: FloatArray | None = None
) -> FloatArray:
    """Pose (T, 4, 4) of a board that is waved about the origin: a smooth function of time.

    ``facing`` (3,) is where the front looks on average; default the middle of ``ring``.
    """
    rng = np.random.default_rng(seed)
    front = np.array([1.0, 0.0, 0.35]) if facing is None else facing
    z = -front / np.linalg.norm(front)
    y = np.array([0.0, 0.0, -1.0]) - z * (-z[2])
    y /= np.linalg.norm(y)
    base = np.stack([np.cross(y, z), y, z], axis=1)
    rate = rng.uniform(0.11, 0.45, (2, 3, 2))
    phase = rng.uniform(0, 2 * np.pi, (2, 3, 2))
    wave = np.sin(2 * np.pi * rate * t_s[:, None, None, None] + phase).mean(axis=-1)
    poses = np.broadcast_to(np.eye(4), (len(t_s), 4, 4)).copy()
    turn = exp(wave[:, 0] * tilt_rad * np.array([1.6, 1.6, 0.9]))
    poses[:, :3, :3] = turn @ base
    middle = np.array([2.0, 3.0, 0.0]) * SQUARE_M
    poses[:, :3, 3] = wave[:, 1] * reach_m * 1.6 - poses[:, :3, :3] @ middle
    return poses


def make_scene(
    rig: CameraRig | None = None,
    frames: int = 60,
    noise_px: float = 0.2,
    rate_hz: float = 4.0,
    seed: int = 0,
    outliers: float = 0.0,
    missing: float = 0.0,
    offset_s: FloatArray | None = None,
    reach_m: float = 0.4,
    tilt_rad: float = 0.7,
    points: FloatArray | None = None,
    facing: FloatArray | None = None,
) -> Scene:
    """Wave a board before a rig.

    A camera sees the board's front only, and corners inside the picture only. ``outliers`` is the share of
    corners put anywhere, ``missing`` that of corners lost, ``offset_s`` (C,) by how much each camera takes
    its picture later than its clock says.
    """
    rig = ring() if rig is None else rig
    points = board_points() if points is None else points
    rng = np.random.default_rng(seed + 1000)
    count = len(rig.cameras)
    offset = np.zeros(count) if offset_s is None else offset_s
    t_s = np.arange(frames) / rate_hz
    xy = np.full((frames, count, len(points), 2), np.nan)
    wrong = np.zeros(xy.shape[:3], dtype=bool)
    for c, camera in enumerate(rig.cameras):
        world_from_board = waved(t_s + offset[c], seed, reach_m, tilt_rad, facing)
        pixels, valid = camera.project(apply(world_from_board[:, None], points))
        front = np.einsum("ti,ti->t", world_from_board[:, :3, 2], world_from_board[:, :3, 3] - camera.centre) > 0
        pixels = pixels + rng.normal(0.0, noise_px, pixels.shape)
        w, h = camera.intrinsics.size_wh
        inside = ((pixels > 0) & (pixels < [w - 1, h - 1])).all(axis=-1)
        shown = valid & inside & front[:, None] & (rng.random(inside.shape) >= missing)
        wrong[:, c] = shown & (rng.random(inside.shape) < outliers)
        anywhere = rng.uniform([0, 0], [w - 1, h - 1], pixels.shape)
        xy[:, c] = np.where(shown[..., None], np.where(wrong[:, c, :, None], anywhere, pixels), np.nan)
    sightings = Sightings(
        cameras=rig.names,
        sizes_wh=np.array([camera.intrinsics.size_wh for camera in rig.cameras]),
        points=points,
        xy=xy,
        t_s=np.repeat(t_s[:, None], count, axis=1),
        frame_index=np.repeat(np.arange(frames)[:, None], count, axis=1),
    )
    return Scene(sightings, rig, waved(t_s, seed, reach_m, tilt_rad, facing), offset, wrong)
