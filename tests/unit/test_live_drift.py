"""A camera that was bumped while people are followed is named, and no other."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from calibration import CameraRig
from mocap.core.types import FloatArray, ImageArray
from mocap.detect import ViewPoses
from mocap.pipeline.live import LiveNote, LiveSetup
from mocap.pipeline.live.drift import NEW_GLANCES, START_GLANCES, Drift, glance_at
from tests.conftest import ring_rig
from tests.factories import make_motion, points_of
from tests.live_rig import KnowingDetector, maker
from tests.unit.test_live_session import MOTION, RIG, cameras, run, settings

GLANCES = START_GLANCES + 2 * NEW_GLANCES
POINTS = points_of(make_motion(GLANCES, 4.0))  # a person who walks in a curve and turns by two thirds of a turn
SIGMA_PX = 3.0


def bumped(rig: CameraRig, number: int, degrees: float, axis: int) -> CameraRig:
    """The rig as it is after a camera was turned about an axis of its own."""
    turn = np.eye(4)
    turn[:3, :3] = cv2.Rodrigues(np.radians(degrees) * np.eye(3)[axis])[0]
    moved = [
        replace(c, cam_from_world=turn @ c.cam_from_world) if i == number else c for i, c in enumerate(rig.cameras)
    ]
    return replace(rig, cameras=tuple(moved))


def seen(real: CameraRig, frame: int, rng: np.random.Generator) -> FloatArray:
    """Keypoints (C, K, 2) as a network finds them.

    Half of its error is noise, half lasts while the person is seen from one side: a wave of its own for each
    keypoint over the direction, the same in all cameras that look from there.
    """
    xyz = POINTS.xyz[frame, 0]
    xy = real.project(xyz)[0]
    phase, facing = np.random.default_rng(4).uniform(0, 6.28, (2, xyz.shape[0])), 1.2 * frame / 4.0
    for c, camera in enumerate(real.cameras):
        side = np.arctan2(camera.centre[1], camera.centre[0]) - facing
        lasting = np.stack([np.sin(side + phase[0]), np.cos(side + phase[1])], axis=-1)
        xy[c] += SIGMA_PX * (0.7 * rng.normal(size=(*xyz.shape[:1], 2)) + lasting)
    hidden = rng.random(xy.shape[:2]) < 0.15
    return np.where(hidden[..., None], np.nan, xy)


def told(rig: CameraRig, after: CameraRig, seed: int = 0) -> list[int | None]:
    """What is told at each glance; the cameras are as ``after`` once the start is over."""
    rng, drift = np.random.default_rng(seed), Drift([640] * len(rig.cameras))
    answers = []
    for frame in range(GLANCES):
        xy = seen(rig if frame < START_GLANCES else after, frame, rng)
        answers.append(drift.look(glance_at(xy, np.full(xy.shape[:2], SIGMA_PX), rig)))
    return answers


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("count", [3, 4, 6])
def test_people_who_turn_and_are_half_hidden_move_no_camera(count: int, seed: int) -> None:
    rig = ring_rig(count)
    assert set(told(rig, rig, seed)) == {None}


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("degrees", [2.0, -8.0])
def test_a_camera_that_was_bumped_is_named_and_no_other(number: int, degrees: float, axis: int) -> None:
    answers = told(RIG, bumped(RIG, number, degrees, axis))
    assert set(answers[: START_GLANCES + 1]) == {None}
    assert answers[-1] == number
    assert set(answers) == {None, number}


@pytest.mark.parametrize("seed", range(4))
def test_a_bump_too_small_to_be_told_accuses_nobody_else(seed: int) -> None:
    for number in range(4):
        for axis in (0, 1):
            assert set(told(RIG, bumped(RIG, number, 0.4, axis), seed)) <= {None, number}


def test_of_three_cameras_none_is_accused_falsely() -> None:
    """With two others left, a turn along their common plane looks like a turn of theirs: nothing is said then."""
    rig = ring_rig(3)
    named = 0
    for number in range(3):
        for axis in (0, 1):
            answers = told(rig, bumped(rig, number, 3.0, axis))
            assert set(answers) <= {None, number}
            named += answers[-1] == number
    assert named >= 3


def test_what_is_not_known_changes_nothing() -> None:
    drift = Drift([640] * 4)
    nothing = np.full((4, POINTS.xyz.shape[2], 2), np.nan)
    for _ in range(GLANCES):
        assert drift.look(glance_at(nothing, np.full(nothing.shape[:2], np.nan), RIG)) is None
    two = seen(RIG, 0, np.random.default_rng(1))
    two[2:] = np.nan
    assert np.isnan(glance_at(two, np.full(two.shape[:2], SIGMA_PX), RIG).shift_px).all()


class Bumped(KnowingDetector):
    """One camera's pictures are shifted from a number on, as a turn of the camera shifts them."""

    def _view(self, camera: int, image: ImageArray | None) -> ViewPoses:
        view = super()._view(camera, image)
        late = image is not None and int(image[0, 0, 0]) * 256 + int(image[0, 0, 1]) >= 50
        return replace(view, xy=view.xy + np.array([25.0, 18.0])) if camera == 2 and late else view


def test_live_capture_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mocap.pipeline.live.selfcheck.GLANCE_HZ", 40.0)
    monkeypatch.setattr("mocap.pipeline.live.drift.START_GLANCES", 8)
    setup = LiveSetup(RIG, settings(), make_detector=maker(Bumped(MOTION, RIG)), observe=False)
    session, events = run(setup, cameras())
    notes = [event for event in events if isinstance(event, LiveNote) and event.kind == "look"]
    assert [note.camera for note in notes] == [RIG.names[2]]
    assert "was moved" in notes[0].text
    problems = {camera.name: camera.problems for camera in session.status().cameras}
    assert [name for name, found in problems.items() if found] == [RIG.names[2]]


def test_live_capture_that_nobody_bumps_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mocap.pipeline.live.selfcheck.GLANCE_HZ", 40.0)
    monkeypatch.setattr("mocap.pipeline.live.drift.START_GLANCES", 8)
    setup = LiveSetup(RIG, settings(), make_detector=maker(KnowingDetector(MOTION, RIG)), observe=False)
    _, events = run(setup, cameras())
    assert [event for event in events if isinstance(event, LiveNote) and event.kind == "look"] == []


def test_a_lens_that_is_covered_is_named_by_live_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pictures of these cameras are black but for their number."""
    monkeypatch.setattr("mocap.pipeline.live.selfcheck.LOOK_S", 0.2)
    setup = LiveSetup(RIG, settings(), make_detector=maker(KnowingDetector(MOTION, RIG)))
    _, events = run(setup, cameras())
    notes = [event for event in events if isinstance(event, LiveNote) and event.kind == "look"]
    assert {note.camera for note in notes} == set(RIG.names)
    assert all("covered" in note.text for note in notes)
