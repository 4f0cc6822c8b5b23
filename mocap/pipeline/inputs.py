"""From a path that the user names to a trial: its videos, its cameras, and where results go."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from calibration import Camera, CameraRig
from calibration.errors import CalibrationError
from calibration.formats import find_rig, load_rig, save_rig
from mocap.capture import VideoInfo, find_videos, probe
from mocap.core.errors import InputError
from mocap.session import (
    SessionFolder,
    SessionManifest,
    TrialFolder,
    TrialManifest,
    data_dir,
    read_manifest,
    write_manifest,
)

MIN_CAMERAS = 2


@dataclass(frozen=True)
class TrialInput:
    """One recording, ready to be processed.

    Attributes
    ----------
    folder : TrialFolder
        Where results go.
    videos : tuple of VideoInfo
        In the order of ``rig``.
    rig : CameraRig
        The calibrated cameras that have a video, at the videos' sizes.
    calibration : Path
        Where the calibration was read from.
    truth : Path or None
        The studio's truth, where the recording is its own.
    warnings : tuple of str
    """

    folder: TrialFolder
    videos: tuple[VideoInfo, ...]
    rig: CameraRig
    calibration: Path
    truth: Path | None
    warnings: tuple[str, ...]


def open_trial(path: Path, calibration: Path | None = None, out: Path | None = None) -> TrialInput:
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

    Raises
    ------
    InputError, VideoError, CalibrationError
        Naming the file and what to do.
    """
    source, session = _locate(path)
    paths = _video_paths(source)
    if len(paths) < MIN_CAMERAS:
        raise InputError(
            f"There is only one video ({', '.join(p.name for p in paths.values())}).",
            "Three dimensions need at least two cameras: put the videos of all cameras into the folder.",
            source,
        )
    rig_path = calibration or find_rig(source)
    if rig_path is None:
        raise InputError(
            "There is no calibration beside the videos.",
            "Name one with --calibration FILE (Anipose or Pose2Sim .toml, Qualisys .qca.txt).",
            source,
        )
    infos = {name: probe(file, name) for name, file in paths.items()}
    rig, videos, warnings = match_cameras(load_rig(rig_path), infos, rig_path)
    target = (
        SessionFolder(out) if out is not None else session or SessionFolder(data_dir() / source.resolve().name)
    )
    folder = target.trial(source.resolve().name)
    _register(target, folder, rig, videos)
    truth = source / "truth.npz"
    notes = tuple(f"{video.camera}: {note}" for video in videos for note in video.warnings)
    return TrialInput(folder, videos, rig, rig_path, truth if truth.is_file() else None, (*warnings, *notes))


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
    named = {name: source / file for name, file in read_manifest(manifest, TrialManifest).videos.items()}
    gone = [str(file) for file in named.values() if not file.is_file()]
    if gone:
        raise InputError(
            f"Videos of this trial are gone: {', '.join(gone)}.",
            "Put them back, or mend the paths in the file.",
            manifest,
        )
    return named


def match_cameras(
    rig: CameraRig, infos: dict[str, VideoInfo], rig_path: Path
) -> tuple[CameraRig, tuple[VideoInfo, ...], tuple[str, ...]]:
    """Pair calibrated cameras with videos by name, and fit the intrinsics to the videos' sizes.

    Names match exactly or, if that pairs nothing, by their letters and numbers: ``Cam_01`` is ``cam1``.

    Raises
    ------
    CalibrationError
        If fewer than two cameras pair, naming both sides, or if a size does not fit.
    """
    pairs = {name: name for name in rig.names if name in infos}
    if not pairs:
        videos = _by_plain_name(tuple(infos))
        pairs = {name: videos[plain] for plain, name in _by_plain_name(rig.names).items() if plain in videos}
    if len(pairs) < MIN_CAMERAS:
        raise CalibrationError(
            f"The calibration has the cameras {', '.join(rig.names)}; the videos are named {', '.join(infos)}.",
            "Name each video like its camera.",
            rig_path,
        )
    warnings = [
        *(f"Camera {name} has no video and is left out." for name in rig.names if name not in pairs),
        *(
            f"Video {name} has no calibrated camera and is left out."
            for name in infos
            if name not in pairs.values()
        ),
    ]
    cameras, used = [], []
    for camera in rig.cameras:
        if camera.name in pairs:
            info = infos[pairs[camera.name]]
            cameras.append(_at_size(camera, info, rig_path))
            used.append(info)
            if info.size_wh != camera.intrinsics.size_wh:
                (w0, h0), (w1, h1) = camera.intrinsics.size_wh, info.size_wh
                warnings.append(
                    f"Camera {camera.name} was calibrated at {w0}x{h0} px; its video has {w1}x{h1} px."
                )
    return CameraRig(tuple(cameras), rig.notes), tuple(used), tuple(warnings)


def _at_size(camera: Camera, info: VideoInfo, rig_path: Path) -> Camera:
    """Return the camera for the video's name and size."""
    try:
        intrinsics = camera.intrinsics.for_size(info.size_wh)
    except CalibrationError as error:
        raise CalibrationError(f"Camera {camera.name}: {error.what}", error.remedy, rig_path) from error
    return Camera(info.camera, intrinsics, camera.cam_from_world)


def _by_plain_name(names: tuple[str, ...]) -> dict[str, str]:
    """Names by their letters and numbers in lower case, without leading zeros; ambiguous ones are left out."""
    plain = [re.sub(r"0+(?=\d)", "", re.sub(r"[^a-z0-9]", "", name.lower())) for name in names]
    return {key: name for key, name in zip(plain, names, strict=True) if plain.count(key) == 1}


def _register(session: SessionFolder, folder: TrialFolder, rig: CameraRig, videos: tuple[VideoInfo, ...]) -> None:
    """Write the manifests and the rig, where they are not there yet."""
    if not session.manifest.is_file():
        write_manifest(session.manifest, SessionManifest(id=session.root.resolve().name))
    if not session.rig.is_file():
        save_rig(rig, session.rig, "anipose")
    lies_there = all(video.path.resolve().parent == folder.raw.resolve() for video in videos)
    if not lies_there and not folder.manifest.is_file():
        paths = {video.camera: str(video.path.resolve()) for video in videos}
        write_manifest(folder.manifest, TrialManifest(videos=paths))
