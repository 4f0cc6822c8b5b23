"""One definition of a skeleton drives keypoints, bones, angles and every export."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Vector = tuple[float, float, float]

# The axes of a joint that turns about all of them.
BALL: tuple[Vector, ...] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


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
    axes : tuple of (float, float, float)
        What the joint turns about, in the axes of its own segment (those of the world in the T-pose). One is
        a hinge; two turn one after the other, R = R1 R2; three are a ball joint, whatever they are.
    limits_rad, spread_rad : tuple
        Soft range, and how far from 0 the joint usually is (infinite: no opinion), of each coordinate: the
        turns about one or two axes, or a ball joint's twist about the bone that it carries.
    length : float
        Usual distance from the parent as a share of the body's size (``Skeleton.size``); 0 if unknown.
    """

    name: str
    parent: str | None
    keypoints: tuple[str, ...]
    rest_direction: Vector
    axes: tuple[Vector, ...] = BALL
    limits_rad: tuple[tuple[float, float], ...] = ()
    spread_rad: tuple[float, ...] = ()
    length: float = 0.0

    def __post_init__(self) -> None:
        coordinates = 1 if len(self.axes) == len(BALL) else len(self.axes)
        if len(self.axes) > len(BALL):
            raise ValueError(f"joint '{self.name}' turns about {len(self.axes)} axes; there are three")
        if any(len(given) not in (0, coordinates) for given in (self.limits_rad, self.spread_rad)):
            raise ValueError(f"joint '{self.name}' needs limits and spreads for {coordinates} coordinates")


@dataclass(frozen=True)
class Attachment:
    """Where a detector sees a keypoint on the body: near a joint, fixed to a segment.

    A network that was taught with marks on the skin does not see joint centres: its hip is some 45 mm off.

    Attributes
    ----------
    keypoint : str
    joint : str
        The joint that the keypoint lies near to.
    segment : str
        The joint whose turns carry the keypoint; the axes of ``offset`` are those of its segment.
    offset : (float, float, float)
        Keypoint minus joint centre in those axes, as a share of the body's size.
    sigma : (float, float, float)
        How far off a detected keypoint is from there, along those axes, from instant to instant and from body
        to body, as a share of the body's size.
    """

    keypoint: str
    joint: str
    segment: str
    offset: Vector = (0.0, 0.0, 0.0)
    sigma: Vector = (0.0, 0.0, 0.0)


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
    attachments : tuple of Attachment
        Keypoints that say where the body is; where none are given, each joint that is a keypoint.
    size : tuple of str
        The body's size is the sum of the lengths of the bones that end at these joints.
    ground : tuple of str
        Attached keypoints that stand on the ground: heels and toes.
    """

    name: str
    keypoints: tuple[str, ...]
    bones: tuple[tuple[str, str], ...]
    mirror: tuple[tuple[str, str], ...]
    core: tuple[str, ...]
    angles: tuple[AngleDefinition, ...]
    joints: tuple[Joint, ...]
    attachments: tuple[Attachment, ...] = ()
    size: tuple[str, ...] = ()
    ground: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = set(self.keypoints)
        used = {k for pair in (*self.bones, *self.mirror) for k in pair} | set(self.core)
        used |= {k for angle in self.angles for k in angle.points} | {k for j in self.joints for k in j.keypoints}
        used |= {a.keypoint for a in self.attachments} | set(self.ground)
        if unknown := used - known:
            raise ValueError(f"skeleton '{self.name}' uses unknown keypoints: {sorted(unknown)}")
        seen: set[str] = set()
        for joint in self.joints:
            if (joint.parent is None) == bool(seen) or (joint.parent is not None and joint.parent not in seen):
                raise ValueError(f"skeleton '{self.name}': joint '{joint.name}' must follow its parent")
            seen.add(joint.name)
        named = {j for a in self.attachments for j in (a.joint, a.segment)} | set(self.size)
        if unknown := named - seen:
            raise ValueError(f"skeleton '{self.name}' uses unknown joints: {sorted(unknown)}")

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

    @cached_property
    def parents(self) -> tuple[int, ...]:
        """Index of each joint's parent; -1 for the root."""
        order = [joint.name for joint in self.joints]
        return tuple(-1 if j.parent is None else order.index(j.parent) for j in self.joints)
