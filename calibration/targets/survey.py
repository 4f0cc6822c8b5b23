"""Which markers of any dictionary are in a few pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from calibration.targets.markers import FAMILIES, SEARCH_PX, MarkerFinder, Markers, dictionary, dictionary_size
from calibration.targets.protocol import Image, grey

# A code counts as much as it is unlikely to be read by chance, bits; less than this in all is chance.
LEAST_EVIDENCE_BITS = 24.0


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
        By picture.
    evidence : float
        How much speaks for it, bits.
    """

    dictionary: str
    inverted: bool
    markers: tuple[Markers, ...]
    evidence: float

    @property
    def ids(self) -> Counter[int]:
        """How often each marker was read."""
        return Counter(int(i) for found in self.markers for i in found.ids)

    @property
    def mirrored(self) -> float:
        """Share of the markers that were read mirrored."""
        flags = np.concatenate([found.mirrored for found in self.markers])
        return float(flags.mean()) if flags.size else 0.0


def survey(pictures: Sequence[Image]) -> tuple[Reading, ...]:
    """Search pictures for markers of every dictionary, black on white and white on black; the likeliest first.

    Only readings without a wrong bit count, and only with evidence beyond chance.
    """
    readings = []
    greys = [grey(picture) for picture in pictures]
    for inverted in (False, True):
        for family in FAMILIES:
            finder = _finder(family[-1])
            found = []
            for picture in greys:
                scale = min(1.0, SEARCH_PX / max(picture.shape))
                markers = finder.find(255 - picture if inverted else picture, None, scale)
                if scale < 1.0 and not len(markers):
                    markers = finder.find(255 - picture if inverted else picture)
                found.append(markers)
            best = max((_reading(name, inverted, found) for name in family), key=lambda r: r.evidence)
            if best.evidence >= LEAST_EVIDENCE_BITS:
                readings.append(best)
    return tuple(sorted(readings, key=lambda reading: -reading.evidence))


@cache
def _finder(name: str) -> MarkerFinder:
    """Finder of all markers of a dictionary; making one takes a moment."""
    return MarkerFinder(name, range(dictionary_size(name)), exact=True)


def _reading(name: str, inverted: bool, found: Sequence[Markers]) -> Reading:
    """Weigh what was read as markers of one dictionary."""
    count = dictionary_size(name)
    own = tuple(markers.keep(markers.ids < count) for markers in found)
    # Any of the codes, in any of four turns, upright or mirrored.
    bits = dictionary(name).markerSize ** 2 - np.log2(8.0 * count)
    return Reading(name, inverted, own, float(bits * sum(len(markers) for markers in own)))
