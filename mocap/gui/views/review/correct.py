"""The pane of corrections: tools, what is selected, ranges, events, and the list of what was put right."""

from __future__ import annotations

from typing import TypeVar

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLayout,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from mocap.gui.presenters.correct.correcting import Correcting, Tool
from mocap.gui.presenters.correct.words import instant_of, summary, words_of
from mocap.gui.presenters.words import title
from mocap.gui.views.icons import icon
from mocap.gui.views.parts import Choice, NumberBox, TroubleCard, button, label, named, tool
from mocap.gui.views.theme import Theme
from mocap.pipeline.edits.kinds import Side

# Keys, what they do, and how the sheet says it; those of the page come before.
CORRECT_KEYS = (
    ("C", "correct", "Corrections: show or hide"),
    ("V", "tool look", "Look: select, and move the picture"),
    ("M", "tool move", "Move a joint by dragging"),
    ("P", "tool subject", "Choose who the recording is of"),
    ("N", "next joint", "Select the next joint"),
    ("Delete", "remove point", "The selected joint was not seen here"),
    ("X", "swap", "Swap left and right over the range"),
    ("K", "mask", "Do not use the camera over the range"),
    ("T", "mark event", "Mark the chosen event here"),
    ("Ctrl+Z", "undo", "Undo a correction"),
    ("Ctrl+Shift+Z", "redo", "Do it again"),
    ("Ctrl+Return", "apply", "Apply the corrections: make a new run"),
    ("Ctrl+Shift+Left", "nudge left", "Selected joint a pixel to the left"),
    ("Ctrl+Shift+Right", "nudge right", "... to the right"),
    ("Ctrl+Shift+Up", "nudge up", "... up"),
    ("Ctrl+Shift+Down", "nudge down", "... down"),
    ("Z", "zoom in", "Zoom into the camera last pointed at"),
    ("Shift+Z", "zoom out", "Zoom out"),
    ("R", "turn", "Turn its picture by a quarter"),
)
TOOLS: tuple[tuple[Tool, str, str], ...] = (
    ("look", "Look", "Select joints and move the picture (V)"),
    ("move", "Move joint", "Drag a joint to where it is (M)"),
    ("subject", "Subject", "Click the person whom the recording is of (P)"),
)
EVENTS: tuple[tuple[str, Side | None], ...] = (
    ("foot_strike", "left"),
    ("foot_off", "left"),
    ("foot_strike", "right"),
    ("foot_off", "right"),
)
ControlT = TypeVar("ControlT", bound=QAbstractButton)

PANE_PX = 236
ROW_PX = 44
ICON_PX = 16
MOST_SIGMA_PX = 200.0


