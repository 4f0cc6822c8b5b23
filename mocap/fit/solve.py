"""Levenberg-Marquardt over stretches of a sequence that share their bone lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mocap.core.types import FloatArray
from mocap.fit.banded import BlockBand, Factor, factorise
from mocap.fit.chain import BoolArray, Chain, Placed, Pose, place, step
from mocap.fit.contact import Contact, add_contact
from mocap.fit.evidence import Evidence, Pull
from mocap.fit.terms import (
    REST_SIGMA,
    Border,
    Coordinates,
    Ranged,
    add_keypoints,
    add_ranges,
    densities,
    pulled,
    ranged,
    second_differences,
    velocities,
)

# Damping: the share of its own diagonal that is added to each degree of freedom at first, and how it changes.
FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING, DAMPING_FACTOR = 1e-4, 1e-9, 1e4, 10.0
# A solve has settled when its turns change by no more than this, rms, rad (a sixtieth of a degree), and its places
# by as many m: each step is then seven times as small as the one before, and what is left a tenth of a percent of
# 1 degree.
SETTLED = 3e-4
# Information that holds a frame where it is, 1/rad^2 and 1/m^2: a micrometre.
HELD = 1e12
# Bones stay within about this share of what the medians say.
LENGTH_SPREAD = 0.2


@dataclass(frozen=True)
class Stretch:
    """Frames one after the other: what was seen, where the feet stood, and the pose so far.

    ``held`` (T,) bool are frames whose pose stays; None where all may move.
    """

    evidence: Evidence
    contact: Contact | None
    pose: Pose
    held: BoolArray | None = None


@dataclass(frozen=True)
class Model:
    """What all stretches share.

    Attributes
    ----------
    tied : (J, B)
        Bones that each free length stands for; B = 0 where all lengths are held.
    usual : (B,)
        Lengths that the free ones stay near to, m.
    dt : float
        Time between two frames, s.
    width : float
        Standard deviations beyond which an observation loses its weight.
    """

    chain: Chain
    ranges: Coordinates
    tied: FloatArray
    usual: FloatArray
    dt: float
    width: float


@dataclass(frozen=True)
class _State:
    """A pose with its cost and what its derivatives are made of; ``bend`` (T - 2, D) are second differences."""

    stretch: Stretch
    placed: Placed
    pull: Pull
    ranges: Ranged
    bend: FloatArray
    cost: float


@dataclass(frozen=True)
class _Equations:
    """Normal equations of a stretch."""

    band: BlockBand
    gradient: FloatArray
    border: Border | None


def solve(
    model: Model, stretches: Sequence[Stretch], length: FloatArray, most_steps: int, settled: float = SETTLED
) -> tuple[list[Pose], FloatArray]:
    """Find poses, and bone lengths where they are free.

    Parameters
    ----------
    length : (J,)
        Bones to start with, m.
    settled : float
        Step, rms over the degrees of freedom, that is the last, rad and m.

    Returns
    -------
    list of Pose
        Of each stretch.
    length : (J,)
    """
    damping = FIRST_DAMPING
    states = [_state(model, stretch, length) for stretch in stretches]
    total = sum(state.cost for state in states) + _length_cost(model, length)
    for _ in range(most_steps):
        equations = [_equations(model, state) for state in states]
        while True:
            found = _steps(model, equations, length, damping)
            if found is not None:
                changes, longer = found
                moved = [
                    _state(model, replace(s.stretch, pose=step(model.chain, s.stretch.pose, change)), longer)
                    for s, change in zip(states, changes, strict=True)
                ]
                cost = sum(state.cost for state in moved) + _length_cost(model, longer)
                if cost <= total * (1.0 + 1e-9):
                    break
            damping *= DAMPING_FACTOR
            if damping > MOST_DAMPING:
                return [state.stretch.pose for state in states], length
        states, length, total = moved, longer, cost
        damping = max(damping / DAMPING_FACTOR, LEAST_DAMPING)
        if all(float(np.sqrt(np.mean(np.square(change)))) < settled for change in changes):
            break
    return [state.stretch.pose for state in states], length


def information(model: Model, stretch: Stretch, length: FloatArray, inflation: float) -> Factor | None:
    """Factor of the normal equations at a solution, variances of what was seen ``inflation`` times as large."""
    state = _state(model, stretch, length)
    pull = Pull(state.pull.weight / inflation, state.pull.force / inflation, state.pull.cost)
    return factorise(_equations(replace(model, tied=model.tied[:, :0]), replace(state, pull=pull)).band)


def _state(model: Model, stretch: Stretch, length: FloatArray) -> _State:
    placed = place(model.chain, stretch.pose, length)
    pull = stretch.evidence.pull(stretch.pose, placed, model.width)
    if stretch.contact is not None:
        pull = add_contact(stretch.contact, stretch.pose, placed, pull)
    ranges = ranged(model.ranges, stretch.pose)
    bend = np.diff(velocities(model.chain, stretch.pose), axis=0)
    cost = pull.cost.sum() + ranges.cost + np.sum(np.square(bend) * _smoothness(model))
    return _State(stretch, placed, pull, ranges, bend, float(cost))


def _smoothness(model: Model) -> FloatArray:
    """Weight of the squared second difference of each degree of freedom (D,)."""
    return np.asarray(1.0 / (densities(model.chain) * model.dt**3))


def _length_cost(model: Model, length: FloatArray) -> float:
    if not model.tied.shape[1]:
        return 0.0
    off = _shared(model, length) / model.usual - 1.0
    return float(np.sum(np.square(off / LENGTH_SPREAD)))


def _shared(model: Model, length: FloatArray) -> FloatArray:
    """Free lengths (B,) of all bones (J,)."""
    return np.asarray(model.tied.T @ length / model.tied.sum(axis=0))


def _equations(model: Model, state: _State) -> _Equations:
    chain, frames = model.chain, len(state.stretch.pose.place)
    tied = model.tied if model.tied.shape[1] else None
    hessian, gradient, border = add_keypoints(chain, state.placed, state.pull.weight, state.pull.force, tied)
    add_ranges(state.ranges, hessian, gradient)
    diagonal = np.einsum("tdd->td", hessian)
    diagonal += 1.0 / REST_SIGMA**2
    first, second = np.zeros((frames - 1, chain.freedom)), np.zeros((max(frames - 2, 0), chain.freedom))
    if frames > 2:
        weight = np.broadcast_to(_smoothness(model), (frames - 2, chain.freedom))
        main, first, second = second_differences(frames, weight)
        diagonal += main
        gradient += pulled(frames, weight * state.bend)
    if state.stretch.held is not None:
        diagonal[state.stretch.held] += HELD
        gradient[state.stretch.held] = 0.0
    return _Equations(BlockBand(hessian, first, second), gradient, border)


def _steps(
    model: Model, equations: Sequence[_Equations], length: FloatArray, damping: float
) -> tuple[list[FloatArray], FloatArray] | None:
    """Step of each stretch (T, D), and the lengths (J,) after it; None where the damping is too small."""
    shared = model.tied.shape[1]
    solved: list[FloatArray] = []
    matrix, right = np.zeros((shared, shared)), np.zeros(shared)
    for one in equations:
        main = one.band.main.copy()
        diagonal = np.einsum("tdd->td", main)
        diagonal *= 1.0 + damping
        factor = factorise(replace(one.band, main=main))
        if factor is None:
            return None
        sides = one.gradient[..., None]
        if one.border is not None:
            sides = np.concatenate([sides, one.border.cross], axis=2)
        solution = factor.solve(sides)
        if one.border is not None:
            matrix += one.border.hessian - np.einsum("tdb,tdc->bc", one.border.cross, solution[..., 1:])
            right += one.border.gradient - np.einsum("tdb,td->b", one.border.cross, solution[..., 0])
        solved.append(solution)
    if not shared:
        return [-solution[..., 0] for solution in solved], length
    spread = 1.0 / np.square(LENGTH_SPREAD * model.usual)
    right += spread * (_shared(model, length) - model.usual)
    change = -np.linalg.solve(matrix + np.diag(spread), right)
    return [-(s[..., 0] + s[..., 1:] @ change) for s in solved], length + model.tied @ change
