"""The newest picture of each camera, for one who looks and many who bring; nothing queues up."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from mocap.capture.events import CameraState
from mocap.core.types import Frame
from mocap.pipeline.live.events import LiveCamera

# Times remembered to tell a camera's rate: about a second.
RATE_FRAMES = 30
# Before the rate is known.
USUAL_INTERVAL_S = 1.0 / 30.0
# A camera that sends nothing for so long, s, is waited for no more; slow cameras get so many intervals.
STALL_S, STALL_INTERVALS = 0.5, 5.0
# Pictures farther apart than this many intervals are not of one instant.
APART_INTERVALS = 1.5


@dataclass
class _Slot:
    """One camera: its newest picture that nobody looked at, and what is known of how they come."""

    state: CameraState = CameraState.OPENING
    frame: Frame | None = None
    arrived_s: float = float("nan")
    times: deque[int] = field(default_factory=lambda: deque(maxlen=RATE_FRAMES))
    arrived: int = 0
    used: int = 0

    @property
    def interval_s(self) -> float:
        """Between two pictures, s; NaN where unknown."""
        return float(np.median(np.diff(np.array(self.times)))) / 1e9 if len(self.times) > 2 else float("nan")

    def sends(self, now_s: float) -> bool:
        """Whether pictures come."""
        if self.state is not CameraState.READY or not self.arrived:
            return False
        patience = np.nanmax([STALL_S, STALL_INTERVALS * self.interval_s])
        return bool(now_s - self.arrived_s <= patience)


class Newest:
    """Holds the newest picture of every camera.

    Parameters
    ----------
    cameras : tuple of str
    """

    def __init__(self, cameras: tuple[str, ...]) -> None:
        self._slots = {name: _Slot() for name in cameras}
        self._changed = threading.Condition()

    def put(self, frame: Frame) -> None:
        """Bring a picture; one that nobody has looked at yet gives way. A time that goes backwards starts anew."""
        with self._changed:
            slot = self._slots[frame.camera]
            if slot.times and frame.t_ns <= slot.times[-1]:
                slot.times.clear()
            slot.times.append(frame.t_ns)
            slot.frame, slot.arrived_s = frame, time.monotonic()
            slot.arrived += 1
            self._changed.notify_all()

    def set_state(self, camera: str, state: CameraState) -> None:
        """Say where a camera stands; without pictures to come, its last one counts no more."""
        with self._changed:
            slot = self._slots[camera]
            slot.state = state
            if state is not CameraState.READY:
                slot.frame = None
                slot.times.clear()
            self._changed.notify_all()

    def state(self, camera: str) -> CameraState:
        """Where a camera stands."""
        with self._changed:
            return self._slots[camera].state

    def interval_s(self) -> float:
        """Between two instants: the interval of the slowest camera that sends, s."""
        now = time.monotonic()
        with self._changed:
            known = [s.interval_s for s in self._slots.values() if s.sends(now) and np.isfinite(s.interval_s)]
        return max(known, default=USUAL_INTERVAL_S)

    def cameras(self) -> tuple[LiveCamera, ...]:
        """How the cameras are doing."""
        now = time.monotonic()
        with self._changed:
            return tuple(
                LiveCamera(
                    name,
                    CameraState.STALLED
                    if slot.state is CameraState.READY and slot.arrived and not slot.sends(now)
                    else slot.state,
                    1.0 / slot.interval_s,
                    slot.arrived,
                    slot.used,
                )
                for name, slot in self._slots.items()
            )

    def take(self, due_ns: int, timeout_s: float) -> tuple[Frame | None, ...]:
        """Wait for the newest pictures of one instant.

        They are there when every camera that sends has one; a camera that is late is waited for by one interval.

        Parameters
        ----------
        due_ns : int
            Pictures taken before are of no interest, ns.
        timeout_s : float
            How long to wait at most, s.

        Returns
        -------
        tuple of Frame or None
            A picture a camera, in the order given; None where there is none of this instant. All None if nothing
            came in time.
        """
        end = time.monotonic() + timeout_s
        patience = self.interval_s()
        first: float | None = None
        with self._changed:
            while True:
                now = time.monotonic()
                ready = {
                    n: s.frame for n, s in self._slots.items() if s.frame is not None and s.frame.t_ns >= due_ns
                }
                first = now if ready and first is None else first
                awaited = sum(slot.sends(now) for slot in self._slots.values())
                if ready and first is not None and (len(ready) >= awaited or now - first >= patience):
                    return self._hand_over(ready, patience)
                left = end - now
                if left <= 0.0:
                    return (None,) * len(self._slots)
                self._changed.wait(left if first is None else min(left, max(1e-3, patience - (now - first))))

    def _hand_over(self, ready: dict[str, Frame], interval_s: float) -> tuple[Frame | None, ...]:
        newest_ns = max(frame.t_ns for frame in ready.values())
        taken: list[Frame | None] = []
        for name, slot in self._slots.items():
            frame = ready.get(name)
            if frame is not None and (newest_ns - frame.t_ns) / 1e9 > APART_INTERVALS * interval_s:
                frame = None
            taken.append(frame)
            if frame is not None:
                slot.frame = None
                slot.used += 1
        return tuple(taken)
