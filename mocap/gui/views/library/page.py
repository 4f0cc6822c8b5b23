"""The library page: a tree of sessions and trials, and beside it what is known of the chosen one."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QItemSelection, QModelIndex, QPoint, QSize, Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QStackedWidget,
    QTreeView,
    QVBoxLayout,
)

from mocap.gui.presenters.library.entries import NAME
from mocap.gui.presenters.library.library import COLUMNS, Entry, TrialEntry
from mocap.gui.presenters.library.thumbs import Thumbnails
from mocap.gui.views.context import Context, Page
from mocap.gui.views.library.actions import LibraryActions
from mocap.gui.views.library.begin import Beginning
from mocap.gui.views.library.inspector import Inspector
from mocap.gui.views.library.tree import THUMB_H, THUMB_W, CellDelegate, LibraryModel
from mocap.gui.views.parts import TroubleCard, button, label, named
from mocap.gui.views.theme import Theme

TICK_MS = 100
NARROWEST_PX = 56
WIDTHS_PX = {"Date": 92, "Tags": 150, "Steps": 104, "State": 146, "In 3D": 72, "Error": 76}
INSPECTOR_PX, WIDE_INSPECTOR_PX = 320, 400
ROOM_FOR_BOTH_PX, WIDE_PX = 900, 1700
# Columns that go first where there is little room, and below which width of the tree, px.
SPARE_COLUMNS = (("In 3D", 960), ("Error", 820), ("Tags", 740), ("Date", 480))
# How long a sentence stays that says what was done, ms.
SAID_MS = 8000


class LibraryPage(Page):
    """Tree and inspector."""

    keys = (
        ("Ctrl+Shift+N", "session", "New session"),
        ("Ctrl+I", "import", "Import a folder or videos"),
        ("F2", "rename", "Rename the chosen trial"),
        ("Ctrl+G", "tags", "Tags of the chosen one"),
        ("Del", "trash", "Move the chosen one to the trash"),
        ("Ctrl+Z", "undo", "Undo"),
        ("Ctrl+Shift+Z", "redo", "Redo"),
        ("Ctrl+O", "folder", "Open another data folder"),
    )

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.setObjectName("page")
        self._context, self._library = context, context.library
        self._chosen: Path | None = None
        self._closed: set[Path] = set()
        self.thumbnails = Thumbnails()
        self.search = QLineEdit(placeholderText="Search names, participants, tags, states …")
        named(self.search, "Search the library")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._library.search)
        self.tree, self.model = QTreeView(), LibraryModel(self._library, self.thumbnails.get)
        self._cells = CellDelegate(self.model)
        self._count, self.said = label("", "faint"), label("", "notice")
        self.trouble, self.notice = TroubleCard(), TroubleCard()
        self.new, self.bring = button("New session", primary=True), button("Import …")
        self.more = button("More", "More: other folders, trash, undo")
        self.inspector, self.begin = Inspector(), Beginning()
        self.commands = LibraryActions(self, context)
        self.deeds = self.commands.deeds
        self._lay_out()
        self._bind()
        self.commands.open_last_folder()
        self.set_theme(context.theme())
        self._reload()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(label("Library", "title"))
        head.addSpacing(12)
        head.addWidget(self._count)
        head.addStretch(1)
        self.search.setMinimumWidth(120)
        self.search.setMaximumWidth(330)
        head.addWidget(self.search, 4)
        for control in (self.bring, self.more, self.new):
            head.addWidget(control)
        self._set_up_tree()
        self.stack = QStackedWidget()
        self.stack.addWidget(self.tree)
        self.stack.addWidget(self.begin)
        left = QVBoxLayout()
        left.setSpacing(14)
        left.addLayout(head)
        for part in (self.notice, self.trouble, self.said):
            left.addWidget(part)
        left.addWidget(self.stack, 1)
        self.said.hide()
        self._whole = whole = QHBoxLayout(self)
        whole.setSpacing(20)
        whole.addLayout(left, 1)
        whole.addWidget(self.inspector)
        self._make_room()

    def _set_up_tree(self) -> None:
        tree = self.tree
        named(tree, "Sessions and trials")
        tree.setModel(self.model)
        tree.setItemDelegate(self._cells)
        tree.setIconSize(QSize(THUMB_W, THUMB_H))
        tree.setUniformRowHeights(True)
        tree.setIndentation(18)
        tree.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        tree.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        header = tree.header()
        header.setSectionsMovable(False)
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(NARROWEST_PX)
        # Not by their contents: that looks at every row at every change, seconds for some hundred trials.
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        for column, name in enumerate(COLUMNS):
            header.resizeSection(column, WIDTHS_PX.get(name, NARROWEST_PX))
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        header.setSortIndicatorShown(True)
        tree.setSortingEnabled(True)
        tree.sortByColumn(COLUMNS.index("Date"), Qt.SortOrder.DescendingOrder)

    def _bind(self) -> None:
        self.tree.activated.connect(lambda index: self.commands.open(self.model.entry(index)))
        self.tree.selectionModel().selectionChanged.connect(self._select)
        self.tree.customContextMenuRequested.connect(self._show_menu)
        self.tree.collapsed.connect(lambda index: self._fold(index, True))
        self.tree.expanded.connect(lambda index: self._fold(index, False))
        self.new.clicked.connect(lambda: self.act("session"))
        self.bring.clicked.connect(lambda: self.act("import"))
        self.more.clicked.connect(
            lambda: self.commands.show_more(self.more.mapToGlobal(QPoint(0, self.more.height() + 4)))
        )
        self.begin.chosen.connect(lambda way: self.act("session" if way == "record" else str(way)))
        self.inspector.open_run.connect(self._context.open_run)
        self.inspector.export_run.connect(self._context.export_run)
        self.inspector.asked.connect(self.act)
        self.inspector.tagged.connect(self.commands.tag)
        self._library.changed.subscribe(self._reload)
        self._library.changed.subscribe(self.thumbnails.forget_troubles)
        self.thumbnails.changed.subscribe(self.model.repaint_pictures)
        self.deeds.changed.subscribe(self._deed_done)
        self._quiet = QTimer(self, singleShot=True, interval=SAID_MS)
        self._quiet.timeout.connect(self.said.hide)
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _tick(self) -> None:
        self.thumbnails.tick()
        self.deeds.tick()

    def act(self, what: str) -> None:
        """Do what a key or a button asks for."""
        self.commands.act(what)

    @property
    def chosen(self) -> Entry | None:
        """The chosen session or trial."""
        return self.model.entry(self.tree.currentIndex())

    @property
    def all_chosen(self) -> tuple[Entry, ...]:
        """Everything that is chosen, the one with the cursor first."""
        rows = [self.model.entry(index) for index in self.tree.selectionModel().selectedRows()]
        others = [entry for entry in rows if entry is not None and entry is not self.chosen]
        return ((self.chosen,) if self.chosen is not None else ()) + tuple(others)

    def choose(self, folder: Path) -> None:
        """Choose a session or a trial by its folder, now or when it is read."""
        self._chosen = folder
        index = self.model.find(folder)
        if index.isValid():
            self.tree.expand(index.parent())
            self.tree.setCurrentIndex(index)
            self.tree.scrollTo(index)

    def open_result(self, result: Path) -> None:
        """Show what a job made: a trial, or a session."""
        self.search.clear()
        self.choose(result)
        self._library.refresh()

    def enter(self) -> None:
        """The page is shown: files may have changed meanwhile."""
        if self._library.read_once:
            self._library.refresh()
        self.tree.setFocus()

    def leave(self) -> None:
        """Finish what was begun, and let the threads go."""
        self._timer.stop()
        self.deeds.close()
        self.thumbnails.close()

    def set_theme(self, theme: Theme) -> None:
        """Recolour what is painted by hand."""
        self.model.theme = self._cells.theme = theme
        self.begin.set_theme(theme)
        self._reload()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the tree its room where both do not fit, as beside the jobs."""
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        beside = self.width() >= ROOM_FOR_BOTH_PX and self.stack.currentIndex() == 0
        side = (WIDE_INSPECTOR_PX if self.width() >= WIDE_PX else INSPECTOR_PX) if beside else 0
        self.inspector.setVisible(beside)
        self.inspector.setFixedWidth(side or INSPECTOR_PX)
        self._whole.setContentsMargins(24, 20, 0 if beside else 24, 20)
        for name, least in SPARE_COLUMNS:
            self.tree.setColumnHidden(COLUMNS.index(name), self.width() - side < least)

    def import_paths(self, paths: tuple[Path, ...]) -> None:
        """Ask how films or a folder are to be taken in."""
        self.commands.import_paths(paths)

    def _select(self, _now: QItemSelection | None = None, _before: QItemSelection | None = None) -> None:
        entry = self.chosen
        self._chosen = entry.folder if entry else self._chosen
        self._show_entry(entry)

    def _show_entry(self, entry: Entry | None) -> None:
        film = entry.videos[0][1] if isinstance(entry, TrialEntry) and entry.videos else None
        trouble = self.thumbnails.troubles.get(film) if film is not None else None
        if isinstance(entry, TrialEntry) and any(step.state == "trouble" for step in entry.steps):
            trouble = None  # told by the steps
        self.inspector.show_entry(entry, self._library.writable, trouble, self.commands.offers(entry))

    def _show_menu(self, place: QPoint) -> None:
        if (entry := self.model.entry(self.tree.indexAt(place))) is not None:
            self.commands.show_menu(entry, self.tree.viewport().mapToGlobal(place))

    def _fold(self, index: QModelIndex, closed: bool) -> None:
        entry = self.model.entry(index)
        if entry is not None and not self._library.searching:
            (self._closed.add if closed else self._closed.discard)(entry.folder)

    def _reload(self) -> None:
        library, model = self._library, self.model
        above = self.tree.verticalScrollBar().value()
        chosen = self._chosen
        self.tree.blockSignals(True)
        model.reload()
        self.tree.expandAll()
        for row, session in enumerate(model.sessions):
            if session.folder in self._closed and not library.searching:
                self.tree.collapse(model.index(row, NAME))
        self.tree.blockSignals(False)
        index = model.find(chosen) if chosen is not None else model.index(-1, 0)
        if not index.isValid() and model.sessions:
            first = model.index(0, NAME)
            index = model.index(0, NAME, first) if model.sessions[0].trials else first
        if index.isValid():
            self.tree.setCurrentIndex(index)
        self.tree.verticalScrollBar().setValue(above)
        self._chosen = chosen or self._chosen
        self._select()
        total, shown = library.count, len(library.rows)
        words = f"{total} trial{'' if total == 1 else 's'}" if shown == total else f"{shown} of {total} trials"
        self._count.setText(words if library.read_once else "Reading …")
        self.trouble.show_trouble(library.trouble)
        self.notice.show_trouble(library.refused or library.warning)
        for control in (self.new, self.bring):
            control.setEnabled(library.writable)
        self.begin.show_place(library.root, library.writable)
        empty = library.read_once and not library.every_session and library.trouble is None
        self.stack.setCurrentIndex(1 if empty else 0)
        self._make_room()
        self.inspector.know_tags(library.known_tags)

    def _deed_done(self) -> None:
        deeds = self.deeds
        if deeds.show is not None:
            self._chosen, deeds.show = deeds.show, None
        self.said.setText(f"{deeds.said}  Ctrl+Z takes it back." if deeds.said.startswith("Done") else deeds.said)
        self.said.setVisible(bool(deeds.said))
        self._quiet.start()
        self._library.trouble = deeds.trouble
        self.trouble.show_trouble(deeds.trouble)
        if deeds.trouble is None:
            self._library.refresh()
