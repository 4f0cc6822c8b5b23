"""The panel of jobs: progress, time left, stop, log."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QProgressBar,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from mocap.gui.presenters.jobs import Job, Jobs
from mocap.gui.presenters.words import duration, time_left
from mocap.gui.views.parts import TroubleCard, button, label, named

LOG_HEIGHT_PX = 130
STEPS = 1000
WORDS = {
    "waiting": ("Waiting for its turn", "faint"),
    "stopping": ("Stopping at the next safe point …", "care"),
    "done": ("Finished", "good"),
    "stopped": ("Stopped; what was done is kept", "care"),
    "failed": ("Could not be done", "poor"),
}


class JobsPanel(QScrollArea):
    """All jobs, newest first."""

    open_result = Signal(object)  # Job

    def __init__(self, jobs: Jobs) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMinimumWidth(320)
        self._jobs, self._cards = jobs, dict[int, JobCard]()
        inner = QWidget()
        inner.setObjectName("panel")
        self._layout = QVBoxLayout(inner)
        self._layout.setContentsMargins(12, 12, 12, 12)
        self._layout.setSpacing(10)
        self._none = label(
            "No jobs yet. Drop a folder of videos into the window, or choose Process … at a trial in the library.",
            "faint",
            wrap=True,
        )
        self._layout.addWidget(self._none)
        self._layout.addStretch(1)
        self.setWidget(inner)
        jobs.changed.subscribe(self._update)
        self._update()

    def _update(self) -> None:
        self._none.setVisible(not self._jobs.jobs)
        for job in reversed(self._jobs.jobs):
            if job.id not in self._cards:
                card = JobCard(job.id)
                card.stop.clicked.connect(lambda _=False, number=job.id: self._jobs.cancel(number))
                card.opened.connect(self.open_result)
                self._cards[job.id] = card
                self._layout.insertWidget(0, card)
            self._cards[job.id].show_job(job)


class JobCard(QFrame):
    """One job."""

    opened = Signal(object)

    def __init__(self, number: int) -> None:
        super().__init__()
        self.setObjectName("card")
        self._job: Job | None = None
        self._title, self._state = label("", "heading", wrap=True), label("", "faint")
        self.bar = QProgressBar(maximum=STEPS, textVisible=False)
        named(self.bar, f"Progress of job {number}")
        self._stage, self._time = label("", "faint"), label("", "faint")
        self.trouble = TroubleCard()
        self.stop, self.open = (
            button("Stop", f"Stop job {number}"),
            button("Open", f"Open the result of job {number}", primary=True),
        )
        self.open.clicked.connect(self._open)
        self.log = QPlainTextEdit(readOnly=True)
        named(self.log, f"Log of job {number}")
        self.log.setFixedHeight(LOG_HEIGHT_PX)
        self.log.hide()
        self._more = QToolButton()
        self._more.setText("Log")
        self._more.setCheckable(True)
        named(self._more, f"Show the log of job {number}")
        self._more.toggled.connect(self.log.setVisible)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.setSpacing(8)
        layout.addWidget(self._title)
        layout.addWidget(self._state)
        layout.addWidget(self.bar)
        line = QHBoxLayout()
        line.addWidget(self._stage, 1)
        line.addWidget(self._time, 0, Qt.AlignmentFlag.AlignRight)
        layout.addLayout(line)
        layout.addWidget(self.trouble)
        buttons = QHBoxLayout()
        buttons.addWidget(self._more)
        buttons.addStretch(1)
        buttons.addWidget(self.stop)
        buttons.addWidget(self.open)
        layout.addLayout(buttons)
        layout.addWidget(self.log)

    def _open(self) -> None:
        self.opened.emit(self._job)

    def show_job(self, job: Job) -> None:
        """Show the job as it is now."""
        before, self._job = self._job, job
        if before == job:
            return
        self._title.setText(job.request.title)
        running = job.state == "running"
        words, kind = WORDS.get(job.state, ("", "faint"))
        self._state.setText(words)
        self._state.setVisible(not running)
        if self._state.objectName() != kind:
            self._state.setObjectName(kind)
            self._state.style().polish(self._state)
        self.bar.setVisible(job.state in ("running", "stopping"))
        self.bar.setValue(round(STEPS * job.share))
        begun = job.stage_title or "Opening the files"
        self._stage.setText(begun if running else "")
        left = time_left(job.left_s)
        self._stage.setVisible(running)
        self._time.setVisible(running or job.state == "stopping")
        self._time.setText("  ·  ".join(filter(None, (duration(job.seconds), left))) if job.seconds else "")
        self.stop.setVisible(job.state in ("waiting", "running"))
        self.open.setVisible(job.result is not None)
        self.trouble.show_trouble(job.trouble)
        if before is None or before.log != job.log:
            self.log.setPlainText("\n".join(job.log))
            self.log.verticalScrollBar().setValue(self.log.verticalScrollBar().maximum())
