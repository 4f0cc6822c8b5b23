"""Clocks of cameras that started on their own: every method is asked, and what they say is joined.

A method that cannot tell says why and is passed over; what is found is kept beside the videos, where ``process``
takes it up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mocap.capture import VideoInfo, probe
from mocap.core.errors import InputError
from mocap.core.progress import CancelToken, Progress, silent
from mocap.core.types import FloatArray
from mocap.pipeline.inputs import frame_times, video_paths
from mocap.pipeline.run import MakeDetector, default_detector
from mocap.pipeline.sync.ask import (
    Findings,
    ask_light,
    ask_motion,
    ask_sound,
    ask_timecode,
    read_sounds,
    sound_times,
)
from mocap.pipeline.sync.board import ask_board
from mocap.pipeline.sync.manual import by_hand_sigma_s
from mocap.pipeline.sync.rate import true_rates
from mocap.report.syncpage import write_sync_page
from mocap.sync import SYNC_FILE, Clocks, Fusion, Link, Silence, fuse, write_clocks

METHODS = ("sound", "light", "board", "motion", "timecode")
# Clocks that are known worse than this part of a frame at the ends of a recording are of no use to triangulation.
USEFUL_FRAMES = 0.5


@dataclass(frozen=True)
class SyncRequest:
    """What a user asks for.

    Attributes
    ----------
    path : Path
        A session with one trial, a trial, or a folder of videos.
    calibration : Path or None
        Found beside the videos if not given; without one, motion is compared coarsely.
    methods : tuple of str
        Of ``METHODS``.
    by_hand : dict of str to float
        Offset of a camera's clock against the first camera's, s, as the user knows it; of frames, not of parts.
    out : Path or None
        The file to write; ``sync.toml`` beside the videos if not given.
    """

    path: Path
    calibration: Path | None = None
    methods: tuple[str, ...] = METHODS
    by_hand: tuple[tuple[str, float], ...] = ()
    out: Path | None = None


@dataclass(frozen=True)
class SyncResult:
    """Clocks, what they rest on, who could not tell and why, and the files."""

    fusion: Fusion
    silences: tuple[Silence, ...]
    notes: tuple[str, ...]
    rate_hz: tuple[float, ...]
    file: Path
    page: Path


def synchronise(
    request: SyncRequest,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
    make_detector: MakeDetector = default_detector,
) -> SyncResult:
    """Find the clocks of a trial's cameras and write them down.

    Raises
    ------
    ExplainedError
        If the clocks cannot be told, or not well enough; with what each method said.
    """
    cancel = cancel or CancelToken()
    _check(request)
    videos = tuple(probe(file, name) for name, file in video_paths(request.path).items())
    names = tuple(video.camera for video in videos)
    written, timed, told = frame_times(videos)
    found = Findings([], [], [])
    found.links += _by_hand(request, names, videos)
    sounds = read_sounds(videos, found, progress, cancel) if "sound" in request.methods else {}
    lies = true_rates(videos, sounds, timed)
    found.silences += lies.silences
    # From here on all clocks are without the lies that their files tell about their rates.
    times = tuple(t / lies.ratio[c] for c, t in enumerate(written))
    if "sound" in request.methods:
        usable = {name: sound for name, sound in sounds.items() if name not in lies.unusable}
        ask_sound(usable, sound_times(videos, times, lies.ratio), times, found, progress, cancel)
    if "light" in request.methods:
        ask_light(videos, times, found, progress, cancel)
    if "timecode" in request.methods:
        ask_timecode(videos, times, found)
    if "board" in request.methods:
        ask_board(request.path, request.calibration, videos, times, found, progress, cancel)
    if "motion" in request.methods:
        ask_motion(request.path, request.calibration, videos, times, found, progress, cancel, make_detector)
    try:
        fusion = fuse(names, found.links)
    except InputError as error:
        reasons = " ".join(dict.fromkeys(silence.reason for silence in found.silences))
        raise InputError(f"{error.what} {reasons}".strip(), error.remedy, request.path) from error
    _require_overlap(fusion.clocks, times)
    loose = _require_useful(fusion.clocks, times)
    fusion = replace(fusion, clocks=_with_lies(fusion.clocks, lies.ratio))
    file = request.out or videos[0].path.parent / SYNC_FILE
    notes = (*told, *lies.notes, *fusion.notes, *loose)
    rates = tuple(1.0 / float(np.median(np.diff(fusion.clocks.to_common(c, t)))) for c, t in enumerate(written))
    write_clocks(
        file,
        fusion.clocks,
        tuple(video.n_frames for video in videos),
        {_title(link): _words(link) for link in fusion.used},
        {_title(link): _words(link) for link in fusion.left_out},
        notes,
    )
    page = file.with_suffix(".html")
    write_sync_page(page, fusion, tuple(found.curves), tuple(found.silences), notes, rates)
    return SyncResult(fusion, tuple(found.silences), notes, rates, file, page)


def _check(request: SyncRequest) -> None:
    unknown = [method for method in request.methods if method not in METHODS]
    if unknown:
        raise InputError(f"There is no method '{unknown[0]}'.", f"Choose of {', '.join(METHODS)}.")


def _by_hand(request: SyncRequest, names: tuple[str, ...], videos: tuple[VideoInfo, ...]) -> list[Link]:
    """What the user says, who counts frames."""
    links = []
    for name, offset in request.by_hand:
        if name not in names[1:] or not math.isfinite(offset):
            raise InputError(
                f"'{name}' has no clock that could be set by hand.",
                f"Give an offset in seconds for one of {', '.join(names[1:])}; '{names[0]}' is the common clock.",
            )
        sigma = by_hand_sigma_s(videos[names.index(name)].rate_hz)
        links.append(Link("by hand", names[0], name, float(videos[0].t_s[0]), offset, sigma, basis="the user"))
    return links


def _require_overlap(clocks: Clocks, times: Sequence[FloatArray]) -> None:
    """Refuse a camera that recorded at another time than all others."""
    spans = [(clocks.to_common(c, t[:1])[0], clocks.to_common(c, t[-1:])[0]) for c, t in enumerate(times)]
    for c, (start, end) in enumerate(spans):
        if all(end <= a or start >= b for n, (a, b) in enumerate(spans) if n != c):
            raise InputError(
                f"Camera '{clocks.cameras[c]}' recorded at another time than all others: from {start:.1f} to "
                f"{end:.1f} s of the clock of '{clocks.cameras[0]}'.",
                "Check that its video belongs to this recording, or leave it out.",
            )


def _require_useful(clocks: Clocks, times: Sequence[FloatArray]) -> tuple[str, ...]:
    """Refuse clocks that are known so badly that pictures of different instants would be joined.

    Returns
    -------
    tuple of str
        Whose clock is known well somewhere, but may have drifted by as much at the ends.
    """
    notes = []
    remedy = "Clap or switch a lamp at the beginning and at the end, or let somebody walk about all the while."
    for c, t in enumerate(times):
        most = USEFUL_FRAMES * float(np.median(np.diff(t)))
        best = float(clocks.sigma_s[c])
        worst = float(clocks.sigma_at(c, clocks.to_common(c, t[[0, -1]])).max())
        name = clocks.cameras[c]
        if best > most:
            what = f"The clock of '{name}' is known to {best * 1e3:.0f} ms only, more than half a frame."
            raise InputError(what, remedy)
        if worst > most:
            notes.append(
                f"The clock of '{name}' may have drifted by {worst * 1e3:.0f} ms, more than half a frame, at the "
                f"end that is farther from what it was found by. {remedy}"
            )
    return tuple(notes)


def _with_lies(clocks: Clocks, ratio: FloatArray) -> Clocks:
    """Clocks of the files as they are, from those whose rates were put right; the first stays the common one."""
    if np.all(ratio == 1.0):
        return clocks
    offset, rate = clocks.offset_s * ratio, clocks.rate * ratio
    sigma, rate_sigma = clocks.sigma_s * ratio, clocks.rate_sigma * ratio
    return replace(clocks, offset_s=offset, rate=rate, sigma_s=sigma, rate_sigma=rate_sigma)


def _title(link: Link) -> str:
    return f"{link.method}: {link.first} to {link.second}"


def _words(link: Link) -> str:
    drift = f", drift {link.drift * 1e6:+.0f} ± {link.drift_sigma * 1e6:.0f} ppm" if link.has_drift else ""
    return f"{link.offset_s:+.5f} ± {link.sigma_s:.5f} s at {link.at_s:.2f} s{drift}; {link.basis}"
