"""How far a motion goes, with the uncertainty of it, and its repetitions as cycles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mocap.core.measures import Cycles, Side
from mocap.core.types import FloatArray, JointAngles, MassCentre
from mocap.kinematics.compare import Estimate
from mocap.kinematics.gait import POINTS
from mocap.kinematics.tasks import Repetitions, repetitions, split_side

# A single repetition shows no spread.
FEWEST_REPETITIONS = 2
# Up and down are two ends, each with its error: a swing this many times that error is no chance.
CLEAR_SIGMAS = 4.0


@dataclass(frozen=True)
class Extremes:
    """Greatest and least value of a signal, and how far they are apart."""

    name: str
    side: Side | None
    greatest: Estimate
    least: Estimate
    extent: Estimate


def angle_extremes(angles: JointAngles, person: int) -> tuple[Extremes, ...]:
    """Of each angle of a person that is known anywhere, degrees."""
    found = []
    for a, name in enumerate(angles.names):
        value, sigma = np.degrees(angles.value[:, person, a]), np.degrees(angles.sigma[:, person, a])
        if np.isfinite(value).sum() > 1:
            side, rest = split_side(name)
            found.append(_extremes(rest, side, value, sigma, "deg"))
    return tuple(found)


def mass_centre_estimates(mass: MassCentre, person: int) -> tuple[tuple[str, Estimate], ...]:
    """How high the centre of mass is, how far it goes up and down, and how far along the floor.

    The floor counts along the line on which it goes farthest.
    """
    xyz, cov = mass.xyz[:, person], mass.cov[:, person]
    known = np.isfinite(xyz).all(axis=-1)
    if known.sum() <= 1:
        return ()
    xyz, cov = xyz[known], cov[known]
    height = xyz[:, 2]
    # The error of the height is nearly the same at all instants, so that its mean is no better known than one.
    mean = Estimate(float(height.mean()), float(np.sqrt(np.median(cov[:, 2, 2]))), "m")
    flat = xyz[:, :2] - xyz[:, :2].mean(axis=0)
    along = np.linalg.svd(flat, full_matrices=False)[2][0]
    across = _extremes("", None, flat @ along, np.sqrt(np.einsum("i,tij,j->t", along, cov[:, :2, :2], along)), "m")
    upright = _extremes("", None, height, np.sqrt(cov[:, 2, 2]), "m")
    return (
        ("mass_centre_height", mean),
        ("mass_centre_vertical_range", upright.extent),
        ("mass_centre_horizontal_range", across.extent),
    )


def _extremes(name: str, side: Side | None, value: FloatArray, sigma: FloatArray, unit: str) -> Extremes:
    """Of a signal (T,) with its sigma (T,); the two ends are taken as known independently."""
    top, low = int(np.nanargmax(value)), int(np.nanargmin(value))
    greatest = Estimate(float(value[top]), float(sigma[top]), unit)
    least = Estimate(float(value[low]), float(sigma[low]), unit)
    extent = Estimate(greatest.value - least.value, float(np.hypot(greatest.sigma, least.sigma)), unit)
    return Extremes(name, side, greatest, least, extent)


def repeated_angles(angles: JointAngles, person: int, t_s: FloatArray, prominence_deg: float) -> tuple[str, ...]:
    """Names without side of the angles that repeat, the one that goes farthest first.

    Swings that the error of an angle could make are none.
    """
    sizes: dict[str, float] = {}
    for a, name in enumerate(angles.names):
        sigma = np.degrees(angles.sigma[:, person, a])
        sigma = sigma[np.isfinite(sigma)]
        size = _repetitions(angles, person, name, t_s, prominence_deg).size
        if size.size < FEWEST_REPETITIONS or not sigma.size:
            continue
        if float(np.median(size)) >= CLEAR_SIGMAS * float(np.median(sigma)):
            rest = split_side(name)[1]
            sizes[rest] = max(sizes.get(rest, 0.0), float(np.median(size)))
    return tuple(sorted(sizes, key=lambda name: -sizes[name]))


def repetition_cycles(
    angles: JointAngles, person: int, by: str, t_s: FloatArray, prominence_deg: float
) -> tuple[Cycles, ...]:
    """Cut all angles into the repetitions of one, each stretched to 101 points.

    Angles of a side go by that side's repetitions, others by those of the left side, or of the right one where
    only that repeats.

    Parameters
    ----------
    by : str
        Name of an angle without its side.
    """
    own: dict[Side | None, Repetitions] = {}
    for name in angles.names:
        side, rest = split_side(name)
        if rest == by:
            own[side] = _repetitions(angles, person, name, t_s, prominence_deg)
    order: tuple[Side | None, ...] = (None, "left", "right")
    whole = next((own[side] for side in order if side in own and own[side].peak.size), None)
    found = []
    for a, name in enumerate(angles.names):
        side = split_side(name)[0]
        times = own.get(side, whole) if side is not None else whole
        if times is None or not times.peak.size:
            continue
        value = angles.value[:, person, a]
        rows = [
            np.interp(np.linspace(start, stop, POINTS), t_s, value)
            for start, stop in zip(times.start_s, times.stop_s, strict=True)
        ]
        found.append(Cycles(name, side or "left", np.stack(rows)))
    return tuple(found)


def _repetitions(
    angles: JointAngles, person: int, name: str, t_s: FloatArray, prominence_deg: float
) -> Repetitions:
    signal = np.degrees(angles.value[:, person, angles.names.index(name)])
    return repetitions(signal, t_s, prominence_deg)
