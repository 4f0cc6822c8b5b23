"""Numbers of people that last, also where association loses somebody and finds them anew.

At a few poses a second limbs move by more than association expects between two of them; it then takes the same
person for somebody new. Whoever turns up where somebody has just been lost, and was not beside them, is that
person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mocap.core.types import FloatArray

# How far a person's middle may lie from where it was last, m, and how fast it may have gone since, m/s: an arm's
# length, as the middle is not known to better between two bodies, and a brisk walk.
REACH_M, SPEED_M_S = 0.5, 2.0
# After this somebody who comes is somebody else, unless association knows better, s.
LONGEST_S = 2.0


@dataclass
class Who:
    """Remembers where everybody was."""

    _known: dict[int, int] = field(default_factory=dict)
    _place: dict[int, FloatArray] = field(default_factory=dict)
    _seen_s: dict[int, float] = field(default_factory=dict)
    _count: int = 0

    def name(self, numbers: Sequence[int], places: FloatArray, t_s: float) -> list[int | None]:
        """Give the people of one frame their lasting numbers.

        Parameters
        ----------
        numbers : sequence of int
            As association numbers them.
        places : (N, 3)
            Their middles, m.
        t_s : float

        Returns
        -------
        list of int or None
            None for somebody who is there twice: the one nearer to where they were counts.
        """
        named: dict[int, int] = {}
        # Those whom association knows come first; then the others, in the order of their numbers.
        for i in sorted(range(len(numbers)), key=lambda i: (numbers[i] not in self._known, numbers[i])):
            number = self._known.get(numbers[i])
            if number is None:
                number = self._who_was_here(places[i], t_s, set(named))
                self._known[numbers[i]] = number
            other = named.get(number)
            if other is None or self._off(number, places[i]) < self._off(number, places[other]):
                named[number] = i
        for number, i in named.items():
            self._place[number], self._seen_s[number] = places[i], t_s
        by_place = {i: number for number, i in named.items()}
        return [by_place.get(i) for i in range(len(numbers))]

    def _off(self, number: int, place: FloatArray) -> float:
        return float(np.linalg.norm(place - self._place.get(number, place)))

    def _who_was_here(self, place: FloatArray, t_s: float, present: set[int]) -> int:
        """Whoever was lost here, or the next new number."""
        best, best_m = -1, np.inf
        for number, last in self._place.items():
            away_s, off = t_s - self._seen_s[number], float(np.linalg.norm(place - last))
            if number not in present and away_s <= LONGEST_S and off < min(best_m, REACH_M + SPEED_M_S * away_s):
                best, best_m = number, off
        if best < 0:
            best, self._count = self._count, self._count + 1
        return best
