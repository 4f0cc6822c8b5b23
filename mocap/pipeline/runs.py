"""The folders of a trial's runs: which is this one's, what it can take over, whether it is done."""

from __future__ import annotations

import os
import shutil

import numpy as np

from calibration import CameraRig
from mocap.core.errors import InputError, SessionError
from mocap.core.summary import RunSummary
from mocap.core.types import FloatArray
from mocap.session import RunFolder, RunManifest, TrialFolder, key_of, read_manifest, stored_key

# Of metres, pixels and rotations: far below what any calibration knows, far above what files change.
KEY_DECIMALS = 9


def rig_key(rig: CameraRig) -> str:
    """Hash of the cameras as they are used, whatever files of whatever format they came from.

    A rotation that went through a file as a vector comes back with another last bit: that is no other calibration.
    """

    def plain(values: FloatArray) -> object:
        return (np.round(values, KEY_DECIMALS) + 0.0).tolist()  # minus nothing is nothing

    return key_of(
        [
            (c.name, c.intrinsics.model, c.intrinsics.size_wh, plain(c.intrinsics.K), plain(c.intrinsics.dist))
            for c in rig.cameras
        ],
        plain(rig.cam_from_world),
    )


def finished(run: RunFolder) -> RunSummary | None:
    """Figures of a finished run whose files are all there; None where there is something to do."""
    if not run.manifest.is_file():
        return None
    try:
        summary = read_manifest(run.manifest, RunManifest).summary
    except (InputError, SessionError) as error:
        raise SessionError(
            f"The record of this run is damaged ({error.what})", "Delete it, or use --fresh.", run.manifest
        ) from error
    return summary if all((run.root / file).is_file() for file in summary.files.values()) else None


def choose_run(trial: TrialFolder, run_id: str, fresh: bool) -> RunFolder:
    """Folder of this run; a fresh one gets a number behind its id when it is there already."""
    run = trial.run(run_id)
    count = 1
    while fresh and run.manifest.is_file():
        count += 1
        run = trial.run(f"{run_id}-{count}")
    return run


def adopt(run: RunFolder, trial: TrialFolder, stage: str, key: str, *others: str) -> None:
    """Take over a stage's result from another run of this trial that was made from the same input.

    ``others`` are further names that it may have there.
    """
    target = run.stage(stage)
    if target.is_file():
        return
    for other in sorted(path for name in (stage, *others) for path in trial.runs.glob(f"*/{name}.npz")):
        try:
            fits = stored_key(other) == key
        except SessionError:  # a damaged one is of no use, and no obstacle
            continue
        if fits:
            run.root.mkdir(parents=True, exist_ok=True)
            try:
                os.link(other, target)  # runs never change, so that two may share a file
            except OSError:  # the disk knows no links
                shutil.copyfile(other, target)
            return
