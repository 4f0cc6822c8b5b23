"""Epipolar errors of a pair of known cameras, and the shift of their clocks that makes them least."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration import Camera
from calibration.transforms import invert
from mocap.core.types import FloatArray
from mocap.sync.seen import Seen, at_times

BoolArray = NDArray[np.bool_]

# Shifts are tried in steps of this part of the slower camera's frame.
SEARCH_STEP = 0.5
# Instants that a shift is judged by, at most, and shifts tried, at most: for an hour of two cameras.
MOST_INSTANTS = 300
MOST_SHIFTS = 4000
# Points that a shift is judged by: those that move fastest tell most.
MOST_POINTS = 12
# A candidate needs so many points in both pictures to be compared.
LEAST_POINTS = 4
# A shift is judged where both cameras see somebody for so long, s.
LEAST_OVERLAP_S = 2.0
# Errors beyond this share of a body's height in the picture are all equally wrong.
WRONG_SHARE = 0.04
# Errors of a detector last for a part of a step; stretches of this length are independent, s.
STRETCH_S = 0.5
# Each side of a jump needs so many stretches to be believed.
TORN_STRETCHES = 6
# The best shift must win against all that are not its neighbours, by so many standard errors.
CLEAR = 3.0
NEIGHBOURS_S = 0.15


@dataclass(frozen=True)
class Search:
    """Epipolar error of a pair over the shift.

    Attributes
    ----------
    first, second : str
    shift_s : (S,)
        Clock of the second minus clock of the first that was tried, s.
    error : (S,)
        Mean error, as a share of the height of a body, cut off at ``WRONG_SHARE``; NaN where too little overlaps.
    best_s : float
        Shift of the least error, s.
    lead : float
        By how many standard errors it beats every other shift.
    jump_s, jump_at_s : float
        Where one shift fits before an instant and another after it: by how much they differ, and when after the
        start of the first camera, s; else NaN.
    """

    first: str
    second: str
    shift_s: FloatArray
    error: FloatArray
    best_s: float
    lead: float
    jump_s: float = np.nan
    jump_at_s: float = np.nan


@dataclass(frozen=True)
class View:
    """A camera's points as normalised image coordinates, its pose, and the height of a body in them."""

    seen: Seen
    camera: Camera
    body: float


def view_of(seen: Seen, camera: Camera) -> View:
    """Take a camera's points, px, through its lens."""
    rays = camera.intrinsics.undistort(seen.xy)
    with np.errstate(invalid="ignore"):
        spread = np.nanmax(np.where(np.isnan(rays), -np.inf, rays), axis=2, initial=-np.inf) - np.nanmin(
            np.where(np.isnan(rays), np.inf, rays), axis=2, initial=np.inf
        )
    size = spread.max(axis=-1)
    size = size[np.isfinite(size) & (size > 0)]
    return View(replace(seen, xy=rays), camera, float(np.median(size)) if size.size else float("nan"))


def essential(first: Camera, second: Camera) -> FloatArray:
    """E (3, 3) such that x2 . E x1 = 0 for the two views x1, x2 of one point."""
    between = second.cam_from_world @ invert(first.cam_from_world)
    x, y, z = between[:3, 3]
    return np.asarray(np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ between[:3, :3])


