"""OpenCV's YAML as text: read by OpenCV itself, written so that every version of it can read it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from calibration.errors import CalibrationError
from calibration.formats.protocol import Source
from calibration.transforms import FloatArray

# No matrix of a calibration is larger; a file may claim any size and would be given the memory for it.
MOST_ELEMENTS = 1000

# OpenCV before 5 wants this line, which ROS leaves out.
HEAD = "%YAML:1.0\n---\n"

Value = float | str | FloatArray | list[str]


def looks_like_yaml(source: Source) -> bool:
    """Whether the name and the content may be OpenCV's YAML."""
    return source.path.suffix.lower() in (".yml", ".yaml") and bool((source.text_if_any or "").strip())


def parse(source: Source) -> dict[str, Value]:
    """Read the top level: numbers, strings, lists of strings, and matrices as arrays.

    Matrices are taken with and without the ``!!opencv-matrix`` tag (ROS leaves it out). What is none of these
    is left out.
    """
    flags = cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY
    text = source.text if source.text.startswith("%YAML") else HEAD + source.text
    try:
        storage = cv2.FileStorage(text, flags)
        root = storage.root()
        values = {key: _value(source, key, root.getNode(key)) for key in root.keys()}  # noqa: SIM118
    except (cv2.error, SystemError) as error:  # OpenCV raises SystemError from its constructor
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise CalibrationError(
            f"The calibration file is not valid YAML of OpenCV: {reason}", "Export the file again.", source.path
        ) from error
    return {key: value for key, value in values.items() if value is not None}


def parse_if_any(source: Source) -> dict[str, Value]:
    """Read the top level; empty if it is no YAML."""
    if not looks_like_yaml(source):
        return {}
    try:
        return parse(source)
    except CalibrationError:
        return {}


def dump(values: Mapping[str, int | float | str | Sequence[str] | FloatArray]) -> bytes:
    """Write numbers, strings, lists of strings and matrices (vectors become columns), to the last digit."""
    return "".join([HEAD, *(_entry(key, value) for key, value in values.items())]).encode()


def _value(source: Source, key: str, node: Any) -> Value | None:
    """Value of one node, or None if it is of no kind that calibrations have."""
    if node.isInt() or node.isReal():
        return float(node.real())
    if node.isString():
        return str(node.string())
    if node.isSeq():
        items = [node.at(i) for i in range(min(node.size(), MOST_ELEMENTS))]
        if all(item.isInt() or item.isReal() for item in items):
            return np.array([item.real() for item in items], dtype=np.float64)
        return [item.string() if item.isString() else f"{item.real():g}" for item in items]
    if node.isMap() and not node.getNode("data").empty():
        return _matrix(source, key, node)
    return None


def _matrix(source: Source, key: str, node: Any) -> FloatArray:
    """Read a matrix by its elements, as it may claim to be larger than it is."""
    rows, cols, data = (node.getNode(part) for part in ("rows", "cols", "data"))
    shape = (int(rows.real()), int(cols.real()))
    count = data.size()
    if min(shape) < 1 or count > MOST_ELEMENTS or shape[0] * shape[1] != count:
        raise CalibrationError(
            f"The matrix '{key}' is said to be {shape[0]} x {shape[1]} but has {count} numbers.",
            "Export the file again.",
            source.path,
        )
    items = [data.at(i) for i in range(count)]
    if not all(item.isInt() or item.isReal() for item in items):
        raise CalibrationError(f"'{key}' is not made of numbers.", "Export the file again.", source.path)
    return np.array([item.real() for item in items], dtype=np.float64).reshape(shape)


def _entry(key: str, value: Any) -> str:
    """One line or block."""
    if isinstance(value, str):
        return f"{key}: {_quoted(value)}\n"
    if isinstance(value, (int, float)):
        return f"{key}: {value!r}\n"
    if isinstance(value, np.ndarray):
        matrix = value if value.ndim == 2 else value[:, None]
        data = ", ".join(repr(float(number)) for number in matrix.reshape(-1))
        rows, cols = matrix.shape
        return f"{key}: !!opencv-matrix\n   rows: {rows}\n   cols: {cols}\n   dt: d\n   data: [ {data} ]\n"
    return f"{key}:\n" + "".join(f"   - {_quoted(item)}\n" for item in value)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
