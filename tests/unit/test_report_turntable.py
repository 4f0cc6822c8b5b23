"""Turntable films: whole bodies in the picture, one turn, sides in their colours, whole files."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from mocap.core.errors import CancelledError, ExportError, MissingExtraError
from mocap.core.progress import CancelToken
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, Points3D
from mocap.report import turntable
from mocap.report.eye import (
    SHORTEST_TURN_S,
    VIEW_RAD,
    Eye,
    TurntableFilm,
    facing,
    film_instants,
    framed,
    nearest_instant,
)
from mocap.report.solid import Figure, cylinders, spheres

RATE = 60.0
SMALL = TurntableFilm((320, 240), seconds=0.5)
SKELETON = Skeleton(
    name="stick",
    keypoints=("left_hip", "right_hip", "left_ankle", "right_ankle"),
    bones=(("left_hip", "right_hip"), ("left_hip", "left_ankle"), ("right_hip", "right_ankle")),
    mirror=(("left_hip", "right_hip"), ("left_ankle", "right_ankle")),
    core=("left_hip", "right_hip"),
    angles=(),
    joints=(),
)


def points(instants: int = 30, lost: Callable[[FloatArray], None] = lambda xyz: None) -> Points3D:
    """Somebody who looks along -y and walks that way."""
    body = np.array([[0.2, 0, 1.0], [-0.2, 0, 1.0], [0.2, 0, 0.0], [-0.2, 0, 0.0]])
    xyz = np.tile(body, (instants, 1, 1, 1))
    xyz[..., 1] -= 0.01 * np.arange(instants)[:, None, None]
    lost(xyz)
    shape = xyz.shape[:3]
    return Points3D(
        SKELETON,
        xyz,
        np.zeros((*shape, 3, 3)),
        np.full(shape, 2),
        np.zeros((shape[0], 2, *shape[1:])),
        np.ones((shape[0], 2, *shape[1:]), bool),
    )


def times(taken: Points3D) -> FloatArray:
    return np.arange(len(taken.xyz)) / RATE


@pytest.fixture
def open3d() -> object:
    return pytest.importorskip("open3d", reason="open3d is not installed")


def test_cylinders_and_spheres_have_their_radius_and_look_outwards() -> None:
    ends = np.array([[[0.0, 0, 0], [0, 0, 2]], [[1.0, 1, 1], [3, 1, 1]]])
    solid = cylinders(ends, np.array([0.1, 0.3]), np.zeros((2, 3)))
    first, second = solid.vertices.reshape(2, -1, 3)
    np.testing.assert_allclose(np.hypot(first[:, 0], first[:, 1]), 0.1)
    np.testing.assert_allclose(np.hypot(second[:, 1] - 1, second[:, 2] - 1), 0.3)
    ball = spheres(np.array([[1.0, 2, 3]]), np.array([0.5]), np.zeros((1, 3)))
    np.testing.assert_allclose(np.linalg.norm(ball.vertices - [1, 2, 3], axis=1), 0.5)
    for made in (solid, ball):
        np.testing.assert_allclose(np.linalg.norm(made.normals, axis=1), 1.0)
        a, b, c = (made.vertices[made.triangles[:, k]] for k in range(3))
        across = np.cross(b - a, c - a)
        # Where a sphere's ring shrinks to its pole the triangle is empty.
        real = np.linalg.norm(across, axis=1) > 1e-9
        outwards = np.einsum("ij,ij->i", across, made.normals[made.triangles].sum(axis=1))
        assert (outwards[real] > 0).all()


def test_what_is_missing_is_left_out_and_sides_keep_their_colours() -> None:
    whole = Figure.of(SKELETON, points().xyz).solid(points().xyz[0])
    gone = points(lost=lambda xyz: xyz[:, :, 2].__setitem__(..., np.nan))
    part = Figure.of(SKELETON, gone.xyz).solid(gone.xyz[0])
    assert len(part.vertices) < len(whole.vertices)
    assert np.isfinite(part.vertices).all()
    low = whole.vertices[:, 2] < 0.5
    left = whole.vertices[:, 0] > 0
    blue, orange = whole.colours[low & left], whole.colours[low & ~left]
    assert (blue[:, 2] > blue[:, 0]).all()
    assert (orange[:, 0] > orange[:, 2]).all()


def test_nobody_is_no_triangle() -> None:
    gone = np.full((3, 1, 4, 3), np.nan)
    assert len(Figure.of(SKELETON, gone).solid(gone[0]).triangles) == 0


def test_a_film_is_in_real_time_and_long_enough_to_turn() -> None:
    t_s = np.arange(120) / 60.0
    instants, rate = film_instants(t_s, None)
    assert rate == 30
    assert len(instants) / rate >= SHORTEST_TURN_S
    assert instants[1] - instants[0] == 2
    assert len(film_instants(np.arange(1200) / 60.0, None)[0]) == 600
    cut, rate = film_instants(t_s, 1.5)
    assert len(cut) == 45
    again, _ = film_instants(t_s, 3.0)
    assert again[60] == 0
    assert nearest_instant(t_s + 5.0, 0.5) == 30


def test_the_eye_keeps_everything_in_the_picture_all_around() -> None:
    taken = points(120, lambda xyz: xyz[10:20].__setitem__(..., np.nan))
    targets, reach = framed(taken.xyz, 60)
    assert np.isfinite(targets).all()
    # The middle goes as calmly as the body does.
    assert np.linalg.norm(np.diff(targets, axis=0), axis=1).max() < 0.02
    for turn in np.linspace(0, 2 * np.pi, 9):
        for instant in (0, 60, 119):
            eye = Eye(targets[instant], 1.12 * reach / np.sin(VIEW_RAD / 2), turn)
            seen = taken.xyz[instant, 0] @ eye.cam_from_world[:3, :3].T + eye.cam_from_world[:3, 3]
            assert (seen[:, 2] > 0).all()
            assert (np.hypot(seen[:, 0], seen[:, 1]) < seen[:, 2] * np.tan(VIEW_RAD / 2)).all()
            np.testing.assert_allclose(np.linalg.det(eye.cam_from_world[:3, :3]), 1.0)


def test_the_first_look_is_half_from_ahead() -> None:
    eye = facing(points())
    ahead = np.array([0.0, -1.0])
    assert np.dot(ahead, [np.cos(eye), np.sin(eye)]) == pytest.approx(np.cos(np.radians(30)))


def test_what_cannot_be_a_film_is_told() -> None:
    with pytest.raises(ExportError, match="even"):
        TurntableFilm((321, 240))
    with pytest.raises(ExportError, match="length"):
        TurntableFilm(seconds=float("nan"))
    with pytest.raises(ExportError, match="Nobody"):
        framed(np.full((3, 1, 4, 3), np.nan), 3)


def test_without_open3d_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", gone)
    with pytest.raises(MissingExtraError, match="open3d") as told:
        turntable.write_turntable(tmp_path / "x.mp4", points(), times(points()), None, SMALL)
    assert "openmocap[open3d]" in told.value.remedy
    assert not list(tmp_path.iterdir())


def test_a_film_turns_once_around(open3d: object, tmp_path: Path) -> None:
    taken = points(30)
    told: list[int] = []
    turntable.write_turntable(
        tmp_path / "film.mp4",
        taken,
        times(taken),
        None,
        SMALL,
        progress=lambda stage, done, total: told.append(done),
    )
    with av.open(str(tmp_path / "film.mp4")) as film:
        pictures = [frame.to_ndarray(format="bgr24").astype(int) for frame in film.decode(video=0)]
    assert len(pictures) == 15 == told[-1]
    assert pictures[0].shape == (240, 320, 3)

    def middles(picture: np.ndarray) -> tuple[float, float]:
        """Columns of the left leg (blue) and of the right one (orange)."""
        difference = picture[..., 0] - picture[..., 2]
        return float(np.nonzero(difference > 60)[1].mean()), float(np.nonzero(difference < -60)[1].mean())

    # From ahead a body's left is on the right of the picture; half a turn later on the left.
    left, right = middles(pictures[0])
    assert left > right
    left, right = middles(pictures[7])
    assert left < right


def test_a_stopped_film_leaves_nothing(open3d: object, tmp_path: Path) -> None:
    cancel = CancelToken()
    taken = points()
    with pytest.raises(CancelledError):
        turntable.write_turntable(
            tmp_path / "film.mp4",
            taken,
            times(taken),
            None,
            SMALL,
            progress=lambda stage, done, total: cancel.cancel(),
            cancel=cancel,
        )
    assert not list(tmp_path.iterdir())


def test_a_screen_makes_no_difference(open3d: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with turntable._without_screen():
        hidden = os.environ.get("DISPLAY")
    assert (hidden != ":0") == sys.platform.startswith("linux")
    assert os.environ["DISPLAY"] == ":0"
    assert "WAYLAND_DISPLAY" not in os.environ
    taken = points()
    turntable.write_picture(tmp_path / "p.png", taken, times(taken), None, SMALL, 0.0)
    picture = cv2.imread(str(tmp_path / "p.png"))
    assert picture is not None
    assert (picture.max(axis=2) > 100).sum() > 1000


def test_a_picture_a_mesh_and_a_cloud(open3d: object, tmp_path: Path) -> None:
    taken = points()
    turntable.write_picture(tmp_path / "p.png", taken, times(taken), None, SMALL, 0.25)
    picture = cv2.imread(str(tmp_path / "p.png"))
    assert picture is not None
    assert picture.shape == (240, 320, 3)
    turntable.write_solid(tmp_path / "m.ply", taken, times(taken), 0.25)
    turntable.write_solid(tmp_path / "c.ply", taken, times(taken), 0.25, "cloud")
    loaded = importlib.import_module("open3d")
    mesh = loaded.io.read_triangle_mesh(str(tmp_path / "m.ply"))
    cloud = np.asarray(loaded.io.read_point_cloud(str(tmp_path / "c.ply")).points)
    assert len(mesh.triangles) > 100
    assert len(cloud) == turntable.CLOUD_POINTS
    for shape in (np.asarray(mesh.vertices), cloud):
        np.testing.assert_allclose(shape[:, 1].mean(), -0.15, atol=0.02)
        assert 1.0 < np.ptp(shape[:, 2]) < 1.1
    gone = points(lost=lambda xyz: xyz[:3].__setitem__(..., np.nan))
    with pytest.raises(ExportError, match="Nobody"):
        turntable.write_solid(tmp_path / "n.ply", gone, times(gone), 0.0)
