"""The body's centre of mass, from the joint centres of the fitted body and tables of segments.

De Leva, "Adjustments to Zatsiorsky-Seluyanov's segment inertia parameters" (J. Biomech. 1996, 29:1223), table 4,
by sex: young adults, scanned alive. On request Dempster (1955) as adapted by Winter (Biomechanics and Motor
Control of Human Movement, table 4.1): cadavers of elderly men.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mocap.core.body import attached_keypoints, segments
from mocap.core.skeleton import Skeleton
from mocap.core.types import MassCentre, Motion

Sex = Literal["female", "male", "unknown"]
MassTable = Literal["de_leva", "dempster"]


@dataclass(frozen=True)
class _Part:
    """A segment of the body: its share of the mass, and how far its centre lies from the first end to the second.

    Attributes
    ----------
    mass : float
        Share of the body's mass; of one side where there are two.
    centre : float
        Share of the length, from the first end on.
    """

    mass: float
    centre: float


@dataclass(frozen=True)
class _Table:
    """Ends: mid-shoulder, mid-hip; shoulder, elbow, wrist, knuckle; hip, knee, ankle; heel, tip of the toes."""

    head: float
    trunk: _Part
    upper_arm: _Part
    forearm: _Part
    hand: _Part
    thigh: _Part
    shank: _Part
    foot: _Part
    hand_length: float  # wrist to third knuckle, as a share of elbow to wrist

    @property
    def total(self) -> float:
        """Sum of all shares; tables are printed rounded."""
        pairs = (self.upper_arm, self.forearm, self.hand, self.thigh, self.shank, self.foot)
        return self.head + self.trunk.mass + 2 * sum(part.mass for part in pairs)


# Trunk, shank: the table's alternative ends between joint centres (MIDS-MIDH, KJC-AJC).
FEMALE = _Table(
    head=0.0668, trunk=_Part(0.4257, 0.3782), upper_arm=_Part(0.0255, 0.5754), forearm=_Part(0.0138, 0.4559),
    hand=_Part(0.0056, 0.7474), thigh=_Part(0.1478, 0.3612), shank=_Part(0.0481, 0.4352),
    foot=_Part(0.0129, 0.4014), hand_length=78.0 / 264.3,
)  # fmt: skip
MALE = _Table(
    head=0.0694, trunk=_Part(0.4346, 0.4310), upper_arm=_Part(0.0271, 0.5772), forearm=_Part(0.0162, 0.4574),
    hand=_Part(0.0061, 0.7900), thigh=_Part(0.1416, 0.4095), shank=_Part(0.0433, 0.4395),
    foot=_Part(0.0137, 0.4415), hand_length=86.2 / 268.9,
)  # fmt: skip
# Hand: wrist to second knuckle; the lengths of hands are de Leva's.
DEMPSTER = _Table(
    head=0.0810, trunk=_Part(0.4970, 0.5000), upper_arm=_Part(0.0280, 0.4360), forearm=_Part(0.0160, 0.4300),
    hand=_Part(0.0060, 0.5060), thigh=_Part(0.1000, 0.4330), shank=_Part(0.0465, 0.4330),
    foot=_Part(0.0145, 0.5000), hand_length=86.2 / 268.9,
)  # fmt: skip
# Dempster's foot lies between ankle and ball, and its centre half way; so does that of a skeleton without heels.
FROM_ANKLE = 0.5

Weights = dict[str, float]


def mass_centre(motion: Motion, sex: Sex = "unknown", table: MassTable = "de_leva") -> MassCentre:
    """Centre of mass of each person.

    The head's centre is taken between the ears: de Leva's lies 12 mm above, which moves the whole by 1 mm. A hand
    that the skeleton does not have is taken to lie straight on from the forearm, which is off by 1 mm at most.

    Parameters
    ----------
    motion : Motion
    sex : {"female", "male", "unknown"}
        ``unknown`` takes the mean of both; Dempster's table has one sex only.
    table : {"de_leva", "dempster"}

    Returns
    -------
    MassCentre
        NaN where any segment is missing. The covariance is the largest that the errors of the joint centres allow,
        however they go together; that the tables are of other people, about 1 % of the height, is not in it.
    """
    skeleton = motion.skeleton
    names = [joint.name for joint in skeleton.joints]
    centres = segments(motion)[0]
    attached = {a.keypoint: names.index(a.joint) for a in skeleton.attachments}
    weights = _weights(skeleton, sex, table)
    if weights is None:
        shape = centres.shape[:2]
        return MassCentre(np.full((*shape, 3), np.nan), np.full((*shape, 3, 3), np.nan))
    marks = attached_keypoints(motion)
    xyz = np.zeros((*centres.shape[:2], 3))
    cov = np.zeros((*centres.shape[:2], 3, 3))
    for name, weight in weights.items():
        joint = attached[name[1:]] if name.startswith("@") else names.index(name)
        place = marks[:, :, skeleton.index(name[1:])[0]] if name.startswith("@") else centres[:, :, joint]
        xyz += weight * place
        # Cov(sum w x) <= sum|w| * sum |w| Cov(x), by the inequality of Cauchy and Schwarz.
        cov += abs(weight) * motion.centre_cov[:, :, joint]
    return MassCentre(xyz, cov * sum(abs(weight) for weight in weights.values()))


def _weights(skeleton: Skeleton, sex: Sex, table: MassTable) -> Weights | None:
    """Weight of each joint, and of each attached keypoint (with an @), in the centre of mass; their sum is 1.

    None where the skeleton lacks a segment.
    """
    if table == "dempster":
        return _of_table(skeleton, DEMPSTER)
    if sex == "unknown":
        female, male = _of_table(skeleton, FEMALE), _of_table(skeleton, MALE)
        if female is None or male is None:
            return None
        return {name: 0.5 * (female[name] + male[name]) for name in female}
    return _of_table(skeleton, FEMALE if sex == "female" else MALE)


def _of_table(skeleton: Skeleton, table: _Table) -> Weights | None:
    joints = {joint.name for joint in skeleton.joints}
    marks = {a.keypoint for a in skeleton.attachments}
    found: Weights = {}

    def add(part: _Part, first: tuple[str, ...], second: tuple[str, ...]) -> None:
        for ends, share in ((first, 1.0 - part.centre), (second, part.centre)):
            for name in ends:
                found[name] = found.get(name, 0.0) + part.mass * share / len(ends) / table.total

    ears = ("left_ear", "right_ear")
    head = tuple(f"@{ear}" for ear in ears) if marks.issuperset(ears) else ("head",)
    add(_Part(table.head, 0.0), head, head)
    add(table.trunk, ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"))
    for side in ("left", "right"):
        shoulder, elbow, wrist, hand, hip, knee, ankle, toe = (
            f"{side}_{name}" for name in ("shoulder", "elbow", "wrist", "hand", "hip", "knee", "ankle", "toe")
        )
        add(table.upper_arm, (shoulder,), (elbow,))
        add(table.forearm, (elbow,), (wrist,))
        add(table.thigh, (hip,), (knee,))
        add(table.shank, (knee,), (ankle,))
        if hand in joints:
            add(table.hand, (wrist,), (hand,))
        else:
            add(_Part(table.hand.mass, 1.0 + table.hand.centre * table.hand_length), (elbow,), (wrist,))
        if f"{side}_heel" in marks and table is not DEMPSTER:
            add(table.foot, (f"@{side}_heel",), (toe,))
        else:
            add(_Part(table.foot.mass, FROM_ANKLE), (ankle,), (toe,))
    needed = {name for name in found if not name.startswith("@")}
    return found if needed <= joints else None
