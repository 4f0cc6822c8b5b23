"""Asking each method about the clocks; one that cannot tell says why and is passed over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import TypeVar

import numpy as np

from calibration.errors import CalibrationError
from calibration.formats import find_rig
from mocap.capture import VideoInfo, read_frames
from mocap.core.errors import CancelledError, ExplainedError
from mocap.core.progress import CancelToken, Progress
from mocap.core.types import FloatArray
from mocap.pipeline.inputs import open_trial
from mocap.pipeline.run import MakeDetector
from mocap.pipeline.sync.seen import people_seen
from mocap.report.syncpage import SyncCurve
from mocap.sync import (
    Changes,
    Link,
    Method,
    Silence,
    Sound,
    compare_motion,
    compare_sounds,
    compare_stamps,
    find_changes,
    match_changes,
    read_sound,
    read_stamp,
    solve_geometry,
)

# Pixels of a picture that its brightness is measured by: every so many in both directions.
THINNING = 8
ItemT = TypeVar("ItemT")


@dataclass
class Findings:
    """What the methods said so far."""

    links: list[Link]
    silences: list[Silence]
    curves: list[SyncCurve]


def attempt(make: Callable[[], ItemT], method: Method, cameras: tuple[str, ...], found: Findings) -> ItemT | None:
    """Ask; note why there is no answer."""
    try:
        return make()
    except CancelledError:
        raise
    except ExplainedError as error:
        if all(error.what != silence.reason for silence in found.silences):
            found.silences.append(Silence(method, cameras, error.what))
        return None


def read_sounds(
    videos: tuple[VideoInfo, ...], found: Findings, progress: Progress, cancel: CancelToken
) -> dict[str, Sound]:
    """Sound of each camera that has some."""
    sounds = {}
    for n, video in enumerate(videos):
        cancel.check()
        sound = attempt(partial(read_sound, video.path, video.camera), "sound", (video.camera,), found)
        if sound is not None:
            sounds[video.camera] = sound
        progress("listen", n + 1, len(videos))
    return sounds


def ask_sound(
    sounds: dict[str, Sound],
    files: dict[str, FloatArray],
    times: tuple[FloatArray, ...],
    found: Findings,
    progress: Progress,
    cancel: CancelToken,
) -> None:
    """Compare the sounds of all pairs; ``files`` are the frames' times (F,) on the clock of each one's sound."""
    on_sound, on_ours = files, dict(zip(files, times, strict=True))
    pairs = list(combinations(sounds.values(), 2))
    for n, (first, second) in enumerate(pairs):
        cancel.check()
        heard = attempt(
            partial(compare_sounds, first, second),
            "sound",
            (first.camera, second.camera),
            found,
        )
        if heard is not None:
            i, j = first.camera, second.camera
            link = _on_times(heard.link, on_sound[i], on_ours[i], on_sound[j], on_ours[j])
            found.links.append(link)
            moved = link.offset_s - heard.link.offset_s
            title = f"{first.camera} – {second.camera}"
            found.curves.append(SyncCurve("sound", title, heard.lag_s + moved, heard.curve, link.offset_s))
        progress("compare sounds", n + 1, len(pairs))


def sound_times(
    videos: tuple[VideoInfo, ...], times: tuple[FloatArray, ...], ratio: FloatArray
) -> dict[str, FloatArray]:
    """Times of the frames on the clock of each file's sound: where the pictures' times lied, it told the truth."""
    return {video.camera: video.t_s if ratio[c] == 1.0 else times[c] for c, video in enumerate(videos)}


def _on_times(
    link: Link, first_file: FloatArray, first_s: FloatArray, second_file: FloatArray, second_s: FloatArray
) -> Link:
    """Bring a statement about two files' clocks to the clocks that their frames' times are on."""
    first = _mapped(link.at_s, first_file, first_s)
    second = _mapped(link.at_s + link.offset_s, second_file, second_s)
    return replace(link, at_s=first, offset_s=second - first)


def _mapped(at_s: float, file_s: FloatArray, t_s: FloatArray) -> float:
    """Bring an instant from a file's clock to another one, by the frames around it; outside by the last."""
    inside = float(np.clip(at_s, file_s[0], file_s[-1]))
    return float(np.interp(inside, file_s, t_s)) + at_s - inside


