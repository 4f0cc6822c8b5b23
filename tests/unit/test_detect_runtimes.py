"""Every runtime opens its files, says what they eat, and explains those that are no network."""

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mocap.core.errors import MissingExtraError, ModelError
from mocap.detect.runtimes import OPEN, READERS, open_runtime, outputs_of_shape


@pytest.fixture
def onnx_file(tmp_path: Path) -> Path:
    """Two outputs, x + 1 and 2 x, of a batch of any size."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "one"], ["more"]), helper.make_node("Add", ["x", "x"], ["twice"])],
        "net",
        [helper.make_tensor_value_info("x", kind, ["batch", 2, 3])],
        [helper.make_tensor_value_info(n, kind, ["batch", 2, 3]) for n in ("more", "twice")],
        [helper.make_tensor("one", kind, [1], [1.0])],
    )
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


@pytest.mark.parametrize("kind", READERS[".onnx"])
def test_an_onnx_file_runs_on_batches(onnx_file: Path, kind: Any) -> None:
    pytest.importorskip(kind)
    runtime = open_runtime(onnx_file, kind)
    assert runtime.name.startswith(kind)
    assert [(s.name, s.shape, s.dtype) for s in runtime.inputs] == [("x", (OPEN, 2, 3), np.float32)]
    assert [s.name for s in runtime.outputs] == ["more", "twice"]
    for batch in (1, 4):
        x = np.arange(batch * 6.0).reshape(batch, 2, 3)  # doubles: the runtime casts
        more, twice = runtime.run(x)
        np.testing.assert_array_equal(more, x + 1)
        np.testing.assert_array_equal(twice, 2 * x)
    first = runtime.run(x)[0]
    kept = first.copy()
    runtime.run(x * 5)
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("kind", READERS[".onnx"])
def test_wrong_shapes_are_explained(onnx_file: Path, kind: Any) -> None:
    pytest.importorskip(kind)
    runtime = open_runtime(onnx_file, kind)
    for inputs in ([np.zeros((1, 2, 4))], [np.zeros((2, 3))], [], [np.zeros((1, 2, 3))] * 2):
        with pytest.raises(ModelError, match="not of the kind") as caught:
            runtime.run(*inputs)
        assert caught.value.path == onnx_file
    with pytest.raises(ModelError, match="expected once, and it has"):
        outputs_of_shape(runtime, ((1, 2, 3),))
    with pytest.raises(ModelError, match=r"\(1, 9\) is expected once"):
        outputs_of_shape(runtime, ((1, 9),))


@pytest.mark.parametrize(("suffix", "kind"), [(s, k) for s, kinds in READERS.items() for k in kinds])
def test_a_damaged_file_is_explained(tmp_path: Path, suffix: str, kind: Any) -> None:
    pytest.importorskip({"litert": "ai_edge_litert"}.get(kind, kind))
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(b"TFL3 PK\x03\x04 but not really" * 50)
    with pytest.raises(ModelError, match="not a network") as caught:
        open_runtime(path, kind)
    assert caught.value.path == path


def test_torchscript_runs_and_a_pickle_is_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("the answer is compared bit for bit, and a graphics card rounds in its own way")

    class Net(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any) -> Any:
            return x + 1, x * 2

    path = tmp_path / "net.pt"
    example = torch.zeros(1, 2)
    with warnings.catch_warnings():  # torch calls its own format old; labs have files of it
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(Net().eval(), example), str(path))
    runtime = open_runtime(path)
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    more, twice = runtime.run(x)
    np.testing.assert_array_equal(more, x + 1)
    np.testing.assert_array_equal(twice, 2 * x)
    assert (len(runtime.inputs), runtime.outputs) == (1, ())

    pickled = tmp_path / "weights.pth"
    torch.save({"weight": torch.zeros(3)}, pickled)
    with pytest.raises(ModelError, match="pickled checkpoint") as caught:
        open_runtime(pickled)
    assert "ONNX" in caught.value.remedy


@pytest.mark.parametrize(("suffix", "kind"), [(".onnx", "onnxruntime"), (".onnx", "openvino"), (".pt", "torch")])
def test_a_runtime_that_is_not_installed_is_named(
    tmp_path: Path, suffix: str, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"net{suffix}"
    path.write_bytes(b"x")
    monkeypatch.setitem(sys.modules, kind, None)
    with pytest.raises(MissingExtraError, match="pip install 'openmocap"):
        open_runtime(path, kind)


def test_what_no_runtime_reads_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"'\.h5' is no kind"):
        open_runtime(tmp_path / "net.h5")
    with pytest.raises(ModelError, match=r"openvino does not read \.pt"):
        open_runtime(tmp_path / "net.pt", "openvino")
    with pytest.raises(ModelError, match="no such file"):
        open_runtime(tmp_path / "net.onnx")
