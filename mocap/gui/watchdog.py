"""Tells when the window was held: a timer beats, and between two beats nobody could have clicked.

A window that does not answer for a twentieth of a second feels stuck. On a busy machine the clock also counts what
others do, so that the thread's own processor time is what the window can be blamed for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer

# Longer than this between two beats is told of, s.
LONGEST_TURN_S = 0.05
BEAT_MS = 5
LOG = logging.getLogger(__name__)


class Watchdog(QObject):
    """Measures how long the thread of the window does not come back to its loop.

    Attributes
    ----------
    beats, late : int
        Beats so far, and those before which the thread was held longer than ``limit_s`` of its own time.
    longest_own_s, longest_s : float
        The longest time between two beats: processor time of the thread, and by the clock.
    """

    def __init__(self, limit_s: float = LONGEST_TURN_S, tell: Callable[[str], object] = LOG.warning) -> None:
        super().__init__()
        self._limit_s, self._tell = limit_s, tell
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self.begin()
        self._timer.start(BEAT_MS)

    def begin(self) -> None:
        """Count anew."""
        self.beats = self.late = 0
        self.longest_own_s = self.longest_s = 0.0
        self._last = time.thread_time(), time.perf_counter()

    def leave(self) -> None:
        """Measure no more."""
        self._timer.stop()

    def _beat(self) -> None:
        now = time.thread_time(), time.perf_counter()
        own, clock = now[0] - self._last[0], now[1] - self._last[1]
        self._last = now
        self.beats += 1
        self.longest_own_s, self.longest_s = max(self.longest_own_s, own), max(self.longest_s, clock)
        if own > self._limit_s:
            self.late += 1
            self._tell(f"The window was held for {1000 * own:.0f} ms ({1000 * clock:.0f} ms by the clock).")
