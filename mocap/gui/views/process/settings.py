"""The form of the settings: a widget for each kind of field, and a mark where it differs from the preset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from mocap.gui.presenters.process.settings import AUTO, GROUPS, Draft, FieldPath, SettingField
from mocap.gui.views.parts import BOX_MARGIN_PX, Choice, NumberBox, label, named

TITLE_PX = 190
MOST_WHOLE = 100_000
MOST_NUMBER = 1e6
DECIMALS = 3
Put = Callable[[FieldPath, Any], None]


class FieldLine(QWidget):
    """Title, control and the mark with which it goes back to the preset."""

    def __init__(self, field: SettingField, put: Put, reset: Callable[[FieldPath], None]) -> None:
        super().__init__()
        self.field = field
        self._put = put
        self.controls: list[QWidget] = []
        self._set: Callable[[Any], None] = lambda value: None
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        name = label(field.title, wrap=True)
        name.setFixedWidth(TITLE_PX)
        name.setToolTip(field.hint)
        row.addWidget(name)
        row.addLayout(self._make(), 1)
        self.mark = QToolButton()
        self.mark.setText("↺")
        named(self.mark, f"Back to the preset: {field.title}", "Differs from the preset; click to take it back")
        self.mark.setObjectName("care")
        keeps = self.mark.sizePolicy()
        keeps.setRetainSizeWhenHidden(True)
        self.mark.setSizePolicy(keeps)
        self.mark.clicked.connect(lambda: reset(field.path))
        row.addWidget(self.mark)
        for control in self.controls:
            words = control.text() if isinstance(control, QCheckBox) and len(self.controls) > 1 else ""
            named(control, f"{field.title} {words}".strip(), field.hint)

    def show_draft(self, draft: Draft) -> None:
        """Show the value as it is now, without telling anybody of it."""
        for control in self.controls:
            control.blockSignals(True)
        self._set(draft.value(self.field.path))
        for control in self.controls:
            control.blockSignals(False)
        self.mark.setVisible(draft.changed(self.field.path))

    def _make(self) -> QHBoxLayout:
        makers = {
            "yes": self._yes, "whole": self._whole, "number": self._number, "choice": self._choice,
            "many": self._many, "words": self._words, "word": self._words,
        }  # fmt: skip
        place = QHBoxLayout()
        place.setSpacing(8)
        for control in makers[self.field.kind]():
            self.controls.append(control)
            place.addWidget(control, 1 if isinstance(control, (QLineEdit, QComboBox, QPushButton)) else 0)
        if self.field.unit:
            place.addWidget(label(self.field.unit, "faint"))
        if self.field.kind not in ("words", "word", "choice"):
            place.addStretch(1)
        return place

    def _tell(self, value: Any) -> None:
        self._put(self.field.path, value)

    def _yes(self) -> Sequence[QWidget]:
        box = QCheckBox("Yes")
        box.toggled.connect(self._tell)
        self._set = lambda value: box.setChecked(bool(value))
        return (box,)

    def _whole(self) -> Sequence[QWidget]:
        box = NumberBox()
        _tame(box)
        box.setDecimals(0)
        box.setRange(int(self.field.least or 0), int(self.field.most or MOST_WHOLE))
        box.setSingleStep(self.field.step)
        box.valueChanged.connect(lambda value: self._tell(round(value)))
        self._set = box.setValue
        return (box,)

    def _number(self) -> Sequence[QWidget]:
        box = NumberBox()
        _tame(box)
        box.setDecimals(DECIMALS)
        smallest = 10.0**-DECIMALS
        least = (self.field.least or 0.0) + (smallest if self.field.open_least else 0.0)
        box.setRange(0.0 if self.field.auto else least, self.field.most or MOST_NUMBER)
        box.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
        if self.field.auto:  # the least stands for it
            box.setSpecialValueText("automatic")
        box.valueChanged.connect(lambda value: self._tell(AUTO if self.field.auto and value == 0.0 else value))
        self._set = lambda value: box.setValue(0.0 if value == AUTO else float(value))
        return (box,)

    def _choice(self) -> Sequence[QWidget]:
        box = Choice()
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(8)
        for value, words in self.field.choices:
            box.addItem(words, value)
        box.currentIndexChanged.connect(lambda _: self._tell(box.currentData()))
        self._set = lambda value: box.setCurrentIndex(_index(box, value))
        return (box,)

    def _many(self) -> Sequence[QWidget]:
        boxes = [QCheckBox(words) for _, words in self.field.choices]

        def told() -> None:
            chosen = [name for (name, _), box in zip(self.field.choices, boxes, strict=True) if box.isChecked()]
            self._tell(chosen)

        def show(value: Any) -> None:
            for (name, _), box in zip(self.field.choices, boxes, strict=True):
                box.setChecked(name in value)

        for box in boxes:
            box.toggled.connect(told)
        self._set = show
        return boxes

    def _words(self) -> Sequence[QWidget]:
        line, several = QLineEdit(), self.field.kind == "words"

        def told() -> None:
            words = [word.strip() for word in line.text().split(",") if word.strip()]
            self._tell(words if several else line.text().strip())

        line.editingFinished.connect(told)
        self._set = lambda value: line.setText(", ".join(value) if several else str(value))
        return (line,)

    def explain(self, lacking: Mapping[str, str]) -> None:
        """Say beside a choice what is wrong with it; what is not installed cannot be chosen."""
        (box,) = self.controls
        assert isinstance(box, QComboBox)
        model = box.model()
        for row in range(box.count()):
            if words := lacking.get(str(box.itemData(row)), ""):
                plain = dict(self.field.choices)[box.itemData(row)]
                box.setItemText(row, f"{plain}: {words}")
                if words == "not installed" and isinstance(model, QStandardItemModel):
                    model.item(row).setEnabled(False)


class NetworkLine(FieldLine):
    """The networks: those of the preset in their order, or one that is chosen."""

    def __init__(
        self,
        field: SettingField,
        networks: Sequence[tuple[str, str]],
        put: Put,
        reset: Callable[[FieldPath], None],
    ) -> None:
        self._networks = networks
        super().__init__(field, put, reset)

    def _words(self) -> Sequence[QWidget]:
        box = Choice()
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(12)
        for name, words in self._networks:
            box.addItem(words, [name])
        box.currentIndexChanged.connect(lambda _: self._tell(box.currentData()))

        def show(value: Any) -> None:
            if _index(box, value) < 0:
                known = dict(self._networks)
                box.insertItem(0, known.get(value[0], value[0]), list(value))
                box.setItemData(0, f"In this order: {', '.join(value)}", Qt.ItemDataRole.ToolTipRole)
            box.setCurrentIndex(_index(box, value))

        self._set = show
        return (box,)


class MenuLine(FieldLine):
    """Several of many names, ticked in a menu; names that are not offered stay as they are."""

    def __init__(
        self,
        field: SettingField,
        offered: Mapping[str, str],
        put: Put,
        reset: Callable[[FieldPath], None],
    ) -> None:
        self._offered = offered
        super().__init__(field, put, reset)

    def _words(self) -> Sequence[QWidget]:
        self.opener = QPushButton()
        self.opener.setObjectName("menu")
        menu = QMenu(self.opener)
        menu.setToolTipsVisible(True)
        actions: dict[str, QAction] = {}
        for name, words in self._offered.items():
            action = QAction(words, menu)
            action.setCheckable(True)
            action.triggered.connect(lambda on, n=name: self._tick(n, on))
            menu.addAction(action)
            actions[name] = action
        self.actions_by_name = actions
        self.opener.setMenu(menu)
        self._chosen: list[str] = []

        def show(value: Any) -> None:
            self._chosen = list(value)
            short = [name if self.field.path[0] == "output" else self._offered.get(name, name) for name in value]
            self.opener.setText(", ".join(short) or "None")
            for name, action in actions.items():
                action.setChecked(name in value)

        self._set = show
        return (self.opener,)

    def _tick(self, name: str, on: bool) -> None:
        order = [*self._offered, *(known for known in self._chosen if known not in self._offered)]
        chosen = {*self._chosen, name} if on else {*self._chosen} - {name}
        self._tell([known for known in order if known in chosen])


def _index(box: QComboBox, value: Any) -> int:
    return next((row for row in range(box.count()) if box.itemData(row) == value), -1)


def _tame(box: QAbstractSpinBox) -> None:
    """The wheel scrolls the form; it changes a number only once that was clicked."""
    box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    box.setKeyboardTracking(False)
    box.setFixedWidth(120)
    box.lineEdit().setTextMargins(BOX_MARGIN_PX, 0, 0, 0)
    box.wheelEvent = lambda event: event.ignore()  # type: ignore[method-assign]


def form(lines: Sequence[FieldLine]) -> QWidget:
    """Lines under the headings of their groups."""
    whole = QWidget()
    layout = QVBoxLayout(whole)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(8)
    group = ""
    for line in lines:
        if line.field.path[0] != group:
            group = line.field.path[0]
            words = GROUPS.get(group, group.capitalize())
            layout.addWidget(label(words.upper(), "section"))
        layout.addWidget(line)
    return whole
