"""Calibration from a folder of pictures to a rig and its report: the stages of ``calibration`` composed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibration import CameraRig
from calibration.alignment import align_by_default
from calibration.bundle import BundleResult, BundleSettings, adjust
from calibration.bundle.settings import Clocks
from calibration.extrinsics import first_rig, only
from calibration.files import atomic_write, explain_write_error
from calibration.formats import save_rig
from calibration.intrinsics import CameraIntrinsics, calibrate_intrinsics
from calibration.report import (
    CalibrationReport,
    choose_heldout,
    report_from_bundle,
    to_json,
    write_html,
)
from calibration.sightings import Sightings
from mocap.core.errors import CalibrationError
from mocap.core.progress import CancelToken, Progress, silent
from mocap.core.types import FloatArray
from mocap.pipeline.calibration_inputs import open_footage, open_intrinsic_footage, open_target, search
from mocap.pipeline.crosscheck import cross_check_with_aniposelib

Engine = Literal["own", "aniposelib"]

# A model of the clocks must lower the held-out error by this share before it is preferred to a plainer one.
CLOCKS_GAIN = 0.03
# The board is followed over this many frame periods, so that one lost picture does not break its path; over long
# periods a hand may turn back unseen, and only the held-out error tells whether it did.
FOLLOWED_PERIODS = 2.4
# Wide enough that blurred corners of a fast board count, as they do in other programs' figures.
GATE = 6.0


@dataclass(frozen=True)
class CalibrateRequest:
    """What a user asks for.

    Attributes
    ----------
    folder : Path
        A session, or a folder with one video or folder of pictures per camera.
    board : Path or None
        File of the target; found beside the pictures, else recognised in them.
    out : Path or None
        The rig's file; ``calibration/rig.toml`` in the folder if not given, where a former one is kept as
        ``rig-1.toml``.
    engine : str
        ``own``, or ``aniposelib``: then that program solves the same sightings, and the report shows both.
    seed : int
        Of the choice of pictures that are held out.
    """

    folder: Path
    board: Path | None = None
    out: Path | None = None
    engine: Engine = "own"
    seed: int = 0


@dataclass(frozen=True)
class Solved:
    """The joint solve, in its own world.

    Attributes
    ----------
    sightings : Sightings
        All that was seen by the cameras that are linked.
    heldout : (T,) bool
        What the solve was not given.
    result : BundleResult
        Of ``sightings.at(~heldout)``.
    warnings : tuple of str
    """

    sightings: Sightings
    heldout: NDArray[np.bool_]
    result: BundleResult
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Calibrated:
    """A calibrated rig, where its files lie, and what was solved for it."""

    rig: CameraRig
    report: CalibrationReport
    rig_file: Path
    report_file: Path
    solved: Solved


class _Clock:
    """Wall time of each stage, s."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start


def calibrate(
    request: CalibrateRequest, progress: Progress = silent, cancel: CancelToken | None = None
) -> Calibrated:
    """Calibrate all cameras of a folder, jointly.

    Raises
    ------
    ExplainedError
        Whatever goes wrong, with the cause and the remedy.
    """
    cancel = cancel or CancelToken()
    clock = _Clock()
    rig_file = request.out or request.folder / "calibration" / "rig.toml"
    with clock.stage("open"):
        footage = open_footage(request.folder)
        target, assumed = open_target(request.folder, request.board, footage)
    with clock.stage("detect"):
        cache_dir = rig_file.parent / ".cache"
        seen = search(footage, target, progress, cancel, cache_dir)
        for_lenses = seen.sightings
        if (lenses_only := open_intrinsic_footage(request.folder)) is not None:
            more = search(lenses_only, target, progress, cancel, cache_dir)
            for_lenses = _stacked(for_lenses, more.sightings)
    with clock.stage("intrinsics"):
        lenses = calibrate_intrinsics(for_lenses, progress=progress, cancelled=lambda: cancel.cancelled)
    solved = _solve(seen.sightings, lenses, request.seed, clock, progress, cancel)
    with clock.stage("report"):
        warnings = (
            *footage.warnings,
            *assumed,
            *seen.notes,
            *(f"{lens.name}: {note}" for lens in lenses for note in lens.warnings),
            *solved.warnings,
        )
        return _write(request, rig_file, solved, warnings, clock)


