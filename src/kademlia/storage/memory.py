"""ForgetfulStorage: values in memory, forgotten when they are too old.

The rule: whoever looks at the storage sees nothing that has outlived its time. Items lie in the order of their age in
a plain dict (an OrderedDict takes 57 bytes more for each); what is too old is dropped from its front, in one go, when
a sixty-fourth of a life has passed since the last time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from kademlia.storage.interface import IStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WEEK_S = 604_800

#: What is too old is looked for so many times in a life: it is never seen, but takes memory until then.
CULLS_PER_LIFE = 64


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
        self.data: dict[bytes, tuple[float, Any]] = {}
        self.lives: dict[bytes, complex] = {}  # the node's (`engine.keeping`)
        self.ttl = ttl
        self.clock = clock
        self._cull_at = clock() + ttl

    def __setitem__(self, key: bytes, value: Any) -> None:
        """Set a key to the given value, as new as can be."""
        now = self.clock()
        self.data.pop(key, None)  # to the end
        self.data[key] = (now, value)
        self.lives.pop(key, None)  # it was another value's
        if now >= self._cull_at:
            self.cull()

    def __getitem__(self, key: bytes) -> Any:
        """Get the value of a key. KeyError if there is none, or it is too old."""
        now = self.clock()
        if now >= self._cull_at or self.data[key][0] <= now - self.ttl:
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
            if self.clock() >= self._cull_at:
                self.cull()
            return default
        try:
            return self[key]
        except KeyError:
            return default

    def __delitem__(self, key: bytes) -> None:
        """Drop a value. KeyError if there is none."""
        del self.data[key]
        self.lives.pop(key, None)

    def cull(self) -> None:
        """Drop everything that has outlived its time."""
        now = self.clock()
        latest_dropped = now - self.ttl
        dropped = []
        for key, (birthday, _value) in self.data.items():
            if birthday > latest_dropped:
                break
            dropped.append(key)
        for key in dropped:
            del self.data[key]
            self.lives.pop(key, None)
        self._cull_at = now + self.ttl / CULLS_PER_LIFE

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
            try:
                value = ForgetfulStorage.__getitem__(self, key)
            except KeyError:  # gone, or too old by now
                continue
            yield key, value

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
