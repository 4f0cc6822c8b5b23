"""Which markers of any dictionary are in a few pictures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.targets.markers import (
    FAMILIES,
    SEARCH_PX,
    Markers,
    dictionary,
    dictionary_size,
    fast_parameters,
    no_markers,
)
from calibration.targets.protocol import Image, grey
from calibration.transforms import FloatArray

# A code counts as much as it is unlikely to be read by chance, bits; less than this in all is chance.
LEAST_EVIDENCE_BITS = 24.0

# One marker of DICT_4X4_50 in one picture, which is as little as can be.
WEAKEST_EVIDENCE_BITS = 7.0

# Each module of a marker is read as the mean of this many samples squared around its middle, and their
# spacing as a share of the module.
MODULE_SAMPLES, MODULE_SPREAD = 3, 0.2

# Least difference between the black and white of a marker, grey levels.
LEAST_CONTRAST = 12.0

# Sizes of the markers of all dictionaries, modules a side without the border.
SIDES = (4, 5, 6, 7)

# The corners of a quadrilateral as they are counted when the marker is turned by quarters.
TURNS = [[(k + turn) % 4 for k in range(4)] for turn in range(4)]


@dataclass(frozen=True)
class Reading:
    """Markers of one dictionary, of one print, in several pictures.

    Attributes
    ----------
    dictionary : str
        The smallest of its family that explains the most.
    inverted : bool
        Whether they are white on black.
    markers : tuple of Markers
        By picture. A code whose mirror image is another code is there as both.
    evidence : float
        How much speaks for it, bits.
    """

    dictionary: str
    inverted: bool
    markers: tuple[Markers, ...]
    evidence: float

    @property
    def ids(self) -> Counter[int]:
        """How often each marker was read, by the handedness of the most."""
        mirrored = self.mirrored
        return Counter(int(i) for found in self.markers for i in found.ids[found.mirrored == mirrored])

    @property
    def mirrored(self) -> bool:
        """Whether most were read mirrored."""
        flags = np.concatenate([found.mirrored for found in self.markers])
        return bool(flags.mean() > 0.5)


def survey(pictures: Sequence[Image], least_bits: float = LEAST_EVIDENCE_BITS) -> tuple[Reading, ...]:
    """Search pictures for markers of every dictionary, black on white and white on black; the likeliest first.

    The quadrilaterals are sought once and their modules looked up in tables of all codes, instead of one search
    for each dictionary. Only readings without a wrong bit count, and only with so much evidence.
    """
    readings = []
    greys = [grey(picture) for picture in pictures]
    for inverted in (False, True):
        found = [_all_markers(255 - picture if inverted else picture) for picture in greys]
        for number, family in enumerate(FAMILIES):
            own = [by_family.get(number, no_markers()) for by_family in found]
            best = max((_reading(name, inverted, own) for name in family), key=lambda r: r.evidence)
            if best.evidence >= least_bits:
                readings.append(best)
    return tuple(sorted(readings, key=lambda reading: -reading.evidence))


def _all_markers(picture: Image) -> dict[int, Markers]:
    """Markers of all dictionaries in a picture, by the number of their family."""
    quads = _quads(picture)
    if quads.shape[0] == 0:
        return {}
    ids: dict[int, list[int]] = defaultdict(list)
    corners: dict[int, list[FloatArray]] = defaultdict(list)
    mirrored: dict[int, list[bool]] = defaultdict(list)
    for side in SIDES:
        bits, good = _modules(picture, quads, side)
        for quad, code in zip(quads[good], bits[good], strict=True):
            for family, marker, turn, flipped in _codes(side).get(code.tobytes(), ()):
                ids[family].append(marker)
                corners[family].append(quad[TURNS[turn]][[1, 0, 3, 2]] if flipped else quad[TURNS[turn]])
                mirrored[family].append(flipped)
    return {
        family: Markers(np.array(ids[family], np.int64), np.array(corners[family]), np.array(mirrored[family]))
        for family in ids
    }


def _quads(picture: Image) -> FloatArray:
    """Dark quadrilaterals (N, 4, 2), clockwise, px."""
    scale = min(1.0, SEARCH_PX / max(picture.shape))
    detector = cv2.aruco.ArucoDetector(dictionary("DICT_4X4_50"), fast_parameters())
    sizes = [scale] if scale == 1.0 else [scale, 1.0]
    found = []
    for size in sizes:
        small = cv2.resize(picture, None, fx=size, fy=size, interpolation=cv2.INTER_AREA) if size < 1 else picture
        known, _, rejected = detector.detectMarkers(small)
        quads = np.array([*known, *rejected], dtype=np.float64).reshape(-1, 4, 2)
        found.append((quads + 0.5) / size - 0.5)
    return np.concatenate(found)


def _modules(picture: Image, quads: FloatArray, side: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Read quadrilaterals as markers: bits (N, side, side), and which have a black border (N,)."""
    whole = side + 2
    unit = np.array([[0, 0], [whole, 0], [whole, whole], [0, whole]], dtype=np.float32)
    spread = MODULE_SPREAD * np.arange(-(MODULE_SAMPLES // 2), MODULE_SAMPLES // 2 + 1)
    line = (np.arange(whole)[:, None] + 0.5 + spread).reshape(-1)
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 1, 2)
    planes = [cv2.getPerspectiveTransform(unit, quad.astype(np.float32)) for quad in quads]
    at = np.stack([cv2.perspectiveTransform(grid, plane)[:, 0] for plane in planes]).astype(np.float32)
    # remap takes maps below 32,768 on a side; a row per quadrilateral and few samples stay below.
    values = cv2.remap(picture, at[..., 0], at[..., 1], cv2.INTER_LINEAR).astype(np.float64)
    cells = values.reshape(-1, whole, MODULE_SAMPLES, whole, MODULE_SAMPLES).mean(axis=(2, 4))
    low, high = cells.min(axis=(1, 2)), cells.max(axis=(1, 2))
    bits = (cells > (0.5 * (low + high))[:, None, None]).astype(np.uint8)
    border = np.ones((whole, whole), dtype=bool)
    border[1:-1, 1:-1] = False
    good = (high - low > LEAST_CONTRAST) & ~bits[:, border].any(axis=1)
    return np.ascontiguousarray(bits[:, 1:-1, 1:-1]), good


@cache
def _codes(side: int) -> dict[bytes, list[tuple[int, int, int, bool]]]:
    """All codes of this size as they may be seen: (family, marker, first corner, mirrored) by their bits."""
    table: dict[bytes, list[tuple[int, int, int, bool]]] = defaultdict(list)
    for number, family in enumerate(FAMILIES):
        whole = dictionary(family[-1])
        if whole.markerSize != side:
            continue
        for marker in range(whole.bytesList.shape[0]):
            bits = cv2.aruco.Dictionary.getBitsFromByteList(whole.bytesList[marker : marker + 1], side)
            for flipped in (False, True):
                seen = bits[:, ::-1] if flipped else bits
                for turn in range(4):  # np.rot90 turns left: the marker's first corner moves back by one
                    turned = np.ascontiguousarray(np.rot90(seen, turn), dtype=np.uint8)
                    table[turned.tobytes()].append((number, marker, (4 - turn) % 4, flipped))
    return dict(table)


def _reading(name: str, inverted: bool, found: Sequence[Markers]) -> Reading:
    """Weigh what was read as markers of one dictionary."""
    count = dictionary_size(name)
    own = tuple(markers.keep(markers.ids < count) for markers in found)
    upright = sum(int(np.count_nonzero(~markers.mirrored)) for markers in own)
    mirrored = sum(len(markers) for markers in own) - upright
    # Any of the codes, in any of four turns, upright or mirrored.
    bits = dictionary(name).markerSize ** 2 - np.log2(8.0 * count)
    return Reading(name, inverted, own, float(bits * max(upright, mirrored)))
