"""Values that a benchmark and the node that it measures both know without telling each other."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from typing import overload

from kademlia.storage import ForgetfulStorage, SQLiteStorage

#: What fills a file saves at once: its pages are then as full as those of a node that got its values one by one.
BATCH = 10_000

#: No value ends while it is measured, in seconds.
LIFE_S = 86_400.0


class Keys(Sequence[bytes]):
    """Keys by their number, spread evenly.

    Args:
        count: How many there are.
        name: Keys of another name are other keys.
    """

    def __init__(self, count: int, name: str = "kept") -> None:
        self._count = count
        self._name = name.encode()

    @overload
    def __getitem__(self, number: int) -> bytes: ...

    @overload
    def __getitem__(self, number: slice) -> list[bytes]: ...

    def __getitem__(self, number: int | slice) -> bytes | list[bytes]:
        """Return a key; IndexError if there is none of that number."""
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(self._count))]
        if not 0 <= number < self._count:
            raise IndexError(number)
        return hashlib.sha1(b"%s %d" % (self._name, number)).digest()

    def __len__(self) -> int:
        """Return how many there are."""
        return self._count


class Values(dict[bytes, bytes]):
    """The value of each key, of so many bytes: the key again and again."""

    def __init__(self, value_bytes: int) -> None:
        self._value_bytes = value_bytes

    def __missing__(self, key: bytes) -> bytes:
        """Return the value of a key."""
        return (key * (self._value_bytes // len(key) + 1))[: self._value_bytes]


def fill(storage: ForgetfulStorage | SQLiteStorage, keys: Keys, values: Values) -> None:
    """Put all of them into a storage, each with a life."""
    stamp = int(time.time() * 1000) - len(keys)
    for number, key in enumerate(keys):
        storage.write(key, values[key], complex(stamp + number, storage.clock() + LIFE_S))
        if number % BATCH == BATCH - 1 and isinstance(storage, SQLiteStorage):
            storage.flush()
