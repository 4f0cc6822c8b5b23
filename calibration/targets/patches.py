"""From where corners should be to where they are: refinement and proof against the print itself."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.targets.protocol import Image
from calibration.transforms import FloatArray

# The print around a corner is compared on a grid of PATCH_SAMPLES^2 within PATCH_REACH squares to each side.
PATCH_SAMPLES = 9
PATCH_REACH = 0.28

# Texels per square of the print to compare with, and the blur, in squares, that stands for the lens.
TEXELS = 32
PRINT_BLUR = 0.06

# Half the window of the sub-pixel search, px: below the smallest there is no gradient to find a corner by, and
# beyond the largest the edges bend with the lens.
SMALLEST_WINDOW, LARGEST_WINDOW = 2, 7
SUBPIX_CRITERIA = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-3)

# The search starts this much beside the guess, px, so that it never ends exactly where it started.
START_ASIDE = 0.11

# Points whose second smallest eigenvalue is below this share of the largest lie on one line.
DEGENERATE = 1e-9

# Contrast in grey levels below which a patch shows no print.
LEAST_CONTRAST = 6.0


@cache
def patch_offsets() -> FloatArray:
    """Offsets of the samples of a patch from its corner (P, 2), squares."""
    line = np.linspace(-PATCH_REACH, PATCH_REACH, PATCH_SAMPLES)
    offsets = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    offsets.setflags(write=False)  # everybody gets the same array
    return offsets


def print_patches(picture: Image, corners: FloatArray) -> FloatArray:
    """What the print looks like around its corners.

    Parameters
    ----------
    picture : (H, W) uint8
        The print, ``TEXELS`` a square, with a margin of one square around it.
    corners : (K, 2)
        Squares from the upper left of the print.

    Returns
    -------
    (K, P), of zero mean and unit length.
    """
    blurred = cv2.GaussianBlur(picture, (0, 0), PRINT_BLUR * TEXELS).astype(np.float32)
    at = (corners[:, None] + 1.0 + patch_offsets()) * TEXELS - 0.5
    return _normalised(_sampled(blurred, at))[0]


def homography(board: FloatArray, xy: FloatArray, weight: FloatArray | None = None) -> FloatArray | None:
    """Map of the plane (3, 3) that takes board points (N, 2) to pixels (N, 2); None if there is none.

    The normalised direct linear transform, Hartley and Zisserman, "Multiple View Geometry", 2004, section 4.4;
    a tenth of the time of ``cv2.findHomography``, which goes on to minimise what ``Plan`` fits anyway.
    """
    from_board, u = _centred(board)
    from_xy, v = _centred(xy)
    p = np.ones((u.shape[0], 3))
    p[:, :2] = u
    weighted = p if weight is None else p * weight[:, None]
    # The rows are (p, 0, -x p) and (0, p, -y p): their products repeat four sums of p p'.
    sums = [p.T @ (weighted * by) for by in (1.0, v[:, :1], v[:, 1:], np.sum(v * v, axis=1, keepdims=True))]
    normal = np.zeros((9, 9))
    normal[:3, :3] = normal[3:6, 3:6] = sums[0]
    normal[:3, 6:] = normal[6:, :3] = -sums[1]
    normal[3:6, 6:] = normal[6:, 3:6] = -sums[2]
    normal[6:, 6:] = sums[3]
    sizes, vectors = np.linalg.eigh(normal)
    if not np.isfinite(sizes).all() or sizes[1] < DEGENERATE * sizes[-1]:
        return None
    plane = np.linalg.inv(from_xy) @ vectors[:, 0].reshape(3, 3) @ from_board
    # The sign is free: points of the board lie before the camera.
    return np.asarray(plane * np.sign(plane[2, :2] @ board.mean(axis=0) + plane[2, 2]))


def _centred(points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Transform (3, 3) that centres and scales points (N, 2), and the points."""
    middle = points.sum(axis=0) / len(points)
    centred = points - middle
    scale = np.sqrt(2.0) / max(float(np.sqrt((centred * centred).sum(axis=1)).sum()) / len(points), 1e-12)
    moved = centred * scale
    return np.array([[scale, 0, -scale * middle[0]], [0, scale, -scale * middle[1]], [0, 0, 1.0]]), moved


def project(plane: FloatArray, board: FloatArray) -> FloatArray:
    """Map board points (..., 2) to pixels (..., 2); NaN behind the horizon."""
    mapped = board @ plane[:2, :2].T + plane[:2, 2], board @ plane[2, :2] + plane[2, 2]
    depth = np.where(mapped[1] > 1e-9, mapped[1], np.nan)
    return np.asarray(mapped[0] / depth[..., None])


