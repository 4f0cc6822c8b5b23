"""The body in the round, drawn by open3d: a film that turns once around it, a picture, a mesh, a point cloud.

open3d's older ``Visualizer`` is used, not its ``OffscreenRenderer``: that one ends the whole process where there
is no Vulkan. The older one draws into a hidden window, and where there is no screen into memory by EGL.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from av.error import FFmpegError

from calibration import CameraRig
from calibration.files import atomic_write
from mocap.core.errors import ExportError, MissingExtraError
from mocap.core.progress import CancelToken, Progress, silent
from mocap.core.room import floor_lines, frusta
from mocap.core.types import FloatArray, ImageArray, Points3D
from mocap.report.eye import (
    AIR,
    CALM_S,
    VIEW_RAD,
    Eye,
    TurntableFilm,
    facing,
    film_instants,
    framed,
    nearest_instant,
)
from mocap.report.overlay import check_encoder, encode_film
from mocap.report.solid import Figure, Solid, spheres

STAGE = "turntable"
# Half of a second of motion shows a path and does not fill the room; as in the app.
TRAIL_S = 0.5
TRAILED = ("wrist", "ankle")
# Drawn at this many times the size and then made small: lines and edges come out smooth.
FINER = 2
# Where programs look for a screen on Linux.
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")
# What is nearer or farther than this many times the distance of the body is not drawn.
NEAREST, FARTHEST = 0.05, 20.0
# Of floor, cameras and paths.
LINE_PX = 1.5
# The app's dark theme, so that a film looks like what was on the screen: ground, floor, cameras; 0 to 1.
GROUND, FLOOR, CAMERAS = (0.078, 0.090, 0.110), (0.204, 0.231, 0.278), (0.596, 0.635, 0.702)
# Points on the surface of one body in a cloud: some 2 mm apart.
CLOUD_POINTS = 50_000
# The same cloud every time.
CLOUD_SEED = 1


def write_turntable(
    path: Path,
    points: Points3D,
    t_s: FloatArray,
    rig: CameraRig | None,
    film: TurntableFilm,
    *,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Path:
    """Write a film (MP4, H.264) in which the eye goes once around the bodies while they move.

    Parameters
    ----------
    t_s : (T,)
        Instants of ``points``, s.
    rig : CameraRig or None
        Cameras to draw.

    Raises
    ------
    MissingExtraError
        If open3d is not installed.
    ExportError
        If nothing can be drawn or encoded here.
    CancelledError
        If stopped; nothing is left then.
    """
    cancel = cancel or CancelToken()
    open3d = need_open3d()
    check_encoder()
    instants, rate = film_instants(t_s, film.seconds)
    with atomic_write(path) as draft, _Stage(open3d, points, t_s, rig, film).opened() as stage:
        turns = np.arange(len(instants)) / len(instants) * 2.0 * np.pi

        def pictures() -> Iterator[ImageArray]:
            for count, (instant, turn) in enumerate(zip(instants, turns, strict=True), start=1):
                cancel.check()
                yield stage.picture(int(instant), float(turn))
                progress(STAGE, count, len(instants))

        try:
            encode_film(draft, pictures(), rate)
        except FFmpegError as error:
            raise ExportError(
                f"The video could not be written: {error.strerror}.", "Check that the disk has space.", path
            ) from error
    return path


def write_picture(
    path: Path, points: Points3D, t_s: FloatArray, rig: CameraRig | None, film: TurntableFilm, at_s: float
) -> Path:
    """Write a picture (PNG) of the bodies at the instant nearest to ``at_s``, s from the first."""
    open3d = need_open3d()
    instant = nearest_instant(t_s, at_s)
    with _Stage(open3d, points, t_s, rig, film).opened() as stage:
        picture = stage.picture(instant, 0.0)
    with atomic_write(path) as draft:
        done, coded = cv2.imencode(".png", picture)
        if not done:
            raise ExportError("The picture could not be made.", "Choose another size.", path)
        draft.write_bytes(coded.tobytes())
    return path


def write_solid(
    path: Path, points: Points3D, t_s: FloatArray, at_s: float, kind: Literal["mesh", "cloud"] = "mesh"
) -> Path:
    """Write the bodies at the instant nearest to ``at_s`` (PLY, m, Z up), as triangles or as points."""
    open3d = need_open3d()
    xyz = points.xyz[nearest_instant(t_s, at_s)]
    solid = Figure.of(points.skeleton, points.xyz).solid(xyz)
    if not len(solid.triangles):
        raise ExportError("Nobody is seen at this instant.", "Choose another time.", path)
    mesh = _mesh(open3d, solid)
    with atomic_write(path) as draft, _quiet(open3d):
        if kind == "mesh":
            done = open3d.io.write_triangle_mesh(str(draft), mesh)
        else:
            open3d.utility.random.seed(CLOUD_SEED)
            bodies = int(np.isfinite(xyz).all(axis=-1).any(axis=-1).sum())
            done = open3d.io.write_point_cloud(str(draft), mesh.sample_points_uniformly(CLOUD_POINTS * bodies))
        if not done:
            raise ExportError(
                "open3d could not write the file.", "Check the folder; the name must end in .ply.", path
            )
    return path


def need_open3d() -> Any:
    """Load open3d, which takes a second and is not in the base installation."""
    try:
        return importlib.import_module("open3d")
    except ImportError as error:
        raise MissingExtraError("Turntable videos and pictures need the package open3d.", "open3d") from error


class _Stage:
    """A hidden window of open3d with bodies, floor and cameras in it."""

    def __init__(
        self, open3d: Any, points: Points3D, t_s: FloatArray, rig: CameraRig | None, film: TurntableFilm
    ) -> None:
        drawn = np.unique(points.skeleton.bone_index)
        self._open3d, self._points, self._film = open3d, points, film
        self._figure = Figure.of(points.skeleton, points.xyz)
        step = float(np.median(np.diff(t_s))) if len(t_s) > 1 else TRAIL_S
        self._targets, reach = framed(points.xyz[:, :, drawn], round(CALM_S / step))
        # The shorter side sees half of the angle on each side of the middle.
        self._distance = AIR * reach / float(np.sin(VIEW_RAD / 2))
        self._trail = max(1, round(TRAIL_S / step))
        self._trailed = [k for k, name in enumerate(points.skeleton.keypoints) if name.endswith(TRAILED)]
        seen = points.xyz[np.isfinite(points.xyz).all(axis=-1)]
        self._floor = floor_lines(*np.percentile(seen, [1, 99], axis=0))
        self._cameras = frusta(rig) if rig is not None and film.cameras else np.empty((0, 2, 3))
        self._start = facing(points)
        self._size_wh = (FINER * film.size_wh[0], FINER * film.size_wh[1])
        self._window: Any = None
        self._body: Any = None
        self._paths: Any = None

    @contextmanager
    def opened(self) -> Iterator[_Stage]:
        """Open the window; it is gone at the end."""
        open3d = self._open3d
        with _quiet(open3d):
            window = open3d.visualization.Visualizer()
            with _without_screen():
                opened = window.create_window("", *self._size_wh, visible=False)
            if not opened:
                raise ExportError(
                    "open3d cannot draw here: there is neither a screen nor OpenGL without one.",
                    "Install the graphics driver; on Debian: sudo apt-get install libegl1 libgl1-mesa-dri",
                )
            try:
                self._window = window
                self._furnish()
                yield self
            finally:
                self._window = None
                window.destroy_window()

    def _furnish(self) -> None:
        open3d, window = self._open3d, self._window
        look = window.get_render_option()
        look.background_color = np.array(GROUND)
        look.mesh_show_back_face = True
        # What open3d calls so is smooth shading.
        look.mesh_shade_option = open3d.visualization.MeshShadeOption.Color
        look.line_width = LINE_PX * FINER
        window.add_geometry(_lines(open3d, self._floor, FLOOR))
        if len(self._cameras):
            window.add_geometry(_lines(open3d, self._cameras, CAMERAS))
        # Something that is not flat, until the first picture: without it open3d's view is not a number.
        self._body = _mesh(open3d, spheres(self._targets[:1], np.array([1.0]), np.ones((1, 3))))
        self._paths = open3d.geometry.LineSet()
        window.add_geometry(self._body)
        if self._film.trails:
            window.add_geometry(self._paths)

    def picture(self, instant: int, turn_rad: float) -> ImageArray:
        """Draw an instant, the eye turned by an angle: (H, W, 3) BGR."""
        open3d, window = self._open3d, self._window
        _fill(open3d, self._body, self._figure.solid(self._points.xyz[instant]))
        window.update_geometry(self._body)
        if self._film.trails:
            pieces, colours = self._trails(instant)
            _fill_lines(open3d, self._paths, pieces, colours)
            window.update_geometry(self._paths)
        self._aim(Eye(self._targets[instant], self._distance, self._start + turn_rad))
        window.poll_events()
        window.update_renderer()
        drawn = np.asarray(window.capture_screen_float_buffer(False))
        if not drawn.any():  # the ground is not black
            raise ExportError(
                "open3d drew nothing: this screen's driver leaves hidden windows black.",
                "Update the graphics driver, or make the video on another computer.",
            )
        coloured = np.round(255.0 * drawn[:, :, ::-1]).astype(np.uint8)
        return np.asarray(cv2.resize(coloured, self._film.size_wh, interpolation=cv2.INTER_AREA), dtype=np.uint8)

    def _aim(self, eye: Eye) -> None:
        width, height = self._size_wh
        pinhole = self._open3d.camera.PinholeCameraParameters()
        focal = min(width, height) / (2.0 * np.tan(VIEW_RAD / 2))
        # open3d takes only a principal point in the very middle.
        pinhole.intrinsic = self._open3d.camera.PinholeCameraIntrinsic(
            width, height, focal, focal, width / 2 - 0.5, height / 2 - 0.5
        )
        pinhole.extrinsic = eye.cam_from_world
        view = self._window.get_view_control()
        # Left to itself open3d cuts off what is outside of the shapes that it was given first.
        view.set_constant_z_near(NEAREST * eye.distance)
        view.set_constant_z_far(FARTHEST * eye.distance)
        view.convert_from_pinhole_camera_parameters(pinhole, allow_arbitrary=True)

    def _trails(self, instant: int) -> tuple[FloatArray, FloatArray]:
        """Paths of hands and feet up to an instant: pieces (M, 2, 3) and their colours (M, 3)."""
        path = self._points.xyz[max(0, instant - self._trail) : instant + 1][:, :, self._trailed]
        pieces = np.stack([path[:-1], path[1:]], axis=-2)
        colours = np.broadcast_to(self._figure.colours[self._trailed], (*pieces.shape[:3], 3))
        there = np.isfinite(pieces).all(axis=(-1, -2))
        return pieces[there], colours[there]


def _mesh(open3d: Any, solid: Solid) -> Any:
    made = open3d.geometry.TriangleMesh()
    _fill(open3d, made, solid)
    return made


def _fill(open3d: Any, mesh: Any, solid: Solid) -> None:
    vectors = open3d.utility.Vector3dVector
    mesh.vertices, mesh.triangles = vectors(solid.vertices), open3d.utility.Vector3iVector(solid.triangles)
    mesh.vertex_normals, mesh.vertex_colors = vectors(solid.normals), vectors(solid.colours)
    # Without these open3d draws a mesh flat, in one colour.
    mesh.compute_triangle_normals()


def _lines(open3d: Any, pieces: FloatArray, colour: tuple[float, float, float]) -> Any:
    made = open3d.geometry.LineSet()
    _fill_lines(open3d, made, pieces, np.tile(colour, (len(pieces), 1)))
    return made


def _fill_lines(open3d: Any, lines: Any, pieces: FloatArray, colours: FloatArray) -> None:
    lines.points = open3d.utility.Vector3dVector(pieces.reshape(-1, 3))
    lines.lines = open3d.utility.Vector2iVector(np.arange(2 * len(pieces)).reshape(-1, 2))
    lines.colors = open3d.utility.Vector3dVector(np.ascontiguousarray(colours))


@contextmanager
def _without_screen() -> Iterator[None]:
    """Let open3d find no screen on Linux while it opens a window, so that it draws into memory.

    What an X server shows of a hidden window is not defined, and with Mesa it is black.
    """
    before = {name: os.environ.get(name) for name in SCREENS} if sys.platform.startswith("linux") else {}
    try:
        for name in before:
            # A name that leads nowhere: without one, Wayland's library would try its usual place.
            os.environ[name] = "none"
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _quiet(open3d: Any) -> Iterator[None]:
    """Keep open3d's own words, meant for programmers, off the screen: a command's answer stands there."""
    with open3d.utility.VerbosityContextManager(open3d.utility.VerbosityLevel.Error):
        yield
