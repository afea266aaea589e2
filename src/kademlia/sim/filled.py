"""Networks whose tables are full before the clock is read: for sizes at which joining would take too long.

Every bucket of every node exists: the leanest tree of buckets that splitting makes (R24, R25, R32), as in the published
models, with all nodes of a range where they fit, else k of them, drawn at random. (Tables that grew one contact at a
time keep some splits from when they were small: at b=1 a third more contacts, at b=5 5 % more.) Who is a contact
counts as met, some minutes ago: its address has proved itself, its round-trip time is not known. Replacement caches
and stores are empty.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from random import Random
from typing import TYPE_CHECKING

from kademlia.bucket import KBucket
from kademlia.engine.limits import PROBE_SILENCE_MAX_S, REFRESH_S
from kademlia.engine.records import Record
from kademlia.node import Address, Node
from kademlia.routing import NEIGHBOURHOOD_FACTOR
from kademlia.sim import collector
from kademlia.tree import ID_BITS

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol
    from kademlia.sim.resident import Resident

#: A contact was last heard up to so many seconds ago.
RECENTLY_S = 600


def fill(residents: Iterable[Resident], chance: Random) -> None:
    """Fill the tables of some nodes, which are all there are; they have one k and one b.

    Args:
        residents: Nodes that know nobody yet.
        chance: Which contacts they have follows from it.
    """
    ordered = sorted(residents, key=lambda resident: resident.protocol.source_node.long_id)
    if len(ordered) > 1:
        with collector.never():
            _Filling(ordered, chance).run()


class _Leaf:
    """One range of ids that is a bucket in the tables of all nodes outside of it: its nodes lie side by side."""

    __slots__ = ("end", "members", "range", "start")

    def __init__(self, low: int, depth: int, start: int, end: int) -> None:
        self.range = (low, low + (1 << (ID_BITS - depth)) - 1)
        self.start = start
        self.end = end
        self.members: dict[bytes, Node] | None = None  # of a range that fits into a bucket, made once


class _Filling:
    """The walk down the tree of all ids; each node takes a bucket from every subtree that the walk leaves aside."""

    def __init__(self, residents: list[Resident], chance: Random) -> None:
        self._residents = residents
        self._nodes = [resident.protocol.source_node for resident in residents]
        self._ids = [node.id for node in self._nodes]
        self._long_ids = [node.long_id for node in self._nodes]
        self._chance = chance
        router = residents[0].protocol.router
        self._ksize = router.ksize
        self._b = router.b
        self._at: dict[Address, Node] = {node.address: node for node in self._nodes}

    def run(self) -> None:
        self._descend(0, 0, 0, len(self._nodes), [], [])

    def _descend(self, low: int, depth: int, start: int, end: int, before: list[_Leaf], behind: list[_Leaf]) -> None:
        """Go down one subtree of ids; `before` and `behind` are the buckets of the rest, in order, for all in it."""
        if start == end:
            return
        if end - start <= self._ksize + 1:  # the own bucket, which was never full: all but the own node
            own = _Leaf(low, depth, start, end)
            own.members = self._all(start, end)
            for place in range(start, end):
                self._furnish(place, [*before, own, *behind])
            return
        middle_id, middle = self._middle(low, depth, start, end)
        small = end - start - 1 < self._ksize * NEIGHBOURHOOD_FACTOR
        left = self._leaves(low, depth + 1, start, middle, small and end - middle <= self._ksize)
        right = self._leaves(middle_id, depth + 1, middle, end, small and middle - start <= self._ksize)
        self._descend(low, depth + 1, start, middle, before, right + behind)
        self._descend(middle_id, depth + 1, middle, end, before + left, behind)

    def _leaves(self, low: int, depth: int, start: int, end: int, near: bool) -> list[_Leaf]:
        """Return the buckets of a subtree in the tables of its sibling's nodes.

        Args:
            low: The subtree's lowest id.
            depth: How many bits its ids share.
            start: The place of its first node.
            end: The place behind its last.
            near: Whether it belongs to the neighbourhood of these nodes, in which all contacts are kept (R25).
        """
        if end - start <= self._ksize or not (near or depth % self._b):
            return [_Leaf(low, depth, start, end)]
        middle_id, middle = self._middle(low, depth, start, end)
        lower = self._leaves(low, depth + 1, start, middle, near)
        return lower + self._leaves(middle_id, depth + 1, middle, end, near)

    def _middle(self, low: int, depth: int, start: int, end: int) -> tuple[int, int]:
        """Return the lowest id of a subtree's upper half, and the place of the first node in it."""
        middle_id = low + (1 << (ID_BITS - depth - 1))
        return middle_id, bisect_left(self._long_ids, middle_id, start, end)

    def _furnish(self, place: int, leaves: list[_Leaf]) -> None:
        """Give a node its buckets, one from each range."""
        protocol = self._residents[place].protocol
        router = protocol.router
        now, random = protocol.now, self._chance.random
        buckets = []
        for leaf in leaves:
            bucket = KBucket(*leaf.range, router.ksize, clock=router.clock)
            bucket.nodes = self._members(leaf, random)
            bucket.nodes.pop(protocol.source_node.id, None)
            bucket.last_updated = now - random() * REFRESH_S
            buckets.append(bucket)
        router.plant(buckets)
        protocol.probing.silence_s = PROBE_SILENCE_MAX_S  # as in a network that stands for long
        protocol.records.make = _acquaintances(protocol, self._at)

    def _members(self, leaf: _Leaf, random: Callable[[], float]) -> dict[bytes, Node]:
        """Return all nodes of a range, or k of them."""
        start, count = leaf.start, leaf.end - leaf.start
        if leaf.members is None and count <= self._ksize:
            leaf.members = self._all(start, leaf.end)
        if leaf.members is not None:
            return leaf.members.copy()
        ids, nodes = self._ids, self._nodes
        members: dict[bytes, Node] = {}
        while len(members) < self._ksize:
            chosen = start + int(random() * count)
            members[ids[chosen]] = nodes[chosen]
        return members

    def _all(self, start: int, end: int) -> dict[bytes, Node]:
        return dict(zip(self._ids[start:end], self._nodes[start:end], strict=True))


def _acquaintances(protocol: KademliaProtocol, at: dict[Address, Node]) -> Callable[[Address], Record]:
    """Return what makes a node's records: a contact's is made when it is first needed, as if it had always been there.

    With all of them at once 100,000 nodes would take 7 GB more.
    """
    router = protocol.router
    met_at = protocol.now

    def record_of(address: Address) -> Record:
        record = Record(address)
        node = at.get(address)
        if node is not None:
            bucket = router.bucket_of(node.long_id)
            if bucket.nodes.get(node.id) is node:
                record.node, record.bucket = node, bucket
                record.proved_at = record.heard_at = met_at - node.long_id % RECENTLY_S
        return record

    return record_of
