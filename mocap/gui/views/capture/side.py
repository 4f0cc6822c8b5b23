"""Beside the pictures: the next recording, the button that begins it, and what came of the last one."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from mocap.gui.presenters.capture.capturing import Capturing
from mocap.gui.presenters.capture.plan import usual_session
from mocap.gui.presenters.capture.words import TakeDone
from mocap.gui.presenters.words import duration
from mocap.gui.views.parts import Choice, button, label, named, number_box
from mocap.gui.views.theme import Theme
from mocap.pipeline.recording.desk import DeskState

BUTTON_PX, TIME_PX = 58, 38
# With less than this the disk is worth a warning, minutes.
SCARCE_MIN = 15.0
RECORD = """
QPushButton {{ background: {ground}; color: {ink}; border: 2px solid {line}; border-radius: 12px;
    font-size: 17px; font-weight: 700; }}
QPushButton:hover {{ border: 2px solid {text}; }}
QPushButton:focus:enabled {{ border: 2px solid {text}; }}
QPushButton:disabled {{ background: {panel}; color: {faint}; border: 2px solid {line}; }}
"""
RED = "#d03a2f"


class RecordPanel(QWidget):
    """What is to be recorded, and how it goes."""

    def __init__(self, capturing: Capturing, theme: Theme) -> None:
        super().__init__()
        self._capturing, self._theme = capturing, theme
        self._filling = False
        self.session = Choice()
        self.session.setEditable(True)
        named(self.session, "Session", "A session that is there, or the name of a new one")
        self.participant, self.trial = QLineEdit(), QLineEdit()
        named(self.participant, "Participant", "A pseudonym, for a new session")
        self.participant.setPlaceholderText("Pseudonym, as P07")
        named(self.trial, "Name of the trial")
        self.calibrates = QCheckBox("This is a calibration take")
        named(self.calibrates, "This is a calibration take: a board is filmed, not a person")
        self.calibrates.setToolTip("A board is filmed, not a person; afterwards it goes to Calibrate")
        self.countdown = _seconds("Countdown", 60, "none")
        self.duration = _seconds("Length", 36_000, "until stopped")
        self.preroll = _seconds("Seconds before the start that are kept", 30, "none")
        self.on_entry = QCheckBox("Start when somebody enters")
        named(self.on_entry, "Start when somebody enters")
        self.on_exit = QCheckBox("Stop when everybody has left")
        named(self.on_exit, "Stop when everybody has left")
        self.on_entry.setToolTip("Whoever is in view has to leave first. The 3 s before the entry are kept, too")
        self.remote = QLineEdit()
        named(self.remote, "Remote start: port, or host and port")
        self.remote.setPlaceholderText("off; a port as 8765")
        self.more = QToolButton()
        self.more.setText("▸  More")
        self.more.setCheckable(True)
        named(self.more, "More settings of the recording")
        self.record = QPushButton("Record")
        named(self.record, "Record (R)", "R begins and ends the recording")
        self.record.setFixedHeight(BUTTON_PX)
        self.record.setCursor(Qt.CursorShape.PointingHandCursor)
        self._time, self._counts = label(""), label("", "faint", wrap=True)
        font = QFont(self._time.font())
        font.setPixelSize(TIME_PX)
        font.setBold(True)
        self._time.setStyleSheet(f"font-size: {TIME_PX}px; font-weight: 700;")
        self._why, self._disk = label("", "care", wrap=True), label("", "faint", wrap=True)
        self.outcome = Outcome()
        self._lay_out()
        self._bind()
        self.set_theme(theme)
        self.show_plan()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(label("RECORD", "section"))
        form = QGridLayout()
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(8)
        rows: tuple[tuple[str, QWidget], ...] = (
            ("Session", self.session),
            ("Participant", self.participant),
            ("Trial", self.trial),
            ("Countdown", self.countdown),
            ("Length", self.duration),
        )
        for number, (name, field) in enumerate(rows):
            form.addWidget(label(name, "faint"), number, 0)
            form.addWidget(field, number, 1)
        form.setColumnStretch(1, 1)
        layout.addLayout(form)
        layout.addWidget(self.calibrates)
        layout.addWidget(self.more)
        self._folded = QWidget()
        folded = QGridLayout(self._folded)
        folded.setContentsMargins(0, 0, 0, 0)
        folded.setVerticalSpacing(8)
        folded.addWidget(label("Keep before the start", "faint"), 0, 0)
        folded.addWidget(self.preroll, 0, 1)
        folded.addWidget(label("Remote start (HTTP)", "faint"), 1, 0)
        folded.addWidget(self.remote, 1, 1)
        folded.addWidget(self.on_entry, 2, 0, 1, 2)
        folded.addWidget(self.on_exit, 3, 0, 1, 2)
        self._folded.hide()
        layout.addWidget(self._folded)
        layout.addSpacing(4)
        layout.addWidget(self.record)
        for part in (self._why, self._time, self._counts, self._disk, self.outcome):
            layout.addWidget(part)

    def _bind(self) -> None:
        self.session.editTextChanged.connect(self._take)
        self.participant.textEdited.connect(self._take)
        self.trial.textEdited.connect(self._take)
        self.remote.textEdited.connect(self._take)
        for box in (self.countdown, self.duration, self.preroll):
            box.valueChanged.connect(self._take)
        for tick in (self.calibrates, self.on_entry, self.on_exit):
            tick.toggled.connect(self._take)
        self.more.toggled.connect(self._show_more)
        self.record.clicked.connect(self.press)

    def _show_more(self, shown: bool) -> None:
        self._folded.setVisible(shown)
        self.more.setText("▾  Less" if shown else "▸  More")

    def press(self) -> None:
        """Begin or end."""
        if self._capturing.taking:
            self._capturing.stop()
        else:
            self._capturing.record()

    def show_sessions(self) -> None:
        """Offer the sessions that are there."""
        chosen = self._capturing.plan.session
        sessions = self._capturing.sessions
        self._filling = True
        self.session.clear()
        self.session.addItems(list(sessions))
        # The name that offered itself gives way to a session that was made since; one that was typed stays.
        offered = not chosen or (chosen == f"{date.today():%Y-%m-%d}" and chosen not in sessions)
        self.session.setEditText(usual_session(self._capturing.root, date.today()) if offered else chosen)
        self._filling = False
        self._take()

    def _take(self) -> None:
        """Take over what was typed."""
        if self._filling:
            return
        self._capturing.set_plan(
            replace(
                self._capturing.plan,
                session=self.session.currentText().strip(),
                participant=self.participant.text().strip(),
                trial=self.trial.text().strip(),
                countdown_s=float(self.countdown.value()),
                duration_s=float(self.duration.value()),
                preroll_s=float(self.preroll.value()),
                remote=self.remote.text().strip(),
                on_entry=self.on_entry.isChecked(),
                on_exit=self.on_exit.isChecked(),
                calibrates=self.calibrates.isChecked(),
            )
        )
        self.show_plan()

    def show_plan(self) -> None:
        """Show the next recording as it is known."""
        plan = self._capturing.plan
        self._filling = True
        if self.trial.text().strip() != plan.trial:
            self.trial.setText(plan.trial)
        self.countdown.setValue(round(plan.countdown_s))
        self.duration.setValue(round(plan.duration_s))
        self.preroll.setValue(round(plan.preroll_s))
        self.calibrates.setChecked(plan.calibrates)
        self._filling = False
        there = plan.session in self._capturing.sessions
        self.participant.setEnabled(not there)
        self.participant.setPlaceholderText("As the session says" if there else "Pseudonym, as P07")

    def show_state(self) -> None:
        """Show how it goes."""
        capturing = self._capturing
        status, taking = capturing.desk.status, capturing.taking
        why = "" if taking else capturing.objection()
        self._why.setText(why)
        self._why.setVisible(bool(why) and bool(capturing.entries))
        self.record.setEnabled(taking or not why)
        self._show_button()
        for field in (self.session, self.trial, self.countdown, self.duration, self.calibrates, self._folded):
            field.setEnabled(not taking)
        self._time.setVisible(capturing.recording)
        self._counts.setVisible(taking)
        if capturing.recording:
            left = f" / {duration(capturing.plan.duration_s)}" if capturing.plan.duration_s else ""
            self._time.setText(duration(status.elapsed_s) + left)
        if taking:
            self._counts.setText(self._taking_words())
            lost = sum(sum(camera.dropped.values()) + camera.missing for camera in status.cameras)
            _kind(self._counts, "poor" if lost and capturing.recording else "faint")
        self._show_disk()
        self.outcome.show_done(capturing.done, capturing.plan.calibrates)
        if self.trial.text().strip() != capturing.plan.trial and not self.trial.hasFocus():
            self.show_plan()

    def _taking_words(self) -> str:
        capturing, status = self._capturing, self._capturing.desk.status
        if capturing.desk.waits:
            where = f" Start and stop by {capturing.desk.where}." if capturing.desk.where else ""
            who = "Waiting for somebody to enter." if capturing.plan.on_entry else "Waiting for the word to start."
            return who + where
        if status.state is DeskState.COUNTDOWN:
            return f"Begins in {math.ceil(status.countdown_s)} s"
        if status.state is DeskState.SAVING:
            return "Finishing the files …"
        if status.state is not DeskState.RECORDING:
            return "Getting ready …"
        recorded = sum(camera.recorded for camera in status.cameras)
        dropped = sum(sum(camera.dropped.values()) for camera in status.cameras)
        missing = sum(camera.missing for camera in status.cameras)
        return f"{recorded} pictures  ·  {dropped} dropped  ·  {missing} missing"

    def _show_button(self) -> None:
        taking, recording = self._capturing.taking, self._capturing.recording
        words = "■   Stop" if recording else "Call it off" if taking else "●   Record"
        if self.record.text() != words:
            self.record.setText(words)
            named(self.record, f"{words[1:].strip() if not taking or recording else words} (R)")

    def _show_disk(self) -> None:
        status, disk = self._capturing.desk.status, self._capturing.disk
        free = status.free_bytes or disk.free_bytes
        if disk.trouble is not None:
            self._disk.setText(f"{disk.trouble.what} {disk.trouble.remedy}")
            return
        if not free:
            return
        minutes = status.minutes_left
        room = f"{free / 1e9:.0f} GB free"
        if math.isfinite(minutes):
            hours = f"{minutes / 60:.0f} h" if minutes >= 120 else f"{minutes:.0f} min"
            room += f"  ·  room for about {hours}"
        self._disk.setText(room)
        _kind(self._disk, "poor" if minutes < SCARCE_MIN else "faint")

    def set_theme(self, theme: Theme) -> None:
        """Recolour."""
        self._theme = theme
        colours = {"ground": RED, "ink": "#ffffff", "line": RED, "text": theme.text}
        self.record.setStyleSheet(RECORD.format(**{**colours, "panel": theme.raised, "faint": theme.faint}))


class Outcome(QFrame):
    """What came of a recording, and what can be done with it."""

    review = Signal(object)
    process = Signal(object)
    calibrate = Signal(object)
    again = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("card")
        self._done: TakeDone | None = None
        self._title, self._words = label("", "heading", wrap=True), label("", "faint", wrap=True)
        self.to_review, self.to_process = button("Show it"), button("Process now", primary=True)
        self.to_calibrate = button("Calibrate with it", primary=True)
        self.to_next = button("Record the next")
        self.to_review.clicked.connect(lambda: self.review.emit(self._trial()))
        self.to_process.clicked.connect(lambda: self.process.emit(self._trial()))
        self.to_calibrate.clicked.connect(lambda: self.calibrate.emit(self._trial()))
        self.to_next.clicked.connect(self.again)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 12)
        layout.setSpacing(8)
        row = QHBoxLayout()
        row.addWidget(self.to_review)
        row.addWidget(self.to_next, 1)
        for part in (self._title, self._words, self.to_process, self.to_calibrate):
            layout.addWidget(part)
        layout.addLayout(row)
        self.hide()

    def _trial(self) -> Path | None:
        return self._done.trial if self._done is not None else None

    def show_done(self, done: TakeDone | None, calibrates: bool) -> None:
        """Show what came of a recording; nothing while there is none."""
        if done is self._done:
            return
        self._done = done
        self.setVisible(done is not None)
        if done is None:
            return
        lost = done.dropped + done.missing
        self._title.setText(f"{done.trial.name} is recorded" if done.recorded else f"{done.trial.name} is kept")
        words = f"{done.seconds:.1f} s, {done.recorded} pictures, "
        words += "none lost" if not lost else f"{done.dropped} dropped, {done.missing} missing"
        self._words.setText(words if done.recorded else "\n".join(done.lines))
        self._words.setToolTip("\n".join(done.lines))
        _kind(self._words, "poor" if lost else "good")
        self.to_process.setVisible(not calibrates)
        self.to_calibrate.setVisible(calibrates)
        self.to_next.setFocus()


def _seconds(name: str, most: int, nothing: str) -> QSpinBox:
    """A number of seconds; 0 has a word of its own."""
    return number_box(f"{name}, seconds", 0, most, " s", nothing)


def _kind(part: QLabel, kind: str) -> None:
    """Give a text another name in the style sheet."""
    if part.objectName() != kind:
        part.setObjectName(kind)
        part.style().unpolish(part)
        part.style().polish(part)
