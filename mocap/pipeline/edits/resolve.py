"""What edits change, solved at once around them: a drag of a keypoint becomes new points, poses and angles.

Everything follows from the run as it was and from the list of edits, never from what was shown before: the same
edits give the same numbers, so that undoing gives back what there was. Only instants that the changed edits reach
are computed; what takes the whole recording (noise, bones, cutoff, floor) stays as the run found it. The run that
is made of the edits afterwards finds these anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from scipy.ndimage import binary_dilation

from calibration import CameraRig
from mocap.core.types import FloatArray, JointAngles, MassCentre, Motion, Points3D, SyncTable, Take, Tracks2D
from mocap.fit import BodySettings, remove_spikes, residual_cutoff
from mocap.fit.butterworth import PADDING_PERIODS
from mocap.fit.local import Fitted, blended, fading, fitted_before, margin, refit
from mocap.fit.windows import OVERLAP_S
from mocap.kinematics.heading import WINDOW_S
from mocap.kinematics.rates import CUTOFF_HZ, half_width
from mocap.pipeline.edits.apply import Applied, BoolArray, Doubts, applied, doubtful, exchanged
from mocap.pipeline.edits.hold import at_instants_by_hand, held, picked, trusted_points
from mocap.pipeline.edits.kinds import (
    Edit,
    Edits,
    ExchangePeople,
    MaskCamera,
    MovePoint,
    RemovePoint,
    SwapSides,
)
from mocap.pipeline.findings import angles_of, mass_centre_of
from mocap.pipeline.fitting import clean
from mocap.pipeline.settings import PipelineSettings
from mocap.sync import at_instants
from mocap.sync.instants import REACH
from mocap.triangulate import Noise, Triangulator, triangulate

PartT = TypeVar("PartT", Tracks2D, Points3D, Motion, JointAngles, MassCentre, SyncTable)

# Fields that are of single instants, by kind: what a part of a recording is cut out of.
BY_INSTANT: dict[type, tuple[str, ...]] = {
    Tracks2D: ("xy", "sigma_px", "score"),
    Points3D: ("xyz", "cov", "n_views", "reproj_px", "used"),
    Motion: ("root_xyz", "rotation", "rotation_cov", "centre_cov"),
    JointAngles: ("value", "sigma", "rate", "rate_sigma"),
    MassCentre: ("xyz", "cov"),
    SyncTable: ("t_s", "frame_index", "lag_s"),
}


@dataclass(frozen=True)
class Solved:
    """A finished run as it is.

    Attributes
    ----------
    seen : Tracks2D
        Before anything was put right.
    made : tuple of edits
        What ``tracks``, ``measured`` and ``take`` were made with.
    measured : Points3D
        As triangulated.
    """

    settings: PipelineSettings
    rig: CameraRig
    sync: SyncTable
    seen: Tracks2D
    made: Edits
    tracks: Tracks2D
    measured: Points3D
    take: Take


@dataclass(frozen=True)
class Patch:
    """New results of the instants from ``first`` on."""

    first: int
    tracks: Tracks2D
    measured: Points3D
    points: Points3D
    motion: Motion
    angles: JointAngles
    mass_centre: MassCentre | None

    @property
    def rows(self) -> slice:
        """The instants."""
        return slice(self.first, self.first + len(self.tracks.xy))


@dataclass(frozen=True)
class Prepared:
    """A run with what is computed once from the whole of it."""

    run: Solved
    solver: Triangulator
    noise: Noise
    doubts: Doubts
    cutoff_hz: float
    people: tuple[Fitted | None, ...]


def part(whole: PartT, rows: slice) -> PartT:
    """Return some instants of a result."""
    fields: dict[str, Any] = {name: getattr(whole, name)[rows] for name in BY_INSTANT[type(whole)]}
    return replace(whole, **fields)


def prepare(run: Solved) -> Prepared:
    """Compute what takes the whole recording; some seconds for ten minutes."""
    wanted, rate_hz = run.settings.triangulate.as_stage(), run.sync.rate_hz
    solver = Triangulator.of(run.rig, wanted)
    noise = solver.noise(at_instants(run.tracks, run.sync)) if run.tracks.score.size else Noise()
    first = run.measured
    if run.made:
        first = triangulate(at_instants(run.seen, run.sync), run.rig, wanted)
    fit = run.settings.fit
    clear = remove_spikes(run.measured, rate_hz, fit.spikes_s)
    cutoff = residual_cutoff(clear, rate_hz, fit.order) if fit.cutoff_hz == "auto" else fit.cutoff_hz
    body = BodySettings(fit.max_gap_s, fit.contact)
    people = tuple(fitted_before(clear, run.take.motion, n, rate_hz, body) for n in range(len(run.take.people)))
    doubts = doubts_of(run.seen, first, run.rig, run.sync, wanted.min_score, wanted.max_sigma_m)
    return Prepared(run, solver, noise, doubts, cutoff, people)


def doubts_of(
    seen: Tracks2D, points: Points3D, rig: CameraRig, sync: SyncTable, min_score: float, max_sigma_m: float
) -> Doubts:
    """What is in doubt of detections, by what they were triangulated to."""
    return Doubts(sync.t_s, doubtful(seen, points.used, min_score), _metre_px(points, rig), max_sigma_m)


def _metre_px(points: Points3D, rig: CameraRig) -> FloatArray:
    """How large a metre is in each picture where a person is (T, C, N), px; where unknown, as it is usually."""
    known = np.asarray(np.isfinite(points.xyz).all(axis=-1))
    count = np.maximum(known.sum(axis=2), 1)[..., None]
    middle = np.where(known[..., None], points.xyz, 0.0).sum(axis=2) / count
    middle[~known.any(axis=2)] = np.nan
    out = np.empty((len(middle), len(rig.cameras), middle.shape[1]))
    for c, camera in enumerate(rig.cameras):
        depth = np.linalg.norm(middle - camera.centre, axis=-1)
        usual = float(np.nanmedian(depth)) if np.isfinite(depth).any() else 1.0
        out[:, c] = camera.intrinsics.focal_px / np.where(np.isfinite(depth), depth, usual)
    return out


def changed_rows(prepared: Prepared, edits: Edits) -> list[tuple[int, int]]:
    """Ranges of instants, both ends included, whose results differ from the run's by these edits.

    Ranges so near to each other that their results would meet are one.
    """
    made = prepared.run.made
    different = [edit for edit in (*made, *edits) if (edit in made) != (edit in edits)]
    if not different and edits != made:  # the order decides which of two statements on a keypoint is the last
        different = [edit for edit in edits if isinstance(edit, MovePoint | RemovePoint)]
    count = len(prepared.run.sync.t_s)
    reach = round(prepared.doubts.reach_s * prepared.run.sync.rate_hz)
    ranges = []
    for edit in different:
        span = _span(edit, reach)
        if span is not None and span[0] < count:
            first, last = max(0, span[0] - REACH), min(count - 1, span[1] + REACH)
            ranges.append((first, last))
    apart = 2 * _effect(prepared)
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first - merged[-1][1] <= apart:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def _span(edit: Edit, reach: int) -> tuple[int, int] | None:
    """Instants that an edit can change keypoints at; None for those that change none here."""
    if isinstance(edit, MovePoint | RemovePoint):
        return edit.instant - reach, edit.instant + reach
    if isinstance(edit, SwapSides | MaskCamera | ExchangePeople):
        return edit.first - reach, edit.last + reach
    return None


def _effect(prepared: Prepared) -> int:
    """Instants beyond changed keypoints whose results change: by filter, gaps and the body's smoothness."""
    fit = prepared.run.settings.fit
    filtering = PADDING_PERIODS / prepared.cutoff_hz + fit.max_gap_s + fit.spikes_s
    return int(np.ceil(max(filtering, OVERLAP_S + fit.max_gap_s) * prepared.run.sync.rate_hz))


