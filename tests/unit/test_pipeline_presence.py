"""Recordings that people start by entering and stop by leaving."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration import CameraRig
from calibration.formats import save_rig
from mocap.capture import probe, read_frames
from mocap.capture.backlog import Timed
from mocap.capture.beside import Beside
from mocap.capture.remote import Switch
from mocap.capture.source import Picture
from mocap.core.errors import InputError, ModelError
from mocap.core.progress import CancelToken, Progress
from mocap.core.types import FloatArray, ImageArray
from mocap.detect import Detector, ViewPoses, ViewState
from mocap.pipeline.recording.presence import Presence, Turnstile, somebody_inside
from mocap.pipeline.recording.record import PresenceWish, RecordRequest, record
from mocap.pipeline.settings import DetectSettings
from tests.cameras import FakeCamera, number_of, picture
from tests.conftest import ring_rig
from tests.factories import make_motion, points_of

RIG = ring_rig()
POINTS = points_of(make_motion(40))
SKELETON = POINTS.skeleton
CORE = SKELETON.core_index


def words(turnstile: Turnstile, looks: str) -> str:
    """Answers at one look a second: ``E`` entered, ``L`` left; ``1`` is a look that saw somebody."""
    letter = {"entered": "E", "left": "L", None: "."}
    return "".join(letter[turnstile.look(look == "1", float(t))] for t, look in enumerate(looks))


def test_a_turnstile_gives_each_word_once() -> None:
    assert words(Turnstile(1.5), "0001110001100") == "....E..L..E.L"


@pytest.mark.parametrize(
    ("looks", "said"),
    [
        ("00110000", "...E..L."),
        ("0001000100", ".........."),  # a coat on a hook, seen once in a while
        ("00111010100", "...E......."),  # somebody who bends behind a table
        ("1110000110", "........E."),  # who is there from the start must leave first
        ("1111111111", ".........."),
    ],
)
def test_looks_that_err_are_no_word(looks: str, said: str) -> None:
    assert words(Turnstile(2.0), looks)[: len(said)] == said


def view_of(xy: FloatArray | None, score: float = 0.9) -> ViewPoses:
    k = len(SKELETON.keypoints)
    if xy is None:
        return ViewPoses(np.full((1, k, 2), np.nan), np.full((1, k), np.nan), np.zeros((1, k)), np.full(1, -1))
    return ViewPoses(xy[None], np.ones((1, k)), np.full((1, k), score), np.zeros(1, dtype=np.int64))


def views_of(frames: Sequence[int | None], noise_px: float = 3.0) -> list[ViewPoses]:
    """What each camera of the rig sees: the person as they were at that frame, or nobody."""
    rng = np.random.default_rng(2)
    made = []
    for camera, frame in zip(RIG.cameras, frames, strict=True):
        xy = camera.project(POINTS.xyz[frame, 0])[0] if frame is not None else None
        made.append(view_of(xy + rng.normal(0, noise_px, xy.shape) if xy is not None else None))
    return made


def test_somebody_counts_where_the_rays_of_two_cameras_meet() -> None:
    assert somebody_inside(views_of([0, 0, None, None]), RIG, CORE)
    assert somebody_inside(views_of([None, 0, 0, 0]), RIG, CORE)
    assert not somebody_inside(views_of([0, None, None, None]), RIG, CORE)
    assert not somebody_inside(views_of([None] * 4), RIG, CORE)
    assert somebody_inside(views_of([0, None, None, None]), None, CORE)
    assert not somebody_inside([view_of(None)] * 4, None, CORE)


def test_two_people_in_two_views_are_nobody_inside() -> None:
    """One camera sees somebody inside, the other a passer-by who is not where its neighbour looks."""
    views = views_of([0, 0, None, None])
    other = RIG.cameras[1].project(POINTS.xyz[0, 0] + np.array([0.0, 0.0, 1.2]))[0]
    assert not somebody_inside([views[0], view_of(other), views[2], views[3]], RIG, CORE)


def test_guesses_do_not_count() -> None:
    views = [replace(view, score=np.full_like(view.score, 0.3)) for view in views_of([0, 0, 0, 0])]
    assert not somebody_inside(views, RIG, CORE)
    assert not somebody_inside(views, None, CORE)


class Finder:
    """Finds the person of the rig in pictures whose number lies in a range, as the camera would see them."""

    max_people, identity, skeleton = 1, "finder", SKELETON

    def __init__(self, inside: range) -> None:
        self.inside, self.looks = inside, 0

    def initial_state(self) -> ViewState:
        return ViewState(np.full((1, 4), np.nan), np.full(1, -1), 0, 0)

    def detect(
        self, images: Sequence[ImageArray | None], states: Sequence[ViewState]
    ) -> tuple[list[ViewPoses], list[ViewState]]:
        self.looks += len(images)
        found = []
        for image in images:
            there = image is not None and number_of(image) in self.inside
            # Which camera it is the upper right pixel says.
            camera = RIG.cameras[int(image[0, -1, 0]) // 60] if image is not None else RIG.cameras[0]
            found.append(view_of(camera.project(POINTS.xyz[0, 0])[0] if there else None))
        return found, list(states)


def maker(finder: Detector) -> Callable[..., tuple[Detector, tuple[str, ...]]]:
    def make(
        settings: DetectSettings, progress: Progress, cancel: CancelToken
    ) -> tuple[Detector, tuple[str, ...]]:
        return finder, ()

    return make


class Marked(FakeCamera):
    """Says in its upper right corner which camera it is; its pictures are of the size of the rig's."""

    def read(self):  # type: ignore[no-untyped-def]
        shot = super().read()
        if shot is not None and shot.image is not None:
            shot.image[0, -8:] = 60 * int(self.name[-1]) - 60
        return shot


