"""How large the errors really are, from the disagreement of the views."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mocap.triangulate.kernel import Geometry, Views, judge
from mocap.triangulate.lens import Array, Namespace
from mocap.triangulate.removal import mend, plain, robust

# Medians of the chi-squared distribution with one and two degrees of freedom.
MEDIAN_ONE, MEDIAN_TWO = 0.4549364, 1.3862944
# By chance a handful of views agrees: fewer than these cannot say that the errors are small.
ENOUGH_VIEWS = 100
# What is taken for the sigma of a keypoint where its detector states none, px.
UNSTATED_SIGMA_PX = 5.0
# No keypoint is believed better than this, px: below, rounding and the lens model count, which all views share.
LEAST_NOISE_PX = 0.25
# The robust fit needs to know the noise that it is to find: twice is enough from a wrong start.
GUESSES = 2


@dataclass(frozen=True)
class Noise:
    """The errors in units of the stated sigmas.

    Attributes
    ----------
    typical : float
        From the median view: what bad views are told from. They have no say in it.
    spread : float
        Root mean square over the views that are believed: what the covariance is stated with.
    """

    typical: float = 1.0
    spread: float = 1.0


def noise_of(xp: Namespace, geometry: Geometry, views: Views, gate: float, stated: bool) -> Noise:
    """Estimate the noise from some points.

    What the views disagree about is only a part of their errors: a network puts a hip in the wrong place in
    all of them alike. So a sigma that a detector has ``stated`` may be widened, not narrowed; where none was,
    the data alone decide. (On the shipped film, whose truth is known, narrowing to what the views show raises
    the median squared error over the stated covariance from 1.8 to 4.2.)

    What the error falls by without a view follows the chi-squared distribution with two degrees of freedom
    (``Fit.without``), the error of a point in two views that with one. A first guess is made of a robust fit
    to all views, the final one of the views that are left when bad ones are removed.
    """
    few = xp.where(views.counted.sum(axis=0) >= 2)[0]
    views = views.pick(few)
    if not few.shape[0]:
        return Noise()
    least = 1.0 if stated else LEAST_NOISE_PX / UNSTATED_SIGMA_PX
    guess = 1.0
    for _ in range(GUESSES):
        fit = judge(xp, geometry, views, robust(xp, geometry, views, guess))
        guess = _typical(xp, views, fit.chi_sq, fit.without, least)
    limit = (gate * guess) ** 2
    point, _, worst, _ = plain(xp, geometry, views, limit)
    _, kept, fit, _ = mend(xp, geometry, views, point, worst, limit, guess, thorough=True)
    typical = _typical(xp, views.masked(kept), fit.chi_sq, fit.without, least)
    count = kept.sum(axis=0)
    total = fit.chi_sq.sum(axis=0)
    believed = (count >= 2) & (xp.amax(fit.chi_sq, 0) <= (gate * typical) ** 2)
    freedom = float((2 * count - 3)[believed].sum())
    if not freedom:
        return Noise(typical, typical)
    spread = float(np.sqrt(float(total[believed].sum()) / freedom))
    if int(count[believed].sum()) < ENOUGH_VIEWS:
        spread = max(spread, 1.0)
    return Noise(typical, max(spread, least))


def _typical(xp: Namespace, views: Views, chi_sq: Array, without: Array, least: float) -> float:
    """Size of the median error, at least ``least``."""
    pair = views.counted.sum(axis=0) == 2
    several = views.counted & ~pair & xp.isfinite(without)
    total = chi_sq.sum(axis=0)
    shares = [
        _host(without[several]) / MEDIAN_TWO,
        _host(total[pair & xp.isfinite(total)]) / MEDIAN_ONE,
    ]
    share = np.concatenate(shares)
    if not share.size:
        return 1.0
    typical = max(float(np.sqrt(np.median(share))), least)
    return typical if share.size >= ENOUGH_VIEWS else max(typical, 1.0)


def _host(values: Array) -> np.ndarray:
    """Few numbers, on the processor."""
    return np.asarray(values.cpu() if hasattr(values, "cpu") else values)
