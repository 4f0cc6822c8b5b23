"""Has views that show nobody searched again soon.

Detectors count pictures between searches of whole pictures. That is right for films; live, where one instant of
several is looked at, somebody who was lost would be missed for seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mocap.detect import ViewState

# A view that shows nobody is searched again after this, s. A search takes about as long as looking at one person.
SEEK_S = 0.5

# So many pictures since the last search that one is due, whatever the detector's interval.
OVERDUE = 1_000_000


class Seeker:
    """Remembers when each view was searched last; one thread uses it.

    Parameters
    ----------
    views : int
    """

    def __init__(self, views: int) -> None:
        self._last_s = [-np.inf] * views

    def reminded(self, states: Sequence[ViewState], t_s: float) -> list[ViewState]:
        """States that have the view searched next that has shown nobody for longest; one, as each takes time."""
        empty = [
            i for i, state in enumerate(states) if not (state.track >= 0).any() and t_s - self._last_s[i] >= SEEK_S
        ]
        reminded = list(states)
        if empty:
            chosen = min(empty, key=lambda i: self._last_s[i])
            self._last_s[chosen] = t_s
            reminded[chosen] = replace(states[chosen], frames_since_search=OVERDUE)
        return reminded
