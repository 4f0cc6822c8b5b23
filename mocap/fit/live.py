"""The body frame by frame, as it is seen: each pose starts from the one before.

An iterated extended Kalman filter (Bell and Cathey 1993, IEEE Trans. Automatic Control 38:294) of pose and
velocity: the prediction goes on at constant velocity with the accelerations that the whole-sequence fit allows
for, and the update is the same Gauss-Newton step, for one frame. Bones are those of an earlier fit and stay as
they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mocap.core.errors import InputError
from mocap.core.types import FloatArray, Motion, Points3D
from mocap.fit.body import WIDTH, BodySettings, fit_person
from mocap.fit.chain import Chain, Pose, chain_of, place, step
from mocap.fit.evidence import point_evidence
from mocap.fit.result import joint_errors, shown_now, to_motion
from mocap.fit.solve import SETTLED
from mocap.fit.start import attachment_covariance
from mocap.fit.terms import Coordinates, add_keypoints, add_ranges, coordinates, densities, ranged, velocities

# Most Gauss-Newton steps a frame: the start is some degrees off, each step leaves less than a tenth of its error.
LIVE_STEPS = 3


@dataclass(frozen=True)
class LiveBody:
    """A person whose bones are known.

    Attributes
    ----------
    length, measured, spread : (J,), (1, J), (1, J)
        Bones, m; as measured, NaN where never seen; and their standard deviation over the frames.
    noise : float
        How much larger the errors are than stated.
    """

    chain: Chain
    ranges: Coordinates
    length: FloatArray
    measured: FloatArray
    spread: FloatArray
    noise: float
    settings: BodySettings


@dataclass(frozen=True)
class LiveState:
    """Where the body is and how it moves.

    Attributes
    ----------
    pose : Pose
        One frame.
    velocity : (D,)
        m/s and rad/s.
    covariance : (2, 2, D, D)
        Of pose and velocity.
    unseen_s : (J,)
        How long each joint has not been seen, s.
    """

    pose: Pose
    velocity: FloatArray
    covariance: FloatArray
    unseen_s: FloatArray


def start_live(
    points: Points3D, rate_hz: float, person: int = 0, settings: BodySettings | None = None
) -> tuple[LiveBody, LiveState]:
    """Learn a person's bones from the first seconds, and start from their last frame.

    Raises
    ------
    InputError
        If the person was not seen in them.
    """
    settings = replace(settings or BodySettings(), contact=False)
    chain = chain_of(points.skeleton)
    fitted = fit_person(chain, points, person, 1.0 / rate_hz, settings)
    if fitted.solution is None:
        raise InputError(
            "The body cannot be followed: its hips were never seen in the first frames.",
            "Let the person stand in view of at least two cameras, whole, for a second.",
        )
    solution = fitted.solution
    body = LiveBody(
        chain,
        coordinates(chain),
        solution.length,
        fitted.motion.bone_length,
        fitted.motion.bone_length_sigma,
        solution.noise,
        settings,
    )
    size = chain.freedom
    covariance = np.zeros((2, 2, size, size))
    covariance[0, 0] = solution.last
    # How much a velocity changes in the time over which the fit's own smoothing forgets.
    covariance[1, 1] = np.diag(densities(chain) * 0.1)
    velocity = np.zeros(size)
    if len(solution.pose.place) > 1:
        velocity = velocities(chain, solution.pose[-2:])[0] * rate_hz
    state = LiveState(solution.pose[-1:], velocity, covariance, np.zeros(len(points.skeleton.joints)))
    return body, state


def follow(
    body: LiveBody, state: LiveState, xyz: FloatArray, cov: FloatArray, dt: float
) -> tuple[LiveState, Motion]:
    """Fit the next frame.

    Parameters
    ----------
    xyz : (K, 3)
        Keypoints, m; NaN where not seen.
    cov : (K, 3, 3)
        Their covariance, m^2.
    dt : float
        Time since the frame before, s.

    Returns
    -------
    LiveState
    Motion
        One frame of one person; a joint is NaN once it was not seen for longer than ``max_gap_s``.
    """
    chain, size = body.chain, body.chain.freedom
    predicted = step(chain, state.pose, (state.velocity * dt)[None])
    (pp, pv), (_, vv) = state.covariance
    density = densities(chain)
    xx = pp + dt * (pv + pv.T) + dt**2 * vv + np.diag(density * dt**3 / 3.0)
    xv = pv + dt * vv + np.diag(density * dt**2 / 2.0)
    vv = vv + np.diag(density * dt)
    known = np.linalg.inv(xx)
    placed = place(chain, predicted, body.length)
    own = attachment_covariance(chain, placed.world, float(chain.size @ body.length))
    evidence = point_evidence(xyz[None, chain.keypoint], cov[None, chain.keypoint], own).scaled(body.noise)
    pose, moved, total = predicted, np.zeros(size), known
    for _ in range(LIVE_STEPS):
        pull = evidence.pull(pose, placed, WIDTH)
        hessian, gradient, _ = add_keypoints(chain, placed, pull.weight, pull.force)
        add_ranges(ranged(body.ranges, pose), hessian, gradient)
        total = known + hessian[0]
        change = -np.linalg.solve(total, gradient[0] + known @ moved)
        pose, moved = step(chain, pose, change[None]), moved + change
        if np.sqrt(np.mean(np.square(change))) < SETTLED:
            break
        placed = place(chain, pose, body.length)
    posterior = np.linalg.inv(total)
    gain = known @ xv
    velocity = state.velocity + gain.T @ moved
    covariance = np.empty_like(state.covariance)
    covariance[0, 0] = posterior
    covariance[0, 1] = posterior @ gain
    covariance[1, 0] = covariance[0, 1].T
    covariance[1, 1] = vv - gain.T @ (xx - posterior) @ gain
    unseen = np.where(shown_now(chain, evidence.seen[0]), 0.0, state.unseen_s + dt)
    shown = unseen <= body.settings.max_gap_s
    for joint, parent in enumerate(chain.above):
        shown[joint] &= parent < 0 or shown[parent]
    errors = joint_errors(chain, pose, body.length, posterior[None])
    motion = to_motion(chain, pose, body.length, errors, shown[None], body.measured, body.spread)
    return LiveState(pose, velocity, covariance, unseen), motion