def ask_light(
    videos: tuple[VideoInfo, ...],
    times: tuple[FloatArray, ...],
    found: Findings,
    progress: Progress,
    cancel: CancelToken,
) -> None:
    """Compare sudden changes of the brightness of all pairs."""
    changes: list[Changes] = []
    for n, (video, t) in enumerate(zip(videos, times, strict=True)):
        cancel.check()
        level = _brightness(video, cancel)
        seen = attempt(
            partial(find_changes, video.camera, t[: level.shape[0]], level),
            "light",
            (video.camera,),
            found,
        )
        if seen is not None:
            changes.append(seen)
        progress("brightness", n + 1, len(videos))
    for a, b in combinations(changes, 2):
        link = attempt(partial(match_changes, a, b), "light", (a.camera, b.camera), found)
        if link is not None:
            found.links.append(link)


def _brightness(video: VideoInfo, cancel: CancelToken) -> FloatArray:
    """Mean brightness (F,) of all frames, 0 to 1."""
    levels = []
    for frame in read_frames(video):
        cancel.check()
        levels.append(float(frame.image[::THINNING, ::THINNING].mean()) / 255.0)
    return np.array(levels)


def ask_timecode(videos: tuple[VideoInfo, ...], times: tuple[FloatArray, ...], found: Findings) -> None:
    """Compare what the files say about when they were recorded."""
    stamps = []
    for c, video in enumerate(videos):
        stamp = attempt(
            partial(read_stamp, video.path, video.camera, video.rate_hz),
            "timecode",
            (video.camera,),
            found,
        )
        if stamp is not None:
            stamps.append((c, stamp))
    for (i, a), (j, b) in combinations(stamps, 2):
        link = attempt(partial(compare_stamps, a, b), "timecode", (a.camera, b.camera), found)
        if link is not None:
            found.links.append(_on_times(link, videos[i].t_s, times[i], videos[j].t_s, times[j]))


def ask_motion(
    path: Path,
    calibration: Path | None,
    videos: tuple[VideoInfo, ...],
    times: tuple[FloatArray, ...],
    found: Findings,
    progress: Progress,
    cancel: CancelToken,
    make_detector: MakeDetector,
) -> None:
    """Compare how people move: against the calibration where there is one, else by their speeds alone."""
    names = tuple(video.camera for video in videos)
    rig_path = calibration or find_rig(path)
    rig, folder = None, None
    if rig_path is not None:
        try:
            trial = open_trial(path, rig_path, with_clocks=False)
            rig, folder = trial.rig, trial.folder
        except CalibrationError as error:
            if calibration is not None:
                raise
            found.silences.append(Silence("geometry", names, error.what))
    seen = attempt(
        partial(people_seen, videos, times, folder, progress, cancel, make_detector), "motion", names, found
    )
    if seen is None:
        return
    if rig is not None:
        progress("compare motion", 0, 1)
        solved = attempt(partial(solve_geometry, seen, rig), "geometry", names, found)
        progress("compare motion", 1, 1)
        if solved is not None:
            found.links += solved.links
            found.curves += [
                SyncCurve("geometry", f"{s.first} – {s.second}", s.shift_s, s.error * 100.0, s.best_s)
                for s in solved.searches
            ]
        return
    for a, b in combinations(seen, 2):
        moved = attempt(partial(compare_motion, a, b), "motion", (a.camera, b.camera), found)
        if moved is not None:
            found.links.append(moved.link)
            title = f"{a.camera} – {b.camera}"
            found.curves.append(SyncCurve("motion", title, moved.shift_s, moved.correlation, moved.link.offset_s))
