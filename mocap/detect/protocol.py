"""What a detector is: pictures in, keypoints out, and nothing hidden in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, ImageArray, IntArray


@dataclass(frozen=True)
class ViewPoses:
    """People found in one picture, in slots; a free slot has track -1 and NaN.

    Attributes
    ----------
    xy : (P, K, 2)
        Keypoints, px.
    sigma_px, score : (P, K)
        Standard deviation, px, and confidence, 0 to 1.
    track : (P,) int
        Number of the person within this view, constant while tracked.
    """

    xy: FloatArray
    sigma_px: FloatArray
    score: FloatArray
    track: IntArray


@dataclass(frozen=True)
class ViewState:
    """What a detector remembers of one view from frame to frame: plain arrays, so that it can be stored.

    Attributes
    ----------
    roi : (P, 4)
        Crop for the next frame per slot: centre x, y and side, px, and the angle that turns the body
        upright, rad; NaN where the slot is free.
    track : (P,) int
        Person number per slot; -1 where free.
    next_track : int
        The number that the next new person gets.
    frames_since_search : int
        Frames since people were last searched for in the whole picture.
    """

    roi: FloatArray
    track: IntArray
    next_track: int
    frames_since_search: int


class Detector(Protocol):
    """Finds people's keypoints. Stateless: what it must remember goes in and comes out."""

    @property
    def skeleton(self) -> Skeleton:
        """The keypoints it finds."""
        ...

    @property
    def max_people(self) -> int:
        """Slots P per view."""
        ...

    @property
    def identity(self) -> str:
        """Name, version and hash of the models and settings: what a cached result depends on."""
        ...

    def initial_state(self) -> ViewState:
        """State before the first frame of a view."""
        ...

    def detect(
        self, images: Sequence[ImageArray | None], states: Sequence[ViewState]
    ) -> tuple[list[ViewPoses], list[ViewState]]:
        """Find people in one picture of each view.

        Parameters
        ----------
        images : sequence of (H, W, 3) uint8 BGR, or None where the view has no frame at this instant
        states : sequence of ViewState
            As returned for the frame before.
        """
        ...
