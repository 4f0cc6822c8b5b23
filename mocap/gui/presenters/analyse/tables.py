"""Tables of the analysis: all measures, left against right, one run against another."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mocap.core.measures import Side
from mocap.gui.presenters.analyse.read import FROM_ZERO, MeasureRow

if TYPE_CHECKING:
    from mocap.kinematics.compare import Difference, Estimate

TableKind = Literal["measures", "sides", "compare"]
Verdict = Literal["", "differs", "same", "unknown"]
Number = str | float | int | None

MISSING = "–"
# What is measured to a millimetre or a hundredth of a second needs no more digits.
DECIMALS = {"s": 2, "m": 3, "m/s": 2, "%": 1, "steps/min": 0, "deg": 1, "times": 0}
UNITS = {"deg": "°", "times": ""}
SIDES: tuple[Side | None, ...] = ("left", "right", None)

HEADS: dict[TableKind, tuple[str, ...]] = {
    "measures": ("Measure", "Left", "Right", "No side"),
    "sides": ("Measure", "Left", "Right", "Verdict", "Left − right", "Counts from", "Symmetry"),
    "compare": ("Measure", "Side", "This", "Other", "Verdict", "This − other", "Counts from"),
}
WORDS: dict[tuple[TableKind, Verdict], str] = {
    ("sides", "same"): "Within uncertainty",
    ("sides", "unknown"): "Cannot be told",
    ("compare", "same"): "Within uncertainty",
    ("compare", "unknown"): "Cannot be told",
}


@dataclass(frozen=True)
class TableLine:
    """A line as it is shown.

    Attributes
    ----------
    cells : tuple of str
        A heading has one.
    numbers : tuple
        The same for other programs: plain numbers, None where missing.
    """

    cells: tuple[str, ...]
    numbers: tuple[Number, ...] = ()
    verdict: Verdict = ""
    note: str = ""

    @property
    def heading(self) -> bool:
        """Whether it is the heading of a group."""
        return not self.numbers


@dataclass(frozen=True, eq=False)
class Table:
    """A table as it is shown, and as other programs want it."""

    kind: TableKind
    heads: tuple[str, ...]
    number_heads: tuple[str, ...]
    lines: tuple[TableLine, ...]

    def text(self, separator: str = "\t") -> str:
        """All numbers with a line a measure; empty cells where missing."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, delimiter=separator, lineterminator="\n")
        writer.writerow(self.number_heads)
        group = ""
        for line in self.lines:
            if line.heading:
                group = line.cells[0]
                continue
            writer.writerow([group, *(_plain(number) for number in line.numbers)])
        return buffer.getvalue()

    def save(self, path: Path) -> None:
        """Write it as CSV.

        Raises
        ------
        StorageError
            If the disk refuses.
        """
        from calibration.files import atomic_write

        with atomic_write(path) as draft:
            draft.write_text(self.text(","), encoding="utf-8-sig")  # so that Excel reads the letters right


def table_of(
    kind: TableKind, rows: tuple[MeasureRow, ...], other: tuple[MeasureRow, ...] = (), words: str = ""
) -> Table:
    """Make a table of measures.

    Parameters
    ----------
    other : tuple of MeasureRow
        Of the run that is compared with.
    words : str
        Only measures that have all of these words are shown.
    """
    wanted = words.casefold().split()
    shown = [row for row in rows if all(word in f"{row.group} {row.title}".casefold() for word in wanted)]
    lines: list[TableLine] = []
    pairs: list[tuple[MeasureRow, tuple[TableLine, ...]]]
    if kind == "measures":
        pairs = [(row, (_measures(row),)) for row in shown]
    elif kind == "sides":
        pairs = [(row, (_sides(row),)) for row in shown if row.left is not None or row.right is not None]
    else:
        theirs = {(row.group, row.name): row for row in other}
        pairs = [(row, tuple(_compared(row, theirs.get((row.group, row.name))))) for row in shown]
    group = ""
    for row, made in pairs:
        if made and row.group != group:
            group = row.group
            lines.append(TableLine((group,)))
        lines += made
    return Table(kind, HEADS[kind], ("Group", *NUMBER_HEADS[kind]), tuple(lines))


_EACH = ("mean", "uncertainty", "SD", "n")
NUMBER_HEADS: dict[TableKind, tuple[str, ...]] = {
    "measures": ("Measure", "Unit", *(f"{side} {what}" for side in ("Left", "Right", "Both") for what in _EACH)),
    "sides": (
        "Measure", "Unit", *(f"{side} {what}" for side in ("Left", "Right") for what in _EACH),
        "Left minus right", "Least difference that counts (95 %)", "Symmetry index %", "Verdict",
    ),
    "compare": (
        "Measure", "Unit", "Side", *(f"{run} {what}" for run in ("This", "Other") for what in _EACH),
        "This minus other", "Least difference that counts (95 %)", "Verdict",
    ),
}  # fmt: skip


