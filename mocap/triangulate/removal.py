"""Which views of a point to believe: the greedy removal of bad ones, at a cost linear in the views."""

from __future__ import annotations

from dataclasses import dataclass, fields

from mocap.triangulate.kernel import Fit, Geometry, Views, gauss_newton, judge, linear
from mocap.triangulate.lens import Array, Namespace

# From the linear start two steps leave less than a thousandth of a standard deviation in all but a few points;
# these get as many again until they rest.
PLAIN_STEPS: tuple[None, ...] = (None, None)
RESTLESS_SQ = 1e-6
MORE_ROUNDS = 4
# Cauchy weights start wide and close in, so that a bad view does not drag the first steps (graduated
# non-convexity, Blake and Zisserman 1987); in units of the noise.
CAUCHY_WIDTHS = (20.0, 8.0, 4.0, 3.0, 3.0, 3.0)
AGAIN_WIDTHS = (3.0, 3.0)
# With so few views one that is wrong can pull the robust fit over to its side, and each is left out on trial.
FEW_VIEWS = 4


@dataclass(frozen=True)
class Settled:
    """Points (3, M), the views that were kept for each (C, M) bool, and how these agree."""

    point: Array
    used: Array
    fit: Fit


def settle(xp: Namespace, geometry: Geometry, views: Views, gate: float, noise: float) -> Settled:
    """Find points and the views that agree on them.

    Most points are clean and done after the plain least squares: those are not touched again. A view misses
    when the error falls by more than ``(gate * noise)**2`` without it.
    """
    used = views.counted
    point = _plain(xp, geometry, views, linear(xp, geometry, views, 1))
    fit = judge(xp, geometry, views, point)
    limit = (gate * noise) ** 2
    suspect = xp.where((used.sum(axis=0) > 2) & ~(xp.amax(fit.without, 0) <= limit))[0]
    if suspect.shape[0]:
        mended, kept = _mend(xp, geometry, views.pick(suspect), point[:, suspect], limit, noise)
        better = judge(xp, geometry, views.pick(suspect).masked(kept), mended)
        point[:, suspect] = mended
        used[:, suspect] = kept
        for item in fields(Fit):
            getattr(fit, item.name)[:, suspect] = getattr(better, item.name)
    return Settled(point, used, fit)


def robust(xp: Namespace, geometry: Geometry, views: Views, noise: float) -> Array:
    """Fit points (3, M) robustly to all views, without leaving any out."""
    start = linear(xp, geometry, views, 2)
    return gauss_newton(xp, geometry, views, start, [width * noise for width in CAUCHY_WIDTHS])[0]


def _plain(xp: Namespace, geometry: Geometry, views: Views, point: Array) -> Array:
    """Least squares from a start that is near (3, M)."""
    point, moved = gauss_newton(xp, geometry, views, point, PLAIN_STEPS)
    for _ in range(MORE_ROUNDS):
        restless = xp.where(moved > RESTLESS_SQ)[0]
        if not restless.shape[0]:
            break
        point[:, restless], again = gauss_newton(
            xp, geometry, views.pick(restless), point[:, restless], PLAIN_STEPS
        )
        moved = 0.0 * moved
        moved[restless] = again
    return point


def _mend(
    xp: Namespace, geometry: Geometry, views: Views, point: Array, limit: float, noise: float
) -> tuple[Array, Array]:
    """Points without their bad views, and the views that were kept."""
    kept = views.counted
    many = xp.where(kept.sum(axis=0) > FEW_VIEWS)[0]
    if many.shape[0]:
        kept[:, many], point[:, many] = _drop_worst(xp, geometry, views.pick(many), point[:, many], limit, noise)
    # From FEW_VIEWS down to two.
    for _ in range(FEW_VIEWS - 2):
        fit = judge(xp, geometry, views.masked(kept), point)
        count = kept.sum(axis=0)
        few = (count > 2) & (count <= FEW_VIEWS) & ~(xp.amax(fit.without, 0) <= limit)
        bad = xp.where(few)[0]
        if not bad.shape[0]:
            break
        kept[:, bad], point[:, bad] = _leave_one_out(xp, geometry, views.pick(bad), kept[:, bad], point[:, bad])
    return point, kept


def _drop_worst(
    xp: Namespace, geometry: Geometry, views: Views, point: Array, limit: float, noise: float
) -> tuple[Array, Array]:
    """Drop the worst view of a robust fit as long as one misses and enough others are there."""
    kept = views.counted
    widths = [width * noise for width in CAUCHY_WIDTHS]
    point, _ = gauss_newton(xp, geometry, views, point, widths)
    rows = xp.arange(kept.shape[0])[:, None]
    if hasattr(kept, "device") and xp.__name__ == "torch":
        rows = rows.to(kept.device)
    open_ = xp.where(kept[0] | True)[0]
    while open_.shape[0]:
        some = views.pick(open_).masked(kept[:, open_])
        chi_sq = judge(xp, geometry, some, point[:, open_]).chi_sq
        wrong = (xp.amax(chi_sq, 0) > limit) & (kept[:, open_].sum(axis=0) > FEW_VIEWS)
        worst = xp.argmax(chi_sq, 0)
        open_, worst = open_[wrong], worst[wrong]
        if open_.shape[0]:
            kept[:, open_] &= rows != worst
            some = views.pick(open_).masked(kept[:, open_])
            again = [width * noise for width in AGAIN_WIDTHS]
            point[:, open_] = gauss_newton(xp, geometry, some, point[:, open_], again)[0]
    return kept, _plain(xp, geometry, views.masked(kept), point)


def _leave_one_out(
    xp: Namespace, geometry: Geometry, views: Views, kept: Array, point: Array
) -> tuple[Array, Array]:
    """Leave out the one view without which the others agree best; at most FEW_VIEWS are there."""
    order = xp.cumsum(kept, 0)
    best_cost = xp.where(kept[0], xp.inf, xp.inf)
    best_kept, best_point = 0 * kept > 0, point
    for number in range(1, FEW_VIEWS + 1):
        left_out = kept & (order == number)
        trial = kept & ~left_out
        some = views.masked(trial)
        found = _plain(xp, geometry, some, linear(xp, geometry, some, 2))
        cost = judge(xp, geometry, some, found).chi_sq.sum(axis=0)
        better = left_out.any(axis=0) & (cost < best_cost)
        best_cost = xp.where(better, cost, best_cost)
        best_kept = xp.where(better, trial, best_kept)
        best_point = xp.where(better, found, best_point)
    return best_kept, best_point
