"""Pictures at full size for those who look closely: one after the other, decoded in a thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mocap.core.types import ImageArray
from mocap.gui.presenters.changes import Later
from mocap.gui.presenters.review.film import Film, read_index

# Larger than any picture: none is reduced.
FULL_PX = 1 << 16


@dataclass(frozen=True)
class Sharp:
    """A picture of a camera at an instant; None where it cannot be decoded."""

    camera: int
    instant: int
    image: ImageArray | None


class SharpPictures:
    """Decodes single pictures of some videos."""

    def __init__(self, videos: tuple[Path, ...]) -> None:
        self._videos = videos
        self._films: dict[int, Film] = {}
        self._later: Later[Sharp] = Later()

    @property
    def busy(self) -> bool:
        """Whether one is being decoded, or was not fetched."""
        return self._later.busy

    def order(self, camera: int, instant: int, frame: int) -> None:
        """Decode a frame, which was taken at an instant."""
        if camera < len(self._videos):
            self._later.order(lambda: self._decode(camera, instant, frame))

    def fetch(self) -> Sharp | None:
        """The picture that was ordered, once; None while there is none.

        Raises
        ------
        VideoError
            If the video is gone or damaged.
        """
        done = self._later.fetch()
        return None if done is None else done.result()

    def close(self) -> None:
        """Decode nothing more; the videos go with the last one that holds them."""
        self._later.close()

    def _decode(self, camera: int, instant: int, frame: int) -> Sharp:
        if camera not in self._films:
            path = self._videos[camera]
            self._films[camera] = Film(path, read_index(path))
        return Sharp(camera, instant, self._films[camera].picture(frame, FULL_PX))
