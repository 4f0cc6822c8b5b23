"""Free points as observations: keypoints of people, markers, ends of a wand; one unknown position for each.

The problem knows no length. With fewer than two cameras fixed its size is therefore free: while solving, a
weak pull keeps the cameras as far from the reference as they were; ``scale_row`` removes the freedom from
the covariance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.bundle.observe import differentiate
from calibration.bundle.parameters import CameraState, Layout
from calibration.bundle.robust import Kernel
from calibration.bundle.schur import Normal, Step, tall_product
from calibration.camera import CameraRig
from calibration.transforms import FloatArray

POINT = 3
POINTS_AT_ONCE = 8192
# How firmly the size is held while solving, relative: it costs nothing to hold, so the value does not matter
# as long as it neither drowns in rounding errors nor slows the steps.
SCALE_PULL = 1e-3
MIN_VIEWS = 2


@dataclass(frozen=True)
class Views:
    """What one camera saw.

    Attributes
    ----------
    point : (P,) int
        Which point, each once.
    xy : (P, 2)
    sigma : (P,)
        Noise of each, px, or relative to a common noise.
    """

    point: NDArray[np.intp]
    xy: FloatArray
    sigma: FloatArray


@dataclass(frozen=True)
class PointState:
    """Unknowns: cameras, and points (N, 3), m."""

    cameras: CameraState
    points: FloatArray


@dataclass(frozen=True)
class PointProblem:
    """Points in several cameras.

    Attributes
    ----------
    layout : Layout
    views : tuple of Views
        Of each camera.
    count : int
        Number of points.
    size_m : float or None
        Sum of the distances of the cameras from the reference that is to be kept; None if fixed cameras hold it.
    reference : int
    """

    layout: Layout
    views: tuple[Views, ...]
    count: int
    size_m: float | None
    reference: int

    @property
    def seen(self) -> tuple[NDArray[np.bool_], ...]:
        """Observations of each camera (P,)."""
        return tuple(np.ones(len(views.point), dtype=bool) for views in self.views)

    @property
    def unknowns(self) -> int:
        """Number of unknowns that fit the noise."""
        return self.layout.size + POINT * self.count - (self.size_m is not None)

    def move(self, state: PointState, step: Step) -> PointState | None:
        """Apply a step; None where it leads to no camera."""
        cameras = self.layout.move(state.cameras, step.shared)
        if cameras is None:
            return None
        return replace(state, cameras=cameras, points=state.points + step.local.reshape(-1, POINT))

    def residuals(self, state: PointState, camera: int) -> FloatArray:
        """Predicted minus seen (P, 2), px; NaN behind the camera."""
        views = self.views[camera]
        pixels, valid = state.cameras.rig.cameras[camera].project(state.points[views.point])
        return np.where(valid[:, None], pixels - views.xy, np.nan)

    def lengths(self, state: PointState, camera: int) -> FloatArray:
        """Lengths of the residuals (P,) relative to their sigmas."""
        return np.asarray(np.linalg.norm(self.residuals(state, camera), axis=1) / self.views[camera].sigma)

    def prune(self, use: tuple[NDArray[np.bool_], ...]) -> tuple[NDArray[np.bool_], ...]:
        """Leave out points that a single camera sees."""
        count = np.zeros(self.count, dtype=np.int64)
        for views, mask in zip(self.views, use, strict=True):
            count[views.point] += mask
        return tuple(mask & (count[views.point] >= MIN_VIEWS) for views, mask in zip(self.views, use, strict=True))

    def scale_row(self, rig: CameraRig) -> FloatArray:
        """Derivative (G,) of the summed distance of the cameras from the reference, relative to that distance."""
        row = np.zeros(self.layout.size)
        home = rig.cameras[self.reference].centre
        for camera, columns in zip(rig.cameras, self.layout.cameras, strict=True):
            away = camera.centre - home
            if columns.pose_is_free and np.linalg.norm(away) > 0:
                by_shift = -camera.cam_from_world[:3, :3] @ (away / np.linalg.norm(away))
                row[columns.columns][3:6] = by_shift
        return row / total_distance(rig, self.reference)

    def linearise(
        self, state: PointState, kernel: Kernel, use: tuple[NDArray[np.bool_], ...], noise: float
    ) -> Normal:
        """Cost and derivatives over the observations in ``use`` (P,) of each camera."""
        distance, precision = self.layout.prior(state.cameras)
        precision = precision * noise**2
        shared, gradient = np.diag(precision), precision * distance
        cost = 0.5 * float(distance @ gradient)
        if self.size_m is not None:
            row = self.scale_row(state.cameras.rig)
            error = total_distance(state.cameras.rig, self.reference) / self.size_m - 1.0
            pull = (noise / SCALE_PULL) ** 2
            shared, gradient = shared + pull * np.outer(row, row), gradient + pull * error * row
            cost += 0.5 * pull * error**2
        mixed = np.zeros((self.count, POINT, self.layout.size))
        local = np.zeros((self.count, 1, POINT, POINT))
        local_gradient = np.zeros((self.count, POINT))
        for index, views in enumerate(self.views):
            camera, columns = state.cameras.rig.cameras[index], self.layout.cameras[index]
            rotation = camera.cam_from_world[:3, :3]
            places = columns.columns
            # A locked pose still moves nothing; its columns are dropped here.
            rows = np.concatenate([np.arange(6 if columns.pose_is_free else 0), 6 + np.arange(len(columns.lens))])
            for start in range(0, len(views.point), POINTS_AT_ONCE):
                part = slice(start, start + POINTS_AT_ONCE)
                which = views.point[part]
                seen = differentiate(
                    camera.intrinsics,
                    columns.lens,
                    (state.points[which] @ rotation.T + camera.cam_from_world[:3, 3])[:, None],
                    views.xy[part, None],
                    use[index][part, None],
                    kernel,
                    np.broadcast_to(rotation, (len(which), 3, 3)),
                    views.sigma[part, None],
                )
                assert seen.by_point is not None
                cost += seen.cost
                by_camera = seen.by_camera[rows.astype(np.intp), :, :, 0].reshape(len(rows), 2 * len(which))
                tall = np.ascontiguousarray(by_camera.T)
                shared[places, places] += tall_product(tall, tall)
                gradient[places] += np.einsum("fp,p->f", by_camera, seen.residual.ravel())
                # Per point, with the points last: each product is one sweep over all of them.
                at_point, residual = seen.by_point[..., 0], seen.residual[..., 0]
                free = by_camera.reshape(len(rows), 2, len(which))
                crossed = at_point[:, None, 0] * free[:, 0] + at_point[:, None, 1] * free[:, 1]
                own = at_point[:, None, 0] * at_point[:, 0] + at_point[:, None, 1] * at_point[:, 1]
                rows_of = _as_slice(which)
                # Nothing else has been there: a camera sees a point once, and its columns are its own.
                mixed[rows_of, :, places] = crossed.transpose(2, 0, 1)
                local[rows_of, 0] += own.transpose(2, 0, 1)
                local_gradient[rows_of] += (at_point[:, 0] * residual[0] + at_point[:, 1] * residual[1]).T
        return Normal(
            cost,
            shared,
            mixed.reshape(POINT * self.count, self.layout.size),
            local,
            gradient,
            local_gradient.ravel(),
        )


def _as_slice(rising: NDArray[np.intp]) -> NDArray[np.intp] | slice:
    """The same places; as a slice where none is left out, which spares copies."""
    first, last = int(rising[0]), int(rising[-1])
    return slice(first, last + 1) if last - first + 1 == len(rising) else rising


def total_distance(rig: CameraRig, reference: int) -> float:
    """Sum of the distances of all cameras from the reference, m."""
    centres = np.array([camera.centre for camera in rig.cameras])
    return float(np.linalg.norm(centres - centres[reference], axis=1).sum())