def refine(grey: Image, guess: FloatArray, window: NDArray[np.int64]) -> FloatArray:
    """Move corners (K, 2) to the saddle of the grey levels, px; the window's half side is (K,).

    Foerstner and Guelch, "A fast operator for detection and precise location of distinct points", 1987, as in
    ``cv2.cornerSubPix``. NaN where the guess is at the picture's edge or the search ran away.
    """
    refined = np.full_like(guess, np.nan)
    limits = np.array(grey.shape[::-1])
    room = np.minimum(guess, limits - 1 - guess).min(axis=1)
    usable = np.isfinite(guess).all(axis=1) & (np.nan_to_num(room, nan=-1.0) > window + 1)
    for half in np.unique(window[usable]):
        chosen = usable & (window == half)
        start = np.ascontiguousarray(guess[chosen, None] + START_ASIDE, dtype=np.float32)
        start_kept = start.copy()  # it is written over
        side = int(half)
        found = cv2.cornerSubPix(grey, start, (side, side), (-1, -1), SUBPIX_CRITERIA)
        # It gives back its very start where the search left the window: that is no measurement.
        moved = (found != start_kept).any(axis=-1)
        refined[chosen] = np.where(moved, found[:, 0], np.nan)
    return refined


def resemblance(grey: Image, patches: FloatArray, at: FloatArray) -> FloatArray:
    """Correlation (K,) of the picture, sampled at (K, P, 2) px, with the print's patches (K, P); -1 if unseen."""
    within = np.isfinite(at) & (at > 0) & (at < np.array(grey.shape[::-1]) - 1)
    inside = np.asarray(within.all(axis=-1))
    seen = _sampled(grey, np.where(inside[..., None], at, 0.0))
    unit, contrast = _normalised(seen)
    # A patch that is cut by the picture's edge is judged by what is left only if that is most of it.
    good = (inside.mean(axis=1) > 0.9) & (contrast > LEAST_CONTRAST)
    return np.where(good, np.sum(unit * patches, axis=1), -1.0)


def _sampled(picture: NDArray[np.generic], at: FloatArray) -> FloatArray:
    """Grey levels at pixels (K, P, 2), linear between pixels: (K, P)."""
    rows, columns = at.shape[0], at.shape[1]
    flat = at.reshape(1, -1, 2).astype(np.float32)
    # remap takes maps of at most 32767 a side.
    maps = flat.reshape(rows, columns, 2)
    return np.asarray(cv2.remap(picture, maps[..., 0], maps[..., 1], cv2.INTER_LINEAR), dtype=np.float64)


def _normalised(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Rows of zero mean and unit length, and their standard deviation (K,)."""
    centred = values - values.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1)
    return centred / np.maximum(length, 1e-9)[:, None], length / np.sqrt(values.shape[1])


class Plan:
    """Where points of the board are in the picture: a plane, and what the lens adds, from matched points.

    The lens bends the plane smoothly, so what the plane leaves over is fitted by a polynomial: of the third
    degree, as radial distortion is, where there are points enough for it; of the second with fewer; else none.
    """

    LEAST_POINTS = ((36, 3), (16, 2))

    def __init__(self, board: FloatArray, xy: FloatArray, weight: FloatArray | None = None) -> None:
        plane = homography(board, xy, weight)
        if plane is None:
            raise ValueError("the points lie on one line")
        self._plane = plane
        self._low, self._high = board.min(axis=0), board.max(axis=0)
        self._degree = next((degree for least, degree in self.LEAST_POINTS if board.shape[0] >= least), 0)
        root = np.ones((board.shape[0], 1)) if weight is None else np.sqrt(weight)[:, None]
        left = xy - project(plane, board)
        bend = np.linalg.lstsq(root * self._terms(board), root * left, rcond=None)[0]
        self._bend: FloatArray = np.asarray(bend, dtype=np.float64)

    def at(self, board: FloatArray) -> FloatArray:
        """Pixels (..., 2) of board points (..., 2), squares; NaN behind the horizon."""
        return project(self._plane, board) + self._terms(board) @ self._bend

    def axes(self, board: FloatArray) -> FloatArray:
        """How the place in the picture (last axis) grows along x and y of the board (K, 2, 2), px a square."""
        right, below = np.array([0.5, 0.0]), np.array([0.0, 0.5])
        ends = self.at(np.stack([board + right, board - right, board + below, board - below]))
        return np.stack([ends[0] - ends[1], ends[2] - ends[3]], axis=1)

    def _terms(self, board: FloatArray) -> FloatArray:
        """Polynomial terms (..., N); outside the matched points the bend stays what it is at their edge."""
        scaled = (np.clip(board, self._low, self._high) - self._low) / np.maximum(self._high - self._low, 1e-9)
        u, v = scaled[..., 0], scaled[..., 1]
        terms = [np.ones_like(u)]
        if self._degree >= 2:
            terms += [u, v, u * u, u * v, v * v]
        if self._degree >= 3:
            terms += [u * u * u, u * u * v, u * v * v, v * v * v]
        return np.stack(terms, axis=-1)
