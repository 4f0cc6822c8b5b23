"""A made-up calibration recording with known truth: for tests, benchmarks and trying out settings.

Cameras stand on part of a ring and look at its middle; a hand waves a board there on smooth random paths.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from calibration.bundle import rotations
from calibration.bundle.lens import lens_vector, with_lens
from calibration.camera import Camera, CameraRig, Intrinsics
from calibration.sightings import Sightings
from calibration.transforms import FloatArray, from_rotation

# Frequencies of a waving hand, Hz; their periods have no common multiple in a recording.
HAND_HZ = np.array([0.23, 0.41, 0.67])
# Distances, m, and tilts, rad, of a board held in front of a camera for its lens.
CLOSE_M = (0.7, 1.5)
CLOSE_TILT = 0.7
# A corner further from the view's axis than this, as the cosine between board normal and ray, is not found.
FLATTEST = 0.35


@dataclass(frozen=True)
class Scene:
    """What a recording is made of.

    Attributes
    ----------
    cameras : int
    instants : int
    corners : (int, int)
        Columns and rows of the board.
    square_m : float
    noise_px : float
    outlier_share : float
        Corners that are moved by 5 to 100 px.
    fps : float
    clock_offset_s, clock_rate : tuple of float
        Truth for each camera; empty for simultaneous pictures. The first camera's are zero.
    jitter_s : float
        Sigma of the errors of single time stamps.
    fisheye : bool
    swing_m : float
        How far the hand moves.
    closeups : int
        Instants added at the end, for each camera, with the board held still near it: for its lens.
    """

    cameras: int = 4
    instants: int = 60
    corners: tuple[int, int] = (6, 4)
    square_m: float = 0.06
    noise_px: float = 0.2
    outlier_share: float = 0.0
    fps: float = 30.0
    clock_offset_s: tuple[float, ...] = ()
    clock_rate: tuple[float, ...] = ()
    jitter_s: float = 0.0
    fisheye: bool = False
    swing_m: float = 0.5
    closeups: int = 0


@dataclass(frozen=True)
class Recording:
    """A scene recorded, with the truth; ``late_s`` (T, C) is by how much each stamp is too early."""

    sightings: Sightings
    rig: CameraRig
    world_from_board: FloatArray
    late_s: FloatArray


def ring(scene: Scene, radius_m: float = 4.0) -> CameraRig:
    """Cameras on an arc of 200 degrees, looking at a point 1.2 m above its middle."""
    cameras = []
    for index in range(scene.cameras):
        angle = np.deg2rad(200.0 * index / max(scene.cameras - 1, 1))
        centre = np.array([radius_m * np.cos(angle), radius_m * np.sin(angle), 1.4 + 0.3 * (index % 3)])
        forward = np.array([0.0, 0.0, 1.2]) - centre
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(forward, right), forward])
        focal = 1000.0 + 15.0 * index
        K = np.array([[focal, 0, 639.5 + index], [0, focal, 359.5 - index], [0, 0, 1.0]])
        if scene.fisheye:
            lens = Intrinsics((1280, 720), K, np.array([0.02, -0.01, 0.004, -0.001]), "fisheye")
        else:
            lens = Intrinsics((1280, 720), K, np.array([-0.15, 0.06, 0.0006, -0.0004, -0.01]))
        cameras.append(Camera(f"cam_{index + 1}", lens, from_rotation(rotation, -rotation @ centre)))
    return CameraRig(tuple(cameras))


def wave(times: FloatArray, scene: Scene, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Path of the board: rotations (..., 3, 3) and positions (..., 3) at times (...), s."""
    phase = rng.uniform(0, 2 * np.pi, (6, len(HAND_HZ)))
    share = rng.uniform(0.4, 1.0, (6, len(HAND_HZ)))
    waves = np.sin(2 * np.pi * HAND_HZ * times[..., None, None] + phase) * share / share.sum(axis=1, keepdims=True)
    six = waves.sum(axis=-1)
    position = six[..., :3] * np.array([1.0, 1.0, 0.6]) * 2 * scene.swing_m + [0.0, 0.0, 1.2]
    # The board faces the ring's open side, +y, and is waved about so that all cameras see it at times.
    facing = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
    turn = rotations.exp(six[..., 3:] * np.array([0.9, 0.9, 2.2]))
    return turn[..., :, :] @ facing, position


