"""What a calibration is made from: the board, the recording, a few choices, and the button that starts it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from mocap.core.errors import ExplainedError
from mocap.gui.presenters.calibrate.boards import BoardChoice, board_name, measured
from mocap.gui.presenters.calibrate.calibrating import LENSES, Calibrating
from mocap.gui.presenters.words import duration, time_left, trouble_of
from mocap.gui.views.parts import Choice, TroubleCard, button, clear_layout, label, named
from mocap.gui.views.theme import Theme

PANEL_PX = 340
BAR_STEPS = 1000
MOST_HINTS = 4


class SetupPanel(QScrollArea):
    """The column beside the cameras."""

    choose_board = Signal()
    start_live = Signal()
    start = Signal()
    stop = Signal()

    def __init__(self, calibrating: Calibrating) -> None:
        super().__init__()
        self._calibrating = calibrating
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFixedWidth(PANEL_PX)
        self.setAccessibleName("Set up a calibration")
        self._board, self._board_note = label("", wrap=True), label("", "faint", wrap=True)
        self.board = button("Choose or print …", "Choose or print a board")
        self.measured = QLineEdit()
        named(self.measured, "Measured square", "Side of one printed square, as a ruler measures it")
        self.folder = QLineEdit()
        named(self.folder, "Folder of the board's recording")
        self.folder.setPlaceholderText("Folder with a video per camera")
        self.browse, self.live = (
            button("Browse …", "Choose the folder"),
            button("Record a take …", "Record the board with the cameras"),
        )
        self.found = label("", "faint", wrap=True)
        self.lens = Choice()
        named(self.lens, "Kind of lens")
        self.lens.addItems([words for _, words in LENSES])
        self.keep_lenses = QLineEdit()
        named(self.keep_lenses, "Calibration whose lenses are kept")
        self.keep_lenses.setPlaceholderText("Find the lenses anew")
        self.floor = QCheckBox("The board lay on the floor at times")
        named(
            self.floor,
            "Find the floor by the board",
            "The floor becomes the plane that most places of the board share",
        )
        self.more = QToolButton()
        named(self.more, "More settings")
        self.trouble = TroubleCard()
        self.go = button("Calibrate", "Start the calibration", primary=True)
        self.halt = button("Stop", "Stop the calibration")
        self.bar = QProgressBar(maximum=BAR_STEPS, textVisible=False)
        named(self.bar, "Progress of the calibration")
        self._stage, self._hints = label("", "faint", wrap=True), QVBoxLayout()
        self._lay_out()
        self._bind()

    def _lay_out(self) -> None:
        inner = QWidget()
        layout = QVBoxLayout(inner)
        layout.setContentsMargins(0, 2, 20, 8)
        layout.setSpacing(8)
        layout.addWidget(label("1   BOARD", "section"))
        layout.addWidget(self._board)
        layout.addWidget(self._board_note)
        row = QHBoxLayout()
        row.addWidget(self.board, 1)
        self.measured.setFixedWidth(104)
        self.measured.setPlaceholderText("square, mm")
        row.addWidget(self.measured)
        layout.addLayout(row)
        layout.addSpacing(8)
        layout.addWidget(label("2   RECORDING OF THE BOARD", "section"))
        layout.addWidget(self.folder)
        row = QHBoxLayout()
        row.addWidget(self.browse, 1)
        row.addWidget(self.live, 1)
        layout.addLayout(row)
        layout.addWidget(self.found)
        layout.addSpacing(8)
        layout.addWidget(self.floor)
        self.more.setText("More settings")
        self.more.setCheckable(True)
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.more.setArrowType(Qt.ArrowType.RightArrow)
        layout.addWidget(self.more)
        self._folded = QWidget()
        folded = QVBoxLayout(self._folded)
        folded.setContentsMargins(12, 0, 0, 0)
        folded.addWidget(label("Kind of lens", "faint"))
        folded.addWidget(self.lens)
        folded.addWidget(label("Keep the lenses of this calibration", "faint"))
        folded.addWidget(self.keep_lenses)
        self._folded.hide()
        layout.addWidget(self._folded)
        layout.addSpacing(4)
        layout.addWidget(self.trouble)
        row = QHBoxLayout()
        row.addWidget(self.go, 1)
        row.addWidget(self.halt)
        layout.addLayout(row)
        layout.addWidget(self.bar)
        layout.addWidget(self._stage)
        layout.addLayout(self._hints)
        layout.addStretch(1)
        self.setWidget(inner)

    def _bind(self) -> None:
        self.board.clicked.connect(self.choose_board)
        self.live.clicked.connect(self.start_live)
        self.go.clicked.connect(self.start)
        self.halt.clicked.connect(self.stop)
        self.browse.clicked.connect(self._browse)
        self.folder.returnPressed.connect(self._typed)
        self.measured.editingFinished.connect(self._measure)
        self.lens.activated.connect(lambda index: self._calibrating.set_options(lens=LENSES[index][0]))
        self.floor.toggled.connect(lambda on: self._calibrating.set_options(floor_by_board=on))
        self.keep_lenses.editingFinished.connect(self._keep_lenses)
        self.more.toggled.connect(self._fold)

    def _fold(self, shown: bool) -> None:
        self._folded.setVisible(shown)
        self.more.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)

    def _browse(self) -> None:
        if chosen := QFileDialog.getExistingDirectory(self, "Folder of the board's recording", self.folder.text()):
            self._calibrating.choose(Path(chosen))

    def _typed(self) -> None:
        if text := self.folder.text().strip():
            self._calibrating.choose(Path(text).expanduser())

    def _keep_lenses(self) -> None:
        text = self.keep_lenses.text().strip()
        self._calibrating.set_options(lenses=Path(text).expanduser() if text else None)

    def _measure(self) -> None:
        """Take in the measured square; what cannot be is said, and not taken."""
        found = self._calibrating.found
        try:
            if found is not None and found.board is not None and self._calibrating.options.board is None:
                choice = measured(BoardChoice(found.board), self.measured.text())
                self._calibrating.set_options(measured_mm=choice.measured_mm)
            else:
                text = self.measured.text().strip()
                self._calibrating.set_options(measured_mm=_millimetres(text) if text else None)
            self.trouble.show_trouble(None)
        except ExplainedError as error:
            self.trouble.show_trouble(trouble_of(error))

    def show_state(self) -> None:
        """Show what is known now."""
        calibrating = self._calibrating
        found, options = calibrating.found, calibrating.options
        if found is not None and not self.folder.hasFocus():
            self.folder.setText(str(found.folder))
        if options.board is not None:
            self._board.setText(board_name(options.board))
            self._board_note.setText("Chosen here")
        elif found is not None and found.board is not None and found.board_file is not None:
            self._board.setText(found.board.name)
            self._board_note.setText(f"From {found.board_file.name} beside the recording")
        else:
            self._board.setText("Not chosen")
            self._board_note.setText(
                "It will be recognised in the pictures. Its size is only known if you choose it or type a square."
            )
        waiting = calibrating.waiting_for is not None
        self.found.setText("Looking …" if waiting else found.words if found is not None else "")
        if not self.measured.hasFocus():
            self.measured.setText("" if options.measured_mm is None else f"{options.measured_mm:g} mm")
        self.trouble.show_trouble(calibrating.trouble)
        self.go.setEnabled(calibrating.ready)
        self.show_job()

    def show_job(self) -> None:
        """Show how far the job is and what is missing."""
        calibrating = self._calibrating
        job, running = calibrating.job, calibrating.running
        self.go.setVisible(not running)
        self.halt.setVisible(running)
        self.halt.setEnabled(job is not None and job.state in ("waiting", "running"))
        self.bar.setVisible(running)
        self._stage.setVisible(job is not None and job.state != "done")
        if job is not None:
            self.bar.setValue(round(BAR_STEPS * job.share))
            words = {
                "waiting": "Waits until another job is done",
                "stopping": "Stopping …",
                "stopped": "Stopped. The calibration of before is as it was; a search that was complete is kept.",
                "failed": "",
                "running": "  ·  ".join(
                    filter(
                        None,
                        (job.stage_title or "Opening the files", duration(job.seconds), time_left(job.left_s)),
                    )
                ),
            }
            self._stage.setText(words.get(job.state, ""))
        searched = job is not None and (job.active or job.state == "failed")
        self._show_hints(calibrating.search.hints()[:MOST_HINTS] if searched else ())

    def _show_hints(self, hints: tuple[str, ...]) -> None:
        if getattr(self, "_hinted", None) == hints:
            return
        self._hinted = hints
        clear_layout(self._hints)
        for text in hints:
            self._hints.addWidget(label(text, "notice", wrap=True))

    def set_theme(self, theme: Theme) -> None:
        """Nothing here has colours of its own."""


def _millimetres(text: str) -> float:
    """A length in millimetres as somebody typed it."""
    from mocap.core.errors import InputError

    try:
        return float(text.lower().removesuffix("mm").strip().replace(",", "."))
    except ValueError as error:
        raise InputError(f"'{text}' is not a number.", "Type the side of one square in millimetres.") from error
