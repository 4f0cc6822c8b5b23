"""Which model of the pictures' times a recording needs, found from corners that the solver is not shown.

A recording's pictures may be simultaneous (genlocked cameras), or each camera may have a clock of its own, or
the stamp of each single picture may be wrong besides: programs that fetch pictures from webcams stamp them
when they arrive, not when they are taken. The models have ever more unknowns, so they fit ever better. Each is
therefore solved again with every other corner of every picture hidden, and judged by how well it predicts the
hidden ones: a picture's true time moves all of its corners, an error of detection moves one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.bundle.adjust import Started, finish, start
from calibration.bundle.boards import BoardState
from calibration.bundle.result import BundleResult
from calibration.bundle.robust import Kernel
from calibration.bundle.schur import solve
from calibration.bundle.search import (
    START_DAMPING,
    Cancelled,
    Found,
    Progress,
    never,
    search,
    silent,
    solve_without,
)
from calibration.bundle.settings import BundleSettings, Clocks
from calibration.camera import CameraRig
from calibration.errors import CalibrationError
from calibration.sightings import Sightings
from calibration.transforms import FloatArray

# Stamps that a program gives on arrival are off by any part of a picture's period: at 30 pictures/s, evenly
# spread over that, by 33 ms / sqrt(12).
JITTER_SIGMA_S = 0.010
MODELS: tuple[tuple[Clocks, float], ...] = (
    ("simultaneous", 0.0),
    ("estimated", 0.0),
    ("estimated", JITTER_SIGMA_S),
)
# A model with more unknowns must predict hidden corners better by this share.
LEAST_GAIN = 0.03
# And nearly as many of them: it cannot follow the board where instants are far apart.
LEAST_COVER = 0.9
# The errors of this share of the corners, the smallest, are compared: the others are mistakes of detection.
COMPARED = 0.95


@dataclass(frozen=True)
class Tried:
    """A model of the pictures' times, and the RMS error of the hidden corners, px.

    NaN for a model that could not be solved, could not gain enough, or predicts too few of them to be compared.
    """

    clocks: Clocks
    jitter_sigma_s: float
    hidden_px: float


@dataclass(frozen=True)
class Timed:
    """The result with the model that was chosen, and all models that were tried."""

    result: BundleResult
    tried: tuple[Tried, ...]


def adjust_with_times(
    sightings: Sightings,
    rig: CameraRig,
    world_from_board: FloatArray,
    settings: BundleSettings | None = None,
    progress: Progress = silent,
    cancelled: Cancelled = never,
) -> Timed:
    """``adjust`` with the plainest model of the pictures' times that explains corners it was not shown.

    ``settings.clocks`` and ``settings.jitter_sigma_s`` are not used.

    Raises
    ------
    CalibrationError
        As ``adjust`` with simultaneous pictures.
    """
    settings = settings or BundleSettings()
    tried: list[Tried] = []
    best: tuple[FloatArray, Started, Found[BoardState]] | None = None
    before: Found[BoardState] | None = None
    for clocks, sigma in MODELS:
        model = replace(settings, clocks=clocks, jitter_sigma_s=sigma)
        try:
            started = start(sightings, rig, world_from_board, model)
            # The clocks are a good start for the same with jitter.
            state = started.state
            if sigma > 0.0 and before is not None:
                state = before.state
                if not _could_gain(started, before):
                    tried.append(Tried(clocks, sigma, float("nan")))
                    continue
            found = search(started.problem, state, model, progress, cancelled)
        except CalibrationError:
            if best is None:
                raise
            tried.append(Tried(clocks, sigma, float("nan")))
            continue
        if clocks == "estimated":
            before = found
        errors = _hidden_errors(sightings, started, found, model, cancelled)
        if best is None:
            tried.append(Tried(clocks, sigma, _rms(errors, np.isfinite(errors))))
            best = errors, started, found
            continue
        both = np.isfinite(errors) & np.isfinite(best[0])
        enough = np.count_nonzero(both) >= LEAST_COVER * np.count_nonzero(np.isfinite(best[0]))
        tried.append(Tried(clocks, sigma, _rms(errors, both) if enough else float("nan")))
        if enough and _rms(errors, both) < (1.0 - LEAST_GAIN) * _rms(best[0], both):
            best = errors, started, found
    assert best is not None
    return Timed(finish(sightings, best[1], best[2]), tuple(tried))


def _could_gain(started: Started, before: Found[BoardState]) -> bool:
    """Whether a model with more unknowns would fit what it is shown enough better than the one before.

    By the first step from there. What it is not shown it cannot predict better than that.
    """
    normal = started.problem.linearise(before.state, Kernel("squared", np.inf), before.use, before.noise)
    step = solve(normal, START_DAMPING)
    return step is None or step.gain > (1.0 - (1.0 - LEAST_GAIN) ** 2) * normal.cost


def _hidden_errors(
    sightings: Sightings,
    started: Started,
    found: Found[BoardState],
    settings: BundleSettings,
    cancelled: Cancelled,
) -> FloatArray:
    """Errors (T, C, K) of the corners that are hidden, px; NaN for all others and where nothing predicts them."""
    problem = started.problem
    halves = tuple(_shown(started.order[seen.instant], seen.seen.shape[1]) for seen in problem.pictures)
    shown = problem.prune(tuple(use & half for use, half in zip(found.use, halves, strict=True)))
    state = solve_without(problem, found, shown, settings, cancelled)
    errors = np.full(sightings.xy.shape[:3], np.nan)
    for camera, (pictures, half, mask) in enumerate(zip(problem.pictures, halves, shown, strict=True)):
        hidden = ~half & np.asarray(mask.any(axis=1))[:, None]
        length = np.where(hidden, problem.lengths(state, camera), np.nan)
        errors[started.order[pictures.instant], camera] = length
    return errors


def _shown(instants: NDArray[np.intp], corners: int) -> NDArray[np.bool_]:
    """Which corners (P, K) are shown at these instants (P,): every other, and the rest at the next instant."""
    return np.asarray((instants[:, None] + np.arange(corners)) % 2 == 0)


def _rms(errors: FloatArray, which: NDArray[np.bool_]) -> float:
    """Root mean square of the smallest of the errors."""
    chosen = np.sort(errors[which])[: max(1, round(COMPARED * np.count_nonzero(which)))]
    return float(np.sqrt(np.mean(chosen**2))) if chosen.size else float("inf")
