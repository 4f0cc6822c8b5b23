"""Angles over strides or repetitions, each stretched to 0 to 100 percent: means and bands of sides and runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mocap.core.measures import Cycles
from mocap.core.types import FloatArray
from mocap.gui.presenters.analyse.read import RunReading
from mocap.gui.presenters.review.review import LEFT, MIDDLE, RIGHT
from mocap.gui.presenters.words import title

STRIDE = "stride"
# Angles that clinics draw over the stride, in their order (Baker, Measuring Walking, 2013).
CLINICAL = (
    "pelvis_tilt", "pelvis_obliquity", "pelvis_rotation", "hip_flexion", "hip_adduction", "hip_rotation",
    "knee_flexion", "ankle_dorsiflexion", "foot_progression",
)  # fmt: skip
# More kinds of repetitions than these make a choice unreadable; the most often repeated come first.
MOST_KINDS = 12


@dataclass(frozen=True)
class CycleKind:
    """What a cycle is: a stride, or a repetition of an angle."""

    key: str
    title: str
    axis: str


@dataclass(frozen=True, eq=False)
class Band:
    """Mean and spread of an angle over the cycle.

    Attributes
    ----------
    side : int
        LEFT, RIGHT or MIDDLE.
    other : bool
        Of the run that is compared with.
    n : int
        Cycles without a gap.
    mean, sd : (101,)
        Degrees; the spread of a single cycle is not known, NaN.
    """

    side: int
    other: bool
    n: int
    mean: FloatArray
    sd: FloatArray


@dataclass(frozen=True, eq=False)
class CyclePlot:
    """An angle with all its bands; none where nothing is known."""

    name: str
    title: str
    bands: tuple[Band, ...]


def cycle_kinds(run: RunReading, person: int) -> tuple[CycleKind, ...]:
    """What cycles a run has of a person: strides first, then repetitions."""
    from mocap.kinematics.extremes import repeated_angles

    found = run.findings.found[person].cycles
    kinds = [CycleKind(STRIDE, "Strides", "Share of the stride, %")] if found else []
    names = repeated_angles(run.angles, person, run.t_s, run.prominence_deg)[:MOST_KINDS]
    return (
        *kinds,
        *(CycleKind(name, f"Repetitions: {title(name)}", "Share of the repetition, %") for name in names),
    )


def cycles_of(run: RunReading, person: int, kind: str) -> tuple[Cycles, ...]:
    """All cycles of a kind."""
    from mocap.kinematics.extremes import repetition_cycles

    if kind == STRIDE:
        return run.findings.found[person].cycles
    return repetition_cycles(run.angles, person, kind, run.t_s, run.prominence_deg)


def cycle_plots(ours: Sequence[Cycles], theirs: Sequence[Cycles] = ()) -> tuple[CyclePlot, ...]:
    """Plots of all angles that are known over at least one whole cycle, the clinical ones first."""
    table: dict[str, list[Band]] = {}
    for cycles, other in ((theirs, True), (ours, False)):
        for one in cycles:
            name, side = _split(one.name)
            whole = np.degrees(one.values[np.isfinite(one.values).all(axis=1)])
            if not whole.size:
                continue
            count = whole.shape[0]
            spread = whole.std(axis=0, ddof=1) if count > 1 else np.full(whole.shape[1], np.nan)
            table.setdefault(name, []).append(Band(side, other, count, whole.mean(axis=0), spread))
    order = {name: place for place, name in enumerate(CLINICAL)}
    names = sorted(table, key=lambda name: order.get(name, len(order)))
    # What only the other run has is no plot of this one.
    return tuple(
        CyclePlot(name, title(name), tuple(table[name]))
        for name in names
        if any(not band.other for band in table[name])
    )


def overview(plots: Sequence[CyclePlot], kind: str) -> tuple[CyclePlot, ...]:
    """The few plots that are shown together: the clinical ones; of repetitions, the angle itself first."""
    chosen = [plot for plot in plots if plot.name in CLINICAL] or list(plots[: len(CLINICAL)])
    if kind != STRIDE:
        own = [plot for plot in plots if plot.name == kind]
        chosen = [*own, *(plot for plot in chosen if plot.name != kind)]
    return tuple(chosen[: len(CLINICAL)])


def _split(name: str) -> tuple[str, int]:
    for side, number in (("left_", LEFT), ("right_", RIGHT)):
        if name.startswith(side):
            return name[len(side) :], number
    return name, MIDDLE
