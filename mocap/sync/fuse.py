"""Statements about pairs of clocks, joined into one answer, or refused.

Unknown are offset and drift of every clock against the first camera's. Each statement is one equation, or two
where it tells the drift; errors that all statements of one method share at a camera (a microphone that lags
behind its lens) are unknowns of their own with a known spread. Around every ring of cameras the offsets must add
up to nothing; what does not is found by the standardised residuals (Baarda 1968, data snooping).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mocap.core.errors import InputError
from mocap.core.types import FloatArray
from mocap.sync.clocks import Clocks, Link, Method

# Crystals of cameras, phones and computers are true to some tens of millionths.
CRYSTAL = 1e-4
# What a file says of its rate may be wrong by 1000/1001, the ratio of the old colour television's rate to the
# round one, and webcams miss their rate by as much.
UNTRUE_RATE = 5e-3
# Standardised residuals beyond this are not chance: one in 16,000.
INCONSISTENT = 4.0
# Sound takes 3 ms for each metre, and a file's sound may lag behind its pictures by some more.
COMMON_ERROR_S: dict[Method, float] = {"sound": 5e-3}
# Whom to doubt first. Sound and time codes are not of the pictures; motion without a calibration is coarse.
TRUST: tuple[Method, ...] = ("timecode", "sound", "motion", "light", "geometry", "board", "by hand")


@dataclass(frozen=True)
class Fusion:
    """The clocks, and what became of every statement.

    Attributes
    ----------
    clocks : Clocks
    used, left_out : tuple of Link
    residual : tuple of float
        How far each used statement is from the answer, in its own standard errors.
    notes : tuple of str
        What the user should know, in sentences.
    """

    clocks: Clocks
    used: tuple[Link, ...]
    left_out: tuple[Link, ...]
    residual: tuple[float, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Solution:
    """Offsets and drifts (2 C, those of the first camera 0), their covariance, and residuals.

    ``snoop`` are residuals standardised by what they may be; 0 where nothing else controls the statement.
    ``common`` is the largest error that a method was found to share at a camera, standardised likewise.
    """

    x: FloatArray
    cov: FloatArray
    origin_s: float
    residual: FloatArray
    snoop: FloatArray
    common: float

    @property
    def worst(self) -> float:
        """Largest standardised residual."""
        return max(float(np.abs(self.snoop).max(initial=0.0)), self.common)


def fuse(cameras: tuple[str, ...], links: Sequence[Link]) -> Fusion:
    """Join statements about pairs into the clocks of all cameras.

    Raises
    ------
    InputError
        If a camera is tied to no other, or statements contradict each other and nothing tells which is wrong.
    """
    _require_tied(cameras, links)
    used, left_out, notes = list(links), [], []
    while True:
        drift_sigma = _drift_priors(cameras, used)
        found = _solve(cameras, used, drift_sigma)
        if found.worst <= INCONSISTENT:
            break
        wrong = _culprits(cameras, used, found)
        notes.append(_disagreement(wrong, used, found))
        left_out += wrong
        used = [link for link in used if link not in wrong]
    clocks = _clocks(cameras, found)
    notes += _rate_notes(clocks)
    return Fusion(clocks, tuple(used), tuple(left_out), tuple(found.residual.tolist()), tuple(notes))


def tied(cameras: tuple[str, ...], links: Sequence[Link]) -> tuple[str, ...]:
    """Cameras that statements tie to the first one, itself included."""
    reached = {cameras[0]}
    while True:
        more = {link.second for link in links if link.first in reached}
        more |= {link.first for link in links if link.second in reached}
        if more <= reached:
            return tuple(name for name in cameras if name in reached)
        reached |= more


def _require_tied(cameras: tuple[str, ...], links: Sequence[Link]) -> None:
    loose = [name for name in cameras if name not in tied(cameras, links)]
    if loose:
        raise InputError(
            f"Nothing tells how the clock of {_listed(loose)} runs against that of '{cameras[0]}'.",
            "Record a clap or a flash that all cameras notice, let somebody walk about where all cameras see "
            "them, or leave the camera out.",
        )


def _drift_priors(cameras: tuple[str, ...], links: Sequence[Link]) -> FloatArray:
    """How far (C,) each clock's rate may be from the first one's: a crystal's error, unless it is found worse."""
    loose = np.full(len(cameras), UNTRUE_RATE)
    found = _solve(cameras, links, loose)
    drift, sigma = found.x[1::2], np.sqrt(np.diag(found.cov)[1::2])
    return np.where(np.abs(drift) > INCONSISTENT * np.hypot(sigma, CRYSTAL), UNTRUE_RATE, CRYSTAL)


