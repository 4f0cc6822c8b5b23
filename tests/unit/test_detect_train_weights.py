"""Learned weights go back to their own places in a .tflite file, and to no other."""

from pathlib import Path

import numpy as np
import pytest

from mocap.core.errors import ModelError
from mocap.detect.train.weightfile import with_weights

tflite = pytest.importorskip("tflite")
flatbuffers = pytest.importorskip("flatbuffers")

KEPT = np.arange(6, dtype="<f2").reshape(2, 3)
PLAIN = np.array([7.0, 8.0], dtype="<f4")


def small_file(path: Path) -> Path:
    """A file of two constants: 16-bit tensor 0, which DEQUANTIZE makes tensor 1 of, and 32-bit tensor 2."""
    b = flatbuffers.Builder(256)

    def vector(start: object, parts: list[int]) -> int:
        start(b, len(parts))  # type: ignore[operator]
        for part in reversed(parts):
            b.PrependUOffsetTRelative(part)
        return int(b.EndVector())

    def numbers(start: object, values: list[int]) -> int:
        start(b, len(values))  # type: ignore[operator]
        for value in reversed(values):
            b.PrependInt32(value)
        return int(b.EndVector())

    data = [b.CreateByteVector(array.tobytes()) for array in (KEPT, PLAIN)]
    buffers = []
    for content in (None, *data):
        tflite.BufferStart(b)
        if content is not None:
            tflite.BufferAddData(b, content)
        buffers.append(tflite.BufferEnd(b))
    tensors = []
    for kind, buffer in ((1, 1), (0, 0), (0, 2)):
        shape = numbers(tflite.TensorStartShapeVector, [2, 3])
        tflite.TensorStart(b)
        tflite.TensorAddShape(b, shape)
        tflite.TensorAddType(b, kind)
        tflite.TensorAddBuffer(b, buffer)
        tensors.append(tflite.TensorEnd(b))
    taken, made = numbers(tflite.OperatorStartInputsVector, [0]), numbers(tflite.OperatorStartOutputsVector, [1])
    tflite.OperatorStart(b)
    tflite.OperatorAddInputs(b, taken)
    tflite.OperatorAddOutputs(b, made)
    operators = vector(tflite.SubGraphStartOperatorsVector, [tflite.OperatorEnd(b)])
    listed = vector(tflite.SubGraphStartTensorsVector, tensors)
    tflite.SubGraphStart(b)
    tflite.SubGraphAddTensors(b, listed)
    tflite.SubGraphAddOperators(b, operators)
    parts = vector(tflite.ModelStartSubgraphsVector, [tflite.SubGraphEnd(b)])
    tflite.OperatorCodeStart(b)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(b, tflite.BuiltinOperator.DEQUANTIZE)
    codes = vector(tflite.ModelStartOperatorCodesVector, [tflite.OperatorCodeEnd(b)])
    held = vector(tflite.ModelStartBuffersVector, buffers)
    tflite.ModelStart(b)
    tflite.ModelAddOperatorCodes(b, codes)
    tflite.ModelAddSubgraphs(b, parts)
    tflite.ModelAddBuffers(b, held)
    b.Finish(tflite.ModelEnd(b), b"TFL3")
    path.write_bytes(bytes(b.Output()))
    return path


def constants(content: bytes) -> list[np.ndarray]:
    model = tflite.Model.GetRootAsModel(content, 0)
    raw = [model.Buffers(n).DataAsNumpy().tobytes() for n in (1, 2)]
    return [np.frombuffer(raw[0], "<f2").reshape(2, 3), np.frombuffer(raw[1], "<f4")]


def test_weights_are_put_into_their_places_and_nothing_else_moves(tmp_path: Path) -> None:
    path = small_file(tmp_path / "net.tflite")
    old = path.read_bytes()
    new = with_weights(path, {1: (KEPT * 10.0).astype(np.float32) + 0.001})
    half, plain = constants(new)
    np.testing.assert_array_equal(half, (KEPT.astype(np.float32) * 10.0 + 0.001).astype("<f2"))
    np.testing.assert_array_equal(plain, PLAIN)
    assert len(new) == len(old)
    assert sum(a != b for a, b in zip(old, new, strict=True)) <= KEPT.nbytes
    np.testing.assert_array_equal(constants(with_weights(path, {2: PLAIN + 1.0}))[1], PLAIN + 1.0)
    assert path.read_bytes() == old


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        ({1: np.zeros((3, 3))}, "do not fit"),
        ({1: np.full((2, 3), np.nan)}, "not a number"),
        ({1: np.full((2, 3), 1e6)}, "not a number"),  # more than 16 bits hold
        ({0: KEPT, 1: KEPT}, "share one place"),
    ],
)
def test_what_does_not_fit_is_refused(weights: dict[int, np.ndarray], reason: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=reason):
        with_weights(small_file(tmp_path / "net.tflite"), weights)
