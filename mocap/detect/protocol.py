"""What a detector is: pictures in, keypoints out, and nothing hidden in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, ImageArray, IntArray
from mocap.detect.pace import Past

BoolArray = NDArray[np.bool_]


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
    looked : (P,) bool, or None
        False where the keypoints are foreseen from earlier pictures instead of found in this one; None if
        all are found.
    """

    xy: FloatArray
    sigma_px: FloatArray
    score: FloatArray
    track: IntArray
    looked: BoolArray | None = None


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
    past : Past or None
        How the people moved; None for a detector that looks at every picture.
    """

    roi: FloatArray
    track: IntArray
    next_track: int
    frames_since_search: int
    past: Past | None = None


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


@runtime_checkable
class ViewDetector(Detector, Protocol):
    """A detector whose views know nothing of each other, and that several threads may ask at once."""

    def detect_view(self, image: ImageArray | None, state: ViewState) -> tuple[ViewPoses, ViewState]:
        """Find people in one picture of one view; see `Detector.detect`."""
        ...


@runtime_checkable
class Looker(Protocol):
    """A detector that can be told where somebody must be; several threads may ask it at once."""

    def look(self, image: ImageArray, expected: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray] | None:
        """Look at one person whom the other views have placed.

        Parameters
        ----------
        image : (H, W, 3) uint8 BGR
        expected : (K, 2)
            Where the keypoints must be, px; NaN where that is unknown. It only says where to look: what is found
            there is read from the picture.

        Returns
        -------
        xy : (K, 2)
            Keypoints, px.
        sigma_px, score : (K,)
            None in place of all three where nobody is seen, or there is too little to look at.
        """
        ...
