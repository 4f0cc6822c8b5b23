"""Corrections of the run that is shown: the list of edits, the way back, solving beside the window, the file.

A drag is solved in a thread while it goes on; the newest place counts. Edits are written to disk by a thread, too,
and at the latest when the run is closed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mocap.core.errors import ExplainedError, SessionError
from mocap.gui.presenters.changes import Changes, Later
from mocap.gui.presenters.correct.solve import (
    KEPT,
    Opened,
    PatchKey,
    as_it_was,
    open_corrections,
    solve_all,
    with_events,
    write,
)
from mocap.gui.presenters.review.review import Review
from mocap.gui.presenters.words import Trouble, trouble_of
from mocap.pipeline.edits.files import EditFile, working_file, write_edits
from mocap.pipeline.edits.kinds import Edit, Edits, MovePoint, RemovePoint
from mocap.pipeline.edits.resolve import Patch
from mocap.session import RunFolder


class Corrections:
    """Edits of one run after the other. ``tick`` is called by a timer; the review changes only there.

    Attributes
    ----------
    changed, solved : Changes
        The list or its state is another; what is shown is another.
    held : MovePoint or None
        What is under the mouse: solved with the edits, and one of them once it is let go.
    """

    def __init__(self) -> None:
        self.changed, self.solved = Changes(), Changes()
        self.review: Review | None = None
        self.held: MovePoint | None = None
        self.trouble: Trouble | None = None
        self.edits: Edits = ()
        self._wipe()

    def _wipe(self) -> None:
        self._undo: list[Edits] = []
        self._redo: list[Edits] = []
        self._opened: Opened | None = None
        self._opening: Later[Opened] = Later()
        self._solving: Later[dict[PatchKey, Patch]] = Later()
        self._keeper = _Keeper()
        self._shown: dict[PatchKey, Patch] = {}
        self._known: dict[PatchKey, Patch] = {}
        self._asked: Edits = ()
        self._begun = False

    def open(self, review: Review) -> None:
        """Another run is shown; it is made ready once somebody corrects, or at once where there are edits."""
        self.close()
        self.review, self.held, self.trouble, self.edits = review, None, None, ()
        self._wipe()
        if working_file(RunFolder(review.folder)).is_file():
            self.begin()
        self.changed.emit()

    def begin(self) -> None:
        """Make the run ready for corrections, in a thread."""
        if not self._begun and self.review is not None:
            self._begun = True
            self._opening.order(partial(open_corrections, self.review))

    def close(self) -> None:
        """Let the run go; edits are on disk when this returns."""
        self._opening.close()
        self._solving.close()
        try:
            self._keeper.close()
        except ExplainedError as error:  # it was told while there was somebody to tell
            logging.getLogger(__name__).warning("Corrections are lost: %s", error)
        self.review = None

    @property
    def ready(self) -> bool:
        """Whether corrections can be made."""
        return self._opened is not None

    @property
    def preparing(self) -> bool:
        """Whether the run is being made ready."""
        return self._opening.busy

    @property
    def busy(self) -> bool:
        """Whether something is being solved, or will be."""
        return self.ready and (self._solving.busy or self._asked != self._wanted())

    @property
    def kept(self) -> bool:
        """Whether nothing stands in the way of keeping the edits."""
        return not self._keeper.refused

    @property
    def applied(self) -> bool:
        """Whether the run shown is made with these very edits."""
        return self._opened is None or self.edits == self._opened.prepared.run.made

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to take again."""
        return bool(self._redo)

    def add(self, edit: Edit) -> None:
        """Make an edit; a new word on the same keypoint takes the place of the last."""
        self.step(_with(self.edits, edit))

    def delete(self, number: int) -> None:
        """Take back one edit out of the list."""
        self.step(self.edits[:number] + self.edits[number + 1 :])

    def step(self, edits: Edits) -> None:
        """Go on to another list of edits."""
        if self.ready:
            self._undo.append(self.edits)
            self._redo.clear()
            self._set(edits)

    def undo(self) -> None:
        """One step back."""
        if self._undo:
            self._redo.append(self.edits)
            self._set(self._undo.pop())

    def redo(self) -> None:
        """One step on again."""
        if self._redo:
            self._undo.append(self.edits)
            self._set(self._redo.pop())

    def hold(self, held: MovePoint | None) -> None:
        """Something else is under the mouse."""
        self.held = held
        self._order()
        self.changed.emit()

    def to_apply(self) -> EditFile | None:
        """The edits for a new run; None where the run is made with them already."""
        if self.review is None or self.applied:
            return None
        return EditFile(instants=len(self.review.sync.t_s), edits=self.edits)

    def tick(self) -> None:
        """Take in what was opened, solved and kept."""
        if (opened := self._opening.fetch()) is not None:
            self._take(lambda: self._take_opened(opened.result()))
        if (error := self._keeper.failed()) is not None:
            self._tell(error)
        if (solved := self._solving.fetch()) is not None:
            self._take(lambda: self._show(solved.result()))
        self._order()

    def _take(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:  # shown to the user in words
            self._tell(error)

    def _tell(self, error: BaseException) -> None:
        self.trouble = trouble_of(error)
        self.changed.emit()

    def _take_opened(self, opened: Opened) -> None:
        self._opened = opened
        self.edits, self._asked = opened.edits, opened.prepared.run.made
        self.changed.emit()

    def _show(self, patches: dict[PatchKey, Patch]) -> None:
        """Write what was solved into what is shown, and take out what is no longer so."""
        assert self.review is not None
        assert self._opened is not None
        prepared = self._opened.prepared
        for key, patch in self._shown.items():
            if patches.get(key) is not patch:
                write(self.review, as_it_was(prepared, patch))
        for patch in patches.values():
            write(self.review, patch)
        self._shown = patches
        self._known = dict(list({**self._known, **patches}.items())[-KEPT:])
        self.review = with_events(prepared, self.review, self._asked)
        self.solved.emit()
        self.changed.emit()

    def _order(self) -> None:
        """Solve what is wanted now, once what is being solved is done: what came between is never solved."""
        wanted = self._wanted()
        if self._opened is None or self._solving.busy or wanted == self._asked:
            return
        self._asked = wanted
        self._solving.order(partial(solve_all, self._opened.prepared, wanted, dict(self._known)))

    def _wanted(self) -> Edits:
        """Edits with the one that is under the mouse."""
        return self.edits if self.held is None else _with(self.edits, self.held)

    def _set(self, edits: Edits) -> None:
        assert self.review is not None
        self.edits, self.trouble = edits, None
        path, count = working_file(RunFolder(self.review.folder)), len(self.review.sync.t_s)
        self._keeper.keep(partial(_keep_edits, path, edits, count))
        self._order()
        self.changed.emit()


class _Keeper:
    """Writes the newest edits in a thread; older ones that still wait are never written."""

    def __init__(self) -> None:
        self._later: Later[None] = Later()
        self._next: Callable[[], None] | None = None
        self._spare: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self.refused = False

    def keep(self, write: Callable[[], None]) -> None:
        """Write, after what is being written."""
        self._next = write
        if not self._later.busy:
            self._later.order(self._write)

    def failed(self) -> BaseException | None:
        """Why the last writing did not succeed; goes on with what waits."""
        done = self._later.fetch()
        if done is not None and (error := done.exception()) is not None:
            return error
        if self._next is not None and not self._later.busy:
            self._later.order(self._write)
        return None

    def close(self) -> None:
        """Write what waits or was refused, then let the thread go."""
        self._later.close()
        self._next = self._next or self._spare
        self._write()

    def _write(self) -> None:
        with self._lock:  # so that nothing older is written after something newer
            write, self._next = self._next, None
            if write is None:
                return
            try:
                write()
            except ExplainedError:
                # Tried again with the next edit, or at the end, unless something newer waits by then.
                self.refused, self._spare = True, write
                raise
            self.refused, self._spare = False, None


def _keep_edits(path: Path, edits: Edits, instants: int) -> None:
    """Write the edits of a trial; one that vanished with its disk must not be made anew without videos."""
    trial = path.parent.parent
    if not trial.is_dir():
        raise SessionError(
            "The folder of this trial is gone; the corrections are not written yet.",
            "Bring it back, or plug its disk in again: they are written with the next one, or at the end.",
            trial,
        )
    write_edits(path, edits, instants)


def _with(edits: Edits, edit: Edit) -> Edits:
    """A list with one more edit, in place of one of the same keypoint in the same picture."""
    if isinstance(edit, MovePoint | RemovePoint):
        edits = tuple(other for other in edits if not _same_place(edit, other))
    return (*edits, edit)


def _same_place(edit: MovePoint | RemovePoint, other: Edit) -> bool:
    """Whether another edit speaks of the same keypoint in the same picture."""
    return isinstance(other, MovePoint | RemovePoint) and (
        (edit.camera, edit.instant, edit.person, edit.keypoint)
        == (other.camera, other.instant, other.person, other.keypoint)
    )
