"""What a run's figures mean, in plain words, by rules that anyone can read.

The rules speak of consistency: how well the cameras agree with each other and the body with itself. None
of them can say how far a joint is from its true place; only a comparison with known truth can.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from calibration.report.numbers import number, percent, plural
from mocap.core.summary import RunSummary
from mocap.core.types import FloatArray, Tracks2D


class Level(IntEnum):
    """How far the figures can be relied upon; the verdict is the worst of its findings."""

    GOOD = 0
    CARE = 1
    POOR = 2


# Shares of instants in 3D. A stride lasts about a second: with 5 % missing it is whole but for a few frames;
# with a fifth missing, peaks of angles may lie in the gaps.
COVERAGE_GOOD, COVERAGE_POOR = 0.95, 0.80
# Disagreement of the cameras as a share of the person's size in the picture. 1 % of 1.7 m is 17 mm, what good
# detectors scatter by themselves; at 2.5 % (4 cm) the cameras or their clocks no longer fit each other.
REPROJECTION_GOOD, REPROJECTION_POOR = 0.010, 0.025
# Variation of bone lengths, percent. Bones do not stretch: 3 % of a thigh of 40 cm is 12 mm of error along the
# bone, near what markerless capture reaches; 8 % is 3 cm, more than most movements under study change.
BONES_GOOD, BONES_POOR = 3.0, 8.0
# Share of points of one camera that did not fit the others. Some are rejected in any recording, as limbs hide
# each other; a third means that this camera is out of place, out of step, or looks at somebody else.
REJECTED_GOOD, REJECTED_POOR = 0.20, 0.35
# Mean distance from the true joints, mm. Markerless and marker-based joint centres lie 16 to 48 mm apart in
# the comparison of Needham et al. (Scientific Reports, 2021); at 100 mm limbs are taken for other limbs.
TRUTH_GOOD_MM, TRUTH_POOR_MM = 50.0, 100.0
# Two cameras always agree on a point along the line between them: a third is needed to notice an error.
FEWEST_CAMERAS_TO_CHECK = 3

HEADLINES = {
    Level.GOOD: "The cameras agree: a consistent measurement",
    Level.CARE: "Usable with care: see what is marked below",
    Level.POOR: "Do not rely on these figures yet",
}
NOTHING_MEASURED = "Nobody was measured in 3D"
NOTHING_CAVEAT = (
    "Check that two cameras or more see the whole person, that the calibration belongs to these cameras and that "
    "none was moved since, and that the videos start together."
)
CAVEAT = (
    "These checks say whether the cameras agree with each other and the body with itself. They cannot say "
    "how far each joint is from its true place: that takes a comparison with a reference."
)
CAVEAT_TRUTH = (
    "The truth of this recording is known, so the errors below are real errors. They hold for this "
    "recording; other people, clothes and rooms differ."
)


@dataclass(frozen=True)
class Finding:
    """One check: its level and what it found."""

    level: Level
    text: str


@dataclass(frozen=True)
class Verdict:
    """The headline, the sentence that limits it, and the findings behind it."""

    level: Level
    headline: str
    caveat: str
    findings: tuple[Finding, ...]


def person_size_px(tracks: Tracks2D) -> FloatArray:
    """Size of a person in each camera's picture (C,), px; NaN where nobody was seen.

    The median over instants and people of the longer side of the box around the keypoints: the height
    of somebody who stands.
    """
    size = np.full(len(tracks.cameras), np.nan)
    for c in range(len(tracks.cameras)):
        xy = tracks.xy[:, c].reshape(-1, *tracks.xy.shape[-2:])
        xy = xy[np.isfinite(xy).all(axis=-1).sum(axis=-1) >= 2]
        if len(xy):
            box = np.nanmax(xy, axis=1) - np.nanmin(xy, axis=1)
            size[c] = np.median(box.max(axis=-1))
    return size


def reprojection_share(summary: RunSummary, tracks: Tracks2D) -> float:
    """Median over cameras of the reprojection error as a share of the person's size; NaN if not measured."""
    size = person_size_px(tracks)
    shares = [
        summary.reproj_px_per_camera.get(name, math.nan) / pixels
        for name, pixels in zip(tracks.cameras, size, strict=True)
    ]
    known = [share for share in shares if math.isfinite(share)]
    return float(np.median(known)) if known else math.nan


