"""Draws detected keypoints and the reprojected skeleton into a picture."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, ImageArray

Colour = tuple[int, int, int]

# BGR, from the palette of Okabe and Ito (Color Universal Design, 2008): told apart with any colour vision.
LEFT_BGR: Colour = (233, 180, 86)
RIGHT_BGR: Colour = (0, 159, 230)
MIDDLE_BGR: Colour = (200, 200, 200)
# The reprojection is white on black, which no clothes or floor can hide.
REPROJECTED_BGR: Colour = (255, 255, 255)
EDGE_BGR: Colour = (0, 0, 0)
REJECTED_BGR: Colour = (80, 60, 255)

# OpenCV takes coordinates as integers with this many binary places: 1/16 px keeps motion smooth.
SHIFT = 4
# Pictures wider than this many times their line width look the same at any size.
PIXELS_PER_LINE_WIDTH = 480
# Coordinates farther out than this overflow OpenCV's fixed-point lines and cannot be seen anyway.
FARTHEST_PX = 16_000.0
# In smaller pictures the legend would cover the person.
SMALLEST_WITH_LEGEND_PX = 320
FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class ViewMarks:
    """What is drawn into one picture.

    Attributes
    ----------
    detected : (N, K, 2)
        Detected keypoints, px of the picture; NaN where there is none.
    used : (N, K) bool
        Whether the triangulation used the detection.
    reprojected : (N, K, 2)
        The 3D keypoints seen by this camera, px of the picture; NaN where there is none.
    """

    detected: FloatArray
    used: NDArray[np.bool_]
    reprojected: FloatArray


def side_colours(skeleton: Skeleton) -> tuple[Colour, ...]:
    """Colour of each keypoint (K) by its side of the body."""
    left = {pair[0] for pair in skeleton.mirror}
    right = {pair[1] for pair in skeleton.mirror}
    return tuple(
        LEFT_BGR if name in left else RIGHT_BGR if name in right else MIDDLE_BGR for name in skeleton.keypoints
    )


def drawn_keypoints(skeleton: Skeleton) -> NDArray[np.intp]:
    """Keypoints that bones end at; the rest (eyelids, fingers) would only clutter the picture."""
    return np.unique(skeleton.bone_index)


def line_width(image: ImageArray) -> int:
    """Line width that suits the size of the picture, px."""
    return max(1, round(float(max(image.shape[:2])) / PIXELS_PER_LINE_WIDTH))


def draw_view(image: ImageArray, marks: ViewMarks, skeleton: Skeleton) -> None:
    """Draw detections with bones by side, rejected ones as crosses, and the reprojection, into ``image``."""
    width = line_width(image)
    # The reprojection lies over the bones where all is well; thin, it leaves their colour to be seen.
    thin = max(1, width - 1)
    colours = side_colours(skeleton)
    for person in range(marks.detected.shape[0]):
        detected, reprojected = marks.detected[person], marks.reprojected[person]
        for a, b in skeleton.bone_index:
            colour = colours[a] if colours[a] == colours[b] else MIDDLE_BGR
            _line(image, detected[a], detected[b], colour, 2 * width + 1)
        for a, b in skeleton.bone_index:
            _line(image, reprojected[a], reprojected[b], EDGE_BGR, thin + 2)
        for a, b in skeleton.bone_index:
            _line(image, reprojected[a], reprojected[b], REPROJECTED_BGR, thin)
        for k in drawn_keypoints(skeleton):
            if marks.used[person, k]:
                _dot(image, detected[k], colours[k], 2 * width + 1)
            else:
                _cross(image, detected[k], 3 * width + 2, width)


def draw_caption(image: ImageArray, lines: tuple[str, ...]) -> None:
    """Write lines of text into the upper left corner, on a darkened ground."""
    scale, width = _text_size(image)
    step = round(30 * scale)
    texts = [plain_text(line) for line in lines]
    widest = max(cv2.getTextSize(text, FONT, scale, width)[0][0] for text in texts)
    _darken(image, 0, 0, widest + step, step * len(texts) + step // 2)
    for row, text in enumerate(texts):
        place = (step // 2, step * (row + 1) - step // 6)
        cv2.putText(image, text, place, FONT, scale, (255, 255, 255), width, cv2.LINE_AA)


def draw_legend(image: ImageArray) -> None:
    """Explain the marks in the lower left corner, where there is room."""
    if min(image.shape[:2]) < SMALLEST_WITH_LEGEND_PX:
        return
    entries: tuple[tuple[str, Colour], ...] = (
        ("detected, left side", LEFT_BGR),
        ("detected, right side", RIGHT_BGR),
        ("detected, not used", REJECTED_BGR),
        ("3D, seen by this camera", REPROJECTED_BGR),
    )
    scale, width = _text_size(image)
    scale *= 0.85
    step = round(30 * scale)
    widest = max(cv2.getTextSize(text, FONT, scale, width)[0][0] for text, _ in entries)
    top = image.shape[0] - step * len(entries) - step // 2
    _darken(image, 0, top, widest + round(2.6 * step), image.shape[0])
    for row, (text, colour) in enumerate(entries):
        middle = np.array([1.0 * step, top + step * (row + 0.75)])
        reach = np.array([0.5 * step, 0.0])
        if colour == REJECTED_BGR:
            _cross(image, middle, 0.3 * step, width)
        elif colour == REPROJECTED_BGR:
            _line(image, middle - reach, middle + reach, EDGE_BGR, width + 2)
            _line(image, middle - reach, middle + reach, colour, width)
        else:
            _line(image, middle - reach, middle + reach, colour, 2 * width)
            _dot(image, middle, colour, 0.22 * step)
        place = (round(1.9 * step), round(middle[1] + 0.3 * step))
        cv2.putText(image, text, place, FONT, scale, (255, 255, 255), width, cv2.LINE_AA)


def plain_text(text: str) -> str:
    """Spell text with the letters that OpenCV's stroke font has: accents are dropped, the rest becomes '?'."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return "".join(c if " " <= c <= "~" else "?" for c in bare)