def _solve(cameras: tuple[str, ...], links: Sequence[Link], drift_sigma: FloatArray) -> _Solution:
    """Weighted least squares over all statements."""
    count = len(cameras)
    index = {name: c for c, name in enumerate(cameras)}
    shared = sorted(
        {(k.method, name) for k in links for name in (k.first, k.second) if k.method in COMMON_ERROR_S}
    )
    column = {pair: 2 * count + n for n, pair in enumerate(shared)}
    size = 2 * count + len(shared)
    offsets = np.zeros(count)
    origin = 0.0
    # The instants of the statements are on the cameras' own clocks: known once the offsets are.
    for _ in range(3):
        at = np.array([link.at_s - offsets[index[link.first]] for link in links])
        origin = float(at.mean())
        rows, values, sigmas = [], [], []
        for link, instant in zip(links, at, strict=True):
            i, j = index[link.first], index[link.second]
            row = np.zeros(size)
            row[[2 * j, 2 * j + 1]] += 1.0, instant - origin
            row[[2 * i, 2 * i + 1]] -= 1.0, instant - origin
            if link.method in COMMON_ERROR_S:
                row[column[link.method, link.second]] += 1.0
                row[column[link.method, link.first]] -= 1.0
            rows.append(row)
            values.append(link.offset_s)
            sigmas.append(link.sigma_s)
            if link.has_drift:
                row = np.zeros(size)
                row[2 * j + 1], row[2 * i + 1] = 1.0, -1.0
                rows.append(row)
                values.append(link.drift)
                sigmas.append(link.drift_sigma)
        design, value, sigma = np.array(rows), np.array(values), np.array(sigmas)
        free = np.arange(2, size)
        prior = np.concatenate(
            [
                np.stack([np.zeros(count), drift_sigma**-2.0], 1).ravel(),
                [COMMON_ERROR_S[m] ** -2.0 for m, _ in shared],
            ]
        )
        weighted = design[:, free] / sigma[:, None]
        information = weighted.T @ weighted + np.diag(prior[free])
        # Offsets are seconds and drifts millionths: scaled to one, the inverse is exact.
        scale = 1.0 / np.sqrt(np.diag(information))
        inverse = np.linalg.inv(information * scale[:, None] * scale) * scale[:, None] * scale
        x = np.zeros(size)
        x[free] = inverse @ (weighted.T @ (value / sigma))
        offsets = x[0 : 2 * count : 2] - x[1 : 2 * count : 2] * origin
    residual = (value - design @ x) / sigma
    # A residual's own variance is what the others leave undetermined of it.
    room = 1.0 - np.einsum("ri,ij,rj->r", weighted, inverse, weighted)
    snoop = np.where(room > 1e-6, residual / np.sqrt(np.maximum(room, 1e-6)), 0.0)
    which = np.concatenate([[n] * (2 if link.has_drift else 1) for n, link in enumerate(links)])
    worst = [int(np.flatnonzero(which == n)[np.abs(snoop[which == n]).argmax()]) for n in range(len(links))]
    spread = prior[2 * count :] ** -1.0 - np.diag(inverse)[2 * count - 2 :]
    common = np.abs(x[2 * count :]) / np.sqrt(np.maximum(spread, 1e-18))
    cov = np.zeros((2 * count, 2 * count))
    cov[2:, 2:] = inverse[: 2 * count - 2, : 2 * count - 2]
    return _Solution(x[: 2 * count], cov, origin, residual[worst], snoop[worst], float(common.max(initial=0.0)))


