"""What files say about when they were recorded."""

from pathlib import Path

import av
import numpy as np
import pytest

from mocap.core.errors import InputError
from mocap.sync.timecode import Stamp, compare_stamps, read_code, read_stamp


def film(path: Path, **notes: str) -> Path:
    with av.open(str(path), "w") as container:
        container.metadata.update(notes)
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(5):
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24"))
            )
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("code", "rate", "seconds"),
    [
        ("00:00:01:12", 24.0, 1.5),
        ("01:00:00:00", 25.0, 3600.0),
        # Dropped numbers keep 29.97 pictures a second in step with the clock.
        ("01:00:00;00", 30000 / 1001, 3600.0),
        ("00:10:00;00", 30000 / 1001, 600.0),
        ("00:01:00;02", 30000 / 1001, 60.06),
    ],
)
def test_time_codes(code: str, rate: float, seconds: float) -> None:
    assert read_code(code, rate) == pytest.approx(seconds, abs=0.005)


def test_what_is_no_time_code_is_refused() -> None:
    with pytest.raises(InputError, match="is no time code"):
        read_code("noon", 25.0)


def test_cameras_that_share_a_time_code(tmp_path: Path) -> None:
    one = read_stamp(film(tmp_path / "a.mkv", timecode="10:00:00:00"), "a", 25.0)
    two = read_stamp(film(tmp_path / "b.mkv", timecode="10:00:02:05"), "b", 25.0)
    link = compare_stamps(one, two)
    # The second began 2.2 s later: its clock shows less.
    assert link.offset_s == pytest.approx(-2.2)
    assert link.sigma_s == pytest.approx(1 / 25)


def test_a_recording_may_pass_midnight() -> None:
    link = compare_stamps(Stamp("a", 86_399.0, 0.02, True), Stamp("b", 1.0, 0.02, True))
    assert link.offset_s == pytest.approx(-2.0)


def test_creation_times_are_a_hint_only(tmp_path: Path) -> None:
    one = read_stamp(film(tmp_path / "a.mp4", creation_time="2024-05-01T10:00:00Z"), "a", 25.0)
    two = read_stamp(film(tmp_path / "b.mp4", creation_time="2024-05-01T10:00:07Z"), "b", 25.0)
    link = compare_stamps(one, two)
    assert link.offset_s == pytest.approx(-7.0)
    assert link.sigma_s == pytest.approx(2.0)


def test_a_file_that_says_nothing_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'a' has no time code"):
        read_stamp(film(tmp_path / "a.mkv"), "a", 25.0)
