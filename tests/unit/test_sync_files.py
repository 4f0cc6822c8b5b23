"""Clocks kept beside the videos, and frames joined by them."""

from pathlib import Path

import numpy as np
import pytest

from mocap.capture import VideoInfo
from mocap.core.errors import InputError
from mocap.pipeline.sync.rate import true_rates
from mocap.sync import Clocks, Sound, from_frame_times, read_clocks, write_clocks
from mocap.sync.listen import RATE_HZ

CAMERAS = ("a", "b")
CLOCKS = Clocks(
    CAMERAS,
    np.array([0.0, 2.5]),
    np.array([1.0, 0.999]),
    np.array([0.0, 4.0]),
    np.array([0.0, 0.001]),
    np.array([0.0, 1e-4]),
)


def test_clocks_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "sync.toml"
    write_clocks(path, CLOCKS, (100, 90), {"sound: a to b": "a clap"}, notes=("Mind the gap.",))
    back = read_clocks(path, CAMERAS, (100, 90))
    for name in ("offset_s", "rate", "at_s", "sigma_s", "rate_sigma"):
        np.testing.assert_array_equal(getattr(back, name), getattr(CLOCKS, name))


def test_clocks_of_other_videos_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "sync.toml"
    write_clocks(path, CLOCKS, (100, 90))
    with pytest.raises(InputError, match=r"'b' with 90 frames; this one has 91"):
        read_clocks(path, CAMERAS, (100, 91))
    with pytest.raises(InputError, match="no clock for camera 'c'"):
        read_clocks(path, ("a", "c"), (100, 90))


@pytest.mark.parametrize(
    ("text", "message"), [("", "Field required"), ("version = 99", "clock"), ("version = 1\nclock = 3", "clock")]
)
def test_a_broken_file_is_explained(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "sync.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_clocks(path, CAMERAS, (1, 1))
    assert caught.value.path == path


def test_frames_are_joined_by_the_clocks() -> None:
    t = np.arange(300) / 30
    table = from_frame_times(CAMERAS, [t, t], clocks=CLOCKS)
    both = (table.frame_index >= 0).all(axis=1)
    assert both.sum() > 200
    taken = [CLOCKS.to_common(c, t[table.frame_index[both, c]]) for c in range(2)]
    assert np.abs(taken[0] - taken[1]).max() <= 1 / 30
    np.testing.assert_allclose(table.lag_s[both, 1], taken[1] - table.t_s[both], atol=1e-12)
    middle = 0.5 * (table.t_s[0] + table.t_s[-1])
    assert table.offset_sigma_s[1] == pytest.approx(np.hypot(0.001, 1e-4 * (middle - 4.0)))
    np.testing.assert_array_equal(table.rate, CLOCKS.rate)


def video(frames: int, says_hz: float) -> VideoInfo:
    return VideoInfo("a", Path("a.mp4"), (64, 64), says_hz, np.arange(frames) / says_hz, "h264", True)


def sound(seconds: float) -> Sound:
    return Sound("a", 0.0, np.zeros(round(seconds * RATE_HZ)))


def test_a_file_whose_header_lies_about_its_rate_is_put_right() -> None:
    found = true_rates((video(600, 25.0),), {"a": sound(20.05)}, timed=False)
    assert found.ratio[0] == pytest.approx(30.0 / 25.0, rel=2e-3)
    assert "says 25 pictures a second, but its sound shows that there were" in found.notes[0]
    assert not found.unusable


def test_loose_ends_of_sound_and_pictures_are_no_lie() -> None:
    found = true_rates((video(600, 30.0),), {"a": sound(19.8)}, timed=False)
    assert found.ratio[0] == 1.0
    assert not found.notes


def test_sound_that_was_cut_is_not_used() -> None:
    found = true_rates((video(600, 30.0),), {"a": sound(14.1)}, timed=False)
    assert found.ratio[0] == 1.0
    assert found.unusable == ("a",)
    assert "do not belong together" in found.notes[0]


def test_times_that_a_recorder_wrote_down_are_believed() -> None:
    assert true_rates((video(600, 25.0),), {"a": sound(20.0)}, timed=True).ratio[0] == 1.0
