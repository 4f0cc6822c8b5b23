"""Tells when the window was held: a timer beats, and between two beats nobody could have clicked.

A window that does not answer for a twentieth of a second feels stuck. On a busy machine the clock also counts what
others do, so that the thread's own processor time is what the window can be blamed for.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer

# Longer than this between two beats is told of, s.
LONGEST_TURN_S = 0.05
BEAT_MS = 5
# In the app, day in, day out: rare enough to cost nothing.
CALM_BEAT_MS = 20
# Calls that are named, the innermost ones: enough to see what was at work.
CALLS_TOLD = 6
LOG = logging.getLogger(__name__)


class Watchdog(QObject):
    """Measures how long the thread of the window does not come back to its loop.

    Made by that thread. What is told names what was running, as another thread saw it when the limit had passed by
    the clock.

    Attributes
    ----------
    beats, late : int
        Beats so far, and those before which the thread was held longer than ``limit_s`` of its own time.
    longest_own_s, longest_s : float
        The longest time between two beats: processor time of the thread, and by the clock.
    """

    def __init__(
        self,
        limit_s: float = LONGEST_TURN_S,
        tell: Callable[[str], object] = LOG.debug,
        beat_ms: int = BEAT_MS,
    ) -> None:
        super().__init__()
        self._limit_s, self._tell = limit_s, tell
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self.begin()
        self._witness = _Witness(threading.get_ident(), limit_s)
        self._witness.start()
        self._timer.start(beat_ms)

    def begin(self) -> None:
        """Count anew."""
        self.beats = self.late = 0
        self.longest_own_s = self.longest_s = 0.0
        self._last = time.thread_time(), time.perf_counter()

    def leave(self) -> None:
        """Measure no more."""
        self._timer.stop()
        self._witness.leave()

    def _beat(self) -> None:
        now = time.thread_time(), time.perf_counter()
        own, clock = now[0] - self._last[0], now[1] - self._last[1]
        self._last = now
        self.beats += 1
        self.longest_own_s, self.longest_s = max(self.longest_own_s, own), max(self.longest_s, clock)
        calls = self._witness.beat(now[1])
        if own > self._limit_s:
            self.late += 1
            ran = f" It ran {calls}." if calls else ""
            self._tell(f"The window was held for {1000 * own:.0f} ms ({1000 * clock:.0f} ms by the clock).{ran}")


class _Witness(threading.Thread):
    """Looks what a thread is at when its beat is late; touches nothing of the window."""

    def __init__(self, watched: int, limit_s: float) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._watched, self._limit_s = watched, limit_s
        self._leaving = threading.Event()
        self._last, self._seen = time.perf_counter(), ""

    def beat(self, now: float) -> str:
        """Take note of a beat; return what was seen since the one before."""
        seen, self._seen, self._last = self._seen, "", now
        return seen

    def leave(self) -> None:
        self._leaving.set()
        self.join(timeout=1.0)

    def run(self) -> None:
        while not self._leaving.wait(self._limit_s / 2):
            last = self._last
            if time.perf_counter() - last > self._limit_s and not self._seen:
                seen = _calls(self._watched)
                if self._last == last:  # it did not come back meanwhile
                    self._seen = seen


def _calls(thread: int) -> str:
    """The innermost calls of a thread, outermost first."""
    calls: list[str] = []
    frame = sys._current_frames().get(thread)
    while frame is not None and len(calls) < CALLS_TOLD:
        calls.append(f"{frame.f_code.co_name} ({Path(frame.f_code.co_filename).name}:{frame.f_lineno})")
        frame = frame.f_back
    return " > ".join(reversed(calls))
