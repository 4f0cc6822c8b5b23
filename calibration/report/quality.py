"""How well a rig measures what it was not fitted to, in millimetres.

A solve can bend its cameras until the reprojection error is small; what counts is whether lengths come out
right on pictures that it never saw.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.camera import CameraRig
from calibration.report.points import (
    GROSS_PX,
    GROSS_TIMES_NOISE,
    LEAST_CORNERS,
    board_residuals,
    fit_board_poses,
    triangulate,
)
from calibration.sightings import Sightings
from calibration.transforms import FloatArray

# Neighbouring frames of a moving board are nearly the same picture, so whole blocks are held out; five of
# them sample the recording, each long enough that its middle differs from what the solve saw.
HELDOUT_BLOCKS = 5
# Held-out frames must not take away what the solve needs: of each camera, and of each pair of cameras, at
# most this share of the pictures is held out.
MOST_HELD_OUT = 0.4
# A pair with fewer common pictures than this keeps them all.
FEWEST_TO_SHARE = 5

# All distances between corners of a board of 9 x 12 are 5,778; an even choice of this many says the same.
MOST_PAIRS = 1500

HISTOGRAM_BINS = 31

# Moving a corner by less than this share of a frame changes nothing that detection could have seen.
SAME_INSTANT = 0.01
# Over more than one lost picture, in frames, a hand-held board does not move in a straight line.
LARGEST_GAP = 2.5


@dataclass(frozen=True)
class Histogram:
    """Counts between edges; ``edges`` has one more entry. What lies outside counts in the outermost bins."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class LengthErrors:
    """Measured minus true distances between corners of a target.

    Attributes
    ----------
    count : int
        Distances compared.
    instants : int
        Instants at which there were some.
    median_mm, p95_mm, rms_mm : float
        Of the absolute error; NaN if nothing was measured.
    bias_mm : float
        Mean of the signed error.
    scale_error : float
        Sum of the measured over the sum of the true lengths, minus 1: 0.01 is 1 % too long.
    left_out_share : float
        Share of the views that missed the others grossly and were left out.
    histogram : Histogram
        Of the signed error, mm.
    """

    count: int
    instants: int
    median_mm: float
    p95_mm: float
    rms_mm: float
    bias_mm: float
    scale_error: float
    left_out_share: float
    histogram: Histogram


@dataclass(frozen=True)
class Rigidity:
    """How much a rigid board seems to bend: distances of its corners from the best rigid fit, mm."""

    median_mm: float
    p95_mm: float
    rms_mm: float


@dataclass(frozen=True)
class HeldOut:
    """Quality on sightings that the solve did not see.

    Attributes
    ----------
    instants : int
        At which corners were found in 3D.
    lengths : LengthErrors
    rigidity : Rigidity
    rmse_px : float
        Corners against a board fitted to the instant with the rig as it is, without gross mistakes.
    rmse_px_per_camera : dict
    """

    instants: int
    lengths: LengthErrors
    rigidity: Rigidity
    rmse_px: float
    rmse_px_per_camera: dict[str, float]


