"""Places of the panes that were given a name."""

from __future__ import annotations

from typing import Protocol

# Where they are kept; the number rises when there are other panes.
KEY = "review/layouts 2"
LONGEST = 40


class Store(Protocol):
    """What keeps values between two starts of the app; Qt's settings do."""

    def value(self, key: str) -> object:
        """What was kept, or None."""
        ...

    def setValue(self, key: str, value: object) -> None:
        """Keep a value."""
        ...

    def remove(self, key: str) -> None:
        """Forget a value."""
        ...


class Layouts:
    """Named layouts in the settings; ``state`` is whatever the window makes of its panes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in the order of the alphabet."""
        kept = self._store.value(f"{KEY}/names")
        # A single name comes back from some kinds of settings as bare text.
        listed = [kept] if isinstance(kept, str) else kept if isinstance(kept, list | tuple) else []
        return tuple(sorted((str(name) for name in listed if name), key=str.casefold))

    def state(self, name: str) -> object:
        """Where the panes were, or None."""
        return self._store.value(self._key(name)) if name in self.names else None

    def save(self, name: str, state: object) -> str:
        """Keep a layout; one of the same name is replaced. Returns the name as it is kept."""
        kept = " ".join(name.split())[:LONGEST]
        if not kept:
            raise ValueError("a layout needs a name")
        self._store.setValue(self._key(kept), state)
        self._store.setValue(f"{KEY}/names", sorted({*self.names, kept}))
        return kept

    def delete(self, name: str) -> None:
        """Forget a layout."""
        left = [known for known in self.names if known != name]
        self._store.remove(self._key(name))
        self._store.setValue(f"{KEY}/names", left)

    @staticmethod
    def _key(name: str) -> str:
        # A slash would open a group of its own in the settings.
        return f"{KEY}/of {name.replace('/', '∕')}"
