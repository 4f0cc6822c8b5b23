"""Small widgets that all pages share."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from mocap.gui.presenters.words import Trouble

# Between the edge of a box and what is typed into it.
BOX_MARGIN_PX = 10


def label(text: str, kind: str = "", wrap: bool = False) -> QLabel:
    """Text; ``kind`` is a name in the style sheet."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if kind:
        made.setObjectName(kind)
    made.setWordWrap(wrap)
    return made


def named(widget: QWidget, name: str, hint: str = "") -> None:
    """Give a control the name that screen readers say, and a hint."""
    widget.setAccessibleName(name)
    if hint:
        widget.setToolTip(hint)


def button(text: str, name: str = "", primary: bool = False) -> QPushButton:
    """A button with words."""
    made = QPushButton(text)
    named(made, name or text)
    if primary:
        made.setObjectName("primary")
    made.setCursor(Qt.CursorShape.PointingHandCursor)
    return made


def tool(name: str, hint: str, checkable: bool = False) -> QToolButton:
    """A button with an icon only; the icon comes with the theme."""
    made = QToolButton()
    named(made, name, hint)
    made.setCheckable(checkable)
    return made


def clear_layout(layout: QLayout) -> None:
    """Take all widgets out of a layout; they vanish at once, not when Qt gets round to it."""
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()


def number_box(name: str, low: int, high: int, unit: str = "", nothing: str = "") -> QSpinBox:
    """A whole number to type, without arrows; ``nothing`` stands for the least one."""
    made = QSpinBox()
    made.setRange(low, high)
    made.setSuffix(unit)
    made.setSpecialValueText(nothing)
    # Left to itself the style draws the text outside of a box without arrows.
    made.setStyleSheet("QSpinBox::up-button, QSpinBox::down-button { width: 0; height: 0; border: 0; }")
    made.lineEdit().setTextMargins(BOX_MARGIN_PX, 0, 0, 0)
    named(made, name)
    return made


class Choice(QComboBox):
    """A list to choose from, with an arrow of the theme's colour: a style sheet can only take one from a file."""

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the arrow over what the style draws."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.palette().text().color(), 1.6))
        x, y = self.width() - 15, self.height() / 2
        painter.drawPolyline(QPolygonF([QPointF(x - 4, y - 2), QPointF(x, y + 2), QPointF(x + 4, y - 2)]))
        painter.end()


class NumberBox(QDoubleSpinBox):
    """A number to type or to step, with arrows of the theme's colour, as ``Choice``."""

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the arrows over what the style draws."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.palette().text().color(), 1.4))
        x, y = self.width() - 12, self.height() / 2
        for way in (-1, 1):
            tip, foot = y + 7 * way, y + 3.5 * way
            painter.drawPolyline(QPolygonF([QPointF(x - 3.5, foot), QPointF(x, tip), QPointF(x + 3.5, foot)]))
        painter.end()


class TroubleCard(QFrame):
    """What went wrong, and what to do."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("trouble")
        self._what, self._path = label("", "heading", wrap=True), label("", "faint", wrap=True)
        self._remedy = label("", wrap=True)
        self._path.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QVBoxLayout(self)
        layout.setSpacing(4)
        for part in (self._what, self._remedy, self._path):
            layout.addWidget(part)
        self.hide()

    def show_trouble(self, trouble: Trouble | None) -> None:
        """Show trouble, or nothing."""
        self.setVisible(trouble is not None)
        if trouble is None:
            return
        self._what.setText(trouble.what)
        self._remedy.setText(f"What to do: {trouble.remedy}")
        self._path.setText(str(trouble.path or ""))
        self._path.setVisible(trouble.path is not None)
        named(self, f"Problem: {trouble.what} {trouble.remedy}")


class Figures(QWidget):
    """Names and values, one a line."""

    def __init__(self) -> None:
        super().__init__()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(6)
        self._lines: list[tuple[QWidget, QLabel, QLabel]] = []

    def show_figures(self, figures: tuple[tuple[str, str], ...]) -> None:
        """Show other figures; labels are kept, as this is called at every instant."""
        while len(self._lines) < len(figures):
            line = QWidget()
            row = QHBoxLayout(line)
            row.setContentsMargins(0, 0, 0, 0)
            name, value = label("", "faint"), label("", "number")
            value.setAlignment(Qt.AlignmentFlag.AlignRight)
            row.addWidget(name)
            row.addWidget(value, 1)
            self._layout.addWidget(line)
            self._lines.append((line, name, value))
        for index, (line, name, value) in enumerate(self._lines):
            line.setVisible(index < len(figures))
            if index < len(figures):
                name.setText(figures[index][0])
                value.setText(figures[index][1])
