"""Where a moving board was at any time, from its poses at the instants, with derivatives.

The parabola through three instants goes over into the next one (Overhauser, Ford Motor Company report 1968; the
velocity then has no steps, which the search would get caught on), of the position in the world and of the
rotation in the tangent space of an instant; fewer where there are fewer. Continuous-time estimation
after Furgale, Rehder and Siegwart, "Unified temporal and spatial calibration" (IROS 2013), with the instants'
own poses as the unknowns instead of a spline's control points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.bundle import rotations
from calibration.transforms import FloatArray

NODES = 4
# Instants closer than this, s, would make the polynomial through them wild.
MIN_GAP_S = 1e-3
# What a hand does to a board, turning (rad/s, rad/s^2) and shifting (m/s, m/s^2). At 30 frames/s the second
# lets neighbours differ by 2 cm; a picture tells them to a millimetre.
SPEED_SIGMA = (10.0, 3.0)
ACCELERATION_SIGMA = (100.0, 20.0)


@dataclass(frozen=True)
class Moving:
    """Poses of the board at P times.

    Attributes
    ----------
    nodes : (P, n) int
        The instants whose poses take part.
    rotation, translation : (P, 3, 3), (P, 3)
        world_from_board.
    by_rotation : (P, n, 3, 3)
        Turn of the interpolated board about its own axes, by the turn of each node about its own.
    by_translation : (P, n)
        Weight of each node's position.
    turn_rate, velocity : (P, 3), (P, 3)
        About the board's axes, rad/s; in the world, m/s.
    """

    nodes: NDArray[np.intp]
    rotation: FloatArray
    translation: FloatArray
    by_rotation: FloatArray
    by_translation: FloatArray
    turn_rate: FloatArray
    velocity: FloatArray


def chains_of(times: FloatArray, max_gap_s: float) -> NDArray[np.intp]:
    """Number the runs (N,) of instants whose sorted times (N,) are close enough to interpolate between."""
    gaps = np.diff(times)
    broken = (gaps > max_gap_s) | (gaps < MIN_GAP_S)
    return np.concatenate([[0], np.cumsum(broken)]).astype(np.intp)


def nearest_node(times: FloatArray, when: FloatArray) -> NDArray[np.intp]:
    """The node (P,) nearest to each time (P,)."""
    after = np.clip(np.searchsorted(times, when), 1, max(len(times) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(times) - 1)
    return np.where(when - times[before] <= times[after] - when, before, after).astype(np.intp)


def within_motion(times: FloatArray, chains: NDArray[np.intp], when: FloatArray) -> NDArray[np.bool_]:
    """Whether the pose at each time (P,) is known: between instants of a run, or half a step outside."""
    nearest = nearest_node(times, when)
    side = np.where(when >= times[nearest], 1, -1)
    ahead, behind = (np.clip(nearest + sign * side, 0, len(times) - 1) for sign in (1, -1))
    inside, has_behind = ((other != nearest) & (chains[other] == chains[nearest]) for other in (ahead, behind))
    # At the end of a run the step before tells how far half a step is.
    step = np.where(has_behind, np.abs(times[nearest] - times[behind]), 2.0 * MIN_GAP_S)
    return np.asarray(inside | (np.abs(when - times[nearest]) <= 0.5 * step))


def board_at(
    times: FloatArray, chains: NDArray[np.intp], rotation: FloatArray, translation: FloatArray, when: FloatArray
) -> Moving:
    """Interpolate the board's poses (N, 3, 3), (N, 3) at sorted ``times`` (N,) to the times ``when`` (P,)."""
    count = len(times)
    base = np.clip(np.searchsorted(times, when, side="right") - 1, 0, count - 1)
    chain = chains[nearest_node(times, when)]
    # In the gap between two runs, the run that is nearer; elsewhere this changes nothing.
    base = np.where(chains[base] == chain, base, np.minimum(base + 1, count - 1))
    # After the last instant of a run its last piece goes on: a piece of its own would have a kink there.
    at_end = chains[np.minimum(base + 1, count - 1)] != chain
    at_end |= base == count - 1
    before = np.maximum(base - 1, 0)
    base = np.where(at_end & (chains[before] == chain), before, base)
    ideal = base[:, None] + np.arange(-1, NODES - 1)
    nodes = np.clip(ideal, 0, count - 1)
    valid = (nodes == ideal) & (chains[nodes] == chain[:, None])
    nodes = np.where(valid, nodes, base[:, None])
    weight, slope = _blended(times[nodes], valid, when)

    middle = rotation[base]
    arms = rotations.log(np.swapaxes(middle, 1, 2)[:, None] @ rotation[nodes])
    turn = np.einsum("pn,pni->pi", weight, arms)
    spread = rotations.right_jacobian(turn)
    turned = rotations.exp(turn)
    # d arm = Jr^-1(arm) d node - Jr^-1(-arm) d base; the base's own arm is zero and stays so.
    by_node = weight[:, :, None, None] * (spread[:, None] @ rotations.right_jacobian_inverse(arms))
    by_base = weight[:, :, None, None] * (spread[:, None] @ rotations.right_jacobian_inverse(-arms))
    is_base = np.arange(NODES) == 1
    by_rotation = np.where(is_base[:, None, None], 0.0, by_node)
    by_rotation[:, 1] = np.swapaxes(turned, 1, 2) - np.sum(by_base[:, ~is_base], axis=1)
    return Moving(
        nodes,
        middle @ turned,
        np.einsum("pn,pni->pi", weight, translation[nodes]),
        by_rotation,
        weight,
        np.einsum("pij,pj->pi", spread, np.einsum("pn,pni->pi", slope, arms)),
        np.einsum("pn,pni->pi", slope, translation[nodes]),
    )


