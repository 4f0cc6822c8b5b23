import csv
import errno
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mocap.capture import probe, read_frames
from mocap.capture.events import CameraState, Note, Status
from mocap.capture.feed import CameraPlan
from mocap.capture.files import FileClock, VideoFileCamera
from mocap.capture.recorder import Recorder
from mocap.capture.recording import Recording
from mocap.capture.resilient import GuardedFile
from mocap.capture.source import Stamp
from mocap.capture.track import Quality
from mocap.core.errors import CameraError, InputError, StorageError
from mocap.presets import read_toml
from mocap.sync import read_timestamps_csv
from tests.cameras import SIZE_WH, FakeCamera, number_of, write_film


@pytest.fixture(autouse=True)
def _no_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mocap.capture.recorder.WARM_UP_S", 0.1)
    monkeypatch.setattr("mocap.capture.clock.SETTLE_NS", 50_000_000)


def record(
    folder: Path, *cameras: FakeCamera, seconds: float, preroll_s: float = 0.0
) -> tuple[Recording, list[Note]]:
    notes: list[Note] = []
    plans = [CameraPlan(camera.name, camera) for camera in cameras]
    with Recorder(plans, folder, preroll_s) as recorder:
        recorder.events.subscribe(lambda item: notes.append(item) if isinstance(item, Note) else None)
        recorder.start(seconds)
        until = time.monotonic() + seconds + 1.0
        while not recorder.done and time.monotonic() < until:
            time.sleep(0.01)
        return recorder.stop(), notes


def numbers(path: Path) -> np.ndarray:
    return np.array([number_of(frame.image) for frame in read_frames(probe(path, "cam"))])


def assert_times_are_true(folder: Path, camera: FakeCamera, within_s: float = 0.1) -> None:
    """Every picture in the video has its row, and the row the time at which it was taken."""
    found = numbers(folder / f"{camera.name}.mp4")
    times = read_timestamps_csv(folder / "timestamps.csv")[camera.name]
    assert len(times) == len(found)
    assert np.all(np.diff(found) > 0)
    truth = np.array([camera.truth[number] for number in found])
    # Another process may hold up a single picture, which only a stamp of the camera's own sees through.
    np.testing.assert_allclose(times, truth, rtol=0, atol=within_s)
    assert np.median(np.abs(times - truth)) < 0.02
    info = probe(folder / f"{camera.name}.mp4", "cam")
    np.testing.assert_allclose(info.t_s - info.t_s[0], times - times[0], rtol=0, atol=2e-5)


def test_every_picture_is_written_once_with_its_time(tmp_path: Path) -> None:
    cameras = [FakeCamera("left"), FakeCamera("right", rate_hz=25.0)]
    done, _ = record(tmp_path, *cameras, seconds=1.0)
    for camera, kept in zip(cameras, done.cameras, strict=True):
        assert_times_are_true(tmp_path, camera)
        assert kept.recorded == pytest.approx(camera.rate_hz, abs=2)
        assert (kept.missing, kept.dropped) == (0, {})
        assert kept.rate_hz == pytest.approx(camera.rate_hz, rel=0.02)
        np.testing.assert_array_equal(np.diff(numbers(tmp_path / f"{camera.name}.mp4")), 1)
    stored = read_toml(tmp_path / "recording.toml")
    assert stored["finished"]
    assert [camera["recorded"] for camera in stored["cameras"]] == [camera.recorded for camera in done.cameras]


def test_preroll_reaches_back(tmp_path: Path) -> None:
    camera = FakeCamera("cam")
    with Recorder([CameraPlan("cam", camera)], tmp_path, preroll_s=0.4) as recorder:
        time.sleep(0.8)
        began = time.monotonic()
        recorder.start(0.2)
        while not recorder.done:
            time.sleep(0.01)
        recorder.stop()
    times = read_timestamps_csv(tmp_path / "timestamps.csv")["cam"]
    assert times[0] == pytest.approx(began - 0.4, abs=0.03)
    assert times[-1] == pytest.approx(began + 0.2, abs=0.05)
    assert_times_are_true(tmp_path, camera)


def test_a_preroll_that_memory_cuts_short_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mocap.capture.backlog.Preroll.__init__.__defaults__", (11 * 3 * SIZE_WH[0] * SIZE_WH[1],))
    camera, notes = FakeCamera("cam"), []
    with Recorder([CameraPlan("cam", camera)], tmp_path, preroll_s=0.6) as recorder:
        recorder.events.subscribe(lambda item: notes.append(item) if isinstance(item, Note) else None)
        time.sleep(1.0)
        recorder.start(0.2)
        while not recorder.done:
            time.sleep(0.01)
        recorder.stop()
    assert [note.text for note in notes if note.kind == "dropped"] == [
        "Camera 'cam': no more than 0.2 s before the start fit."
    ]
    times = read_timestamps_csv(tmp_path / "timestamps.csv")["cam"]
    assert times[-1] - times[0] == pytest.approx(0.4, abs=0.06)


