from __future__ import annotations

import numpy as np
import pytest

from mocap.core.errors import InputError
from mocap.poseio import View, from_poses, own_skeleton, skeleton_of, to_poses
from mocap.presets import load_skeleton

BLAZEPOSE = load_skeleton("blazepose33")


def view(camera: str, frames: int, people: int = 1, keypoints: tuple[str, ...] | int = 33) -> View:
    count = keypoints if isinstance(keypoints, int) else len(keypoints)
    xy = np.random.default_rng(len(camera)).uniform(0, 500, (frames, people, count, 2))
    return View(camera, keypoints, xy, np.ones(xy.shape[:-1]), np.zeros(xy.shape[:2], dtype=np.int64))


def test_frames_go_to_their_instants_and_nowhere_else() -> None:
    views = (view("a", 5), view("bb", 3, people=2))
    index = np.array([[0, -1], [1, 0], [2, 1], [4, 2], [-1, 7]])
    poses = to_poses(views, BLAZEPOSE, ("a", "bb"), index)
    assert poses.xy.shape == (5, 2, 2, 33, 2)
    np.testing.assert_array_equal(poses.xy[3, 0, 0], views[0].xy[4, 0])
    np.testing.assert_array_equal(poses.xy[2, 1], views[1].xy[1])
    assert np.isnan(poses.xy[0, 1]).all()
    assert np.isnan(poses.xy[4]).all()
    assert (poses.track[4] == -1).all()
    assert (poses.track[:4, 0, 1] == -1).all()
    np.testing.assert_array_equal(from_poses(poses)[1].xy[3], views[1].xy[2])


def test_uncertainty_follows_the_size_of_the_person_and_the_score() -> None:
    small, large = view("a", 1), view("a", 1)
    large = View("a", 33, small.xy * 4, small.score, small.track)
    doubted = View("a", 33, small.xy, small.score * 0.5, small.track)
    sigma = [to_poses((v,), BLAZEPOSE, ("a",), np.array([[0]])).sigma_px for v in (small, large, doubted)]
    np.testing.assert_allclose(sigma[1], 4 * sigma[0])
    np.testing.assert_allclose(sigma[2], 2 * sigma[0])
    assert 3 < sigma[0].mean() < 10


def test_a_skeleton_is_found_by_number_or_by_names() -> None:
    assert skeleton_of((view("a", 1),)).name == "blazepose33"
    named = tuple(name.upper().replace("_", " ") for name in BLAZEPOSE.keypoints)
    assert skeleton_of((view("a", 1, keypoints=named),)).name == "blazepose33"
    assert skeleton_of((view("a", 1, keypoints=("snout", "tail")),)).keypoints == ("snout", "tail")
    with pytest.raises(InputError, match="No skeleton has 7 keypoints"):
        skeleton_of((view("a", 1, keypoints=7),))
    with pytest.raises(InputError, match="has 33 keypoints, the detections have 7"):
        skeleton_of((view("a", 1, keypoints=7),), "blazepose33")
    with pytest.raises(InputError, match="different keypoints"):
        skeleton_of((view("a", 1), view("b", 1, keypoints=7)))


def test_partners_are_read_from_the_names() -> None:
    skeleton = own_skeleton(
        ("l_paw", "r_paw", "leftEar", "rightEar", "LHip", "RHip", "tail_L", "tail_R", "lip", "rip")
    )
    assert skeleton.mirror == (("l_paw", "r_paw"), ("leftEar", "rightEar"), ("LHip", "RHip"), ("tail_L", "tail_R"))
