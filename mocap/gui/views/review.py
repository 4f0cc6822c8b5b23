"""The review page: videos, room, angles and figures of one run, all at one instant."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QByteArray, Qt, QTimer
from PySide6.QtWidgets import (
    QCheckBox,
    QDockWidget,
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from mocap.gui.presenters.changes import Later
from mocap.gui.presenters.playhead import Playhead
from mocap.gui.presenters.words import trouble_of
from mocap.gui.scene.choose import make_scene
from mocap.gui.views.context import Context, Page
from mocap.gui.views.parts import Figures, TroubleCard, button, label, named
from mocap.gui.views.theme import Theme
from mocap.gui.views.timeline import Timeline

# TYPE_CHECKING would do for names; these are needed when a run is opened, and heavy.
from mocap.gui.presenters.frames import FrameStore  # isort: skip
from mocap.gui.presenters.review import Review, open_review  # isort: skip
from mocap.gui.views.plots import AnglePlots  # isort: skip
from mocap.gui.views.videos import VideoGrid  # isort: skip

# Keys, what they do (a word of ``ReviewPage.act``), and how the sheet says it.
KEYS = (
    ("Space", "play", "Play or pause"),
    ("Left", "back", "One instant back"),
    ("Right", "forward", "One instant forward"),
    ("Shift+Left", "back 10", "Ten instants back"),
    ("Shift+Right", "forward 10", "Ten instants forward"),
    ("Ctrl+Left", "first", "To the beginning of the range"),
    ("Ctrl+Right", "last", "To the end of the range"),
    ("A", "a", "Range begins here"),
    ("B", "b", "Range ends here"),
    ("Esc", "clear", "Play everything"),
    ("L", "loop", "Loop on or off"),
    ("+", "faster", "Faster"),
    ("-", "slower", "Slower"),
    *((str(n), f"solo {n - 1}", f"Camera {n} alone, or all") for n in range(1, 5)),
)
# A step of the clock that plays: about what a screen shows a second.
FRAME_MS = 16
# While something is looked for: pictures that arrive are shown this often.
WAIT_MS = 40
# How often the line of decoded pictures is brought up to date, s.
READY_S = 0.25
INSPECTOR_PX = 230
# Where the places of the panes are kept; the number rises when there are other panes.
LAYOUT = "review/panes 1"


class ReviewPage(Page):
    """All views of one run; ``head`` is the one place in time."""

    keys = KEYS

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, theme = context, context.theme()
        self.setObjectName("page")
        self.review: Review | None = None
        self.store: FrameStore | None = None
        self.head = Playhead(1, 1.0)
        self._opening: Later[Review] = Later()
        self._folder: Path | None = None
        self._last = self._looked = time.perf_counter()
        self._settled = True
        self.videos, self.plots = VideoGrid(theme), AnglePlots(theme)
        self.scene = make_scene(theme.scene)
        self.timeline = Timeline(theme)
        self.figures, self.trouble = Figures(), TroubleCard()
        self._title, self._sub = label("", "title"), label("", "faint")
        self._wait = label("Opening the run …", "faint")
        self._panes = self._make_panes()
        self._lay_out()
        self.timeline.act.connect(self.act)
        self.timeline.seek.connect(lambda place: self.set_head(self.head.seek(place)))
        self.timeline.speed.connect(lambda speed: self.set_head(replace(self.head, speed=speed)))
        self.plots.seek.connect(lambda s: self.set_head(self.head.seek(round(s * self.head.rate_hz))))
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._turn)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(20, 12, 16, 8)
        head.addWidget(self._title)
        head.addSpacing(10)
        head.addWidget(self._sub)
        head.addStretch(1)
        export = button("Export …", "Export this run")
        export.clicked.connect(lambda: self.act("export"))
        head.addWidget(export)
        whole = QWidget()
        layout = QVBoxLayout(whole)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self._panes, 1)
        layout.addWidget(self.timeline)
        waiting = QWidget()
        middle = QVBoxLayout(waiting)
        middle.setContentsMargins(60, 60, 60, 60)
        middle.addStretch(1)
        self._wait.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        middle.addWidget(self._wait)
        middle.addWidget(self.trouble)
        middle.addStretch(1)
        self.stack = QStackedWidget()
        self.stack.addWidget(waiting)
        self.stack.addWidget(whole)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.stack)
        self._wait.setText("Open a finished run from the library to review it.")

    def _make_panes(self) -> QMainWindow:
        """Panes that can be moved, floated and hidden."""
        panes = QMainWindow()
        panes.setWindowFlags(Qt.WindowType.Widget)
        panes.setDockOptions(QMainWindow.DockOption.AllowNestedDocks | QMainWindow.DockOption.AnimatedDocks)
        panes.setCentralWidget(self.videos)
        self.docks = (
            _dock("Room in 3D", self._scene_pane()),
            _dock("Joint angles", self.plots),
            _dock("This instant", self._inspector()),
        )
        areas = Qt.DockWidgetArea
        panes.setCorner(Qt.Corner.BottomRightCorner, areas.BottomDockWidgetArea)
        panes.addDockWidget(areas.RightDockWidgetArea, self.docks[0])
        panes.addDockWidget(areas.BottomDockWidgetArea, self.docks[1])
        panes.addDockWidget(areas.BottomDockWidgetArea, self.docks[2])
        panes.splitDockWidget(self.docks[1], self.docks[2], Qt.Orientation.Horizontal)
        self._laid_out = False
        return panes

    def reset_layout(self) -> None:
        """Give the panes their usual sizes for this window."""
        width, height = self.width(), self.height()
        for dock in self.docks:
            dock.setFloating(False)
            dock.show()
        self._panes.resizeDocks([self.docks[0]], [round(0.40 * width)], Qt.Orientation.Horizontal)
        self._panes.resizeDocks([self.docks[1]], [round(0.32 * height)], Qt.Orientation.Vertical)
        self._panes.resizeDocks(
            [self.docks[1], self.docks[2]], [width - INSPECTOR_PX, INSPECTOR_PX], Qt.Orientation.Horizontal
        )

    def keep_layout(self) -> None:
        """Keep the panes for the next time."""
        if self._laid_out:
            self._context.settings.setValue(LAYOUT, self._panes.saveState())

    def _scene_pane(self) -> QWidget:
        pane = QWidget()
        layout = QVBoxLayout(pane)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.scene, 1)
        if self.scene.notice:
            layout.addWidget(label(self.scene.notice, "notice"))
        return pane

    def _inspector(self) -> QWidget:
        pane = QWidget()
        pane.setObjectName("panel")
        pane.setMinimumWidth(INSPECTOR_PX)
        layout = QVBoxLayout(pane)
        layout.setContentsMargins(14, 10, 14, 10)
        layout.setSpacing(6)
        layout.addWidget(self.figures)
        layout.addSpacing(4)
        self.layers = {}
        for name in ("Skeleton as seen", "Body in 3D, seen back", "Trails", "Cameras", "Floor"):
            box = QCheckBox(name)
            named(box, f"Show {name.lower()}")
            box.setChecked(True)
            box.toggled.connect(self._show_parts)
            self.layers[name] = box
            layout.addWidget(box)
        layout.addStretch(1)
        return pane

    def _show_parts(self) -> None:
        seen, body, trails, cameras, floor = (box.isChecked() for box in self.layers.values())
        self.videos.show_parts(seen, body)
        self.scene.show_parts(trails, cameras, floor)

    def enter(self) -> None:
        """Keys go to the timeline."""
        self.timeline.ruler.setFocus()

    def open_result(self, result: Path) -> None:
        """Open a finished run; it is read in a thread."""
        self.close_run()
        self._folder = result
        self.stack.setCurrentIndex(0)
        self.trouble.show_trouble(None)
        self._wait.setText("Opening the run …")
        self._wait.show()
        self._opening.order(lambda: open_review(result))
        self._timer.start(WAIT_MS)

    def close_run(self) -> None:
        """Let the videos go."""
        self._timer.stop()
        if self.store is not None:
            self.store.close()
        self.store, self.review = None, None

    def leave(self) -> None:
        """The window closes."""
        self.keep_layout()
        self.close_run()
        self._opening.close()

    def _take_opened(self) -> None:
        if (done := self._opening.fetch()) is None:
            return
        try:
            review = done.result()
        except Exception as error:  # shown to the user in words
            self._wait.hide()
            self.trouble.show_trouble(trouble_of(error))
            return
        self.review = review
        if review.videos:
            self.store = FrameStore(review.videos, review.sync.frame_index, rate_hz=review.take.rate_hz)
        self._title.setText(review.take.name)
        people = len(review.take.people)
        words = f"{people} people" if people > 1 else "1 person"
        seconds = review.take.t_s[-1] - review.take.t_s[0]
        self._sub.setText(
            f"{len(review.rig.cameras)} cameras  ·  {words}  ·  {seconds:.1f} s at {review.take.rate_hz:.4g} Hz"
        )
        self.videos.show_review(review)
        self.plots.show_review(review)
        self.scene.show_review(review)
        first = review.take.t_s[0]
        self.timeline.ruler.show_events(tuple((t - first, text) for t, text in review.events()))
        self._show_parts()
        self.stack.setCurrentIndex(1)
        self.head = Playhead(len(review.take.t_s), review.take.rate_hz)
        if not self._laid_out:
            self._laid_out = True
            self.reset_layout()
            if isinstance(kept := self._context.settings.value(LAYOUT), QByteArray):
                self._panes.restoreState(kept)
        self.set_head(self.head)

    def _turn(self) -> None:
        """One turn of the clock: go on if playing, and show what has arrived."""
        now = time.perf_counter()
        passed, self._last = now - self._last, now
        if self.review is None:
            self._take_opened()
            return
        before = self.head.instant
        if self.head.playing:
            # After a hitch the play goes on from where it was, not from where it would be.
            head = self.head.advance(min(passed, 0.25))
            if head.instant != before or head.playing != self.head.playing:
                self.set_head(head)
                return
            self.head = head
        if not self._settled:
            self._show_videos()
        if now - self._looked > READY_S:
            self._show_ready()

    def set_head(self, head: Playhead) -> None:
        """Show another instant, everywhere."""
        self.head = head
        if self.review is None:
            return
        if self.store is not None:
            self.store.want(head.instant)
        self._show_videos()
        self.scene.show_instant(head.instant)
        self.plots.show_instant(head.instant)
        self.figures.show_figures(self.review.readout(head.instant))
        self.timeline.show_head(head)
        self._tick_at_pace()

    def _show_videos(self) -> None:
        """Show the pictures that are there; whether better ones are to come is looked for first."""
        assert self.review is not None
        instant, store = self.head.instant, self.store
        cameras = [view.camera for view in self.videos.views if view.isVisible()]
        self._settled = store is None or all([store.settled(c, instant) for c in cameras])
        self.videos.show_instant(self.review, store, instant)
        self._tick_at_pace()

    def _tick_at_pace(self) -> None:
        """Turn as often as a screen shows while something moves or is awaited, else at ease."""
        interval = FRAME_MS if self.head.playing or not self._settled else WAIT_MS
        if self._timer.interval() != interval or not self._timer.isActive():
            self._last = time.perf_counter()
            self._timer.start(interval)

    def _show_ready(self) -> None:
        self._looked = time.perf_counter()
        self.timeline.ruler.show_ready(self.store.ready(0) if self.store is not None else ())

    def act(self, what: str) -> None:
        """Do what a control or a key asks for."""
        head = self.head
        steps = {"back": -1, "forward": 1, "back 10": -10, "forward 10": 10}
        if what in steps:
            self.set_head(head.step(steps[what]))
        elif what == "play":
            self._last = time.perf_counter()
            self.set_head(head.toggle())
        elif what == "layout":
            self.reset_layout()
        elif what == "export":
            if self._folder is not None:
                self._context.export_run(self._folder)
        elif what == "loop":
            self.set_head(replace(head, loop=not head.loop))
        elif what in ("faster", "slower"):
            self.set_head(head.faster(1 if what == "faster" else -1))
        elif what in ("first", "last"):
            self.set_head(head.seek(head.first if what == "first" else head.last))
        elif what.startswith("solo "):
            self.videos.toggle_solo(int(what.removeprefix("solo ")))
        elif what in ("a", "b", "clear"):
            self.set_head({"a": head.mark_a, "b": head.mark_b, "clear": head.clear}[what]())

    def set_theme(self, theme: Theme) -> None:
        """Recolour all views."""
        self.videos.set_theme(theme)
        self.plots.set_theme(theme)
        self.scene.set_colours(theme.scene)
        self.timeline.set_theme(theme)


def _dock(title: str, inner: QWidget) -> QDockWidget:
    dock = QDockWidget(title)
    dock.setObjectName(title)
    dock.setAccessibleName(title)
    dock.setWidget(inner)
    return dock
