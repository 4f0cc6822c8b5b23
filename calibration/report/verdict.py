"""What the figures of a calibration mean, in plain words, by named thresholds.

The measure is gait: joints are found to some centimetres, so a calibration is good when what it adds
disappears beside that.
"""

from __future__ import annotations

import math

from calibration.report.advice import (
    empty_regions,
    missing_tilts,
    name_regions,
)
from calibration.report.model import CalibrationReport, CameraReport, Finding, Level, Pair, Verdict
from calibration.report.numbers import listed, number, percent, plural

# Joint centres of good markerless systems lie 16 to 48 mm from those of marker-based ones (Needham et al.,
# Scientific Reports 2021). 3 mm in quadrature to 20 mm change it by 1 %; 10 mm by more than a tenth, and a
# rig that errs so on its own board errs more beyond where the board was.
LENGTH_GOOD_MM, LENGTH_POOR_MM = 3.0, 10.0
# Step lengths repeat to 1 to 2 % from one day to the next: a scale within 0.5 % is not noticed in them.
SCALE_GOOD, SCALE_POOR = 0.005, 0.02

# Reprojection error as an angle, so that it means the same for any picture size: 0.8 mrad is 3 mm at 4 m,
# 2.5 mrad is 10 mm, in line with the lengths.
ANGLE_GOOD, ANGLE_POOR = 0.8e-3, 2.5e-3
EXAMPLE_DISTANCE_M = 4.0
# Held-out pictures fit a little worse than those of the solve; much worse means that the solve followed noise.
OVERFIT = 1.5

# The solve may leave out blurred and mistaken corners; where it leaves out one in five, it chose its data.
KEPT_GOOD, KEPT_POOR = 0.95, 0.80

# A focal length off by 0.2 % moves a point at 4 m by 8 mm towards the camera, most of which the other cameras
# and the extrinsics take up where the board was; 2 % are 80 mm, and outside of that place nothing takes them up.
FOCAL_GOOD, FOCAL_POOR = 0.002, 0.02
# A camera's place against the first camera's. Most of it is a turn of the whole rig about that camera, which
# changes no length: some more than the lengths may err.
PLACE_GOOD_M, PLACE_POOR_M = 0.01, 0.03

# Distortion is only known where corners were seen.
COVERAGE_GOOD, COVERAGE_POOR = 0.6, 0.3
# At least this share of the pictures should show the board clearly tilted.
TILT_GOOD, TILT_POOR = 0.3, 0.1
# Ten parameters of a lens against six unknowns in each picture: textbooks ask for 10 to 20 pictures.
PICTURES_GOOD, PICTURES_POOR = 15, 6
# Pictures that link two cameras; each gives the whole relative pose, so five average its noise.
LINK_GOOD, LINK_POOR = 10, 3

# At 1 m/s and 30 Hz a hundredth of a second, a third of a frame, is 10 mm.
CLOCK_GOOD_FRAMES, CLOCK_POOR_FRAMES = 0.05, 0.3

# A headline that names more cameras than this is not read.
MOST_NAMED = 3


def judge(report: CalibrationReport) -> Verdict:
    """Judge a calibration by its figures; the worst finding decides."""
    findings = (
        *_lengths(report),
        *_reprojection(report),
        _kept(report),
        *_links(report),
        *(finding for camera in report.cameras for finding in _camera(camera)),
        *_clocks(report),
        *(Finding(Level.CARE, warning) for warning in report.warnings),
    )
    level = max(finding.level for finding in findings)
    ordered = sorted(findings, key=lambda finding: -finding.level)
    return Verdict(level, _headline(level, findings), tuple(ordered))


def _headline(level: Level, findings: tuple[Finding, ...]) -> str:
    if level is Level.GOOD:
        return "Good for gait"
    worst = [finding for finding in findings if finding.level is level]
    about = list(dict.fromkeys(finding.camera for finding in worst if finding.camera))
    which = listed(about) if len(about) <= MOST_NAMED else f"{len(about)} cameras"
    whole = [finding for finding in worst if not finding.camera]
    if level is Level.POOR:
        if about and not whole:
            return f"Recalibrate {which}"
        return "Do not rely on this calibration yet"
    if about and not whole:
        return f"Usable for gait; better with more views of {which}"
    return "Usable for gait with care: see what is marked"


def grade(value: float, good: float, poor: float) -> Level:
    """Level of a value where small is good; what was not measured needs care."""
    if not math.isfinite(value):
        return Level.CARE
    return Level.GOOD if value <= good else Level.CARE if value <= poor else Level.POOR