def _context(prepared: Prepared) -> int:
    """Instants around those whose results change that must be known to solve them."""
    rate_hz = prepared.run.sync.rate_hz
    return max(_effect(prepared), int(np.ceil(0.5 * WINDOW_S * rate_hz)) + half_width(rate_hz, CUTOFF_HZ))


def edits_near(prepared: Prepared, edits: Edits, changed: tuple[int, int]) -> Edits:
    """Edits that have a say in the results of a changed stretch."""
    reach = round(prepared.doubts.reach_s * prepared.run.sync.rate_hz)
    margin = _effect(prepared) + _context(prepared)
    spans = [(edit, _span(edit, reach)) for edit in edits]
    return tuple(
        edit
        for edit, span in spans
        if span is not None and span[1] >= changed[0] - margin and span[0] <= changed[1] + margin
    )


def resolve(prepared: Prepared, edits: Edits, changed: tuple[int, int]) -> Patch:
    """Solve the instants that changed keypoints reach.

    Parameters
    ----------
    edits : tuple of edits
        All of them.
    changed : (int, int)
        One of ``changed_rows``.
    """
    run = prepared.run
    count, rate_hz = len(run.sync.t_s), run.sync.rate_hz
    effect, context = _effect(prepared), _context(prepared)
    first, last = max(0, changed[0] - effect), min(count - 1, changed[1] + effect)
    rows = slice(max(0, first - context), min(count, last + 1 + context))
    inner = slice(first - rows.start, last + 1 - rows.start)
    tracks, measured, trusted = _measured(prepared, edits, rows)
    fit = run.settings.fit.model_copy(update={"cutoff_hz": prepared.cutoff_hz})
    points = clean(measured, rate_hz, fit, trusted)
    motion = _moved(prepared, measured, trusted, rows)
    angles = angles_of(points, motion, rate_hz)
    mass = None
    if run.take.mass_centre is not None:
        mass = mass_centre_of(part(motion, inner), run.settings.kinematics)
    return Patch(
        first, part(tracks, inner), part(measured, inner), part(points, inner), part(motion, inner),
        part(angles, inner), mass,
    )  # fmt: skip


