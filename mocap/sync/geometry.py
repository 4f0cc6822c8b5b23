"""How far cameras' clocks are apart, by the epipolar error of what they see, as a function of the shift.

Where the cameras are known, a point seen by one camera lies on a line in every other, if the pictures are of one
instant. What moves across that line tells the shift to a small part of a frame (Caspi and Irani, IEEE TPAMI 24,
2002; Tresadern and Reid, Image and Vision Computing 27, 2009). All shifts are tried for every pair; from the best
ones, offsets and drifts of all clocks are then solved together.

A detector's and a calibration's errors shift lines as well, but for a time: the mean of each point's error over a
stretch is left out, and the stated errors come from how much stretches disagree (cluster-robust covariance: Liang
and Zeger, Biometrika 73, 1986), not from the noise of single points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from calibration import CameraRig
from mocap.core.errors import InputError
from mocap.core.types import FloatArray
from mocap.sync.clocks import Link, Method
from mocap.sync.epipolar import (
    CLEAR,
    LEAST_POINTS,
    STRETCH_S,
    WRONG_SHARE,
    Search,
    View,
    epipolar_error,
    essential,
    search_shift,
    view_of,
)
from mocap.sync.seen import Seen, at_times

# The mean error of each point is taken out over so long, s: a person who walks a curve turns by a small part of a
# circle in it, and with the person turns the detector's bias.
BIAS_S = 1.0
# Steps of the joint solve, and where it ends, s.
STEPS = 30
SETTLED_S = 1e-6
# Errors of more than so many robust standard deviations do not count (Tukey's biweight at 95 % efficiency).
TUKEY = 4.685
# Clocks drift apart by less than this; it keeps a drift that nothing tells from running away.
DRIFT_PRIOR = 2e-3
# Velocities are smoothed over longer than places, s: their noise falls with the power 3/2 of it, and noise in them
# would count as motion that tells the time, and make the stated errors too small.
SPEED_WIDTH_S = 0.06
# What stretches cannot tell, in frames: smoothing over uneven samples, and where in its time a frame was exposed.
LEAST_ERROR_FRAMES = 0.02
# A clock jumps where the stretches before and after an instant differ by so many standard errors, and frames.
JUMP = 6.0
JUMP_FRAMES = 0.5
# And where a step leaves less than this share of what a line leaves.
STEPPED = 0.75
# Fewer stretches cannot tell how much stretches disagree.
LEAST_STRETCHES = 6


@dataclass(frozen=True)
class Solved:
    """Clocks by geometry: statements against the first camera that was solved, and all searches, for a picture."""

    links: tuple[Link, ...]
    searches: tuple[Search, ...]


def solve_geometry(
    seen: Sequence[Seen], rig: CameraRig, method: Method = "geometry", start_s: dict[str, float] | None = None
) -> Solved:
    """Find the clocks of all cameras that see the same points move.

    Parameters
    ----------
    seen : sequence of Seen
        One a camera, in any order.
    rig : CameraRig
        Holds all of them, with lenses for the size of the pictures.
    method : str
        What to call it.
    start_s : dict of str to float, optional
        Offset of each camera's clock against some common clock, s, where it is known to a frame: nothing is
        searched.

    Returns
    -------
    Solved
        Offsets and drifts against the camera that most others are tied to.

    Raises
    ------
    InputError
        If no pair can tell, and why.
    """
    by_name = {camera.name: camera for camera in rig.cameras}
    views = [view_of(each, by_name[each.camera]) for each in seen]
    searches = tuple(
        found
        for a, b in combinations(range(len(views)), 2)
        if start_s is None and (found := search_shift(views[a], views[b])) is not None
    )
    clear = [search for search in searches if search.lead >= CLEAR]
    if start_s is None and not clear:
        _require_whole(searches, {})
        raise InputError(_why_not(searches), "Let somebody walk about where all cameras see them.")
    start = start_s or first_guess(clear)
    _require_whole(searches, start)
    chosen = [view for view in views if view.seen.camera in start]
    links = _solve(chosen, np.array([start[view.seen.camera] for view in chosen]), method)
    return Solved(links, searches)


def _require_whole(searches: Sequence[Search], start: dict[str, float]) -> None:
    """Refuse cameras that fit the others at one shift before an instant, and at another one after it."""
    torn = [search for search in searches if np.isfinite(search.jump_s)]
    names = [name for search in torn for name in (search.first, search.second)]
    lost = {name for name in names if name not in start}
    if lost:
        worst = max(sorted(lost), key=names.count)
        found = next(search for search in torn if worst in (search.first, search.second))
        raise jumped((worst,), found.jump_s, found.jump_at_s)


def jumped(cameras: tuple[str, ...], jump_s: float, at_s: float) -> InputError:
    """Explain a clock that jumps."""
    names = " or ".join(f"'{name}'" for name in cameras)
    return InputError(
        f"The clock of {names} jumps by about {abs(jump_s):.2f} s, some {at_s:.0f} s after the start: pictures "
        "were lost, or the clock was set.",
        "Cut the recording there and process the parts one by one, or leave the camera out.",
    )


def _why_not(searches: Sequence[Search]) -> str:
    if not searches:
        return "No two cameras see anybody at the same time, whatever the shift of their clocks."
    best = max(searches, key=lambda search: search.lead)
    return (
        "Motion cannot tell how the clocks run: the people hardly move, or repeat themselves. The best pair, "
        f"'{best.first}' and '{best.second}', fits at {best.best_s:+.2f} s, but other shifts fit nearly as well."
    )


def first_guess(clear: Sequence[Search]) -> dict[str, float]:
    """Offsets along the tree of the clearest pairs, from the camera that begins the clearest."""
    order = sorted(clear, key=lambda search: -search.lead)
    offset = {order[0].first: 0.0}
    while True:
        for search in order:
            if search.first in offset and search.second not in offset:
                offset[search.second] = offset[search.first] + search.best_s
                break
            if search.second in offset and search.first not in offset:
                offset[search.first] = offset[search.second] - search.best_s
                break
        else:
            return offset


@dataclass(frozen=True)
class _Rows:
    """Errors of one pair: values (N,), derivatives by the two cameras' times (N, 2), and where each belongs.

    ``group`` numbers a point over a stretch whose mean does not count, ``instant`` is the row on the common grid.
    """

    cameras: tuple[int, int]
    error: FloatArray
    by_time: FloatArray
    group: NDArray[np.intp]
    instant: NDArray[np.intp]


def _solve(views: list[View], offset: FloatArray, method: Method) -> tuple[Link, ...]:
    """Solve for offsets and drifts of all clocks against the first, from good guesses."""
    count = len(views)
    drift = np.zeros(count)
    step = float(np.median([np.median(np.diff(view.seen.t_s)) for view in views]))
    first = min(view.seen.t_s[0] - o for view, o in zip(views, offset, strict=True))
    last = max(view.seen.t_s[-1] - o for view, o in zip(views, offset, strict=True))
    grid = np.arange(first, last + step, step)
    origin = 0.5 * (first + last)
    pairs = [(i, j, essential(views[i].camera, views[j].camera)) for i, j in combinations(range(count), 2)]
    cov = np.full((2 * count - 2, 2 * count - 2), np.nan)
    scale = None
    for _ in range(STEPS):
        own = [grid + offset[c] + drift[c] * (grid - origin) for c in range(count)]
        placed = [
            (at_times(view.seen, t)[0], at_times(view.seen, t, SPEED_WIDTH_S)[1])
            for view, t in zip(views, own, strict=True)
        ]
        rows = [made for i, j, E in pairs if (made := _pair_rows(E, (i, j), placed, grid, views)) is not None]
        if not rows:
            raise InputError(
                "The cameras never see the same person at the same time.", "Leave out cameras that look elsewhere."
            )
        if scale is None or scale > 0:
            scale = 1.4826 * float(np.median(np.abs(np.concatenate([row.error for row in rows]))))
        normal, gradient, scores, local = _normal(rows, count, grid - origin, max(scale, 1e-12))
        prior = np.tile([0.0, DRIFT_PRIOR**-2.0], count - 1)
        information = normal + np.diag(prior)
        # A camera that no row touches would make it singular; it has no guess either, so there is none.
        move = np.linalg.lstsq(information, gradient - prior * _free(offset, drift), rcond=None)[0]
        limit = min(1.0, step / max(float(np.abs(move[0::2]).max()), 1e-12))
        offset[1:] += limit * move[0::2]
        drift[1:] += limit * move[1::2]
        if float(np.abs(move[0::2]).max()) < SETTLED_S:
            break
    for c in range(1, count):
        used = local[:, 2 * c - 2] > 0
        at = np.asarray((np.flatnonzero(used) + 0.5) * STRETCH_S)
        asked = scores[used, 2 * c - 2] / local[used, 2 * c - 2] + drift[c] * at
        _require_steady(views[c].seen.camera, asked, at, step)
    cov = _robust_covariance(information, scores)
    return _links(views, offset, drift, origin, cov, scores, method)


def _free(offset: FloatArray, drift: FloatArray) -> FloatArray:
    """Free drifts in their places of the solver's vector; offsets have no prior."""
    values = np.zeros(2 * (offset.shape[0] - 1))
    values[1::2] = drift[1:]
    return values


