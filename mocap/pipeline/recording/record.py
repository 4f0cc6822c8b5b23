"""Records a trial into a session: cameras opened, started, watched and stopped."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from calibration import CameraRig
from calibration.formats import load_rig, save_rig
from mocap.capture.addresses import SourceWishes, open_sources
from mocap.capture.events import Note, Status
from mocap.capture.feed import CameraPlan
from mocap.capture.recorder import Recorder
from mocap.capture.recording import Recording
from mocap.capture.remote import RemoteControl, Switch
from mocap.capture.track import Quality
from mocap.core.errors import InputError
from mocap.core.progress import CancelToken, Progress, silent
from mocap.session import SessionFolder, SessionManifest, TrialFolder, write_manifest
from mocap.studio import sample_dir

if TYPE_CHECKING:
    from mocap.pipeline.recording.presence import Presence
    from mocap.pipeline.run import MakeDetector

# The shipped film, played as the cameras that filmed it.
STUDIO = "studio:sample"

# How often the end is looked for, s.
POLL_S = 0.02

TURNS = (0, 90, 180, 270)

# What lies before the word is given, s: looks at each of several cameras in turn, and those that must agree.
ENTRY_PREROLL_S = 3.0

# Nobody in view for so long, and they have left, s: somebody who bends behind a table has not.
LEAVE_S = 2.0


@dataclass(frozen=True)
class PresenceWish:
    """Start when somebody enters, stop when everybody has left.

    Attributes
    ----------
    start, stop : bool
        Which of them.
    cameras : tuple of str
        Which cameras to look through; all if empty.
    leave_s : float
        Nobody in view for so long counts as having left, s.
    """

    start: bool = True
    stop: bool = True
    cameras: tuple[str, ...] = ()
    leave_s: float = LEAVE_S


@dataclass(frozen=True)
class RecordRequest:
    """What is to be recorded.

    Attributes
    ----------
    sources : tuple of str
        Addresses of cameras, see ``capture.addresses``; ``studio:sample`` for the shipped film.
    out : Path
        ``SESSION/TRIAL``; the session is made if it is not there.
    duration_s : float or None
        Length, s; until stopped if None.
    countdown_s, preroll_s : float
        Wait between the word to start and the start, and how far the recording reaches back before it, s.
    wishes : SourceWishes
    quality : Quality
    rotations_deg : mapping of str to int
        Quarter turns clockwise by camera, degrees.
    controls : mapping of str to float
        Exposure, gain, white balance, focus to fix; see ``capture.source.CONTROLS``.
    calibration : Path or None
        Rig for the session, if it is to have one.
    presence : PresenceWish or None
        Start when somebody enters, stop when they have left; videos then play over and over.
    """

    sources: tuple[str, ...]
    out: Path
    duration_s: float | None = None
    countdown_s: float = 0.0
    preroll_s: float = 0.0
    wishes: SourceWishes = field(default_factory=SourceWishes)
    quality: Quality = Quality.AUTO
    rotations_deg: Mapping[str, int] = field(default_factory=dict)
    controls: Mapping[str, float] = field(default_factory=dict)
    calibration: Path | None = None
    presence: PresenceWish | None = None


@dataclass(frozen=True)
class Recorded:
    """What came of it.

    Attributes
    ----------
    trial : Path
        For ``mocap process``.
    recording : Recording
    """

    trial: Path
    recording: Recording


def record(
    request: RecordRequest,
    switch: Switch,
    remote: str | None = None,
    listen: Callable[[Note | Status], None] | None = None,
    told: Callable[[str], None] | None = None,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
    make_detector: MakeDetector | None = None,
) -> Recorded:
    """Record one trial.

    Parameters
    ----------
    request : RecordRequest
    switch : Switch
        Starts and stops; one that was started before begins as soon as the cameras are open.
    remote : str, optional
        ``PORT`` or ``HOST:PORT`` where another program may start and stop.
    listen : callable, optional
        Takes notes and states meanwhile, in a thread of the recorder's.
    told : callable, optional
        Takes what a user has to know before the start: where the remote control listens.
    cancel : CancelToken, optional
        Stops the recording, too; what was recorded is kept.
    make_detector : MakeDetector, optional
        Makes what finds people, where they start and stop the recording.

    Raises
    ------
    InputError, CameraError, StorageError
    """
    stop = cancel or CancelToken()
    session, trial = place(request.out)
    plans = _plans(request)
    preroll, looking = request.preroll_s, None
    if request.presence is not None and request.presence.start:
        preroll = preroll or ENTRY_PREROLL_S
    recorder = Recorder(plans, trial.raw, preroll)
    if listen is not None:
        recorder.events.subscribe(listen)
    register(session, request.calibration or known_rig(request.sources))
    with contextlib.ExitStack() as stack:
        if remote is not None:
            control = stack.enter_context(RemoteControl(remote, switch, recorder.status))
            if told is not None:
                key = f", token {control.token}" if control.token else ""
                told(f"Start with POST {control.url}/start, stop with POST {control.url}/stop{key}.")
        stack.enter_context(recorder)
        if request.presence is not None:
            rig = load_rig(session.rig) if session.rig.is_file() else None
            looking = stack.enter_context(_looking(recorder, request.presence, rig, switch, make_detector))
            if told is not None:
                told(
                    "It waits for somebody to enter." if request.presence.start else "It stops when all have left."
                )
        if not _await_start(switch, stop, request.countdown_s, progress):
            if looking is not None and looking.error is not None:
                raise looking.error
            raise InputError("The recording was stopped before it began.", "Start it again.")
        recorder.start(request.duration_s)
        _await_end(recorder, switch, stop, request.duration_s, progress)
        return Recorded(trial.root, recorder.stop())


def _looking(
    recorder: Recorder,
    wish: PresenceWish,
    rig: CameraRig | None,
    switch: Switch,
    make_detector: MakeDetector | None,
) -> contextlib.AbstractContextManager[Presence]:
    """Look for people through the cameras."""
    # Only here, because networks take a second to import.
    from mocap.pipeline.recording.presence import looking_for_people
    from mocap.pipeline.run import default_detector

    return looking_for_people(recorder, wish, rig, switch, make_detector or default_detector)


def _plans(request: RecordRequest) -> list[CameraPlan]:
    """Cameras and how each is recorded."""
    wishes = request.wishes if request.quality is Quality.AUTO else replace(request.wishes, decoded=True)
    if request.presence is not None:
        wishes = replace(wishes, looped=True)
    addresses = tuple(studio_folder() if source == STUDIO else source for source in request.sources)
    sources = open_sources(addresses, wishes)
    check_turns(request.rotations_deg, sources)
    return [
        CameraPlan(name, source, request.rotations_deg.get(name, 0), request.quality, request.controls)
        for name, source in sources.items()
    ]


def check_turns(rotations_deg: Mapping[str, int], cameras: Iterable[str]) -> None:
    """Raise InputError where a turn is none, or of no camera."""
    unknown = sorted(set(rotations_deg) - set(cameras))
    if unknown or any(turn not in TURNS for turn in rotations_deg.values()):
        raise InputError(
            f"'{', '.join(unknown) or 'The rotation'}' does not fit the cameras {', '.join(cameras)}.",
            "Write CAMERA=90, 180 or 270.",
        )


def known_rig(sources: Sequence[str]) -> Path | None:
    """Rig that comes with the cameras: that of the shipped film."""
    return sample_dir() / "calibration" / "rig.toml" if STUDIO in sources else None


def studio_folder() -> str:
    """Folder of the shipped film."""
    return str(next(iter(SessionFolder(sample_dir()).trials)).raw)


def place(out: Path) -> tuple[SessionFolder, TrialFolder]:
    """Session and trial of ``SESSION/TRIAL`` or ``SESSION/trials/TRIAL``."""
    path = out.expanduser().absolute()
    inner = path.parent.name == "trials"
    session = SessionFolder(path.parent.parent if inner else path.parent)
    if not path.name or path.name[0] in ".@":
        raise InputError(f"'{path.name}' is no name for a trial.", "Write SESSION/TRIAL.", out)
    return session, session.trial(path.name)


def register(session: SessionFolder, rig: Path | None) -> None:
    """Make the session if it is not there, and give it its calibration."""
    if not session.manifest.is_file():
        write_manifest(session.manifest, SessionManifest(id=session.root.name, recorded_on=date.today()))
    if rig is not None and not session.rig.is_file():
        save_rig(load_rig(rig), session.rig, "anipose")


def _await_start(switch: Switch, cancel: CancelToken, countdown_s: float, progress: Progress) -> bool:
    """Wait for the word to start and count down; False if it is called off."""
    while not switch.started:
        if cancel.cancelled or switch.stopped:
            return False
        time.sleep(POLL_S)
    began = time.monotonic()
    while (passed := time.monotonic() - began) < countdown_s:
        if cancel.cancelled or switch.stopped:
            return False
        progress("countdown", int(passed), int(countdown_s))
        time.sleep(POLL_S)
    return True


def _await_end(
    recorder: Recorder, switch: Switch, cancel: CancelToken, duration_s: float | None, progress: Progress
) -> None:
    """Wait until all is recorded or somebody stops."""
    began = time.monotonic()
    while not recorder.done and not switch.stopped and not cancel.cancelled:
        time.sleep(POLL_S)
        passed = time.monotonic() - began
        if duration_s is not None:
            progress("record", min(int(passed), int(duration_s)), int(duration_s))
