"""The recording desk, as a window uses it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from mocap.capture import probe
from mocap.capture.addresses import SourceWishes
from mocap.capture.source import CameraSource
from mocap.core.errors import StorageError
from mocap.pipeline.inputs import open_trial
from mocap.pipeline.recording.desk import CaptureDesk, DeskEvent, DeskSetup, DeskState, DeskStatus
from mocap.pipeline.recording.record import Recorded
from mocap.presets import read_toml
from tests.cameras import SIZE_WH, FakeCamera, number_of


@pytest.fixture(autouse=True)
def _no_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mocap.capture.recorder.WARM_UP_S", 0.1)


class Rig:
    """Two cameras on a desk, and what it told."""

    def __init__(self, folder: Path, **setup: object) -> None:
        self.made: list[FakeCamera] = []
        self.events: list[DeskEvent] = []
        self.act: Callable[[int, FakeCamera], None] = lambda number, camera: None
        self.desk = CaptureDesk(DeskSetup(("left", "right"), folder, **setup), self.make)  # type: ignore[arg-type]
        self.desk.events.subscribe(self.events.append)

    def make(self, addresses: Sequence[str], wishes: SourceWishes) -> Mapping[str, CameraSource]:
        made = {name: FakeCamera(name, act=self.act) for name in addresses}
        self.made += made.values()
        return made

    def reaches(self, state: DeskState, seconds: float = 10.0) -> None:
        self.waits(lambda: self.desk.status.state is state, seconds)

    @staticmethod
    def waits(there: Callable[[], bool], seconds: float = 10.0) -> None:
        until = time.monotonic() + seconds
        while not there():
            assert time.monotonic() < until
            time.sleep(0.005)

    def takes_are(self, count: int) -> None:
        self.waits(lambda: len(self.takes) == count)

    @property
    def takes(self) -> list[Recorded]:
        return [event for event in self.events if isinstance(event, Recorded)]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path / "anna")
    made.desk.open()
    made.reaches(DeskState.READY)
    yield made
    made.desk.close()


def test_cameras_are_seen_and_takes_follow_each_other(rig: Rig, tmp_path: Path) -> None:
    rig.waits(lambda: all(rig.desk.preview(name) is not None for name in ("left", "right")))
    before = rig.desk.preview("left")
    rig.waits(lambda: rig.desk.preview("left") is not before)
    for count, take in enumerate(("one", "two"), start=1):
        rig.reaches(DeskState.READY)
        rig.desk.start(tmp_path / "anna" / take)
        rig.reaches(DeskState.RECORDING)
        time.sleep(0.4)
        rig.desk.stop()
        rig.takes_are(count)
    assert [take.trial.name for take in rig.takes] == ["one", "two"]
    for recorded in rig.takes:
        for camera in recorded.recording.cameras:
            assert (camera.missing, camera.dropped) == (0, {})
            assert probe(recorded.trial / "raw" / camera.video, camera.name).n_frames == camera.recorded > 10
    assert [camera.opened for camera in rig.made] == [1, 1]  # they stay open from take to take
    rig.desk.close()
    assert rig.desk.status.state is DeskState.CLOSED


def test_each_take_knows_of_itself_only(rig: Rig, tmp_path: Path) -> None:
    """In the first take a camera changes its size and its clock jumps; the second is without a fault."""
    first = rig.made[0]
    recorded: list[int] = []

    def misbehaves(number: int, camera: FakeCamera) -> None:
        if rig.desk.status.state is DeskState.RECORDING and not rig.takes:
            recorded.append(number)
        spoilt = len(recorded) > 10 and not rig.takes
        camera.size_wh = (SIZE_WH[0] * 2, SIZE_WH[1] * 2) if spoilt else SIZE_WH
        camera.clock_shift_s = 5000.0 if spoilt else camera.clock_shift_s

    first.act = misbehaves
    for count, take in enumerate(("one", "two"), start=1):
        rig.reaches(DeskState.READY)
        rig.desk.start(tmp_path / "anna" / take, duration_s=0.6)
        rig.takes_are(count)
    spoilt, good = (done.recording for done in rig.takes)
    assert spoilt.cameras[0].dropped["size"] > 5
    assert len(spoilt.notes) > 1
    assert good.cameras[0].dropped == {}
    assert (good.cameras[0].missing, good.cameras[0].clock_jumps) == (0, 0)
    assert len(good.notes) == 1
    assert good.cameras[0].first_s > spoilt.cameras[1].last_s
    for done in rig.takes:
        stored = read_toml(done.trial / "raw" / "recording.toml")
        assert stored["finished"]
        assert [camera["recorded"] for camera in stored["cameras"]] == [c.recorded for c in done.recording.cameras]


def test_previews_come_up_to_15_times_a_second(rig: Rig) -> None:
    seen: dict[int, float] = {}
    began = time.monotonic()
    while time.monotonic() - began < 1.5:
        if (picture := rig.desk.preview("left")) is not None and picture.image is not None:
            seen.setdefault(number_of(picture.image), time.monotonic())
        time.sleep(0.002)
    assert 10 <= len(seen) <= 24  # of 75 that were sent


def test_previews_are_upright_and_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mocap.pipeline.recording.desk.PREVIEW_PX", SIZE_WH[0] // 2)
    rig = Rig(tmp_path, rotations_deg={"left": 90})
    rig.desk.open()
    rig.waits(lambda: all(rig.desk.preview(name) is not None for name in ("left", "right")))
    previews = {name: rig.desk.preview(name) for name in ("left", "right")}
    shapes = {name: shot.image.shape for name, shot in previews.items() if shot and shot.image is not None}
    rig.desk.close()
    assert shapes == {
        "left": (SIZE_WH[0] // 2, SIZE_WH[1] // 2, 3),
        "right": (SIZE_WH[1] // 2, SIZE_WH[0] // 2, 3),
    }


def test_states_say_how_the_cameras_are(rig: Rig) -> None:
    rig.waits(lambda: all(np.isfinite(camera.brightness) for camera in rig.desk.status.cameras))
    rig.waits(lambda: np.isfinite(rig.desk.status.apart_s))
    status = rig.desk.status
    for camera in status.cameras:
        assert camera.rate_hz == pytest.approx(50, rel=0.1)
        assert camera.jitter_s < 0.01
    assert status.apart_s < 0.02
    assert status.free_bytes > 0
    assert status.elapsed_s == 0.0


def test_settings_reach_the_camera_and_what_it_refuses_is_nan(rig: Rig) -> None:
    rig.desk.set_control("left", "exposure", 7.0)
    rig.desk.set_control("left", "focus", 3.0)
    rig.waits(lambda: len(rig.desk.status.cameras[0].held) == 2)
    held = rig.desk.status.cameras[0].held
    assert held["exposure"] == 7.0
    assert np.isnan(held["focus"])
    assert rig.desk.status.cameras[1].held == {}


def test_a_countdown_is_told_and_can_be_called_off(rig: Rig, tmp_path: Path) -> None:
    rig.desk.start(tmp_path / "anna" / "off", countdown_s=30.0)
    rig.reaches(DeskState.COUNTDOWN)
    assert 25.0 < rig.desk.status.countdown_s <= 30.0
    rig.desk.stop()
    rig.reaches(DeskState.READY)
    assert not (tmp_path / "anna" / "trials" / "off").exists()
    rig.desk.start(tmp_path / "anna" / "on", duration_s=0.3, countdown_s=0.3)
    rig.waits(lambda: len(rig.takes) == 1)
    assert any(isinstance(event, DeskStatus) and event.state is DeskState.RECORDING for event in rig.events)


def test_a_take_that_is_there_is_not_written_over(rig: Rig, tmp_path: Path) -> None:
    rig.desk.start(tmp_path / "anna" / "one", duration_s=0.2)
    rig.waits(lambda: len(rig.takes) == 1)
    rig.reaches(DeskState.READY)
    rig.desk.start(tmp_path / "anna" / "one", duration_s=0.2)
    rig.waits(lambda: rig.desk.status.error is not None)
    assert rig.desk.status.state is DeskState.READY
    assert "already" in str(rig.desk.status.error)


def test_a_camera_that_is_not_there_is_told_and_tried_again(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    away = time.monotonic() + 60.0

    def make(addresses: Sequence[str], wishes: SourceWishes) -> Mapping[str, CameraSource]:
        made = {name: FakeCamera(name) for name in addresses}
        made["right"].away_until = away
        return made

    rig.desk._make = make
    rig.desk.open()
    rig.reaches(DeskState.FAILED)
    assert "'right'" in str(rig.desk.status.error)
    rig.desk._make = rig.make
    rig.desk.open()
    rig.reaches(DeskState.READY)
    rig.desk.close()


def test_a_full_disk_is_told_and_the_cameras_come_back(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mocap.capture.track import Track

    def full(*given: object) -> None:
        raise StorageError("The disk is full.", "Free some space.")

    with monkeypatch.context() as patched:
        patched.setattr(Track, "write", full)
        rig.desk.start(tmp_path / "anna" / "one")
        rig.waits(lambda: rig.desk.status.error is not None)
    assert "full" in str(rig.desk.status.error)
    rig.reaches(DeskState.READY)


def test_the_shipped_film_stands_in_for_cameras_that_run_by_themselves(tmp_path: Path) -> None:
    desk = CaptureDesk(DeskSetup(("studio:sample",), tmp_path))
    told: list[DeskEvent] = []
    desk.events.subscribe(told.append)
    desk.open()
    Rig.waits(lambda: desk.status.state is DeskState.READY)
    Rig.waits(lambda: all(desk.preview(camera.name) is not None for camera in desk.status.cameras))
    desk.start(tmp_path / "anna" / "walk", duration_s=2.5)  # the film lasts for 2 s
    Rig.waits(lambda: any(isinstance(event, Recorded) for event in told))
    desk.close()
    (take,) = (event for event in told if isinstance(event, Recorded))
    assert len(take.recording.cameras) == 4
    for camera in take.recording.cameras:
        assert camera.recorded == pytest.approx(75, abs=45)  # it begins with a picture that needs no other
        assert (camera.missing, camera.dropped) == (0, {})
    trial = open_trial(take.trial)
    assert all(video.even for video in trial.videos)
