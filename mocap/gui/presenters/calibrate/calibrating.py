"""Calibrating: what lies in a folder, what stands in the way, the job, and its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from calibration.targets import AnyTarget, read_target
from mocap.core.errors import ExplainedError
from mocap.gui.jobs.calibrate import CalibrateJob
from mocap.gui.presenters.calibrate.look import CameraLook, Search
from mocap.gui.presenters.calibrate.result import Result, load_result
from mocap.gui.presenters.changes import Changes, Later
from mocap.gui.presenters.jobs import Job, Preview
from mocap.gui.presenters.words import Trouble, trouble_of

FEWEST_CAMERAS = 2
FewOrMore = TypeVar("FewOrMore")
LENSES = (
    ("auto", "Find the best model"),
    ("pinhole", "Ordinary lens"),
    ("rational", "Wide lens"),
    ("fisheye", "Fisheye lens"),
)


@dataclass(frozen=True)
class Found:
    """What a folder holds for a calibration.

    Attributes
    ----------
    folder : Path
        What is calibrated: a session, or a folder of videos or pictures.
    cameras : tuple of (name, pictures)
    board, board_file : AnyTarget, Path or None
        Described beside the pictures; without them the board is recognised in the pictures.
    rigs : tuple of Path
        Calibrations that were made here, the present one first, then the former, newest first.
    warnings : tuple of str
    trouble : Trouble or None
        Why it cannot be calibrated as it is.
    waits : bool
        A session that has no films of a board yet: nothing is wrong with it.
    """

    folder: Path
    cameras: tuple[tuple[str, int], ...] = ()
    board: AnyTarget | None = None
    board_file: Path | None = None
    rigs: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()
    trouble: Trouble | None = None
    waits: bool = False

    @property
    def words(self) -> str:
        """The cameras in a sentence."""
        if self.waits:
            return "No videos of the board yet: record a take, or choose the folder of its videos."
        if not self.cameras:
            return ""
        counts = {count for _, count in self.cameras}
        each = f"{min(counts)} pictures each" if len(counts) == 1 else f"{min(counts)} to {max(counts)} pictures"
        return f"{len(self.cameras)} cameras with {each}: {', '.join(name for name, _ in self.cameras)}"


@dataclass(frozen=True)
class Options:
    """What the user may say besides.

    Attributes
    ----------
    board : Path or None
        A board file; the one beside the pictures if not given.
    measured_mm : float or None
        A printed square as measured.
    floor_by_board : bool
        The floor is the plane that most places of the board share.
    """

    board: Path | None = None
    measured_mm: float | None = None
    lens: str = "auto"
    lenses: Path | None = None
    floor_by_board: bool = False


def look_into(path: Path) -> Found:
    """Look into a folder; a video or picture stands for the folder it lies in."""
    from mocap.pipeline.calibration.inputs import open_footage

    folder = path.parent if path.is_file() else path
    if not folder.is_dir():
        gone = Trouble("There is no such folder.", "Check the path; was it moved or renamed?", folder)
        return Found(folder, trouble=gone)
    rigs = rigs_of(folder)
    try:
        footage = open_footage(folder)
        counts = (footage.frame_index >= 0).sum(axis=0).tolist()
        cameras = tuple(zip(footage.films, counts, strict=True))
        board_file = _board_file(folder)
        board = read_target(board_file) if board_file is not None else None
    except (ExplainedError, OSError) as error:
        if _waits_for_films(folder):
            return Found(folder, rigs=rigs, waits=True)
        return Found(folder, rigs=rigs, trouble=trouble_of(error))
    found = Found(folder, cameras, board, board_file, rigs, footage.warnings)
    if len(cameras) < FEWEST_CAMERAS:
        few = Trouble(
            "There is only one camera here.",
            "Put the videos of all cameras into one folder; they are calibrated together.",
            folder,
        )
        return replace(found, trouble=few)
    return found


def _waits_for_films(folder: Path) -> bool:
    """Whether a folder is a session that nothing was filmed of for its calibration yet."""
    place = folder / "calibration"
    return (folder / "session.toml").is_file() and not (place / "videos").exists()


def rigs_of(folder: Path) -> tuple[Path, ...]:
    """Calibrations of a folder: the present one, then the former, newest first; else one of another program."""
    from calibration.formats import find_rig

    place = folder / "calibration" if (folder / "calibration").is_dir() else folder
    former = sorted(place.glob("rig-*.toml"), key=lambda path: _number(path), reverse=True)
    present = [place / "rig.toml"] if (place / "rig.toml").is_file() else []
    if present or former:
        return (*present, *former)
    if (elsewhere := find_rig(folder)) is not None and folder.resolve() in elsewhere.parents:
        return (elsewhere,)
    return ()


def _number(path: Path) -> int:
    tail = path.stem.removeprefix("rig-")
    return int(tail) if tail.isdigit() else 0


def _board_file(folder: Path) -> Path | None:
    """The board's file, where ``open_target`` looks for it."""
    from mocap.pipeline.calibration.inputs import BOARD_FILES

    places = (folder, folder / "calibration", folder.parent, folder.parent.parent)
    return next((place / name for place in places for name in BOARD_FILES if (place / name).is_file()), None)


