"""The one pipeline: from a folder of videos to files that other programs open."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from mocap import __version__
from mocap.core.measures import PeopleFindings
from mocap.core.progress import CancelToken, Progress, silent
from mocap.core.summary import RunSummary
from mocap.core.types import JointAngles, MassCentre, Motion, Points3D, Poses2D, Take, Tracks2D
from mocap.detect import Detector, Looker, Pacing, assemble_detector
from mocap.pipeline.detection import detect_trial
from mocap.pipeline.edits.events import event_editor
from mocap.pipeline.edits.files import MADE_WITH, SEEN, EditFile, check_fits, edits_key, write_edits
from mocap.pipeline.edits.kinds import identity_edits
from mocap.pipeline.edits.stages import corrected, notes_of, sure_points, triangulated
from mocap.pipeline.findings import Moved, angles_of, as_known, findings_of, mass_centre_of
from mocap.pipeline.fitting import body_of, clean
from mocap.pipeline.imported import ImportRequest, imported_poses, open_imported
from mocap.pipeline.inputs import TrialInput, open_trial
from mocap.pipeline.job import Job, Results, Source
from mocap.pipeline.outcome import finish, summarise, write_outputs
from mocap.pipeline.runs import adopt, choose_run, finished, rig_key
from mocap.pipeline.settings import DetectSettings, PipelineSettings
from mocap.pipeline.tracking import follow
from mocap.session import (
    Stored,
    cached,
    fingerprint,
    key_of,
    save,
)
from mocap.sync import from_frame_times

# Raised when a stage's arithmetic changes, so that results of older versions are not taken for new ones.
STAGES_VERSION = 3

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
    edits : EditFile or None
        What a person put right.
    """

    path: Path
    settings: PipelineSettings
    calibration: Path | None = None
    out: Path | None = None
    fresh: bool = False
    edits: EditFile | None = None


@dataclass(frozen=True)
class ProcessResult:
    """A finished run: its figures, its folder, and whether it had been there before."""

    summary: RunSummary
    folder: Path
    reused: bool


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

    def detect(job: Job, key: str) -> Stored[Poses2D]:
        return detect_trial(trial.videos, job.sync, detector, job.run, key, job.progress, job.cancel)

    source = Source(detector.identity, detect, notes, detector if isinstance(detector, Looker) else None)
    return _run(trial, source, request.settings, request.fresh, progress, cancel, clock, request.edits)


def process_imported(
    source: ImportRequest,
    settings: PipelineSettings,
    fresh: bool = False,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
    edits: EditFile | None = None,
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

    def lay_out(job: Job, key: str) -> Stored[Poses2D]:
        return cached(job.run.stage("poses2d"), Poses2D, key, partial(imported_poses, made, job.sync))

    poses = Source(f"{made.skeleton.name} detections {made.key}", lay_out, ())
    return _run(trial, poses, settings, fresh, progress, cancel or CancelToken(), clock, edits)


def _run(
    trial: TrialInput,
    source: Source,
    settings: PipelineSettings,
    fresh: bool,
    progress: Progress,
    cancel: CancelToken,
    clock: float,
    edited: EditFile | None,
) -> ProcessResult:
    """Take an opened trial through all stages; ``clock`` is when its opening began."""
    settings = as_known(settings, trial.folder)
    sync = from_frame_times(trial.rig.names, trial.t_s, shared_clock=trial.timed, clocks=trial.clocks)
    videos = {f"video {v.camera}": fingerprint(v.path) for v in trial.videos}
    times = key_of([t.tolist() for t in trial.t_s], trial.timed, *trial.clock_key)
    inputs = {**videos, "times": times, "calibration": rig_key(trial.rig), "detector": source.identity}
    poses_key = key_of(STAGES_VERSION, videos, times, source.identity)
    if edited is not None:
        check_fits(edited, sync.t_s.shape[0])
    edits = () if edited is None else edited.edits

    def key_with(more: dict[str, str]) -> str:
        return key_of(poses_key, inputs | more, settings.model_dump(mode="json"), __version__)

    # Tracks before they were put right are those of the run without edits, unless it is about who is who.
    about_people = identity_edits(edits)
    seen_key = key_with({"people": edits_key(about_people)} if about_people else {})
    if edits:
        inputs["edits"] = edits_key(edits)
    key = key_with({})
    run = choose_run(trial.folder, key[:10], fresh)
    if (known := finished(run)) is not None:
        return ProcessResult(known, run.root, reused=True)
    if not fresh:
        adopt(run, trial.folder, "poses2d", poses_key)
    save(run.stage("sync"), sync, key, seconds=0.0)
    if edits:
        write_edits(run.root / MADE_WITH, edits, sync.t_s.shape[0])
        adopt(run, trial.folder, SEEN, seen_key, "tracks2d")
    job = Job(trial, sync, settings, inputs, run, key, progress, cancel, edits, seen_key)
    opened = {"open": time.perf_counter() - clock}
    results = _compute(job, source, poses_key, opened)
    outputs = write_outputs(job, results)
    summary = summarise(job, results, outputs, (*source.notes, *notes_of(edits)))
    return ProcessResult(finish(job, results, outputs, summary), run.root, reused=False)


def _compute(job: Job, source: Source, poses_key: str, seconds: dict[str, float]) -> Results:
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

    fitting = job.settings.fit
    find = partial(follow, poses.result, job, source)
    if job.edits:
        find = partial(corrected, partial(_seen, job, find), job)
    tracks = stage("tracks2d", "associate", Tracks2D, find)
    del poses, find  # the largest of all results, and nobody needs it any more
    measured = stage("points3d_raw", "triangulate", Points3D, partial(triangulated, tracks, job))
    sure = sure_points(tracks, measured, job)
    final = stage("points3d", "filter", Points3D, partial(clean, measured, job.sync.rate_hz, fitting, sure))
    motion = stage("motion", "body", Motion, partial(body_of, measured, job.sync.rate_hz, fitting, sure))
    angles = stage("angles", "angles", JointAngles, partial(angles_of, final, motion, job.sync.rate_hz))
    reading = job.settings.kinematics
    mass = stage("mass_centre", "angles", MassCentre, partial(mass_centre_of, motion, reading))
    people = _names(tracks, job.settings)
    moved = Moved(people, job.sync, final, motion, angles, mass)
    marked = event_editor(job.edits, tracks.person_ids.tolist(), job.sync.rate_hz)
    found = stage("findings", "angles", PeopleFindings, partial(findings_of, moved, reading, marked))
    trial, sync = job.trial.folder.name, job.sync
    take = Take(trial, sync.t_s, sync.rate_hz, people, final, angles, motion, mass, found.found)
    return Results(tracks, measured, take, seconds)


def _seen(job: Job, find: Callable[[], Tracks2D]) -> Tracks2D:
    """Tracks before anything was put right, kept for whoever goes on with the edits."""
    return cached(job.run.stage(SEEN), Tracks2D, job.seen_key, find).result


def _names(tracks: Tracks2D, settings: PipelineSettings) -> tuple[str, ...]:
    """Names of the people in the files."""
    if settings.associate.people == "subject":
        return ("subject",)
    return tuple(f"person_{number + 1}" for number in tracks.person_ids.tolist())
