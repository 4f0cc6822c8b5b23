"""The wizard of a new session: person, cameras, films."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QRadioButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from mocap.core.errors import ExplainedError
from mocap.gui.jobs.importing import ImportJob
from mocap.gui.presenters.library.library import Library
from mocap.gui.presenters.library.thumbs import Thumbnails
from mocap.gui.presenters.library.wizard import STEPS, NewSession
from mocap.gui.presenters.words import trouble_of
from mocap.gui.views.library.films import FilmList
from mocap.gui.views.library.wizard_person import PersonForm
from mocap.gui.views.parts import Choice, TroubleCard, button, label, named
from mocap.session import SessionFolder

POLL_MS = 60
WIDTH_PX, HEIGHT_PX = 760, 680
STEPS_PX = 150
LENSES = (
    ("earlier", "As in an earlier session", "The cameras still stand where they stood then."),
    (
        "file",
        "From a file",
        "Of this or another program: Anipose, Caliscope, FreeMoCap, Pose2Sim, Qualisys, OpenCap …",
    ),
    ("new", "Calibrate anew", "With a printed board, on the next page."),
)
SOURCES = (
    ("record", "Record now", "With the cameras that are plugged in."),
    ("films", "Choose videos", "One video a camera, of the same movement."),
    ("later", "Later", "Only make the session."),
)


class SessionWizard(QDialog):
    """Makes a session; ``made`` is its folder, ``job`` brings films in, ``next_page`` goes on with it."""

    def __init__(self, parent: QWidget | None, library: Library, thumbnails: Thumbnails) -> None:
        super().__init__(parent)
        self.setWindowTitle("New session")
        self.resize(WIDTH_PX, HEIGHT_PX)
        self.made: Path | None = None
        self.job: ImportJob | None = None
        self.next_page = ""
        self.state = NewSession(library.root, library.every_session, date.today())
        self._thumbnails = thumbnails
        self.form = PersonForm(self.state.draft.person)
        self.name = QLineEdit()
        named(self.name, "Name of the session")
        self.lenses, self.sources = QButtonGroup(self), QButtonGroup(self)
        self.earlier, self.rig_file = Choice(), QLineEdit()
        named(self.earlier, "Earlier session")
        named(self.rig_file, "Calibration file")
        self.films = FilmList(thumbnails)
        self.trial = QLineEdit()
        named(self.trial, "Name of the trial")
        self.trouble = TroubleCard()
        self.back, self.next = button("Back"), button("Next", primary=True)
        self.next.setDefault(True)
        self._marks: list[QLabel] = []
        self.stack = QStackedWidget()
        for page in (self._person_page(), self._cameras_page(), self._films_page()):
            self.stack.addWidget(page)
        self._lay_out()
        self._bind()
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()
        self._update()
        self.form.participant.setFocus()

    def _lay_out(self) -> None:
        steps = QWidget()
        steps.setFixedWidth(STEPS_PX)
        side = QVBoxLayout(steps)
        side.setContentsMargins(0, 6, 0, 0)
        side.setSpacing(12)
        for text in STEPS:
            mark = label(text, "faint")
            self._marks.append(mark)
            side.addWidget(mark)
        side.addStretch(1)
        middle = QHBoxLayout()
        middle.setSpacing(18)
        middle.addWidget(steps)
        middle.addWidget(self.stack, 1)
        cancel = button("Cancel")
        cancel.clicked.connect(self.reject)
        end = QHBoxLayout()
        end.addWidget(cancel)
        end.addStretch(1)
        end.addWidget(self.back)
        end.addWidget(self.next)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 22, 24, 20)
        layout.setSpacing(14)
        layout.addWidget(label("New session", "title"))
        layout.addLayout(middle, 1)
        layout.addWidget(self.trouble)
        layout.addLayout(end)

    def _person_page(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.form)
        layout.addSpacing(6)
        layout.addWidget(label("NAME OF THE SESSION", "section"))
        layout.addWidget(self.name)
        layout.addStretch(1)
        return page

    def _cameras_page(self) -> QWidget:
        for session in self.state.earlier:
            self.earlier.addItem(f"{session.name}  ·  {session.date}")
        browse = button("Browse …", "Choose the calibration file")
        browse.clicked.connect(self._browse_rig)
        line = QWidget()
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.rig_file, 1)
        row.addWidget(browse)
        self._rig_line = line
        page, layout = _choices(
            "Where do the cameras stand, and how do they see? A calibration tells.", LENSES, self.lenses,
            {"earlier": self.earlier, "file": line},
        )  # fmt: skip
        self.lenses.button(0).setEnabled(bool(self.state.earlier))
        self._cameras = label("", "good", wrap=True)
        layout.addWidget(self._cameras)
        layout.addStretch(1)
        return page

    def _films_page(self) -> QWidget:
        browse, folder = button("Choose videos …"), button("Choose a folder …")
        browse.clicked.connect(self._browse_films)
        folder.clicked.connect(self._browse_folder)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        row = QHBoxLayout()
        row.addWidget(label("TRIAL", "section"))
        row.addWidget(self.trial, 1)
        row.addWidget(browse)
        row.addWidget(folder)
        column.addLayout(row)
        area = QScrollArea(widgetResizable=True)
        area.setWidget(self.films)
        column.addWidget(area, 1)
        self._chosen_films = inside
        page, layout = _choices("Where do the videos come from?", SOURCES, self.sources, {})
        layout.addWidget(inside, 1)
        self._films_end = QWidget()
        layout.addWidget(self._films_end, 1)
        return page

    def _bind(self) -> None:
        state = self.state
        self.form.changed.connect(lambda: state.set(person=self.form.text))
        self.name.textEdited.connect(lambda text: state.set(name=text))
        self.lenses.idClicked.connect(lambda number: state.set(lens=LENSES[number][0]))
        self.sources.idClicked.connect(lambda number: state.set(source=SOURCES[number][0]))
        self.earlier.activated.connect(
            lambda index: state.set(lens="earlier", earlier=SessionFolder(state.earlier[index].folder).rig)
        )
        self.rig_file.textEdited.connect(
            lambda text: state.set(lens="file", rig_file=Path(text) if text else None)
        )
        self.trial.textEdited.connect(lambda text: state.set(trial=text))
        self.films.given.connect(lambda film, camera: state.give(film, camera))
        self.back.clicked.connect(state.go_back)
        self.next.clicked.connect(self._step_on)
        state.changed.subscribe(self._update)

    def _browse_rig(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Calibration file")
        if chosen:
            self.state.set(lens="file", rig_file=Path(chosen))

    def _browse_films(self) -> None:
        chosen, _ = QFileDialog.getOpenFileNames(self, "Videos of all cameras")
        if chosen:
            self.choose_films(tuple(Path(path) for path in chosen))

    def _browse_folder(self) -> None:
        if chosen := QFileDialog.getExistingDirectory(self, "Folder with the videos of all cameras"):
            self.choose_films((Path(chosen),))

    def choose_films(self, paths: tuple[Path, ...]) -> None:
        """Take these films."""
        self.state.set(source="films")
        self.state.choose_films(paths)

    def _step_on(self) -> None:
        """Go on; in the next step the answer that holds is in focus, not the first one that could be had."""
        before = self.state.step
        self._go_on()
        groups = {1: self.lenses, 2: self.sources}
        if self.state.step != before and (chosen := groups[self.state.step].checkedButton()) is not None:
            chosen.setFocus()

    def _go_on(self) -> None:
        if not self.state.go_on():
            return
        try:
            self.made, self.job = self.state.make()
        except ExplainedError as error:
            self.trouble.show_trouble(trouble_of(error))
            return
        self.next_page = self.state.next_page
        self.accept()

    def _tick(self) -> None:
        self.state.tick()
        self._thumbnails.tick()

    def _update(self) -> None:
        state, draft = self.state, self.state.draft
        self.stack.setCurrentIndex(state.step)
        for number, mark in enumerate(self._marks):
            done = "✓" if number < state.step else str(number + 1)
            mark.setText(f"{done}   {STEPS[number]}")
            mark.setObjectName("heading" if number == state.step else "faint")
            mark.style().polish(mark)
        self.name.setPlaceholderText(state.suggested)
        if draft.rig_file is not None and self.rig_file.text() != str(draft.rig_file):
            self.rig_file.setText(str(draft.rig_file))
        self.lenses.button([name for name, *_ in LENSES].index(draft.lens)).setChecked(True)
        self.sources.button([name for name, *_ in SOURCES].index(draft.source)).setChecked(True)
        self.earlier.setVisible(draft.lens == "earlier")
        self._rig_line.setVisible(draft.lens == "file")
        self._cameras.setText(f"Cameras: {', '.join(state.cameras)}" if state.cameras else "")
        films = draft.source == "films"
        self._chosen_films.setVisible(films)
        self._films_end.setVisible(not films)
        if self.trial.text() != draft.trial:
            self.trial.setText(draft.trial)
        self.films.show_films(
            draft.videos, state.choices, "Looking …" if state.looking else "No videos chosen yet."
        )
        self.trouble.show_trouble(state.trouble)
        self.back.setEnabled(state.step > 0)
        self.next.setText("Create" if state.step == len(STEPS) - 1 else "Next")

    def done(self, result: int) -> None:
        """Close, and let the threads go."""
        self._timer.stop()
        self.films.leave()
        self.state.close()
        super().done(result)


def _choices(
    question: str, options: tuple[tuple[str, str, str], ...], group: QButtonGroup, inside: dict[str, QWidget]
) -> tuple[QWidget, QVBoxLayout]:
    """A question with answers to choose from, each with a word on it, and what belongs to it below."""
    page = QWidget()
    layout = QVBoxLayout(page)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    layout.addWidget(label(question, "heading", wrap=True))
    layout.addSpacing(8)
    for number, (name, title, words) in enumerate(options):
        choice = QRadioButton(title)
        named(choice, f"{title}: {words}")
        group.addButton(choice, number)
        layout.addWidget(choice)
        told = label(words, "faint", wrap=True)
        told.setContentsMargins(24, 0, 0, 0)
        layout.addWidget(told)
        if name in inside:
            holder = QHBoxLayout()
            holder.setContentsMargins(24, 4, 0, 0)
            holder.addWidget(inside[name])
            layout.addLayout(holder)
        layout.addSpacing(8)
    return page, layout
