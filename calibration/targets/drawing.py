"""Targets on paper, true to scale: PDF, SVG and PNG with a ruler to check the printer.

The PDF is written here and not by a library: black and white rectangles and two lines of text need 60 lines, and
rectangles given in millimetres stay exact.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.errors import CalibrationError
from calibration.targets.charuco import CharucoBoard
from calibration.targets.checkerboard import Checkerboard
from calibration.targets.files import AnyTarget
from calibration.targets.marker import ArucoMarker
from calibration.targets.markers import dictionary

# Paper, mm, upright.
PAPERS: dict[str, tuple[float, float]] = {
    "A4": (210.0, 297.0),
    "A3": (297.0, 420.0),
    "A2": (420.0, 594.0),
    "A1": (594.0, 841.0),
    "A0": (841.0, 1189.0),
    "letter": (215.9, 279.4),
    "legal": (215.9, 355.6),
    "tabloid": (279.4, 431.8),
}

# What printers leave white at the edge, and the strip below the target for the ruler, mm.
MARGIN_MM, RULER_STRIP_MM = 5.0, 14.0
RULER_MM = 100

MM_PER_INCH, POINTS_PER_INCH = 25.4, 72.0
TEXT_PT = 7.0

# Ratio of rim to square: an inverted print needs its black rim, and markers at the edge their quiet zone.
INVERTED_RIM, QUIET_MODULES = 0.25, 1

Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True)
class Page:
    """A page, in mm from its upper left.

    Attributes
    ----------
    size_mm : (float, float)
    layers : tuple of (bool, tuple of Rectangle)
        Painted one over the other: whether white, and (left, top, width, height) of the rectangles, mm.
    texts : tuple of (float, float, str)
        Left end of the base line, mm.
    """

    size_mm: tuple[float, float]
    layers: tuple[tuple[bool, tuple[Rectangle, ...]], ...]
    texts: tuple[tuple[float, float, str], ...]


def pages(target: AnyTarget, paper: str, both_sides: bool = False) -> tuple[Page, ...]:
    """Lay the target out on paper; with ``both_sides`` also the mirrored back, for turning about the long axis.

    Raises
    ------
    CalibrationError
        If it does not fit, with the size that does.
    """
    if paper not in PAPERS:
        raise CalibrationError(f"There is no paper '{paper}'.", f"Choose one of: {', '.join(PAPERS)}.")
    width, height, layers = _artwork(target)
    strip = RULER_STRIP_MM + MARGIN_MM
    upright = PAPERS[paper]
    shapes = [upright, upright[::-1]] if width <= height else [upright[::-1], upright]
    fitting = [(w, h) for w, h in shapes if width <= w - 2 * MARGIN_MM and height <= h - MARGIN_MM - strip]
    if not fitting:
        share = max(min((w - 2 * MARGIN_MM) / width, (h - MARGIN_MM - strip) / height) for w, h in shapes)
        most = np.floor(10 * share * _unit_mm(target)) / 10
        raise CalibrationError(
            f"The target is {width:.0f} x {height:.0f} mm, too large for {paper} with margins and ruler.",
            f"Make its squares at most {most:g} mm, or choose larger paper.",
        )
    page_w, page_h = fitting[0]
    left, top = (page_w - width) / 2, MARGIN_MM + (page_h - MARGIN_MM - strip - height) / 2
    placed = tuple((white, tuple((x + left, y + top, w, h) for x, y, w, h in shapes)) for white, shapes in layers)
    ruler, words = _ruler(page_w, page_h, target.name)
    front = Page((page_w, page_h), (*placed, (False, ruler)), words)
    if not both_sides:
        return (front,)
    # Only the target is mirrored: the words stay readable.
    back = tuple((white, tuple((page_w - x - w, y, w, h) for x, y, w, h in shapes)) for white, shapes in placed)
    return front, replace(front, layers=(*back, (False, ruler)))


def to_pdf(drawn: Iterable[Page]) -> bytes:
    """Write pages as PDF 1.4 with the built-in font Helvetica."""
    contents = [(page, _pdf_stream(page)) for page in drawn]
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(len(contents)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /ViewerPreferences << /PrintScaling /None >> >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(contents)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for i, (page, stream) in enumerate(contents):
        width, height = (_points(side) for side in page.size_mm)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:.4f} {height:.4f}] /Contents {5 + 2 * i} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)


def to_svg(page: Page) -> str:
    """Write a page as SVG, in mm."""
    width, height = page.size_mm
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}mm" height="{height:g}mm" '
        f'viewBox="0 0 {width:g} {height:g}">',
        f'<rect width="{width:g}" height="{height:g}" fill="white"/>',
    ]
    for white, shapes in page.layers:
        path = "".join(f"M{x:.4f} {y:.4f}h{w:.4f}v{h:.4f}h{-w:.4f}z" for x, y, w, h in shapes)
        lines.append(f'<path d="{path}" fill="{"white" if white else "black"}"/>')
    size = TEXT_PT / POINTS_PER_INCH * MM_PER_INCH
    for x, y, words in page.texts:
        safe = words.replace("&", "&amp;").replace("<", "&lt;")
        lines.append(
            f'<text x="{x:.2f}" y="{y:.2f}" font-family="Helvetica, Arial" font-size="{size:.2f}">{safe}</text>'
        )
    return "\n".join([*lines, "</svg>\n"])


def to_picture(page: Page, dpi: float) -> NDArray[np.uint8]:
    """Draw a page in grey; edges between pixels are shaded by the share they cover."""
    per_mm = dpi / MM_PER_INCH
    width, height = (round(side * per_mm) for side in page.size_mm)
    picture = np.full((height, width), 255.0)
    for white, shapes in page.layers:
        for shape in shapes:
            x, y, w, h = (value * per_mm for value in shape)
            rows, columns = _coverage(y, y + h, height), _coverage(x, x + w, width)
            (top, share_y), (left, share_x) = rows, columns
            part = picture[top : top + share_y.size, left : left + share_x.size]
            share = share_y[:, None] * share_x
            part += share * ((255.0 if white else 0.0) - part)
    drawn = np.round(picture).astype(np.uint8)
    scale = TEXT_PT / POINTS_PER_INCH * dpi / 22.0  # capitals of the Hershey font are 22 px high at scale 1
    for x, y, words in page.texts:
        at = (round(x * per_mm), round(y * per_mm))
        cv2.putText(drawn, words, at, cv2.FONT_HERSHEY_SIMPLEX, scale * 0.75, 0, max(round(scale), 1), cv2.LINE_AA)
    return drawn


def to_png(page: Page, dpi: float) -> bytes:
    """Write a page as PNG that knows its resolution, so that it prints to scale."""
    good, data = cv2.imencode(".png", to_picture(page, dpi))
    if not good:
        raise CalibrationError("The picture could not be written as PNG.", "Use PDF or SVG.")
    whole = data.tobytes()
    per_metre = round(dpi / MM_PER_INCH * 1000.0)
    body = b"pHYs" + struct.pack(">IIB", per_metre, per_metre, 1)
    chunk = struct.pack(">I", 9) + body + struct.pack(">I", zlib.crc32(body))
    after_header = 8 + 25  # signature, and the header chunk, which always comes first
    return whole[:after_header] + chunk + whole[after_header:]


def _unit_mm(target: AnyTarget) -> float:
    return 1000.0 * (target.side_m if isinstance(target, ArucoMarker) else target.square_m)


def _artwork(target: AnyTarget) -> tuple[float, float, list[tuple[bool, tuple[Rectangle, ...]]]]:
    """Width and height, mm, and the layers of a target without its page."""
    unit = _unit_mm(target)
    if isinstance(target, ArucoMarker):
        module = unit / target.modules
        rim = QUIET_MODULES * module
        layers = [
            (False, [(rim, rim, unit, unit)]),
            (True, _marker_bits(target.dictionary, target.id, rim, rim, unit)),
        ]
        width = height = unit + 2 * rim
    elif isinstance(target, Checkerboard):
        columns, rows, rim = target.corners_x + 1, target.corners_y + 1, 0.0
        width, height = columns * unit, rows * unit
        cells = [(x, y) for y in range(rows) for x in range(columns) if (x + y) % 2 == 0]
        layers = [(False, [(x * unit, y * unit, unit, unit) for x, y in cells])]
    else:
        rim = INVERTED_RIM * unit if target.inverted else 0.0
        width, height = target.squares_x * unit + 2 * rim, target.squares_y * unit + 2 * rim
        layers = _charuco_layers(target, unit, rim)
    if not isinstance(target, Checkerboard) and target.inverted:
        layers = [(False, [(0.0, 0.0, width, height)]), *((not white, shapes) for white, shapes in layers)]
    return width, height, [(white, tuple(shapes)) for white, shapes in layers]


def _charuco_layers(board: CharucoBoard, unit: float, rim: float) -> list[tuple[bool, list[Rectangle]]]:
    """Black squares and markers, and the white bits over them."""
    side = 1000.0 * board.marker_m
    centres = board.marker_corners.mean(axis=1)
    taken = {(int(x), int(y)) for x, y in centres}
    black = [
        (rim + x * unit, rim + y * unit, unit, unit)
        for y in range(board.squares_y)
        for x in range(board.squares_x)
        if (x, y) not in taken
    ]
    white: list[Rectangle] = []
    for number, (x, y) in enumerate((centres * unit + rim).tolist()):
        black.append((x - side / 2, y - side / 2, side, side))
        white += _marker_bits(board.dictionary, number, x - side / 2, y - side / 2, side)
    return [(False, black), (True, white)]


def _marker_bits(name: str, number: int, left: float, top: float, side: float) -> list[Rectangle]:
    """White modules of a marker, neighbours in a row joined."""
    codes = dictionary(name)
    bits = cv2.aruco.Dictionary.getBitsFromByteList(codes.bytesList[number : number + 1], codes.markerSize)
    module = side / (codes.markerSize + 2)
    shapes = []
    for row, line in enumerate(np.pad(bits, ((0, 0), (1, 1)))):
        starts, ends = (
            np.flatnonzero(np.diff(line.astype(int)) == 1),
            np.flatnonzero(np.diff(line.astype(int)) == -1),
        )
        for a, b in zip(starts.tolist(), ends.tolist(), strict=True):
            shapes.append((left + (a + 1) * module, top + (row + 1) * module, (b - a) * module, module))
    return shapes


def _ruler(
    page_w: float, page_h: float, name: str
) -> tuple[tuple[Rectangle, ...], tuple[tuple[float, float, str], ...]]:
    """A ruler in the strip at the bottom, and words beside it."""
    base = page_h - MARGIN_MM - 4.0
    left = MARGIN_MM + 3.0
    length = min(RULER_MM, int((page_w - 2 * left) // 10) * 10)
    line = 0.15
    ticks = [(left - line / 2, base, length + line, line)]
    for mm in range(length + 1):
        high = 4.0 if mm % 10 == 0 else 2.5 if mm % 5 == 0 else 1.5
        ticks.append((left + mm - line / 2, base - high, line, high))
    check = f"This ruler must measure {length} mm. Print at 100 %, not fitted to the page."
    return tuple(ticks), ((left, base + 3.5, check), (left, base - 5.5, name))


def _points(mm: float) -> float:
    return mm / MM_PER_INCH * POINTS_PER_INCH


def _pdf_stream(page: Page) -> bytes:
    """Drawing operators of a page; PDF counts upwards from the bottom."""
    height = page.size_mm[1]
    parts = []
    for white, shapes in page.layers:
        # One path for a whole layer: painted one by one, neighbours would show a seam on screens.
        parts.append("1 g" if white else "0 g")
        parts += [
            f"{_points(x):.4f} {_points(height - y - h):.4f} {_points(w):.4f} {_points(h):.4f} re"
            for x, y, w, h in shapes
        ]
        parts.append("f")
    for x, y, words in page.texts:
        safe = words.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
        parts.append(f"0 g BT /F1 {TEXT_PT:g} Tf {_points(x):.4f} {_points(height - y):.4f} Td ({safe}) Tj ET")
    return "\n".join(parts).encode("cp1252", errors="replace")


def _coverage(start: float, end: float, limit: int) -> tuple[int, NDArray[np.float64]]:
    """First pixel, of ``limit``, and the share of it and the next ones that lies between two edges."""
    first, last = max(int(np.floor(start)), 0), min(int(np.ceil(end)), limit)
    cells = np.arange(first, max(last, first))
    return first, np.clip(np.minimum(end, cells + 1) - np.maximum(start, cells), 0.0, 1.0)
