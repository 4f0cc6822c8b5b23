"""One instant of live capture: what the pipeline makes of the newest pictures, for all who show or send it."""

from __future__ import annotations

from dataclasses import dataclass

from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, JointAngles, Motion


@dataclass(frozen=True)
class LivePerson:
    """One person at one instant.

    Attributes
    ----------
    number : int
        The person's number; it stays the same while they are followed.
    xyz : (K, 3)
        Keypoints, filtered, m; NaN where not known.
    sigma : (K,)
        Standard deviation of the keypoints over the three axes, m.
    motion : Motion or None
        The body, T = N = 1; None until its bones are known, and for people who are not the subject.
    angles : JointAngles
        T = N = 1; NaN where the body is not known.
    """

    number: int
    xyz: FloatArray
    sigma: FloatArray
    motion: Motion | None
    angles: JointAngles

    def __post_init__(self) -> None:
        if self.xyz.shape != (*self.sigma.shape, 3) or self.angles.value.shape[:2] != (1, 1):
            raise ValueError(f"LivePerson of {self.xyz.shape}, {self.sigma.shape}, {self.angles.value.shape}")

    def angle_deg(self, name: str) -> float:
        """One angle by its name, degrees; NaN where it is not known."""
        return float(self.angles.value[0, 0, self.angles.names.index(name)] * DEGREES)


DEGREES = 57.29577951308232
"""Degrees in a radian."""


@dataclass(frozen=True)
class LiveFrame:
    """Everybody at one instant.

    Attributes
    ----------
    number : int
        Counts up by one from frame to frame.
    t_ns : int
        The instant, on the computer's monotonic clock, ns.
    skeleton : Skeleton
    cameras : tuple of str
    seen : tuple of bool
        Which cameras had a picture of this instant.
    people : tuple of LivePerson
    subject : int or None
        Number of the person whom angles, targets and the streams of one body are about.
    seconds : dict of str to float
        How long each stage took, s; ``wait`` is from the oldest picture to the beginning of the work.
    busy_s : dict of str to float
        Processor time of the stages after detection, s: unlike ``seconds``, it does not grow where other programs
        use the machine.
    latency_s : float
        From when the oldest of the pictures was taken to the finished pose, s.
    """

    number: int
    t_ns: int
    skeleton: Skeleton
    cameras: tuple[str, ...]
    seen: tuple[bool, ...]
    people: tuple[LivePerson, ...]
    subject: int | None
    seconds: dict[str, float]
    busy_s: dict[str, float]
    latency_s: float

    @property
    def subject_person(self) -> LivePerson | None:
        """The subject, if in view."""
        return next((one for one in self.people if one.number == self.subject), None)