class Calibrating:
    """The page's state. ``tick`` is called by a timer; files are read in a thread."""

    def __init__(self) -> None:
        self.changed, self.looked = Changes(), Changes()
        self.found: Found | None = None
        self.options = Options()
        self.search = Search(())
        self.result: Result | None = None
        self.trouble: Trouble | None = None
        self.job: Job | None = None
        self.waiting_for: Path | None = None
        self._looking: Later[Found] = Later()
        self._loading: Later[Result] = Later()

    def choose(self, path: Path, with_result: bool = True) -> None:
        """Look into another folder; its calibration is shown if it has one."""
        self.found, self.trouble, self.search = None, None, Search(())
        if with_result:
            self.result = None
        self.waiting_for = path
        self._looking.order(lambda: look_into(path))
        self.changed.emit()

    def open_rig(self, rig_file: Path) -> None:
        """Show a calibration file."""
        self.trouble = None
        self._loading.order(lambda: load_result(rig_file))

    @property
    def busy(self) -> bool:
        """Whether files are being read."""
        return self._looking.busy or self._loading.busy

    def tick(self) -> None:
        """Take in what was read."""
        if (done := self._looking.fetch()) is not None:
            self._take(done.result, self._take_found)
        if (loaded := self._loading.fetch()) is not None:
            self._take(loaded.result, self._take_result)

    def _take(self, get: Callable[[], FewOrMore], use: Callable[[FewOrMore], None]) -> None:
        try:
            use(get())
        except Exception as error:  # shown to the user in words
            self.trouble = trouble_of(error)
        self.changed.emit()

    def _take_found(self, found: Found) -> None:
        self.found, self.trouble, self.waiting_for = found, found.trouble, None
        self.search = Search(tuple(name for name, _ in found.cameras))
        if found.rigs and self.result is None:
            self.open_rig(found.rigs[0])

    def _take_result(self, result: Result) -> None:
        self.result = result

    def refresh_rigs(self) -> None:
        """Look again which calibrations lie in the folder."""
        if self.found is not None:
            self.found = replace(self.found, rigs=rigs_of(self.found.folder))
            self.changed.emit()

    def set_options(self, **changes: object) -> None:
        """Change what the user said."""
        self.options = replace(self.options, **changes)  # type: ignore[arg-type]
        self.changed.emit()

    @property
    def ready(self) -> bool:
        """Whether a calibration can begin."""
        found = self.found
        return found is not None and found.trouble is None and not found.waits and not self.running

    @property
    def running(self) -> bool:
        """Whether a calibration of this folder waits or works."""
        return self.job is not None and self.job.active

    def request(self) -> CalibrateJob | None:
        """The job that calibrates what was found."""
        if self.found is None or not self.ready:
            return None
        options = self.options
        return CalibrateJob(
            f"Calibrate {self.found.folder.name}",
            self.found.folder,
            options.board,
            None if options.measured_mm is None else options.measured_mm / 1000.0,
            options.lens,
            options.lenses,
            options.floor_by_board,
        )

    # The job

    def concerns(self, job: Job) -> bool:
        """Whether a job calibrates the folder that is shown."""
        return (
            isinstance(job.request, CalibrateJob)
            and self.found is not None
            and job.request.folder == self.found.folder
        )

    def jobs_changed(self, jobs: tuple[Job, ...]) -> None:
        """Take in how the job of this folder stands."""
        newest = next((job for job in jobs if self.concerns(job)), None)
        if newest is not self.job:
            began = newest is not None and (self.job is None or newest.id != self.job.id)
            self.job = newest
            if began and self.found is not None:
                self.search = Search(tuple(name for name, _ in self.found.cameras))
                self.trouble = None  # of the time before
                self.changed.emit()
            self.looked.emit()

    def previewed(self, told: tuple[Job, Preview]) -> None:
        """Take in what a camera sees."""
        job, preview = told
        if isinstance(preview.content, CameraLook) and self.concerns(job):
            self.search = self.search.told(preview.content)
            self.looked.emit()

    def over(self, job: Job) -> None:
        """A job is over: show its result, or what was wrong."""
        if not self.concerns(job):
            return
        self.job = job
        self.trouble = job.trouble
        if job.state == "done" and job.result is not None:
            self.refresh_rigs()
            self.open_rig(job.result)
        self.changed.emit()

    def former(self) -> Path | None:
        """The calibration before the one that is shown."""
        if self.result is None or self.found is None:
            return None
        rigs = list(self.found.rigs)
        if self.result.rig_file not in rigs:
            return None
        after = rigs[rigs.index(self.result.rig_file) + 1 :]
        return after[0] if after else None

    def close(self) -> None:
        """Let the threads go."""
        self._looking.close()
        self._loading.close()
