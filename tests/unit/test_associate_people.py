"""Many people: identities, left and right, ghosts, doubled and mixed-up detections, one frame at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration import CameraRig
from calibration.transforms import from_rotation
from mocap.associate import associate, associate_frame, initial_state
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, IntArray, Poses2D, SyncTable, Tracks2D
from tests.crowd import make_crowd

RATE_HZ = 30.0
Scene = tuple[Poses2D, CameraRig, SyncTable, FloatArray, IntArray]


@pytest.fixture(scope="module")
def crossing() -> Scene:
    """Four people for eight seconds, as hard as a detector makes it."""
    return make_crowd(seed=4, seconds=8.0)


def without(poses: Poses2D, gone: np.ndarray) -> Poses2D:
    """The same without some candidates (T, C, P)."""
    return replace(
        poses,
        xy=np.where(gone[..., None, None], np.nan, poses.xy),
        sigma_px=np.where(gone[..., None], np.nan, poses.sigma_px),
        score=np.where(gone[..., None], 0.0, poses.score),
        track=np.where(gone, -1, poses.track),
    )


def owners(tracks: Tracks2D, poses: Poses2D, ids: IntArray, people: int = 4) -> IntArray:
    """How many keypoints of each track in each frame are from detections of each person (T, N, M)."""
    counts = np.zeros((tracks.xy.shape[0], tracks.person_ids.size, people), dtype=np.int64)
    for n in range(tracks.person_ids.size):
        # A keypoint of a track is found again by its place, under its own name or another.
        same = (tracks.xy[:, :, n, None, :, None] == poses.xy[:, :, :, None]).all(axis=-1).any(axis=-1)
        for person in range(people):
            counts[:, n, person] = (same & (ids == person)[..., None]).sum(axis=(1, 2, 3))
    return counts


def identities(tracks: Tracks2D, poses: Poses2D, ids: IntArray) -> list[int]:
    """The true person of each track; fails where more than 1 % of its keypoints are from others."""
    counts = owners(tracks, poses, ids).sum(axis=0)
    for n, row in enumerate(counts):
        assert row.max() >= 0.99 * row.sum(), f"track {n} shows {row}"
    return [int(person) for person in np.argmax(counts, axis=1)]


def wrong_share(
    tracks: Tracks2D, person: list[int], rig: CameraRig, truth: FloatArray, limit_px: float = 40.0
) -> float:
    """Share of the core keypoints of tracks that are not where the person's are."""
    core = tracks.skeleton.core_index
    pixels = np.moveaxis(rig.project(truth)[0], 0, 1)[:, :, person]
    apart = np.linalg.norm(tracks.xy - pixels, axis=-1)[..., core]
    return float(np.mean(apart[np.isfinite(apart)] > limit_px))


def test_four_people_who_cross_keep_their_identities(crossing: Scene) -> None:
    poses, rig, sync, truth, ids = crossing
    tracks = associate(poses, rig, sync)
    who = identities(tracks, poses, ids)
    assert sorted(who) == [0, 1, 2, 3]
    # Of the detections nearly all are somebody's; 10 % have left and right exchanged, and a forearm is 40 px.
    kept = np.isfinite(tracks.xy[..., 0]).sum() / np.isfinite(poses.xy[..., 0]).sum()
    assert kept > 0.97
    assert wrong_share(tracks, who, rig, truth) < 0.004


def test_swapped_sides_would_be_seen(crossing: Scene) -> None:
    """Half of the swapped keypoints are further off than the limit of the test above: it can fail."""
    poses, rig, _, truth, ids = crossing
    pixels = np.moveaxis(rig.project(truth)[0], 0, 1)
    mine = np.take_along_axis(pixels, np.maximum(ids, 0)[..., None, None], axis=2)
    apart = np.linalg.norm(poses.xy - mine, axis=-1)[..., poses.skeleton.core_index]
    apart = apart[(ids >= 0)[..., None] & np.isfinite(apart)]
    assert np.mean(apart > 40.0) > 0.015


def test_numbers_of_the_views_may_be_nonsense(crossing: Scene) -> None:
    poses, rig, sync, _, ids = crossing
    random = np.random.default_rng(0).integers(0, 9, poses.track.shape)
    tracks = associate(replace(poses, track=np.where(poses.track >= 0, random, -1)), rig, sync)
    assert sorted(identities(tracks, poses, ids)) == [0, 1, 2, 3]


