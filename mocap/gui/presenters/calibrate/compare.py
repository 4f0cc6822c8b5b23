"""Two calibrations of the same cameras compared: which camera moved, by how much, and is that more than chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration import CameraRig
from calibration.extrinsics.average import differences
from calibration.report.numbers import listed
from calibration.report.verdict import (
    ANGLE_POOR,
    FOCAL_GOOD,
    FOCAL_POOR,
    PLACE_GOOD_M,
    PLACE_POOR_M,
)
from mocap.core.types import FloatArray
from mocap.gui.presenters.calibrate.result import Result
from mocap.gui.presenters.words import number

# Beyond this many standard deviations a difference is no chance.
CHANCE_SIGMAS = 3.0
# A turn that moves what is seen at 4 m by 10 mm. Twice that is a camera that was turned: of less, a part may be
# taken up by the middle of the picture, which two calibrations place differently.
TURN_GOOD_RAD, TURN_POOR_RAD = ANGLE_POOR, 2 * ANGLE_POOR
# A rig needs a third camera to tell which of two was moved.
FEWEST_TO_TELL = 3

COMPARE_COLUMNS = ("Camera", "Moved", "Turned", "Focal length", "Verdict")


@dataclass(frozen=True)
class CameraChange:
    """One camera between two calibrations.

    Attributes
    ----------
    moved_mm, sigma_mm : float
        Against where most cameras stand, with the standard deviation of both calibrations; NaN if not known.
    turned_deg : float
    focal_percent : float
        Change of its focal length.
    level : str
        good: as it was; care: a little; poor: it was bumped.
    """

    name: str
    moved_mm: float
    sigma_mm: float
    turned_deg: float
    focal_percent: float
    level: str

    @property
    def verdict(self) -> str:
        """In words."""
        return {"good": "As before", "care": "A little different", "poor": "Moved"}[self.level]

    @property
    def cells(self) -> tuple[str, ...]:
        """As ``COMPARE_COLUMNS``."""
        sigma = f" ± {self.sigma_mm:.1f}" if np.isfinite(self.sigma_mm) else ""
        return (
            self.name,
            f"{self.moved_mm:.1f}{sigma} mm",
            number(self.turned_deg, "°", 2),
            f"{self.focal_percent:+.2f} %",
            self.verdict,
        )


@dataclass(frozen=True)
class Comparison:
    """A calibration against the one before.

    Attributes
    ----------
    ghost : CameraRig
        The one before, laid onto the new one as most of its cameras lie.
    scale_percent : float
        How much longer lengths come out than before.
    missing : tuple of str
        Cameras that only one of them has.
    """

    cameras: tuple[CameraChange, ...]
    ghost: CameraRig
    scale_percent: float
    missing: tuple[str, ...]

    @property
    def level(self) -> str:
        """The worst of them."""
        order = ("good", "care", "poor")
        return order[max((order.index(camera.level) for camera in self.cameras), default=0)]

    @property
    def verdict(self) -> str:
        """In words."""
        moved = [camera.name for camera in self.cameras if camera.level == "poor"]
        if moved and len(self.cameras) < FEWEST_TO_TELL:
            return "One of the two cameras was moved since; with two cameras nobody can tell which."
        if moved:
            return f"{listed(moved)} {'was' if len(moved) == 1 else 'were'} moved since the calibration before."
        little = [camera.name for camera in self.cameras if camera.level == "care"]
        if little:
            return (
                f"{listed(little)} {'stands' if len(little) == 1 else 'stand'} a little differently than before."
            )
        return "All cameras stand as before."


def compare(new: Result, old: Result) -> Comparison:
    """Compare two calibrations, in whatever worlds they are."""
    from mocap.pipeline.calibration.laid import laid_onto
    from mocap.pipeline.calibration.refine import baselines

    common = tuple(name for name in new.rig.names if name in old.rig.names)
    missing = tuple(name for name in (*new.rig.names, *old.rig.names) if name not in common)
    if len(common) < 2:
        return Comparison((), old.rig, float("nan"), missing)
    ours, theirs = new.rig.select(common), old.rig.select(common)
    scale = float(np.median(baselines(ours) / baselines(theirs)))
    ghost = laid_onto(theirs, ours, rescale=False)  # both are in metres
    turn, _ = differences(ghost.cam_from_world, ours.cam_from_world)
    moved = np.array(
        [np.linalg.norm(a.centre - b.centre) for a, b in zip(ours.cameras, ghost.cameras, strict=True)]
    )
    sigma = np.sqrt(_sigma_m(new, common) ** 2 + _sigma_m(old, common) ** 2)
    # By the pictures' width: the two recordings may have been of different sizes.
    wide = [np.array([camera.intrinsics.size_wh[0] for camera in rig.cameras]) for rig in (ours, theirs)]
    focal = (ours.focals_px / wide[0]) / (theirs.focals_px / wide[1]) - 1.0
    cameras = tuple(
        CameraChange(
            name,
            1000 * float(moved[i]),
            1000 * float(sigma[i]),
            float(np.degrees(turn[i])),
            100 * float(focal[i]),
            _level(float(moved[i]), float(sigma[i]), float(turn[i]), float(focal[i])),
        )
        for i, name in enumerate(common)
    )
    return Comparison(cameras, ghost, 100 * (scale - 1.0), missing)


def _level(moved_m: float, sigma_m: float, turned_rad: float, focal: float) -> str:
    """What a difference means: by the limits of the report, and never by what may be chance."""
    chance = CHANCE_SIGMAS * sigma_m if np.isfinite(sigma_m) else 0.0
    if moved_m > max(PLACE_POOR_M, chance) or turned_rad > TURN_POOR_RAD or abs(focal) > FOCAL_POOR:
        return "poor"
    if moved_m > max(PLACE_GOOD_M, chance) or turned_rad > TURN_GOOD_RAD or abs(focal) > FOCAL_GOOD:
        return "care"
    return "good"


def _sigma_m(result: Result, names: tuple[str, ...]) -> FloatArray:
    """Standard deviation of each camera's place, m; NaN where nothing tells it."""
    if result.seen is not None:
        rows = [result.rig.names.index(name) for name in names]
        return np.asarray(np.linalg.norm(result.seen.centre_sigma_m[rows], axis=1))
    known = [result.report.camera(name) if result.report else None for name in names]
    return np.array([camera.place_sigma_mm / 1000 if camera else np.nan for camera in known])
