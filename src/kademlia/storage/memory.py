"""ForgetfulStorage: values in memory, forgotten when they are too old.

The rule: whoever looks at the storage sees nothing that has outlived its time, because every look first drops
what has. Items lie in the order of their age, so that costs as much as there is to drop and no more.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from kademlia.storage.interface import IStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WEEK_S = 604_800


class ForgetfulStorage(IStorage):
    """A storage in memory that forgets a value some time after it was last set.

    Args:
        ttl: how long a value is kept, in seconds; a week unless said otherwise. 0 keeps nothing.
        clock: what tells the time, in seconds that never run backwards.

    Raises:
        ValueError: the time to live is negative, or no number.
    """

    def __init__(self, ttl: float = WEEK_S, clock: Callable[[], float] = time.monotonic) -> None:
        if not ttl >= 0:
            raise ValueError(f"ttl is the seconds a value is kept, 0 or more, not {ttl!r}")
        self.data: OrderedDict[bytes, tuple[float, Any]] = OrderedDict()
        self.ttl = ttl
        self.clock = clock

    def __setitem__(self, key: bytes, value: Any) -> None:
        """Set a key to the given value, as new as can be."""
        self.data[key] = (self.clock(), value)
        self.data.move_to_end(key)
        self.cull()

    def __getitem__(self, key: bytes) -> Any:
        """Get the value of a key. KeyError if there is none, or it is too old."""
        self.cull()
        return self.data[key][1]

    def get(self, key: bytes, default: Any = None) -> Any:
        """Get the value of a key.

        Args:
            key: the key's digest.
            default: what to return where there is no value, or it is too old.

        Returns:
            The value, or the default.
        """
        if key not in self.data:  # most requests miss, and an exception takes longer than the rest
            self.cull()
            return default
        try:
            return self[key]
        except KeyError:
            return default

    def cull(self) -> None:
        """Drop everything that has outlived its time."""
        latest_dropped = self.clock() - self.ttl
        data = self.data
        while data:
            oldest = next(iter(data))
            if data[oldest][0] > latest_dropped:
                return
            del data[oldest]

    def iter_older_than(self, seconds_old: float) -> list[tuple[bytes, Any]]:
        """List what was set a given time ago or earlier, the oldest first. It drops nothing.

        Args:
            seconds_old: the least age, in seconds; 0 lists everything.

        Returns:
            A list of (key, value). What happens to the storage meanwhile does not disturb who goes through
            it.
        """
        latest = self.clock() - seconds_old
        older = []
        for key, (birthday, value) in self.data.items():
            if birthday > latest:
                break
            older.append((key, value))
        return older

    iteritemsOlderThan = iter_older_than

    def __iter__(self) -> Iterator[tuple[bytes, Any]]:
        """Go through everything, as (key, value), the oldest first. Setting meanwhile does not disturb it."""
        self.cull()
        return self._walk(list(self.data))

    def _walk(self, keys: list[bytes]) -> Iterator[tuple[bytes, Any]]:
        for key in keys:  # a pair is made when it is asked for: 10,000 at once would hold up an event loop
            entry = self.data.get(key)
            if entry is not None:
                yield key, entry[1]

    def iteritems(self) -> Iterator[tuple[bytes, Any]]:
        """Go through everything, as (key, value): the documented name of `iter(storage)`."""
        return ForgetfulStorage.__iter__(self)  # a 0.x subclass may write its __iter__ as the keys of this

    items = iteritems

    def __contains__(self, key: object) -> bool:
        """Tell whether there is a value for a key."""
        self.cull()
        return key in self.data

    def __repr__(self) -> str:
        """Show what is kept, with the time each was set."""
        self.cull()
        return repr(self.data)
