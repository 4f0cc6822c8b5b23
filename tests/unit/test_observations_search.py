"""Searching the pictures of all cameras: what is found, kept, stopped, noted and refused."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from calibration import observations as module
from calibration.errors import CalibrationError, CancelledError
from calibration.footage import ImageFootage, VideoFootage
from calibration.observations import Observations, observe, thin
from calibration.targets import AnyTarget, CharucoBoard, Checkerboard, read_target
from calibration.targets.protocol import Image
from calibration.transforms import FloatArray
from tests.unit.drawn_targets import draw, plane_at, truth

BOARD = CharucoBoard(4, 5, 0.04, 0.03, "DICT_5X5_100")
BLANK = np.full((300, 400), 120, np.uint8)


@dataclass
class Film:
    """Pictures in memory that count how often they are read."""

    pictures: list[Image]
    fingerprint: str = "a"
    size_wh: tuple[int, int] = (400, 300)
    read_frames: list[int] = field(default_factory=list)

    def read(self, wanted: NDArray[np.int64]) -> Iterator[tuple[int, Image]]:
        for index in wanted.tolist():
            if index < len(self.pictures):
                self.read_frames.append(index)
                yield index, self.pictures[index]


def plane(n: int) -> FloatArray:
    return plane_at(BOARD, (180.0 + 9.0 * n, 150.0), 200.0, 0.1 * n, 0.2)


@pytest.fixture(scope="module")
def pictures() -> list[Image]:
    return [draw([(BOARD, plane(n))]) for n in range(4)]


def table(count: int, cameras: int) -> tuple[NDArray[np.int64], FloatArray]:
    index = np.tile(np.arange(count)[:, None], (1, cameras))
    return index, index / 30.0 + 0.001 * np.arange(cameras)


def search(films: dict[str, Film], target: AnyTarget = BOARD, count: int = 4, **more: object) -> Observations:
    index, t_s = more.pop("table", None) or table(count, len(films))  # type: ignore[misc]
    options = {"progress": lambda *_: None, "cancelled": lambda: False, **more}
    return observe(films, target, index, t_s, **options)  # type: ignore[arg-type]


def test_corners_go_to_their_instant_and_camera(pictures: list[Image]) -> None:
    films = {"left": Film(pictures), "right": Film([pictures[3], BLANK, pictures[0], pictures[1]])}
    seen = search(films).sightings
    assert seen.cameras == ("left", "right")
    for t in range(4):
        assert np.abs(seen.xy[t, 0] - truth(BOARD, plane(t))).max() < 0.2
    assert seen.corners_seen.tolist() == [[12, 12], [12, 0], [12, 12], [12, 12]]
    assert np.abs(seen.xy[0, 1] - truth(BOARD, plane(3))).max() < 0.2
    assert seen.t_s[2].tolist() == pytest.approx([2 / 30, 2 / 30 + 0.001])
    assert seen.sizes_wh.tolist() == [[400, 300]] * 2


def test_missing_pictures_stay_missing(pictures: list[Image]) -> None:
    index, t_s = table(4, 2)
    index[1, 1], t_s[1, 1] = -1, np.nan
    short = Film(pictures[:3])  # the video ends before its last frame
    found = search({"left": Film(pictures), "right": short}, table=(index, t_s))
    assert short.read_frames == [0, 2]
    assert found.sightings.frame_index[:, 1].tolist() == [0, -1, 2, -1]
    assert np.isnan(found.sightings.t_s[[1, 3], 1]).all()
    assert np.isnan(found.sightings.xy[[1, 3], 1]).all()
    assert any("right: 1 pictures could not be read" in note for note in found.notes)


def test_mirrored_and_doubled_pictures_are_noted(pictures: list[Image]) -> None:
    mirrored = [np.ascontiguousarray(picture[:, ::-1]) for picture in pictures]
    both = draw([(BOARD, plane_at(BOARD, (100.0, 150.0), 170.0)), (BOARD, plane_at(BOARD, (300.0, 150.0), 170.0))])
    found = search({"left": Film(mirrored), "right": Film([*pictures[:3], both])})
    assert found.mirrored.tolist() == [[True, False]] * 4
    assert found.doubled.tolist() == [[False, False]] * 3 + [[False, True]]
    assert np.isnan(found.sightings.xy[3, 1]).all()
    assert any("left sees the target mirrored in 4 of 4" in note for note in found.notes)
    assert any("right sees two such targets in 1 pictures" in note for note in found.notes)


def test_a_camera_that_never_sees_the_board_is_named(pictures: list[Image]) -> None:
    found = search({"left": Film(pictures), "right": Film([BLANK] * 4)})
    assert any(note.startswith("right never sees the target. The pictures are blank") for note in found.notes)


def test_the_same_file_under_two_names_is_told(pictures: list[Image]) -> None:
    copied = search({"left": Film(pictures), "right": Film(pictures)})
    assert any("left and right show the very same pictures" in note for note in copied.notes)
    other = search({"left": Film(pictures), "right": Film(pictures[::-1])})
    assert not any("very same" in note for note in other.notes)


def test_no_board_at_all_is_explained(pictures: list[Image]) -> None:
    wrong = CharucoBoard(5, 5, 0.04, 0.03, "DICT_5X5_100")
    with pytest.raises(CalibrationError, match="No camera sees") as caught:
        search({"left": Film(pictures), "right": Film(pictures)}, wrong)
    assert "4x5 squares, not 5x5" in caught.value.what


def test_a_checkerboard_with_equal_ends_is_found() -> None:
    # Which end is which is for the extrinsics to tell.
    alike = Checkerboard(5, 3, 0.03)
    picture = draw([(alike, plane_at(alike, (200.0, 150.0), 220.0, 0.2, 0.2))])
    found = search({"left": Film([picture]), "right": Film([picture])}, alike, count=1)
    assert found.sightings.corners_seen.tolist() == [[15, 15]]


def test_results_are_kept_by_content(
    pictures: list[Image], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(fingerprint: str = "a", target: AnyTarget = BOARD) -> tuple[Observations, bool]:
        film = Film(pictures, fingerprint)
        return search({"left": film}, target, cache_dir=tmp_path), bool(film.read_frames)

    first, searched = run()
    assert searched
    again, searched = run()
    assert not searched
    assert np.array_equal(first.sightings.xy, again.sightings.xy, equal_nan=True)
    assert run("b")[1]
    assert run(target=CharucoBoard(4, 5, 0.05, 0.03, "DICT_5X5_100"))[1]
    monkeypatch.setattr(module, "DETECTION_VERSION", module.DETECTION_VERSION + 1)
    assert run()[1]
    monkeypatch.undo()
    for kept in tmp_path.glob("*.npz"):
        kept.write_bytes(kept.read_bytes()[:200])  # a disk that broke
    assert run()[1]


def test_a_stop_is_obeyed_at_the_next_picture(pictures: list[Image], tmp_path: Path) -> None:
    film = Film(pictures * 10)
    steps: list[int] = []
    with pytest.raises(CancelledError):
        search(
            {"left": film},
            count=40,
            progress=lambda _stage, done, _total: steps.append(done),
            cancelled=lambda: len(steps) >= 3,
            cache_dir=tmp_path,
        )
    assert len(film.read_frames) <= 4
    assert not list(tmp_path.iterdir())


def test_progress_reaches_its_end(pictures: list[Image]) -> None:
    steps: list[tuple[str, int, int]] = []
    search({"left": Film(pictures), "right": Film(pictures)}, progress=lambda *step: steps.append(step))
    assert [done for _, done, _ in steps] == list(range(1, 9))
    assert steps[-1] == ("board", 8, 8)


def test_an_error_of_a_reader_is_passed_on(pictures: list[Image], tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(CalibrationError, match="not a picture") as caught:
        search({"left": ImageFootage((tmp_path / "a.png",))}, count=1)  # type: ignore[dict-item]
    assert caught.value.path == tmp_path / "a.png"


def test_many_instants_are_thinned_evenly(pictures: list[Image]) -> None:
    assert thin(4, 100).tolist() == [0, 1, 2, 3]
    assert thin(100, 4).tolist() == [0, 33, 66, 99]
    film = Film(pictures)
    found = search({"left": film}, most_instants=2)
    assert film.read_frames == [0, 3]
    assert found.sightings.frame_index[:, 0].tolist() == [0, 3]


def test_folders_of_pictures_and_videos_are_read(pictures: list[Image], tmp_path: Path) -> None:
    paths = tuple(tmp_path / f"{n}.png" for n in range(4))
    writer = cv2.VideoWriter(str(tmp_path / "film.avi"), cv2.VideoWriter.fourcc(*"FFV1"), 30.0, (400, 300))
    for path, picture in zip(paths, pictures, strict=True):
        cv2.imwrite(str(path), picture)
        writer.write(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR))
    writer.release()
    images, video = ImageFootage(paths), VideoFootage(tmp_path / "film.avi")
    assert images.size_wh == video.size_wh == (400, 300)
    assert images.n_frames == video.n_frames == 4
    for film in (images, video):
        chosen = list(film.read(np.array([1, 3, 7])))
        assert [index for index, _ in chosen] == [1, 3]
        assert np.abs(chosen[1][1][..., 0].astype(int) - pictures[3]).max() <= 2
    before = images.fingerprint
    cv2.imwrite(str(paths[0]), pictures[1])
    assert ImageFootage(paths).fingerprint != before
    cv2.imwrite(str(paths[2]), np.zeros((10, 10), np.uint8))
    with pytest.raises(CalibrationError, match="10x10 px, the first one 400x300"):
        list(images.read(np.array([2])))


def test_real_webcams_see_at_least_as_much_as_others_found(shared_data: Path) -> None:
    folder = shared_data / "caliscope" / "charuco_calibration"
    rows = list(csv.DictReader((folder / "calibration/extrinsic/timestamps.csv").read_text().splitlines()))
    instants = sorted({int(row["sync_index"]) for row in rows})
    index, t_s = np.full((len(instants), 4), -1), np.full((len(instants), 4), np.nan)
    for c in range(4):
        own = sorted((row for row in rows if int(row["cam_id"]) == c), key=lambda row: int(row["sync_index"]))
        for n, row in enumerate(own):
            t = instants.index(int(row["sync_index"]))
            index[t, c], t_s[t, c] = n, float(row["frame_time"])
    films = {f"cam_{c}": VideoFootage(folder / "calibration" / "extrinsic" / f"cam_{c}.mp4") for c in range(4)}
    target = read_target(folder / "charuco.toml")
    seen = observe(films, target, index, t_s, progress=lambda *_: None, cancelled=lambda: False).sightings
    # With OpenCV's detector: 46, 28, 43 and 45 pictures with six corners or more.
    assert ((seen.corners_seen >= 6).sum(axis=0) >= [46, 28, 43, 45]).all()
    assert seen.corners_seen.sum() > 1990
