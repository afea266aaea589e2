"""What a program sees of a shelf on disk: the documented storage, with no lives.

The rule: every method does what that of `ForgetfulStorage` does. Going through it reads as it goes, a few hundred
values at a time, and bears changes meanwhile.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import msgspec

from kademlia.node import ID_BYTES
from kademlia.storage.interface import IStorage
from kademlia.storage.shelf import VALUE_TYPES, Life


class Face(IStorage):
    """The methods of a storage, by those of a shelf."""

    @abstractmethod
    def read(self, key: bytes) -> tuple[Any, Life] | None:
        """Return a value and its life."""

    @abstractmethod
    def older_than(self, seconds: float) -> Iterator[bytes]:
        """Yield the keys of what is so old."""

    @abstractmethod
    def _set(self, key: bytes, packed: bytes | None) -> None:
        """Keep a packed value that a program sets, or drop one; or refuse to."""

    def __setitem__(self, key: bytes, value: Any) -> None:
        """Set a key to the given value, as new as can be; a node that gets it gives it a life.

        Raises:
            TypeError: The value is of none of the types that a network keeps, or the key is no bytes.
            ValueError: The key is not 20 bytes, or the value cannot be packed.
            OSError: The disk has taken nothing for long, and no more can wait for it.
        """
        if not isinstance(key, bytes):
            raise TypeError(f"a key is {ID_BYTES} bytes, as kademlia.utils.digest makes them, not {key!r}")
        if len(key) != ID_BYTES:
            raise ValueError(f"a key is {ID_BYTES} bytes, as kademlia.utils.digest makes them, not {len(key)}: {key!r}")
        if type(value) not in VALUE_TYPES:
            raise TypeError(f"a value is an int, float, bool, str or bytes, not a {type(value).__name__}: pack it")
        try:
            packed = msgspec.msgpack.encode(value)
        except OverflowError as error:
            raise ValueError(f"an int is from -2**63 to 2**64 - 1, not {value}: store it as text") from error
        self._set(key, packed)

    def __getitem__(self, key: bytes) -> Any:
        """Get the value of a key. KeyError if there is none, or it is too old."""
        held = self.read(key)
        if held is None:
            raise KeyError(key)
        return held[0]

    def get(self, key: bytes, default: Any = None) -> Any:
        """Get the value of a key.

        Args:
            key: the key's digest.
            default: what to return where there is no value, or it is too old.

        Returns:
            The value, or the default.
        """
        held = self.read(key)
        return default if held is None else held[0]

    def __delitem__(self, key: bytes) -> None:
        """Drop a value. KeyError if there is none, OSError if the disk has taken nothing for long."""
        if self.read(key) is None:
            raise KeyError(key)
        self._set(key, None)

    def __contains__(self, key: object) -> bool:
        """Tell whether there is a value for a key."""
        return isinstance(key, bytes) and self.read(key) is not None

    def iter_older_than(self, seconds_old: float) -> Iterator[tuple[bytes, Any]]:
        """Go through what was set a given time ago or earlier, the oldest first.

        Args:
            seconds_old: the least age, in seconds; 0 lists everything.

        Returns:
            An iterator of (key, value).
        """
        return self._walk(self.older_than(seconds_old))

    iteritemsOlderThan = iter_older_than

    def __iter__(self) -> Iterator[tuple[bytes, Any]]:
        """Go through everything, as (key, value), the oldest first. Setting meanwhile does not disturb it."""
        return self._walk(self.older_than(0))

    def iteritems(self) -> Iterator[tuple[bytes, Any]]:
        """Go through everything, as (key, value): the documented name of `iter(storage)`."""
        return Face.__iter__(self)

    items = iteritems

    def _walk(self, keys: Iterator[bytes]) -> Iterator[tuple[bytes, Any]]:
        for key in keys:
            held = self.read(key)
            if held is not None:  # not gone, nor too old by now
                yield key, held[0]
