"""Corrections by a person: kept as edits, applied to what was seen, solved at once or by a whole run."""

from mocap.pipeline.edits.files import read_edits, write_edits
from mocap.pipeline.edits.kinds import Edit, Edits

__all__ = ["Edit", "Edits", "read_edits", "write_edits"]
