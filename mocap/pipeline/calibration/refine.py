"""A calibration refined from the movement of a person or a wand, without a board: it repairs a bumped camera, too.

Keypoints are noisier than a board's corners, and off by what the detector takes a joint to be. So nothing is
believed because the solve fits: every figure here is of instants that the solve did not see, the lenses move
only if those agree, and a calibration that the person cannot tell from a better one stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration import CameraRig
from calibration.alignment import scale_rig
from calibration.bundle import (
    LOCKED_LENS,
    BundleSettings,
    LensPrior,
    refine_from_points,
)
from calibration.extrinsics.average import differences
from calibration.formats import save_rig
from mocap.core.errors import CalibrationError
from mocap.core.progress import CancelToken, Progress, silent
from mocap.core.types import FloatArray, Tracks2D
from mocap.pipeline.calibration.laid import laid_onto
from mocap.pipeline.calibration.observed import POINTS, observe_points
from mocap.pipeline.calibration.person_size import KEEP, Scale, median_length, on_points, sized
from mocap.pipeline.calibration.verify import check_recording
from mocap.pipeline.figures import quality
from mocap.triangulate import TriangulationSettings, triangulate

BoolArray = NDArray[np.bool_]

# The detector's errors last for a part of a step: the instants held out are whole stretches of this length, s,
# so that the neighbours of each are held out, too.
STRETCH_S = 0.5
# A recording shorter than this many stretches is cut into shorter ones.
FEWEST_STRETCHES = 6
# More instants add seconds, not knowledge.
MOST_INSTANTS = 1500
FEWEST_INSTANTS = 12
# What frees more must lower the held-out error by this share, else what frees less is taken.
GAIN = 0.03
# And cameras move only if that lowers it by this share: a detector's errors are the same at all instants, so
# that wrong places can win on held-out ones, too. With the true rig of the shipped film they win 5 %, and
# would move cameras by 34 mm and 0.8 degrees.
MOVE_GAIN = 0.15

# What may move besides the cameras' places, by the name it is reported under. A person fills little of the
# picture and the joints are off by pixels, so lenses are held near what they were.
LENSES: dict[str, LensPrior] = {
    "places": LOCKED_LENS,
    "places and focal lengths": LensPrior(0.02, 0.0, 0.0, (0.0, 0.0, 0.0, 0.0), 0.0, 0.0),
    "places and lenses": LensPrior(0.02, 0.002, 0.01, (0.05, 0.05, 0.0, 0.0), 0.002, 0.0),
}


@dataclass(frozen=True)
class RefineRequest:
    """What a user asks for.

    Attributes
    ----------
    rig : Path
        The calibration to refine.
    source : Path
        A finished run, what ``open_trial`` takes, or a file of tracked points (``observed.observe_points``).
    out : Path
        The new calibration's file.
    scale : Scale
    sessions : Path or None
        Session for the results, if the recording must be processed first.
    board : Path or None
        File of the board that gives the scale; found beside its pictures if not given.
    looks : int or None
        How much more closely to look at the person; see ``observed.observe_points``.
    """

    rig: Path
    source: Path
    out: Path
    scale: Scale = KEEP
    sessions: Path | None = None
    board: Path | None = None
    looks: int | None = None


@dataclass(frozen=True)
class Agreement:
    """How well the views agree.

    Attributes
    ----------
    median_px : float
        Median distance between a core joint and its reprojection, px; NaN if the views agree nowhere.
    median_px_per_camera : dict of str to float
    bone_variation_percent : float
        See ``mocap.core.summary.RunSummary``; of the joints as measured, not filtered.
    """

    median_px: float
    median_px_per_camera: dict[str, float]
    bone_variation_percent: float


@dataclass(frozen=True)
class Refinement:
    """A refined rig and what speaks for it.

    Attributes
    ----------
    rig : CameraRig
    improved : bool
        False if the person could not tell a better rig from this one, and the rig stayed as it was.
    moved : str
        What moved, in words.
    before, heldout : Agreement
        With the old rig, and at instants that the solve did not see. ``heldout.bone_variation_percent`` is the
        larger one of the two halves.
    moved_mm, turned_deg : dict of str to float
        How far each camera moved against the others, before any change of scale.
    baseline_m : (float, float)
        Mean distance between two cameras, before and after, m.
    bone_m : dict of str to (float, float)
        Median length of each core bone, before and after, m.
    instants : int
    """

    rig: CameraRig
    improved: bool
    moved: str
    before: Agreement
    heldout: Agreement
    moved_mm: dict[str, float]
    turned_deg: dict[str, float]
    baseline_m: tuple[float, float]
    bone_m: dict[str, tuple[float, float]]
    instants: int


@dataclass(frozen=True)
class Refined:
    """A refinement, where it was written, and the run or file of points that it was made from."""

    refinement: Refinement
    rig_file: Path
    source: Path
    warnings: tuple[str, ...]


def refine(request: RefineRequest, progress: Progress = silent, cancel: CancelToken | None = None) -> Refined:
    """Refine a calibration file from a person or a wand, and write the result to another.

    Raises
    ------
    ExplainedError
        Whatever goes wrong, with the cause and the remedy.
    """
    cancel = cancel or CancelToken()
    seen = observe_points(request.rig, request.source, request.sessions, progress, cancel, request.looks)
    scale = on_points(request.scale, seen.tracks.skeleton)
    found = refine_rig(seen.rig, seen.tracks, seen.t_s, seen.settings, scale, progress, cancel)
    warnings = seen.warnings
    if scale.board is not None:
        checked = check_recording(found.rig, request.rig, scale.board, request.board, progress, cancel)
        sized_rig = scale_rig(found.rig, checked.check.measured_m, checked.check.true_m, checked.target)[0]
        found = replace(found, rig=sized_rig, baseline_m=(found.baseline_m[0], float(baselines(sized_rig).mean())))
        warnings = (*warnings, *checked.warnings)
    save_rig(found.rig, request.out, "anipose")
    return Refined(found, request.out, seen.source, warnings)


def refine_rig(
    rig: CameraRig,
    tracks: Tracks2D,
    t_s: FloatArray,
    settings: TriangulationSettings,
    scale: Scale = KEEP,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Refinement:
    """Refine a rig from the core joints of people, or from any points that move freely.

    Raises
    ------
    CalibrationError
        If a camera shares too few joints with the others.
    CancelledError
        If ``cancel`` says so.
    """
    cancel = cancel or CancelToken()
    some = np.unique(np.linspace(0, len(t_s) - 1, min(len(t_s), MOST_INSTANTS)).round().astype(np.intp))
    seen = _at(tracks, some)
    if len(some) < FEWEST_INSTANTS:
        raise CalibrationError(
            f"The recording has {len(some)} instants; {FEWEST_INSTANTS} are needed.",
            "Record a person who walks through the whole volume for some seconds.",
        )
    second = _second_half(t_s[some])
    before = _agreement(rig, seen, settings)
    steps = 2 * len(LENSES) + 1
    best: tuple[str, Agreement] | None = None
    for number, (name, lens) in enumerate(LENSES.items()):
        halves = []
        for fold, held in enumerate((second, ~second)):
            progress("refine", 2 * number + fold, steps)
            halves.append((_solved(rig, _at(seen, ~held), settings, lens, cancel), _at(seen, held)))
        heldout = _pooled([_agreement_arrays(solved, unseen, settings) for solved, unseen in halves], rig.names)
        if best is None or _better(heldout, best[1], GAIN):
            best = name, heldout
    assert best is not None
    moved, heldout = best
    if not np.isfinite([before.median_px, heldout.median_px]).any():
        raise CalibrationError(
            "The views agree nowhere, not even roughly, and no places of the cameras near the "
            "present ones change that.",
            "Check that the calibration is of these cameras and that they are synchronised, or calibrate anew.",
        )
    improved = _better(heldout, before, MOVE_GAIN)
    what = f"{'tracked points' if tracks.skeleton.name == POINTS else 'a person'} at {len(some)} instants"
    progress("refine", steps - 1, steps)
    refined = _solved(rig, seen, settings, LENSES[moved], cancel) if improved else rig
    refined = replace(refined, notes={**rig.notes, "refined": _note(improved, moved, before, heldout, what)})
    moves = _moves(rig, refined)
    refined = sized(refined, seen, settings, scale)
    progress("refine", steps, steps)
    return Refinement(
        refined,
        improved,
        moved if improved else "nothing",
        before,
        heldout if improved else before,
        *moves,
        (float(baselines(rig).mean()), float(baselines(refined).mean())),
        _bones(rig, refined, seen, settings),
        len(some),
    )


def _better(new: Agreement, old: Agreement, gain: float) -> bool:
    """Whether views agree better by this share.

    Judged by the mean square of the cameras' medians: the median over all cameras does not change by one that is
    wrong while the others agree without it. A camera that agrees nowhere is worse than any that does.
    """
    ours, theirs = (np.array(list(a.median_px_per_camera.values())) for a in (new, old))
    lost = np.count_nonzero(~np.isfinite(ours)), np.count_nonzero(~np.isfinite(theirs))
    if lost[0] != lost[1] or lost[0] == len(ours):
        return bool(lost[0] < lost[1])
    return bool(np.sqrt(np.nanmean(ours**2)) < (1.0 - gain) * np.sqrt(np.nanmean(theirs**2)))


def _note(improved: bool, moved: str, before: Agreement, heldout: Agreement, what: str) -> str:
    if not improved:
        return (
            f"Checked against {what}: the views agree to {before.median_px:.2f} px "
            f"(median), and other places of the cameras make it no better by much; they stayed."
        )
    worst = max(before.median_px_per_camera, key=lambda name: _or_infinite(before.median_px_per_camera[name]))
    return (
        f"Refined from {what} ({moved} of the cameras): median reprojection error {_px(before.median_px)} before, "
        f"{_px(heldout.median_px)} after at instants held out; of {worst}, which was worst, "
        f"{_px(before.median_px_per_camera[worst])} and {_px(heldout.median_px_per_camera[worst])}. The world "
        "lies as most cameras had it."
    )


def _px(value: float) -> str:
    return f"{value:.2f} px" if np.isfinite(value) else "too large for any point"


def _or_infinite(value: float) -> float:
    return value if np.isfinite(value) else np.inf


def _second_half(t_s: FloatArray) -> BoolArray:
    """Every other stretch of time (T,)."""
    since = t_s - t_s[0]
    stretch = min(STRETCH_S, float(since[-1]) / FEWEST_STRETCHES)
    return np.asarray(np.floor(since / max(stretch, 1e-9)).astype(np.int64) % 2 == 1)


def _at(tracks: Tracks2D, some: NDArray[np.generic]) -> Tracks2D:
    return replace(tracks, xy=tracks.xy[some], sigma_px=tracks.sigma_px[some], score=tracks.score[some])


def _solved(
    rig: CameraRig, tracks: Tracks2D, settings: TriangulationSettings, lens: LensPrior, cancel: CancelToken
) -> CameraRig:
    """Solve, and lay the result onto the old rig."""
    cancel.check()
    core = tracks.skeleton.core_index
    # All people side by side: to the solver, a joint is a point that moves freely.
    t, c = tracks.score.shape[:2]
    counts = tracks.score[..., core] >= settings.min_score
    xy = np.where(counts[..., None], tracks.xy[..., core, :], np.nan).reshape(t, c, -1, 2)
    sigma = tracks.sigma_px[..., core].reshape(t, c, -1)
    result = refine_from_points(xy, rig, BundleSettings(lens=lens), sigma, cancelled=lambda: cancel.cancelled)
    return laid_onto(result.rig, rig)


def baselines(rig: CameraRig) -> FloatArray:
    """Distances between the cameras, pair by pair (P,), m."""
    pairs = combinations([camera.centre for camera in rig.cameras], 2)
    return np.array([np.linalg.norm(a - b) for a, b in pairs])


def _agreement(rig: CameraRig, tracks: Tracks2D, settings: TriangulationSettings) -> Agreement:
    return _pooled([_agreement_arrays(rig, tracks, settings)], rig.names)


def _agreement_arrays(
    rig: CameraRig, tracks: Tracks2D, settings: TriangulationSettings
) -> tuple[FloatArray, float]:
    """Reprojection errors (T, C, N, J), px, and the bones' variation, %, as a run measures them."""
    points = triangulate(tracks, rig, settings)
    errors = points.reproj_px[..., tracks.skeleton.core_index]
    return errors, quality(points, points, rig.names).bone_variation_percent


