"""How presenters tell views: models emit, views subscribe. Also work in a thread, whose result is fetched."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

ValueT = TypeVar("ValueT")


class Changes:
    """A list of those who want to know that something changed."""

    def __init__(self) -> None:
        self._heard_by: list[Callable[[], None]] = []

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` at each change."""
        self._heard_by.append(listener)

    def emit(self) -> None:
        """Tell everybody."""
        for listener in tuple(self._heard_by):
            listener()


class Later(Generic[ValueT]):
    """Results of work done in a thread, fetched by the thread that shows them; only the latest order counts."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._wanted: Future[ValueT] | None = None

    def order(self, work: Callable[[], ValueT]) -> None:
        """Begin; an order that was not fetched yet is forgotten."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="later")
        if self._wanted is not None:
            self._wanted.cancel()
        self._wanted = self._pool.submit(work)

    @property
    def busy(self) -> bool:
        """Whether something was ordered and not fetched."""
        return self._wanted is not None

    def fetch(self) -> Future[ValueT] | None:
        """Return the finished order once, None while there is none; its ``result()`` raises what the work did."""
        if self._wanted is None or not self._wanted.done():
            return None
        done, self._wanted = self._wanted, None
        return done

    def close(self) -> None:
        """Let the thread go."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
