"""The analysis: numbers of a run in a table, cycles beside them, both against another run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication, QPixmap
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from mocap.gui.presenters.analyse.analysing import ALL_ANGLES, Analysis
from mocap.gui.presenters.analyse.tables import TableKind
from mocap.gui.presenters.words import Trouble, trouble_of
from mocap.gui.views.analyse.plots import CycleGrid
from mocap.gui.views.analyse.table import MeasureTable
from mocap.gui.views.context import Context, Page
from mocap.gui.views.parts import Choice, TroubleCard, button, label, named
from mocap.gui.views.theme import Theme

POLL_MS = 60
TABLES: tuple[tuple[TableKind, str, str], ...] = (
    ("measures", "All measures", "Every number of this run"),
    ("sides", "Left and right", "Both sides against each other"),
    ("compare", "Against other run", "This run against the one that is compared with"),
)
# Pictures are saved with this many pixels a pixel: for print.
PICTURE_SCALE = 3
# What a choice shows at least; it takes the room there is.
LEAST_LETTERS = 7
FIRST_SHARES = (560, 440)
KEYS = (
    ("Ctrl+Shift+C", "copy", "Copy the table"),
    ("Ctrl+S", "save table", "Save the table as CSV"),
    ("Ctrl+Shift+S", "save picture", "Save the plots as a picture"),
    ("Ctrl+R", "report", "Open the report to print it"),
)


class AnalysePage(Page):
    """Table left, cycles right."""

    keys = KEYS

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, theme = context, context.theme()
        self.setObjectName("page")
        self.analysis = Analysis()
        self.run, self.person, self.other = Choice(), Choice(), Choice()
        named(self.run, "Run", "The run that is analysed")
        named(self.person, "Person", "Whose numbers are shown")
        named(
            self.other,
            "Compare with",
            "Another run: of the other side of a treatment, another day, another person",
        )
        self.table, self.cycles = MeasureTable(theme), CycleGrid(theme)
        self.tables = QButtonGroup(self)
        self.search = QLineEdit(placeholderText="Find a measure …")
        named(self.search, "Find a measure")
        self.search.setClearButtonEnabled(True)
        self.kind, self.angle = Choice(), Choice()
        named(self.kind, "Cycle", "What counts as one cycle")
        named(self.angle, "Angle", "Which angle is drawn")
        for choice in (self.run, self.other, self.person, self.kind, self.angle):
            choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            choice.setMinimumContentsLength(LEAST_LETTERS)
        self.copy, self.save_table = (
            button("Copy", "Copy the table"),
            button("Save CSV …", "Save the table as CSV"),
        )
        self.save_picture = button("Save picture …", "Save the plots as a picture")
        self.report, self.export = button("Report", "Open the report to print it"), button("Export …")
        self.again = button("Process …", "Process this recording again, with other settings")
        self.note, self.advice = label("", "notice", wrap=True), label("", "faint", wrap=True)
        self.said, self.trouble = label("", "good"), TroubleCard()
        self._wait = label("", "faint", wrap=True)
        self._lay_out()
        self._bind()
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(self.analysis.tick)
        self._update()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(label("Analyse", "title"))
        head.addSpacing(8)
        head.addWidget(self.run, 3)
        head.addWidget(self.person, 1)
        head.addWidget(label("against", "faint"))
        head.addWidget(self.other, 2)
        head.addStretch(1)
        for action in (self.again, self.export, self.report):
            head.addWidget(action)
        self.split = QSplitter(Qt.Orientation.Horizontal)
        self.split.setChildrenCollapsible(False)
        self.split.setHandleWidth(10)
        self.split.addWidget(self._table_pane())
        self.split.addWidget(self._cycle_pane())
        self.split.setSizes(list(FIRST_SHARES))
        for place, share in enumerate(FIRST_SHARES):
            self.split.setStretchFactor(place, share)
        waiting = QWidget()
        middle = QVBoxLayout(waiting)
        middle.addStretch(1)
        self._wait.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        middle.addWidget(self._wait)
        middle.addStretch(1)
        self.stack = QStackedWidget()
        self.stack.addWidget(waiting)
        self.stack.addWidget(self.split)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 20, 16)
        layout.setSpacing(14)
        layout.addLayout(head)
        layout.addWidget(self.trouble)
        layout.addWidget(self.stack, 1)

    def _table_pane(self) -> QWidget:
        pane = QWidget()
        line = QHBoxLayout()
        line.setSpacing(0)
        for number, (_, words, hint) in enumerate(TABLES):
            choice = button(words, f"Table: {words}")
            choice.setToolTip(hint)
            choice.setCheckable(True)
            choice.setObjectName("segment")
            self.tables.addButton(choice, number)
            line.addWidget(choice)
        self.tables.button(0).setChecked(True)
        line.addSpacing(10)
        line.addWidget(self.search, 1)
        end = QHBoxLayout()
        end.addWidget(self.said)
        end.addStretch(1)
        end.addWidget(self.copy)
        end.addWidget(self.save_table)
        layout = QVBoxLayout(pane)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(line)
        layout.addWidget(self.note)
        layout.addWidget(self.table, 1)
        layout.addLayout(end)
        return pane

    def _cycle_pane(self) -> QWidget:
        pane = QWidget()
        line = QHBoxLayout()
        line.addWidget(self.kind, 1)
        line.addWidget(self.angle, 1)
        card = QFrame()
        card.setObjectName("card")
        inside = QVBoxLayout(card)
        inside.setContentsMargins(2, 2, 2, 2)
        self.advice.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.advice.setContentsMargins(30, 30, 30, 30)
        self.plots = QStackedWidget()
        self.plots.addWidget(self.cycles)
        self.plots.addWidget(self.advice)
        inside.addWidget(self.plots)
        end = QHBoxLayout()
        end.addStretch(1)
        end.addWidget(self.save_picture)
        layout = QVBoxLayout(pane)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(line)
        layout.addWidget(card, 1)
        layout.addLayout(end)
        return pane

    def _bind(self) -> None:
        analysis = self.analysis
        self.run.activated.connect(lambda _: self.open_result(self.run.currentData()))
        self.person.activated.connect(self._open_person)
        self.other.activated.connect(lambda _: analysis.compare(self.other.currentData()))
        self.tables.idClicked.connect(lambda number: analysis.show_table(TABLES[number][0]))
        self.search.textChanged.connect(analysis.search)
        self.kind.activated.connect(lambda _: analysis.choose_kind(self.kind.currentData()))
        self.angle.activated.connect(lambda _: analysis.choose_angle(self.angle.currentData()))
        for made, what in (
            (self.copy, "copy"), (self.save_table, "save table"), (self.save_picture, "save picture"),
            (self.report, "report"), (self.export, "export"), (self.again, "again"),
        ):  # fmt: skip
            made.clicked.connect(lambda _=False, w=what: self.act(w))
        analysis.changed.subscribe(self._update)

    def enter(self) -> None:
        """Look which runs there are; with none chosen, the newest is shown."""
        self.analysis.list_runs(self._context.library.root)
        self._timer.start()

    def leave(self) -> None:
        """The window closes."""
        self._timer.stop()
        self.analysis.close()

    def open_result(self, result: Path) -> None:
        """Analyse a run."""
        self.said.setText("")
        self.analysis.open(result)
        self._timer.start()

    def _open_person(self, number: int) -> None:
        if self.analysis.shown is not None:
            self.analysis.open(self.analysis.shown.run.folder, number)

    def act(self, what: str) -> None:
        """Do what a button or a key asks for."""
        shown = self.analysis.shown
        if shown is None:
            return
        if what == "copy":
            self._copy()
        elif what == "save table":
            self._ask(self.save_table_as, f"{shown.run.trial}-{self.analysis.table_kind}.csv", "Table (*.csv)")
        elif what == "save picture":
            self._ask(self.save_picture_as, f"{shown.run.trial}-cycles.png", "Picture (*.png)")
        elif what == "report" and shown.run.report is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(shown.run.report)))
        elif what == "export":
            self._context.export_run(shown.run.folder)
        elif what == "again":
            self._context.new_run(shown.run.folder.parents[1])

    def _copy(self) -> None:
        if (table := self.analysis.table) is not None:
            QGuiApplication.clipboard().setText(table.text())
            self.said.setText("Copied: paste it into a spreadsheet.")

    def _ask(self, save: Callable[[Path], None], name: str, kind: str) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, "Save", name, kind)
        if chosen:
            save(Path(chosen))

    def save_table_as(self, path: Path) -> None:
        """Write the table, and say so or say why not."""
        try:
            if (table := self.analysis.table) is not None:
                table.save(path)
        except Exception as error:  # shown to the user in words
            self.trouble.show_trouble(trouble_of(error))
        else:
            self.said.setText(f"Saved: {path.name}")

    def save_picture_as(self, path: Path) -> None:
        """Write the plots, finer than the screen shows them."""
        inner = self.cycles.picture
        picture = QPixmap(inner.size() * PICTURE_SCALE)
        picture.setDevicePixelRatio(PICTURE_SCALE)
        inner.render(picture)
        if picture.save(str(path), "PNG"):
            self.said.setText(f"Saved: {path.name}")
        else:
            what = Trouble("The picture could not be written.", "Choose another folder, or free some space.", path)
            self.trouble.show_trouble(what)

    def _update(self) -> None:
        analysis, shown = self.analysis, self.analysis.shown
        if shown is None and not analysis.busy and analysis.trouble is None and analysis.choices:
            analysis.open(analysis.choices[0].folder)
            return
        self.trouble.show_trouble(analysis.trouble)
        self._show_runs()
        self.stack.setCurrentIndex(1 if shown is not None else 0)
        self._wait.setText(self._waiting())
        for action in (self.again, self.export):
            action.setEnabled(shown is not None)
        self.report.setEnabled(shown is not None and shown.run.report is not None)
        if shown is None:
            return
        _fill(self.person, [(name, n) for n, name in enumerate(analysis.person_names())], shown.person)
        self.person.setVisible(len(shown.run.people) > 1)
        place = next(n for n, (kind, _, _) in enumerate(TABLES) if kind == analysis.table_kind)
        self.tables.button(place).setChecked(True)
        self.tables.button(len(TABLES) - 1).setEnabled(analysis.other is not None)
        self.note.setText(shown.note)
        self.note.setVisible(bool(shown.note) and analysis.table_kind != "compare")
        self.table.show_table(analysis.table)
        self._show_cycles()

    def _waiting(self) -> str:
        analysis = self.analysis
        if analysis.busy or not analysis.choices_read:
            return "Reading …"
        if analysis.choices or analysis.trouble is not None:
            return ""
        return "There is no finished run yet. Process a recording first: Process … at a trial in the library."

    def _show_runs(self) -> None:
        analysis, shown = self.analysis, self.analysis.shown
        runs = [(choice.label, choice.folder) for choice in analysis.choices]
        here = analysis.folder
        if shown is not None and here not in [folder for _, folder in runs]:
            runs.insert(0, (shown.run.label, shown.run.folder))
        _fill(self.run, runs, here)
        others = [("Nothing", None), *((words, folder) for words, folder in runs if folder != here)]
        _fill(self.other, others, analysis.other_folder)
        self.other.setEnabled(shown is not None)

    def _show_cycles(self) -> None:
        analysis = self.analysis
        assert analysis.shown is not None
        kinds = [(kind.title, kind.key) for kind in analysis.shown.kinds]
        _fill(self.kind, kinds, analysis.kind.key if analysis.kind is not None else None)
        angles = [("Overview", ALL_ANGLES), *((plot.title, plot.name) for plot in analysis.plots)]
        known = [name for _, name in angles]
        _fill(self.angle, angles, analysis.angle if analysis.angle in known else ALL_ANGLES)
        for control in (self.kind, self.angle, self.save_picture):
            control.setEnabled(bool(analysis.drawn))
        self.advice.setText(analysis.advice)
        self.plots.setCurrentIndex(1 if analysis.advice else 0)
        if not analysis.cutting:
            self.cycles.show_plots(analysis.drawn, analysis.kind)

    def set_theme(self, theme: Theme) -> None:
        """Recolour."""
        self.table.set_theme(theme)
        self.cycles.set_theme(theme)


def _fill(choice: QComboBox, entries: Sequence[tuple[str, object]], current: object) -> None:
    """Show entries, without telling anybody that the choice changed."""
    before = [(choice.itemText(n), choice.itemData(n)) for n in range(choice.count())]
    choice.blockSignals(True)
    if before != list(entries):
        choice.clear()
        for words, data in entries:
            choice.addItem(words, data)
    choice.setCurrentIndex(next((n for n, (_, data) in enumerate(entries) if data == current), -1))
    choice.blockSignals(False)