def _measured(prepared: Prepared, edits: Edits, rows: slice) -> tuple[Tracks2D, Points3D, BoolArray]:
    """Tracks with edits applied, what they triangulate to, and which points (T, N, K) a hand took part in.

    Only what the edits changed is computed.
    """
    run = prepared.run
    seen, sync, doubts = part(run.seen, rows), part(run.sync, rows), prepared.doubts.part(rows)
    before, done = (
        applied(some, exchanged(some, seen, rows.start), doubts, rows.start) for some in (run.made, edits)
    )
    measured = part(run.measured, rows)
    joined = at_instants_by_hand(done.tracks, done.by_hand, sync, run.rig, measured.xyz)
    changed = _changed(before, done)
    if joined is not done.tracks:  # a picture counts for the instants around it too
        changed = binary_dilation(changed, np.ones((2 * REACH + 1, 1, 1), dtype=np.bool_))
    t, n, k = np.nonzero(changed)
    if not t.size:
        return done.tracks, measured, trusted_points(done.by_hand, measured)
    few = held(
        picked(joined, t, n, k), done.by_hand[t, :, n, k][:, :, None, None], prepared.solver, prepared.noise
    )
    new = prepared.solver.points(few, prepared.noise)
    values = {name: getattr(measured, name).copy() for name in BY_INSTANT[Points3D]}
    for name in ("xyz", "cov", "n_views"):
        values[name][t, n, k] = getattr(new, name)[:, 0, 0]
    for name in ("reproj_px", "used"):
        values[name][t, :, n, k] = getattr(new, name)[:, :, 0, 0]
    measured = replace(measured, **values)
    return done.tracks, measured, trusted_points(done.by_hand, measured)


def _changed(before: Applied, after: Applied) -> BoolArray:
    """Keypoints (T, N, K) that some view tells otherwise than before."""
    different = before.by_hand != after.by_hand
    for name in ("sigma_px", "score"):
        different |= _unequal(getattr(before.tracks, name), getattr(after.tracks, name))
    different |= _unequal(before.tracks.xy, after.tracks.xy).any(axis=-1)
    return np.asarray(different.any(axis=1))


def _unequal(a: FloatArray, b: FloatArray) -> BoolArray:
    """Where two arrays differ; missing is like missing."""
    return np.asarray(~((a == b) | (np.isnan(a) & np.isnan(b))))


def _moved(prepared: Prepared, measured: Points3D, trusted: BoolArray, rows: slice) -> Motion:
    """Motion of the rows, fitted again around the changed instants where their points changed."""
    run = prepared.run
    rate_hz, fit = run.sync.rate_hz, run.settings.fit
    before = part(run.take.motion, rows)
    clear = remove_spikes(measured, rate_hz, fit.spikes_s, trusted)
    different = _differs(part(run.measured, rows), measured)
    beyond = margin(1.0 / rate_hz)
    people = []
    for n, known in enumerate(prepared.people):
        one = _person(before, n)
        where = np.flatnonzero(different[:, n].any(axis=1))
        if known is not None and where.size:
            low, high = max(0, int(where[0]) - beyond), min(len(different), int(where[-1]) + beyond + 1)
            window = slice(low, high)
            frames = slice(rows.start + low, rows.start + high)
            new = refit(known, part(clear, window), n, frames, different[window, n], trusted[window, n])
            weight = fading(high - low, int(where[0]) - low, int(where[-1]) - low, 1.0 / rate_hz)
            solved = blended(part(one, window), new, weight)
            one = _joined(one, (part(one, slice(0, low)), solved, part(one, slice(high, None))), axis=0)
        people.append(one)
    return _joined(before, people, axis=1)


def _joined(like: Motion, parts: Sequence[Motion], axis: int) -> Motion:
    """Parts of a motion put together along an axis."""
    fields: dict[str, Any] = {
        name: np.concatenate([getattr(one, name) for one in parts], axis=axis) for name in BY_INSTANT[Motion]
    }
    return replace(like, **fields)


def _differs(before: Points3D, after: Points3D) -> BoolArray:
    """Points (T, N, K) that are not what they were."""
    return np.asarray(_unequal(before.xyz, after.xyz).any(axis=-1))


def _person(motion: Motion, n: int) -> Motion:
    fields: dict[str, Any] = {name: getattr(motion, name)[:, n : n + 1] for name in BY_INSTANT[Motion]}
    return replace(
        motion,
        bone_length=motion.bone_length[n : n + 1],
        bone_length_sigma=motion.bone_length_sigma[n : n + 1],
        **fields,
    )
