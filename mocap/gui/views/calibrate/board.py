"""The dialog of boards: choose one, see it on its paper, save it true to scale, type in the square as measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from calibration.targets import AnyTarget
from calibration.targets.drawing import Page
from mocap.core.errors import ExplainedError
from mocap.gui.presenters.calibrate.boards import (
    DICTIONARIES,
    KINDS,
    PAPERS,
    BoardChoice,
    board_presets,
    kind_of,
    measured,
    own_board,
    page_of,
    paper_for,
    shape_of,
    write_board,
)
from mocap.gui.presenters.words import trouble_of
from mocap.gui.views.parts import Choice, TroubleCard, button, label, named
from mocap.gui.views.theme import Theme

WIDTH_PX, HEIGHT_PX, COLUMN_PX = 900, 700, 360
MARGIN_PX = 26
# Letters of seven points, as they are printed.
TEXT_MM = 2.5
OWN = "A board of my own"


class PagePreview(QWidget):
    """A sheet of paper with the board on it."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName("Board as it will be printed")
        self._theme = theme
        self.page: Page | None = None

    def show_page(self, page: Page | None) -> None:
        """Show another page."""
        self.page = page
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the sheet with a shadow, and what is printed on it."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self._theme.raised))
        if self.page is not None:
            self._draw(painter, self.page)
        painter.end()

    def _draw(self, painter: QPainter, page: Page) -> None:
        wide, high = page.size_mm
        scale = min((self.width() - 2 * MARGIN_PX) / wide, (self.height() - 2 * MARGIN_PX) / high)
        left, top = (self.width() - scale * wide) / 2, (self.height() - scale * high) / 2
        sheet = QRectF(left, top, scale * wide, scale * high)
        painter.fillRect(sheet.translated(4, 5), QColor(0, 0, 0, 70))
        painter.fillRect(sheet, QColor("#ffffff"))
        painter.translate(left, top)
        for white, shapes in page.layers:
            colour = QColor("#ffffff" if white else "#000000")
            for x, y, w, h in shapes:
                # Edges on whole pixels, so that neighbours join without a seam.
                x0, y0, x1, y1 = (round(scale * value) for value in (x, y, x + w, y + h))
                painter.fillRect(x0, y0, max(1, x1 - x0), max(1, y1 - y0), colour)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor("#000000"))
        font = painter.font()
        font.setPixelSize(max(4, round(scale * TEXT_MM)))
        painter.setFont(font)
        for x, y, words in page.texts:
            painter.drawText(QPointF(scale * x, scale * y), words)


