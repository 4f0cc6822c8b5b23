"""From a path that the user names to a trial: its videos, its cameras, and where results go."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from calibration import CameraRig
from calibration.errors import CalibrationError
from calibration.formats import find_rig, load_rig, save_rig
from mocap.capture import VideoInfo, find_videos, fit_rig, probe
from mocap.core.errors import InputError
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray
from mocap.poseio import View
from mocap.session import (
    SessionFolder,
    SessionManifest,
    TrialFolder,
    TrialManifest,
    data_dir,
    read_manifest,
    trial_manifest,
    write_manifest,
)
from mocap.sync import SYNC_FILE, TIMESTAMPS_FILE, Clocks, read_clocks, written_times

MIN_CAMERAS = 2


@dataclass(frozen=True)
class Imported:
    """Detections that another program made.

    Attributes
    ----------
    path : Path
    views : tuple of View
        In the order of the rig, with the names of its cameras.
    skeleton : Skeleton
    key : str
        Hash of all of it.
    """

    path: Path
    views: tuple[View, ...]
    skeleton: Skeleton
    key: str


@dataclass(frozen=True)
class TrialInput:
    """One recording, ready to be processed.

    Attributes
    ----------
    folder : TrialFolder
        Where results go.
    videos : tuple of VideoInfo
        In the order of ``rig``; none where only detections are there.
    rig : CameraRig
        The calibrated cameras that have a video, at the videos' sizes.
    calibration : Path
        Where the calibration was read from.
    t_s : tuple of (T_c,)
        Times of each video's frames, s: as the recorder wrote them down, else those of the file.
    timed : bool
        The times were written down, on one clock.
    truth : Path or None
        The studio's truth, where the recording is its own.
    warnings : tuple of str
    imported : Imported or None
        Detections that take the place of our own.
    clocks : Clocks or None
        The clocks that ``t_s`` is on, where ``mocap sync`` found them.
    """

    folder: TrialFolder
    videos: tuple[VideoInfo, ...]
    rig: CameraRig
    calibration: Path
    t_s: tuple[FloatArray, ...]
    timed: bool
    truth: Path | None
    warnings: tuple[str, ...]
    imported: Imported | None = None
    clocks: Clocks | None = None

    @property
    def clock_key(self) -> tuple[object, ...]:
        """What results depend on besides the times: the clocks, where they were found."""
        return () if self.clocks is None else (self.clocks.offset_s.tolist(), self.clocks.rate.tolist())


def open_trial(
    path: Path,
    calibration: Path | None = None,
    out: Path | None = None,
    with_clocks: bool = True,
    make_place: bool = True,
) -> TrialInput:
    """Find the videos and the calibration of one trial and make its place in a session.

    Parameters
    ----------
    path : Path
        A session with one trial, a trial of a session, or any folder of videos.
    calibration : Path, optional
        Calibration file; found beside the videos if not given.
    out : Path, optional
        Session folder for the results. By default the session that ``path`` belongs to, and for other
        folders one of that name in the data folder.
    with_clocks : bool
        Take the clocks that ``mocap sync`` found, if it did.
    make_place : bool
        Make the place of the results; without it nothing is written.

    Raises
    ------
    InputError, VideoError, CalibrationError
        Naming the file and what to do.
    """
    source, session = _locate(path)
    paths = _several_videos(source)
    rig_path = calibration or find_rig(source)
    if rig_path is None:
        raise InputError(
            "There is no calibration beside the videos.",
            "Make one with mocap calibrate, or name one with --calibration FILE.",
            source,
        )
    videos = tuple(probe(file, name) for name, file in paths.items())
    rig, warnings = _fitted_rig(rig_path, videos)
    name = source.resolve().name
    target = SessionFolder(out) if out is not None else session or _home(name, videos)
    folder = target.trial(name)
    if out is not None and not _is_of(folder, videos):
        raise InputError(
            f"This session holds another recording of the name '{name}'.",
            "Name another folder with --out, or rename the recording's folder.",
            target.root,
        )
    if make_place:
        _register(target, folder, rig, videos, keep=session is not None and target.root == session.root)
    truth = source / "truth.npz"
    notes = tuple(f"{video.camera}: {note}" for video in videos for note in video.warnings)
    t_s, timed, told = frame_times(videos)
    known = truth if truth.is_file() else None
    warnings, clocks = (*warnings, *notes, *told), found_clocks(videos) if with_clocks else None
    return TrialInput(folder, videos, rig, rig_path, t_s, timed, known, warnings, clocks=clocks)


def video_paths(path: Path) -> dict[str, Path]:
    """Find the videos of a trial by camera, whether or not there is a calibration.

    Raises
    ------
    InputError
        As ``open_trial``.
    """
    return _several_videos(_locate(path)[0])


def _several_videos(source: Path) -> dict[str, Path]:
    paths = _video_paths(source)
    if len(paths) < MIN_CAMERAS:
        raise InputError(
            f"There is only one video ({', '.join(p.name for p in paths.values())}).",
            "Three dimensions need at least two cameras: put the videos of all cameras into the folder.",
            source,
        )
    return paths


def found_clocks(videos: tuple[VideoInfo, ...]) -> Clocks | None:
    """Read the clocks that ``mocap sync`` found and left beside the videos; None where it did not.

    Raises
    ------
    InputError
        If the file is of other videos.
    """
    path = videos[0].path.parent / SYNC_FILE
    if not path.is_file():
        return None
    return read_clocks(path, tuple(video.camera for video in videos), tuple(video.n_frames for video in videos))


def frame_times(videos: tuple[VideoInfo, ...]) -> tuple[tuple[FloatArray, ...], bool, tuple[str, ...]]:
    """Times of all frames (T_c,), whether they are on one clock, and what the user should know of them."""
    of_files = tuple(video.t_s for video in videos)
    path = videos[0].path.parent / TIMESTAMPS_FILE
    if not path.is_file():
        return of_files, False, ()
    written = written_times(path, tuple(video.camera for video in videos))
    if written is None:
        return of_files, False, (f"The cameras of {TIMESTAMPS_FILE} are not those of the videos; it is not used.",)
    notes = tuple(
        f"{TIMESTAMPS_FILE} has {times.shape[0]} times of camera '{video.camera}', its video {video.n_frames} "
        "pictures; those beyond are left out."
        for times, video in zip(written, videos, strict=True)
        if times.shape[0] != video.n_frames
    )
    return tuple(t[: video.n_frames] for t, video in zip(written, videos, strict=True)), True, notes


def _locate(path: Path) -> tuple[Path, SessionFolder | None]:
    """Return the trial's folder, and the session it belongs to if it does."""
    if not path.exists():
        raise InputError("There is no such folder.", "Check the path; was the folder moved or renamed?", path)
    if not path.is_dir():
        raise InputError(
            "This is a file, not a folder.", "Name the folder that holds the videos of all cameras.", path
        )
    trials = SessionFolder(path).trials
    if len(trials) > 1:
        names = ", ".join(str(Path("trials") / trial.name) for trial in trials)
        raise InputError(f"This session holds {len(trials)} trials.", f"Name one of them: {names}.", path)
    if trials:
        return trials[0].root, SessionFolder(path)
    resolved = path.resolve()
    if resolved.parent.name == "trials":
        return path, SessionFolder(resolved.parent.parent)
    return path, None


