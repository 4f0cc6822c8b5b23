"""Figures of what is read out of fitted motions, beside the same read out of the true ones.

    python benchmarks/measures.py [--rate 100] [--noise-mm 10] [--seconds 10]

Motions of the studio in closed form, noise on every keypoint, the body fitted; clinical angles, angular
velocities, centre of mass, ranges, repetitions and squats of the fit beside those of the motion itself.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from benchmarks.body import motion_of, rms, seen
from mocap.core.measures import Findings
from mocap.core.types import FloatArray, Motion, Points3D, SyncTable
from mocap.fit import fit_body
from mocap.kinematics.mass import mass_centre
from mocap.pipeline.findings import Moved, angles_of, findings_of
from mocap.pipeline.settings import KinematicsSettings
from mocap.presets import load_skeleton
from mocap.studio.motions import MOTIONS

WANTED = KinematicsSettings(tasks=("squat",), repetitions=("left_knee_flexion", "left_shoulder_elevation"))
TRUE_SIGMA_RAD = 1e-4


def read(points: Points3D, motion: Motion, rate_hz: float) -> tuple[Moved, Findings]:
    """Everything that is read out of one motion."""
    t_s = np.arange(motion.root_xyz.shape[0]) / rate_hz
    sync = SyncTable.of_one_clock(("a",), t_s, np.arange(t_s.shape[0])[:, None])
    moved = Moved(("one",), sync, points, motion, angles_of(points, motion, rate_hz), mass_centre(motion))
    return moved, findings_of(moved, WANTED).found[0]


def wrapped_deg(off: FloatArray) -> FloatArray:
    """Difference of angles within half a turn, degrees."""
    return np.asarray(np.degrees((off + np.pi) % (2 * np.pi) - np.pi))


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--noise-mm", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    skeleton = load_skeleton("blazepose33")
    t_s = np.arange(round(given.seconds * given.rate)) / given.rate
    for name, make in MOTIONS.items():
        motion = motion_of(make(t_s), t_s, skeleton)
        cov = np.broadcast_to(TRUE_SIGMA_RAD**2 * np.eye(3), (*motion.rotation.shape[:3], 3, 3)).copy()
        points = seen(motion, 0.001 * given.noise_mm, np.random.default_rng(1))
        true, truly = read(
            seen(motion, 0.0, np.random.default_rng(1)), replace(motion, rotation_cov=cov), given.rate
        )
        found, findings = read(points, fit_body(points, given.rate), given.rate)
        off = wrapped_deg(found.angles.value - true.angles.value)[:, 0]
        fast = np.degrees(found.angles.rate - true.angles.rate)[:, 0]
        says = np.degrees(found.angles.rate_sigma)[:, 0]
        print(f"{name}:")
        for a, angle in enumerate(found.angles.names):
            if angle.startswith("left_") and angle.endswith(("hip_flexion", "knee_flexion", "ankle_dorsiflexion")):
                print(
                    f"  {angle:26s} {rms(off[:, a]):.2f} deg, velocity {rms(fast[:, a]):.1f} deg/s "
                    f"(says at most {rms(says[:, a]):.1f})"
                )
        centre = 1000 * (found.mass_centre.xyz - true.mass_centre.xyz)
        print(
            f"  centre of mass {rms(centre):.1f} mm an axis "
            f"(says at most {rms(1000 * found.mass_centre.sigma):.1f})"
        )
        values = {(m.name, m.side): m.values for m in truly.measures}
        for measure in findings.measures:
            was = values.get((measure.name, measure.side))
            if measure.name.endswith("_range") or was is None or measure.side == "right":
                continue
            if was.size and measure.values.size == was.size:
                apart = np.abs(measure.values - was).max()
                print(
                    f"  {measure.side or ''} {measure.name}: {was.mean():.3g} {measure.unit}, "
                    f"off by {apart:.2g} at most"
                )
            elif measure.values.size != was.size:
                print(f"  {measure.side or ''} {measure.name}: {measure.values.size} values, true {was.size}")
        ranges = [
            abs(m.values[0] - values[m.name, m.side][0])
            for m in findings.measures
            if m.name.endswith(("hip_flexion_range", "knee_flexion_range", "ankle_dorsiflexion_range"))
        ]
        print(
            f"  ranges of hips, knees, ankles: off by {np.mean(ranges):.1f} deg in the mean, "
            f"{np.max(ranges):.1f} at most"
        )


if __name__ == "__main__":
    main()