def _lengths(report: CalibrationReport) -> tuple[Finding, ...]:
    if report.heldout is None or report.heldout.lengths.count == 0:
        text = "No lengths were measured on pictures held out of the solve, so nothing here was checked in 3D."
        return (
            Finding(Level.CARE, text, "Record the board for longer, where two cameras or more see it at once."),
        )
    lengths = report.heldout.lengths
    text = (
        f"Distances on the board come out within {number(lengths.rms_mm, 1, 'mm')} (rms; 95 % within "
        f"{number(lengths.p95_mm, 1, 'mm')}) at {plural(lengths.instants, 'instant')} that the solve never saw."
    )
    first = Finding(grade(lengths.rms_mm, LENGTH_GOOD_MM, LENGTH_POOR_MM), text)
    scale = abs(lengths.scale_error)
    level = grade(scale, SCALE_GOOD, SCALE_POOR)
    if level is Level.GOOD:
        return (first,)
    way = "long" if lengths.scale_error > 0 else "short"
    return (
        first,
        Finding(
            level, f"Lengths come out {percent(scale, 1)} too {way}.", "Measure the printed squares with a ruler."
        ),
    )


def at_distance(angle: float) -> str:
    """An angle as a length at a distance: ``2.1 mm at 4 m``."""
    return f"{number(1000 * angle * EXAMPLE_DISTANCE_M, 1, 'mm')} at {number(EXAMPLE_DISTANCE_M, 0, 'm')}"


def _reprojection(report: CalibrationReport) -> tuple[Finding, ...]:
    findings = []
    angles = {camera.name: camera.rmse_px / camera.focal_px for camera in report.cameras}
    known = [angle for angle in angles.values() if math.isfinite(angle)]
    if not known:
        return (Finding(Level.POOR, "No corner was kept, so nothing fits."),)
    angle = math.sqrt(sum(a * a for a in known) / len(known))
    text = (
        f"Corners lie {number(report.rmse_px, 2, 'px')} (rms) from where the model has them, {at_distance(angle)}."
    )
    findings.append(Finding(grade(angle, ANGLE_GOOD, ANGLE_POOR), text))
    for camera in report.cameras:
        level = grade(angles[camera.name], ANGLE_GOOD, ANGLE_POOR)
        if level > findings[0].level:
            off = f"{number(camera.rmse_px, 2, 'px')} off, {at_distance(angles[camera.name])}"
            text = f"{camera.name}: its corners lie {off}."
            advice = "Check that it was not moved, is in focus, has no stabiliser and belongs to this recording."
            findings.append(Finding(level, text, advice, camera.name))
    if report.heldout is not None and report.heldout.rmse_px > OVERFIT * report.rmse_px:
        text = (
            f"Pictures held out of the solve fit worse: {number(report.heldout.rmse_px, 2, 'px')} against "
            f"{number(report.rmse_px, 2, 'px')}."
        )
        jitter = max((clock.jitter_s for clock in report.clocks), default=0.0)
        if jitter > 0:
            text += (
                " Their times are known from their stamps only, which err by up to "
                f"{number(1000 * jitter, 1, 'ms')} (rms); the solve found those of its "
                "own pictures from the board's motion."
            )
            advice = (
                "Expect the larger error in recordings of these cameras, or use cameras with a common trigger."
            )
        else:
            text += " The solve may follow noise, or mistaken corners are among them."
            advice = "Add more and more varied views of the board."
        findings.append(Finding(Level.CARE, text, advice))
    return tuple(findings)


def _kept(report: CalibrationReport) -> Finding:
    level = grade(-report.kept_share, -KEPT_GOOD, -KEPT_POOR)
    text = f"{percent(report.kept_share, 1)} of the corners were kept."
    advice = "" if level is Level.GOOD else "Move the board more slowly, with more light, and keep it flat."
    return Finding(level, text, advice)


def groups(cameras: tuple[str, ...], pairs: tuple[Pair, ...], least: int) -> list[list[str]]:
    """Cameras that are linked, directly or through others, by pairs with at least ``least`` instants."""
    group = {name: {name} for name in cameras}
    for pair in pairs:
        if pair.instants >= least and group[pair.a] is not group[pair.b]:
            joined = group[pair.a] | group[pair.b]
            for name in joined:
                group[name] = joined
    return [[name for name in cameras if group[name] is g] for g in {id(g): g for g in group.values()}.values()]


