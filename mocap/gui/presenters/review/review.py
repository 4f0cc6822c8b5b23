"""A finished run, ready to be looked at: what each view shows at each instant, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from calibration import CameraRig
from mocap.core.errors import SessionError
from mocap.core.types import FloatArray, Points3D, SyncTable, Take, Tracks2D
from mocap.gui.presenters.words import title

FloatSmall = NDArray[np.float32]
ResultT = TypeVar("ResultT")
# Which of the three colours a bone or a keypoint has.
LEFT, RIGHT, MIDDLE = 0, 1, 2
# Half of a second of motion behind a keypoint shows its path and does not fill the room.
TRAIL_S = 0.5
# Keypoints whose path is shown, by the end of their names.
TRAILED = ("wrist", "ankle")
NO_PLACES, NO_AXES = np.zeros((0, 2)), np.zeros((0, 2, 2))


@dataclass(frozen=True)
class Marks:
    """What is drawn over one picture, px of the video.

    Attributes
    ----------
    seen, reprojected : (B, 2, 2)
        Ends of the bones that were seen, and of those of the body in 3D; NaN where missing.
    bone_person : (B,) int
        Whose bone it is.
    dots : (D, 2)
        Keypoints that took part.
    dot_person : (D,) int
    crosses : (X, 2)
        Keypoints that did not fit and were left out.
    bone_side, dot_side : (B,), (D,) int
    found_at, found_sigma : (E, 2), (E,)
        Where keypoints were found, and one standard deviation of that, px.
    ellipse_at, ellipse_axes : (F, 2), (F, 2, 2)
        Keypoints of the body in 3D, and half axes of their ellipse of one standard deviation, one a row, px.
    """

    seen: FloatArray
    reprojected: FloatArray
    bone_side: NDArray[np.intp]
    dots: FloatArray
    dot_side: NDArray[np.intp]
    crosses: FloatArray
    bone_person: NDArray[np.intp]
    dot_person: NDArray[np.intp]
    found_at: FloatArray
    found_sigma: FloatArray
    ellipse_at: FloatArray
    ellipse_axes: FloatArray


@dataclass(frozen=True)
class Moment:
    """An event as it is shown: seconds since the first instant, words, LEFT, RIGHT or MIDDLE."""

    t_s: float
    words: str
    side: int
    doubtful: bool = False


@dataclass(frozen=True)
class AngleSeries:
    """A joint angle of both sides, or of the one there is.

    Attributes
    ----------
    curves : tuple of (side, value, sigma)
        Side is LEFT, RIGHT or MIDDLE; value and sigma (T,), degrees.
    """

    title: str
    curves: tuple[tuple[int, FloatArray, FloatArray], ...]


@dataclass(frozen=True)
class Review:
    """All that the review shows of one run.

    Attributes
    ----------
    rig : CameraRig
        In the order of ``sync.cameras``, at the sizes of the videos.
    videos : tuple of Path
        In the same order; none where the run was made of detections alone.
    pixels : (C, T, N, K, 2) float32
        The points in 3D as each camera sees them, px.
    """

    folder: Path
    take: Take
    tracks: Tracks2D
    measured: Points3D
    sync: SyncTable
    rig: CameraRig
    videos: tuple[Path, ...]
    pixels: FloatSmall

    @property
    def bones(self) -> NDArray[np.intp]:
        """Keypoint indices of the bones (B, 2)."""
        return self.take.points.skeleton.bone_index

    @cached_property
    def sides(self) -> NDArray[np.intp]:
        """LEFT, RIGHT or MIDDLE for each keypoint (K,)."""
        skeleton = self.take.points.skeleton
        left = {pair[0] for pair in skeleton.mirror}
        right = {pair[1] for pair in skeleton.mirror}
        named = [LEFT if k in left else RIGHT if k in right else MIDDLE for k in skeleton.keypoints]
        return np.array(named, dtype=np.intp)

    @cached_property
    def bone_sides(self) -> NDArray[np.intp]:
        """The same for each bone (B,): a side if both ends are on it."""
        ends = self.sides[self.bones]
        return np.where(ends[:, 0] == ends[:, 1], ends[:, 0], MIDDLE)

    @cached_property
    def bone_person(self) -> NDArray[np.intp]:
        """Whose each of the bones of ``body`` is (N*B,)."""
        return np.repeat(np.arange(len(self.take.people)), len(self.bones))

    @cached_property
    def drawn(self) -> NDArray[np.intp]:
        """Keypoints that bones end at."""
        return np.unique(self.bones)

    def marks(self, camera: int, instant: int, uncertain: bool = True) -> Marks:
        """What to draw over a picture; ellipses only if they are to be drawn, as they take the most time."""
        bones, people = self.bones, len(self.take.people)
        found, body = self.tracks.xy[instant, camera], self.pixels[camera, instant].astype(float)
        used = self.measured.used[instant, camera][:, self.drawn]
        points = found[:, self.drawn]
        there = np.isfinite(points).all(axis=-1)
        who = np.broadcast_to(np.arange(people)[:, None], there.shape)
        sigma = self.tracks.sigma_px[instant, camera][:, self.drawn]
        sure = there & np.isfinite(sigma)
        at, axes = self._ellipses(camera, instant) if uncertain else (NO_PLACES, NO_AXES)
        return Marks(
            seen=found[:, bones].reshape(-1, 2, 2),
            reprojected=body[:, bones].reshape(-1, 2, 2),
            bone_side=np.tile(self.bone_sides, people),
            dots=points[there & used],
            dot_side=np.broadcast_to(self.sides[self.drawn], there.shape)[there & used],
            crosses=points[there & ~used],
            bone_person=self.bone_person,
            dot_person=who[there & used],
            found_at=points[sure],
            found_sigma=sigma[sure],
            ellipse_at=at,
            ellipse_axes=axes,
        )

    def _ellipses(self, camera: int, instant: int) -> tuple[FloatArray, FloatArray]:
        """The covariance of the points in 3D as a camera sees it: centres (F, 2), half axes (F, 2, 2), px.

        To first order: the covariance in the picture is J C J^T with the derivative J of the projection.
        """
        points = self.take.points.xyz[instant][:, self.drawn].reshape(-1, 3)
        cov = self.take.points.cov[instant][:, self.drawn].reshape(-1, 3, 3)
        at = self.pixels[camera, instant][:, self.drawn].reshape(-1, 2).astype(float)
        known = np.isfinite(cov).all(axis=(1, 2)) & np.isfinite(at).all(axis=1)
        slope = self.rig.cameras[camera].project_jacobian(points[known])
        seen = slope @ cov[known] @ slope.swapaxes(1, 2)
        fine = np.isfinite(seen).all(axis=(1, 2))
        values, vectors = np.linalg.eigh(seen[fine])
        axes = vectors.swapaxes(1, 2) * np.sqrt(np.maximum(values, 0.0))[:, :, None]
        return at[known][fine], axes

    def body(self, instant: int) -> FloatArray:
        """Ends of the bones in the room (N*B, 2, 3), m."""
        return np.asarray(self.take.points.xyz[instant][:, self.bones].reshape(-1, 2, 3))

    def joints(self, instant: int) -> FloatArray:
        """Keypoints in the room (N*D, 3), m."""
        return np.asarray(self.take.points.xyz[instant][:, self.drawn].reshape(-1, 3))

    def trail(self, instant: int) -> tuple[FloatArray, NDArray[np.intp]]:
        """Where hands and feet came from: pieces of paths (M, 2, 3), m, and their sides (M,)."""
        names = self.take.points.skeleton.keypoints
        chosen = np.array([k for k, name in enumerate(names) if name.endswith(TRAILED)], dtype=np.intp)
        first = max(0, instant - round(TRAIL_S * self.take.rate_hz))
        path = self.take.points.xyz[first : instant + 1][:, :, chosen]
        pieces = np.stack([path[:-1], path[1:]], axis=-2)
        sides = np.broadcast_to(self.sides[chosen], pieces.shape[:3])
        return pieces.reshape(-1, 2, 3), sides.reshape(-1)

    def angles(self, person: int = 0) -> tuple[AngleSeries, ...]:
        """Joint angles by name, sides together."""
        return angle_series(self.take, person)

    def events(self, person: int = 0) -> tuple[Moment, ...]:
        """Events of a person, in the order of time since the first instant."""
        found = self.take.findings[person].events if person < len(self.take.findings) else ()
        sides = {"left": LEFT, "right": RIGHT, None: MIDDLE}
        first = float(self.take.t_s[0])
        made = [
            Moment(e.t_s - first, title(" ".join(filter(None, (e.side, e.kind)))), sides[e.side], e.doubtful)
            for e in found
        ]
        return tuple(sorted(made, key=lambda moment: moment.t_s))

    @property
    def t_s(self) -> FloatArray:
        """Time of each instant since the first (T,), s."""
        return np.asarray(self.take.t_s - self.take.t_s[0])

    def readout(self, instant: int, person: int = 0) -> tuple[tuple[str, str], ...]:
        """Figures of an instant: name and value."""
        core, one = self.take.points.skeleton.core_index, slice(person, person + 1)
        points = self.take.points.xyz[instant, one][:, core]
        cov = self.take.points.cov[instant, one][:, core]
        sigma = np.sqrt(np.trace(cov, axis1=-2, axis2=-1) / 3.0)
        there = np.isfinite(points).all(axis=-1)
        error = self.measured.reproj_px[instant][:, one][:, :, core]
        mm = f"{1000 * float(np.median(sigma[there])):.0f} mm" if there.any() else "–"
        px = f"{float(np.nanmedian(error)):.1f} px" if np.isfinite(error).any() else "–"
        return (
            ("Joints in 3D", f"{int(there.sum())} of {there.size}"),
            ("Uncertainty (1 σ)", mm),
            ("Reprojection", px),
        )


def angle_series(take: Take, person: int) -> tuple[AngleSeries, ...]:
    """Joint angles of a person by name, sides together."""
    value, sigma = np.degrees(take.angles.value[:, person]), np.degrees(take.angles.sigma[:, person])
    grouped: dict[str, list[tuple[int, FloatArray, FloatArray]]] = {}
    for index, name in enumerate(take.angles.names):
        side = LEFT if name.startswith("left_") else RIGHT if name.startswith("right_") else MIDDLE
        base = name.removeprefix("left_").removeprefix("right_")
        grouped.setdefault(base, []).append((side, value[:, index], sigma[:, index]))
    return tuple(AngleSeries(title(base), tuple(curves)) for base, curves in grouped.items())


def open_review(folder: Path) -> Review:
    """Read a finished run.

    Raises
    ------
    SessionError
        If it is not finished, or a result is gone.
    """
    from calibration.formats import load_rig
    from mocap.gui.presenters.library.library import trial_videos
    from mocap.pipeline.reexport import load_take
    from mocap.session import RunFolder, TrialFolder, load

    run = RunFolder(folder)
    take = load_take(run)
    parts = {name: in_single(getattr(take, name)) for name in ("points", "angles", "motion", "mass_centre")}
    take = replace(take, **parts)
    tracks, sync = load(run.stage("tracks2d"), Tracks2D), load(run.stage("sync"), SyncTable)
    measured = load(run.stage("points3d_raw"), Points3D)
    if tracks is None or sync is None or measured is None:
        raise SessionError("A result of this run is gone.", "Process the trial again.", folder)
    seen, points = in_single(tracks.result), in_single(measured.result)
    rig = load_rig(run.root / "rig.toml").select(sync.result.cameras)
    by_camera = dict(trial_videos(TrialFolder(folder.parent.parent)))
    videos = tuple(by_camera[name] for name in sync.result.cameras if name in by_camera)
    pixels = np.stack([camera.project(take.points.xyz)[0].astype(np.float32) for camera in rig.cameras])
    shown = videos if len(videos) == len(sync.result.cameras) else ()
    return Review(folder, take, seen, points, sync.result, rig, shown, pixels)


def in_single(result: ResultT) -> ResultT:
    """A result with numbers of half the size: to be looked at, seven digits do, and ten minutes take half.

    What is solved anew is read from the files again, with all digits.
    """
    if result is None:
        return result
    small: dict[str, Any] = {}
    for item in fields(result):  # type: ignore[arg-type]
        array = getattr(result, item.name)
        if isinstance(array, np.ndarray) and array.dtype == np.float64:
            small[item.name] = array.astype(np.float32)
    return replace(result, **small)  # type: ignore[type-var]
