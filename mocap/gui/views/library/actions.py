"""What the library does when it is asked: by a key, a button, a menu, or something dropped on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QSettings, QTimer, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog

from mocap.gui.jobs.importing import ImportJob, PosesJob
from mocap.gui.presenters.jobs import Job
from mocap.gui.presenters.library.deeds import Deeds, detailing, renaming, split_tags, tagging, trashing
from mocap.gui.presenters.library.library import Entry, SessionEntry, TrialEntry
from mocap.gui.presenters.library.rigs import calibrating_with, others_calibrated
from mocap.gui.presenters.words import Trouble
from mocap.gui.views.context import Context
from mocap.gui.views.library.importing import ImportDialog
from mocap.gui.views.library.menus import TrashDialog, ask_details, ask_name, entry_menu, more_menu
from mocap.gui.views.pages import PAGES

if TYPE_CHECKING:
    from mocap.gui.views.library.page import LibraryPage

MOST_RECENT = 6
RECENT_KEY, FOLDER_KEY = "recent folders", "data folder"
# Pages that go on with a session.
# What can be done with several at once.
TOGETHER = ("process", "export", "trash")
PAGE_OF = {"record": "capture", "calibrate": "calibrate"}


class LibraryActions:
    """Does what the page is asked for."""

    def __init__(self, page: LibraryPage, context: Context) -> None:
        self._page, self._context, self._library = page, context, context.library
        self._process_next: set[str] = set()
        self.deeds = Deeds(lambda: self._library.refused, self._busy)
        context.jobs.over.subscribe(self._job_over)

    def act(self, what: str) -> None:
        """Do what a key or a button asks for."""
        page, entry = self._page, self._page.chosen
        always: dict[str, Callable[[], object]] = {
            "search": page.search.setFocus,
            "undo": self.deeds.undo,
            "redo": self.deeds.redo,
            "folder": self._choose_folder,
            "bin": self._show_trash,
            "refused": self.may,
        }
        changing = {"session": self._new_session, "import": self._browse, "demo": self._demo}
        if what in always:
            always[what]()
        elif what in changing:
            if self.may():
                changing[what]()
        elif what in TOGETHER and len(self._page.all_chosen) > 1:
            self._act_on_all(self._page.all_chosen, what)
        elif isinstance(entry, TrialEntry):
            self._act_on_trial(entry, what)
        elif isinstance(entry, SessionEntry):
            self._act_on_session(entry, what)

    def _act_on_all(self, entries: tuple[Entry, ...], what: str) -> None:
        """Do something with everything that is chosen; a session stands for its trials."""
        trials = trials_of(entries)
        if what == "export":
            if runs := tuple(trial.best.folder for trial in trials if trial.best is not None):
                self._context.export_run(runs)
        elif not self.may():
            return
        elif what == "process":
            if folders := tuple(trial.folder for trial in trials if len(trial.videos) > 1):
                self._context.new_run(folders)
        else:
            inside = {entry.folder for entry in entries if isinstance(entry, SessionEntry)}
            for entry in entries:
                if isinstance(entry, SessionEntry) or entry.session_folder not in inside:
                    self.deeds.do(trashing(self._library.root, entry.folder))

    def _act_on_trial(self, trial: TrialEntry, what: str) -> None:
        if what == "open":
            self.open(trial)
        elif what == "export":
            self._page.inspector.export.click()
        elif what == "analyse":
            if trial.best is not None:
                self._context.open_on("analyse", trial.best.folder)
        elif what not in ("process", "poses", "align", "rename"):
            self._act_on_any(trial, what)
        elif not self.may():
            return
        elif what == "rename":
            if name := ask_name(self._page, trial.name):
                self.deeds.do(renaming(trial.folder, name))
        elif what == "process":
            self._context.new_run(trial.folder)
        elif what == "align":
            self._align(trial)
        elif trial.told.poses is not None:
            title = f"{trial.name} · its own detections"
            self._context.add_job(PosesJob(title, Path(trial.told.poses), trial.folder))

    def _act_on_session(self, session: SessionEntry, what: str) -> None:
        if what in ("process", "export"):
            self._act_on_all((session,), what)
        elif what not in ("add", "details", "rig"):
            self._act_on_any(session, what)
        elif self.may():
            if what == "add":
                self._browse(session.folder)
            elif what == "rig":
                self._calibrate_with(session)
            elif (told := ask_details(self._page, session.told)) is not None:
                self.deeds.do(detailing(session.folder, told))

    def _act_on_any(self, entry: Entry, what: str) -> None:
        if what == "show":
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(entry.folder)))
        elif not self.may():
            return
        elif what == "trash":
            self.deeds.do(trashing(self._library.root, entry.folder))
        elif what == "tags":
            self._page.inspector.tags.setFocus()
            self._page.inspector.tags.selectAll()
        elif what in PAGE_OF and PAGE_OF[what] in self.pages():
            session = entry.folder if isinstance(entry, SessionEntry) else entry.session_folder
            self._context.open_on(PAGE_OF[what], session)

    def offers(self, entry: Entry | None) -> frozenset[str]:
        """Actions that can be had for an entry."""
        found: set[str] = {what for what, page in PAGE_OF.items() if page in self.pages()}
        if isinstance(entry, SessionEntry):
            found |= {"process"} if any(len(trial.videos) > 1 for trial in entry.trials) else set()
            found |= {"export"} if any(trial.best is not None for trial in entry.trials) else set()
            return frozenset(found | {"add", "details", "rig"})
        if not isinstance(entry, TrialEntry):
            return frozenset()
        found |= {"export", "report"}
        if len(entry.videos) > 1:
            found |= {"process", "align"} | ({"poses"} if entry.told.poses is not None else set())
        return frozenset(found | ({"analyse"} & self.pages()))

    def open(self, entry: Entry | None) -> None:
        """Open the newest finished run of a trial."""
        if isinstance(entry, TrialEntry) and entry.best is not None:
            self._context.open_run(entry.best.folder)

    def tag(self, text: str) -> None:
        """Give the chosen one other tags."""
        entry = self._page.chosen
        if entry is not None and self.may():
            self.deeds.do(tagging(entry.folder, split_tags(text)))

    def new_run(self) -> None:
        """Process a folder of videos, wherever it lies."""
        self._context.new_run(None)

    def import_paths(self, paths: tuple[Path, ...], into: Path | None = None) -> None:
        """Ask how films or a folder are to be taken in."""
        if not self.may():
            return
        dialog = ImportDialog(self._page, paths, self._library.root, self._page.thumbnails, into)
        if dialog.exec() and dialog.wanted is not None:
            if dialog.then.isChecked():
                self._process_next.add(dialog.wanted.title)
            self._context.add_job(dialog.wanted)

    @property
    def root(self) -> Path:
        """The data folder."""
        return self._library.root

    @staticmethod
    def pages() -> frozenset[str]:
        """Pages that the window has."""
        return frozenset(spec.name for spec in PAGES)

    def may(self) -> bool:
        """Whether something may be changed; says why not."""
        self._page.trouble.show_trouble(self._library.refused)
        return self._library.writable

    def _busy(self, folder: Path) -> bool:
        """Whether a job works on a trial, or on one of a session."""
        asked = (job.request for job in self._context.jobs.active)
        places = (getattr(request, name, None) for request in asked for name in ("path", "trial"))
        return any(isinstance(place, Path) and place.is_relative_to(folder) for place in places)

    def _job_over(self, job: Job) -> None:
        """An import is done: show what it made, and go on with it if that was asked for."""
        if not isinstance(job.request, ImportJob) or job.state != "done" or job.result is None:
            return
        self._page.choose(job.result)
        if job.request.title in self._process_next:
            self._process_next.discard(job.request.title)
            made = job.result
            QTimer.singleShot(0, lambda: self._context.new_run(made))

    def _align(self, trial: TrialEntry) -> None:
        from mocap.gui.views.align.dialog import AlignDialog

        AlignDialog(self._page, trial.folder).exec()
        self._library.refresh()

    def _calibrate_with(self, session: SessionEntry) -> None:
        from mocap.gui.views.library.rigs import RigDialog

        dialog = RigDialog(self._page, session, others_calibrated(self._library.every_session, session.folder))
        if dialog.exec() and dialog.wanted is not None:
            self.deeds.do(calibrating_with(session.folder, dialog.wanted))

    def _browse(self, into: Path | None = None) -> None:
        if folder := QFileDialog.getExistingDirectory(self._page, "Folder of videos, or of another program"):
            self.import_paths((Path(folder),), into)

    def _new_session(self) -> None:
        from mocap.gui.views.library.wizard import SessionWizard

        wizard = SessionWizard(self._page, self._library, self._page.thumbnails)
        wizard.exec()
        if wizard.made is None:
            return
        self._page.open_result(wizard.made)
        if wizard.job is not None:
            self._context.add_job(wizard.job)
        if wizard.next_page in self.pages():
            self._context.open_on(wizard.next_page, wizard.made)

    def _demo(self) -> None:
        from mocap.gui.jobs.process import ProcessJob
        from mocap.studio import sample_dir

        out = self._library.root / "demo"
        self._context.add_job(ProcessJob(title="Demo", path=sample_dir(), preset="balanced", out=out))

    def open_last_folder(self) -> None:
        """The data folder of the last time, unless another one was asked for."""
        last = str(self._context.settings.value(FOLDER_KEY, ""))
        if last and not self._library.given and Path(last).is_dir():
            self._library.open_root(Path(last))

    def _choose_folder(self) -> None:
        if chosen := QFileDialog.getExistingDirectory(self._page, "Data folder", str(self._library.root)):
            self.open_folder(Path(chosen))

    def open_folder(self, folder: Path) -> None:
        """Open another data folder, and remember it."""
        if self._context.jobs.active:
            what = "Jobs are at work in this data folder."
            self._page.trouble.show_trouble(Trouble(what, "Wait until they are done, or stop them (Ctrl+J)."))
            return
        settings = self._context.settings
        recent = dict.fromkeys((str(folder), str(self._library.root), *recent_folders(settings)))
        settings.setValue(RECENT_KEY, list(recent)[:MOST_RECENT])
        settings.setValue(FOLDER_KEY, str(folder))
        self.deeds.forget()
        self._library.open_root(folder)

    def show_menu(self, entry: Entry, place: QPoint) -> None:
        """Show what can be done with an entry."""
        entry_menu(self._page, self, entry, self._library.writable).exec(place)

    def show_more(self, place: QPoint) -> None:
        """Show what else there is."""
        recent = recent_folders(self._context.settings)
        more_menu(self._page, self, self.deeds.undoable, recent, self._library.writable).exec(place)

    def _show_trash(self) -> None:
        TrashDialog(self._page, self._library.root, self.deeds, self._library.writable).exec()


def trials_of(entries: tuple[Entry, ...]) -> tuple[TrialEntry, ...]:
    """Trials among entries, each once; a session stands for all of its own."""
    found: dict[Path, TrialEntry] = {}
    for entry in entries:
        inside = entry.trials if isinstance(entry, SessionEntry) else (entry,)
        found |= {trial.folder: trial for trial in inside}
    return tuple(found.values())


def recent_folders(settings: QSettings) -> tuple[str, ...]:
    """Data folders that were open before."""
    kept = settings.value(RECENT_KEY, [])
    # A list of one comes back as its only word.
    return (kept,) if isinstance(kept, str) else tuple(map(str, kept)) if isinstance(kept, list) else ()
