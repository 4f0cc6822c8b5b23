"""The bounded queue between a camera and its file."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from mocap.capture.source import Picture

# Pictures that wait for the disk, per camera: some 45 decoded ones of 1280x720, a minute and more of coded ones.
CAPACITY_BYTES = 128 * 1024 * 1024

# Files wait for the disk: a longer queue would only fill up, and hold memory for nothing.
WAITING_BYTES = 8 * 1024 * 1024

# A few large pictures must fit whatever their size.
LEAST_PICTURES = 4


@dataclass(frozen=True)
class Timed:
    """A picture and when it was taken, on the computer's monotonic clock, ns."""

    picture: Picture
    t_ns: int

    @property
    def decode_ns(self) -> int:
        """Its place in the order in which pictures come, ns; that in which they are shown may differ."""
        return self.t_ns - (self.picture.coded.dts_lag_ns if self.picture.coded is not None else 0)

    @property
    def is_key(self) -> bool:
        """Whether it can be decoded without those before it."""
        return self.picture.coded is None or self.picture.coded.is_key


class Backlog:
    """A queue bounded by memory, for one thread that puts and one that gets."""

    def __init__(self, capacity: int = CAPACITY_BYTES) -> None:
        self.capacity = capacity
        self._items: deque[Timed] = deque()
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, timed: Timed, wait: bool) -> bool:
        """Add a picture; False if there is no room, for which ``wait`` waits. Closed, it takes and forgets."""
        with self._changed:
            while not (self._closed or self._has_room(timed)):
                if not wait:
                    return False
                self._changed.wait()
            if not self._closed:
                self._items.append(timed)
                self._bytes += timed.picture.n_bytes
                self._changed.notify_all()
            return True

    def _has_room(self, timed: Timed) -> bool:
        return len(self._items) < LEAST_PICTURES or self._bytes + timed.picture.n_bytes <= self.capacity

    def get(self) -> Timed | None:
        """Wait for the next picture; None when it is closed and empty."""
        with self._changed:
            while not self._items:
                if self._closed:
                    return None
                self._changed.wait()
            timed = self._items.popleft()
            self._bytes -= timed.picture.n_bytes
            self._changed.notify_all()
            return timed

    def close(self) -> None:
        """Take no more; what is in it can still be taken out."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def full(self) -> float:
        """Share of its room that is taken."""
        return min(1.0, self._bytes / self.capacity)


class Preroll:
    """The last pictures before the start, beginning with one that needs no other; bounded as the queue is."""

    def __init__(self, length_ns: int, capacity: int = CAPACITY_BYTES) -> None:
        self._length_ns, self._capacity = length_ns, capacity
        self._items: deque[Timed] = deque()
        self._bytes = 0
        self.cut = False

    def add(self, timed: Timed) -> None:
        """Keep a picture, and forget those that no start from now on can need."""
        self._items.append(timed)
        self._bytes += timed.picture.n_bytes
        reach_ns = timed.t_ns - self._length_ns
        begins = [i for i, item in enumerate(self._items) if item.is_key and item.t_ns <= reach_ns]
        self._forget(begins[-1] if begins else 0)
        while self._bytes > self._capacity and len(self._items) > 1:
            self.cut = True
            self._forget(1)

    def _forget(self, count: int) -> None:
        for _ in range(count):
            self._bytes -= self._items.popleft().picture.n_bytes

    def take(self, start_ns: int) -> list[Timed]:
        """Hand over those from ``start_ns`` on, and the coded ones before that these cannot be decoded without."""
        items, self._items, self._bytes = list(self._items), deque(), 0
        keys = [i for i, item in enumerate(items) if item.is_key]
        before = [i for i in keys if items[i].t_ns <= start_ns]
        if not keys:
            return []
        if items[keys[0]].picture.coded is None:
            return [item for item in items if item.t_ns >= start_ns]
        return items[before[-1] if before else keys[0] :]
