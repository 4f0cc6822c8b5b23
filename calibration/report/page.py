"""The report as one HTML file that opens anywhere, without a network, and can be sent by e-mail."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment
from markupsafe import Markup

from calibration.camera import Camera, CameraRig
from calibration.files import atomic_write
from calibration.report import drawings
from calibration.report.advice import suggest_views
from calibration.report.model import CalibrationReport, CameraReport, Finding, Level, Pair
from calibration.report.numbers import NOT_MEASURED, number, percent, plural, with_sigma
from calibration.report.points import fit_board_poses
from calibration.report.quality import LengthErrors
from calibration.report.templating import environment, script_json
from calibration.report.verdict import at_distance
from calibration.sightings import Sightings
from calibration.transforms import FloatArray, apply

TEMPLATES = Path(__file__).parent / "templates"

# Findings shown at once beside those that are poor; the others stand behind a click, and with their camera.
MOST_SHOWN = 6

# Cameras side by side in the table of parameters: as many as fit on paper.
MOST_ACROSS = 5

# Boards in the 3D view; more cover each other.
MOST_BOARDS = 60
# Depth of the pyramids that stand for cameras, as a share of the rig's size: seen, and not in the way.
FRUSTUM_SHARE = 0.09
SMALLEST_FRUSTUM_M = 0.05
FRUSTUM_SHARES = (1.0, 0.85, 0.7, 0.55, 0.4)
# Things lower than this share of the rig's size below z = 0 say that z = 0 is not the floor.
DEEPEST_SHARE = 0.05

MARKS = {Level.GOOD: "✓", Level.CARE: "!", Level.POOR: "✕"}
LEVEL_WORDS = {Level.GOOD: "good", Level.CARE: "with care", Level.POOR: "poor"}
NOTE_WORDS = {"world": "World", "floor": "Floor", "scale": "Scale", "assumption": "Assumed", "source": "Source"}


@dataclass(frozen=True)
class Figure:
    """A key figure: what it is called, its value, and a note that says what it means."""

    label: str
    value: str
    note: str


def write_html(
    path: Path,
    report: CalibrationReport,
    sightings: Sightings,
    rig: CameraRig,
    *,
    world_from_board: FloatArray | None = None,
    title: str = "Camera rig",
) -> None:
    """Write the report of a calibration as one self-contained HTML file.

    Parameters
    ----------
    path : Path
        The file; it appears whole or not at all.
    sightings : Sightings
        What the solve was given, for the boards in the 3D view.
    rig : CameraRig
        The result.
    world_from_board : (T, 4, 4), optional
        The board at the instants of ``sightings``; fitted here if not given.
    title : str
        What was calibrated: the session's or folder's name.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    page = render_html(report, sightings, rig, world_from_board=world_from_board, title=title)
    with atomic_write(path) as draft:
        draft.write_text(page, encoding="utf-8", newline="\n")


def render_html(
    report: CalibrationReport,
    sightings: Sightings,
    rig: CameraRig,
    *,
    world_from_board: FloatArray | None = None,
    title: str = "Camera rig",
) -> str:
    """Render the report; see ``write_html``."""
    poses = (
        fit_board_poses(rig.select(sightings.cameras), sightings) if world_from_board is None else world_from_board
    )
    magnification = drawings.arrow_magnification(report.cameras)
    lengths = report.heldout.lengths if report.heldout is not None else None
    furthest = max((c.residuals.edges[-1] for c in report.cameras if c.residuals.edges), default=None)
    marked = [f for f in report.verdict.findings if f.level > Level.GOOD]
    shown = [f for i, f in enumerate(marked) if f.level is Level.POOR or i < MOST_SHOWN]
    view = scene(rig, poses, sightings.points)
    template = _environment().get_template("page.html.jinja")
    return template.render(
        title=title,
        subtitle=_subtitle(report),
        report=report,
        marks=MARKS,
        level_words=LEVEL_WORDS,
        shown=shown,
        more=marked[len(shown) :],
        passed=[f for f in report.verdict.findings if f.level is Level.GOOD],
        figures=_figures(report),
        cameras=[_camera_card(camera, report, magnification, furthest) for camera in report.cameras],
        magnification=magnification,
        parameters=[
            (some, _parameter_rows(some))
            for some in (report.cameras[i : i + MOST_ACROSS] for i in range(0, len(report.cameras), MOST_ACROSS))
        ],
        pair_graph=drawings.pair_graph(report.cameras, report.pairs) if report.pairs else None,
        pair_rows=_pair_rows(report),
        lengths=lengths,
        length_bars=None if lengths is None or not lengths.count else _length_bars(lengths),
        clock_drawing=drawings.clock_offsets(report.clocks) if report.clocks else None,
        jittered=any(clock.jitter_s > 0 for clock in report.clocks),
        stages=_stages(report.seconds),
        notes={
            NOTE_WORDS.get(key, key.replace("_", " ").capitalize()): text for key, text in report.notes.items()
        },
        grid_z=view["grid_z"],
        data=script_json(view),
    )


