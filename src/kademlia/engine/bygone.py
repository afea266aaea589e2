"""Values that are no longer: superseded, deleted, or at the end of their lives.

Nodes of the published releases send no stamp, and store what they have again each hour, for ever. One of these values
coming back would pass for an update. So a node remembers, of each value that it dropped, a few bytes of a digest, and
for how long: a day after it last met it.
"""

from __future__ import annotations

from hashlib import sha1
from itertools import islice
from typing import Any

from kademlia.engine import limits
from kademlia.wire import rpcudp

#: Bytes of a digest that are remembered: two values of one key are taken for one in 2^64 cases.
DIGEST_BYTES = 8


class Bygone:
    """Digests of values that are no longer, by key; the keys in the order in which they were last met."""

    def __init__(self) -> None:
        self._met: dict[bytes, dict[bytes, float]] = {}  # the digests of a key, and when each is forgotten

    def __len__(self) -> int:
        """How many keys it remembers values of."""
        return len(self._met)

    def add(self, key: bytes, value: Any, now: float) -> None:
        """Remember a value that is dropped; of one key the last few."""
        if not self._met.get(key):
            self._make_room(now)
        digests = self._met.pop(key, {})
        digests.pop(digest := _digest(value), None)
        digests[digest] = now + limits.BYGONE_S
        for oldest in list(islice(digests, max(len(digests) - limits.BYGONE_PER_KEY, 0))):
            del digests[oldest]
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


def _digest(value: Any) -> bytes:
    return sha1(rpcudp.encode(value), usedforsecurity=False).digest()[:DIGEST_BYTES]