def test_a_camera_that_is_unplugged_comes_back_and_the_gap_is_counted(tmp_path: Path) -> None:
    def unplugged(number: int, camera: FakeCamera) -> None:
        if camera.opened == 1 and len(camera.truth) > 30:
            camera.unplug(0.4)

    camera, other = FakeCamera("cam", act=unplugged), FakeCamera("other")
    done, notes = record(tmp_path, camera, other, seconds=1.6)
    assert camera.opened == 2
    assert [note.kind for note in notes if note.camera == "cam"] == ["lost", "back"]
    assert_times_are_true(tmp_path, camera)
    steps = np.diff(numbers(tmp_path / "cam.mp4"))
    assert steps.max() - 1 >= 15
    assert done.cameras[0].missing == steps.max() - 1
    np.testing.assert_array_equal(np.diff(numbers(tmp_path / "other.mp4")), 1)


def test_a_camera_that_goes_silent_is_named_and_the_recording_ends_all_the_same(tmp_path: Path) -> None:
    def silent(number: int, camera: FakeCamera) -> None:
        if len(camera.truth) > 30:
            camera.hang(30.0)

    camera, other = FakeCamera("cam", act=silent), FakeCamera("other")
    states: list[Status] = []
    with Recorder([CameraPlan("cam", camera), CameraPlan("other", other)], tmp_path) as recorder:
        recorder.events.subscribe(lambda item: states.append(item) if isinstance(item, Status) else None)
        recorder.start()
        time.sleep(2.0)
        began = time.monotonic()
        done = recorder.stop()
        assert time.monotonic() - began < 6.0
        camera.close()  # only now does the driver let go
    assert any("'cam' sends nothing" in note for note in done.notes)
    assert not any("'other'" in note for note in done.notes)
    stalled = [state.cameras[0] for state in states if state.cameras[0].state is CameraState.STALLED]
    assert stalled
    assert {camera.rate_hz for camera in stalled} == {0.0}
    assert done.cameras[1].recorded > 90


def test_pictures_of_another_size_are_left_out_counted_and_named(tmp_path: Path) -> None:
    def changes(number: int, camera: FakeCamera) -> None:
        sent = len(camera.truth)
        camera.size_wh = (SIZE_WH[0] * 2, SIZE_WH[1] * 2) if 30 <= sent < 40 else SIZE_WH

    camera = FakeCamera("cam", act=changes)
    done, notes = record(tmp_path, camera, seconds=1.2)
    assert done.cameras[0].dropped == {"size": 10}
    assert "192x96" in next(note.text for note in notes if note.kind == "size")
    assert probe(tmp_path / "cam.mp4", "cam").size_wh == SIZE_WH
    assert_times_are_true(tmp_path, camera)


@pytest.mark.parametrize("jump_s", [-500.0, 7200.0])
def test_a_clock_that_jumps_does_not_bend_the_times(tmp_path: Path, jump_s: float) -> None:
    def jumps(number: int, camera: FakeCamera) -> None:
        camera.clock_shift_s = 1000.0 + (jump_s if len(camera.truth) > 40 else 0.0)

    camera = FakeCamera("cam", act=jumps)
    done, notes = record(tmp_path, camera, seconds=1.2)
    assert done.cameras[0].clock_jumps == 1
    assert "clock" in [note.kind for note in notes]
    assert done.cameras[0].dropped == {}
    assert_times_are_true(tmp_path, camera)


def test_a_driver_stamp_on_another_clock_gives_way_to_the_arrival(tmp_path: Path) -> None:
    camera = FakeCamera("cam", stamp=Stamp.DRIVER, clock_shift_s=1e6)
    done, _ = record(tmp_path, camera, seconds=0.6)
    assert_times_are_true(tmp_path, camera)
    assert done.cameras[0].clock_jumps > 0


def test_a_disk_that_does_not_keep_up_costs_pictures_that_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mocap.capture.track import Track

    write: Callable[..., None] = Track.write

    def slow(self: Track, *given: object) -> None:
        time.sleep(0.1)
        write(self, *given)

    monkeypatch.setattr(Track, "write", slow)
    monkeypatch.setattr("mocap.capture.feed.CAPACITY_BYTES", 6 * 3 * SIZE_WH[0] * SIZE_WH[1])
    camera = FakeCamera("cam")
    done, notes = record(tmp_path, camera, seconds=1.0)
    kept = done.cameras[0]
    assert kept.dropped["late"] > 20
    assert kept.recorded + kept.dropped["late"] == pytest.approx(50, abs=3)
    assert "dropped" in [note.kind for note in notes]
    assert_times_are_true(tmp_path, camera)


