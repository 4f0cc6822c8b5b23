"""What is known of this instant, whose motion it is, what it is compared with, and what is drawn."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from mocap.gui.presenters.review.ghost import IN_SPACE, IN_TIME, Candidate, InSpace, InTime
from mocap.gui.views.parts import Choice, Figures, label, named

LAYERS = (
    ("Skeleton as seen", True),
    ("Body in 3D, seen back", True),
    ("Uncertainty (1 σ)", False),
    ("Trails", True),
    ("Cameras", True),
    ("Floor", True),
)
NOTHING = "Nothing"


class Inspector(QScrollArea):
    """The pane “This instant”."""

    layers_changed = Signal()
    person_chosen = Signal(int)
    compare_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(300)
        named(self, "This instant")
        self.figures = Figures()
        self.person, self.other = Choice(), Choice()
        self.in_time, self.in_space = Choice(), Choice()
        named(self.person, "Person", "Whose angles and events are shown")
        named(self.other, "Compare with", "Lay another recording over this one, in grey")
        named(self.in_time, "Compared in time", "Which instants are laid upon each other")
        named(self.in_space, "Compared in space", "Where the other body stands")
        for choice, entries in ((self.in_time, IN_TIME), (self.in_space, IN_SPACE)):
            for way, words in entries:
                choice.addItem(words, way)
        for choice in (self.person, self.other, self.in_time, self.in_space):
            choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            choice.setMinimumContentsLength(8)
        self.person.activated.connect(self.person_chosen)
        for choice in (self.other, self.in_time, self.in_space):
            choice.activated.connect(lambda _: self._compare())
        self.note = label("", "faint", wrap=True)
        self.layers = {}
        self._person_words = label("PERSON", "section")
        pane = QWidget()
        pane.setObjectName("panel")
        left, right = QVBoxLayout(), QVBoxLayout()
        for part in (
            self.figures, self._person_words, self.person, label("COMPARE WITH", "section"), self.other,
            self.in_time, self.in_space, self.note,
        ):  # fmt: skip
            left.addWidget(part)
        right.addWidget(label("SHOWN", "section"))
        for name, on in LAYERS:
            box = QCheckBox(name)
            named(box, f"Show {name.lower()}")
            box.setChecked(on)
            box.toggled.connect(lambda _: self.layers_changed.emit())
            self.layers[name] = box
            right.addWidget(box)
        columns = QHBoxLayout(pane)
        columns.setContentsMargins(14, 10, 14, 10)
        columns.setSpacing(18)
        for column, share in ((left, 5), (right, 4)):
            column.setSpacing(6)
            column.addStretch(1)
            columns.addLayout(column, share)
        self.setWidget(pane)
        self.show_people(())
        self.show_candidates(())

    def shown(self, name: str) -> bool:
        """Whether a layer is ticked."""
        return bool(self.layers[name].isChecked())

    def show_people(self, people: tuple[str, ...]) -> None:
        """Offer the people; a single one needs no choice."""
        self.person.clear()
        self.person.addItems([*people])
        for part in (self.person, self._person_words):
            part.setVisible(len(people) > 1)

    def show_candidates(self, runs: tuple[Candidate, ...]) -> None:
        """Offer runs to compare with."""
        self.other.clear()
        self.other.addItem(NOTHING, None)
        for run in runs:
            self.other.addItem(run.words, run.folder)
        self.say("")
        self._compare(tell=False)

    @property
    def compared(self) -> Path | None:
        """The run to compare with."""
        chosen = self.other.currentData()
        return chosen if isinstance(chosen, Path) else None

    @property
    def ways(self) -> tuple[InTime, InSpace]:
        """How it is laid over."""
        return self.in_time.currentData(), self.in_space.currentData()

    def say(self, words: str) -> None:
        """Say what became of the comparison."""
        self.note.setText(words)
        self.note.setVisible(bool(words))

    def _compare(self, tell: bool = True) -> None:
        for choice in (self.in_time, self.in_space):
            choice.setVisible(self.compared is not None)
        if tell:
            self.compare_asked.emit()
