"""The library page: a searchable table of trials, and beside it what is known of the chosen one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, QUrl, Signal
from PySide6.QtGui import QColor, QDesktopServices, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QScrollArea,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from mocap.gui.presenters.library import COLUMNS, Library, RunEntry, TrialEntry
from mocap.gui.presenters.words import number
from mocap.gui.views.context import Context, Page
from mocap.gui.views.parts import Choice, Figures, TroubleCard, button, clear_layout, label, named
from mocap.gui.views.theme import DARK, Theme

Index = QModelIndex | QPersistentModelIndex
ROW_HEIGHT_PX = 40
NARROWEST_PX = 56
INSPECTOR_PX = 320
ROOM_FOR_BOTH_PX = 1000
STATE_COLUMN = COLUMNS.index("State")
# A word always stands beside the dot: colour alone tells nobody anything.
STATE_COLOURS = {"Ready to review": "good", "Unfinished run": "care", "Videos gone": "poor", "Unreadable": "poor"}


class TrialTable(QAbstractTableModel):
    """Rows of the library for a Qt table."""

    def __init__(self, library: Library) -> None:
        super().__init__()
        self._library = library
        self.rows: tuple[TrialEntry, ...] = ()
        self.theme = DARK

    def reload(self) -> None:
        """Show what the library now has."""
        self.beginResetModel()
        self.rows = self._library.rows
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Trials."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Columns."""
        return len(COLUMNS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text and colour of a cell."""
        text = self.rows[index.row()].cells[index.column()]
        is_state = index.column() == STATE_COLUMN
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"●  {text}" if is_state and role == Qt.ItemDataRole.DisplayRole else text
        if role == Qt.ItemDataRole.ToolTipRole:
            return text
        if role == Qt.ItemDataRole.ForegroundRole:
            if is_state:
                return QColor(getattr(self.theme, STATE_COLOURS.get(text, "faint")))
            if index.column() != COLUMNS.index("Trial"):
                return QColor(self.theme.faint)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        """Names of the columns."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return COLUMNS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order as the user clicked."""
        self._library.sort(column, order == Qt.SortOrder.DescendingOrder)


class LibraryPage(Page):
    """Table and inspector."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, library = context, context.library
        self.setObjectName("page")
        self._library = library
        self._chosen: Path | None = None
        self.search = QLineEdit(placeholderText="Search session, participant, trial, state …")
        named(self.search, "Search the library")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(library.search)
        self.table, self.model = QTableView(), TrialTable(library)
        self._count = label("", "faint")
        self.trouble = TroubleCard()
        self.inspector = Inspector()
        self.inspector.open_run.connect(context.open_run)
        self.inspector.export_run.connect(context.export_run)
        self.inspector.process.connect(context.new_run)
        self._lay_out()
        library.changed.subscribe(self._reload)
        self._reload()

    def act(self, what: str) -> None:
        """Do what a key asks for."""
        if what == "search":
            self.search.setFocus()
        elif what == "export":
            self.inspector.export.click()

    def set_theme(self, theme: Theme) -> None:
        """Recolour the table."""
        self.model.theme = theme
        self.model.reload()

    def _lay_out(self) -> None:
        new = button("New run", "New run on a folder of videos", primary=True)
        new.setToolTip("Choose a folder of videos (Ctrl+N), or drop one anywhere in this window")
        new.clicked.connect(lambda: self._context.new_run(None))
        head = QHBoxLayout()
        head.addWidget(label("Library", "title"))
        head.addSpacing(12)
        head.addWidget(self._count)
        head.addStretch(1)
        self.search.setMinimumWidth(120)
        self.search.setMaximumWidth(330)
        head.addWidget(self.search, 4)
        head.addWidget(new)
        self._set_up_table()
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(_empty(self._library.root))
        left = QVBoxLayout()
        left.setSpacing(14)
        left.addLayout(head)
        left.addWidget(self.trouble)
        left.addWidget(self.stack, 1)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(24, 20, 0, 20)
        whole.setSpacing(20)
        whole.addLayout(left, 1)
        self.inspector.setFixedWidth(INSPECTOR_PX)
        whole.addWidget(self.inspector)

    def _set_up_table(self) -> None:
        table = self.table
        named(table, "Trials")
        table.setModel(self.model)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT_PX)
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setMinimumSectionSize(NARROWEST_PX)
        for name in ("Session", "Trial"):
            header.setSectionResizeMode(COLUMNS.index(name), QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        table.setSortingEnabled(True)
        table.sortByColumn(3, Qt.SortOrder.DescendingOrder)
        table.activated.connect(lambda index: self._open(self.model.rows[index.row()]))
        table.selectionModel().selectionChanged.connect(self._select)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the table its room where both do not fit, as beside the jobs."""
        super().resizeEvent(event)
        self.inspector.setVisible(self.width() >= ROOM_FOR_BOTH_PX)

    def open_chosen(self) -> None:
        """Open the newest finished run of the chosen trial."""
        if rows := self.table.selectionModel().selectedRows():
            self._open(self.model.rows[rows[0].row()])

    def _open(self, entry: TrialEntry) -> None:
        if entry.best is not None:
            self._context.open_run(entry.best.folder)

    def _select(self) -> None:
        rows = self.table.selectionModel().selectedRows()
        entry = self.model.rows[rows[0].row()] if rows else None
        self._chosen = entry.folder if entry else self._chosen
        self.inspector.show_entry(entry)

    def _reload(self) -> None:
        self.model.reload()
        rows = self.model.rows
        chosen = next((n for n, entry in enumerate(rows) if entry.folder == self._chosen), 0)
        if rows:
            self.table.selectRow(chosen)
        else:
            self.inspector.show_entry(None)
        total = self._library.count
        shown = f"{total} trials" if len(rows) == total else f"{len(rows)} of {total} trials"
        self._count.setText(shown if self._library.read_once else "Reading …")
        self.trouble.show_trouble(self._library.trouble)
        self.stack.setCurrentIndex(1 if self._library.read_once and total == 0 else 0)


def _empty(root: Path) -> QWidget:
    """What is shown while there is nothing."""
    card = QFrame()
    card.setObjectName("card")
    layout = QVBoxLayout(card)
    layout.addStretch(1)
    for text, kind in (
        ("Nothing here yet", "heading"),
        ("Drop a folder with the videos of all cameras into this window to begin.", "faint"),
        (f"Sessions are kept in {root}", "faint"),
    ):
        part = label(text, kind)
        part.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(part)
    layout.addStretch(1)
    return card


class Inspector(QScrollArea):
    """What is known of one trial: its runs, figures, notes, and what can be done."""

    open_run = Signal(object)
    export_run = Signal(object)
    process = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._entry: TrialEntry | None = None
        self._name, self._sub = label("", "heading", wrap=True), label("", "faint", wrap=True)
        self.runs = Choice()
        named(self.runs, "Run")
        self.runs.currentIndexChanged.connect(self._show_run)
        self.figures, self._notes, self._trouble = Figures(), QVBoxLayout(), TroubleCard()
        self.review = button("Open review", primary=True)
        self.export, self.report = button("Export …"), button("Report")
        self.again = button("Process …")
        self.review.clicked.connect(lambda: self._emit(self.open_run))
        self.export.clicked.connect(lambda: self._emit(self.export_run))
        self.report.clicked.connect(self._open_report)
        self.again.clicked.connect(self._process)
        inner = QWidget()
        layout = QVBoxLayout(inner)
        layout.setContentsMargins(0, 6, 20, 0)
        layout.setSpacing(10)
        side = QHBoxLayout()
        for action in (self.export, self.report, self.again):
            side.addWidget(action, 1)
        self._heads = [label("RUN", "section"), label("FIGURES", "section"), label("NOTES", "section")]
        parts: tuple[QWidget, ...] = (self._name, self._sub, self._trouble, self._heads[0], self.runs)
        for part in (*parts, self.review):
            layout.addWidget(part)
        layout.addLayout(side)
        layout.addSpacing(6)
        layout.addWidget(self._heads[1])
        layout.addWidget(self.figures)
        layout.addSpacing(6)
        layout.addWidget(self._heads[2])
        layout.addLayout(self._notes)
        layout.addStretch(1)
        self.setWidget(inner)
        self.show_entry(None)

    def show_entry(self, entry: TrialEntry | None) -> None:
        """Show another trial."""
        self._entry = entry
        self._name.setText(entry.name if entry else "")
        place = f"{entry.session}  ·  {entry.participant}\n{entry.date}" if entry else ""
        self._sub.setText(place)
        self._trouble.show_trouble(entry.trouble if entry else None)
        self.runs.blockSignals(True)
        self.runs.clear()
        for run in entry.runs if entry else ():
            self.runs.addItem(f"{run.made:%d %b %Y, %H:%M}  ·  {run.state}")
        self.runs.blockSignals(False)
        self.runs.setVisible(self.runs.count() > 0)
        self.again.setEnabled(entry is not None)
        self._show_run()

    def _run(self) -> RunEntry | None:
        index = self.runs.currentIndex()
        return self._entry.runs[index] if self._entry and 0 <= index < len(self._entry.runs) else None

    def _emit(self, signal: Any) -> None:
        if (run := self._run()) is not None:
            signal.emit(run.folder)

    def _process(self) -> None:
        if self._entry is not None:
            self.process.emit(self._entry.folder)

    def _open_report(self) -> None:
        if (run := self._run()) is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(run.folder / "report.html")))

    def _show_run(self) -> None:
        run = self._run()
        done = run is not None and run.state == "finished"
        for action in (self.review, self.export, self.report):
            action.setEnabled(done)
        if run is not None and run.trouble is not None:
            self._trouble.show_trouble(run.trouble)
        summary = run.summary if run else None
        shown: tuple[tuple[str, str], ...] = ()
        if summary is not None:
            shown = (
                ("Frames in 3D", f"{summary.frames_3d} of {summary.frames}"),
                ("Frame rate", number(summary.rate_hz, "Hz", 2)),
                ("Reprojection, median", number(summary.reproj_px_median, "px")),
                ("Reprojection, 90 %", number(summary.reproj_px_p90, "px")),
                ("Uncertainty (1 σ)", number(summary.sigma_mm_median, "mm")),
                ("Bone length variation", number(summary.bone_variation_percent, "%")),
            )
            if summary.truth is not None:
                shown = (*shown, ("Error against truth", number(summary.truth.mpjpe_mm, "mm")))
        self.figures.show_figures(shown)
        clear_layout(self._notes)
        notes = summary.warnings if summary else ()
        for text in notes:
            self._notes.addWidget(_note(text))
        for head, visible in zip(self._heads, (self.runs.count() > 0, bool(shown), bool(notes)), strict=True):
            head.setVisible(visible)


def _note(text: str) -> QLabel:
    note = label(text, "notice", wrap=True)
    note.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return note
