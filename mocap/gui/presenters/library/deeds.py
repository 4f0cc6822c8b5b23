"""Changes to the library that can be undone: tags, names, details, the trash; done in turn, in a thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mocap.gui.presenters.changes import Changes
from mocap.gui.presenters.words import Trouble, trouble_of
from mocap.session import (
    SessionFolder,
    SessionManifest,
    TrialFolder,
    bring_back,
    put_away,
    rename_trial,
    set_details,
    set_tags,
)

# Steps that can be taken back; more than anybody remembers.
MOST_UNDONE = 100
LONGEST_TAG = 40


@dataclass(frozen=True)
class Deed:
    """A change; ``do`` makes it and returns the one that takes it back, and the folder to show then."""

    words: str
    do: Callable[[], tuple[Deed, Path | None]]
    folder: Path


@dataclass(frozen=True)
class Done:
    """What came of a deed: its inverse, and where that goes."""

    inverse: Deed
    show: Path | None
    kind: Literal["do", "undo", "redo"]


def split_tags(text: str) -> tuple[str, ...]:
    """Tags of a line, each once, as they were typed."""
    words = (" ".join(word.split())[:LONGEST_TAG] for word in text.split(","))
    return tuple(dict.fromkeys(word for word in words if word))


def tagging(folder: Path, tags: tuple[str, ...]) -> Deed:
    """Give a session or a trial other tags."""

    def do() -> tuple[Deed, Path | None]:
        return tagging(folder, set_tags(folder, tags)), folder

    return Deed(f"tags of {folder.name}", do, folder)


def renaming(folder: Path, name: str) -> Deed:
    """Give a trial another name."""

    def do() -> tuple[Deed, Path | None]:
        renamed = rename_trial(TrialFolder(folder), name).root
        return renaming(renamed, folder.name), renamed

    return Deed(f"name of {folder.name}", do, folder)


def detailing(folder: Path, told: SessionManifest) -> Deed:
    """Write other details of a session."""

    def do() -> tuple[Deed, Path | None]:
        return detailing(folder, set_details(SessionFolder(folder), told)), folder

    return Deed(f"details of {folder.name}", do, folder)


def trashing(root: Path, folder: Path) -> Deed:
    """Move a session or a trial to the trash."""

    def do() -> tuple[Deed, Path | None]:
        return restoring(root, put_away(root, folder), folder.name), None

    return Deed(f"moving {folder.name} to the trash", do, folder)


def restoring(root: Path, trashed: Path, name: str) -> Deed:
    """Bring something back from the trash."""

    def do() -> tuple[Deed, Path | None]:
        back = bring_back(root, trashed)
        return trashing(root, back), back

    return Deed(f"bringing {name} back", do, trashed)


class Deeds:
    """Does deeds one after another, and takes them back."""

    def __init__(self, writable: Callable[[], Trouble | None], busy: Callable[[Path], bool]) -> None:
        self.changed = Changes()
        self.trouble: Trouble | None = None
        self.said = ""
        self.show: Path | None = None
        self._writable, self._busy = writable, busy
        self._undo: list[Deed] = []
        self._redo: list[Deed] = []
        self._pool: ThreadPoolExecutor | None = None
        self._at_work: list[tuple[Deed, Future[Done]]] = []

    @property
    def undoable(self) -> str:
        """What would be undone, "" for nothing."""
        return self._undo[-1].words if self._undo else ""

    @property
    def at_work(self) -> bool:
        """Whether something is not done yet."""
        return bool(self._at_work)

    def do(self, deed: Deed) -> None:
        """Do something new; what was undone before cannot be done again then."""
        if self._start(deed, "do"):
            self._redo.clear()

    def undo(self) -> None:
        """Take the last deed back."""
        self.tick()
        if self._undo and self._start(self._undo[-1], "undo"):
            self._undo.pop()

    def redo(self) -> None:
        """Do again what was undone last."""
        self.tick()
        if self._redo and self._start(self._redo[-1], "redo"):
            self._redo.pop()

    def tick(self) -> bool:
        """Take in what is done; whether there was anything."""
        took = False
        while self._at_work and self._at_work[0][1].done():
            deed, future = self._at_work.pop(0)
            took = True
            try:
                done = future.result()
            except Exception as error:  # shown to the user in words
                self.trouble, self.said = trouble_of(error), ""
                continue
            self.trouble, self.show = None, done.show
            (self._redo if done.kind == "undo" else self._undo).append(done.inverse)
            del self._undo[:-MOST_UNDONE]
            self.said = f"Undone: {deed.words}." if done.kind == "undo" else f"Done: {deed.words}."
        if took:
            self.changed.emit()
        return took

    def forget(self) -> None:
        """Forget what could be undone: another folder is open."""
        self._undo.clear()
        self._redo.clear()

    def close(self) -> None:
        """Finish what was begun, and let the thread go."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)

    def _start(self, deed: Deed, kind: Literal["do", "undo", "redo"]) -> bool:
        if (refused := self._writable()) is not None:
            self.trouble = refused
        elif self._busy(deed.folder):
            self.trouble = Trouble(
                "A job works on this recording.", "Wait until it is done, or stop it (Ctrl+J).", deed.folder
            )
        else:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(1, thread_name_prefix="library")
            work = self._pool.submit(lambda: Done(*deed.do(), kind))
            self._at_work.append((deed, work))
            return True
        self.changed.emit()
        return False