def scene(rig: CameraRig, world_from_board: FloatArray, points: FloatArray) -> dict[str, Any]:
    """Cameras and boards of the 3D view, m."""
    known = np.flatnonzero(np.isfinite(world_from_board).all(axis=(1, 2)))
    some = known[np.linspace(0, known.size - 1, min(known.size, MOST_BOARDS)).astype(np.intp)]
    low, high = points.min(axis=0), points.max(axis=0)
    outline = np.array([[low[0], low[1], 0], [high[0], low[1], 0], [high[0], high[1], 0], [low[0], high[1], 0]])
    boards = apply(world_from_board[some][:, None], outline)
    centres = np.stack([camera.centre for camera in rig.cameras])
    size = float(np.linalg.norm(np.ptp(centres, axis=0)))
    if known.size:
        size = max(size, float(np.linalg.norm(centres - boards.reshape(-1, 3).mean(axis=0), axis=1).max()))
    depth = max(SMALLEST_FRUSTUM_M, FRUSTUM_SHARE * size)
    lowest = float(min(centres[:, 2].min(), boards[..., 2].min(initial=np.inf)))
    return {
        # Where the floor is not known to be at z = 0, a grid in the middle of things would look like one.
        "grid_z": 0.0 if lowest > -DEEPEST_SHARE * size else round(lowest, 4),
        "cameras": [_frustum(camera, depth) for camera in rig.cameras],
        "boards": np.round(boards, 4).tolist(),
    }


def _frustum(camera: Camera, depth: float) -> dict[str, Any]:
    """Name, place and picture corners of a camera in the world, m."""
    width, height = camera.intrinsics.size_wh
    middle = np.array([width - 1.0, height - 1.0]) / 2.0
    reach = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) * (middle + 0.5)
    rays = np.full((4, 2), np.nan)
    # A lens model that does not reach the corners of the picture is drawn as far as it does.
    for share in FRUSTUM_SHARES:
        rays = camera.intrinsics.undistort(middle + share * reach)
        if np.isfinite(rays).all():
            break
    local = np.concatenate([rays, np.ones((4, 1))], axis=1)
    local *= depth / np.linalg.norm(local, axis=1, keepdims=True)
    world = (local - camera.cam_from_world[:3, 3]) @ camera.cam_from_world[:3, :3]
    shown = np.round(world, 4).tolist() if np.isfinite(world).all() else []
    return {"name": camera.name, "centre": np.round(camera.centre, 4).tolist(), "corners": shown}


@cache
def _environment() -> Environment:
    return environment(TEMPLATES)


def _subtitle(report: CalibrationReport) -> str:
    corners = sum(camera.corners for camera in report.cameras)
    engine = "" if report.engine == "own" else f" · solved by {report.engine}"
    return f"{plural(len(report.cameras), 'camera')} · {corners:,} corners seen{engine}".replace(",", "\u202f")


