"""Looks for a calibration board in the pictures while they come: where it was seen, and what is missing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from calibration import CalibrationError
from calibration.targets import AnyTarget, Detection, read_target
from calibration.targets.identify import identify
from mocap.core.types import ImageArray
from mocap.gui.presenters.calibrate.look import Looker
from mocap.gui.presenters.capture.sources import Ears
from mocap.gui.presenters.capture.words import BoardSeen, CameraEntry, LookForBoard, Said, Tiding
from mocap.pipeline.calibration.inputs import BOARD_FILES

# Looks a second: a board that is waved slowly has moved by a hand's breadth between two.
LOOK_HZ = 3.0
# A board without a file is sought among all kinds this often, s: that takes longer than finding a known one.
IDENTIFY_S = 1.0
LEAVE_S = 3.0


def board_file(session: Path) -> Path | None:
    """The board that a session's calibration is made with, where it has a file."""
    places = (session / "calibration", session)
    return next((p / name for p in places for name in BOARD_FILES if (p / name).is_file()), None)


class BoardWatcher:
    """Looks for the board in the cameras of the page.

    Parameters
    ----------
    tell : callable
    ears : Ears
        Where pictures come from.
    """

    def __init__(self, tell: Callable[[Tiding], None], ears: Ears) -> None:
        self._tell, self._ears = tell, ears
        self._thread: threading.Thread | None = None
        self._leave = threading.Event()

    def start(self, order: LookForBoard, cameras: Sequence[CameraEntry]) -> None:
        """Begin anew, with nothing seen so far."""
        self.stop()
        self._leave = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(order, tuple(cameras), self._leave), name="board", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._leave.set()
        if self._thread is not None:
            self._thread.join(LEAVE_S)
            self._thread = None

    def _run(self, order: LookForBoard, cameras: tuple[CameraEntry, ...], leave: threading.Event) -> None:
        views = self._ears.look(cameras, LOOK_HZ)
        looker = Looker(lambda look: self._tell(BoardSeen(look)), pictures=False)
        target = self._known(order.board)
        found: dict[str, Detection] = {}
        shown: dict[str, object] = {}
        instant, asked = 0, -IDENTIFY_S
        try:
            while not leave.wait(1.0 / LOOK_HZ):
                newest = {name: view.newest for name, view in views.items()}
                images: dict[str, ImageArray] = {
                    name: timed.picture.image
                    for name, timed in newest.items()
                    if timed is not None and timed is not shown.get(name) and timed.picture.image is not None
                }
                shown = dict(newest)
                if target is None and images and time.monotonic() - asked >= IDENTIFY_S:
                    asked = time.monotonic()
                    target = self._recognise(list(images.values()))
                instant += 1
                for name, image in images.items():
                    if target is None or leave.is_set():
                        break
                    seen = found[name] = target.detect(image, found.get(name), thorough=False)
                    looker.watch(name, instant, image, seen)
        finally:
            self._ears.leave(views)

    def _known(self, path: Path | None) -> AnyTarget | None:
        if path is None:
            return None
        try:
            return read_target(path)
        except CalibrationError as error:
            self._tell(Said(f"{error.what} The board is recognised in the pictures instead.", "board"))
            return None

    def _recognise(self, pictures: list[ImageArray]) -> AnyTarget | None:
        recognised = identify(pictures)
        if recognised is None:
            return None
        self._tell(Said(f"The board was recognised: {recognised.target.name}.", "board"))
        return recognised.target
