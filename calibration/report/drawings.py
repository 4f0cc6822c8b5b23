"""Drawings of the report as SVG: no script needed, sharp on paper, coloured by the page's style sheet.

Text and names go through ``escape``; everything else in the markup is numbers made here.
"""

from __future__ import annotations

import math

import numpy as np
from markupsafe import Markup, escape

from calibration.report.advice import CELL_FULL, TILTED_DEG, SuggestedView
from calibration.report.model import CameraReport, Clock, Level, Pair
from calibration.report.numbers import NOT_MEASURED, number
from calibration.report.quality import Histogram
from calibration.report.verdict import (
    ANGLE_GOOD,
    ANGLE_POOR,
    CLOCK_GOOD_FRAMES,
    CLOCK_POOR_FRAMES,
    LINK_GOOD,
    LINK_POOR,
    grade,
)
from calibration.transforms import FloatArray, from_rvec_tvec

# Width of the drawings of one camera in their own units; the page scales them.
WIDE = 240.0
# A portrait picture is drawn no higher than this.
TALL = 200.0
# The longest arrow is about this long, in units of the drawing.
LONGEST_ARROW = 26.0
# Arrows are not magnified beyond this: then all of them are negligible, and should look it.
LARGEST_MAGNIFICATION = 400.0
# Tilts beyond this, degrees, are drawn at the rim: boards are hardly found there.
TILT_RIM_DEG = 75.0
# More dots cover each other.
MOST_DOTS = 250
# Strongest and faintest shade of a cell that was seen.
SHADE_MOST, SHADE_LEAST = 0.95, 0.14
# A suggested board: its width in shares of the picture, and its distance in its own widths.
BOARD_SHARE, BOARD_DISTANCE = 0.26, 2.2


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _svg(width: float, height: float, label: str, *parts: str) -> Markup:
    body = "".join(parts)
    return Markup(  # numbers and escaped text only
        f'<svg viewBox="0 0 {_n(width)} {_n(height)}" role="img" aria-label="{escape(label)}">{body}</svg>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str, extra: str = "") -> str:
    return f'<line class="{kind}" x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"{extra}/>'


def _rect(x: float, y: float, w: float, h: float, kind: str, extra: str = "") -> str:
    return f'<rect class="{kind}" x="{_n(x)}" y="{_n(y)}" width="{_n(w)}" height="{_n(h)}"{extra}/>'


def _circle(x: float, y: float, r: float, kind: str) -> str:
    return f'<circle class="{kind}" cx="{_n(x)}" cy="{_n(y)}" r="{_n(r)}"/>'


def _text(x: float, y: float, text: str, anchor: str = "middle", kind: str = "") -> str:
    return f'<text class="{kind}" x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}">{escape(text)}</text>'


def picture_scale(size_wh: tuple[int, int]) -> float:
    """Drawing units per pixel of a camera's picture."""
    return min(WIDE / size_wh[0], TALL / size_wh[1])


def coverage(camera: CameraReport, suggested: tuple[SuggestedView, ...]) -> Markup:
    """Heat map of where corners were seen, with outlines of boards to add."""
    scale = picture_scale(camera.size_wh)
    w, h = camera.size_wh[0] * scale, camera.size_wh[1] * scale
    left = (WIDE - w) / 2
    counts = np.array(camera.coverage)
    rows, columns = counts.shape
    most = max(int(counts.max(initial=0)), CELL_FULL)
    parts = [_rect(left, 0, w, h, "frame")]
    for r, c in np.argwhere(counts > 0):
        shade = SHADE_LEAST + (SHADE_MOST - SHADE_LEAST) * math.sqrt(counts[r, c] / most)
        place = (left + c * w / columns, r * h / rows)
        parts.append(_rect(*place, w / columns, h / rows, "heat", f' fill-opacity="{_n(shade)}"'))
    for view in suggested:
        corners = _board_outline(view, w, h)
        path = " ".join(f"{_n(left + x)},{_n(y)}" for x, y in corners)
        parts.append(f'<polygon class="wanted" points="{path}"/>')
    return _svg(WIDE, h, f"Where {camera.name} saw the board; dashed: views to add", *parts)


def _board_outline(view: SuggestedView, w: float, h: float) -> FloatArray:
    """A tilted board in perspective (4, 2), in units of a drawing of w x h."""
    board = np.array([[-0.5, -0.35, 0], [0.5, -0.35, 0], [0.5, 0.35, 0], [-0.5, 0.35, 0]])
    vertical, horizontal = np.radians([view.about_vertical_deg, view.about_horizontal_deg])
    # About y, the right edge goes away with a negative angle; about x, the lower edge with a positive one.
    turn = from_rvec_tvec([0, -vertical, 0], [0, 0, 0]) @ from_rvec_tvec([horizontal, 0, 0], [0, 0, 0])
    local = board @ turn[:3, :3].T
    size = BOARD_SHARE * max(w, h) * BOARD_DISTANCE
    return np.asarray([view.x * w, view.y * h] + size * local[:, :2] / (local[:, 2:] + BOARD_DISTANCE))


def arrow_magnification(cameras: tuple[CameraReport, ...]) -> float:
    """How much larger than life arrows are drawn, one for all cameras, a round number."""
    lengths = [math.hypot(a.dx, a.dy) * picture_scale(c.size_wh) for c in cameras for a in c.arrows]
    if not lengths:
        return 1.0
    ideal = LONGEST_ARROW / max(float(np.percentile(lengths, 98)), 1e-9)
    power = 10.0 ** math.floor(math.log10(ideal))
    return min(LARGEST_MAGNIFICATION, max(step * power for step in (1, 2, 5) if step * power <= ideal))


def arrows(camera: CameraReport, magnification: float) -> Markup:
    """Mean residuals over the picture."""
    scale = picture_scale(camera.size_wh)
    w, h = camera.size_wh[0] * scale, camera.size_wh[1] * scale
    left = (WIDE - w) / 2
    parts = [_rect(left, 0, w, h, "frame")]
    for arrow in camera.arrows:
        x, y = left + arrow.x * scale, arrow.y * scale
        dx, dy = arrow.dx * scale * magnification, arrow.dy * scale * magnification
        length = math.hypot(dx, dy)
        parts.append(_circle(x, y, 1.1, "root"))
        parts.append(_line(x, y, x + dx, y + dy, "arrow"))
        if length > 4:
            ux, uy = dx / length, dy / length
            head = " ".join(
                f"{_n(x + dx + 3.5 * (-ux + side * 0.55 * uy))},{_n(y + dy + 3.5 * (-uy - side * 0.55 * ux))}"
                for side in (1, -1)
            )
            parts.append(f'<polygon class="head" points="{_n(x + dx)},{_n(y + dy)} {head}"/>')
    return _svg(WIDE, h, f"Mean residuals of {camera.name} over its picture", *parts)


def nice_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from low to high, at most about ``most``."""
    if not high > low:
        return [low]
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _tick_text(value: float, ticks: list[float]) -> str:
    step = ticks[1] - ticks[0] if len(ticks) > 1 else abs(value) or 1.0
    return number(value, max(0, -math.floor(math.log10(step) + 1e-9)))


def bars(
    data: Histogram,
    unit: str,
    label: str,
    *,
    width: float = WIDE,
    height: float = 135.0,
    reach: float | None = None,
    marks: tuple[tuple[float, str], ...] = (),
) -> Markup:
    """Histogram with an axis; ``reach`` widens the axis, ``marks`` are labelled vertical lines."""
    if not data.counts:
        return _svg(width, height, label, _text(width / 2, height / 2, NOT_MEASURED, kind="tick"))
    low = -reach if reach and data.edges[0] < 0 else data.edges[0]
    high = reach or data.edges[-1]
    side, foot, head = 8.0, 30.0, 16.0 if marks else 6.0
    floor, across = height - foot, (width - 2 * side) / (high - low)
    most = max(data.counts)
    parts = []
    for i, count in enumerate(data.counts):
        x0, x1 = (side + (data.edges[i + j] - low) * across for j in (0, 1))
        tall = (floor - head) * count / most
        if count:
            parts.append(_rect(x0 + 0.3, floor - tall, max(0.5, x1 - x0 - 0.6), tall, "bar"))
    parts.append(_line(side, floor, width - side, floor, "axis"))
    ticks = nice_ticks(low, high, 6 if width > WIDE else 5)
    for tick in ticks:
        x = side + (tick - low) * across
        parts.append(_line(x, floor, x, floor + 3, "axis"))
        parts.append(_text(x, floor + 14, _tick_text(tick, ticks), kind="tick"))
    parts.append(_text(width / 2, height - 3, unit, kind="tick"))
    for value, text in marks:
        x = side + (value - low) * across
        parts.append(_line(x, head - 2, x, floor, "mark-line"))
        parts.append(_text(x, head - 5, text, kind="tick"))
    return _svg(width, height, label, *parts)


def tilts(camera: CameraReport) -> Markup:
    """How the board was turned in each picture: a dot in the middle is a board that faces the camera."""
    height, radius = 135.0, 58.0
    x0, y0 = WIDE / 2, height / 2
    per_degree = radius / TILT_RIM_DEG
    parts = [_circle(x0, y0, radius, "frame"), _circle(x0, y0, TILTED_DEG * per_degree, "square")]
    parts += [_line(x0 - radius, y0, x0 + radius, y0, "grid"), _line(x0, y0 - radius, x0, y0 + radius, "grid")]
    for vertical, horizontal in camera.tilt_deg[:: max(1, len(camera.tilt_deg) // MOST_DOTS)]:
        size = math.hypot(vertical, horizontal)
        fit = min(1.0, TILT_RIM_DEG / size) if size else 1.0
        parts.append(_circle(x0 + vertical * fit * per_degree, y0 + horizontal * fit * per_degree, 2.2, "dot"))
    parts.append(_text(x0 - radius - 6, y0 + 3.5, "left edge", "end", "tick"))
    parts.append(_text(x0 - radius - 6, y0 + 14.5, "away", "end", "tick"))
    parts.append(_text(x0 + radius + 6, y0 + 3.5, "right edge", "start", "tick"))
    parts.append(_text(x0 + radius + 6, y0 + 14.5, "away", "start", "tick"))
    return _svg(WIDE, height, f"Tilt of the board towards {camera.name}", *parts)


def pair_level(pair: Pair, focal_px: float) -> Level:
    """How good a link between two cameras is: enough instants, and the cameras agree."""
    if pair.instants < LINK_POOR:
        return Level.POOR
    few = Level.GOOD if pair.instants >= LINK_GOOD else Level.CARE
    return max(few, grade(pair.epipolar_px / focal_px, ANGLE_GOOD, ANGLE_POOR))


def pair_graph(cameras: tuple[CameraReport, ...], pairs: tuple[Pair, ...]) -> Markup:
    """Cameras on a circle; the more common instants, the thicker the line; its colour says how they agree."""
    # Long names beside the circle decide how wide the drawing must be.
    margin = 16.0 + 6.6 * min(18, max(len(camera.name) for camera in cameras))
    radius = 105.0 + 4.0 * max(0, len(cameras) - 8)
    width, height = 2 * (radius + margin), 2 * (radius + 26.0)
    place = {}
    for i, camera in enumerate(cameras):
        angle = 2 * math.pi * i / len(cameras) - math.pi / 2
        place[camera.name] = (math.cos(angle), math.sin(angle))
    focal = {camera.name: camera.focal_px for camera in cameras}
    most = max((pair.instants for pair in pairs), default=1) or 1
    parts = []
    for pair in sorted(pairs, key=lambda p: p.instants):
        if not pair.instants:
            continue
        level = pair_level(pair, 0.5 * (focal[pair.a] + focal[pair.b]))
        (ax, ay), (bx, by) = place[pair.a], place[pair.b]
        thick = 1.0 + 6.0 * pair.instants / most
        ends = (
            width / 2 + radius * ax,
            height / 2 + radius * ay,
            width / 2 + radius * bx,
            height / 2 + radius * by,
        )
        title = f"{pair.a} and {pair.b}: {pair.instants} instants, {number(pair.epipolar_px, 2, 'px')}"
        line = _line(*ends, f"link {level.name.lower()}", f' stroke-width="{_n(thick)}"')
        parts.append(line[:-2] + f"><title>{escape(title)}</title></line>")
    for camera in cameras:
        x, y = place[camera.name]
        parts.append(_circle(width / 2 + radius * x, height / 2 + radius * y, 6.5, "node"))
        anchor = "middle" if abs(x) < 0.3 else "start" if x > 0 else "end"
        name = camera.name if len(camera.name) <= 18 else camera.name[:17] + "…"
        aside = 0.0 if anchor == "middle" else math.copysign(12.0, x)
        beyond = 4.0 if anchor != "middle" else (-12.0 if y < 0 else 20.0)
        parts.append(_text(width / 2 + radius * x + aside, height / 2 + radius * y + beyond, name, anchor, "name"))
    return _svg(width, height, "Which cameras saw the board together", *parts)


def clock_offsets(clocks: tuple[Clock, ...]) -> Markup:
    """Offsets with bars of two standard deviations, ms."""
    row, head, foot = 26.0, 6.0, 32.0
    names = 12.0 + 6.6 * min(18, max(len(clock.camera) for clock in clocks))
    width, height = names + 320.0, head + row * len(clocks) + foot
    spans = [2e3 * (c.offset_sigma_s if math.isfinite(c.offset_sigma_s) else 0.0) for c in clocks]
    reach = 1.1 * max(
        *(abs(1e3 * c.offset_s) + span for c, span in zip(clocks, spans, strict=True)),
        1e3 * clocks[0].frame_s * 0.1,
    )
    middle, across = names + 155.0, 155.0 / reach
    floor = head + row * len(clocks)
    ticks = nice_ticks(-reach, reach, 6)
    parts = []
    for tick in ticks:
        x = middle + tick * across
        parts.append(_line(x, head, x, floor, "axis" if tick == 0 else "grid"))
        parts.append(_text(x, floor + 14, _tick_text(tick, ticks), kind="tick"))
    parts.append(_text(middle, height - 3, "ms to add to the camera's own time", kind="tick"))
    for i, (clock, span) in enumerate(zip(clocks, spans, strict=True)):
        y, x = head + row * (i + 0.5), middle + 1e3 * clock.offset_s * across
        name = clock.camera if len(clock.camera) <= 18 else clock.camera[:17] + "…"
        parts.append(_text(names - 8, y + 4, name, "end", "name"))
        level = (
            Level.GOOD
            if clock.reference
            else grade(clock.offset_sigma_s / clock.frame_s, CLOCK_GOOD_FRAMES, CLOCK_POOR_FRAMES)
        )
        if span:
            parts.append(_line(x - span * across, y, x + span * across, y, "whisker"))
            for end in (-1, 1):
                parts.append(_line(x + end * span * across, y - 5, x + end * span * across, y + 5, "whisker"))
        parts.append(_circle(x, y, 4.5, f"point {level.name.lower()}"))
    return _svg(width, height, "Clock offsets", *parts)