def test_two_seconds_out_of_sight_and_a_late_bystander(crossing: Scene) -> None:
    poses, rig, sync, _, ids = crossing
    time = np.arange(ids.shape[0])[:, None, None] / RATE_HZ
    gone = ((ids == 0) & (time > 3.0) & (time < 5.0)) | ((ids == 3) & (time < 4.0))
    tracks = associate(without(poses, gone), rig, sync)
    who = identities(tracks, poses, ids)
    assert sorted(who) == [0, 1, 2, 3]
    assert who[-1] == 3, "people are in the order of their appearance"
    shown = np.asarray(np.isfinite(tracks.xy[:, :, who.index(0), :, 0]).any(axis=(1, 2)))
    assert shown[:80].mean() > 0.97
    assert not shown[95:145].any()
    assert shown[165:].mean() > 0.97


def test_doubled_detections_make_no_second_person(crossing: Scene) -> None:
    poses, rig, sync, _, ids = crossing
    rng = np.random.default_rng(1)
    twice = rng.random(poses.track.shape) < 0.3
    copy = without(replace(poses, xy=poses.xy + rng.normal(size=poses.xy.shape) * 8.0), ~twice)
    both = replace(
        poses,
        xy=np.concatenate([poses.xy, copy.xy], axis=2),
        sigma_px=np.concatenate([poses.sigma_px, copy.sigma_px], axis=2),
        score=np.concatenate([poses.score, copy.score], axis=2),
        track=np.concatenate([poses.track, np.where(copy.track >= 0, copy.track + 100, -1)], axis=2),
    )
    who = identities(associate(both, rig, sync), both, np.concatenate([ids, ids], axis=2))
    assert sorted(who) == [0, 1, 2, 3]


def test_an_arm_of_another_is_left_out() -> None:
    poses, rig, sync, truth, ids = make_crowd(seed=4, seconds=4.0, swap_share=0.0)
    skeleton = poses.skeleton
    arm = skeleton.index("left_elbow", "left_wrist", "left_index", "left_pinky", "left_thumb")
    rng = np.random.default_rng(2)
    xy = poses.xy.copy()
    given = (rng.random(ids.shape) < 0.2) & (ids >= 0)
    xy[..., arm, :] = np.where(given[..., None, None], np.roll(poses.xy[..., arm, :], 1, axis=2), xy[..., arm, :])
    mixed = replace(
        poses, xy=xy, score=np.where(np.isfinite(xy[..., 0]), 0.9, 0.0), sigma_px=np.full(xy.shape[:-1], 5.0)
    )
    limit = 100.0  # px: half of an arm, and well within reach of the person next to it
    pixels = np.moveaxis(rig.project(truth)[0], 0, 1)
    mine = np.take_along_axis(pixels, np.maximum(ids, 0)[..., None, None], axis=2)
    before = np.linalg.norm(xy - mine, axis=-1)[..., skeleton.core_index][ids >= 0]
    assert np.mean(before[np.isfinite(before)] > limit) > 0.015
    tracks = associate(mixed, rig, sync)
    who = [int(n) for n in np.argmax(owners(tracks, poses, ids).sum(axis=0), axis=1)]
    assert sorted(who) == [0, 1, 2, 3]
    assert wrong_share(tracks, who, rig, truth, limit) < 0.0005


def test_a_body_in_two_halves_in_a_view_is_one_person(crossing: Scene) -> None:
    poses, rig, sync, _, ids = crossing
    of_legs = ("hip", "knee", "ankle", "foot", "heel")
    lower = np.array([any(word in k for word in of_legs) for k in poses.skeleton.keypoints])
    cut = (np.random.default_rng(3).random(poses.track.shape) < 0.3) & (poses.track >= 0)

    def half(kept: np.ndarray) -> Poses2D:
        return replace(
            poses, xy=np.where(kept[..., None], poses.xy, np.nan), score=np.where(kept, poses.score, 0.0)
        )

    parts = [half(~(cut[..., None] & lower)), half(cut[..., None] & lower)]
    halves = replace(
        poses,
        xy=np.concatenate([p.xy for p in parts], axis=2),
        score=np.concatenate([p.score for p in parts], axis=2),
        sigma_px=np.concatenate([poses.sigma_px] * 2, axis=2),
        track=np.concatenate([poses.track, np.where(cut, poses.track + 100, -1)], axis=2),
    )
    tracks = associate(halves, rig, sync)
    assert sorted(identities(tracks, halves, np.concatenate([ids, ids], axis=2))) == [0, 1, 2, 3]
    # 73 % if nothing is taken from the second halves.
    kept = np.isfinite(tracks.xy[..., lower, 0]).sum()
    assert kept > 0.84 * np.isfinite(poses.xy[..., lower, 0]).sum()


