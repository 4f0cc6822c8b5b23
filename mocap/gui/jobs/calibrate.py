"""Calibrating from a board, refining from a person, and checking with a board of known size."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from calibration.files import atomic_write
from mocap.core.progress import CancelToken
from mocap.gui.presenters.jobs import Finished, Message, Preview, Said, Stages, Tell, steps

PAGE = "calibrate"

# Shares of the time by one calibration of four cameras with 111 pictures each; they only move a bar.
CALIBRATE_STAGES: Stages = {
    "board": ("Looking for the board", 0.50),
    "intrinsics": ("Lenses of the cameras", 0.22),
    "bundle adjustment": ("Solving all cameras together", 0.28),
}
REFINE_STAGES: Stages = {
    "detect": ("Looking at the person", 0.80),
    "refine": ("Solving the cameras' places", 0.20),
}
VERIFY_STAGES: Stages = {"board": ("Looking for the board", 1.0)}

REFINED_FILE, VERIFIED_FILE = "refined.json", "verified.json"


@dataclass(frozen=True)
class CalibrateJob:
    """Calibrate all cameras of a folder; see ``pipeline.calibrate.CalibrateRequest``.

    Attributes
    ----------
    square_m : float or None
        A printed square as it was measured, m.
    lenses : Path or None
        A calibration whose lenses are kept.
    out : Path or None
    """

    title: str
    folder: Path
    board: Path | None = None
    square_m: float | None = None
    lens: str = "auto"
    lenses: Path | None = None
    floor_by_board: bool = False
    out: Path | None = None
    stages: ClassVar[Stages] = CALIBRATE_STAGES

    def run(self, tell: Tell, cancel: CancelToken) -> Finished:
        """Calibrate, telling what each camera sees."""
        from mocap.gui.presenters.calibrate.look import Looker
        from mocap.gui.presenters.calibrate.seen import keep_seen, seen_of
        from mocap.pipeline.calibration.calibrate import CalibrateRequest, calibrate
        from mocap.pipeline.calibration.inputs import open_footage
        from mocap.pipeline.calibration.lenses import KnownLenses
        from mocap.pipeline.calibration.world import WorldChoice

        tell = one_at_a_time(tell)
        looker = Looker(lambda look: tell(Preview(look)))
        request = CalibrateRequest(
            self.folder,
            self.board,
            self.out,
            lens=self.lens,  # type: ignore[arg-type]  # one of the page's choices
            lenses=None if self.lenses is None else KnownLenses(self.lenses),
            square_m=self.square_m,
            world=WorldChoice(floor="board" if self.floor_by_board else None),
        )
        done = calibrate(request, steps(tell), cancel, looker.watch)
        looker.tell_all()
        keep_seen(seen_of(done, open_footage(self.folder).films), done.rig_file.parent)
        tell(Said(f"{done.report.verdict.headline}."))
        return Finished(done.rig_file, warnings=done.report.warnings, opens=PAGE)


@dataclass(frozen=True)
class RefineJob:
    """Refine a calibration from a person in a finished run; the result waits beside it to be accepted.

    Attributes
    ----------
    out : Path
        The refined calibration; ``refined.json`` beside it holds the figures.
    """

    title: str
    rig: Path
    source: Path
    out: Path
    stages: ClassVar[Stages] = REFINE_STAGES

    def run(self, tell: Tell, cancel: CancelToken) -> Finished:
        """Refine."""
        from calibration.report import plain
        from mocap.pipeline.calibration.refine import RefineRequest, refine

        done = refine(RefineRequest(self.rig, self.source, self.out), steps(one_at_a_time(tell)), cancel)
        found = done.refinement
        figures = {name: value for name, value in asdict(found).items() if name != "rig"}
        write_json(self.out.with_name(REFINED_FILE), plain({"of": str(self.rig), **figures}))
        tell(
            Said("The refined calibration waits to be accepted." if found.improved else "Nothing was to improve.")
        )
        return Finished(self.out, warnings=done.warnings, opens=PAGE)


@dataclass(frozen=True)
class VerifyJob:
    """Measure a board of known size in a fresh recording with a calibration."""

    title: str
    rig: Path
    folder: Path
    board: Path | None = None
    stages: ClassVar[Stages] = VERIFY_STAGES

    def run(self, tell: Tell, cancel: CancelToken) -> Finished:
        """Measure."""
        from calibration.report import plain
        from mocap.pipeline.calibration.verify import verify_rig

        done = verify_rig(self.rig, self.folder, self.board, steps(one_at_a_time(tell)), cancel)
        found = {"target": done.target, "recording": str(self.folder), **asdict(done.check)}
        write_json(self.rig.with_name(VERIFIED_FILE), plain(found))
        return Finished(self.rig, warnings=done.warnings, opens=PAGE)


def write_json(path: Path, content: Any) -> None:
    """Write whole or not at all."""
    with atomic_write(path) as draft:
        draft.write_text(json.dumps(content, indent=1, allow_nan=False), encoding="utf-8")


@dataclass(frozen=True)
class _OneAtATime:
    """Several threads search; a pipe takes one message at a time."""

    tell: Tell
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, message: Message) -> None:
        with self.lock:
            self.tell(message)


def one_at_a_time(tell: Tell) -> Tell:
    """The same, for several threads."""
    return _OneAtATime(tell)
