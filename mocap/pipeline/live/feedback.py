"""Targets for whoever moves: an angle to hold within a range, repetitions to count. Pure functions on angles."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from mocap.core.errors import InputError
from mocap.core.live import LivePerson
from mocap.pipeline.live.events import FeedbackEvent

# An angle must leave a range by this much before that counts, degrees: about its own error.
LEAVE_DEG = 2.0


@dataclass(frozen=True)
class RangeTarget:
    """An angle to be held from ``low_deg`` to ``high_deg``."""

    angle: str
    low_deg: float
    high_deg: float


@dataclass(frozen=True)
class CountTarget:
    """Repetitions to be counted: an angle that goes up by ``size_deg`` and down by as much again."""

    angle: str
    size_deg: float = 20.0


Target = RangeTarget | CountTarget


@dataclass(frozen=True)
class Progressed:
    """How far somebody is with a target.

    Attributes
    ----------
    count : int
        Times that the range was entered, or repetitions.
    inside : bool
        Whether the angle is in the range now.
    low_deg, high_deg : float
        Least and greatest angle since the last turn, degrees; NaN before the first.
    rising : bool
        Whether the angle is on its way out of a repetition.
    """

    count: int = 0
    inside: bool = False
    low_deg: float = math.nan
    high_deg: float = math.nan
    rising: bool = False


def advance(
    target: Target, so_far: Progressed, value_deg: float, t_ns: int
) -> tuple[Progressed, FeedbackEvent | None]:
    """Take the next angle into account; one that is not known changes nothing.

    Returns
    -------
    Progressed
    FeedbackEvent or None
        What happened, if anything did.
    """
    if not math.isfinite(value_deg):
        return so_far, None
    if isinstance(target, RangeTarget):
        return _held(target, so_far, value_deg, t_ns)
    return _counted(target, so_far, value_deg, t_ns)


def _held(
    target: RangeTarget, so_far: Progressed, value: float, t_ns: int
) -> tuple[Progressed, FeedbackEvent | None]:
    slack = LEAVE_DEG if so_far.inside else 0.0
    inside = target.low_deg - slack <= value <= target.high_deg + slack
    if inside == so_far.inside:
        return so_far, None
    now = replace(so_far, inside=inside, count=so_far.count + int(inside))
    return now, FeedbackEvent(t_ns, target.angle, "entered" if inside else "left", value, now.count)


def _counted(
    target: CountTarget, so_far: Progressed, value: float, t_ns: int
) -> tuple[Progressed, FeedbackEvent | None]:
    """Count by hysteresis: smaller swings in between do not."""
    low = value if math.isnan(so_far.low_deg) else min(so_far.low_deg, value)
    high = value if math.isnan(so_far.high_deg) else max(so_far.high_deg, value)
    if not so_far.rising:
        # The repetition begins at the lowest point before it.
        if value - low >= target.size_deg:
            return replace(so_far, rising=True, low_deg=low, high_deg=value), None
        return replace(so_far, low_deg=low, high_deg=value), None
    if high - value < target.size_deg:
        return replace(so_far, low_deg=low, high_deg=high), None
    now = Progressed(so_far.count + 1, so_far.inside, value, value, rising=False)
    return now, FeedbackEvent(t_ns, target.angle, "repetition", high, now.count)


class Coach:
    """Follows the targets of one person."""

    def __init__(self, targets: tuple[Target, ...]) -> None:
        self._targets = targets
        self.progress = [Progressed() for _ in targets]

    def look(self, person: LivePerson | None, t_ns: int) -> tuple[FeedbackEvent, ...]:
        """Take the person's angles into account and say what happened."""
        if person is None:
            return ()
        happened = []
        for i, target in enumerate(self._targets):
            self.progress[i], event = advance(target, self.progress[i], person.angle_deg(target.angle), t_ns)
            happened += [event] if event is not None else []
        return tuple(happened)


def parse_target(text: str) -> Target:
    """Read ``ANGLE:LOW:HIGH`` (degrees), or ``ANGLE`` or ``ANGLE:SIZE`` for repetitions.

    Raises
    ------
    InputError
        If it is not that. Whether there is such an angle, the detector's skeleton tells.
    """
    name, *numbers = text.split(":")
    try:
        values = [float(number) for number in numbers]
    except ValueError as error:
        raise InputError(f"'{text}' is no target.", "Write ANGLE:LOW:HIGH in degrees.") from error
    if len(values) == 2 and values[0] < values[1]:
        return RangeTarget(name, values[0], values[1])
    if len(values) == 1 and values[0] > 0:
        return CountTarget(name, values[0])
    if not values:
        return CountTarget(name)
    raise InputError(
        f"'{text}' is no target.", "Write ANGLE:LOW:HIGH in degrees with LOW below HIGH, or ANGLE:SIZE to count."
    )
