"""The runtime refuses networks that are damaged or of another kind."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ai_edge_litert.interpreter
import numpy as np
import pytest

from mocap.core.errors import ModelError
from mocap.detect.pool import Pool, ShapedNetwork, open_network
from mocap.detect.runtimes.litert import LiteRtRuntime


class FakeInterpreter:
    """A network with one open input size that answers with zeros."""

    inputs: tuple[dict[str, Any], ...] = (
        {
            "index": 0,
            "shape": np.array([1, 1, 1, 3]),
            "shape_signature": np.array([1, -1, -1, 3]),
            "dtype": np.uint8,
        },
    )
    outputs: tuple[dict[str, Any], ...] = (
        {"index": 7, "shape": np.array([1, 6, 56]), "dtype": np.float32},
        {"index": 8, "shape": np.array([1, 1]), "dtype": np.float32},
    )

    def __init__(self, **_: Any) -> None:
        self.fed: Any = None
        self.shape: tuple[int, ...] = (1, 1, 1, 3)

    def allocate_tensors(self) -> None: ...

    def get_input_details(self) -> list[dict[str, Any]]:
        return [{**d, "shape": np.array(self.shape)} for d in self.inputs]

    def get_output_details(self) -> list[dict[str, Any]]:
        return list(self.outputs)

    def resize_tensor_input(self, index: int, shape: tuple[int, ...]) -> None:
        self.shape = tuple(shape)

    def set_tensor(self, index: int, tensor: np.ndarray) -> None:
        assert tensor.shape == self.shape
        assert tensor.dtype == np.uint8
        self.fed = tensor

    def invoke(self) -> None: ...

    def get_tensor(self, index: int) -> np.ndarray:
        return np.full((1, 6, 56) if index == 7 else (1, 1), index, dtype=np.float32)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ai_edge_litert.interpreter, "Interpreter", FakeInterpreter)


def shaped(*outputs: tuple[int, ...]) -> ShapedNetwork:
    return ShapedNetwork(LiteRtRuntime(Path("net")), outputs)


def test_a_file_that_is_no_network_is_explained(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "broken.tflite"
    path.write_bytes(b"TFL3 but not really" * 50)
    with pytest.raises(ModelError, match="mocap models fetch"):
        open_network(path, ((1, 1),))
    assert capfd.readouterr().err == ""


def test_a_file_that_is_not_there_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="absent"):
        open_network(tmp_path / "absent.tflite", ((1, 1),))


@pytest.mark.usefixtures("fake")
def test_outputs_come_in_the_order_asked_for_and_the_input_grows() -> None:
    model = shaped((1, 1), (1, 6, 56))
    for size in (64, 96):
        flag, people = model.run(np.zeros((1, size, 32, 3)))
        assert (flag.shape, people.shape) == ((1, 1), (1, 6, 56))


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("outputs", [[(1, 195)], [(1, 6, 56), (1, 2)]])
def test_a_network_without_the_expected_outputs_is_refused(outputs: list[tuple[int, ...]]) -> None:
    with pytest.raises(ModelError, match=r"expected once, and it has \(1, 6, 56\), \(1, 1\)"):
        shaped(*outputs)


@pytest.mark.usefixtures("fake")
def test_a_network_with_two_inputs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeInterpreter, "inputs", FakeInterpreter.inputs * 2)
    with pytest.raises(ModelError, match="2 inputs"):
        shaped((1, 1))


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("shape", [(1, 64, 64, 4), (64, 64, 3), (2, 64, 64, 3)])
def test_a_picture_of_the_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    model = shaped((1, 1))
    with pytest.raises(ModelError, match="was given"):
        model.run(np.zeros(shape))


@pytest.mark.usefixtures("fake")
def test_copies_are_lent_to_one_thread_at_a_time() -> None:
    pool, inside, most = Pool(lambda: shaped((1, 1)), 2), [], []

    def work(network: Any) -> int:
        inside.append(network)
        most.append(len(inside))
        assert len(set(map(id, inside))) == len(inside)
        time.sleep(0.01)
        inside.remove(network)
        return 1

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(lambda _: pool.use(work), range(8))) == 8
    assert max(most) == 2
    with pytest.raises(ZeroDivisionError):
        pool.use(lambda _: 1 // 0)
    assert sum(pool.use(work) for _ in range(3)) == 3  # a copy that failed is lent again
