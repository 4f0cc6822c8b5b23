"""Boards to choose and to print: what they are for, how they look on paper, and the square as it came out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from calibration.files import atomic_write
from calibration.targets import (
    AnyTarget,
    ArucoMarker,
    CharucoBoard,
    Checkerboard,
    read_target,
    target_from_table,
    target_table,
    write_target,
)
from calibration.targets.drawing import PAPERS, Page, pages, to_pdf, to_png
from mocap.core.errors import CalibrationError, ExplainedError, InputError
from mocap.presets import preset_names, preset_path, read_toml

PRESETS = "boards"
FIRST_CHOICE = "a4"
DPI = 300.0
# Printers scale by some per cent where they do; a ruler is read to half a millimetre.
PRINTED_SHARE = 0.10
KINDS = {"charuco": "ChArUco board", "checkerboard": "Checkerboard", "marker": "Single marker"}
# Dictionaries of markers that fit a board; larger ones are read less surely.
DICTIONARIES = ("DICT_4X4_50", "DICT_4X4_100", "DICT_5X5_50", "DICT_5X5_100", "DICT_6X6_50", "DICT_4X4_1000")


@dataclass(frozen=True)
class BoardPreset:
    """A board that comes with the software."""

    name: str
    target: AnyTarget
    description: str


@dataclass(frozen=True)
class BoardChoice:
    """A board on a sheet of paper.

    Attributes
    ----------
    measured_mm : float or None
        A square (of a single marker: its side) as a ruler measures it on the print; None if it is as drawn.
    """

    target: AnyTarget
    paper: str = "A4"
    both_sides: bool = False
    measured_mm: float | None = None

    @property
    def side_mm(self) -> float:
        """A square as drawn, mm."""
        target = self.target
        return 1000.0 * (target.side_m if isinstance(target, ArucoMarker) else target.square_m)

    @property
    def words(self) -> str:
        """What it is."""
        size = self.measured_mm if self.measured_mm is not None else self.side_mm
        return f"{self.target.name.split(',')[0]}  ·  {size:g} mm"


def board_name(path: Path) -> str:
    """The name of a board that a file describes; that of the file where it cannot be read."""
    try:
        return read_target(path).name
    except (ExplainedError, OSError):
        return path.stem


def board_presets() -> tuple[BoardPreset, ...]:
    """Boards that come with the software, the usual one first."""
    found = []
    for name in sorted(preset_names(PRESETS), key=lambda name: (name != FIRST_CHOICE, name)):
        path = preset_path(PRESETS, name)
        found.append(BoardPreset(name, read_target(path), str(read_toml(path).get("description", ""))))
    return tuple(found)


def paper_for(target: AnyTarget) -> str:
    """The smallest paper that the board fits on; the largest there is if none."""
    for paper in ("A4", "A3", "A2", "A1", "A0"):
        try:
            pages(target, paper)
        except CalibrationError:
            continue
        return paper
    return "A0"


def own_board(kind: str, columns: int, rows: int, square_mm: float, dictionary: str, number: int) -> AnyTarget:
    """A board of one's own.

    Raises
    ------
    CalibrationError
        If there is no such board.
    """
    side = square_mm / 1000.0
    if kind == "marker":
        return target_from_table({"kind": kind, "id": number, "side_m": side, "dictionary": dictionary})
    if kind == "checkerboard":
        return target_from_table({"kind": kind, "corners": [columns - 1, rows - 1], "square_m": side})
    return target_from_table(
        {
            "kind": kind,
            "squares": [columns, rows],
            "square_m": side,
            "marker_m": 0.75 * side,
            "dictionary": dictionary,
        }
    )


def kind_of(target: AnyTarget) -> str:
    """Name of its kind, as ``KINDS``."""
    return str(target_table(target)["kind"])


def shape_of(target: AnyTarget) -> tuple[int, int]:
    """Columns and rows of squares; of a marker 1 and 1."""
    if isinstance(target, CharucoBoard):
        return target.squares_x, target.squares_y
    if isinstance(target, Checkerboard):
        return target.corners_x + 1, target.corners_y + 1
    return 1, 1


def page_of(choice: BoardChoice) -> Page:
    """The page as it will be printed, in mm.

    Raises
    ------
    CalibrationError
        If it does not fit the paper, with the size that does.
    """
    return pages(choice.target, choice.paper)[0]


def write_board(choice: BoardChoice, path: Path) -> Path:
    """Write the page, true to scale, and the board's file beside it; returns the latter.

    Raises
    ------
    ExplainedError
        If it does not fit the paper, or the disk refuses.
    """
    suffix = path.suffix.lower()
    if suffix not in (".pdf", ".png"):
        raise InputError(f"A board cannot be written as '{suffix}'.", "End the name in .pdf or .png.", path)
    drawn = pages(choice.target, choice.paper, choice.both_sides and suffix == ".pdf")
    data = to_pdf(drawn) if suffix == ".pdf" else to_png(drawn[0], DPI)
    with atomic_write(path) as draft:
        draft.write_bytes(data)
    board = path.with_suffix(".toml")
    write_target(choice.target, board)
    return board


def measured(choice: BoardChoice, text: str) -> BoardChoice:
    """Take in what was typed as the measured square, mm; an empty text takes it back.

    Raises
    ------
    InputError
        If that cannot be the size of this square.
    """
    text = text.strip().lower().removesuffix("mm").strip().replace(",", ".")
    if not text:
        return replace(choice, measured_mm=None)
    try:
        side_mm = float(text)
    except ValueError as error:
        raise InputError(f"'{text}' is not a number.", "Type the side of one square in millimetres.") from error
    if not abs(side_mm / choice.side_mm - 1.0) < PRINTED_SHARE:
        raise InputError(
            f"{side_mm:g} mm is far from the {choice.side_mm:g} mm that were drawn.",
            "Measure several squares in a row and divide. Was another board printed, or the page fitted?",
        )
    return replace(choice, measured_mm=side_mm)


def keep_board(choice: BoardChoice, folder: Path) -> Path:
    """Write the board's file where the calibration of a folder looks for it."""
    path = folder / "board.toml"
    write_target(choice.target, path)
    return path


__all__ = [
    "DICTIONARIES",
    "KINDS",
    "PAPERS",
    "BoardChoice",
    "BoardPreset",
    "board_presets",
    "keep_board",
    "kind_of",
    "measured",
    "own_board",
    "page_of",
    "paper_for",
    "shape_of",
    "write_board",
]
