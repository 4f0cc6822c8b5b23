"""Solving corrections beside the window: newest first, written into what is shown, and taken out again.

The review that is shown is changed in place, where it must be, and only there: what it was is kept apart, and the
same edits always give the same numbers, so that undoing gives back every bit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeVar

from mocap.core.errors import SessionError
from mocap.core.types import Points3D, Tracks2D
from mocap.gui.presenters.review.review import Review
from mocap.pipeline.edits.events import edited_events
from mocap.pipeline.edits.files import SEEN, check_fits, made_with, read_edits, working_file
from mocap.pipeline.edits.kinds import Edits
from mocap.pipeline.edits.resolve import (
    BY_INSTANT,
    Patch,
    Prepared,
    Solved,
    changed_rows,
    edits_near,
    part,
    prepare,
    resolve,
)
from mocap.pipeline.reexport import load_take
from mocap.pipeline.settings import PipelineSettings
from mocap.session import RunFolder, RunManifest, load, read_manifest

ResultT = TypeVar("ResultT")
# Solved stretches that are kept: undoing and doing again are then at once.
KEPT = 24

# A changed stretch, and the edits that have a say in it.
PatchKey = tuple[tuple[int, int], Edits]


@dataclass(frozen=True)
class Opened:
    """A run made ready for corrections, and the edits that are there."""

    prepared: Prepared
    edits: Edits


def open_corrections(review: Review) -> Opened:
    """Make a run ready; takes as long as the recording is.

    Raises
    ------
    ExplainedError
        If something of the run is gone, or its edits are of another recording.
    """
    run = RunFolder(review.folder)
    settings = PipelineSettings.model_validate(read_manifest(run.manifest, RunManifest).settings)
    made = made_with(run)
    # All digits, and arrays that nobody else writes to: what is shown has fewer.
    tracks, measured = _stored(run, "tracks2d", Tracks2D), _stored(run, "points3d_raw", Points3D)
    seen = tracks
    if made:
        seen = _stored(run, SEEN, Tracks2D)
    solved = Solved(settings, review.rig, review.sync, seen, made, tracks, measured, load_take(run))
    edits, path = made, working_file(run)
    if path.is_file():
        file = read_edits(path)
        check_fits(file, len(review.sync.t_s), path)
        edits = file.edits
    return Opened(prepare(solved), edits)


def _stored(run: RunFolder, stage: str, kind: type[ResultT]) -> ResultT:
    stored = load(run.stage(stage), kind)
    if stored is None:
        raise SessionError("A result of this run is gone.", "Process the trial again.", run.stage(stage))
    return stored.result


def solve_all(prepared: Prepared, edits: Edits, known: dict[PatchKey, Patch]) -> dict[PatchKey, Patch]:
    """Solve all stretches that edits change; those that are known are taken as they are."""
    found: dict[PatchKey, Patch] = {}
    for stretch in changed_rows(prepared, edits):
        key = (stretch, edits_near(prepared, edits, stretch))
        found[key] = known.get(key) or resolve(prepared, edits, stretch)
    return found


def write(review: Review, patch: Patch) -> None:
    """Write new results into what is shown."""
    take, rows = review.take, patch.rows
    pairs: list[tuple[Any, Any]] = [
        (review.tracks, patch.tracks),
        (review.measured, patch.measured),
        (take.points, patch.points),
        (take.motion, patch.motion),
        (take.angles, patch.angles),
    ]
    if take.mass_centre is not None and patch.mass_centre is not None:
        pairs.append((take.mass_centre, patch.mass_centre))
    for shown, new in pairs:
        for name in BY_INSTANT[type(shown)]:
            getattr(shown, name)[rows] = getattr(new, name)
    for c, camera in enumerate(review.rig.cameras):
        review.pixels[c, rows] = camera.project(take.points.xyz[rows])[0]


def as_it_was(prepared: Prepared, patch: Patch) -> Patch:
    """What was there in place of a patch."""
    run, rows = prepared.run, patch.rows
    take = run.take
    mass = None if take.mass_centre is None else part(take.mass_centre, rows)
    return Patch(
        patch.first, part(run.tracks, rows), part(run.measured, rows), part(take.points, rows),
        part(take.motion, rows), part(take.angles, rows), mass,
    )  # fmt: skip


def with_events(prepared: Prepared, review: Review, edits: Edits) -> Review:
    """The review with its events as the edits want them; those of the run are its own edits' already."""
    run = prepared.run
    ids = run.tracks.person_ids.tolist()
    new = tuple(edit for edit in edits if edit not in run.made)
    findings = tuple(
        replace(found, events=edited_events(new, ids[n], found.events, run.sync.rate_hz))
        for n, found in enumerate(run.take.findings)
    )
    return replace(review, take=replace(review.take, findings=findings))