def _blended(times: FloatArray, valid: NDArray[np.bool_], when: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weights (P, 4) of the valid nodes at times (P, 4), and their derivatives by ``when`` (P,).

    The parabola through the first three nodes goes over linearly into that through the last three.
    """
    first, last = valid.copy(), valid.copy()
    # At the ends of a run one of the two stands alone.
    both = valid[:, 0] & valid[:, 3]
    first[:, 3], last[:, 0] = False, False
    gap = np.where(both, times[:, 2] - times[:, 1], 1.0)
    share = np.where(both, (when - times[:, 1]) / gap, np.where(valid[:, 3], 1.0, 0.0))[:, None]
    rate = np.where(both, 1.0 / gap, 0.0)[:, None]
    a, b = _lagrange(times, first, when), _lagrange(times, last, when)
    weight, slope = (at + share * (there - at) for at, there in zip(a, b, strict=True))
    return weight, slope + rate * (b[0] - a[0])


def _lagrange(times: FloatArray, valid: NDArray[np.bool_], when: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weights (P, n) of the valid nodes at times (P, n), and their derivatives by ``when`` (P,)."""
    count = times.shape[1]
    weight, slope = valid.astype(np.float64), np.zeros(times.shape)
    for node in range(count):
        for other in range(count):
            if other == node:
                continue
            both = valid[:, node] & valid[:, other]
            span = np.where(both, times[:, node] - times[:, other], 1.0)
            factor = np.where(both, (when - times[:, other]) / span, 1.0)
            slope[:, node] = slope[:, node] * factor + np.where(both, weight[:, node] / span, 0.0)
            weight[:, node] *= factor
    return weight, slope


@dataclass(frozen=True)
class MotionPrior:
    """Residuals of the prior that a board carried by a hand moves smoothly, in sigmas.

    Attributes
    ----------
    nodes : (M, n) int
        Consecutive instants.
    residual : (M, 6)
        Turning, then shifting.
    jacobian : (M, n, 6, 6)
        By each node's pose.
    """

    nodes: NDArray[np.intp]
    residual: FloatArray
    jacobian: FloatArray


def motion_priors(
    times: FloatArray, chains: NDArray[np.intp], rotation: FloatArray, translation: FloatArray
) -> list[MotionPrior]:
    """Hold poses that pictures barely see, at the ends of runs: speed and acceleration as a hand's.

    Poses that pictures do see do not feel it (Furgale et al. 2013 call it the motion model).
    """
    count = len(times)
    pairs = np.flatnonzero(chains[1:] == chains[:-1]) if count > 1 else np.zeros(0, dtype=np.intp)
    triples = np.flatnonzero(chains[2:] == chains[:-2]) if count > 2 else np.zeros(0, dtype=np.intp)
    speed = _differences(pairs[:, None] + np.arange(2), 0, SPEED_SIGMA, times, rotation, translation)
    bend = _differences(triples[:, None] + np.arange(3), 1, ACCELERATION_SIGMA, times, rotation, translation)
    return [speed, bend]


def _differences(
    nodes: NDArray[np.intp],
    middle: int,
    sigma: tuple[float, float],
    times: FloatArray,
    rotation: FloatArray,
    translation: FloatArray,
) -> MotionPrior:
    """First or second divided differences of the poses, seen from the node ``middle``."""
    here = nodes[:, middle]
    others = [column for column in range(nodes.shape[1]) if column != middle]
    span = 0.5 * (times[nodes[:, -1]] - times[nodes[:, 0]]) if len(others) == 2 else np.ones(len(nodes))
    residual, jacobian = np.zeros((len(nodes), 6)), np.zeros((*nodes.shape, 6, 6))
    for column in others:
        there = nodes[:, column]
        turn = rotations.log(np.swapaxes(rotation[here], 1, 2) @ rotation[there])
        # Backward steps count negatively twice, by the step and by its time, so both are steps away.
        weight = 1.0 / (np.abs(times[there] - times[here]) * span)
        at_turn, at_shift = weight / sigma[0], weight / sigma[1]
        residual[:, :3] += at_turn[:, None] * turn
        residual[:, 3:] += at_shift[:, None] * (translation[there] - translation[here])
        jacobian[:, column, :3, :3] = at_turn[:, None, None] * rotations.right_jacobian_inverse(turn)
        jacobian[:, middle, :3, :3] -= at_turn[:, None, None] * rotations.right_jacobian_inverse(-turn)
        jacobian[:, column, 3:, 3:] = at_shift[:, None, None] * np.eye(3)
        jacobian[:, middle, 3:, 3:] -= at_shift[:, None, None] * np.eye(3)
    return MotionPrior(nodes, residual, jacobian)