def _links(report: CalibrationReport) -> tuple[Finding, ...]:
    names = tuple(camera.name for camera in report.cameras)
    if len(names) < 2:
        return ()
    for least, level in ((LINK_POOR, Level.POOR), (LINK_GOOD, Level.CARE)):
        parts = groups(names, report.pairs, least)
        if len(parts) > 1:
            parts.sort(key=len)
            apart = listed([listed(part) for part in parts[:-1]])
            what = "hardly ever" if level is Level.POOR else f"in fewer than {LINK_GOOD} pictures"
            text = f"{apart} saw the board together with the other cameras {what}."
            advice = f"Show the board where {parts[0][0]} and a neighbour both see it."
            return (Finding(level, text, advice, parts[0][0] if len(parts[0]) == 1 else ""),)
    linked = sum(pair.instants >= LINK_GOOD for pair in report.pairs)
    return (Finding(Level.GOOD, f"All cameras are linked, by {plural(linked, 'pair')} of cameras."),)


def _camera(camera: CameraReport) -> tuple[Finding, ...]:
    """Findings on one camera; none where all is well."""
    findings = []
    sigma = {parameter.name: parameter.sigma for parameter in camera.parameters}
    focal = sigma.get("fx", math.nan) / camera.focal_px
    focal_level = grade(focal, FOCAL_GOOD, FOCAL_POOR)
    # A thin view of the board is forgiven where the solve knows the focal length all the same.
    worst = Level.CARE if focal_level < Level.POOR and math.isfinite(focal) else Level.POOR
    if math.isfinite(focal) and focal_level > Level.GOOD:
        text = f"{camera.name}: its focal length is uncertain by {percent(focal, 2)}."
        findings.append(Finding(focal_level, text, "Add tilted views close to this camera.", camera.name))
    place = math.sqrt(sum(sigma.get(axis, math.nan) ** 2 for axis in "xyz"))
    if math.isfinite(place) and grade(place, PLACE_GOOD_M, PLACE_POOR_M) > Level.GOOD:
        text = (
            f"{camera.name}: its place is uncertain by {number(1000 * place, 1, 'mm')} against the first camera."
        )
        level = grade(place, PLACE_GOOD_M, PLACE_POOR_M)
        advice = "Show the board to this camera and its neighbours at more places."
        findings.append(Finding(level, text, advice, camera.name))
    pictures = grade(-camera.pictures, -PICTURES_GOOD, -PICTURES_POOR)
    if pictures > Level.GOOD:
        text = f"{camera.name}: saw the board in {plural(camera.pictures, 'picture')} only."
        findings.append(Finding(min(pictures, worst), text, "Show it the board for longer.", camera.name))
    if camera.pictures:
        findings.extend(_views(camera, worst))
    return tuple(findings)


def _views(camera: CameraReport, worst: Level) -> list[Finding]:
    """Where and how the board was held before one camera."""
    findings = []
    regions = empty_regions(camera)
    # Where the focal length is known, only a picture that is mostly unseen is worth a word.
    enough = COVERAGE_GOOD if worst is Level.POOR else COVERAGE_POOR
    level = grade(-camera.coverage_share, -enough, -COVERAGE_POOR)
    if level > Level.GOOD and regions:
        text = f"{camera.name}: the board covered {percent(camera.coverage_share)} of its picture."
        advice = f"Hold the board at {name_regions(regions)} of its picture."
        findings.append(Finding(min(level, worst), text, advice, camera.name))
    tilt = grade(-camera.tilt_share, -TILT_GOOD, -TILT_POOR)
    missing = missing_tilts(camera)
    if tilt > Level.GOOD:
        text = f"{camera.name}: the board nearly always faced it squarely."
        advice = "Tilt the board by 30 to 45°, to the left, right, up and down."
        findings.append(Finding(min(tilt, worst), text, advice, camera.name))
    elif len(missing) >= 3:
        text = f"{camera.name}: saw the board from one side only."
        advice = f"Turn the board so that its {listed(missing)} edges are away from the camera, too."
        findings.append(Finding(min(Level.CARE, worst), text, advice, camera.name))
    return findings


def _clocks(report: CalibrationReport) -> tuple[Finding, ...]:
    findings = []
    for clock in report.clocks:
        if clock.reference:
            continue
        error = clock.offset_sigma_s / clock.frame_s
        level = grade(error, CLOCK_GOOD_FRAMES, CLOCK_POOR_FRAMES)
        if level > Level.GOOD:
            known = f"within {number(error, 2)} frames" if math.isfinite(error) else "with unknown error"
            text = (
                f"{clock.camera}: its clock offset of {number(1000 * clock.offset_s, 1, 'ms')} is known {known}."
            )
            findings.append(Finding(level, text, "Move the board faster before this camera.", clock.camera))
    if report.clocks and not findings:
        largest = max((abs(clock.offset_s / clock.frame_s) for clock in report.clocks), default=0.0)
        text = f"Clock offsets of up to {number(largest, 2)} frames were found and taken into account."
        findings.append(Finding(Level.GOOD, text))
    return tuple(findings)