class FullDisk:
    """Takes so many bytes, and a part of the write that goes beyond; what fits a sector is never split."""

    SECTOR = 512

    def __init__(self, capacity: int) -> None:
        self.left, self._lock = capacity, threading.Lock()

    def __call__(self, descriptor: int, data: memoryview) -> int:
        import os

        with self._lock:
            taken = min(self.left, len(data))
            if taken < len(data) <= self.SECTOR:
                taken = 0
            self.left -= taken
        if taken == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.write(descriptor, data[:taken])


def test_a_full_disk_ends_the_recording_and_leaves_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FullDisk(60_000)
    monkeypatch.setattr(GuardedFile.__init__, "__defaults__", (disk,))
    cameras = [FakeCamera("left"), FakeCamera("right")]
    with Recorder([CameraPlan(c.name, c) for c in cameras], tmp_path) as recorder:
        recorder.start(20.0)
        began = time.monotonic()
        while not recorder.done:
            time.sleep(0.01)
        full = time.monotonic()
        with pytest.raises(StorageError, match="full"):
            recorder.stop()
    assert 0.2 < full - began < 19.0
    written = read_timestamps_csv(tmp_path / "timestamps.csv")
    for camera in cameras:
        found = numbers(tmp_path / f"{camera.name}.mp4")
        times = written[camera.name]
        assert 0 <= len(times) - len(found) <= 1
        np.testing.assert_array_equal(np.diff(found), 1)
        truth = [camera.truth[number] for number in found]
        np.testing.assert_allclose(times[: len(found)], truth, rtol=0, atol=0.1)
        assert full - truth[-1] < 1.0


