"""OpenCV's wheels bring Qt plugins of their own and point Qt at them; PySide6 would load those and abort.

The variables matter only until the application object exists, and only where they point into OpenCV: what a user
set stays.
"""

from __future__ import annotations

import os
from pathlib import Path

VARIABLES = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR")


def settle() -> tuple[str, ...]:
    """Take back what the import of OpenCV put into the environment; returns the names of what was removed."""
    removed = tuple(name for name in VARIABLES if "cv2" in Path(os.environ.get(name, "")).parts)
    for name in removed:
        del os.environ[name]
    return removed
