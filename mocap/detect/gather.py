"""One network for many threads: what they ask for while it is busy is answered in one batch."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mocap.detect.pool import Network
from mocap.detect.runtimes import Array

# Crops of one batch: a graphics card is busy with these, and larger batches only make the first one wait.
MOST_CROPS = 64

Result = TypeVar("Result")


@dataclass
class _Request:
    """A tensor of one crop, and the answer or what went wrong, once it is there."""

    tensor: Array
    answer: list[NDArray[np.float32]] | None = None
    error: Exception | None = None

    @property
    def done(self) -> bool:
        return self.answer is not None or self.error is not None


class Gathered:
    """Stands where a `Pool` stands, for a network that takes batches: crops of all cameras and people at once.

    There is no thread of its own and no waiting for more: whoever comes first runs the network for all who asked
    by then, and meanwhile the next ones gather.

    Parameters
    ----------
    make : function
        Opens the network, whose first axis must be open.
    """

    def __init__(self, make: Callable[[], Network]) -> None:
        self._network = make()
        self.name = self._network.name
        self._waiting: deque[_Request] = deque()
        self._busy = threading.Lock()

    def use(self, work: Callable[[Network], Result]) -> Result:
        """Do some work with the network, together with whoever else does."""
        return work(self)

    def run(self, tensor: Array) -> list[NDArray[np.float32]]:
        """Run on one crop or more, in one batch with those of other threads."""
        mine = _Request(tensor)
        self._waiting.append(mine)
        with self._busy:
            while not mine.done:
                self._serve()
        if mine.error is not None:
            raise mine.error
        assert mine.answer is not None
        return mine.answer

    def _serve(self) -> None:
        """Answer those who asked first."""
        batch = [self._waiting.popleft()]
        while self._waiting and sum(len(one.tensor) for one in batch) < MOST_CROPS:
            batch.append(self._waiting.popleft())
        try:
            answers = self._network.run(np.concatenate([one.tensor for one in batch]))
        except Exception as error:  # whatever it is, all who asked must hear of it instead of waiting for ever
            for one in batch:
                one.error = error
            return
        ends = np.cumsum([len(one.tensor) for one in batch])
        for one, end in zip(batch, ends.tolist(), strict=True):
            one.answer = [values[end - len(one.tensor) : end] for values in answers]
