"""What of a lens a format can hold, and the nearest lens where it cannot.

Cutting off a coefficient moves the others' meaning along: a lens of k1, k2, k3 without its k3 is another
lens. So what a format cannot hold is fitted anew: the distorted normalised coordinates are linear in
k1, k2, p1, p2, k3, hence one least-squares solve over a grid of pixels gives the nearest lens, and its
largest distance from the true one is told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from calibration.camera import Camera, CameraRig, Intrinsics
from calibration.errors import CalibrationError
from calibration.transforms import FloatArray

# Of k1, k2, p1, p2, k3.
TERMS = ("k1", "k2", "p1", "p2", "k3")

GRID = 33

# A lens that is off by more than this at the edge of the picture, px, is not the same camera any more.
WORST_PX = 5.0


@dataclass(frozen=True)
class Holds:
    """What a format can hold; ``coefficients`` counts how many of k1, k2, p1, p2, k3, in that order."""

    format: str
    coefficients: int = len(TERMS)
    rational: bool = False
    fisheye: bool = False
    skew: bool = False
    notes: bool = False


def fit_rig(rig: CameraRig, holds: Holds) -> tuple[CameraRig, tuple[str, ...]]:
    """Return the nearest rig that a format can hold, and in sentences how it differs.

    Raises
    ------
    CalibrationError
        If a lens differs by more than ``WORST_PX``.
    """
    cameras: list[Camera] = []
    dropped: list[str] = []
    for camera in rig.cameras:
        held = _without_idle_terms(camera.intrinsics)
        sentence = ""
        if not _can_hold(held, holds):
            held, sentence = _nearest(camera.name, held, holds)
        cameras.append(replace(camera, intrinsics=held))
        dropped += [sentence] * bool(sentence)
    if rig.notes and not holds.notes:
        dropped.append("The notes about the rig are left out.")
    return replace(rig, cameras=tuple(cameras)), tuple(dropped)


def fit_distortion(rays: FloatArray, pixels: FloatArray, K: FloatArray, coefficients: int) -> FloatArray:
    """Fit the first so many of k1, k2, p1, p2, k3 to where rays (N, 2) are seen (N, 2) px; returns (5,)."""
    x, y = rays[:, 0], rays[:, 1]
    r2 = x * x + y * y
    along_x = np.stack([x * r2, x * r2**2, 2 * x * y, r2 + 2 * x * x, x * r2**3], axis=1)
    along_y = np.stack([y * r2, y * r2**2, r2 + 2 * y * y, 2 * x * y, y * r2**3], axis=1)
    straight = rays @ K[:2, :2].T + K[:2, 2]
    # In px, so that what is made small is what is told.
    matrix = np.concatenate([K[0, 0] * along_x + K[0, 1] * along_y, K[1, 1] * along_y])[:, :coefficients]
    found, *_ = np.linalg.lstsq(matrix, (pixels - straight).T.reshape(-1), rcond=None)
    return np.asarray(np.pad(found, (0, len(TERMS) - coefficients)))


def pixel_grid(size_wh: tuple[int, int]) -> FloatArray:
    """Pixels (GRID * GRID, 2) spread over a picture up to its edges."""
    w, h = size_wh
    return np.stack(np.meshgrid(np.linspace(0, w - 1, GRID), np.linspace(0, h - 1, GRID)), axis=-1).reshape(-1, 2)


def _without_idle_terms(lens: Intrinsics) -> Intrinsics:
    """Drop the rational terms where they are all zero."""
    if lens.model == "pinhole" and not np.any(lens.dist[len(TERMS) :]):
        return replace(lens, dist=lens.dist[: len(TERMS)])
    return lens


def _can_hold(lens: Intrinsics, holds: Holds) -> bool:
    if lens.K[0, 1] != 0.0 and not holds.skew:
        return False
    if lens.model == "fisheye":
        return holds.fisheye
    if lens.dist.size > len(TERMS):
        return holds.rational
    return not np.any(lens.dist[holds.coefficients :])


def _nearest(name: str, lens: Intrinsics, holds: Holds) -> tuple[Intrinsics, str]:
    """Fit what the format can hold, and say what was given up."""
    K = lens.K.copy()
    given_up = []
    if K[0, 1] != 0.0 and not holds.skew:
        given_up.append(f"the skew of {K[0, 1]:.3g} px")
        K[0, 1] = 0.0
    bare = replace(lens, K=K)
    pixels = pixel_grid(lens.size_wh)
    rays = lens.undistort(pixels)
    seen = np.isfinite(rays).all(axis=1)
    if not _can_hold(bare, holds):
        given_up.append(_lens_in_words(lens, holds))
        dist = fit_distortion(rays[seen], pixels[seen], K, holds.coefficients)
        bare = Intrinsics(lens.size_wh, K, dist)
    within = np.hypot(*rays[seen].T) <= bare.max_radius
    worst = float(np.linalg.norm(bare.distort(rays[seen]) - pixels[seen], axis=1).max())
    if not seen.all() or not within.all() or worst > WORST_PX:
        how_far = f"is off by {worst:.3g} px" if seen.all() else "does not cover the picture"
        raise CalibrationError(
            f"{holds.format} cannot hold the lens of camera '{name}' ({' and '.join(given_up)}): "
            f"the nearest it can hold {how_far}.",
            "Choose a format that can: anipose, freemocap or opencv.",
        )
    return bare, (
        f"{holds.format} cannot hold {' and '.join(given_up)} of camera '{name}'; "
        f"the nearest lens was written, off by at most {worst:.2g} px."
    )


def _lens_in_words(lens: Intrinsics, holds: Holds) -> str:
    if lens.model == "fisheye":
        return "the fisheye lens"
    if lens.dist.size > len(TERMS):
        return "the rational distortion (k4, k5, k6)"
    return f"the distortion beyond {', '.join(TERMS[: holds.coefficients])}"
