"""What an asker is told about a target, remembered bucket by bucket: the quick way to the answer of `find_node`.

All targets in the range of one bucket have nearly the same answer. A full bucket is the k closest of every id in its
range, so its encoded contacts are the answer (on the wire it is a set). Where the bucket has fewer, those of its
sibling subtrees are added outwards while all of them fit; only the last one's have to be put in order for each
target: 40 us become 1 to 4. Nothing is remembered of requests, and all of it is forgotten when a contact comes, goes,
fails or recovers.
"""

from __future__ import annotations

from bisect import bisect_right

from kademlia.engine.records import Record
from kademlia.node import ID_BYTES
from kademlia.routing import KBucket, RoutingTable
from kademlia.wire import rpcudp

#: Where more contacts than this many times k would have to be put in order, the table's own walk is quicker.
BOUNDARY_FACTOR = 4


class Circle:
    """The answers for one bucket's range: `certain` contacts, and the `wanting` nearest of the `others`."""

    __slots__ = ("buckets", "certain", "others", "wanting")

    def __init__(self, buckets: list[KBucket], certain: bytes, wanting: int, others: dict[int, bytes]) -> None:
        self.buckets = buckets  # all that it was drawn from
        self.certain = certain  # encoded, behind the head of the whole answer
        self.wanting = wanting
        self.others = others  # encoded, by their ids


class Telling:
    """The circles of one table."""

    def __init__(self, router: RoutingTable, failing: set[bytes]) -> None:
        self._router = router
        self._failing = failing
        self._as_of = -1
        self._starts: list[bytes] = []
        self._circles: list[Circle | None] = []
        self._asked: list[bool] = []

    def about(self, key: bytes, record: Record) -> bytes | None:
        """Return the encoded contacts to tell an asker, or None if that takes a closer look.

        It does where the asker or the target may be among them: nobody is told of itself.
        """
        if self._router.changes.count != self._as_of:
            self._forget()
        index = bisect_right(self._starts, key) - 1
        circle = self._circles[index] or self._draw(index)
        if circle is None or record.bucket in circle.buckets or key in circle.buckets[0].nodes:
            return None
        if not circle.wanting:
            return circle.certain
        target = int.from_bytes(key, "big")
        others = circle.others
        nearest = sorted([long_id ^ target for long_id in others])[: circle.wanting]
        return circle.certain + b"".join([others[distance ^ target] for distance in nearest])

    def _forget(self) -> None:
        buckets = self._router.buckets if self._router.is_tree else []
        self._as_of = self._router.changes.count
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
        certain: list[bytes] = []
        others: dict[int, bytes] = {}
        for ring in self._router.rings(self._router.buckets[index]):
            told = [node for bucket in ring for node in bucket.nodes.values() if node.id not in self._failing]
            buckets += ring
            if len(certain) + len(told) > ksize:
                if len(told) > BOUNDARY_FACTOR * ksize:
                    return None
                others = {node.long_id: rpcudp.contact(node) for node in told}
                break
            certain += map(rpcudp.contact, told)
            if len(certain) == ksize:
                break
        wanting = min(ksize - len(certain), len(others))
        body = rpcudp.array_head(len(certain) + wanting) + b"".join(certain)
        circle = self._circles[index] = Circle(buckets, body, wanting, others)
        return circle
