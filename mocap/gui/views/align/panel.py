"""The side panel of the alignment: a card a camera, and the methods that find clocks by themselves."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from mocap.gui.presenters.align.aligning import METHODS, QUICK, Aligning
from mocap.gui.views.parts import NumberBox, TroubleCard, button, label, named

WIDTH_PX = 340
# Offsets that can be typed: hours of recording.
MOST_S = 1e5
# Wide enough for hours in milliseconds; a spin box would ask for its longest number.
SPIN_PX = 118
FRAME_DIGITS, MS_DIGITS = 2, 1


class CameraCard(QFrame):
    """One camera's offset."""

    chosen = Signal(int)
    # Camera and offset, s.
    typed = Signal(int, float)
    match = Signal(int)

    def __init__(self, camera: int, name: str) -> None:
        super().__init__()
        self.setObjectName("card")
        self.camera = camera
        self.frames, self.ms = _spin(FRAME_DIGITS, " pictures"), _spin(MS_DIGITS, " ms")
        named(self.frames, f"Offset of {name} in pictures", "One picture more: [ and ]")
        named(self.ms, f"Offset of {name} in milliseconds")
        self.fit = button("Match here", f"Match the curve of {name} at the playhead")
        self.fit.setToolTip("Shift this camera so that its curve about the playhead fits the first one's (M)")
        self.start, self.trust = label("", "faint", wrap=True), label("", "faint", wrap=True)
        self._period_s = 1.0
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 9, 12, 10)
        layout.setSpacing(5)
        top = QHBoxLayout()
        self.title = label(name, "heading")
        top.addWidget(self.title, 1)
        layout.addLayout(top)
        if camera > 0:
            top.addWidget(self.fit)
            row = QHBoxLayout()
            row.addWidget(self.frames)
            row.addWidget(self.ms)
            row.addStretch(1)
            layout.addLayout(row)
        layout.addWidget(self.start)
        if camera > 0:
            layout.addWidget(self.trust)
        self.frames.valueChanged.connect(lambda value: self.typed.emit(camera, value * self._period_s))
        self.ms.valueChanged.connect(lambda value: self.typed.emit(camera, value * 1e-3))
        self.fit.clicked.connect(lambda: self.match.emit(camera))

    def show_aligning(self, aligning: Aligning) -> None:
        """Show another state."""
        offset = float(aligning.clocks.offset_s[self.camera])
        self._period_s = aligning.period_s(self.camera)
        for box, value in ((self.frames, offset / self._period_s), (self.ms, offset * 1e3)):
            # What the user types right now stays as it is typed.
            if abs(box.value() - value) >= 0.5 * 10.0 ** -box.decimals():
                box.blockSignals(True)
                box.setValue(value)
                box.blockSignals(False)
        self.start.setText(aligning.start_words(self.camera))
        self.trust.setText(aligning.trust_words(self.camera))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose this camera."""
        self.chosen.emit(self.camera)


class AlignPanel(QWidget):
    """Cards of all cameras above the methods."""

    chosen = Signal(int)
    typed = Signal(int, float)
    match = Signal(int)
    find = Signal()
    stop = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(WIDTH_PX)
        self.cards: tuple[CameraCard, ...] = ()
        self.methods = {name: QCheckBox(words) for name, (words, _) in METHODS.items()}
        for name, box in self.methods.items():
            named(box, f"Find by {METHODS[name][0].lower()}", METHODS[name][1])
            box.setChecked(name in QUICK)
            box.toggled.connect(self._check)
        self.start = button("Find clocks", "Find the clocks by the chosen methods")
        self.cancel = button("Stop", "Stop finding the clocks")
        self.progress, self.stage = QProgressBar(), label("", "faint")
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        named(self.progress, "Progress of finding the clocks")
        self.trouble, self.told = TroubleCard(), label("", "faint", wrap=True)
        self.told.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.start.clicked.connect(self.find)
        self.cancel.clicked.connect(self.stop)
        self._cards = QVBoxLayout()
        self._cards.setSpacing(8)
        self._lay_out()
        self.show_work(None)

    def _lay_out(self) -> None:
        inside = QWidget()
        inside.setObjectName("panel")
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(8)
        layout.addWidget(label("CAMERAS", "section"))
        layout.addLayout(self._cards)
        layout.addSpacing(10)
        layout.addWidget(label("FIND BY ITSELF", "section"))
        boxes = list(self.methods.values())
        for first in range(0, len(boxes), 2):
            row = QHBoxLayout()
            for box in boxes[first : first + 2]:
                row.addWidget(box, 1)
            layout.addLayout(row)
        row = QHBoxLayout()
        row.addWidget(self.start)
        row.addWidget(self.cancel)
        row.addWidget(self.stage, 1)
        layout.addLayout(row)
        layout.addWidget(self.progress)
        layout.addWidget(self.trouble)
        layout.addWidget(self.told)
        layout.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inside)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)

    def show_aligning(self, aligning: Aligning) -> None:
        """Show another state; cards are made once."""
        if not self.cards:
            self.cards = tuple(CameraCard(c, name) for c, name in enumerate(aligning.cameras))
            for card in self.cards:
                card.chosen.connect(self.chosen)
                card.typed.connect(self.typed)
                card.match.connect(self.match)
                self._cards.addWidget(card)
        for card in self.cards:
            card.show_aligning(aligning)
        self.told.setText("\n\n".join(aligning.found_words()))

    def asked(self) -> tuple[str, ...]:
        """The methods that are ticked."""
        return tuple(name for name, box in self.methods.items() if box.isChecked())

    def show_work(self, at: tuple[str, float] | None) -> None:
        """Show what is being done, in words, and which share of it is; None where nothing is."""
        self.cancel.setVisible(at is not None)
        self.start.setVisible(at is None)
        self.progress.setVisible(at is not None)
        self.stage.setText(at[0] if at else "")
        self.progress.setValue(round(1000 * at[1]) if at else 0)

    def _check(self) -> None:
        self.start.setEnabled(bool(self.asked()))


def _spin(digits: int, suffix: str) -> NumberBox:
    box = NumberBox()
    box.setRange(-MOST_S * 1e3, MOST_S * 1e3)
    box.setDecimals(digits)
    box.setSuffix(suffix)
    box.setFixedWidth(SPIN_PX)
    return box
