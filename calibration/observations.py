"""Searching the pictures of all cameras for a target, in one pass for intrinsics and extrinsics together."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.changes import Changes, still_instants
from calibration.errors import CalibrationError, CancelledError
from calibration.files import atomic_write
from calibration.footage import Footage
from calibration.sightings import Sightings
from calibration.targets import AnyTarget, Detection, target_table
from calibration.targets.explain import SAMPLES, why_not_found
from calibration.targets.protocol import Image, grey
from calibration.transforms import FloatArray

Progress = Callable[[str, int, int], None]
Cancelled = Callable[[], bool]
# Told of every picture that was searched, by the threads that search: camera, instant, picture, what it shows.
Watch = Callable[[str, int, Image, Detection], None]

STAGE = "board"

# Changes whenever detection gives other corners: results kept from before are then not used.
DETECTION_VERSION = 2

# More instants than this add seconds, not knowledge: a board that is waved about repeats itself. 3,000 are
# 100 s at 30 pictures a second.
MOST_INSTANTS = 3000

# In pictures too large to be searched whole, every so many are nevertheless, for a small or far board.
THOROUGH_EVERY = 5


@dataclass(frozen=True)
class Observations:
    """What was seen of the target, and how.

    Attributes
    ----------
    sightings : Sightings
    mirrored : (T, C) bool
        Whether it was seen as in a mirror; see ``Detection``.
    doubled : (T, C) bool
        Whether two such targets were in the picture, which was then left out.
    notes : tuple of str
        What the user should know, in sentences.
    """

    sightings: Sightings
    mirrored: NDArray[np.bool_]
    doubled: NDArray[np.bool_]
    notes: tuple[str, ...] = ()


def observe(
    footage: Mapping[str, Footage],
    target: AnyTarget,
    frame_index: NDArray[np.int64],
    t_s: FloatArray,
    *,
    progress: Progress,
    cancelled: Cancelled,
    cache_dir: Path | None = None,
    most_instants: int = MOST_INSTANTS,
    workers: int | None = None,
    watch: Watch | None = None,
) -> Observations:
    """Search synchronised pictures for a target.

    One picture per camera is held at a time, so memory does not grow with the length of the recording.

    Parameters
    ----------
    footage : mapping of str to Footage
        The cameras, in the order of the columns below.
    frame_index : (T, C) int
        Which picture of each camera belongs to each instant; -1 where there is none. Ascending.
    t_s : (T, C)
        When it was taken, by the camera's own clock, s; NaN where there is none.
    cache_dir : Path or None
        Where results are kept and looked for, by the content of all inputs.
    most_instants : int
        If there are more, they are thinned out evenly.
    workers : int or None
        Threads; as many as processors if None. OpenCV works outside Python's lock.
    watch : Watch or None
        Who wants to see each picture with what was found in it. Results kept from before show none.

    Raises
    ------
    CalibrationError
        If no camera sees the target, with what was seen instead.
    CancelledError
        If ``cancelled`` says so.
    """
    cameras = tuple(footage)
    _check_input(cameras, frame_index, t_s)
    instants = thin(frame_index.shape[0], most_instants)
    frame_index, t_s = frame_index[instants], t_s[instants]
    kept = _kept_file(cache_dir, footage, target, frame_index, t_s)
    if kept is not None and (known := _load(kept, cameras, target)) is not None:
        progress(STAGE, 1, 1)
        return known
    work = _Work(target, int(np.count_nonzero(frame_index >= 0)), progress, cancelled, watch)
    threads = min(workers or os.cpu_count() or 1, len(cameras))
    with ThreadPoolExecutor(threads, thread_name_prefix="board") as pool:
        jobs = [
            pool.submit(work.search, camera, film, frame_index[:, c])
            for c, (camera, film) in enumerate(footage.items())
        ]
        seen = [job.result() for job in jobs]
    if work.stopped:
        raise CancelledError
    observations = _assembled(footage, target, frame_index, t_s, seen)
    if kept is not None:
        _save(kept, observations)
    return observations


def thin(count: int, most: int) -> NDArray[np.int64]:
    """Choose at most so many of ``count`` instants, evenly."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def _check_input(cameras: tuple[str, ...], frame_index: NDArray[np.int64], t_s: FloatArray) -> None:
    """Refuse what cannot give a calibration."""
    if frame_index.shape != t_s.shape or frame_index.shape[1:] != (len(cameras),):
        raise ValueError(f"frame_index {frame_index.shape} and t_s {t_s.shape} do not fit {len(cameras)} cameras")
    if not (frame_index >= 0).any():
        raise CalibrationError("There is no picture to search.", "Give videos or folders of pictures.")


