"""The only place that composes the stages."""

from mocap.pipeline.reexport import export_run, load_take
from mocap.pipeline.run import ProcessRequest, ProcessResult, process
from mocap.pipeline.settings import DEFAULT_PRESET, PipelineSettings, load_settings

__all__ = [
    "DEFAULT_PRESET",
    "PipelineSettings",
    "ProcessRequest",
    "ProcessResult",
    "export_run",
    "load_settings",
    "load_take",
    "process",
]
