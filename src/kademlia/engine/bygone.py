"""Values that are no longer: superseded, deleted, or at the end of their lives.

Nodes of the published releases send no stamp, and store what they have again each hour, for ever. One of these values
coming back would pass for an update. So a node remembers, of each value that it dropped, a few bytes of a digest, and
for how long: a day after it last met it.

Of too many keys the source of the most forgets one (`engine.ledger`), whoever that is: else somebody who stores values
that live for seconds would have all others forgotten.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from kademlia.engine import limits
from kademlia.engine.ledger import Ledger, Source
from kademlia.wire import rpcudp


class Bygone:
    """Digests of values that are no longer, by key; the keys in the order in which they were last met.

    Args:
        own: The node's id.
    """

    def __init__(self, own: bytes) -> None:
        self._ledger = Ledger(own, by_bytes=False)
        self._met: dict[bytes, dict[int, float]] = {}  # the digests of a key, and when each is forgotten

    def __len__(self) -> int:
        """How many keys it remembers values of."""
        return len(self._met)

    def add(self, key: bytes, value: Any, now: float, source: Source | None = None) -> None:
        """Remember a value that is dropped, and who had brought it; of one key the last few."""
        digests = self._met.pop(key, None)
        if digests is None:
            self._make_room(now)
            self._ledger.charge(key, source, 0)
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
        """Forget what is over, the oldest first, and of too many one of the source that has the most, or the oldest."""
        for key in list(islice(self._met, 2)):
            if max(self._met[key].values()) <= now:
                self._forget(key)
        if len(self._met) >= limits.BYGONE_KEYS_MAX:
            heaviest = self._ledger.heaviest()
            self._forget((heaviest and self._ledger.farthest(heaviest)) or next(iter(self._met)))

    def _forget(self, key: bytes) -> None:
        del self._met[key]
        self._ledger.forget(key)


def _digest(value: Any) -> int:
    """Return 64 bits that tell a value from others, in this process, and that nobody outside of it can foresee.

    SHA-1 takes 0.6 us longer, for each store that replaces a value.
    """
    return hash(rpcudp.encode(value))