def _measures(row: MeasureRow) -> TableLine:
    cells = (_with_unit(row), *(shown(row.side(side), counted=True) for side in SIDES))
    numbers = (row.title, row.unit, *(n for side in SIDES for n in _numbers(row.side(side))))
    return TableLine(cells, numbers, note=row.note)


def _sides(row: MeasureRow) -> TableLine:
    from mocap.kinematics.compare import difference

    found = difference(row.left, row.right) if row.left is not None and row.right is not None else None
    symmetry = found.symmetry if found is not None and row.group in FROM_ZERO else float("nan")
    verdict = _verdict(found)
    word = WORDS.get(("sides", verdict), "")
    if row.left is None or row.right is None:
        word = "Only left" if row.right is None else "Only right"
    if verdict == "differs" and found is not None:
        word = "Left is greater" if found.value > 0 else "Right is greater"
    percent = f"{symmetry:+.0f} %".replace("-", "−") if math.isfinite(symmetry) else MISSING
    cells = (_with_unit(row), shown(row.left), shown(row.right), word, *_apart(found, row.unit), percent)
    numbers = (row.title, row.unit, *_numbers(row.left), *_numbers(row.right), *_two(found), symmetry, word)
    return TableLine(cells, numbers, verdict, row.note)


def _compared(row: MeasureRow, other: MeasureRow | None) -> Iterable[TableLine]:
    from mocap.kinematics.compare import difference

    for side in SIDES:
        ours, theirs = row.side(side), other.side(side) if other is not None else None
        if ours is None and theirs is None:
            continue
        found = difference(ours, theirs) if ours is not None and theirs is not None else None
        verdict = _verdict(found)
        word = WORDS.get(("compare", verdict), "")
        if ours is None or theirs is None:
            word = "Only here" if theirs is None else "Only in the other"
        if verdict == "differs" and found is not None:
            word = "Greater here" if found.value > 0 else "Less here"
        name = (side or MISSING).capitalize()
        cells = (_with_unit(row), name, shown(ours), shown(theirs), word, *_apart(found, row.unit))
        numbers = (row.title, row.unit, side or "", *_numbers(ours), *_numbers(theirs), *_two(found), word)
        yield TableLine(cells, numbers, verdict, row.note)


def _verdict(found: Difference | None) -> Verdict:
    if found is None or found.beyond_chance is None:
        return "unknown"
    return "differs" if found.beyond_chance else "same"


def _with_unit(row: MeasureRow) -> str:
    unit = UNITS.get(row.unit, row.unit)
    return f"{row.title}, {unit}" if unit else row.title


def shown(estimate: Estimate | None, counted: bool = False) -> str:
    """A number with its uncertainty: ``1.12 ± 0.03``, and how often it was measured; a dash where missing."""
    if estimate is None or not math.isfinite(estimate.value):
        return MISSING
    digits = DECIMALS.get(estimate.unit, 2)
    words = f"{_signed(estimate.value, digits)}"
    if math.isfinite(estimate.sigma):
        words += f" ± {estimate.sigma:.{digits}f}"
    return words + (f"  n {estimate.n}" if counted and estimate.n > 1 else "")


def _signed(value: float, digits: int) -> str:
    """A number with a real minus, and no minus before nothing."""
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0.0 else text.replace("-", "−")


def _apart(found: Difference | None, unit: str) -> tuple[str, str]:
    digits = DECIMALS.get(unit, 2)
    if found is None or not math.isfinite(found.value):
        return MISSING, MISSING
    value = _signed(found.value, digits)
    value = value if value.startswith("−") or float(value) == 0.0 else f"+{value}"
    least = f"{found.detectable:.{digits}f}" if math.isfinite(found.detectable) else MISSING
    return value, least


def _two(found: Difference | None) -> tuple[Number, Number]:
    return (None, None) if found is None else (found.value, found.detectable)


def _numbers(estimate: Estimate | None) -> tuple[Number, ...]:
    if estimate is None or not math.isfinite(estimate.value):
        return (None,) * len(_EACH)
    return (estimate.value, estimate.sigma, estimate.sd, estimate.n)


def _plain(number: Number) -> str:
    if number is None or (isinstance(number, float) and not math.isfinite(number)):
        return ""
    return f"{number:.6g}" if isinstance(number, float) else str(number)
