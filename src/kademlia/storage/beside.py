"""Lives beside a program's own storage, which knows values only.

The rule: a user's object is never wrapped, copied or replaced for those who see it. Here it is only looked at, with the
methods that it has, and the lives of its values are kept in a dict: in its own `lives` if it has one, so that they stay
with the values. They are forgotten when the value is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kademlia.storage.adapter import pairs, pairs_older_than
from kademlia.storage.interface import DOCUMENTED_NAMES, IStorage
from kademlia.storage.shelf import Life, Shelf

#: Lives are looked through for those whose value is gone when there are twice as many as the last time, but not sooner.
PRUNED_FROM = 1024

#: What a storage may be asked by: where a subclass of ours has one of its own, that is its word.
_METHODS = (*DOCUMENTED_NAMES, "iter_older_than", "__iter__", "__delitem__")


def shelf_of(storage: IStorage) -> Shelf:
    """Return a storage as a shelf: itself, if it is one and no subclass changed what the documented methods do."""
    kind: Any = type(storage)
    if isinstance(storage, Shelf):
        home = next(cls for cls in kind.__mro__ if "read" in vars(cls))
        if all(getattr(kind, name, None) is getattr(home, name, None) for name in _METHODS):
            return storage
    return Beside(storage)


class Beside(Shelf):
    """A program's storage, and the lives of what is in it."""

    def __init__(self, storage: Any) -> None:
        self._storage = storage
        lives = getattr(storage, "lives", None)
        self._lives: dict[bytes, complex] = lives if isinstance(lives, dict) else {}
        self._prune_at = PRUNED_FROM

    def read(self, key: bytes) -> tuple[Any, Life] | None:
        """Return a value and its life, or None; the storage's own None is none."""
        value = self._storage.get(key, None)
        return None if value is None else (value, self._lives.get(key))

    def write(self, key: bytes, value: Any, life: complex) -> None:
        """Keep a value with its life."""
        self._storage[key] = value
        self._lives[key] = life
        if len(self._lives) >= self._prune_at:
            self._prune()

    def drop(self, key: bytes) -> None:
        """Delete a value; a storage that cannot goes on having it, and it stays dead."""
        if hasattr(self._storage, "__delitem__"):
            if self._storage.get(key, None) is not None:
                del self._storage[key]
            self._lives.pop(key, None)

    def touch(self, key: bytes) -> None:
        """Set a value once more."""
        life = self._lives.get(key)
        self._storage[key] = self._storage[key]
        if life is not None:
            self._lives[key] = life

    def age(self, key: bytes) -> float | None:
        """Return None: a program's storage tells ages only by listing what is older."""
        return None

    def older_than(self, seconds: float) -> Iterator[bytes]:
        """Yield the keys of what is so old, as the storage tells it."""
        return (key for key, _ in pairs_older_than(self._storage, seconds))

    def between(self, low: bytes, high: bytes) -> Iterator[bytes]:
        """Yield the keys from one to another."""
        return (key for key, _ in pairs(self._storage) if low <= key <= high)

    def within(self, ranges: list[tuple[bytes, bytes]]) -> Iterator[bytes]:
        """Yield all keys."""
        return (key for key, _ in pairs(self._storage))

    def ended(self, now: float, most: int) -> list[bytes]:
        """Return none: how much there is room for is the storage's own matter."""
        return []

    def farthest(self, own: bytes, most: int) -> list[bytes]:
        """Return none, as `ended`."""
        return []

    def some(self, place: float, most: int) -> list[bytes]:
        """Return none, as `ended`."""
        return []

    @property
    def records(self) -> int:
        """How many values have a life; a storage need not tell how many it has."""
        return len(self._lives)

    @property
    def size(self) -> int:
        """Not counted."""
        return 0

    def _prune(self) -> None:
        for key in [key for key in self._lives if self._storage.get(key, None) is None]:
            del self._lives[key]
        self._prune_at = max(2 * len(self._lives), PRUNED_FROM)
