"""Lenses of a whole rig at once, on arrays (C, M): numpy on the processor, torch on a graphics card.

The models are those of ``calibration.camera``: OpenCV's pinhole with rational distortion, and the fisheye of
Kannala and Brandt (IEEE TPAMI 2006). Everything is written for components that lie together in memory, with
the cameras' coefficients as columns, so that one operation serves all cameras.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from calibration.camera import CameraRig

# A numpy array or a torch tensor of 64-bit floats.
Array = Any
# The module that computes on them: numpy or torch. Only functions that both spell alike are used.
Namespace = Any

# Newton's method doubles the figures with each step; it starts from a fitted inverse and stops after the step that
# began closer than this, px, which leaves less than a millionth of a pixel.
NEWTON_STEPS = 5
CLOSE_PX = 1e-2
# The inverse of the radial distortion is fitted by a polynomial of this degree in the squared radius.
INVERSE_DEGREE = 5
INVERSE_SAMPLES = 200
SMALL_RADIUS_SQ = 1e-6


@dataclass(frozen=True)
class Lenses:
    """Coefficients of C cameras, ready to be multiplied with (C, 2, M) or (C, M).

    Attributes
    ----------
    focal, middle : (C, 2, 1)
        px
    skew : (C, 1)
        px
    dist : (C, 6, 1)
        k1..k6 of a pinhole; k1..k4 and zeros of a fisheye.
    tangential : (C, 2, 1)
        p2 and p1 of a pinhole, zero for a fisheye.
    inverse : (C, D, 1)
        Polynomial in the squared distorted radius that scales it back, lowest first.
    radius_sq : (C, 1)
        Square of ``Intrinsics.max_radius``.
    fisheye : (C,) of bool
    rational : bool
        Whether any pinhole has a denominator.
    """

    focal: Array
    middle: Array
    skew: Array
    dist: Array
    tangential: Array
    inverse: Array
    radius_sq: Array
    fisheye: tuple[bool, ...]
    rational: bool


def lenses_of(rig: CameraRig) -> Lenses:
    """Collect the lenses of a rig, in numpy."""
    inner = [camera.intrinsics for camera in rig.cameras]
    fisheye = tuple(lens.model == "fisheye" for lens in inner)
    dist = np.zeros((len(inner), 6, 1))
    tangential = np.zeros((len(inner), 2, 1))
    for c, lens in enumerate(inner):
        if fisheye[c]:
            dist[c, :4, 0] = lens.dist
        else:
            dist[c, :2, 0], dist[c, 2, 0] = lens.dist[:2], lens.dist[4]
            dist[c, 3 : lens.dist.shape[0] - 2, 0] = lens.dist[5:]
            tangential[c, :, 0] = lens.dist[3], lens.dist[2]
    K = np.stack([lens.K for lens in inner])
    focal, middle = K[:, [0, 1], [0, 1], None], K[:, :2, 2:]
    # From the centre to the picture's farthest corner, and a little beyond.
    corner = 1.1 * np.linalg.norm(
        np.maximum(middle, np.array([lens.size_wh for lens in inner])[..., None] - middle) / focal, axis=1
    )
    radius_sq = np.array([[min(lens.max_radius, 1e6) ** 2] for lens in inner])
    rational = bool((dist[~np.array(fisheye), 3:] != 0.0).any())
    lenses = Lenses(focal, middle, K[:, 0, 1, None], dist, tangential, dist, radius_sq, fisheye, rational)
    return replace(lenses, inverse=_fit_inverse(lenses, corner[:, 0]))


def _fit_inverse(lenses: Lenses, corner: np.ndarray) -> Array:
    """Fit the scale from distorted to undistorted radius over each picture (C, D, 1)."""
    cameras = len(lenses.fisheye)
    # Radii up to where the distorted one reaches the picture's corner, or the model turns back.
    farthest = 0.999 * np.sqrt(np.minimum(lenses.radius_sq, 9.0))
    r = np.linspace(0.0, 1.0, INVERSE_SAMPLES) * farthest
    scale, _ = _radial(np, lenses, r * r)
    distorted = r * scale
    found = np.zeros((cameras, INVERSE_DEGREE + 1, 1))
    for c in range(cameras):
        near = distorted[c] <= corner[c]
        s = distorted[c, near] ** 2
        top = float(s[-1]) if s[-1] > 0 else 1.0
        powers = (s[:, None] / top) ** np.arange(INVERSE_DEGREE + 1)
        fit, *_ = np.linalg.lstsq(powers, 1.0 / scale[c, near], rcond=None)
        found[c, :, 0] = fit / top ** np.arange(INVERSE_DEGREE + 1)
    return found


def _radial(xp: Namespace, lenses: Lenses, s: Array) -> tuple[Array, Array]:
    """Ratio of distorted to undistorted radius, and its derivative by the squared radius ``s`` (C, M)."""
    if not any(lenses.fisheye):
        return _pinhole_radial(lenses, s)
    if all(lenses.fisheye):
        return _fisheye_radial(xp, lenses, s)
    parts = [
        (_fisheye_radial(xp, one, row) if one.fisheye[0] else _pinhole_radial(one, row))
        for one, row in ((_one(lenses, c), s[c : c + 1]) for c in range(len(lenses.fisheye)))
    ]
    return xp.concatenate([p[0] for p in parts]), xp.concatenate([p[1] for p in parts])


def _one(lenses: Lenses, c: int) -> Lenses:
    """The lens of one camera."""
    part = {name: value[c : c + 1] for name, value in vars(lenses).items() if name != "rational"}
    return Lenses(**part, rational=lenses.rational)


def _pinhole_radial(lenses: Lenses, s: Array) -> tuple[Array, Array]:
    k1, k2, k3, k4, k5, k6 = (lenses.dist[:, i] for i in range(6))
    above = 1.0 + s * (k1 + s * (k2 + s * k3))
    slope = k1 + s * (2.0 * k2 + s * (3.0 * k3))
    if not lenses.rational:
        return above, slope
    below = 1.0 + s * (k4 + s * (k5 + s * k6))
    scale = above / below
    return scale, (slope - scale * (k4 + s * (2.0 * k5 + s * (3.0 * k6)))) / below


def _fisheye_radial(xp: Namespace, lenses: Lenses, s: Array) -> tuple[Array, Array]:
    near = s < SMALL_RADIUS_SQ
    safe = xp.where(near, SMALL_RADIUS_SQ, s)
    r = xp.sqrt(safe)
    theta = xp.arctan(r)
    q = theta * theta
    k1, k2, k3, k4 = (lenses.dist[:, i] for i in range(4))
    theta_d = theta * (1.0 + q * (k1 + q * (k2 + q * (k3 + q * k4))))
    slope = (1.0 + q * (3.0 * k1 + q * (5.0 * k2 + q * (7.0 * k3 + q * (9.0 * k4))))) / (1.0 + safe)
    at_centre = k1 - 1.0 / 3.0
    return (
        xp.where(near, 1.0 + at_centre * s, theta_d / r),
        xp.where(near, at_centre + 0.0 * s, (slope * r - theta_d) / (2.0 * safe * r)),
    )


def distort(xp: Namespace, lenses: Lenses, rays: Array) -> Array:
    """Pixels (C, 2, M) of normalised coordinates (C, 2, M)."""
    squares = rays * rays
    s = squares[:, 0] + squares[:, 1]
    scale, _ = _radial(xp, lenses, s)
    pull = lenses.tangential * rays
    along = scale + 2.0 * (pull[:, 0] + pull[:, 1])
    distorted = rays * along[:, None] + lenses.tangential * s[:, None]
    pixels = distorted * lenses.focal + lenses.middle
    pixels[:, 0] += lenses.skew * distorted[:, 1]
    return pixels


def undistort(xp: Namespace, lenses: Lenses, pixels: Array) -> tuple[Array, Array, Array]:
    """Find the rays that are seen at given pixels, by Newton's method.

    Parameters
    ----------
    pixels : (C, 2, M)
        NaN gives NaN.

    Returns
    -------
    rays : (C, 2, M)
        Undistorted normalised coordinates.
    jacobian : (C, 4, M)
        du/dx, du/dy, dv/dx, dv/dy, px.
    found : (C, M) bool
        Whether the ray comes back to its pixel and lies where the model holds. Where it does not,
        ``Intrinsics.undistort``, which starts more carefully, may still find one.
    """
    wanted = (pixels - lenses.middle) / lenses.focal
    wanted[:, 0] -= lenses.skew / lenses.focal[:, 0] * wanted[:, 1]
    tangential, crossed = lenses.tangential, xp.flip(lenses.tangential, (1,))
    squares = wanted * wanted
    s = squares[:, 0] + squares[:, 1]
    scale = 0.0 * s
    for power in range(lenses.inverse.shape[1] - 1, -1, -1):
        scale = scale * s + lenses.inverse[:, power]
    rays = wanted * scale[:, None]
    for _ in range(NEWTON_STEPS):
        squares = rays * rays
        s = squares[:, 0] + squares[:, 1]
        scale, slope = _radial(xp, lenses, s)
        pull, push = tangential * rays, crossed * rays
        along = scale + 2.0 * (pull[:, 0] + pull[:, 1])
        miss = rays * along[:, None] + tangential * s[:, None] - wanted
        slope = slope + slope
        straight = slope[:, None] * squares + 4.0 * pull + along[:, None]
        across = slope * rays[:, 0] * rays[:, 1] + 2.0 * (push[:, 0] + push[:, 1])
        det = straight[:, 0] * straight[:, 1] - across * across
        rays = rays - (xp.flip(straight, (1,)) * miss - across[:, None] * xp.flip(miss, (1,))) / det[:, None]
        far = xp.amax(xp.abs(miss), 1) * lenses.focal[:, 0]
        if not bool((far > CLOSE_PX).any()):
            break
    # A NaN compares as false.
    found = (far < CLOSE_PX) & (s <= lenses.radius_sq)
    jacobian = xp.stack([straight[:, 0], across, across, straight[:, 1]], 1)
    jacobian[:, :2] *= lenses.focal[:, :1]
    jacobian[:, 2:] *= lenses.focal[:, 1:]
    jacobian[:, 0] += lenses.skew * across
    jacobian[:, 1] += lenses.skew * straight[:, 1]
    return rays, jacobian, found