def _pooled(parts: list[tuple[FloatArray, float]], cameras: tuple[str, ...]) -> Agreement:
    errors = np.concatenate([part[0] for part in parts])
    per_camera = {name: _median(errors[:, c]) for c, name in enumerate(cameras)}
    return Agreement(_median(errors), per_camera, max(part[1] for part in parts))


def _median(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")


def _moves(old: CameraRig, new: CameraRig) -> tuple[dict[str, float], dict[str, float]]:
    """How far each camera moved, mm, and turned, degrees."""
    turn, _ = differences(new.cam_from_world, old.cam_from_world)
    shift = [np.linalg.norm(a.centre - b.centre) for a, b in zip(new.cameras, old.cameras, strict=True)]
    return (
        {name: 1000.0 * float(value) for name, value in zip(old.names, shift, strict=True)},
        {name: float(np.degrees(value)) for name, value in zip(old.names, turn, strict=True)},
    )


def _bones(
    old: CameraRig, new: CameraRig, tracks: Tracks2D, settings: TriangulationSettings
) -> dict[str, tuple[float, float]]:
    skeleton = tracks.skeleton
    measured = [triangulate(tracks, rig, settings).xyz for rig in (old, new)]
    pairs = [pair for pair in skeleton.bones if set(pair) <= set(skeleton.core)]
    return {
        f"{a}-{b}": (median_length(measured[0], skeleton, a, b), median_length(measured[1], skeleton, a, b))
        for a, b in pairs
    }
