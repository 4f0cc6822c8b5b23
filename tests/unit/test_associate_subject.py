"""The subject is found among bystanders, in whatever slots the detector put people, and can be chosen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration import CameraRig
from mocap.associate import SubjectChoice, associate, choose_subject
from mocap.core.errors import InputError
from mocap.core.types import Poses2D, SyncTable, Tracks2D
from mocap.presets import load_skeleton
from tests.crowd import walking_people

SKELETON = load_skeleton("blazepose33")
FRAMES, SLOTS, RATE_HZ = 40, 3, 30.0


def scene(rig: CameraRig, visible: dict[int, tuple[int, ...]], noise_px: float = 3.0) -> Poses2D:
    """People by number, each in some views, in shuffled slots; ``track`` is the number of the person."""
    rng = np.random.default_rng(3)
    people = walking_people(rng, 2, FRAMES, RATE_HZ)
    xy = np.full((FRAMES, len(rig.cameras), SLOTS, 33, 2), np.nan)
    track = np.full((FRAMES, len(rig.cameras), SLOTS), -1, dtype=np.int64)
    for c, camera in enumerate(rig.cameras):
        for t in range(FRAMES):
            slots = rng.permutation(SLOTS)
            for person, views in visible.items():
                if c in views:
                    pixels, _ = camera.project(people[t, person])
                    xy[t, c, slots[person]] = pixels + rng.normal(size=pixels.shape) * noise_px
                    track[t, c, slots[person]] = person
    score = np.where(np.isfinite(xy[..., 0]), 0.9, 0.0)
    return Poses2D(rig.names, SKELETON, xy, np.where(score > 0, noise_px, np.nan), score, track)


def clock(rig: CameraRig, frames: int = FRAMES) -> SyncTable:
    index = np.broadcast_to(np.arange(frames)[:, None], (frames, len(rig.cameras))).copy()
    return SyncTable.of_one_clock(rig.names, np.arange(frames) / RATE_HZ, index)


def shown(poses: Poses2D, tracks: Tracks2D) -> np.ndarray:
    """Number of the person (T, C, N) whose nose the tracks hold; -1 where there is none."""
    nose = SKELETON.index("nose")[0]
    same = (poses.xy[:, :, None, :, nose] == tracks.xy[:, :, :, None, nose]).all(axis=-1)
    number = np.take_along_axis(poses.track, np.argmax(same, axis=3).reshape(*same.shape[:2], -1), axis=2)
    return np.where(same.any(axis=3), number, -1)


def test_person_in_four_views_wins_over_bystander_in_two(rig: CameraRig) -> None:
    poses = scene(rig, {0: (0, 1, 2, 3), 1: (1, 2)})
    everybody = associate(poses, rig, clock(rig))
    assert everybody.person_ids.tolist() == [0, 1]
    assert (shown(poses, choose_subject(everybody)) == 0).all()


def test_both_are_found_with_one_identity_each(rig: CameraRig) -> None:
    poses = scene(rig, {0: (0, 1, 2, 3), 1: (1, 2)})
    found = shown(poses, associate(poses, rig, clock(rig)))
    columns = [set(np.unique(found[:, :, n])) for n in range(2)]
    assert {frozenset(c - {-1}) for c in columns} == {frozenset({0}), frozenset({1})}


def test_no_hop_to_the_bystander_while_the_subject_is_hidden(rig: CameraRig) -> None:
    poses = scene(rig, {0: (0, 1, 2, 3), 1: (1, 2)})
    hidden = (poses.track == 0) & ((np.arange(FRAMES) >= 15) & (np.arange(FRAMES) < 22))[:, None, None]
    blind = replace(
        poses,
        xy=np.where(hidden[..., None, None], np.nan, poses.xy),
        score=np.where(hidden[..., None], 0.0, poses.score),
        track=np.where(hidden, -1, poses.track),
    )
    picked = shown(poses, choose_subject(associate(blind, rig, clock(rig))))[..., 0]
    assert (picked[:15] == 0).all()
    assert (picked[22:] == 0).all()
    assert (picked[15:22] == -1).all()


def test_the_biggest_and_the_clicked_are_chosen(rig: CameraRig) -> None:
    poses = scene(rig, {0: (0, 1, 2, 3), 1: (1, 2)})
    everybody = associate(poses, rig, clock(rig))
    for person in (0, 1):
        slot = int(np.flatnonzero(poses.track[20, 1] == person)[0])
        x, y = poses.xy[20, 1, slot, SKELETON.index("left_hip")[0]]
        clicked = choose_subject(everybody, SubjectChoice("clicked", "cam_2", 20, (float(x), float(y))))
        assert set(np.unique(shown(poses, clicked))) - {-1} == {person}
    biggest = choose_subject(everybody, SubjectChoice("biggest"))
    number = int(shown(poses, biggest).max())
    size = {
        n: np.nanmean(np.linalg.norm(np.ptp(poses.xy[:, 1:3][poses.track[:, 1:3] == n], axis=-2), axis=-1))
        for n in (0, 1)
    }
    assert number == max(size, key=lambda n: size[n])


def test_a_click_beside_everybody_is_explained(rig: CameraRig) -> None:
    everybody = associate(scene(rig, {0: (0, 1, 2, 3)}), rig, clock(rig))
    with pytest.raises(InputError, match=r"Nobody who was found in 3D is at \(5, 5\)"):
        choose_subject(everybody, SubjectChoice("clicked", "cam_2", 20, (5.0, 5.0)))
    with pytest.raises(InputError, match="no picture 20 of a camera 'cam_9'"):
        choose_subject(everybody, SubjectChoice("clicked", "cam_9", 20, (5.0, 5.0)))


def test_nobody_is_explained(rig: CameraRig) -> None:
    with pytest.raises(InputError, match="Nobody was found in any video"):
        associate(scene(rig, {}), rig, clock(rig))


def test_one_view_is_explained(rig: CameraRig) -> None:
    with pytest.raises(InputError, match="cam_3 only"):
        associate(scene(rig, {0: (2,)}), rig, clock(rig))


def test_swapped_cameras_are_explained(rig: CameraRig) -> None:
    poses = scene(rig, {0: (0, 1)})
    turned = replace(
        poses,
        xy=np.roll(poses.xy, 2, axis=1),
        score=np.roll(poses.score, 2, axis=1),
        track=np.roll(poses.track, 2, axis=1),
    )
    shifted = replace(turned, xy=turned.xy + np.where(np.arange(4) == 2, 200.0, 0.0)[None, :, None, None, None])
    with pytest.raises(InputError, match="no two cameras agree"):
        associate(shifted, rig, clock(rig))
