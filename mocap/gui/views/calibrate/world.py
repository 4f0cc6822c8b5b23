"""Floor, origin and axes by pointing: two pictures, the room as it would be, and every step undone at will."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QScrollArea,
    QSlider,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from calibration.alignment import BoardUp
from mocap.gui.presenters.calibrate.result import Result
from mocap.gui.presenters.calibrate.stills import Source, StillReader, Stills, source_in, source_near, source_of
from mocap.gui.presenters.calibrate.world import WorldEdit, begin
from mocap.gui.presenters.changes import Later
from mocap.gui.presenters.words import trouble_of
from mocap.gui.views.calibrate.picture import WorldPicture
from mocap.gui.views.calibrate.room import RigRoom, RoomContent
from mocap.gui.views.parts import Choice, TroubleCard, button, label, named
from mocap.gui.views.theme import Theme

PANEL_PX = 340
UPS = tuple(get_args(BoardUp))
UP_WORDS = {"auto": "It lay flat", "-y": "It stood on its lower edge", "+y": "It stood on its upper edge"}


class WorldView(QWidget):
    """Pointing on the left, what can be done with it on the right."""

    save = Signal(object)  # WorldEdit, to be written

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.edit: WorldEdit | None = None
        self._instant = 0
        self._chosen: tuple[int, ...] = ()
        self._stills = Stills(0, {})
        self._reader = StillReader()
        self._work: Later[WorldEdit] = Later()
        self._opening: Later[Source | None] = Later()
        self.pictures = (WorldPicture(theme), WorldPicture(theme))
        self.cameras = (Choice(), Choice())
        for number, (choice, shown) in enumerate(zip(self.cameras, self.pictures, strict=True)):
            named(choice, f"Camera of picture {number + 1}")
            choice.activated.connect(lambda _: self._show())
            shown.clicked.connect(self._clicked)
        self.room = RigRoom(theme)
        self.room.picked.connect(self.go_to)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        named(self.slider, "Instant", "Instants at which the board was seen")
        self.slider.valueChanged.connect(self.go_to)
        self._when, self._hint = label("", "faint"), label("", wrap=True)
        self.trouble = TroubleCard()
        self._said = label("", "faint", wrap=True)
        self.origin_too = QCheckBox("First point is the origin, x runs to the second")
        named(self.origin_too, "First point is the origin, x runs to the second")
        self.up = Choice()
        named(self.up, "How the board stood")
        for name in UPS:
            self.up.addItem(UP_WORDS.get(name, f"Its {name} axis was up"), name)
        self.turn, self.raise_by = QDoubleSpinBox(), QDoubleSpinBox()
        for box, name, suffix, most, step in (
            (self.turn, "Turn about the vertical", " °", 180.0, 90.0),
            (self.raise_by, "Raise the floor", " mm", 2000.0, 5.0),
        ):
            named(box, name)
            box.setRange(-most, most)
            box.setSingleStep(step)
            box.setDecimals(1)
            box.setSuffix(suffix)
            box.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.turn.setValue(90.0)
        words = {
            "points": ("Floor through the points", True),
            "origin": ("Origin at the last point", False),
            "lying": ("Where it lay flat", False),
            "add": ("It lay on the floor", False),
            "board": ("Origin and axes here", False),
            "feet": ("Under a run's feet …", False),
            "cameras": ("Cameras are level", False),
            "turn": ("Turn", False),
            "raise": ("Raise", False),
            "undo": ("Undo", False),
            "redo": ("Redo", False),
            "save": ("Save this world", True),
            "source": ("Other pictures …", False),
        }
        self.buttons = {name: button(text, primary=primary) for name, (text, primary) in words.items()}
        for name, made in self.buttons.items():
            made.clicked.connect(lambda _=False, n=name: self.act(n))
        self._lay_out()

    def _lay_out(self) -> None:
        views = QWidget()
        row = QHBoxLayout(views)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        for choice, shown in zip(self.cameras, self.pictures, strict=True):
            column = QVBoxLayout()
            column.setSpacing(6)
            column.addWidget(choice)
            column.addWidget(shown, 1)
            row.addLayout(column, 1)
        time = QHBoxLayout()
        time.addWidget(self.slider, 1)
        time.addWidget(self._when)
        time.addWidget(self.buttons["source"])
        upper = QWidget()
        layout = QVBoxLayout(upper)
        layout.setContentsMargins(0, 0, 0, 6)
        layout.addWidget(views, 1)
        layout.addLayout(time)
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(upper)
        split.addWidget(self.room)
        split.setStretchFactor(0, 4)
        split.setStretchFactor(1, 3)
        split.setSizes([560, 420])
        split.setChildrenCollapsible(False)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(20)
        whole.addWidget(split, 1)
        whole.addWidget(self._make_panel())

    def _make_panel(self) -> QScrollArea:
        inner, made = QWidget(), self.buttons
        layout = QVBoxLayout(inner)
        layout.setContentsMargins(0, 2, 20, 8)
        layout.setSpacing(8)
        for head, parts in (
            ("POINT AT THE FLOOR", (self._hint, self.origin_too, made["points"], made["origin"])),
            ("BY THE BOARD", (self.up, (made["lying"], made["add"]), made["board"])),
            ("OTHERWISE", ((made["feet"], made["cameras"]),)),
            ("FINE", ((self.turn, made["turn"]), (self.raise_by, made["raise"]))),
        ):
            layout.addWidget(label(head, "section"))
            for part in parts:
                if isinstance(part, tuple):
                    row = QHBoxLayout()
                    for widget in part:
                        row.addWidget(widget, 1)
                    layout.addLayout(row)
                else:
                    layout.addWidget(part)
            layout.addSpacing(6)
        layout.addWidget(self.trouble)
        layout.addWidget(self._said)
        row = QHBoxLayout()
        for name in ("undo", "redo"):
            row.addWidget(made[name], 1)
        layout.addLayout(row)
        layout.addWidget(made["save"])
        layout.addWidget(label("The calibration of before is kept beside it.", "faint", wrap=True))
        layout.addStretch(1)
        panel = QScrollArea()
        panel.setWidgetResizable(True)
        panel.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        panel.setFixedWidth(PANEL_PX)
        panel.setAccessibleName("Floor and axes")
        panel.setWidget(inner)
        return panel

    def show_result(self, result: Result | None) -> None:
        """Begin with another calibration; the same one is left as it is being changed."""
        if result is None or (self.edit is not None and self.edit.result is result):
            return
        self.edit, self._chosen, self._stills = begin(result), (), Stills(0, {})
        self._reader.open(source_of(result.seen) if result.seen is not None else None)
        for number, choice in enumerate(self.cameras):
            choice.clear()
            choice.addItems(result.rig.names)
            choice.setCurrentIndex(min(number, len(result.rig.names) - 1))
        if result.seen is None:
            folder = result.rig_file.parent
            self._opening.order(lambda: source_near(folder))
        lying = self.edit.lying()
        self._set_slider(lying[0] if lying else 0)
        self._show()

    def _set_slider(self, instant: int) -> None:
        source = self._reader.source
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(0, source.count - 1 if source else 0))
        self.slider.blockSignals(False)
        self.slider.setEnabled(source is not None)
        self.go_to(instant)

    def go_to(self, instant: int) -> None:
        """Show the pictures of another instant."""
        self._instant = instant
        self.slider.blockSignals(True)
        self.slider.setValue(instant)
        self.slider.blockSignals(False)
        self._reader.want(instant)
        if self.edit is not None:
            self._show()

    def tick(self) -> None:
        """Take in what was read or computed."""
        if (stills := self._reader.fetch()) is not None:
            self._stills = stills
            if stills.trouble is not None and not stills.pictures:
                self.trouble.show_trouble(stills.trouble)
            self._show()
        if (edited := self._work.fetch()) is not None:
            self._try(lambda: self._set(edited.result()))
        if (opened := self._opening.fetch()) is not None:
            self._try(lambda: self._take_source(opened.result()))

    def _take_source(self, source: Source | None) -> None:
        if source is None:
            return
        self._reader.open(source)
        self._set_slider(0)

    def _clicked(self, camera: str, x: float, y: float) -> None:
        if self.edit is not None:
            self._set(self.edit.clicked(camera, (x, y)))

    def _set(self, edit: WorldEdit) -> None:
        self.edit = edit
        self.trouble.show_trouble(None)
        self._show()

    def _try(self, work: Callable[[], object]) -> None:
        """Do it; what goes wrong is told beside the buttons."""
        try:
            work()
        except Exception as error:  # shown to the user in words
            self.trouble.show_trouble(trouble_of(error))
            self._said.setText("")

    def act(self, what: str) -> None:
        """Do what a button or a key asks for."""
        edit = self.edit
        if edit is None:
            return
        simple: dict[str, Callable[[], WorldEdit]] = {
            "points": lambda: edit.floor_from_points(self.origin_too.isChecked()),
            "origin": edit.origin_from_point,
            "board": lambda: edit.board_is_origin(self._instant, self.up.currentData()),
            "cameras": edit.cameras_are_level,
            "turn": lambda: edit.turned(self.turn.value()),
            "raise": lambda: edit.raised(self.raise_by.value() / 1000.0),
            "undo": edit.undo,
            "redo": edit.redo,
        }
        if what in simple:
            self._try(lambda: self._set(simple[what]()))
        elif what == "lying":
            self._next_lying(edit)
        elif what == "add":
            self._chosen = tuple(sorted({*self._chosen, self._instant}))
            self._try(lambda: self._set(edit.boards_are_floor(self._chosen)))
        elif what == "feet":
            self._feet(edit)
        elif what == "source":
            self._other_pictures()
        elif what == "save":
            self.save.emit(edit)

    def _next_lying(self, edit: WorldEdit) -> None:
        """Go to the next instant at which the board lay, lowest first."""
        lying = edit.lying()
        if not lying:
            self._said.setText("The board never lay flat, as far as the cameras' own up tells.")
            return
        place = lying.index(self._instant) + 1 if self._instant in lying else 0
        self.go_to(lying[place % len(lying)])

    def _feet(self, edit: WorldEdit) -> None:
        if chosen := QFileDialog.getExistingDirectory(self, "A finished run of somebody on foot"):
            self.floor_from(Path(chosen), edit)

    def floor_from(self, run: Path, edit: WorldEdit) -> None:
        """Find the floor under the feet of a run; in a thread."""
        self._said.setText("Looking where the feet stood …")
        self._work.order(lambda: edit.feet_are_floor(run))

    def _other_pictures(self) -> None:
        if chosen := QFileDialog.getExistingDirectory(self, "Pictures of these cameras"):
            self._opening.order(lambda: source_in(Path(chosen)))

    def _show(self) -> None:
        """Show the world that is tried."""
        edit = self.edit
        if edit is None:
            return
        seen = edit.seen
        own = seen is not None and self._reader.source is not None and self._reader.source.count == len(seen.xy)
        for choice, shown in zip(self.cameras, self.pictures, strict=True):
            camera = choice.currentText()
            corners = np.zeros((0, 2))
            if own and seen is not None and camera in seen.cameras:
                corners = seen.xy[self._instant, seen.cameras.index(camera)]
            shown.show_view(camera, edit, self._stills.pictures.get(camera), corners)
        points = edit.points() if edit.marks else None
        chosen = tuple({*self._chosen, self._instant}) if own else ()
        self.room.show_content(RoomContent(edit.rig, seen, chosen=chosen, points=points))
        self._hint.setText(edit.hint())
        self._said.setText(edit.steps[edit.at].said if edit.changed else "")
        count = self._reader.source.count if self._reader.source else 0
        self._when.setText(f"{self._instant + 1} of {count}" if count else "No pictures")
        whole = int(np.isfinite(points).all(axis=1).sum()) if points is not None else 0
        made = self.buttons
        made["points"].setEnabled(whole >= 3)
        made["origin"].setEnabled(whole >= 1)
        for name in ("lying", "add", "board"):
            made[name].setEnabled(own)
        made["undo"].setEnabled(edit.changed or bool(edit.marks))
        made["redo"].setEnabled(edit.can_redo)
        made["save"].setEnabled(edit.changed)

    def set_theme(self, theme: Theme) -> None:
        """Take on other colours."""
        self._theme = theme
        self.room.set_theme(theme)
        for shown in self.pictures:
            shown.set_theme(theme)

    def close_quietly(self) -> None:
        """Let the threads go."""
        self._reader.close()
        self._work.close()
        self._opening.close()
