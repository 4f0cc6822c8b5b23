"""What was seen of the body: points in space, or keypoints in the pictures of all cameras.

Either way a pose is told, for each attached keypoint, how well it is known (``weight``, the information matrix)
and where to it is pulled (``force``), so that the solver need not know which of the two it is given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from calibration.camera import CameraRig
from mocap.core.types import FloatArray
from mocap.fit.chain import BoolArray, IndexArray, Placed, Pose


@dataclass(frozen=True)
class Pull:
    """Information (T, M, 3, 3), 1/m^2, weighted residual (T, M, 3), 1/m, and robust cost (T,)."""

    weight: FloatArray
    force: FloatArray
    cost: FloatArray


class Evidence(Protocol):
    """What was seen of one person in T frames, of M attached keypoints."""

    @property
    def seen(self) -> BoolArray:
        """Which keypoints were seen (T, M)."""
        ...

    def part(self, frames: IndexArray) -> Evidence:
        """Return some of the frames."""
        ...

    def pull(self, pose: Pose, placed: Placed, width: float) -> Pull:
        """Tell a pose where it is pulled to; errors beyond ``width`` standard deviations lose their weight."""
        ...

    def scaled(self, factor: float) -> Evidence:
        """Return the same with standard deviations ``factor`` times as large."""
        ...

    def errors(self, pose: Pose, placed: Placed) -> FloatArray:
        """Errors in units of their standard deviations (T, M, E); NaN where nothing was seen."""
        ...


@dataclass(frozen=True)
class PointEvidence:
    """Points in space.

    Attributes
    ----------
    xyz : (T, M, 3)
        m; anything where not seen.
    precision : (T, M, 3, 3)
        Inverse covariance, 1/m^2; 0 where not seen.
    trusted : (T, M) bool, or None
        Points that are no outliers, however far off: somebody set them by hand. None where there are none.
    """

    xyz: FloatArray
    precision: FloatArray
    trusted: BoolArray | None = None

    @property
    def seen(self) -> BoolArray:
        """Which keypoints were seen (T, M)."""
        return np.asarray(self.precision[..., 0, 0] > 0.0)

    def part(self, frames: IndexArray) -> PointEvidence:
        """Return some of the frames."""
        trusted = None if self.trusted is None else self.trusted[frames]
        return PointEvidence(self.xyz[frames], self.precision[frames], trusted)

    def scaled(self, factor: float) -> PointEvidence:
        """Return the same with standard deviations ``factor`` times as large."""
        return replace(self, precision=self.precision / factor**2)

    def errors(self, pose: Pose, placed: Placed) -> FloatArray:
        """Errors along the axes of the world in units of their standard deviations (T, M, 3)."""
        residual = placed.points + pose.place[:, None] - self.xyz
        whitened = (np.swapaxes(np.linalg.cholesky(self._solvable()), -1, -2) @ residual[..., None])[..., 0]
        return np.where(self.seen[..., None], whitened, np.nan)

    def _solvable(self) -> FloatArray:
        return np.where(self.seen[..., None, None], self.precision, np.eye(3))

    def pull(self, pose: Pose, placed: Placed, width: float) -> Pull:
        """Weigh each point by its covariance and by Cauchy's function of its error."""
        residual = placed.points + pose.place[:, None] - self.xyz
        force = (self.precision @ residual[..., None])[..., 0]
        squared = np.sum(residual * force, axis=-1)
        robust, cost = cauchy(squared, width)
        if self.trusted is not None:
            robust, cost = np.where(self.trusted, 1.0, robust), np.where(self.trusted, squared, cost)
        return Pull(self.precision * robust[..., None, None], force * robust[..., None], cost.sum(axis=1))


def point_evidence(
    xyz: FloatArray, cov: FloatArray, own: FloatArray, trusted: BoolArray | None = None
) -> PointEvidence:
    """Make evidence of points (T, M, 3), m, with covariances (T, M, 3, 3) and those of the attachments.

    Parameters
    ----------
    own : (T, M, 3, 3)
        Covariance of where the keypoints lie on the body, m^2.
    trusted : (T, M) bool, optional
        See ``PointEvidence``.
    """
    total = cov + own
    seen = np.asarray(np.isfinite(xyz).all(axis=-1) & np.isfinite(total).all(axis=(-1, -2)))
    inverse = inverse3(np.where(seen[..., None, None], total, np.eye(3)))
    seen &= np.isfinite(inverse).all(axis=(-1, -2))
    return PointEvidence(
        np.where(seen[..., None], xyz, 0.0), np.where(seen[..., None, None], inverse, 0.0), trusted
    )