def hold(rig: CameraRig, scene: Scene, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Poses (N, 3, 3), (N, 3) of the board in front of each camera in turn."""
    rotations_, positions = [], []
    for camera in rig.cameras:
        depth = rng.uniform(*CLOSE_M, scene.closeups)
        half = 0.35 * np.array(camera.intrinsics.size_wh) / camera.intrinsics.focal_px
        across = rng.uniform(-half, half, (scene.closeups, 2))
        local = np.concatenate([across, np.ones((scene.closeups, 1))], axis=1) * depth[:, None]
        positions.append((local - camera.cam_from_world[:3, 3]) @ camera.cam_from_world[:3, :3])
        tilt = rng.uniform(-CLOSE_TILT, CLOSE_TILT, (scene.closeups, 3))
        rotations_.append(camera.cam_from_world[:3, :3].T @ rotations.exp(tilt))
    return np.concatenate(rotations_), np.concatenate(positions)


def record(scene: Scene, seed: int = 0) -> Recording:
    """Record a scene; the same seed gives the same recording."""
    rng = np.random.default_rng(seed)
    rig = ring(scene)
    count = len(rig.cameras)
    columns, rows = scene.corners
    grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2) * scene.square_m
    points = np.column_stack([grid - grid.mean(axis=0), np.zeros(len(grid))])
    offset = np.array(scene.clock_offset_s or (0.0,) * count)
    rate = np.array(scene.clock_rate or (0.0,) * count)
    still = scene.closeups * count
    nominal = np.arange(scene.instants + still) / scene.fps
    t_s = np.repeat(nominal[:, None], count, axis=1)
    true_times = t_s + offset + rate * (t_s - nominal.mean())
    late = scene.jitter_s * np.random.default_rng((seed, 1)).standard_normal(t_s.shape)
    true_times = true_times + late
    path_seed = rng.integers(2**32)
    rotation, position = wave(true_times, scene, np.random.default_rng(path_seed))
    at_instants, there = wave(nominal, scene, np.random.default_rng(path_seed))
    if still:
        held_rotation, held_position = hold(rig, scene, rng)
        rotation[-still:], position[-still:] = held_rotation[:, None], held_position[:, None]
        at_instants[-still:], there[-still:] = held_rotation, held_position
    xy = np.full((len(nominal), count, len(points), 2), np.nan)
    for index, camera in enumerate(rig.cameras):
        world = points @ np.swapaxes(rotation[:, index], 1, 2) + position[:, index][:, None]
        pixels, valid = camera.project(world)
        normal = rotation[:, index, :, 2]
        away = world - camera.centre
        cosine = np.einsum("tki,ti->tk", away, normal) / np.linalg.norm(away, axis=-1)
        inside = (pixels >= 0).all(axis=-1) & (pixels <= np.array(camera.intrinsics.size_wh) - 1).all(axis=-1)
        seen = valid & inside & (np.abs(cosine) > FLATTEST)
        xy[:, index] = np.where(seen[..., None], pixels, np.nan)
    xy += rng.normal(0.0, scene.noise_px, xy.shape)
    wrong = rng.random(xy.shape[:3]) < scene.outlier_share
    angle, length = rng.uniform(0, 2 * np.pi, xy.shape[:3]), rng.uniform(5.0, 100.0, xy.shape[:3])
    xy += np.where(wrong, length, 0.0)[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    sizes = np.array([camera.intrinsics.size_wh for camera in rig.cameras], dtype=np.int64)
    frames = np.repeat(np.arange(len(nominal))[:, None], count, axis=1)
    sightings = Sightings(rig.names, sizes, points, xy, t_s, frames)
    poses = np.tile(np.eye(4), (len(nominal), 1, 1))
    poses[:, :3, :3], poses[:, :3, 3] = at_instants, there
    return Recording(sightings, rig, poses, late)


def disturb(recording: Recording, seed: int = 0, amount: float = 1.0) -> tuple[CameraRig, FloatArray]:
    """First guess of the rig and the board's poses, as wrong as a first guess usually is.

    The first camera's pose stays: it holds the world.
    """
    rng = np.random.default_rng(seed)
    cameras = []
    for index, camera in enumerate(recording.rig.cameras):
        lens = lens_vector(camera.intrinsics)
        lens[0] *= 1.0 + 0.02 * amount * rng.standard_normal()
        lens[2:4] += 8.0 * amount * rng.standard_normal(2)
        lens[4:] *= 1.0 - 0.5 * amount
        pose = camera.cam_from_world.copy()
        if index:
            pose[:3] = rotations.exp(0.02 * amount * rng.standard_normal(3)) @ pose[:3]
            pose[:3, 3] += 0.03 * amount * rng.standard_normal(3)
        cameras.append(Camera(camera.name, with_lens(camera.intrinsics, lens), pose))
    boards = recording.world_from_board.copy()
    count = len(boards)
    boards[:, :3, :3] = boards[:, :3, :3] @ rotations.exp(0.03 * amount * rng.standard_normal((count, 3)))
    boards[:, :3, 3] += 0.03 * amount * rng.standard_normal((count, 3))
    return replace(recording.rig, cameras=tuple(cameras)), boards
