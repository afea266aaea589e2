"""What an asker is told about a target, remembered bucket by bucket: the quick way to the answer of `find_node`.

All targets in the range of one bucket have nearly the same answer. A full bucket is the k closest of every id in its
range, so its encoded contacts are the answer (on the wire it is a set). Where the bucket has fewer, those of its
sibling subtrees are added outwards while all of them fit; only the last one's have to be put in order for each
target: 40 us become 1 to 4. Nothing is remembered of requests, and all of it is forgotten when a contact comes, goes,
fails or recovers.
"""

from __future__ import annotations

from bisect import bisect_right

from kademlia.bucket import KBucket
from kademlia.engine.records import Record
from kademlia.node import ID_BYTES, Address, Node
from kademlia.routing import RoutingTable
from kademlia.wire import rpcudp

#: Where more contacts than this many times k would have to be put in order, the table's own walk is quicker.
BOUNDARY_FACTOR = 4

#: Bits by which ids are put in order: the most that Python compares in one step.
SORTED_BITS = 30
_MASK = (1 << SORTED_BITS) - 1


class Circle:
    """The answers for one bucket's range: `certain` contacts, and the `wanting` nearest of the `others`.

    `rings` are the contacts from which they come, the nearest ring first, and two more than k if there are so many: as
    many as an asker and a target may be among them.
    """

    __slots__ = ("buckets", "certain", "ksize", "nodes", "others", "rings", "shift", "wanting")

    def __init__(self, buckets: list[KBucket], rings: list[list[Node]], ksize: int) -> None:
        self.buckets = buckets  # whose contacts may be in the answer
        self.nodes = buckets[0].nodes  # of the bucket itself
        self.rings = rings
        self.ksize = ksize
        certain: list[Node] = []
        others: list[Node] = []
        for ring in rings:
            if len(certain) + len(ring) > ksize:
                others = ring if len(certain) < ksize else []
                break
            certain += ring
        self.wanting = min(ksize - len(certain), len(others))
        head = rpcudp.array_head(len(certain) + self.wanting)
        self.certain = head + b"".join(map(rpcudp.contact, certain))
        self.shift = _bits_below(others)
        self.others = {node.long_id >> self.shift & _MASK: rpcudp.contact(node) for node in others}
        if len(self.others) < len(others):  # somebody chose ids that are alike: they are looked at in full
            self.shift, self.others = 0, {node.long_id: rpcudp.contact(node) for node in others}

    def told(self, key: bytes) -> bytes:
        """Return the encoded answer for a target; where none is wanting it is `certain`."""
        others = self.others
        target = int.from_bytes(key, "big") >> self.shift
        if self.shift:
            target &= _MASK
        nearest = sorted([bits ^ target for bits in others])[: self.wanting]
        return self.certain + b"".join([others[distance ^ target] for distance in nearest])

    def told_without(self, key: bytes, address: Address) -> bytes:
        """Return the encoded answer for a target and an asker that may be contacts themselves."""
        told: list[Node] = []
        for ring in self.rings:
            fit = [node for node in ring if node.address != address and node.id != key]
            missing = self.ksize - len(told)
            if len(fit) > missing:
                target = int.from_bytes(key, "big")
                fit.sort(key=lambda node: node.long_id ^ target)
            told += fit[:missing]
            if len(told) == self.ksize:
                break
        return rpcudp.contacts_body(told)


def _bits_below(nodes: list[Node]) -> int:
    """Return how many low bits can be left out of ids, so that the 30 above still tell them all apart.

    Python compares numbers of 30 bits twice as fast as those of 160. What the ids have in common does not matter to
    their order, and 30 random bits behind it suffice.
    """
    differing = 0
    for node in nodes:
        differing |= node.long_id ^ nodes[0].long_id
    return max(differing.bit_length() - SORTED_BITS, 0)


class Telling:
    """The circles of one table."""

    def __init__(self, router: RoutingTable, failing: set[bytes]) -> None:
        self._router = router
        self._changes = router.changes
        self._failing = failing
        self._as_of = -1
        self._buckets: list[KBucket] = []
        self._starts: list[bytes] = []  # the lowest id of each
        self._circles: list[Circle | None] = []
        self._asked: list[bool] = []

    def about(self, key: bytes, record: Record) -> bytes:
        """Return the encoded contacts to tell an asker about a target: nobody is told of itself."""
        if self._changes.count != self._as_of:
            self._forget()
        index = bisect_right(self._starts, key) - 1
        circle = self._circles[index] or self._draw(index)
        if circle is None:
            ksize = self._router.ksize
            return rpcudp.contacts_body(self._router.closest_of(Node(key), ksize, record.address, self._failing))
        node = record.node
        if node is None or key in circle.nodes:
            return circle.told_without(key, record.address)
        for bucket in circle.buckets:
            if node.id in bucket.nodes:
                return circle.told_without(key, record.address)
        return circle.told(key) if circle.wanting else circle.certain

    def _forget(self) -> None:
        buckets = self._router.buckets if self._router.is_tree else []
        self._as_of = self._changes.count
        if buckets is not self._buckets or len(buckets) != len(self._starts):  # else none of them was split
            self._buckets = buckets
            self._starts = [bucket.range[0].to_bytes(ID_BYTES, "big") for bucket in buckets]
        self._circles = [None] * (len(buckets) or 1)
        self._asked = [False] * (len(buckets) or 1)

    def _draw(self, index: int) -> Circle | None:
        """Draw the circle around a bucket when it is asked for the second time: while a table fills, few are."""
        if not self._asked[index] or not self._router.is_tree:
            self._asked[index] = True
            return None
        ksize = self._router.ksize
        buckets: list[KBucket] = []
        rings: list[list[Node]] = []
        count = 0
        for ring in self._router.rings(self._router.buckets[index]):
            told = [node for bucket in ring for node in bucket.nodes.values() if node.id not in self._failing]
            if len(told) > BOUNDARY_FACTOR * ksize:
                return None
            if count < ksize:
                buckets += ring
            rings.append(told)
            count += len(told)
            if count >= ksize + 2:
                break
        circle = self._circles[index] = Circle(buckets, rings, ksize)
        return circle
