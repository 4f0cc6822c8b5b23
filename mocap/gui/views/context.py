"""What every page of the window is given, and what the window expects of every page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QWidget

from mocap.gui.presenters.jobs import JobRequest, Jobs
from mocap.gui.presenters.library.library import Library
from mocap.gui.views.theme import Theme


@dataclass(frozen=True)
class Context:
    """The window as its pages see it.

    Attributes
    ----------
    theme : callable
        Returns the colours in use; ``Page.set_theme`` tells of others.
    show_page, new_run, open_run, export_run, add_job : callable
        What a page may ask of the window.
    open_on : callable
        Shows a page on a session, a trial or a run: ``Page.open_result`` takes its folder.
    """

    library: Library
    jobs: Jobs
    settings: QSettings
    theme: Callable[[], Theme]
    show_page: Callable[[str], None]
    new_run: Callable[[Path | Sequence[Path] | None], None]
    open_run: Callable[[Path], None]
    export_run: Callable[[Path | Sequence[Path]], None]
    add_job: Callable[[JobRequest], None]
    open_on: Callable[[str, Path], None]


class Page(QWidget):
    """One page of the window.

    Attributes
    ----------
    keys : tuple of (key, what, words)
        Shortcuts that hold while the page is shown; ``what`` goes to ``act``, ``words`` to the cheat sheet.
    """

    keys: tuple[tuple[str, str, str], ...] = ()

    def act(self, what: str) -> None:
        """Do what a key asks for."""

    def set_theme(self, theme: Theme) -> None:
        """Take on other colours."""

    def enter(self) -> None:
        """The page is shown now."""

    def away(self) -> None:
        """Another page is shown now."""

    def may_close(self) -> bool:
        """Whether the window may close, as far as this page knows; may ask the user."""
        return True

    def leave(self) -> None:
        """The window closes: let threads and files go."""

    def open_result(self, result: Path) -> None:
        """Show what a job made, where the job names this page."""
