"""Detections that another program made, as the input of a run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from calibration import CameraRig
from calibration.formats import find_rig, load_rig, save_rig
from mocap.capture import match_names
from mocap.core.errors import CalibrationError, InputError
from mocap.core.types import Poses2D, SyncTable
from mocap.pipeline.inputs import Imported, TrialInput, open_trial
from mocap.poseio import View, from_poses, pose_format, read_views, skeleton_of, to_poses
from mocap.session import (
    RunFolder,
    SessionFolder,
    SessionManifest,
    TrialFolder,
    TrialManifest,
    data_dir,
    key_of,
    load,
    read_manifest,
    write_manifest,
)


@dataclass(frozen=True)
class ImportRequest:
    """Where detections lie and what they are of.

    Attributes
    ----------
    path : Path
        A file or folder of detections, see ``mocap.poseio.POSE_FORMATS``.
    calibration : Path or None
        Calibration file; found beside the detections or the videos if not given.
    videos : Path or None
        Folder of the videos they were found in: gives times, sizes and overlays.
    rate_hz : float or None
        Frames a second where there are no videos.
    skeleton, form : str or None
        By content if not given.
    out : Path or None
        Session folder.
    """

    path: Path
    calibration: Path | None = None
    videos: Path | None = None
    rate_hz: float | None = None
    skeleton: str | None = None
    form: str | None = None
    out: Path | None = None


def open_imported(request: ImportRequest) -> TrialInput:
    """Read detections and make their place in a session.

    Raises
    ------
    InputError
        If they cannot be read, or nothing says where the cameras stood or how fast they took pictures.
    """
    views = read_views(request.path, request.form)
    skeleton = skeleton_of(views, request.skeleton)
    if request.videos is not None:
        trial = open_trial(request.videos, request.calibration, request.out)
        views, warnings = _in_order(views, trial.rig.names, request.path)
    else:
        trial, views, warnings = _without_videos(request, views)
    if len(views) < 2:
        raise InputError(
            "There are detections of one camera only.", "Three dimensions need at least two cameras.", request.path
        )
    key = key_of(
        skeleton.name, skeleton.keypoints, [(v.xy.tobytes().hex(), v.score.tobytes().hex()) for v in views]
    )
    return replace(
        trial, imported=Imported(request.path, views, skeleton, key), warnings=(*trial.warnings, *warnings)
    )


def imported_poses(imported: Imported, sync: SyncTable) -> Poses2D:
    """Lay imported detections out at the instants of a recording."""
    return to_poses(imported.views, imported.skeleton, sync.cameras, sync.frame_index)


def export_poses(root: Path, form: str, folder: Path) -> tuple[Path, ...]:
    """Write the detections of a finished run for another program.

    Parameters
    ----------
    root : Path
        The run's folder.
    form : str
        See ``mocap.poseio.POSE_FORMATS``.

    Raises
    ------
    InputError
        If the format cannot hold them, or this is no run.
    """
    stored = load(RunFolder(root).stage("poses2d"), Poses2D)
    sync = load(RunFolder(root).stage("sync"), SyncTable)
    if stored is None or sync is None:
        raise InputError("This is not a finished run.", "Name a folder like trials/NAME/runs/ID.", root)
    return pose_format(form).write(from_poses(stored.result), folder, sync.result.rate_hz)


def _without_videos(
    request: ImportRequest, views: tuple[View, ...]
) -> tuple[TrialInput, tuple[View, ...], tuple[str, ...]]:
    """Make a trial of detections and a calibration alone."""
    if request.rate_hz is None or not request.rate_hz > 0:
        raise InputError(
            "Nothing says how many frames a second these are.",
            "Give the rate with --rate, or the videos with --videos.",
            request.path,
        )
    beside = request.path if request.path.is_dir() else request.path.parent
    rig_path = request.calibration or find_rig(beside) or find_rig(beside.parent)
    if rig_path is None:
        raise InputError(
            "There is no calibration beside the detections.", "Name one with --calibration FILE.", beside
        )
    rig = load_rig(rig_path)
    views, warnings = _in_order(views, rig.names, request.path)
    unused = tuple(name for name in rig.names if name not in {view.camera for view in views})
    warnings += tuple(f"The calibrated camera '{name}' has no detections and is left out." for name in unused)
    rig = rig.select(tuple(view.camera for view in views))
    times = np.arange(max(view.xy.shape[0] for view in views)) / request.rate_hz
    if times.shape[0] < 2:
        raise InputError("There is one frame only.", "A recording needs two at least.", request.path)
    folder = _register(request, rig)
    trial = TrialInput(folder, (), rig, rig_path, tuple(times for _ in views), True, None, ())
    return trial, views, warnings


def _in_order(
    views: tuple[View, ...], cameras: tuple[str, ...], path: Path
) -> tuple[tuple[View, ...], tuple[str, ...]]:
    """Bring views into the order of the cameras and give them their names.

    Names are compared as they are, then without case, then by their last number; as many nameless views as
    cameras are taken in order.
    """
    try:
        camera_of = match_names(cameras, tuple(view.camera for view in views))
    except CalibrationError:
        camera_of = {}
    if camera_of:
        named = {camera_of[view.camera]: replace(view, camera=camera_of[view.camera]) for view in views}
        return tuple(named[name] for name in cameras if name in named), ()
    if len(views) == len(cameras):
        pairs = ", ".join(f"'{view.camera}' is '{name}'" for view, name in zip(views, cameras, strict=True))
        renamed = tuple(replace(view, camera=name) for view, name in zip(views, cameras, strict=True))
        return renamed, (f"The names of the detections are not those of the cameras; taken in order: {pairs}.",)
    raise InputError(
        f"The detections are of {', '.join(view.camera for view in views)}, the cameras are {', '.join(cameras)}.",
        "Name the files or folders of detections as the cameras.",
        path,
    )


def _register(request: ImportRequest, rig: CameraRig) -> TrialFolder:
    """Make the trial's folder, its manifests and its rig; another recording's is never taken over."""
    source = str(request.path.resolve())
    name = request.path.resolve().stem
    count = 1
    session = SessionFolder(request.out if request.out is not None else data_dir() / name)
    while not _is_of(session.trial(name), source):
        if request.out is not None:
            raise InputError(
                f"This session holds another recording of the name '{name}'.",
                "Name another folder with --out, or rename the detections.",
                session.root,
            )
        count += 1
        session = SessionFolder(data_dir() / f"{name}-{count}")
    if not session.manifest.is_file():
        write_manifest(session.manifest, SessionManifest(id=session.root.resolve().name))
    save_rig(rig, session.rig, "anipose")
    folder = session.trial(name)
    write_manifest(folder.manifest, TrialManifest(videos={}, detections=source))
    return folder


def _is_of(folder: TrialFolder, source: str) -> bool:
    """Whether a trial is of these detections, or of nothing yet."""
    return not folder.manifest.is_file() or read_manifest(folder.manifest, TrialManifest).detections == source
