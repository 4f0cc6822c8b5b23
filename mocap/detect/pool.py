"""A runtime whose outputs are known by their shapes, and copies of it for several threads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from queue import LifoQueue
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from mocap.detect.runtimes import Array, Kind, Runtime, open_runtime, outputs_of_shape
from mocap.detect.runtimes.protocol import wrong_kind

Result = TypeVar("Result")


class Network(Protocol):
    """One network: a tensor in, the outputs that are wanted out."""

    @property
    def name(self) -> str:
        """The runtime's name."""
        ...

    def run(self, tensor: Array) -> list[NDArray[np.float32]]:
        """Run once; outputs in the order in which they were asked for."""
        ...


class ShapedNetwork:
    """A `Network` on a `Runtime`.

    Parameters
    ----------
    runtime : Runtime
    outputs : tuple of shapes
        Outputs that must be there, each of its own shape.

    Raises
    ------
    ModelError
        If the network has not one input, or an output is missing.
    """

    def __init__(self, runtime: Runtime, outputs: tuple[tuple[int, ...], ...]) -> None:
        if len(runtime.inputs) != 1:
            raise wrong_kind(runtime.path, f"it has {len(runtime.inputs)} inputs where one is expected")
        self._runtime = runtime
        self._order = outputs_of_shape(runtime, outputs)

    @property
    def name(self) -> str:
        """The runtime's name."""
        return self._runtime.name

    def run(self, tensor: Array) -> list[NDArray[np.float32]]:
        """Run once; outputs in the order in which they were asked for."""
        answers = self._runtime.run(tensor)
        return [answers[n] for n in self._order]


def open_network(
    path: Path, outputs: tuple[tuple[int, ...], ...], kind: Kind | None = None, threads: int = 1
) -> Network:
    """Open a network file with one input and outputs of these shapes.

    Raises
    ------
    ModelError
        If it is not a network, or not of this kind.
    MissingExtraError
        If the runtime is not installed.
    """
    return ShapedNetwork(open_runtime(path, kind, threads), outputs)


class Pool:
    """Copies of one network, each used by one thread at a time."""

    def __init__(self, make: Callable[[], Network], copies: int) -> None:
        # The copy used last comes first: it is set up for the size of picture, and in the processor's cache.
        self._free: LifoQueue[Network] = LifoQueue()
        first = make()
        self.name = first.name
        self._free.put(first)
        for _ in range(copies - 1):
            self._free.put(make())

    def use(self, work: Callable[[Network], Result]) -> Result:
        """Do some work with a free copy; waits for one."""
        network = self._free.get()
        try:
            return work(network)
        finally:
            self._free.put(network)
