"""What a .tflite file says: its operations, their constants, and how they hang together.

The format is TensorFlow Lite's schema (a flatbuffer, read through the package ``tflite``); only the operations of
the shipped landmark networks are known here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mocap.core.errors import MissingExtraError, ModelError
from mocap.detect.runtimes.protocol import OPEN, Array, TensorSpec, unreadable

# Type codes of the schema.
_TYPES = {0: np.float32, 1: np.float16, 2: np.int32, 3: np.uint8, 4: np.int64, 9: np.int8}
# Operations with a table of settings, and that table's class.
_OPTIONS = {
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "ADD": "AddOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
}
KNOWN = (*_OPTIONS, "PAD", "RESHAPE", "LOGISTIC", "DEQUANTIZE")
_ACTIVATIONS = {0: "", 1: "relu", 3: "relu6"}


@dataclass(frozen=True)
class Operation:
    """One step of a network.

    Attributes
    ----------
    kind : str
        In the schema's words, such as ``CONV_2D``.
    inputs, outputs : tuple of int
        Numbers of tensors.
    same : bool
        Padded so that the output is the input's size over the stride; the odd pixel goes right and below.
    stride, window : (int, int)
        Down and across, px.
    activation : str
        ``relu``, ``relu6`` or empty.
    half_pixel : bool
        Of a resize: pixel centres lie at halves.
    """

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    same: bool = False
    stride: tuple[int, int] = (1, 1)
    window: tuple[int, int] = (1, 1)
    activation: str = ""
    half_pixel: bool = True


@dataclass(frozen=True)
class Graph:
    """A network.

    Attributes
    ----------
    constants : dict of int to array
        By number of tensor; 16-bit floats as 32-bit ones, which is what DEQUANTIZE makes of them.
    shapes : dict of int to tuple of int
        Of all tensors, for one picture.
    inputs, outputs : tuple of (int, TensorSpec)
    """

    operations: tuple[Operation, ...]
    constants: dict[int, Array]
    shapes: dict[int, tuple[int, ...]]
    inputs: tuple[tuple[int, TensorSpec], ...]
    outputs: tuple[tuple[int, TensorSpec], ...]


def read_graph(path: Path) -> Graph:
    """Read a .tflite file.

    Raises
    ------
    MissingExtraError
        If the package ``tflite`` is not installed.
    ModelError
        If the file is damaged, or holds operations that are not known here.
    """
    try:
        import tflite
    except ImportError as error:
        raise MissingExtraError(f"Reading {path.name} for torch needs the package 'tflite'.", "torch") from error
    content = path.read_bytes()
    if content[4:8] != b"TFL3":
        raise unreadable(path, "torch", ValueError("it does not begin as a .tflite file does"))
    try:
        model = tflite.Model.GetRootAsModel(content, 0)
        return _graph(tflite, model, path)
    # The reader checks nothing: a cut file shows as whatever goes wrong first.
    except (IndexError, ValueError, TypeError, AttributeError, OverflowError, KeyError, struct.error) as error:
        raise unreadable(path, "torch", error) from error


def _graph(tflite: Any, model: Any, path: Path) -> Graph:
    part = model.Subgraphs(0)
    names = {number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}
    shapes, constants = {}, {}
    for n in range(part.TensorsLength()):
        tensor = part.Tensors(n)
        shapes[n] = tuple(int(s) for s in tensor.ShapeAsNumpy()) if tensor.ShapeLength() else ()
        buffer = model.Buffers(tensor.Buffer())
        if buffer.DataLength():
            values = np.frombuffer(buffer.DataAsNumpy().tobytes(), dtype=_TYPES[tensor.Type()])
            constants[n] = values.reshape(shapes[n])
    operations = []
    for n in range(part.OperatorsLength()):
        raw = part.Operators(n)
        code = model.OperatorCodes(raw.OpcodeIndex())
        # Codes beyond 127 do not fit into the old field.
        kind = names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        if kind not in KNOWN:
            raise ModelError(
                f"torch cannot run this network: the operation {kind} is not known here.",
                "Use the runtime litert or openvino.",
                path,
            )
        operation = _operation(tflite, raw, kind)
        if kind == "DEQUANTIZE" and operation.inputs[0] in constants:
            constants[operation.outputs[0]] = constants[operation.inputs[0]].astype(np.float32)
        else:
            operations.append(operation)

    def end(n: int) -> tuple[int, TensorSpec]:
        name = part.Tensors(n).Name().decode()
        return n, TensorSpec(name, (OPEN, *shapes[n][1:]), np.dtype(np.float32))

    inputs = tuple(end(int(n)) for n in part.InputsAsNumpy())
    outputs = tuple(end(int(n)) for n in part.OutputsAsNumpy())
    return Graph(tuple(operations), constants, shapes, inputs, outputs)


def _operation(tflite: Any, raw: Any, kind: str) -> Operation:
    inputs = tuple(int(n) for n in raw.InputsAsNumpy())
    outputs = tuple(int(n) for n in raw.OutputsAsNumpy())
    table = raw.BuiltinOptions()
    if kind not in _OPTIONS or table is None:
        return Operation(kind, inputs, outputs)
    options = getattr(tflite, _OPTIONS[kind])()
    options.Init(table.Bytes, table.Pos)
    if kind == "RESIZE_BILINEAR":
        if options.AlignCorners():
            raise ValueError("a resize that aligns corners is not known here")
        return Operation(kind, inputs, outputs, half_pixel=bool(options.HalfPixelCenters()))
    activation = _ACTIVATIONS[options.FusedActivationFunction()]
    if kind == "ADD":
        return Operation(kind, inputs, outputs, activation=activation)
    if kind != "MAX_POOL_2D" and (options.DilationHFactor(), options.DilationWFactor()) != (1, 1):
        raise ValueError("a dilated convolution is not known here")
    window = (options.FilterHeight(), options.FilterWidth()) if kind == "MAX_POOL_2D" else (1, 1)
    same = options.Padding() == tflite.Padding.SAME
    return Operation(kind, inputs, outputs, same, (options.StrideH(), options.StrideW()), window, activation)
