"""Who lives in a world: what no node can know, against which their answers are judged."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from kademlia.node import Node
from kademlia.tree import ID_BITS, shared_bits


class Census:
    """All living nodes, in the order of their ids."""

    def __init__(self) -> None:
        self._nodes: dict[int, Node] = {}
        self._ids: list[int] = []
        self._in_order = True

    def add(self, node: Node) -> None:
        """Take note of a birth."""
        if node.long_id not in self._nodes:
            self._ids.append(node.long_id)
            self._in_order = False
        self._nodes[node.long_id] = node

    def remove(self, node: Node) -> None:
        """Take note of a death."""
        if self._nodes.pop(node.long_id, None) is not None:
            del self._ids[bisect_left(self._sorted(), node.long_id)]

    def closest(self, long_id: int, count: int) -> list[Node]:
        """Return the living nodes closest to an id, nearest first."""
        ids = self._sorted()
        place = bisect_left(ids, long_id)
        neighbours = ids[max(place - 1, 0) : place + 1]
        inside = ids
        for depth in range(max((shared_bits(long_id, other) for other in neighbours), default=0), 0, -1):
            low = long_id >> (ID_BITS - depth) << (ID_BITS - depth)
            first, last = bisect_left(ids, low), bisect_right(ids, low + (1 << (ID_BITS - depth)) - 1)
            if last - first >= count:  # all of a subtree around an id are nearer than anybody outside
                inside = ids[first:last]
                break
        return [self._nodes[distance ^ long_id] for distance in sorted([other ^ long_id for other in inside])[:count]]

    def __len__(self) -> int:
        return len(self._nodes)

    def _sorted(self) -> list[int]:
        if not self._in_order:
            self._ids.sort()  # nearly in order already: one walk
            self._in_order = True
        return self._ids
