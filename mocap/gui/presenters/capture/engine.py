"""What holds the cameras: does the page's orders, and tells how it goes. Knows no window; runs in any process."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from mocap.capture.addresses import SourceWishes
from mocap.capture.backlog import Timed
from mocap.capture.events import Note
from mocap.capture.source import CameraSource, Picture
from mocap.core.errors import ExplainedError
from mocap.core.types import ImageArray
from mocap.gui.presenters.capture.board import BoardWatcher
from mocap.gui.presenters.capture.live import Liver
from mocap.gui.presenters.capture.sources import Ears, Overheard, make_sources
from mocap.gui.presenters.capture.take import Taker
from mocap.gui.presenters.capture.words import (
    CameraEntry,
    DeskNow,
    EndBoard,
    EndLive,
    EndTake,
    Live,
    LookForBoard,
    Order,
    Reopen,
    Said,
    Sizes,
    Take,
    Tiding,
    Watch,
)
from mocap.gui.presenters.words import Trouble, trouble_of
from mocap.pipeline.recording.desk import CaptureDesk, DeskEvent, DeskSetup, DeskState, DeskStatus
from mocap.pipeline.run import MakeDetector, default_detector

# How often previews are looked for and takes are watched, s; twice as often as previews come.
TICK_S = 1.0 / 30.0
# How often the page is told how it goes, s.
TELL_S = 0.1
# Somebody counts as having come into view after this, s: longer than a false find lasts, shorter than a step.
ENTERED_S = 0.3
# Longest side of a preview before the page says how large it shows them, px.
USUAL_PX = 640

MakeSources = Callable[
    [Sequence[CameraEntry], SourceWishes, Callable[[str, Timed], None]], Mapping[str, Overheard]
]


class Screen(Protocol):
    """Where previews are put for the page."""

    def put(self, slot: int, image: ImageArray) -> None:
        """Put the newest picture (H, W, 3), BGR, of a camera."""
        ...


class Engine:
    """Holds cameras open, records them and follows people in them.

    Parameters
    ----------
    tell : callable
        Takes tidings, from any thread; must return at once.
    screen : Screen
    make_detector : MakeDetector
        Stands in for the networks in tests.
    make : callable
        Stands in for the cameras in tests.
    """

    def __init__(
        self,
        tell: Callable[[Tiding], None],
        screen: Screen,
        make_detector: MakeDetector = default_detector,
        make: MakeSources = make_sources,
    ) -> None:
        self._tell, self._screen, self._make = tell, screen, make
        self._ears = Ears()
        self._liver = Liver(tell, self._ears, make_detector)
        self._board = BoardWatcher(tell, self._ears)
        self._desk: CaptureDesk | None = None
        self._sources: Mapping[str, Overheard] = {}
        self._watched = Watch((), Path())
        self._sizes: dict[int, int] = {}
        self._shown: dict[str, Picture] = {}
        self._taker = Taker(tell, self._lost, self._ears, make_detector)
        self._leave = threading.Event()
        self._ticker = threading.Thread(target=self._run, name="capture", daemon=True)
        self._ticker.start()

    def order(self, order: Order) -> None:
        """Do what the page wants; what goes wrong is told."""
        try:
            self._do(order)
        except ExplainedError as error:
            self._tell(Said(str(error), "order"))

    def _do(self, order: Order) -> None:
        if isinstance(order, Watch):
            self._watch(order)
        elif isinstance(order, Sizes):
            self._sizes = dict(order.long_px)
        elif isinstance(order, Reopen):
            if not self._taker.busy:
                self._open(self._watched)
        elif isinstance(order, Take):
            self._taker.begin(order, self._desk, self._watched.cameras)
        elif isinstance(order, EndTake):
            self._taker.stop()
        elif isinstance(order, Live):
            self._liver.start(order, self._watched.cameras)
        elif isinstance(order, EndLive):
            self._liver.stop()
        elif isinstance(order, LookForBoard):
            self._board.start(order, self._watched.cameras)
        elif isinstance(order, EndBoard):
            self._board.stop()

    def _watch(self, wanted: Watch) -> None:
        """Open what is wanted; what only sets a camera that runs is done while it runs."""
        before = self._watched
        if self._taker.busy:
            self._tell(Said("Cameras stay as they are while a recording goes on.", "order"))
            return
        if self._desk is not None and _without_controls(before) == _without_controls(wanted):
            for old, new in zip(before.cameras, wanted.cameras, strict=True):
                had, has = dict(old.controls), dict(new.controls)
                for name in had.keys() | has.keys():
                    if had.get(name) != has.get(name):
                        self._desk.set_control(new.name, name, has.get(name, math.nan))
            self._watched = wanted
        else:
            self._open(wanted)

    def _open(self, wanted: Watch) -> None:
        if self._desk is not None:
            self._give_up()
            self._desk.close()
            self._desk = None
        self._watched, self._shown = wanted, {}
        if not wanted.cameras:
            self._board.stop()
            self._tell(DeskNow(DeskStatus(DeskState.CLOSED)))
            return
        setup = DeskSetup(
            tuple(entry.address for entry in wanted.cameras),
            wanted.folder,
            wanted.preroll_s,
            rotations_deg={entry.name: entry.rotation_deg for entry in wanted.cameras},
            controls={entry.name: dict(entry.controls) for entry in wanted.cameras},
        )
        self._desk = CaptureDesk(setup, partial(self._make_sources, wanted.cameras))
        self._desk.events.subscribe(self._hear)
        self._taker.follow(self._desk)
        self._desk.open()

    def _make_sources(
        self, entries: tuple[CameraEntry, ...], addresses: Sequence[str], wishes: SourceWishes
    ) -> Mapping[str, CameraSource]:
        self._sources = self._make(entries, wishes, self._ears.overhear)
        return self._sources

    def _hear(self, event: DeskEvent) -> None:
        if isinstance(event, Note) and event.kind != "state":
            self._tell(Said(event.text, event.kind, event.camera))

    def _run(self) -> None:
        told = 0.0
        while not self._leave.wait(TICK_S):
            self._show()
            self._taker.tick()
            if time.monotonic() - told >= TELL_S and self._desk is not None:
                told = time.monotonic()
                self._tell(self._now(self._desk))

    def _now(self, desk: CaptureDesk) -> DeskNow:
        status = desk.status
        trouble = trouble_of(status.error) if status.error and status.state is DeskState.FAILED else None
        return DeskNow(replace(status, error=None), trouble, self._lost(), self._taker.waits, self._taker.where)

    def _lost(self) -> dict[str, Trouble]:
        """Why cameras send nothing."""
        return {name: source.trouble for name, source in self._sources.items() if source.trouble is not None}

    def _show(self) -> None:
        """Put new previews on the screen, no larger than they are shown."""
        if (desk := self._desk) is None:
            return
        for entry in self._watched.cameras:
            picture, long_px = desk.preview(entry.name), self._sizes.get(entry.slot, USUAL_PX)
            if picture is None or picture.image is None or picture is self._shown.get(entry.name) or not long_px:
                continue
            self._shown[entry.name] = picture
            self._screen.put(entry.slot, shrunk(picture.image, long_px))

    def _give_up(self) -> None:
        for source in self._sources.values():
            source.give_up()

    def close(self) -> None:
        """Let go of everything; a recording that goes on is ended in good order first."""
        self._taker.close()
        self._liver.stop()
        self._board.stop()
        self._leave.set()
        if self._desk is not None:
            self._give_up()
            self._desk.close(timeout_s=None)
        self._liver.join()
        self._ticker.join()


def _without_controls(watch: Watch) -> Watch:
    return replace(watch, cameras=tuple(replace(entry, controls=()) for entry in watch.cameras))


def shrunk(image: ImageArray, long_px: int) -> ImageArray:
    """A picture no larger than it is shown."""
    scale = long_px / max(image.shape[:2])
    if scale >= 1.0:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    way = cv2.INTER_LINEAR if scale >= 0.5 else cv2.INTER_AREA
    return np.asarray(cv2.resize(image, size, interpolation=way), dtype=np.uint8)
