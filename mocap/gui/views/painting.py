"""From arrays to what Qt paints."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QLineF
from PySide6.QtGui import QImage

from mocap.core.types import FloatArray, ImageArray


def lines(pieces: FloatArray) -> list[QLineF]:
    """Pieces (M, 2, 2) as lines; those with a missing end are left out."""
    there = pieces[np.isfinite(pieces).all(axis=(1, 2))].reshape(-1, 4)
    return [QLineF(*ends) for ends in there.tolist()]


def picture(image: ImageArray) -> QImage:
    """A BGR picture without a copy; the array must live as long as the picture is used."""
    height, width = image.shape[:2]
    return QImage(image.data, width, height, image.strides[0], QImage.Format.Format_BGR888)


def best_columns(count: int, shape: float, width: int, height: int) -> int:
    """Columns that make pictures of ``shape`` (width over height) largest in a space."""

    def scale(columns: int) -> float:
        rows = math.ceil(count / columns)
        return min(width / columns / shape, height / rows)

    return max(range(1, count + 1), key=scale)
