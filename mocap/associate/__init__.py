"""Who is who across the views, and over time."""

from mocap.associate.live import LiveState, associate_frame, initial_state
from mocap.associate.people import associate
from mocap.associate.settings import AssociationSettings
from mocap.associate.subject import SubjectChoice, choose_subject

__all__ = [
    "AssociationSettings",
    "LiveState",
    "SubjectChoice",
    "associate",
    "associate_frame",
    "choose_subject",
    "initial_state",
]