@dataclass(frozen=True)
class PixelEvidence:
    """Keypoints in the pictures of C cameras: the body's own bundle adjustment.

    Attributes
    ----------
    rays : (T, M, C, 2)
        Undistorted, at depth 1; anything where not seen.
    weight : (T, M, C)
        Inverse variance of the rays; 0 where not seen.
    projection : (C, 3, 4)
        cam_from_world.
    own : (T, M, 3, 3)
        Covariance of where the keypoints lie on the body, m^2.
    """

    rays: FloatArray
    weight: FloatArray
    projection: FloatArray
    own: FloatArray

    @property
    def seen(self) -> BoolArray:
        """Which keypoints were seen by any camera (T, M)."""
        return np.asarray((self.weight > 0.0).any(axis=2))

    def part(self, frames: IndexArray) -> PixelEvidence:
        """Return some of the frames."""
        return replace(self, rays=self.rays[frames], weight=self.weight[frames], own=self.own[frames])

    def scaled(self, factor: float) -> PixelEvidence:
        """Return the same with standard deviations ``factor`` times as large."""
        return replace(self, weight=self.weight / factor**2, own=self.own * factor**2)

    def errors(self, pose: Pose, placed: Placed) -> FloatArray:
        """Errors in all views in units of their standard deviations (T, M, 2 C)."""
        _, residual, weight = self._views(placed.points + pose.place[:, None])
        scaled = np.where(weight > 0.0, np.sqrt(weight), np.nan)[..., None] * residual
        return scaled.reshape(*scaled.shape[:2], -1)

    def pull(self, pose: Pose, placed: Placed, width: float) -> Pull:
        """Weigh each view by its variance, by what the attachment's own spread looks like there, and robustly."""
        moves, residual, weight = self._views(placed.points + pose.place[:, None])
        robust, cost = cauchy(weight * np.sum(np.square(residual), axis=-1), width)
        weighted = moves * (weight * robust)[..., None, None]
        return Pull(
            np.einsum("tmcki,tmckj->tmij", weighted, moves),
            np.einsum("tmcki,tmck->tmi", weighted, residual),
            cost.sum(axis=(1, 2)),
        )

    def _views(self, points: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Jacobian (T, M, C, 2, 3), residual (T, M, C, 2) and weight (T, M, C) of points in all views."""
        rotation = self.projection[:, :, :3]
        local = np.einsum("cij,tmj->tmci", rotation, points) + self.projection[:, :, 3]
        depth = local[..., 2]
        ahead = (depth > 1e-3) & (self.weight > 0.0)
        safe = np.where(ahead, depth, 1.0)[..., None]
        projected = local[..., :2] / safe
        moves = (rotation[:, :2] - projected[..., None] * rotation[:, 2:3]) / safe[..., None]
        residual = np.where(ahead[..., None], projected - self.rays, 0.0)
        # The spread of the attachment, seen from this camera, widens the view's own error.
        seen_spread = np.einsum("tmcki,tmij,tmckj->tmc", moves, self.own, moves) / 2.0
        weight = np.where(ahead, 1.0 / (1.0 / np.where(ahead, self.weight, 1.0) + seen_spread), 0.0)
        return moves, residual, weight


def pixel_evidence(rig: CameraRig, xy: FloatArray, sigma_px: FloatArray, own: FloatArray) -> PixelEvidence:
    """Make evidence of keypoints in the pictures.

    Parameters
    ----------
    xy : (T, C, M, 2)
        px; NaN where not seen.
    sigma_px : (T, C, M)
    own : (T, M, 3, 3)
        Covariance of where the keypoints lie on the body, m^2.
    """
    rays = np.moveaxis(rig.undistort(xy), 1, 2)
    sigma = np.moveaxis(sigma_px, 1, 2) / rig.focals_px
    seen = np.isfinite(rays).all(axis=-1) & (sigma > 0.0)
    return PixelEvidence(
        np.where(seen[..., None], rays, 0.0),
        np.where(seen, 1.0 / np.square(np.where(seen, sigma, 1.0)), 0.0),
        rig.cam_from_world[:, :3],
        own,
    )


def cauchy(chi_squared: FloatArray, width: float) -> tuple[FloatArray, FloatArray]:
    """Weight and cost of squared errors in units of their variance."""
    ratio = chi_squared / width**2
    return 1.0 / (1.0 + ratio), width**2 * np.log1p(ratio)


def inverse3(matrix: FloatArray) -> FloatArray:
    """Inverse of symmetric matrices (..., 3, 3) by cofactors; NaN where singular."""
    a, b, c = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 0, 2]
    d, e, f = matrix[..., 1, 1], matrix[..., 1, 2], matrix[..., 2, 2]
    ca, cb, cc = d * f - e * e, c * e - b * f, b * e - c * d
    cd, ce, cf = a * f - c * c, b * c - a * e, a * d - b * b
    determinant = a * ca + b * cb + c * cc
    # Rounding leaves a determinant of about 1e-16 of the trace cubed where the matrix is singular.
    good = determinant > 1e-13 * ((a + d + f) / 3.0) ** 3
    rows = np.stack([ca, cb, cc, cb, cd, ce, cc, ce, cf], axis=-1)
    return np.asarray((rows / np.where(good, determinant, np.nan)[..., None]).reshape(matrix.shape))
