"""What a node's lookups of the last minute found, so that values with neighbouring keys share their lookups.

A lookup finds the k nodes closest to its target. Whoever shares more bits with the target than the farthest of them
is among them, so one subtree of ids is known completely. Where such subtrees cover all that could be among the k
closest of another key, that key needs no lookup of its own (the reasoning of R27, at any place): who stores many values
makes a few lookups for every k nodes of the network, and not one for every key.

Nodes come and go. So all is forgotten after a minute, when a node that nobody told us of becomes a contact, since it
may not be the only new one, and when our link was down.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

from kademlia.engine import limits
from kademlia.node import Node
from kademlia.tree import ID_BITS, shared_bits


class Survey:
    """Nodes that answered a short while ago, and the ranges of ids in which we know them all."""

    def __init__(self, ksize: int) -> None:
        self._ksize = ksize
        self._began = 0.0
        self._ids: list[int] = []  # in order
        self._nodes: dict[int, Node] = {}
        self._known: list[tuple[int, int]] = []  # ranges known completely, in order; none touches the next

    def found(self, target: Node, nodes: list[Node], now: float) -> None:
        """Learn the k closest nodes to a target, nearest first; fewer than k are all there are."""
        if not nodes:
            return
        self._expire(now)
        depth = shared_bits(target.long_id, nodes[-1].long_id) + 1 if len(nodes) >= self._ksize else 0
        low, high = _subtree(target.long_id, min(depth, ID_BITS))
        start, end = bisect_left(self._ids, low), bisect_right(self._ids, high)
        for long_id in self._ids[start:end]:  # who is not found any more
            del self._nodes[long_id]
        del self._ids[start:end]
        self.heard(nodes, now)
        self._cover(low, high)

    def heard(self, nodes: list[Node], now: float) -> None:
        """Learn of nodes that answered."""
        self._expire(now)
        for node in nodes:
            if node.long_id not in self._nodes:
                insort(self._ids, node.long_id)
            self._nodes[node.long_id] = node

    def holders(self, key: Node, now: float) -> list[Node] | None:
        """Return the k closest nodes to a key, nearest first, or None where we may not know them all."""
        self._expire(now)
        place = bisect_left(self._ids, key.long_id)
        neighbours = self._ids[max(place - 1, 0) : place + 1]
        deepest = max((shared_bits(key.long_id, long_id) for long_id in neighbours), default=0)
        for depth in range(deepest, -1, -1):
            low, high = _subtree(key.long_id, depth)
            inside = self._ids[bisect_left(self._ids, low) : bisect_right(self._ids, high)]
            if len(inside) >= self._ksize or depth == 0:
                return self._nearest(key, inside) if inside and self._is_known(low, high) else None
        return None

    def near(self, key: Node, now: float) -> list[Node]:
        """Return up to k nodes close to a key, where there is no need to know them all."""
        self._expire(now)
        place = bisect_left(self._ids, key.long_id)
        return self._nearest(key, self._ids[max(place - self._ksize, 0) : place + self._ksize])

    def _nearest(self, key: Node, ids: list[int]) -> list[Node]:
        target = key.long_id
        return [self._nodes[distance ^ target] for distance in sorted([i ^ target for i in ids])[: self._ksize]]

    def _is_known(self, low: int, high: int) -> bool:
        place = bisect_right(self._known, (low, high)) - 1
        places = self._known[max(place, 0) : place + 2]
        return any(start <= low and high <= end for start, end in places)

    def _cover(self, low: int, high: int) -> None:
        """Note that a range is known, as one with those it overlaps or touches."""
        apart = []
        for start, end in self._known:
            if end + 1 < low or high + 1 < start:
                apart.append((start, end))
            else:
                low, high = min(low, start), max(high, end)
        self._known = sorted([*apart, (low, high)])

    def forget(self) -> None:
        """Begin anew."""
        self._ids.clear()
        self._nodes.clear()
        self._known.clear()

    def _expire(self, now: float) -> None:
        """Begin anew after a while, or with too many nodes."""
        if now - self._began > limits.SURVEY_S or len(self._ids) > limits.SURVEY_NODES_MAX:
            self._began = now
            self.forget()


def _subtree(long_id: int, depth: int) -> tuple[int, int]:
    """Return the lowest and the highest id that share so many bits with this one."""
    low = long_id >> (ID_BITS - depth) << (ID_BITS - depth)
    return low, low + (1 << (ID_BITS - depth)) - 1