def _stacked(first: Sightings, second: Sightings) -> Sightings:
    """What the cameras saw in two recordings, one after the other; only for what concerns each camera alone."""
    columns = [second.cameras.index(name) if name in second.cameras else -1 for name in first.cameras]
    if set(columns) == {-1}:
        raise CalibrationError(
            f"The pictures for the lenses are of {', '.join(second.cameras)}, the others of "
            f"{', '.join(first.cameras)}.",
            "Name the cameras alike in both folders.",
        )

    def picked(array: NDArray[np.generic], missing: float) -> NDArray[np.generic]:
        taken = array[:, np.maximum(columns, 0)].copy()
        taken[:, np.array(columns) < 0] = missing
        return taken

    return replace(
        first,
        xy=np.concatenate([first.xy, picked(second.xy, np.nan)]),
        t_s=np.concatenate([first.t_s, picked(second.t_s, np.nan)]),
        frame_index=np.concatenate([first.frame_index, picked(second.frame_index, -1)]),
    )


def _solve(
    seen: Sightings,
    lenses: tuple[CameraIntrinsics, ...],
    seed: int,
    clock: _Clock,
    progress: Progress,
    cancel: CancelToken,
) -> Solved:
    """Place the cameras and refine everything jointly; the model of the clocks is chosen by held-out error."""
    with clock.stage("extrinsics"):
        guess = first_rig(seen, [lens.intrinsics for lens in lenses])
        sightings = only(seen, guess.rig.names)
        heldout = choose_heldout(sightings, seed=seed)
    priors = {lens.name: lens.bundle_prior for lens in lenses}
    candidates: tuple[Clocks, ...] = ("simultaneous", "estimated")
    gap_s = max(BundleSettings().max_gap_s, FOLLOWED_PERIODS * _period_s(sightings))
    with clock.stage("bundle"):
        best: tuple[float, BundleResult] | None = None
        for clocks in candidates:
            settings = BundleSettings(lens_of=priors, clocks=clocks, gate=GATE, max_gap_s=gap_s)
            try:
                result = adjust(
                    sightings.at(~heldout),
                    guess.rig,
                    guess.world_from_board[~heldout],
                    settings,
                    progress,
                    lambda: cancel.cancelled,
                )
            except CalibrationError:
                if best is None or cancel.cancelled:
                    raise
                continue  # pictures too far apart in time to follow the board between them
            error = report_from_bundle(result, sightings, heldout).heldout_board_error_mm
            if best is None or error < (1.0 - CLOCKS_GAIN) * best[0]:
                best = error, result
    assert best is not None
    return Solved(sightings, heldout, best[1], guess.warnings)


def _put_aside(rig_file: Path) -> None:
    """Keep the session's former calibration under the next free number: runs of before were made with it."""
    if rig_file.is_file():
        count = 1
        while (kept := rig_file.with_name(f"{rig_file.stem}-{count}{rig_file.suffix}")).exists():
            count += 1
        try:
            rig_file.rename(kept)
        except OSError as error:
            raise explain_write_error(error, kept) from error


def _period_s(sightings: Sightings) -> float:
    """Time from picture to picture, s; 0 where a camera took a single one."""
    steps = np.diff(sightings.t_s, axis=0)
    return float(np.median(steps[np.isfinite(steps)])) if np.isfinite(steps).any() else 0.0


def _write(
    request: CalibrateRequest,
    rig_file: Path,
    solved: Solved,
    warnings: tuple[str, ...],
    clock: _Clock,
) -> Calibrated:
    """Put the rig into a world, and write it beside its report."""
    result = solved.result
    rig, world_from_solve = align_by_default(result.rig, result.world_from_board, result.points)
    crosscheck = (
        cross_check_with_aniposelib(result, solved.sightings, solved.heldout, rig)
        if request.engine == "aniposelib"
        else None
    )
    report = report_from_bundle(
        result,
        solved.sightings,
        solved.heldout,
        rig=rig,
        world_from_solve=world_from_solve,
        seconds=clock.seconds,
        warnings=warnings,
        crosscheck=crosscheck,
    )
    report_file = rig_file.with_name("report.html")
    if request.out is None:
        _put_aside(rig_file)
    save_rig(rig, rig_file, "anipose")
    poses: FloatArray = world_from_solve @ result.world_from_board
    used = solved.sightings.at(~solved.heldout)
    write_html(report_file, report, used, rig, world_from_board=poses, title=request.folder.resolve().name)
    with atomic_write(rig_file.with_name("report.json")) as draft:
        draft.write_text(to_json(report), encoding="utf-8")
    return Calibrated(rig, report, rig_file, report_file, solved)
