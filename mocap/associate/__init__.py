"""Who is who across the views."""

from mocap.associate.people import associate
from mocap.associate.settings import AssociationSettings
from mocap.associate.subject import select_subject

__all__ = ["AssociationSettings", "associate", "select_subject"]
