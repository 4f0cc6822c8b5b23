"""Figures of the body fit on motions in closed form, whose every angle is known.

    python benchmarks/body.py [--rate 100] [--noise-mm 10] [--seconds 6]

Prints, for each motion of the studio: angle errors of the fit and what it states, those of angles straight from
the noisy points, and the error of the bones. Then the speed of the sequence fit and of the live step, in wall and
in processor time (on a busy machine the wall time says nothing).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mocap.core.body import about, attached_keypoints, multiply
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, Motion, Points3D
from mocap.fit import fit_body, follow, start_live
from mocap.fit.closed_form import closed_form
from mocap.presets import load_skeleton
from mocap.studio.motions import MOTIONS, Posture

SIZE_M = 1.65
# Turn of the thighs about themselves in every motion, which the studio's postures leave out.
HIP_ROTATION_RAD = 0.15
SPEED_FRAMES, LIVE_FRAMES = 2000, 300
X, Y, Z = np.eye(3)


def motion_of(posture: Posture, t_s: FloatArray, skeleton: Skeleton) -> Motion:
    """Body of the skeleton's usual proportions in the postures of the studio."""
    names = [joint.name for joint in skeleton.joints]
    rotation = np.zeros((len(t_s), 1, len(names), 4))
    rotation[..., 0] = 1.0

    def turn(name: str, *turns: tuple[FloatArray, FloatArray]) -> None:
        """Turn a joint, the last of the turns first."""
        for axis, angle in turns:
            j = names.index(name)
            one = about(np.broadcast_to(axis, (len(t_s), 3)), np.broadcast_to(angle, t_s.shape))
            rotation[:, 0, j] = multiply(rotation[:, 0, j], one)

    turn("pelvis", (Z, posture.heading), (X, 0.4 * posture.lean))
    turn("spine", (X, 0.6 * posture.lean))
    turn("chest", (Z, posture.twist))
    for i, (side, sign) in enumerate((("left", 1.0), ("right", -1.0))):
        inward = sign * HIP_ROTATION_RAD * np.sin(2.0 * np.pi * t_s + i * np.pi)
        turn(f"{side}_hip", (X, -posture.hip_flexion[:, i]), (Y, -sign * posture.hip_abduction[:, i]), (Z, inward))
        turn(f"{side}_knee", (X, posture.knee_flexion[:, i]))
        turn(f"{side}_ankle", (X, -posture.ankle_flexion[:, i]))
        down = sign * (0.5 * np.pi - posture.shoulder_abduction[:, i])
        turn(f"{side}_shoulder", (X, -posture.shoulder_flexion[:, i]), (Y, down))
        turn(f"{side}_elbow", (-sign * Z, posture.elbow_flexion[:, i]))
    length = np.array([[SIZE_M * joint.length for joint in skeleton.joints]])
    root = np.concatenate([posture.path_xy, np.full((len(t_s), 1), 0.55 * SIZE_M)], axis=1)[:, None]
    return Motion(skeleton, root, rotation, length, np.zeros_like(length))


def seen(motion: Motion, noise_m: float, rng: np.random.Generator) -> Points3D:
    """Keypoints of the body with noise that their covariance states."""
    xyz = attached_keypoints(motion)
    xyz = xyz + rng.normal(scale=noise_m, size=xyz.shape)
    cov = np.broadcast_to(noise_m**2 * np.eye(3), (*xyz.shape, 3))
    views = (xyz.shape[0], 4, *xyz.shape[1:3])
    count = np.full(xyz.shape[:3], 4, dtype=np.int64)
    return Points3D(motion.skeleton, xyz, cov, count, np.ones(views), np.ones(views, dtype=np.bool_))


def twist(rotation: FloatArray, axis: FloatArray) -> FloatArray:
    """Turn of quaternions (..., 4) about an axis, rad."""
    return np.asarray(2.0 * np.arctan2(rotation[..., 1:] @ axis, rotation[..., 0]))


def errors_deg(found: FloatArray, true: FloatArray, joints: list[int], axis: FloatArray) -> FloatArray:
    """Error of the turn about an axis of some joints (T, n), degrees."""
    off = twist(found[:, 0, joints], axis) - twist(true[:, 0, joints], axis)
    return np.asarray(np.degrees(np.angle(np.exp(1j * off))))


