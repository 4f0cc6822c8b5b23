"""Which unknowns the cameras have, where each lies in the solver's vector, and how a step moves them.

The full vector of one camera is its pose (rotation vector 3, rad; translation 3, m), its lens (4 + D), and its
clock (offset, s; rate). A pose step (w, t) acts from the left: cam_from_world becomes exp(w) cam_from_world,
moved by t. Locked parameters do not enter the solver's vector. The reference camera's pose and clock are
locked: that is the gauge, and every covariance is relative to that camera.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.bundle import rotations
from calibration.bundle.lens import DISTORTION, lens_names, lens_vector, with_lens
from calibration.bundle.settings import BundleSettings, LensPrior
from calibration.camera import Camera, CameraRig
from calibration.errors import CalibrationError
from calibration.transforms import FloatArray, from_rotation

POSE_NAMES = ("rx", "ry", "rz", "tx", "ty", "tz")
CLOCK_NAMES = ("clock_offset_s", "clock_rate")
POSE, LENS = 6, 6


@dataclass(frozen=True)
class CameraColumns:
    """Where one camera's free parameters lie.

    Attributes
    ----------
    names : tuple of str
        Of the full vector.
    local : (F,) int
        The free ones, as indices into the full vector.
    columns : slice
        Their places in the solver's vector.
    prior_sigma : (F,)
        inf where there is no prior.
    """

    names: tuple[str, ...]
    local: NDArray[np.intp]
    columns: slice
    prior_sigma: FloatArray

    @property
    def lens(self) -> NDArray[np.intp]:
        """Free parameters of the lens, as indices into the lens's vector."""
        inside = (self.local >= LENS) & (self.local < len(self.names) - len(CLOCK_NAMES))
        return self.local[inside] - LENS

    @property
    def pose_is_free(self) -> bool:
        """Whether the pose moves."""
        return bool(self.local.size and self.local[0] == 0)

    @property
    def clock_is_free(self) -> bool:
        """Whether offset and rate are estimated."""
        return bool(self.local.size and self.local[-1] == len(self.names) - 1)


@dataclass(frozen=True)
class CameraState:
    """The rig, and each camera's clock (C, 2): offset s, rate."""

    rig: CameraRig
    clock: FloatArray


@dataclass(frozen=True)
class Layout:
    """The cameras' part of the solver's vector.

    Attributes
    ----------
    cameras : tuple of CameraColumns
    start : CameraState
        Where the priors are centred.
    size : int
    """

    cameras: tuple[CameraColumns, ...]
    start: CameraState
    size: int

    def move(self, state: CameraState, step: FloatArray) -> CameraState | None:
        """Apply a step (size,); None where it leads to no camera (a focal length below zero)."""
        moved = []
        clock = state.clock.copy()
        for index, (camera, columns) in enumerate(zip(state.rig.cameras, self.cameras, strict=True)):
            full = np.zeros(len(columns.names))
            full[columns.local] = step[columns.columns]
            lens = lens_vector(camera.intrinsics) + full[LENS:-2]
            if not (np.isfinite(full).all() and lens[0] > 0 and lens[1] > 0):
                return None
            pose = camera.cam_from_world.copy()
            pose[:3] = rotations.exp(full[:3]) @ pose[:3]
            pose[:3, 3] += full[3:6]
            moved.append(Camera(camera.name, with_lens(camera.intrinsics, lens), pose))
            clock[index] += full[-2:]
        return CameraState(replace(state.rig, cameras=tuple(moved)), clock)

    def prior(self, state: CameraState) -> tuple[FloatArray, FloatArray]:
        """Distance from the priors' centre and precision 1 / sigma^2 (0 where there is none), both (size,)."""
        distance, precision = np.zeros(self.size), np.zeros(self.size)
        pairs = zip(self.cameras, state.rig.cameras, self.start.rig.cameras, strict=True)
        for index, (columns, now, start) in enumerate(pairs):
            full = np.zeros(len(columns.names))
            full[LENS:-2] = lens_vector(now.intrinsics) - lens_vector(start.intrinsics)
            full[-2:] = state.clock[index] - self.start.clock[index]
            distance[columns.columns] = full[columns.local]
            precision[columns.columns] = 1.0 / columns.prior_sigma**2
        return distance, precision


def rigid(transform: FloatArray) -> FloatArray:
    """Nearest rigid transform (4, 4): files round rotations."""
    u, _, vt = np.linalg.svd(transform[:3, :3])
    return from_rotation(u @ vt, transform[:3, 3])


def rigid_rig(rig: CameraRig) -> CameraRig:
    """Return the rig with poses that are rigid to the last digit."""
    cameras = (replace(camera, cam_from_world=rigid(camera.cam_from_world)) for camera in rig.cameras)
    return replace(rig, cameras=tuple(cameras))


def reference_index(rig: CameraRig, settings: BundleSettings) -> int:
    """Which camera holds the world."""
    if settings.reference is None:
        return 0
    if settings.reference not in rig.names:
        raise CalibrationError(
            f"The rig has no camera '{settings.reference}' to hold the world; it has {', '.join(rig.names)}.",
            "Name one of these as the reference.",
        )
    return rig.names.index(settings.reference)


def make_layout(state: CameraState, settings: BundleSettings, reference: int) -> Layout:
    """Lay out the free parameters of all cameras."""
    cameras, size = [], 0
    for index, camera in enumerate(state.rig.cameras):
        lens_prior = settings.lens_of.get(camera.name, settings.lens)
        is_reference = index == reference
        pose_sigma = 0.0 if is_reference or camera.name in settings.fixed_poses else np.inf
        clock_is_free = settings.clocks == "estimated" and not is_reference
        clock_sigma = [settings.clock_sigma_s, settings.rate_sigma] if clock_is_free else [0.0, 0.0]
        sigma = np.concatenate([np.full(POSE, pose_sigma), _lens_sigma(camera, lens_prior), clock_sigma])
        local = np.flatnonzero(sigma > 0)
        names = (*POSE_NAMES, *lens_names(camera.intrinsics), *CLOCK_NAMES)
        cameras.append(CameraColumns(names, local, slice(size, size + local.size), sigma[local]))
        size += local.size
    return Layout(tuple(cameras), state, size)


def _lens_sigma(camera: Camera, prior: LensPrior) -> FloatArray:
    """Prior sigmas in the order of ``lens_vector``."""
    lens = lens_vector(camera.intrinsics)
    centre = prior.centre * camera.intrinsics.size_wh[0]
    head = [prior.focal * lens[0], prior.aspect * lens[1], centre, centre]
    if camera.intrinsics.model == "fisheye":
        return np.array([*head, *prior.radial])
    k1, k2, k3, _ = prior.radial
    five = [k1, k2, prior.tangential, prior.tangential, k3]
    return np.array([*head, *five, *[prior.rational] * (lens.shape[0] - DISTORTION - len(five))])
