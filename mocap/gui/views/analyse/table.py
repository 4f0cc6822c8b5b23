"""The table of the analysis: groups with headings, numbers with their uncertainty, and a verdict in words."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QFont
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from mocap.gui.presenters.analyse.tables import MISSING, Table, TableLine
from mocap.gui.views.parts import named
from mocap.gui.views.theme import Theme

Index = QModelIndex | QPersistentModelIndex
ROW_HEIGHT_PX = 30
NARROWEST_PX = 44
HINTS = {
    "Counts from": "Minimal detectable difference: the least that is more than chance in 19 of 20 cases.",
    "Symmetry": "Symmetry index: left minus right over the mean of both.",
    "Left": "Mean ± its standard error; n is how often it was measured.",
    "Right": "Mean ± its standard error; n is how often it was measured.",
}


class MeasureModel(QAbstractTableModel):
    """Lines of a table for Qt."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.table: Table | None = None

    @property
    def lines(self) -> tuple[TableLine, ...]:
        """Lines that are shown."""
        return self.table.lines if self.table is not None else ()

    def show_table(self, table: Table | None) -> None:
        """Show another table."""
        self.beginResetModel()
        self.table = table
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Lines."""
        return 0 if parent.isValid() else len(self.lines)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Columns."""
        return len(self.table.heads) if self.table is not None and not parent.isValid() else 0

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, colour and place of a cell."""
        line = self.lines[index.row()]
        text = line.cells[index.column()] if index.column() < len(line.cells) else ""
        if role == Qt.ItemDataRole.DisplayRole:
            if index.column() == 0 and index.row() and self.lines[index.row() - 1].cells[0] == text:
                return ""  # the other side of the line above
            return text.upper() if line.heading else text
        if role == Qt.ItemDataRole.AccessibleTextRole:
            head = "" if self.table is None or line.heading else f"{self.table.heads[index.column()]}: "
            return f"{head}{'missing' if text == MISSING else text}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return line.note or None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.FontRole and (line.heading or self._tells(index)):
            font = QFont()
            font.setBold(True)
            font.setPixelSize(11 if line.heading else 13)
            return font
        if role == Qt.ItemDataRole.ForegroundRole:
            if self._tells(index):
                return QColor(self.theme.care)
            strong = not line.heading and text != MISSING and self._strong(index.column())
            return QColor(self.theme.text if strong else self.theme.faint)
        return None

    def _strong(self, column: int) -> bool:
        """Whether a column holds what is looked for first: names and values."""
        values = (2, 3) if self.table is not None and self.table.kind == "compare" else (1, 2)
        return column == 0 or column in values

    def _tells(self, index: Index) -> bool:
        """Whether the cell says that two numbers differ."""
        head = self.table.heads[index.column()] if self.table is not None else ""
        return head == "Verdict" and self.lines[index.row()].verdict == "differs"

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Headings cannot be chosen."""
        heading = index.isValid() and self.lines[index.row()].heading
        return Qt.ItemFlag.ItemIsEnabled if heading else super().flags(index)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        """Names of the columns."""
        if self.table is None or orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.table.heads[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return HINTS.get(self.table.heads[section])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None


class MeasureTable(QTableView):
    """The table."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        named(self, "Measures")
        self.measures = MeasureModel(theme)
        self.setModel(self.measures)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT_PX)
        header = self.horizontalHeader()
        header.setMinimumSectionSize(NARROWEST_PX)
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)

    def show_table(self, table: Table | None) -> None:
        """Show another table; a heading goes over the whole line."""
        if table is self.measures.table:
            return
        place = self.verticalScrollBar().value() if self._alike(table) else 0
        self.clearSpans()
        self.measures.show_table(table)
        for row, line in enumerate(self.measures.lines):
            if line.heading:
                self.setSpan(row, 0, 1, self.measures.columnCount())
        self.verticalScrollBar().setValue(place)

    def _alike(self, table: Table | None) -> bool:
        before = self.measures.table
        return before is not None and table is not None and before.kind == table.kind

    def set_theme(self, theme: Theme) -> None:
        """Recolour."""
        self.measures.theme = theme
        self.viewport().update()
