"""Records a trial into a session: cameras opened, started, watched and stopped."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

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

# The shipped film, played as the cameras that filmed it.
STUDIO = "studio:sample"

# How often the end is looked for, s.
POLL_S = 0.02

TURNS = (0, 90, 180, 270)


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

    Raises
    ------
    InputError, CameraError, StorageError
    """
    stop = cancel or CancelToken()
    session, trial = place(request.out)
    quality = request.quality
    wishes = request.wishes if quality is Quality.AUTO else _decoded(request.wishes)
    addresses = tuple(studio_folder() if source == STUDIO else source for source in request.sources)
    sources = open_sources(addresses, wishes)
    unknown = sorted(set(request.rotations_deg) - set(sources))
    if unknown or any(turn not in TURNS for turn in request.rotations_deg.values()):
        raise InputError(
            f"'{', '.join(unknown) or 'The rotation'}' does not fit the cameras {', '.join(sources)}.",
            "Write CAMERA=90, 180 or 270.",
        )
    plans = [
        CameraPlan(name, source, request.rotations_deg.get(name, 0), quality, request.controls)
        for name, source in sources.items()
    ]
    recorder = Recorder(plans, trial.raw, request.preroll_s)
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
        if not _await_start(switch, stop, request.countdown_s, progress):
            raise InputError("The recording was stopped before it began.", "Start it again.")
        recorder.start(request.duration_s)
        _await_end(recorder, switch, stop, request.duration_s, progress)
        return Recorded(trial.root, recorder.stop())


def _decoded(wishes: SourceWishes) -> SourceWishes:
    return replace(wishes, decoded=True)


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