class CorrectPane(QWidget):
    """Renders a ``Correcting``; what is asked for goes out as words."""

    act = Signal(str)
    seek = Signal(int)

    def __init__(self, correcting: Correcting, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setMinimumWidth(PANE_PX)
        self._correcting, self._theme = correcting, theme
        self._rows: tuple[object, ...] = ()
        self.tools: dict[Tool, QToolButton] = {}
        self.camera, self.what, self.other = Choice(), Choice(), Choice()
        self.sigma = NumberBox()
        self.list = QListWidget()
        self.trouble = TroubleCard()
        self._state, self._joint = label("", "faint", wrap=True), label("", wrap=True)
        self._range = label("", "faint", wrap=True)
        self.remove = self._does(button("Remove", "The selected joint was not seen here"), "remove point")
        self.swap = self._does(button("Swap left and right"), "swap")
        self.unuse = self._does(button("Do not use camera"), "mask")
        self.exchange = self._does(button("Exchange with", "Exchange two people over the range"), "exchange")
        self.mark = self._does(button("Mark", "Mark the event at the instant shown"), "mark event")
        self.move_here = self._does(
            button("Move here", "Move the nearest such event to the instant shown"), "move event"
        )
        self.drop = self._does(button("Delete", "Delete the nearest such event"), "delete event")
        self.undo = self._does(tool("Undo", "Undo (Ctrl+Z)"), "undo")
        self.redo = self._does(tool("Redo", "Do it again (Ctrl+Shift+Z)"), "redo")
        self.apply = self._does(button("Apply", "Apply the corrections: make a new run", primary=True), "apply")
        self._lay_out()
        self.sigma.editingFinished.connect(lambda: correcting.set_sigma(self.sigma.value()))
        self.list.itemActivated.connect(self._go_to)
        self.list.itemClicked.connect(self._go_to)
        self.set_theme(theme)

    def _does(self, control: ControlT, what: str) -> ControlT:
        control.clicked.connect(lambda: self.act.emit(what))
        return control

    def _lay_out(self) -> None:
        inner = QWidget()
        inner.setObjectName("panel")
        layout = QVBoxLayout(inner)
        layout.setContentsMargins(14, 10, 14, 6)
        layout.setSpacing(6)
        layout.addLayout(self._tool_strip())
        layout.addWidget(self._joint)
        layout.addLayout(self._sigma_row())
        layout.addWidget(_rule())
        layout.addWidget(self._range)
        named(self.camera, "Camera", "Which cameras the next correction over the range is about")
        layout.addWidget(self.camera)
        layout.addWidget(self.swap)
        layout.addWidget(self.unuse)
        named(self.other, "Other person")
        layout.addLayout(_row(self.exchange, self.other))
        layout.addWidget(_rule())
        named(self.what, "Event", "Choose, or write a name of your own")
        self.what.setEditable(True)
        self.what.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        for name, side in EVENTS:
            self.what.addItem(title(" ".join(filter(None, (side, name)))), (name, side))
        layout.addWidget(self.what)
        layout.addLayout(_row(self.mark, self.move_here, self.drop))
        layout.addWidget(_rule())
        self.list.setAccessibleName("Corrections")
        self.list.setMinimumHeight(2 * ROW_PX)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout.addWidget(self.list, 1)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        foot = QVBoxLayout()
        foot.setContentsMargins(14, 4, 14, 12)
        foot.setSpacing(8)
        foot.addWidget(self.trouble)
        foot.addWidget(self._state)
        last = _row(self.undo, self.redo)
        last.addWidget(self.apply, 1)
        foot.addLayout(last)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(scroll, 1)
        outer.addLayout(foot)

    def _tool_strip(self) -> QLayout:
        strip, group = QGridLayout(), QButtonGroup(self)
        strip.setSpacing(4)
        for place, (name, words, hint) in enumerate(TOOLS):
            made = tool(words, hint, checkable=True)
            made.setText(words)
            made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
            made.setIconSize(QSize(ICON_PX + 4, ICON_PX + 4))
            made.setMinimumWidth((PANE_PX - 36) // len(TOOLS))
            self._does(made, f"tool {name}")
            group.addButton(made)
            self.tools[name] = made
            strip.addWidget(made, 0, place)
        return strip

    def _sigma_row(self) -> QLayout:
        self.sigma.setRange(0.5, MOST_SIGMA_PX)
        self.sigma.setDecimals(1)
        self.sigma.setPrefix(" ± ")
        self.sigma.setSuffix(" px")
        named(self.sigma, "How exactly the joint was set", "One standard deviation: how far off it may be")
        return _row(self.sigma, self.remove)

    def set_theme(self, theme: Theme) -> None:
        """Redraw the icons."""
        self._theme = theme
        for name, made in self.tools.items():
            made.setIcon(icon({"look": "look", "move": "joint", "subject": "person"}[name], theme.text))
        self.undo.setIcon(icon("undo", theme.text))
        self.redo.setIcon(icon("redo", theme.text))
        self._rows = ()
        self.render_state()

    def show_cameras(self, cameras: tuple[str, ...], people: tuple[str, ...]) -> None:
        """Another run: its cameras and people."""
        self.camera.clear()
        self.camera.addItems(["All cameras", *cameras])
        self.other.clear()
        self.other.addItems([title(name) for name in people])
        for part in (self.exchange, self.other):
            part.setVisible(len(people) > 1)
        self._rows = ()
        self.render_state()

    @property
    def chosen_camera(self) -> int | None:
        """Number of the camera that is chosen, None for all."""
        return self.camera.currentIndex() - 1 if self.camera.currentIndex() > 0 else None

    @property
    def chosen_event(self) -> tuple[str, Side | None]:
        """The event that is chosen or written."""
        at = self.what.findText(self.what.currentText())
        if at >= 0:
            name, side = self.what.itemData(at)
            return name, side
        return self.what.currentText().strip(), None

    def render_state(self) -> None:
        """Show what is so."""
        now = self._correcting
        for name, made in self.tools.items():
            made.setChecked(name == now.tool)
        self._show_selected(now)
        ready = now.ready
        self.swap.setEnabled(ready)
        self.unuse.setEnabled(ready and self.chosen_camera is not None)
        self.exchange.setEnabled(ready)
        for part in (self.mark, self.move_here, self.drop):
            part.setEnabled(ready and bool(self.chosen_event[0]))
        near = ready and now.nearest_event(*self.chosen_event) is not None
        self.move_here.setEnabled(near)
        self.drop.setEnabled(near)
        self.undo.setEnabled(now.can_undo)
        self.redo.setEnabled(now.can_redo)
        self.apply.setEnabled(now.to_apply() is not None)
        self.trouble.show_trouble(now.trouble)
        self._state.setText(
            "Getting ready …" if now.preparing else summary(now.edits, now.busy, now.applied, now.kept)
        )
        self._range.setText(self._range_words(now))
        self._show_list(now)

    def _range_words(self, now: Correcting) -> str:
        if now.review is None:
            return ""
        first, last = now.span
        rate_hz = now.review.take.rate_hz
        if first == last:
            return f"At {first / rate_hz:.3f} s only. Mark a range on the timeline with A and B for more."
        return f"Over {first / rate_hz:.3f} to {last / rate_hz:.3f} s, the range of the timeline:"

    def _show_selected(self, now: Correcting) -> None:
        at, edit = now.selected, now.held or now.edit_at_selected()
        self.remove.setEnabled(at is not None and now.ready)
        self.sigma.setEnabled(edit is not None)
        if at is None or now.review is None:
            words = "Click a joint in a picture." if now.tool != "subject" else "Click the person in a picture."
            self._joint.setText(words)
            return
        name = title(now.review.take.points.skeleton.keypoints[at.keypoint])
        camera = now.review.rig.names[at.camera]
        self._joint.setText(f"{name} in {camera}" + ("" if edit is None else ", set by hand"))
        if not self.sigma.hasFocus():
            self.sigma.setValue(now.usual_sigma(at) if edit is None else edit.sigma_px)

    def _show_list(self, now: Correcting) -> None:
        """Rows are made anew only when the edits are others: a drag renders often."""
        if now.review is None:
            self.list.clear()
            self._rows = ()
            return
        rate_hz = now.review.take.rate_hz
        rows = tuple(words_of(edit, rate_hz) for edit in now.edits)
        if rows == self._rows and self.list.count() == len(rows):
            return
        self._rows = rows
        self.list.clear()
        for number, (what, where) in enumerate(rows):
            item = QListWidgetItem()
            item.setSizeHint(QSize(0, ROW_PX))
            item.setData(Qt.ItemDataRole.UserRole, number)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{what}, {where}")
            self.list.addItem(item)
            self.list.setItemWidget(item, self._row_of(number, what, where))
        self.list.scrollToBottom()

    def _row_of(self, number: int, what: str, where: str) -> QWidget:
        made = QWidget()
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(label(what))
        words.addWidget(label(where, "faint"))
        delete = tool(f"Take back: {what}", "Take back this correction")
        delete.setIcon(icon("clear", self._theme.faint))
        delete.setIconSize(QSize(ICON_PX, ICON_PX))
        delete.clicked.connect(lambda: self._correcting.delete(number))
        layout = QHBoxLayout(made)
        layout.setContentsMargins(8, 2, 2, 2)
        layout.addLayout(words, 1)
        layout.addWidget(delete)
        return made

    def _go_to(self, item: QListWidgetItem) -> None:
        now = self._correcting
        number = int(item.data(Qt.ItemDataRole.UserRole))
        if now.review is not None and number < len(now.edits):
            take = now.review.take
            self.seek.emit(instant_of(now.edits[number], float(take.t_s[0]), take.rate_hz))


def _row(*parts: QWidget) -> QHBoxLayout:
    made = QHBoxLayout()
    made.setSpacing(4)
    for part in parts:
        made.addWidget(part)
    return made


def _rule() -> QWidget:
    made = QFrame()
    made.setObjectName("rule")
    made.setFixedHeight(1)
    return made
