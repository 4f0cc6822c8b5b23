"""Work that runs ahead of its consumer in a thread of its own."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

# How often the working thread looks whether the consumer has left, s.
STOP_POLL_S = 0.1

Item = TypeVar("Item")


@dataclass(frozen=True)
class _End:
    """The last thing that is handed over: nothing more comes, or what went wrong."""

    error: Exception | None


class Ahead(Generic[Item]):
    """Takes items of a generator ahead of time, at most ``most`` of them.

    A context manager and an iterator; leaving the context ends the thread and closes the generator. What the
    generator raises reaches whoever takes the item after the last; after that there is nothing more, as with any
    generator. One that may work for long between two items can look at ``leave``, which is set when the consumer
    has left.
    """

    def __init__(
        self, items: Generator[Item, None, None], most: int, name: str, leave: threading.Event | None = None
    ) -> None:
        self._items = items
        self._queue: queue.Queue[Item | _End] = queue.Queue(maxsize=most)
        self._leave = leave or threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Ahead[Item]:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave.set()
        self._thread.join()

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        if self._ended:
            raise StopIteration
        item = self._queue.get()
        if not isinstance(item, _End):
            return item
        self._ended = True
        if item.error is not None:
            raise item.error
        raise StopIteration

    def _run(self) -> None:
        try:
            with contextlib.closing(self._items):
                for item in self._items:
                    if not self._put(item):
                        return
        except Exception as error:  # whatever it is, the consumer must get it instead of waiting for ever
            self._put(_End(error))
        else:
            self._put(_End(None))

    def _put(self, item: Item | _End) -> bool:
        """Hand over an item; False if the consumer has left."""
        while not self._leave.is_set():
            try:
                self._queue.put(item, timeout=STOP_POLL_S)
            except queue.Full:
                continue
            return True
        return False
