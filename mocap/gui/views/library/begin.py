"""What a newcomer sees: the three ways to begin."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from mocap.gui.views.icons import icon
from mocap.gui.views.parts import button, label
from mocap.gui.views.theme import Theme

CARD_W, CARD_H = 236, 224
ICON_PX = 34
WAYS = (
    ("record", "capture", "Record", "Film somebody now, with the cameras that are plugged in.", "New session"),
    ("import", "folder", "Import", "Videos that you have already, or a folder of FreeMoCap, Caliscope, Pose2Sim "
     "or OpenCap.", "Import …"),
    ("demo", "review", "Try it", "A short video comes along: a minute, and you see every step.", "Run the demo"),
)  # fmt: skip


class Beginning(QWidget):
    """Three cards, and where sessions are kept."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.buttons = {}
        self._icons: dict[str, QLabel] = {}
        cards = QHBoxLayout()
        cards.setSpacing(18)
        cards.addStretch(1)
        for name, sign, title, words, action in WAYS:
            card = QFrame()
            card.setObjectName("card")
            card.setFixedSize(CARD_W, CARD_H)
            inner = QVBoxLayout(card)
            inner.setContentsMargins(20, 20, 20, 18)
            inner.setSpacing(8)
            self._icons[sign] = QLabel()
            self._icons[sign].setFixedHeight(ICON_PX)
            inner.addWidget(self._icons[sign])
            inner.addWidget(label(title, "heading"))
            inner.addWidget(label(words, "faint", wrap=True))
            inner.addStretch(1)
            made = button(action, f"{title}: {action}", primary=name == "record")
            made.clicked.connect(lambda _=False, way=name: self.chosen.emit(way))
            self.buttons[name] = made
            inner.addWidget(made)
            cards.addWidget(card)
        cards.addStretch(1)
        self._title = label("How would you like to begin?", "title")
        self._place = label("", "faint", wrap=True)
        drop = label("You can also drop videos or a folder anywhere into this window.", "faint")
        layout = QVBoxLayout(self)
        layout.setSpacing(14)
        layout.addStretch(2)
        for part in (self._title, drop):
            part.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            layout.addWidget(part)
        layout.addSpacing(10)
        layout.addLayout(cards)
        layout.addSpacing(10)
        self._place.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(self._place)
        layout.addStretch(3)

    def show_place(self, root: Path, writable: bool) -> None:
        """Say where sessions are kept."""
        self._place.setText(f"Sessions are kept in {root}")
        for made in self.buttons.values():
            made.setEnabled(writable)

    def set_theme(self, theme: Theme) -> None:
        """Recolour the signs."""
        for sign, where in self._icons.items():
            where.setPixmap(icon(sign, theme.accent).pixmap(QSize(ICON_PX, ICON_PX)))
