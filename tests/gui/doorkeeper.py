"""A detector that sees somebody when it is told to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mocap.core.types import ImageArray
from mocap.detect import Detector, ViewPoses, ViewState
from tests.integration.film import SKELETON


class Doorkeeper:
    """A detector that sees somebody in every picture, or nobody."""

    max_people, identity, skeleton = 1, "doorkeeper", SKELETON

    def __init__(self) -> None:
        self.somebody = False

    def initial_state(self) -> ViewState:
        return ViewState(np.full((1, 4), np.nan), np.full(1, -1), 0, 0)

    def detect(
        self, images: Sequence[ImageArray | None], states: Sequence[ViewState]
    ) -> tuple[list[ViewPoses], list[ViewState]]:
        xy = (
            np.random.default_rng(1).uniform(100, 300, (1, 33, 2))
            if self.somebody
            else np.full((1, 33, 2), np.nan)
        )
        sure = np.where(np.isfinite(xy[..., 0]), 0.95, 0.0)
        view = ViewPoses(xy, np.where(sure > 0, 2.0, np.nan), sure, np.where(sure.any(axis=1), 0, -1))
        return [view for _ in images], list(states)

    def __call__(self, *asked: object) -> tuple[Detector, tuple[str, ...]]:
        return self, ()
