"""One definition of a skeleton drives keypoints, bones, angles and every export."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class AngleDefinition:
    """A joint angle from three keypoints.

    The angle at ``points[1]`` between the two segments is ``inner``; what is reported is
    ``offset_rad + sign * inner``, so that a straight knee reads 0 and a bent one is positive.
    """

    name: str
    points: tuple[str, str, str]
    offset_rad: float
    sign: int


@dataclass(frozen=True)
class Joint:
    """A joint of the body's tree.

    Attributes
    ----------
    name : str
        In the words of the field: ``left_hip``, ``spine``.
    parent : str or None
        None for the root only.
    keypoints : tuple of str
        The joint lies at the mean of these keypoints.
    rest_direction : (float, float, float)
        Unit direction from the parent in the T-pose; world axes: x to the body's left, y backwards,
        z up.
    """

    name: str
    parent: str | None
    keypoints: tuple[str, ...]
    rest_direction: tuple[float, float, float]


@dataclass(frozen=True)
class Skeleton:
    """Keypoints of a detector and the body they span.

    Attributes
    ----------
    keypoints : tuple of str
        Names, in the detector's order.
    bones : tuple of (str, str)
        Pairs of keypoints to draw and to measure.
    mirror : tuple of (str, str)
        Left keypoint and its right partner.
    core : tuple of str
        The keypoints that tell people apart and that errors are stated over: shoulders to wrists, hips
        to ankles.
    angles : tuple of AngleDefinition
    joints : tuple of Joint
        Parents before children; the first is the root.
    """

    name: str
    keypoints: tuple[str, ...]
    bones: tuple[tuple[str, str], ...]
    mirror: tuple[tuple[str, str], ...]
    core: tuple[str, ...]
    angles: tuple[AngleDefinition, ...]
    joints: tuple[Joint, ...]

    def __post_init__(self) -> None:
        known = set(self.keypoints)
        used = {k for pair in (*self.bones, *self.mirror) for k in pair} | set(self.core)
        used |= {k for angle in self.angles for k in angle.points} | {k for j in self.joints for k in j.keypoints}
        if unknown := used - known:
            raise ValueError(f"skeleton '{self.name}' uses unknown keypoints: {sorted(unknown)}")
        seen: set[str] = set()
        for joint in self.joints:
            if (joint.parent is None) == bool(seen) or (joint.parent is not None and joint.parent not in seen):
                raise ValueError(f"skeleton '{self.name}': joint '{joint.name}' must follow its parent")
            seen.add(joint.name)

    def index(self, *names: str) -> NDArray[np.intp]:
        """Indices of keypoints by name."""
        return np.array([self.keypoints.index(name) for name in names], dtype=np.intp)

    @property
    def core_index(self) -> NDArray[np.intp]:
        """Indices of the core keypoints."""
        return self.index(*self.core)

    @property
    def bone_index(self) -> NDArray[np.intp]:
        """Keypoint indices of the bones (B, 2)."""
        return np.array([self.index(*pair) for pair in self.bones], dtype=np.intp).reshape(-1, 2)

    @property
    def parents(self) -> tuple[int, ...]:
        """Index of each joint's parent; -1 for the root."""
        order = [joint.name for joint in self.joints]
        return tuple(-1 if j.parent is None else order.index(j.parent) for j in self.joints)
