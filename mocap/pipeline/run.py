"""The one pipeline: from a folder of videos to files that other programs open."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from calibration.files import explain_write_error
from calibration.formats import save_rig
from mocap import __version__
from mocap.associate import AssociationSettings, associate, choose_subject
from mocap.capture import read_frames
from mocap.core.measures import PeopleFindings
from mocap.core.progress import CancelToken, Progress, silent
from mocap.core.summary import RunSummary, TruthErrors
from mocap.core.types import JointAngles, MassCentre, Motion, Points3D, Poses2D, SyncTable, Take, Tracks2D
from mocap.detect import Detector, Pacing, assemble_detector
from mocap.export import export
from mocap.fit import body_points
from mocap.kinematics import joint_angles
from mocap.pipeline.detection import detect_trial
from mocap.pipeline.figures import quality, truth_errors
from mocap.pipeline.findings import Moved, angles_of, event_times, findings_of, mass_centre_of, measure_figures
from mocap.pipeline.fitting import body_of, clean
from mocap.pipeline.imported import ImportRequest, imported_poses, open_imported
from mocap.pipeline.inputs import TrialInput, open_trial
from mocap.pipeline.runs import adopt_poses, choose_run, finished, rig_key
from mocap.pipeline.settings import DetectSettings, PipelineSettings
from mocap.report import clearest_instant, contact_sheet, write_overlays, write_report
from mocap.session import (
    RunFolder,
    RunManifest,
    Stored,
    cached,
    fingerprint,
    key_of,
    save,
    write_manifest,
)
from mocap.sync import at_instants, from_frame_times
from mocap.triangulate import triangulate

# Raised when a stage's arithmetic changes, so that results of older versions are not taken for new ones.
STAGES_VERSION = 3

# A camera this much faster than the common rate loses pictures enough to be told of.
THINNED = 1.1

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class ProcessRequest:
    """What a user asks for.

    Attributes
    ----------
    path : Path
        A session, a trial, or a folder of videos.
    calibration, out : Path or None
        See ``open_trial``.
    fresh : bool
        Compute again even if this very run is there already.
    """

    path: Path
    settings: PipelineSettings
    calibration: Path | None = None
    out: Path | None = None
    fresh: bool = False


@dataclass(frozen=True)
class ProcessResult:
    """A finished run: its figures, its folder, and whether it had been there before."""

    summary: RunSummary
    folder: Path
    reused: bool


@dataclass(frozen=True)
class _Job:
    """What all stages of a run share."""

    trial: TrialInput
    sync: SyncTable
    settings: PipelineSettings
    inputs: dict[str, str]
    run: RunFolder
    key: str
    progress: Progress
    cancel: CancelToken


@dataclass(frozen=True)
class _Source:
    """Who made the poses, how they are got for a job and a key, and what the user should know of them."""

    identity: str
    poses: Callable[[_Job, str], Stored[Poses2D]]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Results:
    """What the stages found out, and how long each took."""

    tracks: Tracks2D
    measured: Points3D
    take: Take
    seconds: dict[str, float]


@dataclass(frozen=True)
class _Outputs:
    """Files by kind, relative to the run's folder, and what they could not hold."""

    files: dict[str, str]
    dropped: tuple[str, ...]
    overlays: dict[str, Path]
    seconds: dict[str, float]


class MakeDetector(Protocol):
    """Makes the detector that the settings ask for, and says in sentences what the user should know of it."""

    def __call__(
        self, settings: DetectSettings, progress: Progress, cancel: CancelToken
    ) -> tuple[Detector, tuple[str, ...]]:
        """Make a detector."""
        ...


def default_detector(
    settings: DetectSettings, progress: Progress, cancel: CancelToken
) -> tuple[Detector, tuple[str, ...]]:
    """Make the detector of the models that the settings name."""
    return assemble_detector(
        settings.landmarks,
        settings.finder,
        settings.parts,
        settings.max_people,
        settings.search_interval,
        pacing=Pacing(settings.longest_pace, settings.tolerance_sigma),
        runtime=None if settings.runtime == "auto" else settings.runtime,
        flip=settings.flip,
        progress=progress,
        cancel=cancel,
    )


def process(
    request: ProcessRequest,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
    make_detector: MakeDetector = default_detector,
) -> ProcessResult:
    """Process one trial from videos to files and a report.

    A run that was stopped goes on where it was; one that is finished is returned as it is.

    Raises
    ------
    ExplainedError
        Whatever goes wrong, with the cause and the remedy.
    """
    cancel = cancel or CancelToken()
    clock = time.perf_counter()
    trial = open_trial(request.path, request.calibration, request.out)
    detector, notes = make_detector(request.settings.detect, progress, cancel)

    def detect(job: _Job, key: str) -> Stored[Poses2D]:
        return detect_trial(trial.videos, job.sync, detector, job.run, key, job.progress, job.cancel)

    source = _Source(detector.identity, detect, notes)
    return _run(trial, source, request.settings, request.fresh, progress, cancel, clock)


