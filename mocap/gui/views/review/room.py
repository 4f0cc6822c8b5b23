"""The pane of the room in 3D: the scene, where to look from, and whether to go along."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from mocap.gui.scene.choose import make_scene
from mocap.gui.scene.content import LOOKS
from mocap.gui.views.parts import label, tool
from mocap.gui.views.theme import Theme


class RoomPane(QWidget):
    """The scene with its controls below."""

    act = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.scene = make_scene(theme.scene)
        looks = QHBoxLayout()
        looks.setContentsMargins(8, 2, 8, 4)
        looks.setSpacing(2)
        looks.addStretch(1)
        for number, look in enumerate(LOOKS, start=1):
            one = tool(f"Room from the {look}", f"See the person from the {look} (Alt+{number})")
            one.setText(look.capitalize())
            one.clicked.connect(lambda _=False, what=f"look {look}": self.act.emit(what))
            looks.addWidget(one)
        self.follow = tool("Follow the person", "Keep the person in the middle (Alt+F)", checkable=True)
        self.follow.setText("Follow")
        self.follow.toggled.connect(self.scene.follow)
        looks.addWidget(self.follow)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.scene, 1)
        layout.addLayout(looks)
        if self.scene.notice:
            layout.addWidget(label(self.scene.notice, "notice"))
