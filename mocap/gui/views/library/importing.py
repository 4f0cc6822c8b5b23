"""The import dialog: what was found, which film is which camera's, and whether to copy."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QRadioButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from mocap.gui.jobs.importing import ImportJob
from mocap.gui.presenters.library.importing import Importing, size_in_words
from mocap.gui.presenters.library.thumbs import Thumbnails
from mocap.gui.views.library.films import FilmList
from mocap.gui.views.parts import TroubleCard, button, clear_layout, label, named

POLL_MS = 60
WIDTH_PX, HEIGHT_PX = 660, 700


class ImportDialog(QDialog):
    """Asks how a folder or films are to be taken in; ``wanted`` is the job when it was accepted."""

    def __init__(
        self,
        parent: QWidget | None,
        paths: tuple[Path, ...],
        home: Path,
        thumbnails: Thumbnails,
        into: Path | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Import")
        self.resize(WIDTH_PX, HEIGHT_PX)
        self.wanted: ImportJob | None = None
        self.importing, self._thumbnails = Importing(paths, home, into), thumbnails
        self._what, self._where = (
            label("Looking …", "heading", wrap=True),
            label(str(paths[0]), "faint", wrap=True),
        )
        self.trouble = TroubleCard()
        self.name, self.participant = QLineEdit(), QLineEdit(placeholderText="P01")
        named(self.name, "Name of the session")
        named(self.participant, "Participant, by a pseudonym")
        self.stay, self.copy = QRadioButton("Leave the videos where they are"), QRadioButton("Copy the videos")
        self._ways = QButtonGroup(self)
        self.then = QCheckBox("Process it afterwards")
        for control in (self.stay, self.copy, self.then):
            named(control, control.text())
        self._meaning = label("", "faint", wrap=True)
        self._films: list[FilmList] = []
        self._found = QVBoxLayout()
        self._found.setSpacing(8)
        self.start = button("Import", primary=True)
        self._lay_out()
        self._bind()
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()
        self._update()
        self.participant.setFocus()  # Enter there imports; the button itself waits until something is found

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 22, 24, 20)
        layout.setSpacing(10)
        head = QHBoxLayout()
        head.addWidget(label("Import", "title"), 1)
        for text, work in (("Choose a folder …", self._browse_folder), ("Choose videos …", self._browse_films)):
            other = button(text)
            other.clicked.connect(work)
            head.addWidget(other)
        layout.addLayout(head)
        for part in (self._what, self._where, self.trouble):
            layout.addWidget(part)
        inner = QWidget()
        holder = QVBoxLayout(inner)
        holder.setContentsMargins(0, 0, 6, 0)
        holder.addLayout(self._found)
        holder.addStretch(1)
        area = QScrollArea(widgetResizable=True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(inner)
        layout.addWidget(area, 1)
        fields = QHBoxLayout()
        for text, field in (("SESSION", self.name), ("PARTICIPANT", self.participant)):
            pair = QVBoxLayout()
            pair.setSpacing(4)
            pair.addWidget(label(text, "section"))
            pair.addWidget(field)
            fields.addLayout(pair, 1)
        asked = QWidget()
        inside = QVBoxLayout(asked)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addLayout(fields)
        inside.addWidget(label("A pseudonym, never a real name: it goes into files and reports.", "faint"))
        asked.setVisible(self.importing.into is None)
        layout.addWidget(asked)
        if self.importing.into is not None:
            layout.addWidget(label(f"Becomes a new trial of the session {self.importing.into.name}", "notice"))
        ways = QHBoxLayout()
        ways.addWidget(self.stay)
        ways.addWidget(self.copy)
        ways.addStretch(1)
        layout.addLayout(ways)
        layout.addWidget(self._meaning)
        cancel = button("Cancel")
        cancel.clicked.connect(self.reject)
        self.start.setDefault(True)
        end = QHBoxLayout()
        end.addWidget(self.then)
        end.addStretch(1)
        end.addWidget(cancel)
        end.addWidget(self.start)
        layout.addLayout(end)

    def _bind(self) -> None:
        self._ways.addButton(self.stay)
        self._ways.addButton(self.copy)
        self.copy.toggled.connect(self._choose_way)
        self.start.clicked.connect(self._accept)
        self.importing.changed.subscribe(self._found_something)

    def _browse_folder(self) -> None:
        if chosen := QFileDialog.getExistingDirectory(self, "Folder to import", self._where.text()):
            self._look((Path(chosen),))

    def _browse_films(self) -> None:
        chosen, _ = QFileDialog.getOpenFileNames(self, "Videos of all cameras", self._where.text())
        if chosen:
            self._look(tuple(Path(path) for path in chosen))

    def _look(self, paths: tuple[Path, ...]) -> None:
        self._where.setText(str(paths[0]))
        self._what.setText("Looking …")
        self.importing.look(paths)
        self._update()

    def _tick(self) -> None:
        self.importing.tick()
        self._thumbnails.tick()

    def _choose_way(self, copy: bool) -> None:
        self.importing.copy = copy
        self._meaning.setText(self.importing.place_words if self.importing.found else "")

    def _found_something(self) -> None:
        self.name.setText(self.importing.name)
        self.participant.setText(self.importing.participant)
        self._update()

    def _update(self) -> None:
        importing, found = self.importing, self.importing.found
        self.trouble.show_trouble(importing.trouble)
        clear_layout(self._found)
        self._leave_films()
        self.start.setEnabled(found is not None)
        for control in (self.stay, self.copy, self.then, self.name, self.participant):
            control.setEnabled(found is not None)
        if found is None:
            self._what.setText("Looking …" if importing.looking else "This cannot be imported")
            return
        self._what.setText(f"{found.title}  ·  {size_in_words(importing.size)}")
        self.stay.setEnabled(found.kind != "openmocap")
        (self.copy if importing.copy else self.stay).setChecked(True)
        self._meaning.setText(importing.place_words)
        rig = f"Calibration: {found.calibration.name}" if found.calibration else ""
        board = f"Board: {found.board.name}" if found.board else ""
        films = "Videos of the board, to calibrate from" if found.board_films else ""
        if words := "  ·  ".join(filter(None, (rig, board, films))):
            self._found.addWidget(label(words, "good", wrap=True))
        for note in found.notes:
            self._found.addWidget(label(note, "notice", wrap=True))
        for place in range(len(found.trials)):
            self._found.addWidget(self._trial_card(place))
        self.then.setVisible(len(found.trials) == 1 and bool(found.calibration))

    def _trial_card(self, place: int) -> QWidget:
        """A recording with its films and their cameras."""
        assert self.importing.found is not None
        trial, cameras = self.importing.found.trials[place], self.importing.cameras(place)
        card = QFrame()
        card.setObjectName("card")
        inner = QVBoxLayout(card)
        inner.setContentsMargins(14, 12, 14, 12)
        inner.setSpacing(8)
        inner.addWidget(label(trial.name, "number"))
        if trial.poses is not None:
            inner.addWidget(
                label(f"With detections ({trial.pose_format}), which can be used as they are", "faint")
            )
        films = FilmList(self._thumbnails)
        films.show_films(tuple(trial.videos.items()), cameras)
        films.given.connect(lambda film, camera: self.importing.give(place, film, camera))
        self._films.append(films)
        inner.addWidget(films)
        return card

    def _accept(self) -> None:
        self.importing.name, self.importing.participant = self.name.text(), self.participant.text()
        job = self.importing.job()
        if isinstance(job, ImportJob):
            self.wanted = job
            self.accept()
        else:
            self.trouble.show_trouble(job)

    def _leave_films(self) -> None:
        for films in self._films:
            films.leave()
        self._films = []

    def done(self, result: int) -> None:
        """Close, and let the looking thread go."""
        self._timer.stop()
        self._leave_films()
        self.importing.close()
        super().done(result)