def judge(summary: RunSummary, tracks: Tracks2D) -> Verdict:
    """Judge a run by its figures."""
    caveat = CAVEAT if summary.truth is None else CAVEAT_TRUTH
    if summary.frames_3d == 0:
        what = f"None of {plural(summary.frames, 'instant')} has half of the body in 3D."
        return Verdict(
            Level.POOR, NOTHING_MEASURED, NOTHING_CAVEAT, (Finding(Level.POOR, what), *_warnings(summary))
        )
    findings = (
        *_against_truth(summary),
        _coverage(summary),
        _agreement(summary, reprojection_share(summary, tracks)),
        _bones(summary),
        *_cameras(summary),
        *_warnings(summary),
    )
    level = max(finding.level for finding in findings)
    return Verdict(level, HEADLINES[level], caveat, findings)


def _grade(value: float, good: float, poor: float) -> Level:
    """Level of a value where small is good; what was not measured needs care."""
    if not math.isfinite(value):
        return Level.CARE
    return Level.GOOD if value <= good else Level.CARE if value <= poor else Level.POOR


def _coverage(summary: RunSummary) -> Finding:
    share = summary.frames_3d / summary.frames
    level = _grade(-share, -COVERAGE_GOOD, -COVERAGE_POOR)
    text = f"The body is in 3D in {summary.frames_3d} of {plural(summary.frames, 'instant')} ({percent(share)})."
    return Finding(level, text)


def _agreement(summary: RunSummary, share: float) -> Finding:
    level = _grade(share, REPROJECTION_GOOD, REPROJECTION_POOR)
    if not math.isfinite(share) or not math.isfinite(summary.reproj_px_median):
        return Finding(Level.CARE, "How well the cameras agree was not measured.")
    error = number(summary.reproj_px_median, 1, "px")
    text = (
        f"Between what a camera saw and what all cameras together say lie {error} (median), "
        f"{percent(share, 1)} of the person's size in the picture."
    )
    return Finding(level, text)


def _bones(summary: RunSummary) -> Finding:
    level = _grade(summary.bone_variation_percent, BONES_GOOD, BONES_POOR)
    if not math.isfinite(summary.bone_variation_percent):
        return Finding(level, "The steadiness of bone lengths was not measured.")
    value = number(summary.bone_variation_percent, 1, "%")
    return Finding(level, f"Measured bone lengths vary by {value} (real bones do not change).")


def _cameras(summary: RunSummary) -> tuple[Finding, ...]:
    """Findings on the number of cameras and on those that disagree."""
    findings = []
    if len(summary.cameras) < FEWEST_CAMERAS_TO_CHECK:
        text = f"With {plural(len(summary.cameras), 'camera')}, an error of one can hardly be noticed."
        findings.append(Finding(Level.CARE, text))
    for name, share in summary.rejected_share_per_camera.items():
        level = _grade(share, REJECTED_GOOD, REJECTED_POOR)
        if not math.isfinite(share):
            findings.append(Finding(level, f"Camera {name} did not see the person."))
        elif level is not Level.GOOD:
            text = (
                f"Camera {name}: {percent(share)} of its points did not fit the other cameras and were left out. "
                "Check its place, its time offset and whom it sees."
            )
            findings.append(Finding(level, text))
    return tuple(findings)


def _against_truth(summary: RunSummary) -> tuple[Finding, ...]:
    if summary.truth is None:
        return ()
    error = summary.truth.mpjpe_mm
    text = f"Against the known truth, joints are {number(error, 0, 'mm')} off on average."
    if summary.truth.laid_over:
        text += " That is after laying all of it over the truth: the calibration has a world of its own."
    return (Finding(_grade(error, TRUTH_GOOD_MM, TRUTH_POOR_MM), text),)


def _warnings(summary: RunSummary) -> tuple[Finding, ...]:
    return tuple(Finding(Level.CARE, warning) for warning in summary.warnings)
