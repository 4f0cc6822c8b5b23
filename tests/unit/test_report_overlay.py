"""Overlay films: right size, right count, marks where the points are, nothing half-written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from calibration import Camera, CameraRig, Intrinsics
from calibration.transforms import from_rotation
from mocap.core.errors import CancelledError, ExportError, StorageError, VideoError
from mocap.core.progress import CancelToken
from mocap.core.skeleton import Skeleton
from mocap.core.types import Frame, Points3D, SyncTable, Tracks2D
from mocap.report import drawing, overlay
from mocap.report.overlay import (
    clearest_instant,
    contact_sheet,
    even_size,
    film_names,
    overlay_pictures,
    write_overlays,
)

RATE = 30.0
SIZE_WH = (201, 151)  # odd on purpose: H.264 cannot store it
GREY = 90
SKELETON = Skeleton(
    name="stick",
    keypoints=("head", "left_foot", "right_foot"),
    bones=(("head", "left_foot"), ("head", "right_foot")),
    mirror=(("left_foot", "right_foot"),),
    core=("head", "left_foot", "right_foot"),
    angles=(),
    joints=(),
)
BLUE, ORANGE, RED = (233, 180, 86), (0, 159, 230), (80, 60, 255)


def two_cameras() -> CameraRig:
    K = np.array([[200.0, 0, 100], [0, 200.0, 75], [0, 0, 1]])
    facing_y = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
    intrinsics = Intrinsics(SIZE_WH, K, np.zeros(5))
    poses = [from_rotation(facing_y, [x, 1.0, 4.0]) for x in (0.3, -0.3)]
    return CameraRig(tuple(Camera(n, intrinsics, p) for n, p in zip(("Kamera Süd/1", "B"), poses, strict=True)))


def scene(instants: int = 6) -> tuple[CameraRig, Tracks2D, Points3D, SyncTable]:
    """A stick figure that stands still, seen by two cameras; the second camera misses instant 2."""
    rig = two_cameras()
    body = np.array([[0, 0, 1.6], [-0.5, 0, 0.4], [0.5, 0, 0.4]])
    xyz = np.broadcast_to(body, (instants, 1, 3, 3)).copy()
    xy = np.moveaxis(rig.project(xyz)[0], 0, 1)
    used = np.ones(xy.shape[:-1], bool)
    points = Points3D(
        SKELETON,
        xyz,
        np.full((instants, 1, 3, 3, 3), 1e-6),
        np.full((instants, 1, 3), 2),
        np.zeros(used.shape),
        used,
    )
    tracks = Tracks2D(rig.names, SKELETON, xy, np.ones(used.shape), np.ones(used.shape), np.array([0]))
    index = np.stack([np.arange(instants) + 3, np.arange(instants)], axis=1)
    index[2, 1] = -1
    sync = SyncTable.of_one_clock(rig.names, np.arange(instants) / RATE, index)
    return rig, tracks, points, sync


def films(count: int = 30, camera: str = "x") -> Iterator[Frame]:
    width, height = SIZE_WH
    for index in range(count):
        yield Frame(camera, index, round(index / RATE * 1e9), np.full((height, width, 3), GREY, np.uint8))


def sources(rig: CameraRig, count: int = 30):
    return {name: lambda: films(count) for name in rig.names}


def decode(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def near(picture: np.ndarray, xy: np.ndarray, colour: tuple[int, int, int], reach: int = 3) -> bool:
    """Whether a pixel of about this colour lies within ``reach`` of ``xy``."""
    x, y = np.round(xy).astype(int)
    patch = picture[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1].astype(int)
    return bool((np.abs(patch - np.array(colour)).max(axis=-1) < 40).any())


def test_films_have_one_picture_per_instant_and_an_even_size(tmp_path: Path) -> None:
    rig, tracks, points, sync = scene()
    told = []
    paths = write_overlays(
        tmp_path / "overlays", sources(rig), tracks, points, rig, sync, progress=lambda *step: told.append(step)
    )
    assert list(paths) == list(rig.names)
    assert sorted(p.name for p in (tmp_path / "overlays").iterdir()) == ["B.mp4", "Kamera_Süd_1.mp4"]
    for path in paths.values():
        pictures = decode(path)
        assert len(pictures) == 6
        assert pictures[0].shape == (152, 200, 3)
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
            assert float(stream.average_rate) == pytest.approx(RATE)
        head = path.read_bytes()
        assert head.index(b"moov") < head.index(b"mdat"), "the index must stand in front (faststart)"
    assert told[-1] == ("overlay", 12, 12)
    assert [step[1] for step in told] == list(range(1, 13))


def test_marks_lie_where_the_points_are() -> None:
    rig, tracks, points, sync = scene()
    used = points.used.copy()
    used[:, 0, 0, 0] = False  # the head in the first camera
    points = replace(points, used=used)
    picture = next(overlay_pictures(lambda: films(), 0, tracks, points, rig, sync))
    head, left, right = tracks.xy[0, 0, 0]
    assert near(picture, left, BLUE)
    assert near(picture, right, ORANGE)
    assert near(picture, head, RED), "a rejected detection is a red cross"
    assert not near(picture, left, RED)
    assert not near(picture, head, BLUE, 1)


def test_the_reprojection_is_drawn_apart_from_the_detection() -> None:
    rig, tracks, points, sync = scene()
    moved = replace(tracks, xy=tracks.xy + np.array([25.0, 0.0]))
    picture = next(overlay_pictures(lambda: films(), 0, moved, points, rig, sync))
    head, left, _ = tracks.xy[0, 0, 0]
    middle_of_bone = (head + left) / 2
    assert near(picture, middle_of_bone, (255, 255, 255), 1)
    assert near(picture, left + np.array([25.0, 0.0]), BLUE)


def test_points_are_drawn_at_the_scaled_place() -> None:
    rig, tracks, points, sync = scene()
    nowhere = replace(points, xyz=np.full_like(points.xyz, np.nan))
    picture = next(overlay_pictures(lambda: films(), 0, tracks, nowhere, rig, sync, 100))
    assert picture.shape == (76, 100, 3)
    left = (tracks.xy[0, 0, 0, 1] + 0.5) * np.array([100 / 201, 76 / 151]) - 0.5
    assert near(picture, left, BLUE, 1)


def test_frames_follow_the_sync_table_and_gaps_are_grey() -> None:
    rig, tracks, points, sync = scene()
    blank = replace(tracks, xy=np.full_like(tracks.xy, np.nan))
    nowhere = replace(points, xyz=np.full_like(points.xyz, np.nan))

    def numbered() -> Iterator[Frame]:
        for frame in films(30):
            yield replace(frame, image=np.full_like(frame.image, 100 + 10 * frame.index))

    def level(picture: np.ndarray) -> int:
        return int(picture[60, 190, 0])

    first = [level(p) for p in overlay_pictures(numbered, 0, blank, nowhere, rig, sync)]
    second = [level(p) for p in overlay_pictures(numbered, 1, blank, nowhere, rig, sync)]
    assert first == [130, 140, 150, 160, 170, 180]
    assert second == [100, 110, overlay.NO_PICTURE_GREY, 130, 140, 150]


def test_a_video_that_ends_early_leaves_grey_pictures() -> None:
    rig, tracks, points, sync = scene()
    pictures = list(overlay_pictures(lambda: films(4), 1, tracks, points, rig, sync))
    assert len(pictures) == 6
    assert pictures[3][60, 190, 0] == GREY
    assert pictures[4][60, 190, 0] == overlay.NO_PICTURE_GREY


def test_a_camera_without_any_picture_still_gives_a_film(tmp_path: Path) -> None:
    rig, tracks, points, sync = scene()
    paths = write_overlays(tmp_path, sources(rig, 0), tracks, points, rig, sync)
    assert [len(decode(path)) for path in paths.values()] == [6, 6]


def test_one_instant_is_enough(tmp_path: Path) -> None:
    rig, tracks, points, sync = scene(instants=3)
    one = replace(sync, t_s=sync.t_s[:1], frame_index=sync.frame_index[:1], lag_s=sync.lag_s[:1])
    paths = write_overlays(tmp_path, sources(rig), tracks, points, rig, one)
    assert [len(decode(path)) for path in paths.values()] == [1, 1]


def test_cancel_leaves_whole_films_and_no_half_one(tmp_path: Path) -> None:
    rig, tracks, points, sync = scene()
    cancel = CancelToken()

    def stop_in_second_film(stage: str, done: int, total: int) -> None:
        if done == 8:
            cancel.cancel()

    with pytest.raises(CancelledError):
        write_overlays(
            tmp_path, sources(rig), tracks, points, rig, sync, progress=stop_in_second_film, cancel=cancel
        )
    assert [p.name for p in tmp_path.iterdir()] == ["Kamera_Süd_1.mp4"]
    assert len(decode(tmp_path / "Kamera_Süd_1.mp4")) == 6


def test_a_video_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    rig, tracks, points, sync = scene()

    def broken() -> Iterator[Frame]:
        yield from films(4)
        raise VideoError("The video is damaged.", "Copy it again.")

    with pytest.raises(VideoError):
        write_overlays(tmp_path, dict.fromkeys(rig.names, broken), tracks, points, rig, sync)
    assert list(tmp_path.iterdir()) == []


def test_no_encoder_is_said_clearly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig, tracks, points, sync = scene()
    monkeypatch.setattr(overlay, "ENCODER", "no_such_encoder")
    with pytest.raises(ExportError, match=r"no H\.264 encoder"):
        write_overlays(tmp_path, sources(rig), tracks, points, rig, sync)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way_is_said_clearly(tmp_path: Path) -> None:
    rig, tracks, points, sync = scene()
    (tmp_path / "overlays").write_text("a file, not a folder")
    with pytest.raises(StorageError):
        write_overlays(tmp_path / "overlays", sources(rig), tracks, points, rig, sync)


def test_contact_sheet_shows_every_camera_at_the_instant(tmp_path: Path) -> None:
    rig, tracks, points, sync = scene()
    paths = write_overlays(tmp_path, sources(rig), tracks, points, rig, sync)
    sheet = contact_sheet(paths, instant=2, width_px=200)
    assert sheet.shape == (76, 200, 3)
    # The first camera has a picture at instant 2, the second has none.
    assert abs(int(sheet[40, 95, 0]) - GREY) < 8
    assert abs(int(sheet[40, 195, 0]) - overlay.NO_PICTURE_GREY) < 8
    other = contact_sheet(paths, instant=3, width_px=200)
    assert abs(int(other[40, 195, 0]) - GREY) < 8


def test_wide_pictures_are_stacked_in_a_square(tmp_path: Path) -> None:
    rig, tracks, points, sync = scene()
    paths = list(write_overlays(tmp_path, sources(rig), tracks, points, rig, sync).values())
    sheet = contact_sheet({"a": paths[0], "b": paths[1], "c": paths[0]}, instant=2, width_px=200)
    assert sheet.shape == (152, 200, 3)
    assert abs(int(sheet[116, 95, 0]) - GREY) < 8
    assert (sheet[80:, 105:] == overlay.NO_PICTURE_GREY).all()


def test_contact_sheet_of_a_damaged_film_is_explained(tmp_path: Path) -> None:
    bad = tmp_path / "a.mp4"
    bad.write_text("no film")
    with pytest.raises(VideoError):
        contact_sheet({"a": bad}, instant=0)


def test_the_clearest_instant_has_the_most_points() -> None:
    _, _, points, _ = scene()
    xyz = points.xyz.copy()
    xyz[[0, 1, 2, 3]] = np.nan
    assert clearest_instant(replace(points, xyz=xyz)) == 4
    assert clearest_instant(points) == 3


def test_the_legend_is_drawn_where_there_is_room() -> None:
    large, small = (np.full((side, side, 3), GREY, np.uint8) for side in (480, 160))
    drawing.draw_legend(large)
    drawing.draw_legend(small)
    assert (large[-100:, :100] == GREY // 3).any()
    assert (small == GREY).all()


@pytest.mark.parametrize(
    ("size", "long_side", "expected"),
    [((1088, 1920), 1280, (726, 1280)), ((640, 480), 1280, (640, 480)), ((201, 151), 1280, (200, 152))],
)
def test_even_size(size: tuple[int, int], long_side: int, expected: tuple[int, int]) -> None:
    assert even_size(size, long_side) == expected


def test_film_names_are_safe_and_differ() -> None:
    assert film_names(("../../etc/x", "a b", "a_b", "///")) == ("etc_x.mp4", "a_b.mp4", "a_b_3.mp4", "camera.mp4")
