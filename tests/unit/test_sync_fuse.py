"""Statements about pairs of clocks, joined, or refused."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from mocap.core.errors import InputError
from mocap.sync.clocks import Link, Method
from mocap.sync.fuse import fuse

CAMERAS = ("a", "b", "c", "d")
OFFSET = dict(zip(CAMERAS, (0.0, 0.5, -2.0, 30.0), strict=True))
RATE = dict(zip(CAMERAS, (1.0, 1.0, 1.0 + 5e-5, 1000 / 1001), strict=True))


def link(
    first: str, second: str, method: Method, at: float, error: float, sigma: float, drift: bool = True
) -> Link:
    """A statement that is off by ``error`` s, at ``at`` of the common clock."""
    here, there = (OFFSET[n] + RATE[n] * at for n in (first, second))
    told = (RATE[second] / RATE[first] - 1.0, 1e-5) if drift else (np.nan, np.nan)
    return Link(method, first, second, here, there - here + error, sigma, *told)


def all_pairs(method: Method, sigma: float, seed: int = 0, cameras: tuple[str, ...] = CAMERAS) -> list[Link]:
    rng = np.random.default_rng(seed)
    return [
        link(i, j, method, float(rng.uniform(5, 60)), float(rng.normal(0, sigma)), sigma)
        for i, j in combinations(cameras, 2)
    ]


def test_exact_statements_give_the_clocks_back() -> None:
    clocks = fuse(CAMERAS, all_pairs("geometry", 1e-6)).clocks
    np.testing.assert_allclose(clocks.offset_s, list(OFFSET.values()), atol=1e-3)
    np.testing.assert_allclose(clocks.rate, list(RATE.values()), atol=2e-5)
    t = np.array([33.0])
    for c, name in enumerate(CAMERAS):
        own = OFFSET[name] + RATE[name] * t
        np.testing.assert_allclose(clocks.to_common(c, own), t, atol=2e-4)
        np.testing.assert_allclose(clocks.from_common(c, clocks.to_common(c, own)), own)


def test_the_stated_error_is_honest() -> None:
    scores = []
    for seed in range(120):
        clocks = fuse(CAMERAS, all_pairs("light", 0.004, seed)).clocks
        for c, name in enumerate(CAMERAS[1:], start=1):
            truth = OFFSET[name] + RATE[name] * clocks.at_s[c]
            scores.append((clocks.from_common(c, clocks.at_s[[c]])[0] - truth) / clocks.sigma_s[c])
    assert np.sqrt(np.mean(np.square(scores))) == pytest.approx(1.0, abs=0.2)


def test_a_single_clap_leaves_the_drift_to_the_crystals() -> None:
    links = [link("a", name, "light", 10.0, 0.0, 1e-3, drift=False) for name in "bc"]
    clocks = fuse(("a", "b", "c"), links).clocks
    assert clocks.rate_sigma[1] == pytest.approx(1e-4, rel=0.05)
    near, far = clocks.sigma_at(1, np.array([10.0, 1010.0]))
    assert near == pytest.approx(1e-3, rel=0.1)
    assert far == pytest.approx(0.1, rel=0.1)


def test_a_file_that_says_30_for_2997_is_named() -> None:
    found = fuse(CAMERAS, all_pairs("geometry", 1e-3))
    assert len(found.notes) == 1
    assert "'d' runs 0.100 % slow" in found.notes[0]
    assert "holds 29.970" in found.notes[0]


def test_a_wrong_statement_is_found_around_the_rings() -> None:
    links = all_pairs("geometry", 1e-3)
    links[4] = replace(links[4], offset_s=links[4].offset_s + 0.05)
    found = fuse(CAMERAS, links)
    assert found.left_out == (links[4],)
    assert "contradicts" in found.notes[0]
    np.testing.assert_allclose(found.clocks.offset_s, list(OFFSET.values()), atol=5e-3)


def test_a_microphone_that_lags_gives_way_to_the_pictures() -> None:
    sound = [
        replace(one, offset_s=one.offset_s + 0.2 * ((one.second == "c") - (one.first == "c")))
        for one in all_pairs("sound", 1e-4)
    ]
    found = fuse(CAMERAS, [*sound, *all_pairs("geometry", 1e-3, 1)])
    assert {one.method for one in found.left_out} == {"sound"}
    assert all("c" in (one.first, one.second) for one in found.left_out)
    assert found.clocks.offset_s[2] == pytest.approx(OFFSET["c"], abs=5e-3)


def test_sound_within_its_travel_is_no_contradiction() -> None:
    sound = [replace(one, offset_s=one.offset_s + 0.006) for one in all_pairs("sound", 1e-4, cameras=("a", "b"))]
    found = fuse(("a", "b"), [*sound, *all_pairs("geometry", 5e-4, 1, ("a", "b"))])
    assert not found.left_out
    assert found.clocks.offset_s[1] == pytest.approx(0.5, abs=2e-3)


def test_a_contradiction_that_nothing_settles_is_refused() -> None:
    links = all_pairs("geometry", 1e-3, cameras=("a", "b", "c"))
    links[1] = replace(links[1], offset_s=links[1].offset_s + 0.1)
    with pytest.raises(InputError, match="nothing tells which of it is wrong"):
        fuse(("a", "b", "c"), links)


def test_a_camera_that_nothing_ties_is_named() -> None:
    with pytest.raises(InputError, match="clock of 'c', 'd' runs against that of 'a'"):
        fuse(CAMERAS, [link("a", "b", "sound", 1.0, 0.0, 1e-3), link("c", "d", "sound", 1.0, 0.0, 1e-3)])
