"""Levenberg-Marquardt in stages: a robust loss that narrows, then least squares on the inliers.

Steps follow Nielsen, "Damping parameter in Marquardt's method" (1999). A stage ends when the next step would
move the unknowns by less than a small part of their joint standard deviation: unlike a change of the cost
this means the same for small and for large problems.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from calibration.bundle.robust import Kernel, robust_noise
from calibration.bundle.schur import Normal, Step, solve
from calibration.bundle.settings import BundleSettings
from calibration.errors import CalibrationError, CancelledError
from calibration.transforms import FloatArray

Masks = tuple[NDArray[np.bool_], ...]
Progress = Callable[[str, int, int], None]
Cancelled = Callable[[], bool]

START_DAMPING = 1e-4
MIN_DAMPING, MAX_DAMPING = 1e-9, 1e12
# Stages with a wide loss only have to come near: within this, in joint standard deviations per root unknown.
COARSE_STEP = 0.1
# The end: no parameter of the cameras, nor any combination of them, would move by more than this part of its
# sigma, and no combination of all unknowns by more than LOOSE_STEP: a board that is hardly seen may creep long.
FINE_STEP = 5e-3
LOOSE_STEP = 0.05
COARSE_ITERATIONS = 12
# Widths of the loss before its final one, in sigmas of the noise that the residuals show at that moment.
ANNEALING = (8.0,)
# The noise and the inliers it decides on are settled when it changes by less than this.
NOISE_TOLERANCE = 0.01
MAX_ROUNDS = 6

StateT = TypeVar("StateT")


def silent(stage: str, done: int, total: int) -> None:
    """Report no progress."""


def never() -> bool:
    """Do not stop."""
    return False


class Problem(Protocol[StateT]):
    """What the search needs to know of the kind of observations."""

    @property
    def seen(self) -> Masks:
        """Observations of each camera."""

    @property
    def unknowns(self) -> int:
        """Number of unknowns that fit the noise."""

    def move(self, state: StateT, step: Step) -> StateT | None:
        """Apply a step; None where it leads to no camera."""

    def lengths(self, state: StateT, camera: int) -> FloatArray:
        """Lengths of the residuals, of the shape of ``seen``, px; NaN where there is none."""

    def prune(self, use: Masks) -> Masks:
        """Leave out observations of unknowns that too few observations determine."""

    def linearise(self, state: StateT, kernel: Kernel, use: Masks, noise: float) -> Normal:
        """Cost and derivatives."""


@dataclass(frozen=True)
class Found(Generic[StateT]):
    """Where the search ended.

    Attributes
    ----------
    state : the unknowns
    normal : Normal
        At the end, of the inliers.
    use : masks of each camera
        The inliers.
    noise : float
        Sigma of one coordinate of an inlier, px.
    costs : tuple of float
        Half the sum of losses after each accepted step; losses differ between stages.
    iterations : int
    reason : str
        Why it ended.
    """

    state: StateT
    normal: Normal
    use: Masks
    noise: float
    costs: tuple[float, ...]
    iterations: int
    reason: str


class _Search(Generic[StateT]):
    """One search; counts its iterations."""

    def __init__(
        self, problem: Problem[StateT], settings: BundleSettings, progress: Progress, cancelled: Cancelled
    ) -> None:
        self.problem, self.settings = problem, settings
        self.progress, self.cancelled = progress, cancelled
        self.iterations = 0
        self.damping = START_DAMPING
        self.costs: list[float] = []

    def descend(
        self, state: StateT, kernel: Kernel, use: Masks, noise: float, step_sigmas: float, limit: int
    ) -> tuple[StateT, Normal, str]:
        """Descend with one loss; returns the state, its derivatives, and why it ended."""
        limit = min(limit, self.settings.max_iterations - self.iterations)
        normal = self.problem.linearise(state, kernel, use, noise)
        self.costs.append(normal.cost)
        growth = 2.0
        for _ in range(limit):
            if self.cancelled():
                raise CancelledError
            self.iterations += 1
            self.progress("bundle adjustment", self.iterations, self.settings.max_iterations)
            step = solve(normal, self.damping)
            if step is not None:
                everything = max(step_sigmas, LOOSE_STEP)
                still = step.shared_length2 < (step_sigmas * noise) ** 2
                if still and 2.0 * step.gain < (everything * noise) ** 2 and self.damping < 1.0:
                    return state, normal, "converged"
                trial = self.problem.move(state, step)
                if trial is not None:
                    ahead = self.problem.linearise(trial, kernel, use, noise)
                    ratio = (normal.cost - ahead.cost) / step.gain
                    if ratio > 0:
                        state, normal = trial, ahead
                        self.costs.append(normal.cost)
                        shrink = max(1.0 / 10.0, 1.0 - (2.0 * ratio - 1.0) ** 3)
                        self.damping = max(self.damping * shrink, MIN_DAMPING)
                        growth = 2.0
                        continue
            self.damping *= growth
            growth *= 2.0
            if self.damping > MAX_DAMPING:
                self.damping = START_DAMPING
                return state, normal, "no step lowers the cost any more"
        return state, normal, "out of iterations"


def search(
    problem: Problem[StateT], state: StateT, settings: BundleSettings, progress: Progress, cancelled: Cancelled
) -> Found[StateT]:
    """Find the unknowns that explain the observations best, and which of these are mistakes."""
    run = _Search(problem, settings, progress, cancelled)
    lengths, noise = _noise(problem, state)
    # Points behind a camera or where its lens turns back would have no derivative.
    seen = problem.prune(tuple(np.isfinite(length) for length in lengths))
    coarse = COARSE_STEP * np.sqrt(problem.unknowns)
    for width in ANNEALING:
        kernel = Kernel(settings.loss, width * noise)
        state, _, _ = run.descend(state, kernel, seen, noise, coarse, COARSE_ITERATIONS)
        lengths, noise = _noise(problem, state)
    for _ in range(MAX_ROUNDS):
        before = noise
        seen = problem.prune(tuple(np.isfinite(length) for length in lengths))
        kernel = Kernel(settings.loss, settings.loss_width * noise)
        state, _, _ = run.descend(state, kernel, seen, noise, coarse, COARSE_ITERATIONS)
        lengths, noise = _noise(problem, state)
        if abs(noise - before) < NOISE_TOLERANCE * before:
            break
    use = _inliers(problem, lengths, settings.gate * noise)
    for _ in range(MAX_ROUNDS):
        state, normal, reason = run.descend(
            state, Kernel("squared", np.inf), use, noise, FINE_STEP, settings.max_iterations
        )
        lengths, noise = _noise(problem, state)
        now = _inliers(problem, lengths, settings.gate * noise)
        changed = sum(int(np.count_nonzero(a != b)) for a, b in zip(use, now, strict=True))
        if changed == 0 or run.iterations >= settings.max_iterations:
            break
        use = now
    else:
        # A few points on the very edge of the gate may swap for ever; the solution stands for ``use``.
        state, normal, reason = run.descend(
            state, Kernel("squared", np.inf), use, noise, FINE_STEP, settings.max_iterations
        )
    spread = _spread(problem, state, use)
    return Found(state, normal, use, spread, tuple(run.costs), run.iterations, reason)


def solve_without(
    problem: Problem[StateT], found: Found[StateT], use: Masks, settings: BundleSettings, cancelled: Cancelled
) -> StateT:
    """The unknowns from the observations ``use`` alone, by least squares from what was found with all.

    To a tenth of a standard deviation each: what these unknowns predict is then off by the noise and no more.
    """
    run = _Search(problem, settings, silent, cancelled)
    kernel, near = Kernel("squared", np.inf), COARSE_STEP * np.sqrt(problem.unknowns)
    state, _, _ = run.descend(found.state, kernel, use, found.noise, near, settings.max_iterations)
    return state


def _noise(problem: Problem[Any], state: Any) -> tuple[list[FloatArray], float]:
    """Lengths of all residuals, and the noise they show, px."""
    lengths = [problem.lengths(state, camera) for camera in range(len(problem.seen))]
    every = np.concatenate([length[np.isfinite(length)] for length in lengths])
    if not every.size:
        raise CalibrationError(
            "No camera has a point in front of it: the cameras' first poses contradict what they saw.",
            "Check that cameras, videos and board belong together.",
        )
    # Observations without any noise would make the loss infinitely narrow.
    return lengths, max(robust_noise(every, problem.unknowns), 1e-9)


def _inliers(problem: Problem[Any], lengths: list[FloatArray], gate: float) -> Masks:
    with np.errstate(invalid="ignore"):
        return problem.prune(tuple(length <= gate for length in lengths))


def _spread(problem: Problem[Any], state: Any, use: Masks) -> float:
    """Sigma of one coordinate of the inliers, freed of what the unknowns took up."""
    inside = np.concatenate([problem.lengths(state, camera)[mask] for camera, mask in enumerate(use)])
    return float(np.sqrt(np.sum(inside**2) / max(2 * inside.size - problem.unknowns, 1)))
