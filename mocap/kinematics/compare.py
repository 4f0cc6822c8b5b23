"""How far two numbers are apart, and whether that is more than chance.

What was measured several times spreads by how unlike the times were and by the error of measuring; the standard
error of its mean is that spread over the root of their number. What was measured once has the error that its
measuring states. Differences are judged after Welch (Biometrika 1947, 34:28) with the degrees of freedom of
Satterthwaite (Biometrics Bulletin 1946, 2:110). Where both errors are stated and equal, the least difference
that counts is the minimal detectable change of rehabilitation, 1.96 sqrt(2) SEM (Weir, J. Strength Cond. Res.
2005, 19:231).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from mocap.core.measures import Measure

# Differences that chance alone makes are as large as the least one that counts in one case of twenty.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number and how well it is known.

    Attributes
    ----------
    value : float
        NaN where missing.
    sigma : float
        Standard error of the value; NaN where nothing is known of it.
    unit : str
    n : int
        How often it was measured.
    sd : float
        Standard deviation over these times; NaN for fewer than two.
    freedom : float
        Degrees of freedom of ``sigma``; infinite where the measuring states it.
    """

    value: float
    sigma: float
    unit: str
    n: int = 1
    sd: float = float("nan")
    freedom: float = math.inf


@dataclass(frozen=True)
class Difference:
    """One number minus another.

    Attributes
    ----------
    value : float
    detectable : float
        The least difference that is more than chance; NaN where an error is not known.
    symmetry : float
        Symmetry index of Robinson, Herzog and Nigg (J. Manip. Physiol. Ther. 1987, 10:172), percent: the
        difference over the mean of both. NaN where a mean of both has no sense, as their signs differ.
    """

    value: float
    detectable: float
    symmetry: float

    @property
    def beyond_chance(self) -> bool | None:
        """Whether the two differ; None where that cannot be said."""
        if not (math.isfinite(self.value) and math.isfinite(self.detectable)):
            return None
        return abs(self.value) > self.detectable


def estimate_of(measure: Measure, single_sigma: float = float("nan")) -> Estimate:
    """Mean of a measure with its standard error.

    Parameters
    ----------
    single_sigma : float
        Error that is known of a single value, such as of the time between two pictures; NaN where none is. The
        mean counts as no better known than that, as such errors may be alike each time.
    """
    n = int(measure.values.size)
    spread = measure.sd / math.sqrt(n) if n > 1 else float("nan")
    if n > 1 and not spread < single_sigma:
        return Estimate(measure.mean, spread, measure.unit, n, measure.sd, n - 1)
    return Estimate(measure.mean, single_sigma, measure.unit, n, measure.sd)


def difference(first: Estimate, second: Estimate) -> Difference:
    """Take the second from the first.

    Raises
    ------
    ValueError
        If they are in different units.
    """
    if first.unit != second.unit:
        raise ValueError(f"{first.unit} and {second.unit} cannot be compared")
    value = first.value - second.value
    both = first.value + second.value
    symmetry = 200.0 * value / abs(both) if first.value * second.value > 0 else float("nan")
    return Difference(value, _detectable(first, second), symmetry)


def _detectable(first: Estimate, second: Estimate) -> float:
    """Least difference that is more than chance, of two numbers with independent errors."""
    shares = np.array([first.sigma, second.sigma]) ** 2
    total = float(shares.sum())
    if not math.isfinite(total):
        return float("nan")
    per_freedom = float(np.sum(shares**2 / np.array([first.freedom, second.freedom])))
    level = 0.5 + 0.5 * CONFIDENCE
    # No spread at all, or errors that are stated: the normal distribution, which is t with endless freedom.
    quantile = float(ndtri(level)) if per_freedom <= 0.0 else float(stdtrit(total**2 / per_freedom, level))
    return quantile * math.sqrt(total)
