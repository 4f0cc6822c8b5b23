"""A calibration against the one before: which camera moved, in a table and as a ghost in the room."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QSplitter, QVBoxLayout, QWidget

from mocap.gui.presenters.calibrate.compare import COMPARE_COLUMNS, Comparison, compare
from mocap.gui.presenters.calibrate.result import Result, load_result
from mocap.gui.presenters.changes import Later
from mocap.gui.presenters.words import number, trouble_of
from mocap.gui.views.calibrate.parts import Verdict, WordTable
from mocap.gui.views.calibrate.room import RigRoom, RoomContent
from mocap.gui.views.parts import Choice, Figures, TroubleCard, button, label, named
from mocap.gui.views.theme import Theme

PANEL_PX = 340
HINTS = (
    "",
    "Against where most cameras stand, with one standard deviation",
    "How far it was turned",
    "Change of its focal length",
    "",
)


class CompareView(QWidget):
    """Room and table on the left, the verdict on the right."""

    take_back = Signal(object)  # Path of the former calibration

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._result: Result | None = None
        self._work: Later[Comparison] = Later()
        self.comparison: Comparison | None = None
        self.former = Choice()
        named(self.former, "Calibration to compare with")
        self.former.activated.connect(lambda _: self._order())
        self.room = RigRoom(theme)
        self.room.show_parts(boards=False, floor=True)
        self.table = WordTable("Cameras compared", COMPARE_COLUMNS, HINTS)
        self.verdict, self.figures, self.trouble = Verdict(), Figures(), TroubleCard()
        self.back = button("Take the former back", "Make the former calibration the present one")
        self.back.clicked.connect(self._take_back)
        self._lay_out()

    def _lay_out(self) -> None:
        legend = label("Dashed: where the cameras stood before. Red lines: how they moved.", "notice")
        upper = QWidget()
        layout = QVBoxLayout(upper)
        layout.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout()
        row.addWidget(legend)
        row.addStretch(1)
        layout.addLayout(row)
        layout.addWidget(self.room, 1)
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(upper)
        split.addWidget(self.table)
        split.setStretchFactor(0, 1)
        split.setStretchFactor(1, 0)
        split.setChildrenCollapsible(False)
        inner = QWidget()
        layout = QVBoxLayout(inner)
        layout.setContentsMargins(0, 2, 20, 8)
        layout.setSpacing(10)
        layout.addWidget(label("COMPARED WITH", "section"))
        layout.addWidget(self.former)
        layout.addSpacing(6)
        layout.addWidget(self.trouble)
        layout.addWidget(self.verdict)
        layout.addWidget(self.figures)
        layout.addSpacing(6)
        layout.addWidget(self.back)
        layout.addWidget(
            label(
                "Both calibrations are laid upon each other as most of their cameras stand. If one was moved, "
                "recordings made before it need the former calibration.",
                "faint",
                wrap=True,
            )
        )
        layout.addStretch(1)
        panel = QScrollArea()
        panel.setWidgetResizable(True)
        panel.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        panel.setFixedWidth(PANEL_PX)
        panel.setAccessibleName("Comparison")
        panel.setWidget(inner)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(20)
        whole.addWidget(split, 1)
        whole.addWidget(panel)

    def show_result(self, result: Result | None, rigs: tuple[Path, ...]) -> None:
        """Compare another calibration with those of before."""
        others = [path for path in rigs if result is None or path != result.rig_file]
        known = [self.former.itemData(i) for i in range(self.former.count())]
        if result is self._result and known == others:
            return
        self._result, chosen = result, self.former.currentData()
        self.former.clear()
        for path in others:
            self.former.addItem(path.name, path)
        if chosen in others:
            self.former.setCurrentIndex(others.index(chosen))
        self.comparison = None
        self._order()

    def _order(self) -> None:
        result, path = self._result, self.former.currentData()
        if result is not None and isinstance(path, Path):
            self._work.order(lambda: compare(result, load_result(path)))

    def tick(self) -> None:
        """Take in what was compared."""
        if (done := self._work.fetch()) is None:
            return
        try:
            self.comparison = done.result()
        except Exception as error:  # shown to the user in words
            self.comparison = None
            self.trouble.show_trouble(trouble_of(error))
            return
        self.trouble.show_trouble(None)
        self._show()

    def _show(self) -> None:
        found, result = self.comparison, self._result
        if found is None or result is None:
            return
        self.verdict.show_verdict(found.level, found.verdict)
        figures: tuple[tuple[str, str], ...] = (("Lengths against before", f"{found.scale_percent:+.2f} %"),)
        errors = [number(r.report.rmse_px, "px", 2) for r in (result,) if r.report is not None]
        if errors:
            figures = (*figures, ("Reprojection error now", errors[0]))
        if found.missing:
            figures = (*figures, ("Only in one of them", ", ".join(found.missing)))
        self.figures.show_figures(figures)
        levels = {camera.name: camera.level for camera in found.cameras}
        self.table.show_rows(
            tuple(camera.cells for camera in found.cameras), tuple(c.level for c in found.cameras), self._theme
        )
        marks = tuple(levels.get(name, "good") for name in result.rig.names)
        self.room.show_content(RoomContent(result.rig, ghost=found.ghost, levels=marks))

    def _take_back(self) -> None:
        if isinstance(path := self.former.currentData(), Path):
            self.take_back.emit(path)

    def set_theme(self, theme: Theme) -> None:
        """Take on other colours."""
        self._theme = theme
        self.room.set_theme(theme)
        self._show()

    def close_quietly(self) -> None:
        """Let the thread go."""
        self._work.close()