def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finder: Detector, rig: CameraRig | None, wish: PresenceWish
) -> tuple[dict[str, list[int]], float]:
    """Record; numbers of the pictures by camera, and their rate."""
    cameras: Mapping[str, FakeCamera] = {
        f"cam_{i}": Marked(f"cam_{i}", size_wh=(640, 480), rate_hz=25.0) for i in (1, 2)
    }
    monkeypatch.setattr("mocap.pipeline.recording.record.open_sources", lambda addresses, wishes: cameras)
    monkeypatch.setattr("mocap.capture.recorder.WARM_UP_S", 0.1)
    monkeypatch.setattr("mocap.pipeline.recording.presence.LOOK_HZ", 12.0)
    path = None
    if rig is not None:
        path = tmp_path / "rig.toml"
        save_rig(rig, path, "anipose")
    request = RecordRequest(
        ("any",), tmp_path / "s" / "t", preroll_s=0.8, calibration=path, presence=wish, duration_s=12.0
    )
    switch = Switch()
    made = record(request, switch, make_detector=maker(finder))
    numbers = {
        video.stem: [number_of(frame.image) for frame in read_frames(probe(video, video.stem))]
        for video in sorted((made.trial / "raw").glob("*.mp4"))
    }
    return numbers, 25.0


@pytest.mark.parametrize("rig", [None, RIG])
def test_entering_starts_and_leaving_stops_with_the_entry_on_film(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rig: CameraRig | None
) -> None:
    finder = Finder(range(40, 70))
    began = time.monotonic()
    numbers, rate = run(tmp_path, monkeypatch, finder, rig, PresenceWish(leave_s=0.6))
    assert time.monotonic() - began < 10.0
    assert list(numbers) == ["cam_1", "cam_2"]
    for found in numbers.values():
        np.testing.assert_array_equal(np.diff(found), 1)
        assert 10 < found[0] <= 40  # the entry, and what came before, but not all
        assert 70 + 0.5 * rate < found[-1] < 70 + 4.0 * rate


def test_looking_that_fails_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Finder):
        def detect(self, images, states):  # type: ignore[no-untyped-def]
            raise ModelError("The network is damaged.", "Download it again.")

    with pytest.raises(ModelError, match="damaged"):
        run(tmp_path, monkeypatch, Broken(range(0)), None, PresenceWish())


def test_one_camera_is_not_enough_for_a_volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="One camera"):
        run(tmp_path, monkeypatch, Finder(range(0)), RIG, PresenceWish(cameras=("cam_1",)))
    with pytest.raises(InputError, match="no camera 'cam_9'"):
        run(tmp_path / "two", monkeypatch, Finder(range(0)), None, PresenceWish(cameras=("cam_9",)))


def test_an_empty_room_is_looked_at_through_one_camera_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mocap.pipeline.recording.presence.LOOK_HZ", 50.0)
    finder, views = Finder(range(0)), {name: Beside(name) for name in ("a", "b", "c")}
    empty = picture(5, (640, 480))
    for view in views.values():
        view.put(Timed(Picture(time.monotonic_ns(), None, (640, 480), empty), 1))
    ticks: list[float] = []
    monkeypatch.setattr(Turnstile, "look", lambda self, somebody, t_s: ticks.append(t_s))
    presence = Presence(views, PresenceWish(), None, lambda: None, lambda: None, maker(finder))
    presence.start()
    time.sleep(0.6)
    presence.close()
    for view in views.values():
        view.close()
    assert finder.looks == len(ticks) > 5
