"""The ChArUco board of the calibration sequence: its geometry, its motion, its picture in a camera."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from calibration.camera import Camera
from calibration.transforms import apply, invert
from mocap.core.types import FloatArray
from mocap.studio.rig import AZIMUTH_STEP_RAD, azimuth_at
from mocap.studio.scene import LIGHT_DIRECTION

# Side of the squares in the board's own picture, px: divisible by the modules of its markers, so that every
# edge falls between two texels.
TEXELS_PER_SQUARE = 60

# Samples a side in each pixel of the camera: edges are then off by less than 1/8 px and average out.
SAMPLES = 4

# White and black of print on paper under the studio's light, and the wooden back (blue, green, red).
WHITE, BLACK = 238.0, 26.0
BACK = np.array([120.0, 150.0, 176.0])

# How much of its speed the board loses where it faces the middle between two cameras.
LINGER = 0.85

# White rim outside the squares, m: markers at the edge need it to be found.
RIM_M = 0.02


@dataclass(frozen=True)
class StudioBoard:
    """A ChArUco board; origin at the corner of the first square, x right, y down, z into the board.

    Attributes
    ----------
    squares : (int, int)
        Columns and rows.
    square_m, marker_m : float
        Sides, m.
    dictionary : str
        Name in OpenCV.
    """

    squares: tuple[int, int] = (4, 6)
    square_m: float = 0.145
    marker_m: float = 0.116
    dictionary: str = "DICT_4X4_100"

    @cached_property
    def opencv(self) -> cv2.aruco.CharucoBoard:
        """The same board in OpenCV."""
        dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, self.dictionary))
        return cv2.aruco.CharucoBoard(self.squares, self.square_m, self.marker_m, dictionary)

    @cached_property
    def corners(self) -> FloatArray:
        """Inner corners (N, 3), m, in the order of their ids."""
        return np.asarray(self.opencv.getChessboardCorners(), dtype=np.float64)

    @cached_property
    def print(self) -> FloatArray:
        """The board as printed, 0 black to 1 white, ``TEXELS_PER_SQUARE`` a square."""
        columns, rows = self.squares
        size = (columns * TEXELS_PER_SQUARE, rows * TEXELS_PER_SQUARE)
        return np.asarray(self.opencv.generateImage(size, marginSize=0) > 127, dtype=np.float64)

    @property
    def size_m(self) -> tuple[float, float]:
        """Width and height of all squares, m."""
        return self.squares[0] * self.square_m, self.squares[1] * self.square_m


def board_poses(board: StudioBoard, t_s: FloatArray, duration_s: float, cameras: int) -> FloatArray:
    """Move the board through the volume as by hand: (T, 4, 4), world_from_board.

    It goes from camera to camera and lingers between two neighbours, where both see it; higher and lower,
    tilted and rolled to and fro.
    """
    u = t_s / duration_s
    turn = (0.5 + (cameras - 1) * u) if cameras * AZIMUTH_STEP_RAD < 2.0 * np.pi else cameras * u
    # Camera k stands at turn k + 1/2; at whole turns, between two cameras, the sine slows the board down.
    azimuth = azimuth_at(turn - LINGER * np.sin(2.0 * np.pi * turn) / (2.0 * np.pi), cameras)
    tilt = 0.22 + 0.25 * np.sin(10.0 * np.pi * u + 0.5)
    roll = 0.35 * np.sin(8.0 * np.pi * u)
    out = np.stack([np.cos(azimuth), np.sin(azimuth)], axis=-1)
    height = 1.0 + 0.3 * np.sin(6.0 * np.pi * u + 1.0)
    reach = 0.3 + 0.45 * np.sin(14.0 * np.pi * u)
    centre = np.concatenate([reach[:, None] * out, height[:, None]], axis=1)
    # It faces outwards: its z points into the board, away from who looks at it.
    z = -np.column_stack([np.cos(tilt)[:, None] * out, np.sin(tilt)])
    side = np.cross([0.0, 0.0, -1.0], z)
    side = side / np.linalg.norm(side, axis=1, keepdims=True)
    down = np.cross(z, side)
    x = np.cos(roll)[:, None] * side + np.sin(roll)[:, None] * down
    poses = np.tile(np.eye(4), (t_s.shape[0], 1, 1))
    poses[:, :3, :3] = np.stack([x, np.cross(z, x), z], axis=-1)
    middle = np.array([*(0.5 * side_m for side_m in board.size_m), 0.0])
    poses[:, :3, 3] = centre - poses[:, :3, :3] @ middle
    return poses


def draw_board(
    picture: FloatArray, camera: Camera, rays: FloatArray, board: StudioBoard, pose: FloatArray
) -> FloatArray:
    """Draw the board into the picture of the empty room.

    Every sample's ray is met with the plane of the board, so the corners are where the camera model says.

    Parameters
    ----------
    picture : (H, W, 3)
    rays : (H, W, 2)
        Undistorted normalised coordinates of the pixel centres.
    pose : (4, 4)
        world_from_board.
    """
    height, width = picture.shape[:2]
    (wide, high), rim = board.size_m, RIM_M
    outline = np.array(
        [[-rim, -rim, 0], [wide + rim, -rim, 0], [wide + rim, high + rim, 0], [-rim, high + rim, 0]]
    )
    pixels, valid = camera.project(apply(pose, outline))
    if not valid.all():
        return picture
    # One pixel more than the outline: straight edges bend a little in the lens.
    x0, y0 = np.maximum(np.floor(pixels.min(axis=0)).astype(int) - 2, 0)
    x1, y1 = np.minimum(np.ceil(pixels.max(axis=0)).astype(int) + 3, (width, height))
    if x0 >= x1 or y0 >= y1:
        return picture
    xs = (np.arange((x1 - x0) * SAMPLES, dtype=np.float64) + 0.5) / SAMPLES - 0.5 + x0
    ys = (np.arange((y1 - y0) * SAMPLES, dtype=np.float64) + 0.5) / SAMPLES - 0.5 + y0
    at, facing = _meet(_between(rays, xs, ys), camera.cam_from_world @ pose)
    on = (at[..., 0] > -rim) & (at[..., 0] < wide + rim) & (at[..., 1] > -rim) & (at[..., 1] < high + rim)
    normal = -pose[:3, 2] if facing else pose[:3, 2]
    light = 0.72 + 0.33 * max(float(normal @ LIGHT_DIRECTION), 0.0)
    paint = _print_at(board, at)[..., None] * np.ones(3) if facing else np.broadcast_to(BACK, (*at.shape[:2], 3))
    paint = np.where(on[..., None], paint * light, 0.0)
    share = _squares(on[..., None].astype(np.float64))
    drawn = picture.copy()
    window = drawn[y0:y1, x0:x1]
    drawn[y0:y1, x0:x1] = window * (1.0 - share) + _squares(paint)
    return drawn


def _between(rays: FloatArray, xs: FloatArray, ys: FloatArray) -> FloatArray:
    """Rays (Y, X, 2) at fractional pixels, linear between pixel centres: exact to 1e-3 px for any real lens."""
    height, width = rays.shape[:2]
    i = np.clip(np.floor(ys).astype(int), 0, height - 2)
    j = np.clip(np.floor(xs).astype(int), 0, width - 2)
    v, u = (ys - i)[:, None, None], (xs - j)[None, :, None]
    top = (1.0 - u) * rays[i][:, j] + u * rays[i][:, j + 1]
    low = (1.0 - u) * rays[i + 1][:, j] + u * rays[i + 1][:, j + 1]
    return np.asarray((1.0 - v) * top + v * low)


def _meet(rays: FloatArray, cam_from_board: FloatArray) -> tuple[FloatArray, bool]:
    """Where rays meet the board (Y, X, 2), m, and whether its printed side faces the camera."""
    board_from_cam = invert(cam_from_board)
    eye = board_from_cam[:3, 3]
    directions = rays @ board_from_cam[:3, :2].T + board_from_cam[:3, 2]
    distance = -eye[2] / directions[..., 2]
    at = eye[:2] + directions[..., :2] * distance[..., None]
    at[distance <= 0] = np.inf
    return at, bool(eye[2] < 0)


def _print_at(board: StudioBoard, at: FloatArray) -> FloatArray:
    """Grey level of the print (Y, X) at board coordinates (Y, X, 2), m; the rim is white."""
    rows, columns = board.print.shape
    texel = np.floor(np.where(np.isfinite(at), at, -1.0) / board.square_m * TEXELS_PER_SQUARE).astype(int)
    inside = (texel[..., 0] >= 0) & (texel[..., 0] < columns) & (texel[..., 1] >= 0) & (texel[..., 1] < rows)
    found = board.print[np.clip(texel[..., 1], 0, rows - 1), np.clip(texel[..., 0], 0, columns - 1)]
    return np.asarray(BLACK + (WHITE - BLACK) * np.where(inside, found, 1.0))


def _squares(samples: FloatArray) -> FloatArray:
    """Average squares of samples to pixels."""
    height, width, depth = samples.shape
    return np.asarray(
        samples.reshape(height // SAMPLES, SAMPLES, width // SAMPLES, SAMPLES, depth).mean(axis=(1, 3))
    )
