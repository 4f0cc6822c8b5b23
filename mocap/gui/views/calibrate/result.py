"""The result of a calibration: the rig in its room, the cameras one by one, the verdict, and what can be done."""

from __future__ import annotations

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from mocap.gui.presenters.calibrate.result import COLUMN_HINTS, COLUMNS, Result
from mocap.gui.presenters.words import number
from mocap.gui.views.calibrate.parts import Findings, Verdict, WordTable
from mocap.gui.views.calibrate.room import RigRoom, RoomContent
from mocap.gui.views.calibrate.tiles import CameraTile, TileGrid
from mocap.gui.views.parts import Figures, button, clear_layout, label, named
from mocap.gui.views.theme import Theme

PANEL_PX = 340
MOST_FINDINGS = 6
# Maps need no more; what a large screen has besides is the room's.
MAPS_PX, AROUND_PX = 280, 52


class ResultView(QWidget):
    """Room and cameras on the left, verdict and actions on the right."""

    act = Signal(str)  # floor, export, refine, verify, compare, again
    say = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme, self._result, self._camera = theme, None, ""  # type: tuple[Theme, Result | None, str]
        self.room = RigRoom(theme)
        self.room.picked.connect(self._picked)
        self._legend = label("", "notice")
        self.boards, self.floor = QCheckBox("Boards"), QCheckBox("Floor")
        for box in (self.boards, self.floor):
            named(box, f"Show {box.text().lower()}")
            box.setChecked(True)
            box.toggled.connect(self._show_parts)
        self.look_again = button("Whole view", "Bring all cameras into view")
        self.look_again.clicked.connect(self.room.look_again)
        self.table = WordTable("Cameras", COLUMNS, COLUMN_HINTS)
        self.table.row_chosen.connect(self.choose_camera)
        self.maps = TileGrid(theme)
        self.maps.setMaximumHeight(MAPS_PX)
        self.maps.chosen.connect(self.choose_camera)
        self._map_note = label(
            "Blue: where the board was seen. Orange: what the lens model leaves over, 200 times too long.", "faint"
        )
        self.verdict, self.figures, self.findings = Verdict(), Figures(), Findings()
        self.checked = Findings()
        self._checked_head = label("CHECKED WITH A BOARD", "section")
        self._notes = QVBoxLayout()
        self.report = button("Open the report", "Open the report in the browser")
        self.report.clicked.connect(self._open_report)
        self.deeds = {
            name: button(words, hint)
            for name, words, hint in (
                ("world", "Floor and axes …", "Set floor, origin and axes"),
                ("compare", "Compare …", "Compare with the calibration before"),
                ("export", "Export …", "Write for another program"),
                ("refine", "Refine …", "Refine from a person"),
                ("verify", "Check …", "Check with a board of known size"),
            )
        }
        for name, made in self.deeds.items():
            made.setToolTip(made.accessibleName())
            made.clicked.connect(lambda _=False, n=name: self.act.emit(n))
        self._lay_out()

    def _lay_out(self) -> None:
        bar = QHBoxLayout()
        bar.setContentsMargins(0, 0, 0, 0)
        bar.addWidget(self.boards)
        bar.addWidget(self.floor)
        bar.addSpacing(8)
        bar.addWidget(self._legend)
        bar.addStretch(1)
        bar.addWidget(self.look_again)
        upper = QWidget()
        layout = QVBoxLayout(upper)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(bar)
        layout.addWidget(self.room, 1)
        self._lower = lower = QWidget()
        layout = QVBoxLayout(lower)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.table)
        layout.addWidget(self.maps, 1)
        layout.addWidget(self._map_note)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setAccessibleName("Room and cameras")
        split.addWidget(upper)
        split.addWidget(lower)
        split.setStretchFactor(0, 4)
        split.setStretchFactor(1, 3)
        split.setSizes([340, 320])
        split.setChildrenCollapsible(False)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(20)
        whole.addWidget(split, 1)
        whole.addWidget(self._make_panel())

    def _make_panel(self) -> QScrollArea:
        inner = QWidget()
        layout = QVBoxLayout(inner)
        layout.setContentsMargins(0, 2, 20, 8)
        layout.setSpacing(10)
        layout.addWidget(self.verdict)
        layout.addWidget(self.figures)
        layout.addWidget(self.report)
        grid = QVBoxLayout()
        grid.setSpacing(8)
        names = list(self.deeds)
        for first in range(0, len(names), 2):
            row = QHBoxLayout()
            for name in names[first : first + 2]:
                row.addWidget(self.deeds[name], 1)
            grid.addLayout(row)
        layout.addLayout(grid)
        layout.addWidget(self._checked_head)
        layout.addWidget(self.checked)
        self._found_head = label("WHAT TO MIND", "section")
        layout.addWidget(self._found_head)
        layout.addWidget(self.findings)
        self._world_head = label("WORLD AND LENSES", "section")
        layout.addWidget(self._world_head)
        layout.addLayout(self._notes)
        layout.addStretch(1)
        panel = QScrollArea()
        panel.setWidgetResizable(True)
        panel.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        panel.setFixedWidth(PANEL_PX)
        panel.setAccessibleName("Verdict")
        panel.setWidget(inner)
        return panel

    @property
    def tiles(self) -> dict[str, CameraTile]:
        """Maps of the cameras."""
        return self.maps.tiles

    def show_result(self, result: Result | None, can_compare: bool) -> None:
        """Show another calibration."""
        self._result = result
        self.setEnabled(result is not None)
        if result is None:
            self.room.show_content(None)
            return
        if self._camera not in result.rig.names:
            self._camera = result.rig.names[0]
        self.verdict.show_verdict(result.level, result.headline)
        self.figures.show_figures(result.figures())
        to_do = result.to_do()[:MOST_FINDINGS]
        self.findings.show_findings(to_do)
        self._found_head.setVisible(bool(to_do))
        self.checked.show_findings(result.verified)
        self._checked_head.setVisible(bool(result.verified))
        clear_layout(self._notes)
        notes = result.notes()
        for topic, text in notes:
            self._notes.addWidget(label(topic))
            self._notes.addWidget(label(text, "faint", wrap=True))
        self._world_head.setVisible(bool(notes))
        self.report.setEnabled(result.report is not None and result.report.html is not None)
        self.deeds["compare"].setEnabled(can_compare)
        self._legend.setText(_legend(result))
        self._legend.setVisible(result.seen is not None)
        self.boards.setVisible(result.seen is not None)
        self.maps.setVisible(result.report is not None)
        self._map_note.setVisible(result.report is not None)
        self._show_cameras()

    def _show_cameras(self) -> None:
        result = self._result
        if result is None:
            return
        levels = tuple(result.level_of(name) for name in result.rig.names)
        self.table.show_rows(result.rows(), (), self._theme)
        self.table.choose(self._camera)
        self._lower.setMaximumHeight(self.table.maximumHeight() + MAPS_PX + AROUND_PX)
        self.room.show_content(RoomContent(result.rig, result.seen, camera=self._camera, levels=levels))
        if result.report is not None:
            self.maps.show_maps(result.report.cameras, self._camera)

    def choose_camera(self, name: str) -> None:
        """Mark a camera everywhere."""
        self._camera = name
        self._show_cameras()

    def _picked(self, instant: int) -> None:
        if self._result is not None and self._result.seen is not None:
            seen = self._result.seen
            error = number(float(seen.error_px[instant]), "px", 2)
            saw = (seen.xy[instant, :, :, 0] == seen.xy[instant, :, :, 0]).any(axis=1)
            names = ", ".join(name for name, one in zip(seen.cameras, saw, strict=True) if one)
            self.say.emit(f"Board at instant {instant + 1}: {error}, seen by {names}")

    def _show_parts(self) -> None:
        self.room.show_parts(self.boards.isChecked(), self.floor.isChecked())

    def _open_report(self) -> None:
        if self._result is not None and self._result.report is not None and self._result.report.html is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._result.report.html)))

    def set_theme(self, theme: Theme) -> None:
        """Take on other colours."""
        self._theme = theme
        self.room.set_theme(theme)
        self.maps.set_theme(theme)
        self._show_cameras()


def _legend(result: Result) -> str:
    """What the colours of the boards mean."""
    if result.seen is None:
        return ""
    import numpy as np

    known = result.seen.error_px[np.isfinite(result.seen.error_px)]
    if not known.size:
        return ""
    middle = float(np.median(known))
    return f"{len(result.seen.error_px)} boards: blue fits (0 px), orange does not ({3 * middle:.1f} px or more)"
