"""The subject is found among bystanders, in whatever slots the detector put people."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration import CameraRig
from mocap.associate import select_subject
from mocap.core.errors import InputError
from mocap.core.types import Poses2D
from mocap.presets import load_skeleton

SKELETON = load_skeleton("blazepose33")
FRAMES, SLOTS = 40, 3


def body(rng: np.random.Generator, where: tuple[float, float], stride: float) -> np.ndarray:
    """A walking cloud of keypoints (T, 33, 3)."""
    shape = rng.uniform([-0.3, -0.3, 0.0], [0.3, 0.3, 1.8], size=(33, 3))
    drift = np.linspace(0, stride, FRAMES)[:, None] * np.array([1.0, 0.3, 0.0])
    return shape[None] + drift[:, None] + np.array([*where, 0.0])


def scene(
    rig: CameraRig, visible: dict[int, tuple[int, ...]], noise_px: float = 4.0
) -> tuple[Poses2D, np.ndarray]:
    """People by number, each in some views, in shuffled slots; returns poses and the slot of each (T, C, 2)."""
    rng = np.random.default_rng(3)
    people = {0: body(rng, (0.0, 0.0), 0.8), 1: body(rng, (1.0, -0.8), -0.3)}
    xy = np.full((FRAMES, len(rig.cameras), SLOTS, 33, 2), np.nan)
    track = np.full((FRAMES, len(rig.cameras), SLOTS), -1, dtype=np.int64)
    slot_of = np.full((FRAMES, len(rig.cameras), 2), -1, dtype=np.int64)
    for c, camera in enumerate(rig.cameras):
        for t in range(FRAMES):
            slots = rng.permutation(SLOTS)
            for person, views in visible.items():
                if c in views:
                    pixels, _ = camera.project(people[person][t])
                    xy[t, c, slots[person]] = pixels + rng.normal(size=pixels.shape) * noise_px
                    track[t, c, slots[person]] = person
                    slot_of[t, c, person] = slots[person]
    score = np.where(np.isfinite(xy[..., 0]), 0.9, 0.0)
    return Poses2D(rig.names, SKELETON, xy, np.where(score > 0, 4.0, np.nan), score, track), slot_of


def chosen(poses: Poses2D, xy: np.ndarray) -> np.ndarray:
    """Person number that was chosen per frame and view; -1 where none."""
    same = (poses.xy == xy[:, :, :1]).all(axis=(-1, -2))
    return np.where(
        same.any(axis=2), np.take_along_axis(poses.track, np.argmax(same, axis=2)[..., None], 2)[..., 0], -1
    )


def test_person_in_four_views_wins_over_bystander_in_two(rig: CameraRig) -> None:
    poses, _ = scene(rig, {0: (0, 1, 2, 3), 1: (1, 2)})
    tracks = select_subject(poses, rig)
    assert (chosen(poses, tracks.xy) == 0).all()


def test_no_hop_to_the_bystander_while_the_subject_is_hidden(rig: CameraRig) -> None:
    poses, slot_of = scene(rig, {0: (0, 1, 2, 3), 1: (1, 2)})
    xy, score, track = poses.xy.copy(), poses.score.copy(), poses.track.copy()
    for t in range(15, 22):
        for c in range(4):
            xy[t, c, slot_of[t, c, 0]], score[t, c, slot_of[t, c, 0]], track[t, c, slot_of[t, c, 0]] = (
                np.nan,
                0,
                -1,
            )
    tracks = select_subject(replace(poses, xy=xy, score=score, track=track), rig)
    picked = chosen(poses, tracks.xy)
    assert (picked[:15] == 0).all()
    assert (picked[22:] == 0).all()
    assert (picked[15:22] == -1).all()


def test_nobody_is_explained(rig: CameraRig) -> None:
    poses, _ = scene(rig, {})
    with pytest.raises(InputError, match="Nobody was found in any video"):
        select_subject(poses, rig)


def test_one_view_is_explained(rig: CameraRig) -> None:
    poses, _ = scene(rig, {0: (2,)})
    with pytest.raises(InputError, match="cam_3 only"):
        select_subject(poses, rig)


def test_swapped_cameras_are_explained(rig: CameraRig) -> None:
    poses, _ = scene(rig, {0: (0, 1)})
    turned = replace(
        poses,
        xy=np.roll(poses.xy, 2, axis=1),
        score=np.roll(poses.score, 2, axis=1),
        track=np.roll(poses.track, 2, axis=1),
    )
    shifted = replace(turned, xy=turned.xy + np.where(np.arange(4) == 2, 200.0, 0.0)[None, :, None, None, None])
    with pytest.raises(InputError, match="no two cameras agree"):
        select_subject(shifted, rig)
