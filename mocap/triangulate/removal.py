"""Which views of a point to believe: the greedy removal of bad ones, at a cost linear in the views."""

from __future__ import annotations

from mocap.triangulate.kernel import Fit, Geometry, Views, errors, gauss_newton, judge, linear, linear_without
from mocap.triangulate.lens import Array, Namespace

# From the linear start two steps leave less than a thousandth of a standard deviation in all but a few points;
# those that still move by more go on with the ones whose views disagree.
PLAIN_STEPS: tuple[None, ...] = (None, None)
RESTLESS_SQ = 1e-6
MORE_ROUNDS = 4
ONE_STEP: tuple[None, ...] = (None,)
# So many views are dropped by their leverage alone; a point with more bad ones gets the robust fit.
SNOOPED = 3
# Cauchy weights start wide and close in, so that a bad view does not drag the first steps (graduated
# non-convexity, Blake and Zisserman 1987); in units of the noise.
CAUCHY_WIDTHS = (20.0, 8.0, 4.0, 3.0, 3.0, 3.0)
AGAIN_WIDTHS = (3.0, 3.0)
# With so few views one that is wrong can pull the robust fit over to its side, and each is left out on trial.
FEW_VIEWS = 4


def plain(xp: Namespace, geometry: Geometry, views: Views, limit: float) -> tuple[Array, Fit, Array, Array]:
    """Least squares over all views.

    Returns
    -------
    point : (3, M)
    fit : Fit
    worst : (M,) int
        The view without which the error falls most, where it falls by more than ``limit``; else -1.
    unsettled : (S,) int
        Points that ``mend`` should look at: those with such a view, and those that have not come to rest.
    """
    point, moved = gauss_newton(xp, geometry, views, linear(xp, geometry, views, 1), PLAIN_STEPS)
    fit = judge(xp, geometry, views, point)
    worst = _worst(xp, fit.without, limit)
    calm = (moved <= RESTLESS_SQ) & (worst < 0)
    return point, fit, worst, xp.where(~calm & (views.counted.sum(axis=0) >= 2))[0]


def _worst(xp: Namespace, without: Array, limit: float) -> Array:
    """Index of the largest entry (M,) where it is above ``limit``, else -1."""
    return xp.where(xp.amax(without, 0) <= limit, -1, xp.argmax(without, 0))


def mend(
    xp: Namespace,
    geometry: Geometry,
    views: Views,
    point: Array,
    worst: Array,
    limit: float,
    noise: float,
    thorough: bool,
) -> tuple[Array, Array, Fit, Array]:
    """Find points without their bad views.

    Parameters
    ----------
    point : (3, M)
    worst : (M,) int
        As ``plain`` left them.
    limit : float
        By how much the error may fall without a view.
    noise : float
        Scales the stated sigmas.
    thorough : bool
        Whether points in many views get the robust fit; else bad views are only snooped for, which does for
        most.

    Returns
    -------
    point : (3, M)
    kept : (C, M) bool
        The views that agree.
    fit : Fit
        Of these views.
    stubborn : (S,) int
        Points that should be mended thoroughly.
    """
    start, stubborn = point, worst[:0]
    point = 1.0 * point
    kept = views.counted
    count = kept.sum(axis=0)
    many = xp.where((count > FEW_VIEWS) & (worst >= 0))[0]
    bad = xp.where((count > 2) & (count <= FEW_VIEWS) & (worst >= 0))[0]
    if many.shape[0]:
        some = views.pick(many)
        if thorough:
            kept[:, many], point[:, many] = _drop_worst(xp, geometry, some, start[:, many], limit, noise)
        else:
            kept[:, many], point[:, many], left = _snoop(xp, geometry, some, point[:, many], worst[many], limit)
            stubborn = many[left]
        again = many[kept[:, many].sum(axis=0) <= FEW_VIEWS]
        bad = xp.concatenate([bad, _missing(xp, geometry, views, kept, point, again, limit)])
    # From FEW_VIEWS down to two.
    for _ in range(FEW_VIEWS - 2):
        if not bad.shape[0]:
            break
        some = views.pick(bad).masked(kept[:, bad])
        kept[:, bad], point[:, bad] = _leave_one_out(xp, geometry, some, point[:, bad])
        bad = _missing(xp, geometry, views, kept, point, bad, limit)
    agreed = views.masked(kept)
    point = _rest(xp, geometry, agreed, point)
    return point, kept, judge(xp, geometry, agreed, point), stubborn


