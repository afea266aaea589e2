"""ForgetfulStorage: values in memory, forgotten when they are too old.

The rule: whoever looks at the storage sees nothing that has outlived its time. Items lie in the order of their age in
a plain dict (an OrderedDict takes 57 bytes more for each); what is too old is dropped from its front, in one go, when
a sixty-fourth of a life has passed since the last time.
"""

from __future__ import annotations

import time
from heapq import nlargest
from itertools import islice
from typing import TYPE_CHECKING, Any

from kademlia.storage.interface import IStorage
from kademlia.storage.shelf import Life, Shelf, check_bounds, record_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WEEK_S = 604_800

#: What is too old is looked for so many times in a life: it is never seen, but takes memory until then.
CULLS_PER_LIFE = 64

#: So many lives there may be whose value a program took out of `data` itself, and as many more as there are values.
LIVES_LEFT_MAX = 1024

#: Keys looked at in one go where all would have to be: 4,096 take a millisecond.
KEYS_PER_LOOK = 4096

#: Keys listed in one go of those that are old: as many are republished in an hour.
OLD_PER_LIST = 65_536


class ForgetfulStorage(IStorage, Shelf):
    """A storage in memory that forgets a value some time after it was last set.

    Args:
        ttl: how long a value is kept, in seconds; a week unless said otherwise. 0 keeps nothing.
        clock: what tells the time, in seconds that never run backwards.
        max_records: how many values a node keeps here at most; any number if None.
        max_bytes: how many bytes they may take, as `storage.shelf.record_bytes` counts them; any number if None. A
            program that sets values itself is not held to either.

    Raises:
        ValueError: the time to live is negative, or no number; a bound is not above 0.
    """

    def __init__(
        self,
        ttl: float = WEEK_S,
        clock: Callable[[], float] = time.monotonic,
        *,
        max_records: int | None = None,
        max_bytes: int | None = None,
    ) -> None:
        check_bounds(ttl, max_records, max_bytes)
        self.data: dict[bytes, tuple[float, Any]] = {}
        self.lives: dict[bytes, complex] = {}
        self.ttl = ttl
        self.clock = clock
        self.max_records = max_records
        self.max_bytes = max_bytes
        self._size = 0
        self._to_look_at: Iterator[bytes] = iter(())
        self._cull_at = clock() + ttl

    def __setitem__(self, key: bytes, value: Any) -> None:
        """Set a key to the given value, as new as can be."""
        self.lives.pop(key, None)  # it was another value's
        self._set(key, value)

    def _set(self, key: bytes, value: Any) -> None:
        now = self.clock()
        old = self.data.pop(key, None)  # to the end
        self.data[key] = (now, value)
        if self.max_bytes is not None:
            self._size += record_bytes(value) - (record_bytes(old[1]) if old is not None else 0)
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
        _birthday, value = self.data.pop(key)
        self.lives.pop(key, None)
        if self.max_bytes is not None:
            self._size -= record_bytes(value)

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
            ForgetfulStorage.__delitem__(self, key)
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

    # -- as a shelf (`storage.shelf`) ------------------------------------------------------------------------------

    def read(self, key: bytes) -> tuple[Any, Life] | None:
        """Return a value and its life; None if there is none, or it is too old."""
        held = self.data.get(key)
        if held is None:
            return None
        birthday, value = held
        if birthday <= self.clock() - self.ttl:
            self.cull()
            return None
        return value, self.lives.get(key)

    def write(self, key: bytes, value: Any, life: complex) -> None:
        """Keep a value with its life."""
        self._set(key, value)
        self.lives[key] = life
        if len(self.lives) > 2 * len(self.data) + LIVES_LEFT_MAX:
            for left in [other for other in self.lives if other not in self.data]:
                del self.lives[left]

    def drop(self, key: bytes) -> None:
        """Keep a value no longer."""
        if key in self.data:
            del self[key]

    def touch(self, key: bytes) -> None:
        """Make a value as new as can be."""
        if key in self.data:
            self._set(key, self.data[key][1])

    def age(self, key: bytes) -> float | None:
        """Return how many seconds ago a value was set or touched; None if there is none."""
        held = self.data.get(key)
        return None if held is None else self.clock() - held[0]

    def older_than(self, seconds: float) -> Iterator[bytes]:
        """Yield the keys of what was not set or touched for so many seconds, the oldest first; of very many, some."""
        latest = self.clock() - seconds
        for key in list(islice(self.data, OLD_PER_LIST)):
            held = self.data.get(key)
            if held is not None and held[0] <= latest:
                yield key

    def between(self, low: bytes, high: bytes) -> Iterator[bytes]:
        """Yield the keys from one to another."""
        return (key for key in list(self.data) if low <= key <= high)

    def within(self, ranges: list[tuple[bytes, bytes]]) -> Iterator[bytes]:
        """Yield all keys: to find those in some ranges each has to be looked at."""
        return iter(list(self.data))

    def ended(self, now: float, most: int) -> list[bytes]:
        """Return some keys of values whose life is over, among those that are next to be looked at."""
        lives = self.lives
        return [key for key in self._next_keys() if (life := lives.get(key)) is not None and life.imag <= now][:most]

    def farthest(self, own: bytes, most: int) -> list[bytes]:
        """Return the farthest keys from an id, among those that are next to be looked at."""
        own_id = int.from_bytes(own, "big")
        return nlargest(most, self._next_keys(), key=lambda key: int.from_bytes(key, "big") ^ own_id)

    def some(self, place: float, most: int) -> list[bytes]:
        """Return some keys among those that are next to be looked at."""
        keys = self._next_keys()
        step = max(len(keys) // most, 1)
        return keys[int(place * step) :: step][:most]

    def _next_keys(self) -> list[bytes]:
        """Return keys to be looked at, not all at once if there are many; after the last come the first again."""
        keys = list(islice(self._to_look_at, KEYS_PER_LOOK))
        if len(keys) < KEYS_PER_LOOK:
            self._to_look_at = iter(list(self.data))
            seen = set(keys)
            keys += [key for key in islice(self._to_look_at, KEYS_PER_LOOK - len(keys)) if key not in seen]
        return [key for key in keys if key in self.data]

    @property
    def records(self) -> int:
        """How many values there are."""
        return len(self.data)

    @property
    def size(self) -> int:
        """How many bytes they take; 0 without a bound."""
        return self._size