def test_other_skeletons_without_scores(crossing: Scene) -> None:
    poses, rig, sync, truth, ids = crossing
    names = ("nose", *poses.skeleton.core)
    pairs = tuple(p for p in poses.skeleton.mirror if p[0] in names)
    bones = tuple(b for b in poses.skeleton.bones if b[0] in names and b[1] in names)
    skeleton = Skeleton("thirteen", names, bones, pairs, poses.skeleton.core, (), ())
    k = poses.skeleton.index(*names)
    there = np.isfinite(poses.xy[..., k, 0])
    score, sigma = np.where(there, 1.0, 0.0), np.full(there.shape, np.nan)
    bare = Poses2D(poses.cameras, skeleton, poses.xy[..., k, :], sigma, score, poses.track)
    tracks = associate(bare, rig, sync)
    who = identities(tracks, bare, ids)
    assert sorted(who) == [0, 1, 2, 3]
    assert wrong_share(tracks, who, rig, truth[:, :, k]) < 0.004


def test_a_person_seen_the_wrong_way_round_at_first() -> None:
    """Most views begin with left and right exchanged; what follows puts the beginning right."""
    poses, rig, sync, truth, _ = make_crowd(seed=2, people=1, seconds=4.0, swap_share=0.0, miss_share=0.0)
    mirror = np.arange(33)
    for left, right in poses.skeleton.mirror:
        a, b = poses.skeleton.index(left, right)
        mirror[[a, b]] = b, a
    early = (np.arange(poses.xy.shape[0]) < 6)[:, None] & np.array([True, True, True, False, False])
    xy = np.where(early[..., None, None, None], poses.xy[..., mirror, :], poses.xy)
    tracks = associate(replace(poses, xy=xy), rig, sync)
    assert wrong_share(tracks, [0], rig, truth) < 0.004


def test_a_poor_calibration_keeps_people_whole() -> None:
    poses, rig, sync, _, ids = make_crowd(seed=1, seconds=4.0)
    rng = np.random.default_rng(0)
    bent = []
    for camera in rig.cameras:
        axis = rng.normal(size=3)
        angle = np.deg2rad(0.5) * axis / np.linalg.norm(axis)  # 10 px
        skew = np.array([[0, -angle[2], angle[1]], [angle[2], 0, -angle[0]], [-angle[1], angle[0], 0]])
        u, _, vt = np.linalg.svd(np.eye(3) + skew)
        bent.append(replace(camera, cam_from_world=from_rotation(u @ vt, np.zeros(3)) @ camera.cam_from_world))
    tracks = associate(poses, CameraRig(tuple(bent)), sync)
    assert sorted(identities(tracks, poses, ids)) == [0, 1, 2, 3]
    assert np.isfinite(tracks.xy[..., 0]).sum() > 0.94 * np.isfinite(poses.xy[..., 0]).sum()


def test_two_views_of_two_people_make_no_ghost() -> None:
    """Each of two people in one camera only: whatever body their views make, nobody is reported for long."""
    poses, rig, sync, _, ids = make_crowd(seed=3, people=3, seconds=6.0)
    camera = np.arange(5)[:, None]
    alone = ((ids == 1) & (camera != 0)) | ((ids == 2) & (camera != 2))
    tracks = associate(without(poses, alone), rig, sync)
    # Person 0 is seen by all; the others by one camera each, which is no 3D.
    assert identities(tracks, poses, ids) == [0]


def test_one_frame_at_a_time_gives_the_same_people(crossing: Scene) -> None:
    poses, rig, sync, _, ids = crossing
    time = np.arange(ids.shape[0])[:, None, None] / RATE_HZ
    hidden = without(poses, (ids == 1) & (time > 3.0) & (time < 5.0))
    state = initial_state(poses.skeleton, rig)
    found: dict[int, set[int]] = {}
    shown = np.zeros(4)
    for t in range(ids.shape[0]):
        one = replace(
            hidden, **{name: getattr(hidden, name)[t : t + 1] for name in ("xy", "sigma_px", "score", "track")}
        )
        state, tracks = associate_frame(state, one, rig, float(sync.t_s[t]))
        for n, row in enumerate(owners(tracks, one, ids[t : t + 1])[0]):
            assert row.max() >= 0.9 * row.sum()
            person = int(np.argmax(row))
            found.setdefault(int(tracks.person_ids[n]), set()).add(person)
            shown[person] += 1
    assert sorted(found) == [0, 1, 2, 3]
    assert all(len(people) == 1 for people in found.values())
    assert (shown > [0.9 * 240, 0.9 * 180 - 12, 0.9 * 240, 0.9 * 240]).all()


def test_a_frame_out_of_turn_is_refused(crossing: Scene) -> None:
    poses, rig, _, _, _ = crossing
    one = replace(poses, **{name: getattr(poses, name)[:1] for name in ("xy", "sigma_px", "score", "track")})
    state, _ = associate_frame(initial_state(poses.skeleton, rig), one, rig, 1.0)
    with pytest.raises(ValueError, match="later than the one before"):
        associate_frame(state, one, rig, 1.0)
