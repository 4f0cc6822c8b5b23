"""What a run would have to do, without doing it: what is there already, and what of it can be taken over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mocap import __version__
from mocap.core.errors import ExplainedError
from mocap.pipeline.findings import as_known
from mocap.pipeline.inputs import TrialInput, open_trial
from mocap.pipeline.run import STAGES_VERSION
from mocap.pipeline.runs import finished, rig_key
from mocap.pipeline.settings import PipelineSettings
from mocap.session import RunFolder, RunManifest, fingerprint, key_of, read_manifest, stored_key

Need = Literal["nothing", "no detection", "everything"]
# Settings of the detection that its result does not depend on: looking again comes after it.
AFTER_DETECTION = ("look_again",)


@dataclass(frozen=True)
class Foresight:
    """What a run would have to do.

    Attributes
    ----------
    need : str
        ``nothing`` where this very run is there, ``no detection`` where people were found before with the same
        settings in the same videos, else ``everything``.
    run : Path or None
        Where that is from.
    begun : bool
        A run of this trial was stopped; if it had the same settings, it goes on where it was.
    """

    need: Need
    run: Path | None = None
    begun: bool = False


def foresee(
    path: Path, settings: PipelineSettings, calibration: Path | None = None, out: Path | None = None
) -> Foresight:
    """Say what processing a recording would have to do; nothing is written.

    Raises
    ------
    ExplainedError
        If it cannot be processed, as ``process`` would say.
    """
    return Opened(open_trial(path, calibration, out, make_place=False)).foresee(settings)


class Opened:
    """A recording whose videos were looked into once, to be asked about many settings."""

    def __init__(self, trial: TrialInput) -> None:
        self.trial = trial
        self.videos = {f"video {video.camera}": fingerprint(video.path) for video in trial.videos}
        self.times = key_of([t.tolist() for t in trial.t_s], trial.timed, *trial.clock_key)
        self.rig = rig_key(trial.rig)
        self._known = tuple(self._runs())

    def _runs(self) -> list[tuple[RunFolder, RunManifest]]:
        """Finished runs of these videos with their detections, the newest first."""
        folder = self.trial.folder.runs
        found = []
        for path in sorted(folder.iterdir(), reverse=True) if folder.is_dir() else ():
            run = RunFolder(path)
            try:
                told = read_manifest(run.manifest, RunManifest) if run.manifest.is_file() else None
                if told is None or not self._is_of(told):
                    continue
                if stored_key(run.stage("poses2d")) == self._poses(told):
                    found.append((run, told))
            except (ExplainedError, OSError):  # a damaged one is of no use, and no obstacle
                continue
        return found

    def _is_of(self, told: RunManifest) -> bool:
        videos = {name: key for name, key in told.inputs.items() if name.startswith("video ")}
        return videos == self.videos and told.inputs.get("times") == self.times

    def _poses(self, told: RunManifest) -> str:
        """Key of the detections that this version would make as that run did; as in ``process``."""
        return key_of(STAGES_VERSION, self.videos, self.times, told.inputs["detector"])

    def foresee(self, settings: PipelineSettings) -> Foresight:
        """What these settings would have to do."""
        settings = as_known(settings, self.trial.folder)
        runs = self.trial.folder.runs
        begun = runs.is_dir() and any(
            not (path / "run.toml").is_file() and (path / "sync.npz").is_file() for path in runs.iterdir()
        )
        wanted = _detection(settings.model_dump(mode="json", exclude_none=True)["detect"])
        for run, told in self._known:
            if _detection(told.settings.get("detect", {})) != wanted:
                continue
            inputs = {
                **self.videos, "times": self.times, "calibration": self.rig, "detector": told.inputs["detector"],
            }  # fmt: skip
            key = key_of(self._poses(told), inputs, settings.model_dump(mode="json"), __version__)
            there = self.trial.folder.run(key[:10])
            if finished(there) is not None:
                return Foresight("nothing", there.root, begun)
            return Foresight("no detection", run.root, begun)
        return Foresight("everything", None, begun)


def _detection(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings that the detections depend on."""
    return {name: value for name, value in settings.items() if name not in AFTER_DETECTION}
