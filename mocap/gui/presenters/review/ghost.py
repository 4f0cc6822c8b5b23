"""Another run laid over the one that is reviewed: at the same time or phase, and in the same place if wished."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, Take
from mocap.gui.presenters.review.review import AngleSeries, angle_series
from mocap.gui.presenters.words import title
from mocap.session import RunFolder

InTime = Literal["start", "event", "cycle"]
InSpace = Literal["room", "pelvis"]
# How the choices are said.
IN_TIME: tuple[tuple[InTime, str], ...] = (
    ("start", "From the start"),
    ("event", "From the first event"),
    ("cycle", "Cycle by cycle"),
)
IN_SPACE: tuple[tuple[InSpace, str], ...] = (("room", "Where it was"), ("pelvis", "Pelvis on pelvis"))
HIPS = ("left_hip", "right_hip")


@dataclass(frozen=True)
class Candidate:
    """A run to compare with."""

    folder: Path
    words: str


def candidates(root: Path, but: Path) -> tuple[Candidate, ...]:
    """Every other finished run below a data folder, those of the same session first."""
    found = []
    for manifest in sorted(root.glob("*/trials/*/runs/*/run.toml")):
        run = manifest.parent
        if run == but:
            continue
        trial = run.parent.parent
        session = trial.parent.parent
        near = session == but.parents[3]
        found.append((not near, trial.name, Candidate(run, f"{trial.name} · {session.name} · {run.name[:6]}")))
    return tuple(entry for _, _, entry in sorted(found, key=lambda item: item[:2]))


@dataclass(frozen=True)
class Ghost:
    """One person of another run, as it stands at each instant of this one.

    Attributes
    ----------
    name : str
    source : (T,)
        Instant of the other run, with its fraction, for each of this one; NaN where it has none.
    xyz : (T, K, 3)
        Its keypoints, already moved, m.
    bones : (B, 2) int
    series : tuple of AngleSeries
        Its angles over this run's instants, without uncertainty.
    """

    name: str
    source: FloatArray
    xyz: FloatArray
    bones: NDArray[np.intp]
    series: tuple[AngleSeries, ...]

    def body(self, instant: int) -> FloatArray:
        """Ends of the bones in the room (B, 2, 3), m."""
        return np.asarray(self.xyz[instant][self.bones])


def open_take(folder: Path) -> Take:
    """Read the other run.

    Raises
    ------
    SessionError
        If it is not finished, or a result is gone.
    """
    from mocap.pipeline.reexport import load_take

    return load_take(RunFolder(folder))


def lay_over(take: Take, other: Take, person: int, in_time: InTime, in_space: InSpace) -> Ghost:
    """Lay the first person of another run over a person of this one."""
    source = match_time(take, other, person, in_time)
    xyz = at_instants(other.points.xyz[:, 0], source)
    if in_space == "pelvis":
        xyz = pelvis_on_pelvis(xyz, other.points.skeleton, take.points.xyz[:, person], take.points.skeleton)
    angles = tuple(
        AngleSeries(
            one.title,
            tuple(
                (side, at_instants(value[:, None], source)[:, 0], np.full(len(source), np.nan))
                for side, value, _ in one.curves
            ),
        )
        for one in angle_series(other, 0)
    )
    return Ghost(other.name, source, xyz, other.points.skeleton.bone_index, angles)


def match_time(take: Take, other: Take, person: int, way: InTime) -> FloatArray:
    """Instant of another run for each instant of this one (T,), NaN where it has none.

    ``event`` lays the first events of the same kind and side upon each other; ``cycle`` does so with each of the
    repeated ones and stretches the time between, beginning with the first that both have. Without such events
    both fall back on the start: see ``why_not``.
    """
    mine, theirs = take.t_s - take.t_s[0], other.t_s - other.t_s[0]
    pairs = _pairs(take, other, person)
    if way == "start" or pairs is None:
        seconds = mine
    elif way == "event":
        seconds = mine - pairs[0][0] + pairs[1][0]
    else:
        count = min(len(pairs[0]), len(pairs[1]))
        seconds = np.interp(mine, pairs[0][:count], pairs[1][:count], left=np.nan, right=np.nan)
    return np.asarray(np.interp(seconds, theirs, np.arange(len(theirs)), left=np.nan, right=np.nan))


def why_not(take: Take, other: Take, person: int, way: InTime) -> str:
    """Why runs cannot be laid upon each other in a way; empty where they can."""
    pairs = _pairs(take, other, person)
    if way == "start":
        return ""
    if pairs is None:
        return "The two have no event of the same kind and side; both begin at the start."
    if way == "cycle" and min(len(pairs[0]), len(pairs[1])) < 2:
        return "One of them has no whole cycle; nothing is laid over."
    return ""


def _pairs(take: Take, other: Take, person: int) -> tuple[FloatArray, FloatArray] | None:
    """Times of the kind of event that both have most often, s since their starts."""
    if person >= len(take.findings) or not other.findings:
        return None
    ours, theirs = _by_kind(take, person), _by_kind(other, 0)
    both = [key for key in ours if key in theirs]
    if not both:
        return None
    best = max(both, key=lambda key: min(len(ours[key]), len(theirs[key])))
    return ours[best], theirs[best]


def _by_kind(take: Take, person: int) -> dict[tuple[str, str | None], FloatArray]:
    found: dict[tuple[str, str | None], list[float]] = {}
    for event in take.findings[person].events:
        found.setdefault((event.kind, event.side), []).append(event.t_s - float(take.t_s[0]))
    return {key: np.sort(np.array(times)) for key, times in found.items()}


def at_instants(values: FloatArray, source: FloatArray) -> FloatArray:
    """Values (S, ...) at instants with a fraction (T,): linear between two that are there, NaN elsewhere."""
    inside = np.isfinite(source)
    low = np.clip(np.floor(np.where(inside, source, 0)).astype(int), 0, len(values) - 1)
    high = np.minimum(low + 1, len(values) - 1)
    share = (np.where(inside, source, 0) - low).reshape(-1, *([1] * (values.ndim - 1)))
    # A share of 0 must not take a missing neighbour along.
    mixed = np.where(share > 0, values[low] * (1 - share) + values[high] * share, values[low])
    return np.where(inside.reshape(share.shape), mixed, np.nan)


def pelvis_on_pelvis(xyz: FloatArray, skeleton: Skeleton, onto: FloatArray, other: Skeleton) -> FloatArray:
    """Move and turn keypoints (T, K, 3) about the vertical so that the hips look the way of others (T, L, 3).

    The vertical place of the pelvis is kept on the other's too: what is compared is the posture.
    """
    mine, theirs = _hips(xyz, skeleton), _hips(onto, other)
    if mine is None or theirs is None:
        return xyz
    angle = _yaw(theirs) - _yaw(mine)
    cos, sin = np.cos(angle), np.sin(angle)
    zero, one = np.zeros_like(cos), np.ones_like(cos)
    turn = np.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], axis=-1).reshape(-1, 3, 3)
    local = xyz - mine.mean(axis=1)[:, None]
    return np.asarray(local @ turn.swapaxes(1, 2) + theirs.mean(axis=1)[:, None])


def _hips(xyz: FloatArray, skeleton: Skeleton) -> FloatArray | None:
    """Left and right hip (T, 2, 3)."""
    if any(name not in skeleton.keypoints for name in HIPS):
        return None
    return np.asarray(xyz[:, [skeleton.keypoints.index(name) for name in HIPS]])


def _yaw(hips: FloatArray) -> FloatArray:
    across = hips[:, 0] - hips[:, 1]
    return np.arctan2(across[:, 1], across[:, 0])


def said(ghost: Ghost | None) -> str:
    """What is laid over, in words."""
    return "" if ghost is None else f"Grey: {title(ghost.name)}"
