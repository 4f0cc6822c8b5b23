"""Small widgets of the calibration page: tables of words, findings with their level, a row of modes."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from mocap.gui.presenters.calibrate.result import LEVEL_WORDS, Finding
from mocap.gui.views.parts import clear_layout, label, named
from mocap.gui.views.theme import Theme

# What a finding asks for; the verdict has words of its own.
FINDING_WORDS = {"good": "Good", "care": "To mind", "poor": "To mend"}
ROW_PX = 30
HEAD_PX, BORDER_PX = 40, 6
# More rows than this are scrolled.
MOST_ROWS = 8


class WordTable(QTableWidget):
    """Rows of words; one row can be chosen."""

    row_chosen = Signal(str)  # the first cell

    def __init__(self, name: str, columns: tuple[str, ...], hints: tuple[str, ...] = ()) -> None:
        super().__init__(0, len(columns))
        named(self, name)
        self.setHorizontalHeaderLabels(list(columns))
        for index, hint in enumerate(hints):
            if (head := self.horizontalHeaderItem(index)) is not None:
                head.setToolTip(hint)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_PX)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.itemSelectionChanged.connect(self._tell)

    def show_rows(self, rows: tuple[tuple[str, ...], ...], levels: tuple[str, ...], theme: Theme) -> None:
        """Show other rows; the level of each colours the dot before its first cell."""
        chosen = self.currentRow()
        self.blockSignals(True)
        self.setRowCount(len(rows))
        self.setMinimumHeight(HEAD_PX + ROW_PX * min(len(rows), MOST_ROWS // 2) + BORDER_PX)
        self.setMaximumHeight(HEAD_PX + ROW_PX * min(len(rows), MOST_ROWS) + BORDER_PX)
        for r, cells in enumerate(rows):
            for c, text in enumerate(cells):
                item = QTableWidgetItem(text)
                if c == len(cells) - 1 and levels:
                    item.setForeground(QColor(getattr(theme, levels[r])))
                self.setItem(r, c, item)
        if 0 <= chosen < len(rows):
            self.selectRow(chosen)
        self.blockSignals(False)

    def choose(self, first: str) -> None:
        """Choose the row that begins with these words."""
        for row in range(self.rowCount()):
            if (item := self.item(row, 0)) is not None and item.text() == first:
                self.blockSignals(True)
                self.selectRow(row)
                self.blockSignals(False)

    def _tell(self) -> None:
        rows = self.selectionModel().selectedRows()
        if rows and (item := self.item(rows[0].row(), 0)) is not None:
            self.row_chosen.emit(item.text())


class Findings(QWidget):
    """What was found, a paragraph each, with its level as a word and a colour."""

    def __init__(self) -> None:
        super().__init__()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(10)

    def show_findings(self, findings: tuple[Finding, ...]) -> None:
        """Show other findings."""
        clear_layout(self._layout)
        for finding in findings:
            self._layout.addWidget(_paragraph(finding))


def _paragraph(finding: Finding) -> QWidget:
    whole = QWidget()
    layout = QVBoxLayout(whole)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(2)
    layout.addWidget(label(f"●  {FINDING_WORDS[finding.level]}", finding.level))
    layout.addWidget(label(finding.text, wrap=True))
    if finding.advice:
        layout.addWidget(label(finding.advice, "faint", wrap=True))
    return whole


def level_word(level: str) -> QLabel:
    """A level as a word with a dot, in its colour."""
    return label(f"●  {LEVEL_WORDS[level]}", level)


class Verdict(QWidget):
    """A headline with its level."""

    def __init__(self) -> None:
        super().__init__()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)

    def show_verdict(self, level: str, headline: str) -> None:
        """Show another verdict."""
        clear_layout(self._layout)
        self._layout.addWidget(level_word(level))
        self._layout.addWidget(label(headline, "heading", wrap=True))
        named(self, f"Verdict: {LEVEL_WORDS[level]}. {headline}")


class Modes(QWidget):
    """A row of buttons of which one is pressed."""

    chosen = Signal(str)

    def __init__(self, modes: tuple[tuple[str, str], ...]) -> None:
        super().__init__()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self._group = QButtonGroup(self)
        self.buttons: dict[str, QPushButton] = {}
        for name, words in modes:
            made = QPushButton(words)
            made.setObjectName("segment")
            made.setCheckable(True)
            made.setCursor(Qt.CursorShape.PointingHandCursor)
            named(made, words)
            made.clicked.connect(lambda _=False, n=name: self.chosen.emit(n))
            self._group.addButton(made)
            self.buttons[name] = made
            layout.addWidget(made)

    def show_mode(self, name: str) -> None:
        """Press a button without telling."""
        self.buttons[name].setChecked(True)
