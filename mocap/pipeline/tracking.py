"""From people found in each view to people followed through all of them."""

from __future__ import annotations

from mocap.associate import AssociationSettings, SubjectChoice, associate, choose_subject
from mocap.core.types import Poses2D, Tracks2D
from mocap.pipeline.again import look_again
from mocap.pipeline.edits.apply import exchanged
from mocap.pipeline.edits.kinds import subject_of
from mocap.pipeline.job import Job, Source
from mocap.sync import at_instants
from mocap.triangulate import triangulate


def follow(poses: Poses2D, job: Job, source: Source) -> Tracks2D:
    """Find everybody, or the subject; look again where a view lost them or contradicts the others."""
    tracks = _associate(poses, job)
    if source.looker is None or not job.settings.detect.look_again or tracks.person_ids.size == 0:
        return tracks
    wanted, rig = job.settings.triangulate, job.trial.rig
    points = triangulate(at_instants(tracks, job.sync), rig, wanted.as_stage())
    return look_again(
        tracks,
        points,
        poses,
        rig,
        job.sync,
        job.trial.videos,
        source.looker,
        wanted.min_score,
        job.run,
        job.key,
        job.progress,
        job.cancel,
    )


def _associate(poses: Poses2D, job: Job) -> Tracks2D:
    """Find everybody, or the subject."""
    wanted = AssociationSettings(min_score=job.settings.triangulate.min_score)
    everybody = exchanged(job.edits, associate(poses, job.trial.rig, job.sync, wanted))
    settings = job.settings.associate
    if settings.people == "all":
        return everybody
    chosen, choice = subject_of(job.edits), settings.as_choice()
    if chosen is not None:
        choice = SubjectChoice("clicked", chosen.camera, chosen.instant, (chosen.x, chosen.y))
    return choose_subject(everybody, choice)
