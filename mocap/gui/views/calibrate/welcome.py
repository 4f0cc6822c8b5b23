"""What to do on the calibration page while there is nothing to show."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from mocap.gui.views.parts import label

STEPS = (
    ("1", "Print a board and glue it to a flat plate", "Measure one square with a ruler and type it in."),
    (
        "2",
        "Record the board with all cameras at once",
        "Move it slowly through the whole volume, tilted every way.",
    ),
    ("3", "Drop the folder with the videos here", "One video per camera, or one folder of pictures per camera."),
)


def welcome() -> QWidget:
    """What to do, while there is nothing to show."""
    card = QFrame()
    card.setObjectName("card")
    layout = QVBoxLayout(card)
    layout.setContentsMargins(60, 40, 60, 40)
    layout.setSpacing(18)
    layout.addStretch(1)
    for step, what, how in STEPS:
        row = QHBoxLayout()
        row.setSpacing(18)
        head = label(step, "title")
        head.setFixedWidth(26)
        row.addWidget(head, 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(label(what, "heading", wrap=True))
        words.addWidget(label(how, "faint", wrap=True))
        row.addLayout(words, 1)
        layout.addLayout(row)
    layout.addStretch(2)
    return card
