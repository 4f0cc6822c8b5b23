"""The dialog for new runs: recordings and what is there of them, the preset, and the settings that matter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QInputDialog,
    QLineEdit,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from mocap.gui.jobs.process import ProcessJob
from mocap.gui.presenters.exports import HOLDS
from mocap.gui.presenters.process.machine import Machine
from mocap.gui.presenters.process.queue import NewRuns, Recording
from mocap.gui.presenters.process.settings import COUNTED, ESSENTIAL, PEOPLE, SettingField
from mocap.gui.views.parts import TroubleCard, button, clear_layout, label, named
from mocap.gui.views.process.settings import FieldLine, MenuLine, NetworkLine, form

POLL_MS = 60
SIZE_PX = (1040, 700)
LEFT_PX = 400
NETWORKS, RUNTIME = ("detect", "landmarks"), ("detect", "runtime")
FORMATS, REPETITIONS = ("output", "formats"), ("kinematics", "repetitions")
SUBJECT = ("associate", "subject")
NEED_KINDS = {"nothing": "good", "no detection": "good", "everything": "faint"}


class NewRunDialog(QDialog):
    """Asks for what runs need; ``wanted`` are the jobs when it was accepted."""

    def __init__(
        self, parent: QWidget | None, paths: Path | Sequence[Path] | None = None, own_presets: Path | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Process")
        self.resize(*SIZE_PX)
        self.wanted: tuple[ProcessJob, ...] = ()
        given = () if paths is None else (paths,) if isinstance(paths, Path) else tuple(paths)
        self.runs = NewRuns(given, own_presets)
        self.folder = QLineEdit(placeholderText="Folder with the videos of all cameras, or of several recordings")
        named(self.folder, "Folder of videos", "Enter takes it into the list")
        self.cards: dict[Path, RecordingCard] = {}
        self.lines: dict[tuple[str, str], FieldLine] = {}
        self.presets, self.trouble = QButtonGroup(self), TroubleCard()
        self._about, self._changes = label("", "faint", wrap=True), label("", "care")
        self._summary = label("", "faint")
        self.reset_all = button("Back to the preset", "Take all changes back")
        self.save = button("Save as preset …", "Save the settings as a preset of your own")
        self.more = QToolButton()
        self.more.setCheckable(True)
        self.more.setText("▸  More settings")
        named(self.more, "More settings")
        self.for_all = button("One calibration for all …", "Choose one calibration for all recordings")
        self.start = button("Start", "Start the run", primary=True)
        self._shown_presets: tuple[str, ...] = ()
        self._lay_out()
        self._bind()
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(self.runs.tick)
        self._timer.start()
        self._update()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 22, 24, 18)
        layout.setSpacing(12)
        layout.addWidget(label("Process", "title"))
        middle = QHBoxLayout()
        middle.setSpacing(24)
        left = QWidget()
        left.setFixedWidth(LEFT_PX)
        self._lay_out_recordings(left)
        middle.addWidget(left)
        right = QVBoxLayout()
        right.setSpacing(8)
        self._lay_out_settings(right)
        middle.addLayout(right, 1)
        layout.addLayout(middle, 1)
        layout.addWidget(self.trouble)
        cancel = button("Cancel")
        cancel.clicked.connect(self.reject)
        self.start.setDefault(True)
        end = QHBoxLayout()
        end.addWidget(self._summary)
        end.addStretch(1)
        end.addWidget(cancel)
        end.addWidget(self.start)
        layout.addLayout(end)

    def _lay_out_recordings(self, pane: QWidget) -> None:
        layout = QVBoxLayout(pane)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(label("RECORDINGS", "section"))
        browse = button("Browse …", "Choose a folder of videos")
        browse.setAutoDefault(False)
        browse.clicked.connect(self._browse)
        line = QHBoxLayout()
        line.addWidget(self.folder, 1)
        line.addWidget(browse)
        layout.addLayout(line)
        inner = QWidget()
        self._list = QVBoxLayout(inner)
        self._list.setContentsMargins(0, 0, 6, 0)
        self._list.setSpacing(8)
        self._none = label("Choose a folder, or drop one into the window.", "faint", wrap=True)
        self._list.addWidget(self._none)
        self._list.addStretch(1)
        layout.addWidget(_scrolled(inner, "Recordings"), 1)
        self.for_all.setAutoDefault(False)
        layout.addWidget(self.for_all)

    def _lay_out_settings(self, layout: QVBoxLayout) -> None:
        layout.addWidget(label("PRESET", "section"))
        self._preset_row = QHBoxLayout()
        self._preset_row.setSpacing(0)
        layout.addLayout(self._preset_row)
        layout.addWidget(self._about)
        line = QHBoxLayout()
        for action in (self.reset_all, self.save):
            action.setAutoDefault(False)
        line.addWidget(self._changes)
        line.addStretch(1)
        line.addWidget(self.reset_all)
        line.addWidget(self.save)
        layout.addLayout(line)
        inner = QWidget()
        self._form = QVBoxLayout(inner)
        self._form.setContentsMargins(0, 0, 10, 0)
        self._form.setSpacing(12)
        self._reading = label("Reading the settings …", "faint")
        self._form.addWidget(self._reading)
        self._form.addStretch(1)
        layout.addWidget(_scrolled(inner, "Settings"), 1)

    def _bind(self) -> None:
        runs = self.runs
        self.folder.returnPressed.connect(self._take_folder)
        self.presets.idClicked.connect(runs.choose_preset)
        self.reset_all.clicked.connect(lambda: runs.reset())
        self.save.clicked.connect(self._save)
        self.more.toggled.connect(self._unfold)
        self.for_all.clicked.connect(lambda: self._choose_calibration(None))
        self.start.clicked.connect(self._accept)
        runs.changed.subscribe(self._update)

    def _browse(self) -> None:
        if chosen := QFileDialog.getExistingDirectory(self, "Folder of videos", self.folder.text()):
            self.runs.add((Path(chosen),))

    def _take_folder(self) -> None:
        if text := self.folder.text().strip():
            self.folder.clear()
            self.runs.add((Path(text).expanduser(),))

    def _choose_calibration(self, folder: Path | None) -> None:
        start = str(folder or (self.runs.recordings[0].folder if self.runs.recordings else ""))
        chosen, _ = QFileDialog.getOpenFileName(self, "Calibration file", start)
        if chosen:
            self.runs.calibrate_by(folder, Path(chosen))

    def _save(self) -> None:
        name, given = QInputDialog.getText(self, "Save as preset", "Name of the preset")
        if given and name.strip():
            self.runs.save(name)

    def _unfold(self, on: bool) -> None:
        self.more.setText(f"{'▾' if on else '▸'}  More settings")
        self._folded.setVisible(on)

    def _update(self) -> None:
        runs = self.runs
        self._show_presets()
        self._show_recordings()
        if runs.machine is not None and not self.lines:
            self._make_form(runs.machine)
        if runs.draft is not None:
            for line in self.lines.values():
                line.show_draft(runs.draft)
            # Where everybody counts, nobody is chosen.
            self.lines[SUBJECT].setEnabled(runs.draft.value(PEOPLE) != "all")
        self._about.setText(runs.preset.description)
        count = len(runs.draft.changes) if runs.draft is not None else 0
        self._changes.setText(f"{count} changed" if count else "")
        self.reset_all.setVisible(runs.customised)
        self.save.setVisible(runs.customised)
        trouble = runs.obstacle if runs.recordings or runs.trouble is not None else None
        self.trouble.show_trouble(trouble)
        self.start.setEnabled(runs.ready)
        several = len(runs.chosen) > 1
        self.start.setText(f"Start {len(runs.chosen)}" if several else "Start")
        self._summary.setText("Looking …" if runs.looking else runs.summary)

    def _show_presets(self) -> None:
        names = tuple(preset.name for preset in self.runs.presets)
        if names != self._shown_presets:
            self._shown_presets = names
            for old in self.presets.buttons():
                self.presets.removeButton(old)
            clear_layout(self._preset_row)
            for index, preset in enumerate(self.runs.presets):
                choice = button(preset.title, f"Preset {preset.title}: {preset.description}")
                choice.setCheckable(True)
                choice.setAutoDefault(False)
                choice.setObjectName("segment")
                choice.setToolTip(preset.description)
                self.presets.addButton(choice, index)
                self._preset_row.addWidget(choice)
            self._preset_row.addStretch(1)
        self.presets.button(self.runs.presets.index(self.runs.preset)).setChecked(True)

    def _show_recordings(self) -> None:
        rows = self.runs.recordings
        for folder in [known for known in self.cards if known not in {one.folder for one in rows}]:
            self.cards.pop(folder).deleteLater()
        for place, one in enumerate(rows):
            if one.folder not in self.cards:
                card = RecordingCard(one.name)
                card.wanted.connect(lambda on, f=one.folder: self.runs.want(f, on))
                card.calibrate.connect(lambda f=one.folder: self._choose_calibration(f))
                card.remove.connect(lambda f=one.folder: self.runs.remove(f))
                self.cards[one.folder] = card
                self._list.insertWidget(place + 1, card)
            self.cards[one.folder].show_recording(one, len(rows) > 1)
        self._none.setVisible(not rows)
        self._none.setText("Looking …" if self.runs.looking else "Choose a folder with the videos of all cameras.")
        self.for_all.setVisible(len(rows) > 1)

    def _make_form(self, machine: Machine) -> None:
        for field in machine.fields:
            self.lines[field.path] = self._line(field, machine)
        if isinstance(self.lines.get(RUNTIME), FieldLine):
            self.lines[RUNTIME].explain(machine.runtimes)
        self._form.removeWidget(self._reading)
        self._reading.hide()
        ordered = sorted((line for line in self.lines.values() if line.field.essential), key=_essential_place)
        essential = QWidget()
        inside = QVBoxLayout(essential)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(8)
        for line in ordered:
            inside.addWidget(line)
        self._folded = form([line for line in self.lines.values() if not line.field.essential])
        self._folded.hide()
        for place, part in enumerate((essential, self.more, self._folded)):
            self._form.insertWidget(place, part)

    def _line(self, field: SettingField, machine: Machine) -> FieldLine:
        put, reset = self.runs.put, self.runs.reset
        if field.path == NETWORKS:
            return NetworkLine(field, machine.networks, put, reset)
        if field.path == FORMATS:
            return MenuLine(field, {name: f"{name}: {words}" for name, words in HOLDS.items()}, put, reset)
        if field.path == REPETITIONS:
            return MenuLine(field, COUNTED, put, reset)
        return FieldLine(field, put, reset)

    def _accept(self) -> None:
        if self.runs.ready:
            self.wanted = self.runs.jobs()
            self.accept()

    def done(self, result: int) -> None:
        """Close, and let the looking threads go."""
        self._timer.stop()
        self.runs.close()
        super().done(result)


def _essential_place(line: FieldLine) -> int:
    return ESSENTIAL.index(line.field.path)


def _scrolled(inner: QWidget, name: str) -> QScrollArea:
    area = QScrollArea(widgetResizable=True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    named(area, name)
    area.setWidget(inner)
    return area


class RecordingCard(QFrame):
    """One recording: whether it is wanted, its calibration, what is there of it."""

    wanted = Signal(bool)
    calibrate = Signal()
    remove = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName("card")
        self.box = QCheckBox(name)
        named(self.box, f"Process {name}")
        self._about, self._to_do = label("", "faint", wrap=True), label("", "faint", wrap=True)
        self.choose = QToolButton()
        self.choose.setText("Calibration …")
        named(self.choose, f"Choose the calibration of {name}")
        self.away = QToolButton()
        self.away.setText("✕")
        named(self.away, f"Take {name} out of the list")
        self.box.toggled.connect(self.wanted)
        self.choose.clicked.connect(self.calibrate)
        self.away.clicked.connect(self.remove)
        head = QHBoxLayout()
        head.addWidget(self.box, 1)
        head.addWidget(self.choose)
        head.addWidget(self.away)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 8, 10)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(self._about)
        layout.addWidget(self._to_do)

    def show_recording(self, one: Recording, several: bool) -> None:
        """Show it as it is now."""
        self.box.blockSignals(True)
        self.box.setChecked(one.wanted)
        self.box.blockSignals(False)
        self.away.setVisible(several)
        self._about.setText(one.about)
        self._about.setToolTip(str(one.calibration or ""))
        self._to_do.setText(one.to_do)
        need = one.foresight.need if one.foresight is not None else ""
        kind = "poor" if one.trouble is not None else NEED_KINDS.get(need, "faint")
        if self._to_do.objectName() != kind:
            self._to_do.setObjectName(kind)
            self._to_do.style().polish(self._to_do)
