"""Whom of several nodes to ask first: the quick ones, unless a slower one brings the lookup so much nearer.

Round trips are learnt from traffic (the paper's footnote on alpha; R16): every answer and every probe measures one. A
node's price is the time that its answer will take, plus what is still to go from there: bits of distance down to where
the k closest nodes live, at the time that lookups take for a bit. Who is not measured is taken for usual. Nobody
is evicted for being slow, and all of the k closest are asked in the end: only the order changes.
"""

from __future__ import annotations

from math import log2

from kademlia.engine.records import Records
from kademlia.node import Node
from kademlia.routing import RoutingTable

#: Bits that the best of k random contacts brings beyond those of b: log2 k + 1.33 (Stutzbach and Rejaie, 2006).
BITS_BEYOND_LOG2_K = 1.33

#: What a hop takes, as a share of the usual round trip: of alpha quick nodes the quickest answers first.
HOP_SHARE = 1.0

#: Each round trip changes the usual one by this share of the difference.
USUAL_GAIN = 1 / 32

#: The usual round trip before any is measured, in milliseconds.
USUAL_START_MS = 100.0


class Proximity:
    """What one node knows of how near others are, in time."""

    def __init__(self, router: RoutingTable, records: Records) -> None:
        self.usual_ms = USUAL_START_MS
        self._router = router
        self._records = records
        self._as_of = -1
        self._radius_bits = 0

    def measured(self, trip_s: float) -> None:
        """Take a round trip, in seconds, into the usual one."""
        self.usual_ms += (trip_s * 1000 - self.usual_ms) * USUAL_GAIN

    def price(self, distance: int, node: Node) -> float:
        """Return in how many milliseconds a lookup will be at its end if it goes on by a node at this distance."""
        if self._as_of != self._router.changes.count:
            self._as_of = self._router.changes.count
            self._radius_bits = self._bits_of_radius()
        record = self._records.known(node.address)
        trip_ms = (record.trip_ms if record is not None else 0) or self.usual_ms
        bits_to_go = distance.bit_length() - self._radius_bits
        if bits_to_go <= 0:
            return trip_ms
        bits_a_hop = log2(self._router.ksize) + BITS_BEYOND_LOG2_K + self._router.b - 1
        return trip_ms + max(bits_to_go / bits_a_hop, 1.0) * HOP_SHARE * self.usual_ms

    def _bits_of_radius(self) -> int:
        """Return how many bits the distance of the k-th closest node to any id has: as many as that to us."""
        own = self._router.node
        nearest = self._router.closest(own, self._router.ksize)
        return (nearest[-1].long_id ^ own.long_id).bit_length() if nearest else 0
