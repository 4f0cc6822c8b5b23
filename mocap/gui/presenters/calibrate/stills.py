"""Single pictures of all cameras at one instant, to point at things in: read in a thread, the latest wish only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calibration.footage import ImageFootage, VideoFootage
from mocap.core.errors import ExplainedError, InputError
from mocap.core.types import ImageArray, IntArray
from mocap.gui.presenters.calibrate.seen import Seen
from mocap.gui.presenters.changes import Later
from mocap.gui.presenters.review.film import Film, read_index
from mocap.gui.presenters.words import Trouble, trouble_of

# Sharp enough to point at a mark on the floor; the whole picture of most cameras.
LONG_SIDE_PX = 1920


@dataclass(frozen=True)
class Source:
    """Where pictures come from.

    Attributes
    ----------
    films : mapping of str to tuple of Path
        A video, or pictures, of each camera.
    frame_index : (T, C) int
        Picture of each camera at each instant, in the order of ``films``; -1 where there is none.
    """

    films: Mapping[str, tuple[Path, ...]]
    frame_index: IntArray

    @property
    def count(self) -> int:
        """Number of instants."""
        return len(self.frame_index)


@dataclass(frozen=True)
class Stills:
    """Pictures (H, W, 3) BGR of one instant by camera; a camera that has none is told of."""

    instant: int
    pictures: Mapping[str, ImageArray]
    trouble: Trouble | None = None


def source_of(seen: Seen) -> Source:
    """The pictures that a calibration was made from."""
    return Source({name: seen.films.get(name, ()) for name in seen.cameras}, seen.frame_index)


def source_in(folder: Path) -> Source:
    """Pictures of a folder: of a board's recording, or of a trial.

    Raises
    ------
    ExplainedError
        If there are none.
    """
    from mocap.capture import find_videos, probe
    from mocap.pipeline.calibration.inputs import open_footage

    try:
        footage = open_footage(folder)
    except ExplainedError:
        videos = find_videos(folder)
        if not videos:
            raise
        counts = [probe(path, name).n_frames for name, path in videos.items()]
        rows = np.arange(min(counts))[:, None]
        return Source({name: (path,) for name, path in videos.items()}, np.repeat(rows, len(videos), axis=1))
    films = {
        name: film.paths if isinstance(film, ImageFootage) else (film.path,)
        for name, film in footage.films.items()
        if isinstance(film, ImageFootage | VideoFootage)
    }
    return Source(films, footage.frame_index)


def source_near(folder: Path) -> Source | None:
    """Pictures in the folder of a calibration or around it; None where there are none."""
    for place in (folder, folder.parent) if folder.name == "calibration" else (folder,):
        try:
            return source_in(place)
        except ExplainedError:
            continue
    return None


class StillReader:
    """Reads what is wanted last."""

    def __init__(self) -> None:
        self._source: Source | None = None
        self._reading: Later[Stills] = Later()
        # Touched by the reading thread only.
        self._films: dict[Path, Film] = {}

    @property
    def source(self) -> Source | None:
        """Where pictures come from."""
        return self._source

    def open(self, source: Source | None) -> None:
        """Read from somewhere else."""
        self._source = source

    def want(self, instant: int) -> None:
        """Order the pictures of an instant."""
        if (source := self._source) is not None and source.count:
            self._reading.order(lambda: self._read(source, int(np.clip(instant, 0, source.count - 1))))

    def fetch(self) -> Stills | None:
        """The pictures that were ordered last, once they are there."""
        done = self._reading.fetch()
        return None if done is None else done.result()

    def _read(self, source: Source, instant: int) -> Stills:
        pictures, trouble = {}, None
        for column, (camera, paths) in enumerate(source.films.items()):
            number = int(source.frame_index[instant, column])
            if number < 0:
                continue
            try:
                image = self._picture(paths, number)
            except (ExplainedError, OSError) as error:
                trouble = trouble_of(error)
                continue
            if image is not None:
                pictures[camera] = image
        return Stills(instant, pictures, trouble)

    def _picture(self, paths: tuple[Path, ...], number: int) -> ImageArray | None:
        if not paths or not all(path.is_file() for path in paths):
            raise InputError(
                "The pictures of this calibration are gone.",
                "Put them back, or choose another recording of these cameras.",
                paths[0] if paths else None,
            )
        if len(paths) > 1 or paths[0].suffix.lower() in (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp"):
            return next((image for _, image in ImageFootage(paths).read(np.array([number]))), None)
        if paths[0] not in self._films:
            self._films[paths[0]] = Film(paths[0], read_index(paths[0]))
        return self._films[paths[0]].picture(number, LONG_SIDE_PX)

    def close(self) -> None:
        """Let the thread go, and the files with it."""
        self._reading.close()
