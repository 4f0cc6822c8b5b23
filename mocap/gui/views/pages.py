"""The pages of the window, in the order of the work."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from mocap.gui.views.context import Context, Page


@dataclass(frozen=True)
class PageSpec:
    """A page, and where its widget is made: pages are loaded when they are first wanted.

    Plots and OpenGL take a second to load, and the window is to be there in less than three.
    """

    name: str
    title: str
    key: str
    module: str
    widget: str

    def make(self, context: Context) -> Page:
        """Load and make the page."""
        made = getattr(import_module(self.module), self.widget)(context)
        assert isinstance(made, Page)
        return made


PAGES = (
    PageSpec("library", "Library", "Ctrl+1", "mocap.gui.views.library.page", "LibraryPage"),
    PageSpec("capture", "Capture", "Ctrl+2", "mocap.gui.views.capture.page", "CapturePage"),
    PageSpec("calibrate", "Calibrate", "Ctrl+3", "mocap.gui.views.calibrate.page", "CalibratePage"),
    PageSpec("review", "Review", "Ctrl+4", "mocap.gui.views.review.page", "ReviewPage"),
    PageSpec("analyse", "Analyse", "Ctrl+5", "mocap.gui.views.analyse.page", "AnalysePage"),
)