def epipolar_error(E: FloatArray, one: FloatArray, two: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Signed Sampson error (...) of points (..., 2), and its derivatives (..., 2) by the first and the second.

    Hartley and Zisserman, Multiple View Geometry, 2nd edition, equation 11.9; the denominator is taken as
    constant.
    """
    line2 = one @ E[:, :2].T + E[:, 2]
    line1 = two @ E[:2, :] + E[2, :]
    error = (line2[..., :2] * two).sum(axis=-1) + line2[..., 2]
    length = np.sqrt((line1[..., :2] ** 2).sum(axis=-1) + (line2[..., :2] ** 2).sum(axis=-1))
    return error / length, line1[..., :2] / length[..., None], line2[..., :2] / length[..., None]


def search_shift(first: View, second: View) -> Search | None:
    """Try all shifts of the second camera against the first; None where they never see anybody together."""
    a, b = first.seen, second.seen
    if not (np.isfinite(first.body) and np.isfinite(second.body)):
        return None
    step = SEARCH_STEP * max(float(np.median(np.diff(a.t_s))), float(np.median(np.diff(b.t_s))))
    low, high = b.t_s[0] - a.t_s[-1] + LEAST_OVERLAP_S, b.t_s[-1] - a.t_s[0] - LEAST_OVERLAP_S
    if low >= high:
        return None
    shifts = np.arange(int((high - low) / step) + 1) * step + low
    if shifts.shape[0] > MOST_SHIFTS:
        middle = np.abs(shifts - np.median(shifts)).argsort()[:MOST_SHIFTS]
        shifts = shifts[np.sort(middle)]
    rows = np.unique(
        np.linspace(0, a.t_s.shape[0] - 1, min(a.t_s.shape[0], MOST_INSTANTS)).round().astype(np.intp)
    )
    xy, speed = at_times(a, a.t_s[rows])
    # The second camera once at fine even steps: a shift is then a matter of picking rows.
    grid = np.arange(b.t_s[0], b.t_s[-1] + step, step)
    there = at_times(b, grid)[0]
    fastest = _fastest(speed)
    xy, there = xy[:, :, fastest], there[:, :, fastest]
    E = essential(first.camera, second.camera)
    height = 0.5 * (first.body + second.body)
    # Rows of ``there`` for the first shift; each further shift is one row on.
    base = np.rint((a.t_s[rows] + shifts[0] - grid[0]) / step).astype(np.intp)
    errors = np.stack([_pair_error(E, xy, there, base + n) for n in range(shifts.shape[0])]) / (
        height * WRONG_SHARE
    )
    errors = np.minimum(errors, 1.0)
    stretch = np.floor((a.t_s[rows] - a.t_s[0]) / STRETCH_S).astype(np.intp)
    held = float(np.median(np.diff(a.t_s[rows])))
    enough = np.isfinite(errors).sum(axis=1) * held >= LEAST_OVERLAP_S
    if not enough.any():
        return None
    best, lead, mean, jump, edge = clearest(errors, enough, stretch, shifts)
    mean = mean * WRONG_SHARE
    return Search(a.camera, b.camera, shifts, mean, float(shifts[best]), lead, jump, edge * STRETCH_S)


def _pair_error(E: FloatArray, xy: FloatArray, there: FloatArray, row: NDArray[np.intp]) -> FloatArray:
    """Mean epipolar error (T,) of the candidates of one view, each with the best candidate of the other."""
    inside = (row >= 0) & (row < there.shape[0])
    other = there[np.clip(row, 0, there.shape[0] - 1)]
    best = np.full((*xy.shape[:2],), np.inf)
    for q in range(other.shape[1]):
        error = np.abs(epipolar_error(E, xy, other[:, q, None])[0])
        known = np.isfinite(error)
        count = known.sum(axis=-1)
        mean = np.where(known, error, 0.0).sum(axis=-1) / np.maximum(count, 1)
        best = np.where((count >= LEAST_POINTS) & inside[:, None], np.fmin(best, mean), best)
    good = np.isfinite(best)
    total = np.where(good, best, 0.0).sum(axis=1)
    return np.where(good.any(axis=1), total / np.maximum(good.sum(axis=1), 1), np.nan)


def clearest(
    errors: FloatArray, enough: BoolArray, stretch: NDArray[np.intp], shifts: FloatArray
) -> tuple[int, float, FloatArray, float, float]:
    """Shift (its number) of the least error, by how many standard errors it leads, and the mean errors (S,).

    And the jump to the shift that fits the rest, s, with the number of the stretch where it lies; else NaN.
    """
    count = int(stretch.max()) + 1
    by_stretch = np.full((errors.shape[0], count), np.nan)
    for n in range(count):
        part = errors[:, stretch == n]
        known = np.isfinite(part)
        total = np.where(known, part, 0.0).sum(axis=1)
        by_stretch[:, n] = np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)
    known = np.isfinite(by_stretch)
    amount = known.sum(axis=1)
    mean = np.where(known, by_stretch, 0.0).sum(axis=1) / np.maximum(amount, 1)
    # What a stretch says for a shift: how much better it fits there than at most shifts; nothing where nothing
    # overlaps, so that a long stretch of fair agreement beats a short one of good agreement.
    usual = np.array(
        [
            np.median(column[there]) if there.any() else 0.0
            for column, there in zip(by_stretch.T, known.T, strict=True)
        ]
    )
    gain = np.where(known & enough[:, None], usual - by_stretch, 0.0)
    best = int(np.argmax(np.where(enough, gain.sum(axis=1), -np.inf)))
    rivals = enough & (np.abs(shifts - shifts[best]) > NEIGHBOURS_S)
    ahead = gain[best] - gain[rivals]
    noise = (
        np.sqrt(np.maximum(ahead.var(axis=1, ddof=1) * count, 1e-24)) if count > 1 else np.full(len(ahead), np.inf)
    )
    lead = float((ahead.sum(axis=1) / noise).min(initial=np.inf))
    jump, edge = _torn(ahead) if len(ahead) else (-1, -1)
    jump_s = float(shifts[rivals][jump] - shifts[best]) if jump >= 0 else np.nan
    return best, lead, np.where(enough, mean, np.nan), jump_s, float(edge) if jump >= 0 else np.nan


def _torn(ahead: FloatArray) -> tuple[int, int]:
    """Rival (its number) that clearly fits better on one side of an instant where the best does on the other.

    From how much the best is ahead of each rival (R, B) in each stretch. Returns (-1, -1) where there is none.
    """
    count = ahead.shape[1]
    found, most = (-1, -1), 0.0
    for edge in range(TORN_STRETCHES, count - TORN_STRETCHES + 1):
        sides = []
        for part in (ahead[:, :edge], ahead[:, edge:]):
            noise = np.sqrt(np.maximum(part.var(axis=1, ddof=1) * part.shape[1], 1e-24))
            sides.append(part.sum(axis=1) / noise)
        worth = np.where(sides[0] * sides[1] < 0, np.minimum(np.abs(sides[0]), np.abs(sides[1])), 0.0)
        n = int(worth.argmax())
        if worth[n] > max(most, 2.0 * CLEAR):
            found, most = (n, edge), float(worth[n])
    return found


def _fastest(speed: FloatArray) -> NDArray[np.intp]:
    """Return the points that move fastest, given velocities (T, P, K, 2)."""
    length = np.linalg.norm(speed, axis=-1)
    known = np.isfinite(length)
    typical = np.where(known, length, 0.0).sum(axis=(0, 1)) / np.maximum(known.sum(axis=(0, 1)), 1)
    return np.argsort(-typical, kind="stable")[:MOST_POINTS]
