"""Robust losses, and the noise that the residuals show.

Losses act on whole points, not on single coordinates: a mistaken corner is wrong in both. They are applied by
iteratively reweighted least squares (Triggs et al., "Bundle adjustment - a modern synthesis", 1999, 4.3);
their widths shrink from wide to narrow (graduated non-convexity: Blake and Zisserman 1987).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from calibration.transforms import FloatArray

Loss = Literal["cauchy", "huber", "geman_mcclure", "squared"]

# Median length of a vector of two normal errors of unit sigma (Rayleigh): sqrt(2 ln 2).
RAYLEIGH_MEDIAN = float(np.sqrt(2.0 * np.log(2.0)))


@dataclass(frozen=True)
class Kernel:
    """A loss and its width, in the unit of the residuals (px)."""

    loss: Loss
    width: float

    def __call__(self, squared: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Loss and weight of squared residual lengths (...); both (...), the loss in px^2."""
        if self.loss == "squared":
            return squared, np.ones_like(squared)
        width2 = self.width**2
        ratio = squared / width2
        if self.loss == "cauchy":
            return width2 * np.log1p(ratio), 1.0 / (1.0 + ratio)
        if self.loss == "geman_mcclure":
            return squared / (1.0 + ratio), 1.0 / (1.0 + ratio) ** 2
        root = np.sqrt(np.maximum(ratio, 1.0))
        return np.where(ratio <= 1.0, squared, width2 * (2.0 * root - 1.0)), 1.0 / root


def robust_noise(lengths: FloatArray, unknowns: int) -> float:
    """Sigma of one coordinate from the lengths (N,) of 2-vectors, half of which may be wrong.

    The median, freed of the share of the noise that ``unknowns`` fitted parameters took up.
    """
    freedom = 2.0 * lengths.size
    share = max(freedom - unknowns, 0.1 * freedom) / freedom
    return float(np.median(lengths) / (RAYLEIGH_MEDIAN * np.sqrt(share)))
