"""Skeletons are whole, and keypoints go from one to another where they can."""

from itertools import permutations

import numpy as np
import pytest

from mocap.core.mapping import KeypointRules, build_map, map_points, map_poses, map_score, map_sigma
from mocap.core.skeleton import Skeleton
from mocap.core.types import Poses2D
from mocap.presets import load_keypoint_map, load_skeleton, preset_names

COUNTS = {
    "blazepose33": 33,
    "blazepose33_hands": 75,
    "blazepose33_hands_face": 543,
    "coco17": 17,
    "halpe26": 26,
    "body25": 25,
    "body25b": 25,
    "coco_wholebody133": 133,
    "h36m17": 17,
}


@pytest.mark.parametrize("name", COUNTS)
def test_shipped_skeletons_are_whole(name: str) -> None:
    skeleton = load_skeleton(name)
    assert skeleton.name == name
    assert len(skeleton.keypoints) == len(set(skeleton.keypoints)) == COUNTS[name]
    assert len(skeleton.core) == 12
    assert len(skeleton.joints) >= 17
    for left, right in skeleton.mirror:
        assert left != right
    # Nothing with a side is without its partner, and no keypoint has two.
    paired = [k for pair in skeleton.mirror for k in pair]
    assert len(paired) == len(set(paired))
    assert {k for k in skeleton.keypoints if k.startswith(("left_", "right_"))} <= set(paired)


def test_every_shipped_skeleton_is_tested() -> None:
    assert set(preset_names("skeletons")) == set(COUNTS)


def test_published_orders_are_kept() -> None:
    """Positions that the formats' own documentation names."""
    wholebody, body25 = load_skeleton("coco_wholebody133").keypoints, load_skeleton("body25").keypoints
    assert [wholebody.index(k) for k in ("left_heel", "face_00", "left_hand_root", "right_hand_root")] == [
        19,
        23,
        91,
        112,
    ]
    assert wholebody[132] == "right_pinky_finger4"
    assert [body25.index(k) for k in ("neck", "right_wrist", "pelvis", "left_big_toe", "right_heel")] == [
        1,
        4,
        8,
        19,
        24,
    ]
    assert load_skeleton("halpe26").keypoints[17:] == (
        "head_top",
        "neck",
        "pelvis",
        "left_big_toe",
        "right_big_toe",
        "left_small_toe",
        "right_small_toe",
        "left_heel",
        "right_heel",
    )
    assert load_skeleton("h36m17").keypoints[:4] == ("pelvis", "right_hip", "right_knee", "right_ankle")


@pytest.mark.parametrize(("source", "target"), list(permutations(COUNTS, 2)))
def test_core_keypoints_go_from_every_skeleton_to_every_other(source: str, target: str) -> None:
    how = load_keypoint_map(source, target)
    kinds = dict(zip(how.target.keypoints, how.kind, strict=True))
    assert {kinds[k] for k in how.target.core} == {"same"}
    sums = how.weight.sum(axis=1)
    np.testing.assert_allclose(sums[[kind != "none" for kind in how.kind]], 1.0)
    assert (sums[[kind == "none" for kind in how.kind]] == 0.0).all()


def test_means_neighbours_and_what_cannot_be_had() -> None:
    how = load_keypoint_map("coco17", "h36m17")
    kinds = dict(zip(how.target.keypoints, how.kind, strict=True))
    assert kinds["pelvis"] == kinds["spine"] == "derived"
    assert kinds["neck_nose"] == "near"
    assert how.unmapped == ("head_top",)

    xy = np.random.default_rng(0).normal(size=(4, 17, 2))
    found, source = map_points(xy, how), how.source
    np.testing.assert_allclose(found[:, 0], xy[:, source.index("left_hip", "right_hip")].mean(axis=1))
    np.testing.assert_allclose(
        found[:, 7], xy[:, source.index("left_hip", "right_hip", "left_shoulder", "right_shoulder")].mean(axis=1)
    )
    assert np.isnan(found[:, 10]).all()
    assert np.isfinite(np.delete(found, 10, axis=1)).all()


def test_a_mean_of_something_missing_is_missing_and_sigma_adds_up() -> None:
    how = load_keypoint_map("coco17", "h36m17")
    xy, sigma, score = np.ones((17, 2)), np.full(17, 2.0), np.full(17, 0.8)
    left = int(how.source.index("left_hip")[0])
    score[left] = 0.3
    assert map_sigma(sigma, how)[0] == pytest.approx(2.0 / np.sqrt(2.0))
    assert map_sigma(sigma, how)[1] == pytest.approx(2.0)
    assert map_score(score, how)[0] == pytest.approx(0.3)
    xy[left] = np.nan
    found = map_points(xy, how)
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()  # The right hip does not need the left.


def test_poses_are_mapped_whole_and_only_from_their_own_skeleton() -> None:
    how = load_keypoint_map("coco_wholebody133", "blazepose33")
    shape = (2, 3, 1, 133)
    rng = np.random.default_rng(1)
    poses = Poses2D(
        ("a", "b", "c"), how.source, rng.normal(size=(*shape, 2)), np.ones(shape), np.ones(shape),
        np.zeros((2, 3, 1), dtype=np.int64),
    )  # fmt: skip
    found = map_poses(poses, how)
    assert found.skeleton.name == "blazepose33"
    # The knuckle of the index finger and the corner of the eye are theirs.
    for mine, theirs in (("left_index", "left_forefinger1"), ("right_eye_outer", "face_36")):
        np.testing.assert_array_equal(
            found.xy[..., found.skeleton.index(mine)[0], :], poses.xy[..., how.source.index(theirs)[0], :]
        )
    assert how.unmapped == ()
    with pytest.raises(ValueError, match="coco_wholebody133"):
        map_poses(found, how)


def test_rules_may_build_on_rules_and_never_go_in_circles() -> None:
    def skeleton(*names: str) -> Skeleton:
        return Skeleton("s", names, (), (), (), (), ())

    rules = KeypointRules(derived={"c": [["b"]], "b": [["a"], ["c"]]}, near={"d": [["c", "a"]]})
    how = build_map(skeleton("a"), skeleton("d", "c", "z"), rules)
    assert how.kind == ("near", "derived", "none")
    assert build_map(skeleton("z"), skeleton("c"), rules).kind == ("none",)
