"""The one place in time that all views show: pure steps from one state to the next."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from mocap.core.types import FloatArray

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0)


def _even() -> FloatArray:
    """Stand-in for instants at a constant rate."""
    return np.empty(0)


@dataclass(frozen=True)
class Playhead:
    """Where the review is, and how it moves.

    Attributes
    ----------
    count : int
        Instants, at least 1.
    rate_hz : float
        Instants a second.
    place : float
        Instant, with the fraction that playing has gone on.
    a, b : int or None
        The range that is played, both ends included; None is the beginning or the end.
    t_s : (T,)
        Time of each instant since the first, s; by ``rate_hz`` where it is left out.
    """

    count: int
    rate_hz: float
    place: float = 0.0
    speed: float = 1.0
    playing: bool = False
    loop: bool = True
    a: int | None = None
    b: int | None = None
    t_s: FloatArray = field(default_factory=_even, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.t_s.shape[0] != self.count:
            object.__setattr__(self, "t_s", np.arange(self.count) / self.rate_hz)

    def time(self, place: float) -> float:
        """Seconds since the first instant at a place."""
        before = min(max(int(place), 0), self.count - 1)
        after = min(before + 1, self.count - 1)
        share = min(max(place - before, 0.0), 1.0)
        return float(self.t_s[before] + share * (self.t_s[after] - self.t_s[before]))

    def at(self, seconds: float) -> float:
        """The place at a time."""
        # By hand: an array of all places for each turn of the clock would cost a millisecond in ten minutes.
        after = int(np.searchsorted(self.t_s, seconds, side="right"))
        if after == 0 or after == self.count:
            return float(max(0, after - 1))
        begin, end = float(self.t_s[after - 1]), float(self.t_s[after])
        return after - 1 + (seconds - begin) / (end - begin)

    def nearest(self, seconds: float) -> int:
        """The instant nearest to a time."""
        return round(self.at(seconds))

    @property
    def seconds(self) -> float:
        """Time of the instant shown, since the first."""
        return float(self.t_s[self.instant])

    @property
    def total_s(self) -> float:
        """Time from the first instant to the last."""
        return float(self.t_s[-1])

    @property
    def instant(self) -> int:
        """The instant shown."""
        return int(self.place)

    @property
    def first(self) -> int:
        """First instant of the range."""
        return 0 if self.a is None else self.a

    @property
    def last(self) -> int:
        """Last instant of the range."""
        return self.count - 1 if self.b is None else self.b

    def seek(self, instant: float) -> Playhead:
        """Go to an instant, at most to the ends of the recording."""
        return replace(self, place=float(min(max(instant, 0), self.count - 1)))

    def step(self, count: int) -> Playhead:
        """Go on by whole instants, and stop playing."""
        return replace(self.seek(self.instant + count), playing=False)

    def toggle(self) -> Playhead:
        """Play or pause; from the end, playing begins anew."""
        at_end = not self.playing and (self.instant >= self.last or self.instant < self.first)
        return replace(self, playing=not self.playing, place=float(self.first) if at_end else self.place)

    def advance(self, seconds: float) -> Playhead:
        """Go on by as much as passes in ``seconds`` of the user's time."""
        if not self.playing:
            return self
        passed = seconds * self.speed
        one = 1.0 / self.rate_hz  # the last instant is shown as long as any
        end = self.time(self.last) + one
        now = self._clock(self.place) + passed
        if now < end:
            return replace(self, place=self._place(now))
        if not self.loop:
            return replace(self, place=float(self.last), playing=False)
        begin = self.time(self.first)
        return replace(self, place=self._place(begin + (now - begin) % (end - begin)))

    def _clock(self, place: float) -> float:
        """Time at a place, which may lie in the last instant."""
        beyond = max(0.0, place - (self.count - 1))
        return self.time(place) + beyond / self.rate_hz

    def _place(self, seconds: float) -> float:
        """The place at a time, which may lie in the last instant."""
        beyond = max(0.0, seconds - self.total_s)
        return min(self.at(seconds) + beyond * self.rate_hz, self.count - 1e-6)

    def to_event(self, times: tuple[float, ...], direction: int) -> Playhead:
        """Go to the next event, or with -1 to the one before; stay where there is none."""
        instants = [self.nearest(seconds) for seconds in times]
        if direction > 0:
            found = min((i for i in instants if i > self.instant), default=self.instant)
        else:
            found = max((i for i in instants if i < self.instant), default=self.instant)
        return replace(self.seek(found), playing=False)

    def faster(self, steps: int) -> Playhead:
        """Next of the speeds, up or down."""
        at = SPEEDS.index(self.speed)
        return replace(self, speed=SPEEDS[min(max(at + steps, 0), len(SPEEDS) - 1)])

    def mark_a(self) -> Playhead:
        """Begin the range here."""
        b = self.b if self.b is not None and self.b > self.instant else None
        return replace(self, a=self.instant, b=b)

    def mark_b(self) -> Playhead:
        """End the range here."""
        a = self.a if self.a is not None and self.a < self.instant else None
        return replace(self, a=a, b=self.instant)

    def clear(self) -> Playhead:
        """Play everything again."""
        return replace(self, a=None, b=None)
