"""What a bundle adjustment found, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.bundle import rotations
from calibration.bundle.parameters import CLOCK_NAMES, LENS, CameraColumns, CameraState, Layout
from calibration.camera import CameraRig
from calibration.transforms import FloatArray


@dataclass(frozen=True)
class CameraSigma:
    """Standard deviations of one camera's parameters; relative to the reference camera, whose pose has none.

    Attributes
    ----------
    name : str
    lens : dict of str to float
        f (px), aspect, cx, cy (px), k1...; 0 where locked.
    lens_prior_share : dict of str to float
        Which part of the information about a parameter came from its prior, 0 to 1; above a half the views
        did not determine it. 1 where locked.
    rotation_rad : (3,)
        About the camera's axes.
    centre_m : (3,)
        Of its position, along the world's axes.
    clock_offset_s, clock_rate : float
        0 where not estimated.
    """

    name: str
    lens: dict[str, float]
    lens_prior_share: dict[str, float]
    rotation_rad: FloatArray
    centre_m: FloatArray
    clock_offset_s: float
    clock_rate: float


@dataclass(frozen=True)
class CameraCovariance:
    """Joint covariance of all parameters of all cameras.

    Attributes
    ----------
    layout : Layout
    matrix : (G, G)
        In the order of the layout, for G free parameters.
    """

    layout: Layout
    matrix: FloatArray

    def of_camera(self, index: int) -> FloatArray:
        """Covariance (n, n) of one camera's full vector (see ``parameters``); zero where locked."""
        columns = self.layout.cameras[index]
        full = np.zeros((len(columns.names),) * 2)
        full[np.ix_(columns.local, columns.local)] = self.matrix[columns.columns, columns.columns]
        return full

    def aligned_centre_sigma(self, rig: CameraRig) -> FloatArray:
        """Sigmas (C, 3) of the cameras' positions in the rig, m, along the world's axes.

        After the best rigid alignment of all positions with the true ones: how well the rig's form is known,
        whichever camera holds the world (inner constraints: Triggs et al. 1999, section 9.2).
        """
        centres = np.array([camera.centre for camera in rig.cameras])
        count = len(centres)
        by_step = np.zeros((count, 3, self.matrix.shape[0]))
        for index, (camera, columns) in enumerate(zip(rig.cameras, self.layout.cameras, strict=True)):
            if columns.pose_is_free:
                by_step[index][:, columns.columns][:, 3:6] = -camera.cam_from_world[:3, :3].T
        motion = np.zeros((count, 3, 6))
        motion[:, :, :3] = np.eye(3)
        motion[:, :, 3:] = -rotations.cross_matrix(centres - centres.mean(axis=0))
        rigid = motion.reshape(3 * count, 6)
        stay = np.eye(3 * count) - rigid @ np.linalg.pinv(rigid)
        root = stay @ by_step.reshape(3 * count, -1)
        return np.asarray(np.sqrt(np.sum((root @ self.matrix) * root, axis=1)).reshape(count, 3))

    def relative_pose(self, rig: CameraRig, camera: int, other: int) -> FloatArray:
        """Covariance (6, 6) of the step (rad, m) from the left of camera_from_other; independent of the gauge."""
        poses = rig.cam_from_world
        between = poses[camera] @ np.linalg.inv(poses[other])
        adjoint = np.zeros((6, 6))
        adjoint[:3, :3] = adjoint[3:, 3:] = between[:3, :3]
        adjoint[3:, :3] = rotations.cross_matrix(between[:3, 3]) @ between[:3, :3]
        rows = np.zeros((6, self.matrix.shape[0]))
        for index, by_pose in ((camera, np.eye(6)), (other, -adjoint)):
            columns = self.layout.cameras[index]
            if columns.pose_is_free:
                rows[:, columns.columns][:, :6] += by_pose
        return np.asarray(rows @ self.matrix @ rows.T)

    def sigmas(self, state: CameraState) -> tuple[CameraSigma, ...]:
        """Standard deviations by camera and name."""
        found = []
        for index, camera in enumerate(state.rig.cameras):
            columns, full = self.layout.cameras[index], self.of_camera(index)
            sigma = np.sqrt(np.diag(full))
            rotation = camera.cam_from_world[:3, :3]
            # A step (w, t) moves the centre by -R^T t.
            centre = np.sqrt(np.diag(rotation.T @ full[3:6, 3:6] @ rotation))
            names = columns.names[LENS : -len(CLOCK_NAMES)]
            found.append(
                CameraSigma(
                    camera.name,
                    dict(zip(names, sigma[LENS:-2].tolist(), strict=True)),
                    dict(zip(names, _prior_share(columns, sigma)[LENS:-2].tolist(), strict=True)),
                    sigma[:3],
                    centre,
                    float(sigma[-2]),
                    float(sigma[-1]),
                )
            )
        return tuple(found)


def _prior_share(columns: CameraColumns, sigma: FloatArray) -> FloatArray:
    """Posterior over prior variance; 1 where locked."""
    share = np.ones(len(columns.names))
    share[columns.local] = np.minimum((sigma[columns.local] / columns.prior_sigma) ** 2, 1.0)
    return share


@dataclass(frozen=True)
class BundleResult:
    """What ``adjust`` found.

    Attributes
    ----------
    rig : CameraRig
    world_from_board : (T, 4, 4)
        NaN where unknown.
    points : (K, 3)
        The board's corners, m.
    clock_offset_s, clock_rate : (C,), (C,)
        A picture stamped t by a camera was taken at t + offset + rate * (t - clock_origin_s) by the reference
        camera's clock.
    clock_origin_s : float
    jitter_s : (T, C)
        And later by this, where single stamps have errors; NaN where no picture took part.
    residual_px : (T, C, K, 2)
        Predicted minus seen; NaN where not seen, or where the board's pose is unknown.
    inlier : (T, C, K)
        Observations that the solution rests on.
    noise_px : float
        Sigma of one coordinate of an inlier.
    covariance : CameraCovariance
    sigmas : tuple of CameraSigma
    board_covariance : (T, 6, 6)
        Of each board pose: turn about the board's axes, rad; shift in the world, m. NaN where unknown.
    points_sigma_m : (K, 3)
        Zero for a board as printed.
    costs : tuple of float
    iterations : int
    reason : str
        Why the search ended: "converged", "out of iterations", "no step lowers the cost any more".
    """

    rig: CameraRig
    world_from_board: FloatArray
    points: FloatArray
    clock_offset_s: FloatArray
    clock_rate: FloatArray
    clock_origin_s: float
    jitter_s: FloatArray
    residual_px: FloatArray
    inlier: NDArray[np.bool_]
    noise_px: float
    covariance: CameraCovariance
    sigmas: tuple[CameraSigma, ...]
    board_covariance: FloatArray
    points_sigma_m: FloatArray
    costs: tuple[float, ...]
    iterations: int
    reason: str

    @property
    def converged(self) -> bool:
        """Whether the search came to rest."""
        return self.reason != "out of iterations"

    @property
    def rmse_px(self) -> float:
        """Root of the mean squared length of the inliers' residuals."""
        return float(np.sqrt(np.mean(np.sum(self.residual_px[self.inlier] ** 2, axis=-1))))

    @property
    def kept_share(self) -> float:
        """Inliers among the observations with a prediction."""
        return float(np.count_nonzero(self.inlier) / max(1, np.isfinite(self.residual_px[..., 0]).sum()))