def process_imported(
    source: ImportRequest,
    settings: PipelineSettings,
    fresh: bool = False,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> ProcessResult:
    """Process detections that another program made, from association on.

    Raises
    ------
    ExplainedError
        Whatever goes wrong, with the cause and the remedy.
    """
    clock = time.perf_counter()
    trial = open_imported(source)
    made = trial.imported
    assert made is not None
    if not trial.videos:
        settings = settings.model_copy(update={"output": settings.output.model_copy(update={"overlays": False})})

    def lay_out(job: _Job, key: str) -> Stored[Poses2D]:
        return cached(job.run.stage("poses2d"), Poses2D, key, partial(imported_poses, made, job.sync))

    poses = _Source(f"{made.skeleton.name} detections {made.key}", lay_out, ())
    return _run(trial, poses, settings, fresh, progress, cancel or CancelToken(), clock)


def _run(
    trial: TrialInput,
    source: _Source,
    settings: PipelineSettings,
    fresh: bool,
    progress: Progress,
    cancel: CancelToken,
    clock: float,
) -> ProcessResult:
    """Take an opened trial through all stages; ``clock`` is when its opening began."""
    sync = from_frame_times(trial.rig.names, trial.t_s, shared_clock=trial.timed)
    videos = {f"video {v.camera}": fingerprint(v.path) for v in trial.videos}
    times = key_of([t.tolist() for t in trial.t_s], trial.timed)
    inputs = {**videos, "times": times, "calibration": rig_key(trial.rig), "detector": source.identity}
    poses_key = key_of(STAGES_VERSION, videos, times, source.identity)
    key = key_of(poses_key, inputs, settings.model_dump(mode="json"), __version__)
    run = choose_run(trial.folder, key[:10], fresh)
    if (known := finished(run)) is not None:
        return ProcessResult(known, run.root, reused=True)
    if not fresh:
        adopt_poses(run, trial.folder, poses_key)
    save(run.stage("sync"), sync, key, seconds=0.0)
    job = _Job(trial, sync, settings, inputs, run, key, progress, cancel)
    opened = {"open": time.perf_counter() - clock}
    results = _compute(job, source, poses_key, opened)
    outputs = _write_outputs(job, results)
    summary = _summarise(job, results, outputs, source.notes)
    return ProcessResult(_finish(job, results, outputs, summary), run.root, reused=False)


def _compute(job: _Job, source: _Source, poses_key: str, seconds: dict[str, float]) -> _Results:
    """Run the stages from detection to angles."""
    poses = source.poses(job, poses_key)
    seconds = {**seconds, "detect": poses.seconds}

    def stage(name: str, stage_name: str, kind: type[ResultT], compute: Callable[[], ResultT]) -> ResultT:
        job.cancel.check()
        job.progress(stage_name, 0, 1)
        stored = cached(job.run.stage(name), kind, job.key, compute)
        seconds[stage_name] = seconds.get(stage_name, 0.0) + stored.seconds
        job.progress(stage_name, 1, 1)
        return stored.result

    rig, wanted, fitting = job.trial.rig, job.settings.triangulate, job.settings.fit
    tracks = stage("tracks2d", "associate", Tracks2D, partial(_associate, poses.result, job))
    del poses  # the largest of all results, and nobody needs it any more
    # Overlays show what was seen when the picture was taken; points are of the instants.
    joined = at_instants(tracks, job.sync)
    measured = stage("points3d_raw", "triangulate", Points3D, partial(triangulate, joined, rig, wanted.as_stage()))
    final = stage("points3d", "filter", Points3D, partial(clean, measured, job.sync.rate_hz, fitting))
    motion = stage("motion", "body", Motion, partial(body_of, measured, job.sync.rate_hz, fitting))
    angles = stage("angles", "angles", JointAngles, partial(angles_of, final, motion, job.sync.rate_hz))
    reading = job.settings.kinematics
    mass = stage("mass_centre", "angles", MassCentre, partial(mass_centre_of, motion, reading))
    people = _names(tracks, job.settings)
    moved = Moved(people, job.sync, final, motion, angles, mass)
    found = stage("findings", "angles", PeopleFindings, partial(findings_of, moved, reading))
    trial, sync = job.trial.folder.name, job.sync
    take = Take(trial, sync.t_s, sync.rate_hz, people, final, angles, motion, mass, found.found)
    return _Results(tracks, measured, take, seconds)


def _associate(poses: Poses2D, job: _Job) -> Tracks2D:
    """Find everybody, or the subject."""
    wanted = AssociationSettings(min_score=job.settings.triangulate.min_score)
    everybody = associate(poses, job.trial.rig, job.sync, wanted)
    settings = job.settings.associate
    return everybody if settings.people == "all" else choose_subject(everybody, settings.as_choice())


def _names(tracks: Tracks2D, settings: PipelineSettings) -> tuple[str, ...]:
    """Names of the people in the files."""
    if settings.associate.people == "subject":
        return ("subject",)
    return tuple(f"person_{number + 1}" for number in tracks.person_ids.tolist())


def _write_outputs(job: _Job, results: _Results) -> _Outputs:
    """Write the files for other programs and the overlay videos."""
    clock = time.perf_counter()
    run, wanted = job.run, job.settings.output
    try:
        save_rig(job.trial.rig, run.root / "rig.toml", "anipose")
        exported = export(results.take, wanted.formats, run.exports, progress=job.progress, cancel=job.cancel)
    except OSError as error:
        raise explain_write_error(error, run.root) from error
    seconds = {"export": time.perf_counter() - clock}
    files = {
        kind if len(done.files) == 1 else f"{kind} {number}": str(path.relative_to(run.root))
        for kind, done in exported.items()
        for number, path in enumerate(done.files, start=1)
    }
    dropped = tuple(f"{kind}: {sentence}" for kind, done in exported.items() for sentence in done.dropped)
    overlays: dict[str, Path] = {}
    if wanted.overlays:
        clock = time.perf_counter()
        overlays = write_overlays(
            run.overlays,
            {video.camera: partial(read_frames, video) for video in job.trial.videos},
            results.tracks,
            results.measured,
            job.trial.rig,
            job.sync,
            progress=job.progress,
            cancel=job.cancel,
        )
        seconds["overlay"] = time.perf_counter() - clock
        files |= {f"overlay {name}": str(path.relative_to(run.root)) for name, path in overlays.items()}
    return _Outputs(files, dropped, overlays, seconds)


def _summarise(job: _Job, results: _Results, outputs: _Outputs, notes: tuple[str, ...]) -> RunSummary:
    """Put the figures together; the report's own time is added when it is known."""
    trial, sync, take = job.trial, job.sync, results.take
    return RunSummary(
        trial=take.name,
        run_id=job.run.root.name,
        cameras=sync.cameras,
        frames=sync.t_s.shape[0],
        rate_hz=sync.rate_hz,
        seconds={**results.seconds, **outputs.seconds},
        frames_per_s=float("nan"),
        views_per_s=float("nan"),
        detector=job.inputs["detector"],
        calibration=str(trial.calibration),
        files={**outputs.files, "report": job.run.report.name},
        warnings=(*trial.warnings, *_rate_notes(trial, sync), *notes),
        dropped=outputs.dropped,
        truth=_truth(trial, take, sync),
        events=event_times(PeopleFindings(take.people, take.findings)),
        measures=measure_figures(PeopleFindings(take.people, take.findings)),
        provenance={
            "openmocap": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "platform": f"{sys.platform} {platform.machine()}",
        },
        **asdict(quality(results.measured, take.points, sync.cameras)),
    )


def _truth(trial: TrialInput, take: Take, sync: SyncTable) -> TruthErrors | None:
    """Compare the fitted body with the truth, where there is one: like angles, which are those of three points."""
    if not trial.truth:
        return None
    fitted = body_points(take.points, take.motion)
    return truth_errors(trial.truth, fitted, joint_angles(fitted), sync)


def _rate_notes(trial: TrialInput, sync: SyncTable) -> tuple[str, ...]:
    """Say which cameras were thinned out to the pace of the slowest."""
    return tuple(
        f"Camera '{video.camera}' recorded {video.rate_hz:.4g} pictures a second; {sync.rate_hz:.4g} of them were "
        "used, as the slowest camera gives no more."
        for video in trial.videos
        if video.rate_hz > THINNED * sync.rate_hz
    )


def _finish(job: _Job, results: _Results, outputs: _Outputs, summary: RunSummary) -> RunSummary:
    """Write the report, then, last of all, the manifest that makes the run complete."""
    job.progress("report", 0, 1)
    clock = time.perf_counter()
    summary = _timed(summary, job.sync)
    picture = contact_sheet(outputs.overlays, clearest_instant(results.measured)) if outputs.overlays else None
    write_report(job.run.report, results.take, summary, job.trial.rig, results.tracks, picture=picture)
    took = time.perf_counter() - clock
    summary = _timed(replace(summary, seconds={**summary.seconds, "report": took}), job.sync)
    settings = job.settings.model_dump(mode="json", exclude_none=True)  # TOML knows no nothing
    write_manifest(
        job.run.manifest, RunManifest(id=summary.run_id, settings=settings, inputs=job.inputs, summary=summary)
    )
    job.progress("report", 1, 1)
    return summary


def _timed(summary: RunSummary, sync: SyncTable) -> RunSummary:
    """Return the summary with rates that follow from its seconds."""
    total = sum(summary.seconds.values())
    views = float((sync.frame_index >= 0).sum())
    return replace(summary, frames_per_s=summary.frames / total, views_per_s=views / total)
