"""Menus of the library, and the small questions it asks: a name, details, what lies in the trash."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl
from PySide6.QtGui import QAction, QDesktopServices
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QMenu,
    QVBoxLayout,
    QWidget,
)

from mocap.core.errors import ExplainedError
from mocap.gui.presenters.library.deeds import Deeds, restoring
from mocap.gui.presenters.library.library import Entry, SessionEntry
from mocap.gui.presenters.words import trouble_of
from mocap.gui.views.parts import TroubleCard, button, label, named
from mocap.session import SessionManifest, check_name, in_trash
from mocap.session.edit import TRASH_NAME

if TYPE_CHECKING:
    from mocap.gui.views.library.actions import LibraryActions

# What the menu of an entry holds, in groups: what, words, key to show.
TRIAL_MENU = (
    (("open", "Open review", "Return"), ("process", "Process …", ""), ("analyse", "Analyse", ""),
     ("align", "Align cameras …", ""), ("export", "Export …", "Ctrl+E"), ("poses", "Use its detections", "")),
    (("record", "Record another trial", ""), ("calibrate", "Calibrate the cameras", "")),
    (("tags", "Tags …", "Ctrl+G"), ("rename", "Rename …", "F2"), ("show", "Show in the file manager", ""),
     ("trash", "Move to the trash", "Del")),
)  # fmt: skip
SESSION_MENU = (
    (("record", "Record", ""), ("add", "Add videos …", ""), ("calibrate", "Calibrate", ""),
     ("rig", "Calibrate with …", "")),
    (("process", "Process all …", ""), ("export", "Export all …", "")),
    (("details", "Details …", ""), ("tags", "Tags …", "Ctrl+G"), ("show", "Show in the file manager", ""),
     ("trash", "Move to the trash", "Del")),
)  # fmt: skip
# These only look; the others change something.
HARMLESS = ("open", "analyse", "export", "show")
OFFERED = ("process", "analyse", "align", "export", "poses", "record", "add", "calibrate", "details", "rig")


def entry_menu(parent: QWidget, actions: LibraryActions, entry: Entry, writable: bool) -> QMenu:
    """What can be done with a session or a trial."""
    menu, offers = QMenu(parent), actions.offers(entry)
    session = isinstance(entry, SessionEntry)
    best = None if isinstance(entry, SessionEntry) else entry.best
    for group in SESSION_MENU if session else TRIAL_MENU:
        for what, words, key in group:
            if what in OFFERED and what not in offers:
                continue
            action = _add(menu, words, key, actions, what)
            finished = session or best is not None or what not in ("open", "analyse", "export")
            action.setEnabled((writable or what in HARMLESS) and finished)
        menu.addSeparator()
    return menu


def more_menu(
    parent: QWidget, actions: LibraryActions, undoable: str, recent: tuple[str, ...], writable: bool
) -> QMenu:
    """What else the library can do."""
    menu = QMenu(parent)
    undo = _add(menu, f"Undo {undoable}" if undoable else "Undo", "Ctrl+Z", actions, "undo")
    undo.setEnabled(bool(undoable) and writable)
    menu.addSeparator()
    _plain(menu, "Process a folder of videos …", actions.new_run).setEnabled(writable)
    _add(menu, "Run the demo", "", actions, "demo").setEnabled(writable)
    menu.addSeparator()
    _add(menu, "Open another data folder …", "Ctrl+O", actions, "folder")
    for path in recent:
        action = _plain(menu, f"    {path}", partial(actions.open_folder, Path(path)))
        action.setEnabled(Path(path) != actions.root and Path(path).is_dir())
    place = QUrl.fromLocalFile(str(actions.root))
    _plain(menu, "Show the data folder", lambda: QDesktopServices.openUrl(place))
    menu.addSeparator()
    _add(menu, "Trash …", "", actions, "bin")
    return menu


def _add(menu: QMenu, words: str, key: str, actions: LibraryActions, what: str) -> QAction:
    # The key is bound by the window; here it is only shown.
    return _plain(menu, f"{words}\t{key}" if key else words, partial(actions.act, what))


def _plain(menu: QMenu, words: str, work: Callable[[], object]) -> QAction:
    action = QAction(words, menu)
    action.triggered.connect(lambda _=False: work())
    menu.addAction(action)
    return action


class NameDialog(QDialog):
    """Asks for a name, and says at once what is wrong with it."""

    def __init__(self, parent: QWidget, name: str) -> None:
        super().__init__(parent)
        self.setWindowTitle("Rename")
        self.setMinimumWidth(420)
        self.name, self.trouble = QLineEdit(name), TroubleCard()
        named(self.name, "Name of the trial")
        self.name.selectAll()
        self.start = button("Rename", primary=True)
        self.start.setDefault(True)
        cancel = button("Cancel")
        cancel.clicked.connect(self.reject)
        self.start.clicked.connect(self._accept)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 22, 24, 20)
        layout.setSpacing(12)
        layout.addWidget(label("Rename", "title"))
        layout.addWidget(self.name)
        layout.addWidget(self.trouble)
        end = QHBoxLayout()
        end.addStretch(1)
        end.addWidget(cancel)
        end.addWidget(self.start)
        layout.addLayout(end)

    def _accept(self) -> None:
        try:
            check_name(self.name.text())
        except ExplainedError as error:
            self.trouble.show_trouble(trouble_of(error))
            return
        self.accept()


def ask_name(parent: QWidget, name: str) -> str | None:
    """Ask for another name; None where it stays."""
    dialog = NameDialog(parent, name)
    wanted = dialog.name.text().strip() if dialog.exec() else name
    return wanted if wanted != name else None


def ask_details(parent: QWidget, told: SessionManifest) -> SessionManifest | None:
    """Ask for other details of a session; None where they stay."""
    from mocap.gui.views.library.wizard_person import DetailsDialog

    dialog = DetailsDialog(parent, told)
    return dialog.told if dialog.exec() and dialog.told != told else None


class TrashDialog(QDialog):
    """What lies in the trash, and how to get it back."""

    def __init__(self, parent: QWidget, root: Path, deeds: Deeds, writable: bool) -> None:
        super().__init__(parent)
        self.setWindowTitle("Trash")
        self.resize(560, 420)
        self._root, self._deeds, self._writable = root, deeds, writable
        self.list = QListWidget()
        named(self.list, "Sessions and trials in the trash")
        self._none, self.trouble = label("The trash is empty.", "faint"), TroubleCard()
        self.back, show, close = (
            button("Bring back", primary=True),
            button("Show in the file manager"),
            button("Close"),
        )
        self.back.clicked.connect(self._bring_back)
        close.setDefault(True)  # else Enter brings back whatever is first in the list
        show.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(root / TRASH_NAME))))
        close.clicked.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 22, 24, 20)
        layout.setSpacing(12)
        layout.addWidget(label("Trash", "title"))
        words = "Nothing is deleted by itself. To free the space, delete folders in the file manager."
        layout.addWidget(label(words, "faint", wrap=True))
        for part in (self.trouble, self._none):
            layout.addWidget(part)
        layout.addWidget(self.list, 1)
        end = QHBoxLayout()
        end.addWidget(show)
        end.addStretch(1)
        end.addWidget(close)
        end.addWidget(self.back)
        layout.addLayout(end)
        self._fill()

    def _fill(self) -> None:
        self.list.clear()
        try:
            self._inside = in_trash(self._root)
        except ExplainedError as error:
            self._inside = ()
            self.trouble.show_trouble(trouble_of(error))
        for path, told in self._inside:
            self.list.addItem(f"{path.name}   ·   {told.at:%d %b %Y, %H:%M}   ·   was {told.origin}")
        self.list.setCurrentRow(0)
        self._none.setVisible(not self._inside)
        self.back.setEnabled(bool(self._inside) and self._writable)

    def _bring_back(self) -> None:
        row = self.list.currentRow()
        if 0 <= row < len(self._inside):
            path = self._inside[row][0]
            self._deeds.do(restoring(self._root, path, path.name))
            self.accept()