def choose_heldout(sightings: Sightings, share: float = 0.2, seed: int = 0) -> NDArray[np.bool_]:
    """Choose instants to hold out of the solve, in blocks of time.

    Only instants at which two cameras saw the board are held out, since nothing else can be measured in 3D.
    A block that would take too much from one camera or one pair of cameras stays in the solve, so less than
    ``share`` may be held out, or nothing from a short recording.

    Returns
    -------
    heldout : (T,) bool
    """
    saw = sightings.corners_seen >= LEAST_CORNERS
    usable = np.flatnonzero(saw.sum(axis=1) >= 2)
    heldout = np.zeros(saw.shape[0], dtype=bool)
    wanted = round(share * usable.size)
    if wanted == 0:
        return heldout
    together = np.einsum("tc,td->tcd", saw[usable], saw[usable]).astype(np.int64)
    total = together.sum(axis=0)
    allowed = np.where(total >= FEWEST_TO_SHARE, np.floor(MOST_HELD_OUT * total), 0)
    length = max(1, wanted // HELDOUT_BLOCKS)
    starts = np.array(range(0, usable.size, length), dtype=np.int64)
    np.random.default_rng(seed).shuffle(starts)
    taken = np.zeros_like(total)
    for start in starts.tolist():
        block = np.arange(start, min(start + length, usable.size))
        if np.count_nonzero(heldout) + block.size > wanted:
            continue
        costs = together[block].sum(axis=0)
        if (taken + costs <= allowed).all():
            heldout[usable[block]] = True
            taken += costs
    return heldout


def measure_heldout(rig: CameraRig, heldout: Sightings) -> HeldOut:
    """Measure lengths, rigidity and reprojection on sightings that the solve did not see.

    Parameters
    ----------
    heldout : Sightings
        With the cameras of the rig, in its order. Cameras whose clocks differ must have been brought to
        common instants first (``at_common_times``): this takes what stands in a row as simultaneous.
    """
    residual = board_residuals(rig, heldout, fit_board_poses(rig, heldout))
    length = np.linalg.norm(residual, axis=-1)
    known = length[np.isfinite(length)]
    # A corner taken for another says nothing about the rig; nor did the solve keep such ones.
    # Only with the board as a whole can such a corner be told where two cameras saw it and it lies along
    # the line on which the other has it.
    gate = max(GROSS_PX, GROSS_TIMES_NOISE * float(np.median(known))) if known.size else GROSS_PX
    squared = np.where(length <= gate, length**2, np.nan)
    views = np.count_nonzero(heldout.seen)
    sound = replace(heldout, xy=np.where((length <= gate)[..., None], heldout.xy, np.nan))
    corners, left_out = corners_3d(rig, sound)
    kept = (1.0 - left_out) * np.count_nonzero(sound.seen)
    left_out = 1.0 - kept / views if views else float("nan")
    per_camera = {name: rms_px(squared[:, c]) for c, name in enumerate(heldout.cameras)}
    return HeldOut(
        instants=int(np.count_nonzero(np.isfinite(corners).any(axis=(1, 2)))),
        lengths=length_errors(corners, heldout.points, left_out),
        rigidity=rigidity(corners, heldout.points),
        rmse_px=rms_px(squared),
        rmse_px_per_camera=per_camera,
    )


def at_common_times(sightings: Sightings, true_s: FloatArray) -> Sightings:
    """Move what cameras with different clocks saw to common instants.

    Corners move in straight lines between one picture and the next; of an acceleration of 5 m/s² that leaves
    0.7 mm at 30 Hz. The instant of a row is the median of its pictures' times.

    Parameters
    ----------
    true_s : (T, C)
        When each picture was really taken, by one clock, s; NaN where there was none.
    """
    xy = np.full_like(sightings.xy, np.nan)
    some = np.isfinite(true_s).any(axis=1)
    when = np.full(true_s.shape[0], np.nan)
    when[some] = np.nanmedian(true_s[some], axis=1)
    for c in range(len(sightings.cameras)):
        taken = np.flatnonzero(np.isfinite(true_s[:, c]))
        if taken.size < 2:
            continue
        times, seen = true_s[taken, c], sightings.xy[taken, c]
        order = np.argsort(times, kind="stable")
        times, seen = times[order], seen[order]
        after = np.clip(np.searchsorted(times, when), 1, times.size - 1)
        gap = times[after] - times[after - 1]
        share = (when - times[after - 1]) / np.where(gap > 0, gap, np.nan)
        # Outside the recording, or over a gap in it, nothing is known about where the board was.
        usual = float(np.median(np.diff(times)))
        share = np.where((share > -SAME_INSTANT) & (share < 1 + SAME_INSTANT), share, np.nan)
        share = np.where(gap < LARGEST_GAP * usual, share, np.nan)[:, None, None]
        moved = (1.0 - share) * seen[after - 1] + share * seen[after]
        # A picture taken at the very instant needs no neighbour that sees the corner too.
        moved = np.where(np.abs(share) < SAME_INSTANT, seen[after - 1], moved)
        xy[:, c] = np.where(np.abs(share - 1.0) < SAME_INSTANT, seen[after], moved)
    return replace(sightings, xy=xy, t_s=np.broadcast_to(when[:, None], true_s.shape).copy())


def rms_px(squared: FloatArray) -> float:
    """Root of the mean of squared distances, px; NaN ones do not count, and NaN if there are no others."""
    known = squared[np.isfinite(squared)]
    return float(np.sqrt(known.mean())) if known.size else float("nan")


def corners_3d(rig: CameraRig, sightings: Sightings) -> tuple[FloatArray, float]:
    """Triangulate every corner at every instant: (T, K, 3) m, and the share of views left out."""
    t, c, k, _ = sightings.xy.shape
    xy = np.moveaxis(sightings.xy, 1, 2).reshape(t * k, c, 2)
    several = np.isfinite(xy).all(axis=-1).sum(axis=1) >= 2
    found = triangulate(rig, xy[several])
    points = np.full((t * k, 3), np.nan)
    points[several] = found.points
    views = np.count_nonzero(np.isfinite(xy[several]).all(axis=-1))
    left_out = 1.0 - np.count_nonzero(found.used) / views if views else float("nan")
    return points.reshape(t, k, 3), left_out


def length_errors(corners: FloatArray, points: FloatArray, left_out_share: float) -> LengthErrors:
    """Compare distances between measured corners (T, K, 3) with those on the target (K, 3), m."""
    a, b = np.triu_indices(points.shape[0], k=1)
    even = np.linspace(0, a.size - 1, min(a.size, MOST_PAIRS)).astype(np.intp)
    a, b = a[even], b[even]
    true = np.linalg.norm(points[a] - points[b], axis=1)
    measured = np.linalg.norm(corners[:, a] - corners[:, b], axis=-1)
    known = np.asarray(np.isfinite(measured))
    error = 1000.0 * (measured - true)[known]
    if error.size == 0:
        nan = float("nan")
        return LengthErrors(0, 0, nan, nan, nan, nan, nan, left_out_share, Histogram((), ()))
    return LengthErrors(
        count=int(error.size),
        instants=int(np.count_nonzero(known.any(axis=1))),
        median_mm=float(np.median(np.abs(error))),
        p95_mm=float(np.percentile(np.abs(error), 95)),
        rms_mm=float(np.sqrt(np.mean(error**2))),
        bias_mm=float(error.mean()),
        # Sums, not the mean of ratios, in which noise makes short lengths longer.
        scale_error=float(measured[known].sum() / np.broadcast_to(true, known.shape)[known].sum() - 1.0),
        left_out_share=left_out_share,
        histogram=histogram(error, symmetric=True),
    )


def rigidity(corners: FloatArray, points: FloatArray) -> Rigidity:
    """Distance of measured corners (T, K, 3) from the target (K, 3) laid onto them without scaling.

    Rigid fit: Kabsch, Acta Crystallographica A 32 (1976) 922.
    """
    known = np.asarray(np.isfinite(corners).all(axis=-1))
    enough = known.sum(axis=1) >= LEAST_CORNERS
    if not enough.any():
        return Rigidity(float("nan"), float("nan"), float("nan"))
    weight = known[enough][..., None].astype(np.float64)
    seen = np.where(weight > 0, corners[enough], 0.0)
    count = weight.sum(axis=1, keepdims=True)
    here = seen - weight * (seen.sum(axis=1, keepdims=True) / count)
    there = weight * (points - (weight * points).sum(axis=1, keepdims=True) / count)
    u, _, vt = np.linalg.svd(np.einsum("tki,tkj->tij", here, there))
    u[..., 2] *= np.sign(np.linalg.det(u) * np.linalg.det(vt))[:, None]
    off = np.linalg.norm(here - there @ np.swapaxes(u @ vt, 1, 2), axis=-1)
    off_mm = 1000.0 * off[known[enough]]
    return Rigidity(float(np.median(off_mm)), float(np.percentile(off_mm, 95)), float(np.sqrt(np.mean(off_mm**2))))


def histogram(values: FloatArray, *, symmetric: bool = False, bins: int = HISTOGRAM_BINS) -> Histogram:
    """Histogram whose range the outermost hundredths do not stretch; they count in the outermost bins."""
    known = values[np.isfinite(values)]
    if known.size == 0:
        return Histogram((), ())
    high = float(np.percentile(np.abs(known), 99)) or 1e-9
    edges = np.linspace(-high if symmetric else 0.0, high, bins + 1)
    counts, _ = np.histogram(np.clip(known, edges[0], edges[-1]), edges)
    return Histogram(tuple(map(float, edges)), tuple(map(int, counts)))
