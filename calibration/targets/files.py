"""Targets as TOML files: ``kind`` and the fields of the kind, lengths in metres."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tomli_w

from calibration.errors import CalibrationError
from calibration.files import atomic_write
from calibration.targets.charuco import CharucoBoard
from calibration.targets.checkerboard import Checkerboard
from calibration.targets.marker import ArucoMarker

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

AnyTarget = CharucoBoard | Checkerboard | ArucoMarker

# Keys that say something about the file, not about the target.
COMMENT_KEYS = frozenset({"kind", "name", "description"})

METRES_PER = {"mm": 0.001, "cm": 0.01, "m": 1.0, "inch": 0.0254}


def read_target(path: Path) -> AnyTarget:
    """Read a target: our own board.toml, or a charuco.toml of Caliscope.

    Raises
    ------
    CalibrationError
        If the file cannot be read, or a key is missing, unknown or of the wrong kind.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise CalibrationError("There is no such board file.", "Check the path.", path) from error
    except (OSError, UnicodeDecodeError) as error:
        raise CalibrationError(f"The board file cannot be read: {error}.", "Give a TOML file.", path) from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CalibrationError(f"The board file is not valid TOML: {error}.", "Mend that line.", path) from error
    try:
        return target_from_table(table)
    except CalibrationError as error:
        raise CalibrationError(error.what, error.remedy, path) from error


def target_from_table(table: Mapping[str, Any]) -> AnyTarget:
    """Make a target of the keys of its file; see ``read_target``."""
    kind = table.get("kind")
    if kind is None and {"columns", "rows", "dictionary", "aruco_scale"} <= table.keys():
        return _from_caliscope(table)
    if kind not in _READERS:
        raise CalibrationError(
            f"The kind of target is {kind!r}." if kind else "The file does not say what kind of target it is.",
            f"Set kind to one of: {', '.join(_READERS)}.",
        )
    fields = _Fields(table)
    target = _READERS[kind](fields)
    fields.refuse_unread()
    return target


def target_table(target: AnyTarget) -> dict[str, Any]:
    """Return the keys of a target's file."""
    if isinstance(target, CharucoBoard):
        flags = {"legacy": target.legacy, "inverted": target.inverted}
        return {
            "kind": "charuco",
            "squares": [target.squares_x, target.squares_y],
            "square_m": _length(target.square_m),
            "marker_m": _length(target.marker_m),
            "dictionary": target.dictionary,
            **{key: value for key, value in flags.items() if value},
        }
    if isinstance(target, Checkerboard):
        return {
            "kind": "checkerboard",
            "corners": [target.corners_x, target.corners_y],
            "square_m": target.square_m,
        }
    flags = {"inverted": True} if target.inverted else {}
    return {
        "kind": "marker",
        "id": target.id,
        "side_m": _length(target.side_m),
        "dictionary": target.dictionary,
        **flags,
    }


def _length(metres: float) -> float:
    """A length without the last digits of binary arithmetic: to the micrometre."""
    return round(metres, 6)


def write_target(target: AnyTarget, path: Path) -> None:
    """Write a target's file, whole or not at all."""
    with atomic_write(path) as draft:
        draft.write_text(tomli_w.dumps(target_table(target)), encoding="utf-8")


class _Fields:
    """The keys of a file; notes which were read."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._table = table
        self._read = set(COMMENT_KEYS)

    def value(self, key: str, kinds: tuple[type, ...], wanted: str, default: Any = None) -> Any:
        """Return a value of one of these kinds; without a default it must be there."""
        self._read.add(key)
        if key not in self._table:
            if default is not None:
                return default
            raise CalibrationError(f"'{key}' is missing.", f"Add {key} = {wanted}.")
        value = self._table[key]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise CalibrationError(f"'{key}' is {value!r}.", f"It must be {wanted}.")
        return value

    def length(self, key: str) -> float:
        """Return a positive length, m."""
        value = float(self.value(key, (int, float), "a length in metres"))
        if not 0.0 < value < 100.0:
            raise CalibrationError(f"'{key}' is {value:g} m.", "It must be a length in metres, above 0.")
        return value

    def pair(self, key: str, wanted: str) -> tuple[int, int]:
        """Return two counts."""
        value = self.value(key, (list,), wanted)
        if len(value) != 2 or not all(isinstance(n, int) and not isinstance(n, bool) for n in value):
            raise CalibrationError(f"'{key}' is {value!r}.", f"It must be {wanted}.")
        return value[0], value[1]

    def refuse_unread(self) -> None:
        """Refuse keys that nothing reads: a misspelt one would be ignored."""
        if unknown := sorted(self._table.keys() - self._read):
            raise CalibrationError(
                f"Unknown key '{unknown[0]}'.",
                f"Remove it or correct it; known are {', '.join(sorted(self._read))}.",
            )


def _read_charuco(fields: _Fields) -> CharucoBoard:
    columns, rows = fields.pair("squares", "[columns, rows]")
    return CharucoBoard(
        columns,
        rows,
        fields.length("square_m"),
        fields.length("marker_m"),
        fields.value("dictionary", (str,), '"DICT_..."'),
        fields.value("legacy", (bool,), "true or false", False),
        fields.value("inverted", (bool,), "true or false", False),
    )


def _read_checkerboard(fields: _Fields) -> Checkerboard:
    across, down = fields.pair("corners", "[inner corners across, down]")
    return Checkerboard(across, down, fields.length("square_m"))


def _read_marker(fields: _Fields) -> ArucoMarker:
    return ArucoMarker(
        fields.value("id", (int,), "a number"),
        fields.length("side_m"),
        fields.value("dictionary", (str,), '"DICT_..."'),
        fields.value("inverted", (bool,), "true or false", False),
    )


_READERS: dict[str, Callable[[_Fields], AnyTarget]] = {
    "charuco": _read_charuco,
    "checkerboard": _read_checkerboard,
    "marker": _read_marker,
}


def _from_caliscope(table: Mapping[str, Any]) -> CharucoBoard:
    """Read the keys of Caliscope's charuco.toml: the measured square counts, else the page is filled."""
    fields = _Fields(table)
    columns = fields.value("columns", (int,), "a number")
    rows = fields.value("rows", (int,), "a number")
    measured = table.get("square_size_override_cm")
    if measured is not None:
        square = fields.length("square_size_override_cm") / 100.0
    else:
        unit = fields.value("units", (str,), "inch or cm")
        if unit not in METRES_PER:
            raise CalibrationError(f"'units' is {unit!r}.", f"It must be one of: {', '.join(METRES_PER)}.")
        width = fields.value("board_width", (int, float), "the width of the page")
        height = fields.value("board_height", (int, float), "the height of the page")
        square = METRES_PER[unit] * min(width / columns, height / rows)
    ratio = float(fields.value("aruco_scale", (int, float), "marker / square"))
    return CharucoBoard(
        columns,
        rows,
        _length(square),
        _length(square * ratio),
        fields.value("dictionary", (str,), '"DICT_..."'),
        fields.value("legacy_pattern", (bool,), "true or false", False),
        fields.value("inverted", (bool,), "true or false", False),
    )
