"""What the stages pass on: frozen, shape-checked once when made.

Axes: T frames, C cameras, P candidates in a view, N people, K keypoints, J joints, A angles. Metres,
seconds, radians, pixels. World right-handed, z up. Missing is NaN, never zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mocap.core.measures import Findings
from mocap.core.skeleton import Skeleton

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
ImageArray = NDArray[np.uint8]


def _check(owner: object, name: str, array: NDArray[np.generic], shape: tuple[int | None, ...]) -> None:
    """Raise ValueError unless ``array`` has ``shape``; None matches any length."""
    fits = array.ndim == len(shape) and all(
        want is None or have == want for have, want in zip(array.shape, shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{type(owner).__name__}.{name} has shape {array.shape}, expected {shape}")


@dataclass(frozen=True)
class Frame:
    """One picture: BGR (H, W, 3), pixel centres at integers, taken at ``t_ns``."""

    camera: str
    index: int
    t_ns: int
    image: ImageArray


@dataclass(frozen=True)
class SyncTable:
    """Which frame of each camera was taken at each common instant.

    Attributes
    ----------
    t_s : (T,)
        Common instants, s.
    frame_index : (T, C) int
        Frame of each camera nearest to the instant; -1 where there is none.
    offset_s : (C,)
        Clock of the camera minus the common clock, s.
    offset_sigma_s : (C,)
        Its standard error, s; NaN where it was taken on trust.
    rate : (C,)
        Ticks of the camera's clock per tick of the common clock.
    rate_sigma : (C,)
        Its standard error; NaN where it was taken on trust.
    lag_s : (T, C)
        When the frame was really taken, on the common clock, minus the instant, s; NaN where there is none.
    row_time_s : (C,)
        Time from one row of the picture to the next (rolling shutter), s; 0 for a global shutter, NaN where
        unknown.
    """

    cameras: tuple[str, ...]
    t_s: FloatArray
    frame_index: IntArray
    offset_s: FloatArray
    offset_sigma_s: FloatArray
    rate: FloatArray
    rate_sigma: FloatArray
    lag_s: FloatArray
    row_time_s: FloatArray

    def __post_init__(self) -> None:
        count = len(self.cameras)
        _check(self, "frame_index", self.frame_index, (self.t_s.shape[0], count))
        _check(self, "lag_s", self.lag_s, self.frame_index.shape)
        for name in ("offset_s", "offset_sigma_s", "rate", "rate_sigma", "row_time_s"):
            _check(self, name, getattr(self, name), (count,))

    @classmethod
    def of_one_clock(cls, cameras: tuple[str, ...], t_s: FloatArray, frame_index: IntArray) -> SyncTable:
        """Cameras that take their pictures at the very same instants, as genlocked ones do."""
        nothing, unknown = np.zeros(len(cameras)), np.full(len(cameras), np.nan)
        lag_s = np.where(frame_index >= 0, 0.0, np.nan)
        return cls(cameras, t_s, frame_index, nothing, unknown, nothing + 1.0, unknown, lag_s, unknown)

    @property
    def rate_hz(self) -> float:
        """Common frame rate, Hz."""
        return float(1.0 / np.median(np.diff(self.t_s)))


@dataclass(frozen=True)
class Poses2D:
    """People found in each view, before anyone knows who is who.

    Attributes
    ----------
    xy : (T, C, P, K, 2)
        Keypoints, px.
    sigma_px : (T, C, P, K)
        Standard deviation of each keypoint, px.
    score : (T, C, P, K)
        The detector's confidence, 0 to 1.
    track : (T, C, P) int
        The person's number within its view, constant while tracked; -1 where the slot is empty.
    """

    cameras: tuple[str, ...]
    skeleton: Skeleton
    xy: FloatArray
    sigma_px: FloatArray
    score: FloatArray
    track: IntArray

    def __post_init__(self) -> None:
        t, c, p, k = self.score.shape
        _check(self, "score", self.score, (None, len(self.cameras), None, len(self.skeleton.keypoints)))
        _check(self, "xy", self.xy, (t, c, p, k, 2))
        _check(self, "sigma_px", self.sigma_px, (t, c, p, k))
        _check(self, "track", self.track, (t, c, p))


@dataclass(frozen=True)
class Tracks2D:
    """The same after association: the second person axis is the same person in every view.

    Attributes
    ----------
    xy : (T, C, N, K, 2)
        Keypoints, px.
    sigma_px, score : (T, C, N, K)
    person_ids : (N,) int
    """

    cameras: tuple[str, ...]
    skeleton: Skeleton
    xy: FloatArray
    sigma_px: FloatArray
    score: FloatArray
    person_ids: IntArray

    def __post_init__(self) -> None:
        t, c, n, k = self.score.shape
        _check(self, "score", self.score, (None, len(self.cameras), self.person_ids.shape[0], None))
        _check(self, "xy", self.xy, (t, c, n, k, 2))
        _check(self, "sigma_px", self.sigma_px, (t, c, n, k))


@dataclass(frozen=True)
class Points3D:
    """Keypoints in the world.

    Attributes
    ----------
    xyz : (T, N, K, 3)
        Position, m.
    cov : (T, N, K, 3, 3)
        Covariance of the position, m^2.
    n_views : (T, N, K) int
        Views that agree on the point.
    reproj_px : (T, C, N, K)
        Distance between the detection and the reprojected point, px; NaN where there was no detection.
    used : (T, C, N, K) bool
        Whether the view took part.
    """

    skeleton: Skeleton
    xyz: FloatArray
    cov: FloatArray
    n_views: IntArray
    reproj_px: FloatArray
    used: NDArray[np.bool_]

    def __post_init__(self) -> None:
        t, n, k = self.n_views.shape
        _check(self, "xyz", self.xyz, (t, n, k, 3))
        _check(self, "cov", self.cov, (t, n, k, 3, 3))
        _check(self, "reproj_px", self.reproj_px, (t, None, n, k))
        _check(self, "used", self.used, self.reproj_px.shape)

    @property
    def sigma(self) -> FloatArray:
        """Standard deviation of the position over its three axes (T, N, K), m."""
        return np.asarray(np.sqrt(np.trace(self.cov, axis1=-2, axis2=-1) / 3.0))


def _not_known() -> FloatArray:
    """Stand-in for what nobody stated; it becomes NaN of the right shape."""
    return np.empty(0)


@dataclass(frozen=True)
class JointAngles:
    """Joint angles by name.

    Attributes
    ----------
    names : tuple of str
    value : (T, N, A)
        Angle, rad.
    sigma : (T, N, A)
        Its standard deviation, rad.
    rate : (T, N, A)
        How fast it grows, rad/s.
    rate_sigma : (T, N, A)
        Its standard deviation, rad/s.
    """

    names: tuple[str, ...]
    value: FloatArray
    sigma: FloatArray
    rate: FloatArray = field(default_factory=_not_known)
    rate_sigma: FloatArray = field(default_factory=_not_known)

    def __post_init__(self) -> None:
        _check(self, "value", self.value, (None, None, len(self.names)))
        for name in ("rate", "rate_sigma"):
            if getattr(self, name).size == 0:
                object.__setattr__(self, name, np.full(self.value.shape, np.nan))
        for name in ("sigma", "rate", "rate_sigma"):
            _check(self, name, getattr(self, name), self.value.shape)


@dataclass(frozen=True)
class Motion:
    """A body of constant bone lengths in motion.

    Attributes
    ----------
    root_xyz : (T, N, 3)
        Position of the root joint, m.
    rotation : (T, N, J, 4)
        Rotation of each joint's segment relative to its parent's (the root's relative to the world),
        quaternion w, x, y, z; identity in the T-pose.
    bone_length : (N, J)
        Distance of each joint from its parent, m; 0 for the root.
    bone_length_sigma : (N, J)
        Its standard deviation over the frames, m.
    rotation_cov : (T, N, J, 3, 3)
        Covariance of ``rotation``, rad^2: of small turns about the axes of the joint's own segment. A direction
        in which the joint cannot turn has none; NaN where the rotation is missing or its error not known.
    centre_cov : (T, N, J, 3, 3)
        Covariance of the joint centres that follow from root, rotations and bones, m^2.
    """

    skeleton: Skeleton
    root_xyz: FloatArray
    rotation: FloatArray
    bone_length: FloatArray
    bone_length_sigma: FloatArray
    rotation_cov: FloatArray = field(default_factory=_not_known)
    centre_cov: FloatArray = field(default_factory=_not_known)

    def __post_init__(self) -> None:
        joints = len(self.skeleton.joints)
        t, n, _ = self.root_xyz.shape
        for name in ("rotation_cov", "centre_cov"):
            if getattr(self, name).size == 0:
                object.__setattr__(self, name, np.full((t, n, joints, 3, 3), np.nan))
            _check(self, name, getattr(self, name), (t, n, joints, 3, 3))
        _check(self, "rotation", self.rotation, (t, n, joints, 4))
        _check(self, "bone_length", self.bone_length, (n, joints))
        _check(self, "bone_length_sigma", self.bone_length_sigma, (n, joints))


@dataclass(frozen=True)
class MassCentre:
    """The body's centre of mass.

    Attributes
    ----------
    xyz : (T, N, 3)
        In the world, m.
    cov : (T, N, 3, 3)
        Its covariance, m^2.
    """

    xyz: FloatArray
    cov: FloatArray

    def __post_init__(self) -> None:
        t, n, _ = self.xyz.shape
        _check(self, "xyz", self.xyz, (t, n, 3))
        _check(self, "cov", self.cov, (t, n, 3, 3))

    @property
    def sigma(self) -> FloatArray:
        """Standard deviation over its three axes (T, N), m."""
        return np.asarray(np.sqrt(np.trace(self.cov, axis1=-2, axis2=-1) / 3.0))


@dataclass(frozen=True)
class Take:
    """All that is known of one performance, ready to be exported.

    Attributes
    ----------
    name : str
        Name of the trial.
    t_s : (T,)
        Instants, s.
    rate_hz : float
    people : tuple of str
        Names of the N people.
    mass_centre : MassCentre or None
        None where nobody asked for it.
    findings : tuple of Findings
        Events and figures of each person; empty where nobody looked for any.
    """

    name: str
    t_s: FloatArray
    rate_hz: float
    people: tuple[str, ...]
    points: Points3D
    angles: JointAngles
    motion: Motion
    mass_centre: MassCentre | None = None
    findings: tuple[Findings, ...] = ()

    def __post_init__(self) -> None:
        t, n = self.t_s.shape[0], len(self.people)
        _check(self, "points.n_views", self.points.n_views, (t, n, None))
        _check(self, "angles.value", self.angles.value, (t, n, None))
        _check(self, "motion.root_xyz", self.motion.root_xyz, (t, n, 3))
        if self.mass_centre is not None:
            _check(self, "mass_centre.xyz", self.mass_centre.xyz, (t, n, 3))
        if not self.findings:
            object.__setattr__(self, "findings", (Findings(),) * n)
        if len(self.findings) != n:
            raise ValueError(f"Take.findings has {len(self.findings)} entries, expected {n}")
