"""Asking a calibration board about the clocks, where the films show one."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from calibration import CameraRig
from calibration.errors import CalibrationError
from calibration.footage import VideoFootage
from calibration.formats import find_rig, load_rig
from calibration.observations import observe
from calibration.sightings import Sightings
from calibration.targets import AnyTarget
from calibration.targets.protocol import grey
from mocap.capture import VideoInfo, fit_rig
from mocap.core.errors import InputError
from mocap.core.progress import CancelToken, Progress
from mocap.core.types import FloatArray, IntArray
from mocap.pipeline.calibration.inputs import CalibrationFootage, open_target
from mocap.pipeline.sync.ask import Findings, attempt
from mocap.report.syncpage import SyncCurve
from mocap.sync import solve_board

# Pictures of each camera that a board is sought in, evenly spread, before all around them are searched.
SAMPLES = 24
# From a long showing so much at its beginning and at its end is searched, s: enough for offset and drift.
KEPT_S = 30.0


def ask_board(
    path: Path,
    calibration: Path | None,
    videos: tuple[VideoInfo, ...],
    times: tuple[FloatArray, ...],
    found: Findings,
    progress: Progress,
    cancel: CancelToken,
) -> None:
    """Compare how a board moves, with the calibration where there is one."""
    names = tuple(video.camera for video in videos)
    seen = attempt(partial(board_sightings, path, videos, times, progress, cancel), "board", names, found)
    if seen is None:
        return
    rig = _rig(calibration or find_rig(path), videos)
    solved = attempt(partial(solve_board, seen, rig, lambda: cancel.cancelled), "board", names, found)
    if solved is not None:
        found.links += solved.links
        found.curves += [
            SyncCurve("board", f"{s.first} – {s.second}", s.shift_s, s.error * 100.0, s.best_s)
            for s in solved.searches
        ]


def _rig(path: Path | None, videos: tuple[VideoInfo, ...]) -> CameraRig | None:
    """The calibration; None where there is none of these cameras: then the board tells that too."""
    if path is None:
        return None
    try:
        return fit_rig(load_rig(path), videos)[0]
    except CalibrationError:
        return None


def board_sightings(
    path: Path,
    videos: tuple[VideoInfo, ...],
    times: tuple[FloatArray, ...],
    progress: Progress,
    cancel: CancelToken,
) -> Sightings:
    """What each camera sees of the board, each picture by its own clock; rows do not belong together.

    Raises
    ------
    CalibrationError, InputError
        If there is no board in two of the films.
    """
    films = {video.camera: VideoFootage(video.path) for video in videos}
    everything = _table([np.arange(video.n_frames, dtype=np.int64) for video in videos])
    footage = CalibrationFootage(films, everything, np.full(everything.shape, np.nan), timed=False)
    target, _ = open_target(path, None, footage)
    chosen = []
    for n, (video, t) in enumerate(zip(videos, times, strict=True)):
        cancel.check()
        chosen.append(_showing(films[video.camera], target, t))
        progress("board", n, 2 * len(videos))
    if sum(rows.size > 0 for rows in chosen) < 2:
        raise InputError(
            "A calibration board is not seen by two cameras.", "Show one to them, or sync by something else."
        )
    index = _table(chosen)
    t_s = np.stack([t[np.clip(index[:, c], 0, t.size - 1)] for c, t in enumerate(times)], axis=1)
    return observe(
        films,
        target,
        index,
        np.where(index >= 0, t_s, np.nan),
        progress=lambda stage, done, total: progress(stage, total + done, 2 * total),
        cancelled=lambda: cancel.cancelled,
        most_instants=index.shape[0],
    ).sightings


def _showing(film: VideoFootage, target: AnyTarget, t_s: FloatArray) -> IntArray:
    """Numbers of the frames among which the board is seen: from sample to sample, at most so long."""
    samples = np.unique(np.linspace(0, t_s.size - 1, min(SAMPLES, t_s.size)).round().astype(np.int64))
    sees = [n for n, (_, image) in enumerate(film.read(samples)) if target.detect(grey(image), None, True).corners]
    if not sees:
        return np.zeros(0, dtype=np.int64)
    first, last = samples[max(sees[0] - 1, 0)], samples[min(sees[-1] + 1, samples.size - 1)]
    rows = np.arange(first, last + 1)
    since, left = t_s[rows] - t_s[first], t_s[last] - t_s[rows]
    return np.asarray(rows[(since <= KEPT_S) | (left <= KEPT_S)], dtype=np.int64)


def _table(rows: list[IntArray]) -> IntArray:
    """Frame numbers of all cameras side by side (T, C); -1 beyond a shorter one's end."""
    table = np.full((max(max(r.size for r in rows), 1), len(rows)), -1, dtype=np.int64)
    for c, numbers in enumerate(rows):
        table[: numbers.size, c] = numbers
    return table