def _missing(
    xp: Namespace, geometry: Geometry, views: Views, kept: Array, point: Array, among: Array, limit: float
) -> Array:
    """Those of some points, by index, that still have a bad view and more than two."""
    if not among.shape[0]:
        return among
    some = views.pick(among).masked(kept[:, among])
    worst = _worst(xp, judge(xp, geometry, some, point[:, among]).without, limit)
    return among[(worst >= 0) & (kept[:, among].sum(axis=0) > 2)]


def _rest(xp: Namespace, geometry: Geometry, views: Views, point: Array) -> Array:
    """Least squares until the points come to rest (3, M)."""
    point, moved = gauss_newton(xp, geometry, views, point, ONE_STEP)
    restless = xp.where(moved > RESTLESS_SQ)[0]
    for _ in range(MORE_ROUNDS):
        if not restless.shape[0]:
            break
        point[:, restless], moved = gauss_newton(
            xp, geometry, views.pick(restless), point[:, restless], PLAIN_STEPS
        )
        restless = restless[moved > RESTLESS_SQ]
    return point


def robust(xp: Namespace, geometry: Geometry, views: Views, noise: float) -> Array:
    """Fit points (3, M) robustly to all views, without leaving any out."""
    start = linear(xp, geometry, views, 2)
    return gauss_newton(xp, geometry, views, start, [width * noise for width in CAUCHY_WIDTHS])[0]


def _snoop(
    xp: Namespace, geometry: Geometry, views: Views, point: Array, worst: Array, limit: float
) -> tuple[Array, Array, Array]:
    """Drop the view without which the error falls most, solve again, and look again.

    Baarda's data snooping ("A Testing Procedure for Use in Geodetic Networks", 1968). It finds a few bad views
    among many; returned are the views kept, the points, and those, by index, where it came to no end.
    """
    kept = views.counted
    rows = _rows(xp, kept)
    left = xp.cumsum(xp.ones_like(worst), 0) - 1
    for _ in range(SNOOPED):
        kept[:, left] &= rows != worst
        some = views.pick(left).masked(kept[:, left])
        found, _ = gauss_newton(xp, geometry, some, point[:, left], ONE_STEP)
        point[:, left] = found
        worst = _worst(xp, judge(xp, geometry, some, found).without, limit)
        left, worst = left[worst >= 0], worst[worst >= 0]
        if not left.shape[0]:
            break
    return kept, point, left


def _rows(xp: Namespace, kept: Array) -> Array:
    """Numbers of the views as a column (C, 1)."""
    return xp.cumsum(xp.ones_like(kept[:, :1] * 1), 0) - 1


def _drop_worst(
    xp: Namespace, geometry: Geometry, views: Views, point: Array, limit: float, noise: float
) -> tuple[Array, Array]:
    """Drop the worst view of a robust fit as long as one misses and enough others are there."""
    kept = views.counted
    point, _ = gauss_newton(xp, geometry, views, point, [width * noise for width in CAUCHY_WIDTHS])
    rows = _rows(xp, kept)
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
            point[:, left], _ = gauss_newton(xp, geometry, some, point[:, left], again)
    return kept, gauss_newton(xp, geometry, views.masked(kept), point, PLAIN_STEPS)[0]


def _leave_one_out(xp: Namespace, geometry: Geometry, views: Views, point: Array) -> tuple[Array, Array]:
    """Leave out the one view without which the others agree best; at most FEW_VIEWS are there."""
    kept = views.counted
    order = xp.cumsum(kept * 1, 0)
    masks = [kept & (order == number) for number in range(1, FEW_VIEWS + 1)]
    best_cost = 0.0 * point[0] + xp.inf
    best_kept, best_point = kept & ~kept, point
    for mask, start in zip(masks, linear_without(xp, geometry, views, point, masks), strict=True):
        trial = kept & ~mask
        some = views.masked(trial)
        found, _ = gauss_newton(xp, geometry, some, start, ONE_STEP)
        cost = errors(xp, geometry, some, found).sum(axis=0)
        better = mask.any(axis=0) & (cost < best_cost)
        best_cost = xp.where(better, cost, best_cost)
        best_kept = xp.where(better, trial, best_kept)
        best_point = xp.where(better, found, best_point)
    return best_kept, best_point
