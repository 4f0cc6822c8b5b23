"""Reads pickles of plain values and arrays without running anything of what they ask for.

A pickle is a program that builds objects by calling functions. Those that make numpy arrays are known by name
and are not called either, as numpy trusts its own pickles: damaged ones bring it to crash. What they were to be
called with is written down, and arrays of numbers are read from that. Any other name is refused.
"""

from __future__ import annotations

import io
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np

from calibration.errors import CalibrationError
from calibration.transforms import FloatArray

# What arrays and numpy's numbers are made with, in pickles of all protocols; numpy 1 says numpy.core.
ARRAY_MAKERS = {
    "numpy.ndarray",
    "numpy.dtype",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy._core.numeric._frombuffer",
    "_codecs.encode",
}

# Floats, integers and truth values of one to eight bytes.
NUMBER_TYPE = re.compile(r"[<>=|]?[fiub][1248]")


class Call:
    """A call that was asked for: the function's name, its arguments, and the state given to the result."""

    __slots__ = ("arguments", "name", "state")

    def __init__(self, name: str, arguments: tuple[Any, ...] = ()) -> None:
        self.name = name
        self.arguments = arguments
        self.state: Any = None

    def __call__(self, *arguments: Any) -> Call:
        """Write down a call of this function."""
        return Call(self.name, arguments)

    def __setstate__(self, state: Any) -> None:
        """Write down the state of the result."""
        self.state = state


class _Unpickler(pickle._Unpickler):
    """The unpickler in Python: the one in C takes as much memory as damaged numbers tell it to."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a stand-in for what makes arrays; refuse all else."""
        known = f"{module}.{name}".replace("numpy.core.", "numpy._core.")
        if known not in ARRAY_MAKERS:
            raise CalibrationError(
                f"This pickle wants to run '{module}.{name}'; it was not opened.",
                "Do not use it; ask where it comes from.",
            )
        return Call(known)


def load(path: Path, data: bytes) -> Any:
    """Load a pickle; arrays and numpy's numbers come as ``Call``, to be read by ``array_of``.

    Raises
    ------
    CalibrationError
        If it is damaged, or asks for anything else; the message names it.
    """
    try:
        return _Unpickler(io.BytesIO(data), encoding="latin1").load()
    except CalibrationError as error:
        raise CalibrationError(error.what, error.remedy, path) from error
    # The documentation of pickle leaves open which exceptions damaged data raises.
    except Exception as error:
        raise CalibrationError(
            f"This is not a whole pickle: {error}.", "Get the file from its source again.", path
        ) from error


def array_of(value: Any) -> FloatArray | Any:
    """Return an array of numbers if that is what was asked for, and any other value as it is.

    Raises
    ------
    ValueError
        If it was to be an array of something else, or is not whole.
    """
    if not isinstance(value, Call):
        return value
    try:
        return _array(value)
    # Whatever arguments a damaged pickle has written down.
    except (TypeError, IndexError, AttributeError, OverflowError) as error:
        raise ValueError(str(error)) from error


def _array(value: Call) -> FloatArray:
    """Read what an array was to be made of."""
    name = value.name.rpartition(".")[2]
    if name == "_reconstruct":
        _version, shape, kind, by_column, data = value.state
    elif name == "_frombuffer":
        data, kind, shape, order = value.arguments
        by_column = order == "F"
    elif name == "scalar":
        (kind, data), shape, by_column = value.arguments, (), False
    else:
        raise ValueError(f"{value.name} makes no array")
    numbers = np.frombuffer(_bytes_of(data), dtype=_type_of(kind)).astype(np.float64)
    return numbers.reshape(tuple(int(n) for n in shape), order="F" if by_column else "C")


def _type_of(kind: Any) -> np.dtype[Any]:
    """Type of numbers, with its order of bytes."""
    code = kind.arguments[0] if isinstance(kind, Call) and kind.name == "numpy.dtype" else None
    if not isinstance(code, str) or not NUMBER_TYPE.fullmatch(code):
        raise ValueError(f"no numbers: {code}")
    big_endian = kind.state is not None and kind.state[1] == ">"
    return np.dtype(code).newbyteorder(">" if big_endian else "=")


def _bytes_of(data: Any) -> bytes:
    """Bytes, however they were written: Python 3 writes them as text for Python 2."""
    if isinstance(data, Call) and data.name == "_codecs.encode":
        data = data.arguments[0]
    return data.encode("latin1") if isinstance(data, str) else bytes(memoryview(data))
