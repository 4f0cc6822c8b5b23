"""The one place in time that all views show: pure steps from one state to the next."""

from __future__ import annotations

from dataclasses import dataclass, replace

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0)


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
    """

    count: int
    rate_hz: float
    place: float = 0.0
    speed: float = 1.0
    playing: bool = False
    loop: bool = True
    a: int | None = None
    b: int | None = None

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
        place = self.place + seconds * self.rate_hz * self.speed
        if place < self.last + 1:
            return replace(self, place=place)
        if not self.loop:
            return replace(self, place=float(self.last), playing=False)
        length = self.last - self.first + 1
        return replace(self, place=self.first + (place - self.first) % length)

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
