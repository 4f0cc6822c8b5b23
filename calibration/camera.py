"""Cameras as data: intrinsics, pose, rig; projection and its inverse.

Pixel centres lie at integers, as in OpenCV. Lengths are in metres, the camera looks along +z with x to
the right and y down. The pinhole model is OpenCV's (k1, k2, p1, p2, k3[, k4, k5, k6]); the fisheye model
is Kannala and Brandt (IEEE TPAMI 2006) as in ``cv2.fisheye`` (k1..k4).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import cv2
import numpy as np

from calibration import lens
from calibration.errors import CalibrationError
from calibration.lens import CameraModel as CameraModel
from calibration.transforms import FloatArray, apply, invert

DISTORTION_LENGTHS: dict[CameraModel, tuple[int, ...]] = {"pinhole": (5, 8), "fisheye": (4,)}

# Undistortion starts with OpenCV's fixed-point iteration, which converges slowly towards the corners of a
# wide lens; Newton's method with the analytic Jacobian finishes it.
UNDISTORT_CRITERIA = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 1e-9)
NEWTON_STEPS = 8

# A ray that does not come back to its pixel within this, px, was not found.
UNDISTORT_TOLERANCE_PX = 1e-6

# Files round rotation matrices to six decimals or so.
ROTATION_TOLERANCE = 1e-5

# Points nearer to the camera's plane than this, m, cannot be projected.
NEAREST_DEPTH_M = 1e-6

# H.264 codes whole macroblocks of 16 px. Players and converters disagree whether the padding at the right
# and bottom edge belongs to the picture, so two sizes of one recording may differ by less than this.
CODEC_PADDING_PX = 16

# Bars are counted in whole pixels, and compression smears their edge.
BAR_TOLERANCE_PX = 2.0


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
        xd, yd = lens.distort(self.model, self.dist, rays[..., 0], rays[..., 1])
        u = self.K[0, 0] * xd + self.K[0, 1] * yd + self.K[0, 2]
        v = self.K[1, 1] * yd + self.K[1, 2]
        return np.stack([u, v], axis=-1)

    def distort_jacobian(self, rays: FloatArray) -> FloatArray:
        """Derivative of ``distort`` with respect to the rays: (..., 2) to (..., 2, 2), px."""
        _, _, dxx, dxy, dyy = lens.distort_derivatives(self.model, self.dist, rays[..., 0], rays[..., 1])
        normalised = np.stack([np.stack([dxx, dxy], axis=-1), np.stack([dxy, dyy], axis=-1)], axis=-2)
        return np.asarray(self.K[:2, :2] @ normalised)

    @cached_property
    def max_radius(self) -> float:
        """Largest radius of normalised coordinates up to which the distortion grows (see ``lens.max_radius``)."""
        return lens.max_radius(self.model, self.dist)

    def undistort(self, pixels: FloatArray) -> FloatArray:
        """Map pixels (..., 2) to undistorted normalised coordinates (..., 2).

        NaN stays NaN; so becomes a pixel that no ray within ``max_radius`` is projected to.
        """
        flat = np.ascontiguousarray(pixels, dtype=np.float64).reshape(-1, 2)
        rays = np.full_like(flat, np.nan)
        seen = np.isfinite(flat).all(axis=1)
        if seen.any():
            rays[seen] = self._undistort_finite(flat[seen])
        return rays.reshape(pixels.shape)

    def _undistort_finite(self, pixels: FloatArray) -> FloatArray:
        """Undistort finite pixels (N, 2); NaN where no ray was found."""
        undistort = cv2.fisheye.undistortPoints if self.model == "fisheye" else cv2.undistortPoints
        found = undistort(pixels[:, None], self.K, self.dist, criteria=UNDISTORT_CRITERIA)
        rays = np.asarray(found, dtype=np.float64).reshape(-1, 2)
        with np.errstate(all="ignore"):  # rays that run away are sorted out below
            for _ in range(NEWTON_STEPS):
                error = self.distort(rays) - pixels
                if not np.abs(error).max() > UNDISTORT_TOLERANCE_PX / 1000.0:
                    break
                (a, b), (c, d) = np.moveaxis(self.distort_jacobian(rays), 0, -1)
                step = np.stack([d * error[:, 0] - b * error[:, 1], a * error[:, 1] - c * error[:, 0]], axis=-1)
                rays = rays - step / (a * d - b * c)[:, None]
            back = np.linalg.norm(self.distort(rays) - pixels, axis=1)
            good = (back < UNDISTORT_TOLERANCE_PX) & (np.linalg.norm(rays, axis=1) <= self.max_radius)
        return np.where(good[:, None], rays, np.nan)

    def for_size(self, size_wh: tuple[int, int], bars_px: tuple[int, int, int, int] = (0, 0, 0, 0)) -> Intrinsics:
        """Return the intrinsics for the same lens and sensor recorded or stored at another size.

        Pixel centres lie at integers, so a scale s maps u to (u + 0.5) s - 0.5. Tried in this order:

        1. shrunk to fit and padded with black bars (left, top, right, bottom), where the bars found in the
           picture are those that this needs;
        2. scaled, where both sizes have one shape;
        3. cut (or padded) at the right and bottom edge by less than a macroblock of the codec;
        4. both of these.

        The size alone cannot tell the first case from the third. Pose2Sim's demonstration shows why it
        matters: its cameras were calibrated at 1088x1920 and two of the four videos have 1080x1920. Fitting
        an affine map between their background and the calibration's scene images (650 and 1120 SIFT matches,
        0.3 px rms) gives a scale of 1.0073 to 1.0076 in BOTH directions about the picture's centre, and
        the rows 0 to 6 and the last 6 or 7 are black: the picture was shrunk by 1080/1088 and padded. Taking
        it for a cut at the right edge is wrong by up to 11 px.

        Raises
        ------
        CalibrationError
            If none fits: then the picture was cropped in a way nobody recorded.
        """
        (w0, h0), (w1, h1) = self.size_wh, size_wh
        if (w0, h0) == (w1, h1):
            return self
        fit = min(w1 / w0, h1 / h0)
        pad_x, pad_y = (w1 - w0 * fit) / 2, (h1 - h0 * fit) / 2
        if max(pad_x, pad_y) > 1.0:
            needed = np.array([pad_x, pad_y, pad_x, pad_y])
            if np.abs(needed - np.array(bars_px)).max() <= BAR_TOLERANCE_PX:
                return self._scaled(size_wh, fit, pad_x, pad_y)
        elif max(pad_x, pad_y) <= 0.5:
            return self._scaled(size_wh, fit, 0.0, 0.0)
        if abs(w0 - w1) < CODEC_PADDING_PX and abs(h0 - h1) < CODEC_PADDING_PX:
            return self._scaled(size_wh, 1.0, 0.0, 0.0)
        fill = max(w1 / w0, h1 / h0)
        if max(w0 - w1 / fill, h0 - h1 / fill) < CODEC_PADDING_PX:
            return self._scaled(size_wh, fill, 0.0, 0.0)
        raise CalibrationError(
            f"The calibration is for {w0}x{h0} px, the video has {w1}x{h1} px, another shape.",
            "Use the calibration of this recording, or calibrate at the size you record.",
        )

    def _scaled(self, size_wh: tuple[int, int], scale: float, pad_x: float, pad_y: float) -> Intrinsics:
        """Scale about the top left corner of the picture, then shift by the padding."""
        K = self.K.copy()
        K[:2, :2] *= scale
        K[0, 2] = (K[0, 2] + 0.5) * scale - 0.5 + pad_x
        K[1, 2] = (K[1, 2] + 0.5) * scale - 0.5 + pad_y
        return replace(self, size_wh=size_wh, K=K)


@dataclass(frozen=True)
class Camera:
    """A camera with a name and a place: ``cam_from_world`` is (4, 4), metres."""

    name: str
    intrinsics: Intrinsics
    cam_from_world: FloatArray

    def __post_init__(self) -> None:
        if self.cam_from_world.shape != (4, 4) or not _is_rigid(self.cam_from_world):
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
            True where the point is finite, in front of the camera, and not so far to the side that the
            distortion model has turned back (``Intrinsics.max_radius``).
        """
        rays, _, valid = self._rays(points)
        return self.intrinsics.distort(rays), valid

    def project_jacobian(self, points: FloatArray) -> FloatArray:
        """Derivative of ``project`` with respect to the points: (..., 3) to (..., 2, 3), px/m; NaN if invalid."""
        rays, depth, _ = self._rays(points)
        rotation = self.cam_from_world[:3, :3]
        # d(x / z) = (dx - (x / z) dz) / z
        per_point = (rotation[:2] - rays[..., None] * rotation[2]) / depth[..., None, None]
        return np.asarray(self.intrinsics.distort_jacobian(rays) @ per_point)

    def _rays(self, points: FloatArray) -> tuple[FloatArray, FloatArray, np.ndarray]:
        """Normalised coordinates (..., 2), depth (...) m, both NaN where not valid, and validity (...)."""
        local = apply(self.cam_from_world, points)
        valid = np.isfinite(local).all(axis=-1) & (local[..., 2] > NEAREST_DEPTH_M)
        local = np.where(valid[..., None], local, np.nan)
        rays = local[..., :2] / local[..., 2:]
        # A point without a valid depth has a NaN radius and stays invalid.
        valid = np.asarray(np.hypot(rays[..., 0], rays[..., 1]) <= self.intrinsics.max_radius)
        return np.where(valid[..., None], rays, np.nan), np.where(valid, local[..., 2], np.nan), valid


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
        if unknown := [name for name in names if name not in by_name]:
            raise CalibrationError(
                f"The calibration has no camera '{unknown[0]}'; it has {', '.join(self.names)}.",
                "Use the calibration of this recording.",
            )
        return replace(self, cameras=tuple(by_name[name] for name in names))


def _is_rigid(transform: FloatArray) -> bool:
    """Whether a (4, 4) transform is finite, rotates without mirroring, and moves."""
    rotation = transform[:3, :3]
    return bool(
        np.isfinite(transform).all()
        and np.allclose(rotation @ rotation.T, np.eye(3), atol=ROTATION_TOLERANCE)
        and np.linalg.det(rotation) > 0
        and np.array_equal(transform[3], [0, 0, 0, 1])
    )
