"""The fastest runtime that agrees is chosen, and the choice is remembered."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mocap.core.errors import ModelError
from mocap.detect.runtimes import TensorSpec, choose
from mocap.detect.runtimes.choose import fastest, remembered, trial

SHAPES = ((1, 4),)


class Timed:
    """A runtime that takes a known time of the processor and answers with a known number."""

    runs = 0

    def __init__(self, seconds: float, answer: float = 1.0) -> None:
        self.seconds, self.answer = seconds, answer
        self.name, self.path = "timed", Path("net")
        self.inputs = (TensorSpec("x", (-1, 2), np.dtype(np.float32)),)
        self.outputs = (TensorSpec("y", (-1, 4), np.dtype(np.float32)),)

    def run(self, *inputs: Any) -> tuple[np.ndarray, ...]:
        type(self).runs += 1
        end = time.process_time() + self.seconds
        while time.process_time() < end:
            pass
        return (np.full((1, 4), self.answer, dtype=np.float32),)


class Card(Timed):
    """A runtime that works beside the processor, as long for a batch as for one."""

    def run(self, *inputs: Any) -> tuple[np.ndarray, ...]:
        time.sleep(self.seconds)
        return (np.full((len(inputs[0]), 4), self.answer, dtype=np.float32),)


def choice(**runtimes: Any) -> choose.Verdict:
    def start(kind: str) -> Any:
        if isinstance(runtimes[kind], Exception):
            raise runtimes[kind]
        return runtimes[kind]

    return trial("net", list(runtimes), start, SHAPES)  # type: ignore[arg-type]


def test_the_fastest_wins() -> None:
    verdict = choice(litert=Timed(0.02), openvino=Timed(0.005))
    assert verdict.chosen == "openvino"
    assert verdict.milliseconds["litert"] > verdict.milliseconds["openvino"] > 0


def test_a_tie_goes_to_the_base_runtime() -> None:
    assert choice(litert=Timed(0.010), openvino=Timed(0.0099)).chosen == "litert"


@pytest.mark.parametrize("wrong", [1.06, np.nan])
def test_one_that_disagrees_is_not_chosen_however_fast(wrong: float) -> None:
    verdict = choice(litert=Timed(0.01), openvino=Timed(0.0, wrong))
    assert verdict.chosen == "litert"
    assert set(verdict.milliseconds) == {"litert"}


def test_one_that_does_not_open_is_not_chosen() -> None:
    assert choice(litert=Timed(0.01), openvino=ModelError("no", "no")).chosen == "litert"


def test_the_base_runtime_must_work() -> None:
    with pytest.raises(ModelError):
        choice(litert=ModelError("no", "no"), openvino=Timed(0.0))


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Two runtimes whose versions the test sets, and a cache of its own."""
    versions = {"litert": "1", "openvino": "2"}
    monkeypatch.setattr(choose, "user_cache_dir", lambda _: str(tmp_path))
    monkeypatch.setattr(choose, "installed", versions.get)
    monkeypatch.setattr(choose, "open_runtime", lambda path, kind: Timed(0.02 if kind == "litert" else 0.005))
    monkeypatch.setattr(Timed, "runs", 0)
    return versions


def test_the_verdict_is_remembered_until_something_changes(machine: dict[str, str], tmp_path: Path) -> None:
    def ask(sha256: str = "a" * 64) -> str:
        return fastest("net", sha256, Path("net.tflite"), SHAPES).chosen

    assert ask() == "openvino"
    runs = Timed.runs
    assert ask() == "openvino"
    assert Timed.runs == runs
    assert [v.chosen for v in remembered().values()] == ["openvino"]
    for change in ({"openvino": "3"}, {}):
        machine |= change
        ask("a" * 64 if change else "b" * 64)
        assert Timed.runs > runs
        runs = Timed.runs
    (tmp_path / "runtimes.json").write_text("damaged")
    assert ask() == "openvino"
    assert Timed.runs > runs


def test_with_one_runtime_there_is_nothing_to_try(machine: dict[str, str]) -> None:
    del machine["openvino"]
    assert fastest("net", "a" * 64, Path("net.tflite"), SHAPES).chosen == "litert"
    assert Timed.runs == 0


def test_a_cache_that_cannot_be_written_is_no_obstacle(machine: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "runtimes.json").mkdir()
    assert fastest("net", "a" * 64, Path("net.tflite"), SHAPES).chosen == "openvino"


def test_torch_is_tried_where_there_is_a_graphics_card(
    machine: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine["torch"] = "9"
    made = {"litert": Timed(0.02), "openvino": Timed(0.015), "torch": Card(0.03)}
    monkeypatch.setattr(choose, "open_runtime", lambda path, kind: made[kind])
    monkeypatch.setattr(choose, "on_graphics_card", lambda: False)
    assert fastest("net", "a" * 64, Path("net.tflite"), SHAPES).chosen == "openvino"
    monkeypatch.setattr(choose, "on_graphics_card", lambda: True)
    # 30 ms for a whole batch; two cores would do two crops in 15.
    verdict = fastest("net", "a" * 64, Path("net.tflite"), SHAPES, cores=2)
    assert verdict.chosen == "torch"
    assert 30.0 * 2 / choose.CARD_BATCH <= verdict.milliseconds["torch"] < 15.0
    # Against many cores the same card is the slower one.
    assert fastest("net", "b" * 64, Path("net.tflite"), SHAPES, cores=16).chosen == "openvino"


def test_torch_is_not_loaded_where_there_can_be_no_graphics_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "installed", lambda _: "9")
    monkeypatch.setattr(choose.shutil, "which", lambda _: None)
    monkeypatch.setattr(choose.sys, "platform", "linux")
    monkeypatch.setattr(choose.Path, "exists", lambda _: False)
    monkeypatch.setitem(choose.sys.modules, "torch", None)  # importing it would raise
    assert not choose.on_graphics_card()
