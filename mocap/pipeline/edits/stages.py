"""Edits in the ordinary pipeline: what a run that is made of them does otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from mocap.core.types import Points3D, Tracks2D
from mocap.pipeline.edits.apply import BoolArray, applied, by_hand
from mocap.pipeline.edits.hold import at_instants_by_hand, held, trusted_points
from mocap.pipeline.edits.kinds import Edits, MovePoint
from mocap.pipeline.edits.resolve import doubts_of
from mocap.pipeline.job import Job
from mocap.sync import at_instants
from mocap.triangulate import Triangulator, triangulate


def corrected(seen: Callable[[], Tracks2D], job: Job) -> Tracks2D:
    """Tracks with the edits applied."""
    tracks, rig, wanted = seen(), job.trial.rig, job.settings.triangulate.as_stage()
    points = triangulate(at_instants(tracks, job.sync), rig, wanted)
    doubts = doubts_of(tracks, points, rig, job.sync, wanted.min_score, wanted.max_sigma_m)
    return applied(job.edits, tracks, doubts).tracks


def triangulated(tracks: Tracks2D, job: Job) -> Points3D:
    """Points of tracks, where what a person set by hand is believed."""
    rig, wanted = job.trial.rig, job.settings.triangulate.as_stage()
    # Overlays show what was seen when the picture was taken; points are of the instants.
    joined = at_instants(tracks, job.sync)
    solver = Triangulator.of(rig, wanted)
    if not any(isinstance(edit, MovePoint) for edit in job.edits):
        return solver.points(joined)
    hand = by_hand(job.edits, tracks)
    if joined is not tracks:
        joined = at_instants_by_hand(tracks, hand, job.sync, rig, solver.points(joined).xyz)
    noise = solver.noise(joined)
    return solver.points(held(joined, hand, solver, noise), noise)


def sure_points(tracks: Tracks2D, measured: Points3D, job: Job) -> BoolArray | None:
    """Points (T, N, K) that a hand took part in; None where there are none."""
    if not any(isinstance(edit, MovePoint) for edit in job.edits):
        return None
    return trusted_points(by_hand(job.edits, tracks), measured)


def notes_of(edits: Edits) -> tuple[str, ...]:
    """Say in a sentence that a person put something right, and how much."""
    if not edits:
        return ()
    counted = Counter(edit.kind for edit in edits)
    words = ", ".join(f"{kind} ({count})" for kind, count in counted.items())
    return (f"Corrected by hand: {words}.",)
