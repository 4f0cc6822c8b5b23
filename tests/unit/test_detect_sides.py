"""Sides that a network confused for a while are put right; limbs that pass each other are left alone."""

import numpy as np
import pytest

from mocap.core.types import Poses2D
from mocap.detect.sides import LIMBS, _pairs, steady_sides
from mocap.presets import load_skeleton

SKELETON = load_skeleton("blazepose33")
T = 90
LEGS, ARMS = (_pairs(SKELETON, words) for words in LIMBS)


def walk(seed: int = 0) -> Poses2D:
    """Seen from the side: legs and arms swing against each other and pass every 15 pictures; noise of 1 sigma."""
    rng = np.random.default_rng(seed)
    xy = np.zeros((T, 1, 1, 33, 2))
    xy[..., 1] = 10.0 * np.arange(33)
    xy[..., 0] = 3.0 * np.arange(T)[:, None, None, None]
    swing = 40.0 * np.sin(np.pi * (np.arange(T) + 7.5) / 15.0)
    for pairs, sign in ((LEGS, 1), (ARMS, -1)):
        xy[:, 0, 0, pairs[:, 0], 0] += sign * swing[:, None]
        xy[:, 0, 0, pairs[:, 1], 0] -= sign * swing[:, None]
        xy[:, 0, 0, pairs[:, 1], 1] = xy[:, 0, 0, pairs[:, 0], 1]
    xy += rng.normal(scale=2.0, size=xy.shape)
    ones = np.ones(xy.shape[:-1])
    return Poses2D(("a",), SKELETON, xy, 2.0 * ones, 0.9 * ones, np.zeros((T, 1, 1), dtype=np.int64))


def confuse(poses: Poses2D, pairs: np.ndarray, frames: slice) -> None:
    part = poses.xy[frames, 0, 0]
    part[:, pairs] = part[:, pairs[:, ::-1]]
    poses.xy[frames, 0, 0] = part


ALL = np.ones((T, 1, 1), dtype=bool)


def test_the_limbs_are_whole_and_share_nothing() -> None:
    names = [{SKELETON.keypoints[k] for k in pairs[:, 0]} for pairs in (LEGS, ARMS)]
    assert names[0] == {"left_hip", "left_knee", "left_ankle", "left_heel", "left_foot_index"}
    assert {"left_shoulder", "left_elbow", "left_wrist", "left_index"} <= names[1]
    assert not names[0] & names[1]


@pytest.mark.parametrize("seed", range(5))
def test_a_walk_seen_rightly_is_left_alone(seed: int) -> None:
    given = walk(seed)
    np.testing.assert_array_equal(steady_sides(given, ALL).xy, given.xy)


@pytest.mark.parametrize("frames", [slice(20, 21), slice(30, 55), slice(0, 12), slice(70, T)])
def test_legs_taken_for_each_other_are_put_right(frames: slice) -> None:
    true, given = walk(), walk()
    confuse(given, LEGS, frames)
    before = given.xy.copy()
    mended = steady_sides(given, ALL)
    np.testing.assert_array_equal(mended.xy, true.xy)
    np.testing.assert_array_equal(given.xy, before)


def test_each_limb_is_judged_by_itself_and_only_looks_count() -> None:
    true, given = walk(), walk()
    confuse(given, ARMS, slice(40, 50))
    confuse(given, LEGS, slice(45, 60))
    looked = ALL.copy()
    looked[[43, 48]] = False  # foreseen, wrongly, and nobody's evidence
    given.xy[[43, 48]] = -1000.0
    mended = steady_sides(given, looked)
    np.testing.assert_array_equal(mended.xy[looked], true.xy[looked])
    assert (mended.xy[[43, 48]] == -1000.0).all()


def test_missing_keypoints_decide_nothing() -> None:
    given = walk()
    given.xy[10:20, :, :, LEGS[:3].ravel()] = np.nan
    mended = steady_sides(given, ALL)
    np.testing.assert_array_equal(mended.xy, given.xy)
