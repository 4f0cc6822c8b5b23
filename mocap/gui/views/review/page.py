"""The review page: videos, room, angles and figures of one run, all at one instant."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from mocap.gui.presenters.changes import Later
from mocap.gui.presenters.review.playhead import Playhead
from mocap.gui.presenters.words import trouble_of
from mocap.gui.scene.content import LOOKS
from mocap.gui.views.context import Context, Page
from mocap.gui.views.parts import TroubleCard, button, label
from mocap.gui.views.review.compare import Comparison
from mocap.gui.views.review.inspector import Inspector
from mocap.gui.views.review.keys import KEYS
from mocap.gui.views.review.panes import LayoutMenu, Panes
from mocap.gui.views.review.room import RoomPane
from mocap.gui.views.review.timeline import Timeline
from mocap.gui.views.theme import Theme

# TYPE_CHECKING would do for names; these are needed when a run is opened, and heavy.
from mocap.gui.presenters.review.frames import FrameStore  # isort: skip
from mocap.gui.presenters.review.ghost import Candidate, candidates  # isort: skip
from mocap.gui.presenters.review.review import Moment, Review, open_review  # isort: skip
from mocap.gui.views.review.correct import CORRECT_KEYS  # isort: skip
from mocap.gui.views.review.correct_desk import CorrectDesk  # isort: skip
from mocap.gui.views.review.plots import AnglePlots  # isort: skip
from mocap.gui.views.review.videos import VideoGrid  # isort: skip

# A step of the clock that plays: about what a screen shows a second.
FRAME_MS = 16
# While something is looked for: pictures that arrive are shown this often.
WAIT_MS = 40
# How often the line of decoded pictures is brought up to date, s.
READY_S = 0.25
# No less time than this is shown: ten instants of a film at 60 Hz.
LEAST_SPAN_S = 0.15
OPENED = object()  # all parts of a run are shown


class ReviewPage(Page):
    """All views of one run; ``head`` is the one place in time."""

    keys = (*KEYS, *CORRECT_KEYS)

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, theme = context, context.theme()
        self.setObjectName("page")
        self.review: Review | None = None
        self.store: FrameStore | None = None
        self.head = Playhead(1, 1.0)
        self.span = (0.0, 1.0)
        self.person = 0
        self._moments: tuple[Moment, ...] = ()
        self._opening: Later[tuple[Review, tuple[Candidate, ...]]] = Later()
        self._folder: Path | None = None
        self._steps: Iterator[None] | None = None
        self._last = self._looked = time.perf_counter()
        self._settled, self._laid_out = True, False
        self.videos, self.plots = VideoGrid(theme), AnglePlots(theme)
        self.room = RoomPane(theme)
        self.scene, self.follow = self.room.scene, self.room.follow
        self.timeline, self.inspector = Timeline(theme), Inspector()
        self.figures, self.layers, self.trouble = self.inspector.figures, self.inspector.layers, TroubleCard()
        self._title, self._sub = label("", "title"), label("", "faint")
        self._wait = label("Opening the run …", "faint")
        self.panes = Panes(self.videos, self.room, self.plots, self.inspector)
        self.docks = self.panes.docks
        self.correct = CorrectDesk(self, context)
        left = Qt.DockWidgetArea.LeftDockWidgetArea
        self.panes.setCorner(Qt.Corner.BottomLeftCorner, left)
        self.panes.addDockWidget(left, self.correct.dock)
        self.compare = Comparison(self.inspector, self.scene, self.plots)
        self.layout_menu = LayoutMenu(self.panes, context.settings)
        self._lay_out()
        self._bind()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._turn)

    def _bind(self) -> None:
        self.timeline.act.connect(self.act)
        self.timeline.seek.connect(lambda place: self.set_head(self.head.seek(place)))
        self.timeline.speed.connect(lambda speed: self.set_head(replace(self.head, speed=speed)))
        self.timeline.ruler.zoom.connect(self.zoom)
        self.plots.zoom.connect(self.zoom)
        self.plots.seek.connect(lambda s: self.set_head(self.head.seek(self.head.nearest(s))))
        self.room.act.connect(self.act)
        self.inspector.layers_changed.connect(self._show_parts)
        self.inspector.person_chosen.connect(self.choose)
        self.inspector.compare_asked.connect(lambda: self.compare.ask(self.review, self.person))

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(20, 12, 16, 8)
        head.addWidget(self._title)
        head.addSpacing(10)
        head.addWidget(self._sub)
        head.addStretch(1)
        self._correct = button("Correct", "Show or hide corrections")
        self._correct.clicked.connect(lambda: self.act("correct"))
        head.addWidget(self._correct)
        head.addSpacing(8)
        head.addWidget(self.layout_menu)
        head.addSpacing(8)
        export = button("Export …", "Export this run")
        export.clicked.connect(lambda: self.act("export"))
        head.addWidget(export)
        whole = QWidget()
        layout = QVBoxLayout(whole)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self.panes, 1)
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

    def reset_layout(self) -> None:
        """Give the panes their usual places."""
        self.panes.reset()

    def keep_layout(self) -> None:
        """Keep the panes for the next time."""
        if self._laid_out:
            self.panes.keep(self._context.settings)

    def _show_parts(self) -> None:
        seen, body, sigma, trails, cameras, floor = (box.isChecked() for box in self.layers.values())
        self.videos.show_parts(seen, body, sigma)
        self.scene.show_parts(trails, cameras, floor)

    def enter(self) -> None:
        """Keys go to the timeline."""
        for part in (self._correct, self.correct.dock):
            part.setEnabled(self._context.library.writable)
        self.timeline.ruler.setFocus()

    def away(self) -> None:
        """Nothing plays unseen."""
        if self.head.playing:
            self.set_head(self.head.toggle())

    def open_result(self, result: Path) -> None:
        """Open a finished run; it is read in a thread."""
        self.close_run()
        self._folder = result
        self.stack.setCurrentIndex(0)
        self.trouble.show_trouble(None)
        self._wait.setText("Opening the run …")
        self._wait.show()
        self._opening.order(lambda: (open_review(result), candidates(result.parents[4], result)))
        self._timer.start(WAIT_MS)

    def close_run(self) -> None:
        """Let the videos go."""
        self._timer.stop()
        self._steps = None
        self.correct.close()
        if self.store is not None:
            self.store.close()
        self.store, self.review, self.person = None, None, 0
        self.compare.forget()

    def leave(self) -> None:
        """The window closes."""
        self.keep_layout()
        self.close_run()
        self._opening.close()
        self.compare.close()

    def _take_opened(self) -> None:
        if (done := self._opening.fetch()) is None:
            return
        try:
            review, others = done.result()
        except Exception as error:  # shown to the user in words
            self._wait.hide()
            self.trouble.show_trouble(trouble_of(error))
            return
        self._steps = self._open(review, others)
        self._timer.start(FRAME_MS)  # not at once: clicks are heard between the steps

    def _open(self, review: Review, others: tuple[Candidate, ...]) -> Iterator[None]:
        """Show a run part by part, one a turn of the window's loop, which is then held by none of them."""
        if review.videos:
            self.store = FrameStore(review.videos, review.sync.frame_index, rate_hz=review.take.rate_hz)
        self._title.setText(review.take.name)
        people = len(review.take.people)
        words = f"{people} people" if people > 1 else "1 person"
        cameras = len(review.rig.cameras)
        self._sub.setText(
            f"{cameras} cameras  ·  {words}  ·  {review.t_s[-1]:.1f} s at {review.take.rate_hz:.4g} Hz"
        )
        self.inspector.show_people(review.take.people)
        self.inspector.show_candidates(others)
        self.head = Playhead(len(review.take.t_s), review.take.rate_hz, t_s=review.t_s)
        self.span = (0.0, self.head.total_s)
        yield
        for part in self.panes.parts:
            part.setUpdatesEnabled(False)
        self.plots.rest()
        self.stack.setCurrentIndex(1)
        yield
        if not self._laid_out:
            self._laid_out = True
            self.reset_layout()
            self.panes.find(self._context.settings)
        yield
        self.videos.show_review(review)
        self._show_parts()
        self.videos.setUpdatesEnabled(True)
        yield
        self.scene.show_review(review)
        for part in self.panes.parts:
            part.setUpdatesEnabled(True)
            yield
        yield from self.plots.show_one_by_one(review, 0, self.span)
        self.correct.open(review)
        yield
        self.review = review
        self._choose(0)
        self.set_span(self.span, plots=False)

    def show_review(self, review: Review) -> None:
        """Show another state of the same run, as after a correction; place and choices stay."""
        self.review = review
        self.scene.update_review(review)
        if review.events(self.person) == self._moments:
            self.plots.renew(review, self.person)
            self.set_head(self.head)
        else:
            self.choose(min(self.person, len(review.take.people) - 1))

    def choose(self, person: int) -> None:
        """Show the angles and events of one person, who is drawn more strongly."""
        if self.review is not None:
            self.plots.show_review(self.review, person, self.span)
            self._choose(person)

    def _choose(self, person: int) -> None:
        """The same but for the plots."""
        assert self.review is not None
        self.person, self._moments = person, self.review.events(person)
        self.timeline.show_events(self._moments)
        self.videos.choose(person)
        self.scene.choose(person)
        self.set_head(self.head)
        self.compare.ask(self.review, person)

    def _turn(self) -> None:
        """One turn of the clock: go on if playing, and show what has arrived."""
        now = time.perf_counter()
        passed, self._last = now - self._last, now
        if self._steps is not None:
            if next(self._steps, OPENED) is OPENED:
                self._steps = None
            return
        if self.review is None:
            self._take_opened()
            return
        self.compare.tick()
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
        self.figures.show_figures(self.review.readout(head.instant, self.person))
        self.timeline.show_head(head)
        self.correct.show_head(head)
        self._keep_in_span()
        self._tick_at_pace()

    def _show_videos(self) -> None:
        """Show the pictures that are there; whether better ones are to come is looked for first."""
        assert self.review is not None
        instant, store = self.head.instant, self.store
        cameras = [view.camera for view in self.videos.views if view.isVisible()]
        self._settled = store is None or all([store.settled(c, instant) for c in cameras])
        # While it plays the picture before is better than one of elsewhere.
        self.videos.show_instant(self.review, store, instant, coarsely=not self.head.playing)
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

    def zoom(self, factor: float, around: float) -> None:
        """Show more or less time, on the timeline and in the plots alike."""
        first, last = self.span
        length = min(max((last - first) * factor, LEAST_SPAN_S), self.head.total_s)
        share = (around - first) / max(1e-9, last - first)
        self.set_span((around - share * length, around + (1 - share) * length))

    def set_span(self, span: tuple[float, float], plots: bool = True) -> None:
        """Show the time between two seconds, shifted so that it lies within the recording."""
        total = self.head.total_s
        length = min(span[1] - span[0], total)
        first = min(max(span[0], 0.0), total - length)
        self.span = (first, first + length)
        self.timeline.show_span(self.span, whole=length > 0.999 * total)
        if plots:
            self.plots.show_span(self.span)

    def _keep_in_span(self) -> None:
        """Turn the page when the playhead leaves what is shown."""
        first, last = self.span
        if not first <= self.head.seconds <= last:
            length = last - first
            self.set_span((self.head.seconds - 0.1 * length, self.head.seconds + 0.9 * length))

    def act(self, what: str) -> None:
        """Do what a control or a key asks for."""
        # Where another window has the data folder, this one only looks.
        if self._context.library.writable and self.correct.act(what):
            return
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
        elif what in ("event after", "event before"):
            times = tuple(moment.t_s for moment in self._moments)
            self.set_head(head.to_event(times, 1 if what == "event after" else -1))
        elif what == "whole":
            self.set_span((0.0, head.total_s))
        elif what.startswith("solo "):
            self.videos.toggle_solo(int(what.removeprefix("solo ")))
        elif what.startswith("look "):
            self.scene.look(next(look for look in LOOKS if look == what.removeprefix("look ")))
        elif what == "follow":
            self.follow.toggle()
        elif what in ("a", "b", "clear"):
            self.set_head({"a": head.mark_a, "b": head.mark_b, "clear": head.clear}[what]())

    def set_theme(self, theme: Theme) -> None:
        """Recolour all views."""
        self.videos.set_theme(theme)
        self.plots.set_theme(theme)
        self.scene.set_colours(theme.scene)
        self.timeline.set_theme(theme)
        self.correct.set_theme(theme)
