"""Ties corrections to the review page: mouse and keys go in, what was solved comes out."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QDockWidget

from mocap.core.errors import VideoError
from mocap.gui.jobs.correct import CorrectedJob
from mocap.gui.presenters.correct.correcting import TOOL_NAMES, Correcting
from mocap.gui.presenters.review.playhead import Playhead
from mocap.gui.presenters.review.review import Review
from mocap.gui.presenters.review.sharp import SharpPictures
from mocap.gui.views.context import Context
from mocap.gui.views.review.correct import CorrectPane
from mocap.gui.views.review.videos import ZOOM_STEP, VideoGrid, VideoView
from mocap.gui.views.theme import Theme

# While something is solved its results are looked for this often, ms; else now and then.
BUSY_MS, IDLE_MS = 8, 100
NUDGES = {"nudge left": (-1.0, 0.0), "nudge right": (1.0, 0.0), "nudge up": (0.0, -1.0), "nudge down": (0.0, 1.0)}


class ReviewPart(Protocol):
    """What is asked of the review page."""

    head: Playhead
    person: int
    videos: VideoGrid

    def show_review(self, review: Review) -> None:
        """Show another state of the same run."""
        ...

    def act(self, what: str) -> None:
        """Do what a control or a key asks for."""
        ...

    def set_head(self, head: Playhead) -> None:
        """Show another instant."""
        ...


class CorrectDesk(QObject):
    """Corrections on the review page."""

    def __init__(self, page: ReviewPart, context: Context) -> None:
        super().__init__()
        self._page, self._context = page, context
        self.correcting = Correcting()
        self.pane = CorrectPane(self.correcting, context.theme())
        self.dock = QDockWidget("Correct")
        self.dock.setObjectName("Correct")
        self.dock.setAccessibleName("Correct")
        self.dock.setWidget(self.pane)
        self.dock.hide()
        self._camera = 0
        self._sharp: SharpPictures | None = None
        self._unsharp: set[tuple[int, int]] = set()
        self.pane.act.connect(self.act)
        self.pane.seek.connect(lambda instant: page.set_head(page.head.seek(instant)))
        self.pane.camera.activated.connect(lambda _: self.pane.render_state())
        self.pane.what.currentTextChanged.connect(lambda _: self.pane.render_state())
        self.correcting.changed.subscribe(self._render)
        self.correcting.solved.subscribe(self._show_solved)
        page.videos.made.connect(self._bind_views)
        self.dock.visibilityChanged.connect(self._on_visible)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)

    def open(self, review: Review) -> None:
        """Another run is shown."""
        self.pane.show_cameras(review.rig.names, review.take.people)
        self.correcting.open(review)
        self._sharp, self._unsharp = SharpPictures(review.videos), set()
        self._timer.start(IDLE_MS)

    def close(self) -> None:
        """The run is let go; its edits are on disk."""
        self._timer.stop()
        self.correcting.close()
        if self._sharp is not None:
            self._sharp.close()
            self._sharp = None

    def show_head(self, head: Playhead) -> None:
        """Another instant is shown."""
        now = self.correcting
        moved = now.instant != head.instant
        now.instant, now.person = head.instant, self._page.person
        now.range = (head.first, head.last) if head.a is not None or head.b is not None else None
        if (self.dock.isVisible() and not head.playing) or (moved and now.selected is not None):
            self._render()

    def set_theme(self, theme: Theme) -> None:
        """Recolour."""
        self.pane.set_theme(theme)

    def act(self, what: str) -> bool:
        """Do what a control or a key asks for; False if it is not about corrections."""
        now, view = self.correcting, self._view()
        if what in ("zoom in", "zoom out", "turn"):
            if view is not None:
                self._look(view, what)
        elif not self._context.library.writable:  # another window holds the data folder
            return False
        elif what == "correct":
            self.dock.setVisible(not self.dock.isVisible())
        elif what.startswith("tool "):
            self.dock.show()
            now.set_tool(TOOL_NAMES[what.removeprefix("tool ")])
        elif what in ("undo", "redo"):
            now.undo() if what == "undo" else now.redo()
        elif what == "apply":
            self._apply()
        elif what == "next joint":
            self.dock.show()
            now.select_next(self._camera)
        elif what in NUDGES:
            now.nudge(*NUDGES[what])
        elif what in ("remove point", "swap", "mask", "exchange", "mark event", "move event", "delete event"):
            self._correct(what)
        else:
            return False
        return True

    def _correct(self, what: str) -> None:
        now, pane = self.correcting, self.pane
        event = pane.chosen_event
        if what == "remove point":
            now.remove_selected()
        elif what == "swap":
            now.swap(pane.chosen_camera)
        elif what == "mask" and pane.chosen_camera is not None:
            now.mask(pane.chosen_camera)
        elif what == "exchange":
            now.exchange(pane.other.currentIndex())
        elif what == "mark event" and event[0]:
            now.mark(*event)
        elif what == "move event":
            now.move_event(*event)
        elif what == "delete event":
            now.delete_event(*event)

    def _look(self, view: VideoView, what: str) -> None:
        if what == "turn":
            view.set_port(view.port.turned())
            self._page.videos.arrange()
        else:
            view.zoom(ZOOM_STEP if what == "zoom in" else 1.0 / ZOOM_STEP)

    def _apply(self) -> None:
        now = self.correcting
        edits = now.to_apply()
        if edits is not None and now.review is not None:
            self._context.add_job(CorrectedJob.of(now.review.take.name, now.review.folder, edits))

    def _view(self) -> VideoView | None:
        views = self._page.videos.views
        return views[self._camera] if self._camera < len(views) else None

    def _bind_views(self) -> None:
        self._camera = 0
        for view in self._page.videos.views:
            view.pressed.connect(self._press)
            view.dragged.connect(lambda x, y: self.correcting.drag((x, y)))
            view.released.connect(self.correcting.release)
            view.play.connect(lambda: self._page.act("play"))
        self._point()

    def _press(self, camera: int, x: float, y: float, reach_px: float) -> None:
        self._camera = camera
        if self._context.library.writable:
            self.correcting.press(camera, (x, y), reach_px)

    def _on_visible(self, visible: bool) -> None:
        if visible:
            self.correcting.begin()
        elif not self.dock.isFloating():
            self.correcting.selected = None
        self._point()
        self._render()

    def _point(self) -> None:
        """While the pane is there, a press in a picture points at a joint; without it, it moves the picture."""
        for view in self._page.videos.views:
            view.set_pointing(self.dock.isVisible())

    def _render(self) -> None:
        now = self.correcting
        if self.dock.isVisible():
            self.pane.render_state()
        for view in self._page.videos.views:
            guide = now.guide(view.camera) if self.dock.isVisible() else None
            if guide is not None or view.guide is not None:
                view.guide = guide
                view.update()
        wanted = BUSY_MS if now.busy or now.preparing else IDLE_MS
        if self._timer.isActive() and self._timer.interval() != wanted:
            self._timer.start(wanted)

    def _show_solved(self) -> None:
        if self.correcting.review is not None:
            self._page.show_review(self.correcting.review)

    def _tick(self) -> None:
        self.correcting.tick()
        if self._sharp is not None:
            self._sharpen(self._sharp)

    def _sharpen(self, pictures: SharpPictures) -> None:
        """Show pictures that are looked at closely at full size, while nothing moves."""
        views, review = self._page.videos.views, self.correcting.review
        try:
            ready = pictures.fetch()
        except VideoError:  # the view says so itself, by its own decoder
            ready = None
        if ready is not None and ready.image is not None and ready.camera < len(views):
            views[ready.camera].show_sharp(ready.instant, ready.image)
        if pictures.busy or review is None or self._page.head.playing:
            return
        instant = self._page.head.instant
        for view in views:
            place = (view.camera, instant)
            if view.isVisible() and view.wants_sharp and place not in self._unsharp:
                self._unsharp.add(place)  # one that cannot be had is not asked for again and again
                pictures.order(view.camera, instant, int(review.sync.frame_index[instant, view.camera]))
                return
