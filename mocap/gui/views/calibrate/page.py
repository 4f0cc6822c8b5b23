"""The calibration page: from a folder with a board to cameras that are known, with a verdict in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from mocap.gui.jobs.calibrate import VerifyJob
from mocap.gui.presenters.calibrate.boards import keep_board
from mocap.gui.presenters.calibrate.calibrating import Calibrating
from mocap.gui.presenters.calibrate.files import import_rig
from mocap.gui.presenters.calibrate.refine import PENDING, accept, load_refined, refine_job, reject, verify_job
from mocap.gui.presenters.calibrate.world import keep_former, save
from mocap.gui.presenters.changes import Later
from mocap.gui.presenters.jobs import Job
from mocap.gui.presenters.words import Trouble, trouble_of
from mocap.gui.views.calibrate.board import BoardDialog
from mocap.gui.views.calibrate.compare import CompareView
from mocap.gui.views.calibrate.dialogs import ExportRigDialog, RefinedDialog, RunDialog
from mocap.gui.views.calibrate.parts import Modes
from mocap.gui.views.calibrate.result import ResultView
from mocap.gui.views.calibrate.setup import SetupPanel
from mocap.gui.views.calibrate.tiles import TileGrid
from mocap.gui.views.calibrate.welcome import welcome
from mocap.gui.views.calibrate.world import WorldView
from mocap.gui.views.context import Context, Page
from mocap.gui.views.parts import Choice, button, label, named
from mocap.gui.views.theme import Theme

TICK_MS = 60
SAVED = "Saved; the former calibration is kept beside it."
MODES = (("setup", "Board and cameras"), ("result", "Result"), ("world", "Floor and axes"), ("compare", "Compare"))


class CalibratePage(Page):
    """Boards, the search, the result, the world, and the calibration before."""

    keys = (
        ("Ctrl+O", "open", "Choose the folder of a board's recording"),
        ("Ctrl+Return", "start", "Start the calibration"),
        ("Ctrl+Z", "undo", "Undo a step of floor and axes"),
        ("Ctrl+Shift+Z", "redo", "Do it again"),
    )

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.setObjectName("page")
        self.setAcceptDrops(True)
        self._context = context
        theme = context.theme()
        self.calibrating = Calibrating()
        self._sub, self._said = label("", "faint"), label("", "faint")
        self.rigs = Choice()
        named(self.rigs, "Calibration", "The calibration that is shown; former ones are kept")
        self.modes = Modes(MODES)
        self.imports = button("Import …", "Open a calibration of another program")
        self.tiles, self.setup = TileGrid(theme), SetupPanel(self.calibrating)
        self.result, self.world, self.compare = ResultView(theme), WorldView(theme), CompareView(theme)
        self.stack, self._left = QStackedWidget(), QStackedWidget()
        self._lay_out()
        self._bind()
        self._writing: Later[Path] = Later()
        self._when_written = ""
        self._mode = "setup"
        self.show_mode("setup")
        self._show_state()
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(label("Calibrate", "title"))
        head.addSpacing(12)
        head.addWidget(self._sub, 1)
        head.addWidget(self.rigs)
        head.addWidget(self.imports)
        bar = QHBoxLayout()
        bar.addWidget(self.modes)
        bar.addSpacing(12)
        bar.addWidget(self._said, 1)
        self._left.addWidget(welcome())
        self._left.addWidget(self.tiles)
        first = QWidget()
        layout = QHBoxLayout(first)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(20)
        layout.addWidget(self._left, 1)
        layout.addWidget(self.setup)
        self.views: dict[str, QWidget] = {
            "setup": first,
            "result": self.result,
            "world": self.world,
            "compare": self.compare,
        }
        for view in self.views.values():
            self.stack.addWidget(view)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 0, 16)
        whole.setSpacing(14)
        head.setContentsMargins(0, 0, 20, 0)
        whole.addLayout(head)
        whole.addLayout(bar)
        whole.addWidget(self.stack, 1)

    def _bind(self) -> None:
        calibrating, jobs = self.calibrating, self._context.jobs
        calibrating.changed.subscribe(self._show_state)
        calibrating.looked.subscribe(self._show_search)
        self._leave_jobs = (jobs.previews.subscribe(calibrating.previewed), jobs.over.subscribe(self._job_over))
        jobs.changed.subscribe(lambda: calibrating.jobs_changed(jobs.jobs))
        self.modes.chosen.connect(self.show_mode)
        self.rigs.activated.connect(self._open_rig)
        self.setup.start.connect(self.start)
        self.setup.stop.connect(self._stop)
        self.result.act.connect(self.act)
        self.result.say.connect(self._said.setText)
        self.world.save.connect(lambda edit: self._write(lambda: save(edit), SAVED))
        self.compare.take_back.connect(lambda path: self._write(lambda: keep_former(path), SAVED))
        self.imports.clicked.connect(lambda: self.act("import"))
        self.setup.choose_board.connect(lambda: self.act("board"))
        self.setup.start_live.connect(self._record_take)

    def start(self) -> None:
        """Put the calibration in the queue."""
        if not self._refused() and (request := self.calibrating.request()) is not None:
            self._context.jobs.add(request)
            self.show_mode("setup")

    def _record_take(self) -> None:
        """Film the board, for the session that is open."""
        found = self.calibrating.found
        folder = found.folder if found is not None else self._context.library.root
        self._context.open_on("capture", folder / "calibration")

    def _stop(self) -> None:
        if self.calibrating.job is not None:
            self._context.jobs.cancel(self.calibrating.job.id)

    def _job_over(self, job: Job) -> None:
        self.calibrating.over(job)
        result = self.calibrating.result
        if job.state != "done" or job.result is None:
            return
        if self.calibrating.concerns(job):
            self.show_mode("result")
        elif isinstance(job.request, VerifyJob) and result is not None and job.result == result.rig_file:
            self.calibrating.open_rig(result.rig_file)

    def _tick(self) -> None:
        self._take_written()
        if self.isVisible():
            self.calibrating.tick()
            self.world.tick()
            self.compare.tick()

    def show_mode(self, mode: str) -> None:
        """Show the setup, the result, the world or the comparison."""
        if mode != "setup" and self.calibrating.result is None and not self.calibrating.busy:
            mode = "setup"
        self._mode = mode
        self.modes.show_mode(mode)
        self.stack.setCurrentWidget(self.views[mode])

    def _show_state(self) -> None:
        """Show what is known now."""
        calibrating = self.calibrating
        found, result = calibrating.found, calibrating.result
        self._sub.setText(found.folder.name if found else "")
        self._sub.setToolTip(str(found.folder) if found else "")
        self._left.setCurrentIndex(1 if found is not None and found.cameras else 0)
        self.setup.show_state()
        self._show_search()
        rigs = found.rigs if found is not None else ()
        self.result.show_result(result, len(rigs) > 1)
        self.world.show_result(result)
        self.compare.show_result(result, rigs)
        for name, made in self.modes.buttons.items():
            made.setEnabled(name == "setup" or (result is not None and (name != "compare" or len(rigs) > 1)))
        if result is None and self._mode != "setup" and not calibrating.busy:
            self.show_mode("setup")
        self._show_rigs()

    def _show_rigs(self) -> None:
        found, result = self.calibrating.found, self.calibrating.result
        rigs = list(found.rigs) if found is not None else []
        if result is not None and result.rig_file not in rigs:
            rigs.insert(0, result.rig_file)
        self.rigs.clear()
        for index, path in enumerate(rigs):
            self.rigs.addItem(
                f"{path.name}{'  (present)' if index == 0 and path.name == 'rig.toml' else ''}", path
            )
        self.rigs.setCurrentIndex(rigs.index(result.rig_file) if result is not None else -1)
        self.rigs.setVisible(bool(rigs))

    def _show_search(self) -> None:
        self.tiles.show_search(self.calibrating.search)
        self.setup.show_job()

    def _open_rig(self, index: int) -> None:
        path = self.rigs.itemData(index)
        if isinstance(path, Path):
            self.calibrating.open_rig(path)

    def act(self, what: str) -> None:
        """Do what a key or a button asks for."""
        result = self.calibrating.result
        if what == "open":
            self.setup.browse.click()
        elif what == "start":
            self.start()
        elif what == "board":
            self._choose_board()
        elif what == "import":
            self._import()
        elif what in ("undo", "redo"):
            if self._mode == "world":
                self.world.act(what)
        elif what in self.views:
            self.show_mode(what)
        elif result is not None and what == "export":
            ExportRigDialog(self, result.rig_file).exec()
        elif result is not None and what == "refine":
            self._refine(result.rig_file)
        elif result is not None and what == "verify":
            self._verify(result.rig_file)

    def _verify(self, rig_file: Path) -> None:
        if chosen := QFileDialog.getExistingDirectory(self, "A fresh recording of the board"):
            self._context.add_job(verify_job(rig_file, Path(chosen)))

    def _choose_board(self) -> None:
        found = self.calibrating.found
        dialog = BoardDialog(
            self, self._context.theme(), found.folder if found else None, found.board if found else None
        )
        if dialog.exec() and not self._refused():
            self._try(lambda: self.take_board(dialog))

    def take_board(self, dialog: BoardDialog) -> None:
        """Take the board that was chosen: its file goes where the calibration looks for it."""
        found, choice = self.calibrating.found, dialog.choice
        same = found is not None and found.board == choice.target
        board = dialog.board_file
        if not same and found is not None:
            board = keep_board(choice, found.folder / "calibration")
        self.calibrating.set_options(board=None if same else board, measured_mm=choice.measured_mm)

    def _import(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "A calibration of any program")
        if chosen:
            self.take_import(Path(chosen))

    def take_import(self, source: Path) -> None:
        """Take in a calibration: into the folder that is open, else only to look at."""
        found = self.calibrating.found
        if found is None:
            self.calibrating.open_rig(source)
            self.show_mode("result")
        else:
            self._write(lambda: import_rig(source, found.folder), SAVED)

    def _refine(self, rig_file: Path) -> None:
        dialog = RunDialog(
            self,
            self._context.library,
            "Refine from a person",
            "A run in which somebody walks through the whole volume. What comes out is shown before it is taken.",
        )
        if dialog.exec() and dialog.wanted is not None:
            self._context.add_job(refine_job(rig_file, dialog.wanted))

    def _show_refined(self, path: Path) -> None:
        """Show what a refinement found, and take it or let it go."""
        refined = load_refined(path)
        taken = RefinedDialog(self, refined, self._context.theme()).exec()
        if self._refused():
            return
        if taken:
            self._write(lambda: accept(refined), SAVED)
        else:
            reject(refined)

    def _refused(self) -> bool:
        """Whether another window may change these files and this one not; says so."""
        refused = self._context.library.refused
        if refused is not None:
            self._tell(refused)
        return refused is not None

    def _write(self, work: Callable[[], Path], said: str) -> None:
        """Write a calibration in a thread; it is shown when it is there."""
        if self._refused() or self._writing.busy:
            return
        self._said.setText("")
        self._when_written = said
        self._writing.order(work)

    def _take_written(self) -> None:
        if (done := self._writing.fetch()) is None:
            return
        try:
            path = done.result()
        except Exception as error:  # shown to the user in words
            self._tell(trouble_of(error))
            return
        self._said.setText(self._when_written)
        self._open_new(path)

    def _open_new(self, path: Path) -> None:
        """Show a calibration that was just written."""
        self.calibrating.refresh_rigs()
        self.calibrating.open_rig(path)
        self.show_mode("result")

    def _try(self, work: Callable[[], object]) -> None:
        """Do it; what goes wrong is told in the setup."""
        try:
            work()
        except Exception as error:  # shown to the user in words
            self._tell(trouble_of(error))

    def _tell(self, trouble: Trouble) -> None:
        """Tell of trouble, in the setup."""
        self.calibrating.trouble = trouble
        self.show_mode("setup")
        self._show_state()

    def open_result(self, result: Path) -> None:
        """Show the calibration that a job made, a refinement that waits, or a session that is to be calibrated."""
        if result.is_dir() or not result.suffix:  # a session that is gone is told of as such
            self.calibrating.choose(result)
            self.show_mode("setup")
            return
        if result.parent.name == PENDING:
            self._try(lambda: self._show_refined(result))
            return
        folder = result.parent.parent if result.parent.name == "calibration" else result.parent
        if self.calibrating.found is None or self.calibrating.found.folder != folder:
            self.calibrating.choose(folder)
        self.calibrating.open_rig(result)
        self.show_mode("result")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take folders and files."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """A folder to calibrate, or a calibration file to show."""
        path = next(Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile())
        event.acceptProposedAction()
        self.calibrating.choose(path)
        self.show_mode("setup")

    def set_theme(self, theme: Theme) -> None:
        """Take on other colours."""
        self.tiles.set_theme(theme)
        self.result.set_theme(theme)
        self.world.set_theme(theme)
        self.compare.set_theme(theme)

    def leave(self) -> None:
        """The window closes."""
        self._timer.stop()
        for leave in self._leave_jobs:
            leave()
        self._writing.close()
        self.calibrating.close()
        self.world.close_quietly()
        self.compare.close_quietly()