def rms(values: FloatArray) -> float:
    """Root of the mean square of what is there."""
    return float(np.sqrt(np.nanmean(np.square(values))))


def accuracy(rate_hz: float, noise_m: float, seconds: float, skeleton: Skeleton) -> None:
    """Print the errors of all motions."""
    names = [joint.name for joint in skeleton.joints]
    knees, hips = ([names.index(f"{side}_{name}") for side in ("left", "right")] for name in ("knee", "hip"))
    print(f"{noise_m * 1000:g} mm of noise, {rate_hz:g} Hz, rms; from points = closed form, frame by frame")
    for name, make in MOTIONS.items():
        t_s = np.arange(round(seconds * rate_hz)) / rate_hz
        motion = motion_of(make(t_s), t_s, skeleton)
        points = seen(motion, noise_m, np.random.default_rng(1))
        fitted, raw = fit_body(points, rate_hz), closed_form(points)
        knee, hip = (errors_deg(fitted.rotation, motion.rotation, j, a) for j, a in ((knees, X), (hips, Z)))
        knee_raw, hip_raw = (errors_deg(raw, motion.rotation, j, a) for j, a in ((knees, X), (hips, Z)))
        stated = np.degrees(np.sqrt(fitted.rotation_cov[:, 0, knees, 0, 0]))
        stated_hip = np.degrees(np.sqrt(fitted.rotation_cov[:, 0, hips, 2, 2]))
        bones = 1000 * np.abs(fitted.bone_length - motion.bone_length).max()
        print(
            f"  {name:7s} knee {rms(knee):.2f} deg (from points {rms(knee_raw):.2f}; stated {rms(stated):.2f}), "
            f"hip axial {rms(hip):.2f} deg (from points {rms(hip_raw):.2f}; stated {rms(stated_hip):.2f}), "
            f"bones within {bones:.1f} mm"
        )


def timed(work: Callable[[], object], count: int) -> str:
    """Wall and processor time a frame."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return f"{1e3 * wall / count:.2f} ms wall, {1e3 * processor / count:.2f} ms processor time a frame"


def speed(rate_hz: float, noise_m: float, skeleton: Skeleton) -> None:
    """Print how fast sequences and single frames are fitted."""
    t_s = np.arange(SPEED_FRAMES) / rate_hz
    motion = motion_of(MOTIONS["walk"](t_s), t_s, skeleton)
    points = seen(motion, noise_m, np.random.default_rng(2))
    first = points_until(points, round(rate_hz))
    fit_body(first, rate_hz)  # whatever is only done once
    print(f"sequence fit, {SPEED_FRAMES} frames: {timed(lambda: fit_body(points, rate_hz), SPEED_FRAMES)}")
    body, state = start_live(first, rate_hz)
    took = []

    def live() -> None:
        now = state
        for t in range(len(first.xyz), len(first.xyz) + LIVE_FRAMES):
            clock = time.perf_counter()
            now, _ = follow(body, now, points.xyz[t, 0], points.cov[t, 0], 1.0 / rate_hz)
            took.append(time.perf_counter() - clock)

    print(f"live step: {timed(live, LIVE_FRAMES)}, quickest tenth {1e3 * np.percentile(took, 10):.2f} ms wall")


def points_until(points: Points3D, count: int) -> Points3D:
    """Return the first frames."""
    return replace(
        points,
        xyz=points.xyz[:count],
        cov=points.cov[:count],
        n_views=points.n_views[:count],
        reproj_px=points.reproj_px[:count],
        used=points.used[:count],
    )


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--noise-mm", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, default=6.0)
    given = parser.parse_args()
    shipped = load_skeleton("blazepose33")
    # The noise is all there is: keypoints lie exactly where the skeleton says.
    exact = tuple(replace(a, sigma=(0.0, 0.0, 0.0)) for a in shipped.attachments)
    skeleton = replace(shipped, attachments=exact)
    accuracy(given.rate, given.noise_mm / 1000, given.seconds, skeleton)
    speed(given.rate, given.noise_mm / 1000, skeleton)


if __name__ == "__main__":
    main()
