"""What the search for a board shows while it goes on: each camera's picture, and where the board was."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.report.advice import CELL_FULL, empty_ninths, name_regions
from calibration.report.build import coverage_grid, grid_shape
from calibration.report.numbers import listed
from calibration.report.points import LEAST_CORNERS
from calibration.report.verdict import COVERAGE_GOOD, LINK_GOOD
from calibration.targets import Detection
from calibration.targets.protocol import Image

# As many cells as the report's, so that the map that fills and the map of the result are the same one.
CELLS_ALONG = 10
# A picture a camera this often, s: fluent enough to follow, little beside what the search costs.
EVERY_S = 0.25
# Width of the pictures that are sent, px, and their quality: some 15 kB each.
WIDTH_PX, JPEG_QUALITY = 480, 70
# A camera without the board in this many pictures is named while the search goes on.
UNSEEN_PICTURES = 30


@dataclass(frozen=True)
class CameraLook:
    """One camera in the middle of the search.

    Attributes
    ----------
    size_wh : (int, int)
        Of its pictures, px.
    picture : bytes
        The latest one as JPEG, made smaller.
    corners : (N, 2)
        What is found in it, px of the full size.
    looked, seen : int
        Pictures that were searched, and those with the board.
    coverage : (R, S) int
        Corners seen so far in each cell of the picture.
    together : mapping of str to int
        Instants at which another camera saw the board, too.
    """

    camera: str
    size_wh: tuple[int, int]
    picture: bytes
    corners: NDArray[np.float32]
    looked: int
    seen: int
    coverage: NDArray[np.int64]
    together: Mapping[str, int] = field(default_factory=dict)

    @property
    def covered(self) -> float:
        """Share of the cells with enough corners."""
        return float(np.mean(self.coverage >= CELL_FULL))


class Looker:
    """Sees every picture that is searched and tells some of them; asked by several threads at once."""

    def __init__(
        self,
        tell: Callable[[CameraLook], None],
        clock: Callable[[], float] = time.monotonic,
        pictures: bool = True,
    ) -> None:
        self._tell, self._clock, self._pictures = tell, clock, pictures
        self._lock = threading.Lock()
        self._looks: dict[str, CameraLook] = {}
        self._told: dict[str, float] = {}
        self._instants: dict[str, set[int]] = {}

    def watch(self, camera: str, instant: int, image: Image, found: Detection) -> None:
        """Take in one searched picture."""
        size = (int(image.shape[1]), int(image.shape[0]))
        corners = found.xy[np.isfinite(found.xy).all(axis=1)]
        with self._lock:
            before = self._looks.get(camera) or _nothing(camera, size)
            sees = len(corners) >= LEAST_CORNERS
            self._instants.setdefault(camera, set()).update({instant} if sees else ())
            look = replace(
                before,
                corners=corners.astype(np.float32),
                looked=before.looked + 1,
                seen=before.seen + sees,
                coverage=before.coverage + coverage_grid(corners, size),
            )
            self._looks[camera] = look
            now = self._clock()
            if now - self._told.get(camera, -np.inf) < EVERY_S:
                return
            self._told[camera] = now
            look = replace(look, together=self._together(camera))
        self._tell(replace(look, picture=small_jpeg(image)) if self._pictures else look)

    def tell_all(self) -> None:
        """Tell how every camera stands in the end, without another picture."""
        for camera, look in self._looks.items():
            self._tell(replace(look, together=self._together(camera)))

    def _together(self, camera: str) -> dict[str, int]:
        own = self._instants.get(camera, set())
        return {other: len(own & theirs) for other, theirs in self._instants.items() if other != camera}


def _nothing(camera: str, size_wh: tuple[int, int]) -> CameraLook:
    cells = np.zeros(grid_shape(size_wh, CELLS_ALONG), dtype=np.int64)
    return CameraLook(camera, size_wh, b"", np.zeros((0, 2), dtype=np.float32), 0, 0, cells)


def small_jpeg(image: Image) -> bytes:
    """A picture made smaller, as JPEG; empty if it cannot be coded."""
    height, width = image.shape[:2]
    if width > WIDTH_PX:
        shape = (WIDTH_PX, max(1, round(height * WIDTH_PX / width)))
        image = np.asarray(cv2.resize(image, shape, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    good, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data.tobytes() if good else b""


@dataclass(frozen=True)
class Search:
    """All cameras in the middle of the search.

    Attributes
    ----------
    cameras : tuple of str
        Those of the recording, in order; a camera that nothing is known of yet has no look.
    """

    cameras: tuple[str, ...]
    looks: Mapping[str, CameraLook] = field(default_factory=dict)

    def told(self, look: CameraLook) -> Search:
        """Take in what was told of one camera; the picture of before stays where none came."""
        before = self.looks.get(look.camera)
        if not look.picture and before is not None:
            look = replace(look, picture=before.picture)
        cameras = self.cameras if look.camera in self.cameras else (*self.cameras, look.camera)
        return Search(cameras, {**self.looks, look.camera: look})

    def links(self) -> dict[tuple[str, str], int]:
        """Instants at which both of two cameras saw the board."""
        found = {}
        for a, b in combinations(self.cameras, 2):
            counts = [self.looks[x].together.get(y, 0) for x, y in ((a, b), (b, a)) if x in self.looks]
            found[a, b] = max(counts, default=0)
        return found

    def parts(self, least: int = LINK_GOOD) -> list[list[str]]:
        """Cameras that are linked, directly or through others, by at least so many instants."""
        group = {name: {name} for name in self.cameras}
        for (a, b), count in self.links().items():
            if count >= least and group[a] is not group[b]:
                joined = group[a] | group[b]
                for name in joined:
                    group[name] = joined
        parts: list[list[str]] = []
        for name in self.cameras:
            if not any(name in part for part in parts):
                parts.append([other for other in self.cameras if other in group[name]])
        return parts

    def hints(self) -> tuple[str, ...]:
        """What is missing so far, most important first; which two cameras must see the board together."""
        if not self.looks:
            return ()
        said = []
        unseen = [name for name, look in self.looks.items() if not look.seen and look.looked >= UNSEEN_PICTURES]
        if unseen:
            sees = "has" if len(unseen) == 1 else "have"
            said.append(f"{listed(unseen)} {sees} not seen the board yet.")
        # Cameras are searched one after the other: one that was not yet looked at is not missed.
        looked = [name for name, look in self.looks.items() if look.looked >= UNSEEN_PICTURES]
        parts = [[name for name in part if name in looked and name not in unseen] for part in self.parts()]
        parts = [part for part in parts if part]
        if len(parts) > 1:
            a, b = self._nearest(*sorted(parts, key=len)[:2])
            said.append(f"{a} and {b} have {self._count(a, b)}: hold it where both see it.")
        for name, look in self.looks.items():
            regions = empty_ninths(look.coverage)
            if look.seen and look.covered < COVERAGE_GOOD and regions:
                said.append(f"{name}: nothing yet at {name_regions(regions)} of its picture.")
        return tuple(said)

    def _nearest(self, first: list[str], second: list[str]) -> tuple[str, str]:
        """The two cameras of two groups that saw the board together most often."""
        links = self.links()
        pairs = [(a, b) for a in first for b in second]
        return max(pairs, key=lambda pair: links.get(pair, links.get(pair[::-1], 0)))

    def _count(self, a: str, b: str) -> str:
        count = self.links().get((a, b), self.links().get((b, a), 0))
        if count == 0:
            return "not seen the board together yet"
        return f"seen the board together {'once' if count == 1 else f'{count} times'} only"
