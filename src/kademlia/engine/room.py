"""Making room on a full shelf: first goes what is dead, then what is farthest from the own id.

Of a key that is far others are the holders: among the k closest nodes they are nearer. What is farther still than all
that could give way is refused.
"""

from __future__ import annotations

from bisect import insort

from kademlia.engine import limits
from kademlia.engine.records import NEVER
from kademlia.storage.shelf import Shelf


class Room:
    """The room on one node's shelf.

    Args:
        own: The node's id.
    """

    def __init__(self, own: bytes) -> None:
        self._own = own
        self._own_id = int.from_bytes(own, "big")
        self._next_to_go: list[bytes] = []  # the farthest last; some may have gone
        self._look_at = NEVER  # when it is looked again for dead ones

    def giving_way(self, shelf: Shelf, key: bytes, now: float) -> list[bytes]:
        """Return which keys are to give way for another one; none if it is the one that there is no room for."""
        if now >= self._look_at:
            ended = shelf.ended(now, limits.GIVE_WAY_MAX)
            if ended:
                return ended
            self._look_at = now + limits.ENDED_LOOKED_FOR_S
        while self._next_to_go and shelf.read(self._next_to_go[-1]) is None:
            self._next_to_go.pop()
        if not self._next_to_go:
            self._next_to_go = shelf.farthest(self._own, limits.GIVE_WAY_MAX)[::-1]
        if not self._next_to_go or self._distance(key) >= self._distance(self._next_to_go[-1]):
            return []
        return [self._next_to_go.pop()]

    def kept(self, key: bytes) -> None:
        """Learn of a value that is kept from now on: it may be farther than those that are next to go."""
        waiting = self._next_to_go
        if waiting and self._distance(key) > self._distance(waiting[0]) and key not in waiting:
            insort(waiting, key, key=self._distance)
            del waiting[: -limits.GIVE_WAY_MAX]

    def _distance(self, key: bytes) -> int:
        return int.from_bytes(key, "big") ^ self._own_id
