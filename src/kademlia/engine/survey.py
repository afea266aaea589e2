"""What a node's lookups of the last minute found, so that values with neighbouring keys share their lookups.

A lookup finds the k nodes closest to its target. Whoever is nearer than the farthest of them is among them, so all ids
up to that distance are known, which are a few subtrees. Where those of several lookups cover all that could be among
the k closest of another key, that key needs no lookup of its own (the reasoning of R27, at any place): who stores many
values makes a few lookups for every k nodes of the network, and not one for every key.

Nodes come and go. So all is forgotten after a minute, when a node that nobody told us of becomes a contact, since it
may not be the only new one, and when our link was down.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

from kademlia.engine import limits
from kademlia.node import Node
from kademlia.tree import ID_BITS, shared_bits

#: Leading bits of a distance that are looked at: the ids left out are less than 1 % of those below it.
RADIUS_BITS = 8


class Survey:
    """Nodes that answered a short while ago, and the ranges of ids in which we know them all."""

    def __init__(self, ksize: int) -> None:
        self._ksize = ksize
        self._began = 0.0
        self._ids: list[int] = []  # in order
        self._nodes: dict[int, Node] = {}
        self._radii: dict[int, int] = {}  # what was looked up, and up to which distance
        self._known: list[tuple[int, int]] = []  # ranges known completely, in order; none touches the next

    def found(self, target: Node, nodes: list[Node], now: float) -> None:
        """Learn the k closest nodes to a target, nearest first; fewer than k are all there are."""
        if not nodes:
            return
        self._expire(now)
        radius = nodes[-1].long_id ^ target.long_id if len(nodes) >= self._ksize else 1 << ID_BITS
        self._radii[target.long_id] = radius
        for low, high in _nearer(target.long_id, radius):
            start, end = bisect_left(self._ids, low), bisect_right(self._ids, high)
            for long_id in self._ids[start:end]:  # who is not found any more
                del self._nodes[long_id]
            del self._ids[start:end]
            self._cover(low, high)
        self.heard(nodes, now)

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
        nearest = self._nearest(key, self._around(key.long_id), self._ksize)
        if not nearest:
            return None
        radius = nearest[-1].long_id ^ key.long_id if len(nearest) == self._ksize else 1 << ID_BITS
        return nearest if self._is_known_within(key.long_id, radius) else None

    def _is_known_within(self, long_id: int, radius: int) -> bool:
        if self._radii.get(long_id, -1) >= radius:  # looked up itself
            return True
        ranges = [*_nearer(long_id, radius), _last_of(long_id, radius)]
        return all(self._is_known(low, high) for low, high in ranges)

    def _around(self, long_id: int) -> list[int]:
        """Return the ids in the smallest subtree around one that has k of them, or all."""
        place = bisect_left(self._ids, long_id)
        neighbours = self._ids[max(place - 1, 0) : place + 1]
        deepest = max((shared_bits(long_id, other) for other in neighbours), default=0)
        for depth in range(deepest, 0, -1):
            low, high = _subtree(long_id, depth)
            inside = self._ids[bisect_left(self._ids, low) : bisect_right(self._ids, high)]
            if len(inside) >= self._ksize:
                return inside
        return self._ids

    def near(self, key: Node, count: int, now: float) -> list[Node]:
        """Return some nodes close to a key, the closest among them, where there is no need to know them all."""
        self._expire(now)
        place = bisect_left(self._ids, key.long_id)
        return self._nearest(key, self._ids[max(place - count, 0) : place + count], count)

    def _nearest(self, key: Node, ids: list[int], count: int) -> list[Node]:
        target = key.long_id
        return [self._nodes[distance ^ target] for distance in sorted([i ^ target for i in ids])[:count]]

    def _is_known(self, low: int, high: int) -> bool:
        place = bisect_right(self._known, (low, high)) - 1
        places = self._known[max(place, 0) : place + 2]
        return any(start <= low and high <= end for start, end in places)

    def _cover(self, low: int, high: int) -> None:
        """Note that a range is known, as one with those it overlaps or touches."""
        known = self._known
        first, last = bisect_left(known, (low,)), bisect_left(known, (high + 2,))
        if first and known[first - 1][1] + 1 >= low:
            first -= 1
        if first < last:
            low, high = min(low, known[first][0]), max(high, known[last - 1][1])
        known[first:last] = [(low, high)]

    def forget(self) -> None:
        """Begin anew."""
        self._ids.clear()
        self._nodes.clear()
        self._radii.clear()
        self._known.clear()

    def _expire(self, now: float) -> None:
        """Begin anew after a while, or with too many nodes."""
        size = max(len(self._ids), len(self._radii))
        if now - self._began > limits.SURVEY_S or size > limits.SURVEY_NODES_MAX:
            self._began = now
            self.forget()


def _subtree(long_id: int, depth: int) -> tuple[int, int]:
    """Return the lowest and the highest id that share so many bits with this one."""
    low = long_id >> (ID_BITS - depth) << (ID_BITS - depth)
    return low, low + (1 << (ID_BITS - depth)) - 1


def _nearer(long_id: int, radius: int) -> Iterator[tuple[int, int]]:
    """Yield subtrees of the ids whose distance to this one is below `radius`, the largest first: nearly all of them.

    Each bit that is set in the radius stands for one: the distances with the same bits before, and without this one.
    """
    length = radius.bit_length()
    for bit in range(length - 1, max(length - RADIUS_BITS, 0) - 1, -1):
        if radius >> bit & 1:
            yield _subtree(long_id ^ (radius >> bit ^ 1) << bit, ID_BITS - bit)


def _last_of(long_id: int, radius: int) -> tuple[int, int]:
    """Return the subtree with the ids nearer than `radius` that `_nearer` leaves out, and with some farther ones."""
    bit = max(radius.bit_length() - RADIUS_BITS, 0)
    return _subtree(long_id ^ (radius >> bit << bit) % (1 << ID_BITS), ID_BITS - bit)
