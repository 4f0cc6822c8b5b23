"""The capture page without a window: cameras, the next trial, what goes on, and what can be done."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mocap.capture.events import CameraStatus
from mocap.core.types import ImageArray
from mocap.gui.presenters.calibrate.look import Search
from mocap.gui.presenters.capture.board import board_file
from mocap.gui.presenters.capture.camera_list import CameraList
from mocap.gui.presenters.capture.cameras import (
    Found,
    Health,
    find_cameras,
    health,
    problems_of,
    why_not_open,
)
from mocap.gui.presenters.capture.links import Link
from mocap.gui.presenters.capture.plan import (
    NAME,
    Disk,
    Plan,
    next_name,
    preroll_of,
    room_for,
    sessions_of,
    taken_names,
    usual_name,
)
from mocap.gui.presenters.capture.targets import LiveView
from mocap.gui.presenters.capture.words import (
    BoardSeen,
    CameraEntry,
    DeskNow,
    EndBoard,
    EndLive,
    EndTake,
    Gone,
    Live,
    LiveOver,
    LivePose,
    LookForBoard,
    Reopen,
    Said,
    Sizes,
    Take,
    TakeDone,
    TakeFailed,
    Tiding,
    Watch,
)
from mocap.gui.presenters.changes import Changes, Later
from mocap.gui.presenters.words import Trouble
from mocap.pipeline.recording.desk import DeskState, DeskStatus

# Sentences that are kept for the list of what happened.
NOTES_KEPT = 60
CLOSED = DeskNow(DeskStatus(DeskState.CLOSED))


class Capturing:
    """What the page shows; ``tick`` is called by a timer of the window's.

    Parameters
    ----------
    root : Path
        Folder of the sessions.
    make_link : callable
        Makes the connection to the cameras when it is first needed: it takes a second.
    remembered : str
        List of cameras of the last time.
    find : callable
        Looks for cameras that are plugged in.
    """

    def __init__(
        self,
        root: Path,
        make_link: Callable[[], Link],
        remembered: str = "",
        find: Callable[[], Found] = find_cameras,
    ) -> None:
        self.changed, self.cameras = Changes(), CameraList(remembered, find)
        self.root, self.plan, self.live = root, Plan(), LiveView()
        self.desk = CLOSED
        # What cameras have seen of the board, where the next take is for calibration.
        self.search: Search | None = None
        # Why nothing may be recorded into this data folder, "" where it may.
        self.taking, self.refused = False, ""
        self.done: TakeDone | None = None
        self.trouble: Trouble | None = None
        self.disk = Disk()
        self._make_link = make_link
        self._link: Link | None = None
        self.sessions: tuple[str, ...] = ()
        self._taken: frozenset[str] = frozenset()
        self._by_name: dict[str, CameraStatus] = {}
        self._notes: deque[Said] = deque(maxlen=NOTES_KEPT)
        self._measuring: Later[Disk] = Later()
        self._shown = False
        self.cameras.changed.subscribe(self._watch)

    # Cameras.

    def enter(self) -> None:
        """The page is shown: open the cameras, and look what else there is."""
        self._shown = True
        self.look_at_disk()
        self._watch()
        self.cameras.search()

    def away(self) -> None:
        """Another page is shown: let go of the cameras, unless they are needed."""
        self._shown = False
        self._release()

    @property
    def busy(self) -> bool:
        """Whether a recording or live 3D goes on."""
        return self.taking or self.live.running

    @property
    def entries(self) -> tuple[CameraEntry, ...]:
        """Cameras of the list."""
        return self.cameras.entries

    def change(self, entry: CameraEntry) -> Trouble | None:
        """Change a camera of the list; says why not."""
        if self.taking:
            return Trouble("A recording goes on.", "Change cameras before or after it.")
        return self.cameras.change(entry)

    def remove(self, slot: int) -> None:
        """Take a camera off the list, unless it records."""
        if not self.taking:
            self.cameras.remove(slot)

    def _watch(self) -> None:
        if (self._shown or self.busy) and (self._link is not None or self.entries):
            self.link.order(Watch(self.entries, self.root, preroll_of(self.plan)))
            self._look_for_board()

    def _look_for_board(self) -> None:
        """Where a take for calibration is next, show what cameras see of the board."""
        names = tuple(entry.name for entry in self.entries)
        if self.plan.calibrates and names:
            self.search = Search(names)
            self.link.order(LookForBoard(board_file(self.root / self.plan.session)))
        elif self.search is not None:
            self.search = None
            self.link.order(EndBoard())

    def _release(self) -> None:
        """Let go of cameras that nobody needs now: other programs may, and other pages."""
        if not self._shown and not self.busy and self._link is not None:
            self._link.order(Watch((), self.root))
            self.desk, self._by_name = CLOSED, {}

    @property
    def link(self) -> Link:
        """The connection to the cameras."""
        if self._link is None:
            self._link = self._make_link()
        return self._link

    def now(self, slot: int) -> CameraStatus | None:
        """How a camera is doing; None before it is open."""
        return self._by_name.get(self.cameras.entry(slot).name)

    def trouble_with(self, slot: int) -> Trouble | None:
        """Why a camera sends nothing."""
        entry = self.cameras.entry(slot)
        trouble = self.desk.lost.get(entry.name)
        return why_not_open(entry, trouble) if trouble is not None else None

    def health(self, slot: int) -> Health:
        """How a camera is doing, in one word."""
        asked = self.cameras.entry(slot).rate_hz
        return health(self.now(slot), self.trouble_with(slot), math.nan if asked is None else asked)

    def picture(self, slot: int, after: int) -> tuple[int, ImageArray] | None:
        """Newest preview of a camera and its number, if that is higher than ``after``."""
        return self._link.picture(slot, after) if self._link is not None else None

    def show_sizes(self, long_px: dict[int, int]) -> None:
        """Say how large previews are shown."""
        if self._link is not None:
            self._link.order(Sizes(long_px))

    def compare_anew(self) -> None:
        """From now on views are compared with how they are now."""
        if self._link is not None and not self.busy:
            self._link.order(Reopen())

    @property
    def moved(self) -> tuple[str, ...]:
        """Names of cameras that were moved since they were opened."""
        seen = [name for name, now in self._by_name.items() if "bumped" in problems_of(now)]
        drifted = self.live.state.moved if self.live.state is not None else ()
        return tuple(dict.fromkeys((*seen, *drifted)))

    @property
    def notes(self) -> tuple[Said, ...]:
        """What happened, newest first."""
        return tuple(reversed(self._notes))

    # Recording.

    @property
    def recording(self) -> bool:
        """Whether pictures are written."""
        return self.taking and self.desk.status.state in (DeskState.RECORDING, DeskState.SAVING)

    def look_at_disk(self) -> None:
        """See which sessions and trials there are; kept, as this page is drawn ten times a second."""
        self.sessions, self._taken = sessions_of(self.root), taken_names(self.root / self.plan.session)

    def set_plan(self, plan: Plan) -> None:
        """Change the next recording; the name that offers itself follows."""
        before, self.plan = self.plan, plan
        if plan.session != before.session:
            self._taken = taken_names(self.root / plan.session)
        if plan.calibrates != before.calibrates:
            self.plan = replace(plan, trial=usual_name(plan.calibrates, self._taken))
        elif plan.session != before.session:
            self.plan = replace(plan, trial=next_name(plan.trial, self._taken))
        if preroll_of(plan) != preroll_of(before):
            self._watch()
        elif (plan.calibrates, plan.session) != (before.calibrates, before.session) and self._link is not None:
            self._look_for_board()
        self.changed.emit()

    def objection(self) -> str:
        """Why no recording can begin now, in a sentence; empty where one can."""
        plan = self.plan
        if self.refused:
            return self.refused
        if not self.entries:
            return "Add a camera first."
        if not NAME.match(plan.session):
            return "Name the session: letters, digits, - and _."
        if not NAME.match(plan.trial):
            return "Name the trial: letters, digits, - and _."
        if plan.trial.casefold() in self._taken:
            return f"There is a trial '{plan.trial}' already."
        silent = [entry.name for entry in self.entries if self.trouble_with(entry.slot) is not None]
        if silent:
            return f"Nothing comes from {', '.join(silent)}: bring it back, or take it off the list."
        if self.desk.status.state is DeskState.CLOSED:
            return "The cameras are being opened."
        return self.desk.trouble.what if self.desk.trouble is not None else ""

    def record(self) -> None:
        """Begin a recording; does nothing where ``objection`` says why not."""
        if self.taking or self.objection():
            return
        plan = self.plan
        self.trouble, self.done, self.taking = None, None, True
        self.link.order(
            Take(
                self.root / plan.session,
                plan.trial,
                plan.participant or "unnamed",
                plan.duration_s or None,
                0.0 if plan.on_entry else plan.countdown_s,
                plan.remote,
                plan.on_entry,
                plan.on_exit,
                self.live.calibration,
            )
        )
        self.changed.emit()

    def stop(self) -> None:
        """End the recording, or call it off."""
        if self.taking:
            self.link.order(EndTake())

    def _over(self, done: TakeDone | None, trouble: Trouble | None) -> None:
        """A recording is over: the next one gets the next name."""
        self.taking, self.done, self.trouble = False, done, trouble
        self.look_at_disk()
        self.plan = replace(self.plan, trial=next_name(self.plan.trial, self._taken))
        self._release()

    def used(self) -> None:
        """The last recording has been taken elsewhere; its name is free again, and a person is filmed next."""
        self.done = None
        self.look_at_disk()
        self.set_plan(replace(self.plan, calibrates=False, trial=usual_name(False, self._taken)))

    # Live 3D.

    def start_live(self, calibration: Path, targets: tuple[str, ...] = ()) -> None:
        """Begin live 3D."""
        if self.live.running or not self.entries:
            return
        self.live.begin(calibration, targets)
        self.trouble = None
        self.link.order(Live(calibration, targets=targets))
        self.changed.emit()

    def stop_live(self) -> None:
        """End live 3D."""
        if self.live.running:
            self.live.ending = True
            self.link.order(EndLive())
            self.changed.emit()

    # Turns.

    def tick(self) -> None:
        """Take in what was told and found."""
        heard = self._link.poll() if self._link is not None else ()
        for tiding in heard:
            self._take_in(tiding)
        if self._fetch() or any(not isinstance(tiding, LivePose) for tiding in heard):
            self.changed.emit()

    def _fetch(self) -> bool:
        """Take in what threads have found; True if anything."""
        disk = self._measuring.fetch()
        if disk is not None:
            self.disk = disk.result()
        return self.cameras.fetch() or disk is not None

    def measure_disk(self) -> None:
        """Look how much room there is; in a thread, as a network drive may be asleep."""
        if not self._measuring.busy:
            folder = self.root
            self._measuring.order(lambda: room_for(folder))

    def _take_in(self, tiding: Tiding) -> None:
        if isinstance(tiding, DeskNow):
            self._take_in_desk(tiding)
        elif isinstance(tiding, TakeDone):
            self._over(tiding, None)
        elif isinstance(tiding, TakeFailed):
            said = ("It broke off; what came before is kept.",)
            kept = TakeDone(tiding.kept, 0.0, 0, 0, 0, said) if tiding.kept is not None else None
            self._over(kept, tiding.trouble)
        elif isinstance(tiding, Said):
            if not self._notes or self._notes[-1].text != tiding.text:
                self._notes.append(tiding)
        elif isinstance(tiding, BoardSeen):
            if self.search is not None and tiding.look.camera in self.search.cameras:
                self.search = self.search.told(tiding.look)
        elif isinstance(tiding, Gone):
            self._gone(tiding)
        else:
            self.live.take_in(tiding)
            if isinstance(tiding, LiveOver):
                self.trouble = tiding.trouble or self.trouble
                self._release()

    def _take_in_desk(self, now: DeskNow) -> None:
        self.desk = now
        self._by_name = {camera.name: camera for camera in now.status.cameras}

    def _gone(self, tiding: Gone) -> None:
        was, self._link = self._link, None
        worked, self.taking, self.desk, self._by_name = self.desk is not CLOSED, False, CLOSED, {}
        if self.live.running:
            self.live.take_in(LiveOver())
        self.trouble = tiding.trouble
        if was is not None:
            was.close()
        if worked:  # what dies at once would die again
            self._watch()

    def tell_trouble(self, trouble: Trouble) -> None:
        """Show what went wrong."""
        self.trouble = trouble
        self.changed.emit()

    def dismiss(self) -> None:
        """What went wrong was read."""
        self.trouble = self.cameras.trouble = None
        self.changed.emit()

    def leave(self) -> None:
        """The window closes; a recording is ended in good order."""
        if self._link is not None:
            self._link.close()
            self._link = None
        self.cameras.close()
        self._measuring.close()