def _text_size(image: ImageArray) -> tuple[float, int]:
    """Font scale and stroke width that suit the size of the picture."""
    scale = max(0.35, min(image.shape[:2]) / 1000.0)
    return scale, max(1, round(scale * 1.6))


def _darken(image: ImageArray, left: int, top: int, right: int, bottom: int) -> None:
    part = image[max(top, 0) : bottom, max(left, 0) : right]
    part[...] = part // 3


def _fixed(point: FloatArray) -> tuple[int, int] | None:
    """A point in OpenCV's fixed-point integers; None where it is missing or far outside."""
    if not np.isfinite(point).all() or np.abs(point).max() > FARTHEST_PX:
        return None
    x, y = np.round(point * (1 << SHIFT)).astype(int)
    return int(x), int(y)


def _line(image: ImageArray, a: FloatArray, b: FloatArray, colour: Colour, width: int) -> None:
    start, end = _fixed(a), _fixed(b)
    if start is not None and end is not None:
        cv2.line(image, start, end, colour, width, cv2.LINE_AA, SHIFT)


def _dot(image: ImageArray, point: FloatArray, colour: Colour, radius: float) -> None:
    centre = _fixed(point)
    if centre is not None:
        cv2.circle(image, centre, round((radius + 1.0) * (1 << SHIFT)), EDGE_BGR, -1, cv2.LINE_AA, SHIFT)
        cv2.circle(image, centre, round(radius * (1 << SHIFT)), colour, -1, cv2.LINE_AA, SHIFT)


def _cross(image: ImageArray, point: FloatArray, reach: float, width: int) -> None:
    for direction in (np.array([1.0, 1.0]), np.array([1.0, -1.0])):
        _line(image, point - reach * direction, point + reach * direction, EDGE_BGR, width + 2)
    for direction in (np.array([1.0, 1.0]), np.array([1.0, -1.0])):
        _line(image, point - reach * direction, point + reach * direction, REJECTED_BGR, width)
