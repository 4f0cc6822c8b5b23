"""HDF5 files of DeepLabCut (a pandas table) and SLEAP, read with h5py, which comes with an extra."""

from __future__ import annotations

import ast
import pickletools
from pathlib import Path
from typing import Any

import numpy as np

from mocap.core.errors import InputError, MissingExtraError

Heading = tuple[str, str, str]


def open_hdf5(path: Path) -> Any:
    """Open a file for reading.

    Raises
    ------
    MissingExtraError
        If h5py is not installed.
    InputError
        If this is no HDF5 file.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError(f"The HDF5 file {path.name} needs the package h5py.", "hdf5") from error
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"This HDF5 file cannot be read: {error}.", "Write it again.", path) from error


def text(value: Any) -> str:
    """Text of a stored string."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def read_pandas_table(path: Path) -> tuple[list[Heading], np.ndarray, np.ndarray]:
    """Read the table that DeepLabCut stores: columns, frame numbers (F,), values (F, columns).

    PyTables keeps the columns' names as a pickle. A pickle is a program; this one is not run: the strings it
    holds are taken out of it in their order, and nothing else of it is heeded.
    """
    with open_hdf5(path) as file:
        table = _find_table(file)
        if table is None:
            raise InputError("There is no pandas table in this file.", "Give DeepLabCut's own file.", path)
        rows = table[()]
        blocks = sorted(name for name in rows.dtype.names or () if name.startswith("values_block_"))
        words = [_strings(table.attrs.get(f"{block}_kind")) for block in blocks]
        values = np.concatenate([rows[block] for block in blocks], axis=1).astype(np.float64)
        frames = np.asarray(rows["index"], dtype=np.int64)
    columns = _headings([word for block in words for word in block], values.shape[1], path)
    return columns, frames, values


def _find_table(group: Any) -> Any:
    """First dataset called ``table`` below this group."""
    for name, item in group.items():
        if name == "table" and getattr(item, "dtype", None) is not None:
            return item
        if hasattr(item, "items") and (inner := _find_table(item)) is not None:
            return inner
    return None


def _strings(pickled: Any) -> list[str]:
    """Strings of a pickled list of tuples of strings in their order, those that are repeated included."""
    data = bytes(pickled) if pickled is not None else b""
    memo: dict[int, str] = {}
    found: list[str] = []
    last: str | None = None
    try:
        for opcode, argument, _ in pickletools.genops(data):
            if isinstance(argument, str) and opcode.name not in ("GLOBAL", "INST"):
                found.append(argument)
                last = argument
            elif opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and last is not None:
                memo[int(argument or 0)] = last
            elif opcode.name == "MEMOIZE":
                memo[len(memo)] = last or ""
            elif opcode.name in ("GET", "BINGET", "LONG_BINGET") and memo.get(int(argument or 0)):
                found.append(memo[int(argument or 0)])
            if opcode.name in ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "LIST", "EMPTY_LIST"):
                last = None
    except ValueError:
        return []
    return found


def _headings(words: list[str], columns: int, path: Path) -> list[Heading]:
    """Names of the columns from scorer, (individual,) body part and coordinate of each."""
    if words and len(words) == columns and words[0].startswith("("):
        words = [part for word in words for part in ast.literal_eval(word)]
    levels, rest = divmod(len(words), columns)
    if rest or levels not in (3, 4):
        raise InputError("The names of the columns cannot be read.", "Give the CSV file of this table.", path)
    rows = [words[i * levels : (i + 1) * levels] for i in range(columns)]
    return [(row[1] if levels == 4 else "single", row[-2], row[-1]) for row in rows]
