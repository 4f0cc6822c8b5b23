"""The studio renders a whole session or nothing. Needs the extra ``studio``, but for the first tests."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from calibration.formats import load_rig
from calibration.transforms import apply
from mocap.core.errors import CancelledError, InputError, MissingExtraError, StorageError
from mocap.core.progress import CancelToken, silent
from mocap.studio import StudioSettings, load_truth, render, sample_dir
from mocap.studio.board import StudioBoard, board_poses, draw_board
from mocap.studio.rig import make_rig
from mocap.studio.scene import sample_rays, trace_room

SMALL = StudioSettings(
    motions=("walk", "squat"),
    persons=2,
    cameras=2,
    size_wh=(160, 120),
    fps=10.0,
    seconds=1.2,
    offset_s=(0.0, 0.2),
    dropped_share=0.3,
    charuco_seconds=0.5,
    charuco_fps=4.0,
)


def test_missing_extra_is_explained_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(MissingExtraError, match=r"openmocap\[studio\]"):
        render(SMALL, tmp_path / "film")
    assert list(tmp_path.iterdir()) == []


def test_an_occupied_folder_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(InputError, match="something here"):
        render(SMALL, tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "keep me"


def test_room_is_traced_where_the_camera_model_says() -> None:
    camera = make_rig(replace(SMALL, cameras=3, offset_s=())).cameras[1]
    backdrop = trace_room(camera)
    depth = apply(camera.cam_from_world, backdrop.point)[..., 2]
    np.testing.assert_allclose(depth * backdrop.nearness, 1.0, rtol=1e-9)
    pixels, valid = camera.project(backdrop.point)
    assert valid.all()
    x = (np.arange(320) + 0.5) / 2 - 0.5
    np.testing.assert_allclose(pixels[..., 0], np.broadcast_to(x, (240, 320)), atol=1e-4)
    assert 0.2 < backdrop.floor.mean() < 0.9


def test_board_is_drawn_to_a_fraction_of_a_pixel() -> None:
    """Without noise and compression the detector finds the corners where the truth has them."""
    settings, board = StudioSettings(), StudioBoard()
    camera = make_rig(settings).cameras[0]
    rays = sample_rays(camera, 1)[..., :2]
    detector = cv2.aruco.CharucoDetector(board.opencv)
    off = []
    for pose in board_poses(board, np.arange(0.0, 6.0, 0.2), 6.0, 4):
        picture = draw_board(np.full((480, 640, 3), 128.0), camera, rays, board, pose)
        corners, ids, _, _ = detector.detectBoard(np.rint(picture[..., 0]).astype(np.uint8))
        if ids is not None:
            off.append(corners.reshape(-1, 2) - camera.project(apply(pose, board.corners))[0][ids.ravel()])
    found = np.concatenate(off)
    assert len(found) > 60
    assert np.median(np.linalg.norm(found, axis=-1)) < 0.15
    assert np.abs(np.median(found, axis=0)).max() < 0.04


def decoded(path: Path) -> list[tuple[float, np.ndarray]]:
    """Time stamps, s, and pictures as integers that can be subtracted."""
    with av.open(str(path)) as container:
        return [
            (float(frame.pts * frame.time_base), frame.to_ndarray(format="bgr24").astype(int))
            for frame in container.decode(video=0)
        ]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("numba")
    pytest.importorskip("anny")
    return render(SMALL, tmp_path_factory.mktemp("studio") / "film")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_session_holds_everything(film: Path) -> None:
    found = {str(path.relative_to(film).as_posix()) for path in film.rglob("*") if path.is_file()}
    assert found == {
        "session.toml",
        "calibration/board.toml",
        "calibration/rig.toml",
        "calibration/truth.npz",
        "calibration/videos/cam_1.mp4",
        "calibration/videos/cam_2.mp4",
        "trials/walk_squat/raw/cam_1.mp4",
        "trials/walk_squat/raw/cam_2.mp4",
        "trials/walk_squat/truth.npz",
    }
    assert [path for path in film.parent.iterdir() if path != film] == []
    truth = load_truth(film / "trials" / "walk_squat" / "truth.npz")
    assert truth.xyz.shape[:2] == (12, 2)
    np.testing.assert_array_equal(truth.offset_s, [0.0, 0.2])
    nose = truth.xyz[:, :, truth.skeleton.index("nose")[0]]
    assert np.linalg.norm(nose[:, 0, :2] - nose[:, 1, :2], axis=-1).min() > 0.5


def test_shipped_sample_is_what_this_software_renders() -> None:
    """Truth and rig of the sample; its pictures depend on the encoder's version and are not compared."""
    pytest.importorskip("numba")
    pytest.importorskip("anny")
    from mocap.studio.people import cast, true_keypoints

    truth, settings = load_truth(sample_dir() / "trials" / "sample" / "truth.npz"), StudioSettings()
    np.testing.assert_allclose(true_keypoints(cast(settings), truth.t_s, truth.skeleton), truth.xyz, atol=1e-6)
    shipped, made = load_rig(sample_dir() / "calibration" / "rig.toml"), make_rig(settings)
    assert shipped.names == made.names
    np.testing.assert_allclose(shipped.project(truth.xyz)[0], made.project(truth.xyz)[0], atol=1e-6)
    poses = np.load(sample_dir() / "calibration" / "truth.npz")
    want = board_poses(StudioBoard(), poses["t_s"], settings.charuco_seconds, settings.cameras)
    np.testing.assert_allclose(poses["world_from_board"], want, atol=1e-9)


