"""The capture page: cameras, recording, and the body in 3D while it moves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QMessageBox,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from calibration import CalibrationError
from mocap.core.errors import StorageError
from mocap.gui.jobs.process import ProcessJob
from mocap.gui.presenters.capture.capturing import Capturing
from mocap.gui.presenters.capture.links import Link, ProcessLink
from mocap.gui.presenters.capture.plan import hand_to_calibration
from mocap.gui.presenters.capture.targets import Target
from mocap.gui.presenters.words import Trouble, number, trouble_of
from mocap.gui.views.capture.cameras import Begin, CameraDialog, fill_menu
from mocap.gui.views.capture.count import Countdown
from mocap.gui.views.capture.live import LivePane
from mocap.gui.views.capture.side import RecordPanel
from mocap.gui.views.capture.targets import LivePanel
from mocap.gui.views.capture.tiles import TileGrid
from mocap.gui.views.context import Context, Page
from mocap.gui.views.parts import TroubleCard, button, label, named
from mocap.gui.views.theme import Theme
from mocap.pipeline.recording.desk import DeskState
from mocap.session import SessionFolder

# A turn of the page: previews come up to 15 times a second, poses up to 30.
TURN_MS = 33
SIDE_PX = 316
DISK_TURNS = 150
NOTES_SHOWN = 2
CAMERAS = "capture cameras"
PRESET = "balanced"


class CapturePage(Page):
    """Tiles and live 3D at the left, recording at the right."""

    keys = (
        ("R", "record", "Record, and stop"),
        ("L", "live", "Live 3D on or off"),
        *((str(n), f"solo {n - 1}", f"Camera {n} alone, or all") for n in range(1, 5)),
        ("Esc", "all", "All cameras"),
    )
    make_link: Callable[[], Link] = ProcessLink

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.setObjectName("page")
        self._context = context
        theme = context.theme()
        kept = str(context.settings.value(CAMERAS, ""))
        self.capturing = Capturing(context.library.root, lambda: type(self).make_link(), kept)
        self.grid, self.begin = TileGrid(self.capturing, theme), Begin(self.capturing)
        self.live = LivePane(theme)
        self.side, self.live_panel = RecordPanel(self.capturing, theme), LivePanel(self.capturing)
        self.trouble, self.moved = TroubleCard(), TroubleCard()
        self._sub, self._notes = label("", "faint"), label("", "faint", wrap=True)
        self._fine = button("It is meant so", "The cameras stand where they should: compare anew")
        self._dismiss = button("OK", "The problem is understood")
        self._turns, self._beeps, self._beeped, self._state = 0, 0, 0, DeskState.CLOSED
        self._lay_out()
        self._bind()
        self.grid.show_cameras()
        self._show()
        self._timer = QTimer(self, interval=TURN_MS)
        self._timer.timeout.connect(self._turn)

    def _lay_out(self) -> None:
        self._menu = QMenu(self)
        self.add = button("Add camera")
        self.add.setMenu(self._menu)
        head = QHBoxLayout()
        head.addWidget(label("Capture", "title"))
        head.addSpacing(12)
        # Where there is little room these words are cut off, not the button.
        self._sub.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        head.addWidget(self._sub, 1)
        head.addWidget(self.add)
        self.views = QSplitter(Qt.Orientation.Vertical)
        self.views.setChildrenCollapsible(False)
        self.views.setHandleWidth(8)
        self.views.addWidget(self.grid)
        self.views.addWidget(self.live)
        self.live.hide()
        self.stack = QStackedWidget()
        self.count = Countdown(self.stack)
        self.stack.addWidget(self.views)
        self.stack.addWidget(self.begin)
        left = QVBoxLayout()
        left.setSpacing(12)
        left.addLayout(head)
        for card, answer in ((self.trouble, self._dismiss), (self.moved, self._fine)):
            card.layout().addWidget(answer, 0, Qt.AlignmentFlag.AlignLeft)
            left.addWidget(card)
        left.addWidget(self.stack, 1)
        left.addWidget(self._notes)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 4, 14, 0)
        column.setSpacing(18)
        column.addWidget(self.side)
        column.addWidget(self.live_panel)
        column.addStretch(1)
        scroll = QScrollArea()
        named(scroll, "Recording and live 3D")
        scroll.setWidgetResizable(True)
        scroll.setFixedWidth(SIDE_PX)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(24, 20, 6, 14)
        whole.setSpacing(20)
        whole.addLayout(left, 1)
        whole.addWidget(scroll)

    def _bind(self) -> None:
        capturing = self.capturing
        capturing.changed.subscribe(self._show)
        capturing.cameras.changed.subscribe(self._cameras_changed)
        self._menu.aboutToShow.connect(lambda: fill_menu(self._menu, capturing, self))
        self.grid.edit.connect(self.edit)
        self._fine.clicked.connect(capturing.compare_anew)
        self._dismiss.clicked.connect(capturing.dismiss)
        self.live_panel.start.connect(self.start_live)
        self.live_panel.stop.connect(capturing.stop_live)
        outcome = self.side.outcome
        outcome.review.connect(lambda trial: self._context.open_on("library", trial))
        outcome.process.connect(self.process)
        outcome.calibrate.connect(self.calibrate)
        outcome.again.connect(capturing.record)

    # What the window asks for.

    def enter(self) -> None:
        """The page is shown."""
        if not self.capturing.taking:
            self.capturing.root = self._context.library.root
        refused = self._context.library.refused
        self.capturing.refused = "Another window may change this data folder, this one not." if refused else ""
        self.capturing.enter()
        self.side.show_sessions()
        self.live_panel.offer()
        self.grid.tell_sizes_anew()
        self._timer.start()
        self.side.record.setFocus()

    def away(self) -> None:
        """Another page is shown; a recording goes on, and the page goes on hearing of it."""
        self.capturing.away()

    def may_close(self) -> bool:
        """Ask while a recording goes on."""
        if not self.capturing.taking:
            return True
        box = QMessageBox(self)
        box.setWindowTitle("A recording goes on")
        box.setText("A recording goes on.")
        box.setInformativeText("If you close now it is ended in good order and kept.")
        close = box.addButton("Stop, keep it and close", QMessageBox.ButtonRole.DestructiveRole)
        stay = box.addButton("Go on recording", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(stay)
        box.exec()
        return box.clickedButton() is close

    def leave(self) -> None:
        """The window closes."""
        self._timer.stop()
        self._context.settings.setValue(CAMERAS, self.capturing.cameras.remembered())
        self.capturing.leave()

    def open_result(self, result: Path) -> None:
        """Record into a session, named by its folder or by that of one of its trials.

        The folder of its calibration asks for a take of the board.
        """
        board = result.name == "calibration"
        session = result.parent.parent if result.parent.name == "trials" else result.parent if board else result
        if self.capturing.taking:
            return
        if session.parent == self.capturing.root:
            self.side.session.setEditText(session.name)
        self.side.calibrates.setChecked(board)

    def set_theme(self, theme: Theme) -> None:
        """Recolour."""
        self.live.set_theme(theme)
        self.side.set_theme(theme)

    def act(self, what: str) -> None:
        """Do what a key asks for; letters that are typed into a field, or look for a line in a list, are not."""
        if isinstance(QApplication.focusWidget(), QLineEdit | QSpinBox | QComboBox):
            return
        if what == "record":
            self.side.press()
        elif what == "live":
            self.live_panel.press()
        elif what == "all" and self.grid.solo is not None:
            self.grid.toggle_solo(self.grid.solo)
        elif what.startswith("solo "):
            slots = list(self.grid.tiles)
            place = int(what.removeprefix("solo "))
            if place < len(slots):
                self.grid.toggle_solo(slots[place])

    # What the user asks for.

    def edit(self, slot: int) -> None:
        """Show the settings of a camera."""
        CameraDialog(self, self.capturing, slot).exec()

    def start_live(self, calibration: Path, targets: tuple[Target, ...]) -> None:
        """Begin live 3D."""
        from calibration.formats import load_rig

        try:
            rig = load_rig(calibration)
        except CalibrationError as error:
            self.capturing.tell_trouble(trouble_of(error))
            return
        self.live.begin(rig, targets)
        self.capturing.start_live(calibration, tuple(target.text for target in targets))
        self.live.show()
        room = self.views.height()
        strip = min(max(self.grid.strip_height, round(0.2 * room)), round(0.45 * room))
        self.views.setSizes([strip, room - strip])

    def process(self, trial: Path) -> None:
        """Process a recording: at once where there is a calibration, else after asking for one."""
        if SessionFolder(trial.parents[1]).rig.is_file():
            self._context.add_job(ProcessJob(f"{trial.name} · Balanced", trial, PRESET))
        else:
            self._context.new_run(trial)

    def calibrate(self, trial: Path) -> None:
        """Go on with a recording of a board on the calibration page."""
        try:
            session = hand_to_calibration(trial)
        except StorageError as error:
            self.capturing.tell_trouble(trouble_of(error))
            return
        self.capturing.used()
        self.side.show_plan()
        self._context.open_on("calibrate", session)

    def _cameras_changed(self) -> None:
        self.grid.show_cameras()
        self.live_panel.offer()
        self._show()
        self._context.settings.setValue(CAMERAS, self.capturing.cameras.remembered())

    # Turns.

    def _turn(self) -> None:
        self._turns += 1
        capturing = self.capturing
        was_done = capturing.done
        capturing.tick()
        if self.isVisible():
            self.grid.show_pictures()
        if capturing.live.running:
            self.live.show_live(capturing.live)
        if capturing.live.beeps != self._beeps:
            self._beeps = capturing.live.beeps
            if self.live_panel.beep.isChecked():
                QApplication.beep()
        self._count_down()
        if capturing.done is not was_done and capturing.done is not None:
            self._context.library.refresh()
        if self._turns % DISK_TURNS == 1 and self.isVisible():
            capturing.measure_disk()
        if not self.isVisible() and not capturing.busy:
            self._timer.stop()

    def _count_down(self) -> None:
        """Beep at each second of the countdown, and at the start."""
        status = self.capturing.desk.status
        self.count.show_seconds(status.countdown_s if self.capturing.taking else 0.0)
        seconds = self.count.seconds
        began = status.state is DeskState.RECORDING and self._state is DeskState.COUNTDOWN
        if (seconds and seconds != self._beeped) or began:
            QApplication.beep()
        self._beeped, self._state = seconds, status.state

    def _show(self) -> None:
        """Show what is known."""
        capturing = self.capturing
        self.stack.setCurrentIndex(0 if capturing.entries else 1)
        self.begin.show_found()
        self.grid.show_states()
        self.side.show_state()
        self.live_panel.show_state()
        self._sub.setText(self._words())
        trouble = (
            capturing.trouble
            or capturing.cameras.trouble
            or (capturing.desk.trouble if capturing.entries else None)
        )
        self.trouble.show_trouble(trouble)
        self._dismiss.setVisible((capturing.trouble or capturing.cameras.trouble) is not None)
        self._show_moved()
        said = [*_about_board(capturing), *(note.text for note in capturing.notes[:NOTES_SHOWN])]
        self._notes.setText("\n".join(said))
        self._notes.setVisible(bool(said))
        self.live.setVisible(capturing.live.running)

    def _words(self) -> str:
        capturing = self.capturing
        count = len(capturing.entries)
        if not count:
            return ""
        words = f"{count} cameras" if count > 1 else "1 camera"
        if capturing.desk.status.state is DeskState.OPENING:
            return f"{words}  ·  opening …"
        apart = number(1e3 * capturing.desk.status.apart_s, "ms")
        return f"{words}  ·  pictures of one instant lie {apart} apart" if apart != "–" else words

    def _show_moved(self) -> None:
        moved = self.capturing.moved
        trouble = None
        if moved:
            names = " and ".join(moved)
            were = "was" if len(moved) == 1 else "were"
            trouble = Trouble(
                f"Camera {names} {were} moved.",
                "Put it back where it stood, or calibrate again: 3D from it is wrong until then.",
            )
        self.moved.show_trouble(trouble)
        self._fine.setEnabled(not self.capturing.busy)


def _about_board(capturing: Capturing) -> tuple[str, ...]:
    """What is still missing of the board, or that there is enough."""
    if capturing.search is None:
        return ()
    if not capturing.search.looks:
        return ("Show the board to the cameras.",)
    return capturing.search.hints()[:NOTES_SHOWN] or ("The cameras have seen enough of the board.",)
