"""Which views of a point to believe: the greedy removal of bad ones, at a cost linear in the views."""

from __future__ import annotations

from mocap.triangulate.kernel import Fit, Geometry, Views, errors, gauss_newton, judge, linear
from mocap.triangulate.lens import Array, Namespace

# From the linear start two steps leave less than a thousandth of a standard deviation in all but a few points;
# those that still move by more go on with the ones whose views disagree.
PLAIN_STEPS: tuple[None, ...] = (None, None)
RESTLESS_SQ = 1e-6
MORE_STEPS: tuple[None, ...] = (None, None, None, None)
# Cauchy weights start wide and close in, so that a bad view does not drag the first steps (graduated
# non-convexity, Blake and Zisserman 1987); in units of the noise.
CAUCHY_WIDTHS = (20.0, 8.0, 4.0, 3.0, 3.0, 3.0)
AGAIN_WIDTHS = (3.0, 3.0)
# With so few views one that is wrong can pull the robust fit over to its side, and each is left out on trial.
FEW_VIEWS = 4


def plain(xp: Namespace, geometry: Geometry, views: Views, limit: float) -> tuple[Array, Fit, Array]:
    """Least squares over all views.

    Returns
    -------
    point : (3, M)
    fit : Fit
    unsettled : (S,) int
        Points that ``mend`` should look at: the error falls by more than ``limit`` without one of the views,
        or they have not come to rest.
    """
    point, moved = gauss_newton(xp, geometry, views, linear(xp, geometry, views, 1), PLAIN_STEPS)
    fit = judge(xp, geometry, views, point)
    calm = (moved <= RESTLESS_SQ) & (xp.amax(fit.without, 0) <= limit)
    return point, fit, xp.where(~calm & (views.counted.sum(axis=0) >= 2))[0]


def mend(
    xp: Namespace, geometry: Geometry, views: Views, point: Array, limit: float, noise: float
) -> tuple[Array, Array, Fit]:
    """Find points without their bad views.

    Parameters
    ----------
    point : (3, M)
        Where ``plain`` left them.
    limit : float
        By how much the error may fall without a view.

    Returns
    -------
    point : (3, M)
    kept : (C, M) bool
        The views that agree.
    fit : Fit
        Of these views.
    """
    kept = views.counted
    many = xp.where(kept.sum(axis=0) > FEW_VIEWS)[0]
    if many.shape[0]:
        kept[:, many], point[:, many] = _drop_worst(xp, geometry, views.pick(many), point[:, many], limit, noise)
    # From FEW_VIEWS down to two.
    bad = xp.where((kept.sum(axis=0) > 2) & (kept.sum(axis=0) <= FEW_VIEWS))[0]
    for _ in range(FEW_VIEWS - 2):
        some = views.pick(bad).masked(kept[:, bad])
        misses = ~(xp.amax(judge(xp, geometry, some, point[:, bad]).without, 0) <= limit)
        bad = bad[misses & (kept[:, bad].sum(axis=0) > 2)]
        if not bad.shape[0]:
            break
        kept[:, bad], point[:, bad] = _leave_one_out(xp, geometry, views.pick(bad), kept[:, bad], point[:, bad])
    left = views.masked(kept)
    point, _ = gauss_newton(xp, geometry, left, point, MORE_STEPS)
    return point, kept, judge(xp, geometry, left, point)


def robust(xp: Namespace, geometry: Geometry, views: Views, noise: float) -> Array:
    """Fit points (3, M) robustly to all views, without leaving any out."""
    start = linear(xp, geometry, views, 2)
    return gauss_newton(xp, geometry, views, start, [width * noise for width in CAUCHY_WIDTHS])[0]


def _drop_worst(
    xp: Namespace, geometry: Geometry, views: Views, point: Array, limit: float, noise: float
) -> tuple[Array, Array]:
    """Drop the worst view of a robust fit as long as one misses and enough others are there."""
    kept = views.counted
    point, _ = gauss_newton(xp, geometry, views, point, [width * noise for width in CAUCHY_WIDTHS])
    rows = xp.cumsum(xp.ones_like(kept[:, :1] * 1), 0) - 1
    left = xp.where(kept.any(axis=0))[0]
    while left.shape[0]:
        some = views.pick(left).masked(kept[:, left])
        chi_sq = errors(xp, geometry, some, point[:, left])
        wrong = (xp.amax(chi_sq, 0) > limit) & (kept[:, left].sum(axis=0) > FEW_VIEWS)
        worst = xp.argmax(chi_sq, 0)[wrong]
        left = left[wrong]
        if left.shape[0]:
            kept[:, left] &= rows != worst
            some = views.pick(left).masked(kept[:, left])
            again = [width * noise for width in AGAIN_WIDTHS]
            point[:, left] = gauss_newton(xp, geometry, some, point[:, left], again)[0]
    return kept, gauss_newton(xp, geometry, views.masked(kept), point, PLAIN_STEPS)[0]


def _leave_one_out(
    xp: Namespace, geometry: Geometry, views: Views, kept: Array, point: Array
) -> tuple[Array, Array]:
    """Leave out the one view without which the others agree best; at most FEW_VIEWS are there."""
    order = xp.cumsum(kept * 1, 0)
    best_cost = 0.0 * point[0] + xp.inf
    best_kept, best_point = kept & ~kept, point
    for number in range(1, FEW_VIEWS + 1):
        left_out = kept & (order == number)
        trial = kept & ~left_out
        some = views.masked(trial)
        found, _ = gauss_newton(xp, geometry, some, linear(xp, geometry, some, 2), PLAIN_STEPS)
        cost = errors(xp, geometry, some, found).sum(axis=0)
        better = left_out.any(axis=0) & (cost < best_cost)
        best_cost = xp.where(better, cost, best_cost)
        best_kept = xp.where(better, trial, best_kept)
        best_point = xp.where(better, found, best_point)
    return best_kept, best_point
