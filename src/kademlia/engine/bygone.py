"""Values that are no longer: superseded, deleted, or at the end of their lives.

Nodes of the published releases send no stamp, and store what they have again each hour, for ever. One of these values
coming back would pass for an update. So a node remembers, of each value that it dropped, a few bytes of a digest, and
for how long: a day after it last met it.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from kademlia.engine import limits
from kademlia.wire import rpcudp


class Bygone:
    """Digests of values that are no longer, by key; the keys in the order in which they were last met."""

    def __init__(self) -> None:
        self._met: dict[bytes, dict[int, float]] = {}  # the digests of a key, and when each is forgotten

    def __len__(self) -> int:
        """How many keys it remembers values of."""
        return len(self._met)

    def add(self, key: bytes, value: Any, now: float) -> None:
        """Remember a value that is dropped; of one key the last few."""
        digests = self._met.pop(key, None)
        if digests is None:
            self._make_room(now)
            digests = {}
        digest = _digest(value)
        digests.pop(digest, None)  # to the end
        digests[digest] = now + limits.BYGONE_S
        if len(digests) > limits.BYGONE_PER_KEY:
            del digests[next(iter(digests))]
        self._met[key] = digests

    def has(self, key: bytes, value: Any, now: float) -> bool:
        """Return whether a value is one of these; meeting it once more, it is remembered for another day."""
        digests = self._met.get(key)
        if not digests or digests.get(_digest(value), now) <= now:
            return False
        self.add(key, value, now)
        return True

    def _make_room(self, now: float) -> None:
        """Forget what is over, the oldest first, and of too many the oldest."""
        for key in list(islice(self._met, 2)):
            if len(self._met) >= limits.BYGONE_KEYS_MAX or max(self._met[key].values()) <= now:
                del self._met[key]


def _digest(value: Any) -> int:
    """Return 64 bits that tell a value from others, in this process, and that nobody outside of it can foresee.

    SHA-1 takes 0.6 us longer, for each store that replaces a value.
    """
    return hash(rpcudp.encode(value))
