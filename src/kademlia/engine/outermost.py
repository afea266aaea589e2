"""The outermost of many keys: those that are next to give way, at hand in the order of their distance to an id.

Whoever has many keys looks for some of the farthest now and then, not for the one each time.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable

from kademlia.engine import limits


class Outermost:
    """Some of the farthest of many keys; those that have gone meanwhile are still among them.

    Args:
        own_id: The id, as a number.

    Attributes:
        keys: The keys, the farthest last.
    """

    __slots__ = ("_own_id", "keys")

    def __init__(self, own_id: int) -> None:
        self._own_id = own_id
        self.keys: list[bytes] = []

    def fill(self, keys: Iterable[bytes]) -> None:
        """Have these at hand instead."""
        self.keys = sorted(keys, key=self.distance)

    def joined(self, key: bytes) -> None:
        """Learn of a key that is among the many from now on: it may be farther than some of those at hand."""
        keys = self.keys
        if keys and self.distance(key) > self.distance(keys[0]) and key not in keys:
            insort(keys, key, key=self.distance)
            del keys[: -limits.GIVE_WAY_MAX]

    def distance(self, key: bytes) -> int:
        """Return how far a key is from the id."""
        return int.from_bytes(key, "big") ^ self._own_id