def _culprits(cameras: tuple[str, ...], links: list[Link], found: _Solution) -> list[Link]:
    """Find the statements without which all others agree: those of the least trusted method, and as few as can be.

    Raises
    ------
    InputError
        If equally good candidates remain.
    """
    ringed = list(dict.fromkeys(link.method for link in links))
    groups: list[list[Link]] = [[link] for link in links]
    for method in ringed:
        of_method = [link for link in links if link.method == method]
        groups += [[k for k in of_method if name in (k.first, k.second)] for name in cameras]
        groups.append(of_method)
    solutions: list[tuple[int, int, list[Link]]] = []
    for group in groups:
        rest = [link for link in links if link not in group]
        if not group or not rest or len(tied(cameras, rest)) < len(cameras):
            continue
        without = _solve(cameras, rest, _drift_priors(cameras, rest))
        if without.worst <= INCONSISTENT:
            solutions.append((TRUST.index(group[0].method), len(group), group))
    solutions.sort(key=lambda item: item[:2])
    distinct = [item for n, item in enumerate(solutions) if all(item[2] != other[2] for other in solutions[:n])]
    if not distinct or (len(distinct) > 1 and distinct[0][:2] == distinct[1][:2]):
        raise InputError(
            "What was found about the clocks does not agree, and nothing tells which of it is wrong: "
            f"{_contradiction(links, found)}.",
            "Choose the methods to trust with --methods, or leave out the camera that is named most.",
        )
    return distinct[0][2]


def _contradiction(links: Sequence[Link], found: _Solution) -> str:
    """The statements that disagree most, in words."""
    order = np.argsort(-np.abs(found.snoop))[:3]
    return "; ".join(
        f"{links[n].method} puts '{links[n].second}' {links[n].offset_s:+.4f} ± {links[n].sigma_s:.4f} s from "
        f"'{links[n].first}', {abs(found.snoop[n]):.0f} standard errors from what the others say"
        for n in order.tolist()
    )


def _disagreement(wrong: list[Link], links: list[Link], found: _Solution) -> str:
    """Say what was left out, and why."""
    pairs = ", ".join(f"{link.first} to {link.second}" for link in wrong)
    far = max(found.common, *(abs(found.snoop[links.index(link)]) for link in wrong))
    return (
        f"What {wrong[0].method} says ({pairs}) contradicts everything else by {far:.0f} standard errors; it was "
        "left out."
    )


def _clocks(cameras: tuple[str, ...], found: _Solution) -> Clocks:
    offset, drift = found.x[0::2], found.x[1::2]
    count = len(cameras)
    var_offset, var_drift = np.diag(found.cov)[0::2], np.diag(found.cov)[1::2]
    both = found.cov[np.arange(0, 2 * count, 2), np.arange(1, 2 * count, 2)]
    with np.errstate(divide="ignore", invalid="ignore"):
        best = np.where(var_drift > 0, -both / var_drift, 0.0)
        least = np.where(var_drift > 0, var_offset - both**2 / var_drift, 0.0)
    return Clocks(
        cameras,
        offset - drift * found.origin_s,
        1.0 + drift,
        found.origin_s + best,
        np.sqrt(np.maximum(least, 0.0)),
        np.sqrt(var_drift),
    )


def _rate_notes(clocks: Clocks) -> list[str]:
    """Say whose clock runs at another rate than it claims."""
    drift = clocks.rate - 1.0
    untrue = np.abs(drift) > INCONSISTENT * np.hypot(clocks.rate_sigma, CRYSTAL)
    return [
        f"The clock of '{name}' runs {abs(value) * 100:.3f} % {'fast' if value > 0 else 'slow'} against that of "
        f"'{clocks.cameras[0]}': a file that says 30 pictures a second holds {30.0 * (1.0 + value):.3f}. This is "
        "corrected."
        for name, value, bad in zip(clocks.cameras, drift.tolist(), untrue.tolist(), strict=True)
        if bad
    ]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
