"""How far two cameras' clocks are apart, by sudden changes of the light that all of them see.

A lamp that is switched, or a flash, changes a picture's mean brightness from one frame to the next. Part of the
change in the first frame that shows it tells when in the frame's time it came: an exposure gathers light evenly,
and a rolling shutter exposes row after row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mocap.core.errors import InputError
from mocap.core.types import FloatArray
from mocap.sync.clocks import Link

# A change must stand out from all other frame-to-frame changes by so many robust standard deviations,
SUDDEN = 10.0
# and be at least this share of full scale: less can be somebody passing a lamp.
LEAST_CHANGE = 0.02
# Two changes of one camera nearer to each other than this many frames are one.
APART_FRAMES = 4
# Share of a frame's period over which its light is gathered, exposure and read-out together: anything up to all.
DUTY = 0.5
# Nobody switches lights more often than this in a recording that is to be synchronised.
MOST_CHANGES = 200


@dataclass(frozen=True)
class Changes:
    """Sudden changes of one camera's brightness.

    Attributes
    ----------
    camera : str
    t_s, sigma_s : (N,)
        When, on the camera's clock, and its standard error, s.
    size : (N,)
        Change as a share of full scale; below 0 where it became darker.
    period_s : float
        From frame to frame, s.
    span_s : (float, float)
        Times of the first and the last frame, s.
    """

    camera: str
    t_s: FloatArray
    sigma_s: FloatArray
    size: FloatArray
    period_s: float
    span_s: tuple[float, float]


def find_changes(camera: str, t_s: FloatArray, brightness: FloatArray) -> Changes:
    """Find sudden changes in the mean brightness (F,) of frames, 0 to 1, at times (F,), s.

    Raises
    ------
    InputError
        If there are none, or so many that the light must flicker.
    """
    period = float(np.median(np.diff(t_s)))
    step = np.diff(brightness)
    noise = 1.4826 * float(np.median(np.abs(step - np.median(step))))
    # A change may take two frames: the part of it in the first, the rest in the second.
    both = brightness[2:] - brightness[:-2]
    strong = np.maximum(np.abs(step), np.concatenate([np.abs(both), [0.0]]))
    candidates = np.flatnonzero(strong > max(SUDDEN * noise, LEAST_CHANGE))
    order = candidates[np.argsort(-np.abs(step[candidates]), kind="stable")]
    taken: list[int] = []
    for n in order.tolist():
        if abs(step[n]) > 0.5 * strong[n] - 1e-12 and all(abs(n - m) >= APART_FRAMES for m in taken):
            taken.append(n)
    if not taken:
        raise InputError(
            f"The light that '{camera}' sees never changes at once.",
            "Switch a lamp where all cameras see it, or sync by sound or motion.",
        )
    if len(taken) > MOST_CHANGES:
        raise InputError(f"The light that '{camera}' sees flickers.", "Sync by sound or motion.")
    found = [_place(t_s, brightness, n, period, noise) for n in sorted(taken)]
    t, sigma, size = (np.array(column) for column in zip(*found, strict=True))
    return Changes(camera, t, sigma, size, period, (float(t_s[0]), float(t_s[-1])))


def _place(
    t_s: FloatArray, brightness: FloatArray, n: int, period: float, noise: float
) -> tuple[float, float, float]:
    """When the change between frames ``n`` and ``n + 1`` came, its standard error, and its size.

    The larger part lies between these frames, the rest before or after.
    """
    last = brightness.shape[0] - 1
    before = float(np.median(brightness[max(0, n - 3) : max(1, n)]))
    after = float(np.median(brightness[min(n + 2, last) : n + 5]))
    size = after - before
    # Which frame shows a part of it: n, where some came before the larger step, else n + 1.
    share = (brightness[n : min(n + 2, last + 1)] - before) / size if size else np.zeros(2)
    resolved = max(3.0 * noise / abs(size), 0.03) if size else 1.0
    partial = n if resolved < share[0] < 1.0 - resolved else n + 1
    level = float(np.clip(share[partial - n], 0.0, 1.0))
    if resolved < level < 1.0 - resolved:
        # The frame gathers light over DUTY of its period about its time, give or take what is not known of that.
        off = 0.5 - level
        return (
            float(t_s[partial]) + off * DUTY * period,
            math.hypot(abs(off) * period / math.sqrt(12.0), noise / abs(size) * period) + 0.01 * period,
            size,
        )
    gap = float(t_s[n + 1] - t_s[n])
    return float(t_s[n]) + 0.5 * gap, gap / math.sqrt(12.0), size


def match_changes(first: Changes, second: Changes) -> Link:
    """Find the offset at which most changes of two cameras are the same.

    Raises
    ------
    InputError
        If none match, or several offsets match as well.
    """
    reach = first.period_s + second.period_s
    same = np.sign(first.size)[:, None] == np.sign(second.size)
    gaps = second.t_s - first.t_s[:, None]
    candidates = np.unique(gaps[same])
    scores = np.array([_score(gaps, same, shift, reach) for shift in candidates])
    if not scores.size or scores.max() <= 0:
        raise InputError(
            f"'{first.camera}' and '{second.camera}' see no change of the light in common.",
            "Switch a lamp where both see it, or sync by sound or motion.",
        )
    best = float(candidates[int(scores.argmax())])
    rivals = scores[np.abs(candidates - best) > 2.0 * reach]
    if rivals.size and rivals.max() >= scores.max() - 0.5:
        raise InputError(
            f"The changes of light that '{first.camera}' and '{second.camera}' see match at several shifts.",
            "Switch a lamp in an uneven rhythm, or sync by sound or motion.",
        )
    near = same & (np.abs(gaps - best) <= reach)
    rows = np.flatnonzero(near.any(axis=1))
    missed = _missed(first, second, best, reach, near)
    if 2 * missed >= rows.size:
        raise InputError(
            f"Of the changes of light that '{first.camera}' and '{second.camera}' see, {rows.size} fit together "
            f"and {missed} do not.",
            "Switch a lamp that both see, or sync by sound or motion.",
        )
    columns = np.abs(np.where(near, gaps - best, np.inf)).argmin(axis=1)[rows]
    offset = gaps[rows, columns]
    sigma = np.hypot(first.sigma_s[rows], second.sigma_s[columns])
    weight = sigma**-2.0
    middle = float(weight @ first.t_s[rows] / weight.sum())
    value = float(weight @ offset / weight.sum())
    error = float(weight.sum() ** -0.5)
    words = f"{rows.size} {'change' if rows.size == 1 else 'changes'} of the light"
    if rows.size < 3 or float(np.ptp(first.t_s[rows])) < 10.0 * reach:
        return Link("light", first.camera, second.camera, middle, value, error, basis=words)
    lever = first.t_s[rows] - middle
    drift = float(np.sum(weight * lever * (offset - value)) / np.sum(weight * lever**2))
    misfit = float(np.sum(weight * (offset - value - drift * lever) ** 2)) / (rows.size - 2)
    wider = math.sqrt(max(1.0, misfit))
    drift_error = wider * float(np.sum(weight * lever**2) ** -0.5)
    return Link("light", first.camera, second.camera, middle, value, wider * error, drift, drift_error, words)


def _missed(first: Changes, second: Changes, shift: float, reach: float, near: np.ndarray) -> int:
    """Number of changes that one camera saw while the other recorded, and the other did not see."""
    there, here = first.t_s + shift, second.t_s - shift
    seen_there = (there > second.span_s[0] + reach) & (there < second.span_s[1] - reach)
    seen_here = (here > first.span_s[0] + reach) & (here < first.span_s[1] - reach)
    return int((seen_there & ~near.any(axis=1)).sum() + (seen_here & ~near.any(axis=0)).sum())


def _score(gaps: FloatArray, same: np.ndarray, shift: float, reach: float) -> float:
    """Number of changes that find a partner at a shift."""
    near = same & (np.abs(gaps - shift) <= reach)
    return float(min(near.any(axis=0).sum(), near.any(axis=1).sum()))
