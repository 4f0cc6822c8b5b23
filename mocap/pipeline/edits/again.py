"""A finished run made again, as it was made, with corrections."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from mocap.core.errors import SessionError
from mocap.core.progress import CancelToken, Progress, silent
from mocap.pipeline.edits.files import EditFile
from mocap.pipeline.imported import ImportRequest
from mocap.pipeline.inputs import open_trial
from mocap.pipeline.run import (
    MakeDetector,
    ProcessRequest,
    ProcessResult,
    default_detector,
    process,
    process_imported,
)
from mocap.pipeline.runs import rig_key
from mocap.pipeline.settings import PipelineSettings
from mocap.session import RunFolder, RunManifest, TrialFolder, TrialManifest, read_manifest


def process_again(
    folder: Path,
    edits: EditFile,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
    make_detector: MakeDetector = default_detector,
) -> ProcessResult:
    """Make a run with edits from the recording, the calibration and the settings of another.

    Raises
    ------
    ExplainedError
        Whatever goes wrong, with the cause and the remedy.
    """
    run, trial = RunFolder(folder), TrialFolder(folder.resolve().parent.parent)
    made = read_manifest(run.manifest, RunManifest)
    try:
        settings = PipelineSettings.model_validate(made.settings)
    except ValidationError as error:
        raise SessionError(
            "The settings of this run are not understood; another version made it.",
            "Process the recording again, and correct that run.",
            run.manifest,
        ) from error
    source = read_manifest(trial.manifest, TrialManifest).detections if trial.manifest.is_file() else None
    if source is not None:
        wanted = ImportRequest(
            Path(source), run.root / "rig.toml", rate_hz=made.summary.rate_hz, out=trial.root.parent.parent
        )
        return process_imported(wanted, settings, False, progress, cancel, edits)
    calibration = _calibration(run, trial, made)
    request = ProcessRequest(trial.root, settings, calibration, edits=edits)
    return process(request, progress, cancel, make_detector)


def _calibration(run: RunFolder, trial: TrialFolder, made: RunManifest) -> Path:
    """The calibration that the run was made with, where it still is what it was; else the run's own copy."""
    told = Path(made.summary.calibration)
    if told.is_file() and rig_key(open_trial(trial.root, told).rig) == made.inputs["calibration"]:
        return told
    return run.root / "rig.toml"