def _pair_rows(
    E: FloatArray,
    cameras: tuple[int, int],
    placed: list[tuple[FloatArray, FloatArray]],
    grid: FloatArray,
    views: list[View],
) -> _Rows | None:
    """Errors of one pair at all instants of the grid, each person with whom they match best."""
    (one, one_speed), (two, two_speed) = placed[cameras[0]], placed[cameras[1]]
    height = 0.5 * (views[cameras[0]].body + views[cameras[1]].body)
    best = np.full(one.shape[:2], np.inf)
    chosen = np.zeros(one.shape[:2], dtype=np.intp)
    for q in range(two.shape[1]):
        error = np.abs(epipolar_error(E, one, two[:, q, None])[0])
        known = np.isfinite(error)
        mean = np.where(known, error, 0.0).sum(axis=-1) / np.maximum(known.sum(axis=-1), 1)
        better = (known.sum(axis=-1) >= LEAST_POINTS) & (mean < best)
        best, chosen = np.where(better, mean, best), np.where(better, q, chosen)
    partner = np.take_along_axis(two, chosen[..., None, None], axis=1)
    speed = np.take_along_axis(two_speed, chosen[..., None, None], axis=1)
    error, by_one, by_two = epipolar_error(E, one, partner)
    by_time = np.stack([(by_one * one_speed).sum(axis=-1), (by_two * speed).sum(axis=-1)], axis=-1)
    use = np.isfinite(error) & np.isfinite(by_time).all(axis=-1) & (best < height * WRONG_SHARE)[..., None]
    if not use.any():
        return None
    t, p, k = np.nonzero(use)
    period = np.floor((grid[t] - grid[0]) / BIAS_S).astype(np.intp)
    _, group = np.unique(np.stack([period, p, k]), axis=1, return_inverse=True)
    return _Rows(cameras, error[use] / height, by_time[use] / height, np.asarray(group).ravel(), t)