@dataclass(frozen=True)
class _Seen:
    """What one camera saw: its detections by instant, and pictures in which it saw nothing."""

    detections: list[Detection | None]
    samples: list[Image]


class _Work:
    """The search, shared by the threads; one camera is searched by one thread, as it tracks the board."""

    def __init__(
        self, target: AnyTarget, total: int, progress: Progress, cancelled: Cancelled, watch: Watch | None
    ) -> None:
        self._target, self._total = target, total
        self._progress, self._cancelled, self._watch = progress, cancelled, watch
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._done = 0

    @property
    def stopped(self) -> bool:
        """Whether somebody asked to stop."""
        return self._stop.is_set()

    def search(self, camera: str, film: Footage, index: NDArray[np.int64]) -> _Seen:
        """Search the pictures (T,) of one camera."""
        try:
            return self._search(camera, film, index)
        except BaseException:
            self._stop.set()  # the other threads need not finish
            raise

    def _search(self, camera: str, film: Footage, index: NDArray[np.int64]) -> _Seen:
        instants = np.flatnonzero(index >= 0)
        detections: list[Detection | None] = [None] * index.shape[0]
        samples: list[Image] = []
        sample_every = max(instants.size // SAMPLES, 1)
        previous: Detection | None = None
        changes = Changes()
        by_frame = {int(index[t]): int(t) for t in instants}
        for n, (frame, image) in enumerate(film.read(index[instants])):
            if self._stop.is_set() or self._cancelled():
                self._stop.set()
                break
            found = self._look(grey(image), previous, changes, n % THOROUGH_EVERY == 0)
            detections[by_frame[frame]] = found
            if self._watch is not None:
                self._watch(camera, by_frame[frame], image, found)
            # Nothing of a picture is needed once its corners are known; corners are none without pictures.
            if found.corners == 0 and len(samples) < SAMPLES and n % sample_every == sample_every // 2:
                samples.append(image)
            previous = found
            with self._lock:
                self._done += 1
                self._progress(STAGE, self._done, self._total)
        return _Seen(detections, samples)

    def _look(self, picture: Image, previous: Detection | None, changes: Changes, thorough: bool) -> Detection:
        """Search what changed in the next picture of a camera; an unchanged one shows what it showed before."""
        changes.look(picture)
        if previous is not None and previous.region is not None and changes.still(previous.region):
            return previous
        within = changes.since_searched()
        if within is None and previous is not None and previous.region is None:
            return previous
        found = self._target.detect(picture, previous, thorough, within)
        if found.region is None:
            changes.searched()
        else:
            changes.found()
        return found


def _assembled(
    footage: Mapping[str, Footage],
    target: AnyTarget,
    frame_index: NDArray[np.int64],
    t_s: FloatArray,
    seen: list[_Seen],
) -> Observations:
    """Put the cameras side by side, and say what is odd about them."""
    shape = frame_index.shape
    xy = np.full((*shape, target.points.shape[0], 2), np.nan)
    mirrored, doubled = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
    read = np.zeros(shape, dtype=np.bool_)
    for c, one in enumerate(seen):
        for t, detection in enumerate(one.detections):
            if detection is not None:
                xy[t, c], read[t, c] = detection.xy, True
                mirrored[t, c] = detection.mirrored and detection.corners > 0
                doubled[t, c] = detection.doubled
    if not np.isfinite(xy).any():
        pictures = [image for one in seen for image in one.samples]
        what, remedy = why_not_found(target, pictures)
        raise CalibrationError(f"No camera sees the {target.name}. {what}", remedy)
    notes = []
    for c, (camera, one) in enumerate(zip(footage, seen, strict=True)):
        sees = np.isfinite(xy[:, c]).all(axis=-1).any(axis=-1)
        missing = int(np.count_nonzero((frame_index[:, c] >= 0) & ~read[:, c]))
        if missing:
            notes.append(f"{camera}: {missing} pictures could not be read.")
        if not sees.any():
            notes.append(f"{camera} never sees the target. {why_not_found(target, one.samples)[0]}")
        if flipped := int(np.count_nonzero(mirrored[:, c])):
            notes.append(
                f"{camera} sees the target mirrored in {flipped} of {int(np.count_nonzero(sees))} pictures."
            )
        if two := int(np.count_nonzero(doubled[:, c])):
            notes.append(f"{camera} sees two such targets in {two} pictures, which were left out.")
    notes += [
        f"{a} and {b} show the very same pictures: is one file a copy of the other?"
        for (i, a), (j, b) in combinations(enumerate(footage), 2)
        if np.isfinite(xy[:, i]).any() and np.array_equal(xy[:, i], xy[:, j], equal_nan=True)
    ]
    if (still := still_instants(xy)).any():
        xy[still] = np.nan
        notes.append(
            f"In {int(still.sum())} of {len(still)} instants the target stood still as before: they were left out."
        )
    sightings = Sightings(
        cameras=tuple(footage),
        sizes_wh=np.array([film.size_wh for film in footage.values()], dtype=np.int64),
        points=target.points,
        xy=xy,
        t_s=np.where(read, t_s, np.nan),
        frame_index=np.where(read, frame_index, -1),
    )
    return Observations(sightings, mirrored, doubled, tuple(notes))


def _kept_file(
    cache_dir: Path | None,
    footage: Mapping[str, Footage],
    target: AnyTarget,
    frame_index: NDArray[np.int64],
    t_s: FloatArray,
) -> Path | None:
    """File of the results for exactly these inputs and this code."""
    if cache_dir is None:
        return None
    digest = hashlib.blake2b(digest_size=16)
    films = {camera: film.fingerprint for camera, film in footage.items()}
    digest.update(json.dumps([DETECTION_VERSION, films, target_table(target)], sort_keys=True).encode())
    digest.update(np.ascontiguousarray(frame_index, dtype=np.int64).tobytes())
    digest.update(np.ascontiguousarray(t_s, dtype=np.float64).tobytes())
    return cache_dir / f"observations-{digest.hexdigest()}.npz"


def _save(path: Path, found: Observations) -> None:
    """Keep results."""
    sightings = found.sightings
    with atomic_write(path) as draft:
        np.savez_compressed(
            draft,
            sizes_wh=sightings.sizes_wh,
            xy=sightings.xy,
            t_s=sightings.t_s,
            frame_index=sightings.frame_index,
            mirrored=found.mirrored,
            doubled=found.doubled,
            notes=np.array(found.notes, dtype=np.str_),
        )


def _load(path: Path, cameras: tuple[str, ...], target: AnyTarget) -> Observations | None:
    """Results kept before; None if there are none or the file is damaged, for they can be found again."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as kept:
            sightings = Sightings(
                cameras=cameras,
                sizes_wh=kept["sizes_wh"],
                points=target.points,
                xy=kept["xy"],
                t_s=kept["t_s"],
                frame_index=kept["frame_index"],
            )
            notes = tuple(str(note) for note in kept["notes"])
            return Observations(sightings, kept["mirrored"], kept["doubled"], notes)
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return None
