"""Several looks at each person: the same picture cut otherwise and mirrored, and the median of what is seen.

A landmark network answers a little differently when its crop is moved, turned or mirrored, and these differences
are a good part of its error; averaging over such looks is the standard way to spend time on accuracy ("test-time
augmentation": Krizhevsky, Sutskever and Hinton, NIPS 2012, section 4.1; mirroring in pose estimation: Newell,
Yang and Deng, "Stacked hourglass networks", ECCV 2016, section 4.1). The median is not moved by a look that takes
left for right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mocap.core.skeleton import Skeleton
from mocap.core.types import ImageArray, IntArray
from mocap.detect.protocol import BoolArray, Detector, ViewPoses, ViewState

# Raise when the same detector would give other numbers through this module than before.
CODE_VERSION = 2


# How crops may differ from the one that follows the person: their sides by this factor (smaller ones show the
# person larger, as long as nothing is cut off), their angle, rad, and their middle, as a share of the side. The
# network was trained with larger differences, so that each look is as good as another. On the studio's sample the
# scatter of the medians falls with the spread (1.86 px one look, 1.77 and 1.72 px twelve that differ by three
# quarters of this, and by this).
SCALES = (0.7, 1.1)
LARGEST_TURN_RAD = 0.4
LARGEST_SHIFT = 0.08
# Pairs of a picture and its mirror image. Beyond twelve, more looks hardly change the median.
PAIRS = 12


@dataclass(frozen=True)
class Look:
    """How a crop differs from the one that follows the person.

    Attributes
    ----------
    scale : float
        Side over the side of that crop.
    turn_rad : float
    shift : (float, float)
        Of the middle in x and y, as a share of that crop's side.
    mirrored : bool
    """

    scale: float
    turn_rad: float
    shift: tuple[float, float]
    mirrored: bool


def spread_looks(pairs: int) -> tuple[Look, ...]:
    """Looks that differ evenly in all ways, in pairs of a mirror image and the picture.

    An additive recurrence of low discrepancy in four dimensions (Niederreiter 1992, "Random number generation and
    quasi-Monte Carlo methods", chapter 3) with powers of the root of x^5 = x + 1, about its middle.
    """
    root = 1.0
    for _ in range(32):
        root = (1.0 + root) ** 0.2
    steps = root ** -np.arange(1.0, 5.0)
    even = (0.5 + np.arange(pairs)[:, None] * steps) % 1.0
    return tuple(
        Look(
            float(SCALES[0] + (SCALES[1] - SCALES[0]) * scale),
            float(LARGEST_TURN_RAD * (2.0 * turn - 1.0)),
            (float(LARGEST_SHIFT * (2.0 * x - 1.0)), float(LARGEST_SHIFT * (2.0 * y - 1.0))),
            mirrored,
        )
        for scale, turn, x, y in even
        for mirrored in (True, False)
    )


LOOKS = spread_looks(PAIRS)


class ManyLooks:
    """A `Detector` that looks at each person several times more through another one.

    Parameters
    ----------
    detector : Detector
        Follows the people from frame to frame.
    looks : int
        How often more: the first of ``LOOKS``.
    """

    def __init__(self, detector: Detector, looks: int) -> None:
        if not 1 <= looks <= len(LOOKS):
            raise ValueError(f"looks must be 1 to {len(LOOKS)}")
        self._detector, self._looks = detector, LOOKS[:looks]
        self._partner = mirror_index(detector.skeleton)

    @property
    def skeleton(self) -> Skeleton:
        """The keypoints it finds."""
        return self._detector.skeleton

    @property
    def max_people(self) -> int:
        """Slots P per view."""
        return self._detector.max_people

    @property
    def identity(self) -> str:
        """The detector's identity and the looks."""
        return f"{self._detector.identity}+{len(self._looks)}looks-v{CODE_VERSION}"

    def initial_state(self) -> ViewState:
        """State before the first frame of a view."""
        return self._detector.initial_state()

    def detect(
        self, images: Sequence[ImageArray | None], states: Sequence[ViewState]
    ) -> tuple[list[ViewPoses], list[ViewState]]:
        """Find people in one picture of each view, and look at each of them again; see `Detector`."""
        poses, after = self._detector.detect(images, states)
        shown: list[ImageArray] = []
        where: list[ViewState] = []
        of_view: list[int] = []
        for view, (image, seen, state) in enumerate(zip(images, poses, after, strict=True)):
            if image is None or not _looked_at(seen).any():
                continue
            mirror = np.ascontiguousarray(image[:, ::-1])
            for look in self._looks:
                shown.append(mirror if look.mirrored else image)
                where.append(shifted(state, look, image.shape[1]))
                of_view.append(view)
        again, _ = self._detector.detect(shown, where) if shown else ([], [])
        merged = list(poses)
        for view in dict.fromkeys(of_view):
            image = images[view]
            assert image is not None
            found = [again[n] for n, v in enumerate(of_view) if v == view]
            back = [
                unmirrored(one, self._partner, image.shape[1]) if look.mirrored else one
                for one, look in zip(found, self._looks, strict=True)
            ]
            merged[view] = combined(poses[view], back)
        return merged, after


def shifted(state: ViewState, look: Look, width: int) -> ViewState:
    """What the detector is told to look at the same people in another way, and not to search for others."""
    roi = state.roi.copy()
    roi[:, :2] += roi[:, 2:3] * look.shift
    roi[:, 2] *= look.scale
    roi[:, 3] += look.turn_rad
    if look.mirrored:
        roi[:, 0] = width - 1 - roi[:, 0]
        roi[:, 3] *= -1.0
    return ViewState(roi, state.track.copy(), state.next_track, 0)


def unmirrored(poses: ViewPoses, partner: IntArray, width: int) -> ViewPoses:
    """What was seen in a mirror image, in the picture: left is right again."""
    xy = poses.xy[:, partner].copy()
    xy[..., 0] = width - 1 - xy[..., 0]
    return replace(poses, xy=xy, sigma_px=poses.sigma_px[:, partner], score=poses.score[:, partner])


def combined(first: ViewPoses, again: Sequence[ViewPoses]) -> ViewPoses:
    """The median of all looks at each person; the stated noise stays that of one look.

    People who were not found again, and those not looked at but foreseen, stay as they are.
    """
    xy, score = first.xy.copy(), first.score.copy()
    for slot in np.flatnonzero(_looked_at(first)):
        same = [one for one in again if one.track[slot] == first.track[slot]]
        places = np.stack([first.xy[slot], *(one.xy[slot] for one in same)])
        known = np.isfinite(first.xy[slot]).all(axis=-1)
        xy[slot, known] = np.nanmedian(places[:, known], axis=0)
        score[slot, known] = np.nanmedian(
            np.stack([first.score[slot], *(one.score[slot] for one in same)])[:, known], axis=0
        )
    return replace(first, xy=xy, score=score)


def mirror_index(skeleton: Skeleton) -> IntArray:
    """For each keypoint, the one that it is in a mirror (K,)."""
    partner = np.arange(len(skeleton.keypoints))
    for left, right in skeleton.mirror:
        a, b = skeleton.index(left, right)
        partner[a], partner[b] = b, a
    return partner


def _looked_at(poses: ViewPoses) -> BoolArray:
    """Slots (P,) whose person was found in this picture."""
    there = poses.track >= 0
    return np.asarray(there if poses.looked is None else there & poses.looked)