def _normal(
    rows: list[_Rows], count: int, since: FloatArray, scale: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Normal matrix, right side, and the score and the diagonal of the matrix (B, n) of each stretch of time."""
    size = 2 * count
    stretch = np.floor((since - since[0]) / STRETCH_S).astype(np.intp)
    normal = np.zeros((size, size))
    scores = np.zeros((int(stretch[-1]) + 1, size))
    local = np.zeros_like(scores)
    for row in rows:
        i, j = row.cameras
        weight = np.maximum(1.0 - (row.error / (TUKEY * scale)) ** 2, 0.0) ** 2
        groups = int(row.group.max()) + 1
        total = np.maximum(np.bincount(row.group, weight, groups), 1e-12)
        time = since[row.instant][:, None]
        design = np.concatenate([row.by_time, row.by_time * time], axis=1)[:, [0, 2, 1, 3]]
        values = np.concatenate([row.error[:, None], design], axis=1)
        means = np.stack([np.bincount(row.group, weight * column, groups) / total for column in values.T], axis=1)
        values = (values - means[row.group]) / scale
        columns = [2 * i, 2 * i + 1, 2 * j, 2 * j + 1]
        error, design = values[:, 0], values[:, 1:]
        normal[np.ix_(columns, columns)] += (design * weight[:, None]).T @ design
        parts = -(weight * error)[:, None] * design
        at = stretch[row.instant]
        for n, column in enumerate(columns):
            scores[:, column] += np.bincount(at, parts[:, n], scores.shape[0])
            local[:, column] += np.bincount(at, weight * design[:, n] ** 2, scores.shape[0])
    scores = scores[:, 2:]
    return normal[2:, 2:], scores.sum(axis=0), scores, local[:, 2:]


def _require_steady(camera: str, shift: FloatArray, at_s: FloatArray, step: float) -> None:
    """Refuse a clock that jumps: what stretches (B,) ask for at times (B,), s, is a step rather than a line.

    Raises
    ------
    InputError
        If a step explains the stretches much better than a line does, and is a good part of a frame.
    """
    if shift.size < 2 * LEAST_STRETCHES:
        return
    slope, level = np.polyfit(at_s - at_s[0], shift, 1)
    line = float(np.abs(shift - level - slope * (at_s - at_s[0])).mean())
    tried = []
    for n in range(LEAST_STRETCHES // 2, shift.size - LEAST_STRETCHES // 2):
        before, after = float(np.median(shift[:n])), float(np.median(shift[n:]))
        left = np.abs(np.concatenate([shift[:n] - before, shift[n:] - after]))
        tried.append((float(left.mean()), after - before, n))
    best, jump, n = min(tried)
    # Mean absolute deviation to standard deviation; a median's standard error is 1.25 of a mean's.
    sigma = 1.25 * 1.25 * best * np.sqrt(1.0 / n + 1.0 / (shift.size - n))
    if best < STEPPED * line and abs(jump) > max(JUMP * sigma, JUMP_FRAMES * step):
        raise jumped((camera,), jump, float(at_s[n] - at_s[0]))


def _robust_covariance(information: FloatArray, scores: FloatArray) -> FloatArray:
    """Covariance from how much the stretches disagree, at the solution, where their scores sum to zero.

    Stretches that share the means that were taken out are not independent: they count as one.
    """
    together = round(BIAS_S / STRETCH_S)
    scores = np.add.reduceat(scores, np.arange(0, scores.shape[0], together), axis=0)
    used = np.any(scores != 0.0, axis=1)
    groups = int(np.count_nonzero(used))
    inverse = np.linalg.pinv(information)
    few = groups / max(groups - information.shape[0] / 2.0, 1.0)
    return np.asarray(inverse @ (few * scores[used].T @ scores[used]) @ inverse)


def _links(
    views: list[View],
    offset: FloatArray,
    drift: FloatArray,
    origin: float,
    cov: FloatArray,
    scores: FloatArray,
    method: Method,
) -> tuple[Link, ...]:
    """Statements about each camera against the first."""
    made = []
    reference = views[0].seen.camera
    least = LEAST_ERROR_FRAMES * max(float(np.median(np.diff(view.seen.t_s))) for view in views)
    for c in range(1, len(views)):
        n = 2 * (c - 1)
        stretches = int(np.count_nonzero(scores[:, n]))
        if stretches < LEAST_STRETCHES:
            continue
        own = cov[n : n + 2, n : n + 2]
        lever = -own[0, 1] / own[1, 1] if own[1, 1] > 0 else 0.0
        alone = own[0, 0] + lever * own[0, 1]
        made.append(
            Link(
                method,
                reference,
                views[c].seen.camera,
                origin + offset[0] + lever,
                float(offset[c] - offset[0] + drift[c] * lever),
                float(np.hypot(least, np.sqrt(max(alone, 0.0)))),
                float(drift[c]),
                float(np.sqrt(own[1, 1])),
                f"{stretches * STRETCH_S:.0f} s of motion",
            )
        )
    return tuple(made)
