"""The library: a tree of sessions and trials, read in a thread, searched by words, sorted by a column."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mocap.core.errors import ExplainedError, SessionError
from mocap.gui.presenters.changes import Changes, Later
from mocap.gui.presenters.library.entries import (
    COLUMNS,
    MISSING,
    Entry,
    RunEntry,
    SessionEntry,
    TrialEntry,
    TrialState,
    read_library,
    read_sessions,
    trial_videos,
)
from mocap.gui.presenters.words import Trouble, trouble_of
from mocap.session import FolderLock, data_dir, lock_folder, use_data_dir

DATE = COLUMNS.index("Date")


@dataclass(frozen=True)
class _Read:
    """What one reading of the folder came to."""

    root: Path
    sessions: tuple[SessionEntry, ...]
    gone: bool


class FolderRight:
    """Whether this window may change the data folder; asked for in a thread, given back at the end."""

    def __init__(self) -> None:
        self._guard, self._closed = threading.Lock(), False
        self._held: tuple[Path, FolderLock] | None = None
        # Why nothing may be changed; and what should be known although it may.
        self.refused: Trouble | None = None
        self.warning: Trouble | None = None

    def ask(self, root: Path) -> None:
        """Take the right to a folder, unless it is held or somebody else has it."""
        with self._guard:
            if self._closed or (self._held is not None and self._held[0] == root):
                return
            self._let_go()
            self.refused = self.warning = None
            try:
                got = lock_folder(root)
            except SessionError as error:
                self.warning = trouble_of(error)
                return
            except ExplainedError as error:
                self.refused = Trouble(f"Only for looking: {error.what}", error.remedy, error.path)
                return
            if isinstance(got, FolderLock):
                self._held = (root, got)
                return
            self.refused = Trouble(
                f"Another window has this data folder open ({got.holder}). Here it can be looked at, not changed.",
                "Go on in the other window, or close it and press F5 here.",
                root,
            )

    def close(self) -> None:
        """Give it back for good."""
        with self._guard:
            self._closed = True
            self._let_go()

    def _let_go(self) -> None:
        if self._held is not None:
            self._held[1].release()
            self._held = None


class Library:
    """The tree that the table shows."""

    def __init__(self, root: Path | None = None) -> None:
        self.changed = Changes()
        self.given = root is not None
        self.root = root or data_dir()
        self.trouble: Trouble | None = None
        self.read_once = False
        self._right = FolderRight()
        self._all: tuple[SessionEntry, ...] = ()
        self._words: tuple[str, ...] = ()
        self._order: tuple[int, bool] = (DATE, True)
        self._reading: Later[_Read] = Later()

    def refresh(self) -> None:
        """Read the folder again, and ask for the right to change it."""
        root, right, known = self.root, self._right, self.read_once

        def read() -> _Read:
            # A new data folder is made by the lock; one that vanished must not be made anew.
            gone = known and not root.is_dir()
            if not gone:
                right.ask(root)
            return _Read(root, read_sessions(root), gone)

        self._reading.order(read)

    def open_root(self, root: Path) -> None:
        """Open another data folder; jobs put their results there, too."""
        self.root, self.read_once, self._all, self.trouble = root, False, (), None
        use_data_dir(root)
        self.changed.emit()
        self.refresh()

    def tick(self) -> None:
        """Take in what was read."""
        if (done := self._reading.fetch()) is None:
            return
        try:
            read = done.result()
        except Exception as error:  # shown to the user in words
            self.trouble = trouble_of(error)
        else:
            if read.root != self.root:
                return
            if read.gone:
                self.trouble = Trouble(
                    "The data folder is gone.",
                    "Plug its disk in again, or put the folder back, and press F5; or open another one.",
                    read.root,
                )
            else:
                self._all, self.trouble = read.sessions, None
        self.read_once = True
        self.changed.emit()

    @property
    def refused(self) -> Trouble | None:
        """Why nothing may be changed here; None where it may."""
        return self._right.refused

    @property
    def warning(self) -> Trouble | None:
        """What should be known although everything may be changed."""
        return self._right.warning

    @property
    def writable(self) -> bool:
        """Whether this window may change what the folder holds."""
        return self.refused is None

    def search(self, text: str) -> None:
        """Show only what has all these words somewhere; a session that has them shows all its trials."""
        self._words = tuple(text.casefold().split())
        self.changed.emit()

    def sort(self, column: int, descending: bool) -> None:
        """Order sessions, and trials in each, by a column."""
        self._order = (column, descending)
        self.changed.emit()

    @property
    def searching(self) -> bool:
        """Whether words narrow the tree."""
        return bool(self._words)

    @property
    def count(self) -> int:
        """Number of trials, those that the search hides included."""
        return sum(len(session.trials) for session in self._all)

    @property
    def every_session(self) -> tuple[SessionEntry, ...]:
        """All sessions, those that the search hides included."""
        return self._all

    @property
    def sessions(self) -> tuple[SessionEntry, ...]:
        """Sessions to show, each with the trials to show."""
        shown = []
        for session in self._all:
            if self._has(session.words):
                shown.append(session)
            elif found := tuple(trial for trial in session.trials if self._has(trial.words)):
                shown.append(replace(session, trials=found))
        column, descending = self._order
        key: Callable[[Entry], tuple[float, str]] = lambda entry: _sortable(entry.cells[column])  # noqa: E731
        ordered = (replace(s, trials=tuple(sorted(s.trials, key=key, reverse=descending))) for s in shown)
        return tuple(sorted(ordered, key=key, reverse=descending))

    @property
    def rows(self) -> tuple[TrialEntry, ...]:
        """All trials that are shown, in their order."""
        return tuple(trial for session in self.sessions for trial in session.trials)

    @property
    def known_tags(self) -> tuple[str, ...]:
        """All tags in use, by the alphabet."""
        of_trials = {tag for session in self._all for trial in session.trials for tag in trial.tags}
        return tuple(sorted(of_trials | {tag for session in self._all for tag in session.tags}, key=str.casefold))

    def _has(self, text: str) -> bool:
        return all(word in text for word in self._words)

    def close(self) -> None:
        """Let the reading thread and the folder go."""
        self._reading.close()
        self._right.close()


def _sortable(cell: str) -> tuple[float, str]:
    """Numbers by size, then words by the alphabet."""
    head = cell.split(" ")[0]
    try:
        return float(head), ""
    except ValueError:
        return float("-inf") if cell in ("", MISSING) else float("inf"), cell.casefold()


__all__ = [
    "COLUMNS",
    "Entry",
    "Library",
    "RunEntry",
    "SessionEntry",
    "TrialEntry",
    "TrialState",
    "read_library",
    "read_sessions",
    "trial_videos",
]
