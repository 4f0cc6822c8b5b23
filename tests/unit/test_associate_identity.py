"""Pieces of tracks are joined by where people go and by their bones."""

from __future__ import annotations

import numpy as np

from mocap.associate.identity import Ends, joins

BONES = np.array([0.29, 0.26, 0.42, 0.41, 0.5])


def ends(t_s: float, places: list[float], speeds: list[float], sizes: list[float]) -> Ends:
    """People on a line, each with bones of a size."""
    count = len(places)
    centre, speed = np.zeros((count, 3)), np.zeros((count, 3))
    centre[:, 0], speed[:, 0] = places, speeds
    bones = np.array(sizes)[:, None] * BONES
    return Ends(np.full(count, t_s), centre, speed, bones, np.full(bones.shape, 60.0))


def pairs(last: Ends, first: Ends, hidden_s: float = 5.0) -> dict[int, int]:
    before, after = joins(last, first, hidden_s)
    return dict(zip(before.tolist(), after.tolist(), strict=True))


def test_people_of_one_size_are_told_by_where_they_were_going() -> None:
    last = ends(0.0, [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0])
    first = ends(2.0, [1.0, -1.0], [1.0, -1.0], [1.0, 1.0])
    assert pairs(last, first) == {0: 0, 1: 1}


def test_people_who_turned_round_are_told_by_their_bones() -> None:
    last = ends(0.0, [-1.0, 1.0], [1.0, -1.0], [1.0, 1.15])
    first = ends(2.0, [-0.8, 0.8], [-1.0, 1.0], [1.0, 1.15])
    assert pairs(last, first) == {0: 0, 1: 1}
    exchanged = ends(2.0, [-0.8, 0.8], [-1.0, 1.0], [1.15, 1.0])
    assert pairs(last, exchanged) == {0: 1, 1: 0}


def test_somebody_of_another_size_is_somebody_else() -> None:
    last = ends(0.0, [0.0], [0.0], [1.0])
    assert pairs(last, ends(1.0, [0.0], [0.0], [1.0])) == {0: 0}
    assert pairs(last, ends(1.0, [0.0], [0.0], [1.25])) == {}


def test_nobody_flies_or_returns_after_long() -> None:
    last = ends(0.0, [0.0], [0.0], [1.0])
    assert pairs(last, ends(1.0, [4.0], [0.0], [1.0])) == {}
    assert pairs(last, ends(6.0, [0.0], [0.0], [1.0])) == {}
    assert pairs(last, ends(-1.0, [0.0], [0.0], [1.0])) == {}
