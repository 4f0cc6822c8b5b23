"""Where the tour stops, in the order of the work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from PySide6.QtWidgets import QApplication

from mocap.gui.jobs.process import ProcessJob
from mocap.gui.presenters.capture.targets import LiveView
from mocap.gui.presenters.jobs import Failed, Finished, Step
from mocap.gui.presenters.words import Trouble
from mocap.gui.tour.walk import Walk
from mocap.gui.views.align.dialog import AlignDialog
from mocap.gui.views.analyse.page import AnalysePage
from mocap.gui.views.calibrate.board import BoardDialog
from mocap.gui.views.calibrate.page import CalibratePage
from mocap.gui.views.capture.page import CapturePage
from mocap.gui.views.export import ExportDialog
from mocap.gui.views.library.importing import ImportDialog
from mocap.gui.views.library.page import LibraryPage
from mocap.gui.views.library.wizard import SessionWizard
from mocap.gui.views.process.dialog import NewRunDialog
from mocap.gui.views.review.page import ReviewPage
from mocap.gui.views.theme import DARK, LIGHT, Theme
from mocap.session import SessionFolder

SIZES = ((1280, 800), (2560, 1440))
# Live 3D runs so long before its picture is kept, s: until bones have settled.
LIVE_S = 6.0
PageT = TypeVar("PageT")


def library(walk: Walk) -> None:
    """The library on the recording that is shown."""
    page = _page(walk, "library", LibraryPage)
    page.choose(walk.shown.folder)
    walk.pause(1.0)  # thumbnails
    walk.keep("library")
    wizard = SessionWizard(walk.window, walk.window.library, page.thumbnails)
    wizard.form.participant.setText("P23")
    walk.over(wizard, "new-session")
    films = tuple(path for _, path in walk.shown.videos)
    taken = ImportDialog(walk.window, films, walk.window.library.root, page.thumbnails)
    walk.over(taken, "import", ready=lambda: taken.importing.found is not None)


def capture(walk: Walk) -> None:
    """The capture page with films in the place of cameras, then live 3D."""
    page = _page(walk, "capture", CapturePage)
    capturing = page.capturing
    capturing.cameras.add(*(str(path) for _, path in walk.shown.videos))
    walk.wait(lambda: len(capturing.entries) >= len(walk.shown.videos))  # they are looked at in a thread
    slots = [entry.slot for entry in capturing.entries]
    walk.wait(lambda: all(capturing.health(slot).level == "good" for slot in slots))
    walk.pause(1.0)
    walk.keep("capture")
    rig = SessionFolder(walk.shown.session_folder).rig
    if rig.is_file():
        page.start_live(rig, ())
        walk.wait(
            lambda: capturing.live.pose is not None and bool(np.isfinite(capturing.live.pose.angles_deg).any())
        )
        walk.pause(LIVE_S)
        walk.keep("capture-live")
        capturing.stop_live()
    for slot in slots:
        capturing.remove(slot)


def _has_angles(live: LiveView) -> bool:
    """Whether live 3D has found a body."""
    return live.pose is not None and bool(np.isfinite(live.pose.angles_deg).any())


def calibrate(walk: Walk) -> None:
    """Boards, and the calibration of the session."""
    page = _page(walk, "calibrate", CalibratePage)
    walk.keep("calibrate")
    walk.over(BoardDialog(walk.window, walk.window.theme, None, None), "board")
    rig = SessionFolder(walk.shown.session_folder).rig
    if not rig.is_file():
        return
    page.open_result(rig)
    walk.wait(lambda: page.calibrating.result is not None)
    for mode in ("result", "world"):
        page.show_mode(mode)
        walk.pause(1.5)
        walk.keep(f"calibrate-{mode}")


def process(walk: Walk) -> None:
    """Processing, and the jobs."""
    window = walk.window
    window.show_page("library")
    asked = NewRunDialog(window, walk.shown.folder)
    walk.over(asked, "process", ready=asked.start.isEnabled)
    walk.runner.plays = [
        (Step("detect", 400, 400), Step("body", 1, 1), Finished(walk.run)),
        (Failed(Trouble("There is only one video.", "Put the videos of all cameras into one folder.")),),
        (Step("detect", 12, 400), Step("detect", 208, 400)),
    ]
    for title in ("balance · Balanced", "one camera · Fast", "walk · Accurate"):
        window.jobs.add(ProcessJob(title, Path("videos"), "balanced"))
        walk.pause(0.4)
    window.jobs_dock.show()
    walk.keep("jobs")
    window.jobs_dock.hide()


def review(walk: Walk) -> None:
    """The review, a correction, and cameras that are aligned by hand."""
    walk.window.open_run(walk.run)
    page = _page(walk, "review", ReviewPage)
    walk.wait(lambda: page.review is not None)
    walk.pause(0.3)
    page.reset_layout()
    walk.pause(0.3)
    page.reset_layout()
    head = page.head.seek(page.head.count // 3).mark_a().seek(page.head.count * 2 // 3).mark_b()
    page.set_head(head.seek(page.head.count // 2))
    walk.wait(lambda: all(view.drawn_instant == page.head.instant for view in page.videos.views))
    walk.pause(0.5)
    walk.keep("review")
    page.act("clear")
    page.act("tool move")
    correcting = page.correct.correcting
    walk.wait(lambda: correcting.ready)
    taken = _a_wrist(page)
    if taken is not None:
        view, place = taken
        correcting.press(view, place, 5.0)
        correcting.drag((place[0] + 30.0, place[1] + 15.0))
        walk.wait(lambda: not correcting.busy)
    walk.keep("correct")
    correcting.release()
    correcting.undo()
    walk.wait(lambda: not correcting.busy)
    page.act("correct")
    align = AlignDialog(walk.window, walk.shown.folder, walk.window.theme)
    walk.pause(2.0)
    walk.over(align, "align")


def _a_wrist(page: ReviewPage) -> tuple[int, tuple[float, float]] | None:
    """A view in which a wrist is seen, and where."""
    assert page.review is not None
    names = page.review.take.points.skeleton.keypoints
    for name in ("left_wrist", "right_wrist"):
        if name in names:
            seen = page.review.tracks.xy[page.head.instant, :, 0, names.index(name)]
            for camera in np.flatnonzero(np.isfinite(seen).all(axis=-1)):
                return int(camera), (float(seen[camera, 0]), float(seen[camera, 1]))
    return None


def analyse(walk: Walk) -> None:
    """Measures and cycles, what can be exported, and all keys."""
    page = _page(walk, "analyse", AnalysePage)
    page.open_result(walk.run)
    walk.pause(2.0)
    walk.keep("analyse")
    walk.over(ExportDialog(walk.window, walk.run), "export")
    walk.over(walk.window.keys_dialog(), "keys")


STOPS: tuple[Callable[[Walk], None], ...] = (library, capture, calibrate, process, review, analyse)


def take_tour(
    app: QApplication,
    folder: Path,
    root: Path | None = None,
    sizes: tuple[tuple[int, int], ...] = SIZES,
    themes: tuple[Theme, ...] = (DARK, LIGHT),
) -> tuple[Path, ...]:
    """Draw every screen in themes and sizes; returns the pictures.

    Raises
    ------
    InputError
        If the library holds no finished run to show.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made: list[Path] = []
    for size in sizes:
        for theme in themes:
            walk = Walk(app, folder, root, size, theme)
            try:
                walk.begin()
                for stop in STOPS:
                    stop(walk)
            finally:
                walk.end()
            made += walk.made
    return tuple(made)


def _page(walk: Walk, name: str, kind: type[PageT]) -> PageT:
    walk.window.show_page(name)
    page = walk.window.page(name)
    assert isinstance(page, kind)
    return page
