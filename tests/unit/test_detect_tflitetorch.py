"""The torch port pads, resizes and reshapes as the file means, and goes on when the graphics card is full."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mocap.core.errors import ModelError
from mocap.detect.runtimes import protocol
from mocap.detect.runtimes.tflitegraph import Graph, Operation

torch = pytest.importorskip("torch")
tflitetorch = pytest.importorskip("mocap.detect.runtimes.tflitetorch")

ODD = np.arange(25, dtype=np.float32).reshape(1, 5, 5, 1)


def network(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], *steps: Any, **options: Any) -> Any:
    """A runtime of operations in a row; each is (operation's settings, shape of its result, constants)."""
    operations, constants, shapes = [], {}, {0: shape}
    last = 0
    for settings, result, given in steps:
        first = 100 + 10 * len(operations)
        constants |= {first + n: values for n, values in enumerate(given)}
        shapes[last + 1] = result
        inputs = (last, *range(first, first + len(given)))
        operations.append(Operation(inputs=inputs, outputs=(last + 1,), **settings))
        last += 1
    spec = protocol.TensorSpec("x", (protocol.OPEN, *shape[1:]), np.dtype(np.float32))
    ends = ((0, spec),), ((last, spec),)
    monkeypatch.setattr(tflitetorch, "read_graph", lambda _: Graph(tuple(operations), constants, shapes, *ends))
    return tflitetorch.TorchTfliteRuntime(Path("net.tflite"), device="cpu", **options)


def test_same_padding_puts_the_odd_pixel_right_and_below(monkeypatch: pytest.MonkeyPatch) -> None:
    # 4 px at stride 2 under a window of 3 need one more pixel: the windows begin at 0 and 2.
    even = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    one = np.zeros((1, 3, 3, 1), dtype=np.float32)
    one[0, 0, 0, 0] = 1.0  # picks the window's first pixel
    conv = {"kind": "CONV_2D", "same": True, "stride": (2, 2)}
    runtime = network(monkeypatch, even.shape, (conv, (1, 2, 2, 1), [one, np.zeros(1, np.float32)]))
    np.testing.assert_array_equal(runtime.run(even)[0][0, ..., 0], [[0, 2], [8, 10]])
    # 5 px need one on either side: the windows begin at -1, 1 and 3.
    runtime = network(monkeypatch, ODD.shape, (conv, (1, 3, 3, 1), [one, np.zeros(1, np.float32)]))
    np.testing.assert_array_equal(runtime.run(ODD)[0][0, ..., 0], [[0, 0, 0], [0, 6, 8], [0, 16, 18]])


def test_channels_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(1).random((2, 3, 3, 2), dtype=np.float32)
    scale = np.array([2.0, -3.0], np.float32).reshape(1, 1, 1, 2)
    each = ({"kind": "DEPTHWISE_CONV_2D"}, (1, 3, 3, 2), [scale, np.array([0.0, 1.0], np.float32)])
    wider = ({"kind": "PAD"}, (1, 4, 3, 3), [np.array([[0, 0], [1, 0], [0, 0], [0, 1]])])
    flat = ({"kind": "RESHAPE"}, (1, 36), [])
    (answer,) = network(monkeypatch, (1, 3, 3, 2), each, wider, flat).run(x)
    expected = np.pad(x * [2.0, -3.0] + [0.0, 1.0], ((0, 0), (1, 0), (0, 0), (0, 1)))
    np.testing.assert_allclose(answer, expected.reshape(2, 36), atol=1e-6)


def test_pooling_and_resizing(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = ({"kind": "MAX_POOL_2D", "same": True, "stride": (2, 2), "window": (2, 2)}, (1, 3, 3, 1), [])
    (answer,) = network(monkeypatch, ODD.shape, pool).run(-ODD)
    np.testing.assert_array_equal(-answer[0, ..., 0], [[0, 2, 4], [10, 12, 14], [20, 22, 24]])
    resize = ({"kind": "RESIZE_BILINEAR"}, (1, 1, 4, 1), [np.array([1, 4])])
    (answer,) = network(monkeypatch, (1, 1, 2, 1), resize).run(np.array([0.0, 1.0]).reshape(1, 1, 2, 1))
    np.testing.assert_allclose(answer.ravel(), [0.0, 0.25, 0.75, 1.0])  # centres at halves


def test_a_full_graphics_card_halves_the_batch_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = network(monkeypatch, (1, 2, 2, 1), ({"kind": "LOGISTIC"}, (1, 2, 2, 1), []))
    forward, sizes = runtime._forward, []

    def small_card(x: np.ndarray) -> Any:
        sizes.append(len(x))
        if len(x) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(x)

    monkeypatch.setattr(runtime, "_forward", small_card)
    x = np.random.default_rng(2).random((13, 2, 2, 1), dtype=np.float32)
    (answer,) = runtime.run(x)
    np.testing.assert_allclose(answer, 1 / (1 + np.exp(-x)), atol=1e-6)
    assert sizes == [13, 6, 3, 3, 3, 3, 1]
    sizes.clear()
    runtime.run(x)  # what was learnt is kept
    assert max(sizes) == 3

    def no_card(_: np.ndarray) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(runtime, "_forward", no_card)
    with pytest.raises(ModelError, match="too small for a single picture"):
        runtime.run(x)


def three_by_three(monkeypatch: pytest.MonkeyPatch, **options: Any) -> Any:
    """A convolution of two channels; the same numbers each time."""
    kernel = np.random.default_rng(3).normal(size=(2, 3, 3, 2)).astype(np.float32)
    conv = {"kind": "CONV_2D", "same": True, "stride": (1, 1)}
    given = [kernel, np.zeros(2, np.float32)]
    return network(monkeypatch, (1, 8, 8, 2), (conv, (1, 8, 8, 2), given), **options)


def test_a_lower_precision_is_close_and_the_usual_one_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(4).random((2, 8, 8, 2), dtype=np.float32)
    (exact,) = three_by_three(monkeypatch).run(x)
    off = {}
    for precision in ("float32", "bfloat16"):
        (answer,) = three_by_three(monkeypatch, precision=precision).run(x)
        assert answer.dtype == np.float32
        off[precision] = float(np.abs(answer - exact).max())
    assert off["float32"] == 0.0
    assert 0.0 < off["bfloat16"] < 0.1


def test_a_compiled_network_sees_few_sizes_of_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def compiled(graph: Any, *, fullgraph: bool, mode: str) -> Any:
        traced = real(graph, fullgraph=fullgraph, backend="eager")  # as torch reads it, without a C++ compiler

        def run(x: Any) -> Any:
            sizes.append(len(x))
            return traced(x)

        return run

    real = torch.compile
    monkeypatch.setattr(torch, "compile", compiled)
    runtime, plain = three_by_three(monkeypatch, compiled=True), three_by_three(monkeypatch)
    for count in (1, 3, 4, 5):
        x = np.random.default_rng(count).random((count, 8, 8, 2), dtype=np.float32)
        np.testing.assert_allclose(runtime.run(x)[0], plain.run(x)[0], atol=1e-6)
    assert sizes == [1, 4, 4, 8]
