"""What is read out of a motion: events, and numbers with a name, a unit and an uncertainty."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Side = Literal["left", "right"]


@dataclass(frozen=True)
class Event:
    """Something that happened at an instant.

    Attributes
    ----------
    kind : str
        ``foot_strike``, ``foot_off``, or what a user marked.
    side : {"left", "right"} or None
    t_s : float
        On the clock of the take, s.
    sigma_s : float
        Its standard deviation, s; NaN where it is not known.
    doubtful : bool
        Two methods disagree about it.
    """

    kind: str
    side: Side | None
    t_s: float
    sigma_s: float = float("nan")
    doubtful: bool = False


@dataclass(frozen=True)
class Measure:
    """A number of a person's motion.

    Attributes
    ----------
    name : str
        In the words of the field: ``stride_length``.
    side : {"left", "right"} or None
    unit : str
        SI, degrees for angles.
    values : (R,)
        One for each time it was measured.
    """

    name: str
    side: Side | None
    unit: str
    values: FloatArray = field(default_factory=lambda: np.empty(0))

    @property
    def mean(self) -> float:
        """Mean of the values; NaN where there are none."""
        return float(self.values.mean()) if self.values.size else float("nan")

    @property
    def sd(self) -> float:
        """Standard deviation over the times it was measured; NaN for fewer than two."""
        return float(self.values.std(ddof=1)) if self.values.size > 1 else float("nan")


@dataclass(frozen=True)
class Cycles:
    """An angle over strides, each stretched to 101 points.

    Attributes
    ----------
    name : str
        Of the angle.
    side : {"left", "right"}
        Of the foot whose strikes begin and end the strides.
    values : (S, 101)
        rad; NaN where the angle is missing.
    """

    name: str
    side: Side
    values: FloatArray


@dataclass(frozen=True)
class Findings:
    """What was read out of the motion of one person."""

    events: tuple[Event, ...] = ()
    measures: tuple[Measure, ...] = ()
    cycles: tuple[Cycles, ...] = ()


@dataclass(frozen=True)
class PeopleFindings:
    """The findings of everybody, beside their names."""

    people: tuple[str, ...]
    found: tuple[Findings, ...]
