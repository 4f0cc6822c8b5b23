"""What a person reads about a run."""

from mocap.report.overlay import clearest_instant, contact_sheet, write_overlays
from mocap.report.page import write_report

__all__ = ["clearest_instant", "contact_sheet", "write_overlays", "write_report"]
