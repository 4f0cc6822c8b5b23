from pathlib import Path

import numpy as np
import pytest

from mocap.core.errors import InputError
from mocap.core.types import FloatArray
from mocap.sync.table import frame_rate_hz, from_frame_times
from mocap.sync.timestamps import read_timestamps_csv


def at(rate_hz: float, n: int) -> FloatArray:
    return np.arange(n) / rate_hz


def test_equal_cameras_are_joined_frame_by_frame() -> None:
    table = from_frame_times(("a", "b", "c"), [at(60, 100)] * 3)
    np.testing.assert_allclose(table.t_s, at(60, 100))
    np.testing.assert_array_equal(table.frame_index, np.arange(100)[:, None].repeat(3, axis=1))
    np.testing.assert_array_equal(table.offset_s, 0)
    np.testing.assert_array_equal(table.rate, 1)
    assert np.isnan(table.offset_sigma_s).all()
    assert np.isnan(table.rate_sigma).all()
    assert table.rate_hz == pytest.approx(60)


def test_clocks_that_do_not_start_at_zero_are_taken_as_started_together() -> None:
    table = from_frame_times(("a", "b"), [at(50, 20), at(50, 20) + 7.5])
    np.testing.assert_array_equal(table.frame_index[:, 0], table.frame_index[:, 1])
    np.testing.assert_allclose(table.offset_s, [0.0, 7.5])


def test_a_truncated_camera_is_missing_at_the_end() -> None:
    table = from_frame_times(("a", "b"), [at(60, 100), at(60, 80)])
    assert table.t_s.shape == (100,)
    np.testing.assert_array_equal(table.frame_index[:80, 1], np.arange(80))
    np.testing.assert_array_equal(table.frame_index[80:, 1], -1)
    np.testing.assert_array_equal(table.frame_index[:, 0], np.arange(100))


def test_dropped_frames_are_missing_and_shift_nothing() -> None:
    kept = np.delete(np.arange(100), [10, 11, 50])
    table = from_frame_times(("a", "b"), [at(60, 100), at(60, 100)[kept]])
    expected = np.full(100, -1)
    expected[kept] = np.arange(97)
    np.testing.assert_array_equal(table.frame_index[:, 1], expected)
    assert table.rate_hz == pytest.approx(60)


def test_slightly_different_rates_drift_apart_by_less_than_half_a_frame() -> None:
    # In 60 s a camera at 30 Hz takes 1801 frames, one at 30000/1001 Hz only 1799.
    times = [at(30, 1801), at(30000 / 1001, 1799)]
    table = from_frame_times(("a", "b"), times)
    assert table.rate_hz == pytest.approx(30000 / 1001)
    seen = (table.frame_index >= 0).all(axis=1)
    assert seen[:-1].all()
    for c in range(2):
        index = table.frame_index[seen, c]
        assert (np.diff(index) > 0).all()  # no frame twice
        assert np.abs(times[c][index] - table.t_s[seen]).max() <= 0.5 / 29.97 + 1e-6
    assert table.frame_index[seen, 0].max() - table.frame_index[seen, 1].max() == 2


def test_the_slower_camera_sets_the_pace() -> None:
    table = from_frame_times(("fast", "slow"), [at(60, 121), at(30, 61)])
    assert table.rate_hz == pytest.approx(30)
    np.testing.assert_array_equal(table.frame_index[:, 0], np.arange(0, 121, 2))
    np.testing.assert_array_equal(table.frame_index[:, 1], np.arange(61))


def test_one_failing_camera_does_not_set_the_pace() -> None:
    table = from_frame_times(("a", "b", "bad"), [at(60, 121), at(60, 121), at(5, 11)])
    assert table.rate_hz == pytest.approx(60)
    found = np.flatnonzero(table.frame_index[:, 2] >= 0)
    np.testing.assert_array_equal(found, np.arange(0, 121, 12))


def test_times_rounded_to_a_millisecond_do_not_change_the_rate() -> None:
    rounded = np.round(at(60, 600), 3)  # 17, 16, 17 ms: the median step alone would say 58.8 Hz
    assert frame_rate_hz(rounded) == pytest.approx(60, rel=1e-4)
    table = from_frame_times(("a", "b"), [rounded, at(60, 600)])
    np.testing.assert_array_equal(table.frame_index[:, 0], np.arange(600))


def test_a_shared_clock_keeps_who_started_late() -> None:
    table = from_frame_times(("a", "b"), [at(60, 100), at(60, 90) + 10 / 60], shared_clock=True)
    np.testing.assert_array_equal(table.offset_s, 0)
    np.testing.assert_array_equal(table.frame_index[:10, 1], -1)
    np.testing.assert_array_equal(table.frame_index[10:, 1], np.arange(90))


@pytest.mark.parametrize(
    ("times", "shared", "message"),
    [
        ([at(60, 10), at(60, 1)], False, "'b' has 1 frames"),
        ([at(60, 10), at(60, 10)[::-1]], False, "'b' do not ascend"),
        ([at(60, 10), np.array([0.0, np.nan, 0.1])], False, "'b' do not ascend"),
        ([at(60, 10), at(60, 10) + 100], True, "No two cameras"),
    ],
)
def test_what_cannot_be_joined_is_explained(times: list[FloatArray], shared: bool, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_frame_times(("a", "b"), times, shared_clock=shared)


def test_timestamps_csv_is_read_per_camera(tmp_path: Path) -> None:
    path = tmp_path / "timestamps.csv"
    path.write_text("sync_index,cam_id,frame_time\n1,1,10.5\n1,0,10.25\n2,1,11.5\n")
    times = read_timestamps_csv(path)
    assert list(times) == ["0", "1"]
    np.testing.assert_array_equal(times["1"], [10.5, 11.5])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("cam_id,frame_time\n", "empty"),
        ("cam_id,frame_time\n0,x\n", "Line 2"),
        ("cam_id,time\n0,1.0\n", "Line 2"),
    ],
)
def test_a_broken_timestamps_csv_is_explained(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "timestamps.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_timestamps_csv(path)
    assert caught.value.path == path


def test_a_missing_timestamps_csv_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_timestamps_csv(tmp_path / "none.csv")


def test_real_webcams_are_joined_by_their_timestamps(shared_data: Path) -> None:
    times = read_timestamps_csv(shared_data / "caliscope/charuco_calibration/calibration/extrinsic/timestamps.csv")
    table = from_frame_times(tuple(times), list(times.values()), shared_clock=True)
    assert table.frame_index.shape == (111, 4)
    # Recorded as 111 groups of four; the cameras run a few milliseconds apart.
    assert (table.frame_index == np.arange(111)[:, None]).mean() > 0.99