def test_dropped_frames_are_absent_and_the_others_keep_their_stamps(film: Path) -> None:
    for camera in ("cam_1", "cam_2"):
        with av.open(str(film / "trials" / "walk_squat" / "raw" / f"{camera}.mp4")) as container:
            stamps = np.array([float(frame.pts * frame.time_base) for frame in container.decode(video=0)])
        assert 3 <= len(stamps) < 12
        assert stamps[0] == 0.0
        np.testing.assert_allclose(stamps * 10, np.rint(stamps * 10), atol=1e-9)
        assert (np.diff(stamps) > 0.09).all()


def test_people_are_in_the_picture_where_the_truth_says(film: Path) -> None:
    """The red shirt of the first person is at the true trunk, and not beside it."""
    truth = load_truth(film / "trials" / "walk_squat" / "truth.npz")
    camera = load_rig(film / "calibration" / "rig.toml").cameras[0]
    trunk = truth.skeleton.index("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    beside = 0.35 * camera.cam_from_world[0, :3]
    red: dict[int, list[bool]] = {-1: [], 0: [], 1: []}
    for time_s, image in decoded(film / "trials" / "walk_squat" / "raw" / "cam_1.mp4"):
        for side, found in red.items():
            place = truth.xyz[round(time_s * SMALL.fps), 0, trunk].mean(axis=0) + side * beside
            x, y = np.rint(camera.project(place)[0]).astype(int)
            found.append(bool(image[y, x, 2] > 1.6 * image[y, x, 0]))
    assert np.mean(red[0]) > 0.8
    assert max(np.mean(red[-1]), np.mean(red[1])) < 0.3


def test_films_repeat_and_a_clock_ahead_stamps_later(film: Path, tmp_path: Path) -> None:
    """A clock 0.2 s ahead stamps what happens at 0 with 0.2; the camera with a true clock does not change."""
    again = render(replace(SMALL, charuco_seconds=0.0, offset_s=()), tmp_path / "again")
    raw = Path("trials") / "walk_squat" / "raw"
    assert (again / raw / "cam_1.mp4").read_bytes() == (film / raw / "cam_1.mp4").read_bytes()
    ahead, true = (dict(decoded(folder / raw / "cam_2.mp4")) for folder in (film, again))
    difference = {
        shift: np.mean(
            [
                np.abs(ahead[t] - true[other]).mean()
                for t in ahead
                for other in true
                if abs(t - other - shift) < 1e-6
            ]
        )
        for shift in (-0.2, 0.0, 0.2)
    }
    assert difference[0.2] < 0.5 * min(difference[0.0], difference[-0.2])


def test_a_cancelled_film_leaves_nothing(film: Path, tmp_path: Path) -> None:
    token, seen = CancelToken(), []

    def stop_in_the_film(stage: str, done: int, total: int) -> None:
        seen.append(stage)
        if stage == "film" and done == 3:
            token.cancel()

    with pytest.raises(CancelledError):
        render(replace(SMALL, persons=1, charuco_seconds=0.0), tmp_path / "film", stop_in_the_film, token)
    assert seen.count("film") == 3
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_explained_and_leaves_nothing(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mocap.studio.rendering.write_video", full)
    with pytest.raises(StorageError, match="disk is full"):
        render(replace(SMALL, persons=1), tmp_path / "film", silent)
    assert list(tmp_path.iterdir()) == []
