"""The form about the person of a session, and the dialog that changes it later."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from mocap.core.errors import ExplainedError
from mocap.gui.presenters.library.wizard import SEXES, PersonText, privacy_hint, text_of, told_of
from mocap.gui.presenters.words import trouble_of
from mocap.gui.views.parts import Choice, TroubleCard, button, label, named
from mocap.session import SessionManifest

NOTES_PX = 74


class PersonForm(QWidget):
    """Participant, date, tags; sex, height and mass where they are known; notes."""

    changed = Signal()

    def __init__(self, text: PersonText) -> None:
        super().__init__()
        self.participant, self.day = QLineEdit(text.participant), QLineEdit(text.day)
        self.tags, self.height_, self.mass = QLineEdit(text.tags), QLineEdit(text.height), QLineEdit(text.mass)
        self.sex, self.notes = Choice(), QPlainTextEdit(text.notes)
        self.sex.addItems([words for _, words in SEXES])
        self.sex.setCurrentIndex([name for name, _ in SEXES].index(text.sex))
        for field, name, hint in (
            (self.participant, "Participant, by a pseudonym", "P01"),
            (self.day, "Date of the recording", "2026-01-31"),
            (self.tags, "Tags of the session", "pilot, knee, barefoot"),
            (self.height_, "Height in centimetres", "175"),
            (self.mass, "Mass in kilograms", "70"),
        ):
            named(field, name)
            field.setPlaceholderText(hint)
            field.textChanged.connect(self._changed)
        named(self.sex, "Sex")
        named(self.notes, "Notes")
        self.notes.setFixedHeight(NOTES_PX)
        self.notes.setTabChangesFocus(True)
        self.sex.currentIndexChanged.connect(self._changed)
        self.notes.textChanged.connect(self._changed)
        self._hint = label("", "faint", wrap=True)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(5)
        rows: tuple[tuple[tuple[str, QWidget, int], ...], ...] = (
            (("PARTICIPANT", self.participant, 2), ("DATE", self.day, 1)),
            (("TAGS", self.tags, 3),),
            (("SEX", self.sex, 1), ("HEIGHT, cm", self.height_, 1), ("MASS, kg", self.mass, 1)),
            (("NOTES", self.notes, 3),),
        )
        line = 0
        for row in rows:
            column = 0
            for text_, field, span in row:
                grid.addWidget(label(text_, "section"), line, column)
                grid.addWidget(field, line + 1, column, 1, span)
                column += span
            line += 2
            if row is rows[0]:
                grid.addWidget(self._hint, line, 0, 1, 3)
                line += 1
            grid.setRowMinimumHeight(line, 8)
            line += 1
        why = "These may stay empty. Sex makes the centre of mass better, the mass goes to OpenSim."
        grid.addWidget(label(why, "faint", wrap=True), line, 0, 1, 3)
        self._changed()

    @property
    def text(self) -> PersonText:
        """What is typed."""
        return PersonText(
            self.participant.text(),
            self.day.text(),
            self.tags.text(),
            SEXES[self.sex.currentIndex()][0],
            self.height_.text(),
            self.mass.text(),
            self.notes.toPlainText(),
        )

    def _changed(self) -> None:
        words, doubtful = privacy_hint(self.participant.text())
        self._hint.setText(words)
        kind = "care" if doubtful else "faint"
        if self._hint.objectName() != kind:
            self._hint.setObjectName(kind)
            self._hint.style().polish(self._hint)
        self.changed.emit()


class DetailsDialog(QDialog):
    """Changes what is known of a session; ``told`` is what it says then."""

    def __init__(self, parent: QWidget | None, told: SessionManifest) -> None:
        super().__init__(parent)
        self.setWindowTitle("Session details")
        self.setMinimumWidth(540)
        self.told = told
        self.form, self.trouble = PersonForm(text_of(told)), TroubleCard()
        self.start, cancel = button("Save", primary=True), button("Cancel")
        self.start.setDefault(True)
        self.start.clicked.connect(self._accept)
        cancel.clicked.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 22, 24, 20)
        layout.setSpacing(12)
        layout.addWidget(label("Session details", "title"))
        layout.addWidget(self.form)
        layout.addWidget(self.trouble)
        layout.addStretch(1)
        end = QHBoxLayout()
        end.addStretch(1)
        end.addWidget(cancel)
        end.addWidget(self.start)
        layout.addLayout(end)

    def _accept(self) -> None:
        try:
            self.told = told_of(self.form.text, self.told)
        except ExplainedError as error:
            self.trouble.show_trouble(trouble_of(error))
            return
        self.accept()
