"""What a run leaves behind: files for other programs, overlay films, the figures, the report, the manifest."""

from __future__ import annotations

import platform
import sys
import time
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np

from calibration.files import explain_write_error
from calibration.formats import save_rig
from mocap import __version__
from mocap.capture import read_frames
from mocap.core.measures import PeopleFindings
from mocap.core.summary import RunSummary, TruthErrors
from mocap.core.types import SyncTable, Take
from mocap.export import export
from mocap.fit import body_points
from mocap.kinematics import joint_angles
from mocap.pipeline.figures import quality, truth_errors
from mocap.pipeline.findings import event_times, measure_figures
from mocap.pipeline.inputs import TrialInput
from mocap.pipeline.job import Job, Outputs, Results
from mocap.report import clearest_instant, contact_sheet, write_overlays, write_report
from mocap.session import (
    RunManifest,
    write_manifest,
)

# A camera this much faster than the common rate loses pictures enough to be told of.
THINNED = 1.1


def write_outputs(job: Job, results: Results) -> Outputs:
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
    return Outputs(files, dropped, overlays, seconds)


def summarise(job: Job, results: Results, outputs: Outputs, notes: tuple[str, ...]) -> RunSummary:
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
    return truth_errors(trial.truth, fitted, joint_angles(fitted), sync, trial.rig)


def _rate_notes(trial: TrialInput, sync: SyncTable) -> tuple[str, ...]:
    """Say which cameras were thinned out to the pace of the slowest."""
    return tuple(
        f"Camera '{video.camera}' recorded {video.rate_hz:.4g} pictures a second; {sync.rate_hz:.4g} of them were "
        "used, as the slowest camera gives no more."
        for video in trial.videos
        if video.rate_hz > THINNED * sync.rate_hz
    )


def finish(job: Job, results: Results, outputs: Outputs, summary: RunSummary) -> RunSummary:
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