class BoardDialog(QDialog):
    """Chooses a board; ``choice`` and ``board_file`` hold it when it was accepted."""

    def __init__(self, parent: QWidget | None, theme: Theme, beside: Path | None, known: AnyTarget | None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Calibration board")
        self.resize(WIDTH_PX, HEIGHT_PX)
        self._beside, self._presets = beside, board_presets()
        self._known = known
        first = known or self._presets[0].target
        self.choice = BoardChoice(first, paper_for(first))
        self.board_file: Path | None = None
        self.page = PagePreview(theme)
        self.boards, self.kind, self.dictionary, self.paper = Choice(), Choice(), Choice(), Choice()
        self.columns, self.rows, self.number = QSpinBox(), QSpinBox(), QSpinBox()
        self.square, self.both = QDoubleSpinBox(), QCheckBox("Print the back as well (two-sided board)")
        self.measured = QLineEdit()
        self._about = label("", "faint", wrap=True)
        self.trouble = TroubleCard()
        self._saved = label("", "faint", wrap=True)
        self.save = button("Save as PDF or PNG …", "Save the board to print")
        self.use = button("Use this board", primary=True)
        self._fill()
        self._lay_out()
        self._bind()
        self.use.setDefault(True)  # else Enter in a field presses the first button there is
        self._set_fields(first)
        self._show()

    def _fill(self) -> None:
        if self._known is not None:
            self.boards.addItem(f"Beside the recording: {self._known.name.split(',')[0]}", self._known)
        for preset in self._presets:
            self.boards.addItem(preset.target.name.split(", markers")[0], preset.target)
        self.boards.addItem(OWN, None)
        for key, words in KINDS.items():
            self.kind.addItem(words, key)
        self.dictionary.addItems(DICTIONARIES)
        self.paper.addItems(list(PAPERS))
        for box, name, low, high in (
            (self.columns, "Squares across", 3, 30),
            (self.rows, "Squares down", 3, 30),
            (self.number, "Number of the marker", 0, 999),
        ):
            named(box, name)
            box.setRange(low, high)
            box.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        named(self.square, "Side of a square")
        self.square.setRange(5.0, 500.0)
        self.square.setDecimals(1)
        self.square.setSuffix(" mm")
        self.square.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        for widget, name in (
            (self.boards, "Board"),
            (self.kind, "Kind of board"),
            (self.dictionary, "Markers"),
            (self.paper, "Paper"),
            (self.both, "Print the back as well"),
            (self.measured, "Measured square in millimetres"),
        ):
            named(widget, name)
        self.measured.setPlaceholderText("for example 34.8")

    def _lay_out(self) -> None:
        column = QVBoxLayout()
        column.setSpacing(8)
        column.addWidget(label("Calibration board", "title"))
        column.addWidget(self.boards)
        column.addWidget(self._about)
        self._own = QWidget()
        own = QVBoxLayout(self._own)
        own.setContentsMargins(0, 0, 0, 0)
        for first, second in (((self.kind, "Kind"), (self.dictionary, "Markers")),
                              ((self.columns, "Squares across"), (self.rows, "Squares down"))):  # fmt: skip
            own.addLayout(_pair(first, second))
        own.addLayout(_pair((self.square, "Side of a square"), (self.number, "Number of the marker")))
        column.addWidget(self._own)
        column.addSpacing(6)
        column.addWidget(label("PRINT", "section"))
        row = QHBoxLayout()
        row.addWidget(self.paper)
        row.addWidget(self.save, 1)
        column.addLayout(row)
        column.addWidget(self.both)
        column.addWidget(
            label("Print at 100 %, check the ruler on the sheet, and glue it to a flat plate.", "faint", wrap=True)
        )
        column.addWidget(self._saved)
        self._saved.hide()
        column.addSpacing(6)
        column.addWidget(label("MEASURE", "section"))
        column.addWidget(
            label(
                "Measure one square of the print (better ten in a row, divided by ten), in mm:", "faint", wrap=True
            )
        )
        column.addWidget(self.measured)
        column.addStretch(1)
        cancel = button("Cancel")
        cancel.clicked.connect(self.reject)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(cancel)
        row.addWidget(self.use)
        column.addLayout(row)
        side = QWidget()
        side.setLayout(column)
        side.setFixedWidth(COLUMN_PX)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(20, 18, 20, 18)
        whole.setSpacing(18)
        left = QVBoxLayout()
        left.setSpacing(10)
        left.addWidget(self.page, 1)
        left.addWidget(self.trouble)
        whole.addLayout(left, 1)
        whole.addWidget(side)

    def _bind(self) -> None:
        self.boards.activated.connect(self._choose)
        for choice in (self.kind, self.dictionary):
            choice.activated.connect(lambda _: self._own_changed())
        for box in (self.columns, self.rows, self.number):
            box.valueChanged.connect(lambda _: self._own_changed())
        self.square.valueChanged.connect(lambda _: self._own_changed())
        self.paper.activated.connect(lambda _: self._set(replace(self.choice, paper=self.paper.currentText())))
        self.both.toggled.connect(lambda on: self._set(replace(self.choice, both_sides=on)))
        self.measured.textChanged.connect(lambda _: self._show())
        self.save.clicked.connect(self._save)
        self.use.clicked.connect(self._use)

    def _set_fields(self, target: AnyTarget) -> None:
        """Let the fields of a board of one's own begin with this one."""
        columns, rows = shape_of(target)
        for widget in (self.columns, self.rows, self.square):
            widget.blockSignals(True)
        self.kind.setCurrentIndex(list(KINDS).index(kind_of(target)))
        self.columns.setValue(columns)
        self.rows.setValue(rows)
        self.square.setValue(BoardChoice(target).side_mm)
        for widget in (self.columns, self.rows, self.square):
            widget.blockSignals(False)

    def _choose(self, index: int) -> None:
        target = self.boards.itemData(index)
        if target is None:
            self._own_changed()
        else:
            self._set_fields(target)
            self._set(replace(self.choice, target=target, paper=paper_for(target)))

    def _own_changed(self) -> None:
        if self.boards.currentData() is not None:
            return
        try:
            target = own_board(
                self.kind.currentData(),
                self.columns.value(),
                self.rows.value(),
                self.square.value(),
                self.dictionary.currentText(),
                self.number.value(),
            )
        except ExplainedError as error:
            self.trouble.show_trouble(trouble_of(error))
            self.use.setEnabled(False)
            return
        self._set(replace(self.choice, target=target, paper=paper_for(target)))

    def _set(self, choice: BoardChoice) -> None:
        self.choice = choice
        self._show()

    def _show(self) -> None:
        """Show the board as it is chosen; what cannot be is said."""
        index = self.boards.currentIndex() - (self._known is not None)
        own = self.boards.currentData() is None
        self._own.setVisible(own)
        kind = kind_of(self.choice.target)
        self.number.setEnabled(kind == "marker")
        self.dictionary.setEnabled(kind != "checkerboard")
        for box in (self.columns, self.rows):
            box.setEnabled(kind != "marker")
        about = self._presets[index].description if 0 <= index < len(self._presets) else self.choice.target.name
        self._about.setText(about)
        self.paper.setCurrentText(self.choice.paper)
        trouble = None
        try:
            self.page.show_page(page_of(self.choice))
        except ExplainedError as error:
            self.page.show_page(None)
            trouble = trouble_of(error)
        self.save.setEnabled(trouble is None)
        try:
            self.choice = measured(self.choice, self.measured.text())
            self.use.setEnabled(True)
        except ExplainedError as error:
            trouble = trouble_of(error)
            self.use.setEnabled(False)
        self.trouble.show_trouble(trouble)

    def _save(self) -> None:
        start = str((self._beside or Path.home()) / "board.pdf")
        chosen, _ = QFileDialog.getSaveFileName(self, "Save the board", start, "PDF (*.pdf);;PNG picture (*.png)")
        if chosen:
            self.save_to(Path(chosen))

    def save_to(self, path: Path) -> None:
        """Write the sheet and the board's file beside it."""
        try:
            self.board_file = write_board(self.choice, path)
        except ExplainedError as error:
            self.trouble.show_trouble(trouble_of(error))
            return
        self._saved.show()
        self._saved.setText(f"Saved {path.name} and {self.board_file.name}.")

    def _use(self) -> None:
        self.accept()


def _pair(first: tuple[QWidget, str], second: tuple[QWidget, str]) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget, words in (first, second):
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addWidget(label(words, "faint"))
        column.addWidget(widget)
        row.addLayout(column, 1)
    return row
