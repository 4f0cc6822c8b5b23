"""What the parts of a run share: the job, who makes the poses, what was found and written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mocap.core.progress import CancelToken, Progress
from mocap.core.types import Points3D, Poses2D, SyncTable, Take, Tracks2D
from mocap.detect import Looker
from mocap.pipeline.edits.kinds import Edits
from mocap.pipeline.inputs import TrialInput
from mocap.pipeline.settings import PipelineSettings
from mocap.session import RunFolder, Stored


@dataclass(frozen=True)
class Job:
    """What all stages of a run share.

    ``edits`` are corrections by a person; ``seen_key`` is that of the tracks before these were applied.
    """

    trial: TrialInput
    sync: SyncTable
    settings: PipelineSettings
    inputs: dict[str, str]
    run: RunFolder
    key: str
    progress: Progress
    cancel: CancelToken
    edits: Edits = ()
    seen_key: str = ""


@dataclass(frozen=True)
class Source:
    """Who made the poses, how they are got for a job and a key, and what the user should know of them.

    ``looker`` looks again where it is told; None where there are no pictures, or nobody who could.
    """

    identity: str
    poses: Callable[[Job, str], Stored[Poses2D]]
    notes: tuple[str, ...]
    looker: Looker | None = None


@dataclass(frozen=True)
class Results:
    """What the stages found out, and how long each took."""

    tracks: Tracks2D
    measured: Points3D
    take: Take
    seconds: dict[str, float]


@dataclass(frozen=True)
class Outputs:
    """Files by kind, relative to the run's folder, and what they could not hold."""

    files: dict[str, str]
    dropped: tuple[str, ...]
    overlays: dict[str, Path]
    seconds: dict[str, float]
