"""Where the time goes from glass to pose, measured on every frame."""

from __future__ import annotations

from collections import deque

import numpy as np

from mocap.core.live import LiveFrame
from mocap.pipeline.live.events import StageTimes

# Frames remembered: some minutes at 30 a second, in little memory however long it runs.
REMEMBERED = 9000
WHOLE = "glass to pose"


class Budget:
    """Times of the stages of the newest frames."""

    def __init__(self) -> None:
        self._rows: deque[dict[str, float]] = deque(maxlen=REMEMBERED)
        self._busy: deque[dict[str, float]] = deque(maxlen=REMEMBERED)
        self._span_ns = (0, 0)
        self.frames = 0

    def note(self, frame: LiveFrame) -> None:
        """Remember what a frame took."""
        self._rows.append({**frame.seconds, WHOLE: frame.latency_s})
        self._busy.append(frame.busy_s)
        self._span_ns = (self._span_ns[0] if self.frames else frame.t_ns, frame.t_ns)
        self.frames += 1

    @property
    def rate_hz(self) -> float:
        """Poses a second from the first to the last, Hz; 0 before the second."""
        span_s = (self._span_ns[1] - self._span_ns[0]) / 1e9
        return (self.frames - 1) / span_s if span_s > 0.0 else 0.0

    def times(self, newest: int | None = None) -> tuple[StageTimes, ...]:
        """Percentiles of each stage over the newest frames, or all that are remembered; none before the first."""
        return _percentiles(list(self._rows)[-newest:] if newest else list(self._rows))

    def busy(self) -> tuple[StageTimes, ...]:
        """Percentiles of the processor time of the stages after detection over all frames remembered."""
        return _percentiles(list(self._busy))


def _percentiles(rows: list[dict[str, float]]) -> tuple[StageTimes, ...]:
    found = []
    for name in rows[-1] if rows else ():
        taken = np.array([row[name] for row in rows if name in row])
        found.append(StageTimes(name, *(float(p) for p in np.percentile(taken, (50, 95, 99)))))
    return tuple(found)
