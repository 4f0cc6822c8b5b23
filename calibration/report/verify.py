"""Check a rig with a wand or board of known length in a fresh recording."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from calibration.camera import CameraRig
from calibration.errors import CalibrationError
from calibration.report.model import Finding, Level, Verdict
from calibration.report.numbers import number, percent, plural
from calibration.report.quality import LengthErrors, corners_3d, length_errors
from calibration.report.verdict import ANGLE_GOOD, LENGTH_GOOD_MM, LENGTH_POOR_MM, SCALE_GOOD, SCALE_POOR, grade
from calibration.sightings import Sightings
from calibration.transforms import FloatArray

# Fewer instants than this are one place in the room, and say nothing of the others.
FEWEST_INSTANTS = 10
# The middle of the target should have been carried about within the volume: less than this, m, is one place.
SMALLEST_VOLUME_M = 0.5
# A good rig rejects hardly any view; more means that cameras disagree about where the target is.
LEFT_OUT_GOOD, LEFT_OUT_POOR = 0.02, 0.15
# Cameras that agree within this angle, rad (median; the rms limit of a good calibration), were not moved.
MISS_GOOD = ANGLE_GOOD
# A camera was moved where the others miss by less than half of that without it, and without no other.
MOVED_SHARE = 0.5


@dataclass(frozen=True)
class LengthCheck:
    """What a rig measures of a target of known size.

    Attributes
    ----------
    lengths : LengthErrors
        Over all distances between the target's points.
    volume_m : (float, float, float)
        Extent along x, y and z of the places of the target's middle: where the check holds.
    measured_m : float
        Median of the measured length of the longest distance on the target; NaN if not measured.
    true_m : float
        That distance in truth.
    miss_px : float
        Median distance in the pictures between what a camera saw and what all say together.
    miss_px_without : dict of str to float
        The same when one camera is left out, by that camera: a camera that was moved shows here.
    verdict : Verdict
    """

    lengths: LengthErrors
    volume_m: tuple[float, float, float]
    measured_m: float
    true_m: float
    miss_px: float
    miss_px_without: dict[str, float]
    verdict: Verdict


def verify(rig: CameraRig, sightings: Sightings) -> LengthCheck:
    """Measure a wand (two points) or board in a recording that was not used to calibrate.

    Parameters
    ----------
    rig : CameraRig
        With at least the cameras of the sightings.
    sightings : Sightings
        ``points`` holds the true geometry of the target, m.

    Raises
    ------
    CalibrationError
        If no two cameras saw two points of the target at one instant.
    """
    rig = rig.select(sightings.cameras)
    corners, left_out = corners_3d(rig, sightings)
    lengths = length_errors(corners, sightings.points, left_out)
    if lengths.count == 0:
        raise CalibrationError(
            "No length could be measured: at no instant did two cameras see two points of the target and agree.",
            "Check that the recording belongs to this calibration, and that the cameras are synchronised.",
        )
    distances = np.linalg.norm(sightings.points[:, None] - sightings.points[None], axis=-1)
    a, b = np.unravel_index(int(np.argmax(distances)), distances.shape)
    measured = np.linalg.norm(corners[:, a] - corners[:, b], axis=-1)
    known = measured[np.isfinite(measured)]
    volume = _volume(corners)
    miss = _miss_px(rig, sightings, corners)
    without = {}
    if len(rig.cameras) > 2:
        for left in rig.names:
            rest = tuple(name for name in rig.names if name != left)
            others = _of_cameras(sightings, rest)
            without[left] = _miss_px(rig.select(rest), others, corners_3d(rig.select(rest), others)[0])
    return LengthCheck(
        lengths=lengths,
        volume_m=volume,
        measured_m=float(np.median(known)) if known.size else float("nan"),
        true_m=float(distances[a, b]),
        miss_px=miss,
        miss_px_without=without,
        verdict=_judge(lengths, volume, _moved(miss, without, float(np.median(rig.focals_px)))),
    )


def _volume(corners: FloatArray) -> tuple[float, float, float]:
    known = np.asarray(np.isfinite(corners).all(axis=-1))
    some = known.any(axis=1)
    middle = np.nanmean(np.where(known[some][..., None], corners[some], np.nan), axis=1)
    x, y, z = np.ptp(middle, axis=0)
    return float(x), float(y), float(z)


def _of_cameras(sightings: Sightings, names: tuple[str, ...]) -> Sightings:
    some = [sightings.cameras.index(name) for name in names]
    return replace(
        sightings,
        cameras=names,
        sizes_wh=sightings.sizes_wh[some],
        xy=sightings.xy[:, some],
        t_s=sightings.t_s[:, some],
        frame_index=sightings.frame_index[:, some],
    )


def _miss_px(rig: CameraRig, sightings: Sightings, corners: FloatArray) -> float:
    """Median distance between seen and reprojected points, px; NaN where nothing was measured."""
    length = np.linalg.norm(sightings.xy - np.moveaxis(rig.project(corners)[0], 0, 1), axis=-1)
    known = length[np.isfinite(length)]
    return float(np.median(known)) if known.size else float("nan")


def _moved(miss_px: float, without: dict[str, float], focal_px: float) -> str | None:
    """The camera without which all others agree; None if they agree anyway, or if it could be more than one."""
    if not miss_px / focal_px > MISS_GOOD:
        return None
    ranked = sorted((error, name) for name, error in without.items() if np.isfinite(error))
    if len(ranked) < 2 or ranked[0][0] > MOVED_SHARE * min(miss_px, ranked[1][0]):
        return None
    return ranked[0][1]


def _judge(lengths: LengthErrors, volume_m: tuple[float, float, float], moved: str | None) -> Verdict:
    scale = abs(lengths.scale_error)
    rms, p95 = number(lengths.rms_mm, 1, "mm"), number(lengths.p95_mm, 1, "mm")
    findings = [
        Finding(
            grade(lengths.rms_mm, LENGTH_GOOD_MM, LENGTH_POOR_MM),
            f"Lengths err by {rms} (rms; 95 % within {p95}) at {plural(lengths.instants, 'instant')}.",
        ),
        Finding(
            grade(scale, SCALE_GOOD, SCALE_POOR),
            f"On average they come out {percent(scale, 2)} too {'long' if lengths.scale_error > 0 else 'short'}.",
            "" if scale <= SCALE_GOOD else "Check the length of the target, or set the scale by it.",
        ),
    ]
    if moved is not None:
        text = f"{moved} does not fit the others any more; without it, they agree."
        advice = "It was probably moved: refine its place, or leave it out until then."
        findings.append(Finding(Level.POOR, text, advice, moved))
    if lengths.left_out_share > LEFT_OUT_GOOD:
        findings.append(
            Finding(
                grade(lengths.left_out_share, LEFT_OUT_GOOD, LEFT_OUT_POOR),
                f"{percent(lengths.left_out_share, 1)} of the views did not fit the others and were left out.",
                "Check that no camera was moved since the calibration.",
            )
        )
    if lengths.instants < FEWEST_INSTANTS or float(np.hypot(*volume_m[:2])) < SMALLEST_VOLUME_M:
        findings.append(
            Finding(
                Level.CARE,
                f"The target was measured at {plural(lengths.instants, 'instant')} within "
                f"{' × '.join(number(side, 1) for side in volume_m)} m.",
                "Carry it through the whole volume, high and low, to check all of it.",
            )
        )
    level = max(finding.level for finding in findings)
    headline = {
        Level.GOOD: "This calibration still measures right",
        Level.CARE: "Usable with care: see what is marked",
        Level.POOR: "Calibrate again, or refine this calibration",
    }[level]
    return Verdict(level, headline, tuple(sorted(findings, key=lambda finding: -finding.level)))
