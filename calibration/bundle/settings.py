"""What a bundle adjustment may move, and how it treats mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from calibration.bundle.robust import Loss

Clocks = Literal["simultaneous", "known", "estimated"]


@dataclass(frozen=True)
class LensPrior:
    """How far the parameters of a lens may lie from where they start: one sigma each; 0 locks, inf frees.

    The defaults only hold what no view determines: real lenses lie well inside them.

    Attributes
    ----------
    focal : float
        Relative to the focal length.
    aspect : float
        Of fy / fx. Sensors have square pixels; a recording stretched by its container starts from there.
    centre : float
        Of the principal point, relative to the picture's width.
    radial : (float, float, float, float)
        k1, k2, k3 of a pinhole (its fourth is not used), k1..k4 of a fisheye.
    tangential : float
        p1, p2.
    rational : float
        k4, k5, k6 of a pinhole camera that has them.
    """

    focal: float = np.inf
    aspect: float = 0.01
    centre: float = 0.1
    radial: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    tangential: float = 0.02
    rational: float = 1.0


LOCKED_LENS = LensPrior(0.0, 0.0, 0.0, (0.0, 0.0, 0.0, 0.0), 0.0, 0.0)


@dataclass(frozen=True)
class BundleSettings:
    """Settings of ``adjust`` and ``refine_from_points``.

    Attributes
    ----------
    lens : LensPrior
        For every camera but those in ``lens_of``.
    lens_of : mapping of str to LensPrior
        By the camera's name.
    fixed_poses : frozenset of str
        Cameras that stay where they are. The reference camera always stays.
    reference : str or None
        The camera that holds the world and the time; the first if None.
    loss : str
        Robust loss of the search; the end is least squares on the inliers.
    loss_width : float
        Its final width, in sigmas of the noise that the residuals show.
    gate : float
        Points further off than this, in sigmas (both coordinates together), are outliers. By chance
        alone exp(-gate^2 / 2) of the points are: 0.03 % for 4.
    estimate_board : bool
        Whether the corners may lie elsewhere than printed (adjust only).
    board_sigma_m : float
        By how much, m; the mean position, the mean rotation and the size of the board stay.
    clocks : str
        "simultaneous": the pictures of an instant were taken together. "known": each was taken when its
        t_s says. "estimated": and each camera's clock has an offset and a rate besides (adjust only).
    clock_sigma_s, rate_sigma : float
        Prior sigmas of offset and rate.
    jitter_sigma_s : float
        Prior sigma of the error that the stamp of each single picture has beside its camera's clock; 0 for
        none (adjust only, and not with simultaneous pictures). See ``timing``.
    max_gap_s : float
        The target's motion is interpolated between instants no further apart than this. A hand can turn
        back within about 0.15 s.
    max_iterations : int
        Of all stages together.
    """

    lens: LensPrior = LensPrior()
    lens_of: Mapping[str, LensPrior] = field(default_factory=dict)
    fixed_poses: frozenset[str] = frozenset()
    reference: str | None = None
    loss: Loss = "cauchy"
    loss_width: float = 3.0
    gate: float = 4.0
    estimate_board: bool = False
    board_sigma_m: float = 0.001
    clocks: Clocks = "simultaneous"
    clock_sigma_s: float = 0.5
    rate_sigma: float = 5e-4
    jitter_sigma_s: float = 0.0
    max_gap_s: float = 0.12
    max_iterations: int = 100
