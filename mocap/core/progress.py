"""Progress and cancellation, passed as an argument to everything that takes over a second."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Protocol

from mocap.core.errors import CancelledError


class Progress(Protocol):
    """Receives what long work has to say."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Note that ``done`` of ``total`` steps of ``stage`` are finished."""


def silent(stage: str, done: int, total: int) -> None:
    """Ignore progress."""


@dataclass(frozen=True)
class CancelToken:
    """A flag that a user interface sets and long work looks at."""

    _event: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Ask the work to stop at the next safe point."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked to stop."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise CancelledError if somebody asked to stop."""
        if self.cancelled:
            raise CancelledError
