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
from calibration.bundle import BundleResult, BundleSettings, adjust_with_times
from calibration.extrinsics import check_mirrored, first_rig, only, settle_ends
from calibration.files import atomic_write, explain_write_error
from calibration.formats import save_rig
from calibration.observations import Observations, Watch
from calibration.report import (
    CalibrationReport,
    choose_heldout,
    report_from_bundle,
    to_json,
    write_html,
)
from calibration.sightings import Sightings
from calibration.targets import AnyTarget, Checkerboard
from mocap.core.errors import CalibrationError
from mocap.core.progress import CancelToken, Progress, silent
from mocap.core.types import FloatArray
from mocap.pipeline.calibration.crosscheck import cross_check_with_aniposelib, require_aniposelib
from mocap.pipeline.calibration.inputs import (
    CalibrationFootage,
    open_footage,
    open_intrinsic_footage,
    open_target,
    search,
)
from mocap.pipeline.calibration.lenses import KnownLenses, LensChoice, Lenses, find_lenses, take_lenses
from mocap.pipeline.calibration.world import BY_DEFAULT, WorldChoice, place

Engine = Literal["own", "aniposelib"]

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
    lens : str
        The kind of lens; ``auto`` lets the held-out error choose.
    lenses : KnownLenses or None
        Lenses that are known already; then ``lens`` has no say.
    square_m : float or None
        Side of a printed square as measured, m; the board file's if not given.
    world : WorldChoice
        Where the origin is, and the floor.
    """

    folder: Path
    board: Path | None = None
    out: Path | None = None
    engine: Engine = "own"
    seed: int = 0
    lens: LensChoice = "auto"
    lenses: KnownLenses | None = None
    square_m: float | None = None
    world: WorldChoice = BY_DEFAULT


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
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def calibrate(
    request: CalibrateRequest,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
    watch: Watch | None = None,
) -> Calibrated:
    """Calibrate all cameras of a folder, jointly; ``watch`` sees the pictures as they are searched.

    Raises
    ------
    ExplainedError
        Whatever goes wrong, with the cause and the remedy.
    """
    cancel = cancel or CancelToken()
    if request.engine == "aniposelib":
        require_aniposelib()
    clock = _Clock()
    rig_file = _rig_file(request)
    with clock.stage("open"):
        footage = open_footage(request.folder)
        target, assumed = open_target(request.folder, request.board, footage, request.square_m)
    with clock.stage("detect"):
        seen = search(footage, target, progress, cancel, _cache(request), watch)
    lenses = _lenses(request, footage, seen.sightings, target, clock, progress, cancel)
    with clock.stage("extrinsics"):
        sightings, notes = _told_apart(seen, target, lenses)
    solved = _solve(sightings, lenses, request.seed, clock, progress, cancel)
    with clock.stage("report"):
        warnings = (*footage.warnings, *assumed, *seen.notes, *lenses.warnings, *notes, *solved.warnings)
        return _write(request, rig_file, solved, footage, lenses.note, warnings, clock)


def _lenses(
    request: CalibrateRequest,
    footage: CalibrationFootage,
    seen: Sightings,
    target: AnyTarget,
    clock: _Clock,
    progress: Progress,
    cancel: CancelToken,
) -> Lenses:
    """Take the lenses that the user names, else find them from all pictures, also those for the lenses alone."""
    if request.lenses is not None:
        with clock.stage("intrinsics"):
            return take_lenses(request.lenses, footage, seen)
    if (lenses_only := open_intrinsic_footage(request.folder)) is not None:
        with clock.stage("detect"):
            more = search(lenses_only, target, progress, cancel, _cache(request))
            seen = _stacked(seen, more.sightings)
    with clock.stage("intrinsics"):
        return find_lenses(seen, request.lens, progress, cancel)


def _stacked(first: Sightings, second: Sightings) -> Sightings:
    """What the cameras saw in two recordings, one after the other; only for what concerns each camera alone."""
    columns = [second.cameras.index(name) if name in second.cameras else -1 for name in first.cameras]
    if set(columns) == {-1}:
        raise CalibrationError(
            f"The pictures for the lenses are of {', '.join(second.cameras)}, the others of "
            f"{', '.join(first.cameras)}.",
            "Name the cameras alike in both folders.",
        )
    for name, size, column in zip(first.cameras, first.sizes_wh.tolist(), columns, strict=True):
        if column >= 0 and second.sizes_wh[column].tolist() != size:
            (w, h), (v, g) = size, second.sizes_wh[column].tolist()
            raise CalibrationError(
                f"The pictures of {name} for the lenses are of {v}x{g} px, the others of {w}x{h} px.",
                "Record both with the same settings.",
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


def _told_apart(seen: Observations, target: AnyTarget, lenses: Lenses) -> tuple[Sightings, tuple[str, ...]]:
    """Refuse cameras that flip their pictures, and number the corners of boards whose ends look alike."""
    notes = check_mirrored(seen.sightings, seen.mirrored, lenses.intrinsics)
    if not isinstance(target, Checkerboard) or not target.symmetric:
        return seen.sightings, notes
    sightings, more = settle_ends(seen.sightings, lenses.intrinsics, target.turned)
    return sightings, (*notes, *more)


def _solve(
    seen: Sightings,
    lenses: Lenses,
    seed: int,
    clock: _Clock,
    progress: Progress,
    cancel: CancelToken,
) -> Solved:
    """Place the cameras and refine everything jointly, with the model of the clocks that the pictures need."""
    with clock.stage("extrinsics"):
        guess = first_rig(seen, lenses.intrinsics)
        sightings = only(seen, guess.rig.names)
        heldout = choose_heldout(sightings, seed=seed)
    gap_s = max(BundleSettings().max_gap_s, FOLLOWED_PERIODS * _period_s(sightings))
    with clock.stage("bundle"):
        timed = adjust_with_times(
            sightings.at(~heldout),
            guess.rig,
            guess.world_from_board[~heldout],
            BundleSettings(lens_of=lenses.priors, gate=GATE, max_gap_s=gap_s),
            progress,
            lambda: cancel.cancelled,
        )
    return Solved(sightings, heldout, timed.result, guess.warnings)


def _about_scale(request: CalibrateRequest) -> dict[str, str]:
    if request.square_m is None:
        return {}
    return {"scale": f"Squares of {1000 * request.square_m:g} mm as measured."}


def _rig_file(request: CalibrateRequest) -> Path:
    return request.out or request.folder / "calibration" / "rig.toml"


def _cache(request: CalibrateRequest) -> Path:
    """Where detections are kept: beside the rig."""
    return _rig_file(request).parent / ".cache"


def put_aside(rig_file: Path) -> None:
    """Keep the session's former calibration under the next free number: runs of before were made with it.

    Its report goes with it: what was sure then is asked when two calibrations are compared.
    """
    if rig_file.is_file():
        count = 1
        while (kept := rig_file.with_name(f"{rig_file.stem}-{count}{rig_file.suffix}")).exists():
            count += 1
        try:
            rig_file.rename(kept)
            for report in (rig_file.with_name("report.json"), rig_file.with_name("report.html")):
                if report.is_file():
                    report.rename(report.with_name(f"{report.stem}-{count}{report.suffix}"))
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
    footage: CalibrationFootage,
    about_lenses: str,
    warnings: tuple[str, ...],
    clock: _Clock,
) -> Calibrated:
    """Put the rig into a world, and write it beside its report."""
    result = solved.result
    placed, world_from_solve = place(result, solved.sightings, solved.heldout, footage, request.world)
    rig = replace(placed, notes={**placed.notes, "lenses": about_lenses, **_about_scale(request)})
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
        put_aside(rig_file)
    save_rig(rig, rig_file, "anipose")
    poses: FloatArray = world_from_solve @ result.world_from_board
    used = solved.sightings.at(~solved.heldout)
    write_html(report_file, report, used, rig, world_from_board=poses, title=request.folder.resolve().name)
    with atomic_write(rig_file.with_name("report.json")) as draft:
        draft.write_text(to_json(report), encoding="utf-8")
    return Calibrated(rig, report, rig_file, report_file, solved)
