"""Corrections: as statements, on disk, applied to tracks, solved around them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration import CameraRig
from mocap.core.errors import InputError, SessionError
from mocap.core.measures import Event
from mocap.core.types import Points3D, SyncTable, Take, Tracks2D
from mocap.fit import local
from mocap.fit.chain import Placed, Pose
from mocap.fit.evidence import point_evidence
from mocap.pipeline.edits.apply import applied, by_hand, exchanged
from mocap.pipeline.edits.events import edited_events
from mocap.pipeline.edits.files import EditFile, check_fits, edits_key, read_edits, write_edits
from mocap.pipeline.edits.kinds import (
    AddEvent,
    ChooseSubject,
    DeleteEvent,
    Edits,
    ExchangePeople,
    MaskCamera,
    MoveEvent,
    MovePoint,
    RemovePoint,
    SwapSides,
)
from mocap.pipeline.edits.resolve import Prepared, Solved, changed_rows, doubts_of, prepare, resolve
from mocap.pipeline.findings import angles_of, mass_centre_of
from mocap.pipeline.fitting import body_of, clean
from mocap.pipeline.settings import load_settings
from mocap.triangulate import triangulate
from tests.conftest import ring_rig
from tests.factories import make_motion, points_of

FRAMES, RATE_HZ = 240, 60.0
MIDDLE = 120
WRONG = range(110, 131)
KNEE, OTHER_KNEE = "left_knee", "right_knee"


def tracks_of(points: Points3D, rig: CameraRig, noise_px: float = 0.7) -> Tracks2D:
    """What all cameras see of moving points, with a little noise."""
    xy = np.stack([camera.project(points.xyz)[0] for camera in rig.cameras], axis=1)
    xy = xy + np.random.default_rng(5).normal(size=xy.shape) * noise_px
    shape = xy.shape[:-1]
    ids = np.arange(shape[2]) + 3
    return Tracks2D(rig.names, points.skeleton, xy, np.full(shape, 1.0), np.full(shape, 0.9), ids)


def misread(tracks: Tracks2D, cameras: tuple[int, ...] = (0, 1, 2)) -> Tracks2D:
    """Some cameras take the right knee for the left one for a while, as when legs cross."""
    xy = tracks.xy.copy()
    (left,), (right,) = tracks.skeleton.index(KNEE), tracks.skeleton.index(OTHER_KNEE)
    for c in cameras:
        xy[WRONG, c, 0, left] = xy[WRONG, c, 0, right]
    return replace(tracks, xy=xy)


@pytest.fixture(scope="module")
def truth() -> Points3D:
    return points_of(make_motion(FRAMES, RATE_HZ))


def solved(tracks: Tracks2D, rig: CameraRig, spikes_s: float = 0.0) -> Solved:
    """A run of such tracks."""
    settings = load_settings("fast")
    settings = settings.model_copy(
        update={"fit": settings.fit.model_copy(update={"cutoff_hz": 6.0, "spikes_s": spikes_s})}
    )
    t_s = np.arange(len(tracks.xy)) / RATE_HZ
    frames = np.tile(np.arange(len(t_s))[:, None], len(rig.cameras))
    sync = SyncTable.of_one_clock(rig.names, t_s, frames)
    measured = triangulate(tracks, rig, settings.triangulate.as_stage())
    points = clean(measured, RATE_HZ, settings.fit)
    motion = body_of(measured, RATE_HZ, settings.fit)
    angles, mass = angles_of(points, motion, RATE_HZ), mass_centre_of(motion, settings.kinematics)
    people = tuple(f"p{n}" for n in range(tracks.xy.shape[2]))
    take = Take("walk", t_s, RATE_HZ, people, points, angles, motion, mass)
    return Solved(settings, rig, sync, tracks, (), tracks, measured, take)


@pytest.fixture(scope="module")
def wrong(truth: Points3D) -> Prepared:
    rig = ring_rig()
    return prepare(solved(misread(tracks_of(truth, rig)), rig))


def drags(truth: Points3D, rig: CameraRig, instant: int, cameras: tuple[int, ...]) -> Edits:
    """Put the knee where it is in some views."""
    (knee,) = truth.skeleton.index(KNEE)
    made = []
    for c in cameras:
        x, y = rig.cameras[c].project(truth.xyz[instant, 0, knee])[0].tolist()
        made.append(
            MovePoint(camera=rig.names[c], instant=instant, person=3, keypoint=KNEE, x=x, y=y, sigma_px=1.5)
        )
    return tuple(made)


ALL_KINDS: Edits = (
    MovePoint(camera="cam_1", instant=4, person=3, keypoint=KNEE, x=1.25, y=-3.5, sigma_px=2.0),
    RemovePoint(camera="cam_2", instant=5, person=3, keypoint=KNEE),
    SwapSides(person=3, cameras=("cam_1",), first=2, last=9),
    MaskCamera(camera="cam_3", first=0, last=3),
    ChooseSubject(camera="cam_1", instant=0, x=4.0, y=5.0),
    ExchangePeople(one=3, other=4, first=1, last=2),
    AddEvent(person=3, event="foot_strike", side="left", t_s=0.5),
    MoveEvent(person=3, event="foot_off", side="right", t_s=0.5, to_s=0.6),
    DeleteEvent(person=3, event="heel lift", t_s=0.75),
)


def test_all_kinds_come_back_from_disk(tmp_path: Path) -> None:
    write_edits(tmp_path / "deep" / "edits.json", ALL_KINDS, 100)
    back = read_edits(tmp_path / "deep" / "edits.json")
    assert back == EditFile(instants=100, edits=ALL_KINDS)
    assert [type(edit) for edit in back.edits] == [type(edit) for edit in ALL_KINDS]
    assert edits_key(back.edits) == edits_key(ALL_KINDS)
    assert edits_key(ALL_KINDS) != edits_key(ALL_KINDS[::-1])


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "not understood"),
        ('{"schema_version": 9, "instants": 1, "edits": [{"kind": "read minds"}]}', "newer version"),
        (
            '{"instants": 4, "edits": [{"kind": "mask camera", "camera": "a", "first": 3, "last": 1}]}',
            "range ends",
        ),
        ('{"instants": 4, "edits": [{"kind": "fly"}]}', "not understood"),
    ],
)
def test_a_file_that_is_not_understood_is_explained(tmp_path: Path, text: str, word: str) -> None:
    (tmp_path / "edits.json").write_text(text)
    with pytest.raises(SessionError, match=word) as caught:
        read_edits(tmp_path / "edits.json")
    assert caught.value.remedy
    assert caught.value.path == tmp_path / "edits.json"
    with pytest.raises(InputError, match="no such file"):
        read_edits(tmp_path / "gone.json")


def test_edits_of_another_recording_are_refused() -> None:
    check_fits(EditFile(instants=5, edits=()), 5)
    with pytest.raises(InputError, match="5 instants, this one has 6"):
        check_fits(EditFile(instants=5, edits=()), 6)


def test_a_kill_in_the_middle_of_writing_leaves_whole_edits(tmp_path: Path) -> None:
    path = tmp_path / "edits.json"
    program = (
        "import sys; from pathlib import Path\n"
        "from mocap.pipeline.edits.files import write_edits\n"
        "from mocap.pipeline.edits.kinds import MaskCamera\n"
        "many = tuple(MaskCamera(camera='c', first=n, last=n) for n in range(3000))\n"
        "n = 1\n"
        "while True:\n"
        "    write_edits(Path(sys.argv[1]), many[:n], 3000); n = n % 3000 + 300\n"
    )
    for wait_s in (0.03, 0.11):
        child = subprocess.Popen([sys.executable, "-c", program, str(path)])
        while not path.is_file():
            assert child.poll() is None
            time.sleep(0.01)
        time.sleep(wait_s)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        edits = read_edits(path).edits
        assert edits
        assert [edit.first for edit in edits if isinstance(edit, MaskCamera)] == list(range(len(edits)))


def test_nothing_to_put_right_changes_nothing(wrong: Prepared) -> None:
    run = wrong.run
    done = applied((), run.seen, wrong.doubts)
    for name in ("xy", "sigma_px", "score"):
        np.testing.assert_array_equal(getattr(done.tracks, name), getattr(run.seen, name))
    assert not done.by_hand.any()
    foreign = tuple(
        edit
        for edit in (
            MovePoint(camera="nobody", instant=4, person=3, keypoint=KNEE, x=0, y=0, sigma_px=1),
            MovePoint(camera=run.rig.names[0], instant=400, person=3, keypoint=KNEE, x=0, y=0, sigma_px=1),
            MovePoint(camera=run.rig.names[0], instant=4, person=77, keypoint=KNEE, x=0, y=0, sigma_px=1),
            RemovePoint(camera=run.rig.names[0], instant=4, person=3, keypoint="tail"),
            SwapSides(person=9, first=0, last=5),
            MaskCamera(camera="nobody", first=0, last=5),
        )
    )
    np.testing.assert_array_equal(applied(foreign, run.seen, wrong.doubts).tracks.xy, run.seen.xy)


def test_statements_on_keypoints_sides_and_cameras(truth: Points3D) -> None:
    rig = ring_rig()
    tracks = tracks_of(truth, rig)
    points = triangulate(tracks, rig)
    sync = solved(tracks, rig).sync
    doubts = doubts_of(tracks, points, rig, sync, 0.3, 0.15)
    (left,), (right,) = truth.skeleton.index(KNEE), truth.skeleton.index(OTHER_KNEE)
    one, two, three, _ = rig.names
    edits: Edits = (
        SwapSides(person=3, cameras=(one,), first=5, last=6),
        MovePoint(camera=two, instant=7, person=3, keypoint=KNEE, x=1.0, y=2.0, sigma_px=3.0),
        MovePoint(camera=two, instant=7, person=3, keypoint=KNEE, x=4.0, y=5.0, sigma_px=6.0),
        RemovePoint(camera=two, instant=8, person=3, keypoint=KNEE),
        MovePoint(camera=three, instant=9, person=3, keypoint=KNEE, x=4.0, y=5.0, sigma_px=6.0),
        MaskCamera(camera=three, first=9, last=11),
    )
    done = applied(edits, tracks, doubts)
    np.testing.assert_array_equal(done.tracks.xy[5:7, 0, 0, left], tracks.xy[5:7, 0, 0, right])
    np.testing.assert_array_equal(done.tracks.xy[5:7, 0, 0, right], tracks.xy[5:7, 0, 0, left])
    np.testing.assert_array_equal(done.tracks.xy[4, 0], tracks.xy[4, 0])
    assert done.tracks.xy[7, 1, 0, left].tolist() == [4.0, 5.0]
    assert done.tracks.sigma_px[7, 1, 0, left] == 6.0
    assert done.tracks.score[7, 1, 0, left] == 1.0
    assert np.isnan(done.tracks.xy[8, 1, 0, left]).all()
    assert np.isnan(done.tracks.xy[9:12, 2]).all()
    assert np.isfinite(done.tracks.xy[12, 2]).all()
    assert np.argwhere(done.by_hand).tolist() == [[7, 1, 0, left]]
    # A part of the recording is put right as the whole is.
    some = replace(tracks, xy=tracks.xy[4:10], sigma_px=tracks.sigma_px[4:10], score=tracks.score[4:10])
    again = applied(edits, some, doubts.part(slice(4, 10)), first=4)
    np.testing.assert_array_equal(again.tracks.xy, done.tracks.xy[4:10])
    np.testing.assert_array_equal(again.by_hand, by_hand(edits, tracks)[4:10])


def test_people_are_exchanged_over_a_range(truth: Points3D) -> None:
    rig = ring_rig()
    one = tracks_of(truth, rig)
    both = replace(
        one,
        xy=np.concatenate([one.xy, one.xy + 50.0], axis=2),
        sigma_px=np.repeat(one.sigma_px, 2, axis=2),
        score=np.repeat(one.score, 2, axis=2),
        person_ids=np.array([3, 8]),
    )
    done = exchanged((ExchangePeople(one=8, other=3, first=10, last=12),), both)
    np.testing.assert_array_equal(done.xy[10:13, :, 0], both.xy[10:13, :, 1])
    np.testing.assert_array_equal(done.xy[10:13, :, 1], both.xy[10:13, :, 0])
    np.testing.assert_array_equal(done.xy[13], both.xy[13])
    assert exchanged((ExchangePeople(one=8, other=4, first=10, last=12),), both).xy.tolist() == both.xy.tolist()


def test_a_point_put_right_is_carried_over_doubtful_neighbours_only(truth: Points3D, wrong: Prepared) -> None:
    rig = wrong.run.rig
    (left,) = truth.skeleton.index(KNEE)
    # Only one camera is wrong, so that the triangulation knows when.
    run = solved(misread(tracks_of(truth, rig), (0,)), rig)
    doubts = doubts_of(run.seen, run.measured, rig, run.sync, 0.3, 0.15)
    assert doubts.doubted[list(WRONG), 0, 0, left].all()
    done = applied(drags(truth, rig, MIDDLE, (0,)), run.seen, doubts).tracks
    right_place = rig.cameras[0].project(truth.xyz[:, 0, left])[0]
    off_before = np.linalg.norm(run.seen.xy[:, 0, 0, left] - right_place, axis=-1)
    off = np.linalg.norm(done.xy[:, 0, 0, left] - right_place, axis=-1)
    near = [118, 119, 121, 122]
    assert (off[near] < 0.2 * off_before[near]).all()
    # It is known worse the farther it is from what is known, and worse than by hand.
    sigma = done.sigma_px[:, 0, 0, left]
    assert (sigma[near] > 1.5).all()
    assert (off[near] < 3.0 * sigma[near]).all()
    rest = np.setdiff1d(np.arange(FRAMES), [*WRONG])
    np.testing.assert_array_equal(done.xy[rest], run.seen.xy[rest])


@pytest.mark.parametrize(("dragged", "used"), [((0,), (0, 3)), ((0, 1), (0, 1, 3))])
def test_the_majority_of_wrong_views_does_not_outvote_a_person(
    truth: Points3D, wrong: Prepared, dragged: tuple[int, ...], used: tuple[int, ...]
) -> None:
    rig, run = wrong.run.rig, wrong.run
    (left,) = truth.skeleton.index(KNEE)
    before = np.linalg.norm(run.measured.xyz[MIDDLE, 0, left] - truth.xyz[MIDDLE, 0, left])
    assert before > 0.1
    edits = drags(truth, rig, MIDDLE, dragged)
    (span,) = changed_rows(wrong, edits)
    patch = resolve(wrong, edits, span)
    row = MIDDLE - patch.first
    after = np.linalg.norm(patch.measured.xyz[row, 0, left] - truth.xyz[MIDDLE, 0, left])
    assert after < 0.02
    assert np.flatnonzero(patch.measured.used[row, :, 0, left]).tolist() == list(used)


def test_a_correction_is_local_smooth_and_the_same_every_time(truth: Points3D, wrong: Prepared) -> None:
    rig, run = wrong.run.rig, wrong.run
    edits = tuple(edit for t in WRONG for edit in drags(truth, rig, t, (0, 1)))
    (span,) = changed_rows(wrong, edits)
    patch = resolve(wrong, edits, span)
    names = run.take.angles.names
    knee = names.index("left_knee_flexion")
    ideal = solved(tracks_of(truth, rig), rig).take
    rows = [t - patch.first for t in WRONG]
    error_before = np.abs(run.take.angles.value - ideal.angles.value)[list(WRONG), 0, knee].max()
    error = np.abs(patch.angles.value[rows, 0, knee] - ideal.angles.value[list(WRONG), 0, knee]).max()
    assert np.degrees(error) < 1.5
    assert error < 0.5 * error_before
    # The seam: the patch meets what was before.
    assert patch.first > 0
    assert patch.rows.stop < FRAMES
    for new, old in (
        (patch.motion.root_xyz, run.take.motion.root_xyz),
        (patch.motion.rotation, run.take.motion.rotation),
    ):
        np.testing.assert_allclose(new[[0, -1]], old[[patch.first, patch.rows.stop - 1]], atol=1e-6)
    again = resolve(wrong, edits, span)
    for name in ("measured", "points", "motion", "angles"):
        for key, value in vars(getattr(patch, name)).items():
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(value, getattr(getattr(again, name), key))


def test_far_edits_are_solved_apart_and_near_ones_together(wrong: Prepared) -> None:
    camera = wrong.run.rig.names[0]

    def remove(instant: int) -> RemovePoint:
        return RemovePoint(camera=camera, instant=instant, person=3, keypoint=KNEE)

    assert changed_rows(wrong, ()) == []
    assert len(changed_rows(wrong, (remove(10), remove(12)))) == 1
    assert changed_rows(wrong, (AddEvent(person=3, event="step", t_s=0.1),)) == []
    assert len(changed_rows(wrong, (remove(10), remove(200)))) == 2


def test_what_a_hand_set_is_no_outlier_to_the_body() -> None:
    xyz, own = np.zeros((1, 2, 3)), np.tile(1e-4 * np.eye(3), (1, 2, 1, 1))
    evidence = (
        point_evidence(xyz, np.zeros_like(own), own, np.array([[True, False]])).scaled(1.0).part(np.array([0]))
    )
    off = np.full((1, 2, 3), 0.3)  # thirty standard deviations along each axis
    placed = Placed(np.empty(0), np.empty(0), off, np.empty(0))
    pull = evidence.pull(Pose(np.zeros((1, 3)), np.empty(0)), placed, 3.0)
    np.testing.assert_allclose(pull.weight[0, 0], 1e4 * np.eye(3))
    assert pull.weight[0, 1].max() < 1e2
    np.testing.assert_allclose(pull.force[0, 0], 1e4 * off[0, 0])


def test_a_long_stretch_is_solved_as_a_short_one(truth: Points3D, wrong: Prepared, monkeypatch: Any) -> None:
    edits: Edits = (MaskCamera(camera=wrong.run.rig.names[0], first=60, last=180),)
    (span,) = changed_rows(wrong, edits)
    whole = resolve(wrong, edits, span)
    monkeypatch.setattr(local, "WINDOW_FRAMES", 40)
    parts = resolve(wrong, edits, span)
    assert np.abs(parts.motion.root_xyz - whole.motion.root_xyz).max() < 2e-4
    same = np.abs(np.sum(parts.motion.rotation * whole.motion.rotation, axis=-1))
    assert np.degrees(2 * np.arccos(np.minimum(same, 1.0))).max() < 0.5


def test_two_people_who_were_exchanged_are_exchanged_back(truth: Points3D) -> None:
    rig = ring_rig()
    one = tracks_of(truth, rig)
    aside = tracks_of(replace(truth, xyz=truth.xyz + np.array([0.9, 0.4, 0.0])), rig)
    both = replace(
        one,
        **{
            name: np.concatenate([getattr(one, name), getattr(aside, name)], axis=2)
            for name in ("xy", "sigma_px", "score")
        },
        person_ids=np.array([3, 8]),
    )
    back: Edits = (ExchangePeople(one=3, other=8, first=110, last=130),)
    wrong = prepare(solved(exchanged(back, both), rig))
    right = solved(both, rig).take.points.xyz
    assert np.abs(wrong.run.take.points.xyz - right).max() > 0.5
    (span,) = changed_rows(wrong, back)
    patch = resolve(wrong, back, span)
    assert np.abs(patch.points.xyz - right[patch.rows]).max() < 0.01
    place, moved = wrong.run.take.motion.root_xyz, patch.motion.root_xyz
    assert np.linalg.norm(place[120] - right[120][:, truth.skeleton.index("left_hip")[0]], axis=-1).min() > 0.2
    assert np.linalg.norm(moved[120 - patch.first] - right[120].mean(axis=1), axis=-1).max() < 0.3


def test_a_masked_camera_is_solved_without(wrong: Prepared) -> None:
    edits: Edits = (MaskCamera(camera=wrong.run.rig.names[3], first=10, last=20),)
    (span,) = changed_rows(wrong, edits)
    patch = resolve(wrong, edits, span)
    used = patch.measured.used[:, 3, 0]
    inside = np.arange(len(used)) + patch.first
    assert not used[(inside >= 10) & (inside <= 20)].any()
    assert used[inside == 21].any()


def test_events_are_added_moved_and_taken_away() -> None:
    found = (Event("foot_strike", "left", 0.50, 0.01, True), Event("foot_strike", "left", 1.50, 0.01))
    edits: Edits = (
        MoveEvent(person=3, event="foot_strike", side="left", t_s=0.52, to_s=0.56),
        DeleteEvent(person=3, event="foot_strike", side="left", t_s=1.5),
        AddEvent(person=3, event="foot_off", side="right", t_s=0.2),
        AddEvent(person=9, event="foot_off", side="right", t_s=0.3),
        MoveEvent(person=3, event="foot_strike", side="right", t_s=0.9, to_s=0.95),
    )
    done = edited_events(edits, 3, found, 50.0)
    assert [(e.kind, e.side, e.t_s) for e in done] == [
        ("foot_off", "right", 0.2),
        ("foot_strike", "left", 0.56),
        ("foot_strike", "right", 0.95),
    ]
    assert all(e.sigma_s == 0.02 and not e.doubtful for e in done)
    assert edited_events((), 3, found, 50.0) == found
