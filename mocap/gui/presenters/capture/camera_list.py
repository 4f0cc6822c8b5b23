"""The cameras of the capture page: found, added, changed, removed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mocap.core.errors import ExplainedError
from mocap.gui.presenters.capture.cameras import (
    Found,
    FoundCamera,
    distinct,
    entries_of,
    find_cameras,
    recall,
    remember,
)
from mocap.gui.presenters.capture.links import MOST_CAMERAS
from mocap.gui.presenters.capture.plan import NAME
from mocap.gui.presenters.capture.words import CameraEntry
from mocap.gui.presenters.changes import Changes, Later
from mocap.gui.presenters.words import Trouble, trouble_of


class CameraList:
    """The list, and what could be added to it; ``changed`` tells of the list, not of what was found.

    Parameters
    ----------
    remembered : str
        The list of the last time.
    find : callable
        Looks for cameras that are plugged in.
    """

    def __init__(self, remembered: str = "", find: Callable[[], Found] = find_cameras) -> None:
        self.changed = Changes()
        self.entries = recall(remembered)
        self.found = Found()
        self.trouble: Trouble | None = None
        self._find = find
        self._finding: Later[Found] = Later()
        self._adding: Later[tuple[CameraEntry, ...]] = Later()
        self._waiting: tuple[str, ...] = ()

    def search(self) -> None:
        """Look for cameras that are plugged in; in a thread, as some systems open each to see."""
        if not self._finding.busy:
            self._finding.order(self._find)

    @property
    def working(self) -> bool:
        """Whether cameras are looked for, or something is being added."""
        return self._finding.busy or self._adding.busy

    @property
    def offered(self) -> tuple[FoundCamera, ...]:
        """Cameras that were found and are not in the list."""
        taken = {entry.address for entry in self.entries}
        return tuple(camera for camera in self.found.cameras if camera.address not in taken)

    def add(self, *given: str) -> None:
        """Add what a user gave: addresses, files, folders; they are looked at in a thread, in turn."""
        if self._adding.busy:  # a new order would make it forget the one before
            self._waiting += given
            return
        free = tuple(sorted(set(range(MOST_CAMERAS)) - {entry.slot for entry in self.entries}))
        self.trouble = None

        def look() -> tuple[CameraEntry, ...]:
            made: tuple[CameraEntry, ...] = ()
            for text in given:
                made = (*made, *entries_of(text, free[len(made) :]))
            return made

        self._adding.order(look)

    def entry(self, slot: int) -> CameraEntry:
        """A camera of the list."""
        return next(entry for entry in self.entries if entry.slot == slot)

    def change(self, entry: CameraEntry) -> Trouble | None:
        """Change a camera of the list; says why not."""
        others = {other.name.casefold() for other in self.entries if other.slot != entry.slot}
        if not NAME.match(entry.name):
            return Trouble("This is no name for a camera.", "Use letters, digits, - and _ only: it names a file.")
        if entry.name.casefold() in others:
            return Trouble("Another camera has this name.", "Choose another one.")
        self._put(tuple(entry if other.slot == entry.slot else other for other in self.entries))
        return None

    def remove(self, slot: int) -> None:
        """Take a camera off the list."""
        self._put(tuple(entry for entry in self.entries if entry.slot != slot))

    def remembered(self) -> str:
        """The list for the next time."""
        return remember(self.entries)

    def fetch(self) -> bool:
        """Take in what threads have found; True if anything."""
        found, added = self._finding.fetch(), self._adding.fetch()
        if found is not None:
            error = found.exception()
            self.found = found.result() if error is None else Found(warnings=(str(error),))
        if added is not None:
            try:
                self._add(added.result())
            except (ExplainedError, OSError) as error:
                self.trouble = trouble_of(error)
            waiting, self._waiting = self._waiting, ()
            if waiting:
                told = self.trouble
                self.add(*waiting)
                self.trouble = told
        return found is not None or added is not None

    def _add(self, made: tuple[CameraEntry, ...]) -> None:
        entries = self.entries
        for entry in made:
            if entry.address not in {other.address for other in entries}:
                entries = (*entries, replace(entry, name=distinct(entry.name, tuple(e.name for e in entries))))
        self._put(entries)

    def _put(self, entries: tuple[CameraEntry, ...]) -> None:
        self.entries = entries
        self.changed.emit()

    def close(self) -> None:
        """Let the threads go."""
        self._finding.close()
        self._adding.close()