def _video_paths(source: Path) -> dict[str, Path]:
    """Videos by camera: those that the trial's manifest names, else those that lie there."""
    manifest = TrialFolder(source).manifest
    if not manifest.is_file():
        return find_videos(source)
    told = read_manifest(manifest, TrialManifest)
    if told.detections is not None:
        raise InputError(
            "This trial was made of detections, without videos.",
            f"Process it with: mocap import-poses {told.detections}",
            manifest,
        )
    if not told.videos:
        return find_videos(source)
    named = {name: source / file for name, file in told.videos.items()}
    gone = [str(file) for file in named.values() if not file.is_file()]
    if gone:
        raise InputError(
            f"Videos of this trial are gone: {', '.join(gone)}.",
            "Put them back, or mend the paths in the file.",
            manifest,
        )
    return named


def _fitted_rig(path: Path, videos: tuple[VideoInfo, ...]) -> tuple[CameraRig, tuple[str, ...]]:
    """Read the calibration and fit it to the videos; an error about the two names the calibration file."""
    rig = load_rig(path)
    try:
        return fit_rig(rig, videos)
    except CalibrationError as error:
        raise CalibrationError(error.what, error.remedy, error.path or path) from error


def _home(name: str, videos: tuple[VideoInfo, ...]) -> SessionFolder:
    """Session in the data folder for a recording from elsewhere; other recordings of that name have their own."""
    home, count = SessionFolder(data_dir() / name), 1
    while not _is_of(home.trial(name), videos):
        count += 1
        home = SessionFolder(data_dir() / f"{name}-{count}")
    return home


def _is_of(folder: TrialFolder, videos: tuple[VideoInfo, ...]) -> bool:
    """Whether a trial is of these videos, or of none yet."""
    if not folder.manifest.is_file():
        return True
    named = read_manifest(folder.manifest, TrialManifest).videos.values()
    known = {(folder.root / file).resolve() for file in named}
    ours = {video.path.resolve() for video in videos}
    return known <= ours or ours <= known


def _register(
    session: SessionFolder, folder: TrialFolder, rig: CameraRig, videos: tuple[VideoInfo, ...], keep: bool
) -> None:
    """Write the manifests and the rig; ``keep`` those that a session has of its own."""
    if not session.manifest.is_file():
        write_manifest(session.manifest, SessionManifest(id=session.root.resolve().name))
    if not (keep and session.rig.is_file()):
        save_rig(rig, session.rig, "anipose")
    lies_there = all(video.path.resolve().parent == folder.raw.resolve() for video in videos)
    if not lies_there and not (keep and folder.manifest.is_file()):
        paths = {video.camera: _path_from(folder, session, video.path.resolve()) for video in videos}
        write_manifest(folder.manifest, trial_manifest(folder).model_copy(update={"videos": paths}))


def _path_from(folder: TrialFolder, session: SessionFolder, video: Path) -> str:
    """Path of a video for the trial's manifest: relative inside the session, so that both can move together."""
    if video.is_relative_to(session.root.resolve()):
        return os.path.relpath(video, folder.root.resolve())
    return str(video)
