"""Telling whoever listens, without knowing who does: windows, streams and logs subscribe."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


@dataclass(frozen=True)
class Subscribers(Generic[ItemT]):
    """Hands items to subscribers, in the thread of the one who tells; they must return at once."""

    _listeners: list[Callable[[ItemT], None]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def subscribe(self, listener: Callable[[ItemT], None]) -> Callable[[], None]:
        """Call ``listener`` with everything to come; returns what ends that."""
        with self._lock:
            self._listeners.append(listener)
        return lambda: self._leave(listener)

    def emit(self, item: ItemT) -> None:
        """Tell everybody; a listener that fails is not asked again, and the work goes on."""
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            try:
                listener(item)
            except Exception:
                logging.getLogger(__name__).exception("A listener failed and is left out.")
                self._leave(listener)

    def _leave(self, listener: Callable[[ItemT], None]) -> None:
        with self._lock:
            if listener in self._listeners:  # it may have left, or failed in another thread
                self._listeners.remove(listener)
