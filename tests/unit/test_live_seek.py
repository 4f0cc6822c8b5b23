"""Somebody who was lost is searched for again soon, however seldom the detector searches by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mocap.core.types import ImageArray
from mocap.detect import ViewPoses, ViewState
from mocap.pipeline.live import LiveSetup
from mocap.pipeline.live.seek import OVERDUE, SEEK_S, Seeker
from tests.live_rig import KnowingDetector, maker
from tests.unit.test_live_session import MOTION, RATE_HZ, RIG, cameras, frames_of, run, settings

LOST_AT, SEARCH_INTERVAL = 30, 60


def state(track: int, since: int = 3) -> ViewState:
    return ViewState(np.full((1, 4), np.nan), np.array([track]), 0, since)


def test_empty_views_are_reminded_of_in_turn() -> None:
    seeker, reminded = Seeker(3), []
    states = [state(-1), state(5), state(-1)]
    for t_s in np.arange(0.0, 2.0, 0.1):
        after = seeker.reminded(states, float(t_s))
        reminded.append([i for i, one in enumerate(after) if one.frames_since_search == OVERDUE])
    assert all(len(chosen) <= 1 for chosen in reminded)
    assert reminded[:2] == [[0], [2]]
    counts = [sum(chosen == [i] for chosen in reminded) for i in range(3)]
    assert counts == [4, 0, 4]  # each half second; never the view that shows somebody
    assert SEEK_S == 0.5


class Forgetful(KnowingDetector):
    """Loses everybody at some pictures, and searches again only after 60 more."""

    def detect(
        self, images: Sequence[ImageArray | None], states: Sequence[ViewState]
    ) -> tuple[list[ViewPoses], list[ViewState]]:
        found, _ = super().detect(images, states)
        after = []
        for i, (image, before) in enumerate(zip(images, states, strict=True)):
            index = int(image[0, 0, 0]) * 256 + int(image[0, 0, 1]) if image is not None else 0
            there = before.track[0] >= 0 or before.frames_since_search + 1 >= SEARCH_INTERVAL
            there = there and not LOST_AT <= index < LOST_AT + 6
            if not there:
                nothing = np.full_like(found[i].xy, np.nan)
                found[i] = replace(found[i], xy=nothing, score=nothing[..., 0], track=np.full(1, -1))
            after.append(state(0 if there else -1, 0 if there else before.frames_since_search + 1))
        return found, after

    def initial_state(self) -> ViewState:
        return state(-1, SEARCH_INTERVAL)


def test_somebody_who_was_lost_is_found_within_a_second() -> None:
    _, events = run(LiveSetup(RIG, settings(), make_detector=maker(Forgetful(MOTION, RIG))), sources := cameras())
    frames = frames_of(events)
    index = np.array([round((frame.t_ns - sources[0].start_ns[0]) * RATE_HZ / 1e9) for frame in frames])
    seen = np.array([bool(frame.people) for frame in frames])
    lost = index[~seen & (index >= LOST_AT)]
    assert len(lost) > 0
    assert lost.max() < LOST_AT + 1.0 * RATE_HZ
    assert seen[index >= LOST_AT + RATE_HZ].all()