def _figures(report: CalibrationReport) -> list[Figure]:
    """The figures to read first."""
    angles = [c.rmse_px / c.focal_px for c in report.cameras if math.isfinite(c.rmse_px)]
    angle = math.sqrt(sum(a * a for a in angles) / len(angles)) if angles else math.nan
    figures = [
        Figure("Corners miss by", number(report.rmse_px, 2, "px"), f"rms of those kept; {at_distance(angle)}"),
        Figure("Corners kept", percent(report.kept_share, 1), "the rest were blurred or mistaken"),
    ]
    if report.heldout is not None:
        lengths, rigidity = report.heldout.lengths, report.heldout.rigidity
        figures[:0] = [
            Figure(
                "Board lengths err by",
                number(lengths.rms_mm, 2, "mm"),
                f"rms; median {number(lengths.median_mm, 2, 'mm')}, on pictures held out of the solve",
            ),
            Figure(
                "Board seems bent by",
                number(rigidity.rms_mm, 2, "mm"),
                f"rms from its true shape; 95 % within {number(rigidity.p95_mm, 2, 'mm')}",
            ),
        ]
    if report.seconds:
        total = sum(report.seconds.values())
        figures.append(Figure("Calibrated in", number(total, 1, "s"), "from pictures to rig"))
    return figures


def _camera_card(
    camera: CameraReport, report: CalibrationReport, magnification: float, furthest: float | None
) -> dict[str, Any]:
    """What the page shows of one camera."""
    about = [f for f in report.verdict.findings if f.camera == camera.name and f.level > Level.GOOD]
    level = max((finding.level for finding in about), default=Level.GOOD)
    suggested = suggest_views(camera) if _wants_views(about) else ()
    return {
        "camera": camera,
        "level": level,
        "about": about,
        "suggested": bool(suggested),
        "coverage": drawings.coverage(camera, suggested),
        "arrows": drawings.arrows(camera, magnification),
        "residuals": drawings.bars(
            camera.residuals,
            "px",
            f"Residuals of {camera.name}",
            reach=furthest if camera.residuals.edges else None,
        ),
        "tilts": drawings.tilts(camera),
    }


def _wants_views(findings: list[Finding]) -> bool:
    """Whether more views of the board are the remedy."""
    words = ("Hold the board", "Tilt the board", "Turn the board", "tilted views", "Show it the board")
    return any(word in finding.advice for finding in findings for word in words)


def _length_bars(lengths: LengthErrors) -> Markup:
    reach = max(lengths.histogram.edges[-1], 1.05 * lengths.p95_mm)
    marks = ((-lengths.p95_mm, "95 %"), (lengths.p95_mm, "95 %"))
    label = "Errors of distances on the board"
    return drawings.bars(lengths.histogram, "mm", label, width=440, height=190, reach=reach, marks=marks)


def _parameter_rows(cameras: tuple[CameraReport, ...]) -> list[dict[str, Any]]:
    """Rows of the table of parameters: name, unit, and (value, sigma, held) for each camera."""
    names: dict[str, str] = {}
    for camera in cameras:
        for parameter in camera.parameters:
            names.setdefault(parameter.name, parameter.unit)
    rows = []
    for name, unit in names.items():
        cells = []
        for camera in cameras:
            found = next((p for p in camera.parameters if p.name == name), None)
            if found is None:
                cells.append(("", "", False))
            else:
                value, sigma = with_sigma(found.value, found.sigma)
                word = "held" if found.held else "fixed" if found.sigma == 0.0 else ""
                cells.append((value, word or ("" if sigma == NOT_MEASURED else f"± {sigma}"), found.held))
        rows.append({"name": name, "unit": unit, "cells": cells})
    return rows


def _pair_rows(report: CalibrationReport) -> list[dict[str, Any]]:
    """Square table: above the diagonal common instants, below it the disagreement in px."""
    by_names: dict[frozenset[str], Pair] = {frozenset((pair.a, pair.b)): pair for pair in report.pairs}
    focal = {camera.name: camera.focal_px for camera in report.cameras}
    names = [camera.name for camera in report.cameras]
    rows = []
    for i, row in enumerate(names):
        cells = []
        for j, column in enumerate(names):
            if i == j:
                cells.append(("", "self"))
                continue
            pair = by_names[frozenset((row, column))]
            level = drawings.pair_level(pair, 0.5 * (focal[pair.a] + focal[pair.b])).name.lower()
            cells.append((str(pair.instants) if j > i else number(pair.epipolar_px, 2), level))
        rows.append({"name": row, "cells": cells})
    return rows


def _stages(seconds: dict[str, float]) -> list[dict[str, Any]]:
    longest = max(seconds.values(), default=0.0) or 1.0
    return [
        {"name": name, "text": number(value, 1 if value >= 10 else 2, "s"), "bar": 100.0 * value / longest}
        for name, value in seconds.items()
    ]