def test_a_camera_that_is_not_there_is_told_before_anything_is_recorded(tmp_path: Path) -> None:
    absent = FakeCamera("cam", away_until=time.monotonic() + 60)
    with pytest.raises(CameraError, match="'cam'"), Recorder([CameraPlan("cam", absent)], tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_defect_of_a_driver_loses_one_camera_for_a_moment_and_hangs_nothing(tmp_path: Path) -> None:
    def breaks(number: int, camera: FakeCamera) -> None:
        if camera.opened == 1 and len(camera.truth) > 20:
            raise RuntimeError("bad pointer")

    camera = FakeCamera("cam", act=breaks)
    done, notes = record(tmp_path, camera, seconds=1.2)
    assert [note.kind for note in notes if note.camera] == ["lost", "back"]
    assert "bad pointer" in notes[1].text
    assert_times_are_true(tmp_path, camera)
    assert done.cameras[0].recorded > 20


def test_what_a_driver_refuses_to_fix_is_said(tmp_path: Path) -> None:
    camera = FakeCamera("cam")
    plan = CameraPlan("cam", camera, controls={"exposure": 5.0, "focus": 2.0})
    with Recorder([plan], tmp_path) as recorder:
        recorder.start(0.2)
        while not recorder.done:
            time.sleep(0.01)
        done = recorder.stop()
    assert camera.wanted["exposure"] == 5.0
    assert any("does not let these be set: focus." in note for note in done.notes)


def test_times_match_out_of_order_pictures_wherever_the_disk_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = write_film(tmp_path / "film.mp4", 60, rate=50, b_frames=2, gop=60)
    for attempt in range(8):
        folder = tmp_path / f"raw_{attempt}"
        monkeypatch.setattr(GuardedFile.__init__, "__defaults__", (FullDisk(7_500 + 500 * attempt),))
        with Recorder([CameraPlan("cam", VideoFileCamera(film, FileClock(paced=False)))], folder) as recorder:
            recorder.start()
            while not recorder.done:
                time.sleep(0.01)
            with pytest.raises(StorageError, match="full"):
                recorder.stop()
        found = numbers(folder / "cam.mp4")
        times = read_timestamps_csv(folder / "timestamps.csv")["cam"]
        assert 0 < len(found) < 60
        np.testing.assert_allclose(times - times[0], found[: len(times)] / 50, rtol=0, atol=1e-5)


def test_a_recording_is_never_written_over(tmp_path: Path) -> None:
    record(tmp_path, FakeCamera("cam"), seconds=0.2)
    with pytest.raises(InputError, match="already"), Recorder([CameraPlan("cam", FakeCamera())], tmp_path):
        pass


def test_a_listener_that_fails_does_not_end_the_recording(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(item: object) -> None:
        raise RuntimeError("a window that was closed")

    with Recorder([CameraPlan("cam", FakeCamera())], tmp_path) as recorder:
        recorder.events.subscribe(fails)
        recorder.start(0.6)
        time.sleep(0.8)
        assert recorder.stop().cameras[0].recorded > 20
    assert caplog.text.count("is left out") == 1


@pytest.mark.parametrize(
    ("quality", "b_frames", "paced"),
    [("auto", 2, True), ("auto", 0, False), ("auto", 2, False), ("h264", 2, False), ("lossless", 0, False)],
)
def test_a_film_played_as_a_camera_comes_out_as_it_was(
    tmp_path: Path, quality: str, b_frames: int, paced: bool
) -> None:
    film = write_film(tmp_path / "film.mp4", 40, rate=50, b_frames=b_frames)
    kind = Quality(quality)
    source = VideoFileCamera(film, FileClock(paced), decoded=kind is not Quality.AUTO)
    with Recorder([CameraPlan("cam", source, 0, kind)], tmp_path / "raw") as recorder:
        recorder.start()
        while not recorder.done:
            time.sleep(0.01)
        done = recorder.stop()
    assert done.cameras[0].recorded == 40
    info = probe(tmp_path / "raw" / "cam.mp4", "cam")
    assert info.warnings == ()
    np.testing.assert_array_equal(numbers(info.path), np.arange(40))
    np.testing.assert_allclose(np.diff(info.t_s), 0.02, rtol=0, atol=2e-5)
    times = read_timestamps_csv(tmp_path / "raw" / "timestamps.csv")["cam"]
    np.testing.assert_allclose(np.diff(times), 0.02, rtol=0, atol=3e-6)
    if quality != "h264":
        originals = read_frames(probe(film, "cam"))
        for frame, original in zip(read_frames(info), originals, strict=True):
            # The decoder of the lossless path and OpenCV's round colours in their own ways.
            np.testing.assert_allclose(frame.image, original.image, atol=0 if quality == "auto" else 4)


@pytest.mark.parametrize("turn", [90, 180, 270])
@pytest.mark.parametrize("quality", ["auto", "h264"])
def test_a_rotated_camera_is_shown_upright(tmp_path: Path, turn: int, quality: str) -> None:
    film = write_film(tmp_path / "film.mp4", 10)
    kind = Quality(quality)
    source = VideoFileCamera(film, FileClock(paced=False), decoded=kind is not Quality.AUTO)
    with Recorder([CameraPlan("cam", source, turn, kind)], tmp_path / "raw") as recorder:
        recorder.start()
        while not recorder.done:
            time.sleep(0.01)
        recorder.stop()
    shown = next(iter(read_frames(probe(tmp_path / "raw" / "cam.mp4", "cam")))).image
    original = next(iter(read_frames(probe(film, "cam")))).image
    turned = np.rot90(original, -turn // 90)
    assert shown.shape == turned.shape
    assert np.abs(shown.astype(int) - turned).mean() < 5


def test_rows_of_times_carry_the_cameras_own_stamps(tmp_path: Path) -> None:
    record(tmp_path, FakeCamera("cam", clock_shift_s=77.0), seconds=0.3)
    with (tmp_path / "timestamps.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        assert float(row["camera_time"]) - float(row["frame_time"]) == pytest.approx(77.0, abs=0.02)
        assert float(row["arrival_time"]) >= float(row["frame_time"]) - 1e-6


@pytest.mark.parametrize("quality", ["auto", "h264"])
def test_a_phones_film_that_is_turned_by_its_flag_stays_upright(tmp_path: Path, quality: str) -> None:
    film = write_film(tmp_path / "film.mp4", 10)
    shown = []
    for source, turn, kind in ((film, 90, Quality.AUTO), (tmp_path / "turned" / "cam.mp4", 0, Quality(quality))):
        folder = tmp_path / ("turned" if turn else "again")
        camera = VideoFileCamera(source, FileClock(paced=False), decoded=kind is not Quality.AUTO)
        with Recorder([CameraPlan("cam", camera, turn, kind)], folder) as recorder:
            recorder.start()
            while not recorder.done:
                time.sleep(0.01)
            recorder.stop()
        shown.append(next(iter(read_frames(probe(folder / "cam.mp4", "cam")))).image.astype(int))
    assert shown[0].shape == shown[1].shape == (SIZE_WH[0], SIZE_WH[1], 3)
    assert np.abs(shown[0] - shown[1]).mean() < 5
