"""The synthetic studio: renders calibrated multi-view video of a body with known truth.

Importing this needs no extra; rendering needs the extra ``studio`` (anny, torch, numba).
"""

from __future__ import annotations

from pathlib import Path

from mocap.core.progress import CancelToken, Progress, silent
from mocap.studio.motions import MOTIONS
from mocap.studio.settings import StudioSettings
from mocap.studio.truth import Truth, load_truth

__all__ = ["MOTIONS", "StudioSettings", "Truth", "load_truth", "render", "sample_dir"]


def sample_dir() -> Path:
    """Folder of the shipped sample session, rendered with the default settings."""
    return Path(__file__).parent / "sample"


def render(
    settings: StudioSettings, out: Path, progress: Progress = silent, cancel: CancelToken | None = None
) -> Path:
    """Render a session folder; see ``mocap.studio.rendering.render``."""
    from mocap.studio.rendering import render as render_session

    return render_session(settings, out, progress, CancelToken() if cancel is None else cancel)
