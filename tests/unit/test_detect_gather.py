"""Crops of many threads in one batch: everybody gets their own answer, and hears of what goes wrong."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mocap.core.errors import ModelError
from mocap.detect import gather
from mocap.detect.gather import Gathered


class Doubles:
    """Doubles what it is given, slowly; fails where a crop is negative."""

    name = "doubles"

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.inside = threading.Lock()

    def run(self, tensor: np.ndarray) -> list[np.ndarray]:
        assert self.inside.acquire(blocking=False), "not for two threads at once"
        self.batches.append(len(tensor))
        time.sleep(0.02)
        self.inside.release()
        if (tensor < 0).any():
            raise ModelError("The network fails.", "Mend it.")
        return [2 * tensor, tensor.sum(axis=1)]


def ask(gathered: Gathered, values: list[float]) -> list[float]:
    def one(value: float) -> float:
        double, total = gathered.use(lambda network: network.run(np.array([[value, 1.0]], dtype=np.float32)))
        assert (double.shape, total.shape) == ((1, 2), (1,))
        assert total[0] == value + 1.0
        return float(double[0, 0])

    with ThreadPoolExecutor(len(values)) as threads:
        return list(threads.map(one, values))


def test_everybody_gets_their_own_answer_out_of_few_batches() -> None:
    network = Doubles()
    values = [float(n) for n in range(24)]
    assert ask(Gathered(lambda: network), values) == [2 * v for v in values]
    assert sum(network.batches) == 24
    assert len(network.batches) < 8


def test_no_batch_is_larger_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "MOST_CROPS", 4)
    network = Doubles()
    values = [float(n) for n in range(24)]
    assert ask(Gathered(lambda: network), values) == [2 * v for v in values]
    assert max(network.batches) == 4


def test_all_of_a_batch_hear_of_a_failure_and_the_next_ones_are_answered() -> None:
    gathered = Gathered(Doubles)
    with pytest.raises(ModelError, match="fails"):
        ask(gathered, [-1.0])
    assert ask(gathered, [3.0]) == [6.0]
