"""People in every frame of every camera, before anybody knows which frames belong together."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from mocap.capture import VideoInfo
from mocap.core.errors import InputError, SessionError
from mocap.core.progress import CancelToken, Progress
from mocap.core.types import FloatArray, IntArray, Poses2D, SyncTable
from mocap.pipeline.detection import detect_trial
from mocap.pipeline.run import MakeDetector
from mocap.pipeline.settings import load_settings
from mocap.session import RunFolder, RunManifest, TrialFolder, fingerprint, key_of, load, read_manifest
from mocap.sync import Seen

PRESET = "balanced"
# Keypoints below this confidence are guesses.
LEAST_SCORE = 0.3
# From a long recording so much at its beginning and at its end is looked at, s: enough for offset and drift.
KEPT_S = 30.0


def people_seen(
    videos: tuple[VideoInfo, ...],
    times: tuple[FloatArray, ...],
    trial: TrialFolder | None,
    progress: Progress,
    cancel: CancelToken,
    make_detector: MakeDetector,
) -> tuple[Seen, ...]:
    """Find people in all videos; detections of a finished run of the trial are taken over.

    Parameters
    ----------
    times : tuple of (F_c,)
        Times of the frames, s.
    trial : TrialFolder or None
        Where detections are looked for and kept; without one they are made anew.

    Raises
    ------
    InputError
        If a camera sees nobody at all.
    """
    known = _of_a_run(videos, trial)
    if known is None:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) if trial is None else trial.root / "sync"
            known = _detect(videos, RunFolder(folder), progress, cancel, make_detector)
    poses, frames = known
    seen = tuple(
        _seen(video, t, poses, frames[:, c], c) for c, (video, t) in enumerate(zip(videos, times, strict=True))
    )
    empty = [each.camera for each in seen if not np.isfinite(each.xy).any()]
    if len(empty) > len(seen) - 2:
        raise InputError(f"Nobody is seen by {', '.join(empty)}.", "Record with people in view.")
    return tuple(each for each in seen if each.camera not in empty)


def _of_a_run(videos: tuple[VideoInfo, ...], trial: TrialFolder | None) -> tuple[Poses2D, IntArray] | None:
    """Detections of the newest finished run of these videos, and the frames (T, C) they are of."""
    if trial is None or not trial.runs.is_dir():
        return None
    wanted = {f"video {video.camera}": fingerprint(video.path) for video in videos}
    manifests = sorted(trial.runs.glob("*/run.toml"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in manifests:
        run = RunFolder(path.parent)
        try:
            inputs = read_manifest(path, RunManifest).inputs
            if any(inputs.get(name) != value for name, value in wanted.items()):
                continue
            poses, sync = load(run.stage("poses2d"), Poses2D), load(run.stage("sync"), SyncTable)
        except (SessionError, InputError):  # a damaged run is of no use, and no obstacle
            continue
        if poses is not None and sync is not None and poses.result.cameras == tuple(v.camera for v in videos):
            return poses.result, sync.result.frame_index
    return None


def _detect(
    videos: tuple[VideoInfo, ...],
    folder: RunFolder,
    progress: Progress,
    cancel: CancelToken,
    make_detector: MakeDetector,
) -> tuple[Poses2D, IntArray]:
    """Look at the frames of the beginning and the end of every video, whichever belong together."""
    kept = [_kept(video) for video in videos]
    frames = np.full((max(k.shape[0] for k in kept), len(videos)), -1, dtype=np.int64)
    for c, numbers in enumerate(kept):
        frames[: numbers.shape[0], c] = numbers
    names = tuple(video.camera for video in videos)
    table = SyncTable.of_one_clock(names, np.arange(frames.shape[0], dtype=np.float64), frames)
    # Motion is timed by the single picture: none may be passed over.
    settings = load_settings(PRESET).detect.model_copy(update={"longest_pace": 1})
    detector, _ = make_detector(settings, progress, cancel)
    key = key_of([fingerprint(video.path) for video in videos], detector.identity, frames.shape)
    return detect_trial(videos, table, detector, folder, key, progress, cancel).result, frames


def _kept(video: VideoInfo) -> IntArray:
    """Numbers of the frames to look at."""
    since, left = video.t_s - video.t_s[0], video.t_s[-1] - video.t_s
    return np.flatnonzero((since <= KEPT_S) | (left <= KEPT_S)).astype(np.int64)


def _seen(video: VideoInfo, t_s: FloatArray, poses: Poses2D, frames: IntArray, camera: int) -> Seen:
    """One camera's detections in the order of its frames."""
    rows = np.flatnonzero((frames >= 0) & (frames < t_s.shape[0]))
    xy = np.where((poses.score[rows, camera] >= LEAST_SCORE)[..., None], poses.xy[rows, camera], np.nan)
    return Seen(video.camera, t_s[frames[rows]], xy, poses.track[rows, camera])
