from pathlib import Path

import pytest

from mocap.capture.find import camera_names, find_videos, natural_key
from mocap.core.errors import InputError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    ("stems", "names"),
    [
        (["cam01", "cam02"], ["cam01", "cam02"]),
        (["cam_0", "cam_1"], ["cam_0", "cam_1"]),
        (["walk_cam01_sync", "walk_cam02_sync"], ["cam01", "cam02"]),
        (["walk_cam_1", "walk_cam_2"], ["cam_1", "cam_2"]),
        (["trial 3 left", "trial 3 right"], ["left", "right"]),
        (["1", "2"], ["1", "2"]),
        (["A", "AB"], ["A", "AB"]),
        (["a_b", "a_b_c"], ["b", "b_c"]),
        (["GX010042"], ["GX010042"]),
        (["left_2024", "right_2024"], ["left", "right"]),
    ],
)
def test_camera_names_are_what_tells_the_files_apart(stems: list[str], names: list[str]) -> None:
    assert camera_names(stems) == tuple(names)


def test_cam2_comes_before_cam10() -> None:
    assert sorted(["cam10", "cam2", "Cam1"], key=natural_key) == ["Cam1", "cam2", "cam10"]


@pytest.mark.parametrize(
    "place", ["raw", "videos", "recordings", "synchronized_videos", ".", "recordings/recording_1"]
)
def test_videos_are_found_where_programs_keep_them(tmp_path: Path, place: str) -> None:
    touch(tmp_path, f"{place}/cam10.mp4", f"{place}/cam2.MOV", f"{place}/timestamps.csv")
    found = find_videos(tmp_path)
    assert list(found) == ["cam2", "cam10"]
    assert found["cam2"].resolve() == (tmp_path / place / "cam2.MOV").resolve()


def test_films_made_of_the_recording_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "cam1.mp4", "cam2.mp4", "cam1_overlay.mp4", "cam2_pose.mp4", ".cam3.mp4")
    assert list(find_videos(tmp_path)) == ["cam1", "cam2"]


def test_no_video_is_explained(tmp_path: Path) -> None:
    touch(tmp_path, "videos/readme.txt")
    with pytest.raises(InputError, match="No video was found"):
        find_videos(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        find_videos(tmp_path / "none")


def test_several_recordings_are_not_mixed(tmp_path: Path) -> None:
    touch(tmp_path, "recordings/a/cam1.mp4", "recordings/b/cam1.mp4")
    with pytest.raises(InputError, match="several recordings: a, b"):
        find_videos(tmp_path)


def test_two_videos_of_one_camera_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "cam1.mp4", "cam1.avi", "cam2.mp4")
    with pytest.raises(InputError, match="'cam1' has several videos"):
        find_videos(tmp_path)
