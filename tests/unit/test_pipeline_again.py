"""A second look where a view lost somebody or contradicts the others: what counts, and what does not."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration import CameraRig
from mocap.capture import VideoInfo, probe
from mocap.core.errors import ModelError
from mocap.core.progress import CancelToken, silent
from mocap.core.types import FloatArray, ImageArray, Poses2D, SyncTable, Tracks2D
from mocap.detect import Looker
from mocap.pipeline.again import look_again
from mocap.presets import load_skeleton
from mocap.session import RunFolder
from mocap.triangulate import triangulate

FRAMES = 12
SKELETON = load_skeleton("blazepose33")
CORE = SKELETON.core_index
Found = tuple[FloatArray, FloatArray, FloatArray]


def body(frame: int, x: float = 0.0) -> FloatArray:
    """A person (33, 3) of 1.7 m who walks slowly, m."""
    spread = np.random.default_rng(5).uniform([-0.25, -0.2, 0.1], [0.25, 0.2, 1.7], (33, 3))
    return np.asarray(spread + np.array([x + 0.01 * frame, 0.0, 0.0]))


class Truthful:
    """Sees the person (t, n) where they are, as `shift` moves them; knows the picture by its brightness."""

    def __init__(self, truth: FloatArray, shift: float = 0.0) -> None:
        self.truth, self.shift, self.asked = truth, shift, [0]

    def look(self, image: ImageArray, expected: FloatArray) -> Found | None:
        self.asked[0] += 1
        known = np.isfinite(expected).all(axis=-1)
        nearest = np.nanmedian(np.linalg.norm(self.truth - expected, axis=-1), axis=-1)
        assert known[CORE].all()
        xy = self.truth.reshape(-1, 33, 2)[nearest.argmin()] + self.shift
        return xy, np.full(33, 2.0), np.full(33, 0.9)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> tuple[VideoInfo, ...]:
    path = tmp_path_factory.mktemp("films") / "cam.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30.0, (64, 48))
    for _ in range(FRAMES):
        writer.write(np.zeros((48, 64, 3), dtype=np.uint8))
    writer.release()
    return tuple(probe(path, f"cam{c}") for c in range(4))


@pytest.fixture
def pixels(rig: CameraRig) -> FloatArray:
    """Where everybody is (T, C, 2, 33, 2), px: the subject, and a bystander two metres aside."""
    world = np.array([[body(t), body(t, 2.0)] for t in range(FRAMES)])
    return np.moveaxis(rig.project(world)[0], 0, 1)


def tracks_of(rig: CameraRig, xy: FloatArray) -> Tracks2D:
    sigma, score = np.full(xy.shape[:-1], 2.0), np.full(xy.shape[:-1], 0.9)
    gone = ~np.isfinite(xy).all(axis=-1)
    sigma[gone], score[gone] = np.nan, np.nan
    return Tracks2D(rig.names, SKELETON, xy, sigma, score, np.arange(xy.shape[2]))


def again(
    tracks: Tracks2D,
    others: FloatArray,
    rig: CameraRig,
    videos: tuple[VideoInfo, ...],
    looker: Looker,
    folder: Path,
) -> Tracks2D:
    t_s = np.arange(FRAMES) / 30.0
    sync = SyncTable.of_one_clock(rig.names, t_s, np.repeat(np.arange(FRAMES)[:, None], 4, axis=1))
    score = np.where(np.isfinite(others).all(axis=-1), 0.9, np.nan)
    track = np.where(np.isfinite(score).any(axis=-1), np.arange(others.shape[2]), -1)
    poses = Poses2D(rig.names, SKELETON, others, 2.0 * score, score, track)
    run = RunFolder(folder)
    points = triangulate(tracks, rig)
    return look_again(tracks, points, poses, rig, sync, videos, looker, 0.3, run, "key", silent, CancelToken())


def lost_in_view_1(pixels: FloatArray) -> FloatArray:
    xy = pixels[:, :, :1].copy()
    xy[4:8, 1] = np.nan
    return xy


def test_a_person_whom_one_view_lost_is_found_where_the_others_place_them(
    rig: CameraRig, videos: tuple[VideoInfo, ...], pixels: FloatArray, tmp_path: Path
) -> None:
    tracks = tracks_of(rig, lost_in_view_1(pixels))
    looker = Truthful(pixels[:, 1, 0])
    found = again(tracks, pixels[:, :, 1:], rig, videos, looker, tmp_path)
    assert looker.asked == [4]
    np.testing.assert_allclose(found.xy, pixels[:, :, :1])
    assert not (tmp_path / "poses2d.parts" / "again").exists()


def test_what_is_not_read_from_the_picture_is_not_given(
    rig: CameraRig, videos: tuple[VideoInfo, ...], pixels: FloatArray, tmp_path: Path
) -> None:
    class Blind:
        asked = 0

        def look(self, image: ImageArray, expected: FloatArray) -> Found | None:
            Blind.asked += 1
            return None

    tracks = tracks_of(rig, lost_in_view_1(pixels))
    assert again(tracks, pixels[:, :, 1:], rig, videos, Blind(), tmp_path) is tracks
    assert Blind.asked == 2, "looks become rarer where they do not help: at instants 4 and 6 of 4 to 7"


def test_nobody_gets_another_persons_keypoints(
    rig: CameraRig, videos: tuple[VideoInfo, ...], pixels: FloatArray, tmp_path: Path
) -> None:
    # In view 1 somebody stands a few pixels beside the subject and hides them: the network sees that one.
    in_front = pixels[:, :, :1] + 6.0
    tracks = tracks_of(rig, lost_in_view_1(pixels))
    looker = Truthful(pixels[:, 1, 0], shift=6.0)
    assert again(tracks, in_front, rig, videos, looker, tmp_path / "a") is tracks
    # Nobody else being there, the same answer is near enough to be the subject.
    assert again(tracks, pixels[:, :, 1:], rig, videos, looker, tmp_path / "b") is not tracks


def test_a_guessed_limb_of_a_found_person_is_left_out(
    rig: CameraRig, videos: tuple[VideoInfo, ...], pixels: FloatArray, tmp_path: Path
) -> None:
    tracks = tracks_of(rig, lost_in_view_1(pixels))
    answer = pixels[:, 1, 0].copy()
    guessed = SKELETON.index("left_wrist", "left_elbow")
    answer[:, guessed] += 300.0
    found = again(tracks, pixels[:, :, 1:], rig, videos, Truthful(answer), tmp_path)
    assert np.isnan(found.xy[4:8, 1, 0][:, guessed]).all()
    assert np.isnan(found.score[4:8, 1, 0][:, guessed]).all()
    rest = np.delete(np.arange(33), guessed)
    np.testing.assert_allclose(found.xy[4:8, 1, 0][:, rest], answer[4:8, rest])


def test_a_view_that_contradicts_the_others_is_mended_only_if_the_new_look_is_closer(
    rig: CameraRig, videos: tuple[VideoInfo, ...], pixels: FloatArray, tmp_path: Path
) -> None:
    xy = pixels[:, :, :1].copy()
    arm = SKELETON.index("left_wrist", "left_elbow", "left_shoulder")
    xy[5, 2, 0, arm] += 80.0
    tracks = tracks_of(rig, xy)
    mended = again(tracks, xy, rig, videos, Truthful(pixels[:, 2, 0]), tmp_path / "a")
    np.testing.assert_allclose(mended.xy, pixels[:, :, :1])
    same = again(tracks, xy, rig, videos, Truthful(xy[:, 2, 0]), tmp_path / "b")
    assert same is tracks


def test_who_was_placed_shortly_before_and_after_is_looked_for_in_between(
    rig: CameraRig, videos: tuple[VideoInfo, ...], pixels: FloatArray, tmp_path: Path
) -> None:
    xy = pixels[:, :, :1].copy()
    xy[4:8, 1:] = np.nan  # one view is left, which alone cannot place anybody
    found = again(tracks_of(rig, xy), pixels[:, :, 1:], rig, videos, Truthful(pixels[:, 1, 0]), tmp_path)
    np.testing.assert_allclose(found.xy[4:8, 1], pixels[4:8, 1, :1])


def test_who_was_not_placed_before_or_after_is_not_looked_for(
    rig: CameraRig, videos: tuple[VideoInfo, ...], pixels: FloatArray, tmp_path: Path
) -> None:
    xy = pixels[:, :, :1].copy()
    xy[:8, 1:] = np.nan
    looker = Truthful(pixels[:, 1, 0])
    tracks = tracks_of(rig, xy)
    assert again(tracks, pixels[:, :, 1:], rig, videos, looker, tmp_path) is tracks
    assert looker.asked == [0]


def test_views_that_were_done_are_not_looked_at_again(
    rig: CameraRig, videos: tuple[VideoInfo, ...], pixels: FloatArray, tmp_path: Path
) -> None:
    class Breaks(Truthful):
        def look(self, image: ImageArray, expected: FloatArray) -> Found | None:
            if np.nanmedian(np.abs(expected - pixels[4, 2, 0])) < np.nanmedian(np.abs(expected - pixels[4, 1, 0])):
                raise ModelError("The network fails.", "Mend it.")
            return super().look(image, expected)

    xy = lost_in_view_1(pixels)
    xy[4:8, 2] = np.nan
    tracks, others = tracks_of(rig, xy), pixels[:, :, 1:]
    with pytest.raises(ModelError):
        again(tracks, others, rig, videos, Breaks(pixels[:, 1, 0]), tmp_path)
    rest = Truthful(pixels[:, 2, 0])
    found = again(tracks, others, rig, videos, rest, tmp_path)
    assert rest.asked == [4], "only the view that failed"
    np.testing.assert_allclose(found.xy, pixels[:, :, :1])
