"""What a calibration is refined or aligned by: a person in a processed recording, or tracked points in a file."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from calibration import CameraRig
from calibration.formats import load_rig
from mocap.core.errors import InputError, SessionError
from mocap.core.progress import CancelToken, Progress
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, SyncTable, Tracks2D
from mocap.detect import Detector
from mocap.detect.looks import LOOKS, ManyLooks
from mocap.pipeline.inputs import TrialInput, open_trial
from mocap.pipeline.settings import DetectSettings, PipelineSettings, load_settings
from mocap.session import RunFolder, RunManifest, load, read_manifest
from mocap.triangulate import TriangulationSettings

# The skeleton of points that belong to no body.
POINTS = "points"
POINT_COLUMNS = ("camera", "frame", "point", "x", "y")
# Points that a person clicked or a tracker found: about a pixel. Only the comparison between points counts.
POINT_SIGMA_PX = 1.0
# Frames of a file without a column t; this only says how long the stretches are that are held out.
ASSUMED_RATE_HZ = 30.0
# A rig is refined seldom and used often: every picture is looked at, by the best network, and many times.
THOROUGH = "accurate"
# Further looks in all, unless the user says: some minutes on an ordinary computer. A short recording needs them
# most; in a long one, more pictures do the same for the rig.
LOOKS_IN_ALL = 10_000


@dataclass(frozen=True)
class Observed:
    """Points that move freely, as all cameras saw them.

    Attributes
    ----------
    rig : CameraRig
        The calibrated cameras of the recording, at the sizes of its pictures.
    tracks : Tracks2D
    t_s : (T,)
    settings : TriangulationSettings
        How a run triangulates, so that figures compare.
    source : Path
        The run's folder, or the file.
    warnings : tuple of str
    """

    rig: CameraRig
    tracks: Tracks2D
    t_s: FloatArray
    settings: TriangulationSettings
    source: Path
    warnings: tuple[str, ...]


def observe_points(
    rig_file: Path,
    source: Path,
    session: Path | None,
    progress: Progress,
    cancel: CancelToken,
    looks: int | None = None,
) -> Observed:
    """Read tracked points (``.csv``), or the person of a recording, which is processed if it was not yet.

    Parameters
    ----------
    source : Path
        A CSV file, a finished run, or what ``open_trial`` takes.
    session : Path or None
        Session for the results, if the recording must be processed first.
    looks : int or None
        Process the recording with so many further looks at each person (``mocap.detect.looks``), whatever was
        processed before. None takes the newest finished run, and as many as ``LOOKS_IN_ALL`` allows where there is
        none.

    Raises
    ------
    ExplainedError
        Whatever goes wrong, with the cause and the remedy.
    """
    if looks is not None and not 0 <= looks <= len(LOOKS):
        raise InputError(f"One cannot look {looks} times more.", f"Choose 0 to {len(LOOKS)} looks.")
    if source.suffix.lower() == ".csv":
        return _from_file(rig_file, source)
    own_run = source if RunFolder(source).manifest.is_file() else None
    # A run lies at trials/NAME/runs/ID.
    place = source if own_run is None else own_run.resolve().parents[1]
    trial = open_trial(place, rig_file, session)
    run = (
        RunFolder(own_run)
        if own_run is not None
        else _processed(trial, source, rig_file, session, looks, progress, cancel)
    )
    tracks, sync = _stored(run, trial.rig)
    known = len(load_rig(rig_file).cameras)
    left_out = (
        f"The calibration has {known} cameras, the recording {len(tracks.cameras)}: the others are left out."
        if known > len(tracks.cameras)
        else None
    )
    warnings = (*trial.warnings, *((left_out,) if left_out else ()))
    return Observed(trial.rig, tracks, sync.t_s, _settings(run), run.root, warnings)


def _processed(
    trial: TrialInput,
    source: Path,
    rig_file: Path,
    session: Path | None,
    looks: int | None,
    progress: Progress,
    cancel: CancelToken,
) -> RunFolder:
    """Newest finished run of the trial; processed now if there is none, or if so many looks are asked for."""
    manifests = sorted(trial.folder.runs.glob("*/run.toml"), key=lambda path: path.stat().st_mtime)
    if manifests and looks is None:
        return RunFolder(manifests[-1].parent)
    # Imported here: it brings every stage along, which a wand or a finished run does not need.
    from mocap.pipeline.run import ProcessRequest, default_detector, process

    pictures = sum(video.n_frames for video in trial.videos)
    more = min(len(LOOKS), 2 * (LOOKS_IN_ALL // (2 * max(pictures, 1)))) if looks is None else looks

    def make_detector(
        settings: DetectSettings, progress: Progress, cancel: CancelToken
    ) -> tuple[Detector, tuple[str, ...]]:
        detector, notes = default_detector(settings, progress, cancel)
        return (ManyLooks(detector, more) if more else detector), notes

    settings = load_settings(THOROUGH)
    plain = settings.model_copy(
        update={
            # Mirror images are among the looks.
            "detect": settings.detect.model_copy(update={"flip": settings.detect.flip and not more}),
            "output": settings.output.model_copy(update={"overlays": False, "formats": ()}),
        }
    )
    done = process(ProcessRequest(source, plain, rig_file, session), progress, cancel, make_detector)
    return RunFolder(done.folder)


def _stored(run: RunFolder, rig: CameraRig) -> tuple[Tracks2D, SyncTable]:
    tracks, sync = load(run.stage("tracks2d"), Tracks2D), load(run.stage("sync"), SyncTable)
    if tracks is None or sync is None:
        raise SessionError("A result of this run is gone.", "Process the trial again.", run.root)
    if tracks.result.cameras != rig.names:
        raise SessionError(
            f"This run is of the cameras {', '.join(tracks.result.cameras)}, the recording has "
            f"{', '.join(rig.names)}.",
            "Process the trial again.",
            run.root,
        )
    return tracks.result, sync.result


def _settings(run: RunFolder) -> TriangulationSettings:
    """How the run triangulated, so that its figures and those of a refinement compare."""
    try:
        settings = PipelineSettings.model_validate(read_manifest(run.manifest, RunManifest).settings)
    except ValidationError as error:
        raise SessionError(
            "The settings of this run are of another version.", "Process the trial again.", run.manifest
        ) from error
    return settings.triangulate.as_stage()


def _from_file(rig_file: Path, path: Path) -> Observed:
    """Read tracked points: the ends of a wand, markers, or anything that stands out."""
    rows = read_rows(path)
    rig = load_rig(rig_file)
    names = dict.fromkeys(row[0] for row in rows)
    if unknown := [name for name in names if name not in rig.names]:
        raise InputError(
            f"The calibration has no camera '{unknown[0]}'.", f"Name the cameras {', '.join(rig.names)}.", path
        )
    if len(names) < 2:
        raise InputError("The points are of one camera only.", "Give those of two cameras or more.", path)
    cameras = tuple(name for name in rig.names if name in names)
    points = tuple(dict.fromkeys(row[2] for row in rows))
    frames = sorted({row[1] for row in rows})
    instant, column = {f: i for i, f in enumerate(frames)}, {name: i for i, name in enumerate(cameras)}
    number = {point: i for i, point in enumerate(points)}
    xy = np.full((len(frames), len(cameras), 1, len(points), 2), np.nan)
    t_s = np.array(frames) / ASSUMED_RATE_HZ
    where = defaultdict(list)
    for line, (camera, frame, point, x, y, taken_s) in enumerate(rows, start=2):
        where[frame, camera, point].append(line)
        xy[instant[frame], column[camera], 0, number[point]] = x, y
        if taken_s is not None:
            t_s[instant[frame]] = taken_s
    if twice := next((lines for lines in where.values() if len(lines) > 1), None):
        raise InputError(
            f"Lines {twice[0]} and {twice[1]} are of the same point in the same picture.", "Remove one.", path
        )
    seen = np.isfinite(xy).all(axis=-1)
    bones = ((points[0], points[1]),) if len(points) == 2 else ()
    tracks = Tracks2D(
        cameras,
        Skeleton(POINTS, points, bones, (), points, (), ()),
        xy,
        np.where(seen, POINT_SIGMA_PX, np.nan),
        np.where(seen, 1.0, np.nan),
        np.arange(1),
    )
    return Observed(rig.select(cameras), tracks, t_s, TriangulationSettings(), path, ())


def read_rows(path: Path) -> list[tuple[str, int, str, float, float, float | None]]:
    """Camera, frame, point, x, y, t (or None) of each line."""
    remedy = f"Write the columns {', '.join(POINT_COLUMNS)} (px, pixel centres at integers) and, if known, t (s)."
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if missing := [name for name in POINT_COLUMNS if name not in (reader.fieldnames or ())]:
                raise InputError(f"The file has no column '{missing[0]}'.", remedy, path)
            rows = []
            for line in reader:
                taken = line.get("t")
                place = float(line["x"]), float(line["y"])
                rows.append(
                    (line["camera"], int(line["frame"]), line["point"], *place, float(taken) if taken else None)
                )
    except FileNotFoundError as error:
        raise InputError("There is no such file.", "Check the path.", path) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"The file cannot be read: {error}.", remedy, path) from error
    except (ValueError, TypeError) as error:
        raise InputError(f"Line {reader.line_num} is not understood: {error}.", remedy, path) from error
    if not rows:
        raise InputError("The file holds no points.", remedy, path)
    return rows
