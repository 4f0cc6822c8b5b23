"""Learned weights put back into a .tflite file: the same network with other numbers, for every runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mocap.core.errors import MissingExtraError, ModelError
from mocap.detect.runtimes.protocol import Array

# Type codes of TensorFlow Lite's schema for the numbers that weights are kept in.
FLOATS: dict[int, np.dtype[Any]] = {0: np.dtype("<f4"), 1: np.dtype("<f2")}


def with_weights(path: Path, weights: dict[int, Array]) -> bytes:
    """Give the content of a .tflite file with other weights.

    Parameters
    ----------
    path : Path
        The network as it was.
    weights : dict of int to array
        By number of tensor, in the file's order of axes; rounded to the type that the file keeps them in.

    Raises
    ------
    MissingExtraError
        If the package ``tflite`` is not installed.
    ModelError
        If a weight does not fit into its place, is not a number, or two share a place.
    """
    try:
        import tflite
    except ImportError as error:
        raise MissingExtraError(f"Changing {path.name} needs the package 'tflite'.", "torch") from error
    content = bytearray(path.read_bytes())
    model = tflite.Model.GetRootAsModel(content, 0)
    part = model.Subgraphs(0)
    kept_in = _kept_in(tflite, model, part)
    written: dict[int, int] = {}
    for n, values in weights.items():
        tensor = part.Tensors(kept_in.get(n, n))
        number = tensor.Buffer()
        buffer = model.Buffers(number)
        kind = FLOATS.get(tensor.Type())
        if kind is None or buffer.DataLength() != values.size * kind.itemsize:
            raise ModelError(f"The weights {n} do not fit into their place.", "Report this.", path)
        if number in written:
            raise ModelError(f"The weights {n} and {written[number]} share one place.", "Report this.", path)
        with np.errstate(over="ignore"):
            rounded = np.ascontiguousarray(values).astype(kind)
        if not np.isfinite(rounded).all():
            raise ModelError("What was learned is not a number.", "Learn more slowly: a smaller rate.", path)
        written[number] = n
        # The table's own word for where the vector begins.
        start = buffer._tab.Vector(buffer._tab.Offset(4))
        content[start : start + rounded.nbytes] = rounded.tobytes()
    return bytes(content)


def _kept_in(tflite: Any, model: Any, part: Any) -> dict[int, int]:
    """For each tensor that DEQUANTIZE makes, the one that holds its numbers."""
    pairs = {}
    for n in range(part.OperatorsLength()):
        operator = part.Operators(n)
        code = model.OperatorCodes(operator.OpcodeIndex())
        if max(code.BuiltinCode(), code.DeprecatedBuiltinCode()) == tflite.BuiltinOperator.DEQUANTIZE:
            pairs[int(operator.Outputs(0))] = int(operator.Inputs(0))
    return pairs
