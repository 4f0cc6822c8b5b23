"""Beside the tree: what is known of the chosen session or trial, and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QCompleter,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from mocap.gui.presenters.library.library import Entry, RunEntry, SessionEntry, TrialEntry
from mocap.gui.presenters.words import Trouble, number
from mocap.gui.views.parts import Choice, Figures, TroubleCard, button, clear_layout, label, named

# A sign goes before the words of a step, so that colour is not all that tells them apart.
SIGNS = {"done": ("✓", "good"), "open": ("○", "faint"), "trouble": ("✕", "poor")}
TRIAL_ACTIONS = (
    ("process", "Process …", "Find the person and compute the body in 3D"),
    ("analyse", "Analyse", "Tables, comparison, normalised cycles"),
    ("align", "Align cameras …", "Bring videos that did not start together to one time, by hand"),
    ("export", "Export …", "Files for other programs"),
    ("report", "Report", "Open the report in the browser"),
    (
        "poses",
        "Use its detections",
        "Process the people that the other program found, instead of finding them anew",
    ),
)
SESSION_ACTIONS = (
    ("record", "Record", "Film a new trial in this session"),
    ("add", "Add videos …", "Videos or a folder as a new trial of this session"),
    ("calibrate", "Calibrate", "Calibrate the cameras of this session"),
    ("rig", "Calibrate with …", "Take the calibration of another session, or of a file"),
    ("details", "Details …", "Participant, date, notes"),
    ("process", "Process all …", "Process all trials of this session"),
    ("export", "Export all …", "Files of all processed trials of this session"),
)


class Inspector(QScrollArea):
    """What is known of one entry."""

    open_run = Signal(object)
    export_run = Signal(object)
    asked = Signal(str)
    tagged = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.entry: Entry | None = None
        self._writable = True
        self._name, self._sub = label("", "heading", wrap=True), label("", "faint", wrap=True)
        self._trouble = TroubleCard()
        self.tags = QLineEdit(placeholderText="Tags, with commas between")
        named(self.tags, "Tags")
        self.tags.editingFinished.connect(self._tag)
        self.runs = Choice()
        named(self.runs, "Run")
        self.runs.currentIndexChanged.connect(self._show_run)
        self.figures, self._notes, self._steps = Figures(), QVBoxLayout(), QVBoxLayout()
        self._steps.setSpacing(4)
        self.review = button("Open review", primary=True)
        self.review.clicked.connect(lambda: self._emit(self.open_run))
        self.actions_of_trial, self._trial_side = self._buttons(TRIAL_ACTIONS)
        self.actions_of_session, self._session_side = self._buttons(SESSION_ACTIONS)
        self.export, self.report = self.actions_of_trial["export"], self.actions_of_trial["report"]
        self.export.clicked.connect(lambda: self._emit(self.export_run))
        self.report.clicked.connect(self._open_report)
        self._sections: dict[str, QLabel] = {
            name: label(name.upper(), "section") for name in ("Tags", "Run", "Steps", "Figures", "Notes")
        }
        self._lay_out()
        self.show_entry(None)

    def _buttons(self, actions: tuple[tuple[str, str, str], ...]) -> tuple[dict[str, Any], QWidget]:
        """Buttons in two columns; those that the page does are told by ``asked``."""
        side = QWidget()
        grid = QGridLayout(side)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(8)
        made = {}
        for place, (name, text, hint) in enumerate(actions):
            one = button(text)
            named(one, text, hint)
            if actions is SESSION_ACTIONS or name not in ("export", "report"):
                one.clicked.connect(lambda _=False, what=name: self.asked.emit(what))
            made[name] = one
            grid.addWidget(one, place // 2, place % 2)
        return made, side

    def _lay_out(self) -> None:
        inner = QWidget()
        layout = QVBoxLayout(inner)
        layout.setContentsMargins(0, 6, 20, 0)
        layout.setSpacing(10)
        heads = self._sections
        for part in (self._name, self._sub, self._trouble, self.review, self._trial_side, self._session_side):
            layout.addWidget(part)
        for head, part in (("Tags", self.tags), ("Run", self.runs)):
            layout.addSpacing(4)
            layout.addWidget(heads[head])
            layout.addWidget(part)
        layout.addSpacing(4)
        layout.addWidget(heads["Steps"])
        layout.addLayout(self._steps)
        layout.addSpacing(4)
        layout.addWidget(heads["Figures"])
        layout.addWidget(self.figures)
        layout.addSpacing(4)
        layout.addWidget(heads["Notes"])
        layout.addLayout(self._notes)
        layout.addStretch(1)
        self.setWidget(inner)

    def know_tags(self, tags: tuple[str, ...]) -> None:
        """Offer tags that are in use elsewhere."""
        if (before := self.tags.completer()) is not None:
            before.deleteLater()
        completer = QCompleter(list(tags), self.tags)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.tags.setCompleter(completer)

    def show_entry(
        self,
        entry: Entry | None,
        writable: bool = True,
        trouble: Trouble | None = None,
        offers: frozenset[str] = frozenset(),
    ) -> None:
        """Show another entry; ``offers`` are the actions that can be had now."""
        before, self.entry, self._writable = self.entry, entry, writable
        self._name.setText(entry.name if entry else "")
        self._sub.setText(_place(entry))
        self._trouble.show_trouble((entry.trouble if entry else None) or trouble)
        same = before is not None and entry is not None and before.folder == entry.folder
        kept_typing = same and self.tags.isModified()
        if not kept_typing:
            self.tags.setText(", ".join(entry.tags) if entry else "")
        self.tags.setReadOnly(not writable)
        self._sections["Tags"].setVisible(entry is not None)
        self.tags.setVisible(entry is not None)
        trial = entry if isinstance(entry, TrialEntry) else None
        session = entry if isinstance(entry, SessionEntry) else None
        self._trial_side.setVisible(trial is not None)
        self._session_side.setVisible(session is not None)
        self.review.setVisible(trial is not None)
        for name, one in self.actions_of_trial.items():
            one.setVisible(name in offers)
            one.setEnabled(writable or name in ("analyse", "report", "export"))
        for name, one in self.actions_of_session.items():
            one.setVisible(name in offers)
            one.setEnabled(writable)
        self._show_runs(trial)
        self._show_steps(trial)
        self._show_run()

    def _show_runs(self, trial: TrialEntry | None) -> None:
        chosen = self.runs.currentText()
        self.runs.blockSignals(True)
        self.runs.clear()
        for run in trial.runs if trial else ():
            self.runs.addItem(f"{run.made:%d %b %Y, %H:%M}  ·  {run.state}")
        self.runs.setCurrentIndex(max(0, self.runs.findText(chosen)) if self.runs.count() else -1)
        self.runs.blockSignals(False)
        self.runs.setVisible(self.runs.count() > 0)
        self._sections["Run"].setVisible(self.runs.count() > 0)

    def _show_steps(self, trial: TrialEntry | None) -> None:
        clear_layout(self._steps)
        for step in trial.steps if trial else ():
            sign, kind = SIGNS[step.state]
            mark = label(sign, kind)
            mark.setFixedWidth(18)
            line = QWidget()
            row = QHBoxLayout(line)
            row.setContentsMargins(0, 0, 0, 0)
            row.addWidget(mark)
            row.addWidget(label(step.words, "" if step.state == "done" else "faint", wrap=True), 1)
            self._steps.addWidget(line)
        self._sections["Steps"].setVisible(trial is not None and bool(trial.steps))

    def _run(self) -> RunEntry | None:
        index = self.runs.currentIndex()
        entry = self.entry
        return entry.runs[index] if isinstance(entry, TrialEntry) and 0 <= index < len(entry.runs) else None

    def _emit(self, signal: Any) -> None:
        if (run := self._run()) is not None:
            signal.emit(run.folder)

    def _tag(self) -> None:
        self.tags.setModified(False)
        if self.entry is not None and self.tags.text() != ", ".join(self.entry.tags):
            self.tagged.emit(self.tags.text())

    def _open_report(self) -> None:
        if (run := self._run()) is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(run.folder / "report.html")))

    def _show_run(self) -> None:
        run = self._run()
        done = run is not None and run.state == "finished"
        for action in (self.review, self.export, self.report, self.actions_of_trial["analyse"]):
            action.setEnabled(done)
        if run is not None and run.trouble is not None:
            self._trouble.show_trouble(run.trouble)
        shown = _figures(run) if isinstance(self.entry, TrialEntry) else _person(self.entry)
        self.figures.show_figures(shown)
        clear_layout(self._notes)
        own = self.entry.told.notes if self.entry is not None else ""
        summary = run.summary if run else None
        notes = (*((own,) if own else ()), *(summary.warnings if summary else ()))
        for text in notes:
            self._notes.addWidget(_note(text))
        self._sections["Figures"].setVisible(bool(shown))
        self._sections["Notes"].setVisible(bool(notes))


def _place(entry: Entry | None) -> str:
    """The lines below the name."""
    if isinstance(entry, TrialEntry):
        return f"{entry.session_folder.name}  ·  {entry.participant}\n{entry.date}"
    if isinstance(entry, SessionEntry):
        rig = "Cameras are calibrated" if entry.calibrated else "Cameras are not calibrated yet"
        count = len(entry.trials)
        return f"{entry.told.participant}  ·  {entry.date}\n{count} trial{'' if count == 1 else 's'}. {rig}."
    return ""


def _person(entry: Entry | None) -> tuple[tuple[str, str], ...]:
    if not isinstance(entry, SessionEntry):
        return ()
    told: Mapping[str, str] = {
        "Sex": "" if entry.told.sex == "unknown" else entry.told.sex,
        "Height": number(entry.told.height_m, "m", 2) if entry.told.height_m is not None else "",
        "Mass": number(entry.told.mass_kg, "kg") if entry.told.mass_kg is not None else "",
    }
    return tuple((name, value) for name, value in told.items() if value)


def _figures(run: RunEntry | None) -> tuple[tuple[str, str], ...]:
    summary = run.summary if run else None
    if summary is None:
        return ()
    shown = (
        ("Frames in 3D", f"{summary.frames_3d} of {summary.frames}"),
        ("Frame rate", number(summary.rate_hz, "Hz", 2)),
        ("Reprojection, median", number(summary.reproj_px_median, "px")),
        ("Reprojection, 90 %", number(summary.reproj_px_p90, "px")),
        ("Uncertainty (1 σ)", number(summary.sigma_mm_median, "mm")),
        ("Bone length variation", number(summary.bone_variation_percent, "%")),
    )
    if summary.truth is not None:
        words = "Error against truth, laid over it" if summary.truth.laid_over else "Error against truth"
        return (*shown, (words, number(summary.truth.mpjpe_mm, "mm")))
    return shown


def _note(text: str) -> QLabel:
    note = label(text, "notice", wrap=True)
    note.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return note
