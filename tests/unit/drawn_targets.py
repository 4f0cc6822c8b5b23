"""Pictures of targets of which the place of every corner is known."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.targets import AnyTarget, ArucoMarker, CharucoBoard
from calibration.targets.charuco import draw_charuco
from calibration.targets.checkerboard import draw_checkerboard
from calibration.targets.marker import draw_marker
from calibration.transforms import FloatArray

# Samples a side in each pixel, and texels per square of the print, divisible by the modules of common markers.
SAMPLES, TEXELS = 4, 120
SIZE_WH = (400, 300)
WHITE, BLACK, GROUND = 225.0, 35.0, 120.0


def plane_at(
    target: AnyTarget, centre: tuple[float, float], side_px: float, tilt: float = 0.0, turn: float = 0.0
) -> FloatArray:
    """Plane (3, 3) that shows the target's middle at ``centre``, its longer side ``side_px``; angles in rad."""
    size = target.points[:, :2].max(axis=0) + target.points[:, :2].min(axis=0)
    middle = np.array([[1, 0, -size[0] / 2], [0, 1, -size[1] / 2], [0, 0, 1]])
    rotation = cv2.Rodrigues(np.array([0.0, 0.0, turn]))[0] @ cv2.Rodrigues(np.array([tilt, 0.6 * tilt, 0.0]))[0]
    distance = 3.0 * size.max()
    focal = side_px * distance / size.max()
    camera = np.array([[focal, 0, centre[0]], [0, focal, centre[1]], [0, 0, 1.0]])
    pose = np.column_stack([rotation[:, :2], [0, 0, distance]])
    return np.asarray(camera @ pose @ middle)


def truth(target: AnyTarget, plane: FloatArray) -> FloatArray:
    """Where the corners are (K, 2), px."""
    return np.asarray(cv2.perspectiveTransform(target.points[:, None, :2], plane)[:, 0])


def draw(
    views: list[tuple[AnyTarget, FloatArray]],
    blur: float = 0.7,
    noise: float = 0.0,
    size_wh: tuple[int, int] = SIZE_WH,
) -> NDArray[np.uint8]:
    """Draw targets in their planes, supersampled, then blurred by a lens, px, and with a sensor's noise."""
    width, height = size_wh
    image = np.full((height, width), GROUND)
    for target, plane in views:
        _paint(image, target, plane)
    if blur:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    image = image + np.random.default_rng(5).normal(0.0, noise, image.shape)
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def _paint(image: FloatArray, target: AnyTarget, plane: FloatArray) -> None:
    """Paint one target over the part of the picture that it covers."""
    picture, unit, margin = _print(target)
    rows, columns = picture.shape[0] / TEXELS, picture.shape[1] / TEXELS
    rim = (np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]]) - margin) * unit
    outline = cv2.perspectiveTransform(rim[:, None], plane)[:, 0]
    x0, y0 = np.clip(np.floor(outline.min(axis=0)) - 1, 0, None).astype(int)
    x1, y1 = np.minimum(np.ceil(outline.max(axis=0)) + 2, image.shape[::-1]).astype(int)
    xs = (np.arange((x1 - x0) * SAMPLES) + 0.5) / SAMPLES - 0.5 + x0
    ys = ((np.arange((y1 - y0) * SAMPLES) + 0.5) / SAMPLES - 0.5 + y0)[:, None]
    inverse = np.linalg.inv(plane)
    u, v, w = (row[0] * xs + row[1] * ys + row[2] for row in inverse)
    column = np.floor((u / w / unit + margin) * TEXELS).astype(int)
    row = np.floor((v / w / unit + margin) * TEXELS).astype(int)
    on = (column >= 0) & (row >= 0) & (column < picture.shape[1]) & (row < picture.shape[0])
    fine = np.where(
        on, BLACK + (WHITE - BLACK) * (picture[np.where(on, row, 0), np.where(on, column, 0)] > 127), 0.0
    )
    share, paint = (
        part.reshape(y1 - y0, SAMPLES, x1 - x0, SAMPLES).mean(axis=(1, 3)) for part in (on.astype(float), fine)
    )
    window = image[y0:y1, x0:x1]
    window[:] = window * (1.0 - share) + paint


def _print(target: AnyTarget) -> tuple[NDArray[np.uint8], float, float]:
    """The print, the length of ``TEXELS`` in it, m, and its margin in that unit."""
    if isinstance(target, CharucoBoard):
        return draw_charuco(target, TEXELS), target.square_m, 1.0
    if isinstance(target, ArucoMarker):
        modules = target.modules
        return draw_marker(target, TEXELS, margin=2), target.side_m / modules, 2.0
    return draw_checkerboard(target, TEXELS), target.square_m, 1.0
