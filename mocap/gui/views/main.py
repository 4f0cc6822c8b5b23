"""The window: a rail of pages, the jobs at the side, and what files may be dropped on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSettings, QSize, Qt, QTimer, QUrl
from PySide6.QtGui import QCloseEvent, QDesktopServices, QDragEnterEvent, QDropEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QDockWidget,
    QHBoxLayout,
    QMainWindow,
    QMessageBox,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from mocap.gui.jobs.turntable import FILE
from mocap.gui.presenters.jobs import Job, JobRequest, JobRunner, Jobs
from mocap.gui.presenters.library.library import Library
from mocap.gui.views.context import Context, Page
from mocap.gui.views.icons import icon
from mocap.gui.views.jobs import JobsPanel
from mocap.gui.views.pages import PAGES
from mocap.gui.views.parts import named
from mocap.gui.views.process.dialog import NewRunDialog
from mocap.gui.views.shortcuts import WINDOW_KEYS, KeysDialog
from mocap.gui.views.theme import DARK, LIGHT, THEMES, Theme, apply_theme

# Jobs and the library are looked at this often, ms: smooth for a bar, nothing for a processor.
TICK_MS = 100
RAIL_PX = 84
ICON_PX = 22


class MainWindow(QMainWindow):
    """The whole app."""

    def __init__(self, runner: JobRunner, root: Path | None = None, settings: QSettings | None = None) -> None:
        super().__init__()
        self.setWindowTitle("openmocap")
        self.setAcceptDrops(True)
        self.resize(1280, 800)
        self._settings = settings or QSettings("openmocap", "openmocap")
        self.theme = THEMES.get(str(self._settings.value("theme", DARK.name)), DARK)
        self.library, self.jobs = Library(root), Jobs(runner)
        self.pages = QStackedWidget()
        # Else the widest page, shown or not, and the jobs beside it would widen the window.
        self.pages.setMinimumSize(1, 1)
        self._made: dict[str, Page] = {}
        self.context = Context(
            self.library, self.jobs, self._settings, lambda: self.theme,
            self.show_page, self.new_run, self.open_run, self.export_run, self.add_job, self.open_on,
        )  # fmt: skip
        self.rail = self._make_rail()
        self._lay_out()
        self._bind()
        self.set_theme(self.theme)
        self.show_page("library")
        self.library.refresh()
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _make_rail(self) -> QWidget:
        rail = QWidget()
        rail.setObjectName("rail")
        rail.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        rail.setFixedWidth(RAIL_PX)
        layout = QVBoxLayout(rail)
        layout.setContentsMargins(8, 14, 8, 12)
        layout.setSpacing(6)
        self._tools: dict[str, QToolButton] = {}
        entries = (*((page.name, page.title, True) for page in PAGES), ("jobs", "Jobs", True),
                   ("", "", False), ("keys", "Keys", False), ("theme", "Theme", False))  # fmt: skip
        for name, text, checkable in entries:
            if not name:
                layout.addStretch(1)
                continue
            made = QToolButton()
            named(made, text)
            made.setText(text)
            made.setCheckable(checkable)
            made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
            made.setIconSize(QSize(ICON_PX, ICON_PX))
            made.setFixedWidth(RAIL_PX - 16)
            made.clicked.connect(lambda _=False, what=name: self.act(what))
            self._tools[name] = made
            layout.addWidget(made)
        return rail

    def _lay_out(self) -> None:
        whole = QWidget()
        layout = QHBoxLayout(whole)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.rail)
        layout.addWidget(self.pages, 1)
        self.setCentralWidget(whole)
        self.jobs_panel = JobsPanel(self.jobs)
        self.jobs_dock = QDockWidget("Jobs")
        self.jobs_dock.setObjectName("jobs")
        self.jobs_dock.setWidget(self.jobs_panel)
        self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.jobs_dock)
        self.jobs_dock.hide()
        self.jobs_dock.visibilityChanged.connect(self._tools["jobs"].setChecked)

    def _bind(self) -> None:
        self.jobs_panel.open_result.connect(self.open_result)
        self.jobs.changed.subscribe(self._count_jobs)
        self.jobs.over.subscribe(lambda _: self.library.refresh())
        for key, what, _ in (*WINDOW_KEYS, *((page.key, page.name, page.title) for page in PAGES)):
            QShortcut(QKeySequence(key), self, lambda w=what: self.act(w))

    def page(self, name: str) -> Page:
        """A page by its name, made at first use."""
        if name not in self._made:
            page = next(spec for spec in PAGES if spec.name == name).make(self.context)
            for key, what, _ in page.keys:
                shortcut = QShortcut(QKeySequence(key), page, lambda w=what: _press_or(w, page))
                shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            self._made[name] = page
            self.pages.addWidget(page)
        return self._made[name]

    @property
    def shown(self) -> Page:
        """The page that is shown."""
        page = self.pages.currentWidget()
        assert isinstance(page, Page)
        return page

    def show_page(self, name: str) -> None:
        """Show a page."""
        before, page = self.pages.currentWidget(), self.page(name)
        if before is not page and isinstance(before, Page):
            before.away()
        self.pages.setCurrentWidget(page)
        for spec in PAGES:
            self._tools[spec.name].setChecked(spec.name == name)
        page.enter()

    def act(self, what: str) -> None:
        """Do what a button or a key asks for."""
        actions: dict[str, Callable[[], object]] = {
            **{spec.name: partial(self.show_page, spec.name) for spec in PAGES},
            "jobs": lambda: self.jobs_dock.setVisible(not self.jobs_dock.isVisible()),
            "new": lambda: self.new_run(None),
            "refresh": self.library.refresh,
            "theme": lambda: self.set_theme(LIGHT if self.theme is DARK else DARK),
            "keys": lambda: self.keys_dialog().exec(),
            "search": self._search,
        }
        if what in actions:
            actions[what]()
        else:
            self.shown.act(what)

    def keys_dialog(self) -> KeysDialog:
        """The sheet of all keys."""
        pages = ("Pages", tuple((spec.key, spec.name, spec.title) for spec in PAGES))
        return KeysDialog(self, (pages, *((spec.title, self.page(spec.name).keys) for spec in PAGES)))

    def _search(self) -> None:
        self.show_page("library")
        self.shown.act("search")

    def new_run(self, path: Path | Sequence[Path] | None) -> None:
        """Ask for new runs of a recording, or of several, and put them in the queue."""
        dialog = NewRunDialog(self, path)
        if dialog.exec():
            for job in dialog.wanted:
                self.add_job(job)

    def add_job(self, request: JobRequest) -> None:
        """Put a job in the queue and show it; a window that may only look says why not."""
        if not self.library.writable:
            self.show_page("library")
            self.shown.act("refused")
            return
        self.jobs.add(request)
        self.jobs_dock.show()

    def open_result(self, job: Job) -> None:
        """Show what a job made on the page that knows it."""
        if job.result is not None and job.opens == FILE:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(job.result)))
        elif job.result is not None:
            self.open_on(job.opens, job.result)

    def open_on(self, name: str, folder: Path) -> None:
        """Show a page on a session, a trial or a run."""
        self.show_page(name)
        self.shown.open_result(folder)

    def open_run(self, folder: Path) -> None:
        """Open a run in the review."""
        self.show_page("review")
        self.shown.open_result(folder)

    def export_run(self, folder: Path | Sequence[Path]) -> None:
        """Ask what to export of a run, or of several."""
        from mocap.gui.views.export import ExportDialog
        from mocap.gui.views.turntable import NAME, TurntablePane

        dialog = ExportDialog(self, folder)
        dialog.add_pane(NAME, TurntablePane(dialog.export.runs, self.add_job))
        dialog.exec()

    def set_theme(self, theme: Theme) -> None:
        """Change all colours."""
        self.theme = theme
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        apply_theme(app, theme)
        for name, made in self._tools.items():
            made.setIcon(icon(name, theme.text))
        for page in self._made.values():
            page.set_theme(theme)
        self._settings.setValue("theme", theme.name)

    def _tick(self) -> None:
        self.jobs.tick()
        self.library.tick()

    def _count_jobs(self) -> None:
        count = len(self.jobs.active)
        self._tools["jobs"].setText(f"Jobs ({count})" if count else "Jobs")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take folders and files."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """What was dropped goes into the library, once the drop itself is over."""
        paths = tuple(Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile())
        event.acceptProposedAction()
        QTimer.singleShot(0, lambda: self.import_paths(paths))

    def import_paths(self, paths: tuple[Path, ...]) -> None:
        """Take films or a folder into the library."""
        from mocap.gui.views.library.page import LibraryPage

        self.show_page("library")
        page = self.shown
        assert isinstance(page, LibraryPage)
        page.import_paths(paths)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask while jobs are at work; what they did is kept in any case."""
        if self.jobs.active and not self._may_close():
            event.ignore()
            return
        if not all(page.may_close() for page in self._made.values()):
            event.ignore()
            return
        self.close_quietly()
        super().closeEvent(event)

    def close_quietly(self) -> None:
        """Stop the jobs and let all threads go, without a question."""
        self._timer.stop()
        for job in self.jobs.active:
            self.jobs.cancel(job.id)
        self.library.close()
        for page in self._made.values():
            page.leave()

    def _may_close(self) -> bool:
        box = QMessageBox(self)
        box.setWindowTitle("A job is at work")
        box.setText("A job is still at work.")
        box.setInformativeText("If you close now it stops. What is done is kept: started again, it goes on there.")
        close = box.addButton("Stop and close", QMessageBox.ButtonRole.DestructiveRole)
        stay = box.addButton("Go on", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(stay)
        box.exec()
        return box.clickedButton() is close


def _press_or(what: str, page: Page) -> None:
    """A key of a page; on a button, the space bar presses the button, as everywhere."""
    focused = QApplication.focusWidget()
    if what == "play" and isinstance(focused, QAbstractButton):
        focused.click()
    else:
        page.act(what)
