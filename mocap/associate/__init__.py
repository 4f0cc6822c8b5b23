"""Who is who across the views."""

from mocap.associate.subject import select_subject

__all__ = ["select_subject"]
