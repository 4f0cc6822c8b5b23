"""Ties the comparison with another run to the review page: it is read and laid over in a thread."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from mocap.core.types import Take
from mocap.gui.presenters.changes import Later
from mocap.gui.presenters.review.ghost import Ghost, lay_over, open_take, said, why_not
from mocap.gui.presenters.review.review import Review
from mocap.gui.presenters.words import trouble_of
from mocap.gui.scene.content import SceneView
from mocap.gui.views.review.inspector import Inspector
from mocap.gui.views.review.plots import AnglePlots


@dataclass(frozen=True)
class _Laid:
    """Another run, read, and its body laid over; why it could not be done in the way asked for."""

    folder: Path
    take: Take
    ghost: Ghost
    why: str


class Comparison:
    """What is laid over the run that is shown."""

    def __init__(self, inspector: Inspector, scene: SceneView, plots: AnglePlots) -> None:
        self._inspector, self._scene, self._plots = inspector, scene, plots
        self._laying: Later[_Laid] = Later()
        self._known: tuple[Path, Take] | None = None
        self.ghost: Ghost | None = None

    def ask(self, review: Review | None, person: int) -> None:
        """Lay over what the inspector names, or nothing."""
        folder, known = self._inspector.compared, self._known
        if review is None:
            return
        if folder is None:
            if self.ghost is not None:
                self._show(None, "")
            return
        in_time, in_space = self._inspector.ways

        def lay() -> _Laid:
            other = known[1] if known is not None and known[0] == folder else open_take(folder)
            why = why_not(review.take, other, person, in_time)
            return _Laid(folder, other, lay_over(review.take, other, person, in_time, in_space), why)

        self._laying.order(lay)
        self._inspector.say("Opening …")

    def tick(self) -> None:
        """Show what has been read."""
        if (done := self._laying.fetch()) is not None:
            self._take(done)

    def forget(self) -> None:
        """Another run is opened."""
        self._known, self.ghost = None, None

    def close(self) -> None:
        """Let the thread go."""
        self._laying.close()

    def _take(self, done: Future[_Laid]) -> None:
        try:
            laid = done.result()
        except Exception as error:  # said below the choice; the run itself is shown all the same
            trouble = trouble_of(error)
            self._show(None, f"{trouble.what} {trouble.remedy}")
            return
        self._known = laid.folder, laid.take
        if laid.folder == self._inspector.compared:
            self._show(laid.ghost, laid.why or said(laid.ghost))

    def _show(self, ghost: Ghost | None, words: str) -> None:
        self.ghost = ghost
        self._scene.show_ghost(ghost)
        self._plots.show_ghost(ghost)
        self._inspector.say(words)
