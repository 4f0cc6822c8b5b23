"""Cameras as data: intrinsics, pose, rig; projection and its inverse.

Pixel centres lie at integers, as in OpenCV. Lengths are in metres, the camera looks along +z with x to
the right and y down. The pinhole model is OpenCV's (k1, k2, p1, p2, k3[, k4, k5, k6]); the fisheye model
is Kannala and Brandt (IEEE TPAMI 2006) as in ``cv2.fisheye`` (k1..k4).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import cv2
import numpy as np

from calibration.errors import CalibrationError
from calibration.transforms import FloatArray, apply, invert

CameraModel = Literal["pinhole", "fisheye"]
DISTORTION_LENGTHS: dict[CameraModel, tuple[int, ...]] = {"pinhole": (5, 8), "fisheye": (4,)}

# Undistortion is a fixed-point iteration; this many steps reach 1e-9 of the focal length for any lens
# whose distortion is invertible over its image.
UNDISTORT_CRITERIA = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 60, 1e-11)

# H.264 codes whole macroblocks of 16 px. Players and converters disagree whether the padding at the right
# and bottom edge belongs to the picture, so two sizes of one recording may differ by less than this.
CODEC_PADDING_PX = 16


@dataclass(frozen=True)
class Intrinsics:
    """The inner geometry of a camera.

    Attributes
    ----------
    size_wh : (int, int)
        Image width and height, px.
    K : (3, 3)
        Camera matrix, px.
    dist : (D,)
        Distortion coefficients; D = 5 or 8 for pinhole, 4 for fisheye.
    """

    size_wh: tuple[int, int]
    K: FloatArray
    dist: FloatArray
    model: CameraModel = "pinhole"

    def __post_init__(self) -> None:
        if self.K.shape != (3, 3) or self.dist.shape[0] not in DISTORTION_LENGTHS[self.model]:
            raise CalibrationError(
                f"A {self.model} camera needs K (3, 3) and {DISTORTION_LENGTHS[self.model]} distortion "
                f"coefficients, not {self.K.shape} and {self.dist.shape}.",
                "Check the calibration file.",
            )
        if not (np.isfinite(self.K).all() and np.isfinite(self.dist).all()):
            raise CalibrationError("The camera matrix holds NaN or infinity.", "Calibrate the camera again.")
        if self.K[0, 0] <= 0 or self.K[1, 1] <= 0:
            raise CalibrationError("The focal length is not positive.", "Calibrate the camera again.")

    @property
    def focal_px(self) -> float:
        """Geometric mean of the two focal lengths, px."""
        return float(np.sqrt(self.K[0, 0] * self.K[1, 1]))

    def distort(self, rays: FloatArray) -> FloatArray:
        """Map undistorted normalised coordinates (..., 2) to pixels (..., 2)."""
        x, y = rays[..., 0], rays[..., 1]
        r2 = x * x + y * y
        if self.model == "fisheye":
            r = np.sqrt(r2)
            theta = np.arctan(r)
            powers = theta[..., None] ** np.array([2, 4, 6, 8])
            theta_d = theta * (1.0 + powers @ self.dist)
            scale = np.where(r > 1e-12, theta_d / np.maximum(r, 1e-12), 1.0)
            xd, yd = x * scale, y * scale
        else:
            k1, k2, p1, p2, k3 = self.dist[:5]
            k4, k5, k6 = self.dist[5:8] if self.dist.shape[0] == 8 else (0.0, 0.0, 0.0)
            radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
            radial = radial / (1.0 + r2 * (k4 + r2 * (k5 + r2 * k6)))
            xd = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
            yd = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
        u = self.K[0, 0] * xd + self.K[0, 1] * yd + self.K[0, 2]
        v = self.K[1, 1] * yd + self.K[1, 2]
        return np.stack([u, v], axis=-1)

    def undistort(self, pixels: FloatArray) -> FloatArray:
        """Map pixels (..., 2) to undistorted normalised coordinates (..., 2); NaN stays NaN."""
        flat = np.ascontiguousarray(pixels, dtype=np.float64).reshape(-1, 1, 2)
        rays = np.full((flat.shape[0], 2), np.nan)
        seen = np.isfinite(flat).all(axis=(1, 2))
        if seen.any():
            if self.model == "fisheye":
                found = cv2.fisheye.undistortPoints(flat[seen], self.K, self.dist, criteria=UNDISTORT_CRITERIA)
            else:
                found = cv2.undistortPoints(flat[seen], self.K, self.dist, criteria=UNDISTORT_CRITERIA)
            rays[seen] = found.reshape(-1, 2)
        return rays.reshape(pixels.shape)

    def for_size(self, size_wh: tuple[int, int]) -> Intrinsics:
        """Return the intrinsics for the same lens and sensor recorded at another size.

        A size that differs by codec padding only (right and bottom edge cut) keeps the camera matrix; a
        size of the same shape scales it, with pixel centres at integers.

        Raises
        ------
        CalibrationError
            If the size is neither: then the picture was cropped in a way nobody recorded.
        """
        (w0, h0), (w1, h1) = self.size_wh, size_wh
        if (w0, h0) == (w1, h1):
            return self
        if abs(w0 - w1) < CODEC_PADDING_PX and abs(h0 - h1) < CODEC_PADDING_PX:
            return replace(self, size_wh=size_wh)
        sx, sy = w1 / w0, h1 / h0
        if abs(sx / sy - 1.0) > 0.01:
            raise CalibrationError(
                f"The calibration is for {w0}x{h0} px, the video has {w1}x{h1} px, another shape.",
                "Use the calibration of this recording, or calibrate at the size you record.",
            )
        K = self.K.copy()
        K[0, :2] *= sx
        K[1, 1] *= sy
        K[0, 2] = (K[0, 2] + 0.5) * sx - 0.5
        K[1, 2] = (K[1, 2] + 0.5) * sy - 0.5
        return replace(self, size_wh=size_wh, K=K)


@dataclass(frozen=True)
class Camera:
    """A camera with a name and a place: ``cam_from_world`` is (4, 4), metres."""

    name: str
    intrinsics: Intrinsics
    cam_from_world: FloatArray

    def __post_init__(self) -> None:
        rotation = self.cam_from_world[:3, :3]
        if self.cam_from_world.shape != (4, 4) or not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-5):
            raise CalibrationError(
                f"The pose of camera '{self.name}' is not a rigid transform.", "Check the calibration file."
            )

    @property
    def centre(self) -> FloatArray:
        """Position of the camera in the world (3,), m."""
        return np.asarray(invert(self.cam_from_world)[:3, 3])

    def project(self, points: FloatArray) -> tuple[FloatArray, np.ndarray]:
        """Project world points.

        Parameters
        ----------
        points : (..., 3)
            World points, m.

        Returns
        -------
        pixels : (..., 2)
            Distorted pixels; NaN where not valid.
        valid : (...) bool
            True where the point is finite and in front of the camera.
        """
        local = apply(self.cam_from_world, points)
        depth = local[..., 2]
        valid = np.isfinite(local).all(axis=-1) & (depth > 1e-6)
        safe = np.where(valid, depth, np.nan)
        return self.intrinsics.distort(local[..., :2] / safe[..., None]), valid


@dataclass(frozen=True)
class CameraRig:
    """Cameras that share one world.

    Attributes
    ----------
    cameras : tuple of Camera
        With names that differ.
    notes : mapping
        What is known about how the rig was made: source file, world axes, warnings.
    """

    cameras: tuple[Camera, ...]
    notes: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names):
            raise CalibrationError(f"Two cameras share a name: {', '.join(self.names)}.", "Rename one of them.")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the cameras, in order."""
        return tuple(camera.name for camera in self.cameras)

    @property
    def cam_from_world(self) -> FloatArray:
        """Poses (C, 4, 4), m."""
        return np.stack([camera.cam_from_world for camera in self.cameras])

    @property
    def focals_px(self) -> FloatArray:
        """Focal length of each camera (C,), px."""
        return np.array([camera.intrinsics.focal_px for camera in self.cameras])

    def project(self, points: FloatArray) -> tuple[FloatArray, np.ndarray]:
        """Project points (..., 3) into all cameras: pixels (C, ..., 2) and valid (C, ...)."""
        pixels, valid = zip(*(camera.project(points) for camera in self.cameras), strict=True)
        return np.stack(pixels), np.stack(valid)

    def undistort(self, pixels: FloatArray, axis: int = 1) -> FloatArray:
        """Map pixels with the cameras along ``axis`` to undistorted normalised coordinates of that shape."""
        moved = np.moveaxis(pixels, axis, 0)
        rays = np.stack([cam.intrinsics.undistort(xy) for cam, xy in zip(self.cameras, moved, strict=True)])
        return np.moveaxis(rays, 0, axis)

    def select(self, names: tuple[str, ...]) -> CameraRig:
        """Return the rig of the named cameras, in that order."""
        by_name = {camera.name: camera for camera in self.cameras}
        return replace(self, cameras=tuple(by_name[name] for name in names))
