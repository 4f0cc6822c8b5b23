"""The window: a rail of pages, the jobs at the side, and what files may be dropped on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings, QSize, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence, QShortcut
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

from mocap.gui.presenters.jobs import Job, JobRunner, Jobs
from mocap.gui.presenters.library import Library
from mocap.gui.views.icons import icon
from mocap.gui.views.jobs import JobsPanel
from mocap.gui.views.library import LibraryPage
from mocap.gui.views.newrun import NewRunDialog
from mocap.gui.views.parts import named
from mocap.gui.views.shortcuts import REVIEW_KEYS, WINDOW_KEYS, KeysDialog
from mocap.gui.views.theme import DARK, LIGHT, THEMES, Theme, apply_theme

# Jobs and the library are looked at this often, ms: smooth for a bar, nothing for a processor.
TICK_MS = 100
RAIL_PX = 84
ICON_PX = 22
LAYOUT_VERSION = 1


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
        self.library_page = LibraryPage(self.library)
        self.pages.addWidget(self.library_page)
        # Plots and OpenGL take a second to load, so the review is made when it is first wanted.
        self._review_page: QWidget | None = None
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
        entries = (("library", "Library", True), ("review", "Review", True), ("jobs", "Jobs", True),
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
        self.jobs_panel.open_run.connect(self.open_run)
        self.jobs_dock = QDockWidget("Jobs")
        self.jobs_dock.setObjectName("jobs")
        self.jobs_dock.setWidget(self.jobs_panel)
        self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.jobs_dock)
        self.jobs_dock.hide()
        self.jobs_dock.visibilityChanged.connect(self._tools["jobs"].setChecked)

    def _bind(self) -> None:
        page = self.library_page
        page.new_run.connect(self.new_run)
        page.open_run.connect(self.open_run)
        page.export_run.connect(self.export_run)
        self.jobs.changed.subscribe(self._count_jobs)
        self.jobs.finished = self._job_over
        for key, what, _ in WINDOW_KEYS:
            QShortcut(QKeySequence(key), self, lambda w=what: self.act(w))

    @property
    def review_page(self):  # type: ignore[no-untyped-def]  # its type is as heavy as itself
        """The review page, made at first use."""
        if self._review_page is None:
            from mocap.gui.views.review import ReviewPage

            page = ReviewPage(self.theme)
            page.export_run.connect(self.export_run)
            page.kept_layout = self.kept_layout()
            for key, what, _ in REVIEW_KEYS:
                shortcut = QShortcut(QKeySequence(key), page, lambda w=what: self._review_key(w))
                shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            self._review_page = page
            self.pages.addWidget(page)
        return self._review_page

    def _review_key(self, what: str) -> None:
        """A key of the review; on a button, the space bar presses the button, as everywhere."""
        focused = QApplication.focusWidget()
        if what == "play" and isinstance(focused, QAbstractButton):
            focused.click()
        else:
            self.review_page.act(what)

    def show_page(self, name: str) -> None:
        """Show a page."""
        self.pages.setCurrentWidget(self.library_page if name == "library" else self.review_page)
        for page in ("library", "review"):
            self._tools[page].setChecked(page == name)
        if name == "review":
            self.review_page.timeline.ruler.setFocus()

    def act(self, what: str) -> None:
        """Do what a button or a key asks for."""
        actions: dict[str, Callable[[], object]] = {
            "library": lambda: self.show_page("library"),
            "review": lambda: self.show_page("review"),
            "jobs": lambda: self.jobs_dock.setVisible(not self.jobs_dock.isVisible()),
            "new": lambda: self.new_run(None),
            "export": self._export_current,
            "search": self._search,
            "refresh": self.library.refresh,
            "theme": lambda: self.set_theme(LIGHT if self.theme is DARK else DARK),
            "layout": lambda: self.review_page.reset_layout(),
            "keys": lambda: KeysDialog(self).exec(),
        }
        actions[what]()

    def _search(self) -> None:
        self.show_page("library")
        self.library_page.search.setFocus()

    def new_run(self, path: Path | None) -> None:
        """Ask for a new run and put it in the queue."""
        dialog = NewRunDialog(self, path)
        if dialog.exec() and dialog.wanted is not None:
            self.jobs.add(dialog.wanted)
            self.jobs_dock.show()

    def open_run(self, folder: Path) -> None:
        """Open a run in the review."""
        self.show_page("review")
        self.review_page.open(folder)

    def export_run(self, folder: Path) -> None:
        """Ask what to export."""
        from mocap.gui.views.export import ExportDialog

        ExportDialog(self, folder).exec()

    def _export_current(self) -> None:
        if self.pages.currentWidget() is self.library_page:
            self.library_page.inspector.export.click()
        elif self.review_page.review is not None:
            self.export_run(self.review_page.review.folder)

    def set_theme(self, theme: Theme) -> None:
        """Change all colours."""
        self.theme = theme
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        apply_theme(app, theme)
        for name, made in self._tools.items():
            made.setIcon(icon(name, theme.text))
        self.library_page.set_theme(theme)
        if self._review_page is not None:
            self.review_page.set_theme(theme)
        self._settings.setValue("theme", theme.name)

    def _tick(self) -> None:
        self.jobs.tick()
        self.library.tick()

    def _count_jobs(self) -> None:
        count = len(self.jobs.active)
        self._tools["jobs"].setText(f"Jobs ({count})" if count else "Jobs")

    def _job_over(self, job: Job) -> None:
        self.library.refresh()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take folders and files."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """A new run on what was dropped, once the drop itself is over."""
        path = next(Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile())
        event.acceptProposedAction()
        QTimer.singleShot(0, lambda: self.new_run(path))

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask while jobs are at work; what they did is kept in any case."""
        if self.jobs.active and not self._may_close():
            event.ignore()
            return
        self.keep_layout()
        self.close_quietly()
        super().closeEvent(event)

    def close_quietly(self) -> None:
        """Stop the jobs and let all threads go, without a question."""
        self._timer.stop()
        for job in self.jobs.active:
            self.jobs.cancel(job.id)
        self.library.close()
        if self._review_page is not None:
            self.review_page.leave()

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

    def keep_layout(self) -> None:
        """Keep the panes for the next time."""
        if self._review_page is not None:
            self._settings.setValue(f"panes {LAYOUT_VERSION}", self.review_page.layout_state())

    def kept_layout(self) -> QByteArray | None:
        """Panes of the last time."""
        value = self._settings.value(f"panes {LAYOUT_VERSION}")
        return value if isinstance(value, QByteArray) else None
