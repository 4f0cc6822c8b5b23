"""Files that other programs open, one module a format."""

from mocap.export.registry import EXPORTERS, Exporter, ExportResult, export, exporter_of

__all__ = ["EXPORTERS", "ExportResult", "Exporter", "export", "exporter_of"]
